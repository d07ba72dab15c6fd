/* A tunnel that is held open and quiet, until somebody ends it, and then tried once more: what
 * dropped the state without a word shows only when something is said. */
#include "check/around.h"
#include "check/repeat.h"
#include "check/walk.h"

#include <errno.h>
#include <stdio.h>

static const nanos TICK = NANOS_PER_SECOND;

static bool stopped(const struct walk *w)
{
	return w->options->stop && *w->options->stop;
}

static bool closed(const struct walk *w, struct trace_idle *i)
{
	bool reset;
	if (!wire_closed(way_now(w), &reset))
		return false;
	i->how = reset ? IDLE_RST : IDLE_FIN;
	return true;
}

/* From the last byte of either side on: a server's session tickets come after the handshake. */
static void keep_quiet(struct walk *w, struct trace_idle *i)
{
	const struct wire *wire = way_now(w);
	nanos begun = wire_active(wire), told = begun;
	do {
		i->begun = begun;
		nanos until = told + TICK < begun + i->most ? told + TICK : begun + i->most;
		talk_pump(w, until);
		i->ended = check_now();
		i->quiet = i->ended - begun;
		if (closed(w, i))
			return;
		begun = wire_active(wire);
		i->quiet = check_now() - begun;
		if (check_now() - told >= TICK && w->owner->still) {
			told = check_now();
			w->owner->still(w->owner->context, i->quiet);
		}
	} while (i->quiet < i->most && !stopped(w));
	i->how = i->quiet < i->most ? IDLE_INTERRUPTED : IDLE_HELD;
}

static bool say_something(struct walk *w)
{
	char request[CHECK_MAX_HOST + 120];
	const char *host = w->options->target.host;
	size_t sent = 0, len;
	bool colons = strchr(host, ':') != NULL;
	len = (size_t)snprintf(request, sizeof request,
			       "HEAD / HTTP/1.1\r\nHost: %s%s%s\r\nConnection: close\r\n\r\n",
			       colons ? "[" : "", host, colons ? "]" : "");
	return w->libs->curl.curl_easy_send(w->easy, request, len, &sent) == CURLE_OK &&
	       sent == len;
}

static enum trace_idle_test test(struct walk *w)
{
	const struct wire *wire = way_now(w);
	nanos said = check_now(), until = said + w->options->patience;
	bool reset;
	if (!say_something(w))
		return IDLE_NOT_TESTED;
	do {
		talk_pump(w, until);
		if (wire_heard(wire) > said)
			return IDLE_ANSWERED;
		if (wire_closed(wire, &reset))
			return reset ? IDLE_TEST_RST : IDLE_TEST_FIN;
	} while (check_now() < until && !stopped(w));
	return wire_unacknowledged(wire) ? IDLE_UNANSWERED : IDLE_ACKNOWLEDGED;
}

/* What came of it, into a->seen. */
static void say(char *seen, size_t size, const struct trace_idle *i)
{
	static const char *const ends[] = { [IDLE_HELD] = "held",
					    [IDLE_INTERRUPTED] = "still open, interrupted",
					    [IDLE_FIN] = "the proxy's side closed it",
					    [IDLE_RST] = "the proxy's side reset it" };
	static const char *const tests[] = {
		[IDLE_NOT_TESTED] = "",
		[IDLE_ANSWERED] = "; what was then said in it was answered",
		[IDLE_ACKNOWLEDGED] = "; what was then said in it was acknowledged, not answered",
		[IDLE_UNANSWERED] = "; what was then said in it was not even acknowledged",
		[IDLE_TEST_RST] = "; what was then said in it was answered by a reset",
		[IDLE_TEST_FIN] = "; when something was said in it the proxy's side closed it",
	};
	snprintf(seen, size, "%s after %.1f s of quiet%s", ends[i->how],
		 (double)i->quiet / (double)NANOS_PER_SECOND, tests[i->test]);
}

void idle_hold(struct walk *w)
{
	struct exchange *x = way_exchange(w);
	struct trace_idle *i = x && trace_open_probe(x) ? arena_alloc(x->arena, sizeof *i) : NULL;
	if (!i) {
		err_set(w->err, -ENOMEM, "out of memory");
		return;
	}
	i->most = w->options->altered.idle;
	x->probe->idle = i;
	stage_shaken(w);
	keep_quiet(w, i);
	if (i->how == IDLE_HELD)
		i->test = test(w);
}

/* ---- the differential ------------------------------------------------------------------------ */

int check_idle(struct check_around *a, struct error *err)
{
	struct check_options o = repeat_options(a->options);
	struct trace_idle *kept = arena_alloc(a->x->arena, sizeof *kept);
	struct repeat r = { .still = a->still, .context = a->context };
	if (!kept)
		return err_set(err, -ENOMEM, "out of memory");
	if (a->broke) {
		snprintf(a->seen, sizeof a->seen, "not measured: there is no tunnel to hold");
		return 0;
	}
	o.altered.idle = o.hold;
	int code = repeat_walk(&o, &r, err);
	if (code < 0)
		return code;
	const struct exchange *tunnel = repeat_connect(r.exchange, r.count);
	if (tunnel && tunnel->probe && tunnel->probe->idle) {
		*kept = *tunnel->probe->idle;
		kept->said_goodbye = tunnel->tls->close_notify[PROXY];
		a->x->probe->idle = kept;
		say(a->seen, sizeof a->seen, kept);
	} else {
		snprintf(a->seen, sizeof a->seen, "not measured: no tunnel was to be had (%u)",
			 tunnel ? tunnel->response.status : 0);
	}
	repeat_done(&r);
	return 0;
}
