/* A finding in words, with this exchange's own figures. Every text is written into one block on the
 * stack and copied to the arena once. */
#include "diagnose/phrases.h"

#include <string.h>

/* ---- summaries of several forms
 * ------------------------------------------------------------------ */

static void tell_ok(struct telling *t)
{
	const struct exchange *x = t->x;
	if (t->f->detail) {
		phrase_tell(t, t->f->detail);
		return;
	}
	phrase_tell(t,
		    x->response.status ? "%m %t was answered with %s in %W" : "%m %t went through");
	if (!x->tunnel.open) {
		if (x->request.body_bytes) {
			phrase_put(t, ", ");
			phrase_put_number(t, x->request.body_bytes);
			phrase_put(t, " bytes of body up and ");
			phrase_put_number(t, x->response.body_bytes);
			phrase_put(t, " down");
		} else if (x->response.body_bytes) {
			phrase_put(t, ", ");
			phrase_put_number(t, x->response.body_bytes);
			phrase_put(t, " bytes of body");
		}
		return;
	}
	if (x->tls->hello && tls_settled(x))
		phrase_put(t, x->closed ? ", TLS began, " : ", TLS runs, ");
	else
		phrase_put(t, ", ");
	if (!x->tls->hello && x->tunnel.inner > PROTO_NONE) {
		phrase_put(t, trace_protocol_name(x->tunnel.inner));
		phrase_put(t, " inside, ");
	}
	phrase_put_number(t, x->tunnel.bytes[CLIENT]);
	phrase_put(t, " bytes up and ");
	phrase_put_number(t, x->tunnel.bytes[PROXY]);
	phrase_put(t, " down in the tunnel");
}

static void tell_open(struct telling *t)
{
	const struct exchange *x = t->x;
	const char *where = "the connection to %p was being made";
	if (has_request(x) && x->response.status == 0)
		where = "the request %m %t was under way";
	else if (x->tunnel.open && x->tls->hello && !x->tls->server_hello)
		where = "the tunnel to %t was open (%s after %W) and TLS was beginning";
	else if (x->tunnel.open)
		where = "the tunnel to %t was open (%s after %W), %D bytes had come";
	else if (x->response.status)
		where = "the answer to %m %t (%s after %W) was under way";
	else if (mark_is(&x->syn_ack))
		where = "the connection to %p was made, and nothing asked yet";
	phrase_tell(t, where);
	phrase_put(t, " when the observation ended");
}

static void tell_unreachable(struct telling *t)
{
	if (t->x->probe && t->x->probe->no_route) {
		phrase_tell(t, "this host can't reach %p: %x");
		return;
	}
	if (t->x->icmp->unreachable) {
		phrase_tell(t, "%p cannot be reached from %c: %I answered the SYN with ICMP %N");
		return;
	}
	phrase_tell(t, "%p did not answer the SYN from %c, sent ");
	buffer_add_u64(&t->out, t->x->syns);
	phrase_tell(t, t->x->syns == 1 ? " time" : " times");
}

static void tell_not_a_proxy(struct telling *t)
{
	if (t->x->response.status == 0) {
		phrase_tell(t, "%p answered ");
		phrase_tell(t, "%m %t with ");
		phrase_put(t, t->x->answer <= PROTO_NONE ? "something that is not HTTP"
							 : trace_protocol_name(t->x->answer));
		phrase_put(t, t->x->answer <= PROTO_NONE ? "" : ", not with HTTP");
		return;
	}
	phrase_tell(t, "%p is a web server (");
	phrase_put_foreign_or(t, t->x->response.server, "by its answer");
	phrase_tell(t, "), no proxy: it answered %m %t with %s%r");
}

static void tell_intercepted(struct telling *t)
{
	phrase_tell(t, "the certificate for %i was issued by %z, ");
	phrase_put(t, t->f->answered_by == ANSWERER_INSPECTION
			      ? "an inspection"
			      : "which was sent along and signed itself");
	phrase_put(t, t->f->side == CLIENT ? ", and the client turned it down"
					   : "; the client accepted it");
}

