/* One capture, read by as many threads as there are processors.
 *
 * Packets come in batches, exchanges go out in pieces:
 *
 *     read     one at a time, in order: packets into a slot
 *     feed     every thread, in order: from the slot, the connections that are its own
 *     book     one at a time, in order: what all found there into the book, what the book gives
 *              out into a piece
 *     render   any thread, any piece: judges, writes the records
 *     print    one at a time, in order
 *
 * Every thread does the same: who is behind with its feeding feeds, the others do what is nearest
 * to the end; who finds nothing to do waits. So nobody waits while there is work, and nothing piles
 * up: slots and pieces are few. One lock guards who does what, and is not held meanwhile. Packets
 * of one connection stay in order, and book and output have the order of the packets, not that of
 * the threads. */
#include "cli/command.h"
#include "cli/reading.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_THREADS = 16,
	SLOTS = 8, /* more hide more unevenness and cost cache */
	PIECES = 8,
	PIECE = 64,               /* exchanges */
	PIECE_LIMIT = 64 << 20,   /* bytes of their records */
	WORTH_THREADS = 32 << 20, /* bytes: a smaller file is read before a thread is up */
	KNOWN = 16,
	FINDINGS = 128,  /* of one thread: so many wait to be booked, and some that come with the
			    last */
	PATIENCE = 2000, /* looks: some 30 us */
	NO_BORDER = CAPTURE_BATCH + 1,
};

/* What a feed gave out, and when: at a packet, or behind it, among connections whose time was over,
 * in the order of their last packets. */
struct found {
	enum { FOUND_EXCHANGE, FOUND_RECORD, FOUND_CONNECTION, FOUND_PROXY } kind;
	uint64_t frame, last; /* last: 0 at the packet itself */
	union {
		struct exchange *exchange;
		struct trace_record *record;
		size_t connection;
		struct address proxy;
	};
};

/* What one thread found in one batch, or in part of it. */
struct findings {
	enum { FINDINGS_OPEN, FINDINGS_FULL, FINDINGS_ALL } stage; /* OPEN: its thread's own */
	struct found *found;
	size_t count, room, booked;
	struct trace_connection *connection;
	size_t connections, connection_room;
};

struct slot {
	struct capture_batch *batch;
	bool last;     /* behind the last packet: all connections end */
	size_t border; /* packets before the border; NO_BORDER: it has none */
	uint64_t border_frame;
	nanos border_at;
	struct stream_crowd crowd;                 /* at the border SLOTS earlier */
	uint16_t mine[MAX_THREADS][CAPTURE_BATCH]; /* which packets, by share */
	size_t count[MAX_THREADS];
	struct findings findings[MAX_THREADS];
};

struct piece {
	enum { PIECE_FILLING, PIECE_FULL, PIECE_TAKEN, PIECE_DONE } stage;
	struct exchange *exchange[PIECE]; /* NULL: it is a record already */
	struct trace_record *record[PIECE];
	size_t count;
	struct buffer records;
};

struct worker {
	struct pipeline *pipeline;
	unsigned share;
	struct feed *feed;
	struct report_desk *desk;
	struct buffer record;
	uint64_t next;                                                       /* batch to feed */
	enum step { STEP_BEFORE, STEP_BORDER, STEP_BEHIND, STEP_OVER } step; /* so far it is */
	size_t fed, expected;                                                /* packets of it */
	uint64_t frame;                                                      /* being fed */
	bool is_ending;                                                      /* behind that */
	struct stream_crowd crowd;   /* at the last border */
	struct findings *findings;   /* of this batch */
	struct address known[KNOWN]; /* proxies that the book has heard of from here */
	unsigned knows;
	bool starved; /* found something, and had no memory to say so */
	pthread_t thread;
};

struct pipeline {
	struct reading *reading;
	unsigned shares, patience;
	bool count_only, in_parts, at_once;
	struct worker worker[MAX_THREADS];
	/* under `lock` */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_uint news; /* counts what changed; looked at without the lock */
	struct slot *slot;
	unsigned slots, pieces;
	struct stream_crowd crowd[SLOTS]; /* at the last borders */
	uint64_t read, booked;            /* batches */
	bool is_reading, is_booking, is_printing;
	bool over; /* nothing is left to read */
	int trouble;
	struct piece piece[PIECES];
	uint64_t filled, printed; /* pieces */
};

