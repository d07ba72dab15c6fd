/* Tries the rules in the order of the stages; and what they share. */
#include "diagnose/rules.h"

#include <string.h>

void finding_cite(struct finding *f, const struct mark *mark, enum sight saw, uint64_t figure)
{
	if (!mark_is(mark) || f->cites == FINDING_MAX_CITED)
		return;
	f->cited[f->cites] = *mark;
	f->saw[f->cites] = saw;
	f->figure[f->cites] = figure;
	f->cites++;
}

void finding_cause(struct finding *f, enum cause cause)
{
	for (size_t i = 0; i < f->causes; i++) {
		if (f->cause[i] == cause)
			return;
	}
	if (f->causes < FINDING_MAX_CAUSES)
		f->cause[f->causes++] = cause;
}

void finding_doubt(struct finding *f)
{
	if (f->confidence > CONFIDENCE_LOW)
		f->confidence--;
}

void finding_cite_request(const struct exchange *x, struct finding *f)
{
	const struct mark *request =
		mark_is(&x->request_start) ? &x->request_start : &x->request_end;
	finding_cite(f, request, SAW_REQUEST, x->request.body_bytes);
	const struct event *interim = trace_first(x, EV_INTERIM);
	if (x->response.status != 0)
		finding_cite(f, &x->response_start, SAW_RESPONSE, x->response.status);
	else if (interim)
		finding_cite(f, &interim->mark, SAW_INTERIM, interim->n);
}

void finding_cite_end(const struct exchange *x, struct finding *f)
{
	nanos quiet = quiet_at_end(x);
	if (x->closed && mark_is(&x->close)) {
		enum sight saw = x->closed_by == CLIENT
					 ? (x->by_reset ? SAW_CLIENT_RST : SAW_CLIENT_FIN)
					 : (x->by_reset ? SAW_PROXY_RST : SAW_PROXY_FIN);
		finding_cite(f, &x->close, saw, (uint64_t)quiet);
		return;
	}
	struct mark end = { .at = end_of(x) };
	finding_cite(f, &end, SAW_END, (uint64_t)quiet);
}

void finding_cite_onward(const struct exchange *x, struct finding *f)
{
	if (!x->onward->seen || x->onward->outcome <= ONWARD_ANSWERED)
		return;
	finding_cite(f, &x->onward->first, SAW_ONWARD_SYN, x->onward->syns);
	finding_cite(f, &x->onward->last, SAW_ONWARD_END, x->onward->outcome);
}

void finding_cite_looking(const struct exchange *x, struct finding *f, const char *what)
{
	struct mark end = { .at = later(x->observed_until, x->last.at) };
	f->detail = what;
	finding_cite(f, &end, SAW_PROBE, 0);
}

/* Inside of TLS, as far as its records could be followed. */
static bool said_nothing(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	bool data = mark_is(&t->last_app[PROXY]) && t->last_app[PROXY].at >= x->first_app_up.at;
	return t->server_hello && !t->out_of_step[PROXY] && !x->from_text && !data;
}

bool only_farewell(const struct exchange *x)
{
	if (!x->closed || !said_nothing(x))
		return false;
	if (x->closed_by == PROXY)
		return x->tls->close_notify[PROXY] && mark_is(&x->first_app_up);
	return x->tls->close_notify[PROXY] || x->tunnel.last[PROXY].at >= x->close.at;
}

bool dismissed(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	nanos farewell = x->tunnel.last[PROXY].at;
	if (!only_farewell(x) || !t->close_notify[PROXY] || !mark_is(&x->first_app_up))
		return false;
	return t->close_notify[CLIENT] ? farewell < x->tunnel.last[CLIENT].at
				       : farewell < x->close.at || x->closed_by == PROXY;
}

/* When that side last sent what the other was waiting for. A closing alert is no word; where the
 * observer did not follow the records, a client's last bytes right at the close are taken for one.
 */
static nanos last_word(const struct exchange *x, enum trace_side side)
{
	if (!x->tunnel.open) {
		nanos data = x->path[side].last_data.at;
		return side == CLIENT ? later(later(data, x->request_end.at), x->request_start.at)
				      : later(data, x->response_start.at);
	}
	if (mark_is(&x->tls->last_app[side]))
		return later(x->tls->last_app[side].at,
			     side == CLIENT ? x->hello.at : x->server_hello.at);
	nanos last = x->tunnel.last[side].at;
	bool closing = x->closed && last != NO_TIME && mark_is(&x->close) &&
		       (last >= x->close.at || span(last, x->close.at) < 50 * NANOS_PER_MS);
	if (side == CLIENT && closing && last > x->tunnel.last[PROXY].at)
		last = later(x->first_app_up.at, x->hello.at);
	if (side == PROXY && closing && only_farewell(x))
		last = x->server_hello.at;
	return later(last, side == CLIENT ? x->request_end.at : x->response_start.at);
}

