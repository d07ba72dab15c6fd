/* Happy Eyeballs (RFC 8305).
 *
 *   net_dial -> both families asked -> the first addresses known (or a wait of 50 ms, where only A
 * was answered) -> attempts, one each 250 ms or as soon as one has failed -> finish
 *
 * Whatever happens, `advance` is called: it decides by the state alone what is to be done now. Who
 * called it ends the dial when it says so. */
#include "net/dial.h"
#include "net/sockaddr.h"
#include "net/watch.h"
#include "net/socket.h"

#include <errno.h>
#include <stdlib.h>

enum { AT_ONCE = 4 };

static const nanos GRACE = 50 * NANOS_PER_MS;  /* RFC 8305 section 3, Resolution Delay */
static const nanos DELAY = 250 * NANOS_PER_MS; /* section 5, Connection Attempt Delay */

/* How telling a failure is: a later one of the same rank takes the place of an earlier one. */
enum rank {
	RANK_NONE,
	RANK_NO_ROUTE,
	RANK_TIMEOUT,
	RANK_FAILED,
	RANK_UNREACHABLE,
	RANK_REFUSED,
	RANK_SHORT
};

struct attempt {
	struct net_watch watch; /* fd -1: none */
	struct net_dial *dial;
	struct address peer;
	unsigned number; /* counted from 1 */
};

struct family {
	struct net_question question;
	bool asked, answered;
	enum net_dns_status status;
	struct address single, *address; /* those allowed; left of them from `next` on */
	size_t count, next;
};

struct net_dial {
	struct net_loop *loop;
	struct net_dns *dns;
	bool (*allow)(void *context, const struct address *a);
	void (*done)(void *context, const struct net_dialed *d);
	void *context;
	struct net_watch *home;
	struct address from; /* none: all zeros */
	uint16_t port;
	bool inside;   /* net_dial is asking */
	bool deferred; /* finished, and `call` will say so */
	struct net_call call;
	struct net_timer deadline;
	struct net_timer step; /* the next attempt, or the end of the grace */
	struct family family[2];
	struct attempt attempt[AT_ONCE];
	enum net_family last; /* tried */
	nanos last_at;
	bool hurry; /* one has failed since: the next need not wait */
	enum rank rank;
	struct net_dialed result; /* as far as it is known */
};

/* ---- the end ------------------------------------------------------------------------------ */

static void close_all(struct net_dial *d)
{
	net_timer_stop(d->loop, &d->deadline);
	net_timer_stop(d->loop, &d->step);
	for (int f = 0; f < 2; f++)
		net_dns_drop(&d->family[f].question);
	for (int i = 0; i < AT_ONCE; i++)
		net_watch_close(d->loop, &d->attempt[i].watch);
}

static void free_dial(struct net_dial *d)
{
	for (int f = 0; f < 2; f++)
		if (d->family[f].address != &d->family[f].single)
			free(d->family[f].address);
	free(d);
}

/* The last of d. */
static void finish(struct net_dial *d)
{
	struct net_dialed result = d->result;
	void (*done)(void *, const struct net_dialed *) = d->done;
	void *context = d->context;
	close_all(d);
	free_dial(d);
	if (done)
		done(context, &result);
}

static void on_call(struct net_call *c)
{
	finish((struct net_dial *)((char *)c - offsetof(struct net_dial, call)));
}

/* One answer out of two. */
static enum net_dns_status worse(enum net_dns_status a, enum net_dns_status b)
{
	if (a == b)
		return a;
	if (a > NET_DNS_NO_ADDRESS || b > NET_DNS_NO_ADDRESS)
		return a > b ? a : b;
	return NET_DNS_NO_ADDRESS; /* the name is there for one of them */
}

/* Nothing was even tried: why? */
static void judge_untried(struct net_dial *d)
{
	const struct family *v4 = &d->family[NET_V4], *v6 = &d->family[NET_V6];
	if (d->rank != RANK_NONE || d->result.status == NET_DIAL_FORBIDDEN)
		return;
	d->result.dns = !v6->asked   ? v4->status
			: !v4->asked ? v6->status
				     : worse(v4->status, v6->status);
}

/* ---- failures ----------------------------------------------------------------------------- */

static enum rank rank_of(int code, const struct address *peer, bool at_once)
{
	switch (-code) {
	case ECONNREFUSED:
		return RANK_REFUSED;
	case EADDRNOTAVAIL: /* no port is left, or no address to come from */
		return address_is_v4(peer) ? RANK_SHORT : RANK_NO_ROUTE;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return at_once ? RANK_NO_ROUTE : RANK_UNREACHABLE;
	case ETIMEDOUT:
		return RANK_TIMEOUT;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case ENOSPC:
	case EAGAIN:
		return RANK_SHORT;
	default:
		return RANK_FAILED;
	}
}

