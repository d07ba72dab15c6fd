/* What our own proxy cut, and says so: nothing needs to be inferred. What it refused with a status
 * is in rules_request.c. */
#include "diagnose/rules.h"

static bool names(const struct exchange *x, struct slice what)
{
	return slice_starts(x->leg->why, what);
}

/* What its operator has set, and can change; else it is only what it met with. */
enum cause own_cause(const struct exchange *x)
{
	static const struct slice set[] = { SLICE("rule"),     SLICE("port"),    SLICE("private"),
					    SLICE("sni"),      SLICE("limit-"),  SLICE("timeout-"),
					    SLICE("no-match"), SLICE("loopback") };
	for (size_t i = 0; !x->leg->by_parent && i < sizeof set / sizeof *set; i++)
		if (names(x, set[i]))
			return CAUSE_OWN_RULE;
	return CAUSE_OWN_REASON;
}

/* Something was asked for and had not come. */
static bool left_waiting(const struct exchange *x)
{
	if (!x->tunnel.open)
		return !x->response.complete;
	return x->tunnel.last[CLIENT].at > x->tunnel.last[PROXY].at || unanswered_inside(x);
}

static void cite(const struct exchange *x, struct finding *f)
{
	finding_cite_request(x, f);
	if (x->tunnel.open) {
		finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
		finding_cite(f, &x->tunnel.last[PROXY], SAW_LAST_DOWN, x->tunnel.bytes[PROXY]);
	} else {
		finding_cite(f, &x->path[PROXY].last_data, SAW_LAST_DOWN, x->bytes[PROXY]);
	}
	finding_cite_end(x, f);
	finding_cause(f, own_cause(x));
}

/* denied: the tunnel's ClientHello named another host than its CONNECT. */
static bool wrong_name(const struct exchange *x, struct finding *f)
{
	if (!names(x, SLICE("sni")))
		return false;
	cite(x, f);
	f->stage = STAGE_TLS;
	f->dialect = DIALECT_VIADUCT;
	f->answered_by = ANSWERER_PROXY;
	return true;
}

static bool idled(const struct exchange *x)
{
	return names(x, SLICE("timeout-idle")) || names(x, SLICE("timeout-answer"));
}

/* What was sent on, either way, never came to its receiver. */
static bool never_arrived(const struct exchange *x)
{
	return x->path[CLIENT].unacked > 0 || x->path[PROXY].unacked > 0;
}

/* tls-silent: the time-out struck while the ClientHello waited for an answer; or, transfer-stalled,
 * further on in the handshake. */
static bool handshake_timed_out(const struct exchange *x, struct finding *f)
{
	if (!idled(x) || !in_tls(x) || !tls_unfinished(x))
		return false;
	cite(x, f);
	f->stage = STAGE_TLS;
	if (x->tunnel.bytes[PROXY] > 0) {
		f->verdict = V_TRANSFER_STALLED;
		f->side = PROXY;
	}
	if (never_arrived(x)) {
		finding_cause(f, CAUSE_PATH_CHANGED);
		finding_cause(f, CAUSE_MTU_POSSIBLE);
	} else {
		finding_cause(f, CAUSE_ORIGIN_HANGS);
		finding_cause(f, CAUSE_INSPECTION_HOLDS);
	}
	return true;
}

/* transfer-stalled: a time-out struck while something was due. A tunnel that lay idle with all
 * delivered is closed by it in good order; and silence in the handshake has rules of its own, as
 * has who did not take what came. */
static bool timed_out(const struct exchange *x, struct finding *f)
{
	bool held_up = x->path[CLIENT].zero_window_at_end || x->path[PROXY].zero_window_at_end ||
		       x->path[CLIENT].zero_window_time > 0 || x->path[PROXY].zero_window_time > 0;
	if (!idled(x) || !left_waiting(x) || (in_tls(x) && !tls_settled(x)) || held_up ||
	    endless(x))
		return false;
	f->side = PROXY;
	cite(x, f);
	finding_cause(f, never_arrived(x) ? CAUSE_PATH_CHANGED : CAUSE_ORIGIN_STOPPED);
	return true;
}

/* transfer-truncated: a limit or a lifetime ended what was under way. */
static bool limited(const struct exchange *x, struct finding *f)
{
	bool limit = names(x, SLICE("limit-")) || names(x, SLICE("timeout-lifetime")) ||
		     names(x, SLICE("draining"));
	if (!limit || (!x->tunnel.open && x->response.complete))
		return false;
	cite(x, f);
	return true;
}

/* What our proxy does, it says; what it waits for, it knows. Behind a parent it may be that one's
 * doing. */
void own_knowledge(const struct exchange *x, struct finding *f)
{
	static const enum cause known[] = {
		CAUSE_PROXY_CUT,      CAUSE_SIZE_LIMIT,          CAUSE_TIME_LIMIT,
		CAUSE_IDLE_TIMEOUT,   CAUSE_PROXY_OVERLOADED,    CAUSE_PROXY_WAITS_DNS,
		CAUSE_PROXY_CRASHED,  CAUSE_NOT_HTTP_PORT,       CAUSE_PROXY_REFUSES_QUIETLY,
		CAUSE_KEEPALIVE_RACE, CAUSE_ORIGIN_RESET_AS_FIN,
	};
	size_t kept = 0;
	if (x->source != TRACE_PROXY || !x->leg || x->leg->through_parent)
		return;
	for (size_t i = 0; i < f->causes; i++) {
		bool false_here = false;
		for (size_t k = 0; k < sizeof known / sizeof *known; k++)
			false_here |= f->cause[i] == known[k];
		if (!false_here)
			f->cause[kept++] = f->cause[i];
	}
	f->causes = kept;
}

static bool concern(const struct exchange *x)
{
	bool begun = x->tunnel.open || (x->response.status && x->response.status < 400);
	return own_reason(x) && begun && !x->leg->by_parent && !x->leg->noted &&
	       !closed_by(x, CLIENT);
}

static const struct rule RULES[] = {
	{ V_DENIED, CONFIDENCE_HIGH, wrong_name },
	{ V_TLS_SILENT, CONFIDENCE_HIGH, handshake_timed_out },
	{ V_TRANSFER_STALLED, CONFIDENCE_HIGH, timed_out },
	{ V_TRANSFER_TRUNCATED, CONFIDENCE_HIGH, limited },
};
const struct rules RULES_OWN = { RULES, sizeof RULES / sizeof *RULES, concern };
