/* Records: a conversation (src/observe) while there is something to read, then an exchange in a
 * string with counts beside it.
 *
 *     live, talking --> live, told --> packed --> live, told --> done
 *
 * Talking: observe reads the bytes. Told: the exchange is complete but for how it ends. A tunnel is
 * packed when more than USUAL_LIVES are live and it has been quiet for the longest time; it is told
 * again when something beyond bytes happens to it. */
#include "proxy/record.h"

#include "http/head.h"
#include "observe/observe.h"
#include "proxy/shelf.h"
#include "trace/pack.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	USUAL_LIVES = 80, /* beyond these, quiet tunnels are packed */
	SPARE_LIVES = 32, /* kept for the next ones, as are */
	SLAB = 40,        /* records at once: as many as fit a page, and no malloc's head each */
	EXCHANGE_LIMIT = 256 << 10,
	PACKED_LIMIT = 32 << 10, /* heads take most, where they are kept */
	KNOWN = 256,             /* a client's descriptor and its origin's come in turn */
	MOST_ENDED = 64,         /* wait for the round's end */
	ENOUGH = 128 << 10, /* bytes of a tunnel that were looked at without learning what it is */
};

enum { CLOSED_FIN = 1, CLOSED_RST = 2 };

struct facts { /* of the sockets; NULL: not known */
	const struct net_facts *client, *origin;
};

struct ending {    /* how it ends, as far as it is known */
	bool told; /* observe heard of its closing */
	struct facts facts;
	const nanos *closed_at; /* by side */
};

struct live {
	struct live *newer, *older; /* of the tunnels, by their last bytes; spare ones by `older` */
	struct record *record;
	struct conversation *talk;
	struct exchange *x;        /* NULL: there is none yet */
	bool talking;              /* observe reads on */
	bool own;                  /* the exchange is ours, no longer the conversation's */
	bool deaf;                 /* what was said is none: only counted */
	bool listed;               /* among the tunnels */
	bool delivered;            /* it went to where it goes */
	const struct facts *facts; /* while it ends */
	bool reused;
	struct address client, proxy;
	nanos accepted;
	nanos untaken[2];   /* for so long when a time-out struck, by side */
	nanos closed_at[2]; /* by side, where record.closed says so; packed behind the exchange */
	uint16_t status;    /* answered before there was an exchange */
	enum record_deed deed;
	char why[METRICS_NAME], text[240]; /* what struck, until it is put into the exchange */
	struct net_facts own_facts[2];     /* by side, as is what follows: from its end on */
	struct facts ended;
};

struct record {
	struct recorder *owner;
	struct record *next, *prev; /* by number; `next` links spare ones */
	struct live *live;          /* NULL: packed */
	struct kept *packed;        /* NULL: live */
	uint64_t number;
	uint64_t unread[2];   /* bytes that came when nobody read any more */
	nanos last[2];        /* wall clock, as all times here */
	int client, origin;   /* sockets */
	uint32_t after_fin;   /* bytes from our side behind the client's FIN */
	uint8_t closed[2];    /* CLOSED_... */
	bool closed_by_proxy; /* its side closed first */
};

struct slab {
	struct slab *next;
	struct record record[SLAB];
};

struct known { /* facts of a client's socket, and since when */
	int fd;
	nanos accepted, at;
	struct net_facts facts;
};

struct recorder {
	struct recorder_options options;
	struct net_loop *loop;
	struct record *oldest, *newest, *spare;
	struct record *walked; /* where a walk goes on */
	uint64_t place;        /* ... which has come this far */
	uint64_t begun;
	size_t lives, spare_lives; /* lives: those that ended, too */
	struct slab *slabs;
	struct shelf *shelf; /* of packed records */
	struct live *spare_live;
	struct live *freshest, *stalest;
	struct buffer packing;
	struct live *ended, **ended_end; /* the oldest first, by `older` */
	size_t endeds;
	struct net_call deliver; /* them, at the end of the round */
	bool delivers;
	struct net_timer challenged; /* while 407s wait for their answers */
	struct known *known;         /* by descriptor; KNOWN of them */
};

/* Microseconds are all that anybody wants to see. */
static nanos whole_micros(nanos t)
{
	return t - t % 1000;
}

static nanos now_of(const struct recorder *w)
{
	return whole_micros(net_wall(w->loop));
}

static struct mark moment(const struct recorder *w)
{
	return (struct mark){ .at = now_of(w) };
}

/* From the loop's clock to the wall's. */
static nanos wall_of(const struct recorder *w, nanos t)
{
	return t == NO_TIME ? NO_TIME : whole_micros(t - net_now(w->loop) + net_wall(w->loop));
}

/* ---- what observe tells ------------------------------------------------------------------------
 */

