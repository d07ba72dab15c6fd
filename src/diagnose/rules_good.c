/* What is no failure, and what cannot be judged: before all other rules what must not be mistaken
 * for a fault, and behind them what remains when nothing was found wrong. */
#include "diagnose/rules.h"

/* Basic has one step: who sent it, and is asked for it again, had it wrong, whatever came next. */
static bool had_basic_wrong(const struct exchange *x)
{
	bool offered = false;
	for (size_t i = 0; i < x->response.offers; i++)
		offered |= x->response.offered[i] == SCHEME_BASIC;
	return offered && x->request.auth == SCHEME_BASIC;
}

/* challenged: a 407 that the client answered with credentials. How it ended says the other one. */
static bool challenged(const struct exchange *x, struct finding *f)
{
	if (x->response.status != 407 || !x->links.answered_challenge || had_basic_wrong(x))
		return false;
	finding_cite_request(x, f);
	f->answered_by = ANSWERER_PROXY;
	return true;
}

/* unclear: it began before the observation, and neither a request nor an answer was seen. */
static bool began_without_us(const struct exchange *x, struct finding *f)
{
	if (has_request(x) || x->response.status != 0)
		return false;
	bool middle = x->began_late || (x->bytes[CLIENT] > 0 && has_gaps(x, CLIENT));
	if (!middle || (mark_is(&x->syn) && x->bytes[CLIENT] == 0 && x->bytes[PROXY] == 0))
		return false;
	f->detail = x->began_late ? "it began before the observation, and no request was seen"
				  : "the packets hold too little of the request to read it";
	finding_cite(f, &x->first, SAW_NOTHING, 0);
	return true;
}

static const struct rule FIRST[] = {
	{ V_CHALLENGED, CONFIDENCE_HIGH, challenged },
	{ V_UNCLEAR, CONFIDENCE_HIGH, began_without_us },
};
const struct rules RULES_FIRST = { FIRST, sizeof FIRST / sizeof *FIRST, NULL };

/* ---- behind all others ------------------------------------------------------------------------
 */

static bool whole(const struct exchange *x)
{
	if (x->next_began && answered(x))
		return true;
	if (!has_request(x) && x->response.status == 0)
		return false;
	return x->tunnel.open || endless(x) ? x->closed : x->response.complete;
}

/* unclear: where the evidence would stand, the capture has gaps, or one direction only, or the
 * framing is broken. A tunnel that the proxy's side ended could have been cut, and nothing tells.
 */
static bool hidden(const struct exchange *x, struct finding *f)
{
	if (whole(x) && (!x->tunnel.open || x->next_began))
		return false;
	bool lacks = trace_lost_packets(x);
	bool blind = lacks || x->path[PROXY].unseen > 0 || x->path[CLIENT].unseen > 0;
	if (!x->both_ways && !x->from_text && (x->bytes[CLIENT] || x->bytes[PROXY])) {
		f->detail = "packets of one direction only were captured";
	} else if (!x->closed && x->end == TRACE_END_OVER && answered(x)) {
		return false; /* still running */
	} else if (x->tunnel.open && blind && x->tls->out_of_step[PROXY] && closed_by(x, PROXY)) {
		f->detail = "packets are missing from the capture where its end would be seen";
	} else if (x->tunnel.open && lacks && x->closed && !(in_tls(x) && tls_settled(x))) {
		f->detail =
			"packets are missing from the capture where the handshake in the tunnel "
			"would be seen";
	} else if (!answered(x) && x->path[PROXY].hole > 0) {
		f->detail = "what the proxy said was lost, on its way or by the capture";
	} else if (!answered(x) && x->path[PROXY].bytes > 0) {
		f->detail = "the proxy said something that could not be read as an answer";
	} else if (chunks_broken(x)) {
		f->detail = "the chunks of the answer are not framed as HTTP wants it, so that its "
			    "end does not show";
	} else if (head_broken(x)) {
		f->detail = "the head of the answer is not as HTTP wants it, or too long, so that "
			    "its end does not show";
	} else if (!x->tunnel.open && blind) {
		f->detail = "packets are missing from the capture, or were cut short in it";
	} else {
		return false;
	}
	const struct event *e = trace_first(x, EV_MISSING);
	finding_cite_request(x, f);
	if (e)
		finding_cite(f, &e->mark, SAW_MISSING, e->n);
	finding_cite_end(x, f);
	return true;
}

