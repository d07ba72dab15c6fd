/* The book: a heap of exchanges by their start, and small memories of what relates them. */
#include "trace/attempts.h"
#include "trace/book.h"

#include "base/fetch.h"

#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_WINDOW = 4096,
	MAX_PROXIES = 256,
	MAX_OPEN = 256, /* challenges, and requests with credentials, that wait for each other */
	MAX_CUTS = 128,
	MAX_CONNECTIONS = 1024,
	MAX_SUSPECTS = 1024,
};

static const nanos RETRY_WITHIN = 300 * NANOS_PER_SECOND;

struct cut {
	struct address proxy;
	uint64_t size;
	nanos age;
	uint32_t file;
	bool known;         /* in another capture it would be known again */
	bool torn;          /* it ended within a record or a body: it was cut for certain */
	struct exchange *x; /* NULL once it was given out */
};

/* Longer than a feed waits with an exchange whose connection goes on: a 407 may come in after the
 * request that answered it. */
static const nanos PATIENCE = 4 * NANOS_PER_SECOND;

struct held {
	nanos start;        /* to look there would cost more than all the rest of the heap */
	nanos since;        /* it is held, by trace_book_until */
	struct exchange *x; /* NULL: */
	struct trace_record *record;
};

struct trace_book {
	struct trace_book_options options;
	void (*give)(void *context, struct exchange *x);
	void *context;
	struct held *heap; /* by start; [0] is the earliest */
	size_t held, room;
	struct address proxy[MAX_PROXIES];
	size_t proxies;
	struct exchange *challenge[MAX_OPEN], *retry[MAX_OPEN];
	size_t next_challenge, next_retry;
	struct cut cut[MAX_CUTS];
	size_t cuts;
	struct trace_connection *connection; /* a ring */
	size_t connections;
	struct exchange **suspect;
	size_t suspects;
	struct attempts attempts; /* while no proxy is known */
	nanos now;                /* by trace_book_until */
};

/* ---- order ------------------------------------------------------------------------------- */

static uint64_t frame_of(const struct held *h)
{
	return h->x ? h->x->first.frame : h->record->frame;
}

static uint64_t order_of(const struct held *h)
{
	return h->x ? h->x->order : h->record->order;
}

static bool earlier(const struct held *one, const struct held *other)
{
	if (one->start != other->start)
		return one->start < other->start;
	if (one->x && other->x && one->x->file != other->x->file)
		return one->x->file < other->x->file;
	uint64_t a = frame_of(one), b = frame_of(other);
	return a != b ? a < b : order_of(one) < order_of(other);
}

static void heap_add(struct trace_book *b, struct held h)
{
	size_t i = b->held++;
	while (i > 0 && earlier(&h, &b->heap[(i - 1) / 2])) {
		b->heap[i] = b->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	b->heap[i] = h;
}

static void heap_push(struct trace_book *b, struct exchange *x)
{
	heap_add(b, (struct held){ x->first.at, b->now, x, NULL });
}

static void fetch_held(const struct held *h)
{
	if (h->x)
		trace_fetch(h->x);
	else
		fetch(h->record, sizeof *h->record);
}

/* The earlier one of two neighbours; a sum, as nobody can foresee which that is. */
static size_t earlier_of(const struct held *heap, size_t i)
{
	if (heap[i].start == heap[i + 1].start)
		return i + earlier(&heap[i + 1], &heap[i]);
	return i + (heap[i + 1].start < heap[i].start);
}

static struct held heap_pop(struct trace_book *b)
{
	struct held top = b->heap[0];
	struct held last = b->heap[--b->held];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < b->held; i = child) {
		if (child + 1 < b->held)
			child = earlier_of(b->heap, child);
		if (!earlier(&b->heap[child], &last))
			break;
		b->heap[i] = b->heap[child];
	}
	b->heap[i] = last;
	if (b->held > 0)
		fetch_held(&b->heap[0]); /* it comes out next */
	if (top.x)
		trace_fetch_path(top.x);
	return top;
}

/* ---- proxies ------------------------------------------------------------------------------- */

static bool knows_proxy(const struct trace_book *b, const struct address *a)
{
	for (size_t i = 0; i < b->proxies; i++)
		if (address_equal(&b->proxy[i], a))
			return true;
	return false;
}

