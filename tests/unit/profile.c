/* check/profile: what is right, what is wrong and where; and the profiles that are installed. */
#include "check/profile.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define CASES(table) (sizeof(table) / sizeof *(table))
#define HEAD         "title t; date 2026-11-23; source s;\n"

static void note(void *context, uint32_t line, uint32_t column, const char *text)
{
	buffer_printf(context, "%u:%u %s\n", line, column, text);
}

static int read(const char *text, struct arena *arena, struct check_profile *p, struct buffer *told)
{
	return check_profile_read(slice_of(text), arena, p, &(struct grammar_faults){ note, told });
}

static void a_profile_is_read(void **state)
{
	(void)state;
	static const char TEXT[] =
		"title \"A product\"; date 2026-11-23; source https://a.example/list; source b;\n"
		"target https://a.example/x?y=1 { for \"its updates\"; pinned; method HEAD; "
		"status 200 401; }\n"
		"target http://[::1]:8080/;\n"
		"allow *.b.example 443 80 { for downloads; }\n";
	struct arena *arena = arena_new(CHECK_PROFILE_ROOM);
	struct check_profile p;
	struct buffer told;
	buffer_init(&told, 4096);
	assert_int_equal(read(TEXT, arena, &p, &told), 0);
	assert_string_equal(p.title, "A product");
	assert_string_equal(p.date, "2026-11-23");
	assert_int_equal(p.sources, 2);
	assert_string_equal(p.source[1], "b");
	assert_int_equal(p.goals, 3);
	assert_int_equal(p.targets, 2);
	const struct check_goal *g = p.goal;
	assert_string_equal(g->url, "https://a.example/x?y=1");
	assert_string_equal(g->host, "a.example");
	assert_string_equal(g->purpose, "its updates");
	assert_true(g->pinned && g->head && g->target.secure && g->ports == 1 && g->port[0] == 443);
	assert_true(g->statuses == 2 && g->status[0] == 200 && g->status[1] == 401);
	g++;
	assert_string_equal(g->host, "::1");
	assert_string_equal(g->purpose, "");
	assert_true(!g->pinned && !g->head && g->port[0] == 8080 && g->statuses == 0);
	g++;
	assert_null(g->url);
	assert_string_equal(g->host, "*.b.example");
	assert_true(g->ports == 2 && g->port[0] == 443 && g->port[1] == 80);
	buffer_done(&told);
	arena_free(arena);
}

static void faults_are_told_with_their_places(void **state)
{
	(void)state;
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "", "1:1 'title' is missing: what the profile is about\n"
		      "1:1 'date' is missing: when the list was true\n"
		      "1:1 'source' is missing: where the list is from\n"
		      "1:1 there is no 'target' in it\n" },
		{ HEAD, "1:1 there is no 'target' in it\n" },
		{ HEAD "target https://a/", "2:8 a ; is missing behind 'https://a/'\n" },
		{ HEAD "target a.example;",
		  "2:8 'a.example' is no URL to check: https://HOST/ or http://HOST/\n" },
		{ HEAD "target ftp://a/;",
		  "2:8 'ftp://a/' is no URL to check: https://HOST/ or http://HOST/\n" },
		{ HEAD "target https://u:p@a/;", "2:8 credentials have no place in a profile\n" },
		{ HEAD "target https://a/ b;",
		  "2:19 'target' has too many words: quote what belongs together\n" },
		{ HEAD "target;", "2:1 'target' wants a word behind it\n" },
		{ HEAD "allow a.example;", "2:1 'allow' wants a host and its ports behind it\n" },
		{ HEAD "allow a.example 0 65536 x 1;",
		  "2:17 a port is a number from 1 to 65535\n"
		  "2:19 a port is a number from 1 to 65535\n"
		  "2:25 a port is a number from 1 to 65535\n" },
		{ HEAD "allow a*.example 443;",
		  "2:7 that is no host name; a * stands for all below a name: *.example.com\n" },
		{ HEAD "allow a 443 { status 200; }", "2:15 there is no 'status' here\n" },
		{ HEAD "target https://a/ {\n\tpined;\n}",
		  "3:2 there is no 'pined' here; did you mean 'pinned'?\n" },
		{ HEAD "target https://a/ { pinned yes; }",
		  "2:28 'pinned' has no words behind it\n" },
		{ HEAD "target https://a/ { method POST; }", "2:28 the method is GET or HEAD\n" },
		{ HEAD "target https://a/ { status 99 600 ok; }",
		  "2:28 a status is a number from 200 to 599\n"
		  "2:31 a status is a number from 200 to 599\n"
		  "2:35 a status is a number from 200 to 599\n" },
		{ "title a; title b; date 2026-13-01; source { }",
		  "1:10 'title' stands here a second time\n1:24 a date is written as 2026-11-23\n"
		  "1:36 'source' wants a word behind it\n" },
		{ "targets https://a/;",
		  "1:1 there is no 'targets' here; did you mean 'target'?\n" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct arena *arena = arena_new(CHECK_PROFILE_ROOM);
		struct check_profile p;
		struct buffer told;
		buffer_init(&told, 4096);
		assert_int_equal(read(cases[i].text, arena, &p, &told), -EINVAL);
		buffer_add_byte(&told, 0);
		assert_string_equal((const char *)told.at, cases[i].told);
		buffer_done(&told);
		arena_free(arena);
	}
}

static void what_is_too_much_is_no_crash(void **state)
{
	(void)state;
	struct arena *arena = arena_new(CHECK_PROFILE_ROOM);
	struct check_profile p;
	struct buffer text, told;
	buffer_init(&text, CHECK_MAX_PROFILE);
	buffer_init(&told, 4096);
	buffer_add_text(&text, HEAD);
	for (int i = 0; i <= CHECK_MAX_TARGETS; i++)
		buffer_add_text(&text, "target https://a/;\n");
	buffer_add_byte(&text, 0);
	assert_int_equal(read((const char *)text.at, arena, &p, &told), -EINVAL);
	buffer_add_byte(&told, 0);
	assert_string_equal((const char *)told.at, "258:1 more than 256 targets and hosts\n");
	for (size_t room = 0; room < 4096; room += 64) {
		struct arena *small = arena_new(room);
		assert_int_equal(read(HEAD "target https://a/;", small, &p, &told), -ENOMEM);
		arena_free(small);
	}
	buffer_done(&told);
	buffer_done(&text);
	arena_free(arena);
}

/* Those that are installed are right, and say what each target is for. */
static void the_installed_profiles_are_right(void **state)
{
	(void)state;
	static char text[CHECK_MAX_PROFILE];
	glob_t found;
	assert_int_equal(glob(SOURCE_ROOT "/share/profiles/*.profile", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 7);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct arena *arena = arena_new(CHECK_PROFILE_ROOM);
		struct check_profile p;
		struct buffer told;
		FILE *f = fopen(found.gl_pathv[i], "r");
		assert_non_null(f);
		text[fread(text, 1, sizeof text - 1, f)] = 0;
		fclose(f);
		buffer_init(&told, 4096);
		if (read(text, arena, &p, &told) != 0)
			fail_msg("%s: %.*s", found.gl_pathv[i], (int)told.len, (char *)told.at);
		for (size_t k = 0; k < p.goals; k++)
			assert_true(p.goal[k].purpose[0]);
		buffer_done(&told);
		arena_free(arena);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_read),
		cmocka_unit_test(faults_are_told_with_their_places),
		cmocka_unit_test(what_is_too_much_is_no_crash),
		cmocka_unit_test(the_installed_profiles_are_right),
	};
	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
