/* trace/pack: every exchange of the lab's captures comes back as it was. */
#include "capture/feed.h"
#include "diagnose/diagnose.h"
#include "render/render.h"
#include "trace/pack.h"

#include "render_samples.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "judged_alike.h"

struct totals {
	size_t exchanges, bytes, largest;
};

static void add_json(struct buffer *out, const struct exchange *x)
{
	struct finding f;
	struct diagnosis d;
	struct arena *arena = arena_new(65536);
	diagnose_judge(x, &f);
	assert_true(diagnose_explain(x, &f, arena, &d));
	render_json(out, x, &d);
	arena_free(arena);
	assert_false(out->failed);
}

static void assert_same_json(const struct exchange *a, const struct exchange *b)
{
	struct buffer was, is;
	buffer_init(&was, 65536);
	buffer_init(&is, 65536);
	add_json(&was, a);
	add_json(&is, b);
	buffer_add_byte(&was, 0);
	buffer_add_byte(&is, 0);
	assert_string_equal((char *)is.at, (char *)was.at);
	buffer_done(&was);
	buffer_done(&is);
}

/* As JSON, and once more packed, which holds what JSON leaves out. */
static size_t assert_comes_back(const struct exchange *x)
{
	struct buffer once, twice;
	buffer_init(&once, 65536);
	buffer_init(&twice, 65536);
	trace_pack(x, &once);
	assert_false(once.failed);
	struct exchange *copy = trace_unpack(buffer_slice(&once), 262144);
	assert_non_null(copy);
	assert_int_equal(copy->source, x->source);
	assert_same_json(x, copy);
	trace_pack(copy, &twice);
	assert_int_equal(once.len, twice.len);
	assert_memory_equal(once.at, twice.at, once.len);
	size_t len = once.len;
	trace_free(copy);
	buffer_done(&once);
	buffer_done(&twice);
	return len;
}

static void check(void *context, struct exchange *x)
{
	struct totals *t = context;
	size_t len = assert_comes_back(x);
	assert_judged_alike(x);
	t->exchanges++;
	t->bytes += len;
	if (len > t->largest)
		t->largest = len;
	trace_free(x);
}

static void give_to_book(void *context, struct exchange *x)
{
	trace_book_add(context, x);
}

static void tell_book(void *context, const struct trace_connection *connection)
{
	trace_book_connection(context, connection);
}

static void read_capture(const char *path, struct totals *t)
{
	struct error err;
	struct capture *c = capture_open(path, &err);
	struct trace_book *book = trace_book_new(&(struct trace_book_options){ 0 }, check, t);
	struct feed *feed = feed_new(&(struct feed_options){ .keep_heads = true },
				     &(struct feed_owner){ .exchange = give_to_book,
							   .connection = tell_book,
							   .context = book });
	struct capture_batch *batch = capture_batch_new();
	assert_true(c && book && feed && batch);
	while (capture_read(c, batch, &err) > 0)
		for (size_t i = 0; i < batch->count; i++)
			feed_packet(feed, &batch->packet[i], 0, 1);
	feed_finish(feed);
	trace_book_finish(book);
	feed_free(feed);
	trace_book_free(book);
	capture_batch_free(batch);
	capture_close(c);
}

static void read_directory(const char *name, struct totals *t)
{
	char path[512];
	snprintf(path, sizeof path, "%s/tests/captures/%s", SOURCE_ROOT, name);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		char file[1024];
		if (!strstr(e->d_name, ".pcap"))
			continue;
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		read_capture(file, t);
	}
	closedir(dir);
}

static void the_labs_exchanges_come_back(void **state)
{
	(void)state;
	struct totals t = { 0 };
	read_directory("lab", &t);
	read_directory("lab-b", &t);
	print_message("# %zu exchanges, %zu bytes each, %zu the largest\n", t.exchanges,
		      t.bytes / t.exchanges, t.largest);
	assert_true(t.exchanges > 100);
}

/* As our own proxy knows it: no packets, no frames. */
static struct exchange *plain_tunnel(void)
{
	struct exchange *x = trace_new(TRACE_PROXY, 65536);
	assert_non_null(x);
	sample_connect(x, "tools.cisco.com:443");
	x->request.host = x->request.target;
	x->client = sample_address("10.40.40.1:48716");
	x->proxy = sample_address("10.10.10.1:80");
	sample_answer(x, 200, "Connection established");
	x->tunnel.open = true;
	x->tunnel.inner = PROTO_TLS;
	x->tls->hello = x->tls->server_hello = x->tls->done = true;
	x->tls->sni = SLICE("tools.cisco.com");
	x->hello = x->tunnel.first[CLIENT] = x->tunnel.last[CLIENT] = sample_mark(0, 230000);
	x->first = x->last = x->hello;
	x->server_hello = sample_mark(0, 260000);
	trace_set_id(x);
	assert_true(trace_open_leg(x));
	x->leg->connect = 2000000;
	x->leg->facts = true;
	x->leg->why = SLICE("timeout-idle");
	return x;
}

