/* trace: the timeline of one exchange, and what the book makes of several. */
#include "trace/book.h"
#include "trace/publish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- one exchange ---------------------------------------------------------------------------- */

static void add(struct exchange *x, enum event_kind kind, nanos at, uint64_t n)
{
	struct mark m = { .at = at, .frame = n };
	trace_add(x, kind, n & 1 ? PROXY : CLIENT, &m, n);
}

static void assert_in_order(const struct exchange *x)
{
	for (size_t i = 1; i < x->events; i++)
		assert_true(x->event[i - 1].mark.at <= x->event[i].mark.at);
}

static void a_new_exchange_knows_nothing(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CHECK, 65536);
	assert_non_null(x);
	assert_int_equal(x->source, TRACE_CHECK);
	const struct mark *const marks[] = { &x->first,
					     &x->last,
					     &x->syn,
					     &x->syn_ack,
					     &x->request_start,
					     &x->request_end,
					     &x->request_acked,
					     &x->response_start,
					     &x->response_end,
					     &x->hello,
					     &x->server_hello,
					     &x->tls_done,
					     &x->first_app_up,
					     &x->first_byte,
					     &x->close,
					     &x->icmp->mark,
					     &x->onward->first,
					     &x->onward->last,
					     &x->tunnel.first[CLIENT],
					     &x->tunnel.last[PROXY],
					     &x->path[CLIENT].fin,
					     &x->path[PROXY].rst,
					     &x->path[PROXY].stuck_first,
					     &x->path[PROXY].zero_window };
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		assert_false(mark_is(marks[i]));
	assert_true(x->rtt == NO_TIME && x->observed_until == NO_TIME);
	assert_true(x->request.body_length == UINT64_MAX && x->response.body_length == UINT64_MAX);
	assert_int_equal(x->answer, PROTO_NONE);
	assert_null(trace_first(x, EV_SYN));
	trace_free(x);
	trace_free(NULL);
	assert_null(trace_new(TRACE_CAPTURE, 100));
}

static void assert_slice(struct slice s, const char *want)
{
	if (!slice_equal(s, slice_of(want)))
		fail_msg("got \"%.*s\", wanted \"%s\"", (int)s.len, (const char *)s.at, want);
}

static void what_may_be_given_away_is_listed(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CHECK, 65536);
	struct trace_response *r = &x->response;
	x->request.target = SLICE("http://a.example/b?c=secret#d");
	x->request.head = SLICE("GET http://a.example/b?c=secret HTTP/1.1\r\nHost: a.example\r\n"
				"Cookie: secret\r\nProxy-Authorization: Basic secret\r\n\r\n");
	r->status = 302;
	r->location = SLICE("/d#secret");
	r->title = SLICE("secret");
	r->head = SLICE("HTTP/1.1 302 Why? not\nLOCATION:/d?secret\nX-Any: secret\n  secret\n"
			"Via: 1.1 p\n\n");
	trace_publish(x);
	assert_slice(x->request.target, "http://a.example/b?...");
	assert_slice(x->request.head,
		     "GET http://a.example/b?... HTTP/1.1\r\nHost: a.example\r\n"
		     "Proxy-Authorization: Basic ...\r\n(1 more, left out)\r\n\r\n");
	assert_slice(r->location, "/d?...");
	assert_slice(r->title, "");
	assert_slice(r->head, "HTTP/1.1 302 Why? not\r\nLOCATION: /d?...\r\nVia: 1.1 p\r\n"
			      "(2 more, left out)\r\n\r\n");
	r->status = 403;
	r->title = SLICE("the rule's name");
	trace_publish(x);
	assert_slice(r->title, "the rule's name");
	trace_free(x);
}

