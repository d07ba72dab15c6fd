/* What `viaduct check` was asked for, and what its files do of it. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "check/profile.h"
#include "cli/check_around.h"
#include "cli/check_targets.h"
#include "render/targets.h"

struct check_wish {
	struct way_wish way;
	const char *ca, *colour, *profile, *request, *report, *listen, *store;
	uint64_t most, wait, hold; /* most 0: as it comes; seconds */
	nanos every;         /* 0: once */
	bool head, direct, resume, json, verbose, help;
	const struct around *only;
};

/* What the wish says of every walk, and how its terminal takes what is shown. */
struct check_options check_options_of(const struct check_wish *w);
struct render_style check_style_of(const struct check_wish *w);

/* Each gives the exit status. */
int run_profile(const struct check_wish *w);                 /* check_profile.c */
int run_every(const struct check_wish *w, const char *url);  /* check_every.c; url NULL: the profile */

/* The profile of that name, or in that file. False after a complaint. All of it is in the arena.
 * ret_name: how it is called. */
bool check_find_profile(const char *name, struct arena *arena, struct check_profile *ret_profile,
			const char **ret_name); /* check_find.c */

/* All that are installed, each lent while the call runs; faulty ones are passed over. */
typedef void check_profile_teller(void *context, const char *name, const struct check_profile *p);
void check_each_profile(check_profile_teller *tell, void *context); /* check_find.c */

/* A target's result as its row is drawn, and as it counts. */
struct render_target check_row_of(const struct outcome *o);             /* check_profile.c */
void check_count(struct render_count *n, const struct render_target *row);

/* The page for a ticket, at wish->report. What the desk holds is changed by that: it keeps what may be
 * given away. False after a complaint. */
bool check_write_report(const struct check_wish *w, const struct check_options *o,
			struct desk *d);                                /* check_report.c */

/* One walk for another subcommand that knows the proxy, with the other options as they come. Shows the
 * stages and the diagnosis, returns the exit status, and wipes the proxy's record. */
int check_with(struct check_proxy *proxy, const char *url, bool json, bool verbose); /* check.c */

/* False after a complaint. */
bool check_read_url(const char *url, struct check_target *ret_target);  /* check.c */

#endif
