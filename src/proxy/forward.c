/* A request on its way to an origin or a parent, and the answer on its way back.
 *
 *   up:    OPEN ──▶ DONE               down:    HEAD ──▶ BODY ──▶ DONE
 *             └───▶ BROKEN
 *
 * Both go at once: an origin may answer before it has heard all. What it then does not want to hear
 * is not sent, and the client's connection ends with that answer, since nobody could tell any more
 * where its next request begins. */
#include "proxy/client.h"

#include "http/forward.h"
#include "http/refuse.h"
#include "proxy/parent.h"
#include "proxy/proxy_header.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { GONE_SECONDS = 5, HELD_SECONDS = 1 };

enum { BRAKE_TICK_MS = 100 };

/* ---- time ---------------------------------------------------------------------------------- */

static bool awaits_answer(const struct job *j)
{
	return j->down_state == DOWN_HEAD && j->up_state != UP_OPEN;
}

/* A client that has ended its half may still read, but most that did so have gone: for long nobody
 * waits in their stead. */
static nanos patience(const struct job *j)
{
	nanos from = j->busy > j->ended ? j->busy : j->ended;
	return j->ended == NO_TIME ? INT64_MAX : from + GONE_SECONDS * NANOS_PER_SECOND;
}

/* What counts is when something moved last. */
static nanos deadline(const struct client *c)
{
	const struct job *j = c->job;
	const struct config *f = c->config;
	bool waiting = awaits_answer(j);
	nanos span = waiting ? f->timeout.answer : f->timeout.idle;
	nanos from = waiting && j->asked != NO_TIME ? j->asked : j->busy;
	nanos at = span > 0 ? from + span : INT64_MAX, gone = patience(j);
	if (j->held)
		return j->busy + HELD_SECONDS * NANOS_PER_SECOND;
	return gone < at ? gone : at;
}

static void set_timer(struct client *c)
{
	nanos at = deadline(c);
	if (at == INT64_MAX)
		net_timer_stop(c->worker->loop, &c->timer);
	else
		net_timer_set(c->worker->loop, &c->timer, at);
}

/* ---- the request's head -------------------------------------------------------------------- */

static void add_proxy_header(const struct client *c, struct buffer *out)
{
	const struct job *j = c->job;
	if (j->parent && j->parent->send_proxy && j->origin->uses == 0)
		proxy_header_write(j->parent->send_proxy, &c->peer, &c->local, out);
}

static const char *via_of(const struct client *c)
{
	return c->config->via ? c->config->pseudonym : NULL;
}

static bool make_head(struct client *c)
{
	struct job *j = c->job;
	if (j->parent && !j->parent_credentials)
		j->parent_credentials = parent_basic(j->parent);
	struct http_forward_request f = {
		.request = &j->request,
		.via = via_of(c),
		.to_parent = j->parent != NULL,
		.parent_auth = slice_of(j->parent ? j->parent_credentials : NULL),
		.max_forwards = j->max_forwards,
	};
	struct buffer *out = &c->worker->out;
	buffer_reset(out);
	add_proxy_header(c, out);
	http_forward_request(&f, out);
	return !out->failed;
}

/* ---- a body that waits --------------------------------------------------------------------- */

/* Basic goes to a parent unasked. One that wants Digest says so in a 407, and then the request is
 * made again: which a body that is on its way would forbid. So the first one waits for the parent's
 * first word, and all of them at a parent that has never been content with Basic. */
static bool must_wait(const struct client *c)
{
	const struct job *j = c->job;
	const struct worker *w = c->worker;
	if (!j->parent || !j->parent->user || j->challenged || j->request.body == HTTP_BODY_NONE)
		return false;
	uint32_t bit = UINT32_C(1) << (j->parent - c->config->parent);
	return w->basic_generation != c->config->generation || !(w->basic_parents & bit);
}

static void is_content(struct client *c)
{
	const struct job *j = c->job;
	struct worker *w = c->worker;
	if (w->basic_generation != c->config->generation)
		w->basic_parents = 0;
	w->basic_generation = c->config->generation;
	w->basic_parents |= UINT32_C(1) << (j->parent - c->config->parent);
}

