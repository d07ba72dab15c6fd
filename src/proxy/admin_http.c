/* A visit: HTTP/1.1 as far as a door for one operator needs it. Whatever is odd is answered and
 * closed. */
#include "proxy/admin_visit.h"

#include <errno.h>
#include <stddef.h>

static const nanos HEAD_TIME = 10 * NANOS_PER_SECOND; /* for a whole request, or idle */
static const nanos WRITE_TIME = 30 * NANOS_PER_SECOND;
static const nanos MOMENT = NANOS_PER_SECOND;

static struct visit *of_watch(struct net_watch *w)
{
	return (struct visit *)w; /* its first member */
}

static void visit_go(struct visit *v, enum visit_state to)
{
	struct net_loop *loop = v->admin->loop;
	v->state = to;
	if (to == VISIT_GATHERING)
		net_timer_stop(loop, &v->timer);
	else
		net_timer_set(loop, &v->timer,
			      net_now(loop) + (to == VISIT_READING ? HEAD_TIME : WRITE_TIME));
}

void visit_gather(struct visit *v)
{
	visit_go(v, VISIT_GATHERING);
}

/* At once, or when it comes home. */
static void close_visit(struct visit *v)
{
	struct net_loop *loop = v->admin->loop;
	net_timer_stop(loop, &v->timer);
	net_watch_close(loop, &v->watch);
	if (v->state == VISIT_GATHERING)
		v->gone = true;
	else
		admin_forget(v);
}

void visit_stop(struct visit *v)
{
	struct net_loop *loop = v->admin->loop;
	uint8_t byte;
	v->keep = false;
	if (v->state != VISIT_READING)
		return;
	if (v->served && v->in.len == 0 && net_peek(v->watch.fd, &byte, 1) <= 0)
		close_visit(v);
	else
		net_timer_set(loop, &v->timer, net_now(loop) + MOMENT);
}

static void on_time(struct net_timer *t)
{
	close_visit((struct visit *)((char *)t - offsetof(struct visit, timer)));
}

/* ---- answers -------------------------------------------------------------------------------- */

enum turn { TURN_NEXT, TURN_WAIT, TURN_GONE };

static enum turn write_on(struct visit *v)
{
	while (v->written < v->out.len) {
		ssize_t n = net_send(v->watch.fd, v->out.at + v->written, v->out.len - v->written,
				     false);
		if (n == -EAGAIN)
			return TURN_WAIT;
		if (n <= 0)
			return TURN_GONE;
		v->written += (size_t)n;
	}
	v->served = true;
	if (!v->keep)
		return TURN_GONE;
	buffer_done(&v->out); /* it may have been large */
	buffer_init(&v->out, ADMIN_MAX_PAGE + 1024);
	v->written = 0;
	buffer_drop(&v->in, v->used);
	v->used = 0;
	visit_go(v, VISIT_READING);
	return TURN_NEXT;
}

void visit_answer(struct visit *v, unsigned status, const char *type)
{
	if (v->page.failed) { /* larger than all that is foreseen */
		buffer_reset(&v->page);
		status = 500;
	}
	const char *name = http_status_name(status);
	v->keep = v->keep && status < 500;
	buffer_printf(&v->out,
		      "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %u\r\n"
		      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		      "Connection: %s\r\n%s\r\n",
		      status, name ? name : "", type, v->page.len, v->keep ? "keep-alive" : "close",
		      status == 405 ? "Allow: GET, HEAD, POST\r\n" : "");
	if (!v->head_only)
		buffer_add(&v->out, buffer_slice(&v->page));
	buffer_done(&v->page);
	buffer_init(&v->page, ADMIN_MAX_PAGE);
	if (v->out.failed) {
		buffer_reset(&v->out);
		v->keep = false;
	}
	visit_go(v, VISIT_WRITING);
}

static void refuse(struct visit *v, unsigned status, const char *why)
{
	v->keep = false;
	buffer_printf(&v->page, "%s\n", why);
	visit_answer(v, status, "text/plain; charset=utf-8");
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A name that anybody may have pointed here is not ours; an address, and localhost, is. */
static bool is_own_host(const struct http_request *r)
{
	const struct http_field *f = http_find(&r->fields, SLICE("host"));
	struct address a;
	if (!f || http_find_next(&r->fields, SLICE("host"), f))
		return false;
	if (address_parse(f->value, &a))
		return true;
	struct slice host = slice_first(f->value, slice_find_byte(f->value, ':'));
	return host.len == 0 || slice_equal_nocase(host, SLICE("localhost"));
}

static void serve(struct visit *v, const struct http_request *r)
{
	bool get = slice_equal(r->method, SLICE("GET"));
	bool post = slice_equal(r->method, SLICE("POST"));
	v->keep = r->keep_alive && !v->admin->stopping;
	v->head_only = slice_equal(r->method, SLICE("HEAD"));
	if (!is_own_host(r))
		refuse(v, 421, "this door has no such name: ask by its address, or as localhost");
	else if (!get && !v->head_only && !post)
		refuse(v, 405, "GET and POST alone");
	else if (post && http_find(&r->fields, SLICE("origin")))
		refuse(v, 403, "not for pages in a browser");
	else if (r->form != HTTP_FORM_ORIGIN)
		refuse(v, 400, "a path is wanted: this is the admin door, not the proxy");
	else
		pages_serve(v, r);
}

/* Serves the request that is there, if it is whole. */
static bool take_request(struct visit *v)
{
	struct http_request r;
	struct http_bad bad;
	struct slice in = buffer_slice(&v->in);
	enum http_parse got = in.len ? http_read_request(in, &r, &bad) : HTTP_MORE;
	uint64_t body = got == HTTP_DONE && r.body == HTTP_BODY_LENGTH ? r.length : 0;
	v->head_only = false;
	if (got == HTTP_MORE && in.len < ADMIN_MAX_HEAD)
		return false;
	if (got == HTTP_MORE)
		refuse(v, 431, "the head is too long");
	else if (got == HTTP_BAD)
		refuse(v, 400, bad.why);
	else if (body > ADMIN_MAX_BODY || r.body == HTTP_BODY_CHUNKED || r.ambiguous)
		refuse(v, 413, "no body is wanted");
	else if (in.len < r.head_len + body)
		return false;
	else {
		v->used = r.head_len + (size_t)body;
		serve(v, &r);
	}
	return true;
}

static enum turn read_on(struct visit *v)
{
	if (take_request(v))
		return TURN_NEXT;
	uint8_t *room = buffer_reserve(&v->in, v->in.limit - v->in.len);
	ssize_t n = room ? net_recv(v->watch.fd, room, v->in.limit - v->in.len) : -ENOMEM;
	if (n == -EAGAIN)
		return TURN_WAIT;
	if (n <= 0)
		return TURN_GONE;
	v->in.len += (size_t)n;
	return TURN_NEXT;
}

void visit_go_on(struct visit *v)
{
	enum turn turn = TURN_NEXT;
	while (turn == TURN_NEXT && v->state != VISIT_GATHERING)
		turn = v->state == VISIT_READING ? read_on(v) : write_on(v);
	if (turn == TURN_GONE)
		close_visit(v);
}

static void on_ready(struct net_watch *w, unsigned what)
{
	struct visit *v = of_watch(w);
	if (what & NET_FAILED)
		close_visit(v);
	else
		visit_go_on(v);
}

void visit_begin(struct visit *v)
{
	v->watch.ready = on_ready;
	v->timer.fire = on_time;
	visit_go(v, VISIT_READING);
	if (net_watch_add(v->admin->loop, &v->watch) < 0)
		close_visit(v);
}
