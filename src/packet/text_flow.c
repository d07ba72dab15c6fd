/* Sequence numbers of text. tcpdump prints them as they are in a connection's first line and in
 * each SYN, relative to those from then on; Wireshark relative always, unless told not to; people
 * leave them out, or make them up. Here each side's numbers get one base. */
#include "packet/text_flow.h"

enum { DEFAULT_WINDOW = 65535, TELLING = 1 << 20, MOST_LOST = 1 << 24 };

static uint32_t distance(uint32_t a, uint32_t b)
{
	uint32_t d = a - b;
	return d > UINT32_MAX / 2 ? 0 - d : d;
}

/* Is the number nearer to the base, or to zero? Where the base is small it makes no odds. */
static uint32_t on_wire(struct flow_side *side, uint32_t printed)
{
	if (!side->judged) {
		side->relative = distance(printed, 0) < distance(printed, side->base);
		side->judged = distance(side->base, 0) > TELLING;
	}
	return side->relative ? side->base + printed : printed;
}

/* The first line of a connection, or a SYN: printed as they are, and the base for what follows. */
static void take_bases(struct flow *f, int side, const struct text_packet *p)
{
	struct flow_side *me = &f->side[side], *peer = &f->side[!side];
	me->base = p->seq_known ? p->seq : 0;
	me->judged = false;
	me->next_known = p->seq_known;
	me->next = p->seq;
	if (!f->begun && p->ack_known) {
		peer->base = p->ack - 1;
		peer->next = p->ack;
		peer->next_known = true;
	}
}

static void set_numbers(struct flow *f, int side, const struct text_packet *p, struct segment *s)
{
	struct flow_side *me = &f->side[side], *peer = &f->side[!side];
	bool raw = !f->begun || p->flags & TCP_SYN;
	bool occupies = p->length > 0 || p->flags & (TCP_FIN | TCP_RST);
	if (raw)
		take_bases(f, side, p);
	bool known = p->seq_known || (me->next_known && (!occupies || p->kind == TEXT_DATA));
	if (f->unnumbered || !known)
		s->has |= SEGMENT_NO_SEQ;
	s->seq = me->next;
	s->ack = s->flags & TCP_ACK ? peer->next : 0;
	if (f->unnumbered && !raw)
		return;
	if (p->seq_known)
		s->seq = raw ? p->seq : on_wire(me, p->seq);
	if (p->ack_known)
		s->ack = raw ? p->ack : on_wire(peer, p->ack);
	for (int i = 0; i < s->sack_count; i++) {
		s->sack[i].left = raw ? p->sack[i].left : on_wire(peer, p->sack[i].left);
		s->sack[i].right = raw ? p->sack[i].right : on_wire(peer, p->sack[i].right);
	}
}

/* Wireshark prints windows scaled where it knows the scale; `segment` has them unscaled. */
static void set_window(struct flow *f, int side, const struct text_packet *p, struct segment *s)
{
	struct flow_side *me = &f->side[side];
	uint32_t window = p->window;
	if (p->has & SEGMENT_WSCALE) {
		me->wscale = p->wscale;
		me->wscale_known = true;
	}
	if (!p->window_known) {
		s->window = me->window ? me->window : DEFAULT_WINDOW;
		if (p->flags & TCP_RST)
			s->window = 0;
		return;
	}
	if (p->window_scaled && !(p->flags & TCP_SYN) && me->wscale_known &&
	    f->side[!side].wscale_known)
		window = (window + (1u << me->wscale) - 1) >> me->wscale;
	s->window = window > 65535 ? 65535 : (uint16_t)window;
	if (!(p->flags & TCP_RST))
		me->window = s->window;
}

static void set_options(const struct text_packet *p, struct segment *s)
{
	s->has |= p->has;
	s->mss = p->mss;
	s->wscale = p->wscale;
	s->tsval = p->tsval;
	s->tsecr = p->tsecr;
	s->ttl = p->ttl;
	s->ip_id = p->ip_id;
	s->dont_fragment = p->dont_fragment;
	s->sack_count = p->sack_count;
	for (int i = 0; i < p->sack_count; i++) {
		s->sack[i].left = p->sack[i].left;
		s->sack[i].right = p->sack[i].right;
	}
}