/* The head, and what of the body came with it, in one. */
static bool send_head(struct client *c)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	struct body_parts p;
	int code;
	struct slice early = { j->in + j->in_at, j->held ? 0 : j->in_len - j->in_at };
	enum body_result result = body_take(&j->up, &w->end, (uint8_t *)early.at, early.len, &p);
	if (result != BODY_WAIT && result != BODY_DONE) {
		reply_text(j, "the body's chunks are broken");
		reply_send(c, &(struct reply){ .why = result == BODY_TOO_LARGE
							      ? ANSWER_REQUEST_TOO_LARGE
							      : ANSWER_BAD_REQUEST });
		return false;
	}
	record_bytes(j->record, CLIENT, slice_first(early, p.used));
	struct iovec part[4] = { { w->out.at, w->out.len }, p.part[0], p.part[1], p.part[2] };
	j->in_at += (uint32_t)p.used;
	flow_prompt(&j->up.flow, j->origin->watch.fd);
	/* A kept connection that has ended meanwhile is seen when its answer is waited for. */
	if (!flow_send(&j->up.flow, j->origin->watch.fd, &j->origin->state, part, p.used ? 4 : 1,
		       &code)) {
		if (code == -ENOMEM)
			client_drop(c);
		else
			j->up_state = UP_BROKEN;
		return code != -ENOMEM;
	}
	return true;
}

static void release_body(struct client *c)
{
	struct job *j = c->job;
	j->held = false;
	buffer_reset(&c->worker->out); /* the head is gone */
	if (j->in_at < j->in_len)
		send_head(c);
}

static void origin_ready(void *user)
{
	client_run(user);
}

static bool brake(struct client *c)
{
	const struct config *f = c->config;
	c->job->brake = (struct brake){
		.limits = c->worker->shared->limits,
		.client = c->limits,
		.own_rate = f->limit.bandwidth_tunnel,
		.client_rate = f->limit.bandwidth_client,
	};
	return f->limit.bandwidth_tunnel > 0 || f->limit.bandwidth_client > 0;
}

void forward_begin(struct client *c)
{
	struct job *j = c->job;
	const struct http_request *r = &j->request;
	j->origin->user = c;
	j->origin->ready = origin_ready;
	j->up_state = UP_OPEN;
	j->down_state = DOWN_HEAD;
	j->busy = net_now(c->worker->loop);
	j->asked = j->ended = NO_TIME;
	j->braked = brake(c);
	j->begun = true;
	j->held = must_wait(c);
	record_sockets(j->record, c->watch.fd, j->origin->watch.fd);
	body_init(&j->up, r->body, r->length, r->body == HTTP_BODY_CHUNKED ? BODY_CHUNKS : BODY_RAW,
		  c->config->limit.request);
	client_go(c, CLIENT_FORWARD);
	if (!make_head(c)) {
		reply_send(c, &(struct reply){ .why = ANSWER_BUSY,
					       .text = "no memory was left for the request" });
		return;
	}
	send_head(c);
	buffer_reset(&c->worker->out);
	if (j->held)
		set_timer(c);
}

/* ---- the end, good and bad ----------------------------------------------------------------- */

static bool is_idempotent(struct slice method)
{
	static const char *const SAFE[] = { "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE" };
	for (size_t i = 0; i < sizeof SAFE / sizeof *SAFE; i++)
		if (slice_equal(method, slice_of(SAFE[i])))
			return true;
	return false;
}

/* A kept connection may end just when a request is on its way: then, and if it may be asked twice
 * (RFC 9110 section 9.2.2), it is, once. */
static bool can_retry(const struct job *j)
{
	return j->origin->uses > 0 && !j->said && !j->retried && j->up.seen == 0 &&
	       is_idempotent(j->request.method);
}

static void retry(struct client *c)
{
	struct job *j = c->job;
	origin_close(j->origin);
	j->origin = NULL;
	j->retried = true;
	body_done(c->worker, &j->up);
	buffer_reset(&j->partial);
	reach_again(c);
}