/* ---- what feeds find ------------------------------------------------------------------------- */

static void *grown(void *list, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *at = realloc(list, more * size);
	if (at)
		*room = more;
	return at;
}

static struct found *new_found(struct worker *w, int kind)
{
	struct findings *f = w->findings;
	if (f->count == f->room) {
		void *at = grown(f->found, &f->room, sizeof *f->found);
		if (!at) {
			w->starved = true;
			return NULL;
		}
		f->found = at;
	}
	struct found *found = &f->found[f->count++];
	found->kind = kind;
	found->frame = w->frame;
	found->last = w->is_ending ? feed_last_frame(w->feed) : 0;
	return found;
}

static void tell_proxy(struct worker *w, const struct address *proxy)
{
	for (unsigned i = 0; i < w->knows; i++)
		if (address_equal(&w->known[i], proxy))
			return;
	struct found *f = new_found(w, FOUND_PROXY);
	if (f)
		f->proxy = *proxy;
	w->known[w->knows < KNOWN ? w->knows++ : KNOWN - 1] = *proxy;
}

static struct trace_record *write_down(struct worker *w, struct exchange *x)
{
	struct buffer *text = &w->record;
	buffer_reset(text);
	trace_set_id(x);
	report_record(w->pipeline->reading->report, w->desk, x, text);
	struct trace_record *r = malloc(sizeof *r + text->len);
	if (!r)
		return NULL;
	*r = (struct trace_record){ x->first.at, x->first.frame, x->order, text->len };
	if (text->len)
		memcpy(r->text, text->at, text->len);
	return r;
}

/* Most need nothing from the book: where they are only counted, they are over; where records are
 * wanted, only the record waits for its turn. */
static bool on_glance(void *context, struct exchange *x)
{
	struct worker *w = context;
	const struct pipeline *p = w->pipeline;
	bool counted = p->count_only && !trace_book_concerns(x);
	if (!counted && (!p->at_once || trace_book_completes(x)))
		return false;
	tell_proxy(w, &x->proxy);
	if (counted) {
		report_count(w->desk, x);
		return true;
	}
	struct found *f = new_found(w, FOUND_RECORD);
	if (f && !(f->record = write_down(w, x))) {
		w->findings->count--;
		w->starved = true;
	}
	return true;
}

static void on_exchange(void *context, struct exchange *x)
{
	struct worker *w = context;
	struct found *f = new_found(w, FOUND_EXCHANGE);
	if (f)
		f->exchange = x;
	else
		trace_free(x);
}

static void on_connection(void *context, const struct trace_connection *c)
{
	struct worker *w = context;
	struct findings *l = w->findings;
	if (l->connections == l->connection_room) {
		void *at = grown(l->connection, &l->connection_room, sizeof *l->connection);
		if (!at) {
			w->starved = true;
			return;
		}
		l->connection = at;
	}
	struct found *f = new_found(w, FOUND_CONNECTION);
	if (!f)
		return;
	f->connection = l->connections;
	l->connection[l->connections++] = *c;
}

/* Live; the only thread there is then. */
static void on_underway(void *context, struct exchange *x)
{
	struct worker *w = context;
	trace_book_underway(w->pipeline->reading->book, x);
}

/* ---- read ------------------------------------------------------------------------------------ */

