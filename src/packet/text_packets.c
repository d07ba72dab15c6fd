/* Packets into segments and notes, whoever printed them; and tcpdump's lines, of which -v prints
 * two a packet. */
#include "packet/text_reading.h"

/* Acknowledged here, yet given to another connection of the same hosts: a row without ports was
 * put in the wrong place, and is put right. */
static void reclaim(struct reading *r, struct flow *f, int side, const struct text_packet *p)
{
	struct flow_side *peer = &f->side[!side];
	uint32_t more = p->ack - peer->next;
	if (!p->ack_known || !p->window_scaled || f->unnumbered || !peer->next_known || more == 0 ||
	    p->flags & TCP_SYN)
		return;
	struct flow *g = text_flow_latest(r, &f->end[0], &f->end[1]);
	for (int i = 0; g && i < TEXT_MAX_CANDIDATES; i++) {
		struct flow_side *other = &g->side[!side];
		struct segment *s = other->guessed ? &r->t->segment[other->guessed - 1] : NULL;
		if (g != f && s && s->payload_len == more && other->last_data == other->guessed &&
		    address_same_host(&s->from, &f->end[!side])) {
			f->loose = g->loose = true;
			s->from = f->end[!side];
			s->to = f->end[side];
			s->seq = peer->next;
			s->ack = f->side[side].next;
			s->window = peer->window;
			peer->next += more;
			peer->guessed = peer->last_data = other->guessed;
			other->next -= more;
			other->guessed = other->last_data = 0;
			return;
		}
		g = g->older ? &r->flow[g->older - 1] : NULL;
	}
}

static void add_tcp(struct reading *r, const struct text_packet *p)
{
	struct address from = text_host(r, p->from, p->from_port);
	struct address to = text_host(r, p->to, p->to_port);
	struct flow *f = text_flow_find(r, &from, &to);
	if (!f && !(p->flags & TCP_SYN))
		f = text_flow_adopt(r, &from, &to);
	if (!f)
		f = text_flow_begin(r, &from, &to, p->flags);
	if (!f)
		return;
	int side = text_side_of(f, &from);
	reclaim(r, f, side, p);
	struct segment *s = text_place(r, f, side, p);
	if (!s)
		return;
	bool content = s->payload_len > 0 || (s->has & SEGMENT_NO_LENGTH && s->flags & TCP_PSH);
	if (content)
		text_describe(r, f, side, p, s);
	bool open = content && (s->payload.len == 0 || slice_starts(p->note, SLICE("HTTP")) ||
				text_http_start(p->note) != TEXT_HTTP_NONE);
	r->attach = open ? r->t->segments : 0;
	r->hex_of = r->t->segments;
	r->attach_near = true;
}

/* A row that tells of the content only. */
static void add_data(struct reading *r, const struct text_packet *p)
{
	struct address from = text_host(r, p->from, 0), to = text_host(r, p->to, 0);
	struct flow *f = text_flow_fitting(r, &from, &to, p->note);
	if (!f)
		f = text_flow_guess(r, p->note, &from, &to);
	if (!f)
		return;
	int side = text_side_of_row(f, &from, p->note);
	struct segment *s = text_place(r, f, side, p);
	if (s)
		text_describe(r, f, side, p, s);
}

static void add_icmp(struct reading *r, const struct text_packet *p)
{
	struct packet_text *t = r->t;
	struct icmp_note n = { .at = text_packet_time(r, p),
			       .frame = p->frame,
			       .kind = p->icmp,
			       .code = p->icmp_code,
			       .mtu = p->mtu };
	n.router = text_host(r, p->from, 0);
	n.from = text_host(r, p->to, 0);
	struct flow *f = NULL;
	if (p->about.len > 0) {
		n.to = text_host(r, p->about, 0);
		f = text_flow_fitting(r, &n.from, &n.to, (struct slice){ 0 });
	} else if (r->current) {
		f = &r->flow[r->current - 1];
		if (!address_same_host(&f->end[0], &n.from) &&
		    !address_same_host(&f->end[1], &n.from))
			f = NULL;
	}
	n.v6 = !address_is_v4(&n.from);
	if (f) {
		int side = text_side_of(f, &n.from);
		n.from = f->end[side];
		n.to = f->end[!side];
		size_t last = f->side[side].last_data;
		n.seq = last ? t->segment[last - 1].seq : f->side[side].base;
		n.ip_len = last ? t->segment[last - 1].ip_len : 0;
	}
	if (!text_grow(r, &t->note, &t->note_room, t->notes, sizeof *t->note))
		return;
	t->note[t->notes++] = n;
	text_example_now(r)->notes++;
	text_example_now(r)->last_line = r->line;
}

/* tcpdump -v prints what ICMP quotes as it prints packets, on lines that begin with a tab. */
static void add_quote(struct reading *r, const struct text_packet *p)
{
	struct packet_example *e = text_example_now(r);
	if (!e || e->notes == 0 || p->kind != TEXT_TCP)
		return;
	struct icmp_note *n = &r->t->note[r->t->notes - 1];
	n->from = text_host(r, p->from, p->from_port);
	n->to = text_host(r, p->to, p->to_port);
	n->ip_len = p->length + 40 + (p->has & SEGMENT_TIMESTAMP ? 12 : 0);
	if (p->seq_known)
		n->seq = p->seq;
}

void text_add_packet(struct reading *r, const struct text_packet *p)
{
	r->attach = r->hex_of = r->message = 0;
	r->last_was_icmp = p->kind == TEXT_ICMP;
	switch (p->kind) {
	case TEXT_TCP:
		add_tcp(r, p);
		break;
	case TEXT_DATA:
		add_data(r, p);
		break;
	case TEXT_ICMP:
		add_icmp(r, p);
		break;
	case TEXT_OTHER:
		break;
	}
}

bool text_tcpdump_line(struct reading *r, struct slice line)
{
	struct text_packet p;
	if (text_read_tcpdump_first(line, &p)) {
		text_head_finish(r, false);
		text_hex_finish(r);
		r->quoted = r->last_was_icmp && line.at[0] == '\t';
		r->first = p;
		r->first_waits = true;
		return true;
	}
	if (!text_read_tcpdump(line, &p))
		return false;
	text_head_finish(r, false);
	text_hex_finish(r);
	if (r->first_waits && p.at == NO_TIME) {
		p.at = r->first.at;
		p.clock_only = r->first.clock_only;
		p.indented = r->first.indented;
		p.frame = r->first.frame;
		p.ttl = r->first.ttl;
		p.ip_id = r->first.ip_id;
		p.dont_fragment = r->first.dont_fragment;
	}
	r->first_waits = false;
	if (r->quoted) {
		r->quoted = false;
		add_quote(r, &p);
		return true;
	}
	if (p.kind != TEXT_OTHER)
		text_example_choose(r, &p, FORM_TCPDUMP);
	if (text_example_now(r))
		text_add_packet(r, &p);
	return true;
}
