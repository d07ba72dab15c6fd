/* How each side fared: what was acknowledged and what got stuck, sizes, times, windows, and what
 * is left over at the end.
 *
 * Of the data on the way only the oldest segments are held one by one, the rest as a run: what a
 * black hole swallows is always the oldest. */
#include "packet/stream_private.h"

#include <stdlib.h>

enum { CAP_V4 = 1460, CAP_V6 = 1440, GUESS_FROM = 1200 };

static unsigned smaller_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

const struct woes WOES_NONE = { .gap_since = NO_TIME, .zero_window_since = NO_TIME };

struct woes *facts_woes(struct stream_table *t, struct track *tr)
{
	if (tr->woes)
		return tr->woes;
	tr->woes = malloc(sizeof *tr->woes);
	struct woes *w = tr->woes ? tr->woes : &t->lost;
	*w = WOES_NONE;
	return w;
}

/* ---- sizes ---- */

/* The path's full segment, as far as the SYNs say. */
void facts_sizes(const struct conn *c, struct full *f)
{
	unsigned a = c->half[0].mss, b = c->half[1].mss;
	unsigned mss = a && b ? smaller_of(a, b) : a | b;
	unsigned options = c->flags & CONN_TIMES ? 12 : 0;
	if (mss <= options)
		return;
	f->size = mss - options;
	f->size_known = true;
	f->large_from = f->size * 9 / 10;
}

/* No SYN: the largest that was seen, once it is so large that it could be a full one. */
static void guess_size(const struct conn *c, struct full *f, uint32_t len)
{
	unsigned cap = address_is_v4(&c->side[0]) ? CAP_V4 : CAP_V6;
	if (f->size_known || len > cap || len < GUESS_FROM || len <= f->size)
		return;
	if (len * 9 / 10 > f->size) /* what seemed large was not */
		f->track[0].large = f->track[1].large = 0;
	f->size = len;
	f->large_from = len * 9 / 10;
}

/* A segment's size on the path: offload hands several over in one. */
static uint32_t size_on_path(const struct conn *c, const struct full *f, uint32_t len)
{
	uint32_t cap = f->size ? f->size : address_is_v4(&c->side[0]) ? CAP_V4 : CAP_V6;
	if (!f->size_known && len <= CAP_V4)
		return len;
	return len < cap ? len : cap;
}

static void count_large(struct full *f, int side, uint32_t len, struct pin pin)
{
	struct track *tr = &f->track[side];
	uint32_t parts = 1;
	if (len > f->size)
		parts = len / f->size + (len % f->size >= f->large_from);
	if (tr->large == 0)
		tr->first_large = pin;
	tr->last_large = pin;
	tr->large += parts;
}

static void count_size(struct full *f, int side, uint32_t len, uint32_t size, struct pin pin)
{
	struct track *tr = &f->track[side];
	if (len >= f->large_from)
		count_large(f, side, len, pin);
	if (size > tr->largest)
		tr->largest = size;
}

/* ---- data on the way ---- */

static struct flight *flight_at(struct full *f, int side, unsigned i)
{
	return &f->flight[side][(f->track[side].flight_first + i) % FLIGHTS];
}

/* Takes what comes into the last entry: from then on it is a run. */
static void flight_extend(struct flight *run, const struct flight *more)
{
	if (ahead(more->end, run->end) > 0)
		run->end = more->end;
	run->size = more->size > run->size ? more->size : run->size;
	run->smallest = smaller_of(more->smallest, run->smallest);
	run->segments = (uint16_t)smaller_of(run->segments + more->segments, UINT16_MAX);
}

