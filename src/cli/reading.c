/* Captures into exchanges: packets through the pipeline, text example by example; exchanges through
 * the book to the report. */
#include "cli/reading.h"

#include "cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	TEXT_MOST = 256 << 20,
	WINDOW = 2048, /* exchanges that are put in order and related */
	FEW = 512,     /* of those that others concern, where the rest is only counted */
};

struct feed_options reading_feed_options(const struct reading *r)
{
	return (struct feed_options){
		.has_proxy = r->options->has_proxy,
		.proxy = r->options->proxy,
		.keep_heads = r->options->details,
		.verdict_only = report_counts_only(r->report),
		.max_connections = r->options->max_connections,
		.file = r->file,
		.live = r->live,
	};
}

void reading_count(struct summary_facts *facts, const struct feed *f)
{
	struct feed_counts c = feed_counts(f);
	facts->connections += c.streams.connections;
	facts->ignored_connections += c.ignored;
	facts->evicted += c.streams.evicted + c.passed_over;
	facts->copies += c.streams.copies;
	facts->bad_packets += c.bad;
	facts->unknown_link += c.unknown_link;
	facts->tcp += c.tcp;
	facts->link = c.unknown_link ? c.link : facts->link;
}

/* ---- the book -------------------------------------------------------------------------------- */

static void on_given(void *context, struct exchange *x)
{
	struct reading *r = context;
	if (r->pipeline)
		pipeline_take(r->pipeline, x);
	else
		report_exchange(r->report, x);
}

static void on_record(void *context, struct trace_record *record)
{
	struct reading *r = context;
	if (r->pipeline) {
		pipeline_take_record(r->pipeline, record);
		return;
	}
	report_written(r->report, (struct slice){ record->text, record->len });
	free(record);
}