/* Before any of the answer was passed on. */
static void fail(struct client *c, enum answer_why why, const char *text)
{
	bool its_fault = why == ANSWER_ORIGIN_CLOSED || why == ANSWER_ORIGIN_BROKEN;
	if (c->job->parent && its_fault)
		why = ANSWER_PARENT;
	reply_send(c, &(struct reply){ .why = why, .text = text });
}

/* In the middle of the answer: the client must see that it is not whole. Where its framing shows
 * that, what it has is left to it; where only the connection's end tells, that end is a RST. */
static void cut(struct client *c, const char *why, const char *text)
{
	struct job *j = c->job;
	if (why)
		record_why(j->record, RECORD_CUT, why, text);
	origin_close(j->origin);
	j->origin = NULL;
	if (!j->delimited) {
		record_closed(j->record, EV_RST, PROXY);
		client_drop(c);
		return;
	}
	j->close = true;
	j->up_state = UP_BROKEN;
	client_go(c, CLIENT_ANSWER);
}

/* The origin ended or broke its connection. */
static void origin_ended(struct client *c, bool reset)
{
	struct job *j = c->job;
	if (j->down_state == DOWN_HEAD && can_retry(j)) {
		retry(c);
		return;
	}
	bool before = j->down_state == DOWN_HEAD;
	record_onward(j->record, reset ? ONWARD_RESET : ONWARD_CLOSED);
	reply_text(j, "the %s %s the connection %s", j->parent ? "parent proxy" : "origin",
		   reset ? "reset" : "closed",
		   before ? "before it had answered" : "in the middle of its answer");
	if (before)
		fail(c, ANSWER_ORIGIN_CLOSED, NULL);
	else
		cut(c, "origin-closed", j->text);
}

static void finish(struct client *c)
{
	struct job *j = c->job;
	struct origin *o = j->origin;
	bool whole = j->up_state == UP_DONE && j->up.ended;
	j->close |= !whole;
	j->all_read = j->up.ended;
	if (o && j->keep_origin && whole) {
		o->uses++;
		j->origin = NULL;
		record_sockets(j->record, c->watch.fd, -1);
		if (!o->private)
			origin_keep(o);
		else if (j->close)
			origin_close(o);
		else {
			c->bound = o;
			o->user = NULL;
		}
	}
	client_finish(c);
}

/* ---- the answer's head --------------------------------------------------------------------- */

/* Credentials that belong to the connection, not to the request (NTLM, Negotiate): it is nobody
 * else's from then on. */
static bool is_bound(const struct http_fields *fields, struct slice name)
{
	const struct http_field *f = NULL;
	while ((f = http_find_next(fields, name, f)) != NULL)
		if (slice_starts_nocase(f->value, SLICE("NTLM")) ||
		    slice_starts_nocase(f->value, SLICE("Negotiate")))
			return true;
	return false;
}

static bool must_be_private(const struct job *j, const struct http_response *r)
{
	return (j->parent && j->parent->send_proxy) ||
	       is_bound(&j->request.fields, SLICE("Authorization")) ||
	       is_bound(&r->fields, SLICE("WWW-Authenticate"));
}

static void begin_answer(struct client *c, const struct http_response *r)
{
	struct job *j = c->job;
	struct http_forward_response f = {
		.response = r,
		.via = via_of(c),
		.client_minor = j->request.minor,
		.date = worker_date(c->worker),
	};
	bool chunks = http_response_chunks(&f), request_whole = j->up.ended;
	bool by_close = !chunks && (r->body == HTTP_BODY_CLOSE || r->body == HTTP_BODY_CHUNKED);
	j->delimited = !by_close;
	j->close = !j->request.keep_alive || by_close || !request_whole || c->worker->draining ||
		   j->request.form == HTTP_FORM_AUTHORITY;
	j->keep_origin = r->keep_alive && r->body != HTTP_BODY_CLOSE;
	j->origin->private |= must_be_private(j, r);
	f.close = j->close;
	struct flow interim = j->down.flow; /* a 1xx may still be on its way */
	body_init(&j->down, r->body, r->length, chunks ? BODY_CHUNKS : BODY_RAW,
		  c->config->limit.response);
	j->down.flow = interim;
	j->down_state = DOWN_BODY;
	if (c->config->timeout.idle != c->config->timeout.answer)
		set_timer(c);
	buffer_reset(&c->worker->out);
	http_forward_response(&f, &c->worker->out);
}