nanos quiet_at_end(const struct exchange *x)
{
	nanos word = later(last_word(x, CLIENT), last_word(x, PROXY));
	/* the tail of a record that began earlier is a word too */
	nanos bytes = x->path[PROXY].last_data.at;
	if (x->tls->record_left[PROXY] > 0 || !x->tunnel.open)
		word = later(word, bytes);
	return span(word, end_of(x));
}

bool is_stall(const struct exchange *x, nanos quiet)
{
	return quiet >= LONG_SILENCE && quiet >= ten_rtt(x);
}

nanos kept_waiting(const struct exchange *x, enum trace_side side)
{
	const struct trace_path *p = &x->path[side];
	nanos begin = mark_is(&x->first) ? x->first.at : x->request_start.at;
	nanos waited = p->zero_window_time;
	if (p->zero_window_at_end && mark_is(&p->zero_window))
		waited = later(waited, span(p->zero_window.at, end_of(x)));
	bool long_enough =
		waited >= SHORT_WAIT && waited >= span(begin, later(end_of(x), x->last.at)) / 5;
	return long_enough ? waited : 0;
}

uint32_t full_size(const struct exchange *x, enum trace_side side)
{
	uint32_t theirs = x->path[side == CLIENT ? PROXY : CLIENT].mss;
	uint32_t own = x->path[side].mss;
	if (theirs == 0 || (own != 0 && own < theirs))
		theirs = own;
	/* time stamps take 12 bytes of each segment (RFC 7323, appendix A) */
	return theirs > 12 ? theirs - 12 : theirs;
}

static bool try_rules(const struct rules *rules, const struct exchange *x, struct finding *f)
{
	if (rules->concern && !rules->concern(x))
		return false;
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->rule[i];
		f->verdict = r->verdict;
		f->confidence = r->confidence;
		if (r->holds(x, f))
			return true;
		f->cites = f->causes = 0;
		f->stage = STAGE_NONE;
		f->detail = NULL;
	}
	return false;
}

/* Where the story had got to: the stage of verdicts that can strike at any. */
static enum stage stage_reached(const struct exchange *x)
{
	if (!has_request(x) && !answered(x))
		return mark_is(&x->syn_ack) ? STAGE_REQUEST : STAGE_CONNECT;
	if (x->tunnel.open)
		return in_tls(x) && !tls_settled(x) ? STAGE_TLS : STAGE_TRANSFER;
	return x->response.status != 0 ? STAGE_TRANSFER : STAGE_REQUEST;
}

static enum stage stage_of(const struct exchange *x, enum verdict v)
{
	switch (v) {
	case V_OK:
	case V_CHALLENGED:
	case V_OPEN:
	case V_UNCLEAR:
		return STAGE_NONE;
	case V_MTU_BLACK_HOLE:
	case V_LARGE_SEGMENT_RESET:
	case V_MTU_SIGNALLED:
		return stage_reached(x);
	default:
		return verdict_stage(v);
	}
}

static void try_stages(const struct exchange *x, struct finding *f)
{
	static const struct rules *const stages[] = {
		&RULES_PLAIN,    &RULES_FIRST,     &RULES_PROBE, &RULES_CONNECT,
		&RULES_PATH,     &RULES_REQUEST,   &RULES_OWN,   &RULES_TLS,
		&RULES_TRANSFER, &RULES_COMPLAINT, &RULES_GOOD
	};
	memset(f, 0, sizeof *f);
	bool found = false;
	for (size_t i = 0; !found && i < sizeof stages / sizeof *stages; i++)
		found = try_rules(stages[i], x, f);
	if (!found) {
		f->verdict = V_UNCLEAR;
		f->confidence = CONFIDENCE_LOW;
	}
}

void diagnose_judge(const struct exchange *x, struct finding *ret_finding)
{
	struct finding *f = ret_finding;
	try_stages(x, f);
	own_knowledge(x, f);
	if (f->stage == STAGE_NONE)
		f->stage = stage_of(x, f->verdict);
	if (f->dialect == DIALECT_UNKNOWN && x->response.status != 0)
		finding_dialect(x, f);
	/* text leaves out sequence numbers, sizes, whole packets: nothing in it is quite sure */
	if (x->from_text && f->confidence == CONFIDENCE_HIGH)
		finding_doubt(f);
}

enum severity diagnose_severity(const struct finding *f)
{
	/* where the client accepted the inspection's certificate all works: a warning */
	if (f->verdict == V_TLS_INTERCEPTED && f->side == PROXY)
		return SEVERITY_WARNING;
	return verdict_severity(f->verdict);
}

enum verdict diagnose_verdict(const struct exchange *x, enum severity *ret_severity)
{
	struct finding f;
	try_stages(x, &f);
	*ret_severity = diagnose_severity(&f);
	return f.verdict;
}
