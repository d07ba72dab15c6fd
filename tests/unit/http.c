/* http: heads, targets, chunks, challenges and credentials. Every input goes in whole and cut
 * at every byte, from memory of exactly its size. */
#include "http/auth.h"
#include "http/chunk.h"
#include "http/head.h"
#include "http/page.h"

#include "pieces.h"

#include <setjmp.h>
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CASES(table) (sizeof(table) / sizeof *(table))

/* --- requests ---------------------------------------------------------------------------- */

struct request_case {
	const char *head;
	const char *method, *target;
	enum http_form form;
	enum http_body body;
	uint64_t length;
	bool ambiguous, keep_alive;
	size_t fields;
};

static const struct request_case REQUESTS[] = {
	{ "GET / HTTP/1.1\r\n\r\n", "GET", "/", .keep_alive = true },
	{ "GET / HTTP/1.0\r\n\r\n", "GET", "/", .fields = 0 },
	{ "GET / HTTP/1.1\n\n", "GET", "/", .keep_alive = true },
	{ "\r\n\n\r\nGET / HTTP/1.1\r\nA: b\n\r\n", "GET", "/", .keep_alive = true, .fields = 1 },
	{ "GET HTTP://bro.org/ HTTP/1.1\r\nHost: bro.org\r\n\r\n", "GET", "HTTP://bro.org/",
	  HTTP_FORM_ABSOLUTE, .keep_alive = true, .fields = 1 },
	{ "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", .form = HTTP_FORM_ASTERISK,
	  .keep_alive = true },
	{ "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n", "CONNECT", "a.b:443",
	  HTTP_FORM_AUTHORITY, .keep_alive = true, .fields = 1 },
	{ "CONNECT a.b:443 HTTP/1.0\r\n\r\n", "CONNECT", "a.b:443", .form = HTTP_FORM_AUTHORITY },
	{ "CONNECT a.b:443 HTTP/1.0\r\nproxy-connection: Keep-Alive\r\n\r\n", "CONNECT", "a.b:443",
	  HTTP_FORM_AUTHORITY, .keep_alive = true, .fields = 1 },
	{ "CONNECT https://a.b/ HTTP/1.1\r\n\r\n", "CONNECT", "https://a.b/",
	  .form = HTTP_FORM_AUTHORITY, .keep_alive = true },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", .keep_alive = true,
	  .fields = 1 },
	{ "GET / HTTP/1.1\r\nConnection: foo, Close ,bar\r\n\r\n", "GET", "/", .fields = 1 },
	{ "GET / HTTP/1.1\r\nConnection: keep-alive\r\nProxy-Connection: close\r\n\r\n", "GET", "/",
	  .fields = 2 },
	{ "GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", "GET", "/", .keep_alive = true,
	  .fields = 1 },
	{ "POST /x HTTP/1.1\r\nContent-Length: 42\r\nExpect: 100-Continue\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_LENGTH, .length = 42, .keep_alive = true, .fields = 2 },
	{ "POST /x HTTP/1.0\r\nContent-Length: 42\r\nExpect: 100-continue\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_LENGTH, .length = 42, .fields = 2 },
	{ "POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "POST", "/x", .keep_alive = true,
	  .fields = 1 },
	{ "POST /x HTTP/1.1\r\nContent-Length: 5, 5\r\ncontent-length:05\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_LENGTH, .length = 5, .keep_alive = true, .fields = 2 },
	{ "POST /x HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_LENGTH, .length = 5, .ambiguous = true, .fields = 2 },
	{ "POST /x HTTP/1.1\r\nContent-Length: 5,6\r\n\r\n", "POST", "/x", .body = HTTP_BODY_LENGTH,
	  .length = 5, .ambiguous = true, .fields = 1 },
	{ "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_CHUNKED, .keep_alive = true, .fields = 1 },
	{ "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "POST", "/x", .body = HTTP_BODY_CHUNKED, .keep_alive = true, .fields = 2 },
	{ "POST /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "POST",
	  "/x", .body = HTTP_BODY_CHUNKED, .ambiguous = true, .fields = 2 },
	{ "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: zz\r\n\r\n", "POST",
	  "/x", .body = HTTP_BODY_CHUNKED, .ambiguous = true, .fields = 2 },
	{ "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_CLOSE, .ambiguous = true, .fields = 1 },
	{ "POST /x HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n", "POST", "/x", .body = HTTP_BODY_CLOSE,
	  .ambiguous = true, .fields = 1 },
	{ "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "POST", "/x",
	  .body = HTTP_BODY_CHUNKED, .ambiguous = true, .fields = 1 },
	{ "POST /x HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "POST", "/x", .body = HTTP_BODY_CHUNKED, .ambiguous = true, .fields = 2 },
	{ "M-SEARCH /\xc3\xbc?<>\"{}\\ HTTP/1.1\r\nX:\t a\tb \xff \t\r\nEmpty:\r\n\r\n", "M-SEARCH",
	  "/\xc3\xbc?<>\"{}\\", .keep_alive = true, .fields = 2 },
};

static void check_request(const struct request_case *c, struct slice in)
{
	struct http_request r;
	struct http_bad bad = { 0 };
	enum http_parse p = http_read_request(in, &r, &bad);
	if (p != HTTP_DONE)
		fail_msg("%s: %d at %zu: %s", c->head, (int)p, bad.at, bad.why ? bad.why : "");
	assert_slice(r.method, c->method);
	assert_slice(r.target, c->target);
	assert_int_equal(r.form, c->form);
	if (r.body != c->body || r.ambiguous != c->ambiguous || r.keep_alive != c->keep_alive)
		fail_msg("%s: body %d, ambiguous %d, keep alive %d", c->head, (int)r.body,
			 r.ambiguous, r.keep_alive);
	assert_int_equal(r.length, c->length);
	assert_int_equal(r.fields.count, c->fields);
	assert_int_equal(r.head_len, strlen(c->head));
}

static void requests_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(REQUESTS); i++) {
		struct slice whole = slice_of(REQUESTS[i].head);
		struct slice in = exact(whole, whole.len);
		check_request(&REQUESTS[i], in);
		assert_int_equal(http_looks_like_request(in), HTTP_DONE);
		give_back(in);
		char more[512];
		snprintf(more, sizeof more, "%sbody\r\n", REQUESTS[i].head);
		check_request(&REQUESTS[i], slice_of(more));
	}
}

static void a_cut_request_wants_more(void **state)
{
	(void)state;
	struct http_request r;
	struct http_bad bad;
	for (size_t i = 0; i < CASES(REQUESTS); i++) {
		struct slice whole = slice_of(REQUESTS[i].head);
		bool sure = false;
		for (size_t len = 0; len < whole.len; len++) {
			struct slice in = exact(whole, len);
			enum http_parse p = http_read_request(in, &r, &bad);
			if (p != HTTP_MORE)
				fail_msg("%s: %d after %zu bytes", REQUESTS[i].head, (int)p, len);
			p = http_looks_like_request(in);
			assert_int_not_equal(p, HTTP_BAD);
			assert_true(p == HTTP_DONE || !sure);
			sure = p == HTTP_DONE;
			give_back(in);
		}
	}
}

struct bad_case {
	const char *head;
	size_t at;
	const char *why; /* the beginning */
};

/* Cut anywhere, a bad head gives MORE or the same complaint; and once it complains it stays. */
static void check_bad(const struct bad_case *c, bool is_request)
{
	struct slice whole = slice_of(c->head);
	struct http_request q;
	struct http_response a;
	enum http_parse before = HTTP_MORE;
	for (size_t len = 0; len <= whole.len; len++) {
		struct slice in = exact(whole, len);
		struct http_bad bad = { 0 };
		enum http_parse p = is_request ? http_read_request(in, &q, &bad)
					       : http_read_response(in, SLICE("GET"), &a, &bad);
		if (p == HTTP_DONE || (before == HTTP_BAD && p != HTTP_BAD))
			fail_msg("%s: %d after %zu bytes", c->head, (int)p, len);
		if (p == HTTP_BAD && (bad.at != c->at || strncmp(bad.why, c->why, strlen(c->why))))
			fail_msg("%s: at %zu: %s", c->head, bad.at, bad.why);
		before = p;
		give_back(in);
	}
	if (before != HTTP_BAD)
		fail_msg("%s: not refused", c->head);
}

static void bad_requests_are_refused_with_place_and_reason(void **state)
{
	(void)state;
	static const struct bad_case cases[] = {
		{ "\x16\x03\x01", 0, "method" },
		{ " GET / HTTP/1.1\r\n\r\n", 0, "method" },
		{ "G@T / HTTP/1.1\r\n\r\n", 1, "method" },
		{ "GET\t/ HTTP/1.1\r\n\r\n", 3, "method" },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH / HTTP/1.1\r\n\r\n", 0, "method is longer" },
		{ "\rGET / HTTP/1.1\r\n\r\n", 0, "carriage return" },
		{ "GET  / HTTP/1.1\r\n\r\n", 4, "request target is empty" },
		{ "GET /\r\n\r\n", 5, "request line without" },
		{ "GET /\x01 HTTP/1.1\r\n\r\n", 5, "control" },
		{ "GET /\x7f HTTP/1.1\r\n\r\n", 5, "control" },
		{ "GET index.html HTTP/1.1\r\n\r\n", 4, "request target is neither" },
		{ "GET a.b:80 HTTP/1.1\r\n\r\n", 4, "request target is neither" },
		{ "GET *x HTTP/1.1\r\n\r\n", 4, "request target is neither" },
		{ "GET / HTTP/2.0\r\n\r\n", 11, "version" },
		{ "GET / http/1.1\r\n\r\n", 6, "version" },
		{ "GET /  HTTP/1.1\r\n\r\n", 6, "version" },
		{ "GET / HTTP/1.x\r\n\r\n", 13, "version" },
		{ "GET / HTTP/1.1 \r\n\r\n", 14, "request line goes on" },
		{ "GET / HTTP/1.10\r\n\r\n", 14, "request line goes on" },
		{ "GET / HTTP/1.1\rX\r\n\r\n", 14, "carriage return" },
		{ "GET / HTTP/1.1\r\n A: b\r\n\r\n", 16, "field line is folded" },
		{ "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 22, "field line is folded" },
		{ "GET / HTTP/1.1\r\nA : b\r\n\r\n", 17, "white space between" },
		{ "GET / HTTP/1.1\r\n: b\r\n\r\n", 16, "field name is empty" },
		{ "GET / HTTP/1.1\r\nA\r\n\r\n", 17, "field line without" },
		{ "GET / HTTP/1.1\r\nA(: b\r\n\r\n", 17, "field name is no token" },
		{ "GET / HTTP/1.1\r\nA: b\x01 long enough to stride\r\n\r\n", 20, "control" },
		{ "GET / HTTP/1.1\r\nA: 01234567\x7f 01234567\r\n\r\n", 27, "control" },
		{ "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 20, "carriage return" },
		{ "GET / HTTP/1.1\r\nA: b\r\n\rc", 22, "carriage return" },
		{ "GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", 32, "content-length" },
		{ "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", 31, "content-length" },
		{ "GET / HTTP/1.1\r\nContent-Length: 5,\r\n\r\n", 32, "content-length" },
		{ "GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n", 32,
		  "content-len" },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		check_bad(&cases[i], true);
}

static void a_nul_is_refused(void **state)
{
	(void)state;
	struct http_request r;
	struct http_bad bad;
	assert_int_equal(http_read_request(SLICE("GET / HTTP/1.1\r\nA: \0\r\n\r\n"), &r, &bad),
			 HTTP_BAD);
	assert_int_equal(bad.at, 19);
	assert_int_equal(http_read_request(SLICE("GET /\0 HTTP/1.1\r\n\r\n"), &r, &bad), HTTP_BAD);
	assert_int_equal(bad.at, 5);
}

static void a_head_has_a_greatest_length(void **state)
{
	(void)state;
	static const char start[] = "GET / HTTP/1.1\r\nA: ";
	struct http_request r;
	struct http_bad bad;
	size_t size = HTTP_MAX_HEAD + 10, text = sizeof start - 1;
	uint8_t *at = malloc(size);
	assert_non_null(at);
	memset(at, 'x', size);
	memcpy(at, start, text);
	assert_int_equal(http_read_request((struct slice){ at, HTTP_MAX_HEAD - 1 }, &r, &bad),
			 HTTP_MORE);
	assert_int_equal(http_read_request((struct slice){ at, HTTP_MAX_HEAD }, &r, &bad),
			 HTTP_BAD);
	assert_int_equal(bad.at, HTTP_MAX_HEAD);
	memcpy(at + HTTP_MAX_HEAD - 4, "\r\n\r\n", 4);
	assert_int_equal(http_read_request((struct slice){ at, size }, &r, &bad), HTTP_DONE);
	assert_int_equal(r.head_len, HTTP_MAX_HEAD);
	memcpy(at + HTTP_MAX_HEAD - 4, "x\r\n\r\n", 5);
	assert_int_equal(http_read_request((struct slice){ at, size }, &r, &bad), HTTP_BAD);
	free(at);
}

static void fields_beyond_the_array_still_count(void **state)
{
	(void)state;
	char head[4096] = "GET / HTTP/1.1\r\n";
	struct http_request r;
	struct http_bad bad;
	for (int i = 0; i < HTTP_MAX_FIELDS + 2; i++)
		strcat(head, "A: b\r\n");
	strcat(head, "Content-Length: 7\r\n\r\n");
	assert_int_equal(http_read_request(slice_of(head), &r, &bad), HTTP_DONE);
	assert_int_equal(r.fields.count, HTTP_MAX_FIELDS);
	assert_int_equal(r.fields.dropped_fields, 3);
	assert_int_equal(r.body, HTTP_BODY_LENGTH);
	assert_int_equal(r.length, 7);
}

/* The first of each, in any case; and names that are nearly the same are not. */
static void known_names_are_told_apart(void **state)
{
	static const char *const names[] = {
		[HTTP_AUTHORIZATION] = "Authorization",
		[HTTP_CONNECTION] = "Connection",
		[HTTP_CONTENT_LENGTH] = "Content-Length",
		[HTTP_CONTENT_TYPE] = "Content-Type",
		[HTTP_HOST] = "Host",
		[HTTP_LOCATION] = "Location",
		[HTTP_PROXY_AGENT] = "Proxy-Agent",
		[HTTP_PROXY_AUTHENTICATE] = "Proxy-Authenticate",
		[HTTP_PROXY_AUTHORIZATION] = "Proxy-Authorization",
		[HTTP_PROXY_CONNECTION] = "Proxy-Connection",
		[HTTP_PROXY_STATUS] = "Proxy-Status",
		[HTTP_RETRY_AFTER] = "Retry-After",
		[HTTP_SERVER] = "Server",
		[HTTP_TRANSFER_ENCODING] = "Transfer-Encoding",
		[HTTP_VIA] = "Via",
		[HTTP_X_SQUID_ERROR] = "X-Squid-Error",
	};
	(void)state;
	for (int n = HTTP_NAME_OTHER + 1; n < HTTP_NAME_COUNT_; n++) {
		char head[256];
		struct http_request r;
		struct http_bad bad;
		int len =
			snprintf(head, sizeof head,
				 "GET / HTTP/1.1\r\n%.*s~: 1\r\n%sx: 1\r\n%s: 1\r\n%s: 1\r\n\r\n",
				 (int)strlen(names[n]) - 1, names[n], names[n], names[n], names[n]);
		for (int upper = 0; upper < 3; upper++) {
			struct slice in = { (const uint8_t *)head, (size_t)len };
			assert_int_equal(http_read_request(in, &r, &bad), HTTP_DONE);
			for (int k = HTTP_NAME_OTHER + 1; k < HTTP_NAME_COUNT_; k++)
				assert_ptr_equal(http_known(&r.fields, (enum http_name)k),
						 k == n ? &r.fields.field[2] : NULL);
			for (char *c = strchr(head, '\n'); *c; c++)
				*c = (char)(upper ? tolower(*c) : toupper(*c));
		}
	}
}

static void fields_are_found(void **state)
{
	(void)state;
	struct http_request r;
	struct http_bad bad;
	assert_int_equal(http_read_request(SLICE("GET / HTTP/1.1\r\nVia: 1.1 a,  \"x, y\" ,,\r\n"
						 "Host:  h \r\nvia:\tb\r\n\r\n"),
					   &r, &bad),
			 HTTP_DONE);
	const struct http_fields *f = &r.fields;
	assert_slice(http_find(f, SLICE("HOST"))->value, "h");
	assert_null(http_find(f, SLICE("Hos")));
	const struct http_field *via = http_find_next(f, SLICE("Via"), NULL);
	assert_slice(via->value, "1.1 a,  \"x, y\" ,,");
	via = http_find_next(f, SLICE("Via"), via);
	assert_slice(via->value, "b");
	assert_null(http_find_next(f, SLICE("Via"), via));
	assert_true(http_list_has(f, SLICE("Via"), SLICE("1.1 A")));
	assert_true(http_list_has(f, SLICE("Via"), SLICE("\"x, y\"")));
	assert_true(http_list_has(f, SLICE("Via"), SLICE("B")));
	assert_false(http_list_has(f, SLICE("Via"), SLICE("y\"")));
	assert_false(http_list_has(f, SLICE("Via"), SLICE("")));
	assert_false(http_list_has(f, SLICE("X"), SLICE("b")));
}

static void what_looks_like_a_request(void **state)
{
	(void)state;
	static const struct {
		const char *start;
		enum http_parse want;
	} cases[] = {
		{ "", HTTP_MORE },
		{ "GET", HTTP_MORE },
		{ "GET ", HTTP_MORE },
		{ "GET /", HTTP_DONE },
		{ "GET ht", HTTP_MORE },
		{ "GET http:/", HTTP_MORE },
		{ "GET http://", HTTP_DONE },
		{ "CONNECT ", HTTP_DONE },
		{ "CONNECT", HTTP_MORE },
		{ "OPTIONS *", HTTP_DONE },
		{ "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", HTTP_BAD },
		{ "EHLO mail.example\r\n", HTTP_BAD },
		{ "REGISTER sip:example.net SIP/2.0", HTTP_BAD },
		{ "HTTP/1.1 200 OK", HTTP_BAD },
		{ "\x16\x03\x01", HTTP_BAD },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", HTTP_BAD },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		if (http_looks_like_request(slice_of(cases[i].start)) != cases[i].want)
			fail_msg("%s", cases[i].start);
	assert_int_equal(http_looks_like_response(SLICE("")), HTTP_MORE);
	assert_int_equal(http_looks_like_response(SLICE("HTTP/1")), HTTP_MORE);
	assert_int_equal(http_looks_like_response(SLICE("HTTP/1.")), HTTP_DONE);
	assert_int_equal(http_looks_like_response(SLICE("HTTP/1.1 200")), HTTP_DONE);
	assert_int_equal(http_looks_like_response(SLICE("HTTP/2")), HTTP_BAD);
	assert_int_equal(http_looks_like_response(SLICE("ICY")), HTTP_BAD);
	assert_int_equal(http_looks_like_response((struct slice){ NULL, 0 }), HTTP_MORE);
	assert_int_equal(http_looks_like_request((struct slice){ NULL, 0 }), HTTP_MORE);
}

/* --- responses --------------------------------------------------------------------------- */

struct response_case {
	const char *head, *method;
	unsigned status;
	const char *reason;
	enum http_body body;
	uint64_t length;
	bool ambiguous, keep_alive;
};

#define TE "Transfer-Encoding: chunked\r\n"
#define CL "Content-Length: 9\r\n"

static const struct response_case RESPONSES[] = {
	{ "HTTP/1.1 200 OK\r\n\r\n", "GET", 200, "OK", .body = HTTP_BODY_CLOSE },
	{ "HTTP/1.1 200\r\n\r\n", "GET", 200, "", .body = HTTP_BODY_CLOSE },
	{ "HTTP/1.1 200\r\nA \t: b\r\nContent-Length :9\r\n\r\n", "GET", 200, "",
	  .body = HTTP_BODY_LENGTH, .length = 9, .keep_alive = true },
	{ "HTTP/1.1 200 \n\n", "", 200, "", .body = HTTP_BODY_CLOSE },
	{ "HTTP/1.1 200 OK\r\n" CL "\r\n", "GET", 200, "OK", .body = HTTP_BODY_LENGTH, .length = 9,
	  .keep_alive = true },
	{ "HTTP/1.0 200 OK\r\n" CL "\r\n", "GET", 200, "OK", .body = HTTP_BODY_LENGTH,
	  .length = 9 },
	{ "HTTP/1.0 200 OK\r\nProxy-Connection: keep-alive\r\n" CL "\r\n", "GET", 200, "OK",
	  .body = HTTP_BODY_LENGTH, .length = 9, .keep_alive = true },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, "OK", .body = HTTP_BODY_NONE,
	  .keep_alive = true },
	{ "HTTP/1.1 200 OK\r\n" TE "\r\n", "GET", 200, "OK", .body = HTTP_BODY_CHUNKED,
	  .keep_alive = true },
	{ "HTTP/1.1 200 OK\r\n" TE CL "\r\n", "GET", 200, "OK", .body = HTTP_BODY_CHUNKED,
	  .ambiguous = true },
	{ "HTTP/1.0 200 OK\r\n" TE "\r\n", "GET", 200, "OK", .body = HTTP_BODY_CHUNKED,
	  .ambiguous = true },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "GET", 200, "OK",
	  .body = HTTP_BODY_CLOSE },
	{ "HTTP/1.1 200 OK\r\n" CL "Content-Length: 8\r\n\r\n", "GET", 200, "OK",
	  .body = HTTP_BODY_LENGTH, .length = 9, .ambiguous = true },
	{ "HTTP/1.1 200 OK\r\n" CL "\r\n", "HEAD", 200, "OK", .body = HTTP_BODY_NONE,
	  .keep_alive = true },
	{ "HTTP/1.1 200 OK\r\n" TE "\r\n", "HEAD", 200, "OK", .body = HTTP_BODY_NONE,
	  .keep_alive = true },
	{ "HTTP/1.1 204 No Content\r\n" CL "\r\n", "GET", 204, "No Content", .body = HTTP_BODY_NONE,
	  .keep_alive = true },
	{ "HTTP/1.1 304 Not Modified\r\n" CL "\r\n", "GET", 304, "Not Modified",
	  .body = HTTP_BODY_NONE, .keep_alive = true },
	{ "HTTP/1.1 100 Continue\r\n\r\n", "POST", 100, "Continue", .body = HTTP_BODY_NONE,
	  .keep_alive = true },
	{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "GET", 101,
	  "Switching Protocols", .body = HTTP_BODY_TUNNEL },
	{ "HTTP/1.1 200 Connection established\r\n\r\n", "CONNECT", 200, "Connection established",
	  .body = HTTP_BODY_TUNNEL },
	{ "HTTP/1.0 200 OK\r\n" CL TE "Content-Length: x\r\n\r\n", "CONNECT", 200, "OK",
	  .body = HTTP_BODY_TUNNEL },
	{ "HTTP/1.1 299 \xe3\x81\x82\ta  \r\n\r\n", "CONNECT", 299, "\xe3\x81\x82\ta",
	  .body = HTTP_BODY_TUNNEL },
	{ "HTTP/1.1 407 Proxy Authentication Required\r\n" CL "\r\n", "CONNECT", 407,
	  "Proxy Authentication Required", .body = HTTP_BODY_LENGTH, .length = 9,
	  .keep_alive = true },
	{ "HTTP/1.1 100 Continue\r\n\r\n", "CONNECT", 100, "Continue", .body = HTTP_BODY_NONE,
	  .keep_alive = true },
	{ "HTTP/1.9 999 x\r\nConnection: close\r\n" CL "\r\n", "GET", 999, "x",
	  .body = HTTP_BODY_LENGTH, .length = 9 },
};

static void responses_are_read(void **state)
{
	(void)state;
	struct http_response r;
	struct http_bad bad;
	for (size_t i = 0; i < CASES(RESPONSES); i++) {
		const struct response_case *c = &RESPONSES[i];
		struct slice whole = slice_of(c->head);
		for (size_t len = 0; len <= whole.len; len++) {
			struct slice in = exact(whole, len);
			enum http_parse p = http_read_response(in, slice_of(c->method), &r, &bad);
			if (p != (len < whole.len ? HTTP_MORE : HTTP_DONE))
				fail_msg("%s: %d after %zu bytes", c->head, (int)p, len);
			if (p == HTTP_DONE)
				assert_slice(r.reason, c->reason);
			give_back(in);
		}
		if (r.body != c->body || r.ambiguous != c->ambiguous ||
		    r.keep_alive != c->keep_alive)
			fail_msg("%s: body %d, ambiguous %d, keep alive %d", c->head, (int)r.body,
				 r.ambiguous, r.keep_alive);
		assert_int_equal(r.status, c->status);
		assert_int_equal(r.length, c->length);
		assert_int_equal(r.head_len, whole.len);
	}
}

static void bad_responses_are_refused(void **state)
{
	(void)state;
	static const struct bad_case cases[] = {
		{ "SSH-2.0-x\r\n", 0, "version" },
		{ "\r\nHTTP/1.1 200 OK\r\n\r\n", 0, "version" },
		{ "HTTP/2 200\r\n\r\n", 5, "version" },
		{ "HTTP/1.1\t200 OK\r\n\r\n", 8, "no space behind the version" },
		{ "HTTP/1.1 099 OK\r\n\r\n", 9, "status" },
		{ "HTTP/1.1 20 OK\r\n\r\n", 11, "status" },
		{ "HTTP/1.1 2000 OK\r\n\r\n", 12, "no space behind the status" },
		{ "HTTP/1.1 200OK\r\n\r\n", 12, "no space behind the status" },
		{ "HTTP/1.1 200\rOK\r\n\r\n", 12, "carriage return" },
		{ "HTTP/1.1 200 O\x1b[1mK\r\n\r\n", 14, "control" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", 33, "content-length" },
		{ "HTTP/1.1 200 OK\r\n : b\r\n\r\n", 17, "field line is folded" },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		check_bad(&cases[i], false);
}

static void status_codes_have_names(void **state)
{
	(void)state;
	assert_string_equal(http_status_name(403), "Forbidden");
	assert_string_equal(http_status_name(511), "Network Authentication Required");
	assert_null(http_status_name(299));
	assert_null(http_status_name(0));
}

/* --- targets ----------------------------------------------------------------------------- */

static void authorities_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		enum http_form form;
		const char *scheme, *host; /* host NULL: refused */
		unsigned port;
		bool userinfo;
	} cases[] = {
		{ "http://a.b", HTTP_FORM_ABSOLUTE, "http", "a.b", 0, false },
		{ "HTTP://A.b:8080/x@y:1", HTTP_FORM_ABSOLUTE, "HTTP", "A.b", 8080, false },
		{ "http://a:/", HTTP_FORM_ABSOLUTE, "http", "a", 0, false },
		{ "http://a?u@b", HTTP_FORM_ABSOLUTE, "http", "a", 0, false },
		{ "http://a#u@b", HTTP_FORM_ABSOLUTE, "http", "a", 0, false },
		{ "ftp://u:p@w@h:21/", HTTP_FORM_ABSOLUTE, "ftp", "h", 21, true },
		{ "http://[2001:db8::1]:80/", HTTP_FORM_ABSOLUTE, "http", "2001:db8::1", 80,
		  false },
		{ "http://[fe80::1%25eth0]/", HTTP_FORM_ABSOLUTE, "http", "fe80::1%25eth0", 0,
		  false },
		{ "http:///x", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "http://:80/", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "http://[::1/", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "http://[]/", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "http://[::1]x/", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "http://a\\b/", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "1http://a/", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "a:1", HTTP_FORM_ABSOLUTE, "", NULL, 0, false },
		{ "a.b:443", HTTP_FORM_AUTHORITY, "", "a.b", 443, false },
		{ "a.b", HTTP_FORM_AUTHORITY, "", "a.b", 0, false },
		{ "[::1]:443", HTTP_FORM_AUTHORITY, "", "::1", 443, false },
		{ "u@a.b:443", HTTP_FORM_AUTHORITY, "", "a.b", 443, true },
		{ "::1:443", HTTP_FORM_AUTHORITY, "", NULL, 0, false },
		{ "a.b:65536", HTTP_FORM_AUTHORITY, "", NULL, 0, false },
		{ "a.b:65535", HTTP_FORM_AUTHORITY, "", "a.b", 65535, false },
		{ "a.b:4x", HTTP_FORM_AUTHORITY, "", NULL, 0, false },
		{ "a.b:443/", HTTP_FORM_AUTHORITY, "", NULL, 0, false },
		{ "https://a.b/", HTTP_FORM_AUTHORITY, "", NULL, 0, false },
		{ "", HTTP_FORM_AUTHORITY, "", NULL, 0, false },
		{ "/x", HTTP_FORM_ORIGIN, "", NULL, 0, false },
		{ "*", HTTP_FORM_ASTERISK, "", NULL, 0, false },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct slice in = exact(slice_of(cases[i].target), strlen(cases[i].target));
		struct http_authority a;
		bool done = http_read_authority(in, cases[i].form, &a);
		if (done != (cases[i].host != NULL))
			fail_msg("%s: %d", cases[i].target, done);
		if (done) {
			assert_slice(a.scheme, cases[i].scheme);
			assert_slice(a.host, cases[i].host);
			assert_int_equal(a.port, cases[i].port);
			assert_int_equal(a.had_userinfo, cases[i].userinfo);
		}
		give_back(in);
	}
}

/* --- chunks ------------------------------------------------------------------------------ */

static const struct chunk_case {
	const char *bytes;
	enum http_parse want;
	size_t used;
	uint64_t body;
} CHUNKS[] = {
	{ "0\r\n\r\n", HTTP_DONE, 5, 0 },
	{ "5\r\nhello\r\n0\r\n\r\nHTTP", HTTP_DONE, 15, 5 },
	{ "00005;a=\"b\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n", HTTP_DONE, 50,
	  15 },
	{ "5 \t\r\nhello\r\n0  ;x\r\n\r\n", HTTP_DONE, 21, 5 },
	{ "a\r\n0\r\n\r\n01234\r\n0\r\n\r\n", HTTP_DONE, 20, 10 },
	{ "5\r\nhel", HTTP_MORE, 6, 3 },
	{ "5\r\nhello", HTTP_MORE, 8, 5 },
	{ "\r\n", HTTP_BAD, 0, 0 },
	{ ";x\r\n", HTTP_BAD, 0, 0 },
	{ "g\r\n", HTTP_BAD, 0, 0 },
	{ "-1\r\n", HTTP_BAD, 0, 0 },
	{ "0x5\r\n", HTTP_BAD, 1, 0 },
	{ "5\nhello", HTTP_BAD, 1, 0 },
	{ "5;a\nhello", HTTP_BAD, 3, 0 },
	{ "5 5\r\nhello", HTTP_BAD, 2, 0 },
	{ "5\r\rhello", HTTP_BAD, 2, 0 },
	{ "5\r\nhello!\r\n", HTTP_BAD, 8, 5 },
	{ "5\r\nhello\n0\r\n\r\n", HTTP_BAD, 8, 5 },
	{ "00000000000000001\r\nx", HTTP_BAD, 16, 0 },
	{ "ffffffffffffffff\r\nx", HTTP_MORE, 19, 1 },
	{ "0\r\nHTTP/1.1 200 OK\r\n", HTTP_BAD, 7, 0 },
	{ "0\r\nA: \x01\r\n\r\n", HTTP_BAD, 6, 0 },
	{ "0\r\n\n", HTTP_BAD, 3, 0 },
	{ "0\r\n\rx", HTTP_BAD, 4, 0 },
};

static void check_pieces(const struct chunk_case *c, const size_t *cuts, size_t count)
{
	struct slice whole = slice_of(c->bytes);
	struct http_chunks chunks = { 0 };
	enum http_parse p = HTTP_MORE;
	size_t total = 0, from = 0;
	for (size_t i = 0; i < count && p == HTTP_MORE; from = cuts[i++]) {
		struct slice in = exact(slice_from(whole, from), cuts[i] - from);
		size_t used = SIZE_MAX;
		p = http_read_chunks(&chunks, in, &used);
		if (p == HTTP_MORE)
			assert_int_equal(used, in.len);
		total += used;
		give_back(in);
	}
	if (p != c->want || total != c->used || chunks.body_bytes != c->body)
		fail_msg("%s: %d at %zu, body %zu", c->bytes, (int)p, total,
			 (size_t)chunks.body_bytes);
	size_t used = SIZE_MAX;
	if (p != HTTP_MORE) {
		assert_int_equal(http_read_chunks(&chunks, SLICE("0\r\n\r\n"), &used), p);
		assert_int_equal(used, 0);
	}
}

static void chunks_end_in_the_same_place_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(CHUNKS); i++) {
		size_t len = strlen(CHUNKS[i].bytes), each[128];
		assert_true(len < CASES(each));
		for (size_t n = 0; n < len; n++)
			each[n] = n + 1;
		check_pieces(&CHUNKS[i], each, len);
		for (size_t cut = 0; cut <= len; cut++)
			check_pieces(&CHUNKS[i], (size_t[]){ cut, len }, 2);
	}
}

static void a_chunk_line_has_a_greatest_length(void **state)
{
	(void)state;
	struct http_chunks c = { 0 };
	size_t used, total = 0;
	enum http_parse p = http_read_chunks(&c, SLICE("1;"), &used);
	for (; p == HTTP_MORE && total < 100000; total += used)
		p = http_read_chunks(&c, SLICE("x"), &used);
	assert_int_equal(p, HTTP_BAD);
}

static void a_hole_inside_a_chunk_can_be_skipped(void **state)
{
	(void)state;
	struct http_chunks c = { 0 };
	size_t used;
	assert_true(http_skip_in_chunk(&c, 0));
	assert_false(http_skip_in_chunk(&c, 1));
	assert_int_equal(http_read_chunks(&c, SLICE("10\r\nab"), &used), HTTP_MORE);
	assert_false(http_skip_in_chunk(&c, 15));
	assert_true(http_skip_in_chunk(&c, 13));
	assert_true(http_skip_in_chunk(&c, 1));
	assert_false(http_skip_in_chunk(&c, 1));
	assert_int_equal(c.body_bytes, 16);
	assert_int_equal(http_read_chunks(&c, SLICE("\r\n0\r\n\r\n"), &used), HTTP_DONE);
}

/* --- authentication ---------------------------------------------------------------------- */

static struct http_challenges challenges_of(const char *first, const char *second)
{
	struct http_fields fields = { .count = 0 };
	struct http_challenges c;
	const char *values[] = { first, second };
	for (size_t i = 0; i < 2; i++)
		if (values[i])
			fields.field[fields.count++] =
				(struct http_field){ SLICE("Proxy-Authenticate"),
						     slice_of(values[i]) };
	http_read_challenges(&fields, SLICE("proxy-authenticate"), &c);
	return c;
}

static void challenges_are_told_apart(void **state)
{
	(void)state;
	struct http_challenges c = challenges_of("Basic realm=\"a, \\\"b\"", NULL);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.challenge[0].scheme, HTTP_AUTH_BASIC);

	c = challenges_of("Negotiate, NTLM, digest  Realm = x ,nonce=\"n=\", stale=TRUE, "
			  "algorithm=SHA-256,qop=\"auth,auth-int\", Basic",
			  "Negotiate YII/+ab==, Foo, Bearer realm=\"z\"");
	assert_int_equal(c.count, 7);
	static const enum http_scheme want[] = { HTTP_AUTH_NEGOTIATE, HTTP_AUTH_NTLM,
						 HTTP_AUTH_DIGEST,    HTTP_AUTH_BASIC,
						 HTTP_AUTH_NEGOTIATE, HTTP_AUTH_OTHER,
						 HTTP_AUTH_BEARER };
	for (size_t i = 0; i < CASES(want); i++)
		assert_int_equal(c.challenge[i].scheme, want[i]);
	assert_true(c.challenge[2].stale);
	assert_false(c.challenge[3].stale);

	assert_int_equal(challenges_of("", "realm=x, ,;=").count, 0);
	assert_int_equal(challenges_of("Basic realm=\"never ends", NULL).count, 1);
	assert_int_equal(challenges_of("a,b,c,d,e,f,g,h,i realm=x,j", NULL).count,
			 HTTP_MAX_CHALLENGES);
	c = challenges_of("a,b,c,d,e,f,g,h,i stale=true", NULL);
	assert_false(c.challenge[7].stale);
}

static void credentials_give_scheme_and_user_alone(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		enum http_scheme scheme;
		const char *user;
	} cases[] = {
		{ "", HTTP_AUTH_NONE, "" },
		{ "Basic dXNlcjpwYXNz", HTTP_AUTH_BASIC, "user" },
		{ "basic   dXNlcjpwYXNz", HTTP_AUTH_BASIC, "user" },
		{ "Basic YTpi", HTTP_AUTH_BASIC, "a" },
		{ "Basic YWI6Yw==", HTTP_AUTH_BASIC, "ab" },
		{ "Basic OnBhc3M=", HTTP_AUTH_BASIC, "" },     /* no user */
		{ "Basic c2VjcmV0", HTTP_AUTH_BASIC, "" },     /* no colon: "secret" */
		{ "Basic dXNl*jpwYXNz", HTTP_AUTH_BASIC, "" }, /* no base64 */
		{ "Basic", HTTP_AUTH_BASIC, "" },
		{ "Digest username=\"Mufasa\", realm=\"r\"", HTTP_AUTH_DIGEST, "Mufasa" },
		{ "Digest realm=\"username=x\",username=\"a\\\"b\"", HTTP_AUTH_DIGEST, "a\"b" },
		{ "Digest username*=UTF-8''J%c3%a4s%f", HTTP_AUTH_DIGEST, "J\xc3\xa4s\x0f" },
		{ "Digest response=\"x\"", HTTP_AUTH_DIGEST, "" },
		{ "NTLM TlRMTVNTUAAB", HTTP_AUTH_NTLM, "" },
		{ "Negotiate YII=", HTTP_AUTH_NEGOTIATE, "" },
		{ "Bearer abc", HTTP_AUTH_BEARER, "" },
		{ "Hawk id=x", HTTP_AUTH_OTHER, "" },
		{ "\"x\"", HTTP_AUTH_OTHER, "" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		char user[32] = "left over";
		struct slice in = exact(slice_of(cases[i].value), strlen(cases[i].value));
		assert_int_equal(http_read_credentials(in, user, sizeof user), cases[i].scheme);
		assert_string_equal(user, cases[i].user);
		give_back(in);
	}
	char small[3];
	http_read_credentials(SLICE("Basic dXNlcjpwYXNz"), small, sizeof small);
	assert_string_equal(small, "us");
	assert_int_equal(http_read_credentials(SLICE("Basic dXNlcjpwYXNz"), NULL, 0),
			 HTTP_AUTH_BASIC);
}

static void no_byte_of_a_password_gets_out(void **state)
{
	(void)state;
	char user[64];
	memset(user, '#', sizeof user);
	http_read_credentials(SLICE("Basic dXNlcjpwYXNz"), user, sizeof user);
	for (size_t i = sizeof "user"; i < sizeof user; i++)
		assert_int_equal(user[i], '#');
}

/* --- pages ------------------------------------------------------------------------------- */

static void words_of(struct slice page, size_t most, struct buffer *out)
{
	struct slice piece = exact(page, page.len);
	buffer_init(out, 4096);
	http_page_text(out, piece, most);
	assert_false(out->failed);
	give_back(piece);
}

static void a_page_gives_its_words(void **state)
{
	static const struct {
		const char *page, *words;
	} table[] = {
		{ "", "" },
		{ "plain  text\r\n goes on", "plain text goes on" },
		{ "<html><head><title>No</title><style>p { x }</style></head><body><p>a</p>b",
		  "No\na\nb" },
		{ "<p>one <b>two</b><i>three</i></p>", "one twothree" },
		{ "a<!-- <p>hidden</p> -->b", "ab" },
		{ "<SCRIPT src=x>alert('<p>')</SCRIPT >seen", "seen" },
		{ "1 &lt; 2 &amp;&amp; 3 &gt; 2 &#65;&#x42;&nbsp;&unknown;",
		  "1 < 2 && 3 > 2 AB &unknown;" },
		{ "a < b <3", "a < b <3" },
		{ "&#0;&#xd800;&#99999999;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "&eacute &", "&eacute &" },
		{ "x<br>y<br/>z<hr>", "x\ny\nz" },
		{ "cut <b", "cut" },
		{ "cut <!-- here", "cut" },
		{ "cut <script>here", "cut" },
	};
	(void)state;
	for (size_t i = 0; i < CASES(table); i++) {
		struct buffer out;
		words_of(slice_of(table[i].page), 2000, &out);
		assert_slice(buffer_slice(&out), table[i].words);
		buffer_done(&out);
		for (size_t n = 0; n < strlen(table[i].page); n++) {
			words_of(slice_first(slice_of(table[i].page), n), 2000, &out);
			buffer_done(&out);
		}
	}
}

static void a_page_has_its_limit(void **state)
{
	struct buffer out;
	(void)state;
	words_of(SLICE("one two three four"), 10, &out);
	assert_slice(buffer_slice(&out), "one two...");
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(a_cut_request_wants_more),
		cmocka_unit_test(a_page_gives_its_words),
		cmocka_unit_test(a_page_has_its_limit),
		cmocka_unit_test(bad_requests_are_refused_with_place_and_reason),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(a_head_has_a_greatest_length),
		cmocka_unit_test(fields_beyond_the_array_still_count),
		cmocka_unit_test(known_names_are_told_apart),
		cmocka_unit_test(fields_are_found),
		cmocka_unit_test(what_looks_like_a_request),
		cmocka_unit_test(responses_are_read),
		cmocka_unit_test(bad_responses_are_refused),
		cmocka_unit_test(status_codes_have_names),
		cmocka_unit_test(authorities_are_taken_apart),
		cmocka_unit_test(chunks_end_in_the_same_place_in_any_pieces),
		cmocka_unit_test(a_chunk_line_has_a_greatest_length),
		cmocka_unit_test(a_hole_inside_a_chunk_can_be_skipped),
		cmocka_unit_test(challenges_are_told_apart),
		cmocka_unit_test(credentials_give_scheme_and_user_alone),
		cmocka_unit_test(no_byte_of_a_password_gets_out),
	};
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
