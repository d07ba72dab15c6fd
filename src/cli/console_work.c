/* What the console has done by other rooms: walks by check, captures by capture and packet,
 * connections by host. */
#include "cli/console.h"

#include "check/check.h"
#include "cli/check.h"
#include "cli/connections.h"
#include "cli/decisive.h"
#include "cli/version.h"
#include "cli/which_proxy.h"
#include "console/json.h"
#include "capture/feed.h"
#include "packet/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXCHANGES = 64, MOST_TEXT = 64 << 20, WINDOW = 2048 };

/* ---- a walk -------------------------------------------------------------------------------- */

struct gathered {
	const struct console_walk *walk;
	struct exchange *exchange[MOST_EXCHANGES];
	size_t exchanges;
};

static void on_begin(void *context, enum check_step step)
{
	const struct gathered *d = context;
	d->walk->begin(d->walk->context, check_step_name(step));
}

static void on_stage(void *context, const struct check_stage *s)
{
	const struct gathered *d = context;
	d->walk->stage(d->walk->context, check_step_name(s->step), check_result_name(s->result),
		       s->took, s->seen);
}

static void on_exchange(void *context, struct exchange *x)
{
	struct gathered *d = context;
	if (d->exchanges < MOST_EXCHANGES)
		d->exchange[d->exchanges++] = x;
	else
		trace_free(x);
}

static int put(char *into, size_t size, struct slice s, const char *what, struct error *err)
{
	if (s.len >= size)
		return err_set(err, -E2BIG, "the %s has %zu bytes, more than %zu", what, s.len,
			       size - 1);
	memcpy(into, s.at ? (const void *)s.at : "", s.len);
	into[s.len] = 0;
	return 0;
}

/* The proxy that the settings name, as an argument of -x would name it. */
static int choose(const struct settings *s, struct check_proxy *p, struct error *err)
{
	if (!s->enabled)
		return err_set(err, -EINVAL,
			       "the proxy is not enabled: this host goes out directly");
	p->is = true;
	p->port = (uint16_t)s->port;
	snprintf(p->said, sizeof p->said, "of the settings");
	int code = put(p->host, sizeof p->host, s->host, "host", err);
	if (code == 0 && s->auth)
		code = put(p->user, sizeof p->user, s->user, "user's name", err);
	if (code == 0 && s->auth)
		code = put(p->password, sizeof p->password, s->password, "password", err);
	p->has_user = p->has_password = s->auth;
	return code;
}

static void give(const struct gathered *d)
{
	struct finding f;
	struct exchange *last = check_decisive(d->exchange, d->exchanges, &f);
	for (size_t i = 0; i < d->exchanges; i++)
		if (d->exchange[i] != last)
			d->walk->exchange(d->walk->context, d->exchange[i], false);
	if (last)
		d->walk->exchange(d->walk->context, last, true);
}

static int test(const struct settings *s, const char *url, bool head, nanos patience,
		const struct console_walk *walk, struct error *err)
{
	struct gathered d = { .walk = walk };
	struct check_proxy proxy = { 0 };
	_Atomic unsigned refusals =
		0; /* of this walk's password: each test is asked for by a person */
	struct check_owner owner = {
		.begin = on_begin, .stage = on_stage, .exchange = on_exchange, .context = &d
	};
	struct check_options o = { .url = url,
				   .proxy = &proxy,
				   .agent = "viaduct/" VIADUCT_VERSION,
				   .head = head,
				   .keep_heads = true,
				   .most = 1 << 20,
				   .patience = patience,
				   .refusals = &refusals };
	bool userinfo = false;
	int code = check_read_target(url, &o.target, &userinfo) && !userinfo
			   ? choose(s, &proxy, err)
			   : err_set(err, -EINVAL, "this is no URL to test");
	if (code == 0) {
		o.user = s->auth ? proxy.user : NULL;
		o.password = proxy.password;
		code = check_walk(&o, &owner, err);
	}
	explicit_bzero(&proxy, sizeof proxy);
	if (code == 0)
		give(&d);
	else
		for (size_t i = 0; i < d.exchanges; i++)
			trace_free(d.exchange[i]);
	return code;
}

/* ---- a capture ----------------------------------------------------------------------------- */

struct reader {
	void (*exchange)(void *context, struct exchange *x);
	void *context;
	struct trace_book *book;
};

static void on_given(void *context, struct exchange *x)
{
	struct reader *r = context;
	r->exchange(r->context, x);
}

static void on_found(void *context, struct exchange *x)
{
	struct reader *r = context;
	trace_book_add(r->book, x);
}

static void on_connection(void *context, const struct trace_connection *c)
{
	struct reader *r = context;
	trace_book_connection(r->book, c);
}

