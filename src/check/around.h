/* Looking around: repeats the walk, or a part of it, under altered conditions, so that a fault can be
 * told from what only looks like it.
 *
 * One differential, one file. It is handed the exchange that decided the plain walk, and writes what
 * came of it into that exchange's probe (trace/exchange.h): facts, from which `diagnose` draws the
 * verdict. What could not be measured it says, and leaves unknown. It blocks until it is over. */
#ifndef CHECK_AROUND_H
#define CHECK_AROUND_H

#include "check/check.h"

struct check_around {
	const struct check_options *options; /* of the plain walk, with nothing altered */
	struct exchange *x;       /* the exchange that decided; its probe is open */
	struct exchange *const *exchange; /* all of the plain walk's, in order */
	size_t exchanges;
	void (*still)(void *context, nanos so_far); /* it takes its time; NULL is fine */
	void *context;
	bool broke;               /* the plain walk failed: */
	enum check_step where;    /* at this stage */
	char seen[2 * CHECK_MAX_TEXT]; /* what came of it, in a sentence; safe to show. It fills that in */
};

/* Negative errno with err as check_walk has it. */
typedef int check_look(struct check_around *a, struct error *err);

check_look check_mtu; /* does size alone make segments vanish, and which (mtu.c) */
check_look check_tls; /* which ClientHello is answered; which certificate is shown in TLS 1.2 (tls.c) */
check_look check_auth; /* what credentials change: none, Digest, Basic (auth.c) */
check_look check_download; /* what cuts a transfer: size, time, scanning, the path (download.c) */
check_look check_idle; /* who ends a quiet tunnel, and when (idle.c) */
check_look check_path; /* who answers, at each of the proxy's addresses (path.c) */

#endif