/* A row of Wireshark's without Len= still says how long the frame was; other rows of the
 * connection say how much of that are headers. */
static void set_length(struct flow *f, int side, const struct text_packet *p, struct segment *s)
{
	struct flow_side *me = &f->side[side];
	if (p->has & SEGMENT_TIMESTAMP)
		f->timestamps = true;
	if (p->length_known) {
		s->payload_len = p->length;
		/* to Ethernet's least, maybe without a VLAN tag; with timestamps none needs it */
		bool padded = p->length == 0 && !(p->has & SEGMENT_TIMESTAMP) &&
			      p->frame_length > 54 && p->frame_length <= 60;
		if (p->frame_length > p->length && !padded && !(p->flags & TCP_SYN) &&
		    p->sack_count == 0)
			me->overhead = p->frame_length - p->length;
		return;
	}
	uint32_t usual = 14 + (address_is_v4(&s->from) ? 20 : 40) + 20 + (f->timestamps ? 12 : 0);
	uint32_t overhead = me->overhead              ? me->overhead
			    : f->side[!side].overhead ? f->side[!side].overhead
						      : usual;
	if (p->frame_length > overhead)
		s->payload_len = p->frame_length - overhead;
	else
		s->has |= SEGMENT_NO_LENGTH;
}

/* Could a capture have this segment here? It has a time, a place, a length; and what it
 * acknowledges was there, or may have been: a line that was lost on the way into the text is to be
 * missed as a packet is that the capture lost. */
static bool is_captured(const struct flow *f, int side, const struct text_packet *p,
			const struct segment *s)
{
	bool begins = p->flags & TCP_SYN && (side == 0 || p->flags & TCP_ACK);
	if (p->at == NO_TIME || s->has & (SEGMENT_NO_SEQ | SEGMENT_NO_LENGTH) ||
	    (!begins && !f->anchored))
		return false;
	if (p->kind == TEXT_DATA)
		return slice_find(p->note, SLICE("[TCP ")) == p->note.len;
	if (!p->window_known && !p->details && !(p->flags & TCP_RST))
		return false;
	uint32_t ahead = s->ack - f->side[!side].next;
	bool possible = ahead < MOST_LOST || ahead > UINT32_MAX / 2;
	return !p->ack_known || (p->flags & TCP_SYN ? ahead == 0 : possible);
}

void flow_place(struct flow *f, int side, const struct text_packet *p, struct segment *s)
{
	struct flow_side *me = &f->side[side];
	s->flags = p->flags;
	s->has |= SEGMENT_TEXT;
	if (p->flags & TCP_SYN && !(p->flags & TCP_ACK) && f->closed)
		*f = (struct flow){ .end = { f->end[0], f->end[1] }, .loose = f->loose };
	set_options(p, s);
	set_length(f, side, p, s);
	set_numbers(f, side, p, s);
	set_window(f, side, p, s);
	f->loose |= !is_captured(f, side, p, s);
	uint32_t behind = s->seq + s->payload_len + (s->flags & TCP_SYN ? 1 : 0) +
			  (s->flags & TCP_FIN ? 1 : 0);
	if (!me->next_known || behind - me->next < UINT32_MAX / 2)
		me->next = behind;
	if (!(s->has & SEGMENT_NO_SEQ))
		me->next_known = true;
	if (s->has & SEGMENT_NO_SEQ && s->payload_len > 0)
		f->unnumbered = true;
	f->anchored |= (s->flags & TCP_SYN) != 0;
	if (s->flags & TCP_SYN && !(s->flags & TCP_ACK)) {
		if (!f->syn_seen)
			f->syn_at = s->at;
		f->syn_seen = true;
	}
	if (s->flags & (TCP_FIN | TCP_RST))
		f->closed = true;
	f->begun = true;
}