static void on_begin(void *context, struct exchange *x)
{
	struct live *l = context;
	x->client = l->client;
	x->proxy = l->proxy;
	x->reused = l->reused;
	if (!l->reused && l->accepted <= x->first.at)
		x->first.at = l->accepted;
	if (!l->x)
		l->x = x;
}

/* ---- the pool of lives
 * ---------------------------------------------------------------------------
 */

static void unlist(struct recorder *w, struct live *l)
{
	if (!l->listed)
		return;
	*(l->newer ? &l->newer->older : &w->freshest) = l->older;
	*(l->older ? &l->older->newer : &w->stalest) = l->newer;
	l->listed = false;
}

static void list(struct recorder *w, struct live *l)
{
	if (w->freshest == l)
		return;
	unlist(w, l);
	l->newer = NULL;
	l->older = w->freshest;
	*(w->freshest ? &w->freshest->newer : &w->stalest) = l;
	w->freshest = l;
	l->listed = true;
}

static void free_live(struct live *l)
{
	observe_free(l->talk);
	free(l);
}

static void give_back(struct recorder *w, struct record *r)
{
	struct live *l = r->live;
	unlist(w, l);
	r->live = NULL;
	w->lives--;
	if (w->spare_lives == SPARE_LIVES) {
		free_live(l);
		return;
	}
	l->older = w->spare_live;
	w->spare_live = l;
	w->spare_lives++;
}

static struct live *new_live(void)
{
	struct live *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->talk = observe_new(&(struct observe_options){ .source = TRACE_PROXY },
			      &(struct observe_owner){ .context = NULL });
	if (l->talk)
		return l;
	free(l);
	return NULL;
}

static bool pack_one(struct recorder *w, struct record *r);

static struct live *take_live(struct recorder *w, struct record *r)
{
	if (w->lives - w->endeds >= USUAL_LIVES && w->stalest)
		pack_one(w, w->stalest->record);
	struct live *l = w->spare_live;
	if (l) {
		w->spare_live = l->older;
		w->spare_lives--;
	} else {
		l = new_live();
	}
	if (!l)
		return NULL;
	struct conversation *talk = l->talk;
	memset(l, 0, offsetof(struct live, why));
	l->talk = talk;
	l->record = r;
	l->why[0] = l->text[0] = 0;
	w->lives++;
	return l;
}

/* ---- packing
 * --------------------------------------------------------------------------------------
 */

/* The exchange is ours from now on. */
static void end_talk(struct live *l, enum trace_end end, nanos until)
{
	if (!l->talking)
		return;
	observe_end(l->talk, end, until);
	l->talking = false;
	if (!l->own)
		l->x = NULL;
}

/* Few tunnels are half closed while they are quiet: when that was has no room in each. */
static struct slice closings(const struct live *l)
{
	return (struct slice){ (const uint8_t *)l->closed_at, sizeof l->closed_at };
}

static bool is_closed(const struct record *r)
{
	return r->closed[CLIENT] || r->closed[PROXY];
}

/* A tunnel alone has nothing more to be read that matters. */
static bool pack_one(struct recorder *w, struct record *r)
{
	struct live *l = r->live;
	end_talk(l, TRACE_END_OVER, now_of(w));
	if (!l->x)
		return false;
	if (l->x->tls->random_known)
		l->x->tls->random_known = false; /* for whoever matches captures */
	buffer_reset(&w->packing);
	trace_pack(l->x, &w->packing);
	if (is_closed(r))
		buffer_add(&w->packing, closings(l));
	r->packed = w->packing.failed ? NULL : shelf_put(w->shelf, buffer_slice(&w->packing));
	if (!r->packed) {
		unlist(w, l); /* stays as it is */
		return false;
	}
	trace_free(l->x);
	give_back(w, r);
	return true;
}

static void forget_packed(struct record *r)
{
	shelf_drop(r->packed);
	r->packed = NULL;
}

/* Of one that is packed; closed_at is zeros where it was not closed. */
static struct exchange *read_packed(const struct record *r, nanos ret_closed_at[2])
{
	struct buffer *b = &r->owner->packing;
	buffer_reset(b);
	if (!r->packed || !shelf_read(r->packed, b))
		return NULL;
	if (is_closed(r) && b->len >= 2 * sizeof *ret_closed_at) {
		b->len -= 2 * sizeof *ret_closed_at;
		memcpy(ret_closed_at, b->at + b->len, 2 * sizeof *ret_closed_at);
	}
	return trace_unpack(buffer_slice(b), EXCHANGE_LIMIT);
}