static bool knows_host(const struct trace_book *b, const struct address *a)
{
	for (size_t i = 0; i < b->proxies; i++)
		if (address_same_host(&b->proxy[i], a))
			return true;
	return false;
}

static void learn_proxy(struct trace_book *b, const struct address *a)
{
	if (b->proxies && address_equal(&b->proxy[0], a))
		return;
	if (knows_proxy(b, a) || b->proxies == MAX_PROXIES)
		return;
	b->proxy[b->proxies++] = *a;
}

void trace_book_proxy(struct trace_book *b, const struct address *proxy)
{
	learn_proxy(b, proxy);
}

/* ---- a 407 and its answer ------------------------------------------------------------------ */

static bool is_open_challenge(const struct exchange *x)
{
	return x->response.status == 407 && !x->links.answered_challenge;
}

static bool is_lone_retry(const struct exchange *x)
{
	return x->request.auth != SCHEME_NONE && !x->links.is_retry && !x->reused;
}

static bool answers(const struct exchange *challenge, const struct exchange *retry)
{
	nanos later = retry->first.at - challenge->first.at;
	return challenge != retry && later >= 0 && later < RETRY_WITHIN &&
	       address_same_host(&challenge->client, &retry->client) &&
	       address_equal(&challenge->proxy, &retry->proxy) &&
	       slice_equal(challenge->request.method, retry->request.method) &&
	       slice_equal(challenge->request.target, retry->request.target);
}

static void link_answer(struct exchange *challenge, struct exchange *retry)
{
	challenge->links.answered_challenge = true;
	memcpy(challenge->links.other, retry->id, sizeof retry->id);
	retry->links.is_retry = true;
	memcpy(retry->links.other, challenge->id, sizeof challenge->id);
}

static void forget(struct exchange **ring, const struct exchange *x)
{
	for (size_t i = 0; i < MAX_OPEN; i++)
		if (ring[i] == x)
			ring[i] = NULL;
}

static void relate_challenges(struct trace_book *b, struct exchange *x)
{
	for (size_t i = 0; is_lone_retry(x) && i < MAX_OPEN; i++) {
		struct exchange *c = b->challenge[i];
		if (c && answers(c, x)) {
			link_answer(c, x);
			b->challenge[i] = NULL;
		}
	}
	for (size_t i = 0; is_open_challenge(x) && i < MAX_OPEN; i++) {
		struct exchange *r = b->retry[i];
		if (r && answers(x, r)) {
			link_answer(x, r);
			b->retry[i] = NULL;
		}
	}
	if (is_open_challenge(x))
		b->challenge[b->next_challenge++ % MAX_OPEN] = x;
	if (is_lone_retry(x))
		b->retry[b->next_retry++ % MAX_OPEN] = x;
}

/* ---- transfers that are cut alike ------------------------------------------------------------ */

static bool is_cut(const struct exchange *x)
{
	if (!x->closed || x->closed_by != PROXY || x->next_began)
		return false;
	if (trace_is_inside(x)) /* the tunnel's cut, seen from within */
		return false;
	if (x->tunnel.open)
		return x->tls->done &&
		       (x->tls->record_left[PROXY] > 0 || !x->tls->close_notify[PROXY]);
	return x->response.status >= 200 && x->response.status < 300 && !x->response.complete;
}

/* Tunnels that end with a whole record and without a closing alert have one size without any limit,
 * too, where the same thing is fetched again from a server that leaves the alert out: so one of
 * two has to be torn. */
static void count_alike(struct exchange *x, const struct cut *a, const struct cut *b)
{
	if (a->file != b->file && !(a->known && b->known))
		return; /* it may be the same one, seen elsewhere */
	if (trace_is_alike(a->size, b->size, 2))
		x->links.same_size_cuts += a->torn || b->torn;
	else if (a->age >= NANOS_PER_SECOND &&
		 trace_is_alike((uint64_t)a->age, (uint64_t)b->age, 5))
		x->links.same_age_cuts++;
}

