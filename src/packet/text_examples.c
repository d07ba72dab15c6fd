/* Which packets of a text make an example, and when each of them was. */
#include "packet/text_reading.h"

struct packet_example *text_example_now(const struct reading *r)
{
	return r->t->examples ? &r->t->example[r->t->examples - 1] : NULL;
}

/* tcpdump -ttt prints how long after the line before. Such times look like clock times with a
 * blank in front, and run backwards. */
static void settle_times(struct reading *r)
{
	struct packet_example *e = text_example_now(r);
	if (!e || !r->spans || !r->went_back)
		return;
	nanos sum = 0;
	for (size_t i = r->t->segments - e->count; i < r->t->segments; i++)
		r->t->segment[i].at = sum += r->t->segment[i].at;
}

/* A row lost from a list that counts from its first packet, and its details, which tell the date:
 * it was when the packet beside it was. */
static void settle_dates(struct reading *r)
{
	static const nanos epoch = 365 * 86400 * NANOS_PER_SECOND;
	struct packet_example *e = text_example_now(r);
	size_t first = e ? r->t->segments - e->count : 0, dates = 0;
	for (size_t i = first; i < r->t->segments; i++)
		dates += r->t->segment[i].at > epoch;
	if (!e || r->form != FORM_ROWS || dates == 0 || dates > e->count / 2)
		return;
	nanos at = 0;
	for (size_t i = first; i < r->t->segments; i++) {
		struct segment *s = &r->t->segment[i];
		at = s->at = s->at > epoch ? at : s->at;
	}
}

/* Connections whose lines are all there and agree are as good as captured. */
static void settle_numbers(struct reading *r)
{
	struct packet_example *e = text_example_now(r);
	for (size_t i = e ? r->t->segments - e->count : 0; i < r->t->segments; i++) {
		struct segment *s = &r->t->segment[i];
		const struct flow *f = text_flow_find(r, &s->from, &s->to);
		if (f && !f->loose)
			s->has &= (uint8_t)~SEGMENT_TEXT;
	}
}

void text_example_begin(struct reading *r, enum form form)
{
	struct packet_text *t = r->t;
	settle_times(r);
	settle_dates(r);
	settle_numbers(r);
	if (!text_grow(r, &t->example, &t->example_room, t->examples, sizeof *t->example))
		return;
	t->example[t->examples++] = (struct packet_example){ .first_line = r->line,
							     .last_line = r->line,
							     .heading = r->heading };
	r->form = form;
	r->rows = r->current = r->repeat = r->attach = 0;
	r->last_frame = 0;
	r->last_at = r->days = 0;
	r->spans = true;
	r->went_back = false;
}

/* A connection's first packet again, at a time that is past: the next example. A SYN that is
 * sent once more comes later, and one that the capture has twice comes at once. */
static bool starts_again(struct reading *r, const struct text_packet *p)
{
	if (p->kind != TEXT_TCP || !(p->flags & TCP_SYN) || p->flags & TCP_ACK)
		return false;
	if (r->heading_since)
		return true;
	struct address from = text_host(r, p->from, p->from_port);
	struct address to = text_host(r, p->to, p->to_port);
	const struct flow *f = text_flow_find(r, &from, &to);
	if (!f || !f->syn_seen)
		return false;
	bool went_on = f->side[0].last_data || f->side[1].last_data || f->closed;
	if (p->at == NO_TIME)
		return went_on;
	return p->at + r->days <= f->syn_at && (went_on || r->last_at > f->syn_at);
}

void text_example_choose(struct reading *r, const struct text_packet *p, enum form form)
{
	if (!text_example_now(r) || r->form != form ||
	    (starts_again(r, p) && !(form == FORM_ROWS && r->repeat)))
		text_example_begin(r, form);
	r->heading_since = false;
}

/* Without a date the clock passes midnight; without a time it is as late as the line before. */
nanos text_packet_time(struct reading *r, const struct text_packet *p)
{
	static const nanos day = 86400 * NANOS_PER_SECOND;
	if (p->at == NO_TIME)
		return r->last_at;
	r->spans &= p->indented && p->clock_only;
	if (p->clock_only && !p->indented && p->at + r->days < r->last_at - day / 2)
		r->days += day;
	nanos at = p->at + (p->clock_only ? r->days : 0);
	if (at < r->last_at)
		r->went_back = true;
	r->last_at = at;
	return at;
}

struct segment *text_segment_add(struct reading *r, const struct segment *s)
{
	struct packet_text *t = r->t;
	struct packet_example *e = text_example_now(r);
	if (!e || !text_grow(r, &t->segment, &t->segment_room, t->segments, sizeof *t->segment))
		return NULL;
	t->segment[t->segments++] = *s;
	e->count++;
	e->last_line = r->line;
	return &t->segment[t->segments - 1];
}

void text_examples_finish(struct reading *r)
{
	struct packet_text *t = r->t;
	size_t segment = 0, note = 0, kept = 0;
	settle_times(r);
	settle_dates(r);
	settle_numbers(r);
	for (size_t i = 0; i < t->examples; i++) {
		struct packet_example e = t->example[i];
		e.segment = t->segment ? t->segment + segment : NULL;
		e.note = t->note ? t->note + note : NULL;
		segment += e.count;
		note += e.notes;
		if (e.count > 0 || e.notes > 0)
			t->example[kept++] = e;
	}
	t->examples = kept;
}
