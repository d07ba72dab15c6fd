/* The desk of `viaduct check`: keeps what a walk tells (stages, exchanges, what was found by looking
 * around), finds the exchange that decides, and shows it. */
#ifndef CLI_CHECK_DESK_H
#define CLI_CHECK_DESK_H

#include "check/check.h"
#include "diagnose/diagnose.h"
#include "render/render.h"

enum {
	DESK_MAX_EXCHANGES = 64,
	DESK_MAX_STAGES = 16,
	DESK_MAX_LOOKS = 8,
	DESK_MAX_SAMPLES = 128, /* a download is looked at for a minute, twice a second */
};

struct desk_stage {
	enum check_step step;
	enum check_result result;
	nanos took;
	char *seen;
	struct check_tcp tcp;
};

struct desk_look { /* a differential that ran (cli/check_around.h) */
	const char *name; /* constant */
	nanos took;
	char *seen;
};

struct desk {
	/* how it is told; the owner's to fill in */
	struct render_style style;
	bool silent;  /* nothing is printed as it passes */
	bool live;    /* what is under way stands on the terminal */
	bool verbose; /* desk_show: the heads, the certificates and the connection, too */
	bool json;    /* desk_show: the record */
	bool thorough; /* keeps samples, as when it is verbose */
	void (*reached)(void); /* the proxy was: from here on there is something to judge; or NULL */

	struct desk_stage stage[DESK_MAX_STAGES];
	size_t stages;
	struct desk_look look[DESK_MAX_LOOKS];
	size_t looks;
	struct exchange *exchange[DESK_MAX_EXCHANGES];
	size_t exchanges;
	struct check_tcp sample[DESK_MAX_SAMPLES]; /* of a download; where it is verbose or thorough */
	size_t samples;
};

/* For check_walk: the desk hears all of it, and owns the exchanges until desk_done. */
struct check_owner desk_owner(struct desk *d);
void desk_done(struct desk *d);

/* A differential begins; it is over, and this was seen. */
void desk_look_begins(const struct desk *d, const char *name);
void desk_look_still(void *desk, nanos so_far); /* it takes so long already */
void desk_look_ends(struct desk *d, const char *name, nanos took, const char *seen);

/* The exchange that decides, and its verdict: the first that failed, else the worst, or else the last.
 * NULL: none was seen. */
struct exchange *desk_decisive(const struct desk *d, struct finding *ret_finding);

/* The target's certificates: trace_way's links, leaf first. NULL: none were seen. */
const struct trace_way *desk_chain(const struct desk *d);

/* One line of NDJSON, but for its end ("}" and the line feed), so that members can follow: the
 * exchange's record, with the stages and what else the desk has. found NULL: nothing was judged. */
void desk_begin_record(struct buffer *out, const struct desk *d, const struct exchange *x,
		       const struct diagnosis *found);

/* Prints the diagnosis: the card, or the record. The exit status. */
int desk_show(const struct desk *d);

#endif