static void relate_cuts(struct trace_book *b, struct exchange *x)
{
	if (!is_cut(x))
		return;
	const struct mark *from = mark_is(&x->request_end) ? &x->request_end : &x->first;
	struct cut c = { .proxy = x->proxy,
			 .file = x->file,
			 .known = x->isn_known || x->tls->random_known,
			 .size = x->tunnel.open ? x->tunnel.bytes[PROXY] : x->response.body_bytes,
			 .age = x->close.at - from->at,
			 .torn = !x->tunnel.open || x->tls->record_left[PROXY] > 0,
			 .x = x };
	x->links.cut_size = c.size;
	x->links.cut_age = c.age;
	size_t kept = b->cuts < MAX_CUTS ? b->cuts : MAX_CUTS;
	for (size_t i = 0; i < kept; i++) {
		if (!address_equal(&b->cut[i].proxy, &c.proxy) || b->cut[i].size == 0)
			continue;
		count_alike(x, &c, &b->cut[i]);
		if (b->cut[i].x)
			count_alike(b->cut[i].x, &b->cut[i], &c);
	}
	b->cut[b->cuts++ % MAX_CUTS] = c;
}

/* ---- the proxy's own connection to the origin ------------------------------------------------ */

static enum trace_outcome outcome_of(const struct trace_connection *c)
{
	if (c->unreachable)
		return ONWARD_UNREACHABLE;
	if (!mark_is(&c->syn_ack))
		return mark_is(&c->reset) ? ONWARD_REFUSED : ONWARD_UNANSWERED;
	if (mark_is(&c->reset))
		return ONWARD_RESET;
	if (c->bytes[PROXY] > 0)
		return ONWARD_ANSWERED;
	return c->closed_by_client ? ONWARD_SILENT : ONWARD_CLOSED;
}

static bool same_hello(const struct trace_connection *c, const struct exchange *x)
{
	return c->hello && x->tls->random_known &&
	       memcmp(c->random, x->tls->random, sizeof c->random) == 0;
}

static nanos asked_at(const struct exchange *x)
{
	return mark_is(&x->request_start) ? x->request_start.at : x->first.at;
}

static nanos answered_at(const struct exchange *x)
{
	return mark_is(&x->response_start) ? x->response_start.at : x->observed_until;
}

/* It begins after the request did and before the answer, and goes to the port asked for. */
static bool may_serve(const struct trace_connection *c, const struct exchange *x, uint16_t port)
{
	const nanos slack = 50 * NANOS_PER_MS;
	bool viewed = x->view->seen && c->file == x->view->file;
	nanos from = viewed ? x->view->from : asked_at(x);
	nanos until = viewed ? x->view->until : answered_at(x);
	return (viewed || c->file == x->file) && c->to.port == port &&
	       !address_same_host(&c->from, &x->client) && c->first.at >= from &&
	       c->first.at <= until + slack;
}

/* What the proxy's own connection would explain. */
static bool needs_explaining(const struct exchange *x)
{
	bool fine = x->response.status >= 200 && x->response.status < 400;
	return !x->suspect && !(fine && (x->response.complete || x->next_began));
}

/* A tunnel's ClientHello comes out of the proxy as it went in: that is certain. Else the first
 * connection from the proxy's address that fits; and a proxy that goes out from another address of
 * its own is believed where no other connection fits. */
static const struct trace_connection *find_onward(const struct trace_book *b,
						  const struct exchange *x)
{
	uint16_t port;
	trace_target_host(x, &port);
	const struct trace_connection *best = NULL, *lone = NULL;
	size_t kept = b->connections < MAX_CONNECTIONS ? b->connections : MAX_CONNECTIONS;
	unsigned fitting = 0;
	for (size_t i = 0; i < kept; i++) {
		const struct trace_connection *c = &b->connection[i];
		if (same_hello(c, x))
			return c;
		if (!may_serve(c, x, port))
			continue;
		fitting++;
		lone = c;
		if (address_same_host(&c->from, &x->proxy) &&
		    (!best || c->first.at < best->first.at))
			best = c;
	}
	return best ? best : fitting == 1 ? lone : NULL;
}

static void relate_onward(const struct trace_book *b, struct exchange *x)
{
	const struct trace_connection *c =
		b->connections && needs_explaining(x) ? find_onward(b, x) : NULL;
	if (!c || !trace_open_onward(x))
		return;
	*x->onward = (struct trace_onward){
		.seen = true,
		.origin = c->to,
		.outcome = outcome_of(c),
		.first = c->first,
		.last = c->last,
		.file = c->file,
		.syns = c->syns,
		.bytes = { c->bytes[0], c->bytes[1] },
	};
}

