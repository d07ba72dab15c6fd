/* feed: frames as they stand on the wire, through the feed and the book, and the exchanges that
 * must come of them. */
#include "capture/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* packets say what they need */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { UP, DOWN };
enum { MOST_FRAME = 1514 };

/* One packet. Numbers count from the side's first byte of data; a SYN stands at -1. */
struct packet {
	unsigned ms;
	int side, flags, seq, ack;
	const char *text;
	unsigned
		unreachable; /* instead: a router's ICMP about the client's SYN; this is its code */
};

/* The two ends of a connection. */
struct ends {
	uint8_t client, proxy; /* last byte of the address */
	uint16_t client_port, proxy_port;
	bool v6;
};

static const struct ends USUAL = { 1, 50, 40000, 3128, false };

/* ---- frames ---------------------------------------------------------------------------------- */

static void put(uint8_t **at, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		*(*at)++ = (uint8_t)(value >> 8 * bytes);
}

static void put_ip(uint8_t **at, uint8_t protocol, size_t payload, uint8_t from, uint8_t to)
{
	put(at, 0x4500, 2);
	put(at, 20 + payload, 2);
	put(at, 0x12344000, 4); /* id, do not fragment */
	put(at, 64, 1);
	put(at, protocol, 1);
	put(at, 0, 2);
	put(at, 0x0a000000u | from, 4);
	put(at, 0x0a000000u | to, 4);
}

static void put_ipv6(uint8_t **at, uint8_t protocol, size_t payload, uint8_t from, uint8_t to)
{
	put(at, 0x60000000, 4);
	put(at, payload, 2);
	put(at, protocol, 1);
	put(at, 64, 1);
	put(at, UINT64_C(0x20010db800000000), 8);
	put(at, from, 8);
	put(at, UINT64_C(0x20010db800000000), 8);
	put(at, to, 8);
}

static void put_tcp(uint8_t **at, const struct packet *p, uint16_t from, uint16_t to, size_t len)
{
	put(at, from, 2);
	put(at, to, 2);
	put(at, 1001 + (uint32_t)p->seq, 4);
	put(at, p->flags & ACK ? 1001 + (uint32_t)p->ack : 0, 4);
	put(at, 0x5000 | p->flags, 2);
	put(at, 60000, 2);
	put(at, 0, 4);
	if (len)
		memcpy(*at, p->text, len);
	*at += len;
}

static size_t make_frame(uint8_t *frame, const struct packet *p, const struct ends *e)
{
	uint8_t *at = frame;
	size_t len = p->text ? strlen(p->text) : 0;
	bool up = p->side == UP;
	uint8_t from = up ? e->client : e->proxy, to = up ? e->proxy : e->client;
	put(&at, 0x020000000000, 6);
	put(&at, 0x020000000000, 6);
	put(&at, e->v6 ? 0x86dd : 0x0800, 2);
	if (p->unreachable) {
		put_ip(&at, 1, 8 + 20 + 20, 254, e->client);
		put(&at, 0x0300 | p->unreachable, 2);
		put(&at, 0, 6);
		struct packet quoted = { .flags = SYN, .seq = -1 };
		put_ip(&at, 6, 20, e->client, e->proxy);
		put_tcp(&at, &quoted, e->client_port, e->proxy_port, 0);
		return (size_t)(at - frame);
	}
	if (e->v6)
		put_ipv6(&at, 6, 20 + len, from, to);
	else
		put_ip(&at, 6, 20 + len, from, to);
	put_tcp(&at, p, up ? e->client_port : e->proxy_port, up ? e->proxy_port : e->client_port,
		len);
	return (size_t)(at - frame);
}

/* ---- feeding --------------------------------------------------------------------------------- */

enum { MAX_SHARES = 4, MAX_GIVEN = 40 };

struct test {
	struct trace_book *book;
	struct feed *feed[MAX_SHARES];
	unsigned shares;
	bool sorted; /* each packet to its own feed alone, where that can be told */
	uint64_t frame;
	nanos now;
	struct exchange *x[MAX_GIVEN];
	size_t count, connections;
};

static void on_given(void *context, struct exchange *x)
{
	struct test *t = context;
	assert_true(t->count < MAX_GIVEN);
	t->x[t->count++] = x;
}

