/* The parts of the data path that need no socket: the PROXY protocol's header, buckets and the
 * table of clients, bodies decoded and framed anew. */
#include "proxy/body.h"
#include "proxy/limits.h"
#include "proxy/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* From memory of exactly its size, so that one byte too far is a crash. */
static uint8_t *exact(struct slice s)
{
	uint8_t *copy = malloc(s.len ? s.len : 1);
	assert_non_null(copy);
	memcpy(copy, s.at, s.len);
	return copy;
}

static struct address address_of(const char *text)
{
	struct address a;
	assert_true(address_parse(slice_of(text), &a));
	return a;
}

/* ---- the PROXY protocol -------------------------------------------------------------------- */

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define HEADER(literal)                                                                            \
	{                                                                                          \
		(const uint8_t *)("" literal), sizeof(literal) - 1                                 \
	}

static const struct {
	struct slice text;
	enum http_parse result;
	size_t used;
	bool known;
	const char *from, *to;
} HEADERS[] = {
	{ HEADER("PROXY TCP4 10.0.0.1 10.0.0.2 1234 80\r\nGET"), HTTP_DONE, 38, true,
	  "10.0.0.1:1234", "10.0.0.2:80" },
	{ HEADER("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n"), HTTP_DONE, 36, true,
	  "[2001:db8::1]:65535", "::1" },
	{ HEADER("PROXY UNKNOWN\r\n"), HTTP_DONE, 15, false, NULL, NULL },
	{ HEADER("PROXY UNKNOWN ffff::1 any thing\r\n"), HTTP_DONE, 33, false, NULL, NULL },
	{ HEADER("PROXY TCP4 10.0.0.1 10.0.0.2 1234 80\n"), HTTP_MORE, 0, false, NULL, NULL },
	{ HEADER("PROXY TCP4 10.0.0.1 10.0.0.2 01234 80\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("PROXY TCP4 10.0.0.1 10.0.0.2 1234 65536\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("PROXY TCP4 ::1 10.0.0.2 1234 80\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("PROXY TCP4 10.0.0.1 10.0.0.2 1234 80 \r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("PROXY TCP6 [::1] ::1 1 2\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("PROXY TCP4 10.0.0.1:5 10.0.0.2 1234 80\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("PROXY UDP4 10.0.0.1 10.0.0.2 1234 80\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER("GET / HTTP/1.1\r\n"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER(V2 "\x21\x11\0\x0c\x0a\0\0\1\x0a\0\0\2\x04\xd2\0\x50X"), HTTP_DONE, 28, true,
	  "10.0.0.1:1234", "10.0.0.2:80" },
	{ HEADER(V2 "\x21\x21\0\x26\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0"
		    "\0\0\1"
		    "\xff\xff\0\0\4\0"),
	  HTTP_DONE, 54, true, "[2001:db8::1]:65535", "::1" },
	{ HEADER(V2 "\x20\0\0\0"), HTTP_DONE, 16, false, NULL, NULL },
	{ HEADER(V2 "\x21\x31\0\1x"), HTTP_DONE, 17, false, NULL, NULL },
	{ HEADER(V2 "\x21\x11\0\x0b\x0a\0\0\1\x0a\0\0\2\x04\xd2\0"), HTTP_BAD, 0, false, NULL,
	  NULL },
	{ HEADER(V2 "\x22\x11\0\0"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER(V2 "\x31\x11\0\0"), HTTP_BAD, 0, false, NULL, NULL },
	{ HEADER(V2 "\x21\x11\xff\xff"), HTTP_BAD, 0, false, NULL, NULL },
};

static void check_header(size_t i, struct slice text, enum http_parse result)
{
	struct proxy_header h;
	size_t used = 0;
	uint8_t *bytes = exact(text);
	enum http_parse got = proxy_header_read((struct slice){ bytes, text.len }, &h, &used);
	free(bytes);
	if (got != result)
		fail_msg("header %zu, first %zu bytes: %d", i, text.len, (int)got);
	if (got != HTTP_DONE)
		return;
	assert_int_equal(used, HEADERS[i].used);
	assert_int_equal(h.known, HEADERS[i].known);
	if (!h.known)
		return;
	struct address from = address_of(HEADERS[i].from), to = address_of(HEADERS[i].to);
	assert_true(address_equal(&h.from, &from));
	assert_true(address_equal(&h.to, &to));
}

static void headers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
		check_header(i, HEADERS[i].text, HEADERS[i].result);
}

static void headers_may_come_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
		for (size_t n = 0; HEADERS[i].result == HTTP_DONE && n < HEADERS[i].used; n++)
			check_header(i, slice_first(HEADERS[i].text, n), HTTP_MORE);
}

static void headers_are_written_as_they_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
		for (unsigned version = 1; version <= 2 && HEADERS[i].known; version++) {
			struct address from = address_of(HEADERS[i].from),
				       to = address_of(HEADERS[i].to);
			struct proxy_header h;
			struct buffer out;
			size_t used;
			buffer_init(&out, 256);
			proxy_header_write(version, &from, &to, &out);
			assert_int_equal(proxy_header_read(buffer_slice(&out), &h, &used),
					 HTTP_DONE);
			assert_int_equal(used, out.len);
			assert_true(address_equal(&h.from, &from) && address_equal(&h.to, &to));
			buffer_done(&out);
		}
}

/* ---- limits -------------------------------------------------------------------------------- */

static void a_client_has_so_many(void **state)
{
	(void)state;
	struct limits *l = limits_new();
	struct limits_client *a, *b, *c;
	struct address one = address_of("10.0.0.1:1"), same = address_of("10.0.0.1:2"),
		       other = address_of("10.0.0.2:1");
	assert_int_equal(limits_enter(l, &one, 2, &a), LIMITS_OK);
	assert_int_equal(limits_enter(l, &same, 2, &b), LIMITS_OK);
	assert_int_equal(limits_enter(l, &same, 2, &c), LIMITS_TOO_MANY);
	assert_int_equal(limits_enter(l, &other, 2, &c), LIMITS_OK);
	limits_leave(l, b);
	assert_int_equal(limits_enter(l, &same, 2, &b), LIMITS_OK);
	limits_leave(l, a);
	limits_leave(l, b);
	limits_leave(l, c);
	limits_leave(l, NULL);
	limits_free(l);
}

static void a_bucket_fills_at_its_rate(void **state)
{
	(void)state;
	struct bucket b = { 0 };
	nanos now = 100 * NANOS_PER_SECOND;
	uint64_t moved = 0;
	for (int i = 0; i < 10000; i++) { /* ten seconds, each millisecond all that may */
		uint64_t level = bucket_level(&b, 1000000, now);
		moved += level;
		bucket_spend(&b, level);
		now += NANOS_PER_MS;
	}
	assert_in_range(moved, 9900000, 10300000);
	assert_int_equal(bucket_level(&b, 1000000, now + 60 * NANOS_PER_SECOND), 250000);
	bucket_spend(&b, 1000000000);
	assert_int_equal(bucket_level(&b, 1000000, now + 60 * NANOS_PER_SECOND), 0);
}

static void a_slow_bucket_fills_too(void **state)
{
	(void)state;
	struct bucket b = { 0 };
	nanos now = NANOS_PER_SECOND;
	uint64_t moved = 0;
	for (int i = 0; i < 100000; i++) { /* a tenth of a millisecond: less than a byte each */
		uint64_t level = bucket_level(&b, 100, now);
		moved += level;
		bucket_spend(&b, level);
		now += NANOS_PER_MS / 10;
	}
	assert_in_range(moved, 900, 1100);
}

/* ---- bodies -------------------------------------------------------------------------------- */

/* Feeds `in` in pieces of `step` bytes; what is to be sent comes out in `out`. */
static enum body_result feed(struct body *b, struct slice in, size_t step, struct buffer *out,
			     size_t *ret_used)
{
	struct buffer end;
	enum body_result result = BODY_WAIT;
	buffer_init(&end, 4096);
	*ret_used = 0;
	while (result == BODY_WAIT && *ret_used < in.len) {
		struct slice piece = slice_first(slice_from(in, *ret_used), step);
		struct body_parts p;
		uint8_t *bytes = exact(piece);
		result = body_take(b, &end, bytes, piece.len, &p);
		for (int i = 0; i < 3 && (result == BODY_WAIT || result == BODY_DONE); i++)
			buffer_add(out, (struct slice){ p.part[i].iov_base, p.part[i].iov_len });
		*ret_used += p.used;
		free(bytes);
	}
	buffer_done(&end);
	return result;
}

static const struct {
	enum http_body in;
	uint64_t length, most;
	enum body_out out;
	const char *text;
	enum body_result result;
	const char *whole; /* what is sent when all comes at once */
	size_t rest;       /* bytes behind it */
} BODIES[] = {
	{ HTTP_BODY_NONE, 0, 0, BODY_RAW, "GET", BODY_DONE, "", 3 },
	{ HTTP_BODY_LENGTH, 5, 0, BODY_RAW, "hello", BODY_DONE, "hello", 0 },
	{ HTTP_BODY_LENGTH, 5, 0, BODY_RAW, "helloGET", BODY_DONE, "hello", 3 },
	{ HTTP_BODY_LENGTH, 9, 0, BODY_RAW, "hello", BODY_WAIT, "hello", 0 },
	{ HTTP_BODY_LENGTH, 5, 4, BODY_RAW, "hello", BODY_TOO_LARGE, NULL, 0 },
	{ HTTP_BODY_CLOSE, 0, 0, BODY_RAW, "hello", BODY_WAIT, "hello", 0 },
	{ HTTP_BODY_CLOSE, 0, 0, BODY_CHUNKS, "hello", BODY_WAIT, "5\r\nhello\r\n", 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_RAW, "2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\nGET", BODY_DONE,
	  "hello", 3 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\nGET",
	  BODY_DONE, "5\r\nhello\r\n0\r\n\r\n", 3 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "0\r\nX-A: 1\r\nHost: x\r\n\r\n", BODY_DONE,
	  "0\r\nX-A: 1\r\n\r\n", 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "2\r\nhe\r\n0\r\n\r", BODY_WAIT, "2\r\nhe\r\n", 0 },
	{ HTTP_BODY_CHUNKED, 0, 4, BODY_CHUNKS, "5\r\nhello\r\n0\r\n\r\n", BODY_TOO_LARGE, NULL,
	  0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "2\nhe", BODY_BAD, NULL, 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "2 \r\nhe", BODY_BAD, NULL, 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "-2\r\nhe", BODY_BAD, NULL, 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "0x2\r\nhe", BODY_BAD, NULL, 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "2\r\nhey\r\n", BODY_BAD, NULL, 0 },
	{ HTTP_BODY_CHUNKED, 0, 0, BODY_CHUNKS, "0\r\nbroken trailer\r\n\r\n", BODY_BAD, NULL, 0 },
};

static void check_body(size_t i, size_t step)
{
	struct body b;
	struct buffer out;
	size_t used;
	struct slice in = slice_of(BODIES[i].text);
	buffer_init(&out, 4096);
	body_init(&b, BODIES[i].in, BODIES[i].length, BODIES[i].out, BODIES[i].most);
	enum body_result got = feed(&b, in, step, &out, &used);
	if (got != BODIES[i].result)
		fail_msg("body %zu in steps of %zu: %d", i, step, (int)got);
	if (BODIES[i].whole) {
		assert_int_equal(in.len - used, BODIES[i].rest);
		if (step >= in.len)
			assert_true(slice_equal(buffer_slice(&out), slice_of(BODIES[i].whole)));
	}
	buffer_done(&out);
	buffer_done(&b.trailer);
}

static void bodies_are_framed_anew(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++)
		for (size_t step = 1; step <= strlen(BODIES[i].text); step++)
			check_body(i, step);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(headers_may_come_in_pieces),
		cmocka_unit_test(headers_are_written_as_they_are_read),
		cmocka_unit_test(a_client_has_so_many),
		cmocka_unit_test(a_bucket_fills_at_its_rate),
		cmocka_unit_test(a_slow_bucket_fills_too),
		cmocka_unit_test(bodies_are_framed_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
