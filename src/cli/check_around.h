/* The differentials: what may be asked for alone (`viaduct check mtu URL`), and what the check does
 * by itself where the plain walk failed in a way that it can explain. One table. */
#ifndef CLI_CHECK_AROUND_H
#define CLI_CHECK_AROUND_H

#include "check/around.h"
#include "cli/check_desk.h"

struct around {
	const char *name; /* the word behind `viaduct check`, and in the record */
	const char *help; /* one line */
	/* Could it explain this failure? f is x's finding. Asked in the order of the table, and with the
	 * exchange judged anew after each that ran. */
	bool (*applies)(const struct finding *f, const struct exchange *x);
	check_look *look;
};

extern const struct around AROUND[];
extern const size_t AROUND_COUNT;

const struct around *around_find(const char *name); /* NULL: there is none of that name */

/* The plain walk, and then `only`, or where that is NULL each that applies. The desk keeps all of it.
 * As check_walk. */
int around_walk(const struct check_options *options, const struct around *only, struct desk *d,
		struct error *err);

#endif
