/* What `viaduct check --every` remembers of a target: how it fares, how it was when it last worked, and
 * so what has changed since. Bounded, however long it goes on. */
#ifndef CLI_CHECK_MEMORY_H
#define CLI_CHECK_MEMORY_H

#include "cli/check_targets.h"
#include "tls/certificate.h"

enum { MEMORY_STEPS = CHECK_DIRECT + 1, MEMORY_NAME = 300 };

struct glimpse { /* of one check */
	nanos at;                    /* since 1970; NO_TIME: there was none */
	bool reached;
	enum verdict verdict;        /* meaningless where `judged` is not set */
	bool judged;
	struct address proxy;        /* its address; none: it was not reached */
	char issuer[TLS_MAX_NAME];   /* of the certificate; empty: none was seen */
	unsigned status;
	nanos took, stage[MEMORY_STEPS]; /* NO_TIME: it was not passed */
};

struct memory {
	char name[MEMORY_NAME];      /* the URL, without what may be a secret; safe to show */
	struct glimpse now, good;    /* the last one; the last one that was reached */
	nanos usual[MEMORY_STEPS];   /* of those that were reached: a running mean, once there were a few */
	unsigned measured[MEMORY_STEPS];
	nanos failing_since;         /* NO_TIME: it is not */
	uint64_t failed;             /* in a row */
	uint64_t verdict[V_COUNT_];
	uint32_t said;               /* a hash of what was last said to have changed */
};

void memory_begin(struct memory *m, const char *url);

/* Takes a result in. ret_changes: sentences, each ended by a line feed, on what differs from when it
 * last worked, as far as they were not said the time before. Nothing of it is foreign any more. */
void memory_take(struct memory *m, const struct outcome *o, struct buffer *ret_changes);

/* Lines for Prometheus about all of them. */
void memory_metrics(const struct memory *m, size_t count, struct buffer *out);

#endif
