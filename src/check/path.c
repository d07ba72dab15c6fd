/* Who is there: the same request at each of the proxy's addresses. Whose the answer is, its page
 * and its certificates, the walk itself has seen. */
#include "check/around.h"
#include "check/repeat.h"

#include <errno.h>
#include <stdio.h>

/* How far the walk got that knew this address alone. */
static void look_at(struct trace_door *d, const struct exchange *x)
{
	if (!mark_is(&x->syn_ack)) {
		d->reach = x->probe && x->probe->no_route ? TRACE_UNREACHABLE
			   : x->closed && x->by_reset     ? TRACE_REFUSED
							  : TRACE_UNANSWERED;
		return;
	}
	d->reach = TRACE_CONNECTED;
	d->took = x->syn_ack.at - x->syn.at;
	d->status = x->response.status;
}

/* The last word on it counts: behind a 407 comes what was said to the credentials. */
static int try_door(const struct check_options *options, struct trace_door *d, struct error *err)
{
	struct check_addresses one = { .address = { d->at }, .count = 1 };
	struct check_options o = repeat_options(options);
	struct repeat r = { .still = NULL };
	o.altered.proxy = &one;
	o.head = true;
	int code = repeat_walk(&o, &r, err);
	if (code < 0)
		return code;
	d->reach = TRACE_UNANSWERED;
	for (size_t i = 0; i < r.count; i++) {
		const struct exchange *x = r.exchange[i];
		struct trace_door seen = *d;
		look_at(&seen, x);
		bool reused = x->reused && d->reach == TRACE_CONNECTED;
		if (reused)
			d->status = x->response.status;
		else if (!trace_is_inside(x))
			*d = seen;
	}
	repeat_done(&r);
	return 0;
}

static void say(struct check_around *a, const struct trace_way *way)
{
	size_t fine = 0;
	for (size_t i = 0; i < way->doors; i++)
		fine += way->door[i].reach == TRACE_CONNECTED && way->door[i].status > 0;
	snprintf(a->seen, sizeof a->seen, "%zu of the proxy's %zu addresses answer%s", fine,
		 way->doors, way->doors == 1 ? "s" : "");
}

int check_path(struct check_around *a, struct error *err)
{
	struct check_options o = *a->options;
	struct check_addresses all;
	struct trace_way *way = a->x->probe->way;
	int code = 0;
	if (!way)
		way = arena_alloc(a->x->arena, sizeof *way);
	if (!way)
		return err_set(err, -ENOMEM, "out of memory");
	a->x->probe->way = way;
	if (a->broke && a->where <= CHECK_AUTH)
		o.user = NULL; /* no attempt is to be made for this */
	if (!check_resolve(o.proxy->host, o.proxy->port, o.patience, &all)) {
		snprintf(a->seen, sizeof a->seen, "not measured: %s", all.fault);
		return 0;
	}
	for (size_t i = 0; i < all.count && i < TRACE_MOST_DOORS && code >= 0; i++) {
		way->door[way->doors++].at = all.address[i];
		code = try_door(&o, &way->door[i], err);
	}
	say(a, way);
	return code;
}
