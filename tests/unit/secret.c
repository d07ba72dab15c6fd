/* secret: what is overwritten in a stream, and what is not.
 *
 * A case shows its secrets between '{' and '}'. Every case runs whole, cut in two at every place,
 * and byte by byte. */
#include "http/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 1024 };

struct stream {
	uint8_t bytes[MOST], secret[MOST], found[MOST];
	size_t len;
	uint64_t last;
};

/* Takes the braces out and remembers what was between them. */
static struct stream read_case(struct slice shown)
{
	struct stream s = { .len = 0 };
	bool secret = false;
	for (size_t i = 0; i < shown.len; i++) {
		if (shown.at[i] == '{' || shown.at[i] == '}') {
			secret = shown.at[i] == '{';
			continue;
		}
		assert_true(s.len < MOST);
		s.secret[s.len] = secret;
		s.bytes[s.len++] = shown.at[i];
	}
	return s;
}

static void on_found(void *context, uint64_t from, uint64_t to)
{
	struct stream *s = context;
	assert_true(from <= to && from >= s->last && to <= MOST);
	for (uint64_t i = from; i < to; i++)
		s->found[i] = 1;
	s->last = to;
}

static void begin(struct stream *s)
{
	memset(s->found, 0, sizeof s->found);
	s->last = 0;
}

static void find(struct http_secrets *h, struct stream *s, size_t from, size_t to)
{
	uint8_t *exact = malloc(to > from ? to - from : 1);
	assert_non_null(exact);
	memcpy(exact, s->bytes + from, to - from);
	http_find_secrets(h, (struct slice){ exact, to - from }, on_found, s);
	free(exact);
	assert_int_equal(h->at, to);
}

static void check(const struct stream *s, struct slice shown, size_t cut)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->found[i] != s->secret[i])
			fail_msg("%.*s: cut at %zu, byte %zu ('%c') is%s found", (int)shown.len,
				 (const char *)shown.at, cut, i, s->bytes[i],
				 s->found[i] ? "" : " not");
}

static void run(struct slice shown)
{
	struct stream s = read_case(shown);
	for (size_t cut = 0; cut <= s.len; cut++) {
		struct http_secrets h = { 0 };
		begin(&s);
		find(&h, &s, 0, cut);
		find(&h, &s, cut, s.len);
		http_secrets_end(&h, on_found, &s);
		check(&s, shown, cut);
	}
	struct http_secrets h = { 0 };
	begin(&s);
	for (size_t i = 0; i < s.len; i++)
		find(&h, &s, i, i + 1);
	http_secrets_end(&h, on_found, &s);
	check(&s, shown, SIZE_MAX);
}

