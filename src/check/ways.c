/* Connections to the proxy: the first with its stages, and those that libcurl asks for later. */
#include "base/escape.h"
#include "base/unreachable.h"
#include "check/outer.h"
#include "check/walk.h"
#include "net/socket.h"

#include <errno.h>
#include <stdio.h>

enum { EXCHANGE_LIMIT = 64 << 10 };

/* One that did not get as far as a request. */
static struct exchange *bare(struct walk *w)
{
	const struct check_proxy *p = w->options->proxy;
	char name[CHECK_MAX_HOST + 10];
	bool colons = strchr(p->host, ':') != NULL;
	struct exchange *x = trace_new(TRACE_CHECK, EXCHANGE_LIMIT);
	if (!x || !trace_open_probe(x)) {
		trace_free(x);
		return NULL;
	}
	int len = snprintf(name, sizeof name, colons ? "[%s]" : "%s", p->host);
	if (p->port && len > 0 && (size_t)len < sizeof name)
		snprintf(name + len, sizeof name - (size_t)len, ":%u", p->port);
	x->proxy_name = trace_keep(x, slice_of(name), sizeof name);
	x->first.at = x->last.at = x->observed_until = check_now();
	x->links.proxy_named = x->both_ways = true;
	return x;
}

static const char *keep(struct exchange *x, const char *text)
{
	char shown[CHECK_MAX_TEXT];
	const char *kept =
		arena_string(x->arena, slice_of(escape_into(shown, sizeof shown, slice_of(text))));
	return kept ? kept : "out of memory";
}

static void give(struct walk *w, struct exchange *x)
{
	trace_set_id(x);
	walk_keep(w, x);
}

/* ---- settings, DNS ------------------------------------------------------------------------ */

static bool settle(struct walk *w)
{
	const struct check_proxy *p = w->options->proxy;
	char host[CHECK_MAX_HOST];
	struct exchange *x;
	stage_enter(w, CHECK_SETTINGS);
	if (!p->fault[0]) {
		stage_leave(w, CHECK_PASSED, "%s proxy %s, port %u, %s",
			    p->secure ? "https" : "http",
			    escape_into(host, sizeof host, slice_of(p->host)), p->port, p->said);
		return true;
	}
	stage_leave(w, CHECK_FAILED, "the proxy %s: %s", p->said, p->fault);
	if ((x = bare(w))) {
		x->probe->settings_fault = keep(x, p->fault);
		give(w, x);
	}
	return false;
}

/* A server that does not answer costs each question seconds (resolv.conf(5), timeout); the others'
 * recursion seldom does. */
static const nanos SLOW_NAMES = 2 * NANOS_PER_SECOND;

static bool look_up(struct walk *w)
{
	const struct check_proxy *p = w->options->proxy;
	struct buffer list;
	struct exchange *x;
	if (w->options->altered.proxy) {
		w->addresses = *w->options->altered.proxy;
		return true;
	}
	stage_enter(w, CHECK_DNS);
	if (!check_resolve(p->host, p->port, w->options->patience, &w->addresses)) {
		stage_leave(w, CHECK_FAILED, "%s", w->addresses.fault);
		if ((x = bare(w))) {
			x->probe->unresolved = keep(x, w->addresses.fault);
			x->probe->resolver_failed = w->addresses.failed;
			give(w, x);
		}
		return false;
	}
	buffer_init(&list, 2048);
	for (size_t i = 0; i < w->addresses.count; i++) {
		buffer_add_text(&list, i ? ", " : "");
		address_add_host(&list, &w->addresses.address[i]);
	}
	buffer_add_byte(&list, 0);
	bool slow = check_now() - w->since >= SLOW_NAMES;
	stage_leave(w, slow ? CHECK_ODD : CHECK_PASSED, "%s%s",
		    list.failed ? "" : (const char *)list.at,
		    slow ? "; the resolver takes its time: is the first of this host's DNS servers "
			   "dead?"
			 : "");
	buffer_done(&list);
	return true;
}

