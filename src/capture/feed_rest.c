/* Connections that carried no request: attempts that failed, those that were in their middle
 * already, and all that has nothing to do with a proxy. */
#include "capture/feed_private.h"

#include <string.h>

static bool looks_like_tls(const struct stream *s)
{
	for (int side = 0; side < 2; side++)
		if (observe_guess((struct slice){ s->early[side], s->early_len[side] }) ==
		    PROTO_TLS)
			return true;
	return false;
}

/* An attempt that failed, or a connection in its middle that may be a tunnel. */
static bool is_suspect(const struct feed *f, const struct stream *s)
{
	bool named = feed_is_named_proxy(f, &s->side[1]);
	if (f->options.has_proxy && !named)
		return false;
	/* more than SYNs from the client: it was answered, only the answer was not captured */
	bool only_syns = s->sent[0].packets <= s->sent[0].syns + s->sent[0].rsts;
	if (s->sent[0].syns > 0 && s->sent[1].syns == 0 && only_syns)
		return s->both_ways || s->icmp_count > 0 || s->sent[0].rsts == 0;
	return s->began_late && looks_like_tls(s);
}

static void note_close(struct exchange *x, const struct stream *s)
{
	for (int side = 0; side < 2; side++) {
		struct mark fin = feed_mark(&s->sent[side].fin),
			    rst = feed_mark(&s->sent[side].rst);
		const struct mark *m =
			mark_is(&rst) && (!mark_is(&fin) || rst.at < fin.at) ? &rst : &fin;
		if (!mark_is(m) || (x->closed && x->close.at <= m->at))
			continue;
		x->closed = true;
		x->closed_by = side == 0 ? CLIENT : PROXY;
		x->by_reset = m == &rst;
		x->close = *m;
	}
	if (x->closed)
		trace_add(x, x->by_reset ? EV_RST : EV_FIN, x->closed_by, &x->close, 0);
}

static void give_suspect(struct feed *f, const struct stream *s, enum trace_end end)
{
	struct exchange *x = trace_begin(TRACE_CAPTURE, 16384);
	if (!x || !trace_open_path(x)) {
		trace_free(x);
		return;
	}
	feed_set_ends(f, x, &s->side[0], &s->side[1]);
	feed_set_handshake(x, s, 0);
	feed_set_icmp(x, s, false);
	x->suspect = true;
	x->last = feed_mark(&s->last);
	for (int side = CLIENT; side <= PROXY; side++) {
		struct trace_path *p = &x->path[side];
		p->packets = s->sent[side].packets;
		p->bytes = x->bytes[side] = s->sent[side].bytes;
		p->mss = s->sent[side].mss;
		p->ttl = s->ttl[side];
		p->rst_ttl = s->rst_ttl[side];
		p->rsts = s->sent[side].rsts;
		p->fin = feed_mark(&s->sent[side].fin);
		p->rst = feed_mark(&s->sent[side].rst);
	}
	x->frames = x->path[CLIENT].packets + x->path[PROXY].packets;
	if (s->began_late && looks_like_tls(s))
		x->tunnel.inner = PROTO_TLS;
	note_close(x, s);
	x->end = end;
	bool waiting = end == TRACE_END_OVER || (f->options.live && end == TRACE_END_IDLE);
	x->observed_until = waiting && !x->closed ? f->now : s->last.at;
	trace_set_id(x);
	f->owner.exchange(f->owner.context, x);
}

/* Record header, handshake header, version: then the random. */
static void note_hello(struct trace_connection *c, const struct stream *s)
{
	enum { BEFORE_RANDOM = 11 };
	const uint8_t *e = s->early[0];
	if (s->early_len[0] < BEFORE_RANDOM + sizeof c->random || e[0] != 22 || e[5] != 1)
		return;
	c->hello = true;
	memcpy(c->random, e + BEFORE_RANDOM, sizeof c->random);
}

static void note_connection(struct feed *f, const struct stream *s)
{
	f->counts.ignored++;
	if (!f->owner.connection)
		return;
	struct trace_connection c = {
		.from = s->side[0],
		.to = s->side[1],
		.first = feed_mark(&s->first),
		.last = feed_mark(&s->last),
		.file = f->options.file,
		.syn_ack = feed_mark(&s->sent[1].syn),
		.reset = feed_mark(&s->sent[1].rst),
		.syns = s->sent[0].syns,
		.began_late = s->began_late,
		.closed_by_client = s->sent[0].fins > 0,
		.bytes = { s->sent[0].bytes, s->sent[1].bytes },
		.unreachable = s->icmp_count > 0 && s->icmp.kind == ICMP_UNREACHABLE,
	};
	note_hello(&c, s);
	f->owner.connection(f->owner.context, &c);
}

void feed_rest(struct feed *f, const struct stream *s, enum trace_end end)
{
	if (is_suspect(f, s))
		give_suspect(f, s, end);
	note_connection(f, s);
}