static void flight_add(struct full *f, int side, const struct flight *new)
{
	struct track *tr = &f->track[side];
	unsigned at = tr->flight_count;
	while (at && ahead(new->start, flight_at(f, side, at - 1)->start) < 0)
		at--; /* it fills a hole */
	if (tr->flight_count == FLIGHTS) {
		if (at == FLIGHTS) {
			flight_extend(flight_at(f, side, FLIGHTS - 1), new);
			return;
		}
		flight_extend(flight_at(f, side, FLIGHTS - 2), flight_at(f, side, FLIGHTS - 1));
		tr->flight_count--;
		at -= at == FLIGHTS - 1;
	}
	for (unsigned i = tr->flight_count; i > at; i--)
		*flight_at(f, side, i) = *flight_at(f, side, i - 1);
	*flight_at(f, side, at) = *new;
	tr->flight_count++;
}

static void passed(struct full *f, int side, const struct flight *fl)
{
	struct track *tr = &f->track[side];
	uint32_t size = fl->times > 1 ? fl->smallest : fl->size;
	if (size > tr->largest_passed)
		tr->largest_passed = size;
	uint16_t *bin = &tr->passed[smaller_of(size / SIZE_BIN, SIZE_BINS - 1)];
	unsigned sum = *bin + fl->segments;
	*bin = (uint16_t)smaller_of(sum, UINT16_MAX);
}

nanos facts_rtt(const struct full *f)
{
	nanos up = f->track[0].round, down = f->track[1].round;
	return up != NO_TIME && down != NO_TIME ? up + down : NO_TIME;
}

static void sample_round(struct full *f, int side, nanos took)
{
	struct track *tr = &f->track[side];
	if (took < 0 || took > 60 * NANOS_PER_SECOND || (tr->round != NO_TIME && took >= tr->round))
		return;
	tr->round = took;
}

static void adapted(struct icmp_seen *seen, int side, uint32_t ack)
{
	if (seen->adapting && seen->adapt_side == side && ahead(ack, seen->adapt_end) >= 0) {
		seen->adapted = true;
		seen->adapting = false;
	}
}

/* The other side has all of this side's bytes up to `ack`. */
void facts_acked(const struct stream_table *t, const struct conn *c, struct full *f, int side,
		 uint32_t ack, nanos at)
{
	struct track *tr = &f->track[side];
	while (tr->flight_count) {
		struct flight *fl = flight_at(f, side, 0);
		if (ahead(fl->end, ack) > 0) {
			if (ahead(ack, fl->start) > 0) {
				fl->start = ack;
				if (fl->segments == 1)
					fl->size = smaller_of(fl->size, fl->end - ack);
				fl->smallest = smaller_of(fl->smallest, fl->size);
			}
			break;
		}
		if (!fl->sacked)
			passed(f, side, fl);
		if (fl->times == 1 && fl->segments == 1 && !fl->sacked)
			sample_round(f, side, span(at, fl->first.at));
		tr->flight_first = (uint8_t)((tr->flight_first + 1) % FLIGHTS);
		tr->flight_count--;
	}
	if (tr->flight_count == 0)
		tr->flight_first = 0; /* one at a time stays in one place in the cache */
	if (c->icmp)
		adapted(icmp_of(t, c), side, ack);
}

static void selectively_acked(struct full *f, int side, uint32_t left, uint32_t right)
{
	struct track *tr = &f->track[side];
	for (unsigned i = 0; i < tr->flight_count; i++) {
		struct flight *fl = flight_at(f, side, i);
		if (fl->sacked || ahead(fl->start, left) < 0 || ahead(fl->end, right) > 0)
			continue;
		fl->sacked = true;
		passed(f, side, fl);
	}
}

/* ---- sent, and sent again ---- */

/* The router named an MTU: does the sender heed it? */
static void follow_icmp(struct icmp_seen *seen, const struct conn *c, const struct full *f,
			int side, const struct segment *seg, const struct range *r)
{
	const struct icmp_note *note = &seen->first;
	uint32_t len = r->end - r->start;
	if (note->kind != ICMP_TOO_BIG || !address_equal(&note->from, &c->side[side]))
		return;
	bool whole = !f->size_known || len <= f->size; /* not made of several by offload */
	if (note->mtu && whole && seg->ip_len > note->mtu) {
		seen->large_after++;
	} else if (ahead(r->start, note->seq) <= 0 && ahead(r->end, note->seq) > 0) {
		seen->adapting = true;
		seen->adapt_end = r->end;
		seen->adapt_side = (uint8_t)side;
	}
}