static void on_exchange(void *context, struct exchange *x)
{
	struct test *t = context;
	trace_book_add(t->book, x);
}

static void on_connection(void *context, const struct trace_connection *c)
{
	struct test *t = context;
	t->connections++;
	trace_book_connection(t->book, c);
}

static void on_underway(void *context, struct exchange *x)
{
	struct test *t = context;
	trace_book_underway(t->book, x);
}

static void begin(struct test *t, unsigned shares, const struct feed_options *options)
{
	*t = (struct test){ .shares = shares };
	struct feed_owner owner = { .exchange = on_exchange,
				    .connection = on_connection,
				    .underway = on_underway,
				    .context = t };
	struct trace_book_options book = { .has_proxy = options->has_proxy,
					   .proxy = options->proxy,
					   .unordered = options->live };
	t->book = trace_book_new(&book, on_given, t);
	assert_non_null(t->book);
	for (unsigned i = 0; i < shares; i++) {
		t->feed[i] = feed_new(options, &owner);
		assert_non_null(t->feed[i]);
	}
}

/* Every feed may get every packet: it knows what is its own. */
static void feed_one(struct test *t, const struct packet *p, const struct ends *e)
{
	uint8_t frame[MOST_FRAME];
	size_t len = make_frame(frame, p, e);
	assert_true(len <= sizeof frame);
	uint8_t *exact = malloc(len);
	assert_non_null(exact);
	memcpy(exact, frame, len);
	struct capture_packet c = { .at = 1000 * NANOS_PER_SECOND + p->ms * NANOS_PER_MS,
				    .frame = ++t->frame,
				    .data = { exact, len },
				    .wire_len = (uint32_t)len,
				    .link = 1 };
	unsigned share = feed_share_of(&c, t->shares), took = 0;
	assert_true(share <= t->shares);
	t->now = c.at;
	for (unsigned i = 0; i < t->shares; i++) {
		if (t->sorted && share != i && share != t->shares)
			continue;
		uint64_t before = feed_counts(t->feed[i]).tcp;
		feed_packet(t->feed[i], &c, i, t->shares);
		bool mine = feed_counts(t->feed[i]).tcp > before;
		took += mine;
		assert_true(!mine || share == i || share == t->shares);
	}
	assert_int_equal(took, !p->unreachable);
	free(exact);
}

static void feed_all(struct test *t, const struct packet *p, size_t count, const struct ends *e)
{
	for (size_t i = 0; i < count; i++)
		feed_one(t, &p[i], e);
}

static void finish(struct test *t)
{
	for (unsigned i = 0; i < t->shares; i++) {
		feed_until(t->feed[i], t->now, NULL);
		feed_finish(t->feed[i]);
	}
	trace_book_finish(t->book);
}

static void end(struct test *t)
{
	for (size_t i = 0; i < t->count; i++)
		trace_free(t->x[i]);
	for (unsigned i = 0; i < t->shares; i++)
		feed_free(t->feed[i]);
	trace_book_free(t->book);
}

#define PACKETS(p) (p), sizeof(p) / sizeof *(p)

/* The whole of one connection; then t->x are its exchanges. */
static void run(struct test *t, const struct packet *p, size_t count, const struct ends *e)
{
	begin(t, 1, &(struct feed_options){ 0 });
	feed_all(t, p, count, e);
	finish(t);
}

#define CONNECT_LINE "CONNECT a.example:443 HTTP/1.1\r\n\r\n"
#define OPENED       "HTTP/1.1 200 Connection established\r\n\r\n"
enum { CONNECT_LEN = sizeof CONNECT_LINE - 1, OPENED_LEN = sizeof OPENED - 1 };

static const struct packet CONNECT_OK[] = {
	{ 0, UP, SYN, -1 },
	{ 10, DOWN, SYN | ACK, -1, 0 },
	{ 10, UP, ACK, 0, 0 },
	{ 11, UP, PSH | ACK, 0, 0, CONNECT_LINE },
	{ 30, DOWN, PSH | ACK, 0, CONNECT_LEN, OPENED },
	{ 30, UP, ACK, CONNECT_LEN, OPENED_LEN },
	{ 50, UP, FIN | ACK, CONNECT_LEN, OPENED_LEN },
	{ 51, DOWN, FIN | ACK, OPENED_LEN, CONNECT_LEN + 1 },
	{ 51, UP, ACK, CONNECT_LEN + 1, OPENED_LEN + 1 },
};

