/* Bytes in order: holes, segments kept behind them, gaps.
 *
 * The kept list of a side is sorted and free of overlaps; all of it stands behind `next`. A hole
 * is what lies between `next`, or the end of one, and the start of the following. A packet may
 * show a hole without bearing data, by its own sequence number or by what it acknowledges: then
 * an empty entry stands where the number points. What is acknowledged and does not come is the
 * capture's loss, but acknowledgements may stand before the data in a file, so that is only
 * said after a while. */
#include "packet/stream_private.h"

#include <stdlib.h>
#include <string.h>

#define GAP_WAIT       (500 * NANOS_PER_MS)
#define GAP_WAIT_BLIND (2 * NANOS_PER_SECOND) /* nobody's acknowledgements are in the capture */
#define REORDER_SPAN   (3 * NANOS_PER_MS)

enum { GAP_PACKETS = 64, MAX_STRAYS = 8 };

struct delivery {
	struct slice bytes;
	uint32_t len; /* on the wire: what is beyond `bytes` is a gap */
	enum stream_gap why;
	struct pin pin;
};

/* ---- to the owner ---- */

static void tell_gap(struct stream_table *t, struct full *f, int side, uint64_t len,
		     enum stream_gap why, struct pin pin)
{
	struct stream_mark mark = pin_mark(pin);
	if (f->watched && !f->ignored)
		t->on.gap(t->on.context, &f->w, side, len, why, &mark);
}

/* Its first bytes came out of order; here they are. */
static void ask(struct stream_table *t, struct conn *c, struct full *f, int side,
		const struct delivery *d)
{
	uint8_t before = c->half[side].early_len;
	if (note_ask(t, c, side, d->bytes, d->len) != STREAM_WATCH)
		return;
	f->watched = true;
	t->undecided--;
	note_tell_early(t, c, !side, c->half[!side].early_len);
	note_tell_early(t, c, side, before);
}

static void deliver(struct stream_table *t, struct conn *c, struct full *f, int side,
		    const struct delivery *d)
{
	struct half *h = &c->half[side];
	if (!(c->flags & CONN_DECIDED))
		ask(t, c, f, side, d);
	h->next += d->len;
	h->bytes += d->len;
	if (!f->watched)
		return;
	if (d->bytes.len && !f->ignored) {
		struct stream_mark mark = pin_mark(d->pin);
		t->on.data(t->on.context, &f->w, side, d->bytes, &mark);
	}
	if (d->len > d->bytes.len)
		tell_gap(t, f, side, d->len - d->bytes.len, d->why, d->pin);
}

/* ---- the kept list ---- */

static void forget(struct stream_table *t, struct woes *w, struct kept *k)
{
	w->kept -= k->cost;
	t->counts.kept -= k->cost;
	free(k);
}

static void drop_first(struct stream_table *t, struct woes *w)
{
	struct kept *k = w->first;
	w->first = k->next;
	if (!w->first)
		w->last = NULL;
	forget(t, w, k);
}

void order_drop(struct stream_table *t, struct full *f)
{
	for (int side = 0; side < 2; side++) {
		struct woes *w = f->track[side].woes;
		if (!w)
			continue;
		while (w->first)
			drop_first(t, w);
		free(w->printed);
		free(w);
		f->track[side].woes = NULL;
	}
}