/* Bytes that were not seen before. */
void facts_sent(struct stream_table *t, struct conn *c, struct full *f, int side,
		const struct segment *seg, const struct range *r)
{
	struct track *tr = &f->track[side];
	const struct half *h = &c->half[side];
	uint32_t len = r->end - r->start;
	struct pin pin = pin_of(seg);
	tr->last_data = pin;
	if (len != r->bytes.len)
		facts_woes(t, tr)->unseen += len - r->bytes.len;
	if (len > f->size && !f->size_known)
		guess_size(c, f, len);
	uint32_t size = size_on_path(c, f, len);
	count_size(f, side, len, size, pin);
	if (c->half[!side].flags & HALF_FIN)
		facts_woes(t, tr)->after_peer_fin += len;
	struct flight fl = { r->start, r->end, size, size, 1, 1, false, pin, pin };
	if (!(h->flags & HALF_ACKED) || ahead(r->end, h->acked) > 0)
		flight_add(f, side, &fl);
	else
		passed(f, side, &fl); /* its acknowledgement came first */
	if (tr->data_top == 0 || ahead(r->end, tr->data_top) > 0)
		tr->data_top = r->end;
	if (c->icmp)
		follow_icmp(icmp_of(t, c), c, f, side, seg, r);
	if (seg->flags & TCP_URG)
		facts_woes(t, tr)->urgent = true;
}

static void flight_again(struct stream_table *t, struct conn *c, struct full *f, int side,
			 const struct segment *seg, const struct range *r)
{
	struct track *tr = &f->track[side];
	uint32_t size = size_on_path(c, f, r->end - r->start);
	for (unsigned i = 0; i < tr->flight_count; i++) {
		struct flight *fl = flight_at(f, side, i);
		if (ahead(fl->start, r->end) >= 0 || ahead(r->start, fl->start) > 0)
			continue;
		if (ahead(fl->end, r->end) <= 0 || ahead(r->end, fl->start) > 0) {
			nanos waited = span(seg->at, fl->last.at);
			if (i == 0 && waited > 0 && fl->start == c->half[side].acked)
				facts_woes(t, tr)->retrans_time += waited;
			fl->times += fl->times < UINT16_MAX;
			fl->last = pin_of(seg);
			fl->smallest = smaller_of(fl->smallest, size);
		}
	}
}

void facts_repair(struct woes *w, const struct segment *seg, const struct range *r)
{
	if (w->agains < STREAM_AGAIN)
		w->again[w->agains++] = (struct again){ pin_of(seg), r->end - r->start, r->end };
}

/* It was in vain after all: the receiver had it. */
static void forget_again(struct woes *w, uint32_t end)
{
	if (w->agains && w->again[w->agains - 1].end == end)
		w->agains--;
}

/* Bytes that were here before. */
void facts_again(struct stream_table *t, struct conn *c, struct full *f, int side,
		 const struct segment *seg, const struct range *r)
{
	struct track *tr = &f->track[side];
	const struct half *h = &c->half[side];
	tr->retrans++;
	tr->last_data = pin_of(seg);
	flight_again(t, c, f, side, seg, r);
	if ((h->flags & HALF_ACKED) && ahead(r->end, h->acked) <= 0) {
		struct woes *w = facts_woes(t, tr);
		w->spurious++;
		w->spurious_end = r->end;
	} else {
		facts_repair(facts_woes(t, tr), seg, r);
	}
	if (c->icmp)
		follow_icmp(icmp_of(t, c), c, f, side, seg, r);
}

