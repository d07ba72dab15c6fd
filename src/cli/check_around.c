/* The walk, and the looking around that follows it. */
#include "cli/check_around.h"

#include "check/connect.h"

#include <string.h>

/* ---- which applies --------------------------------------------------------------------------- */

/* Silence where an answer should be, or a reset upon something large. Not where the other side
 * closed in good order, or answered. */
static bool mtu_applies(const struct finding *f, const struct exchange *x)
{
	(void)x;
	switch (f->verdict) {
	case V_PROXY_SILENT:
	case V_REQUEST_LOST:
	case V_TLS_SILENT:
	case V_MTU_BLACK_HOLE:
	case V_LARGE_SEGMENT_RESET:
	case V_TRANSFER_STALLED:
		return true;
	default:
		return false;
	}
}

const struct around AROUND[] = {
	{ "mtu", "does size alone make segments vanish, and which MTU does the path have",
	  mtu_applies, check_mtu },
};
const size_t AROUND_COUNT = sizeof AROUND / sizeof *AROUND;

const struct around *around_find(const char *name)
{
	for (size_t i = 0; i < AROUND_COUNT; i++)
		if (strcmp(AROUND[i].name, name) == 0)
			return &AROUND[i];
	return NULL;
}

/* ---- looking around -------------------------------------------------------------------------- */

static int look(const struct around *r, const struct check_options *options, struct exchange *x,
		struct desk *d, struct error *err)
{
	struct check_around a = { .options = options, .x = x };
	nanos begun = check_now();
	if (!trace_open_probe(x))
		return 0;
	if (d->stages > 0) {
		const struct desk_stage *last = &d->stage[d->stages - 1];
		a.broke = last->result == CHECK_FAILED;
		a.where = last->step;
	}
	desk_look_begins(d, r->name);
	int code = r->look(&a, err);
	if (code >= 0)
		desk_look_ends(d, r->name, check_now() - begun, a.seen);
	return code;
}

int around_walk(const struct check_options *options, const struct around *only, struct desk *d,
		struct error *err)
{
	struct check_owner owner = desk_owner(d);
	int code = check_walk(options, &owner, err);
	for (size_t i = 0; i < AROUND_COUNT && code >= 0; i++) {
		const struct around *r = &AROUND[i];
		struct finding f;
		struct exchange *x = desk_decisive(d, &f);
		if (x && (only ? r == only : r->applies(&f, x)))
			code = look(r, options, x, d, err);
	}
	return code;
}
