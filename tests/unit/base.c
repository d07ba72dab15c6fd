/* base: slices, arena, buffer, reader, escaping, time. */
#include "base/arena.h"
#include "base/escape.h"
#include "base/reader.h"
#include "base/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void assert_text(const struct buffer *b, const char *want)
{
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->at, want, b->len);
}

static void slices_cut_and_find(void **state)
{
	(void)state;
	struct slice rest = SLICE("one\r\ntwo\n\nlast");
	assert_true(slice_equal(slice_line(&rest), SLICE("one")));
	assert_true(slice_equal(slice_line(&rest), SLICE("two")));
	assert_int_equal(slice_line(&rest).len, 0);
	assert_true(slice_equal(slice_line(&rest), SLICE("last")));
	assert_int_equal(rest.len, 0);
	assert_int_equal(slice_find(SLICE("aaab"), SLICE("aab")), 1);
	assert_int_equal(slice_find(SLICE("aaa"), SLICE("b")), 3);
	assert_int_equal(slice_find_nocase(SLICE("xHoSt:"), SLICE("host")), 1);
	assert_true(slice_equal(slice_trim(SLICE(" \t x y\r\n")), SLICE("x y")));
	assert_true(slice_ends(SLICE("a.b"), SLICE(".b")));
	assert_false(slice_starts_nocase(SLICE("ab"), SLICE("abc")));
}

static void numbers_are_read_or_refused(void **state)
{
	(void)state;
	uint64_t v = 7;
	assert_true(slice_parse_u64(SLICE("18446744073709551615"), 10, &v));
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_false(slice_parse_u64(SLICE("18446744073709551616"), 10, &v));
	assert_false(slice_parse_u64(SLICE(""), 10, &v));
	assert_false(slice_parse_u64(SLICE("1f"), 10, &v));
	assert_int_equal(v, 7);
	assert_true(slice_parse_u64(SLICE("1F"), 16, &v));
	assert_int_equal(v, 31);
}

static void three_bytes_stand_for_one(void **state)
{
	(void)state;
	uint8_t byte = 'x';
	assert_true(slice_percent(SLICE("a%2F"), 1, &byte) && byte == '/');
	assert_true(slice_percent(SLICE("%fe%"), 0, &byte) && byte == 0xfe);
	static const char *const none[] = { "", "%", "%4", "%4g", "%-1", "4%1", "%%41" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(slice_percent(slice_of(none[i]), 0, &byte));
	assert_false(slice_percent(SLICE("%41"), 3, &byte));
	assert_int_equal(byte, 0xfe);
}

static void a_reader_that_ran_out_stays_so(void **state)
{
	(void)state;
	struct reader r = { .left = SLICE("\x01\x02\x03") };
	assert_int_equal(read_u16(&r), 0x0102);
	assert_int_equal(read_u16(&r), 0);
	assert_true(r.ran_out);
	assert_int_equal(read_u8(&r), 0);
	struct reader c = { .left = SLICE("\x02hix") };
	assert_true(slice_equal(read_counted(&c, 1), SLICE("hi")));
	assert_false(c.ran_out);
}

static void an_arena_keeps_its_limit(void **state)
{
	(void)state;
	struct arena *a = arena_new(4096);
	assert_non_null(arena_alloc(a, 4000));
	assert_null(arena_alloc(a, 200));
	assert_non_null(arena_alloc(a, 90));
	assert_null(arena_alloc(a, SIZE_MAX));
	arena_reset(a);
	assert_string_equal(arena_string(a, SLICE("text")), "text");
	arena_free(a);
	arena_free(NULL);
}

static void a_buffer_fails_once_and_for_good(void **state)
{
	(void)state;
	struct buffer b;
	buffer_init(&b, 8);
	buffer_add_text(&b, "12345");
	buffer_printf(&b, "%d", 678);
	assert_false(b.failed);
	buffer_add_byte(&b, '9');
	assert_true(b.failed);
	assert_text(&b, "12345678");
	buffer_reset(&b);
	buffer_add_u64(&b, 40);
	assert_text(&b, "40");
	buffer_done(&b);
}

static void foreign_bytes_are_made_safe(void **state)
{
	(void)state;
	struct buffer b;
	buffer_init(&b, 1000);
	escape_text(&b, SLICE("a\x1b[31m\xff\\\xe2\x80\xae\xe3\x81\x82\n"));
	assert_text(&b, "a\\x1b[31m\\xff\\\\\\xe2\\x80\\xae\xe3\x81\x82\\x0a");
	buffer_reset(&b);
	escape_json(&b, SLICE("\"\x01\xc0\xe3\x81\x82"));
	assert_text(&b, "\\\"\\u0001\xef\xbf\xbd\xe3\x81\x82");
	buffer_reset(&b);
	escape_html(&b, SLICE("<a href='x'>&\x07"));
	assert_text(&b, "&lt;a href=&#39;x&#39;&gt;&amp;\\x07");
	buffer_done(&b);
	char small[8];
	assert_string_equal(escape_into(small, sizeof small, SLICE("abcdefghij")), "abcd...");
	assert_string_equal(escape_into(small, sizeof small, SLICE("abc")), "abc");
	assert_int_equal(escape_width(0x3042), 2);
	assert_int_equal(escape_width('a'), 1);
}

static void times_go_there_and_back(void **state)
{
	(void)state;
	static const struct {
		nanos t;
		const char *text;
	} cases[] = { { 0, "1970-01-01T00:00:00.000000Z" },
		      { INT64_C(1741951812517129000), "2025-03-14T11:30:12.517129Z" },
		      { INT64_C(1709164799000000001), "2024-02-28T23:59:59.000000001Z" },
		      { -1000, "1969-12-31T23:59:59.999999Z" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b;
		buffer_init(&b, 100);
		when_add_rfc3339(&b, cases[i].t);
		assert_text(&b, cases[i].text);
		buffer_done(&b);
		struct when w = when_split(cases[i].t);
		assert_true(when_join(&w) == cases[i].t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_cut_and_find),
		cmocka_unit_test(numbers_are_read_or_refused),
		cmocka_unit_test(three_bytes_stand_for_one),
		cmocka_unit_test(a_reader_that_ran_out_stays_so),
		cmocka_unit_test(an_arena_keeps_its_limit),
		cmocka_unit_test(a_buffer_fails_once_and_for_good),
		cmocka_unit_test(foreign_bytes_are_made_safe),
		cmocka_unit_test(times_go_there_and_back),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
