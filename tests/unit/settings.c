/* settings: the text read, changed without losing a byte, and judged. */
#include "settings/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "settings/diff.h"
#include "settings/json.h"
#include "settings/plan.h"

enum { ROOM = 1 << 20 };

static const char ARTICLE[] = "iprep_proxy {\n  PROXY_HOST 10.10.10.1;\n  PROXY_PORT 80;\n}\n";

#define COUNT(table) (sizeof table / sizeof *table)

/* The record as a line, or the error. */
static void show(struct buffer *out, const char *text)
{
	struct arena *arena = arena_new(ROOM);
	struct settings s;
	struct error err = { 0 };
	if (settings_read(slice_of(text), arena, &s, &err) < 0) {
		buffer_add_text(out, err.text);
	} else {
		buffer_printf(out, "%s ", s.enabled ? "on" : "off");
		buffer_add(out, s.host);
		buffer_printf(out, " %u %s ", s.port, s.auth ? "auth" : "open");
		buffer_add(out, s.user);
	}
	buffer_add_byte(out, 0);
	arena_free(arena);
}

static void texts_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text, *record;
	} cases[] = {
		{ "", "off  0 open " },
		{ ARTICLE, "on 10.10.10.1 80 open " },
		{ "iprep_proxy{}", "off  0 open " },
		{ "other { PROXY_HOST a; }", "off  0 open " },
		{ "iprep_proxy { PROXY_HOST \"a b\"; WHAT ever { x; } PROXY_USER u; }",
		  "on a b 0 auth u" },
		{ "iprep_proxy { PROXY_HOST [2001:db8::1]; PROXY_ENABLED No; PROXY_USER u; "
		  "PROXY_AUTH off; }",
		  "off 2001:db8::1 0 open u" },
		{ "\xef\xbb\xbfiprep_proxy {\r\n PROXY_HOST a; # b;\r\n}", "on a 0 open " },
		{ "iprep_proxy { PROXY_PORT x; }",
		  "line 1, column 26: PROXY_PORT takes a number from 1 to 65535, not 'x'" },
		{ "iprep_proxy { PROXY_PORT 0; }",
		  "line 1, column 26: PROXY_PORT takes a number from 1 to 65535, not '0'" },
		{ "iprep_proxy { PROXY_PORT 65536; }",
		  "line 1, column 26: PROXY_PORT takes a number from 1 to 65535, not '65536'" },
		{ "iprep_proxy { PROXY_AUTH maybe; }",
		  "line 1, column 26: PROXY_AUTH takes yes or no, not 'maybe'" },
		{ "iprep_proxy { PROXY_HOST; }",
		  "line 1, column 15: PROXY_HOST takes one value, not ''" },
		{ "iprep_proxy { PROXY_HOST a b; }",
		  "line 1, column 26: PROXY_HOST takes one value, not 'a'" },
		{ "iprep_proxy { PROXY_HOST a;\nPROXY_HOST b; }",
		  "line 2, column 1: PROXY_HOST is there twice" },
		{ "iprep_proxy {}\niprep_proxy {}",
		  "line 2, column 1: iprep_proxy is there twice" },
		{ "iprep_proxy;", "line 1, column 1: iprep_proxy is to be a block, { }" },
		{ "iprep_proxy { PROXY_HOST { a; } }",
		  "line 1, column 15: PROXY_HOST takes one value, no block" },
		{ "iprep_proxy {",
		  "line 1, column 13: the { here is never closed; a } is missing" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		buffer_init(&out, ROOM);
		show(&out, cases[i].text);
		assert_string_equal((char *)out.at, cases[i].record);
		buffer_done(&out);
	}
}

