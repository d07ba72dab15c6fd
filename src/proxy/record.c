/* Records: a conversation (src/observe) while there is something to read, then an exchange in a
 * string with counts beside it. */
#include "proxy/record_private.h"

#include "http/head.h"
#include "proxy/shelf.h"
#include "trace/pack.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PACKED_LIMIT = 32 << 10, /* heads take most, where they are kept */
	KNOWN = 256,             /* a client's descriptor and its origin's come in turn */
	MOST_ENDED = 64,         /* wait for the round's end */
	ENOUGH = 128 << 10, /* bytes of a tunnel that were looked at without learning what it is */
};

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

/* Room for what only the proxy knows; NULL while there is no exchange. */
static struct trace_leg *leg_of(struct record *r)
{
	if (!r || !lives_unpack(r) || !r->live->x || !trace_open_leg(r->live->x))
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
		lives_list(w, r->live);
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
		lives_list(r->owner, l);
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
	if (!r || !lives_unpack(r) || !r->live->x)
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
	if (fd < 0 || r->last[side] == NO_TIME || !lives_unpack(r))
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
	if (!lives_unpack(r))
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
	if (!r || !lives_unpack(r))
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

/* ---- to whom it goes ---------------------------------------------------------------------------
 */

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
	if (!facts_complete(r, x, &(struct ending){ told, *facts, r->live->closed_at }))
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
	if (!lives_unpack(r)) {
		lives_forget_packed(r);
		return;
	}
	struct live *l = r->live;
	l->facts = facts;
	bool closed = is_closed(r), told = l->talking;
	lives_end_talk(l, closed ? TRACE_END_CLOSED : TRACE_END_OVER, now_of(w));
	if (!l->delivered && !l->x) {
		l->x = facts_bare(r);
		l->own = true;
		told = false;
	}
	if (!l->delivered && l->x)
		deliver(r, l->x, told, facts);
	if (l->own)
		trace_free(l->x);
	lives_give_back(w, r);
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
	lives_unlist(w, l);
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
	struct live *l = r ? lives_take(w, r) : NULL;
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
			lives_free(r->live);
		}
		lives_forget_packed(r);
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
		lives_free(l);
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
		return lives_read_packed(r, ret_closed_at);
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
	if (facts_complete(r, x, &e))
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
