/* Bodies: decode, move the content of one read together, frame it as one chunk. */
#include "proxy/body.h"

#include "http/forward.h"

#include <errno.h>
#include <stdio.h>

enum { SMALL = 64 << 10, ROUND_READS = 16 };

void body_init(struct body *b, enum http_body in, uint64_t length, enum body_out out, uint64_t most)
{
	*b = (struct body){
		.in = in,
		.out = out,
		.left = in == HTTP_BODY_LENGTH ? length : 0,
		.most = most > 0 ? most : UINT64_MAX,
		.ended = in == HTTP_BODY_NONE,
	};
	buffer_init(&b->trailer, BODY_MAX_TRAILER);
}

void body_done(struct worker *w, struct body *b)
{
	flow_done(w, &b->flow);
	buffer_done(&b->trailer);
}

/* ---- trailers ----------------------------------------------------------------------------- */

/* A field that may not stand behind the content is dropped (RFC 9110 section 6.5.1). */
static void add_trailers(const struct buffer *trailer, struct buffer *out)
{
	struct http_fields fields;
	struct http_bad bad;
	size_t used;
	if (trailer->len <= 2 ||
	    http_read_trailers(buffer_slice(trailer), &fields, &used, &bad) != HTTP_DONE)
		return;
	for (size_t i = 0; i < fields.count; i++) {
		if (!http_trailer_allowed(fields.field[i].name))
			continue;
		buffer_add(out, fields.field[i].name);
		buffer_add(out, SLICE(": "));
		buffer_add(out, fields.field[i].value);
		buffer_add(out, SLICE("\r\n"));
	}
}

static void add_end(const struct body *b, struct buffer *end)
{
	buffer_add_text(end, "0\r\n");
	add_trailers(&b->trailer, end);
	buffer_add_text(end, "\r\n");
}

/* The trailer section is kept until it is whole: most are two bytes. */
static enum body_result take_trailer(struct body *b, struct slice in, size_t *ret_used)
{
	struct http_fields fields;
	struct http_bad bad;
	size_t before = b->trailer.len, used = 0;
	buffer_add(&b->trailer, in);
	if (b->trailer.failed)
		return BODY_BAD;
	enum http_parse got = http_read_trailers(buffer_slice(&b->trailer), &fields, &used, &bad);
	*ret_used = got == HTTP_DONE ? used - before : in.len;
	if (got == HTTP_DONE)
		b->trailer.len = used;
	b->ended = got == HTTP_DONE;
	return got == HTTP_BAD || (b->ended && fields.dropped_fields > 0) ? BODY_BAD : BODY_WAIT;
}

/* ---- bytes in memory ---------------------------------------------------------------------- */

static enum body_result take_chunked(struct body *b, uint8_t *at, size_t len, size_t *ret_used,
				     size_t *ret_content)
{
	size_t used = 0, content = 0, n = 0;
	enum body_result result = BODY_WAIT;
	while (!b->trailing && used < len) {
		struct slice data;
		enum http_parse got =
			http_read_chunk_data(&b->chunks, (struct slice){ at + used, len - used },
					     &n, &data);
		if (got == HTTP_BAD)
			return BODY_BAD;
		if (data.len > 0)
			memmove(at + content, data.at, data.len);
		content += data.len;
		used += n;
		b->trailing = got == HTTP_DONE;
	}
	if (b->trailing && used < len) {
		result = take_trailer(b, (struct slice){ at + used, len - used }, &n);
		used += n;
	}
	*ret_used = used;
	*ret_content = content;
	return result;
}

static enum body_result take_content(struct body *b, uint8_t *at, size_t len, size_t *ret_used,
				     size_t *ret_content)
{
	if (b->in == HTTP_BODY_CHUNKED)
		return take_chunked(b, at, len, ret_used, ret_content);
	size_t n = len;
	if (b->in == HTTP_BODY_LENGTH) {
		n = b->left < len ? (size_t)b->left : len;
		b->left -= n;
		b->ended = b->left == 0;
	} else if (b->in == HTTP_BODY_NONE) {
		n = 0;
	}
	*ret_used = *ret_content = n;
	return BODY_WAIT;
}

