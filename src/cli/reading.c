/* Captures into exchanges: batches of packets to one feed a thread, exchanges through the book to
 * the report.
 *
 * Every thread does the same: whoever is free reads the next batch; then each takes from it the
 * connections that are its own. So nobody waits while there is work, and the packets of one
 * connection stay in order. */
#include "cli/command.h"
#include "cli/read.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_THREADS = 16,
	BATCHES = 8,              /* under way at once; more hide more unevenness and cost cache */
	WORTH_THREADS = 32 << 20, /* bytes: a smaller file is read before a thread is up */
	TEXT_MOST = 256 << 20,
	KNOWN = 16,
	WINDOW = 2048, /* exchanges that are put in order and related */
	FEW = 512,     /* of those that others concern, where the rest is only counted */
};

struct worker {
	struct reading *reading;
	struct feed *feed;
	struct tally *tally;
	struct address known[KNOWN]; /* proxies that the book has heard of from here */
	unsigned knows;
	unsigned share;
	pthread_t thread;
};

struct slot {
	struct capture_batch *batch;
	uint8_t share[CAPTURE_BATCH];
	uint64_t number; /* of the batch in the file */
	unsigned users;  /* workers that have not been through it yet */
};

struct reading {
	const struct read_options *options;
	struct report *report;
	struct trace_book *book;
	pthread_mutex_t book_lock;
	struct capture *capture;
	uint32_t file;
	unsigned shares;
	/* under `lock` */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slot[BATCHES];
	uint64_t produced;
	bool busy, over; /* somebody reads; nothing is left to read */
	int trouble;
	struct error err;
	nanos first, last;
	uint64_t packets, bytes;
	bool progress;
};

/* ---- exchanges ------------------------------------------------------------------------------- */

static void on_given(void *context, struct exchange *x)
{
	struct reading *r = context;
	report_exchange(r->report, x);
}

static void tell_proxy(struct worker *w, const struct address *proxy)
{
	for (unsigned i = 0; i < w->knows; i++)
		if (address_equal(&w->known[i], proxy))
			return;
	pthread_mutex_lock(&w->reading->book_lock);
	trace_book_proxy(w->reading->book, proxy);
	pthread_mutex_unlock(&w->reading->book_lock);
	w->known[w->knows < KNOWN ? w->knows++ : KNOWN - 1] = *proxy;
}

/* Where exchanges are only counted, most need nothing from the book. */
static bool on_glance(void *context, const struct exchange *x)
{
	struct worker *w = context;
	const struct reading *r = w->reading;
	if (!report_counts_only(r->report) || r->options->files > 1 || trace_book_concerns(x))
		return false;
	enum severity severity;
	enum verdict verdict = diagnose_verdict(x, &severity);
	tell_proxy(w, &x->proxy);
	tally_add(w->tally, x, verdict, severity);
	return true;
}

static void on_exchange(void *context, struct exchange *x)
{
	struct worker *w = context;
	struct reading *r = w->reading;
	pthread_mutex_lock(&r->book_lock);
	trace_book_add(r->book, x);
	pthread_mutex_unlock(&r->book_lock);
}

static void on_connection(void *context, const struct trace_connection *c)
{
	struct worker *w = context;
	pthread_mutex_lock(&w->reading->book_lock);
	trace_book_connection(w->reading->book, c);
	pthread_mutex_unlock(&w->reading->book_lock);
}

/* ---- workers --------------------------------------------------------------------------------- */

static bool worker_begin(struct worker *w, struct reading *r, unsigned share,
			 const struct feed_options *options)
{
	struct feed_owner owner = { on_glance, on_exchange, on_connection, w };
	*w = (struct worker){ .reading = r, .share = share };
	w->feed = feed_new(options, &owner);
	w->tally = tally_new();
	return w->feed && w->tally;
}

static void worker_end(struct worker *w, struct summary_facts *facts)
{
	if (!w->feed || !w->tally)
		return;
	struct feed_counts c = feed_counts(w->feed);
	facts->connections += c.streams.connections;
	facts->ignored_connections += c.ignored;
	facts->evicted += c.streams.evicted;
	facts->copies += c.streams.copies;
	facts->bad_packets += c.bad;
	facts->unknown_link += c.unknown_link;
	tally_merge(report_tally(w->reading->report), w->tally);
}

static void worker_free(struct worker *w)
{
	feed_free(w->feed);
	tally_free(w->tally);
}

/* ---- batches --------------------------------------------------------------------------------- */