/* ---- TCP ---------------------------------------------------------------------------------- */

static void say_attempts(const struct check_attempts *t, struct buffer *out)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->attempt[i].how == REACH_UNTRIED || t->attempt[i].how == REACH_CONNECTED)
			continue;
		buffer_add_text(out, out->len ? "; " : "");
		address_add(out, &t->attempt[i].to);
		const struct check_attempt *a = &t->attempt[i];
		buffer_printf(out, " %s", check_reach_name(a->how));
		if (a->told)
			buffer_printf(out, " (ICMP: %s)",
				      unreachable_name(a->icmp.v6, a->icmp.code));
	}
	buffer_add_byte(out, 0);
}

/* Its address stands for it from here on. */
static void note_attempt(struct exchange *x, const struct check_attempt *a)
{
	x->proxy_name = (struct slice){ 0 };
	wire_note_attempt(x, a);
}

/* A router's word, or a firewall's; of the proxy's host, it may be both. */
static void note_icmp(struct exchange *x, const struct check_attempt *a)
{
	if (!trace_open_icmp(x))
		return;
	x->icmp->count = 1;
	x->icmp->mark.at = a->ended;
	x->icmp->router = a->icmp.router;
	x->icmp->v6 = a->icmp.v6;
	x->icmp->code = a->icmp.code;
	x->icmp->unreachable = true;
	x->icmp->name = unreachable_name(a->icmp.v6, a->icmp.code);
	x->icmp->about = CLIENT;
	trace_add(x, EV_ICMP, PROXY, &x->icmp->mark, 0);
}

/* The kernel writes ICMP to itself, too: of a neighbour that is not there, and where its own
 * firewall says no. */
static bool is_our_word(const struct check_attempt *a)
{
	return !address_same_host(&a->icmp.router, &a->to) && net_is_here(&a->icmp.router);
}

static void note_no_way(struct exchange *x, const struct check_attempt *a)
{
	enum unreachable kind = unreachable_kind(a->icmp.v6, a->icmp.code);
	if (a->told && kind == UNREACHABLE_HOST) {
		x->probe->no_way = NO_WAY_NEIGHBOUR;
		x->probe->no_route = "nobody answers for its address on this host's network";
		return;
	}
	bool forbidden =
		a->told ? kind == UNREACHABLE_FORBIDDEN : a->code == -EACCES || a->code == -EPERM;
	x->probe->no_way = forbidden ? NO_WAY_FORBIDDEN : NO_WAY_ROUTE;
	x->probe->no_route = keep(x, a->told ? unreachable_name(a->icmp.v6, a->icmp.code)
					     : net_error_name(a->code));
}

static void give_attempt(struct walk *w, const struct check_attempt *a)
{
	struct exchange *x = bare(w);
	if (!x)
		return;
	note_attempt(x, a);
	x->last.at = x->observed_until = a->ended;
	if (a->how == REACH_REFUSED) {
		x->path[PROXY].rst.at = x->close.at = a->ended;
		x->path[PROXY].rsts = 1;
		x->closed = x->by_reset = true;
		x->closed_by = PROXY;
		trace_add(x, EV_RST, PROXY, &x->close, 0);
	} else if (a->told && !is_our_word(a)) {
		note_icmp(x, a);
	} else if (a->how == REACH_UNREACHABLE) {
		note_no_way(x, a);
	}
	give(w, x);
}