static void texts_lose_their_queries(void **state)
{
	(void)state;
	static const struct {
		const char *text, *left;
	} cases[] = {
		{ "", "" },
		{ "302 Found, to /a?b#c", "302 Found, to /a?..." },
		{ "why? so  http://a/#b https://a/?c d",
		  "why? so  http://a/?... https://a/?... d" },
		{ "?a", "?..." },
		{ "a#", "a#" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer out;
		buffer_init(&out, 1000);
		trace_publish_text(&out, slice_of(cases[i].text));
		assert_slice(buffer_slice(&out), cases[i].left);
		buffer_done(&out);
	}
}

static void paths_come_later(void **state)
{
	(void)state;
	struct exchange *x = trace_begin(TRACE_CAPTURE, 65536);
	assert_non_null(x);
	assert_null(x->path);
	assert_true(trace_open_path(x));
	assert_false(mark_is(&x->path[CLIENT].rst));
	trace_free(x);
}

static void a_path_is_lent_and_then_owned(void **state)
{
	(void)state;
	struct trace_path path[2];
	struct exchange *x = trace_begin(TRACE_CAPTURE, 65536);
	trace_lend_path(x, path);
	assert_ptr_equal(x->path, path);
	assert_false(mark_is(&x->path[PROXY].fin));
	x->path[PROXY].packets = 7;
	assert_true(trace_own_path(x));
	assert_ptr_not_equal(x->path, path);
	assert_int_equal(x->path[PROXY].packets, 7);
	trace_free(x);
	x = trace_begin(TRACE_CAPTURE, sizeof *x + 100);
	trace_lend_path(x, path);
	assert_false(trace_own_path(x));
	trace_free(x);
}

/* What came before is forgotten, however much memory it took. */
static void an_exchange_begins_where_one_was(void **state)
{
	(void)state;
	struct exchange *fresh = trace_begin(TRACE_PROXY, 65536);
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	struct mark m = { .at = 5, .frame = 3 };
	x->response.status = 200;
	x->tls->hello = true;
	for (int i = 0; i < 40; i++)
		trace_add(x, EV_LARGE, CLIENT, &m, 1);
	x->request.target = trace_keep(x, SLICE("a.example:443"), 100);
	x = trace_begin_again(x, TRACE_PROXY);
	assert_non_null(x);
	struct arena *own = x->arena;
	x->arena = fresh->arena;
	assert_memory_equal(x, fresh, sizeof *x);
	x->arena = own;
	trace_add(x, EV_SYN, CLIENT, &m, 1);
	assert_int_equal(x->events, 1);
	assert_ptr_equal(trace_first(x, EV_SYN), x->event);
	trace_free(x);
	trace_free(fresh);
}

static void events_are_in_order_of_time(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	add(x, EV_REQUEST, 30, 1);
	add(x, EV_FIN, 50, 2);
	add(x, EV_SYN, 10, 3);
	add(x, EV_LAST_DATA, 50, 4); /* in the same segment: data, then the FIN */
	add(x, EV_RESPONSE, 40, 5);
	add(x, EV_REQUEST, 30, 6); /* equal times stay as they came */
	static const uint64_t want[] = { 3, 1, 6, 5, 4, 2 };
	assert_int_equal(x->events, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(x->event[i].n, want[i]);
	assert_int_equal(trace_first(x, EV_REQUEST)->n, 1);
	assert_int_equal(trace_last(x, EV_REQUEST)->n, 6);
	assert_int_equal(trace_first_of(x, EV_REQUEST, CLIENT)->n, 6);
	assert_null(trace_first_of(x, EV_SYN, CLIENT));
	trace_free(x);
}

static void the_timeline_keeps_room_for_the_end(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	for (unsigned i = 0; i < 100; i++)
		add(x, EV_RETRANS, 100 - (nanos)i, i);
	assert_int_equal(x->events, TRACE_MAX_EVENTS - 8);
	assert_int_equal(x->events_dropped, 100 - (TRACE_MAX_EVENTS - 8));
	static const enum event_kind last[] = { EV_FIN, EV_RST, EV_NEXT, EV_END };
	for (unsigned i = 0; i < 10; i++)
		add(x, last[i % 4], 200 + (nanos)i, i);
	assert_int_equal(x->events, TRACE_MAX_EVENTS);
	assert_int_equal(x->events_dropped, 100 - (TRACE_MAX_EVENTS - 8) + 2);
	assert_non_null(trace_first(x, EV_END));
	assert_in_order(x);
	trace_free(x);
}

static void strings_are_cut_to_their_limits(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	char own[] = "hello";
	struct slice kept = trace_keep(x, slice_of(own), 4);
	memset(own, '#', 5);
	assert_true(slice_equal(kept, SLICE("hell")));
	static const uint8_t large[100000];
	assert_int_equal(trace_keep(x, (struct slice){ large, sizeof large }, SIZE_MAX).len, 0);
	trace_free(x);
}

static void ids_tell_exchanges_apart(void **state)
{
	(void)state;
	struct exchange *a = trace_new(TRACE_CAPTURE, 65536), *b = trace_new(TRACE_CAPTURE, 65536);
	a->client.port = b->client.port = 40000;
	a->first.at = b->first.at = 7;
	trace_set_id(a);
	trace_set_id(b);
	assert_int_equal(strlen(a->id), 16);
	assert_int_equal(strspn(a->id, "0123456789abcdef"), 16);
	assert_string_equal(a->id, b->id);
	b->order = 1;
	trace_set_id(b);
	assert_string_not_equal(a->id, b->id);
	b->order = 0;
	b->client.port++;
	trace_set_id(b);
	assert_string_not_equal(a->id, b->id);
	trace_free(a);
	trace_free(b);
}

static void every_kind_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < EV_COUNT_; i++)
		assert_true(trace_event_name((enum event_kind)i)[0]);
	for (int i = 0; i < PROTO_COUNT_; i++)
		assert_true(trace_protocol_name((enum trace_protocol)i)[0]);
	assert_string_equal(trace_scheme_name(SCHEME_NONE), "");
	for (int i = SCHEME_NONE + 1; i <= SCHEME_OTHER; i++)
		assert_true(trace_scheme_name((enum trace_scheme)i)[0]);
}

