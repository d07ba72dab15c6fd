/* proxy/why: the last lines of an address. */
#include "proxy/why.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void add(struct why *w, const char *client, const char *line)
{
	struct address a;
	assert_true(address_parse(slice_of(client), &a));
	why_add(w, &a, slice_of(line));
}

static void assert_lines(struct why *w, const char *client, const char *lines)
{
	struct buffer out;
	struct address a = { 0 };
	assert_true(!client || address_parse(slice_of(client), &a));
	buffer_init(&out, 65536);
	why_write(w, &a, &out);
	buffer_add_byte(&out, 0);
	assert_string_equal((char *)out.at, lines);
	buffer_done(&out);
}

static void the_last_lines_stay(void **state)
{
	(void)state;
	struct why *w = why_new(3);
	assert_lines(w, NULL, "");
	add(w, "10.0.0.1:1000", "a\n");
	add(w, "10.0.0.2:1000", "b\n");
	add(w, "10.0.0.1:2000", "c\n");
	assert_lines(w, "10.0.0.1", "a\nc\n");
	assert_lines(w, NULL, "a\nb\nc\n");
	add(w, "10.0.0.1:3000", "d\n");
	assert_lines(w, "10.0.0.1", "c\nd\n");
	assert_lines(w, "10.0.0.3", "");
	why_free(w);
	why_free(NULL);
}

static void lines_of_any_length(void **state)
{
	(void)state;
	struct why *w = why_new(2);
	static char line[WHY_LINE + 2];
	for (size_t len = 1; len <= WHY_LINE; len = len * 2 + 1) {
		memset(line, 'x', len);
		line[len] = 0;
		add(w, "10.0.0.1:1", line);
		add(w, "10.0.0.2:1", "y");
		assert_lines(w, "10.0.0.1", line);
	}
	memset(line, 'z', WHY_LINE + 1);
	add(w, "10.0.0.9:1", line);
	assert_lines(w, "10.0.0.9", "");
	why_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_lines_stay),
		cmocka_unit_test(lines_of_any_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