/* ---- what must come of it -------------------------------------------------------------------- */

static void a_connect_is_an_exchange(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct test t;
		struct ends e = USUAL;
		e.v6 = v6;
		run(&t, PACKETS(CONNECT_OK), &e);
		assert_int_equal(t.count, 1);
		assert_int_equal(t.connections, 0);
		const struct exchange *x = t.x[0];
		assert_false(x->suspect || x->began_late || x->reused);
		assert_true(x->both_ways && x->tunnel.open && x->request.complete);
		assert_int_equal(address_is_v4(&x->client), !v6);
		assert_int_equal(x->client.port, 40000);
		assert_int_equal(x->proxy.port, 3128);
		assert_int_equal(x->proxy.ip[15], 50);
		assert_int_equal(x->syn.frame, 1);
		assert_int_equal(x->syn_ack.frame, 2);
		assert_int_equal(x->request_start.frame, 4);
		assert_int_equal(x->response_start.frame, 5);
		assert_int_equal(x->close.frame, 7);
		assert_int_equal(x->last.frame, 9);
		assert_true(mark_is(&x->request_acked));
		assert_true(x->closed && !x->by_reset && x->closed_by == CLIENT);
		assert_int_equal(x->frames, 9);
		assert_int_equal(x->path[CLIENT].bytes, CONNECT_LEN);
		assert_int_equal(x->path[PROXY].bytes, OPENED_LEN);
		assert_int_equal(x->path[CLIENT].ttl, 64);
		assert_int_equal(x->path[PROXY].fin.frame, 8);
		end(&t);
	}
}

static void a_refused_attempt_is_a_suspect(void **state)
{
	(void)state;
	static const struct packet refused[] = {
		{ 0, UP, SYN, -1 },
		{ 1, DOWN, RST | ACK, -1, 0 },
	};
	struct test t;
	run(&t, PACKETS(refused), &USUAL);
	assert_int_equal(t.count, 1);
	const struct exchange *x = t.x[0];
	assert_true(x->suspect && x->closed && x->by_reset && x->closed_by == PROXY);
	assert_int_equal(x->close.frame, 2);
	assert_int_equal(x->syns, 1);
	assert_false(mark_is(&x->syn_ack));
	assert_int_equal(t.connections, 1);
	end(&t);
}

static void silence_is_observed_to_the_end(void **state)
{
	(void)state;
	static const struct packet silent[] = {
		{ 0, UP, SYN, -1 },
		{ 1000, UP, SYN, -1 },
		{ 3000, UP, SYN, -1 },
	};
	struct test t;
	begin(&t, 1, &(struct feed_options){ 0 });
	feed_all(&t, PACKETS(silent), &USUAL);
	struct ends other = { 1, 90, 40001, 443, false };
	feed_one(&t, &(struct packet){ 9000, UP, SYN, -1 }, &other);
	finish(&t);
	assert_int_equal(t.count, 1); /* the other one is no proxy's port */
	const struct exchange *x = t.x[0];
	assert_true(x->suspect && !x->closed && !x->both_ways);
	assert_int_equal(x->syns, 3);
	assert_true(x->observed_until == 1009 * NANOS_PER_SECOND);
	end(&t);
}

static void routers_are_heard(void **state)
{
	(void)state;
	static const struct packet prohibited[] = {
		{ 0, UP, SYN, -1 },
		{ 1, UP, 0, 0, 0, NULL, 13 },
	};
	struct test t;
	run(&t, PACKETS(prohibited), &USUAL);
	assert_int_equal(t.count, 1);
	const struct exchange *x = t.x[0];
	assert_true(x->suspect && x->icmp->unreachable && !x->icmp->too_big && !x->icmp->v6);
	assert_int_equal(x->icmp->count, 1);
	assert_int_equal(x->icmp->code, 13);
	assert_int_equal(x->icmp->mark.frame, 2);
	assert_int_equal(x->icmp->router.ip[15], 254);
	assert_int_equal(x->icmp->about, CLIENT);
	assert_non_null(trace_first(x, EV_ICMP));
	end(&t);
}

