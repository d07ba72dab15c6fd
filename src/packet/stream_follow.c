/* A segment of a connection: what it says is noted, and, where the connection is watched, followed.
 */
#include "packet/stream_private.h"

static struct range range_of(const struct conn *c, int side, const struct segment *seg)
{
	uint32_t len = seg->payload_len;
	if (seg->has & SEGMENT_NO_LENGTH ||
	    ((seg->has & SEGMENT_TEXT) && seg->payload.len > len && seg->payload.len < SEQ_REACH))
		len = (uint32_t)seg->payload.len;
	if (len >= SEQ_REACH)
		len = 0;
	uint32_t start = seg->seq + !!(seg->flags & TCP_SYN);
	if (seg->has & SEGMENT_NO_SEQ)
		start = c->half[side].next;
	return (struct range){ start, start + len, slice_first(seg->payload, len) };
}

/* First bytes: is it to be watched? The `full` if so, or if they came out of order so that one
 * can't ask yet. */
static struct full *consider(struct stream_table *t, struct conn *c, int side,
			     const struct range *r)
{
	enum { MAX_UNDECIDED = 1024 };
	struct half *h = &c->half[side];
	int32_t jump = ahead(r->start, h->next);
	if (jump > 0 && jump < SEQ_REACH && t->undecided < MAX_UNDECIDED) {
		struct full *f = note_promote(t, c);
		t->undecided += f != NULL;
		return f;
	}
	if (jump > 0)
		h->early_len = 0; /* a hole, and no room to wait for what belongs there */
	if (ahead(r->end, h->next) <= 0)
		return NULL;
	uint32_t old = jump < 0 ? (uint32_t)-jump : 0;
	uint8_t before = h->early_len;
	if (jump > 0 || note_ask(t, c, side, slice_from(r->bytes, old), r->end - r->start - old) !=
				STREAM_WATCH)
		return NULL;
	struct full *f = note_promote(t, c);
	if (!f)
		return NULL;
	f->watched = true;
	note_tell_early(t, c, !side, c->half[!side].early_len);
	note_tell_early(t, c, side, before);
	return f;
}

static void tell_segment(struct stream_table *t, struct full *f, int side,
			 const struct segment *seg)
{
	if (f->watched && t->on.segment)
		t->on.segment(t->on.context, &f->w, side, seg);
}

/* What the acknowledgement says of the other side's bytes. */
static void follow_ack(struct stream_table *t, struct conn *c, struct full *f, int side,
		       uint32_t before, const struct segment *seg)
{
	struct half *peer = &c->half[!side];
	if (!(peer->flags & HALF_ACKED) || peer->acked == before)
		return;
	facts_acked(t, c, f, !side, peer->acked, seg->at);
	if ((peer->flags & HALF_SEEN) && !(c->flags & CONN_TEXT))
		order_show(t, c, f, !side, peer->acked, seg);
}

static void settle(struct stream_table *t, struct conn *c, struct full *f, nanos now)
{
	bool busy = !f->watched;
	for (int side = 0; side < 2; side++) {
		if (has_hole(&f->track[side]))
			order_settle(t, c, f, side, now, false);
		const struct woes *w = woes_of(&f->track[side]);
		busy |= w->first || w->zero_window_since != NO_TIME;
	}
	f->busy = busy;
	if ((c->flags & CONN_DECIDED) && !f->watched)
		note_demote(t, c);
}

static bool is_probe(struct stream_table *t, struct conn *c, struct full *f, int side,
		     const struct segment *seg, const struct range *r)
{
	const struct half *h = &c->half[side];
	uint32_t len = r->end - r->start;
	if (len > 1 || (seg->flags & (TCP_SYN | TCP_FIN | TCP_RST)) || !(seg->flags & TCP_ACK) ||
	    (c->flags & CONN_TEXT) || has_hole(&f->track[side]))
		return false;
	struct track *tr = &f->track[side];
	bool zero = woes_of(tr)->zero_window_since != NO_TIME;
	bool old = r->start == h->next - 1;
	bool acked = !(h->flags & HALF_ACKED) || ahead(h->acked, h->next) >= 0;
	if (zero && (old || r->start == h->acked - 1)) {
		tr->woes->zero_window_probes++;
		return true;
	}
	if (zero && len == 1 && r->start == h->next) {
		tr->woes->zero_window_probes++;
		tr->woes->probe_byte = true;
		return false; /* its byte is as good as any */
	}
	if (old && acked)
		facts_woes(t, tr)->keepalives++;
	return old && acked;
}

static void follow_slow(struct stream_table *t, struct conn *c, struct full *f, int side,
			const struct segment *seg, const struct range *r, uint32_t acked_before,
			unsigned news)
{
	facts_control(t, c, f, side, seg, acked_before);
	follow_ack(t, c, f, side, acked_before, seg);
	bool probe = is_probe(t, c, f, side, seg, r);
	bool data = r->end != r->start && !probe;
	if (news || data)
		tell_segment(t, f, side, seg);
	if (data)
		order_segment(t, c, f, side, seg, r);
	else if (!probe && !(seg->flags & (TCP_RST | TCP_SYN)) && !(c->flags & CONN_TEXT))
		order_show(t, c, f, side, r->start, seg);
	settle(t, c, f, seg->at);
}

/* Nothing to see here: the next bytes, or a plain acknowledgement. */
static bool is_plain(const struct full *f, const struct half *h, const struct segment *seg,
		     const struct range *r)
{
	return !f->busy && (seg->flags & ~TCP_PSH) == TCP_ACK && r->start == h->next &&
	       seg->sack_count == 0 && !(seg->has & SEGMENT_TEXT) && seg->window != 0 &&
	       !(h->flags & HALF_FIN);
}

static void follow(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side], *peer = &c->half[!side];
	bool plain = is_plain(f, h, seg, r);
	uint32_t acked_before = peer->acked;
	unsigned news = 0;
	if (!plain || !note_plain(c, side, seg, r))
		news = note_segment(t, c, side, seg, r);
	if (!plain || ahead(peer->acked, peer->next) > 0) {
		follow_slow(t, c, f, side, seg, r, acked_before, news);
		return;
	}
	f->track[side].window = seg->window;
	facts_window(c, f, side, seg);
	if (peer->acked != acked_before)
		facts_acked(t, c, f, !side, peer->acked, seg->at);
	if (r->end != r->start) {
		tell_segment(t, f, side, seg);
		order_segment(t, c, f, side, seg, r);
	}
}

void follow_segment(struct stream_table *t, struct conn *c, int side, const struct segment *seg)
{
	struct range r = range_of(c, side, seg);
	struct full *f = full_of(t, c);
	if (f) {
		follow(t, c, f, side, seg, &r);
		return;
	}
	bool data = r.end != r.start;
	unsigned news = note_segment(t, c, side, seg, &r);
	if (data && !(c->flags & CONN_DECIDED))
		f = consider(t, c, side, &r);
	if (!f) {
		note_advance(&c->half[side], &r);
		return;
	}
	follow_slow(t, c, f, side, seg, &r, c->half[!side].acked, news);
}