/* The head, and what of the body came with it, in one. */
static void send_answer(struct client *c, uint8_t *rest, size_t len)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	struct body_parts p;
	int code;
	enum body_result result = body_take(&j->down, &w->end, rest, len, &p);
	if (result == BODY_BAD)
		p = (struct body_parts){ 0 };
	if (p.used < len)
		j->keep_origin = false; /* more than an answer: it is out of step */
	struct iovec part[4] = { { w->out.at, w->out.len }, p.part[0], p.part[1], p.part[2] };
	if (result == BODY_TOO_LARGE)
		part[2].iov_len = 0;
	for (int i = 0; i < 4 && j->record; i++)
		record_bytes(j->record, PROXY, (struct slice){ part[i].iov_base, part[i].iov_len });
	if (w->out.failed) {
		client_drop(c);
		return;
	}
	if (!flow_send(&j->down.flow, c->watch.fd, &c->ready, part,
		       result == BODY_BAD || result == BODY_TOO_LARGE || !p.used ? 1 : 4, &code)) {
		client_is_gone(c, code);
		return;
	}
	if (result == BODY_BAD)
		cut(c, "origin-broken", "the chunks of the origin's answer are broken");
	else if (result == BODY_TOO_LARGE)
		cut(c, "limit-response", "the answer is longer than one may be");
}

/* 1xx goes on as it comes, but not to a client that does not know it (RFC 9110 section 15.2). */
static bool pass_interim(struct client *c, const struct http_response *r)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	int code;
	if (j->request.minor == 0)
		return true;
	struct http_forward_response f = {
		.response = r,
		.via = via_of(c),
		.client_minor = j->request.minor,
	};
	buffer_reset(&w->out);
	http_forward_response(&f, &w->out);
	struct iovec part = { w->out.at, w->out.len };
	record_bytes(j->record, PROXY, buffer_slice(&w->out));
	if (w->out.failed || !flow_send(&j->down.flow, c->watch.fd, &c->ready, &part, 1, &code)) {
		client_drop(c);
		return false;
	}
	return true;
}

/* From now on the connection is no HTTP any more: 101, or a parent's 2xx to CONNECT. */
static void become_tunnel(struct client *c, const struct http_response *r, struct slice rest)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	bool connect = j->ask.connect;
	struct tunnel *t = tunnel_take(w);
	if (!t) {
		fail(c, ANSWER_BUSY, "no memory was left for a tunnel");
		return;
	}
	buffer_reset(&w->out);
	if (connect)
		buffer_add(&w->out, SLICE("HTTP/1.1 200 Connection established\r\n\r\n"));
	else
		http_forward_response(
			&(struct http_forward_response){
				.response = r,
				.via = via_of(c),
				.client_minor = j->request.minor,
			},
			&w->out);
	net_watch_move(w->loop, &j->origin->watch, tunnel_origin(t));
	client_leave_to(c, t,
			&(struct tunnel_start){
				.answer = buffer_slice(&w->out),
				.from_origin = rest,
				.origin_ready = j->origin->state,
				.is_connect = connect,
			});
}

/* A parent's 407 is ours to answer, once; it never reaches the client, whose password it is not. */
static void answer_parent(struct client *c, const struct http_response *r)
{
	struct job *j = c->job;
	char uri[JOB_HOST + 8];
	struct slice target = j->request.target;
	if (j->ask.connect) {
		snprintf(uri, sizeof uri, strchr(j->host, ':') ? "[%s]:%u" : "%s:%u", j->host,
			 j->port);
		target = slice_of(uri);
	}
	char *field = NULL;
	if (!j->challenged && j->up.seen == 0)
		field = parent_answer(j->parent, r, j->request.method, target);
	if (!field) {
		fail(c, ANSWER_PARENT, "the parent proxy does not take our credentials");
		return;
	}
	parent_forget(j->parent_credentials);
	j->parent_credentials = field;
	j->challenged = true;
	origin_close(j->origin); /* its page is not worth reading */
	j->origin = NULL;
	body_done(c->worker, &j->up);
	reach_again(c);
}

