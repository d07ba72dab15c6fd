/* store: what is kept is found again, by any filter, out of an index; what is too old goes. */
#include "store/store.h"

#include "diagnose/diagnose.h"
#include "render/render.h"

#include "render_samples.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define MINUTE (60 * NANOS_PER_SECOND)

static char folder[] = "/tmp/viaduct-store-XXXXXX", path[100];

static struct store *open_store(void)
{
	struct error err = { 0 };
	struct store *s = store_open(path, &err);
	if (!s)
		fail_msg("%s", err.text);
	return s;
}

static void remove_files(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	for (int i = 0; i < 3; i++) {
		char name[120];
		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		unlink(name);
	}
}

static int fresh(void **state)
{
	remove_files();
	*state = open_store();
	return 0;
}

static int done(void **state)
{
	store_close(*state);
	remove_files();
	return 0;
}

/* The n-th minute; every third is denied by a proxy of its own. */
static struct exchange *sample(unsigned n, const char *target)
{
	struct exchange *x =
		sample_new("10.40.40.1:48716", n % 3 ? "10.10.10.1:80" : "10.10.10.9:80");
	nanos later = n * MINUTE;
	sample_handshake(x);
	sample_connect(x, target);
	if (n % 3)
		sample_answer(x, 200, "Connection established");
	else
		sample_answer(x, 403, "Forbidden");
	x->response.server = SLICE("squid/5.7");
	x->first.at += later;
	x->last.at += later;
	x->syn = x->first;
	trace_set_id(x);
	return x;
}

/* Of the same moment, by another client. */
static struct exchange *beside(unsigned n, const char *target)
{
	struct exchange *x = sample(n, target);
	x->client.port++;
	trace_set_id(x);
	return x;
}

static void add(struct store *s, struct exchange *x, enum store_source source, int64_t batch)
{
	struct finding f;
	struct diagnosis d;
	struct error err = { 0 };
	struct arena *arena = arena_new(65536);
	diagnose_judge(x, &f);
	assert_true(diagnose_explain(x, &f, arena, &d));
	if (store_add(s, x, &d, source, batch, NULL, &err) < 0)
		fail_msg("%s", err.text);
	arena_free(arena);
	trace_free(x);
}

static void fill(struct store *s, unsigned count)
{
	struct error err = { 0 };
	for (unsigned n = 0; n < count; n++) {
		char target[40];
		snprintf(target, sizeof target, "host%u.example.org:443", n % 7);
		add(s, sample(n, target), n % 2 ? STORE_CHECK : STORE_PROXY, 0);
	}
	assert_int_equal(store_flush(s, &err), 0);
}

struct seen {
	size_t count;
	int64_t last, first;
	bool ordered;
};

static void see(void *context, const struct store_row *row)
{
	struct seen *seen = context;
	assert_true(row->record.len > 2 && row->record.at[0] == '{' &&
		    row->record.at[row->record.len - 1] == '}');
	if (seen->count && row->key >= seen->last)
		seen->ordered = false;
	if (!seen->count)
		seen->first = row->key;
	seen->last = row->key;
	seen->count++;
}

