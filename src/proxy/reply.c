/* The proxy's own answers, on their way to the client. */
#include "proxy/client.h"

#include "base/escape.h"
#include "http/secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { MAX_REPLY = 128 << 10 };

void reply_text(struct job *j, const char *format, ...)
{
	char raw[JOB_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(raw, sizeof raw, format, args);
	va_end(args);
	escape_into(j->text, sizeof j->text, slice_of(raw));
}

/* Is what the client still has to send of this request here already, so that the next one can be
 * found behind it? */
static bool skip_body(struct job *j)
{
	const struct http_request *r = &j->request;
	if (r->body == HTTP_BODY_NONE)
		return true;
	if (r->body != HTTP_BODY_LENGTH || j->in_at != r->head_len ||
	    r->length > j->in_len - j->in_at)
		return false;
	j->in_at += (uint32_t)r->length;
	return true;
}

/* RFC 9931: behind a CONNECT that was refused there may be bytes that were meant for a tunnel. */
static bool can_go_on(const struct client *c)
{
	struct job *j = c->job;
	j->all_read = j->understood && (j->begun ? j->up.ended : skip_body(j));
	return j->all_read && j->request.keep_alive && j->request.form != HTTP_FORM_AUTHORITY &&
	       !c->worker->draining;
}

static void start_writing(struct client *c)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	struct iovec part = { w->out.at, w->out.len };
	int code;
	if (w->out.failed) {
		client_drop(c);
	} else if (!flow_send(&j->down.flow, c->watch.fd, &c->ready, &part, 1, &code)) {
		client_is_gone(c, code);
	} else {
		record_bytes(j->record, PROXY, buffer_slice(&w->out));
		client_go(c, CLIENT_ANSWER);
	}
	buffer_reset(&w->out);
}

void reply_send(struct client *c, const struct reply *r)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	const char *text = r->text ? r->text : j->text;
	reach_stop(j);
	origin_close(j->origin);
	j->origin = NULL;
	j->close = !can_go_on(c);
	struct answer a = {
		.why = r->why,
		.text = text,
		.proxy = c->config->name,
		.fields = r->fields,
		.date = worker_date(w),
		.request = j->understood ? &j->request : NULL,
		.close = j->close,
		.timed_out_dns = r->timed_out_dns,
	};
	buffer_reset(&w->out);
	answer_write(&a, &w->out);
	record_why(j->record, RECORD_ANSWER, answer_name(r->why), text);
	start_writing(c);
}

void reply_refuse(struct client *c, enum answer_why why, const char *text)
{
	reply_send(c, &(struct reply){ .why = why, .text = text });
}

bool reply_step(struct client *c)
{
	struct job *j = c->job;
	struct flow *f = &j->down.flow;
	enum flow_result result = flow_flush(f, c->watch.fd, &c->ready);
	if (result == FLOW_FULL) {
		client_finish(c);
		return true;
	}
	if (result == FLOW_WRITE_FAILED) {
		record_closed(j->record, EV_RST, CLIENT);
		client_drop(c);
		return true;
	}
	if (!client_watch(c)) {
		client_drop(c);
		return true;
	}
	return false;
}

/* ---- at the door --------------------------------------------------------------------------- */

static void log_refusal(struct worker_listener *l, const struct address *peer, struct slice request,
			const struct answer *a)
{
	struct worker *w = l->worker;
	struct record *r = record_begin(w->recorder, peer, &l->at, net_now(w->loop), false);
	record_bytes(r, CLIENT, request);
	record_bytes(r, PROXY, buffer_slice(&w->out));
	record_why(r, RECORD_ANSWER, answer_name(a->why), a->text);
	record_closed(r, EV_FIN, PROXY);
	record_end(r, NULL, NULL);
}

/* Whoever can't be let in is told, if that costs nothing: what came is read, so that closing is no
 * RST, which would destroy the answer. */
void reply_tell(struct worker_listener *l, int fd, const struct address *peer, enum answer_why why,
		const char *text)
{
	struct worker *w = l->worker;
	struct answer a = {
		.why = why,
		.text = text,
		.proxy = w->config->name,
		.close = true,
		.date = worker_date(w),
	};
	ssize_t got = net_recv(fd, w->scratch, WORKER_SCRATCH);
	buffer_reset(&w->out);
	answer_write(&a, &w->out);
	if ((got > 0 || got == -EAGAIN) && !w->out.failed)
		net_send(fd, w->out.at, w->out.len, false);
	if (got > 0)
		log_refusal(l, peer, (struct slice){ w->scratch, (size_t)got }, &a);
	buffer_reset(&w->out);
	net_shut(fd);
	net_close(fd);
	metrics_add(&w->metrics.turned_away, 1);
}

/* ---- TRACE and OPTIONS that end here -------------------------------------------------------- */

/* The request as it came, but for what is nobody's business (RFC 9110 section 9.3.8). */
static void add_message(const struct http_request *r, struct buffer *out)
{
	buffer_add(out, r->method);
	buffer_add_byte(out, ' ');
	buffer_add(out, r->target);
	buffer_printf(out, " HTTP/1.%u\r\n", r->minor);
	for (size_t i = 0; i < r->fields.count; i++) {
		const struct http_field *f = &r->fields.field[i];
		if (http_is_secret_field(f->name))
			continue;
		buffer_add(out, f->name);
		buffer_add(out, SLICE(": "));
		buffer_add(out, f->value);
		buffer_add(out, SLICE("\r\n"));
	}
	buffer_add(out, SLICE("\r\n"));
}

void reply_trace(struct client *c)
{
	struct job *j = c->job;
	struct worker *w = c->worker;
	bool trace = slice_equal(j->request.method, SLICE("TRACE"));
	struct buffer message;
	buffer_init(&message, MAX_REPLY);
	if (trace)
		add_message(&j->request, &message);
	j->close = !can_go_on(c);
	buffer_reset(&w->out);
	buffer_add(&w->out, SLICE("HTTP/1.1 200 OK\r\n"));
	buffer_add(&w->out, worker_date(w));
	buffer_add(&w->out,
		   trace ? SLICE("Content-Type: message/http\r\n")
			 : SLICE("Allow: CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, "
				 "PUT, TRACE\r\n"));
	buffer_printf(&w->out, "Content-Length: %u\r\n", message.len);
	if (j->close)
		buffer_add(&w->out, SLICE("Connection: close\r\n"));
	else if (j->request.minor == 0)
		buffer_add(&w->out, SLICE("Connection: keep-alive\r\n"));
	buffer_add(&w->out, SLICE("\r\n"));
	buffer_add(&w->out, buffer_slice(&message));
	w->out.failed |= message.failed;
	buffer_done(&message);
	start_writing(c);
}