static void show_progress(const struct reading *r)
{
	uint64_t size = capture_size(r->capture);
	if (r->progress && size)
		fprintf(stderr, "\r%s: %3u %%\033[K", r->options->shown[r->file],
			(unsigned)(capture_offset(r->capture) * 100 / size));
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

static void share_out(struct slot *s, unsigned shares)
{
	for (unsigned n = 0; n < shares; n++)
		s->count[n] = 0;
	for (size_t i = 0; i < s->batch->count; i++) {
		unsigned of = shares > 1 ? feed_share_of(&s->batch->packet[i], shares) : 0;
		unsigned from = of < shares ? of : 0, to = of < shares ? of + 1 : shares;
		for (unsigned n = from; n < to; n++)
			s->mine[n][s->count[n]++] = (uint16_t)i;
	}
}

/* Connections whose time is over end behind the same packets, however batches are cut; live, behind
 * each batch. */
static void find_border(struct slot *s)
{
	const struct capture_batch *b = s->batch;
	s->border = NO_BORDER;
	if (b->until != NO_TIME) {
		s->border = b->count;
		s->border_frame = b->count ? b->packet[b->count - 1].frame : 0;
		s->border_at = b->until;
		return;
	}
	uint64_t first = b->count ? b->packet[0].frame : 0;
	uint64_t before = (STREAM_BORDER - first % STREAM_BORDER) % STREAM_BORDER;
	if (before >= b->count)
		return;
	s->border = before + 1;
	s->border_frame = b->packet[before].frame;
	s->border_at = b->packet[before].at;
}

static struct stream_crowd *crowd_at(struct pipeline *p, const struct slot *s)
{
	return &p->crowd[s->border_frame / STREAM_BORDER % SLOTS];
}

static bool read_batch(struct pipeline *p)
{
	struct reading *r = p->reading;
	if (p->is_reading || p->over || p->read - p->booked == p->slots)
		return false;
	struct slot *s = &p->slot[p->read % p->slots];
	p->is_reading = true;
	pthread_mutex_unlock(&p->lock);
	int got = capture_read(r->capture, s->batch, &r->err);
	if (got <= 0)
		s->batch->count = 0;
	note_batch(r, s->batch);
	if (r->live)
		r->live->packets(r->live->context, s->batch);
	share_out(s, p->shares);
	find_border(s);
	show_progress(r);
	pthread_mutex_lock(&p->lock);
	p->is_reading = false;
	p->over = s->last = got <= 0;
	p->trouble = got < 0 ? got : 0;
	if (s->border != NO_BORDER) { /* all threads are past the one that was there before */
		struct stream_crowd *crowd = crowd_at(p, s);
		s->crowd = *crowd;
		*crowd = (struct stream_crowd){ 0 };
	}
	for (unsigned i = 0; i < p->shares; i++)
		s->findings[i].stage = FINDINGS_OPEN;
	p->read++;
	return true;
}

/* ---- feed ------------------------------------------------------------------------------------ */

static bool is_full(const struct worker *w)
{
	return w->findings->count >= FINDINGS;
}

/* The feed looks at some packets ahead, and their bytes are fetched before. */
static void expect(struct worker *w, const struct slot *s)
{
	const uint16_t *next = s->mine[w->share] + w->fed;
	size_t left = s->count[w->share] - w->fed;
	for (size_t i = FEED_AHEAD; i < left && i < 2 * FEED_AHEAD; i++)
		__builtin_prefetch(s->batch->packet[next[i]].data.at);
	feed_expect(w->feed, s->batch->packet, next, left);
	w->expected = w->fed + FEED_AHEAD;
}

/* True when all of its packets before that one are fed. */
static bool feed_packets(struct worker *w, const struct slot *s, size_t border)
{
	const uint16_t *mine = s->mine[w->share];
	size_t count = s->count[w->share];
	for (; w->fed < count && mine[w->fed] < border && !is_full(w); w->fed++) {
		const struct capture_packet *packet = &s->batch->packet[mine[w->fed]];
		if (w->fed >= w->expected)
			expect(w, s);
		w->frame = packet->frame;
		feed_packet(w->feed, packet, w->share, w->pipeline->shares);
	}
	return w->fed == count || mine[w->fed] >= border;
}

static bool end_connections(struct worker *w)
{
	while (!is_full(w))
		if (!feed_end_next(w->feed))
			return true;
	return false;
}

static void reach_border(struct worker *w, const struct slot *s)
{
	w->frame = s->border_frame;
	w->crowd = feed_crowd(w->feed);
	feed_until(w->feed, s->border_at, w->pipeline->reading->live ? NULL : &s->crowd);
}

static void reach_end(struct worker *w)
{
	w->frame = UINT64_MAX;
	feed_over(w->feed, w->pipeline->reading->last);
}

/* One step on. False when there is no room for more findings. */
static bool feed_step(struct worker *w, const struct slot *s)
{
	bool ready = false;
	w->is_ending = w->step == STEP_BORDER || w->step == STEP_OVER;
	if (w->is_ending)
		return end_connections(w);
	ready = feed_packets(w, s, w->step == STEP_BEFORE ? s->border : NO_BORDER);
	w->is_ending = true;
	if (ready && w->step == STEP_BEFORE && s->border != NO_BORDER)
		reach_border(w, s);
	if (ready && w->step == STEP_BEHIND && s->last)
		reach_end(w);
	return ready;
}

/* True when it is through. */
static bool feed_slot(struct worker *w, const struct slot *s)
{
	for (; w->step <= STEP_OVER; w->step++)
		if (!feed_step(w, s))
			return false;
	w->step = STEP_BEFORE;
	w->fed = w->expected = 0;
	return true;
}

static void count_crowd(struct stream_crowd *all, struct stream_crowd one)
{
	all->unanswered += one.unanswered;
	all->open += one.open;
	all->half += one.half;
	all->closed += one.closed;
}

static bool feed_batch(struct pipeline *p, struct worker *w)
{
	struct slot *s = &p->slot[w->next % p->slots];
	if (w->next == p->read || s->findings[w->share].stage != FINDINGS_OPEN)
		return false;
	pthread_mutex_unlock(&p->lock);
	w->findings = &s->findings[w->share];
	bool through = feed_slot(w, s);
	pthread_mutex_lock(&p->lock);
	w->findings->stage = through ? FINDINGS_ALL : FINDINGS_FULL;
	if (through && s->border != NO_BORDER)
		count_crowd(crowd_at(p, s), w->crowd);
	w->next += through;
	return true;
}

/* ---- book ------------------------------------------------------------------------------------ */

void pipeline_take(struct pipeline *p, struct exchange *x)
{
	struct piece *piece = &p->piece[p->filled % p->pieces];
	piece->exchange[piece->count++] = x;
}

void pipeline_take_record(struct pipeline *p, struct trace_record *record)
{
	struct piece *piece = &p->piece[p->filled % p->pieces];
	piece->exchange[piece->count] = NULL;
	piece->record[piece->count++] = record;
}

static void add_to_book(struct trace_book *book, const struct findings *l, const struct found *f)
{
	switch (f->kind) {
	case FOUND_EXCHANGE:
		trace_book_add(book, f->exchange);
		return;
	case FOUND_RECORD:
		trace_book_record(book, f->record);
		return;
	case FOUND_CONNECTION:
		trace_book_connection(book, &l->connection[f->connection]);
		return;
	case FOUND_PROXY:
		trace_book_proxy(book, &f->proxy);
		return;
	}
}

static bool is_before(const struct found *a, const struct found *b)
{
	return a->frame != b->frame ? a->frame < b->frame : a->last < b->last;
}

/* Whose next finding was the earliest; NULL: all are booked, or whose may be is yet to be fed. */
static struct findings *earliest(struct slot *s, unsigned shares)
{
	struct findings *best = NULL;
	for (unsigned i = 0; i < shares; i++) {
		struct findings *l = &s->findings[i];
		if (l->booked == l->count && l->stage == FINDINGS_FULL)
			return NULL;
		if (l->booked < l->count &&
		    (!best || is_before(&l->found[l->booked], &best->found[best->booked])))
			best = l;
	}
	return best;
}

/* Until the piece is full, or no more can be booked. */
static void book_slot(struct pipeline *p, struct slot *s)
{
	const struct piece *piece = &p->piece[p->filled % p->pieces];
	struct findings *l;
	while (piece->count < PIECE && (l = earliest(s, p->shares)))
		add_to_book(p->reading->book, l,
			    &l->found[l->booked++]); /* gives out one at most */
	if (!p->reading->live)
		return;
	trace_book_until(p->reading->book, s->border_at);
	while (piece->count < PIECE && trace_book_give(p->reading->book)) {
	}
}

/* Those who had found too much may go on. True: none had, and all are booked. */
static bool make_room(struct slot *s, unsigned shares)
{
	bool through = true;
	for (unsigned i = 0; i < shares; i++) {
		struct findings *l = &s->findings[i];
		through = through && l->booked == l->count && l->stage == FINDINGS_ALL;
		if (l->booked < l->count)
			continue;
		l->count = l->booked = l->connections = 0;
		if (l->stage == FINDINGS_FULL)
			l->stage = FINDINGS_OPEN;
	}
	return through;
}

static bool is_fed(const struct slot *s, unsigned shares)
{
	for (unsigned i = 0; i < shares; i++)
		if (s->findings[i].stage == FINDINGS_OPEN)
			return false;
	return true;
}

static bool book_batch(struct pipeline *p)
{
	struct slot *s = &p->slot[p->booked % p->slots];
	if (p->is_booking || p->booked == p->read || !is_fed(s, p->shares) ||
	    p->filled - p->printed == p->pieces)
		return false;
	p->is_booking = true;
	pthread_mutex_unlock(&p->lock);
	book_slot(p, s);
	pthread_mutex_lock(&p->lock);
	bool through = make_room(s, p->shares);
	p->is_booking = false;
	p->booked += through;
	struct piece *piece = &p->piece[p->filled % p->pieces];
	if (piece->count == PIECE || (through && (s->last || p->reading->live))) {
		piece->stage = p->in_parts ? PIECE_FULL : PIECE_DONE;
		p->filled++;
	}
	return true;
}

/* ---- render, print --------------------------------------------------------------------------- */

static void render_one(const struct pipeline *p, const struct worker *w, struct piece *piece,
		       size_t i)
{
	struct exchange *x = piece->exchange[i];
	struct trace_record *record = piece->record[i];
	if (x) {
		report_record(p->reading->report, w->desk, x, &piece->records);
		trace_free(x);
	} else {
		buffer_add(&piece->records, (struct slice){ record->text, record->len });
		free(record);
	}
}

static bool render_piece(struct pipeline *p, struct worker *w)
{
	struct piece *piece = NULL;
	for (uint64_t n = p->printed; n < p->filled && !piece; n++)
		if (p->piece[n % p->pieces].stage == PIECE_FULL)
			piece = &p->piece[n % p->pieces];
	if (!piece)
		return false;
	piece->stage = PIECE_TAKEN;
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < piece->count; i++)
		render_one(p, w, piece, i);
	piece->count = 0;
	pthread_mutex_lock(&p->lock);
	piece->stage = PIECE_DONE;
	return true;
}

