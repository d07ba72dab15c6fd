/* proxy/log: lines that are written, moved away, dropped and counted. */
#include "base/buffer.h"
#include "proxy/log.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { MANY = 40000, LINE = 64 }; /* more than is ever queued */

static char folder[] = "/tmp/viaduct-log-XXXXXX";
static char path[128], other[128];

static struct log *open_log(const char *where, enum log_format format)
{
	struct error err;
	struct config_log options = { .format = format, .path = where };
	struct log *l = log_open(&options, &err);
	if (!l)
		fail_msg("%s", err.text);
	return l;
}

static void add(struct log *l, unsigned n)
{
	char line[LINE + 1];
	int len = snprintf(line, sizeof line, "line %u ", n);
	memset(line + len, '.', (size_t)(LINE - 1 - len));
	line[LINE - 1] = '\n';
	log_add(l, (struct slice){ (uint8_t *)line, LINE });
}

static struct slice read_whole(const char *file, struct buffer *into)
{
	buffer_reset(into);
	int fd = open(file, O_RDONLY);
	for (ssize_t n = 1; fd >= 0 && n > 0; into->len += n > 0 ? (size_t)n : 0)
		n = read(fd, buffer_reserve(into, 65536), 65536);
	if (fd >= 0)
		close(fd);
	return buffer_slice(into);
}

static bool has(struct slice text, const char *what)
{
	return slice_find(text, slice_of(what)) < text.len;
}

/* Until the file has it; fails when a minute was not enough. */
static void await(const char *file, const char *what, struct buffer *into)
{
	for (int i = 0; i < 6000; i++) {
		if (has(read_whole(file, into), what))
			return;
		poll(NULL, 0, 10);
	}
	fail_msg("%s never came in %s", what, file);
}

/* Every line whole, each at most once and in order; how many. *ret_told: what the notes add up to.
 */
static unsigned check_lines(struct slice text, uint64_t *ret_told)
{
	unsigned lines = 0, next = 0;
	*ret_told = 0;
	while (text.len) {
		struct slice line = slice_line(&text);
		char copy[200] = { 0 };
		unsigned n;
		unsigned long long told;
		assert_true(line.len < sizeof copy);
		memcpy(copy, line.at, line.len);
		if (sscanf(copy, "line %u ", &n) == 1) {
			assert_int_equal(line.len, LINE - 1);
			assert_true(n >= next);
			next = n + 1;
			lines++;
		} else if (sscanf(copy, "%*s %llu lines were lost", &told) == 1) {
			*ret_told += told;
		} else {
			fail_msg("neither a line nor a note: %s", copy);
		}
	}
	return lines;
}

static struct slice whole_lines(const struct buffer *text)
{
	struct slice whole = buffer_slice(text);
	while (whole.len && whole.at[whole.len - 1] != '\n')
		whole.len--;
	return whole;
}

static void lines_are_written(void **state)
{
	(void)state;
	struct buffer text;
	struct stat st;
	uint64_t told;
	buffer_init(&text, 1 << 24);
	struct log *l = open_log(path, LOG_TEXT);
	for (unsigned i = 0; i < 1000; i++)
		add(l, i);
	log_close(l);
	assert_int_equal(check_lines(read_whole(path, &text), &told), 1000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0027, 0);
	l = open_log(path, LOG_TEXT); /* appends */
	add(l, 1000);
	log_close(l);
	assert_int_equal(check_lines(read_whole(path, &text), &told), 1001);
	assert_int_equal(told, 0);
	log_close(NULL);
	log_add(NULL, SLICE("x"));
	buffer_done(&text);
	unlink(path);
}

static void rotation_loses_nothing(void **state)
{
	(void)state;
	struct buffer text;
	uint64_t told;
	buffer_init(&text, 1 << 24);
	struct log *l = open_log(path, LOG_TEXT);
	for (unsigned i = 0; i < 100; i++)
		add(l, i);
	await(path, "line 99 ", &text);
	assert_int_equal(rename(path, other), 0);
	add(l, 100); /* goes where the file went */
	await(other, "line 100 ", &text);
	log_reopen(l);
	add(l, 101);
	await(path, "line 101 ", &text);
	add(l, 102);
	log_close(l);
	assert_int_equal(check_lines(read_whole(other, &text), &told), 101);
	assert_int_equal(check_lines(read_whole(path, &text), &told), 2);
	buffer_done(&text);
	unlink(path);
	unlink(other);
}

static void a_full_disk_drops_and_counts(void **state)
{
	(void)state;
	struct buffer text;
	uint64_t told;
	buffer_init(&text, 1 << 24);
	assert_int_equal(symlink("/dev/full", path), 0);
	struct log *l = open_log(path, LOG_TEXT);
	for (unsigned i = 0; i < MANY; i++)
		add(l, i);
	uint64_t dropped = log_dropped(l);
	assert_true(dropped > 0 && dropped < MANY);
	assert_int_equal(unlink(path), 0); /* there is room again */
	log_reopen(l);
	await(path, " lines were lost", &text);
	add(l, MANY);
	log_close(l);
	unsigned lines = check_lines(read_whole(path, &text), &told);
	assert_int_equal(told, dropped);
	assert_int_equal(lines + dropped, MANY + 1);
	assert_true(has(buffer_slice(&text), "line 0 "));
	buffer_done(&text);
	unlink(path);
}

