/* A small server: it reads a head, writes a page, closes. */
#include "cli/check_door.h"

#include "cli/command.h"
#include "http/head.h"
#include "net/socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum { MAX_VISITS = 16, MAX_HEAD = 8 << 10, MAX_PAGE = 4 << 20 };

static const nanos PATIENCE = 10 * NANOS_PER_SECOND; /* for a whole visit */

/*   READING ──▶ WRITING ──▶ LINGERING ──▶ (closed)
 *
 * It lingers, its own end shut, until the peer has read all and closes, too: what comes in unread
 * at a close would be a reset, and could take the answer with it. */
enum state { READING, WRITING, LINGERING };

struct visit {
	struct net_watch watch; /* first */
	struct net_timer timer;
	struct door *door;
	struct visit *next;
	enum state state;
	struct buffer in, out;
	size_t written;
};

struct door {
	struct net_watch listener; /* first */
	struct net_loop *loop;
	struct door_pages pages;
	bool loopback;
	struct visit *visits;
	size_t count;
};

static void visit_end(struct visit *v)
{
	struct door *d = v->door;
	struct visit **at = &d->visits;
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	d->count--;
	net_timer_stop(d->loop, &v->timer);
	net_watch_close(d->loop, &v->watch);
	buffer_done(&v->in);
	buffer_done(&v->out);
	free(v);
}