#define CASE(text)                                                                                 \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static void values_of_secret_fields_are_found(void **state)
{
	(void)state;
	static const struct slice cases[] = {
		CASE("GET http://a/ HTTP/1.1\r\nProxy-Authorization: {Basic dTpw}\r\nHost: "
		     "a\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\nAUTHORIZATION:{Bearer x.y}\r\n\r\nbody"),
		CASE("Cookie: {a=b; c=d}\r\nSet-Cookie: {e=f}\r\nSet-Cookie2:  {g}\r\n"),
		CASE("X-Api-Key: {k}\r\nPrivate-Token: {t}\r\nX-Amz-Security-Token: {s}\r\n"),
		CASE("Authentication-Info: {nextnonce=1}\r\n"),
		CASE("cookie {: a space before the colon}\r\n"),
		CASE("Cookie:\t{a tab}\n"),
		CASE("Cookie: {ends here}"),
		CASE("Cookie:\r\nHost: a\r\n"),
		CASE("Cookies: 3\r\nX-Cookie: no\r\nAuthorizations: none\r\n"),
		CASE("Host: Cookie: no field\r\n"),
		CASE("X-A-Name-That-Is-Longer-Than-Any-Of-Ours: x\r\nCookie: {y}\r\n"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(cases[i]);
}

static void folded_lines_go_on(void **state)
{
	(void)state;
	static const struct slice cases[] = {
		CASE("Cookie: {a=b;}\r\n {c=d}\r\n\t{e=f}\r\nHost: a\r\n"),
		CASE("Cookie:\r\n {on the next line}\r\nHost: a\r\n b\r\n"),
		/* behind a space the name stands for itself: some take that for a field */
		CASE("Host: a\r\n Cookie: {b}\r\n"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(cases[i]);
}

static void userinfo_is_found(void **state)
{
	(void)state;
	static const struct slice cases[] = {
		CASE("GET http://{u:p}@a/ HTTP/1.1\r\n"),
		CASE("GET http://{u:p}@{q}@a/ HTTP/1.1\r\n"),
		CASE("GET http://a/x@y HTTP/1.1\r\n"),
		CASE("CONNECT {u:p}@a:443 HTTP/1.1\r\n"),
		CASE("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n"),
		CASE("GET http://a/?to=ftp://{u}@b/ HTTP/1.1\r\nReferer: https://{v:w}@c/\r\n"),
		CASE("<a href=\"http://{u:p}@a/\">http://b</a> me@c"),
		CASE("Location: http://{cut}"), /* its end is not to be seen */
		CASE("x:/y@z and x:y//z@w\r\n"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(cases[i]);
}

static void other_bytes_pass(void **state)
{
	(void)state;
	static const struct slice cases[] = {
		CASE("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
		CASE("\0\xff\nCookie: {still a line}\n\x80\x81\n"),
		CASE("HTTP/1.1 200 OK\r\n\r\n\0\1\2\3"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(cases[i]);
	run((struct slice){ NULL, 0 });
}

/* before, so many bytes missing, behind: what is found of the last. */
static void gap_case(const char *before, const char *behind)
{
	enum { GAP = 5 };
	struct stream first = read_case(slice_of(before)), rest = read_case(slice_of(behind)), s;
	struct http_secrets h = { 0 };
	s = first;
	memcpy(s.bytes + first.len + GAP, rest.bytes, rest.len);
	memcpy(s.secret + first.len + GAP, rest.secret, rest.len);
	s.len = first.len + GAP + rest.len;
	begin(&s);
	find(&h, &s, 0, first.len);
	http_secrets_gap(&h, GAP, on_found, &s);
	assert_int_equal(h.at, first.len + GAP);
	find(&h, &s, first.len + GAP, s.len);
	http_secrets_end(&h, on_found, &s);
	memset(s.found + first.len, 0, GAP);
	check(&s, slice_of(behind), first.len);
}

static void behind_a_gap_the_line_is_doubted(void **state)
{
	(void)state;
	gap_case("", "{perhaps a value}\r\nHost: a\r\n");
	gap_case("Cookie: {a=b;}", "{c=d}\r\nHost: a\r\n");
	gap_case("GET / HTTP/1.1\r\nAccept: x\r\nCoo", "{c=d}\r\nHost: a\r\n");
	gap_case("\x17\x03\x03\x01\x01\x80\x81", "\x90no text before\r\nHost: a\r\n");
	gap_case("GET http://{us}", "{er}@a/ HTTP/1.1\r\n");
}

static void names_are_known(void **state)
{
	(void)state;
	assert_true(http_is_secret_field(SLICE("Proxy-Authorization")));
	assert_true(http_is_secret_field(SLICE("x-csrf-TOKEN")));
	assert_true(http_is_secret_field(SLICE("API-Key")));
	assert_false(http_is_secret_field(SLICE("Token")));
	assert_false(http_is_secret_field(SLICE("Proxy-Authenticate")));
	assert_false(http_is_secret_field(SLICE("")));
}

static void hide(const char *text, bool cut, const char *want)
{
	size_t len = strlen(text);
	uint8_t *own = malloc(len ? len : 1);
	assert_non_null(own);
	memcpy(own, text, len);
	http_hide_userinfo(own, len, cut);
	assert_memory_equal(own, want, len);
	free(own);
}

static void userinfo_is_hidden_in_texts(void **state)
{
	(void)state;
	hide("see http://u:p@a/", false, "see http://***@a/");
	hide("see http://u:p", false, "see http://u:p");
	hide("see http://u:p", true, "see http://***");
	hide("Cookie: a", true, "Cookie: a"); /* a text, no head */
	hide("", true, "");
	hide("http://", true, "http://");
	hide("mail a@b", true, "mail a@b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_secret_fields_are_found),
		cmocka_unit_test(folded_lines_go_on),
		cmocka_unit_test(userinfo_is_found),
		cmocka_unit_test(other_bytes_pass),
		cmocka_unit_test(behind_a_gap_the_line_is_doubted),
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(userinfo_is_hidden_in_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