static bool unpack(struct record *r)
{
	struct recorder *w = r->owner;
	if (r->live)
		return true;
	nanos closed_at[2] = { 0 };
	struct exchange *x = read_packed(r, closed_at);
	struct live *l = x ? take_live(w, r) : NULL;
	if (!l) {
		trace_free(x);
		return false;
	}
	memcpy(l->closed_at, closed_at, sizeof l->closed_at);
	l->x = x;
	l->own = true;
	r->live = l;
	forget_packed(r);
	list(w, l);
	return true;
}

/* Room for what only the proxy knows; NULL while there is no exchange. */
static struct trace_leg *leg_of(struct record *r)
{
	if (!r || !unpack(r) || !r->live->x || !trace_open_leg(r->live->x))
		return NULL;
	return r->live->x->leg;
}

/* ---- bytes
 * ----------------------------------------------------------------------------------------
 */

static void count_bytes(struct record *r, enum trace_side side, uint64_t len)
{
	struct recorder *w = r->owner;
	r->last[side] = now_of(w);
	if (w->options.metrics)
		metrics_add(&w->options.metrics->bytes[side], len);
	if (side == PROXY && r->closed[CLIENT])
		r->after_fin += len < UINT32_MAX - r->after_fin ? (uint32_t)len : 0;
	if (r->live && r->live->listed)
		list(w, r->live);
}

/* An answer to what was no request: its status at least. */
static void glance(struct live *l, enum trace_side side, struct slice bytes)
{
	uint64_t status = 0;
	if (side == PROXY && !l->x && !l->status && slice_starts(bytes, SLICE("HTTP/1.")) &&
	    slice_parse_u64(slice_first(slice_from(bytes, 9), 3), 10, &status) && status < 1000)
		l->status = (uint16_t)status;
}

void record_bytes(struct record *r, enum trace_side side, struct slice bytes)
{
	if (!r || bytes.len == 0)
		return;
	struct live *l = r->live;
	count_bytes(r, side, bytes.len);
	if (!l || !l->talking || l->deaf) {
		r->unread[side] += bytes.len;
		if (l)
			glance(l, side, bytes);
		return;
	}
	struct mark now = moment(r->owner);
	glance(l, side, bytes);
	l->deaf = !observe_data(l->talk, side, &now, bytes) && !l->x;
	if (side == PROXY && l->x && l->x->tunnel.open && !l->listed)
		list(r->owner, l);
}

void record_request(struct record *r, const struct http_request *request, struct slice head)
{
	struct live *l = r ? r->live : NULL;
	if (!l || !l->talking || l->x) {
		record_bytes(r, CLIENT, head);
		return;
	}
	struct mark now = moment(r->owner);
	count_bytes(r, CLIENT, head.len);
	l->deaf = !observe_request(l->talk, &now, request, head);
}

void record_count(struct record *r, enum trace_side side, uint64_t bytes)
{
	if (!r || bytes == 0)
		return;
	struct live *l = r->live;
	count_bytes(r, side, bytes);
	if (l && l->talking && !l->deaf) {
		struct mark now = moment(r->owner);
		observe_gap(l->talk, side, &now, bytes, false);
	} else {
		r->unread[side] += bytes;
	}
}

void record_whole(struct record *r, enum trace_side side)
{
	if (!r || !r->live || !r->live->talking)
		return;
	struct mark now = moment(r->owner);
	observe_whole(r->live->talk, side, &now);
}

bool record_curious(const struct record *r)
{
	const struct live *l = r ? r->live : NULL;
	const struct exchange *x = l ? l->x : NULL;
	if (!l || !l->talking || l->deaf)
		return false;
	if (!x || !x->tunnel.open)
		return !x || x->response.status == 0;
	if (x->tunnel.inner == PROTO_NONE)
		return true;
	return x->tunnel.inner == PROTO_TLS && x->tunnel.answer == PROTO_NONE &&
	       !mark_is(&x->first_byte) && !x->tls->out_of_step[CLIENT] &&
	       !x->tls->out_of_step[PROXY] &&
	       x->tunnel.bytes[CLIENT] + x->tunnel.bytes[PROXY] < ENOUGH;
}

struct slice record_sni(const struct record *r, bool *ret_over)
{
	const struct exchange *x = r && r->live ? r->live->x : NULL;
	bool reading = x && r->live->talking;
	bool hello = x && mark_is(&x->hello);
	bool still = reading && (x->tunnel.inner == PROTO_NONE || x->tunnel.inner == PROTO_TLS) &&
		     !x->tls->out_of_step[CLIENT] && x->tunnel.bytes[CLIENT] < ENOUGH;
	*ret_over = hello || !still;
	return hello ? x->tls->sni : (struct slice){ 0 };
}

/* ---- what only the proxy knows
 * ----------------------------------------------------------------------
 */

void record_user(struct record *r, enum trace_scheme scheme, const char *user)
{
	if (!r || !unpack(r) || !r->live->x)
		return;
	struct exchange *x = r->live->x;
	x->request.auth = scheme;
	if (!slice_equal(x->request.user, slice_of(user)))
		x->request.user = trace_keep(x, slice_of(user), 128);
}