static bool print_piece(struct pipeline *p)
{
	struct piece *piece = &p->piece[p->printed % p->pieces];
	const struct reading_live *live = p->reading->live;
	if (p->is_printing || p->printed == p->filled || piece->stage != PIECE_DONE)
		return false;
	p->is_printing = true;
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < piece->count; i++)
		report_exchange(p->reading->report, piece->exchange[i]);
	piece->count = 0;
	report_print(&piece->records);
	if (live)
		live->tick(live->context, p->worker[0].feed);
	pthread_mutex_lock(&p->lock);
	piece->stage = PIECE_FILLING;
	p->is_printing = false;
	p->printed++;
	return true;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Is nobody further behind? Then all else can be done by those ahead. Only one is ever last: two
 * who are level would both feed, and then both wait for the next batch. */
static bool is_last(const struct pipeline *p, const struct worker *w)
{
	for (unsigned i = 0; i < p->shares; i++)
		if (p->worker[i].next < w->next || (p->worker[i].next == w->next && i < w->share))
			return false;
	return true;
}

static bool is_low(const struct pipeline *p)
{
	return p->read - p->booked < p->slots / 2;
}

static void tell(struct pipeline *p)
{
	atomic_fetch_add_explicit(&p->news, 1, memory_order_relaxed);
	pthread_cond_broadcast(&p->changed);
}

