/* The connection to the proxy: what comes before any word is said. */
#include "base/unreachable.h"
#include "diagnose/rules.h"

/* A SYN that fails may have been meant for any service. What speaks for a proxy: the user named
 * it, or other exchanges went through this very address, or this host. Where the proxy is known
 * and is another host, this one is none of our business. */
static void weigh_suspicion(const struct exchange *x, struct finding *f)
{
	const struct trace_links *l = &x->links;
	if (!x->suspect || l->proxy_named || l->proxy_elsewhere)
		return;
	finding_cause(f, CAUSE_NOT_KNOWN_PROXY);
	f->confidence = l->proxy_host_elsewhere ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
	if (l->capture_has_proxy && !l->proxy_host_elsewhere) {
		f->verdict = V_UNCLEAR;
		f->causes = 0;
		f->detail =
			"the connection failed, and nothing shows that it was meant for a proxy";
	}
}

/* proxy-refused: the SYN was answered by a RST, and no SYN-ACK ever came.
 * Wrong when the RST is a firewall's, in the proxy's name (it is in the causes), or belongs to an
 * older connection of the same ports (then a SYN-ACK follows, and this is not reached). */
static bool proxy_refused(const struct exchange *x, struct finding *f)
{
	const struct mark *rst = &x->path[PROXY].rst;
	if (!mark_is(&x->syn) || mark_is(&x->syn_ack) || !mark_is(rst) || has_request(x))
		return false;
	finding_cite(f, &x->syn, SAW_SYN, 1);
	finding_cite(f, rst, SAW_SYN_REFUSED, (uint64_t)span(x->syn.at, rst->at));
	if (x->links.proxy_host_elsewhere && !x->links.proxy_elsewhere)
		finding_cause(f, CAUSE_WRONG_PORT);
	finding_cause(f, CAUSE_PROXY_DOWN);
	finding_cause(f, CAUSE_WRONG_PORT);
	finding_cause(f, CAUSE_FIREWALL_REJECTS);
	weigh_suspicion(x, f);
	return true;
}

/* Firewalls may give any code for theirs; routers give none of a firewall's. */
static void told_causes(const struct exchange *x, struct finding *f)
{
	finding_cause(f, CAUSE_ICMP_SAYS_SO);
	switch (unreachable_kind(x->icmp->v6, x->icmp->code)) {
	case UNREACHABLE_HOST:
		finding_cause(f, CAUSE_HOST_DOWN);
		break;
	case UNREACHABLE_NETWORK:
		finding_cause(f, CAUSE_NO_ROUTE);
		finding_cause(f, CAUSE_HOST_DOWN);
		break;
	case UNREACHABLE_FORBIDDEN:
		break;
	}
	finding_cause(f, CAUSE_FIREWALL_FORBIDS);
}

/* proxy-unreachable: a router said so, or SYN after SYN went unanswered.
 * Wrong when the capture shows the client's packets alone: then the client would go on after the
 * first SYN, not send it again, so a repeated SYN is proof even there. One SYN alone, or a second
 * one just sent, proves nothing yet: `open`. */
static bool proxy_unreachable(const struct exchange *x, struct finding *f)
{
	if (!mark_is(&x->syn) || mark_is(&x->syn_ack) || mark_is(&x->path[PROXY].rst) ||
	    has_request(x) || x->bytes[PROXY] > 0)
		return false;
	bool told = x->icmp->unreachable && mark_is(&x->icmp->mark);
	nanos waited = span(x->syn.at, later(end_of(x), x->last.at));
	bool tried = x->syns >= 2 && waited >= 900 * NANOS_PER_MS;
	if (!told && !tried && waited < LONG_SILENCE)
		return false;
	finding_cite(f, &x->syn, SAW_SYN, 1);
	const struct event *again = trace_last(x, EV_SYN);
	if (again && again->mark.at > x->syn.at)
		finding_cite(f, &again->mark, SAW_SYN_AGAIN, x->syns);
	if (x->syns < 3 && !told)
		finding_doubt(f);
	if (told) {
		finding_cite(f, &x->icmp->mark, SAW_ICMP, 0);
		told_causes(x, f);
	} else {
		finding_cause(f, CAUSE_FIREWALL_DROPS);
		finding_cause(f, CAUSE_HOST_DOWN);
		finding_cause(f, CAUSE_NO_ROUTE);
	}
	weigh_suspicion(x, f);
	return true;
}

/* No SYN-ACK came. */
static bool concern(const struct exchange *x)
{
	return mark_is(&x->syn) && !mark_is(&x->syn_ack) && !has_request(x);
}

static const struct rule RULES[] = {
	{ V_PROXY_REFUSED, CONFIDENCE_HIGH, proxy_refused },
	{ V_PROXY_UNREACHABLE, CONFIDENCE_HIGH, proxy_unreachable },
};
const struct rules RULES_CONNECT = { RULES, sizeof RULES / sizeof *RULES, concern };