static nanos since_request(const struct recorder *w, const struct exchange *x, nanos until)
{
	nanos from = mark_is(&x->request_end) ? x->request_end.at : x->first.at;
	nanos to = wall_of(w, until);
	return to == NO_TIME ? NO_TIME : to > from ? to - from : 0;
}

void record_dialed(struct record *r, const struct address *origin, nanos resolved_at,
		   nanos connected_at, enum trace_outcome outcome, bool reused)
{
	struct trace_leg *leg = leg_of(r);
	if (!leg || !trace_open_onward(r->live->x))
		return;
	struct recorder *w = r->owner;
	struct exchange *x = r->live->x;
	struct trace_onward *o = x->onward;
	o->seen = true;
	o->origin = origin ? *origin : (struct address){ 0 };
	o->outcome = outcome;
	leg->reused = reused;
	if (reused)
		return;
	leg->resolve = since_request(w, x, resolved_at);
	o->first.at = resolved_at == NO_TIME ? NO_TIME : wall_of(w, resolved_at);
	if (resolved_at == NO_TIME) /* an address was given */
		leg->connect = since_request(w, x, connected_at);
	else if (connected_at != NO_TIME && connected_at >= resolved_at)
		leg->connect = connected_at - resolved_at;
	bool stands = outcome == ONWARD_ANSWERED || outcome == ONWARD_UNKNOWN;
	o->last.at = connected_at != NO_TIME ? wall_of(w, connected_at) : now_of(w);
	struct metrics *m = w->options.metrics;
	if (m && leg->resolve != NO_TIME)
		metrics_span(&m->resolve, leg->resolve);
	if (m && stands && leg->connect != NO_TIME)
		metrics_span(&m->dial, leg->connect);
}

void record_origin_said(struct record *r)
{
	struct trace_leg *leg = leg_of(r);
	if (!leg || leg->answer != NO_TIME)
		return;
	const struct exchange *x = r->live->x;
	nanos from = mark_is(&x->onward->last) ? x->onward->last.at : x->request_end.at;
	nanos now = now_of(r->owner);
	leg->answer = from != NO_TIME && now > from ? now - from : 0;
}

void record_parent(struct record *r)
{
	struct trace_leg *leg = leg_of(r);
	if (leg)
		leg->through_parent = true;
}

void record_onward(struct record *r, enum trace_outcome outcome)
{
	if (leg_of(r) && trace_open_onward(r->live->x))
		r->live->x->onward->outcome = outcome;
}

/* What is under way and not acknowledged is the path's matter, not the receiver's. */
void record_untaken(struct record *r, enum trace_side side)
{
	struct net_facts receiver;
	int fd = !r ? -1 : side == PROXY ? r->client : r->origin;
	if (fd < 0 || r->last[side] == NO_TIME || !unpack(r))
		return;
	if (net_facts(fd, &receiver) == 0 && receiver.unacked == 0)
		r->live->untaken[side] = now_of(r->owner) - r->last[side];
}

void record_trial(struct record *r, const char *text)
{
	struct trace_leg *leg = leg_of(r);
	if (leg)
		leg->trial = trace_keep(r->live->x, slice_of(text), 240);
	if (leg && r->owner->options.metrics)
		metrics_reason(r->owner->options.metrics, "trial");
}

void record_why(struct record *r, enum record_deed deed, const char *name, const char *text)
{
	if (!r)
		return;
	if (r->owner->options.metrics)
		metrics_reason(r->owner->options.metrics, name);
	if (!unpack(r))
		return;
	struct live *l = r->live;
	if (l->why[0] && l->deed != RECORD_NOTED)
		return;
	snprintf(l->why, sizeof l->why, "%s", name);
	snprintf(l->text, sizeof l->text, "%s", text ? text : "");
	l->deed = deed;
}

void record_sockets(struct record *r, int client, int origin)
{
	if (!r)
		return;
	r->client = client;
	r->origin = origin;
}

/* For so long what the kernel said is good: to ask takes it a microsecond and more, and what
 * changes meanwhile is in the next record. */
static const nanos FRESH = 200 * NANOS_PER_MS;

bool record_client_facts(struct record *r, struct net_facts *ret_facts)
{
	if (!r || r->client < 0 || !r->live || !r->owner->known)
		return r && r->client >= 0 && net_facts(r->client, ret_facts) == 0;
	struct known *k = &r->owner->known[r->client % KNOWN];
	nanos now = net_now(r->owner->loop);
	bool same = k->at && k->fd == r->client && k->accepted == r->live->accepted;
	if (!same || now - k->at > FRESH) {
		if (net_facts(r->client, &k->facts) != 0)
			return false;
		k->fd = r->client;
		k->accepted = r->live->accepted;
		k->at = now;
	}
	*ret_facts = k->facts;
	return true;
}

