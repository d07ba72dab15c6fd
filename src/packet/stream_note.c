/* What is known of every connection: handshake, state, counters, and the first bytes by which
 * its owner decides whether to watch it. */
#include "packet/stream_private.h"

#include <stddef.h>
#include <string.h>

static void count_up(uint16_t *counter)
{
	if (*counter < UINT16_MAX)
		++*counter;
}

static void count_retrans(const struct stream_table *t, struct conn *c, int side)
{
	struct full *f = full_of(t, c);
	if (f)
		f->track[side].retrans++;
	else
		count_up(&c->half[side].retrans);
}

struct talk *note_talk(struct stream_table *t, struct conn *c)
{
	struct talk *k = talk_of(t, c);
	if (k || !(c->talk = slab_take(&t->talks)))
		return k;
	k = talk_of(t, c);
	*k = (struct talk){ 0 };
	return k;
}

/* Where the first of these was; without memory it is not known. */
static void note_pin(struct stream_table *t, struct conn *c, int side, unsigned flag,
		     const struct segment *seg)
{
	struct talk *k = note_talk(t, c);
	if (!k)
		return;
	struct pin *pins = flag == HALF_DATA ? k->data : flag == HALF_FIN ? k->fin : k->rst;
	pins[side] = pin_of(seg);
}

static unsigned note_syn(struct stream_table *t, struct conn *c, int side,
			 const struct segment *seg)
{
	struct half *h = &c->half[side];
	count_up(&h->syns);
	if (c->state == CONN_CLOSED && !(c->flags & CONN_ESTABLISHED)) {
		c->flags &= (uint8_t)~CONN_RST; /* it goes on: that RST was somebody else's */
		conn_go(t, c, CONN_NEW);
	}
	if (h->flags & HALF_SYN) {
		if (seg->seq == h->isn) {
			count_retrans(t, c, side);
		} else {
			c->alt_isn = seg->seq;
			c->flags = (uint8_t)((c->flags & ~CONN_ALT_SIDE) | CONN_ALT |
					     (side ? CONN_ALT_SIDE : 0));
		}
		return 0;
	}
	h->flags |= HALF_SYN;
	h->flags |= seg->has & SEGMENT_WSCALE ? HALF_WSCALE : 0;
	h->flags |= seg->has & SEGMENT_SACK_OK ? HALF_SACK : 0;
	h->isn = seg->seq;
	h->syn = pin_of(seg);
	h->mss = seg->has & SEGMENT_MSS ? seg->mss : 0;
	h->wscale = seg->wscale > 14 ? 14 : seg->wscale;
	if (!(h->flags & HALF_DATA))
		h->next = seg->seq + 1;
	c->flags &= (uint8_t)~CONN_LATE;
	return NEWS_SYN;
}

static unsigned note_fin(struct stream_table *t, struct conn *c, int side,
			 const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side];
	count_up(&h->fins);
	bool closed = (c->half[!side].flags & HALF_FIN) != 0;
	if (!(c->flags & CONN_RST))
		conn_go(t, c, closed ? CONN_CLOSED : CONN_HALF);
	if (h->flags & HALF_FIN) {
		if (r->end == h->fin_seq && r->start == r->end)
			count_retrans(t, c, side);
		return 0;
	}
	h->flags |= HALF_FIN;
	h->fin_seq = r->end;
	note_pin(t, c, side, HALF_FIN, seg);
	return NEWS_FIN;
}

/* Could this RST have ended the connection? One from outside its window is counted, no more. */
static bool rst_counts(const struct conn *c, int side, const struct segment *seg)
{
	enum { REACH = 1 << 20 };
	const struct half *h = &c->half[side];
	if (c->state == CONN_NEW || (seg->has & SEGMENT_TEXT) || !(h->flags & HALF_SEEN))
		return true;
	int32_t off = ahead(seg->seq, h->next);
	return off >= -REACH && off <= REACH;
}