/* Most waits are shorter than falling asleep and being woken would take: so it first looks whether
 * there is news, for about as long as that. */
static void await(struct pipeline *p)
{
	unsigned seen = p->news, looks = 0;
	pthread_mutex_unlock(&p->lock);
	while (looks < p->patience &&
	       atomic_load_explicit(&p->news, memory_order_relaxed) == seen) {
		looks++;
#ifdef __x86_64__
		__builtin_ia32_pause();
#endif
	}
	pthread_mutex_lock(&p->lock);
	if (p->news == seen)
		pthread_cond_wait(&p->changed, &p->lock);
}

static void *work(void *context)
{
	struct worker *w = context;
	struct pipeline *p = w->pipeline;
	pthread_mutex_lock(&p->lock);
	while (!p->over || p->booked < p->read || p->printed < p->filled) {
		if ((is_last(p, w) && feed_batch(p, w)) || (is_low(p) && read_batch(p)) ||
		    print_piece(p) || render_piece(p, w) || book_batch(p) || feed_batch(p, w) ||
		    read_batch(p))
			tell(p);
		else
			await(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static unsigned count_processors(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static unsigned choose_shares(const struct read_options *o, const struct capture *c)
{
	unsigned n = capture_kind(c) == CAPTURE_LIVE ? 1 : o->threads;
	if (n == 0)
		n = capture_size(c) < WORTH_THREADS ? 1 : count_processors();
	return n < 1 ? 1 : n < MAX_THREADS ? n : MAX_THREADS;
}

static void run_workers(struct pipeline *p)
{
	unsigned started = 1;
	for (; started < p->shares; started++) {
		struct worker *w = &p->worker[started];
		if (pthread_create(&w->thread, NULL, work, w) != 0)
			break;
	}
	if (started < p->shares) { /* a share without a thread: its packets would be lost */
		complain("only %u of %u threads could be started; --threads %u", started, p->shares,
			 started);
		exit(EXIT_TROUBLE);
	}
	work(&p->worker[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(p->worker[i].thread, NULL);
}

/* ---- one capture ----------------------------------------------------------------------------- */

static bool worker_begin(struct pipeline *p, unsigned share, const struct feed_options *options)
{
	struct worker *w = &p->worker[share];
	struct feed_owner owner = { .glance = on_glance,
				    .exchange = on_exchange,
				    .connection = on_connection,
				    .underway = on_underway,
				    .context = w };
	w->pipeline = p;
	w->share = share;
	w->feed = feed_new(options, &owner);
	w->desk = report_desk_new();
	buffer_init(&w->record, PIECE_LIMIT);
	return w->feed && w->desk;
}

static bool begin(struct pipeline *p, struct reading *r)
{
	struct feed_options options = reading_feed_options(r);
	bool ready = true;
	p->reading = r;
	p->shares = choose_shares(r->options, r->capture);
	p->slots = p->shares == 1 ? 1 : SLOTS;
	p->pieces = p->shares == 1 ? 1 : PIECES; /* and the records stay in the cache */
	p->patience = p->shares <= count_processors() ? PATIENCE : 0;
	p->count_only = report_counts_only(r->report) && r->options->files == 1;
	p->in_parts = report_in_parts(r->report);
	p->at_once = p->in_parts && r->options->files == 1 && !r->live;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	for (unsigned i = 0; i < PIECES; i++)
		buffer_init(&p->piece[i].records, PIECE_LIMIT);
	for (unsigned i = 0; i < p->shares; i++)
		ready = worker_begin(p, i, &options) && ready;
	p->slot = calloc(p->slots, sizeof *p->slot);
	for (unsigned i = 0; p->slot && i < p->slots; i++)
		ready = (p->slot[i].batch = capture_batch_new()) && ready;
	return p->slot && ready;
}

static void slot_done(struct slot *s, unsigned shares)
{
	capture_batch_free(s->batch);
	for (unsigned i = 0; i < shares; i++) {
		free(s->findings[i].found);
		free(s->findings[i].connection);
	}
}

static void end(struct pipeline *p)
{
	for (unsigned i = 0; p->slot && i < p->slots; i++)
		slot_done(&p->slot[i], p->shares);
	free(p->slot);
	for (unsigned i = 0; i < p->shares; i++) {
		feed_free(p->worker[i].feed);
		buffer_done(&p->worker[i].record);
		report_desk_close(p->reading->report, p->worker[i].desk);
	}
	for (unsigned i = 0; i < PIECES; i++)
		buffer_done(&p->piece[i].records);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int pipeline_run(struct reading *r, struct summary_facts *facts)
{
	struct pipeline *p = r->pipeline = calloc(1, sizeof *p);
	if (!p)
		return err_set(&r->err, -ENOMEM, "out of memory");
	bool ready = begin(p, r);
	if (ready)
		run_workers(p);
	int trouble = p->trouble;
	for (unsigned i = 0; ready && i < p->shares; i++) {
		reading_count(facts, p->worker[i].feed);
		ready = !p->worker[i].starved;
	}
	if (!ready)
		trouble = err_set(&r->err, -ENOMEM, "out of memory");
	end(p);
	r->pipeline = NULL;
	if (r->progress)
		fprintf(stderr, "\r\033[K");
	return trouble;
}