static struct trace_book *book_new(struct reading *r)
{
	bool counted = report_counts_only(r->report) && r->options->files == 1;
	bool unordered = counted || r->live;
	struct trace_book_options options = {
		.window = unordered ? FEW : WINDOW,
		.has_proxy = r->options->has_proxy,
		.proxy = r->options->proxy,
		.unordered = unordered,
		.several = r->options->files > 1,
		.record = on_record,
	};
	return trace_book_new(&options, on_given, r);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void on_exchange(void *context, struct exchange *x)
{
	struct reading *r = context;
	trace_book_add(r->book, x);
}

static void on_connection(void *context, const struct trace_connection *c)
{
	struct reading *r = context;
	trace_book_connection(r->book, c);
}

/* Each example of a text is an observation of its own. */
static int read_example(struct reading *r, const struct packet_text *text,
			const struct packet_example *e, struct summary_facts *facts)
{
	struct feed_owner owner = { .exchange = on_exchange,
				    .connection = on_connection,
				    .context = r };
	struct feed_options options = reading_feed_options(r);
	options.text = text;
	options.example = e;
	struct trace_book *whole = r->book;
	r->book = book_new(r);
	struct feed *feed = feed_new(&options, &owner);
	bool ready = feed && r->book;
	report_heading(r->report, r->options->shown[r->file], e);
	for (size_t i = 0, n = 0; ready && (i < e->count || n < e->notes);) {
		bool note = n < e->notes && (i == e->count || e->note[n].at < e->segment[i].at);
		nanos at = note ? e->note[n].at : e->segment[i].at;
		if (r->first == NO_TIME)
			r->first = at;
		report_begin(r->report, r->first);
		r->last = at;
		if (note)
			feed_note(feed, &e->note[n++]);
		else
			feed_segment(feed, &e->segment[i++]);
	}
	if (ready) {
		feed_finish(feed);
		trace_book_finish(r->book);
		facts->packets += feed_counts(feed).packets;
		reading_count(facts, feed);
	}
	feed_free(feed);
	trace_book_free(r->book);
	r->book = whole;
	return ready ? 0 : err_set(&r->err, -ENOMEM, "out of memory");
}

static int read_text(struct reading *r, struct summary_facts *facts)
{
	struct slice bytes;
	int got = capture_read_text(r->capture, TEXT_MOST, &bytes, &r->err);
	if (got < 0)
		return got;
	struct packet_text *text = packet_text_read(bytes);
	if (!text)
		return err_set(&r->err, -ENOMEM, "out of memory");
	size_t count = packet_text_count(text);
	if (count == 0)
		got = err_set(&r->err, -EINVAL,
			      "%s: text, but nothing in it looks like packets of tcpdump or "
			      "Wireshark, nor like an HTTP exchange",
			      r->options->shown[r->file]);
	for (size_t i = 0; got == 0 && i < count; i++)
		got = read_example(r, text, packet_text_example(text, i), facts);
	packet_text_free(text);
	return got;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int read_capture(struct reading *r, struct summary_facts *facts)
{
	int got = 0;
	r->first = r->last = NO_TIME;
	if (capture_kind(r->capture) == CAPTURE_TEXT)
		got = read_text(r, facts);
	else
		got = pipeline_run(r, facts);
	facts->capture_lost += capture_lost(r->capture);
	if (r->first != NO_TIME && (facts->first == NO_TIME || r->first < facts->first))
		facts->first = r->first;
	if (r->last != NO_TIME && (facts->last == NO_TIME || r->last > facts->last))
		facts->last = r->last;
	return got;
}

/* Not one packet of it was understood: it is as good as unreadable. */
static int refuse_link(struct reading *r, uint64_t packets, uint32_t link)
{
	return err_set(&r->err, -EINVAL,
		       "%s: link type %u is not understood, so none of its %llu packet%s could be "
		       "read; capture on a network interface, or on all of them (-i any)",
		       r->options->shown[r->file], link, (unsigned long long)packets,
		       packets == 1 ? "" : "s");
}

/* `before`: when the last one ended. Rotation leaves hardly a pause. */
static bool goes_on(nanos before, nanos first)
{
	return before != NO_TIME && first != NO_TIME && first >= before &&
	       first - before < 2 * NANOS_PER_SECOND;
}

static int read_file(struct reading *r, struct summary_facts *facts)
{
	nanos before = r->file ? r->last : NO_TIME;
	uint64_t unknown = facts->unknown_link, packets = r->packets;
	r->capture =
		capture_open_as(r->options->file[r->file], r->options->shown[r->file], &r->err);
	int got = r->capture ? read_capture(r, facts) : r->err.code;
	capture_close(r->capture);
	facts->in_turn += goes_on(before, r->first);
	unknown = facts->unknown_link - unknown;
	packets = r->packets - packets;
	return got == 0 && packets > 0 && unknown == packets ? refuse_link(r, packets, facts->link)
							     : got;
}

static int finish(struct reading *r, int status, struct summary_facts *facts)
{
	trace_book_finish(r->book);
	trace_book_free(r->book);
	facts->files = (size_t)r->options->files;
	facts->packets += r->packets;
	facts->bytes += r->bytes;
	return status;
}

int reading_run(const struct read_options *options, struct report *report,
		struct summary_facts *ret_facts)
{
	struct reading r = { .options = options, .report = report };
	int status = EXIT_FINE;
	r.progress = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) == 0;
	r.book = book_new(&r);
	if (!r.book) {
		complain("out of memory");
		return EXIT_TROUBLE;
	}
	for (int i = 0; i < options->files; i++) {
		r.file = (uint32_t)i;
		if (read_file(&r, ret_facts) < 0) {
			complain("%s", r.err.text);
			status = EXIT_TROUBLE;
		}
	}
	return finish(&r, status, ret_facts);
}

int reading_watch(const struct read_options *options, struct report *report,
		  const struct reading_live *live, struct summary_facts *ret_facts)
{
	struct reading r = {
		.options = options, .report = report, .live = live, .capture = live->capture
	};
	int status = EXIT_FINE;
	r.book = book_new(&r);
	if (!r.book) {
		complain("out of memory");
		return EXIT_TROUBLE;
	}
	if (read_capture(&r, ret_facts) < 0) {
		complain("%s", r.err.text);
		status = EXIT_TROUBLE;
	}
	return finish(&r, status, ret_facts);
}