static void targets_have_a_host(void **state)
{
	(void)state;
	static const struct {
		const char *target, *host;
		unsigned port;
		enum { CONNECTS, ABSOLUTE, ORIGIN } form;
	} cases[] = {
		{ "a.example:443", "a.example", 443, CONNECTS },
		{ "a.example", "a.example", 0, CONNECTS },
		{ "[2001:db8::1]:443", "2001:db8::1", 443, CONNECTS },
		{ "[2001:db8::1]", "2001:db8::1", 0, CONNECTS },
		{ "a.example:99999", "a.example:99999", 0, CONNECTS },
		{ "http://a.example/x", "a.example", 80, ABSOLUTE },
		{ "https://a.example", "a.example", 443, ABSOLUTE },
		{ "HTTP://a.example:8080/x:9", "a.example", 8080, ABSOLUTE },
		{ "http://***@a.example:81/", "a.example", 81, ABSOLUTE },
		{ "http://[2001:db8::1]:8080/", "2001:db8::1", 8080, ABSOLUTE },
		{ "http://[2001:db8::1]/", "2001:db8::1", 80, ABSOLUTE },
		{ "http://a.example?x=http://b:1/", "a.example", 80, ABSOLUTE },
		{ "ftp://a.example/", "a.example", 0, ABSOLUTE },
		{ "/a:80", "", 0, ORIGIN },
		{ "***@a.example:443", "a.example", 443, CONNECTS },
		{ "2001:db8::1", "2001:db8::1", 0, CONNECTS },
		{ "http://2001:db8::1/", "2001:db8::1", 80, ABSOLUTE },
		{ "", "", 0, CONNECTS },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
		x->request.target = slice_of(cases[i].target);
		x->request.is_connect = cases[i].form == CONNECTS;
		x->request.absolute = cases[i].form == ABSOLUTE;
		uint16_t port = 7;
		struct slice host = trace_target_host(x, &port);
		if (!slice_equal(host, slice_of(cases[i].host)) || port != cases[i].port)
			fail_msg("%s: %.*s, %u", cases[i].target, (int)host.len,
				 (const char *)host.at, port);
		trace_free(x);
	}
}

/* ---- the book -------------------------------------------------------------------------------- */

static struct {
	struct exchange *x[64];
	size_t count;
} given;

static void on_given(void *context, struct exchange *x)
{
	(void)context;
	assert_true(given.count < 64);
	given.x[given.count++] = x;
}

static struct trace_book *open_book(struct trace_book_options options)
{
	given.count = 0;
	struct trace_book *b = trace_book_new(&options, on_given, NULL);
	assert_non_null(b);
	return b;
}

static void close_book(struct trace_book *b)
{
	for (size_t i = 0; i < given.count; i++)
		trace_free(given.x[i]);
	trace_book_free(b);
}

static struct address host(uint8_t number, uint16_t port)
{
	struct address a = { .port = port };
	a.ip[10] = a.ip[11] = 0xff;
	a.ip[12] = 10;
	a.ip[15] = number;
	return a;
}

enum { CLIENT_1 = 1, CLIENT_2, PROXY_1 = 50, PROXY_2, ORIGIN_1 = 90, ORIGIN_2 };

static struct mark at(double ms)
{
	return (struct mark){ .at = 1000 * NANOS_PER_SECOND + (nanos)(ms * 1e6), .frame = 1 };
}

static struct exchange *made(double ms, unsigned status)
{
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	assert_non_null(x);
	x->client = host(CLIENT_1, 40000);
	x->proxy = host(PROXY_1, 3128);
	x->first = x->request_start = x->request_end = at(ms);
	x->last = x->response_start = at(ms + 10);
	x->observed_until = x->last.at;
	x->request.method = SLICE("CONNECT");
	x->request.target = SLICE("a.example:443");
	x->request.is_connect = true;
	x->response.status = status;
	x->answer = status ? PROTO_HTTP : PROTO_NONE;
	x->response.complete = status != 0;
	trace_set_id(x);
	return x;
}

static struct exchange *made_retry(double ms)
{
	struct exchange *x = made(ms, 200);
	x->request.auth = SCHEME_BASIC;
	x->client.port++;
	trace_set_id(x);
	return x;
}

static void exchanges_come_in_order_of_their_start(void **state)
{
	(void)state;
	static const double starts[] = { 50, 10, 40, 20, 60, 30, 10 };
	struct trace_book *b = open_book((struct trace_book_options){ 0 });
	for (size_t i = 0; i < 7; i++)
		trace_book_add(b, made(starts[i], 200));
	assert_int_equal(given.count, 0);
	trace_book_finish(b);
	assert_int_equal(given.count, 7);
	for (size_t i = 1; i < 7; i++)
		assert_true(given.x[i - 1]->first.at <= given.x[i]->first.at);
	close_book(b);
}

static void what_overflows_the_window_comes_out(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ .window = 4 });
	for (size_t i = 0; i < 20; i++) {
		trace_book_add(b, made(1000 - 10 * (double)(i % 4), 200));
		assert_int_equal(given.count, i < 4 ? 0 : i - 3);
	}
	trace_book_finish(b);
	assert_int_equal(given.count, 20);
	close_book(b);
	b = open_book((struct trace_book_options){ .window = 4 });
	trace_book_add(b, made(1, 200)); /* a book that is dropped frees what it holds */
	trace_book_free(b);
}

static struct {
	nanos last;
	size_t count;
} told; /* of exchanges and records alike */

static void told_at(nanos start)
{
	assert_true(start >= told.last);
	told.last = start;
	told.count++;
}