/* A new entry between `before` (NULL: at the head) and what follows it. */
static struct kept *insert(struct stream_table *t, struct track *tr, struct kept *before,
			   const struct segment *seg, const struct range *r, bool want_bytes,
			   bool own)
{
	struct woes *w = facts_woes(t, tr);
	size_t len = want_bytes ? r->bytes.len : 0;
	size_t cost = sizeof(struct kept) + len;
	bool room = t->counts.kept + cost <= t->limits.max_kept &&
		    w->kept + cost <= t->limits.max_kept_each;
	if (!room)
		len = 0;
	/* Entries without bytes may go a quarter beyond, so that the ranges stay known. */
	bool list_full = w->kept > t->limits.max_kept_each + t->limits.max_kept_each / 4 ||
			 t->counts.kept > t->limits.max_kept + t->limits.max_kept / 4;
	struct kept *k = list_full || w == &t->lost ? NULL : malloc(sizeof *k + len);
	if (!k) {
		w->blind = true;
		return NULL;
	}
	struct kept *after = before ? before->next : w->first;
	*k = (struct kept){ .next = after,
			    .start = r->start,
			    .end = r->end,
			    .len = (uint32_t)len,
			    .cost = (uint32_t)(sizeof *k + len),
			    .pin = pin_of(seg) };
	k->why = want_bytes && len < r->bytes.len ? STREAM_GAP_MEMORY : STREAM_GAP_SNAP;
	k->shown = after ? after->shown : k->pin;
	k->shown_tsval = after ? after->shown_tsval : seg->tsval;
	k->shown_ip_id = after ? after->shown_ip_id : seg->ip_id;
	k->shown_own = after ? after->shown_own : own;
	k->shown_has_tsval = after ? after->shown_has_tsval : (seg->has & SEGMENT_TIMESTAMP) != 0;
	if (len)
		memcpy(k->bytes, r->bytes.at, len);
	*(before ? &before->next : &w->first) = k;
	if (!after)
		w->last = k;
	w->kept += k->cost;
	t->counts.kept += k->cost;
	if (t->counts.kept > t->counts.peak_kept)
		t->counts.peak_kept = t->counts.kept;
	return k;
}

/* Entries that have come to their turn. */
static void drain(struct stream_table *t, struct conn *c, struct full *f, int side)
{
	struct woes *w = f->track[side].woes;
	if (!w)
		return;
	while (w->first && ahead(w->first->start, c->half[side].next) <= 0) {
		struct kept *k = w->first;
		if (k->end != k->start) {
			struct delivery d = { .bytes = { k->bytes, k->len },
					      .len = k->end - k->start,
					      .why = k->why,
					      .pin = k->pin };
			deliver(t, c, f, side, &d);
		}
		drop_first(t, w);
	}
	w->gap_since = NO_TIME;
	w->gap_packets = 0;
	if (!w->first)
		w->hole_dup_acks = 0;
}

/* ---- holes ---- */

/* The side must have sent all up to `seq`: one of its packets, or an acknowledgement, says so. */
void order_show(struct stream_table *t, struct conn *c, struct full *f, int side, uint32_t seq,
		const struct segment *seg)
{
	struct half *h = &c->half[side];
	struct track *tr = &f->track[side];
	if ((h->flags & HALF_FIN) && ahead(seq, h->fin_seq) > 0)
		seq = h->fin_seq;
	int32_t beyond = ahead(seq, h->next);
	if (!(h->flags & HALF_SEEN) || beyond <= 0 || beyond > SEQ_REACH)
		return;
	struct kept *last = woes_of(tr)->last;
	if (last && ahead(seq, last->end) <= 0)
		return;
	struct range r = { .start = seq, .end = seq };
	bool own = address_equal(&seg->from, &c->side[side]);
	insert(t, tr, last, seg, &r, false, own);
}

/* Acknowledged, never seen: go on behind it. */
static void declare_missing(struct stream_table *t, struct conn *c, struct full *f, int side,
			    uint32_t to)
{
	struct half *h = &c->half[side];
	struct woes *w = f->track[side].woes;
	struct kept *k = w->first;
	uint32_t len = to - h->next;
	if (w->missing == 0)
		w->missing_shown = k->shown;
	w->missing += len;
	h->bytes += len;
	if (!f->watched)
		h->early_len = 0; /* what comes does not go on from there */
	tell_gap(t, f, side, len, STREAM_GAP_CAPTURE, k->shown);
	h->next = to;
	drain(t, c, f, side);
}

/* One number and nothing behind it: more likely a FIN that was not captured than a byte. */
static bool looks_like_fin(const struct half *h, const struct woes *w)
{
	const struct kept *k = w->first;
	return k->start == h->next + 1 && k->end == k->start && !k->next && !(h->flags & HALF_FIN);
}