/* It is passed on, and the log says whose it is. */
static void refused_by_parent(struct job *j, const struct http_response *r)
{
	reply_text(j, "the parent proxy %s answered with %u", j->parent->host, r->status);
	record_why(j->record, RECORD_PARENT, "parent", j->text);
}

/* The final answer, or a 101. */
static void take_answer(struct client *c, const struct http_response *r, uint8_t *rest, size_t len)
{
	struct job *j = c->job;
	const char *no = http_refuse_response(r);
	if (j->parent && j->parent->user && !j->challenged && r->status != 407)
		is_content(c);
	uint64_t most = c->config->limit.response;
	if (no) {
		fail(c, ANSWER_ORIGIN_BROKEN, no);
	} else if (r->status == 101 && !http_wants_upgrade(&j->request)) {
		fail(c, ANSWER_ORIGIN_BROKEN, "101 to a request that asked for no other protocol");
	} else if (r->body == HTTP_BODY_TUNNEL) {
		become_tunnel(c, r, (struct slice){ rest, len });
	} else if (j->parent && r->status == 407) {
		answer_parent(c, r);
	} else if (most > 0 && r->body == HTTP_BODY_LENGTH && r->length > most) {
		reply_text(j, "the answer has %llu bytes, %llu may be",
			   (unsigned long long)r->length, (unsigned long long)most);
		fail(c, ANSWER_RESPONSE_TOO_LARGE, NULL);
	} else {
		if (j->parent && (j->ask.connect || parent_made(r)))
			refused_by_parent(j, r);
		begin_answer(c, r);
		send_answer(c, rest, len);
	}
}

/* Reads as many heads as are there. True: *ret_used bytes were used, and it is still HTTP_MORE. */
static bool read_heads(struct client *c, uint8_t *at, size_t len, size_t *ret_used)
{
	struct job *j = c->job;
	struct http_response *r = c->worker->response;
	struct http_bad bad;
	*ret_used = 0;
	while (*ret_used < len) {
		struct slice in = { at + *ret_used, len - *ret_used };
		enum http_parse got = http_read_response(in, j->request.method, r, &bad);
		if (got == HTTP_MORE)
			return true;
		if (got == HTTP_BAD) {
			reply_text(j, "%s, at byte %zu of the answer", bad.why, bad.at);
			fail(c, ANSWER_ORIGIN_BROKEN, NULL);
			return false;
		}
		*ret_used += r->head_len;
		if (r->status / 100 != 1 || r->status == 101) {
			take_answer(c, r, at + *ret_used, len - *ret_used);
			return false;
		}
		if (!pass_interim(c, r))
			return false;
		if (j->held)
			release_body(c);
		if (c->state != CLIENT_FORWARD)
			return false;
	}
	return true;
}

/* `got` bytes stand in the scratch buffer. */
static void take_head_bytes(struct client *c, size_t got)
{
	struct job *j = c->job;
	uint8_t *at = c->worker->scratch;
	size_t len = got, used;
	if (j->partial.len > 0) {
		buffer_add(&j->partial, (struct slice){ at, got });
		at = j->partial.at;
		len = j->partial.len;
	}
	if (j->partial.failed) {
		fail(c, ANSWER_ORIGIN_BROKEN, "the header of the answer is too long");
		return;
	}
	if (!read_heads(c, at, len, &used))
		return;
	if (at == j->partial.at)
		buffer_drop(&j->partial, used);
	else
		buffer_add(&j->partial, (struct slice){ at + used, len - used });
	if (j->partial.failed)
		fail(c, ANSWER_BUSY, "no memory was left for the answer's header");
}

static bool is_waiting(const struct client *c)
{
	return c->state == CLIENT_FORWARD && c->job->down_state == DOWN_HEAD;
}

