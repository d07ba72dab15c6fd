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

/* The negotiation of SOCKS 5 (RFC 1928, section 3) names its methods, and waits; what follows
 * begins with the version again, or with that of a login (RFC 1929). Version 4 asks at once, and a
 * name ends that. */
static bool begins_socks(struct slice s, uint64_t sent)
{
	if (s.len >= 3 && s.at[0] == 5 && s.at[1] > 0) {
		size_t greeting = 2U + s.at[1];
		return s.len == greeting
			       ? sent == greeting
			       : s.len > greeting && (s.at[greeting] == 5 || s.at[greeting] == 1);
	}
	return s.len >= 9 && s.at[0] == 4 && (s.at[1] == 1 || s.at[1] == 2) &&
	       (sent > s.len || s.at[s.len - 1] == 0);
}

static bool begins_hello(struct slice s)
{
	return s.len >= 6 && s.at[0] == 22 && s.at[1] == 3 && s.at[5] == 1;
}

/* That side's FIN or RST, whichever came first. */
static struct mark end_by(const struct stream *s, int side, bool *ret_reset)
{
	struct mark fin = feed_mark(&s->sent[side].fin), rst = feed_mark(&s->sent[side].rst);
	*ret_reset = mark_is(&rst) && (!mark_is(&fin) || rst.at < fin.at);
	return *ret_reset ? rst : fin;
}

/* What its client spoke from the first byte on, which is no HTTP; and was answered in HTTP, or by
 * the end of the connection. PROTO_NONE: none of that. */
static enum trace_protocol spoken(const struct stream *s)
{
	const struct stream_side *up = &s->sent[0], *down = &s->sent[1];
	struct slice said = { s->early[0], s->early_len[0] };
	struct slice answer = { s->early[1], s->early_len[1] };
	enum trace_protocol words = begins_hello(said)              ? PROTO_TLS
				    : begins_socks(said, up->bytes) ? PROTO_SOCKS
								    : PROTO_NONE;
	if (words == PROTO_NONE || s->began_late || up->syns == 0 || down->syns == 0)
		return PROTO_NONE;
	bool reset;
	struct mark theirs = end_by(s, 1, &reset), own = end_by(s, 0, &reset);
	bool ended = mark_is(&theirs) && (!mark_is(&own) || theirs.at < own.at);
	bool told = answer.len ? observe_guess(answer) == PROTO_HTTP : ended && down->bytes == 0;
	return told ? words : PROTO_NONE;
}

/* An attempt that failed, a connection in its middle that may be a tunnel, or one that speaks what
 * a plain proxy does not. */
static bool is_suspect(const struct feed *f, const struct stream *s)
{
	bool named = feed_is_named_proxy(f, &s->side[1]);
	if (f->options.has_proxy && !named)
		return false;
	/* more than SYNs from the client: it was answered, only the answer was not captured */
	bool only_syns = s->sent[0].packets <= s->sent[0].syns + s->sent[0].rsts;
	if (s->sent[0].syns > 0 && s->sent[1].syns == 0 && only_syns)
		return s->both_ways || s->icmp_count > 0 || s->sent[0].rsts == 0;
	return (s->began_late && looks_like_tls(s)) || spoken(s) != PROTO_NONE;
}

static void note_close(struct exchange *x, const struct stream *s)
{
	for (int side = 0; side < 2; side++) {
		bool reset;
		struct mark m = end_by(s, side, &reset);
		if (!mark_is(&m) || (x->closed && x->close.at <= m.at))
			continue;
		x->closed = true;
		x->closed_by = side == 0 ? CLIENT : PROXY;
		x->by_reset = reset;
		x->close = m;
	}
	if (x->closed)
		trace_add(x, x->by_reset ? EV_RST : EV_FIN, x->closed_by, &x->close, 0);
}

/* Of the answer its status is there, if no more. */
static void note_spoken(struct exchange *x, const struct stream *s, enum trace_protocol spoken)
{
	struct slice answer = { s->early[1], s->early_len[1] };
	if (spoken == PROTO_NONE)
		return;
	x->tunnel.inner = spoken;
	for (int side = CLIENT; side <= PROXY; side++)
		x->path[side].last_data = x->path[side].first_data; /* the last that is known */
	if (spoken == PROTO_TLS)
		x->hello = feed_mark(&s->sent[0].first_data);
	if (answer.len == 0)
		return;
	x->answer = PROTO_HTTP;
	x->answer_start = trace_keep(x, answer, answer.len);
	x->response_start = feed_mark(&s->sent[1].first_data);
	struct slice code = slice_first(slice_from(answer, sizeof "HTTP/1.1"), 3);
	uint64_t status;
	if (code.len == 3 && slice_parse_u64(code, 10, &status))
		x->response.status = (uint16_t)status;
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
		p->first_data = feed_mark(&s->sent[side].first_data);
		p->fin = feed_mark(&s->sent[side].fin);
		p->rst = feed_mark(&s->sent[side].rst);
	}
	x->frames = x->path[CLIENT].packets + x->path[PROXY].packets;
	if (s->began_late && looks_like_tls(s))
		x->tunnel.inner = PROTO_TLS;
	else
		note_spoken(x, s, spoken(s));
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