/* open: it was still running, and nothing had gone wrong. */
static bool open_still(const struct exchange *x, struct finding *f)
{
	if (x->closed || x->next_began || (!x->tunnel.open && x->response.complete))
		return false;
	finding_cite(f, &x->syn, SAW_SYN, x->syns);
	finding_cite_request(x, f);
	if (x->tunnel.open)
		finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
	finding_cite_end(x, f);
	return true;
}

/* tls-intercepted as a warning: the issuer says inspection, and the client took it. */
static bool inspected(const struct exchange *x, struct finding *f)
{
	if (x->tls->certificates == 0 || !tls_was_inspected(x))
		return false;
	finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
	const struct event *e = trace_first(x, EV_CERTIFICATE);
	if (e)
		finding_cite(f, &e->mark, SAW_CERTIFICATE, x->tls->certificates);
	f->side = PROXY; /* nobody rejected it */
	tls_cite_inspection(x, f);
	return true;
}

/* unclear: what one side sent was sent again before the end, and never acknowledged: the path had
 * died, or acknowledgements took longer than anybody waited. Of a plain exchange only the answer
 * counts. In TLS some bytes may be no more than a farewell, which nobody misses. Where the capture
 * was made at the client what the proxy sent has come, and lacks of acknowledgements are its own:
 * so more than one repetition is asked for. */
static bool undelivered(const struct exchange *x, struct finding *f)
{
	enum { FAREWELL = 100 };
	if (!x->both_ways || x->from_text || x->next_began)
		return false;
	for (int side = x->tunnel.open ? CLIENT : PROXY; side <= PROXY; side++) {
		const struct trace_path *p = &x->path[side];
		if (p->unacked <= (in_tls(x) ? FAREWELL : 0) ||
		    p->stuck_times < (side == CLIENT ? 2 : 3) || p->stuck_last.at > end_of(x))
			continue;
		f->side = (enum trace_side)side;
		f->detail = side == CLIENT ? "what the client sent last was sent again, and not "
					     "acknowledged to the end"
					   : "what the proxy's side sent last was sent again, and "
					     "not acknowledged to the end";
		finding_cite_request(x, f);
		finding_cite(f, &p->stuck_first, SAW_STUCK_FIRST, p->stuck_size);
		finding_cite(f, &p->stuck_last, SAW_STUCK_LAST, p->stuck_times);
		finding_cite_end(x, f);
		return true;
	}
	return false;
}

static nanos duration(const struct exchange *x)
{
	nanos begin = mark_is(&x->syn) ? x->syn.at : x->request_start.at;
	return span(begin, end_of(x));
}

/* A sender that came down to a smaller path MTU loses its first flight once: no loss of note. */
static bool adapted(const struct exchange *x, enum trace_side side)
{
	const struct trace_path *p = &x->path[side];
	uint32_t full = full_size(x, side);
	if (x->icmp->too_big && x->icmp->adapted && x->icmp->about == side)
		return true;
	return p->large == 0 && full != 0 && p->largest_passed >= 500 &&
	       p->largest_passed * 10 < full * 9 && p->bytes > 4 * (uint64_t)full;
}

/* A single repair that took more than a round trip, and a hundredth of the whole. */
static bool cost_a_round_trip(const struct exchange *x, const struct trace_path *p)
{
	return p->repairs > 0 && x->rtt != NO_TIME &&
	       p->repair_time - p->repair_time / 5 > x->rtt && p->repair_time >= duration(x) / 100;
}