/* What goes to a proxy is no proxy's connection to an origin, but for a chain of proxies, and there
 * it is an exchange. */
void trace_book_connection(struct trace_book *b, const struct trace_connection *c)
{
	if (!knows_proxy(b, &c->to))
		b->connection[b->connections++ % MAX_CONNECTIONS] = *c;
	if (b->proxies == 0)
		attempts_note(&b->attempts, c);
}

/* x leaves the book: nothing may point at it any more. */
static void forget_all(struct trace_book *b, const struct exchange *x)
{
	if (x->response.status == 407)
		forget(b->challenge, x);
	if (x->request.auth != SCHEME_NONE)
		forget(b->retry, x);
	for (size_t i = 0; is_cut(x) && i < MAX_CUTS; i++)
		if (b->cut[i].x == x)
			b->cut[i].x = NULL;
}

/* ---- the same exchange in two captures ------------------------------------------------------- */

static const nanos CLOCKS_DIFFER = 600 * NANOS_PER_SECOND;

static bool knows_isn(const struct exchange *a, const struct exchange *b)
{
	return a->isn_known && b->isn_known;
}

/* Initial sequence numbers are as good as a name, whatever a NAT made of the addresses, and the
 * clocks of the time. Where they differ it takes a firewall that hides them to be one connection
 * all the same: the ports of another one may come again within seconds (captures in turns, a busy
 * NAT). */
static bool is_same_connection(const struct exchange *a, const struct exchange *b)
{
	if (knows_isn(a, b) && memcmp(a->isn, b->isn, sizeof a->isn) == 0)
		return true;
	nanos apart = a->first.at - b->first.at;
	nanos differ = knows_isn(a, b) ? NANOS_PER_SECOND : CLOCKS_DIFFER;
	return address_equal(&a->client, &b->client) && address_equal(&a->proxy, &b->proxy) &&
	       apart < differ && apart > -differ;
}

static bool is_same_exchange(const struct exchange *a, const struct exchange *b)
{
	if (a->file == b->file || a->view->seen || b->view->seen ||
	    !slice_equal(a->request.method, b->request.method) ||
	    !slice_equal(a->request.target, b->request.target))
		return false;
	if (a->tls->random_known && b->tls->random_known)
		return memcmp(a->tls->random, b->tls->random, sizeof a->tls->random) == 0;
	return a->order == b->order && is_same_connection(a, b);
}

/* Two captures of one place: as many routers off on either side, and the handshake takes as long.
 * What one of them lacks tells of no leg. */
static bool is_same_place(const struct exchange *a, const struct exchange *b)
{
	if (a->path[CLIENT].ttl != b->path[CLIENT].ttl ||
	    a->path[PROXY].ttl != b->path[PROXY].ttl || !mark_is(&a->syn) || !mark_is(&b->syn) ||
	    !mark_is(&a->syn_ack) || !mark_is(&b->syn_ack))
		return false;
	nanos one = a->syn_ack.at - a->syn.at, other = b->syn_ack.at - b->syn.at;
	return one > 0 && other > 0 && one / 10 * 9 <= other && other / 10 * 9 <= one;
}

/* Every router takes one off: at the client its own packets have the most to live. Where that does
 * not tell, the handshake takes longer there. */
static bool is_nearer_client(const struct exchange *a, const struct exchange *b)
{
	if (a->path[CLIENT].ttl != b->path[CLIENT].ttl)
		return a->path[CLIENT].ttl > b->path[CLIENT].ttl;
	nanos mine = a->syn_ack.at - a->syn.at, other = b->syn_ack.at - b->syn.at;
	return !mark_is(&b->syn_ack) || (mark_is(&a->syn_ack) && mine >= other);
}

/* From its first packet on, so that clocks do not matter; NO_TIME is below all. */
static nanos lasted(const struct exchange *x, nanos until)
{
	return until == NO_TIME ? 0 : until - x->first.at;
}

