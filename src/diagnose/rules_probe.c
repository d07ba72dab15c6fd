/* What a probe alone knows: what it met before there was a conversation, which it says itself, and
 * what looking around brought. */
#include "diagnose/rules.h"

static void cite(const struct exchange *x, struct finding *f, const char *what)
{
	f->detail = what;
	finding_cite(f, &x->first, SAW_PROBE, 0);
}

/* settings-invalid: they can't work, whatever the network does. */
static bool settings_invalid(const struct exchange *x, struct finding *f)
{
	if (!x->probe->settings_fault)
		return false;
	cite(x, f, x->probe->settings_fault);
	return true;
}

/* proxy-unresolved: this host's own resolver has no address for the proxy's name. Wrong for one
 * that does not answer just now; its own words stand in the evidence. */
static bool proxy_unresolved(const struct exchange *x, struct finding *f)
{
	if (!x->probe->unresolved)
		return false;
	cite(x, f, x->probe->unresolved);
	finding_cause(f, CAUSE_PROXY_NAME);
	return true;
}

/* proxy-unreachable, without a packet: the kernel knows no way there. */
static bool no_route(const struct exchange *x, struct finding *f)
{
	if (!x->probe->no_route)
		return false;
	cite(x, f, x->probe->no_route);
	finding_cause(f, CAUSE_NO_ROUTE);
	return true;
}

/* The TLS with the proxy itself (https:// before its name) did not come about. */
static bool outer(const struct exchange *x, struct finding *f)
{
	static const enum verdict of[] = {
		[OUTER_NOT_TLS] = V_NOT_TLS,  [OUTER_UNTRUSTED] = V_TLS_UNTRUSTED,
		[OUTER_FAILED] = V_TLS_ALERT, [OUTER_SILENT] = V_TLS_SILENT,
		[OUTER_RESET] = V_TLS_RESET,  [OUTER_CLOSED] = V_TLS_CLOSED,
	};
	enum trace_outer how = x->probe->outer;
	if (how <= OUTER_DONE)
		return false;
	finding_cite(f, &x->syn_ack, SAW_SYN_ACK, 0);
	cite(x, f, x->probe->outer_text);
	finding_cite_end(x, f);
	f->verdict = of[how];
	f->stage = STAGE_TLS;
	f->side = PROXY;
	f->answered_by = ANSWERER_PROXY;
	if (how == OUTER_UNTRUSTED)
		finding_cause(f, CAUSE_PROXY_CERTIFICATE);
	else
		finding_cause(f, CAUSE_PLAIN_PROXY);
	if (how != OUTER_NOT_TLS && how != OUTER_UNTRUSTED)
		finding_cause(f, CAUSE_NO_COMMON_TLS);
	return true;
}

/* What looking around brought: behind all that the exchange itself holds. */
static void cite_looking(const struct exchange *x, struct finding *f, const char *what)
{
	struct mark end = { .at = later(x->observed_until, x->last.at) };
	f->detail = what;
	finding_cite(f, &end, SAW_PROBE, 0);
}

/* mtu-black-hole, by proof: the same thing was done with segments of several sizes, and size alone
 * decided. Up, that may be another fault than the one the walk met: only segments that stayed
 * unacknowledged there were stuck by it. Wrong when what passes by size is something else that
 * looks at it: an inspection that drops segments over a certain length. */
static bool size_decides(const struct exchange *x, struct finding *f)
{
	const struct trace_mtu *m = &x->probe->mtu;
	bool down = m->way[PROXY].how == SIZE_BOUNDARY;
	bool up = m->way[CLIENT].how == SIZE_BOUNDARY && (!m->broke || x->path[CLIENT].unacked > 0);
	if (x->response.status >= 400 || (!up && !down))
		return false;
	f->side = up ? CLIENT : PROXY;
	finding_cite_request(x, f);
	finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
	if (m->broke)
		finding_cite_end(x, f);
	cite_looking(x, f, m->text);
	finding_cause(f, CAUSE_MTU_PROVED);
	finding_cause(f, CAUSE_ICMP_FILTERED);
	finding_cause(f, CAUSE_TUNNEL_OVERHEAD);
	return true;
}

static bool concern(const struct exchange *x)
{
	return x->probe != NULL;
}

static const struct rule RULES[] = {
	{ V_SETTINGS_INVALID, CONFIDENCE_HIGH, settings_invalid },
	{ V_PROXY_UNRESOLVED, CONFIDENCE_HIGH, proxy_unresolved },
	{ V_PROXY_UNREACHABLE, CONFIDENCE_HIGH, no_route },
	{ V_TLS_ALERT, CONFIDENCE_HIGH, outer },
	{ V_MTU_BLACK_HOLE, CONFIDENCE_HIGH, size_decides },
};
const struct rules RULES_PROBE = { RULES, sizeof RULES / sizeof *RULES, concern };