static void tell_exchange(void *context, struct exchange *x)
{
	(void)context;
	told_at(x->first.at);
	trace_free(x);
}

static void tell_record(void *context, struct trace_record *r)
{
	(void)context;
	assert_int_equal(r->len, 2);
	assert_memory_equal(r->text, "{}", 2);
	told_at(r->start);
	free(r);
}

static struct trace_record *written_down(double ms)
{
	struct trace_record *r = malloc(sizeof *r + 2);
	assert_non_null(r);
	*r = (struct trace_record){ .start = at(ms).at, .frame = at(ms).frame, .len = 2 };
	memcpy(r->text, "{}", 2);
	return r;
}

static void records_take_their_turn(void **state)
{
	(void)state;
	static const double starts[] = { 50, 20, 40, 30, 60, 30, 60, 70, 80 };
	struct trace_book_options options = { .window = 3, .record = tell_record };
	struct trace_book *b = trace_book_new(&options, tell_exchange, NULL);
	assert_non_null(b);
	told.count = 0;
	told.last = 0;
	for (size_t i = 0; i < 9; i++) {
		if (i % 2)
			trace_book_record(b, written_down(starts[i]));
		else
			trace_book_add(b, made(starts[i], 200));
		assert_int_equal(told.count, i < 3 ? 0 : i - 2);
	}
	trace_book_finish(b);
	assert_int_equal(told.count, 9);
	trace_book_record(b, written_down(90)); /* a book that is dropped frees them too */
	trace_book_free(b);
}

static void unordered_waits_only_for_what_matters(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ .unordered = true });
	trace_book_add(b, made(10, 200));
	assert_int_equal(given.count, 1);
	trace_book_add(b, made(20, 407));
	assert_int_equal(given.count, 1);
	trace_book_finish(b);
	assert_int_equal(given.count, 2);
	assert_false(trace_book_concerns(given.x[0]));
	assert_true(trace_book_concerns(given.x[1]));
	close_book(b);
}

static void assert_linked(const struct exchange *challenge, const struct exchange *retry)
{
	assert_true(challenge->links.answered_challenge && retry->links.is_retry);
	assert_string_equal(challenge->links.other, retry->id);
	assert_string_equal(retry->links.other, challenge->id);
}

static void a_407_is_linked_to_its_retry_in_either_order(void **state)
{
	(void)state;
	for (int retry_first = 0; retry_first < 2; retry_first++) {
		struct trace_book *b = open_book((struct trace_book_options){ 0 });
		struct exchange *c = made(10, 407), *r = made_retry(30);
		trace_book_add(b, retry_first ? r : c);
		trace_book_add(b, retry_first ? c : r);
		trace_book_finish(b);
		assert_linked(given.x[0], given.x[1]);
		close_book(b);
	}
}

static void each_is_linked_once(void **state)
{
	(void)state;
	for (int order = 0; order < 4; order++) {
		struct trace_book *b = open_book((struct trace_book_options){ 0 });
		struct exchange *c[] = { made(10, 407), made(20, 407) };
		struct exchange *r[] = { made_retry(30), made_retry(40) };
		trace_book_add(b, order & 1 ? c[1] : c[0]);
		if (order & 2)
			trace_book_add(b, r[0]);
		trace_book_add(b, order & 1 ? c[0] : c[1]);
		if (!(order & 2))
			trace_book_add(b, r[0]);
		trace_book_add(b, r[1]);
		trace_book_finish(b);
		assert_int_equal(given.count, 4);
		for (size_t i = 0; i < 4; i++) {
			const struct exchange *x = given.x[i];
			assert_true(x->links.answered_challenge || x->links.is_retry);
			unsigned partners = 0;
			for (size_t k = 0; k < 4; k++)
				partners += strcmp(given.x[k]->links.other, x->id) == 0;
			assert_int_equal(partners, 1);
		}
		close_book(b);
	}
}

static void others_are_not_linked(void **state)
{
	(void)state;
	enum {
		OTHER_CLIENT,
		OTHER_PROXY,
		OTHER_PORT,
		OTHER_TARGET,
		OTHER_METHOD,
		BEFORE,
		LATE,
		ALL
	};
	for (int how = 0; how < ALL; how++) {
		struct trace_book *b = open_book((struct trace_book_options){ 0 });
		struct exchange *c = made(1000, 407), *r = made_retry(how == BEFORE ? 10
								      : how == LATE ? 400e3
										    : 1030);
		if (how == OTHER_CLIENT)
			r->client = host(CLIENT_2, 40001);
		if (how == OTHER_PROXY)
			r->proxy = host(PROXY_2, 3128);
		if (how == OTHER_PORT)
			r->proxy.port = 8080;
		if (how == OTHER_TARGET)
			r->request.target = SLICE("b.example:443");
		if (how == OTHER_METHOD)
			r->request.method = SLICE("GET");
		trace_book_add(b, c);
		trace_book_add(b, r);
		trace_book_finish(b);
		for (size_t i = 0; i < 2; i++)
			assert_false(given.x[i]->links.answered_challenge ||
				     given.x[i]->links.is_retry);
		close_book(b);
	}
}

