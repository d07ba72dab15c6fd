/* Two halves, one for each direction:
 *
 *   OPEN ──▶ SHUT      the sender's FIN was read, all before it written, and our FIN sent on
 *
 * A half never reopens; half_shut is the only one that changes it. When both are SHUT the tunnel is
 * over. A RST from either side ends both at once, and is handed on as a RST: whoever reads a stream
 * up to its end must be able to tell a cut from an end.
 *
 * The halves are named by who sends: CLIENT is up, PROXY (the origin behind it) is down. */
#include "proxy/tunnel.h"

#include "base/escape.h"
#include "proxy/flow.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum half_state { HALF_OPEN, HALF_SHUT };

enum { SNIFF_MOST = 32 << 10, SLAB = 32, BRAKE_TICK_MS = 100 };

struct half {                   /* named by its sender */
	struct net_watch watch; /* the sender's socket */
	struct flow flow;       /* from it to the other one's */
	uint8_t ready;          /* of the sender's socket */
	uint8_t state;          /* enum half_state */
	bool waits;             /* its FIN lets others go first: see fin_waits */
};

/* What few tunnels have. */
struct extras {
	struct brake brake;
	bool sniffing; /* the client's first bytes are held until their SNI is judged */
	char host[];   /* that the SNI must name */
};

struct tunnel {
	struct half half[2]; /* CLIENT, PROXY */
	struct worker *worker;
	struct config *config;
	struct record *record;
	struct limits_client *limits;
	struct extras *extras;       /* NULL: none */
	struct tunnel *next, **prev; /* of the worker's, or spare ones */
	struct worker_turn turn;
	struct net_timer timer;
	uint64_t moved;       /* both ways */
	uint32_t begun, busy; /* seconds of the loop's clock */
};

_Static_assert(sizeof(struct tunnel) <= 320, "a tunnel is small");

/* ---- taking and giving back --------------------------------------------------------------- */

static bool add_slab(struct worker *w)
{
	struct tunnel *slab = worker_keep(w, SLAB * sizeof *slab);
	if (!slab)
		return false;
	for (size_t i = 0; i < SLAB; i++) {
		slab[i].next = w->spare_tunnels;
		w->spare_tunnels = &slab[i];
	}
	return true;
}

struct tunnel *tunnel_take(struct worker *w)
{
	if (!w->spare_tunnels && !add_slab(w))
		return NULL;
	struct tunnel *t = w->spare_tunnels;
	w->spare_tunnels = t->next;
	*t = (struct tunnel){ .worker = w };
	t->half[CLIENT].watch.fd = t->half[PROXY].watch.fd = -1;
	return t;
}

void tunnel_give_back(struct tunnel *t)
{
	if (!t)
		return;
	struct worker *w = t->worker;
	net_watch_close(w->loop, &t->half[PROXY].watch);
	t->next = w->spare_tunnels;
	w->spare_tunnels = t;
}

static void link_in(struct tunnel *t)
{
	struct worker *w = t->worker;
	t->next = w->tunnels;
	if (t->next)
		t->next->prev = &t->next;
	t->prev = &w->tunnels;
	w->tunnels = t;
}