static void read_answer(struct client *c)
{
	struct job *j = c->job;
	struct origin *o = j->origin;
	struct worker *w = c->worker;
	while (is_waiting(c) && j->origin == o) {
		if (flow_flush(&j->down.flow, c->watch.fd, &c->ready) != FLOW_FULL)
			return; /* a 1xx that the client does not read */
		if (!(o->state & (NET_READABLE | NET_HANGUP | NET_FAILED)))
			return;
		ssize_t got = net_recv(o->watch.fd, w->scratch, WORKER_ANSWER);
		if (got == -EAGAIN) {
			o->state &= (uint8_t)~NET_READABLE;
			return;
		}
		if (got <= 0) {
			origin_ended(c, got < 0);
			return;
		}
		if (got < WORKER_ANSWER && !(o->state & (NET_HANGUP | NET_FAILED)))
			o->state &= (uint8_t)~NET_READABLE;
		if (!j->said)
			record_origin_said(j->record);
		j->said = true;
		j->busy = net_now(w->loop);
		take_head_bytes(c, (size_t)got);
	}
}

/* ---- bodies -------------------------------------------------------------------------------- */

static bool keep_surplus(void *context, struct slice bytes)
{
	struct job *j = context;
	buffer_add(&j->surplus, bytes);
	return !j->surplus.failed;
}

static bool no_surplus(void *context, struct slice bytes)
{
	struct job *j = context;
	(void)bytes;
	j->keep_origin = false; /* it says more than an answer: it is out of step */
	return true;
}

/* Only once all of the request was sent does the time for the answer run. */
static void up_done(struct client *c)
{
	struct job *j = c->job;
	nanos now = net_now(c->worker->loop);
	j->up_state = UP_DONE;
	j->asked = now;
	set_timer(c);
}

static void wait_for_brake(struct client *c)
{
	net_timer_set(c->worker->loop, &c->timer,
		      net_now(c->worker->loop) + BRAKE_TICK_MS * NANOS_PER_MS);
}

/* The client's FIN or RST in the middle of its body. */
static void client_ended(struct client *c, bool reset)
{
	struct job *j = c->job;
	record_closed(j->record, reset ? EV_RST : EV_FIN, CLIENT);
	if (reset || j->down_state != DOWN_HEAD)
		client_drop(c);
	else
		fail(c, ANSWER_BAD_REQUEST, "the body ended before its end");
}

/* ... or behind it. */
static void half_closed(struct client *c)
{
	c->job->ended = net_now(c->worker->loop);
	record_closed(c->job->record, EV_FIN, CLIENT);
	set_timer(c);
}

static void after_up(struct client *c, enum body_result result)
{
	struct job *j = c->job;
	switch (result) {
	case BODY_DONE:
		up_done(c);
		break;
	case BODY_CUT:
		client_ended(c, false);
		break;
	case BODY_READ_FAILED:
		client_ended(c, true);
		break;
	case BODY_WRITE_FAILED:
		j->up_state = UP_BROKEN;
		break;
	case BODY_BAD:
	case BODY_TOO_LARGE:
		if (j->down_state != DOWN_HEAD)
			client_drop(c);
		else if (result == BODY_BAD)
			fail(c, ANSWER_BAD_REQUEST, "the body's chunks are broken");
		else
			fail(c, ANSWER_REQUEST_TOO_LARGE, "the body is longer than one may be");
		break;
	case BODY_SHORT:
		client_drop(c);
		break;
	case BODY_BRAKED:
		wait_for_brake(c);
		break;
	case BODY_WAIT:
	case BODY_AGAIN:
		break;
	}
}

static void after_down(struct client *c, enum body_result result)
{
	struct job *j = c->job;
	switch (result) {
	case BODY_DONE:
		j->down_state = DOWN_DONE;
		break;
	case BODY_CUT:
		origin_ended(c, false);
		break;
	case BODY_READ_FAILED:
		origin_ended(c, true);
		break;
	case BODY_WRITE_FAILED:
		record_closed(j->record, EV_RST, CLIENT);
		client_drop(c);
		break;
	case BODY_BAD:
		cut(c, "origin-broken", "the chunks of the origin's answer are broken");
		break;
	case BODY_TOO_LARGE:
		cut(c, "limit-response", "the answer is longer than one may be");
		break;
	case BODY_SHORT:
		record_why(j->record, RECORD_CUT, "memory",
			   "no memory was left for what its reader did not take");
		client_drop(c);
		break;
	case BODY_BRAKED:
		wait_for_brake(c);
		break;
	case BODY_WAIT:
	case BODY_AGAIN:
		break;
	}
}