static void tell_black_hole(struct telling *t)
{
	const struct exchange *x = t->x;
	const struct trace_path *p = &x->path[t->f->side];
	uint32_t failed = phrase_failing_size(t);
	bool up = t->f->side == CLIENT;
	phrase_put(t, up ? "large segments from the client to the proxy are lost"
			 : "large segments from the proxy to the client are lost");
	if (x->probe && x->probe->mtu.way[t->f->side].how == SIZE_BOUNDARY) {
		phrase_put(t, x->probe->mtu.broke ? "" : " (this walk had none to send)");
		phrase_tell(t, ": with an MSS of %f all goes through, with one byte more it does "
			       "not, so the MTU is %g; the leg is the one between client and "
			       "proxy");
		return;
	}
	if (p->unacked > 0 && p->stuck_times >= 3) {
		phrase_put(t, ": ");
		phrase_put_number(t, failed);
		phrase_put(t, " bytes were sent ");
		buffer_add_u64(&t->out, p->stuck_times);
		phrase_put(t, " times and never acknowledged");
	} else if (p->large >= 3 && p->unacked > 0) {
		phrase_put(t, ": ");
		buffer_add_u64(&t->out, p->large);
		phrase_put(t, " of ");
		phrase_put_number(t, failed);
		phrase_put(t, " bytes were sent and none acknowledged");
	} else {
		phrase_put(t, ": ");
		phrase_put_number(t, p->hole);
		phrase_put(t, " bytes were sent and never arrived");
		if (failed) {
			phrase_put(t, " (full segments are ");
			phrase_put_number(t, failed);
			phrase_put(t, " bytes)");
		}
	}
	if (p->largest_passed) {
		phrase_put(t, ", while up to ");
		phrase_put_number(t, p->largest_passed);
		phrase_put(t, " bytes passed");
	} else {
		phrase_put(t, ", while empty ones passed");
	}
	if (!t->x->view->seen)
		phrase_put(t, "; the leg is the one between client and proxy");
}

static void tell_denied(struct telling *t)
{
	if (t->x->tunnel.open) /* our own proxy alone knows that it was this */
		phrase_tell(t, "%! cut the tunnel to %t, %7 after its ClientHello");
	else
		phrase_tell(t, VERDICT_WORDS[V_DENIED].summary);
}

static void tell_aborted(struct telling *t)
{
	const char *how = t->x->by_reset ? "reset" : "closed";
	if (t->f->detail) {
		phrase_tell(t, "the client could not make use of the answer to %m %t: %x");
		return;
	}
	phrase_put(t, "the client itself ");
	phrase_put(t, how);
	if (t->f->stage == STAGE_REQUEST)
		phrase_tell(t, " %W after the request %m %t, before an answer");
	else if (t->f->stage == STAGE_TLS)
		phrase_tell(t, " %7 after its ClientHello for %i, in the handshake");
	else
		phrase_tell(t, " after %~, %T after the start, before the end%0");
}

static void tell_lost(struct telling *t)
{
	const struct trace_path *up = &t->x->path[CLIENT];
	bool begun = up->bytes > up->unacked;
	phrase_tell(t, begun ? "the rest of the request %m %t, " : "the request %m %t ");
	if (begun) {
		phrase_put_number(t, up->unacked);
		phrase_put(t, " bytes behind ");
		phrase_put_number(t, up->bytes - up->unacked);
		phrase_put(t, ", ");
	}
	phrase_tell(t, "was sent %6 times and never acknowledged by %p");
}

/* A request that was cut off in its body, by whomever. */
static void tell_body_sent(struct telling *t)
{
	const struct trace_request *q = &t->x->request;
	if (t->f->stage == STAGE_REQUEST && waits_for_leave(t->x) && !answered(t->x))
		phrase_put(t, "; the client held the body back for a 100 Continue");
	if (t->f->stage != STAGE_REQUEST || q->complete || q->body_bytes == 0 ||
	    has_gaps(t->x, CLIENT))
		return;
	phrase_put(t, "; ");
	phrase_put_number(t, q->body_bytes);
	if (q->body_length != UINT64_MAX) {
		phrase_put(t, " of ");
		phrase_put_number(t, q->body_length);
	}
	phrase_put(t, " bytes of the request's body had been sent");
}

static void tell_stalled(struct telling *t)
{
	const struct trace_path *p = &t->x->path[t->f->side];
	if (!never_acked(t->x, t->f->side)) {
		phrase_tell(t, "after %~ nothing more came for %L%5");
		return;
	}
	phrase_tell(t, "what %V sent last for %m %t was sent ");
	buffer_add_u64(&t->out, p->stuck_times);
	phrase_put(t, " times and never acknowledged in ");
	phrase_put_span(t, span(p->stuck_first.at, end_of(t->x)));
	phrase_tell(t, "%5");
}

