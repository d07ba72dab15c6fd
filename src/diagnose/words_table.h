/* The texts behind the words, and the little language they are written in. Private to this room.
 *
 * In a text %x stands for a fact of the exchange (the list is above `expand` in explain.c), so
 * that texts stay data. */
#ifndef DIAGNOSE_WORDS_TABLE_H
#define DIAGNOSE_WORDS_TABLE_H

#include "diagnose/diagnose.h"

struct cause_words {
	const char *text;   /* what it may be, and what speaks for it */
	const char *remedy; /* "on the proxy: do this"; NULL: the verdict's own suffices */
};

struct verdict_words {
	const char *id;
	enum stage stage;
	enum severity severity;
	const char *meaning;   /* what was seen, in one line */
	const char *summary;   /* with figures; NULL: explain.c puts it together */
	const char *explained; /* a paragraph for `explain` */
	enum cause causes[4];  /* the likely ones in general, for `explain` */
	const char *remedy[3]; /* behind those of the causes */
};

struct code_words {
	unsigned status;
	const char *name, *meaning, *remedy;
};

struct dialect_code {
	unsigned status;
	const char
		*error; /* must stand in X-Squid-Error, Proxy-Status, reason or title; NULL: any */
	const char *meaning;
};

/* Where to look for a word: the fields of an answer, by what they are worth. Its own count for more than
 * Via, which may name a proxy further on. */
enum where {
	IN_NOWHERE,
	IN_SQUID_ERROR,
	IN_AGENT,
	IN_SERVER,
	IN_STATUS_FIELD,
	IN_TITLE,
	IN_REASON,
	IN_REALM,
	IN_VIA,
	IN_COUNT_
};

struct dialect_sign {
	enum dialect dialect;
	const char *word; /* of three letters at least */
};

struct dialect_signs {
	const struct dialect_sign *sign;
	size_t count;
};

struct dialect_words {
	const char *id, *name;
	bool proxy; /* it is a proxy by trade: its name in `Server` names the proxy */
	const char *note; /* what is odd about it */
	struct dialect_code codes[16];
};

extern const char *const SIGHT_WORDS[SIGHT_COUNT_];
extern const struct cause_words CAUSE_WORDS[CAUSE_COUNT_];
extern const struct verdict_words VERDICT_WORDS[V_COUNT_];
extern const struct code_words CODE_WORDS[];
extern const size_t CODE_WORDS_COUNT;
extern const struct dialect_words DIALECT_WORDS[DIALECT_COUNT_];
extern const char DIALECTS_DATED[];
extern const struct dialect_signs DIALECT_SIGNS[IN_COUNT_]; /* by field */

const struct code_words *catalogue_code(unsigned status); /* NULL: unknown */
/* What this product means by this status; NULL: not known. */
const char *dialect_meaning(enum dialect d, unsigned status, const struct trace_response *r);

#endif