/* ---- what the header says ---- */

static void follow_zero(struct stream_table *t, struct conn *c, struct full *f, int side,
			const struct segment *seg)
{
	struct track *peer = &f->track[!side];
	struct woes *held = peer->woes;
	if (seg->window == 0 && !(c->half[side].flags & HALF_FIN)) {
		held = facts_woes(t, peer);
		if (held->zero_window_since != NO_TIME)
			return;
		held->zero_window_since = seg->at;
		if (!held->zero_seen)
			held->zero_window = pin_of(seg);
		held->zero_seen = true;
	} else if (held && held->zero_window_since != NO_TIME) {
		nanos held_for = span(seg->at, held->zero_window_since);
		held->zero_window_time += held_for > 0 ? held_for : 0;
		held->zero_window_since = NO_TIME;
	}
}

/* The right edge of what this side is ready to receive. */
void facts_window(const struct conn *c, struct full *f, int side, const struct segment *seg)
{
	struct track *peer = &f->track[!side];
	uint8_t flags = c->half[0].flags & c->half[1].flags;
	if (!(flags & HALF_SYN))
		return;
	uint32_t edge = seg->ack +
			((uint32_t)seg->window << (flags & HALF_WSCALE ? c->half[side].wscale : 0));
	if (!peer->edge_known || ahead(edge, peer->edge) > 0)
		peer->edge = edge;
	peer->edge_known = true;
}

/* A block below the acknowledgement, or inside the next one, tells of bytes that came twice
 * (RFC 2883). */
static bool is_dsack(const struct segment *seg)
{
	if (ahead(seg->sack[0].right, seg->ack) <= 0)
		return true;
	return seg->sack_count > 1 && ahead(seg->sack[0].left, seg->sack[1].left) >= 0 &&
	       ahead(seg->sack[0].right, seg->sack[1].right) <= 0;
}

static void follow_sack(struct stream_table *t, struct full *f, int side, const struct segment *seg)
{
	struct track *tr = &f->track[!side];
	unsigned first = 0;
	if (is_dsack(seg)) {
		struct woes *w = facts_woes(t, tr);
		first = 1;
		if (seg->sack[0].right != w->spurious_end && w->spurious < tr->retrans)
			w->spurious++;
		forget_again(w, seg->sack[0].right);
		w->spurious_end = seg->sack[0].right;
	}
	for (unsigned i = first; i < seg->sack_count && i < PACKET_MAX_SACK; i++)
		selectively_acked(f, !side, seg->sack[i].left, seg->sack[i].right);
}

void facts_control(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, uint32_t acked_before)
{
	struct track *tr = &f->track[side];
	if (seg->flags & TCP_SYN)
		facts_sizes(c, f);
	if (seg->has & SEGMENT_TEXT)
		return; /* a window of 0 may be one that was not printed */
	if (!(seg->flags & (TCP_SYN | TCP_RST)) && (seg->flags & TCP_ACK)) {
		bool same = seg->ack == acked_before && seg->payload_len == 0 &&
			    (seg->window == tr->window || seg->sack_count);
		if (same && has_hole(&f->track[!side]) && !(seg->flags & TCP_FIN))
			f->track[!side].woes->hole_dup_acks++;
		follow_zero(t, c, f, side, seg);
		facts_window(c, f, side, seg);
		tr->window = seg->window;
	}
	if (seg->sack_count && (seg->flags & TCP_ACK))
		follow_sack(t, f, side, seg);
}

/* ---- the public record ---- */

