/* What is shown of a packet's content: in its own row, in that of a later one, in hex digits below
 * (tcpdump -x, -X, -XX). */
#include "packet/layers.h"
#include "packet/text_reading.h"

enum { MAX_PADDING = 4 << 20 };

/* Where the text does not say how long it is, it is as long as what is shown of it. */
void text_set_payload(struct reading *r, struct segment *s, struct slice bytes)
{
	if (!(s->has & SEGMENT_NO_LENGTH))
		bytes = slice_first(bytes, s->payload_len);
	struct slice kept = arena_copy(r->t->arena, bytes);
	if (kept.len < bytes.len)
		return; /* no room: it stays unseen */
	s->payload = kept;
	if (kept.len <= s->payload_len)
		return;
	struct flow *f = text_flow_find(r, &s->from, &s->to);
	if (f)
		f->side[text_side_of(f, &s->from)].next += (uint32_t)kept.len - s->payload_len;
	s->payload_len = (uint32_t)kept.len;
}

void text_set_message(struct reading *r, struct segment *s, size_t last, struct slice bytes)
{
	enum { FARTHEST = 64 };
	size_t first = (size_t)(s - r->t->segment);
	struct address from = s->from, to = s->to;
	uint32_t seq = s->seq;
	if (last <= first + 1 || s->has & (SEGMENT_NO_LENGTH | SEGMENT_NO_SEQ)) {
		text_set_payload(r, s, bytes);
		return;
	}
	for (size_t i = first; i < last && i < first + FARTHEST && bytes.len > 0; i++) {
		s = &r->t->segment[i];
		if (s->seq != seq || s->has & SEGMENT_NO_LENGTH ||
		    !address_equal(&s->from, &from) || !address_equal(&s->to, &to))
			continue;
		text_set_payload(r, s, bytes);
		bytes = slice_from(bytes, s->payload_len);
		seq += s->payload_len;
	}
}

static void set_http_line(struct reading *r, struct segment *s, struct slice line, uint32_t length)
{
	r->hex.len = 0;
	buffer_add(&r->hex, line);
	buffer_add(&r->hex, length == line.len + 4 ? SLICE("\r\n\r\n") : SLICE("\r\n"));
	text_set_payload(r, s, buffer_slice(&r->hex));
	r->hex.len = 0;
}

/* What the line says of the content. `length`: of the message, where s is its first segment. */
static void set_note(struct reading *r, struct segment *s, struct slice note, uint32_t length)
{
	uint8_t made[2048];
	if (text_http_start(slice_trim(note)) != TEXT_HTTP_NONE) {
		set_http_line(r, s, slice_trim(note), length);
		return;
	}
	bool dear = r->padding + sizeof made > MAX_PADDING;
	size_t len = text_make_tls(note, length, made, dear ? 320 : sizeof made);
	if (len == 0)
		return;
	if (len > 320)
		r->padding += len;
	text_set_payload(r, s, (struct slice){ made, len });
}

/* What a request or an answer tells about the connection. */
void text_note_message(struct flow *f, struct slice line)
{
	if (slice_starts(line, SLICE("HTTP/"))) {
		f->answers++;
		return;
	}
	f->requests++;
	f->asked_head = slice_starts(line, SLICE("HEAD "));
	f->asked_connect = slice_starts(line, SLICE("CONNECT "));
}

static void note_content(struct flow *f, struct slice note)
{
	if (text_http_start(note) != TEXT_HTTP_NONE)
		text_note_message(f, note);
	else if (slice_starts(note, SLICE("Client Hello")))
		f->hellos++;
	else if (slice_starts(note, SLICE("Server Hello")))
		f->hello_answers++;
}

/* Later data show that the body of the head before them is not what was left out. */
static void take_back_body(struct reading *r, struct flow_side *side)
{
	if (!side->head)
		return;
	r->t->segment[side->head - 1].payload_len -= side->unseen_body;
	side->next -= side->unseen_body;
	side->head = 0;
}

/* A FIN with data behind it, in a row that tells of the data alone, shows in what the other side
 * acknowledges: one more than there was. */