/* The parts that carry `content` bytes at `at`, and the body's end where it was reached. */
static void frame(const struct body *b, uint8_t *at, size_t content, struct body_parts *p)
{
	p->part[1] = (struct iovec){ at, content };
	if (b->out == BODY_RAW)
		return;
	if (content > 0) {
		int n = snprintf(p->before, sizeof p->before, "%zx\r\n", content);
		p->part[0] = (struct iovec){ p->before, (size_t)n };
		buffer_add_text(p->end, "\r\n");
	}
	if (b->ended)
		add_end(b, p->end);
	p->part[2] = (struct iovec){ p->end->at, p->end->len };
}

enum body_result body_take(struct body *b, struct buffer *end, uint8_t *at, size_t len,
			   struct body_parts *ret_parts)
{
	size_t content = 0;
	*ret_parts = (struct body_parts){ .end = end };
	buffer_reset(end);
	if (b->in == HTTP_BODY_NONE)
		return BODY_DONE;
	enum body_result result = take_content(b, at, len, &ret_parts->used, &content);
	if (result != BODY_WAIT)
		return result;
	b->seen += content;
	if (b->seen > b->most)
		return BODY_TOO_LARGE;
	frame(b, at, content, ret_parts);
	if (end->failed)
		return BODY_SHORT;
	return b->ended ? BODY_DONE : BODY_WAIT;
}

/* ---- by copy and framing ------------------------------------------------------------------- */

static bool send_parts(struct body *b, struct flow_way *way, struct body_parts *p, int *ret_code)
{
	struct iovec part[3];
	int parts = 0;
	for (int i = 0; i < 3; i++)
		if (p->part[i].iov_len > 0)
			part[parts++] = p->part[i];
	if (way->side == PROXY)
		for (int i = 0; i < parts; i++)
			record_bytes(way->record, PROXY,
				     (struct slice){ part[i].iov_base, part[i].iov_len });
	return flow_send(&b->flow, way->to, way->to_ready, part, parts, ret_code);
}

static enum body_result write_taken(struct body *b, struct flow_way *way, struct body_parts *p)
{
	int code = 0;
	if (way->side == CLIENT)
		flow_prompt(&b->flow, way->to);
	if (!send_parts(b, way, p, &code))
		return code == -ENOMEM ? BODY_SHORT : BODY_WRITE_FAILED;
	return BODY_WAIT;
}

/* The sender's FIN: the end of a body that has no other, a cut for the rest. */
static enum body_result framed_fin(struct worker *w, struct body *b, struct flow_way *way)
{
	if (b->in != HTTP_BODY_CLOSE)
		return BODY_CUT;
	struct body_parts p = { .end = &w->end };
	buffer_reset(&w->end);
	b->ended = true;
	frame(b, w->scratch, 0, &p);
	return write_taken(b, way, &p);
}

static enum body_result framed_read(struct worker *w, struct body *b, struct flow_way *way,
				    const struct body_surplus *surplus)
{
	size_t ask = way->most < WORKER_SCRATCH ? (size_t)way->most : WORKER_SCRATCH;
	ssize_t got = net_recv(way->from, w->scratch, ask);
	if (got == -EAGAIN) {
		*way->from_ready &= (uint8_t)~NET_READABLE;
		return BODY_WAIT;
	}
	if (got <= 0)
		return got < 0 ? BODY_READ_FAILED : framed_fin(w, b, way);
	flow_bound(&b->flow, way, (size_t)got);
	if ((size_t)got < ask && !(*way->from_ready & (NET_HANGUP | NET_FAILED)))
		*way->from_ready &= (uint8_t)~NET_READABLE;
	if (way->side == CLIENT) /* in its own framing, before it is moved about */
		record_bytes(way->record, CLIENT, (struct slice){ w->scratch, (size_t)got });
	struct body_parts p;
	enum body_result result = body_take(b, &w->end, w->scratch, (size_t)got, &p);
	if (result != BODY_WAIT && result != BODY_DONE)
		return result;
	way->moved += p.used;
	way->most -= p.used;
	struct slice rest = { w->scratch + p.used, (size_t)got - p.used };
	if (rest.len > 0 && !surplus->keep(surplus->context, rest))
		return BODY_SHORT;
	return write_taken(b, way, &p);
}

