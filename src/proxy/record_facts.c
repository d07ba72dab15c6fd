/* The end of a record: what was not read, and what the proxy and the kernel alone know, put into
 * the exchange. */
#include "proxy/record_private.h"

#include "http/head.h"

/* Nothing in it was a request: what is known all the same. */
struct exchange *facts_bare(const struct record *r)
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
bool facts_complete(const struct record *r, struct exchange *x, const struct ending *e)
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