/* Long enough that the bytes won't come any more? */
static bool ripe(const struct stream_table *t, struct woes *w, nanos now, bool acked)
{
	nanos wait = acked ? GAP_WAIT : GAP_WAIT_BLIND;
	if (w->gap_since == NO_TIME)
		w->gap_since = now;
	w->gap_packets++;
	nanos waited = span(now, w->gap_since);
	return waited > wait || waited < -wait || (acked && w->gap_packets > GAP_PACKETS) ||
	       w->kept + w->kept / 8 > t->limits.max_kept_each;
}

void order_settle(struct stream_table *t, struct conn *c, struct full *f, int side, nanos now,
		  bool over)
{
	struct half *h = &c->half[side];
	struct woes *w = f->track[side].woes;
	while (w && w->first) {
		uint32_t to = w->first->start;
		bool acked = (h->flags & HALF_ACKED) && ahead(h->acked, h->next) > 0;
		bool one_way = !c->half[!side].packets;
		if (!acked && !one_way)
			return;
		if (acked && ahead(h->acked, to) < 0)
			to = h->acked;
		if (looks_like_fin(h, w) || (!over && !ripe(t, w, now, acked)))
			return;
		declare_missing(t, c, f, side, to);
	}
}

/* Was it sent after `k`, whose hole it fills? Timestamps know where they differ, and so do IP ids
 * where they count up. 1 yes, -1 no, 0 they don't say. */
static int sent_after(const struct segment *seg, const struct kept *k)
{
	enum { ID_REACH = 1024 };
	if (k->shown_has_tsval && (seg->has & SEGMENT_TIMESTAMP) && seg->tsval != k->shown_tsval)
		return ahead(seg->tsval, k->shown_tsval) > 0 ? 1 : -1;
	int16_t later = (int16_t)(seg->ip_id - k->shown_ip_id);
	if (!seg->ip_id || !k->shown_ip_id || later == 0 || later > ID_REACH || later < -ID_REACH)
		return 0;
	return later > 0 ? 1 : -1;
}

/* A segment filled a hole: was it lost on its way here, or only late? */
static void count_fill(struct full *f, int side, const struct segment *seg, const struct range *r,
		       const struct kept *k, bool first_hole)
{
	struct woes *w = f->track[side].woes; /* who keeps `k` */
	nanos late = span(seg->at, k->shown.at);
	nanos rtt = facts_rtt(f), limit = rtt == NO_TIME ? REORDER_SPAN : rtt;
	int after = k->shown_own ? sent_after(seg, k) : 0;
	if (after < 0 || (after == 0 && late <= limit)) {
		w->reordered++;
		return;
	}
	w->repairs++;
	facts_repair(w, seg, r);
	if (first_hole && late > 0)
		w->retrans_time += late;
}

/* ---- placing a segment ---- */

static struct range part(const struct range *r, uint32_t from, uint32_t to)
{
	struct slice rest = slice_from(r->bytes, from - r->start);
	return (struct range){ from, to, slice_first(rest, to - from) };
}

struct placing {
	bool again; /* some of it was here before */
	bool fresh; /* some of it was not */
	bool filled;
};

static void deliver_part(struct stream_table *t, struct conn *c, struct full *f, int side,
			 const struct segment *seg, const struct range *r)
{
	struct delivery d = { .bytes = r->bytes,
			      .len = r->end - r->start,
			      .why = STREAM_GAP_SNAP,
			      .pin = pin_of(seg) };
	deliver(t, c, f, side, &d);
}

/* The pieces of r that are new, each delivered or kept; the first bytes win. */
static void place(struct stream_table *t, struct conn *c, struct full *f, int side,
		  const struct segment *seg, const struct range *r, struct placing *p)
{
	struct half *h = &c->half[side];
	struct track *tr = &f->track[side];
	uint32_t at = r->start;
	struct kept *before = NULL;
	if (ahead(at, h->next) < 0) {
		p->again = true;
		at = h->next;
	}
	if (has_hole(tr) && ahead(at, tr->woes->last->end) >= 0)
		before = tr->woes->last; /* the usual place: behind all others */
	while (ahead(r->end, at) > 0) {
		struct kept *k = before ? before->next : woes_of(tr)->first;
		if (k && ahead(k->end, at) <= 0) {
			before = k;
			continue;
		}
		uint32_t to = k && ahead(k->start, r->end) < 0 ? k->start : r->end;
		if (ahead(to, at) > 0) {
			struct range piece = part(r, at, to);
			p->fresh = true;
			if (k && !p->filled) {
				p->filled = true;
				count_fill(f, side, seg, &piece, k, !before);
			}
			if (at == h->next)
				deliver_part(t, c, f, side, seg, &piece);
			else if ((before = insert(t, tr, before, seg, &piece, !f->ignored, true)) ==
				 NULL)
				return;
		} else if (k) {
			to = ahead(k->end, r->end) < 0 ? k->end : r->end;
			p->again = true;
			before = k;
		}
		at = to;
	}
}