static void an_ordinary_tunnel_is_small(void **state)
{
	(void)state;
	struct exchange *x = plain_tunnel();
	size_t len = assert_comes_back(x);
	print_message("# %zu bytes\n", len);
	assert_true(len < 250);
	trace_free(x);
}

static void nothing_comes_back_as_nothing(void **state)
{
	(void)state;
	struct exchange *x = trace_begin(TRACE_CHECK, 65536);
	struct buffer out;
	buffer_init(&out, 4096);
	trace_pack(x, &out);
	struct exchange *copy = trace_unpack(buffer_slice(&out), 65536);
	assert_non_null(copy);
	assert_null(copy->path);
	assert_null(copy->leg);
	assert_int_equal(copy->source, TRACE_CHECK);
	assert_int_equal(copy->answer, PROTO_NONE);
	assert_true(copy->rtt == NO_TIME && copy->request.body_length == UINT64_MAX);
	trace_free(copy);
	trace_free(x);
	buffer_done(&out);
}

static void what_a_probe_knows_comes_back(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CHECK, 65536);
	assert_true(trace_open_probe(x));
	x->probe->unresolved = "no address is known for it";
	x->probe->outer = OUTER_UNTRUSTED;
	x->probe->inside = true;
	struct buffer out;
	buffer_init(&out, 4096);
	trace_pack(x, &out);
	struct exchange *copy = trace_unpack(buffer_slice(&out), 65536);
	assert_non_null(copy);
	assert_string_equal(copy->probe->unresolved, x->probe->unresolved);
	assert_int_equal(copy->probe->outer, OUTER_UNTRUSTED);
	assert_true(copy->probe->inside && !copy->probe->distrusted && !copy->probe->no_route);
	trace_free(copy);
	trace_free(x);
	buffer_done(&out);
}

/* The history keeps packed exchanges for years. Where this fails, TRACE_PACK_FORMAT is one more,
 * and the sum that is printed stands here. */
static void the_format_is_the_number_it_says(void **state)
{
	(void)state;
	struct exchange *x = plain_tunnel();
	struct buffer out;
	buffer_init(&out, 4096);
	trace_pack(x, &out);
	uint32_t sum = 2166136261; /* FNV-1a */
	for (size_t i = 0; i < out.len; i++)
		sum = (sum ^ out.at[i]) * 16777619;
	sum += EV_COUNT_ + PROTO_COUNT_ * 256;
	print_message("# format %d is %u\n", TRACE_PACK_FORMAT, sum);
	assert_int_equal(TRACE_PACK_FORMAT, 1);
	assert_int_equal(sum, 697292426);
	trace_free(x);
	buffer_done(&out);
}

static void what_is_cut_is_refused(void **state)
{
	(void)state;
	struct exchange *x = plain_tunnel();
	struct buffer out;
	buffer_init(&out, 4096);
	trace_pack(x, &out);
	for (size_t len = 0; len < out.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		memcpy(exact, out.at, len);
		assert_null(trace_unpack((struct slice){ exact, len }, 65536));
		free(exact);
	}
	buffer_add_byte(&out, 0);
	assert_null(trace_unpack(buffer_slice(&out), 65536));
	assert_null(trace_unpack(slice_first(buffer_slice(&out), out.len - 1), 64));
	buffer_done(&out);
	trace_free(x);
}

static void no_room_is_said(void **state)
{
	(void)state;
	struct exchange *x = plain_tunnel();
	for (size_t limit = 0; limit < 100; limit++) {
		struct buffer out;
		buffer_init(&out, limit);
		trace_pack(x, &out);
		assert_true(out.failed);
		buffer_done(&out);
	}
	trace_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_labs_exchanges_come_back),
		cmocka_unit_test(an_ordinary_tunnel_is_small),
		cmocka_unit_test(nothing_comes_back_as_nothing),
		cmocka_unit_test(what_a_probe_knows_comes_back),
		cmocka_unit_test(the_format_is_the_number_it_says),
		cmocka_unit_test(what_is_cut_is_refused),
		cmocka_unit_test(no_room_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