void record_closed(struct record *r, enum event_kind kind, enum trace_side side)
{
	if (!r || !unpack(r))
		return;
	struct mark now = moment(r->owner);
	struct live *l = r->live;
	if (!is_closed(r))
		r->closed_by_proxy = side == PROXY;
	if (!r->closed[side])
		l->closed_at[side] = now.at;
	r->closed[side] |= kind == EV_RST ? CLOSED_RST : CLOSED_FIN;
	if (l->talking)
		observe_event(l->talk, kind, side, &now, 0);
}

/* ---- putting it together
 * ------------------------------------------------------------------------------
 */

/* Nothing in it was a request: what is known all the same. */
static struct exchange *bare(const struct record *r)
{
	struct exchange *x = trace_new(TRACE_PROXY, EXCHANGE_LIMIT);
	if (!x)
		return NULL;
	const struct live *l = r->live;
	x->client = l->client;
	x->proxy = l->proxy;
	x->reused = l->reused;
	x->first.at = x->last.at = l->accepted;
	x->request_start.at = r->last[CLIENT];
	x->response.status = l->status;
	if (x->response.status) {
		x->answer = PROTO_HTTP;
		x->response_start.at = r->last[PROXY];
		x->response.reason = slice_of(http_status_name(x->response.status));
		x->response.complete = true;
		trace_add(x, EV_RESPONSE, PROXY, &x->response_start, x->response.status);
	}
	trace_set_id(x);
	return x;
}

/* Bytes behind those that were read: they are counted, and single records unknown. */
static void add_unread(const struct record *r, struct exchange *x, enum trace_side side)
{
	struct trace_tls *t = x->tls;
	if (r->unread[side] == 0)
		return;
	x->bytes[side] += r->unread[side];
	if (!x->tunnel.open)
		return;
	x->tunnel.bytes[side] += r->unread[side];
	x->tunnel.last[side].at = r->last[side];
	if (!mark_is(&x->tunnel.first[side]))
		x->tunnel.first[side].at = r->last[side];
	if (!t->hello)
		return;
	t->out_of_step[side] = true;
	t->close_notify[side] = t->likely_alert = false;
	t->record_left[side] = t->last_record[side] = 0;
	t->largest_record[side] = t->same_records[side] = 0;
	t->last_app[side] = NO_MARK;
}

/* Both have said more than a handshake takes, unread: it was over. */
static void add_handshake(const struct record *r, struct exchange *x)
{
	struct trace_tls *t = x->tls;
	if (!t->hello || t->done || r->unread[PROXY] == 0)
		return;
	t->server_hello = true;
	t->done = r->unread[CLIENT] > 0 && x->tunnel.bytes[PROXY] > 512;
}

static void add_close(const struct record *r, struct exchange *x, enum trace_side side,
		      const struct ending *e)
{
	struct trace_path *p = &x->path[side];
	uint8_t how = r->closed[side];
	if (!how)
		return;
	struct mark at = { .at = e->closed_at[side] };
	if (how & CLOSED_FIN)
		p->fin = at;
	if (how & CLOSED_RST) {
		p->rst = at;
		p->rsts = 1;
	}
	if (e->told)
		return;
	trace_add(x, how & CLOSED_FIN ? EV_FIN : EV_RST, side, &at, 0);
	if (r->closed_by_proxy != (side == PROXY))
		return;
	x->closed = true;
	x->closed_by = side;
	x->by_reset = !(how & CLOSED_FIN);
	x->close = at;
}

static void add_path(const struct record *r, struct exchange *x, enum trace_side side,
		     const struct ending *e)
{
	struct trace_path *p = &x->path[side];
	const struct mark *first = side == CLIENT ? &x->request_start : &x->response_start;
	p->bytes = x->bytes[side];
	p->first_data = *first;
	p->last_data.at = r->last[side];
	if (x->last.at < r->last[side])
		x->last.at = r->last[side];
	if (r->closed[side] && x->last.at < e->closed_at[side])
		x->last.at = e->closed_at[side];
	if (side == PROXY)
		p->after_peer_fin = r->after_fin;
}

/* Whose end came first: the client's; or ours, on our own account or because the origin ended. */
static enum trace_party closed_first(const struct exchange *x)
{
	if (!x->closed)
		return PARTY_NOBODY;
	if (x->closed_by == CLIENT)
		return PARTY_CLIENT;
	const struct trace_leg *leg = x->leg;
	enum trace_outcome onward = x->onward->outcome;
	if (onward == ONWARD_RESET || onward == ONWARD_CLOSED)
		return PARTY_ORIGIN;
	bool own = (leg->why.len > 0 && !leg->noted) || onward != ONWARD_ANSWERED;
	return own && !leg->by_parent ? PARTY_PROXY : PARTY_ORIGIN;
}

