/* On which leg the fault is, where more than one place was observed: a second capture nearer to
 * the proxy (exchange.view), or the proxy's own connection to the origin (exchange.onward).
 *
 * Wrong when a capture lost packets itself, or ended too soon: then nothing is concluded from what
 * it lacks. */
#include "diagnose/rules.h"

static bool is_clients_doing(enum verdict v)
{
	return v == V_CLIENT_ABORTED || v == V_AUTH_REQUIRED || v == V_AUTH_REJECTED;
}

static const char *between_client_and_proxy(const struct exchange *x)
{
	const struct trace_view *v = x->view;
	bool lacks = x->path[CLIENT].bytes > v->bytes[CLIENT] && (!v->partial || v->lacks_up);
	if (v->bytes[PROXY] > x->path[PROXY].bytes && !v->outlasts)
		return "; the capture at the proxy has bytes that never reached the client: the "
		       "fault is "
		       "on the leg between client and proxy";
	if (lacks)
		return "; the capture at the proxy lacks bytes that the client sent: the fault is "
		       "on the "
		       "leg between client and proxy";
	if (x->closed && x->closed_by == PROXY && x->by_reset && !v->reset[PROXY] && !v->partial)
		return "; the capture at the proxy has no such reset: something between client and "
		       "proxy "
		       "sent it";
	return NULL;
}

static const char *beyond_the_proxy(const struct exchange *x)
{
	switch (x->onward->outcome) {
	case ONWARD_REFUSED:
		return "; the proxy's own connection to the origin was refused: the fault is on "
		       "the leg "
		       "between proxy and origin";
	case ONWARD_UNANSWERED:
	case ONWARD_UNREACHABLE:
		return "; the proxy's own connection to the origin was not answered: the fault is "
		       "on the "
		       "leg between proxy and origin";
	case ONWARD_RESET:
		return "; the origin reset the proxy's own connection: the fault is on the leg "
		       "between "
		       "proxy and origin, or at the origin";
	case ONWARD_CLOSED:
		return "; the origin closed the proxy's own connection: the fault is at the "
		       "origin, or on the leg to it";
	case ONWARD_SILENT:
		return "; the origin took the proxy's own connection and said nothing: the fault "
		       "is at "
		       "the origin, or on the leg to it";
	default:
		return NULL;
	}
}

const char *finding_leg(const struct exchange *x, const struct finding *f)
{
	if (verdict_severity(f->verdict) != SEVERITY_FAILURE || is_clients_doing(f->verdict))
		return NULL;
	bool views = x->view->seen && !trace_lost_packets(x);
	const char *leg = views ? between_client_and_proxy(x) : NULL;
	if (!leg && x->onward->seen)
		leg = beyond_the_proxy(x);
	if (!leg && views && !x->view->partial && !x->view->outlasts)
		leg = "; the capture at the proxy shows the same: the fault is at the proxy, or "
		      "behind it";
	return leg;
}
