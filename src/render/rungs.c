/* Which rungs a ladder has: which events are an arrow, which arrive, which share a packet, where
 * there is silence, and at which of them it went wrong. */
#include "render/rungs.h"

#include <string.h>

struct making {
	struct rungs *to;
	const struct exchange *x;
	const struct diagnosis *d;
};

static bool has_place(const struct mark *m)
{
	return m->frame || m->line;
}

/* Of one capture. */
static bool same_packet(const struct mark *a, const struct mark *b)
{
	if (has_place(a) || has_place(b))
		return a->frame == b->frame && a->line == b->line;
	return mark_is(a) && a->at == b->at;
}

/* Was this transmission (as far as one can tell) never received? */
static bool never_arrived(const struct exchange *x, const struct event *e)
{
	const struct trace_path *p = &x->path[e->side];
	if (e->kind == EV_HOLE || e->kind == EV_STUCK)
		return true;
	if (e->kind == EV_SYN)
		return !mark_is(&x->syn_ack) && !trace_first_of(x, EV_RST, PROXY) &&
		       !trace_first(x, EV_ICMP);
	if (e->kind != EV_RETRANS && e->kind != EV_LARGE && e->kind != EV_REQUEST)
		return false;
	return p->unacked > 0 && p->stuck_times > 0 && mark_is(&p->stuck_first) &&
	       e->mark.at >= p->stuck_first.at && e->mark.at <= p->stuck_last.at;
}

static enum rung_shape shape_of(const struct exchange *x, const struct event *e)
{
	if (e->kind == EV_MISSING || e->kind == EV_NEXT || e->kind == EV_END)
		return RUNG_NOTE;
	if (e->kind == EV_ICMP)
		return RUNG_ROUTER;
	return never_arrived(x, e) ? RUNG_LOST : RUNG_ARROW;
}

/* Says no more than what the event before it in the same packet has said. */
static bool adds_nothing(const struct event *e, bool same)
{
	if (e->kind == EV_END)
		return e->n == TRACE_END_CLOSED;
	if (e->kind == EV_REQUEST_END || e->kind == EV_RESPONSE_END)
		return e->n == 0 || same;
	return same && (e->kind == EV_LAST_DATA || e->kind == EV_LARGE);
}

static void add_rung(struct making *m, const struct rung *r)
{
	if (m->to->count < RUNGS_MOST)
		m->to->rung[m->to->count++] = *r;
}

static void add_event(struct making *m, size_t index)
{
	const struct event *e = &m->x->event[index];
	struct rung *before = m->to->count ? &m->to->rung[m->to->count - 1] : NULL;
	enum rung_shape shape = shape_of(m->x, e);
	bool same = before && before->shape == shape && shape == RUNG_ARROW &&
		    before->side == e->side && same_packet(&before->mark, &e->mark);
	if (adds_nothing(e, same))
		return;
	if (same && before->events < sizeof before->event / sizeof *before->event) {
		before->event[before->events++] = index;
		return;
	}
	/* an ICMP note goes to the side whose segment it quotes */
	enum trace_side side = shape == RUNG_ROUTER ? m->x->icmp->about : e->side;
	add_rung(m, &(struct rung){ .shape = shape,
				    .side = side,
				    .mark = e->mark,
				    .event = { index },
				    .events = 1 });
}

/* The proxy's own connection: its SYN, and what came of it. */
static void add_onward(struct making *m)
{
	static const char *const outcomes[] = {
		[ONWARD_ANSWERED] = "answered",
		[ONWARD_REFUSED] = "RST: refused",
		[ONWARD_UNANSWERED] = "SYN again, no answer",
		[ONWARD_UNREACHABLE] = "ICMP unreachable",
		[ONWARD_RESET] = "RST",
		[ONWARD_SILENT] = "no answer",
		[ONWARD_CLOSED] = "FIN",
	};
	const struct trace_onward *o = m->x->onward;
	if (!o->seen)
		return;
	bool unanswered = o->outcome == ONWARD_UNANSWERED || o->outcome == ONWARD_SILENT;
	struct rung r = { .onward = true, .side = CLIENT, .mark = o->first, .text = "SYN" };
	r.shape = o->outcome == ONWARD_UNANSWERED ? RUNG_LOST : RUNG_ARROW;
	add_rung(m, &r);
	if (!outcomes[o->outcome] || !mark_is(&o->last) || same_packet(&o->first, &o->last))
		return;
	r.shape = unanswered ? RUNG_LOST : RUNG_ARROW;
	r.side = unanswered ? CLIENT : PROXY;
	r.mark = o->last;
	r.text = outcomes[o->outcome];
	add_rung(m, &r);
}

static void sort_rungs(struct making *m)
{
	for (size_t i = 1; i < m->to->count; i++)
		for (size_t k = i; k > 0 && m->to->rung[k - 1].mark.at > m->to->rung[k].mark.at;
		     k--) {
			struct rung swap = m->to->rung[k];
			m->to->rung[k] = m->to->rung[k - 1];
			m->to->rung[k - 1] = swap;
		}
}