static void late_ends_are_told_by_what_they_say(void **state)
{
	(void)state;
	/* no SYN, and the client has the lower port */
	struct test t;
	struct ends e = { 1, 50, 2000, 8080, false };
	run(&t, CONNECT_OK + 3, 6, &e);
	assert_int_equal(t.count, 1);
	const struct exchange *x = t.x[0];
	assert_true(x->began_late && !x->suspect && x->tunnel.open);
	assert_int_equal(x->client.port, 2000);
	assert_int_equal(x->proxy.port, 8080);
	assert_int_equal(x->path[CLIENT].bytes, CONNECT_LEN);
	assert_int_equal(x->path[PROXY].bytes, OPENED_LEN);
	assert_true(x->closed && x->closed_by == CLIENT);
	end(&t);
}

static void exchanges_of_one_connection_share_its_packets(void **state)
{
	(void)state;
#define ASK    "GET http://a/ HTTP/1.1\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	enum { ASK_LEN = sizeof ASK - 1, ANSWER_LEN = sizeof ANSWER - 1 };
	static const struct packet twice[] = {
		{ 0, UP, SYN, -1 },
		{ 10, DOWN, SYN | ACK, -1, 0 },
		{ 11, UP, PSH | ACK, 0, 0, ASK },
		{ 20, DOWN, PSH | ACK, 0, ASK_LEN, ANSWER },
		{ 30, UP, PSH | ACK, ASK_LEN, ANSWER_LEN, ASK },
		{ 40, DOWN, PSH | ACK, ANSWER_LEN, 2 * ASK_LEN, ANSWER },
		{ 50, DOWN, RST | ACK, 2 * ANSWER_LEN, 2 * ASK_LEN },
	};
	struct test t;
	run(&t, PACKETS(twice), &USUAL);
	assert_int_equal(t.count, 2);
	const struct exchange *a = t.x[0], *b = t.x[1];
	assert_true(a->next_began && !a->closed && !a->reused && mark_is(&a->syn));
	assert_true(b->reused && b->closed && b->by_reset && !mark_is(&b->syn));
	assert_int_equal(a->frames + b->frames, 7);
	assert_int_equal(a->path[PROXY].bytes + b->path[PROXY].bytes, 2 * ANSWER_LEN);
	assert_int_equal(b->bytes[CLIENT], ASK_LEN);
	assert_int_equal(a->path[PROXY].rsts, 0);
	assert_int_equal(b->path[PROXY].rsts, 1);
	assert_string_not_equal(a->id, b->id);
	end(&t);
}

static void other_connections_are_noted(void **state)
{
	(void)state;
	static const struct packet other[] = {
		{ 0, UP, SYN, -1 },
		{ 10, DOWN, SYN | ACK, -1, 0 },
		{ 11, UP, PSH | ACK, 0, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 12, DOWN, PSH | ACK, 0, 27, "HTTP/1.1 200 OK\r\n\r\n" },
	};
	struct test t;
	run(&t, PACKETS(other), &USUAL);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.connections, 1);
	assert_int_equal(feed_counts(t.feed[0]).ignored, 1);
	end(&t);
	/* but what a named proxy is asked in origin-form is an exchange */
	struct feed_options options = { .has_proxy = true };
	memcpy(options.proxy.ip,
	       (uint8_t[]){ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 50 }, 16);
	begin(&t, 1, &options);
	feed_all(&t, PACKETS(other), &USUAL);
	struct ends elsewhere = { 1, 51, 40001, 3128, false };
	feed_all(&t, PACKETS(CONNECT_OK), &elsewhere);
	finish(&t);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.x[0]->response.status, 200);
	assert_true(t.x[0]->links.proxy_named);
	end(&t);
}