static void show_progress(const struct reading *r)
{
	uint64_t size = capture_size(r->capture);
	if (r->progress && size)
		fprintf(stderr, "\r%s: %3u %%\033[K", r->options->shown[r->file],
			(unsigned)(capture_offset(r->capture) * 100 / size));
}

/* Reads a batch into the slot. Called by one thread at a time, without the lock. */
static int fill_slot(struct reading *r, struct slot *s, struct error *err)
{
	int got = capture_read(r->capture, s->batch, err);
	for (size_t i = 0; got > 0 && i < s->batch->count && r->shares > 1; i++)
		s->share[i] = (uint8_t)feed_share_of(&s->batch->packet[i], r->shares);
	return got;
}

static void note_batch(struct reading *r, const struct capture_batch *b)
{
	r->packets += b->count;
	for (size_t i = 0; i < b->count; i++) {
		nanos at = b->packet[i].at;
		r->bytes += b->packet[i].wire_len;
		if (at == NO_TIME)
			continue;
		if (r->first == NO_TIME) {
			r->first = at;
			report_begin(r->report, at);
		}
		if (r->last == NO_TIME || at > r->last)
			r->last = at;
	}
}

static void feed_batch(struct worker *w, const struct slot *s)
{
	unsigned shares = w->reading->shares;
	for (size_t i = 0; i < s->batch->count; i++)
		if (shares == 1 || s->share[i] == w->share || s->share[i] == shares)
			feed_packet(w->feed, &s->batch->packet[i], w->share, shares);
}

static struct slot *free_slot(struct reading *r)
{
	for (size_t i = 0; i < BATCHES; i++)
		if (r->slot[i].users == 0 && r->slot[i].batch)
			return &r->slot[i];
	return NULL;
}

static struct slot *numbered_slot(struct reading *r, uint64_t number)
{
	for (size_t i = 0; i < BATCHES; i++)
		if (r->slot[i].users > 0 && r->slot[i].number == number)
			return &r->slot[i];
	return NULL;
}

/* With the lock held: reads one batch, the lock let go meanwhile. */
static void produce(struct reading *r, struct slot *s)
{
	struct error err = { 0 };
	r->busy = true;
	s->users = r->shares; /* taken */
	s->number = UINT64_MAX;
	pthread_mutex_unlock(&r->lock);
	int got = fill_slot(r, s, &err);
	if (got > 0)
		note_batch(r, s->batch);
	show_progress(r);
	pthread_mutex_lock(&r->lock);
	r->busy = false;
	if (got > 0) {
		s->number = r->produced++;
	} else {
		s->users = 0;
		r->over = true;
		r->trouble = got;
		r->err = err;
	}
	pthread_cond_broadcast(&r->changed);
}

static void *work(void *context)
{
	struct worker *w = context;
	struct reading *r = w->reading;
	uint64_t next = 0;
	pthread_mutex_lock(&r->lock);
	for (;;) {
		struct slot *mine = numbered_slot(r, next), *empty;
		if (mine) {
			pthread_mutex_unlock(&r->lock);
			feed_batch(w, mine);
			pthread_mutex_lock(&r->lock);
			next++;
			if (--mine->users == 0)
				pthread_cond_broadcast(&r->changed);
		} else if (r->over && next == r->produced) {
			break;
		} else if (!r->busy && !r->over && (empty = free_slot(r))) {
			produce(r, empty);
		} else {
			pthread_cond_wait(&r->changed, &r->lock);
		}
	}
	nanos last = r->last;
	pthread_mutex_unlock(&r->lock);
	feed_until(w->feed, last);
	feed_finish(w->feed);
	return NULL;
}

/* ---- one capture ----------------------------------------------------------------------------- */

static unsigned choose_shares(const struct read_options *o, const struct capture *c)
{
	cpu_set_t set;
	if (o->threads)
		return o->threads < MAX_THREADS ? o->threads : MAX_THREADS;
	if (capture_size(c) < WORTH_THREADS || sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	unsigned n = (unsigned)CPU_COUNT(&set);
	return n < 1 ? 1 : n < MAX_THREADS ? n : MAX_THREADS;
}

static bool slots_new(struct reading *r)
{
	unsigned wanted = r->shares == 1 ? 1 : BATCHES;
	for (unsigned i = 0; i < wanted; i++)
		if (!(r->slot[i].batch = capture_batch_new()))
			return i > 0;
	return true;
}

static void slots_free(struct reading *r)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		capture_batch_free(r->slot[i].batch);
		r->slot[i] = (struct slot){ 0 };
	}
}