static void tell_slow(struct telling *t)
{
	const struct exchange *x = t->x;
	switch (t->f->slow) {
	case SLOW_CONNECT:
		phrase_put(t, "connecting to the proxy took ");
		phrase_put_span(t, span(x->syn.at, x->syn_ack.at));
		break;
	case SLOW_WAIT:
		phrase_tell(t, "the answer to %m %t took %W");
		break;
	case SLOW_TLS:
		phrase_put(t, "the TLS handshake took ");
		phrase_put_span(t, span(x->hello.at, x->tls_done.at));
		break;
	case SLOW_FIRST_BYTE:
		phrase_put(t, "the first data in the tunnel took ");
		phrase_put_span(t, span(x->first_app_up.at, x->first_byte.at));
		break;
	case SLOW_TRANSFER:
		phrase_put(t, "the body took ");
		phrase_put_span(t,
				span(x->response_start.at,
				     mark_is(&x->response_end) ? x->response_end.at : end_of(x)));
		phrase_put(t, " for ");
		phrase_put_number(t, x->response.body_bytes);
		phrase_put(t, " bytes");
		break;
	case SLOW_NONE:
		phrase_put(t, "one stage was slow");
		break;
	}
	if (x->rtt != NO_TIME) {
		phrase_put(t, "; a round trip takes ");
		phrase_put_span(t, x->rtt);
	}
}

/* With the proxy itself, so that there is no tunnel yet and no target. */
static bool tell_outer(struct telling *t)
{
	const struct trace_probe *p = t->x->probe;
	if (!p || p->outer <= OUTER_DONE)
		return false;
	phrase_tell(t, "the TLS handshake with the proxy %p itself failed: %x");
	return true;
}

/* The same, overheard; and SOCKS in its place. */
static bool tell_otherwise(struct telling *t)
{
	enum trace_protocol spoken = spoken_to_proxy(t->x);
	if ((spoken != PROTO_TLS && spoken != PROTO_SOCKS) || !t->f->detail)
		return false;
	phrase_tell(t, spoken == PROTO_TLS ? "the TLS handshake with the proxy %p itself failed: "
					     "the ClientHello was %x"
					   : "%c spoke SOCKS to the proxy %p, and was %x");
	if (t->x->response.status)
		phrase_tell(t, " (%s)");
	return true;
}

/* This walk's own ClientHello was answered. */
static bool tell_other_hello(struct telling *t)
{
	const struct trace_hello *h = other_hello(t->x);
	if (!h)
		return false;
	bool split = h == &t->x->probe->hellos.of[SHAPE_SPLIT];
	phrase_tell(t, "a ClientHello for %i of %l is answered, and one of ");
	phrase_put_number(t, h->bytes);
	phrase_put(t, split ? " bytes in two segments " : " bytes ");
	phrase_put(t, h->how == HEARD_RESET  ? "is reset"
		      : h->how == HEARD_END  ? "makes the other side close"
		      : h->how == HEARD_LOST ? "is never acknowledged"
					     : "is not answered");
	return true;
}

/* Of a tunnel that was held quiet on purpose. */
static bool tell_idle(struct telling *t)
{
	static const char *const ends[] = {
		[IDLE_HELD] = "the tunnel to %t was held quiet for ",
		[IDLE_INTERRUPTED] = "the quiet tunnel to %t was still open after ",
		[IDLE_FIN] = "the proxy's side closed the quiet tunnel to %t after ",
		[IDLE_RST] = "the proxy's side reset the quiet tunnel to %t after ",
	};
	static const char *const tests[] = {
		[IDLE_NOT_TESTED] = "",
		[IDLE_ANSWERED] = ", and works still",
		[IDLE_ACKNOWLEDGED] = ", and what was then said in it was not answered",
		[IDLE_UNANSWERED] = ", and what was then said in it was not even acknowledged",
		[IDLE_TEST_RST] = ", and what was then said in it was answered by a reset",
		[IDLE_TEST_FIN] = ", and was closed when something was said in it",
	};
	const struct trace_idle *i = idle_of(t->x);
	if (!i)
		return false;
	phrase_tell(t, ends[i->how]);
	phrase_put_span(t, i->quiet);
	phrase_put(t, tests[i->test]);
	return true;
}