static bool saw_the_end(const struct exchange *other, const struct exchange *x)
{
	nanos end = x->closed ? x->close.at : x->observed_until;
	return other->closed || other->next_began ||
	       lasted(other, other->observed_until) >= lasted(x, end);
}

static void set_view(struct exchange *x, const struct exchange *other)
{
	if (!trace_open_view(x))
		return;
	struct trace_view *v = x->view;
	*v = (struct trace_view){ .seen = true,
				  .file = other->file,
				  .answered = other->response.status != 0,
				  .partial = trace_lost_packets(other) || !saw_the_end(other, x),
				  .lacks_up = other->path[CLIENT].hole > 0,
				  .outlasts = !x->closed && !x->next_began &&
					      lasted(other, other->path[PROXY].last_data.at) >
						      lasted(x, x->observed_until),
				  .from = asked_at(other),
				  .until = answered_at(other) };
	for (int side = CLIENT; side <= PROXY; side++) {
		const struct trace_path *p = &other->path[side];
		v->bytes[side] = p->bytes;
		v->packets[side] = p->packets;
		v->largest[side] = p->largest;
		v->fin[side] = mark_is(&p->fin);
		v->reset[side] = mark_is(&p->rst);
	}
}

/* The view nearer to the client stays, and takes the other's facts; of one place the one that has
 * more. True when x was absorbed, or took the other's place. */
static bool absorb(struct trace_book *b, struct exchange *x)
{
	for (size_t i = 0; i < b->held; i++) {
		struct exchange *held = b->heap[i].x;
		if (!held || !is_same_exchange(held, x))
			continue;
		bool twice = is_same_place(held, x);
		if (twice ? held->frames >= x->frames : is_nearer_client(held, x)) {
			if (!twice)
				set_view(held, x);
			trace_free(x);
			return true;
		}
		if (!twice)
			set_view(x, held);
		forget_all(b, held);
		b->heap[i].x = x; /* it keeps the other's place in the order */
		trace_free(held);
		return true;
	}
	return false;
}

/* ---- giving out ------------------------------------------------------------------------------ */

static bool is_named(const struct trace_book *b, const struct address *a)
{
	const struct address *named = &b->options.proxy;
	return b->options.has_proxy && address_same_host(named, a) &&
	       (named->port == 0 || named->port == a->port);
}

/* Was this attempt made to a proxy? The user says so, or other exchanges do, or nothing in the
 * capture speaks to any proxy: then it may be the best guess. */
static bool is_to_proxy(const struct trace_book *b, const struct exchange *x)
{
	if (b->options.has_proxy)
		return is_named(b, &x->proxy);
	if (x->tunnel.inner > PROTO_NONE &&
	    !x->began_late) /* it spoke, but not to a proxy's liking */
		return knows_proxy(b, &x->proxy) &&
		       (x->answer == PROTO_HTTP || !attempts_other_service(x->proxy.port));
	if (knows_host(b, &x->proxy))
		return true;
	return b->proxies == 0 && attempts_may_mean_proxy(&b->attempts, &x->client, &x->proxy);
}

static void give_out(struct trace_book *b, struct exchange *x)
{
	struct trace_links *l = &x->links;
	l->proxy_named = is_named(b, &x->proxy);
	l->capture_has_proxy = b->proxies > 0;
	l->proxy_elsewhere = x->suspect && knows_proxy(b, &x->proxy);
	l->proxy_host_elsewhere = x->suspect && knows_host(b, &x->proxy);
	if (x->suspect && !is_to_proxy(b, x)) {
		trace_free(x);
		return;
	}
	if (!x->onward->seen)
		relate_onward(b, x);
	forget_all(b, x);
	b->give(b->context, x);
}

/* The earliest. */
static void give_next(struct trace_book *b)
{
	struct held h = heap_pop(b);
	if (h.x)
		give_out(b, h.x);
	else
		b->options.record(b->context, h.record);
}

bool trace_book_completes(const struct exchange *x)
{
	return trace_book_concerns(x) || needs_explaining(x);
}

bool trace_book_concerns(const struct exchange *x)
{
	return x->suspect || is_open_challenge(x) || is_lone_retry(x) || is_cut(x);
}