/* All pages of it. */
static size_t count(struct store *s, const struct store_filter *f, size_t most)
{
	struct seen seen = { .ordered = true };
	struct error err = { 0 };
	int64_t before = 0;
	do {
		size_t had = seen.count;
		if (store_query(s, f, before, most, see, &seen, &before, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(seen.count - had <= most);
	} while (before);
	assert_true(seen.ordered);
	return seen.count;
}

static void every_filter_finds_its_own(void **state)
{
	struct store *s = *state;
	struct store_filter f = STORE_ALL;
	fill(s, 210);
	assert_int_equal(count(s, &f, 50), 210);
	assert_int_equal(count(s, &f, 7), 210);
	f.verdict = SLICE("denied");
	assert_int_equal(count(s, &f, 50), 70);
	f.source = STORE_CHECK;
	assert_int_equal(count(s, &f, 50), 35);
	f.target = SLICE("host3.example.org:443");
	assert_int_equal(count(s, &f, 50), 5);
	f = STORE_ALL;
	f.verdict = SLICE("failure");
	assert_int_equal(count(s, &f, 50), 70);
	f.verdict = SLICE("no-such-verdict");
	assert_int_equal(count(s, &f, 50), 0);
	f = STORE_ALL;
	f.proxy = SLICE("10.10.10.9:80");
	assert_int_equal(count(s, &f, 50), 70);
	f.from = SAMPLE_START + 30 * MINUTE;
	f.to = SAMPLE_START + 60 * MINUTE;
	assert_int_equal(count(s, &f, 50), 10);
}

static void words_find(void **state)
{
	struct store *s = *state;
	struct store_filter f = STORE_ALL;
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {
		{ "host3.example.org", 30 },
		{ "HOST3.example.org:443", 30 },
		{ "example.org", 210 },
		{ "forbidden", 70 },
		{ "forbidden host3.example.org", 10 },
		{ "squid", 210 },
		{ "10.10.10.9", 70 },
		{ "host3", 0 },
		{ "\"denied\" OR x", 0 },
		{ "denied.", 70 },
		{ "  ", 0 },
		{ "NEAR(a b)", 0 },
		{ "words:denied", 0 },
		{ "*", 0 },
		{ "\xe6\x97\xa5\xe6\x9c\xac", 0 },
		{ "403 10.40.40.1", 70 },
	};
	fill(s, 210);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		f.text = slice_of(cases[i].text);
		if (count(s, &f, 50) != cases[i].count)
			fail_msg("'%s': %zu, not %zu", cases[i].text, count(s, &f, 50),
				 cases[i].count);
	}
}

static void an_index_answers_each_filter(void **state)
{
	struct store *s = *state;
	enum { CASES = 10 };
	struct store_filter by[CASES];
	static const char *const index[] = {
		"INTEGER PRIMARY KEY", "exchange_verdict",    "exchange_severity",
		"exchange_target",     "exchange_proxy",      "exchange_source",
		"exchange_batch",      "VIRTUAL TABLE INDEX", "exchange_verdict",
		"exchange_target",
	};
	for (int i = 0; i < CASES; i++)
		by[i] = STORE_ALL;
	by[1].verdict = SLICE("denied");
	by[2].verdict = SLICE("failure");
	by[3].target = SLICE("host3.example.org:443");
	by[4].proxy = SLICE("10.10.10.9:80");
	by[5].source = STORE_CHECK;
	by[6].batch = 1;
	by[7].text = SLICE("squid");
	by[8] = (struct store_filter){ .from = NO_TIME,
				       .to = NO_TIME,
				       .source = STORE_CHECK,
				       .verdict = SLICE("denied"),
				       .proxy = SLICE("10.10.10.9:80"),
				       .target = SLICE("a") };
	by[9] = (struct store_filter){ .from = NO_TIME,
				       .to = NO_TIME,
				       .source = STORE_CHECK,
				       .verdict = SLICE("ok"),
				       .proxy = SLICE("10.10.10.9:80"),
				       .target = SLICE("a") };
	for (int i = 0; i < CASES; i++) {
		struct buffer plan;
		struct error err = { 0 };
		buffer_init(&plan, 4096);
		assert_int_equal(store_explain(s, &by[i], &plan, &err), 0);
		buffer_add_byte(&plan, 0);
		const char *said = (const char *)plan.at;
		if (!strstr(said, index[i]) || strstr(said, "TEMP B-TREE") ||
		    (strstr(said, "SCAN") && i != 7) ||
		    (i != 7 && !strstr(said, "rowid>? AND rowid<?")))
			fail_msg("%s: %s", index[i], said);
		buffer_done(&plan);
	}
}

static void an_exchange_comes_back_whole(void **state)
{
	struct store *s = *state;
	struct seen seen = { .ordered = true };
	struct error err = { 0 };
	struct store_filter f = STORE_ALL;
	struct store_row row;
	struct buffer record;
	int64_t next;
	add(s, sample(0, "tools.cisco.com:443"), STORE_CAPTURE, 0);
	assert_int_equal(store_query(s, &f, 0, 10, see, &seen, &next, &err), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.first, SAMPLE_START);
	buffer_init(&record, 1 << 20);
	assert_int_equal(store_get(s, seen.first, &record, &row, &err), 0);
	assert_true(slice_find(row.record, SLICE("\"verdict\":\"denied\"")) < row.record.len);
	struct exchange *x = store_exchange(s, seen.first, &err);
	assert_non_null(x);
	assert_int_equal(x->response.status, 403);
	trace_free(x);
	assert_int_equal(store_get(s, 1, &record, &row, &err), -ENOENT);
	assert_null(store_exchange(s, 1, &err));
	buffer_done(&record);
}

static void the_same_exchange_is_kept_once(void **state)
{
	struct store *s = *state;
	struct store_filter f = STORE_ALL;
	struct store_totals t;
	struct error err = { 0 };
	int64_t one, two;
	store_begin_batch(s, STORE_CAPTURE, "a.pcap", SAMPLE_START, &one, &err);
	add(s, sample(0, "a.example:443"), STORE_CAPTURE, one);
	store_begin_batch(s, STORE_CAPTURE, "a.pcap", SAMPLE_START, &two, &err);
	add(s, sample(0, "a.example:443"), STORE_CAPTURE, two);
	add(s, beside(0, "b.example:443"), STORE_CAPTURE, two); /* another one of the same start */
	assert_int_equal(count(s, &f, 10), 2);
	f.batch = two;
	assert_int_equal(count(s, &f, 10), 2);
	f.batch = one;
	assert_int_equal(count(s, &f, 10), 0);
	assert_int_equal(store_totals(s, &t, &err), 0);
	assert_int_equal(t.exchanges, 2);
	assert_int_equal(store_forget_batch(s, two, &err), 0);
	assert_int_equal(store_totals(s, &t, &err), 0);
	assert_int_equal(t.exchanges, 0);
	f = STORE_ALL;
	f.text = SLICE("a.example");
	assert_int_equal(count(s, &f, 10), 0);
}

struct sums {
	uint64_t all, denied, bins;
	int64_t last;
};

static void sum(void *context, const struct store_count *c)
{
	struct sums *sums = context;
	sums->bins += c->start != sums->last;
	sums->last = c->start;
	sums->all += c->count;
	if (strcmp(c->verdict, "denied") == 0)
		sums->denied += c->count;
}

static void the_chart_adds_up(void **state)
{
	struct store *s = *state;
	struct error err = { 0 };
	fill(s, 210);
	for (int64_t step = 60; step <= 3600; step *= 60) {
		struct sums sums = { 0 };
		assert_int_equal(store_chart(s, SAMPLE_START - 60 * MINUTE,
					     SAMPLE_START + 600 * MINUTE, step, -1, sum, &sums,
					     &err),
				 0);
		assert_int_equal(sums.all, 210);
		assert_int_equal(sums.denied, 70);
		assert_int_equal(sums.bins, step == 60 ? 210 : 4);
	}
	struct sums sums = { 0 };
	store_chart(s, SAMPLE_START, SAMPLE_START + 600 * MINUTE, 60, STORE_CHECK, sum, &sums,
		    &err);
	assert_int_equal(sums.all, 105);
}

static void what_is_too_old_goes(void **state)
{
	struct store *s = *state;
	struct store_filter f = STORE_ALL;
	struct store_totals t;
	struct error err = { 0 };
	struct sums sums = { 0 };
	uint64_t gone;
	fill(s, 210);
	int64_t batch;
	store_begin_batch(s, STORE_CAPTURE, "old.pcap", SAMPLE_START + 300 * MINUTE, &batch, &err);
	add(s, beside(0, "c.example:443"), STORE_CAPTURE, batch);
	const struct store_limits by_age = { .oldest = SAMPLE_START + 100 * MINUTE };
	assert_int_equal(store_retain(s, &by_age, &gone, &err), 0);
	assert_int_equal(gone, 100);
	assert_int_equal(count(s, &f, 50), 111); /* old, but read lately */
	f.text = SLICE("squid");
	assert_int_equal(count(s, &f, 50), 111);
	f.text = SLICE("forbidden");
	assert_int_equal(count(s, &f, 50), 37);
	assert_int_equal(store_totals(s, &t, &err), 0);
	assert_int_equal(t.exchanges, 111);
	store_chart(s, SAMPLE_START, SAMPLE_START + 600 * MINUTE, 60, -1, sum, &sums, &err);
	assert_int_equal(sums.all, 111);
	const struct store_limits by_size = { .bytes = 1 };
	assert_int_equal(store_retain(s, &by_size, &gone, &err), 0);
	assert_int_equal(gone, 111);
	assert_int_equal(store_totals(s, &t, &err), 0);
	assert_int_equal(t.exchanges, 0);
	assert_true(t.first == NO_TIME && t.last == NO_TIME);
}

static void it_is_there_again(void **state)
{
	struct store_filter f = STORE_ALL;
	struct stat st;
	fill(*state, 10);
	store_close(*state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	*state = open_store();
	assert_int_equal(count(*state, &f, 50), 10);
}

/* Two of them, as console and watch are: what one adds, the other sees. */
static void two_share_it(void **state)
{
	struct store_filter f = STORE_ALL;
	struct store *other = open_store();
	fill(*state, 20);
	assert_int_equal(count(other, &f, 50), 20);
	add(other, sample(500, "d.example:443"), STORE_WATCH, 0);
	store_close(other);
	assert_int_equal(count(*state, &f, 50), 21);
}

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fwrite(text, 1, len, file);
	fclose(file);
}

static void what_is_none_of_ours_is_refused(void **state)
{
	struct error err = { 0 };
	char text[4096];
	store_close(*state);
	*state = NULL;
	memset(text, 'x', sizeof text);
	remove_files();
	write_file(text, sizeof text);
	assert_null(store_open(path, &err));
	assert_non_null(strstr(err.text, "not a database"));
	remove_files();
	*state = open_store();
	fill(*state, 1);
	store_close(*state);
	*state = NULL;
	FILE *file = fopen(path, "r+"); /* the header's user version: bytes 60 to 63 */
	assert_int_equal(fseek(file, 60, SEEK_SET), 0);
	fwrite("\0\0\0\x63", 1, 4, file);
	fclose(file);
	assert_null(store_open(path, &err));
	assert_non_null(strstr(err.text, "newer viaduct"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
		CASE(every_filter_finds_its_own),
		CASE(words_find),
		CASE(an_index_answers_each_filter),
		CASE(an_exchange_comes_back_whole),
		CASE(the_same_exchange_is_kept_once),
		CASE(the_chart_adds_up),
		CASE(what_is_too_old_goes),
		CASE(it_is_there_again),
		CASE(two_share_it),
		CASE(what_is_none_of_ours_is_refused),
	};
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/history", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