static void tell_summary(struct telling *t)
{
	if (tell_outer(t) || tell_otherwise(t) || tell_other_hello(t) || tell_idle(t))
		return;
	switch (t->f->verdict) {
	case V_OK:
		tell_ok(t);
		break;
	case V_OPEN:
		tell_open(t);
		break;
	case V_PROXY_UNREACHABLE:
		tell_unreachable(t);
		break;
	case V_NOT_A_PROXY:
		tell_not_a_proxy(t);
		break;
	case V_TLS_INTERCEPTED:
		tell_intercepted(t);
		break;
	case V_MTU_BLACK_HOLE:
		tell_black_hole(t);
		break;
	case V_DENIED:
		tell_denied(t);
		break;
	case V_CLIENT_ABORTED:
		tell_aborted(t);
		break;
	case V_REQUEST_LOST:
		tell_lost(t);
		break;
	case V_RECEIVER_STALLED:
		phrase_tell(t, "%V had no room for data (zero window) and held the transfer ");
		phrase_tell(t, t->f->side == PROXY ? "up, after %~" : "from %t up");
		break;
	case V_TRANSFER_STALLED:
		tell_stalled(t);
		break;
	case V_SLOW:
		tell_slow(t);
		break;
	default:
		phrase_tell(t, VERDICT_WORDS[t->f->verdict].summary);
		break;
	}
	tell_body_sent(t);
	if (own_reason(t->x))
		phrase_tell(t, "; %@");
	phrase_put(t, finding_leg(t->x, t->f));
	if (t->x->path[CLIENT].urgent || t->x->path[PROXY].urgent)
		phrase_put(t, " (TCP's urgent pointer was ignored)");
	if (t->x->from_text)
		phrase_put(t, " (from text, which shows less than packets do)");
}

/* ---- putting it together
 * -------------------------------------------------------------------------- */

/* The strings lie one after the other in the block; here, where each begins. */
enum { NOWHERE = SIZE_MAX };

struct places {
	size_t summary;
	size_t evidence[FINDING_MAX_CITED], cause[FINDING_MAX_CAUSES], remedy[FINDING_MAX_CAUSES];
	size_t evidences, causes, remedies;
};

/* Begins a string; it counts only once `finish` has found that it fit. */
static size_t begin(const struct telling *t)
{
	return t->out.len;
}

static bool finish(struct telling *t, size_t from)
{
	phrase_put_byte(t, 0);
	if (!t->out.failed)
		return true;
	t->out.failed = false;
	t->out.len = from;
	return false;
}

/* A cause that has nothing to say here: the dialect or the catalogue has no entry. */
static bool is_mute(const struct telling *t, enum cause c)
{
	switch (c) {
	case CAUSE_PRODUCT_SAYS:
		return !dialect_meaning(t->f->dialect, t->x->response.status, &t->x->response);
	case CAUSE_HTTP_CODE:
		return !catalogue_code(t->x->response.status);
	case CAUSE_ALERT_OTHER:
		return !t->x->tls->alert;
	case CAUSE_OWN_REASON:
	case CAUSE_OWN_RULE:
		return !own_reason(t->x);
	case CAUSE_ANSWER_UNUSABLE:
		return !t->f->detail;
	case CAUSE_BIG_HELLO:
		return t->x->tls->hello_bytes == 0;
	default:
		return c <= CAUSE_NONE || c >= CAUSE_COUNT_;
	}
}

static bool tell_causes(struct telling *t, struct places *at)
{
	bool fit = true;
	for (size_t i = 0; i < t->f->causes; i++) {
		if (is_mute(t, t->f->cause[i]))
			continue;
		size_t from = begin(t);
		phrase_tell(t, CAUSE_WORDS[t->f->cause[i]].text);
		if (finish(t, from))
			at->cause[at->causes++] = from;
		else
			fit = false;
	}
	return fit;
}

static bool tell_remedy(struct telling *t, struct places *at, const char *text)
{
	if (!text || at->remedies == FINDING_MAX_CAUSES)
		return true;
	size_t from = begin(t);
	phrase_tell(t, text);
	if (!finish(t, from))
		return false;
	for (size_t i = 0; i < at->remedies; i++) {
		if (strcmp((char *)t->block + at->remedy[i], (char *)t->block + from) == 0) {
			t->out.len = from;
			return true;
		}
	}
	at->remedy[at->remedies++] = from;
	return true;
}