static struct exchange *made_cut(double ms, uint64_t size, double age)
{
	struct exchange *x = made(ms, 200);
	x->response.complete = false;
	x->request.is_connect = false;
	x->request.absolute = true;
	x->request.method = SLICE("GET");
	x->response.body_bytes = size;
	x->closed = true;
	x->closed_by = PROXY;
	x->close = at(ms + age);
	return x;
}

static void transfers_cut_alike_are_counted(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ 0 });
	trace_book_add(b, made_cut(10, 100000, 500));
	trace_book_add(b, made_cut(20, 101000, 9000));
	trace_book_add(b, made_cut(30, 700000, 9100));
	struct exchange *other = made_cut(40, 100000, 500);
	other->proxy = host(PROXY_2, 3128);
	trace_book_add(b, other);
	struct exchange *whole = made_cut(50, 100000, 500);
	whole->response.complete = true;
	trace_book_add(b, whole);
	trace_book_finish(b);
	static const struct {
		unsigned size, age;
	} want[] = { { 1, 0 }, { 1, 1 }, { 0, 1 }, { 0, 0 }, { 0, 0 } };
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(given.x[i]->links.same_size_cuts, want[i].size);
		assert_int_equal(given.x[i]->links.same_age_cuts, want[i].age);
	}
	assert_int_equal(given.x[0]->links.cut_size, 100000);
	assert_true(given.x[1]->links.cut_age == 9000 * NANOS_PER_MS);
	close_book(b);
}

/* A server that leaves the closing alert out, asked for the same thing twice: no limit. One that is
 * torn within a record beside it: a limit. */
static struct exchange *made_tunnel(double ms, uint64_t size, uint32_t record_left)
{
	struct exchange *x = made_cut(ms, 0, 500);
	trace_open_tls(x);
	x->request.is_connect = true;
	x->tunnel.open = x->tls->done = true;
	x->tunnel.bytes[PROXY] = size;
	x->tls->record_left[PROXY] = record_left;
	return x;
}

static void whole_tunnels_of_one_size_are_no_cuts(void **state)
{
	(void)state;
	for (uint32_t left = 0; left < 2; left++) {
		struct trace_book *b = open_book((struct trace_book_options){ 0 });
		trace_book_add(b, made_tunnel(10, 51200, 0));
		trace_book_add(b, made_tunnel(900, 51200, 0));
		trace_book_add(b, made_tunnel(1800, 51200, left));
		trace_book_finish(b);
		static const unsigned torn[] = { 1, 1, 2 };
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(given.x[i]->links.same_size_cuts, left ? torn[i] : 0);
		close_book(b);
	}
}

/* ---- suspects -------------------------------------------------------------------------------- */

static struct exchange *made_suspect(double ms, struct address to)
{
	struct exchange *x = made(ms, 0);
	x->suspect = true;
	x->request.is_connect = false;
	x->request.method = x->request.target = (struct slice){ NULL, 0 };
	x->proxy = to;
	return x;
}

static void suspects_are_decided_at_the_end(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		uint8_t host;
		uint16_t port;
		bool traffic, named, accepted;
	} cases[] = {
		{ "the proxy itself", PROXY_1, 3128, true, false, true },
		{ "its host, another port", PROXY_1, 8081, true, false, true },
		{ "another host beside proxy traffic", PROXY_2, 3128, true, false, false },
		{ "nothing else known, a free port", PROXY_2, 3128, false, false, true },
		{ "nothing else known, a port that is another's", PROXY_2, 443, false, false,
		  false },
		{ "named", PROXY_2, 3128, false, true, true },
		{ "not named", PROXY_1, 8080, false, true, false },
		{ "named, beside another's traffic", PROXY_2, 3128, true, true, true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int traffic_first = 0; traffic_first < 2; traffic_first++) {
			struct trace_book_options options = { .has_proxy = cases[i].named,
							      .proxy = host(PROXY_2, 3128) };
			struct trace_book *b = open_book(options);
			if (cases[i].traffic && traffic_first)
				trace_book_add(b, made(10, 200));
			trace_book_add(b, made_suspect(5, host(cases[i].host, cases[i].port)));
			if (cases[i].traffic && !traffic_first)
				trace_book_add(b, made(10, 200));
			trace_book_finish(b);
			if (given.count != (size_t)cases[i].traffic + cases[i].accepted ||
			    trace_book_dismissed(b) != !cases[i].accepted)
				fail_msg("%s", cases[i].what);
			if (cases[i].accepted) {
				assert_true(given.x[0]->suspect);
				assert_int_equal(given.x[0]->links.capture_has_proxy,
						 cases[i].traffic);
				assert_int_equal(given.x[0]->links.proxy_named, cases[i].named);
			}
			close_book(b);
		}
	}
}

/* What else the client does, and what it says of its attempt to reach ORIGIN_1. */
struct besides {
	uint8_t to;
	uint16_t port;
	unsigned bytes; /* each way; none: nobody let it in */
	bool late, loopback;
};

#define TRIED(to, port)                                                                            \
	{                                                                                          \
		to, port, 0, false, false                                                          \
	}
#define TALKED(to, port)                                                                           \
	{                                                                                          \
		to, port, 100, false, false                                                        \
	}