static void link_out(struct tunnel *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void end_record(struct tunnel *t)
{
	if (!t->record)
		return;
	struct net_facts client, origin;
	bool client_known = net_facts(t->half[CLIENT].watch.fd, &client) == 0;
	bool origin_known = net_facts(t->half[PROXY].watch.fd, &origin) == 0;
	record_sockets(t->record, -1, -1);
	record_end(t->record, client_known ? &client : NULL, origin_known ? &origin : NULL);
}

/* Both have ended it in good order, and no option was set on its way. */
static bool may_retire(const struct tunnel *t)
{
	const struct half *up = &t->half[CLIENT], *down = &t->half[PROXY];
	return up->state == HALF_SHUT && down->state == HALF_SHUT && up->flow.bound == 0 &&
	       down->flow.bound == 0;
}

static void tunnel_end(struct tunnel *t)
{
	struct worker *w = t->worker;
	end_record(t);
	if (may_retire(t))
		net_watch_retire(w->loop, &t->half[PROXY].watch);
	worker_turn_stop(&t->turn);
	link_out(t);
	net_timer_stop(w->loop, &t->timer);
	for (int side = CLIENT; side <= PROXY; side++) {
		net_watch_close(w->loop, &t->half[side].watch);
		flow_done(w, &t->half[side].flow);
	}
	limits_leave(w->shared->limits, t->limits);
	free(t->extras);
	config_drop(t->config);
	metrics_take(&w->metrics.tunnels_open, 1);
	metrics_take(&w->metrics.connections_open, 1);
	atomic_fetch_sub_explicit(&w->shared->clients, 1, memory_order_relaxed);
	worker_give_descriptors(w, 2);
	t->next = w->spare_tunnels;
	w->spare_tunnels = t;
	worker_ended_one(w);
}

/* Ends it so that neither side takes what it got for the whole. */
static void tunnel_break(struct tunnel *t)
{
	net_abort(t->half[CLIENT].watch.fd);
	net_abort(t->half[PROXY].watch.fd);
	tunnel_end(t);
}

void tunnel_cut(struct tunnel *t, const char *name, const char *text)
{
	record_why(t->record, RECORD_CUT, name, text);
	record_closed(t->record, EV_RST, PROXY);
	tunnel_break(t);
}

/* A quiet one is ended by FIN: nothing is missing. Whoever did not take what was there for it must
 * not take what it got for the whole. */
static void cut_idle(struct tunnel *t)
{
	bool down = !flow_is_empty(&t->half[PROXY].flow),
	     up = !flow_is_empty(&t->half[CLIENT].flow);
	record_why(t->record, RECORD_CUT, "timeout-idle",
		   down ? "the client took nothing more for the idle time-out"
		   : up ? "the origin took nothing more for the idle time-out"
			: "nothing moved in the tunnel for the idle time-out");
	if (down) {
		record_untaken(t->record, PROXY);
		net_abort(t->half[CLIENT].watch.fd);
	}
	if (up) {
		record_untaken(t->record, CLIENT);
		net_abort(t->half[PROXY].watch.fd);
	}
	record_closed(t->record, down ? EV_RST : EV_FIN, PROXY);
	tunnel_end(t);
}

/* ---- moving bytes ------------------------------------------------------------------------- */

static uint32_t seconds(nanos t)
{
	return (uint32_t)(t / NANOS_PER_SECOND);
}

/* The sender of a half has ended it in good order. False: that was the end of the tunnel. */
static bool half_shut(struct tunnel *t, enum trace_side side)
{
	struct half *h = &t->half[side], *other = &t->half[!side];
	assert(h->state == HALF_OPEN);
	h->state = HALF_SHUT;
	record_closed(t->record, EV_FIN, side);
	if (other->state == HALF_SHUT) {
		tunnel_end(t); /* closing sends our second FIN */
		return false;
	}
	net_shut(other->watch.fd);
	return true;
}

static uint64_t allowance(struct tunnel *t)
{
	uint64_t limit = t->config->limit.tunnel, most = UINT64_MAX;
	if (limit > 0)
		most = t->moved < limit ? limit - t->moved : 0;
	if (t->extras) {
		uint64_t level = brake_level(&t->extras->brake, net_now(t->worker->loop));
		most = level < most ? level : most;
	}
	return most;
}

/* `most` is used up: by the limit, or by the brake, which lets go again soon. */
static bool half_full(struct tunnel *t)
{
	uint64_t limit = t->config->limit.tunnel;
	if (limit > 0 && t->moved >= limit) {
		tunnel_cut(t, "limit-tunnel", "the tunnel has carried as many bytes as one may");
		return false;
	}
	net_timer_set(t->worker->loop, &t->timer,
		      net_now(t->worker->loop) + BRAKE_TICK_MS * NANOS_PER_MS);
	return true;
}

static bool half_failed(struct tunnel *t, enum trace_side who)
{
	record_closed(t->record, EV_RST, who);
	tunnel_break(t);
	return false;
}

static bool half_after(struct tunnel *t, enum trace_side side, enum flow_result result)
{
	switch (result) {
	case FLOW_FIN:
		return half_shut(t, side);
	case FLOW_READ_FAILED:
		return half_failed(t, side);
	case FLOW_WRITE_FAILED:
		return half_failed(t, !side);
	case FLOW_SHORT:
		tunnel_cut(t, "memory", "no memory was left for what its reader did not take");
		return false;
	case FLOW_FULL:
		return half_full(t);
	case FLOW_AGAIN:
		worker_turn(t->worker, &t->turn);
		return true;
	case FLOW_WAIT_READ:
	case FLOW_WAIT_WRITE:
		break;
	}
	return true;
}

/* False: the tunnel is gone. */
static bool half_move(struct tunnel *t, enum trace_side side)
{
	struct half *h = &t->half[side], *other = &t->half[!side];
	if (h->state == HALF_SHUT)
		return true;
	uint64_t most = allowance(t);
	struct flow_way way = {
		.from = h->watch.fd,
		.to = other->watch.fd,
		.from_ready = &h->ready,
		.to_ready = &other->ready,
		.most = most,
		.record = t->record,
		.side = side,
	};
	enum flow_result result = flow_move(t->worker, &h->flow, &way);
	if (way.moved > 0 || way.sent > 0)
		t->busy = seconds(net_now(t->worker->loop));
	t->moved += way.moved;
	if (t->extras)
		brake_spend(&t->extras->brake, way.moved);
	return half_after(t, side, result);
}

/* ---- the server name ---------------------------------------------------------------------- */

static bool sni_differs(const struct tunnel *t, struct slice sni)
{
	return sni.len > 0 && !slice_equal_nocase(sni, slice_of(t->extras->host));
}

/* False: the tunnel is gone. */
static bool judge_sni(struct tunnel *t, struct slice sni)
{
	if (!sni_differs(t, sni))
		return true;
	char shown[160], text[400];
	escape_into(shown, sizeof shown, sni);
	snprintf(text, sizeof text, "the ClientHello names %s, CONNECT named another host", shown);
	if (t->config->sni == SNI_DENY) {
		tunnel_cut(t, "sni", text);
		return false;
	}
	record_why(t->record, RECORD_NOTED, "sni", text);
	return true;
}

/* Handshake, of version 3.x: whatever begins otherwise is held no longer. */
static bool may_be_hello(const struct flow *f)
{
	static const uint8_t begins[] = { 0x16, 0x03 };
	size_t len = f->held_len < sizeof begins ? f->held_len : sizeof begins;
	return len == 0 || memcmp(f->held + f->held_at, begins, len) == 0;
}

static bool sniffed_enough(const struct tunnel *t, struct slice *ret_sni)
{
	const struct flow *f = &t->half[CLIENT].flow;
	bool over = false;
	*ret_sni = record_sni(t->record, &over);
	return over || ret_sni->len > 0 || f->held_len >= SNIFF_MOST || !may_be_hello(f);
}

/* Gathers what the client says first, and passes nothing of it on before it is judged. False: the
 * tunnel is gone. */
static bool sniff(struct tunnel *t)
{
	struct half *h = &t->half[CLIENT];
	struct worker *w = t->worker;
	struct slice sni;
	while (!sniffed_enough(t, &sni)) {
		ssize_t got = net_recv(h->watch.fd, w->scratch, SNIFF_MOST);
		if (got == -EAGAIN) {
			h->ready &= (uint8_t)~NET_READABLE;
			return true;
		}
		if (got < 0)
			return half_failed(t, CLIENT);
		if (got == 0)
			break;
		t->moved += (uint64_t)got;
		record_bytes(t->record, CLIENT, (struct slice){ w->scratch, (size_t)got });
		uint8_t never = 0;
		int code;
		struct iovec part = { w->scratch, (size_t)got };
		if (!flow_send(&h->flow, -1, &never, &part, 1, &code))
			return half_after(t, CLIENT, FLOW_SHORT);
	}
	t->extras->sniffing = false;
	return judge_sni(t, sni);
}

/* ---- events ------------------------------------------------------------------------------- */

static bool is_sniffing(const struct tunnel *t)
{
	return t->extras && t->extras->sniffing;
}

static void tunnel_step(struct tunnel *t)
{
	if (is_sniffing(t) && !sniff(t))
		return;
	if (!is_sniffing(t) && !half_move(t, CLIENT))
		return;
	half_move(t, PROXY);
}

/* The last FIN is in, and nobody waits for what is to be done with it: that costs as much as
 * opening a tunnel. Who asked for one in this round has his connection by the next one, and goes
 * first. */
static void fin_waits(struct tunnel *t, enum trace_side side)
{
	t->half[side].waits = true;
	worker_turn(t->worker, &t->turn);
}

static void turn_comes(struct worker_turn *turn)
{
	struct tunnel *t = (struct tunnel *)((char *)turn - offsetof(struct tunnel, turn));
	bool waits = t->half[CLIENT].waits || t->half[PROXY].waits;
	t->half[CLIENT].waits = t->half[PROXY].waits = false;
	if (waits)
		worker_turn(t->worker, turn);
	else
		tunnel_step(t);
}

/* A RST behind a FIN that was read already: nobody reads any more what the other half sends. */
static bool reset_behind_fin(const struct half *h)
{
	return (h->ready & NET_FAILED) && h->state == HALF_SHUT;
}

static void side_ready(struct tunnel *t, enum trace_side side, unsigned what)
{
	t->half[side].ready |= (uint8_t)what;
	if (reset_behind_fin(&t->half[side]))
		half_failed(t, side);
	else if ((what & NET_HANGUP) && t->half[!side].state == HALF_SHUT)
		fin_waits(t, side);
	else
		tunnel_step(t);
}

static void client_side_ready(struct net_watch *w, unsigned what)
{
	side_ready((struct tunnel *)((char *)w - offsetof(struct tunnel, half[CLIENT].watch)),
		   CLIENT, what);
}

static void origin_side_ready(struct net_watch *w, unsigned what)
{
	side_ready((struct tunnel *)((char *)w - offsetof(struct tunnel, half[PROXY].watch)), PROXY,
		   what);
}

/* The next moment at which time alone ends it. */
static nanos deadline(const struct tunnel *t)
{
	nanos idle = t->config->timeout.idle, life = t->config->timeout.lifetime;
	nanos at = INT64_MAX;
	if (idle > 0)
		at = t->busy * NANOS_PER_SECOND + idle + NANOS_PER_SECOND;
	if (life > 0 && (t->begun + 1) * NANOS_PER_SECOND + life < at)
		at = (t->begun + 1) * NANOS_PER_SECOND + life;
	return at;
}

static void set_timer(struct tunnel *t)
{
	nanos at = deadline(t);
	if (at != INT64_MAX)
		net_timer_set(t->worker->loop, &t->timer, at);
}

/* One timer for all: it looks when it rings, instead of being set at every byte. */
static void timer_rings(struct net_timer *timer)
{
	struct tunnel *t = (struct tunnel *)((char *)timer - offsetof(struct tunnel, timer));
	nanos now = net_now(t->worker->loop), life = t->config->timeout.lifetime;
	if (life > 0 && now >= (t->begun + 1) * NANOS_PER_SECOND + life) {
		tunnel_cut(t, "timeout-lifetime", "the tunnel was open for as long as one may be");
		return;
	}
	if (now >= deadline(t)) {
		cut_idle(t);
		return;
	}
	set_timer(t);
	if (t->extras)
		tunnel_step(t); /* the brake may have let go; it sets the timer if not */
}

/* ---- the beginning ------------------------------------------------------------------------ */

/* NULL: none are needed; false: no memory. */
static bool add_extras(struct tunnel *t, const struct tunnel_start *start)
{
	const struct config *c = t->config;
	bool braked = c->limit.bandwidth_tunnel > 0 || c->limit.bandwidth_client > 0;
	bool sniffing = c->sni != SNI_OFF && start->is_connect;
	if (!braked && !sniffing)
		return true;
	size_t len = strlen(start->host);
	t->extras = calloc(1, sizeof *t->extras + len + 1);
	if (!t->extras)
		return false;
	memcpy(t->extras->host, start->host, len + 1);
	t->extras->sniffing = sniffing;
	t->extras->brake = (struct brake){
		.limits = t->worker->shared->limits,
		.client = t->limits,
		.own_rate = c->limit.bandwidth_tunnel,
		.client_rate = c->limit.bandwidth_client,
	};
	return true;
}

static bool send_early(struct tunnel *t, enum trace_side side, struct slice bytes)
{
	int code = 0;
	struct half *h = &t->half[side], *other = &t->half[!side];
	uint8_t held_back = 0; /* a hello that is to be judged waits */
	bool wait = side == CLIENT && t->extras && t->extras->sniffing;
	struct iovec part = { (void *)bytes.at, bytes.len };
	t->moved += bytes.len;
	if (bytes.len > 0)
		flow_prompt(&h->flow, other->watch.fd);
	return flow_send(&h->flow, other->watch.fd, wait ? &held_back : &other->ready, &part, 1,
			 &code);
}

/* The opening head, and what came with it from the origin (behind a 101), in one. */
static bool send_answer(struct tunnel *t, const struct tunnel_start *start)
{
	int code = 0;
	struct iovec part[2] = {
		{ (void *)start->answer.at, start->answer.len },
		{ (void *)start->from_origin.at, start->from_origin.len },
	};
	record_bytes(t->record, PROXY, start->answer);
	record_bytes(t->record, PROXY, start->from_origin);
	t->moved += start->from_origin.len;
	return flow_send(&t->half[PROXY].flow, t->half[CLIENT].watch.fd, &t->half[CLIENT].ready,
			 part, start->from_origin.len > 0 ? 2 : 1, &code);
}

static int watch_client(struct tunnel *t, const struct tunnel_start *start)
{
	struct net_watch *w = &t->half[CLIENT].watch;
	w->ready = client_side_ready;
	if (start->watched) {
		net_watch_move(t->worker->loop, start->client, w);
		return 0;
	}
	w->fd = start->client->fd;
	start->client->fd = -1;
	return net_watch_add(t->worker->loop, w);
}

void tunnel_start(struct tunnel *t, const struct tunnel_start *start)
{
	struct worker *w = t->worker;
	t->config = config_hold(w->config);
	t->record = start->record;
	t->limits = start->limits;
	t->half[CLIENT].ready = start->client_ready;
	t->half[PROXY].ready = start->origin_ready;
	t->timer.fire = timer_rings;
	t->turn.run = turn_comes;
	t->begun = t->busy = seconds(net_now(w->loop));
	link_in(t);
	metrics_add(&w->metrics.tunnels_open, 1);
	int watched = watch_client(t, start);
	record_sockets(t->record, t->half[CLIENT].watch.fd, t->half[PROXY].watch.fd);
	if (watched < 0 || !add_extras(t, start)) {
		tunnel_cut(t, "memory", "no memory was left to watch it");
		return;
	}
	record_bytes(t->record, CLIENT, start->from_client);
	if (!send_answer(t, start) || !send_early(t, CLIENT, start->from_client)) {
		half_failed(t, CLIENT);
		return;
	}
	set_timer(t);
	tunnel_step(t);
}

struct net_watch *tunnel_origin(struct tunnel *t)
{
	t->half[PROXY].watch.ready = origin_side_ready;
	return &t->half[PROXY].watch;
}