static unsigned note_rst(struct stream_table *t, struct conn *c, int side,
			 const struct segment *seg)
{
	struct half *h = &c->half[side];
	count_up(&h->rsts);
	if (c->state != CONN_CLOSED && rst_counts(c, side, seg)) {
		c->flags |= CONN_RST;
		c->rst_side = (uint8_t)side;
		conn_go(t, c, CONN_CLOSED);
	}
	if (h->flags & HALF_RST)
		return 0;
	h->flags |= HALF_RST;
	note_pin(t, c, side, HALF_RST, seg);
	h->rst_ttl = seg->ttl;
	return NEWS_RST;
}

/* The client's word decides which of two SYN-ACKs holds. */
static void take_other_isn(struct conn *c, int side, uint32_t ack)
{
	struct half *h = &c->half[side];
	bool about = (c->flags & CONN_ALT) && !!(c->flags & CONN_ALT_SIDE) == side;
	if (!about || ack != c->alt_isn + 1 || ack == h->isn + 1 || (h->flags & HALF_DATA))
		return;
	h->isn = c->alt_isn;
	h->next = ack;
	c->flags &= (uint8_t)~CONN_ALT;
}

static void note_ack(struct stream_table *t, struct conn *c, int side, const struct segment *seg)
{
	struct half *h = &c->half[side], *peer = &c->half[!side];
	if ((seg->flags & TCP_RST) || (seg->has & SEGMENT_NO_SEQ))
		return;
	if (c->flags & CONN_ALT)
		take_other_isn(c, !side, seg->ack);
	if (!(c->flags & CONN_ESTABLISHED) && !(seg->flags & TCP_SYN) &&
	    (h->flags & peer->flags & HALF_SYN) && c->state <= CONN_OPEN &&
	    (seg->ack == peer->isn + 1 || (seg->has & SEGMENT_TEXT))) {
		c->flags |= CONN_ESTABLISHED;
		c->established_at = seg->at;
		conn_go(t, c, CONN_OPEN);
	}
	int32_t beyond = ahead(seg->ack, peer->next);
	if ((peer->flags & HALF_SEEN) && (beyond > SEQ_REACH || beyond < -SEQ_REACH))
		return;
	if ((seg->has & SEGMENT_TEXT) && beyond > 0)
		return; /* numbers of text may not go together */
	if (!(peer->flags & HALF_ACKED) || ahead(seg->ack, peer->acked) > 0)
		peer->acked = seg->ack;
	peer->flags |= HALF_ACKED;
}

/* The first data of a side tells better than what was taken for its beginning. */
static void note_first_data(struct stream_table *t, struct conn *c, int side,
			    const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side];
	int32_t off = ahead(r->start, h->next);
	bool rebase =
		(seg->has & SEGMENT_TEXT) || (!(h->flags & HALF_SYN) && (off == 1 || off < 0));
	if (rebase)
		h->next = r->start;
	if ((seg->has & SEGMENT_TEXT) && ahead(h->acked, r->start) != 0)
		h->acked = r->start;
	h->flags |= HALF_DATA;
	note_pin(t, c, side, HALF_DATA, seg);
}

static void note_data(struct stream_table *t, struct conn *c, int side, const struct segment *seg,
		      const struct range *r)
{
	if (!(c->half[side].flags & HALF_DATA))
		note_first_data(t, c, side, seg, r);
	if (c->state == CONN_NEW && !(seg->flags & TCP_SYN)) {
		c->flags |= CONN_ESTABLISHED;
		conn_go(t, c, CONN_OPEN);
	}
	bool goes_on = (c->flags & CONN_RST) && c->state == CONN_CLOSED && c->rst_side == side &&
		       !(seg->flags & TCP_RST) && r->start == c->half[side].next;
	if (goes_on) { /* somebody else must have sent that RST */
		c->flags &= (uint8_t)~CONN_RST;
		uint8_t fins = (c->half[0].flags | c->half[1].flags) & HALF_FIN;
		conn_go(t, c, fins ? CONN_HALF : CONN_OPEN);
	}
}

static void note_first(struct conn *c, int side, const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side];
	h->flags |= HALF_SEEN;
	h->next = r->start;
	h->ttl = seg->ttl;
	int32_t off = ahead(h->acked, h->next);
	if ((h->flags & HALF_ACKED) && (off > SEQ_REACH || off < -SEQ_REACH))
		h->flags &= (uint8_t)~HALF_ACKED;
}