static void look_at_side(const struct track *tr, struct stream_side *s)
{
	const struct woes *w = woes_of(tr);
	*s = (struct stream_side){
		.last_data = pin_mark(tr->last_data),
		.largest = tr->largest,
		.repairs = w->repairs,
		.reordered = w->reordered,
		.spurious = w->spurious,
		.overlaps = w->overlaps,
		.retrans_time = w->retrans_time,
		.largest_passed = tr->largest_passed,
		.hole_dup_acks = w->hole_dup_acks,
		.missing = w->missing,
		.missing_shown = pin_mark(w->missing_shown),
		.unseen = w->unseen,
		.zero_window_time = w->zero_window_time,
		.zero_window_since = w->zero_window_since,
		.zero_window = pin_mark(w->zero_window),
		.zero_window_probes = w->zero_window_probes,
		.keepalives = w->keepalives,
		.after_peer_fin = w->after_peer_fin,
		.first_large = pin_mark(tr->first_large),
		.last_large = pin_mark(tr->last_large),
		.large = tr->large,
		.urgent = w->urgent,
		.agains = w->agains,
	};
	for (unsigned i = 0; i < w->agains; i++)
		s->again[i] = (struct stream_again){ pin_mark(w->again[i].pin), w->again[i].size };
}

const struct stream *facts_look(struct stream_table *t, const struct conn *c)
{
	const struct full *f = full_of(t, c);
	const struct icmp_seen *seen = icmp_of(t, c);
	struct stream *s = &t->facts;
	for (int side = 0; side < 2; side++)
		look_at_side(&f->track[side], &s->sent[side]);
	note_view(t, c, s);
	for (int side = 0; side < 2; side++) {
		s->sent[side].retrans = f->track[side].retrans;
		s->sent[side].copies = f->track[side].copies;
	}
	s->watched = f->watched;
	s->rtt = facts_rtt(f);
	s->large_after_icmp = seen ? seen->large_after : 0;
	s->adapted_after_icmp = seen && seen->adapted;
	return s;
}

const struct stream *facts_glance(struct stream_table *t, const struct conn *c)
{
	if (t->viewed != c->number)
		note_view(t, c, &t->view);
	t->viewed = c->number;
	for (int side = 0; side < 2; side++) { /* what a segment changes while it is taken */
		t->view.sent[side].bytes = c->half[side].bytes;
		t->view.early_len[side] = c->half[side].early_len;
	}
	t->view.rtt = facts_rtt(full_of(t, c));
	return &t->view;
}

/* ---- beginning and end ---- */

void facts_begin(const struct conn *c, struct full *f)
{
	const struct half *client = &c->half[0], *proxy = &c->half[1];
	f->large_from = UINT32_MAX;
	for (int side = 0; side < 2; side++) {
		f->track[side].retrans = c->half[side].retrans;
		f->track[side].copies = c->half[side].copies;
		f->track[side].round = NO_TIME;
	}
	facts_sizes(c, f);
	if (!(client->flags & proxy->flags & HALF_SYN))
		return;
	if (client->syns == 1)
		sample_round(f, 0, span(proxy->syn.at, client->syn.at));
	if (proxy->syns == 1 && c->established_at != NO_TIME)
		sample_round(f, 1, span(c->established_at, proxy->syn.at));
}

/* Bytes between `next` and the last thing known of this side that never came. */
static void end_hole(const struct conn *c, const struct full *f, int side, struct stream *s)
{
	struct stream_side *sent = &s->sent[side];
	const struct half *h = &c->half[side];
	const struct track *tr = &f->track[side];
	const struct woes *w = woes_of(tr);
	uint64_t hole = 0, beyond = 0;
	uint32_t at = h->next;
	for (const struct kept *k = w->first; k; k = k->next) {
		hole += k->start - at;
		beyond += k->end - k->start;
		at = k->end;
	}
	bool outside = tr->edge_known && w->first && ahead(w->first->start, tr->edge) > 1 << 16;
	bool unseen_fin = hole == 1 && beyond == 0 && !(h->flags & HALF_FIN);
	/* that the other side acknowledges, no later than in its own */
	const struct stream_mark shown =
		w->first ? pin_mark(w->first->shown) : (struct stream_mark){ 0 };
	const struct stream_side *other = &s->sent[!side];
	if (unseen_fin && other->fin.frame && other->fin.frame >= shown.frame) {
		sent->fin = shown;
		sent->fin.at--; /* it was before that */
	}
	bool claim = w->first && s->both_ways && (h->flags & HALF_ACKED) && !w->blind && !outside &&
		     !unseen_fin && !(c->flags & CONN_TEXT);
	if (!claim) {
		sent->hole_dup_acks = 0;
		return;
	}
	sent->hole = hole;
	sent->hole_shown = pin_mark(w->first->shown);
	sent->hole_beyond = beyond > UINT32_MAX ? UINT32_MAX : (uint32_t)beyond;
}