/* True: there is more to do in the next round. */
static bool move(struct client *c, enum trace_side side)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	bool up = side == CLIENT;
	struct flow_way way = {
		.from = up ? c->watch.fd : j->origin->watch.fd,
		.to = up ? j->origin->watch.fd : c->watch.fd,
		.from_ready = up ? &c->ready : &j->origin->state,
		.to_ready = up ? &j->origin->state : &c->ready,
		.most = j->braked ? brake_level(&j->brake, net_now(w->loop)) : UINT64_MAX,
		.record = j->record,
		.side = side,
	};
	struct body_surplus surplus = { up ? keep_surplus : no_surplus, j };
	enum body_result result = body_move(w, up ? &j->up : &j->down, &way, &surplus);
	if (way.moved > 0 || way.sent > 0)
		j->busy = net_now(w->loop);
	if (j->braked)
		brake_spend(&j->brake, way.moved);
	if (up)
		after_up(c, result);
	else
		after_down(c, result);
	return result == BODY_AGAIN;
}

static bool is_forwarding(const struct client *c)
{
	return c->state == CLIENT_FORWARD && c->job->origin;
}

bool forward_step(struct client *c)
{
	struct job *j = c->job;
	bool more = false;
	if (j->up_state == UP_OPEN && !j->held)
		more |= move(c, CLIENT);
	else if (j->up_state != UP_OPEN && (c->ready & NET_HANGUP) && j->ended == NO_TIME)
		half_closed(c);
	if (is_forwarding(c) && j->down_state == DOWN_HEAD)
		read_answer(c);
	if (is_forwarding(c) && j->down_state == DOWN_BODY)
		more |= move(c, PROXY);
	if (is_forwarding(c) && j->down_state == DOWN_DONE)
		finish(c);
	if (c->state != CLIENT_FORWARD)
		return true;
	if (!client_watch(c)) {
		client_drop(c);
		return true;
	}
	if (more)
		worker_turn(c->worker, &c->turn);
	return false;
}

/* ---- what time brings ------------------------------------------------------------------------ */

static void answer_timed_out(struct client *c)
{
	struct job *j = c->job;
	reply_text(j, "%s did not answer within %lld s", j->parent ? "the parent proxy" : j->host,
		   (long long)(c->config->timeout.answer / NANOS_PER_SECOND));
	record_onward(j->record, ONWARD_SILENT);
	fail(c, ANSWER_ORIGIN_TIMEOUT, NULL);
}

static void stood_still(struct client *c)
{
	struct job *j = c->job;
	long long span = (long long)(c->config->timeout.idle / NANOS_PER_SECOND);
	if (j->down_state != DOWN_HEAD && flow_is_empty(&j->down.flow)) {
		cut(c, "timeout-idle", "nothing moved for the idle time-out");
	} else if (j->down_state != DOWN_HEAD) {
		record_untaken(j->record, PROXY);
		cut(c, "timeout-idle", "the client took nothing more for the idle time-out");
	} else if (flow_is_empty(&j->up.flow)) {
		reply_text(j, "nothing more of the request's body came for %lld s", span);
		fail(c, ANSWER_BODY_TIMEOUT, NULL);
	} else {
		reply_text(j, "%s took no more of the request's body for %lld s",
			   j->parent ? "the parent proxy" : j->host, span);
		record_onward(j->record, ONWARD_SILENT);
		fail(c, ANSWER_UPLOAD_TIMEOUT, NULL);
	}
}

/* It rings now and then, instead of being set at every byte. */
void forward_timer(struct client *c)
{
	struct job *j = c->job;
	nanos now = net_now(c->worker->loop);
	if (now < deadline(c)) {
		set_timer(c);
	} else if (j->held) {
		release_body(c);
		if (c->state == CLIENT_FORWARD)
			set_timer(c);
	} else if (now >= patience(j)) {
		client_drop(c);
	} else if (awaits_answer(j)) {
		answer_timed_out(c);
	} else {
		stood_still(c);
	}
}