static bool connect_to_one(struct walk *w)
{
	struct check_attempts attempts;
	struct buffer said, from;
	size_t made;
	stage_enter(w, CHECK_TCP);
	int fd = check_connect(&w->addresses, w->options->altered.mss, w->options->patience,
			       &attempts, &made);
	buffer_init(&said, 4096);
	buffer_init(&from, 200);
	say_attempts(&attempts, &said);
	if (fd >= 0) {
		w->ready = attempts.attempt[made];
		address_add(&from, &w->ready.to);
		buffer_add_byte(&from, 0);
		stage_leave(w, said.len > 1 ? CHECK_ODD : CHECK_PASSED, "connected to %s%s%s",
			    (const char *)from.at, said.len > 1 ? "; " : "", (const char *)said.at);
	} else {
		stage_leave(w, CHECK_FAILED, "%s", (const char *)said.at);
		for (size_t i = 0; i < attempts.count; i++)
			give_attempt(w, &attempts.attempt[i]);
	}
	buffer_done(&said);
	buffer_done(&from);
	return fd >= 0;
}

/* ---- TLS with the proxy ------------------------------------------------------------------- */

static bool shake(struct walk *w, char *text, size_t size, enum trace_outer *ret_how,
		  enum trace_protocol *ret_spoken)
{
	const struct check_options *o = w->options;
	*ret_how = OUTER_NONE;
	w->ready_outer = NULL;
	if (!o->proxy->secure)
		return true;
	*ret_how = outer_shake(w->libs, w->ready.fd, o->proxy->host, o->ca, o->patience,
			       &w->ready_outer, text, size, ret_spoken);
	if (*ret_how == OUTER_DONE)
		return true;
	net_close(w->ready.fd);
	w->ready.fd = -1;
	return false;
}

static bool shake_first(struct walk *w)
{
	char text[200] = "";
	enum trace_outer how;
	enum trace_protocol spoken = PROTO_NONE;
	struct check_attempt made = w->ready;
	struct exchange *x;
	stage_enter(w, CHECK_PROXY);
	if (shake(w, text, sizeof text, &how, &spoken))
		return true;
	stage_leave(w, CHECK_FAILED, "TLS with the proxy itself: %s", text);
	if ((x = bare(w))) {
		note_attempt(x, &made);
		x->probe->outer = how;
		x->probe->outer_text = keep(x, text);
		x->tunnel.answer = spoken;
		x->last.at = x->observed_until = check_now();
		give(w, x);
	}
	return false;
}

bool way_open(struct walk *w)
{
	w->ready.fd = -1;
	if (!settle(w) || !look_up(w) || !connect_to_one(w))
		return false;
	w->libs = check_libs_open(w->err);
	return w->libs && shake_first(w);
}

/* ---- for libcurl -------------------------------------------------------------------------- */

static bool connect_again(struct walk *w)
{
	struct check_attempts attempts;
	size_t made;
	char text[200];
	enum trace_outer how;
	enum trace_protocol spoken;
	if (check_connect(&w->addresses, w->options->altered.mss, w->options->patience, &attempts,
			  &made) < 0) {
		for (size_t i = 0; i < attempts.count; i++)
			give_attempt(w, &attempts.attempt[i]);
		return false;
	}
	w->ready = attempts.attempt[made];
	return shake(w, text, sizeof text, &how, &spoken);
}

int way_take(struct walk *w, struct curl_sockaddr *ret_address)
{
	if (w->wires == WALK_MAX_WIRES || (w->ready.fd < 0 && !connect_again(w)))
		return -1;
	struct wire *wire = wire_new(&(struct wire_options){ .libs = w->libs,
							     .made = w->ready,
							     .outer = w->ready_outer,
							     .keep_heads = w->options->keep_heads,
							     .pace = w->options->altered.pace,
							     .quiet = w->options->altered.idle > 0,
							     .done = walk_keep,
							     .context = w });
	w->ready.fd = -1;
	w->ready_outer = NULL;
	if (!wire)
		return -1;
	w->wire[w->wires++] = wire;
	return wire_take_end(wire, ret_address);
}

struct wire *way_now(const struct walk *w)
{
	return w->wires ? w->wire[w->wires - 1] : NULL;
}

struct exchange *way_exchange(const struct walk *w)
{
	const struct wire *now = way_now(w);
	return now ? wire_now(now) : NULL;
}