/* Events tell of the first and the last data, not of what flowed between: is this such a span?
 * Segments that were sent again are told of, each, so around them silence is silence. */
static bool data_flowed(const struct exchange *x, const struct rung *a, const struct rung *b)
{
	if (a->shape == RUNG_LOST || b->shape == RUNG_LOST)
		return false;
	const struct mark *began = mark_is(&x->tunnel.first[PROXY]) ? &x->tunnel.first[PROXY]
				   : mark_is(&x->first_byte)        ? &x->first_byte
								    : &x->response_start;
	if (!mark_is(began) || a->mark.at < began->at)
		return false;
	for (size_t i = 0; i < b->events; i++)
		if (x->event[b->event[i]].kind == EV_LAST_DATA ||
		    x->event[b->event[i]].kind == EV_RESPONSE_END)
			return true;
	for (int side = CLIENT; side <= PROXY; side++)
		if (x->path[side].last_data.at > a->mark.at)
			return true;
	return false;
}

/* A second in which nothing was seen is worth a gap. */
static void add_silences(struct making *m)
{
	for (size_t i = m->to->count; i-- > 1;) {
		const struct mark *a = &m->to->rung[i - 1].mark, *b = &m->to->rung[i].mark;
		if (!mark_is(a) || !mark_is(b) || b->at - a->at < NANOS_PER_SECOND ||
		    m->to->count == RUNGS_MOST)
			continue;
		memmove(&m->to->rung[i + 1], &m->to->rung[i],
			(m->to->count - i) * sizeof m->to->rung[0]);
		m->to->rung[i] = (struct rung){ .shape = RUNG_SILENCE,
						.mark = NO_MARK,
						.silence = b->at - a->at,
						.busy = data_flowed(m->x, &m->to->rung[i - 1],
								    &m->to->rung[i + 1]) };
		m->to->count++;
	}
}

/* Does the rung show what went wrong, rather than what followed from it? */
static bool is_decisive(const struct exchange *x, const struct rung *r)
{
	for (size_t i = 0; i < r->events; i++) {
		const struct event *e = &x->event[r->event[i]];
		if (e->kind == EV_NOT_HTTP || e->kind == EV_NOT_TLS || e->kind == EV_ALERT ||
		    e->kind == EV_RST || e->kind == EV_STUCK || e->kind == EV_HOLE ||
		    e->kind == EV_ICMP || (e->kind == EV_RESPONSE && e->n >= 400))
			return true;
	}
	return false;
}

static bool is_refusal(const struct exchange *x, const struct rung *r)
{
	return r->events > 0 && x->event[r->event[0]].kind == EV_RESPONSE &&
	       x->event[r->event[0]].n >= 400;
}

/* Of the rungs that the evidence cites: the refusal, else the last that decides, else the last. */
static size_t place_of_fault(const struct making *m)
{
	size_t last = SIZE_MAX, decisive = SIZE_MAX;
	for (size_t i = 0; i < m->to->count; i++) {
		if (!m->to->rung[i].cited)
			continue;
		if (is_refusal(m->x, &m->to->rung[i]))
			return i;
		last = i;
		if (is_decisive(m->x, &m->to->rung[i]))
			decisive = i;
	}
	return decisive != SIZE_MAX ? decisive : last != SIZE_MAX ? last : m->to->count - 1;
}

static bool is_cited(const struct making *m, const struct rung *r)
{
	uint32_t file = r->onward ? m->x->onward->file : m->x->file;
	for (size_t k = 0; k < m->d->evidences; k++) {
		const struct evidence *e = &m->d->evidence[k];
		if (same_packet(&r->mark, &e->mark) && (!has_place(&r->mark) || e->file == file))
			return true;
	}
	return false;
}

static void mark_evidence(struct making *m)
{
	for (size_t i = 0; i < m->to->count; i++)
		m->to->rung[i].cited |=
			m->to->rung[i].shape != RUNG_SILENCE && is_cited(m, &m->to->rung[i]);
	if (m->d->severity == SEVERITY_OK || m->to->count == 0)
		return;
	size_t at = place_of_fault(m);
	m->to->rung[at].fault = true;
	if (at + 1 < m->to->count && m->to->rung[at + 1].shape == RUNG_SILENCE &&
	    !m->to->rung[at + 1].busy)
		m->to->rung[at + 1].nothing_after = true;
}

void rungs_decide(struct rungs *ret_rungs, const struct exchange *x, const struct diagnosis *d)
{
	struct making making = { .to = ret_rungs, .x = x, .d = d }, *m = &making;
	ret_rungs->count = 0;
	for (size_t i = 0; i < m->x->events; i++)
		add_event(m, i);
	add_onward(m);
	sort_rungs(m);
	add_silences(m);
	mark_evidence(m);
}