/* A feed with a book of its own, for one capture or one example of a text. */
static struct feed *begin(struct reader *r, const struct feed_options *options)
{
	struct feed_owner owner = { .exchange = on_found,
				    .connection = on_connection,
				    .context = r };
	r->book = trace_book_new(&(struct trace_book_options){ .window = WINDOW }, on_given, r);
	return r->book ? feed_new(options, &owner) : NULL;
}

static int end(struct reader *r, struct feed *feed, int code, struct error *err)
{
	if (feed)
		feed_finish(feed);
	else
		code = err_set(err, -ENOMEM, "out of memory");
	if (r->book)
		trace_book_finish(r->book);
	feed_free(feed);
	trace_book_free(r->book);
	r->book = NULL;
	return code;
}

static int read_packets(struct reader *r, struct capture *c, struct error *err)
{
	const struct feed_options options = { .keep_heads = true };
	struct feed *feed = begin(r, &options);
	struct capture_batch *b = capture_batch_new();
	int code = b ? 1 : err_set(err, -ENOMEM, "out of memory");
	while (feed && code > 0) {
		code = capture_read(c, b, err);
		for (size_t i = 0; code > 0 && i < b->count; i++)
			feed_packet(feed, &b->packet[i], 0, 1);
	}
	capture_batch_free(b);
	return end(r, feed, code, err);
}

static int read_example(struct reader *r, const struct packet_text *text,
			const struct packet_example *e, struct error *err)
{
	const struct feed_options options = { .keep_heads = true, .text = text, .example = e };
	struct feed *feed = begin(r, &options);
	for (size_t i = 0, n = 0; feed && (i < e->count || n < e->notes);) {
		bool note = n < e->notes && (i == e->count || e->note[n].at < e->segment[i].at);
		if (note)
			feed_note(feed, &e->note[n++]);
		else
			feed_segment(feed, &e->segment[i++]);
	}
	return end(r, feed, 0, err);
}

static int read_text(struct reader *r, struct capture *c, struct error *err)
{
	struct slice bytes;
	int code = capture_read_text(c, MOST_TEXT, &bytes, err);
	if (code < 0)
		return code;
	struct packet_text *text = packet_text_read(bytes);
	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	size_t count = packet_text_count(text);
	if (count == 0)
		code = err_set(err, -EINVAL,
			       "%s: text, but nothing in it looks like packets of tcpdump or "
			       "Wireshark, nor like an HTTP exchange",
			       capture_name(c));
	for (size_t i = 0; code == 0 && i < count; i++)
		code = read_example(r, text, packet_text_example(text, i), err);
	packet_text_free(text);
	return code;
}

static int read_capture(int fd, const char *name,
			void (*exchange)(void *context, struct exchange *x), void *context,
			struct error *err)
{
	struct reader r = { .exchange = exchange, .context = context };
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct capture *c = capture_open_as(path, name, err);
	if (!c)
		return err->code == -ENOENT ? err_set(err, -EIO, "/proc is not there") : err->code;
	int code =
		capture_kind(c) == CAPTURE_TEXT ? read_text(&r, c, err) : read_packets(&r, c, err);
	capture_close(c);
	return code < 0 ? code : 0;
}

/* ---- connections --------------------------------------------------------------------------- */

static int connections(struct slice host, uint16_t port, struct buffer *out, struct error *err)
{
	struct which_proxy proxy = { .port = port };
	struct address address[WHICH_MOST_ADDRESSES];
	struct connections_page page;
	int count = put(proxy.host, sizeof proxy.host, host, "host", err);
	if (count == 0)
		count = which_proxy_resolve(&proxy, address, err);
	if (count < 0)
		return count;
	int code = connections_look(address, (size_t)count, &page, err);
	if (code < 0)
		return code;
	connections_show_json(out, &page);
	connections_done(&page);
	return out->failed ? err_set(err, -ENOMEM, "no memory for so many connections") : 0;
}

/* ---- profiles ------------------------------------------------------------------------------ */

static void add_profile(void *context, const char *name, const struct check_profile *p)
{
	struct buffer *out = context;
	json_open(out, NULL, '{');
	json_word(out, "name", name);
	json_word(out, "title", p->title ? p->title : name);
	json_word(out, "date", p->date ? p->date : "");
	json_open(out, "targets", '[');
	for (size_t i = 0; i < p->goals; i++) {
		if (!p->goal[i].url)
			continue;
		json_open(out, NULL, '{');
		json_word(out, "url", p->goal[i].url);
		json_word(out, "purpose", p->goal[i].purpose);
		json_bool(out, "head", p->goal[i].head);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
}

static void profiles(struct buffer *out)
{
	check_each_profile(add_profile, out);
}

const struct console_work CONSOLE_WORK = { test, read_capture, profiles, connections };