static void on_time(struct net_timer *t)
{
	visit_end((struct visit *)((char *)t - offsetof(struct visit, timer)));
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer(struct visit *v, unsigned status, const char *type, struct slice page, bool head)
{
	buffer_printf(&v->out,
		      "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		      "Connection: close\r\n%s\r\n",
		      status, http_status_name(status), type, page.len,
		      status == 405 ? "Allow: GET, HEAD\r\n" : "");
	if (!head)
		buffer_add(&v->out, page);
	v->state = WRITING;
}

static void say(struct visit *v, unsigned status, const char *text)
{
	answer(v, status, "text/plain; charset=utf-8", slice_of(text), false);
}

static void serve_metrics(struct visit *v, bool head)
{
	const struct door_pages *pages = &v->door->pages;
	struct buffer page;
	buffer_init(&page, MAX_PAGE);
	pages->metrics(pages->context, &page);
	if (page.failed)
		say(v, 500, "out of memory\n");
	else
		answer(v, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_slice(&page),
		       head);
	buffer_done(&page);
}

/* A name that anybody may have made point here is not ours; an address, and localhost, is. */
static bool is_own_host(const struct http_request *r)
{
	const struct http_field *f = http_known(&r->fields, HTTP_HOST);
	struct address a;
	if (!f || http_find_next(&r->fields, SLICE("host"), f))
		return false;
	if (address_parse(f->value, &a))
		return true;
	return slice_equal_nocase(slice_first(f->value, slice_find_byte(f->value, ':')),
				  SLICE("localhost"));
}

static void serve(struct visit *v, const struct http_request *r)
{
	const struct door_pages *pages = &v->door->pages;
	bool head = slice_equal(r->method, SLICE("HEAD"));
	struct slice path = slice_first(r->target, slice_find_byte(r->target, '?'));
	if (v->door->loopback && !is_own_host(r))
		say(v, 421, "this door has no such name: ask by its address, or as localhost\n");
	else if (!head && !slice_equal(r->method, SLICE("GET")))
		say(v, 405, "GET and HEAD alone\n");
	else if (slice_equal(path, SLICE("/metrics")))
		serve_metrics(v, head);
	else if (!slice_equal(path, SLICE("/healthz")))
		say(v, 404, "there are /metrics and /healthz\n");
	else if (pages->healthy(pages->context))
		say(v, 200, "ok\n");
	else
		say(v, 503, "the last check failed, or there was none yet\n");
}

/* ---- a visit --------------------------------------------------------------------------------- */

static bool take_request(struct visit *v)
{
	struct http_request r;
	struct http_bad bad;
	enum http_parse got =
		v->in.len ? http_read_request(buffer_slice(&v->in), &r, &bad) : HTTP_MORE;
	if (got == HTTP_MORE && v->in.len < MAX_HEAD)
		return false;
	if (got == HTTP_DONE)
		serve(v, &r);
	else
		say(v, got == HTTP_BAD ? 400 : 431, "that is no request\n");
	return true;
}

/* Each step: 1, go on; 0, later; -1, it is over. */
static int read_on(struct visit *v)
{
	size_t left = v->in.limit - v->in.len;
	uint8_t *room = buffer_reserve(&v->in, left);
	ssize_t n = room ? net_recv(v->watch.fd, room, left) : -ENOMEM;
	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	v->in.len += (uint32_t)n;
	take_request(v);
	return 1;
}

static int write_on(struct visit *v)
{
	ssize_t n = net_send(v->watch.fd, v->out.at + v->written, v->out.len - v->written, false);
	if (n == -EAGAIN)
		return 0;
	if (n <= 0 || v->out.failed)
		return -1;
	v->written += (size_t)n;
	if (v->written < v->out.len)
		return 1;
	net_shut(v->watch.fd);
	v->state = LINGERING;
	return 1;
}

static int linger_on(struct visit *v)
{
	uint8_t any[1024];
	ssize_t n = net_recv(v->watch.fd, any, sizeof any);
	return n == -EAGAIN ? 0 : n > 0 ? 1 : -1;
}

static void on_ready(struct net_watch *w, unsigned what)
{
	static int (*const steps[])(struct visit * v) = { read_on, write_on, linger_on };
	struct visit *v = (struct visit *)w;
	int go = what & NET_FAILED ? -1 : 1;
	while (go > 0)
		go = steps[v->state](v);
	if (go < 0)
		visit_end(v);
}

static void let_in(struct door *d, int fd)
{
	struct visit *v = d->count < MAX_VISITS ? calloc(1, sizeof *v) : NULL;
	if (!v) {
		net_close(fd);
		return;
	}
	v->door = d;
	v->next = d->visits;
	d->visits = v;
	d->count++;
	v->watch = (struct net_watch){ .ready = on_ready, .fd = fd };
	v->timer.fire = on_time;
	buffer_init(&v->in, MAX_HEAD);
	buffer_init(&v->out, MAX_PAGE + 1024);
	net_timer_set(d->loop, &v->timer, net_now(d->loop) + PATIENCE);
	if (net_watch_add(d->loop, &v->watch) < 0)
		visit_end(v);
}

static void on_listener(struct net_watch *w, unsigned what)
{
	struct address peer;
	int fd = net_accept(w->fd, &peer);
	(void)what;
	if (fd >= 0)
		let_in((struct door *)w, fd);
}

/* ---- life ------------------------------------------------------------------------------------ */

bool door_read_address(const char *text, struct address *ret_address)
{
	struct address a = { .ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 } };
	struct slice s = slice_of(text), port = s;
	uint64_t n;
	if (port.len && port.at[0] == ':')
		port = slice_from(port, 1);
	if (slice_parse_u64(port, 10, &n) && n <= UINT16_MAX)
		a.port = (uint16_t)n;
	else if (!s.len || slice_find_byte(s, ':') == s.len || !address_parse(s, &a))
		return false;
	*ret_address = a;
	return true;
}

static void say_where(int fd)
{
	struct address at;
	struct buffer text;
	if (net_local(fd, &at) < 0)
		return;
	buffer_init(&text, 200);
	address_add(&text, &at);
	complain("metrics on http://%.*s/metrics", (int)text.len, (const char *)text.at);
	buffer_done(&text);
}

struct door *door_open(struct net_loop *loop, const struct address *at,
		       const struct door_pages *pages, struct error *err)
{
	struct door *d = calloc(1, sizeof *d);
	if (!d) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	int fd = net_listen(at, false, err);
	if (fd < 0) {
		free(d);
		return NULL;
	}
	d->loop = loop;
	d->pages = *pages;
	d->loopback = address_is_loopback(at);
	d->listener = (struct net_watch){ .ready = on_listener, .fd = fd };
	int code = net_watch_listener(loop, &d->listener);
	if (code == 0) {
		say_where(fd);
		return d;
	}
	err_set(err, code, "watch the door: %s", net_error_name(code));
	net_close(fd);
	free(d);
	return NULL;
}

void door_close(struct door *d)
{
	if (!d)
		return;
	for (struct visit *v = d->visits, *next; v; v = next) {
		next = v->next;
		visit_end(v);
	}
	net_watch_close(d->loop, &d->listener);
	free(d);
}