static void find_fin(struct reading *r, struct flow *f, int side, const struct text_packet *p,
		     const struct segment *s)
{
	struct flow_side *peer = &f->side[!side];
	if (!peer->guessed || !p->ack_known || f->unnumbered || s->ack != peer->next + 1)
		return;
	r->t->segment[peer->guessed - 1].flags |= TCP_FIN;
	peer->next++;
	f->closed = true;
}

struct segment *text_place(struct reading *r, struct flow *f, int side, const struct text_packet *p)
{
	struct segment s = { .line = r->line, .frame = p->frame, .at = text_packet_time(r, p) };
	s.from = f->end[side];
	s.to = f->end[!side];
	if (!p->length_known || p->length > 0)
		take_back_body(r, &f->side[side]);
	flow_place(f, side, p, &s);
	find_fin(r, f, side, p, &s);
	s.ip_len = s.payload_len + (address_is_v4(&s.from) ? 40 : 60) +
		   (s.has & SEGMENT_TIMESTAMP ? 12 : 0);
	r->current = (size_t)(f - r->flow) + 1;
	f->active = r->t->segments;
	struct segment *added = text_segment_add(r, &s);
	if (added && s.payload_len > 0)
		f->side[side].last_data = r->t->segments;
	if (added)
		f->side[side].guessed = p->kind == TEXT_DATA ? r->t->segments : 0;
	return added;
}

/* A message of several segments is described in the row of its last one, sometimes in that of its
 * first as well; its first bytes stand in its first. */
void text_describe(struct reading *r, struct flow *f, int side, const struct text_packet *p,
		   struct segment *s)
{
	struct flow_side *me = &f->side[side];
	if (s->payload_len > 0)
		f->side[!side].part = 0;
	if (!me->part) {
		me->part = (size_t)(s - r->t->segment) + 1;
		me->part_len = 0;
		me->part_told = false;
	}
	me->part_len += s->payload_len;
	r->message = me->part;
	if (p->note.len > 0 && !me->part_told) {
		set_note(r, &r->t->segment[me->part - 1], p->note, p->part ? 0 : me->part_len);
		note_content(f, p->note);
		me->part_told = true;
	}
	if (!p->part)
		me->part = 0;
}

/* ---- hex digits (tcpdump -x, -X, -XX) ---- */

void text_hex_finish(struct reading *r)
{
	struct part p = { buffer_slice(&r->hex), (uint32_t)r->hex.len };
	struct ip_packet ip;
	struct segment seen;
	r->hex_cut = false;
	if (r->hex.len == 0)
		return;
	if (r->hex_of) {
		struct segment *s = &r->t->segment[r->hex_of - 1];
		const struct flow *f = text_flow_find(r, &s->from, &s->to);
		bool is_ip = p.data.at[0] >> 4 == (address_is_v4(&s->from) ? 4 : 6);
		if ((is_ip || link_strip(1, &p)) && !ip_read(&p, false, &ip) &&
		    ip.protocol == IP_TCP && !tcp_read(&ip, &seen) &&
		    seen.from.port == s->from.port && seen.to.port == s->to.port) {
			if (seen.payload.len > 0)
				text_set_payload(r, s, seen.payload);
			if (f && !f->loose) /* tcpdump prints no number of an empty segment */
				s->seq = seen.seq;
			s->ttl = seen.ttl;
			s->ip_id = seen.ip_id;
			s->dont_fragment = seen.dont_fragment;
		}
		r->attach = r->hex_of = 0;
	}
	buffer_reset(&r->hex);
}

bool text_hex_line(struct reading *r, struct slice line)
{
	uint32_t offset;
	uint8_t bytes[16];
	size_t len;
	if (!text_read_hex(line, &offset, bytes, &len))
		return false;
	r->hex_cut |=
		offset != r->hex.len; /* a line is lost; or a packet's, and these are its bytes */
	if (!r->hex_cut)
		buffer_add(&r->hex, (struct slice){ bytes, len });
	return true;
}
