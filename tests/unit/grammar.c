/* base/grammar: what is right, what is wrong and where, and every cut of a text. */
#include "base/grammar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROOM = 1 << 16 };

/* The tree as one line: words with their places, blocks in braces. */
static void show(struct buffer *out, const struct grammar_entry *e)
{
	for (; e; e = e->next) {
		for (size_t i = 0; i < e->words; i++) {
			buffer_add_text(out, i ? " " : "");
			buffer_add(out, e->word[i].text);
			buffer_printf(out, "@%u:%u", e->word[i].line, e->word[i].column);
		}
		buffer_add_text(out, e->block ? "{" : ";");
		show(out, e->first);
		buffer_add_text(out, e->block ? "}" : "");
	}
}

static void note(void *context, uint32_t line, uint32_t column, const char *text)
{
	buffer_printf(context, "%u:%u %s\n", line, column, text);
}

static void words_are_read_with_their_places(void **state)
{
	(void)state;
	static const struct {
		const char *text, *tree;
	} cases[] = {
		{ "", "" },
		{ " \n# nothing\n", "" },
		{ "a;", "a@1:1;" },
		{ "a b;c;", "a@1:1 b@1:3;c@1:5;" },
		{ "\n\n  a\tb # ; }\r\n c;", "a@3:3 b@3:5 c@4:2;" },
		{ "a{}", "a@1:1{}" },
		{ "a b { c d; e { f; } } g;", "a@1:1 b@1:3{c@1:7 d@1:9;e@1:12{f@1:16;}}g@1:23;" },
		{ "a \"b c\" \"\" \"\\\"\\\\\";", "a@1:1 b c@1:3 @1:9 \"\\@1:12;" },
		{ "\"a\"{\"x;{}#\";}", "a@1:1{x;{}#@1:5;}" },
		{ "a [::1]:80 10.0.0.0/8 *.x !y \\z;",
		  "a@1:1 [::1]:80@1:3 10.0.0.0/8@1:12 *.x@1:23 !y@1:27 \\z@1:30;" },
		{ "a b#c\n;", "a@1:1 b@1:3;" },
		{ "\xef\xbb\xbf"
		  "a;",
		  "a@1:1;" },
		{ "a \xc3\xa4 b;", "a@1:1 \xc3\xa4@1:3 b@1:6;" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new(ROOM);
		struct grammar_entry *first;
		struct error err = { 0 };
		struct buffer out;
		buffer_init(&out, ROOM);
		assert_int_equal(grammar_read(slice_of(cases[i].text), arena, &first, &err), 0);
		show(&out, first);
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, cases[i].tree);
		buffer_done(&out);
		arena_free(arena);
	}
}