/* What the receiver has not acknowledged a second later never came to it. Where all that was sent
 * is acknowledged, and there is more, it announces no room: since when, the last bytes that the
 * kernel took tell. */
static void add_wait(const struct record *r, struct exchange *x, enum trace_side side,
		     const struct net_facts *receiver)
{
	struct trace_path *p = &x->path[side];
	p->zero_window_time = r->live ? r->live->untaken[side] : 0;
	if (!receiver || r->last[side] == NO_TIME)
		return;
	if (receiver->unacked > 0 && x->observed_until - r->last[side] >= NANOS_PER_SECOND)
		p->unacked = receiver->unacked;
	p->zero_window_at_end = receiver->unacked == 0 && receiver->not_sent > 0;
	if (p->zero_window_at_end)
		p->zero_window.at = r->last[side];
}

static void add_facts(struct exchange *x, const struct facts *facts)
{
	const struct net_facts *client = facts->client, *origin = facts->origin;
	struct trace_leg *leg = x->leg;
	if (client) {
		nanos rtt = client->rtt_min != NO_TIME ? client->rtt_min : client->rtt;
		x->rtt = rtt;
		x->path[PROXY].retrans = client->retrans;
		leg->client_facts = true;
		leg->client_mss = client->mss_out;
		leg->client_path_mtu = client->path_mtu;
	}
	if (origin) {
		leg->facts = true;
		leg->rtt = origin->rtt_min != NO_TIME ? origin->rtt_min : origin->rtt;
		leg->retrans = origin->retrans;
		leg->mss = origin->mss_out;
		leg->path_mtu = origin->path_mtu;
	}
}

static void add_why(const struct live *l, struct exchange *x)
{
	if (!l || !l->why[0])
		return;
	x->leg->why = trace_keep(x, slice_of(l->why), sizeof l->why);
	x->leg->text = trace_keep(x, slice_of(l->text), sizeof l->text);
	x->leg->by_parent = l->deed == RECORD_PARENT;
	x->leg->cut = l->deed == RECORD_CUT;
	x->leg->noted = l->deed == RECORD_NOTED;
}

/* The request's first bytes until now. False: no memory. */
static bool complete(const struct record *r, struct exchange *x, const struct ending *e)
{
	if ((!x->path && !trace_open_path(x)) || !trace_open_leg(x))
		return false;
	if (!x->id[0])
		trace_set_id(x);
	x->both_ways = true;
	x->request_acked = x->request_end;
	if (x->tls->hello)
		x->tls->hello_acked = mark_is(&x->hello);
	add_why(r->live, x);
	add_handshake(r, x);
	for (int side = CLIENT; side <= PROXY; side++) {
		add_unread(r, x, (enum trace_side)side);
		add_close(r, x, (enum trace_side)side, e);
		add_path(r, x, (enum trace_side)side, e);
	}
	x->observed_until = now_of(r->owner);
	add_facts(x, &e->facts);
	add_wait(r, x, CLIENT, e->facts.origin);
	add_wait(r, x, PROXY, e->facts.client);
	x->leg->closed_first = closed_first(x);
	return true;
}

static const nanos LOOK_AGAIN = CHALLENGE_MS / 2 * NANOS_PER_MS;

static void give(struct recorder *w, struct exchange *challenge)
{
	if (!challenge)
		return;
	w->options.done(w->options.context, challenge);
	trace_free(challenge);
}

/* 407s that nobody answered: they are what they are. */
static void on_challenged(struct net_timer *t)
{
	struct recorder *w = (struct recorder *)((char *)t - offsetof(struct recorder, challenged));
	struct exchange *x;
	while ((x = challenges_expired(w->options.challenges, net_now(w->loop))))
		give(w, x);
	if (challenges_waiting(w->options.challenges))
		net_timer_set(w->loop, t, net_now(w->loop) + LOOK_AGAIN);
}

/* The origin took the connection, and all of the request, and never said a word. */
static bool heard_nothing(const struct exchange *x)
{
	return x->onward->outcome == ONWARD_ANSWERED && x->leg->answer == NO_TIME &&
	       x->request.complete && x->response.status == 0;
}