static void feed_many(struct test *t)
{
	for (unsigned i = 0; i < 12; i++) {
		struct ends e = { (uint8_t)(1 + i % 3), 50, (uint16_t)(40000 + 7 * i), 3128,
				  i % 4 == 3 };
		for (size_t k = 0; k < sizeof CONNECT_OK / sizeof *CONNECT_OK; k++) {
			struct packet p = CONNECT_OK[k];
			p.ms += 100 * i;
			feed_one(t, &p, &e);
		}
	}
	struct ends refused = { 9, 50, 41000, 3128, false }, routed = { 9, 50, 41001, 3128, false };
	feed_one(t, &(struct packet){ 2000, UP, SYN, -1 }, &refused);
	feed_one(t, &(struct packet){ 2001, DOWN, RST | ACK, -1, 0 }, &refused);
	feed_one(t, &(struct packet){ 2002, UP, SYN, -1 }, &routed);
	feed_one(t, &(struct packet){ 2003, UP, 0, 0, 0, NULL, 1 }, &routed);
	/* still open when the others end */
	struct ends open = { 9, 50, 41002, 3128, false };
	feed_all(t, CONNECT_OK, 6, &open);
	struct ends last = { 9, 50, 41003, 3128, false };
	feed_one(t, &(struct packet){ 3000, UP, SYN, -1 }, &last);
	finish(t);
}

static void shares_give_what_one_gives(void **state)
{
	(void)state;
	struct test one, more;
	begin(&one, 1, &(struct feed_options){ 0 });
	feed_many(&one);
	assert_int_equal(one.count, 16);
	for (unsigned shares = 2; shares <= 2 * MAX_SHARES - 1; shares++) {
		begin(&more, shares / 2 + 1, &(struct feed_options){ 0 });
		more.sorted = shares & 1;
		feed_many(&more);
		assert_int_equal(more.count, one.count);
		for (size_t i = 0; i < one.count; i++) {
			const struct exchange *a = one.x[i], *b = more.x[i];
			assert_string_equal(a->id, b->id);
			assert_int_equal(a->response.status, b->response.status);
			assert_int_equal(a->frames, b->frames);
			assert_int_equal(a->last.frame, b->last.frame);
			assert_int_equal(a->suspect, b->suspect);
			assert_int_equal(a->icmp->count, b->icmp->count);
			assert_int_equal(a->events, b->events);
			assert_true(a->observed_until == b->observed_until);
		}
		end(&more);
	}
	end(&one);
}

static void a_share_is_the_same_both_ways(void **state)
{
	(void)state;
	unsigned used = 0;
	for (unsigned i = 0; i < 64; i++) {
		struct ends e = { (uint8_t)i, 50, (uint16_t)(40000 + i), 3128, false };
		uint8_t up[MOST_FRAME], down[MOST_FRAME];
		size_t up_len = make_frame(up, &CONNECT_OK[0], &e),
		       down_len = make_frame(down, &CONNECT_OK[1], &e);
		struct capture_packet a = { .data = { up, up_len }, .link = 1 },
				      b = { .data = { down, down_len }, .link = 1 };
		unsigned share = feed_share_of(&a, 4);
		assert_int_equal(feed_share_of(&b, 4), share);
		assert_true(share < 4);
		used |= 1u << share;
		a.data.len = 37; /* too short to tell, or no Ethernet: all have to look */
		assert_int_equal(feed_share_of(&a, 4), 4);
		b.link = 113;
		assert_int_equal(feed_share_of(&b, 4), 4);
	}
	assert_int_equal(used, 15);
}

/* The table takes the higher port for the client's: here the proxy has it, and is heard first. */
static void an_answer_heard_first_hides_no_request(void **state)
{
	(void)state;
#define REFUSED "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
	enum { REFUSED_LEN = sizeof REFUSED - 1 };
	static const struct packet late[] = {
		{ 0, DOWN, PSH | ACK, 0, 0, REFUSED },
		{ 1, UP, PSH | ACK, 0, REFUSED_LEN, CONNECT_LINE },
		{ 9, DOWN, PSH | ACK, REFUSED_LEN, CONNECT_LEN, OPENED },
		{ 9, UP, ACK, CONNECT_LEN, REFUSED_LEN + OPENED_LEN },
	};
	static const struct ends ends[] = { { 1, 50, 2000, 8080, false },
					    { 1, 50, 40000, 3128, false } };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct test t;
		run(&t, PACKETS(late), &ends[i]);
		assert_int_equal(t.count, 1);
		assert_true(t.x[0]->began_late && t.x[0]->tunnel.open);
		assert_int_equal(t.x[0]->response.status, 200);
		assert_int_equal(t.x[0]->client.port, ends[i].client_port);
		end(&t);
	}
}