static const char RESUMES[] =
	"on the client: let it resume (curl -C -): the rest was to be had by Range";

static bool tell_remedies(struct telling *t, struct places *at)
{
	const struct verdict_words *w = &VERDICT_WORDS[t->f->verdict];
	bool fit = true;
	for (size_t i = 0; i < t->f->causes; i++) {
		enum cause c = t->f->cause[i];
		if (!is_mute(t, c))
			fit = tell_remedy(t, at, CAUSE_WORDS[c].remedy) && fit;
	}
	for (size_t i = 0; i < sizeof w->remedy / sizeof *w->remedy; i++)
		fit = tell_remedy(t, at, w->remedy[i]) && fit;
	const struct trace_download *again = download_of(t->x);
	if (again && again->completed)
		fit = tell_remedy(t, at, RESUMES) && fit;
	if (at->remedies > 0 || w->severity != SEVERITY_FAILURE)
		return fit;
	const struct code_words *c = catalogue_code(t->x->response.status);
	return tell_remedy(t, at,
			   c ? c->remedy : "on the proxy: look in its log for %c at this time") &&
	       fit;
}

static bool tell_evidence(struct telling *t, struct places *at, struct evidence *evidence)
{
	bool fit = true;
	for (size_t i = 0; i < t->f->cites; i++) {
		unsigned saw = t->f->saw[i];
		size_t from = begin(t);
		t->figure = t->f->figure[i];
		phrase_tell(t, SIGHT_WORDS[saw < SIGHT_COUNT_ ? saw : SAW_NOTHING]);
		if (!finish(t, from)) {
			fit = false;
			continue;
		}
		evidence[at->evidences].mark = t->f->cited[i];
		evidence[at->evidences].file = saw == SAW_ONWARD_SYN || saw == SAW_ONWARD_END
						       ? t->x->onward->file
						       : t->x->file;
		at->evidence[at->evidences++] = from;
	}
	return fit;
}

static const char *answerer_name(enum answerer a)
{
	static const char *const names[] = { NULL, "proxy", "parent", "inspection", "origin" };
	return (unsigned)a < sizeof names / sizeof *names ? names[a] : NULL;
}

static void place(struct diagnosis *d, const struct places *at, const char *text)
{
	d->summary = at->summary == NOWHERE ? verdict_meaning(d->verdict) : text + at->summary;
	for (size_t i = 0; i < at->evidences; i++)
		d->evidence[i].what = text + at->evidence[i];
	for (size_t i = 0; i < at->causes; i++)
		d->cause[i] = text + at->cause[i];
	for (size_t i = 0; i < at->remedies; i++)
		d->remedy[i] = text + at->remedy[i];
	d->evidences = at->evidences;
	d->causes = at->causes;
	d->remedies = at->remedies;
}

bool diagnose_explain(const struct exchange *x, const struct finding *f, struct arena *arena,
		      struct diagnosis *ret_diagnosis)
{
	struct telling t;
	struct places at;
	struct diagnosis *d = ret_diagnosis;
	at.summary = NOWHERE;
	at.evidences = at.causes = at.remedies = 0;
	memset(d, 0,
	       offsetof(struct diagnosis, evidence)); /* of the lists the counts tell what holds */
	d->verdict = f->verdict;
	d->stage = f->stage;
	d->severity = diagnose_severity(f);
	d->confidence = f->confidence;
	bool named = f->dialect > DIALECT_UNKNOWN && f->dialect < DIALECT_WEB_SERVER;
	d->product = named ? DIALECT_WORDS[f->dialect].name : NULL;
	d->answered_by = answerer_name(f->answered_by);

	t.x = x;
	t.f = f;
	t.figure = 0;
	t.out = (struct buffer){ .at = t.block, .room = PHRASE_BLOCK, .limit = PHRASE_BLOCK };
	tell_summary(&t);
	bool fit = finish(&t, 0);
	if (fit)
		at.summary = 0;
	fit = tell_evidence(&t, &at, d->evidence) && fit;
	t.figure = 0;
	fit = tell_causes(&t, &at) && fit;
	fit = tell_remedies(&t, &at) && fit;

	char *text = t.out.len ? arena_take(arena, t.out.len) : NULL;
	if (!text) {
		d->summary = verdict_meaning(f->verdict);
		return false;
	}
	memcpy(text, t.block, t.out.len);
	place(d, &at, text);
	return fit;
}