static void no_stray(struct track *tr)
{
	if (tr->woes)
		tr->woes->strays = 0;
}

/* Numbers that have nothing to do with what came before, again and again: the capture lost more
 * than can be counted. Start anew there. */
static bool is_stray(struct stream_table *t, struct conn *c, struct full *f, int side,
		     const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side];
	struct track *tr = &f->track[side];
	int32_t off = ahead(r->start, h->next);
	if (off <= SEQ_REACH && off >= -SEQ_REACH) {
		no_stray(tr);
		return false;
	}
	struct woes *w = facts_woes(t, tr);
	bool on = w->strays && r->start == w->stray_end;
	w->strays = on ? w->strays + 1 : 1;
	w->stray_end = r->end;
	if (w->strays < MAX_STRAYS)
		return true;
	while (w->first)
		drop_first(t, w);
	w->blind = true;
	w->strays = 0;
	tr->flight_count = 0;
	w->missing += r->start - h->next;
	if (!f->watched)
		h->early_len = 0;
	tell_gap(t, f, side, r->start - h->next, STREAM_GAP_CAPTURE, pin_of(seg));
	h->next = h->acked = r->start;
	h->flags &= (uint8_t)~HALF_ACKED;
	return false;
}

/* ---- text ---- */

static bool was_printed(struct stream_table *t, struct track *tr, uint32_t seq, uint32_t len)
{
	struct woes *w = facts_woes(t, tr);
	struct printed *p = w->printed;
	if (!p && w != &t->lost)
		p = w->printed = calloc(1, sizeof *p);
	if (!p)
		return false;
	unsigned held = p->count < PRINTED ? p->count : PRINTED;
	for (unsigned i = 0; i < held; i++)
		if (p->seq[i] == seq && p->len[i] == len)
			return true;
	p->seq[p->count % PRINTED] = seq;
	p->len[p->count % PRINTED] = len;
	p->count++;
	return false;
}

/* Text shows some packets and not others, and numbers that restart. So what it prints comes in
 * the order in which it is printed, and only the very same range is a retransmission. */
static void order_text(struct stream_table *t, struct conn *c, struct full *f, int side,
		       const struct segment *seg, const struct range *r)
{
	struct track *tr = &f->track[side];
	if (!(seg->has & SEGMENT_NO_SEQ) && was_printed(t, tr, r->start, r->end - r->start)) {
		facts_again(t, c, f, side, seg, r);
		return;
	}
	c->half[side].next = r->start;
	facts_sent(t, c, f, side, seg, r);
	deliver_part(t, c, f, side, seg, r);
}

/* ---- one segment with data ---- */

void order_segment(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side];
	struct track *tr = &f->track[side];
	if (c->flags & CONN_TEXT) {
		order_text(t, c, f, side, seg, r);
		return;
	}
	if (r->start == h->next && !has_hole(tr)) {
		no_stray(tr);
		facts_sent(t, c, f, side, seg, r);
		deliver_part(t, c, f, side, seg, r);
		return;
	}
	if (is_stray(t, c, f, side, seg, r))
		return;
	bool probed = woes_of(tr)->probe_byte && r->start == h->next - 1 && r->end != h->next;
	if (probed)
		tr->woes->probe_byte = false;
	struct placing p = { 0 };
	uint32_t old_next = h->next;
	place(t, c, f, side, seg, r, &p);
	if (p.fresh)
		facts_sent(t, c, f, side, seg, r);
	if (p.again && !p.filled && !probed)
		facts_again(t, c, f, side, seg, r);
	if (h->next != old_next)
		drain(t, c, f, side);
}