static void one_entry_changes_and_nothing_else(void **state)
{
	(void)state;
	static const struct {
		const char *before;
		enum settings_name name;
		const char *value; /* NULL: unset */
		const char *after;
	} cases[] = {
		{ "", SETTING_HOST, "a", "iprep_proxy {\n  PROXY_HOST a;\n}\n" },
		{ "x;", SETTING_PORT, "1", "x;\niprep_proxy {\n  PROXY_PORT 1;\n}\n" },
		{ ARTICLE, SETTING_HOST, "b c",
		  "iprep_proxy {\n  PROXY_HOST \"b c\";\n  PROXY_PORT 80;\n}\n" },
		{ ARTICLE, SETTING_USER, "u",
		  "iprep_proxy {\n  PROXY_HOST 10.10.10.1;\n  PROXY_PORT 80;\n  PROXY_USER "
		  "u;\n}\n" },
		{ ARTICLE, SETTING_HOST, NULL, "iprep_proxy {\n  PROXY_PORT 80;\n}\n" },
		{ ARTICLE, SETTING_AUTH, NULL, ARTICLE },
		{ "iprep_proxy { PROXY_HOST \"a \\\"b\"; } # end", SETTING_HOST, "c",
		  "iprep_proxy { PROXY_HOST c; } # end" },
		{ "iprep_proxy { PROXY_HOST a; }", SETTING_PORT, "8",
		  "iprep_proxy { PROXY_HOST a; PROXY_PORT 8; }" },
		{ "iprep_proxy { PROXY_HOST a; }", SETTING_HOST, NULL, "iprep_proxy { }" },
		{ "iprep_proxy { # why; {\n  OTHER x; # kept\n}\n", SETTING_HOST, "a",
		  "iprep_proxy { # why; {\n  PROXY_HOST a;\n  OTHER x; # kept\n}\n" },
		{ "iprep_proxy {\n  PROXY_HOST a # ;\n  ; # one\n  PROXY_PORT 1; # two\n}\n",
		  SETTING_HOST, NULL, "iprep_proxy {\n # one\n  PROXY_PORT 1; # two\n}\n" },
		{ "iprep_proxy {\n  PROXY_HOST a # ;\n  ; # one\n}\n", SETTING_PORT, "1",
		  "iprep_proxy {\n  PROXY_HOST a # ;\n  ; # one\n  PROXY_PORT 1;\n}\n" },
		{ "\xef\xbb\xbfiprep_proxy{PROXY_PORT bad;}", SETTING_PORT, "1",
		  "\xef\xbb\xbfiprep_proxy{PROXY_PORT 1;}" },
		{ "iprep_proxy{PROXY_HOST a b c;PROXY_PORT;}", SETTING_HOST, "d",
		  "iprep_proxy{PROXY_HOST d;PROXY_PORT;}" },
		{ "iprep_proxy{PROXY_PORT;}", SETTING_PORT, "1", "iprep_proxy{PROXY_PORT 1;}" },
		{ "iprep_proxy { } iprep_proxy_2 { }", SETTING_USER, "\xc3\xa4\\\"",
		  "iprep_proxy { PROXY_USER \"\xc3\xa4\\\\\\\"\"; } iprep_proxy_2 { }" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		struct error err = { 0 };
		struct slice before = slice_of(cases[i].before);
		buffer_init(&out, ROOM);
		int code = cases[i].value ? settings_set(before, cases[i].name,
							 slice_of(cases[i].value), &out, &err)
					  : settings_unset(before, cases[i].name, &out, &err);
		assert_int_equal(code, 0);
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, cases[i].after);
		buffer_done(&out);
	}
}

static void what_cannot_stand_in_the_text_is_refused(void **state)
{
	(void)state;
	struct buffer out;
	struct error err = { 0 };
	buffer_init(&out, ROOM);
	assert_int_equal(settings_set(SLICE(""), SETTING_USER, SLICE("a\nb"), &out, &err), -EINVAL);
	assert_int_equal(settings_set(SLICE("a"), SETTING_USER, SLICE("b"), &out, &err), -EINVAL);
	buffer_done(&out);
}

#define TEN     "abcdefghi."
#define FIFTY   TEN TEN TEN TEN TEN
#define LONG    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
#define NAME_64 FIFTY TEN "abcd"