/* The first few; which of more than one it was, the first of them says. */
static void cite_repairs(const struct exchange *x, struct finding *f, uint64_t count)
{
	enum { MOST = 3 };
	unsigned cited = 0;
	for (size_t i = 0; i < x->events && cited < MOST; i++) {
		const struct event *e = &x->event[i];
		if (e->kind != EV_RETRANS || e->side != f->side)
			continue;
		bool first = cited++ == 0 && count > 1;
		finding_cite(f, &e->mark, first ? SAW_REPAIRS : SAW_REPAIR, first ? count : e->n);
	}
}

/* lossy: it completed, and repairs cost it. One loss repaired within a round trip costs nothing;
 * reordering, duplicates and needless retransmissions are no loss. */
static bool lossy(const struct exchange *x, struct finding *f)
{
	for (int side = PROXY; side >= CLIENT; side--) {
		const struct trace_path *p = &x->path[side];
		if (p->repairs == 0 && p->retrans <= p->spurious)
			continue;
		uint32_t again = p->retrans > p->spurious ? p->retrans - p->spurious : 0;
		bool costly =
			p->repair_time >= 200 * NANOS_PER_MS || p->repair_time >= duration(x) / 10;
		bool often =
			p->repairs >= 2 && ((uint64_t)p->repairs * 100 >= p->packets || costly);
		bool seen_again = p->repairs + again >= 3 && costly && p->repair_time > 0;
		bool dear = p->repair_time >= SHORT_WAIT || cost_a_round_trip(x, p);
		if ((!often && !seen_again && !dear) || adapted(x, (enum trace_side)side))
			continue;
		f->side = (enum trace_side)side;
		finding_cite_request(x, f);
		cite_repairs(x, f, later(p->repairs, again));
		finding_cite_end(x, f);
		finding_cause(f, CAUSE_LINK_LOSSY);
		return true;
	}
	return false;
}

/* Long in itself, against the round trip, and against the rest. */
static bool out_of_proportion(const struct exchange *x, nanos stage)
{
	if (stage < 1500 * NANOS_PER_MS || stage < ten_rtt(x))
		return false;
	return stage >= 3 * NANOS_PER_SECOND || stage >= duration(x) / 10 * 3;
}

/* slow: one stage took long beyond measure. The client's own pauses are no stage, nor is a long
 * download that is merely large: only a trickle is called slow, and only where the length is
 * known, so that waiting can't be mistaken for it. Wrong for answers that wait on purpose. */
static bool slow(const struct exchange *x, struct finding *f)
{
	nanos connect = span(x->syn.at, x->syn_ack.at);
	nanos wait = span(asked_at(x), x->response_start.at);
	nanos tls = span(x->hello.at, x->tls_done.at);
	nanos first = only_farewell(x) ? 0 : span(x->first_app_up.at, x->first_byte.at);
	nanos body = span(x->response_start.at, x->response_end.at);
	bool trickle = !x->tunnel.open && x->response.body_length != UINT64_MAX &&
		       body >= 10 * NANOS_PER_SECOND &&
		       x->response.body_bytes < 4096 * (uint64_t)(body / NANOS_PER_SECOND);
	if (out_of_proportion(x, connect)) {
		f->slow = SLOW_CONNECT;
		f->stage = STAGE_CONNECT;
		finding_cite(f, &x->syn, SAW_SYN, 1);
		finding_cite(f, &x->syn_ack, SAW_SYN_ACK, (uint64_t)connect);
		finding_cause(f, x->syns > 1 ? CAUSE_SYN_LOST : CAUSE_PROXY_OVERLOADED);
	} else if (out_of_proportion(x, wait)) {
		f->slow = SLOW_WAIT;
		f->stage = STAGE_REQUEST;
		finding_cite_request(x, f);
		finding_cause(f, x->request.is_connect ? CAUSE_SLOW_PROXY : CAUSE_SLOW_ORIGIN);
		finding_cause(f, CAUSE_PROXY_WAITS_DNS);
	} else if (out_of_proportion(x, tls)) {
		f->slow = SLOW_TLS;
		f->stage = STAGE_TLS;
		finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
		finding_cite(f, &x->server_hello, SAW_SERVER_HELLO, x->tls->version);
		finding_cite(f, &x->tls_done, SAW_TLS_DONE, (uint64_t)tls);
		finding_cause(f, CAUSE_SLOW_TLS);
	} else if (out_of_proportion(x, first)) {
		f->slow = SLOW_FIRST_BYTE;
		f->stage = STAGE_TRANSFER;
		finding_cite(f, &x->first_app_up, SAW_LAST_UP, 0);
		finding_cite(f, &x->first_byte, SAW_FIRST_BYTE, (uint64_t)first);
		finding_cause(f, CAUSE_SLOW_ORIGIN);
		finding_cause(f, CAUSE_SCANNING);
	} else if (trickle) {
		f->slow = SLOW_TRANSFER;
		f->stage = STAGE_TRANSFER;
		finding_cite_request(x, f);
		finding_cite(f, &x->response_end, SAW_RESPONSE_END, x->response.body_bytes);
		finding_cause(f, CAUSE_SCANNING);
		finding_cause(f, CAUSE_SLOW_LINK);
	} else {
		return false;
	}
	return true;
}

