/* The words that rules and catalogue share: what was seen, what may be the cause, who answered. */
#ifndef DIAGNOSE_WORDS_H
#define DIAGNOSE_WORDS_H

enum sight { SAW_NOTHING };
enum cause { CAUSE_NONE };
enum dialect { DIALECT_UNKNOWN };
enum answerer { ANSWERER_UNKNOWN, ANSWERER_PROXY, ANSWERER_PARENT, ANSWERER_INSPECTION,
                ANSWERER_ORIGIN };
enum slow_stage { SLOW_NONE, SLOW_CONNECT, SLOW_WAIT, SLOW_TLS, SLOW_FIRST_BYTE, SLOW_TRANSFER };

#endif