/* The first bytes alone say nothing. */
static void a_late_request_may_come_in_pieces(void **state)
{
	(void)state;
	static const struct packet late[] = {
		{ 0, UP, PSH | ACK, 0, 0, "C" },
		{ 1, UP, PSH | ACK, 1, 0, "ONNE" },
		{ 2, UP, PSH | ACK, 5, 0, &CONNECT_LINE[5] },
		{ 9, DOWN, PSH | ACK, 0, CONNECT_LEN, OPENED },
	};
	static const struct ends ends[] = { { 1, 50, 2000, 8080, false },
					    { 1, 50, 40000, 3128, false } };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct test t;
		run(&t, PACKETS(late), &ends[i]);
		assert_int_equal(t.count, 1);
		assert_true(t.x[0]->tunnel.open);
		assert_int_equal(t.x[0]->client.port, ends[i].client_port);
		assert_int_equal(t.x[0]->bytes[CLIENT], CONNECT_LEN);
		end(&t);
	}
}

/* One segment may hold all that a side ever says. */
static void a_fin_may_come_with_the_first_bytes(void **state)
{
	(void)state;
	static const struct packet packets[] = {
		{ 0, UP, SYN, -1 },
		{ 1, DOWN, SYN | ACK, -1, 0 },
		{ 2, UP, FIN | PSH | ACK, 0, 0, CONNECT_LINE },
		{ 3, DOWN, ACK, 0, CONNECT_LEN + 1 },
	};
	struct test t;
	run(&t, PACKETS(packets), &USUAL);
	assert_int_equal(t.count, 1);
	assert_true(t.x[0]->closed && t.x[0]->closed_by == CLIENT && !t.x[0]->by_reset);
	assert_int_equal(t.x[0]->close.frame, 3);
	assert_non_null(trace_first_of(t.x[0], EV_FIN, CLIENT));
	end(&t);
}

/* What the capture lost inside a body puts nothing out of step; the doubt stays. */
static void losses_in_a_body_are_counted(void **state)
{
	(void)state;
#define FETCH "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define TEN   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	enum { FETCH_LEN = sizeof FETCH - 1, TEN_LEN = sizeof TEN - 1, ALL = TEN_LEN + 10 };
	static const struct packet packets[] = {
		{ 0, UP, SYN, -1 },
		{ 1, DOWN, SYN | ACK, -1, 0 },
		{ 2, UP, PSH | ACK, 0, 0, FETCH },
		{ 3, DOWN, PSH | ACK, 0, FETCH_LEN, TEN },
		/* five bytes that the client acknowledges, and nobody captured */
		{ 4, DOWN, PSH | ACK, TEN_LEN + 5, FETCH_LEN, "fghij" },
		{ 5, UP, ACK, FETCH_LEN, ALL },
		{ 6, UP, PSH | ACK, FETCH_LEN, ALL, FETCH },
		{ 7, DOWN, PSH | ACK, ALL, 2 * FETCH_LEN, TEN "0123456789" },
		{ 8, UP, ACK, 2 * FETCH_LEN, 2 * ALL },
	};
	struct test t;
	run(&t, PACKETS(packets), &USUAL);
	assert_int_equal(t.count, 2);
	assert_true(t.x[0]->response.complete && t.x[1]->response.complete);
	assert_int_equal(t.x[0]->path[PROXY].missing, 5);
	assert_int_equal(t.x[1]->path[PROXY].missing, 5);
	assert_int_equal(t.x[1]->bytes[PROXY], ALL);
	end(&t);
}