/* ok: answered, carried what was asked, closed in good order. */
static bool ok(const struct exchange *x, struct finding *f)
{
	if (!whole(x))
		return false;
	finding_cite_request(x, f);
	if (x->tunnel.open) {
		finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
		finding_cite(f, &x->server_hello, SAW_SERVER_HELLO, x->tls->version);
	}
	if (!x->next_began)
		finding_cite_end(x, f);
	if (x->tls->out_of_step[PROXY] || x->path[PROXY].missing || !x->both_ways)
		f->confidence = CONFIDENCE_MEDIUM;
	return true;
}

/* Connected and left again without a word: nothing failed that was asked for. */
static bool nothing_asked(const struct exchange *x, struct finding *f)
{
	if (has_request(x) || answered(x) || !x->closed || x->bytes[CLIENT] > 0)
		return false;
	f->detail = "connected and closed again without a request";
	finding_cite(f, &x->syn, SAW_SYN, x->syns);
	finding_cite_end(x, f);
	return true;
}

static bool whatever(const struct exchange *x, struct finding *f)
{
	f->detail = "what was seen fits no known picture";
	finding_cite_request(x, f);
	finding_cite_end(x, f);
	return true;
}

static bool was_held_up(const struct trace_path *p)
{
	return p->repairs || p->retrans > p->spurious || p->zero_window_time ||
	       p->zero_window_at_end;
}

/* What most exchanges are: asked and answered whole, outside of a tunnel, and neither side had to
 * send again or wait. Then no other rule can hold: those of the stages want something that failed,
 * is unfinished, or is in a tunnel; what is left is whether it was slow. */
static bool plainly_good(const struct exchange *x)
{
	return has_request(x) && x->response.status >= 200 && !trace_is_refused(x) &&
	       x->response.complete && !x->tunnel.open && x->tls->certificates == 0 && !x->leg &&
	       !x->probe && !was_held_up(&x->path[CLIENT]) && !was_held_up(&x->path[PROXY]);
}

static const struct rule PLAIN[] = {
	{ V_SLOW, CONFIDENCE_HIGH, slow },
	{ V_OK, CONFIDENCE_HIGH, ok },
};
const struct rules RULES_PLAIN = { PLAIN, sizeof PLAIN / sizeof *PLAIN, plainly_good };

static const struct rule GOOD[] = {
	{ V_UNCLEAR, CONFIDENCE_MEDIUM, hidden },
	{ V_OPEN, CONFIDENCE_HIGH, open_still },
	{ V_TLS_INTERCEPTED, CONFIDENCE_MEDIUM, inspected },
	{ V_UNCLEAR, CONFIDENCE_MEDIUM, undelivered },
	{ V_LOSSY, CONFIDENCE_HIGH, lossy },
	{ V_SLOW, CONFIDENCE_HIGH, slow },
	{ V_OK, CONFIDENCE_HIGH, ok },
	{ V_OK, CONFIDENCE_LOW, nothing_asked },
	{ V_UNCLEAR, CONFIDENCE_LOW, whatever },
};
const struct rules RULES_GOOD = { GOOD, sizeof GOOD / sizeof *GOOD, NULL };
