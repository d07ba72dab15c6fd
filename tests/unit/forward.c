/* http/refuse and forward: what is refused, what the next hop gets; the proxy's own answers. */
#include "http/chunk.h"
#include "http/forward.h"
#include "http/refuse.h"
#include "proxy/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CASES(table) (sizeof(table) / sizeof *(table))
#define GET          "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n"
#define POST         "POST http://a.example/x HTTP/1.1\r\nHost: a.example\r\n"

static struct http_refusal judge(const char *head)
{
	static struct http_request r;
	struct http_bad bad;
	struct slice in = slice_of(head);
	if (http_read_request(in, &r, &bad) == HTTP_DONE)
		return http_refuse_request(slice_first(in, r.head_len), &r);
	return http_refuse_bytes(in, &bad);
}

struct refused {
	const char *head;
	unsigned status; /* 0: it may pass */
};

static const struct refused REFUSED[] = {
	{ GET "\r\n", 0 },
	{ POST "Content-Length: 5\r\n\r\n", 0 },
	{ POST "Content-Length: 05\r\n\r\n", 0 },
	{ POST "Transfer-Encoding: chunked\r\n\r\n", 0 },
	{ POST "transfer-encoding:  Chunked \r\n\r\n", 0 },
	{ "\r\n" GET "\r\n", 0 },
	{ "GET http://a.example/ HTTP/1.0\r\n\r\n", 0 },
	{ "GET http://a.example:/ HTTP/1.1\r\nHost: a.example:\r\n\r\n", 0 },
	{ "GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0 },
	{ "GET http://a.example?q HTTP/1.1\r\nHost: b\r\n\r\n", 0 },
	{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 0 },
	{ "CONNECT a.example:443 HTTP/1.0\r\n\r\n", 0 },
	{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0 },
	{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
	/* framing, RFC 9112 section 6 */
	{ POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
	{ POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
	{ POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400 },
	{ POST "Content-Length: 5, 5\r\n\r\n", 400 },
	{ POST "Content-Length: +5\r\n\r\n", 400 },
	{ POST "Content-Length: -5\r\n\r\n", 400 },
	{ POST "Content-Length: 0x5\r\n\r\n", 400 },
	{ POST "Content-Length: 5 5\r\n\r\n", 400 },
	{ POST "Content-Length: 5;\r\n\r\n", 400 },
	{ POST "Content-Length: \"5\"\r\n\r\n", 400 },
	{ POST "Content-Length:\r\n\r\n", 400 },
	{ POST "Content-Length: 99999999999999999999\r\n\r\n", 400 },
	{ POST "Content-Length : 5\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked, identity\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 400 },
	{ POST "Transfer-Encoding:\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: ,\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: \x0b"
	       "chunked\r\n\r\n",
	  400 },
	{ POST "Transfer-Encoding : chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ POST "Transfer-Encoding: xchunked\r\n\r\n", 400 }, /* nobody can tell its end */
	{ "POST http://a.example/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	/* lines, RFC 9112 sections 2.2 and 5 */
	{ "GET http://a.example/ HTTP/1.1\nHost: a\n\n", 400 },
	{ GET "A: b\n\r\n", 400 },
	{ GET "A: b\rC: d\r\n\r\n", 400 },
	{ GET " A: b\r\n\r\n", 400 },
	{ GET "A: b\r\n c\r\n\r\n", 400 },
	{ GET "A b\r\n\r\n", 400 },
	{ GET ": b\r\n\r\n", 400 },
	{ GET "A\x01: b\r\n\r\n", 400 },
	{ GET "A: b\x01\r\n\r\n", 400 },
	{ "GET  http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/ x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
	{ "G\x7fT http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/ http/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
	{ "GET http://a.example/ HTTP/0.9\r\nHost: a\r\n\r\n", 505 },
	/* Host and target, RFC 9112 section 3 */
	{ "GET http://a.example/ HTTP/1.1\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400 },
	{ "GET http://a.example/ HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
	{ "GET http://u:p@a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example/#f HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example:0/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://a.example:65536/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET https://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
	{ "GET ftp://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
	{ "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a.example HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a.example: HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a.example:0 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a.example:65536 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT http://a.example:443/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT u@a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 400 },
	{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	/* the rest */
	{ GET "Expect: 200-ok\r\n\r\n", 417 },
	{ GET "Proxy-Authorization: Basic YQ==\r\nProxy-Authorization: Basic Yg==\r\n\r\n", 400 },
	{ "TRACE http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 400 },
};

static void what_is_ambiguous_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(REFUSED); i++) {
		struct http_refusal got = judge(REFUSED[i].head);
		if (got.status != REFUSED[i].status)
			fail_msg("%s: %u (%s), wanted %u", REFUSED[i].head, got.status,
				 got.why ? got.why : "", REFUSED[i].status);
		assert_int_equal(got.status != 0, got.why != NULL);
	}
}

static void too_much_is_refused(void **state)
{
	(void)state;
	char *big = malloc(70000);
	assert_non_null(big);
	int n = snprintf(big, 70000, "GET http://a.example/");
	memset(big + n, 'x', 66000);
	big[n + 66000] = 0;
	assert_int_equal(judge(big).status, 414);
	n = snprintf(big, 70000, "%sA: ", GET);
	memset(big + n, 'x', 66000);
	big[n + 66000] = 0;
	assert_int_equal(judge(big).status, 431);
	n = snprintf(big, 70000, "%s", GET);
	for (int i = 0; i < 200; i++)
		n += snprintf(big + n, 70000 - (size_t)n, "A: b\r\n");
	snprintf(big + n, 70000 - (size_t)n, "\r\n");
	assert_int_equal(judge(big).status, 431);
	free(big);
}

/* --- rewriting --------------------------------------------------------------------------- */

struct rewritten {
	const char *in, *out;
	const char *via;
	bool to_parent, close;
	int64_t max_forwards; /* as in the struct, plus one: 0 is -1 */
	const char *parent_auth;
};

static const struct rewritten REQUESTS[] = {
	{ GET "\r\n", "GET /x HTTP/1.1\r\nHost: a.example\r\nVia: 1.1 v\r\n\r\n", .via = "v" },
	{ "GET http://a.example:8080?q=1 HTTP/1.0\r\n\r\n",
	  "GET /?q=1 HTTP/1.1\r\nHost: a.example:8080\r\nVia: 1.0 v\r\n\r\n", .via = "v" },
	{ "GET http://a.example HTTP/1.1\r\nHost: evil\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", .via = NULL },
	{ "GET http://[::1]:81/a//b?c HTTP/1.1\r\nHost: x\r\n\r\n",
	  "GET /a//b?c HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", .via = NULL },
	{ "OPTIONS http://a.example HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", .via = NULL },
	{ GET "Connection: X-One, close ,x-two\r\nX-One: 1\r\nX-TWO: 2\r\nX-Three: 3\r\n\r\n",
	  "GET /x HTTP/1.1\r\nHost: a.example\r\nX-Three: 3\r\n\r\n", .via = NULL },
	{ GET "Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\n"
	      "Proxy-Authorization: Basic c2VjcmV0\r\nUpgrade: h2c\r\nConnection: Upgrade, "
	      "HTTP2-Settings\r\nHTTP2-Settings: AAM\r\nCookie: c\r\n\r\n",
	  "GET /x HTTP/1.1\r\nHost: a.example\r\nCookie: c\r\n\r\n", .via = NULL },
	{ GET "Connection: Via\r\nVia: 1.1 other\r\n\r\n",
	  "GET /x HTTP/1.1\r\nHost: a.example\r\nVia: 1.1 other\r\nVia: 1.1 v\r\n\r\n",
	  .via = "v" },
	{ GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n",
	  "GET /x HTTP/1.1\r\nHost: a.example\r\nSec-WebSocket-Key: k\r\nConnection: "
	  "Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  .via = NULL },
	{ POST "Content-Length: 5\r\nConnection: Content-Length\r\nExpect: 100-continue\r\n\r\n",
	  "POST /x HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: "
	  "5\r\n\r\n",
	  .via = NULL },
	{ POST "Transfer-Encoding: Chunked\r\nTrailer: X\r\n\r\n",
	  "POST /x HTTP/1.1\r\nHost: a.example\r\nTrailer: X\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n",
	  .via = NULL },
	{ POST "Content-Length: 0\r\n\r\n",
	  "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	  .close = true },
	{ "TRACE http://a.example/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n",
	  "TRACE / HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 2\r\n\r\n", .max_forwards = 3 },
	{ GET "\r\n",
	  "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: Basic "
	  "eA==\r\n\r\n",
	  .to_parent = true, .parent_auth = "Proxy-Authorization: Basic eA==\r\n" },
	{ "CONNECT a.example:443 HTTP/1.1\r\nHost: evil\r\nContent-Length: 0\r\n\r\n",
	  "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", .to_parent = true },
};

static void requests_are_rewritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(REQUESTS); i++) {
		const struct rewritten *c = &REQUESTS[i];
		static struct http_request r;
		struct http_bad bad;
		struct buffer out;
		buffer_init(&out, 65536);
		assert_int_equal(http_read_request(slice_of(c->in), &r, &bad), HTTP_DONE);
		assert_int_equal(http_refuse_request(slice_of(c->in), &r).status, 0);
		http_forward_request(
			&(struct http_forward_request){ .request = &r,
							.via = c->via,
							.to_parent = c->to_parent,
							.close = c->close,
							.max_forwards = c->max_forwards - 1,
							.parent_auth = slice_of(c->parent_auth) },
			&out);
		if (!slice_equal(buffer_slice(&out), slice_of(c->out)))
			fail_msg("%s\nbecame\n%.*s", c->in, (int)out.len, (const char *)out.at);
		buffer_done(&out);
	}
}

struct answered {
	const char *in, *method, *out;
	unsigned client_minor;
	bool close;
};

static const struct answered RESPONSES[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: 5\r\nConnection: X\r\nX: y\r\n\r\n",
	  "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: D\r\nVia: 1.1 v\r\n\r\n",
	  .client_minor = 1 },
	{ "HTTP/1.0 404 No\r\nDate: x\r\n\r\n", "GET",
	  "HTTP/1.1 404 No\r\nDate: x\r\nTransfer-Encoding: chunked\r\nVia: 1.0 v\r\n\r\n",
	  .client_minor = 1 },
	{ "HTTP/1.1 200\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n", "GET",
	  "HTTP/1.1 200 \r\nDate: x\r\nVia: 1.1 v\r\nConnection: close\r\n\r\n", .client_minor = 0,
	  .close = true },
	{ "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n\r\n", "GET",
	  "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\nVia: 1.1 v\r\nConnection: "
	  "keep-alive\r\n\r\n",
	  .client_minor = 0 },
	{ "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 7\r\n\r\n", "HEAD",
	  "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 7\r\nVia: 1.1 v\r\n\r\n",
	  .client_minor = 1 },
	{ "HTTP/1.1 204 No\r\nDate: x\r\nContent-Length: 7\r\n\r\n", "GET",
	  "HTTP/1.1 204 No\r\nDate: x\r\nVia: 1.1 v\r\n\r\n", .client_minor = 1 },
	{ "HTTP/1.1 304 No\r\nDate: x\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "GET", "HTTP/1.1 304 No\r\nDate: x\r\nContent-Length: 7\r\nVia: 1.1 v\r\n\r\n",
	  .client_minor = 1 },
	{ "HTTP/1.1 100 Go\r\n\r\n", "POST", "HTTP/1.1 100 Go\r\nVia: 1.1 v\r\n\r\n",
	  .client_minor = 1 },
	{ "HTTP/1.1 101 Up\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "GET",
	  "HTTP/1.1 101 Up\r\nVia: 1.1 v\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	  .client_minor = 1 },
};

static void responses_are_rewritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(RESPONSES); i++) {
		const struct answered *c = &RESPONSES[i];
		static struct http_response r;
		struct http_bad bad;
		struct buffer out;
		buffer_init(&out, 65536);
		assert_int_equal(http_read_response(slice_of(c->in), slice_of(c->method), &r, &bad),
				 HTTP_DONE);
		assert_null(http_refuse_response(&r));
		http_forward_response(
			&(struct http_forward_response){ .response = &r,
							 .via = "v",
							 .client_minor = c->client_minor,
							 .close = c->close,
							 .date = SLICE("Date: D\r\n") },
			&out);
		if (!slice_equal(buffer_slice(&out), slice_of(c->out)))
			fail_msg("%s\nbecame\n%.*s", c->in, (int)out.len, (const char *)out.at);
		buffer_done(&out);
	}
}

static void broken_answers_are_refused(void **state)
{
	static const char *const CASES_[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	static struct http_response r;
	struct http_bad bad;
	(void)state;
	for (size_t i = 0; i < CASES(CASES_); i++) {
		assert_int_equal(http_read_response(slice_of(CASES_[i]), SLICE("GET"), &r, &bad),
				 HTTP_DONE);
		assert_non_null(http_refuse_response(&r));
	}
}

/* --- chunks ------------------------------------------------------------------------------ */

struct chunked {
	const char *in;
	const char *content; /* NULL: refused */
};

static const struct chunked CHUNKED[] = {
	{ "5\r\nhello\r\n0\r\n", "hello" },
	{ "5;a=b\r\nhello\r\n1 ;x\r\n!\r\n000\r\n", "hello!" },
	{ "A\r\n0123456789\r\n0\r\n", "0123456789" },
	{ "5 \r\nhello\r\n0\r\n", NULL },
	{ " 5\r\nhello\r\n0\r\n", NULL },
	{ "+5\r\nhello\r\n0\r\n", NULL },
	{ "0x5\r\nhello\r\n0\r\n", NULL },
	{ "5\nhello\r\n0\r\n", NULL },
	{ "5\r\nhello0\r\n", NULL },
	{ "5\r\nhello\n0\r\n", NULL },
	{ "5\r\nhello\r\n\r\n", NULL },
	{ "5;\rx\r\nhello\r\n0\r\n", NULL },
	{ "5;\nx\r\nhello\r\n0\r\n", NULL },
	{ "10000000000000005\r\nhello\r\n0\r\n", NULL },
	{ "\r\n", NULL },
};

/* Fed in pieces of `piece` bytes at most. */
static void check_chunked(const struct chunked *c, size_t piece)
{
	struct http_chunks chunks = { 0 };
	struct slice in = slice_of(c->in), data;
	char got[64];
	size_t len = 0, used = 0;
	enum http_parse p = HTTP_MORE;
	while (p == HTTP_MORE && in.len > 0) {
		p = http_read_chunk_data(&chunks, slice_first(in, piece), &used, &data);
		assert_true(len + data.len <= sizeof got);
		if (data.len > 0)
			memcpy(got + len, data.at, data.len);
		len += data.len;
		in = slice_from(in, used);
	}
	if (p != (c->content ? HTTP_DONE : HTTP_BAD))
		fail_msg("%s by %zu: %d", c->in, piece, (int)p);
	if (c->content)
		assert_true(
			slice_equal((struct slice){ (uint8_t *)got, len }, slice_of(c->content)));
}

static void chunks_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(CHUNKED); i++)
		for (size_t piece = 1; piece < 32; piece++)
			check_chunked(&CHUNKED[i], piece);
}

static void trailers_are_judged(void **state)
{
	(void)state;
	assert_true(http_trailer_allowed(SLICE("X-Checksum")));
	assert_false(http_trailer_allowed(SLICE("content-length")));
	assert_false(http_trailer_allowed(SLICE("Host")));
	assert_false(http_trailer_allowed(SLICE("Proxy-Authorization")));
	assert_false(http_trailer_allowed(SLICE("Set-Cookie")));
}

/* --- own answers ------------------------------------------------------------------------- */

static void every_refusal_reads_well(void **state)
{
	(void)state;
	for (unsigned why = 0; why < ANSWER_COUNT_; why++) {
		struct answer a = {
			.why = why, .text = "a \"quoted\" <b>", .proxy = "viaduct", .close = true
		};
		static struct http_response r;
		struct http_bad bad;
		struct buffer out;
		buffer_init(&out, 65536);
		answer_write(&a, &out);
		assert_false(out.failed);
		assert_int_equal(http_read_response(buffer_slice(&out), SLICE("GET"), &r, &bad),
				 HTTP_DONE);
		assert_int_equal(r.status, answer_status(&a));
		assert_non_null(answer_name(why));
		assert_int_equal(r.head_len + r.length, out.len);
		assert_non_null(http_find(&r.fields, SLICE("Proxy-Status")));
		buffer_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ambiguous_is_refused),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(requests_are_rewritten),
		cmocka_unit_test(responses_are_rewritten),
		cmocka_unit_test(broken_answers_are_refused),
		cmocka_unit_test(chunks_are_taken_apart),
		cmocka_unit_test(trailers_are_judged),
		cmocka_unit_test(every_refusal_reads_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