unsigned note_segment(struct stream_table *t, struct conn *c, int side, const struct segment *seg,
		      const struct range *r)
{
	struct half *h = &c->half[side];
	unsigned news = 0;
	h->packets++;
	c->last = pin_of(seg);
	if (!(h->flags & HALF_SEEN) && !((seg->flags & TCP_RST) && r->start == r->end))
		note_first(c, side, seg, r);
	if (seg->has & (SEGMENT_TEXT | SEGMENT_TIMESTAMP))
		c->flags |=
			(seg->has & SEGMENT_TEXT ? CONN_TEXT : 0) |
			(seg->has & SEGMENT_TIMESTAMP && !(seg->flags & TCP_SYN) ? CONN_TIMES : 0);
	if (seg->flags & TCP_SYN && !(seg->flags & TCP_RST))
		news |= note_syn(t, c, side, seg);
	if (seg->flags & TCP_ACK)
		note_ack(t, c, side, seg);
	if (r->start != r->end)
		note_data(t, c, side, seg, r);
	if (seg->flags & TCP_FIN)
		news |= note_fin(t, c, side, seg, r);
	if (seg->flags & TCP_RST)
		news |= note_rst(t, c, side, seg);
	return news;
}

bool note_plain(struct conn *c, int side, const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side], *peer = &c->half[!side];
	unsigned want = HALF_SEEN | (r->start != r->end ? HALF_DATA : 0);
	int32_t beyond = ahead(seg->ack, peer->next);
	bool settled = (c->flags & (CONN_ESTABLISHED | CONN_ALT | CONN_RST)) == CONN_ESTABLISHED &&
		       c->state != CONN_NEW;
	bool near = (peer->flags & HALF_SEEN) && beyond <= SEQ_REACH && beyond >= -SEQ_REACH;
	if (!settled || !near || (h->flags & want) != want)
		return false;
	h->packets++;
	c->last = pin_of(seg);
	c->flags |= seg->has & SEGMENT_TIMESTAMP ? CONN_TIMES : 0;
	if (!(peer->flags & HALF_ACKED) || ahead(seg->ack, peer->acked) > 0)
		peer->acked = seg->ack;
	peer->flags |= HALF_ACKED;
	return true;
}

void note_advance(struct half *h, const struct range *r)
{
	int32_t more = ahead(r->end, h->next), len = ahead(r->end, r->start);
	if (len == 0 || more <= 0 || more > SEQ_REACH)
		return;
	h->bytes += (uint64_t)(more < len ? more : len);
	h->next = r->end;
}

/* ---- the public record ---- */

static struct stream_mark mark_if(const struct half *h, unsigned flag, struct pin p)
{
	return h->flags & flag ? pin_mark(p) : (struct stream_mark){ 0 };
}

static void view_side(const struct stream_table *t, const struct conn *c, struct stream *s,
		      int side)
{
	static const struct talk none;
	const struct talk *k = c->talk ? talk_of(t, c) : &none;
	const struct half *h = &c->half[side];
	struct stream_side *sent = &s->sent[side];
	sent->packets = h->packets;
	sent->bytes = h->bytes;
	sent->syn = mark_if(h, HALF_SYN, h->syn);
	sent->fin = mark_if(h, HALF_FIN, k->fin[side]);
	sent->rst = mark_if(h, HALF_RST, k->rst[side]);
	sent->first_data = mark_if(h, HALF_DATA, k->data[side]);
	sent->retrans = h->retrans;
	sent->syns = h->syns;
	sent->rsts = h->rsts;
	sent->fins = h->fins;
	sent->mss = h->mss;
	s->ttl[side] = h->ttl;
	s->rst_ttl[side] = h->rst_ttl;
	s->early_len[side] = h->early_len;
	memcpy(s->early[side], k->early[side], sizeof k->early[side]);
}

