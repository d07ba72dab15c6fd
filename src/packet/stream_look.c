/* The public record: what is known of a connection by now, and what is left over at its end. */
#include "packet/stream_private.h"

/* ---- by now ---- */

static void look_at_side(const struct track *tr, struct stream_side *s)
{
	const struct woes *w = woes_of(tr);
	*s = (struct stream_side){
		.last_data = pin_mark(tr->last_data),
		.largest = tr->largest,
		.repairs = w->repairs,
		.reordered = w->reordered,
		.spurious = w->spurious,
		.retrans_time = w->retrans_time,
		.largest_passed = tr->largest_passed,
		.hole_dup_acks = w->hole_dup_acks,
		.missing = w->missing,
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

const struct stream *look_now(struct stream_table *t, const struct conn *c)
{
	const struct full *f = full_of(t, c);
	const struct icmp_seen *seen = icmp_of(t, c);
	struct stream *s = &t->facts;
	for (int side = 0; side < 2; side++)
		look_at_side(&f->track[side], &s->sent[side]);
	note_view(t, c, s);
	for (int side = 0; side < 2; side++)
		s->sent[side].retrans = f->track[side].retrans;
	s->watched = f->watched;
	s->rtt = facts_rtt(f);
	s->large_after_icmp = seen ? seen->large_after : 0;
	s->adapted_after_icmp = seen && seen->adapted;
	return s;
}

const struct stream *look_glance(struct stream_table *t, const struct conn *c)
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

/* ---- at the end ---- */

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
		if (!heard && fl->smallest < smallest && span(oldest->last.at, fl->first.at) > 0)
			smallest = fl->smallest;
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

const struct stream *look_end(struct stream_table *t, struct conn *c, struct full *f)
{
	struct stream *s = &t->facts;
	c->flags |= CONN_DECIDED; /* nobody is asked at the end */
	for (int side = 0; side < 2; side++)
		order_settle(t, c, f, side, c->last.at, true);
	look_now(t, c);
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
