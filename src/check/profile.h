/* What a product must reach through the proxy, as a dated list: a profile.
 *
 *     title "What it is about";
 *     date 2026-11-23;
 *     source https://vendor.example/its-list;             # one or more
 *     target https://updates.example/ {                   # asked for, as `viaduct check URL` does
 *         for "what the product wants there";
 *         pinned;                                         # takes no other certificate: no inspection
 *         method HEAD;                                    # GET without it
 *         status 200 401;                                 # the answer must be one of these
 *     }
 *     allow *.cdn.example 443 80 { for "downloads"; }     # can't be asked for, and must be allowed
 *
 * Without `status` any answer of the origin itself below 500 will do: the question is whether the
 * path leads there, not whether there is a page.
 *
 * Pure: the text comes in as an argument. All of a profile lives in the arena it was read with. */
#ifndef CHECK_PROFILE_H
#define CHECK_PROFILE_H

#include "base/grammar.h"
#include "check/choice.h"

enum {
	CHECK_MAX_PROFILE = 1 << 18, /* bytes of its text */
	CHECK_PROFILE_ROOM = 4 << 20, /* an arena that holds any profile of that size */
	CHECK_MAX_TARGETS = 256,
	CHECK_MAX_SOURCES = 16,
	CHECK_MAX_PORTS = 8,
	CHECK_MAX_STATUSES = 8,
};

struct check_goal { /* a target of a profile, or a host that is to be allowed without being asked for */
	const char *url;             /* NULL: `allow` */
	struct check_target target;  /* of the URL */
	const char *host;            /* as it is to be allowed: a name, or *.name */
	uint16_t port[CHECK_MAX_PORTS];
	size_t ports;
	const char *purpose;         /* "" where none is given */
	bool pinned, head;
	uint16_t status[CHECK_MAX_STATUSES];
	size_t statuses;
};

struct check_profile {
	const char *title, *date;    /* date: 2026-11-23 */
	const char *source[CHECK_MAX_SOURCES];
	size_t sources;
	struct check_goal *goal;     /* in the order of the text */
	size_t goals, targets;       /* targets: those with a URL */
};

/* 0; -EINVAL when there were faults, all of them told with their places; -ENOMEM. */
int check_profile_read(struct slice text, struct arena *arena, struct check_profile *ret_profile,
		       const struct grammar_faults *faults);

#endif
