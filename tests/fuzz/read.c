/* From a capture file of any bytes to the words on the screen, through every room on the way:
 * reader, feed, book, judge, render. What comes out must be what render promises of anything, and
 * the same when it is read in two shares. */
#include "../unit/render_all.h"

#include "capture/feed.h"
#include "trace/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SHARES = 2, SHOWN = 40 };

struct run {
	struct trace_book *book;
	struct feed *feed[MAX_SHARES];
	struct tally *tally;
	unsigned shares, given;
	nanos last;
	nanos from, until; /* times in the capture */
	bool show;
};

static void must(const char *fault, const char *where)
{
	if (!fault)
		return;
	fprintf(stderr, "%s: %s\n", where, fault);
	abort();
}

static void show(struct run *r, const struct exchange *x, const struct diagnosis *d)
{
	struct render_style s = { .width = 80, .utf8 = r->given & 1 };
	struct all a = { .x = x, .d = d, .tally = r->tally };
	buffer_init(&a.out, 1 << 24);
	must(all_text(&a, &s), "text");
	must(all_json(&a), "json");
	must(all_markup(&a, &s), "markup");
	buffer_done(&a.out);
}

static void check_facts(const struct exchange *x)
{
	bool sane = x->events <= TRACE_MAX_EVENTS && x->path && x->id[15] && !x->id[16] &&
		    x->request.target.len <= 65536 && x->response.title.len <= 200 &&
		    x->answer_start.len <= 64 && x->tunnel.banner.len <= 100;
	must(sane ? NULL : "beyond its limits", "exchange");
	for (size_t i = 1; i < x->events; i++)
		must(x->event[i].mark.at >= x->event[i - 1].mark.at ? NULL : "out of order",
		     "events");
}

static void on_given(void *context, struct exchange *x)
{
	struct run *r = context;
	must(r->given == 0 || x->first.at >= r->last ? NULL : "not in order of start", "book");
	r->last = x->first.at;
	r->given++;
	check_facts(x);
	struct finding f;
	diagnose_judge(x, &f);
	tally_add(r->tally, x, f.verdict, verdict_severity(f.verdict));
	if (r->show && r->given <= SHOWN) {
		struct arena *arena = arena_new(65536);
		struct diagnosis d;
		if (arena && diagnose_explain(x, &f, arena, &d))
			show(r, x, &d);
		arena_free(arena);
	}
	trace_free(x);
}

static void on_exchange(void *context, struct exchange *x)
{
	struct run *r = context;
	trace_book_add(r->book, x);
}

static void on_connection(void *context, const struct trace_connection *c)
{
	struct run *r = context;
	trace_book_connection(r->book, c);
}

static void feed_all(struct run *r, struct capture *c, struct capture_batch *b)
{
	struct error err = { 0 };
	while (capture_read(c, b, &err) > 0) {
		for (size_t i = 0; i < b->count; i++) {
			const struct capture_packet *p = &b->packet[i];
			unsigned share = feed_share_of(p, r->shares);
			r->from = p->at < r->from ? p->at : r->from;
			r->until = p->at > r->until ? p->at : r->until;
			must(share <= r->shares ? NULL : "no such share", "share");
			for (unsigned k = 0; k < r->shares; k++)
				if (share == k || share == r->shares || r->shares == 1)
					feed_packet(r->feed[k], p, k, r->shares);
			for (unsigned k = 0; p->frame % 16 == 0 && k < r->shares; k++) {
				feed_until(r->feed[k], p->at, NULL);
				while (feed_end_next(r->feed[k])) {
				}
			}
		}
	}
	for (unsigned k = 0; k < r->shares; k++) {
		feed_until(r->feed[k], r->until, NULL);
		feed_finish(r->feed[k]);
	}
	trace_book_finish(r->book);
}

/* How many exchanges the capture gives. steady: its clock goes so little that no connection is
 * given up as idle, which happens when a share sees a packet of that time. */
static unsigned read_capture(struct capture *c, unsigned shares, bool show, bool *ret_steady)
{
	struct run r = { .shares = shares, .show = show, .from = INT64_MAX, .until = INT64_MIN };
	struct feed_options options = { .keep_heads = true };
	struct feed_owner owner = { .exchange = on_exchange,
				    .connection = on_connection,
				    .context = &r };
	struct trace_book_options book = { 0 };
	struct capture_batch *b = capture_batch_new();
	r.book = trace_book_new(&book, on_given, &r);
	r.tally = tally_new();
	bool ready = b && r.book && r.tally;
	for (unsigned k = 0; k < shares; k++) {
		r.feed[k] = feed_new(&options, &owner);
		ready = ready && r.feed[k];
	}
	if (ready)
		feed_all(&r, c, b);
	for (unsigned k = 0; k < shares; k++)
		feed_free(r.feed[k]);
	trace_book_free(r.book);
	tally_free(r.tally);
	capture_batch_free(b);
	*ret_steady = r.from >= 0 && r.until >= r.from && r.until - r.from < 10 * NANOS_PER_SECOND;
	return r.given;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[40];
	int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct capture *c = NULL, *again = NULL;
	struct error err = { 0 };
	if (write(fd, data, size) == (ssize_t)size) {
		c = capture_open(path, &err);
		again = capture_open(path, NULL);
	}
	close(fd);
	if (c && again && capture_kind(c) != CAPTURE_TEXT) {
		bool steady;
		unsigned one = read_capture(c, 1, true, &steady);
		unsigned two = read_capture(again, 2, false, &steady);
		must(one == two || !steady ? NULL : "two shares give something else", "share");
	}
	capture_close(c);
	capture_close(again);
	return 0;
}