static void settings_are_judged(void **state)
{
	(void)state;
	/* remark: a word of the one that is expected, "" for none; a '!' before it: a fault */
	static const struct {
		struct settings s;
		const char *remark;
	} cases[] = {
		{ { 0 }, "" },
		{ { .enabled = true, .host = SLICE("10.10.10.1"), .port = 80 }, "" },
		{ { .enabled = true, .host = SLICE("2001:db8::1"), .port = 80 }, "" },
		{ { .enabled = true, .host = SLICE("proxy.example."), .port = 80 }, "" },
		{ { .enabled = true, .host = SLICE("p_1"), .port = 80 }, "" },
		{ { .enabled = true, .host = SLICE("proxy"), .port = 0 }, "!no port" },
		{ { .enabled = true, .port = 80 }, "!no host" },
		{ { .enabled = false, .host = SLICE("proxy") }, "" },
		{ { .enabled = false, .host = SLICE("pro xy") }, "!' ' (0x20)" },
		{ { .enabled = true, .host = SLICE("http://proxy"), .port = 80 }, "!is a URL" },
		{ { .enabled = true, .host = SLICE("proxy:80"), .port = 80 }, "!given apart" },
		{ { .enabled = true, .host = SLICE("10.0.0.1:80"), .port = 80 }, "!given apart" },
		{ { .enabled = true, .host = SLICE("10.10.10.256"), .port = 80 },
		  "!no IPv4 address" },
		{ { .enabled = true, .host = SLICE("a..b"), .port = 80 }, "!is empty" },
		{ { .enabled = true, .host = SLICE("."), .port = 80 }, "!is empty" },
		{ { .enabled = true, .host = SLICE("-a.b"), .port = 80 }, "!hyphen" },
		{ { .enabled = true, .host = SLICE("a-.b"), .port = 80 }, "!hyphen" },
		{ { .enabled = true, .host = SLICE(LONG), .port = 80 }, "!more than 63" },
		{ { .enabled = true,
		    .host = SLICE(FIFTY FIFTY FIFTY FIFTY FIFTY "abcd"),
		    .port = 80 },
		  "!at most 253" },
		{ { .enabled = true, .host = SLICE("pr\xc3\xb6xy"), .port = 80 }, "!xn--" },
		{ { .enabled = true, .host = SLICE(NAME_64), .port = 80 }, "" },
		{ { .enabled = true, .host = SLICE(NAME_64 "e"), .port = 80 },
		  "65 characters: smart licensing takes at most 64" },
		{ { .enabled = true, .auth = true, .host = SLICE("p"), .port = 1 }, "!no user" },
		{ { .enabled = true,
		    .auth = true,
		    .host = SLICE("p"),
		    .port = 1,
		    .user = SLICE("u") },
		  "!no password" },
		{ { .enabled = true,
		    .auth = true,
		    .host = SLICE("p"),
		    .port = 1,
		    .user = SLICE("u"),
		    .password = SLICE(" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") },
		  "" },
		{ { .user = SLICE("a:b") }, "!':' in it" },
		{ { .user = SLICE("a\tb") }, "!control character" },
		{ { .password = SLICE("a\x7f") }, "!control character" },
		{ { .user = SLICE("\xc3\xa4") }, "outside ASCII" },
		{ { .user = SLICE(FIFTY FIFTY FIFTY FIFTY FIFTY "abcdef") }, "!256 bytes" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct settings_remarks r;
		settings_check(&cases[i].s, &r);
		const char *expected = cases[i].remark;
		bool fault = expected[0] == '!';
		assert_int_equal(r.faulty, fault);
		assert_true((r.count == 0) == (expected[0] == 0));
		if (r.count > 0)
			assert_non_null(strstr(r.remark[0].text, expected + fault));
	}
}

static void one_byte_too_far_is_not_read(void **state)
{
	(void)state;
	static const char text[] = "iprep_proxy { # c\n PROXY_HOST \"a\\\"\"; PROXY_USER u ;} # d";
	for (size_t len = 0; len < sizeof text; len++) {
		uint8_t exact[sizeof text];
		struct buffer out;
		struct error err = { 0 };
		memcpy(exact, text, len);
		buffer_init(&out, ROOM);
		struct slice part = { exact, len };
		for (int name = 0; name < SETTINGS_NAMES; name++) {
			(void)settings_set(part, (enum settings_name)name, SLICE("v"), &out, &err);
			(void)settings_unset(part, (enum settings_name)name, &out, &err);
		}
		buffer_done(&out);
	}
}

static void json_changes_in_one_place(void **state)
{
	(void)state;
	static const char *const PATH[] = { "a", "b", NULL };
	static const struct {
		const char *before, *value, *after; /* value NULL: goes; after NULL: refused */
	} cases[] = {
		{ "", "v", "{\n\t\"a\": {\"b\": \"v\"}\n}\n" },
		{ "{}", "v", "{\n\t\"a\": {\"b\": \"v\"}}" },
		{ "{\"x\":1}", "v", "{\n\t\"a\": {\"b\": \"v\"},\"x\":1}" },
		{ "{\"a\": {\"c\": 1}}", "v", "{\"a\": {\n\t\"b\": \"v\",\"c\": 1}}" },
		{ "{\"a\": {\"b\": [1, {}, \"]\"]}}", "v", "{\"a\": {\"b\": \"v\"}}" },
		{ "{\"a\":{\"b\":\"1\"},\"a\":{\"b\":\"2\"}}", "v",
		  "{\"a\":{\"b\":\"1\"},\"a\":{\"b\":\"v\"}}" },
		{ "{\"a\": {\"b\": 1, \"c\": 2}}", NULL, "{\"a\": {\"c\": 2}}" },
		{ "{\"a\": {\"c\": 2, \"b\": 1}}", NULL, "{\"a\": {\"c\": 2}}" },
		{ "{\"a\": {\"b\": \"\\\"}\"}}", NULL, "{\"a\": {}}" },
		{ "{\"x\": {}}", NULL, "{\"x\": {}}" },
		{ "{\"a\": 1}", "v", NULL },
		{ "[]", "v", NULL },
		{ "{\"a\": {}} x", "v", NULL },
		{ "{\"a\"}", "v", NULL },
		{ "{\"a\": {}", "v", NULL },
		{ "{\"a\": \"", "v", NULL },
		{ "{\"a\": {},}", "v", NULL },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		buffer_init(&out, ROOM);
		bool fine = json_set_string(slice_of(cases[i].before), PATH,
					    slice_of(cases[i].value), &out);
		assert_int_equal(fine, cases[i].after != NULL);
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, fine ? cases[i].after : "");
		buffer_done(&out);
	}
}

