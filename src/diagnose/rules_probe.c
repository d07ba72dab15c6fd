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
	finding_cause(f, x->probe->resolver_failed ? CAUSE_RESOLVER_FAILS : CAUSE_PROXY_NAME);
	return true;
}

/* proxy-unreachable, without a packet: the kernel knows no way there. */
static bool no_route(const struct exchange *x, struct finding *f)
{
	if (!x->probe->no_route)
		return false;
	static const enum cause of[] = { [NO_WAY_ROUTE] = CAUSE_NO_ROUTE,
					 [NO_WAY_NEIGHBOUR] = CAUSE_HOST_DOWN,
					 [NO_WAY_FORBIDDEN] = CAUSE_OWN_FIREWALL };
	cite(x, f, x->probe->no_route);
	finding_cause(f, of[x->probe->no_way]);
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
	finding_cite_looking(x, f, m->text);
	finding_cause(f, CAUSE_MTU_PROVED);
	finding_cause(f, CAUSE_ICMP_FILTERED);
	finding_cause(f, CAUSE_TUNNEL_OVERHEAD);
	return true;
}

static enum cause cause_of_hello(const struct exchange *x)
{
	if (hello_fails(x, SHAPE_SPLIT))
		return CAUSE_HELLO_SPLIT;
	if (x->probe->hellos.of[SHAPE_LARGE].how == HEARD_LOST)
		return CAUSE_HELLO_LOST;
	bool silent = x->probe->hellos.of[SHAPE_LARGE].how == HEARD_SILENCE;
	return silent && hello_passes(x, SHAPE_PIECES) ? CAUSE_HELLO_BEYOND : CAUSE_HELLO_SIZE;
}

/* The walk's own ClientHello was answered; one as others send it was not. The verdict says how:
 * what such a client would meet. Wrong when a limit on connections hit just those. */
static bool other_hello_fails(const struct exchange *x, struct finding *f)
{
	static const enum verdict of[] = {
		[HEARD_SILENCE] = V_TLS_SILENT,
		[HEARD_LOST] = V_TLS_SILENT,
		[HEARD_RESET] = V_TLS_RESET,
		[HEARD_END] = V_TLS_CLOSED,
	};
	const struct trace_hello *other = other_hello(x);
	if (!other)
		return false;
	f->verdict = of[other->how];
	f->stage = STAGE_TLS;
	finding_cite_request(x, f);
	finding_cite(f, &x->server_hello, SAW_SERVER_HELLO, x->tls->version);
	finding_cite_looking(x, f, x->probe->hellos.text);
	finding_cause(f, cause_of_hello(x));
	return true;
}

/* ---- a quiet tunnel ------------------------------------------------------------------------- */

static void idle_causes(const struct exchange *x, struct finding *f)
{
	if (x->probe->idle->said_goodbye)
		finding_cause(f, CAUSE_ORIGIN_IDLE);
	else
		finding_cause(f, CAUSE_IDLE_LIMIT);
}

/* The quiet tunnel was ended, or outlived the quiet: good either way, now that it is known. Not so
 * where the state of it was dropped on the way without a word: what is then said in it goes
 * nowhere. Wrong where the origin closes without a closing alert, as some do on their own
 * time-outs: in the causes. */
static bool held_quiet(const struct exchange *x, struct finding *f)
{
	static const enum verdict after[] = {
		[IDLE_NOT_TESTED] = V_OK,
		[IDLE_ANSWERED] = V_OK,
		[IDLE_ACKNOWLEDGED] = V_TRANSFER_STALLED,
		[IDLE_UNANSWERED] = V_TRANSFER_STALLED,
		[IDLE_TEST_RST] = V_TRANSFER_RESET,
		[IDLE_TEST_FIN] = V_TRANSFER_TRUNCATED,
	};
	const struct trace_idle *i = x->probe->idle;
	if (!i)
		return false;
	struct mark begun = { .at = i->begun }, ended = { .at = i->ended };
	finding_cite(f, &begun, SAW_QUIET, (uint64_t)i->quiet);
	finding_cite(f, &ended, SAW_QUIET_END, 0);
	f->verdict = i->how == IDLE_INTERRUPTED ? V_OPEN : after[i->test];
	if (i->how == IDLE_FIN || i->how == IDLE_RST) {
		idle_causes(x, f);
	} else if (i->test == IDLE_UNANSWERED || i->test == IDLE_TEST_RST) {
		finding_cause(f, CAUSE_STATE_DROPPED);
		finding_cause(f, CAUSE_PROXY_CRASHED);
	} else if (i->test > IDLE_ANSWERED) {
		finding_cause(f, CAUSE_IDLE_LIMIT);
		finding_cause(f, CAUSE_ORIGIN_IDLE);
	}
	return true;
}

/* A body that comes in drops, for long enough to be no hiccup: what an inspection lets through so
 * that the client does not give up while it scans. Wrong for a link or an origin that are as slow.
 */
static bool trickles(const struct exchange *x, struct finding *f)
{
	const struct trace_flow *flow = &x->probe->flow;
	nanos took = flow->pieces ? span(flow->first, flow->last) : 0;
	bool slow = flow->bytes / 2000 < (uint64_t)(took / NANOS_PER_SECOND);
	bool more = x->response.body_length > 65536; /* unknown is more, too */
	if (took < LONG_SILENCE || flow->pieces < 5 || !slow || !more || x->response.complete)
		return false;
	finding_cite_request(x, f);
	finding_cite(f, &x->path[PROXY].last_data, SAW_LAST_DOWN, flow->bytes);
	finding_cite_end(x, f);
	f->slow = SLOW_TRANSFER;
	finding_cause(f, CAUSE_TRICKLE);
	finding_cause(f, CAUSE_SLOW_LINK);
	finding_cause(f, CAUSE_SLOW_ORIGIN);
	return !x->closed || x->closed_by == CLIENT;
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
	{ V_TLS_SILENT, CONFIDENCE_HIGH, other_hello_fails },
	{ V_OK, CONFIDENCE_HIGH, held_quiet },
	{ V_SLOW, CONFIDENCE_MEDIUM, trickles },
};
const struct rules RULES_PROBE = { RULES, sizeof RULES / sizeof *RULES, concern };

/* other-status: each redirect led to another, until the client had enough, or to where it can't go.
 * Wrong where it is the client that errs: its own words stand there. */
static bool led_astray(const struct exchange *x, struct finding *f)
{
	const struct trace_response *r = &x->response;
	if (!x->probe->complaint || !r->complete || r->status < 300 || !r->location.len)
		return false;
	finding_cite_request(x, f);
	finding_cite_looking(x, f, x->probe->complaint);
	finding_cause(f, CAUSE_REDIRECTS);
	return true;
}

/* client-aborted: nothing that was seen explains it, and yet the client could not use the answer.
 * Wrong where it is the client that errs: its own words stand there. */
static bool complained(const struct exchange *x, struct finding *f)
{
	if (!x->probe->complaint)
		return false;
	finding_cite_request(x, f);
	cite(x, f, x->probe->complaint);
	finding_cite_end(x, f);
	finding_cause(f, CAUSE_ANSWER_UNUSABLE);
	return true;
}

static const struct rule LAST[] = { { V_OTHER_STATUS, CONFIDENCE_HIGH, led_astray },
				    { V_CLIENT_ABORTED, CONFIDENCE_MEDIUM, complained } };
const struct rules RULES_COMPLAINT = { LAST, sizeof LAST / sizeof *LAST, concern };
