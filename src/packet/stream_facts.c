/* How each side fared: what was acknowledged and what got stuck, sizes, times, windows.
 *
 * Of the data on the way only the oldest segments are held one by one, the rest as a run: what a
 * black hole swallows is always the oldest. */
#include "packet/stream_private.h"

#include <stdlib.h>

enum { CAP_V4 = 1460, CAP_V6 = 1440, GUESS_FROM = 1200 };

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
static void know_sizes(const struct conn *c, struct full *f)
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
		w->spurious_told++;
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
		if (w->spurious_told)
			w->spurious_told--;
		else if (w->spurious < tr->retrans)
			w->spurious++;
		forget_again(w, seg->sack[0].right);
	}
	for (unsigned i = first; i < seg->sack_count && i < PACKET_MAX_SACK; i++)
		selectively_acked(f, !side, seg->sack[i].left, seg->sack[i].right);
}

void facts_control(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, uint32_t acked_before)
{
	struct track *tr = &f->track[side];
	if (seg->flags & TCP_SYN)
		know_sizes(c, f);
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

/* ---- the beginning ---- */

void facts_begin(const struct conn *c, struct full *f)
{
	const struct half *client = &c->half[0], *proxy = &c->half[1];
	f->large_from = UINT32_MAX;
	for (int side = 0; side < 2; side++) {
		f->track[side].retrans = c->half[side].retrans;
		f->track[side].round = NO_TIME;
	}
	know_sizes(c, f);
	if (!(client->flags & proxy->flags & HALF_SYN))
		return;
	if (client->syns == 1)
		sample_round(f, 0, span(proxy->syn.at, client->syn.at));
	if (proxy->syns == 1 && c->established_at != NO_TIME)
		sample_round(f, 1, span(c->established_at, proxy->syn.at));
}