static void differences_are_shown_without_secrets(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after, *shown;
	} cases[] = {
		{ "a\nb\n", "a\nb\n", "" },
		{ "", "a\n", "@@ -1 +1 @@\n+a\n" },
		{ "a\nb\nc\nd\ne\n", "a\nB\nc\nD\nd\ne\n",
		  "@@ -2 +2 @@\n-b\n+B\n@@ -4 +4 @@\n+D\n" },
		{ "a\nb", "b", "@@ -1 +1 @@\n-a\n" },
		{ "x\033[31m\ty\n", "", "@@ -1 +1 @@\n-x\\x1b[31m\ty\n" },
		{ "", "http://u:p@h:1 'https://v:q/@r@h/' http://h:1/ http://u@h",
		  "@@ -1 +1 @@\n+http://u:***@h:1 'https://v:***@h/' http://h:1/ http://u@h\n" },
		{ "proxy-user = \"a:b\"\nProxy_Password=c\n-U a:b\n", "",
		  "@@ -1 +1 @@\n-proxy-user ***\n-Proxy_Passw ***\n--U ***\n" },
		{ "{\"auths\":{\"r\":{\"auth\":\"c2VjcmV0\"}}}", "",
		  "@@ -1 +1 @@\n-{\"auths\":{\"r\":{\"auth\" ***\n" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		buffer_init(&out, ROOM);
		diff_add(&out, slice_of(cases[i].before), slice_of(cases[i].after));
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, cases[i].shown);
		buffer_done(&out);
	}
}

static void the_proxys_url_needs_no_quoting(void **state)
{
	(void)state;
	static const struct {
		struct settings s;
		const char *url;
	} cases[] = {
		{ { .host = SLICE("p"), .port = 1 }, "http://p:1" },
		{ { .host = SLICE("2001:db8::1"), .port = 65535 }, "http://[2001:db8::1]:65535" },
		{ { .host = SLICE("p"), .port = 1, .user = SLICE("u") }, "http://p:1" },
		{ { .host = SLICE("p"),
		    .port = 1,
		    .auth = true,
		    .user = SLICE("D\\u"),
		    .password = SLICE("-._~ @:/%\xc3\xa4") },
		  "http://D%5Cu:-._%7E%20%40%3A%2F%25%C3%A4@p:1" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		buffer_init(&out, ROOM);
		plan_add_url(&out, &cases[i].s);
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, cases[i].url);
		buffer_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read),
		cmocka_unit_test(one_entry_changes_and_nothing_else),
		cmocka_unit_test(what_cannot_stand_in_the_text_is_refused),
		cmocka_unit_test(settings_are_judged),
		cmocka_unit_test(one_byte_too_far_is_not_read),
		cmocka_unit_test(json_changes_in_one_place),
		cmocka_unit_test(differences_are_shown_without_secrets),
		cmocka_unit_test(the_proxys_url_needs_no_quoting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