static void deliver(struct record *r, struct exchange *x, bool told, const struct facts *facts)
{
	struct recorder *w = r->owner;
	bool closed = is_closed(r);
	if (!complete(r, x, &(struct ending){ told, *facts, r->live->closed_at }))
		return;
	if (heard_nothing(x))
		x->onward->outcome = ONWARD_SILENT;
	x->end = closed ? TRACE_END_CLOSED : TRACE_END_OVER;
	/* the connection goes on */
	x->next_began = !closed && !x->tunnel.open && x->response.complete;
	if (w->options.metrics && x->response.status < METRICS_STATUSES)
		metrics_add(&w->options.metrics->status[x->response.status], 1);
	give(w, challenges_answered(w->options.challenges, x));
	if (challenges_hold(w->options.challenges, x, net_now(w->loop))) {
		if (!net_timer_is_set(&w->challenged))
			net_timer_set(w->loop, &w->challenged, net_now(w->loop) + LOOK_AGAIN);
		return;
	}
	w->options.done(w->options.context, x);
}

/* While it is the conversation's still, so that the next one may have its memory. */
static bool on_glance(void *context, struct exchange *x)
{
	struct live *l = context;
	if (l->x != x)
		return true; /* bytes behind the request's end were none of it */
	if (!l->facts)
		return false;
	deliver(l->record, l->x, true, l->facts);
	l->delivered = true;
	return true;
}

static void on_done(void *context, struct exchange *x)
{
	struct live *l = context;
	assert(l->x == x);
	l->own = true;
}

static const struct observe_owner OWNER = { .begin = on_begin,
					    .glance = on_glance,
					    .done = on_done };

static void finish(struct record *r, const struct facts *facts)
{
	struct recorder *w = r->owner;
	if (!unpack(r)) {
		forget_packed(r);
		return;
	}
	struct live *l = r->live;
	l->facts = facts;
	bool closed = is_closed(r), told = l->talking;
	end_talk(l, closed ? TRACE_END_CLOSED : TRACE_END_OVER, now_of(w));
	if (!l->delivered && !l->x) {
		l->x = bare(r);
		l->own = true;
		told = false;
	}
	if (!l->delivered && l->x)
		deliver(r, l->x, told, facts);
	if (l->own)
		trace_free(l->x);
	give_back(w, r);
}

/* ---- the end
 * ----------------------------------------------------------------------------------------
 */

static void give_record(struct recorder *w, struct record *r)
{
	r->next = w->spare;
	w->spare = r;
}

static void unchain(struct recorder *w, struct record *r)
{
	if (w->walked == r)
		w->walked = r->next;
	*(r->prev ? &r->prev->next : &w->oldest) = r->next;
	*(r->next ? &r->next->prev : &w->newest) = r->prev;
}

static void end_now(struct record *r, const struct facts *facts)
{
	struct recorder *w = r->owner;
	finish(r, facts);
	unchain(w, r);
	give_record(w, r);
}

static void end_all(struct recorder *w)
{
	for (struct live *l = w->ended, *next; l; l = next) {
		next = l->older;
		w->endeds--;
		end_now(l->record, &l->ended);
	}
	w->ended = NULL;
	w->ended_end = &w->ended;
}

static void on_deliver(struct net_call *call)
{
	struct recorder *w = (struct recorder *)((char *)call - offsetof(struct recorder, deliver));
	w->delivers = false;
	end_all(w);
}

static const struct net_facts *keep_facts(struct live *l, enum trace_side side,
					  const struct net_facts *facts)
{
	if (!facts)
		return NULL;
	l->own_facts[side] = *facts;
	return &l->own_facts[side];
}

/* To be judged and written when all that is ready was told, many in a row: whoever else is served
 * in this round does not wait for it. */
static void end_later(struct live *l, const struct net_facts *client,
		      const struct net_facts *origin)
{
	struct recorder *w = l->record->owner;
	if (w->endeds == MOST_ENDED)
		end_all(w);
	unlist(w, l);
	l->ended.client = keep_facts(l, CLIENT, client);
	l->ended.origin = keep_facts(l, PROXY, origin);
	l->older = NULL;
	*w->ended_end = l;
	w->ended_end = &l->older;
	w->endeds++;
	if (w->delivers)
		return;
	w->delivers = true;
	net_loop_later(w->loop, &w->deliver);
}

void record_end(struct record *r, const struct net_facts *client, const struct net_facts *origin)
{
	if (r && r->live)
		end_later(r->live, client, origin);
	else if (r)
		end_now(r, &(struct facts){ client, origin });
}

/* ---- life
 * -------------------------------------------------------------------------------------------
 */

void recorder_want(struct recorder *w, bool wanted)
{
	w->options.wanted = wanted;
	if (wanted && !w->known)
		w->known = calloc(KNOWN, sizeof *w->known); /* without it, it asks each time */
}

struct recorder *recorder_new(struct net_loop *loop, const struct recorder_options *options)
{
	struct recorder *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->shelf = shelf_new();
	if (!w->shelf) {
		free(w);
		return NULL;
	}
	w->options = *options;
	w->loop = loop;
	w->ended_end = &w->ended;
	w->deliver.run = on_deliver;
	w->challenged.fire = on_challenged;
	buffer_init(&w->packing, PACKED_LIMIT);
	recorder_want(w, options->wanted);
	return w;
}