static struct trace_connection made_besides(const struct besides *o, double ms)
{
	struct trace_connection c = { .from = host(CLIENT_1, 40000),
				      .to = host(o->to, o->port),
				      .bytes = { o->bytes, o->bytes },
				      .syns = !o->late,
				      .began_late = o->late };
	if (o->loopback)
		c.from.ip[12] = 127;
	c.first = c.last = at(ms);
	c.syn_ack = o->bytes && !o->late ? at(ms) : NO_MARK;
	return c;
}

static void what_else_a_client_does_tells(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		uint16_t port;
		bool accepted;
		struct besides besides[5];
	} cases[] = {
		{ "nothing else", 9000, true, { { 0 } } },
		{ "tries again", 9000, true, { TRIED(ORIGIN_1, 9000), TRIED(ORIGIN_1, 9000) } },
		{ "tries two more",
		  9000,
		  true,
		  { TRIED(ORIGIN_1, 9000), TRIED(ORIGIN_1, 9001), TRIED(ORIGIN_2, 9000) } },
		{ "tries many",
		  9000,
		  false,
		  { TRIED(ORIGIN_1, 9000), TRIED(ORIGIN_1, 9001), TRIED(ORIGIN_1, 9002),
		    TRIED(ORIGIN_2, 9000) } },
		{ "talks with somebody", 9000, false, { TALKED(ORIGIN_2, 389) } },
		{ "does, and the port is usual", 3128, true, { TALKED(ORIGIN_2, 389) } },
		{ "reaches the web", 3128, false, { TALKED(ORIGIN_2, 443) } },
		{ "talks at that very port", 8080, false, { TALKED(ORIGIN_1, 8080) } },
		{ "is in the middle of something",
		  9000,
		  true,
		  { { ORIGIN_2, 9000, 100, true, false } } },
		{ "another does", 9000, true, { { ORIGIN_2, 443, 100, false, true } } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct trace_book *b = open_book((struct trace_book_options){ 0 });
		trace_book_add(b, made_suspect(5, host(ORIGIN_1, cases[i].port)));
		for (size_t k = 0; k < 5 && cases[i].besides[k].to; k++) {
			struct trace_connection c = made_besides(&cases[i].besides[k], 6);
			trace_book_connection(b, &c);
		}
		trace_book_finish(b);
		if (given.count != cases[i].accepted)
			fail_msg("%s", cases[i].what);
		close_book(b);
	}
}

static void a_proxy_may_be_told(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ 0 });
	struct address proxy = host(PROXY_1, 443);
	trace_book_add(b, made_suspect(5, proxy));
	trace_book_proxy(b, &proxy);
	trace_book_finish(b);
	assert_int_equal(given.count, 1);
	assert_true(given.x[0]->links.proxy_elsewhere && given.x[0]->links.proxy_host_elsewhere);
	close_book(b);
}

/* ---- the proxy's own connections ------------------------------------------------------------- */

static struct trace_connection onward(double ms, uint8_t from, uint8_t to, uint16_t port)
{
	struct trace_connection c = { .from = host(from, 50000), .to = host(to, port), .syns = 3 };
	c.first = at(ms);
	c.last = at(ms + 5);
	c.syn_ack = c.reset = NO_MARK;
	return c;
}

static const struct exchange *onward_of_502(struct trace_book **ret_book,
					    const struct trace_connection *c, size_t count)
{
	*ret_book = open_book((struct trace_book_options){ 0 });
	for (size_t i = 0; i < count; i++)
		trace_book_connection(*ret_book, &c[i]);
	trace_book_add(*ret_book, made(10, 502));
	trace_book_finish(*ret_book);
	assert_int_equal(given.count, 1);
	return given.x[0];
}

