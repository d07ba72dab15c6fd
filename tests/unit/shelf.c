/* proxy/shelf and base/delta: what is told by another string comes back as it was. */
#include "base/delta.h"
#include "proxy/shelf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint32_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct slice exactly(struct slice s)
{
	uint8_t *at = malloc(s.len ? s.len : 1);
	assert_non_null(at);
	if (s.len)
		memcpy(at, s.at, s.len);
	return (struct slice){ at, s.len };
}

static size_t assert_comes_back(struct slice like, struct slice s)
{
	struct buffer delta, back;
	buffer_init(&delta, 1 << 16);
	buffer_init(&back, 1 << 16);
	delta_add(&delta, like, s);
	struct slice exact = exactly(buffer_slice(&delta));
	assert_true(delta_apply(like, exact, &back));
	assert_true(slice_equal(buffer_slice(&back), s));
	size_t len = exact.len;
	free((void *)exact.at);
	buffer_done(&delta);
	buffer_done(&back);
	return len;
}

static void differences_come_back(void **state)
{
	(void)state;
	static const struct {
		const char *like, *s;
		size_t most;
	} cases[] = {
		{ "", "", 0 },
		{ "", "a", 3 },
		{ "a", "", 0 },
		{ "abcdef", "abcdef", 1 },
		{ "abcdef", "abXdef", 4 },
		{ "abcdef", "abcdefgh", 6 },
		{ "abcdef", "abdef", 4 },
		{ "abcdef", "abcXXXXdef", 8 },
		{ "a port 4711 and more", "a port 815 and more", 9 },
		{ "0123456789012345678", "abcdefghijklmnopqrs", 23 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice like = exactly(slice_of(cases[i].like)),
			     s = exactly(slice_of(cases[i].s));
		assert_in_range(assert_comes_back(like, s), 0, cases[i].most);
		free((void *)like.at);
		free((void *)s.at);
	}
}

static void long_runs_come_back(void **state)
{
	(void)state;
	static uint8_t a[5000], b[5000];
	for (size_t round = 0; round < 300; round++) {
		size_t len = random_below(sizeof a), other = random_below(sizeof b);
		uint32_t letters = 1 + random_below(255);
		for (size_t i = 0; i < sizeof a; i++) {
			a[i] = (uint8_t)random_below(letters);
			b[i] = random_below(20) ? a[i] : (uint8_t)random_below(256);
		}
		size_t n = assert_comes_back((struct slice){ a, other }, (struct slice){ b, len });
		assert_in_range(n, 0, len + len / 7 + 2);
	}
}

static void what_is_no_difference_is_refused(void **state)
{
	(void)state;
	static const struct slice wrong[] = {
		SLICE("\xe0"),                            /* steps that are cut */
		SLICE("\x1f"),         SLICE("\x40\x61"), /* two new bytes, one there */
		SLICE("\xe0\x20\x61"), SLICE("\x09"),     /* more old bytes than there are */
		SLICE("\xe0\x09"),     SLICE("\x1f\xff"),
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct slice like = exactly(SLICE("12345678")), exact = exactly(wrong[i]);
		struct buffer out;
		buffer_init(&out, 100);
		assert_false(delta_apply(like, exact, &out));
		buffer_done(&out);
		free((void *)exact.at);
		free((void *)like.at);
	}
}

/* Of more kinds than a shelf has samples, put and taken in no order. */
static void strings_come_back(void **state)
{
	(void)state;
	enum { PLACES = 200, LEN = 150 };
	static uint8_t kind[9][LEN], text[PLACES][LEN];
	static struct kept *kept[PLACES];
	struct shelf *s = shelf_new();
	assert_non_null(s);
	for (size_t i = 0; i < sizeof kind; i++)
		kind[i / LEN][i % LEN] = (uint8_t)random_below(256);
	for (size_t round = 0; round < 5000; round++) {
		size_t i = random_below(PLACES);
		if (kept[i]) {
			struct buffer out;
			buffer_init(&out, 1000);
			assert_true(shelf_read(kept[i], &out));
			assert_int_equal(out.len, LEN);
			assert_memory_equal(out.at, text[i], LEN);
			buffer_done(&out);
		}
		shelf_drop(kept[i]);
		memcpy(text[i], kind[random_below(9)], LEN);
		for (int changes = 0; changes < 5; changes++)
			text[i][random_below(LEN)] = (uint8_t)random_below(256);
		kept[i] = shelf_put(s, (struct slice){ text[i], LEN });
		assert_non_null(kept[i]);
	}
	for (size_t i = 0; i < PLACES; i++)
		shelf_drop(kept[i]);
	shelf_drop(NULL);
	shelf_free(s);
	shelf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_come_back),
		cmocka_unit_test(long_runs_come_back),
		cmocka_unit_test(what_is_no_difference_is_refused),
		cmocka_unit_test(strings_come_back),
	};
	return cmocka_run_group_tests_name("shelf", tests, NULL, NULL);
}