/* A broken packet is counted once, whoever gets it. */
static void broken_packets_are_counted_once(void **state)
{
	(void)state;
	static const struct packet fine = { 0, UP, PSH | ACK, 0, 0, CONNECT_LINE };
	uint8_t frame[MOST_FRAME];
	size_t len = make_frame(frame, &fine, &USUAL);
	frame[14 + 20 + 12] = 0x10; /* a TCP header of four bytes */
	for (unsigned sorted = 0; sorted < 2; sorted++) {
		struct test t;
		uint64_t bad = 0, all = 0;
		begin(&t, 3, &(struct feed_options){ 0 });
		for (unsigned port = 0; port < 9; port++) {
			frame[14 + 20 + 1] = (uint8_t)port; /* so that each share gets some */
			struct capture_packet p = { .at = port,
						    .frame = port + 1,
						    .data = { frame, len },
						    .wire_len = (uint32_t)len,
						    .link = 1 };
			unsigned share = feed_share_of(&p, 3);
			for (unsigned i = 0; i < 3; i++)
				if (!sorted || share == i || share == 3)
					feed_packet(t.feed[i], &p, i, 3);
		}
		finish(&t);
		for (unsigned i = 0; i < 3; i++) {
			bad += feed_counts(t.feed[i]).bad;
			all += feed_counts(t.feed[i]).packets;
		}
		assert_int_equal(bad, 9);
		assert_int_equal(all, 9);
		end(&t);
	}
}

static void what_is_no_packet_is_counted(void **state)
{
	(void)state;
	struct test t;
	begin(&t, 1, &(struct feed_options){ 0 });
	uint8_t junk[60] = { 0 };
	struct capture_packet p = {
		.at = 1, .frame = 1, .data = { junk, 60 }, .wire_len = 60, .link = 1
	};
	feed_packet(t.feed[0], &p, 0, 1);
	p.link = 9999;
	feed_packet(t.feed[0], &p, 0, 1);
	finish(&t);
	assert_int_equal(t.count, 0);
	assert_int_equal(feed_counts(t.feed[0]).packets, 2);
	assert_int_equal(feed_counts(t.feed[0]).tcp, 0);
	assert_int_equal(feed_counts(t.feed[0]).unknown_link, 1);
	end(&t);
	feed_free(NULL);
}

/* ---- live --------------------------------------------------------------------------------- */

static void at_last(struct test *t, unsigned ms)
{
	nanos at = 1000 * NANOS_PER_SECOND + ms * NANOS_PER_MS;
	feed_until(t->feed[0], at, NULL);
	while (feed_end_next(t->feed[0])) {
	}
	trace_book_until(t->book, at);
	while (trace_book_give(t->book)) {
	}
	t->now = at;
}

#define DENIED "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
enum { DENIED_LEN = sizeof DENIED - 1 };

static void whole_ones_are_told_though_their_connection_goes_on(void **state)
{
	(void)state;
	static const struct packet denied[] = {
		{ 0, UP, SYN, -1 },
		{ 10, DOWN, SYN | ACK, -1, 0 },
		{ 11, UP, PSH | ACK, 0, 0, CONNECT_LINE },
		{ 30, DOWN, PSH | ACK, 0, CONNECT_LEN, DENIED },
		{ 31, UP, ACK, CONNECT_LEN, DENIED_LEN },
	};
	struct test t;
	begin(&t, 1, &(struct feed_options){ .live = true });
	feed_all(&t, PACKETS(denied), &USUAL);
	at_last(&t, 3000);
	assert_int_equal(t.count, 0);
	at_last(&t, 3300);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.x[0]->response.status, 403);
	assert_true(t.x[0]->response.complete && !t.x[0]->closed && !t.x[0]->next_began);
	/* the next one on that connection is one of its own */
	feed_one(&t, &(struct packet){ 9000, UP, PSH | ACK, CONNECT_LEN, DENIED_LEN, CONNECT_LINE },
		 &USUAL);
	feed_one(&t, &(struct packet){ 9001, DOWN, PSH | ACK, DENIED_LEN, 2 * CONNECT_LEN, DENIED },
		 &USUAL);
	finish(&t);
	assert_int_equal(t.count, 2);
	assert_true(t.x[1]->reused && t.x[1]->response.status == 403);
	assert_int_equal(t.x[1]->path[CLIENT].bytes, CONNECT_LEN);
	end(&t);
}