static void the_proxys_own_connection_explains(void **state)
{
	(void)state;
	const struct {
		const char *what;
		struct trace_connection c[2];
		size_t count;
		uint8_t origin; /* 0: none was believed */
	} cases[] = {
		{ "its own address", { onward(12, PROXY_1, ORIGIN_1, 443) }, 1, ORIGIN_1 },
		{ "another address, alone", { onward(12, PROXY_2, ORIGIN_1, 443) }, 1, ORIGIN_1 },
		{ "another address, not alone",
		  { onward(12, PROXY_2, ORIGIN_1, 443), onward(13, CLIENT_2, ORIGIN_2, 443) },
		  2,
		  0 },
		{ "its own before another's",
		  { onward(12, PROXY_2, ORIGIN_1, 443), onward(13, PROXY_1, ORIGIN_2, 443) },
		  2,
		  ORIGIN_2 },
		{ "the first of its own",
		  { onward(14, PROXY_1, ORIGIN_1, 443), onward(13, PROXY_1, ORIGIN_2, 443) },
		  2,
		  ORIGIN_2 },
		{ "another port", { onward(12, PROXY_1, ORIGIN_1, 80) }, 1, 0 },
		{ "before the request", { onward(9, PROXY_1, ORIGIN_1, 443) }, 1, 0 },
		{ "long after the answer", { onward(500, PROXY_1, ORIGIN_1, 443) }, 1, 0 },
		{ "the client's own", { onward(12, CLIENT_1, ORIGIN_1, 443) }, 1, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct trace_book *b;
		const struct exchange *x = onward_of_502(&b, cases[i].c, cases[i].count);
		if (x->onward->seen != (cases[i].origin != 0) ||
		    (cases[i].origin && x->onward->origin.ip[15] != cases[i].origin))
			fail_msg("%s", cases[i].what);
		close_book(b);
	}
}

static void outcomes_of_own_connections(void **state)
{
	(void)state;
	const struct mark m = at(13);
	for (int want = ONWARD_ANSWERED; want <= ONWARD_CLOSED; want++) {
		struct trace_connection c = onward(12, PROXY_1, ORIGIN_1, 443);
		if (want == ONWARD_REFUSED || want == ONWARD_RESET)
			c.reset = m;
		if (want != ONWARD_REFUSED && want != ONWARD_UNANSWERED)
			c.syn_ack = m;
		c.bytes[PROXY] = want == ONWARD_ANSWERED ? 5 : 0;
		c.unreachable = want == ONWARD_UNREACHABLE;
		c.closed_by_client = want == ONWARD_SILENT;
		struct trace_book *b;
		assert_int_equal(onward_of_502(&b, &c, 1)->onward->outcome, want);
		close_book(b);
	}
}

static void a_hello_is_known_again(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ 0 });
	struct trace_connection c = onward(400, PROXY_2, ORIGIN_2, 8443);
	c.hello = true;
	memset(c.random, 7, sizeof c.random);
	struct exchange *x = made(10, 200);
	x->response.complete = false;
	x->tls->random_known = true;
	memset(x->tls->random, 7, sizeof x->tls->random);
	trace_book_connection(b, &c);
	trace_book_add(b, x);
	trace_book_finish(b);
	assert_true(given.x[0]->onward->seen);
	close_book(b);
}

/* ---- two captures of one path ---------------------------------------------------------------- */

static struct exchange *made_in(uint32_t file, double ms, uint8_t ttl)
{
	struct exchange *x = made(ms, 200);
	x->file = file;
	x->path[CLIENT].ttl = ttl;
	x->path[CLIENT].bytes = 100 + file;
	return x;
}

static void one_exchange_in_two_captures_is_one(void **state)
{
	(void)state;
	for (int far_first = 0; far_first < 2; far_first++) {
		struct trace_book *b = open_book((struct trace_book_options){ .several = true });
		struct exchange *near = made_in(0, 10, 64), *far = made_in(1, 25, 62);
		trace_book_add(b, far_first ? far : near);
		trace_book_add(b, far_first ? near : far);
		trace_book_finish(b);
		assert_int_equal(given.count, 1);
		assert_int_equal(given.x[0]->file, 0); /* the client's view stays */
		assert_true(given.x[0]->view->seen && given.x[0]->view->answered);
		assert_int_equal(given.x[0]->view->file, 1);
		assert_int_equal(given.x[0]->view->bytes[CLIENT], 101);
		close_book(b);
	}
}

static void name_isn(struct exchange *x, uint32_t isn)
{
	x->isn_known = true;
	x->isn[CLIENT] = isn;
	x->isn[PROXY] = 0x5ca1ab1e;
}

static void sequence_numbers_tell_behind_a_nat_and_another_clock(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ .several = true });
	struct exchange *near = made_in(0, 10, 64), *far = made_in(1, 7200e3, 62);
	far->client.port++;
	name_isn(near, 7);
	name_isn(far, 7);
	nanos start = near->first.at;
	trace_book_add(b, far);
	trace_book_add(b, near);
	trace_book_finish(b);
	assert_int_equal(given.count, 1);
	assert_true(given.x[0]->view->seen);
	assert_true(given.x[0]->first.at == start); /* by its own clock */
	close_book(b);
}

/* Captures that were written in turns: the same ports once more. */
static void other_sequence_numbers_are_another_connection(void **state)
{
	(void)state;
	for (int ms = 500; ms < 3000;
	     ms += 2000) { /* within a second a firewall may have hidden them */
		struct trace_book *b = open_book((struct trace_book_options){ .several = true });
		struct exchange *x = made_in(0, 10, 64), *y = made_in(1, 10 + ms, 62);
		name_isn(x, 7);
		name_isn(y, 8);
		trace_book_add(b, x);
		trace_book_add(b, y);
		trace_book_finish(b);
		assert_int_equal(given.count, ms < 1000 ? 1 : 2);
		close_book(b);
	}
}

static void two_captures_of_one_place_are_no_two_legs(void **state)
{
	(void)state;
	struct trace_book *b = open_book((struct trace_book_options){ .several = true });
	struct exchange *x = made_in(0, 10, 64), *y = made_in(1, 10, 64);
	x->syn = y->syn = at(1);
	x->syn_ack = y->syn_ack = at(9);
	y->frames = x->frames + 1;
	trace_book_add(b, x);
	trace_book_add(b, y);
	trace_book_finish(b);
	assert_int_equal(given.count, 1);
	assert_int_equal(given.x[0]->file, 1);
	assert_false(given.x[0]->view->seen);
	close_book(b);
}