static void note_failure(struct net_dial *d, const struct address *peer, int code, bool at_once)
{
	static const enum net_dial_status status[] = {
		[RANK_NO_ROUTE] = NET_DIAL_UNREACHABLE, [RANK_TIMEOUT] = NET_DIAL_TIMEOUT,
		[RANK_FAILED] = NET_DIAL_FAILED,        [RANK_UNREACHABLE] = NET_DIAL_UNREACHABLE,
		[RANK_REFUSED] = NET_DIAL_REFUSED,      [RANK_SHORT] = NET_DIAL_SHORT,
	};
	enum rank rank = rank_of(code, peer, at_once);
	if (rank < d->rank)
		return;
	d->rank = rank;
	d->result.status = status[rank];
	d->result.code = code;
	d->result.peer = *peer;
}

/* ---- attempts ----------------------------------------------------------------------------- */

static unsigned running(const struct net_dial *d)
{
	unsigned count = 0;
	for (int i = 0; i < AT_ONCE; i++)
		count += d->attempt[i].watch.fd >= 0;
	return count;
}

static bool has_left(const struct family *f)
{
	return f->next < f->count;
}

static bool any_left(const struct net_dial *d)
{
	return has_left(&d->family[NET_V4]) || has_left(&d->family[NET_V6]);
}

/* A place for one more; the oldest of all gives way if there is none. */
static struct attempt *free_attempt(struct net_dial *d)
{
	struct attempt *oldest = &d->attempt[0];
	for (int i = 0; i < AT_ONCE; i++) {
		struct attempt *a = &d->attempt[i];
		if (a->watch.fd < 0)
			return a;
		if (a->number < oldest->number)
			oldest = a;
	}
	note_failure(d, &oldest->peer, -ETIMEDOUT, false);
	net_watch_close(d->loop, &oldest->watch);
	return oldest;
}

static void on_attempt(struct net_watch *w, unsigned what);

static void try_address(struct net_dial *d, const struct address *host)
{
	struct attempt *a = free_attempt(d);
	a->peer = *host;
	a->peer.port = d->port;
	a->dial = d;
	a->number = ++d->result.tried;
	a->watch.ready = on_attempt;
	d->last_at = net_now(d->loop);
	int code = net_watch_connect(d->loop, &a->watch, &a->peer,
				     address_is_none(&d->from) ? NULL : &d->from);
	d->hurry = code < 0;
	if (code >= 0)
		return;
	note_failure(d, &a->peer, code, true);
	if (d->rank == RANK_SHORT) /* nor is there anything left for the others */
		d->family[NET_V4].next = d->family[NET_V6].next = SIZE_MAX;
}

/* The families in turn (RFC 8305 section 4). */
static void try_next(struct net_dial *d)
{
	enum net_family f = d->last == NET_V6 ? NET_V4 : NET_V6;
	if (!has_left(&d->family[f]))
		f = d->last;
	d->last = f;
	try_address(d, &d->family[f].address[d->family[f].next++]);
}

static bool is_awaited(const struct family *f)
{
	return f->asked && !f->answered;
}

/* When the next attempt may begin. */
static nanos next_at(const struct net_dial *d)
{
	if (d->result.tried == 0)
		return is_awaited(&d->family[NET_V6]) ? d->result.resolved_at + GRACE : NO_TIME;
	return d->hurry || running(d) == 0 ? NO_TIME : d->last_at + DELAY;
}

/* True: it is over, and the result is known. */
static bool advance(struct net_dial *d)
{
	while (any_left(d)) {
		nanos at = next_at(d);
		if (at > net_now(d->loop)) {
			net_timer_set_fine(d->loop, &d->step, at);
			return false;
		}
		try_next(d);
	}
	net_timer_stop(d->loop, &d->step);
	if (running(d) > 0 || is_awaited(&d->family[NET_V4]) || is_awaited(&d->family[NET_V6]))
		return false;
	judge_untried(d);
	return true;
}

static void on_attempt(struct net_watch *w, unsigned what)
{
	struct attempt *a = (struct attempt *)w;
	struct net_dial *d = a->dial;
	int code = what & NET_FAILED ? net_connect_result(w->fd) : 0;
	if (code < 0) {
		net_watch_close(d->loop, w);
		note_failure(d, &a->peer, code, false);
		d->hurry = true;
		if (advance(d))
			finish(d);
		return;
	}
	if (!(what & NET_WRITABLE))
		return;
	d->result.status = NET_DIAL_OK;
	d->result.code = 0;
	d->result.ready = what;
	d->result.peer = a->peer;
	d->result.connected_at = net_now(d->loop);
	net_watch_move(d->loop, w, d->home);
	finish(d);
}