static void drops_are_json_in_json(void **state)
{
	(void)state;
	struct buffer text;
	buffer_init(&text, 1 << 24);
	assert_int_equal(symlink("/dev/full", path), 0);
	struct log *l = open_log(path, LOG_JSON);
	for (unsigned i = 0; i < MANY; i++)
		add(l, i);
	assert_int_equal(unlink(path), 0);
	log_reopen(l);
	await(path, "{\"v\":1,\"log\":\"dropped\",\"at\":\"", &text);
	log_close(l);
	buffer_done(&text);
	unlink(path);
}

static void nobody_reads_a_fifo(void **state)
{
	(void)state;
	struct buffer text;
	uint64_t told;
	buffer_init(&text, 1 << 24);
	assert_int_equal(mkfifo(path, 0600), 0);
	struct log *l = open_log(path, LOG_TEXT);
	for (unsigned i = 0; i < MANY; i++)
		add(l, i);
	assert_true(log_dropped(l) > 0);
	int fd = open(path, O_RDONLY | O_NONBLOCK); /* somebody does */
	assert_true(fd >= 0);
	uint64_t seen = 0;
	for (int i = 0; i < 6000 && seen < MANY; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		poll(&p, 1, 100);
		ssize_t n = read(fd, buffer_reserve(&text, 65536), 65536);
		text.len += n > 0 ? (size_t)n : 0;
		seen = check_lines(whole_lines(&text), &told) + told;
	}
	assert_int_equal(seen, MANY);
	close(fd);
	add(l, MANY); /* and leaves */
	log_close(l);
	buffer_done(&text);
	unlink(path);
}

/* As a process and its successor do while one hands over to the other. */
static void two_write_to_one_file(void **state)
{
	(void)state;
	/* whatever one write takes ends within a line */
	enum { ODD = LINE - 1, ROUNDS = 20, EACH = 8000 };
	struct buffer text;
	char line[2][ODD];
	buffer_init(&text, 1 << 21);
	for (int i = 0; i < 2; i++) {
		memset(line[i], "ab"[i], ODD - 1);
		line[i][ODD - 1] = '\n';
	}
	for (int round = 0; round < ROUNDS; round++) {
		struct log *l[] = { open_log(path, LOG_TEXT), open_log(path, LOG_TEXT) };
		for (int i = 0; i < 2 * EACH; i++)
			log_add(l[i % 2], (struct slice){ (uint8_t *)line[i % 2], ODD });
		log_close(l[0]);
		log_close(l[1]);
		struct slice all = read_whole(path, &text);
		assert_int_equal(all.len, 2 * EACH * ODD);
		while (all.len) {
			struct slice one = slice_line(&all);
			assert_int_equal(one.len, ODD - 1);
			assert_memory_equal(one.at, line[one.at[0] == 'b'], ODD - 1);
		}
		unlink(path);
	}
	buffer_done(&text);
}

static void standard_output_may_be_stuck(void **state)
{
	(void)state;
	struct buffer text;
	uint64_t told;
	int ends[2];
	buffer_init(&text, 1 << 24);
	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	struct log *l = open_log("-", LOG_TEXT);
	for (unsigned i = 0; i < MANY; i++)
		add(l, i);
	bool dropped = log_dropped(l) > 0;
	log_close(l); /* gives up on it after a while */
	dup2(saved, STDOUT_FILENO);
	close(saved);
	for (ssize_t n = 1; n > 0; text.len += n > 0 ? (size_t)n : 0)
		n = read(ends[0], buffer_reserve(&text, 65536), 65536);
	close(ends[0]);
	assert_true(dropped);
	/* the last page ends where it ends */
	assert_true(check_lines(whole_lines(&text), &told) > 100);
	buffer_done(&text);
}

static void what_cannot_be_opened_is_said(void **state)
{
	(void)state;
	struct error err = { 0 };
	char nowhere[160];
	snprintf(nowhere, sizeof nowhere, "%s/no/such", folder);
	struct config_log options = { .format = LOG_TEXT, .path = nowhere };
	assert_null(log_open(&options, &err));
	assert_non_null(strstr(err.text, nowhere));
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/access.log", folder);
	snprintf(other, sizeof other, "%s/access.log.1", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_written),
		cmocka_unit_test(rotation_loses_nothing),
		cmocka_unit_test(a_full_disk_drops_and_counts),
		cmocka_unit_test(drops_are_json_in_json),
		cmocka_unit_test(nobody_reads_a_fifo),
		cmocka_unit_test(two_write_to_one_file),
		cmocka_unit_test(standard_output_may_be_stuck),
		cmocka_unit_test(what_cannot_be_opened_is_said),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