static bool add_slab(struct recorder *w)
{
	struct slab *slab = malloc(sizeof *slab);
	if (!slab)
		return false;
	slab->next = w->slabs;
	w->slabs = slab;
	for (size_t i = 0; i < SLAB; i++) {
		slab->record[i].next = w->spare;
		w->spare = &slab->record[i];
	}
	return true;
}

static struct record *take_record(struct recorder *w)
{
	if (!w->spare && !add_slab(w))
		return NULL;
	struct record *r = w->spare;
	w->spare = r->next;
	return r;
}

static void chain(struct recorder *w, struct record *r)
{
	r->number = ++w->begun;
	r->prev = w->newest;
	*(w->newest ? &w->newest->next : &w->oldest) = r;
	w->newest = r;
}

struct record *record_begin(struct recorder *w, const struct address *client,
			    const struct address *proxy, nanos accepted, bool reused)
{
	if (!w || !w->options.wanted)
		return NULL;
	if (w->options.metrics)
		metrics_add(&w->options.metrics->requests, 1);
	struct record *r = take_record(w);
	struct live *l = r ? take_live(w, r) : NULL;
	if (!l) {
		if (r)
			give_record(w, r);
		if (w->options.metrics)
			metrics_add(&w->options.metrics->records_short, 1);
		return NULL;
	}
	*r = (struct record){
		.owner = w, .live = l, .last = { NO_TIME, NO_TIME }, .client = -1, .origin = -1
	};
	l->client = *client;
	l->proxy = *proxy;
	l->accepted = wall_of(w, accepted);
	l->reused = reused;
	struct observe_owner owner = OWNER;
	owner.context = l;
	observe_reset(l->talk,
		      &(struct observe_options){ .source = TRACE_PROXY,
						 .keep_heads = w->options.heads,
						 .any_request = true },
		      &owner);
	l->talking = true;
	chain(w, r);
	return r;
}

static void drop_all(struct recorder *w)
{
	for (struct record *r = w->oldest, *next; r; r = next) {
		next = r->next;
		if (r->live) {
			if (r->live->own)
				trace_free(r->live->x);
			free_live(r->live);
		}
		forget_packed(r);
	}
}

void recorder_free(struct recorder *w)
{
	if (!w)
		return;
	struct exchange *challenge;
	end_all(w);
	net_timer_stop(w->loop, &w->challenged);
	while ((challenge = challenges_expired(w->options.challenges, NO_TIME)))
		give(w, challenge);
	drop_all(w);
	shelf_free(w->shelf);
	for (struct slab *slab = w->slabs, *next; slab; slab = next) {
		next = slab->next;
		free(slab);
	}
	for (struct live *l = w->spare_live, *next; l; l = next) {
		next = l->older;
		free_live(l);
	}
	buffer_done(&w->packing);
	free(w->known);
	free(w);
}

/* ---- looking in
 * ---------------------------------------------------------------------------------------
 */

/* By way of a string: a conversation goes on with its own. */
static struct exchange *copy_of(const struct record *r, nanos ret_closed_at[2])
{
	struct buffer *b = &r->owner->packing;
	if (!r->live)
		return read_packed(r, ret_closed_at);
	if (!r->live->x)
		return NULL;
	buffer_reset(b);
	trace_pack(r->live->x, b);
	memcpy(ret_closed_at, r->live->closed_at, sizeof r->live->closed_at);
	return b->failed ? NULL : trace_unpack(buffer_slice(b), EXCHANGE_LIMIT);
}

struct exchange *record_peek(struct record *r)
{
	struct net_facts client, origin;
	nanos closed_at[2] = { 0 };
	struct exchange *x = copy_of(r, closed_at);
	if (!x)
		return NULL;
	bool seen = r->client >= 0 && net_facts(r->client, &client) == 0;
	bool beyond = r->origin >= 0 && net_facts(r->origin, &origin) == 0;
	struct ending e = { .told = r->live && r->live->talking,
			    .facts = { seen ? &client : NULL, beyond ? &origin : NULL },
			    .closed_at = closed_at };
	if (complete(r, x, &e))
		return x;
	trace_free(x);
	return NULL;
}

bool recorder_walk(struct recorder *w, uint64_t *place, size_t most,
		   void (*each)(void *context, struct record *record), void *context)
{
	end_all(w);
	struct record *r = w->oldest;
	if (*place && *place == w->place)
		r = w->walked;
	while (r && r->number <= *place)
		r = r->next;
	for (; r && most > 0; r = r->next, most--) {
		*place = r->number;
		each(context, r);
	}
	w->walked = r;
	w->place = *place;
	return r != NULL;
}