void note_view(const struct stream_table *t, const struct conn *c, struct stream *ret_view)
{
	struct stream *s = ret_view;
	s->side[0] = c->side[0];
	s->side[1] = c->side[1];
	s->first = pin_mark(c->first);
	s->last = pin_mark(c->last);
	s->began_late = (c->flags & CONN_LATE) != 0;
	s->both_ways = c->half[0].packets && c->half[1].packets;
	s->isn_known = c->half[0].flags & c->half[1].flags & HALF_SYN;
	s->isn[0] = c->half[0].isn;
	s->isn[1] = c->half[1].isn;
	s->rtt = NO_TIME;
	view_side(t, c, s, 0);
	view_side(t, c, s, 1);
	const struct icmp_seen *seen = icmp_of(t, c);
	s->icmp_count = seen ? seen->count : 0;
	if (seen)
		s->icmp = seen->first;
}

/* ---- asking, and growing ---- */

struct full *note_promote(struct stream_table *t, struct conn *c)
{
	uint32_t number = slab_take(&t->fulls);
	if (!number) {
		c->flags |= CONN_DECIDED;
		return NULL;
	}
	struct full *f = slab_at(&t->fulls, number);
	memset(f, 0, offsetof(struct full, flight));
	c->full = number;
	f->conn = c->number;
	facts_begin(c, f);
	return f;
}

void note_demote(struct stream_table *t, struct conn *c)
{
	struct full *f = full_of(t, c);
	order_drop(t, f);
	if (!f->watched)
		t->undecided--;
	slab_give(&t->fulls, c->full);
	c->full = 0;
}

/* Asks with these bytes and those before; `len` is how many there were on the wire. */
enum stream_wish note_ask(struct stream_table *t, struct conn *c, int side, struct slice bytes,
			  uint32_t len)
{
	enum { MAX_ASKED = 32 };
	struct half *h = &c->half[side];
	struct talk *k = note_talk(t, c);
	if (!k) {
		c->flags |= CONN_DECIDED;
		return STREAM_NOTE;
	}
	uint8_t *early = k->early[side];
	size_t room = sizeof k->early[side] - h->early_len;
	bool fits = bytes.len <= room && bytes.len == len;
	if (bytes.len == 0) {
		h->early_len = 0;
		return STREAM_ASK_AGAIN;
	}
	memcpy(early + h->early_len, bytes.at, bytes.len < room ? bytes.len : room);
	h->early_len += (uint8_t)(bytes.len < room ? bytes.len : room);
	note_view(t, c, &t->view);
	t->viewed = c->number;
	enum stream_wish wish =
		t->on.wish(t->on.context, &t->view, side, (struct slice){ early, h->early_len });
	if (wish == STREAM_ASK_AGAIN && !fits) {
		/* The rest of these bytes is not kept. In mid-connection the next ones may tell. */
		if (!(c->flags & CONN_LATE) || ++c->asked >= MAX_ASKED)
			wish = STREAM_NOTE;
		else
			h->early_len = 0;
	}
	if (wish != STREAM_ASK_AGAIN)
		c->flags |= CONN_DECIDED;
	return wish;
}

/* The first bytes in answer to some by which it was decided. */
void note_answer(struct stream_table *t, struct conn *c, int side, struct slice bytes)
{
	struct half *h = &c->half[side];
	struct talk *k = note_talk(t, c);
	if (!k || h->early_len)
		return;
	struct slice start = slice_first(bytes, sizeof k->early[side]);
	if (start.len)
		memcpy(k->early[side], start.at, start.len);
	h->early_len = (uint8_t)start.len;
}

/* What came before it was watched. */
void note_tell_early(struct stream_table *t, struct conn *c, int side, uint8_t len)
{
	struct full *f = full_of(t, c);
	const struct half *h = &c->half[side];
	const struct talk *k = talk_of(t, c);
	if (!k)
		return; /* nothing of this side */
	const struct woes *w = woes_of(&f->track[side]);
	struct stream_mark mark = mark_if(h, HALF_DATA, k->data[side]);
	if (!(h->flags & HALF_DATA)) /* all of it is missing */
		mark = pin_mark(w->missing_shown);
	enum stream_gap why = w->missing ? STREAM_GAP_CAPTURE : STREAM_GAP_SNAP;
	if (h->bytes > len && !(c->flags & CONN_LATE) && !f->ignored)
		t->on.gap(t->on.context, &f->w, side, h->bytes - len, why, &mark);
	if (len && !f->ignored)
		t->on.data(t->on.context, &f->w, side, (struct slice){ k->early[side], len },
			   &mark);
}