static void a_view_that_ended_early_is_partial(void **state)
{
	(void)state;
	enum { NEITHER, PARTIAL, OUTLASTS, LOST, ALL };
	for (int how = 0; how < ALL; how++) {
		struct trace_book *b = open_book((struct trace_book_options){ .several = true });
		struct exchange *near = made_in(0, 10, 64), *far = made_in(1, 10, 62);
		near->observed_until = at(how == OUTLASTS ? 100 : 9000).at;
		far->observed_until = at(how == PARTIAL ? 100 : 9000).at;
		far->path[PROXY].last_data = at(how == PARTIAL ? 90 : 8000);
		far->path[CLIENT].missing = how == LOST;
		trace_book_add(b, near);
		trace_book_add(b, far);
		trace_book_finish(b);
		assert_int_equal(given.x[0]->view->partial, how == PARTIAL || how == LOST);
		assert_int_equal(given.x[0]->view->outlasts, how == OUTLASTS);
		close_book(b);
	}
}

/* Nobody knows whether they are two. */
static void cuts_alike_in_two_captures_are_perhaps_one(void **state)
{
	(void)state;
	for (int known = 0; known < 2; known++) {
		struct trace_book *b = open_book((struct trace_book_options){ .several = true });
		struct exchange *x[2];
		for (int i = 0; i < 2; i++) {
			x[i] = made_cut(10 + 5000 * i, 65536, 3000);
			x[i]->file = (uint32_t)i;
			x[i]->client.port = (uint16_t)(5000 + i);
			if (known)
				name_isn(x[i], (uint32_t)i);
		}
		trace_book_add(b, x[0]);
		trace_book_add(b, x[1]);
		trace_book_finish(b);
		assert_int_equal(given.count, 2);
		assert_int_equal(given.x[0]->links.same_size_cuts, known);
		close_book(b);
	}
}

static void different_exchanges_stay_so(void **state)
{
	(void)state;
	enum { SAME_FILE, OTHER_CLIENT, OTHER_TARGET, OTHER_ORDER, MUCH_LATER, OTHER_HELLO, ALL };
	for (int how = 0; how < ALL; how++) {
		struct trace_book *b = open_book((struct trace_book_options){ .several = true });
		struct exchange *x = made_in(0, 10, 64),
				*y = made_in(how != SAME_FILE, how == MUCH_LATER ? 700e3 : 25, 62);
		if (how == OTHER_CLIENT)
			y->client.port++;
		if (how == OTHER_TARGET)
			y->request.target = SLICE("b.example:443");
		if (how == OTHER_ORDER)
			y->order++;
		if (how == OTHER_HELLO) {
			x->tls->random_known = y->tls->random_known = true;
			y->tls->random[3] = 1;
		}
		trace_book_add(b, x);
		trace_book_add(b, y);
		trace_book_finish(b);
		assert_int_equal(given.count, 2);
		assert_false(given.x[0]->view->seen || given.x[1]->view->seen);
		close_book(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_exchange_knows_nothing),
		cmocka_unit_test(what_may_be_given_away_is_listed),
		cmocka_unit_test(texts_lose_their_queries),
		cmocka_unit_test(paths_come_later),
		cmocka_unit_test(a_path_is_lent_and_then_owned),
		cmocka_unit_test(an_exchange_begins_where_one_was),
		cmocka_unit_test(events_are_in_order_of_time),
		cmocka_unit_test(the_timeline_keeps_room_for_the_end),
		cmocka_unit_test(strings_are_cut_to_their_limits),
		cmocka_unit_test(ids_tell_exchanges_apart),
		cmocka_unit_test(every_kind_has_a_name),
		cmocka_unit_test(targets_have_a_host),
		cmocka_unit_test(exchanges_come_in_order_of_their_start),
		cmocka_unit_test(what_overflows_the_window_comes_out),
		cmocka_unit_test(records_take_their_turn),
		cmocka_unit_test(unordered_waits_only_for_what_matters),
		cmocka_unit_test(a_407_is_linked_to_its_retry_in_either_order),
		cmocka_unit_test(each_is_linked_once),
		cmocka_unit_test(others_are_not_linked),
		cmocka_unit_test(transfers_cut_alike_are_counted),
		cmocka_unit_test(whole_tunnels_of_one_size_are_no_cuts),
		cmocka_unit_test(suspects_are_decided_at_the_end),
		cmocka_unit_test(what_else_a_client_does_tells),
		cmocka_unit_test(a_proxy_may_be_told),
		cmocka_unit_test(the_proxys_own_connection_explains),
		cmocka_unit_test(outcomes_of_own_connections),
		cmocka_unit_test(a_hello_is_known_again),
		cmocka_unit_test(one_exchange_in_two_captures_is_one),
		cmocka_unit_test(sequence_numbers_tell_behind_a_nat_and_another_clock),
		cmocka_unit_test(other_sequence_numbers_are_another_connection),
		cmocka_unit_test(two_captures_of_one_place_are_no_two_legs),
		cmocka_unit_test(a_view_that_ended_early_is_partial),
		cmocka_unit_test(cuts_alike_in_two_captures_are_perhaps_one),
		cmocka_unit_test(different_exchanges_stay_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