/* Nearly all do that, so whose SYN was not seen does. */
static bool acks_selectively(const struct half *h)
{
	return !(h->flags & HALF_SYN) || (h->flags & HALF_SACK);
}

/* The smallest size that did not get through. Of what was sent behind the oldest before that was
 * sent for the last time a selective acknowledgement would have come (RFC 2018, section 4), had it
 * arrived. */
static uint32_t smallest_stuck(const struct conn *c, struct full *f, int side)
{
	const struct flight *oldest = flight_at(f, side, 0);
	uint32_t smallest = oldest->smallest;
	if (!acks_selectively(&c->half[0]) || !acks_selectively(&c->half[1]))
		return smallest;
	for (unsigned i = 1; i < f->track[side].flight_count; i++) {
		const struct flight *fl = flight_at(f, side, i);
		bool heard = fl->sacked || fl->segments > 1; /* of several, some may be */
		if (!heard && span(oldest->last.at, fl->first.at) > 0)
			smallest = smaller_of(smallest, fl->smallest);
	}
	return smallest;
}

/* What was sent and never acknowledged. */
static void end_stuck(const struct conn *c, struct full *f, int side, struct stream *s)
{
	struct stream_side *sent = &s->sent[side];
	const struct half *h = &c->half[side];
	const struct track *tr = &f->track[side];
	struct flight *fl = tr->flight_count ? flight_at(f, side, 0) : NULL;
	bool text = (c->flags & CONN_TEXT) && (!fl || fl->times < 2);
	if (!s->both_ways || !(h->flags & HALF_ACKED) || tr->data_top == 0 || text)
		return;
	int32_t left = ahead(tr->data_top, h->acked);
	if (left <= 0)
		return;
	sent->unacked = (uint64_t)left > sent->hole ? (uint64_t)left - sent->hole : 0;
	if (!fl || ahead(fl->start, h->acked) > 0 || fl->sacked)
		return;
	sent->stuck_size = fl->size;
	sent->stuck_times = fl->times;
	sent->stuck_first = pin_mark(fl->first);
	sent->stuck_last = pin_mark(fl->last);
	sent->stuck_smallest = smallest_stuck(c, f, side);
	for (unsigned bin = 0; bin < SIZE_BINS && (bin + 1) * SIZE_BIN <= fl->size; bin++)
		sent->small_passed += tr->passed[bin];
}

/* The last words: every fact is final after this. */
const struct stream *facts_end(struct stream_table *t, struct conn *c, struct full *f)
{
	struct stream *s = &t->facts;
	c->flags |= CONN_DECIDED; /* nobody is asked at the end */
	for (int side = 0; side < 2; side++)
		order_settle(t, c, f, side, c->last.at, true);
	facts_look(t, c);
	for (int side = 0; side < 2; side++) {
		struct stream_side *sent = &s->sent[side];
		end_hole(c, f, side, s);
		end_stuck(c, f, side, s);
		for (const struct kept *k = woes_of(&f->track[side])->first; k; k = k->next)
			sent->bytes += k->end - k->start;
		if (sent->zero_window_since != NO_TIME) {
			nanos held = span(c->last.at, sent->zero_window_since);
			sent->zero_window_time += held > 0 ? held : 0;
		}
	}
	return s;
}