static enum body_result flow_as_body(enum flow_result result)
{
	switch (result) {
	case FLOW_AGAIN:
		return BODY_AGAIN;
	case FLOW_FULL:
		return BODY_DONE;
	case FLOW_FIN:
		return BODY_CUT;
	case FLOW_READ_FAILED:
		return BODY_READ_FAILED;
	case FLOW_WRITE_FAILED:
		return BODY_WRITE_FAILED;
	case FLOW_SHORT:
		return BODY_SHORT;
	case FLOW_WAIT_READ:
	case FLOW_WAIT_WRITE:
		break;
	}
	return BODY_WAIT;
}

static bool can_read(const struct flow_way *way)
{
	return (*way->from_ready & (NET_READABLE | NET_HANGUP | NET_FAILED)) != 0;
}

static enum body_result move_framed(struct worker *w, struct body *b, struct flow_way *way,
				    const struct body_surplus *surplus)
{
	for (int reads = 0;; reads++) {
		enum flow_result flushed = flow_flush(&b->flow, way->to, way->to_ready);
		if (flushed != FLOW_FULL || b->ended)
			return flow_as_body(flushed);
		if (way->most == 0)
			return BODY_BRAKED;
		if (!can_read(way))
			return BODY_WAIT;
		if (reads == ROUND_READS)
			return BODY_AGAIN;
		enum body_result result = framed_read(w, b, way, surplus);
		if (result != BODY_WAIT)
			return result;
	}
}

/* ---- as it is ------------------------------------------------------------------------------ */

static uint64_t raw_most(const struct body *b)
{
	if (b->ended)
		return 0;
	uint64_t most = b->in == HTTP_BODY_LENGTH ? b->left : UINT64_MAX;
	uint64_t room = b->most - b->seen;
	/* one byte more than allowed shows that there is more */
	return room < most ? room + 1 : most;
}

static enum body_result move_raw(struct worker *w, struct body *b, struct flow_way *way)
{
	uint64_t allowed = way->most, body = raw_most(b), before = way->moved;
	way->most = body < allowed ? body : allowed;
	way->copy = b->in == HTTP_BODY_LENGTH && b->left <= SMALL;
	enum flow_result result = flow_move(w, &b->flow, way);
	uint64_t moved = way->moved - before;
	way->most = allowed - moved;
	b->seen += moved;
	if (b->in == HTTP_BODY_LENGTH)
		b->left -= moved;
	if (b->seen > b->most)
		return BODY_TOO_LARGE;
	if (result == FLOW_FIN && b->in == HTTP_BODY_CLOSE)
		b->ended = true;
	if (b->in == HTTP_BODY_LENGTH && b->left == 0)
		b->ended = true;
	if (b->ended && flow_is_empty(&b->flow))
		return result == FLOW_WRITE_FAILED ? BODY_WRITE_FAILED : BODY_DONE;
	return result == FLOW_FULL ? BODY_BRAKED : flow_as_body(result);
}

enum body_result body_move(struct worker *w, struct body *b, struct flow_way *way,
			   const struct body_surplus *surplus)
{
	if (b->ended && flow_is_empty(&b->flow))
		return BODY_DONE;
	if (b->out == BODY_CHUNKS || b->in == HTTP_BODY_CHUNKED)
		return move_framed(w, b, way, surplus);
	return move_raw(w, b, way);
}
