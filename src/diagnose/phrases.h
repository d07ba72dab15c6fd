/* Private to `diagnose`: facts in words, for explain.c. */
#ifndef DIAGNOSE_PHRASES_H
#define DIAGNOSE_PHRASES_H

#include "diagnose/rules.h"
#include "diagnose/words_table.h"

enum { PHRASE_BLOCK = 8192, /* bytes that one diagnosis may take */
       PHRASE_SLACK = 32 }; /* and behind them a number, before it is seen that it does not fit */

struct telling {
	const struct exchange *x;
	const struct finding *f;
	uint64_t figure; /* of the cited mark that is being told */
	struct buffer out;
	uint8_t block[PHRASE_BLOCK + PHRASE_SLACK];
};

static inline void phrase_put_byte(struct telling *t, uint8_t byte)
{
	if (t->out.len == PHRASE_BLOCK || t->out.failed)
		t->out.failed = true;
	else
		t->block[t->out.len++] = byte;
}

void phrase_put(struct telling *t, const char *text);
void phrase_put_number(struct telling *t, uint64_t n);
void phrase_put_span(struct telling *t, nanos span);
void phrase_put_foreign_or(struct telling *t, struct slice s, const char *instead);
uint32_t phrase_failing_size(const struct telling *t);
void phrase_tell(struct telling *t, const char *text);

#endif