static void every_fault_is_told_and_stepped_over(void **state)
{
	(void)state;
	static const struct {
		const char *text, *faults, *tree;
	} cases[] = {
		{ "a", "1:1 a ; is missing behind 'a'\n", "a@1:1;" },
		{ "a b", "1:3 a ; is missing behind 'b'\n", "a@1:1 b@1:3;" },
		{ ";a;;b;", "1:1 a ; with nothing before it\n1:4 a ; with nothing before it\n",
		  "a@1:2;b@1:5;" },
		{ "}a;}", "1:1 a } that closes nothing\n1:4 a } that closes nothing\n", "a@1:2;" },
		{ "a {b}c;", "1:4 a ; is missing behind 'b'\n", "a@1:1{b@1:4;}c@1:6;" },
		{ "a {b {",
		  "1:6 the { here is never closed; a } is missing\n"
		  "1:3 the { here is never closed; a } is missing\n",
		  "a@1:1{b@1:4{}}" },
		{ "{a;}b;", "1:1 a { with no name before it\n", "b@1:5;" },
		{ "a \"b\nc;",
		  "1:3 the quoted word that begins here has no closing \" on its line\n",
		  "a@1:1 b@1:3 c@2:1;" },
		{ "a \"b\"c;", "1:6 a blank is missing behind the quoted word\n",
		  "a@1:1 b@1:3 c@1:6;" },
		{ "a \"b\"\"c\";", "1:6 a blank is missing between two quoted words\n",
		  "a@1:1 b@1:3 c@1:6;" },
		{ "a b\"c\";", "1:4 a \" within a word; quote the whole word and write \\\"\n",
		  "a@1:1 b@1:3 c@1:4;" },
		{ "a \"\\n\";",
		  "1:4 in quotes only \\\" and \\\\ are escapes; write \\\\ for a backslash\n",
		  "a@1:1 \\n@1:3;" },
		{ "a\x01"
		  "b;",
		  "1:2 a control character, \\x01, can't stand here\n", "a@1:1 b@1:3;" },
		{ "a{a{a{a{a{a{a{a{a{a{x;}}}}}}}}}}b;",
		  "1:18 blocks in blocks, more than 8 deep; no directive is\n",
		  "a@1:1{a@1:3{a@1:5{a@1:7{a@1:9{a@1:11{a@1:13{a@1:15{a@1:17;}}}}}}}}b@1:33;" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new(ROOM);
		struct grammar_entry *first;
		struct buffer out, told;
		buffer_init(&out, ROOM);
		buffer_init(&told, ROOM);
		assert_int_equal(grammar_read_all(slice_of(cases[i].text), arena, &first,
						  &(struct grammar_faults){ note, &told }),
				 -EINVAL);
		show(&out, first);
		buffer_add_byte(&out, 0);
		buffer_add_byte(&told, 0);
		assert_string_equal((char *)told.at, cases[i].faults);
		assert_string_equal((char *)out.at, cases[i].tree);
		buffer_done(&told);
		buffer_done(&out);
		struct error err = { 0 };
		assert_int_equal(grammar_read(slice_of(cases[i].text), arena, &first, &err),
				 -EINVAL);
		char want[32];
		unsigned line, column;
		assert_int_equal(sscanf(cases[i].faults, "%u:%u", &line, &column), 2);
		snprintf(want, sizeof want, "line %u, column %u: ", line, column);
		assert_memory_equal(err.text, want, strlen(want));
		arena_free(arena);
	}
}

/* A text that ends anywhere is a fault, or a whole number of entries; never a crash, and what was
 * whole before the cut is read. */
static void a_text_may_be_cut_anywhere(void **state)
{
	(void)state;
	static const char TEXT[] =
		"one a \"b \\\" c\"; # comment\ntwo { x; y z { \"\"; } }\nthree;\n";
	static const size_t ends[] = { 15, 48, 55 }; /* behind the last byte of each entry */
	for (size_t cut = 0; cut < sizeof TEXT; cut++) {
		char *exact = malloc(cut ? cut : 1);
		assert_non_null(exact);
		memcpy(exact, TEXT, cut);
		struct arena *arena = arena_new(ROOM);
		struct grammar_entry *first = NULL;
		size_t whole = 0, entries = 0;
		struct buffer told;
		buffer_init(&told, ROOM);
		grammar_read_all((struct slice){ (uint8_t *)exact, cut }, arena, &first,
				 &(struct grammar_faults){ note, &told });
		for (const struct grammar_entry *e = first; e; e = e->next)
			entries++;
		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
			whole += cut >= ends[i];
		assert_true(entries == whole || (entries == whole + 1 && told.len > 0));
		buffer_done(&told);
		arena_free(arena);
		free(exact);
	}
}

static void an_arena_without_room_is_no_crash(void **state)
{
	(void)state;
	static const char TEXT[] = "a b c d e f { g \"h i\"; } j k;";
	int last = -ENOMEM;
	for (size_t room = 0; room < 2048; room += 8) {
		struct arena *arena = arena_new(room);
		struct grammar_entry *first = NULL;
		struct error err = { 0 };
		int code = grammar_read(slice_of(TEXT), arena, &first, &err);
		assert_true(code == 0 || (code == -ENOMEM && err.text[0]));
		assert_true(last != 0 || code == 0);
		last = code;
		arena_free(arena);
	}
	assert_int_equal(last, 0);
}

static void words_are_written_as_they_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *word, *written;
	} cases[] = { { "a", "a" },         { "", "\"\"" },
		      { "a b", "\"a b\"" }, { "a\"b", "\"a\\\"b\"" },
		      { "a\\b", "a\\b" },   { "a \\", "\"a \\\\\"" },
		      { "#", "\"#\"" },     { "a\tb", "\"a\tb\"" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer out;
		buffer_init(&out, ROOM);
		assert_true(grammar_add_word(&out, slice_of(cases[i].word)));
		assert_int_equal(out.len, strlen(cases[i].written));
		assert_memory_equal(out.at, cases[i].written, out.len);
		buffer_done(&out);
	}
	struct buffer out;
	buffer_init(&out, ROOM);
	assert_false(grammar_add_word(&out, SLICE("a\nb")));
	assert_false(grammar_add_word(&out, SLICE("a\0b")));
	assert_int_equal(out.len, 0);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_with_their_places),
		cmocka_unit_test(every_fault_is_told_and_stepped_over),
		cmocka_unit_test(a_text_may_be_cut_anywhere),
		cmocka_unit_test(an_arena_without_room_is_no_crash),
		cmocka_unit_test(words_are_written_as_they_are_read),
	};
	return cmocka_run_group_tests_name("grammar", tests, NULL, NULL);
}