static void who_gave_up_is_told(void **state)
{
	(void)state;
	static const struct packet silent[] = {
		{ 0, UP, SYN, -1 },
		{ 1000, UP, SYN, -1 },
		{ 3000, UP, SYN, -1 },
	};
	struct test t;
	struct feed_options options = { .live = true, .has_proxy = true };
	options.proxy = (struct address){ .ip = { [10] = 0xff, 0xff, 10, 0, 0, 50 }, .port = 3128 };
	begin(&t, 1, &options);
	feed_all(&t, PACKETS(silent), &USUAL);
	for (unsigned ms = 3000; ms < 37000; ms += 100) /* up to 33.9 s after the last one */
		at_last(&t, ms);
	assert_int_equal(t.count, 0);
	for (unsigned ms = 37000; ms < 43000; ms += 100) /* it ends, and is held for a while */
		at_last(&t, ms);
	assert_int_equal(t.count, 1);
	assert_true(t.x[0]->suspect && t.x[0]->syns == 3);
	assert_true(t.x[0]->observed_until > 1037 * NANOS_PER_SECOND);
	end(&t);
}

#define CHALLENGE                                                                                  \
	"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n"                      \
	"Proxy-Authenticate: Basic realm=\"a\"\r\n\r\n"
#define RETRY "CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
enum { CHALLENGE_LEN = sizeof CHALLENGE - 1, RETRY_LEN = sizeof RETRY - 1 };

static void a_challenge_is_answered_by_what_is_under_way(void **state)
{
	(void)state;
	static const struct packet challenged[] = {
		{ 0, UP, SYN, -1 },
		{ 10, DOWN, SYN | ACK, -1, 0 },
		{ 11, UP, PSH | ACK, 0, 0, CONNECT_LINE },
		{ 30, DOWN, PSH | ACK, 0, CONNECT_LEN, CHALLENGE },
		{ 31, DOWN, FIN | ACK, CHALLENGE_LEN, CONNECT_LEN },
		{ 32, UP, FIN | ACK, CONNECT_LEN, CHALLENGE_LEN + 1 },
	};
	static const struct packet retry[] = {
		{ 100, UP, SYN, -1 },
		{ 110, DOWN, SYN | ACK, -1, 0 },
		{ 111, UP, PSH | ACK, 0, 0, RETRY },
		{ 130, DOWN, PSH | ACK, 0, RETRY_LEN, OPENED },
	};
	struct ends other = USUAL;
	struct test t;
	other.client_port++;
	begin(&t, 1, &(struct feed_options){ .live = true });
	feed_all(&t, PACKETS(challenged), &USUAL);
	feed_all(&t, PACKETS(retry), &other);
	for (unsigned ms = 1000; ms < 9000; ms += 500)
		at_last(&t, ms);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.x[0]->response.status, 407);
	assert_true(t.x[0]->links.answered_challenge);
	finish(&t);
	assert_int_equal(t.count, 2);
	assert_true(t.x[1]->links.is_retry);
	assert_string_equal(t.x[1]->links.other, t.x[0]->id);
	assert_string_equal(t.x[0]->links.other, t.x[1]->id);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connect_is_an_exchange),
		cmocka_unit_test(a_refused_attempt_is_a_suspect),
		cmocka_unit_test(silence_is_observed_to_the_end),
		cmocka_unit_test(routers_are_heard),
		cmocka_unit_test(late_ends_are_told_by_what_they_say),
		cmocka_unit_test(exchanges_of_one_connection_share_its_packets),
		cmocka_unit_test(other_connections_are_noted),
		cmocka_unit_test(shares_give_what_one_gives),
		cmocka_unit_test(a_share_is_the_same_both_ways),
		cmocka_unit_test(what_is_no_packet_is_counted),
		cmocka_unit_test(an_answer_heard_first_hides_no_request),
		cmocka_unit_test(a_late_request_may_come_in_pieces),
		cmocka_unit_test(a_fin_may_come_with_the_first_bytes),
		cmocka_unit_test(losses_in_a_body_are_counted),
		cmocka_unit_test(broken_packets_are_counted_once),
		cmocka_unit_test(whole_ones_are_told_though_their_connection_goes_on),
		cmocka_unit_test(who_gave_up_is_told),
		cmocka_unit_test(a_challenge_is_answered_by_what_is_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