static void run_workers(struct reading *r, struct worker *workers)
{
	unsigned started = 1;
	for (; started < r->shares; started++)
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
			break;
	if (started < r->shares) { /* a share without a thread: its packets would be lost */
		complain("only %u of %u threads could be started; --threads %u", started, r->shares,
			 started);
		exit(EXIT_TROUBLE);
	}
	work(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
}

static struct feed_options feed_options_of(const struct reading *r)
{
	return (struct feed_options){
		.has_proxy = r->options->has_proxy,
		.proxy = r->options->proxy,
		.keep_heads = r->options->details,
		.max_connections = r->options->max_connections,
		.file = r->file,
	};
}

static int read_packets(struct reading *r, struct summary_facts *facts)
{
	struct worker workers[MAX_THREADS] = { 0 };
	struct feed_options options = feed_options_of(r);
	bool ready = true;
	r->shares = choose_shares(r->options, r->capture);
	r->produced = 0;
	r->busy = r->over = false;
	r->trouble = 0;
	ready = slots_new(r);
	for (unsigned i = 0; i < r->shares; i++)
		ready = worker_begin(&workers[i], r, i, &options) && ready;
	if (ready)
		run_workers(r, workers);
	else
		r->trouble = err_set(&r->err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < r->shares; i++) {
		worker_end(&workers[i], facts);
		worker_free(&workers[i]);
	}
	slots_free(r);
	if (r->progress)
		fprintf(stderr, "\r\033[K");
	return r->trouble;
}

/* ---- text ------------------------------------------------------------------------------------ */

static struct slice text_name(void *context, const struct address *a)
{
	return packet_text_name(context, a);
}

static struct trace_book *book_new(struct reading *r)
{
	bool unordered = report_counts_only(r->report) && r->options->files == 1;
	struct trace_book_options options = {
		.window = unordered ? FEW : WINDOW,
		.has_proxy = r->options->has_proxy,
		.proxy = r->options->proxy,
		.unordered = unordered,
		.several = r->options->files > 1,
	};
	return trace_book_new(&options, on_given, r);
}

/* Each example of a text is an observation of its own. */
static int read_example(struct reading *r, struct packet_text *text, const struct packet_example *e,
			struct summary_facts *facts)
{
	struct worker w;
	struct feed_options options = feed_options_of(r);
	options.text = true;
	options.name = text_name;
	options.name_context = text;
	options.heading = e->heading;
	options.first_line = e->first_line;
	struct trace_book *whole = r->book;
	r->book = book_new(r);
	bool ready = worker_begin(&w, r, 0, &options) && r->book;
	report_heading(r->report, r->options->shown[r->file], e);
	for (size_t i = 0, n = 0; ready && (i < e->count || n < e->notes);) {
		bool note = n < e->notes && (i == e->count || e->note[n].at < e->segment[i].at);
		nanos at = note ? e->note[n].at : e->segment[i].at;
		if (r->first == NO_TIME)
			r->first = at;
		report_begin(r->report, r->first);
		r->last = at;
		if (note)
			feed_note(w.feed, &e->note[n++]);
		else
			feed_segment(w.feed, &e->segment[i++]);
	}
	if (ready) {
		feed_finish(w.feed);
		trace_book_finish(r->book);
		facts->packets += feed_counts(w.feed).packets;
	}
	worker_end(&w, facts);
	worker_free(&w);
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

static int read_file(struct reading *r, struct summary_facts *facts)
{
	r->first = r->last = NO_TIME;
	r->capture = capture_open(r->options->file[r->file], &r->err);
	if (!r->capture)
		return r->err.code;
	int got = 0;
	if (capture_kind(r->capture) == CAPTURE_TEXT)
		got = read_text(r, facts);
	else
		got = read_packets(r, facts);
	facts->capture_lost += capture_lost(r->capture);
	capture_close(r->capture);
	if (r->first != NO_TIME && (facts->first == NO_TIME || r->first < facts->first))
		facts->first = r->first;
	if (r->last != NO_TIME && (facts->last == NO_TIME || r->last > facts->last))
		facts->last = r->last;
	return got;
}

int reading_run(const struct read_options *options, struct report *report,
		struct summary_facts *ret_facts)
{
	struct reading r = { .options = options, .report = report };
	int status = EXIT_FINE;
	pthread_mutex_init(&r.lock, NULL);
	pthread_mutex_init(&r.book_lock, NULL);
	pthread_cond_init(&r.changed, NULL);
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
	trace_book_finish(r.book);
	trace_book_free(r.book);
	ret_facts->files = (size_t)options->files;
	ret_facts->packets += r.packets;
	ret_facts->bytes += r.bytes;
	return status;
}