/* Suspects wait for the end, when it is known what is a proxy; the oldest are given up first. */
static void add_suspect(struct trace_book *b, struct exchange *x)
{
	if (is_named(b, &x->proxy) || knows_proxy(b, &x->proxy)) {
		heap_push(b, x);
		return;
	}
	struct exchange **slot = &b->suspect[b->suspects++ % MAX_SUSPECTS];
	trace_free(*slot);
	*slot = x;
}

void trace_book_add(struct trace_book *b, struct exchange *x)
{
	if (!x->suspect)
		learn_proxy(b, &x->proxy);
	if (b->options.unordered && !trace_book_concerns(x)) {
		give_out(b, x);
		return;
	}
	if (b->options.several && !x->suspect && absorb(b, x))
		return;
	relate_challenges(b, x);
	relate_cuts(b, x);
	if (x->suspect)
		add_suspect(b, x);
	else
		heap_push(b, x);
	if (b->held > b->options.window)
		give_next(b);
}

void trace_book_record(struct trace_book *b, struct trace_record *r)
{
	heap_add(b, (struct held){ r->start, b->now, NULL, r });
	if (b->held > b->options.window)
		give_next(b);
}

void trace_book_underway(struct trace_book *b, struct exchange *x)
{
	for (size_t i = 0; is_lone_retry(x) && i < MAX_OPEN; i++) {
		struct exchange *c = b->challenge[i];
		if (!c || !answers(c, x))
			continue;
		trace_set_id(x);
		link_answer(c, x);
		b->challenge[i] = NULL;
	}
}

/* Those whose proxy became known meanwhile. */
static void look_at_suspects(struct trace_book *b)
{
	for (size_t i = 0; i < MAX_SUSPECTS; i++) {
		struct exchange *x = b->suspect[i];
		if (!x || !knows_host(b, &x->proxy) || b->held + 1 >= b->room)
			continue;
		b->suspect[i] = NULL;
		heap_push(b, x);
	}
}

static struct exchange *heap_take(struct trace_book *b, size_t i)
{
	struct exchange *x = b->heap[i].x;
	size_t held = b->held - 1;
	b->heap[i] = b->heap[held];
	b->held = 0;
	for (size_t n = 0; n < held; n++) /* the new heap grows where the old one was read */
		heap_add(b, b->heap[n]);
	return x;
}

void trace_book_until(struct trace_book *b, nanos now)
{
	b->now = now;
	look_at_suspects(b);
}

bool trace_book_give(struct trace_book *b)
{
	for (size_t i = 0; i < b->held; i++) {
		if (b->heap[i].since > b->now - PATIENCE)
			continue;
		give_out(b, heap_take(b, i));
		return true;
	}
	return false;
}

void trace_book_finish(struct trace_book *b)
{
	for (size_t i = 0; i < MAX_SUSPECTS; i++) {
		struct exchange *x = b->suspect[i];
		b->suspect[i] = NULL;
		if (!x)
			continue;
		if (b->held >= b->room - 1)
			give_next(b);
		heap_push(b, x);
	}
	while (b->held > 0)
		give_next(b);
}

struct trace_book *trace_book_new(const struct trace_book_options *options,
				  void (*give)(void *context, struct exchange *x), void *context)
{
	struct trace_book *b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	b->options = *options;
	if (b->options.window == 0)
		b->options.window = DEFAULT_WINDOW;
	b->give = give;
	b->context = context;
	b->room = b->options.window + MAX_SUSPECTS + 2;
	b->heap = calloc(b->room, sizeof *b->heap);
	b->connection = calloc(MAX_CONNECTIONS, sizeof *b->connection);
	b->suspect = calloc(MAX_SUSPECTS, sizeof *b->suspect);
	if (!b->heap || !b->connection || !b->suspect) {
		trace_book_free(b);
		return NULL;
	}
	return b;
}

void trace_book_free(struct trace_book *b)
{
	if (!b)
		return;
	for (size_t i = 0; b->heap && i < b->held; i++) {
		trace_free(b->heap[i].x);
		free(b->heap[i].record);
	}
	for (size_t i = 0; b->suspect && i < MAX_SUSPECTS; i++)
		trace_free(b->suspect[i]);
	free(b->heap);
	free(b->connection);
	free(b->suspect);
	free(b);
}