static void on_step(struct net_timer *t)
{
	struct net_dial *d = (struct net_dial *)((char *)t - offsetof(struct net_dial, step));
	if (advance(d))
		finish(d);
}

static void on_deadline(struct net_timer *t)
{
	struct net_dial *d = (struct net_dial *)((char *)t - offsetof(struct net_dial, deadline));
	for (int i = 0; i < AT_ONCE; i++)
		if (d->attempt[i].watch.fd >= 0)
			note_failure(d, &d->attempt[i].peer, -ETIMEDOUT, false);
	if (d->rank == RANK_NONE && d->result.status != NET_DIAL_FORBIDDEN)
		d->result.dns = NET_DNS_TIMEOUT;
	finish(d);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static void take_addresses(struct net_dial *d, struct family *f, const struct address *address,
			   size_t count)
{
	f->address = count == 1 ? &f->single : calloc(count, sizeof *f->address);
	if (!f->address) {
		f->status = NET_DNS_SHORT;
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!d->allow || d->allow(d->context, &address[i]))
			f->address[f->count++] = address[i];
	if (f->count == 0 && d->result.status == NET_DIAL_UNRESOLVED) {
		d->result.status = NET_DIAL_FORBIDDEN;
		d->result.peer = address[0];
		d->result.peer.port = d->port;
	}
}

static void take_answer(struct net_dial *d, struct family *f, const struct net_addresses *answer)
{
	f->answered = true;
	f->status = answer->status;
	if (answer->status == NET_DNS_OK) {
		if (d->result.resolved_at == NO_TIME)
			d->result.resolved_at = net_now(d->loop);
		take_addresses(d, f, answer->address, answer->count);
	}
	if (!d->inside && advance(d))
		finish(d);
}

static void on_v4(struct net_question *q, const struct net_addresses *answer)
{
	struct net_dial *d =
		(struct net_dial *)((char *)q - offsetof(struct net_dial, family[NET_V4].question));
	take_answer(d, &d->family[NET_V4], answer);
}

static void on_v6(struct net_question *q, const struct net_addresses *answer)
{
	struct net_dial *d =
		(struct net_dial *)((char *)q - offsetof(struct net_dial, family[NET_V6].question));
	take_answer(d, &d->family[NET_V6], answer);
}

static void ask(struct net_dial *d, struct slice host, enum net_family family)
{
	struct family *f = &d->family[family];
	if (!address_is_none(&d->from) && address_is_v4(&d->from) != (family == NET_V4))
		return;
	f->asked = true;
	f->question.answered = family == NET_V4 ? on_v4 : on_v6;
	net_dns_ask(d->dns, host, family, &f->question);
}

/* ---- from outside ------------------------------------------------------------------------- */

static struct net_dial *make(struct net_loop *loop, struct net_dns *dns,
			     const struct net_dial_options *options)
{
	struct net_dial *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->loop = loop;
	d->dns = dns;
	d->allow = options->allow;
	d->done = options->done;
	d->context = options->context;
	d->home = options->home;
	d->port = options->port;
	if (options->from)
		d->from = *options->from;
	d->call.run = on_call;
	d->deadline.fire = on_deadline;
	d->step.fire = on_step;
	for (int i = 0; i < AT_ONCE; i++)
		d->attempt[i].watch.fd = -1;
	d->last = NET_V4; /* so that IPv6 is the first */
	d->result = (struct net_dialed){
		.status = NET_DIAL_UNRESOLVED,
		.resolved_at = NO_TIME,
		.connected_at = NO_TIME,
	};
	return d;
}

struct net_dial *net_dial(struct net_loop *loop, struct net_dns *dns,
			  const struct net_dial_options *options)
{
	struct net_dial *d = make(loop, dns, options);
	struct address literal;
	if (!d)
		return NULL;
	d->inside = true;
	net_timer_set(loop, &d->deadline, net_now(loop) + options->timeout);
	if (address_of_literal(options->host, &literal)) {
		take_addresses(d, &d->family[address_is_v4(&literal) ? NET_V4 : NET_V6], &literal,
			       1);
	} else {
		ask(d, options->host, NET_V6);
		ask(d, options->host, NET_V4);
	}
	d->inside = false;
	if (advance(d)) {
		close_all(d);
		d->deferred = true;
		net_loop_later(loop, &d->call);
	}
	return d;
}

void net_dial_stop(struct net_dial *dial)
{
	if (!dial)
		return;
	if (dial->deferred) { /* the loop has its call */
		dial->done = NULL;
		return;
	}
	close_all(dial);
	free_dial(dial);
}
