/* The TLS handshake in the tunnel. All of them need a ClientHello that was seen and a handshake
 * that did not settle, but for a certificate that an inspection signed. */
#include "diagnose/rules.h"

/* What inspection calls itself in the issuer. No public authority uses these words; brands that
 * also run or ran public authorities stand here with more than their name. */
static const char *const INSPECTORS[] = {
	"zscaler",
	"netskope",
	"fortigate",
	"fortinet",
	"fortiproxy",
	"palo alto",
	"forcepoint",
	"websense",
	"mcafee web",
	"skyhigh",
	"blue coat",
	"bluecoat",
	"proxysg",
	"cloud swg",
	"cisco umbrella",
	"ironport",
	"web security appliance",
	"sophos",
	"check point",
	"checkpoint",
	"barracuda",
	"watchguard",
	"sonicwall",
	"untangle",
	"smoothwall",
	"contentkeeper",
	"iboss",
	"menlo security",
	"cloudflare gateway",
	"gateway ca - cloudflare",
	"cloudflare for teams",
	"cato networks",
	"interscan",
	"kaspersky",
	"eset ssl filter",
	"avast web",
	"avg web",
	"bitdefender",
	"adguard",
	"mitmproxy",
	"portswigger",
	"charles proxy",
	"fiddler",
	"burp",
	"squid",
	"opnsense",
	"pfsense",
	"securly",
	"goguardian",
	"lightspeed",
	"safeweb",
	"inspection",
	"intercept",
	"decrypt",
	"mitm",
	"man in the middle",
	"ssl visibility",
	"forward trust",
	"forward untrust",
	"web gateway",
	"secure gateway",
	"security gateway",
	"content filter",
	"web filter",
	"firewall",
	" proxy",
	"=proxy",
	"proxy ca",
	"ssl scan",
};

static bool inspection_signed(const struct exchange *x)
{
	if (x->tls->certificates == 0)
		return false;
	if (x->probe && x->probe->other_issuer)
		return true;
	for (size_t i = 0; i < sizeof INSPECTORS / sizeof *INSPECTORS; i++) {
		if (says(x->tls->issuer, INSPECTORS[i]) || says(x->tls->top_issuer, INSPECTORS[i]))
			return true;
	}
	return false;
}

/* The client was the first to end it; the other side's FIN may overtake the client's own, which
 * stands behind the alert. */
static bool client_left(const struct exchange *x)
{
	return closed_by(x, CLIENT) ||
	       (x->tls->likely_alert && x->tls->likely_alert_from == CLIENT);
}

static bool client_rejected(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	if ((t->alert && t->alert_from == CLIENT) || (x->probe && x->probe->distrusted))
		return true;
	bool theirs = t->alert && t->alert_level == 2; /* the other side ended it */
	return !tls_settled(x) && !theirs && client_left(x) && x->path[CLIENT].missing == 0;
}

static void cite_handshake(const struct exchange *x, struct finding *f)
{
	finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
	finding_cite(f, &x->server_hello, SAW_SERVER_HELLO, x->tls->version);
	const struct event *e = x->tls->certificates ? trace_first(x, EV_CERTIFICATE) : NULL;
	if (e)
		finding_cite(f, &e->mark, SAW_CERTIFICATE, x->tls->certificates);
}

static void cite_alert(const struct exchange *x, struct finding *f)
{
	const struct event *e = trace_first(x, EV_ALERT);
	if (e)
		finding_cite(f, &e->mark, SAW_ALERT, x->tls->alert_what);
}

/* In TLS 1.3 the client's first encrypted record is its Finished, unless it has an alert's size.
 * Who had a second to refuse that and did not, or whom the client left first, refused nothing:
 * browsers make such connections in advance, and servers end them by their idle time-out. */
static bool finished_and_idle(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	return t->records[CLIENT] > 0 && mark_is(&x->tls_done) && !t->alert && !t->likely_alert &&
	       x->path[CLIENT].unacked == 0 &&
	       (closed_by(x, CLIENT) || span(x->tls_done.at, end_of(x)) >= SHORT_WAIT);
}

/* Where the client's records could not be followed, or the capture lost some, what it said behind
 * the server's hello may have been its Finished, and requests with it. */
bool tls_unfinished(const struct exchange *x)
{
	bool hidden = (x->tls->out_of_step[CLIENT] && mark_is(&x->tls_done)) ||
		      (x->tls->server_hello && x->path[CLIENT].missing > 0);
	return in_tls(x) && !tls_settled(x) && !hidden && !finished_and_idle(x) && !x->next_began;
}

/* The closing alert in a hello's stead. It may answer the client's own end: so it came before. */
static bool dismissed_hello(const struct exchange *x)
{
	return x->tls->close_notify[PROXY] && !x->tls->server_hello && !x->tls->alert &&
	       x->closed && x->path[PROXY].last_data.at <= x->close.at;
}

/* Where the client's records could not be followed, its last word may have been that it leaves. */
static bool ended_by_proxy(const struct exchange *x)
{
	bool unknown = x->tls->server_hello && x->tls->out_of_step[CLIENT];
	return (closed_by(x, PROXY) && !client_left(x) && !unknown) || dismissed_hello(x);
}

/* tls-intercepted: the issuer says inspection, and the client turned the certificate down. The
 * same certificate accepted is a warning, told last (rules_good.c). Wrong when an origin's private
 * authority has such a word in its name. */
static bool intercepted(const struct exchange *x, struct finding *f)
{
	if (!in_tls(x) || !inspection_signed(x) || !client_rejected(x))
		return false;
	cite_handshake(x, f);
	cite_alert(x, f);
	finding_cite_end(x, f);
	tls_cite_inspection(x, f);
	f->side = CLIENT;
	finding_cause(f, CAUSE_INSPECTION_UNTRUSTED);
	return true;
}

/* tls-untrusted: dates, name, or chain of the certificate are wrong, and the client turned it
 * down. Wrong when the capturing host's clock is: so the alert counts for more. */
static bool untrusted(const struct exchange *x, struct finding *f)
{
	const struct trace_tls *t = x->tls;
	if (!in_tls(x) || t->certificates == 0 || !client_rejected(x))
		return false;
	nanos now = mark_is(&x->server_hello) ? x->server_hello.at : x->first.at;
	if (x->from_text && now < 366 * 86400 * NANOS_PER_SECOND)
		now = NO_TIME; /* text without a date counts from 1970 */
	bool unknown_ca = t->alert && (t->alert_what == 48 || t->alert_what == 42);
	bool weak = x->probe && x->probe->weak_certificate;
	bool expired = now != NO_TIME ? t->not_after != NO_TIME && now > t->not_after
				      : t->alert && t->alert_what == 45;
	if (expired) {
		f->detail = "expired";
		finding_cause(f, CAUSE_EXPIRED);
	} else if (t->not_before != NO_TIME && now != NO_TIME && now < t->not_before) {
		f->detail = "not yet valid";
		finding_cause(f, CAUSE_NOT_YET_VALID);
	} else if (t->alert && t->alert_from == CLIENT && t->alert_what == 45) {
		f->detail = "valid itself, and one of those above it has expired";
		finding_cause(f, CAUSE_CHAIN_EXPIRED);
	} else if (weak) {
		f->detail = "too weak";
		finding_cause(f, CAUSE_WEAK_CERTIFICATE);
	} else if (t->name == NAME_DIFFERS) {
		f->detail = "for another name";
		finding_cause(f, CAUSE_WRONG_NAME);
	} else if (t->self_signed) {
		f->detail = "self-signed";
		finding_cause(f, CAUSE_SELF_SIGNED);
	} else if (t->incomplete && unknown_ca) {
		f->detail = "sent without its intermediate";
		finding_cause(f, CAUSE_CHAIN_INCOMPLETE);
		finding_cause(f, CAUSE_CLIENT_DISTRUSTS);
		finding_doubt(f);
	} else {
		return false;
	}
	if (!t->alert)
		finding_doubt(f);
	f->side = CLIENT;
	cite_handshake(x, f);
	cite_alert(x, f);
	finding_cite_end(x, f);
	return true;
}

/* tls-intercepted, by its shape: the leaf was issued by a self-signed certificate that was sent
 * along. Public authorities have intermediates; inspection, and private authorities, have not. */
static bool intercepted_by_shape(const struct exchange *x, struct finding *f)
{
	if (!in_tls(x) || x->tls->certificates == 0 || !x->tls->issued_by_top ||
	    x->tls->self_signed || !client_rejected(x))
		return false;
	cite_handshake(x, f);
	cite_alert(x, f);
	f->side = CLIENT;
	finding_cause(f, CAUSE_INSPECTION_UNTRUSTED);
	finding_cause(f, CAUSE_OWN_AUTHORITY);
	return true;
}

/* Whose alert speaks of a certificate speaks of the handshake. In TLS 1.3 a server has that of a
 * client only when the client has gone on to its request. */
static bool about_certificate(unsigned what)
{
	return (what >= 41 && what <= 49) || what == 116;
}

/* chosen: version and cipher were, before it. */
static void alert_causes(struct finding *f, unsigned what, enum trace_side from, bool chosen)
{
	switch (what) {
	case 40: /* handshake_failure */
		finding_cause(f, chosen && from == PROXY ? CAUSE_CLIENT_CERTIFICATE
							 : CAUSE_NO_COMMON_TLS);
		break;
	case 70: /* protocol_version */
	case 71: /* insufficient_security */
	case 47: /* illegal_parameter */
		finding_cause(f, CAUSE_NO_COMMON_TLS);
		break;
	case 112:
		finding_cause(f, CAUSE_NAME_UNKNOWN);
		break;
	case 48: /* unknown_ca */
	case 42: /* bad_certificate */
	case 43:
	case 46: /* certificate_unknown */
		finding_cause(f, from == CLIENT ? CAUSE_INSPECTION_UNTRUSTED
						: CAUSE_CLIENT_CERTIFICATE);
		if (from == CLIENT)
			finding_cause(f, CAUSE_CLIENT_DISTRUSTS);
		break;
	case 45:
		finding_cause(f, CAUSE_EXPIRED);
		break;
	case 44:
	case 49:
	case 116: /* certificate_required */
		finding_cause(f, CAUSE_CLIENT_CERTIFICATE);
		break;
	default:
		break;
	}
	if (from == PROXY)
		finding_cause(f, CAUSE_INSPECTION_BREAKS);
	finding_cause(f, CAUSE_ALERT_OTHER);
}

/* The client took leave of a server whose version it may not use: of the versions before 1.2, most
 * clients take none, whatever their alert calls that. What they say of a certificate is another
 * matter. */
static bool too_old(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	return t->alert_from == CLIENT && t->server_hello && t->version && t->version < 0x0303 &&
	       !about_certificate(t->alert_what);
}

/* The server's word on the client's Finished, within some of the round trips that the hellos took.
 */
static bool refuses_at_once(const struct exchange *x)
{
	nanos hellos = span(x->hello.at, x->server_hello.at);
	return span(x->tls_done.at, x->tunnel.last[PROXY].at) <
	       later(times(3, hellos), 100 * NANOS_PER_MS);
}

/* tls-alert: a fatal alert in the clear ended the handshake; or, in TLS 1.3, an encrypted record of
 * an alert's size did: the client's first, or all that the server ever said behind the handshake,
 * as where it wants a certificate of the client. A warning the handshake survived is none. Wrong
 * where the server takes data, answers none, and says at once that it closes: who takes longer
 * for it has read the request. */
static bool alert(const struct exchange *x, struct finding *f)
{
	const struct trace_tls *t = x->tls;
	bool fatal = t->alert && t->alert_level == 2;
	/* application data may have crossed in TLS 1.3 before a client's plain alert; and before
	   the server's on the client's Finished, which those read who end the TLS */
	bool crossed = t->alert_from == PROXY ? !mark_is(&t->last_app[PROXY])
					      : x->bytes[PROXY] > 0 && t->app_bytes[CLIENT] == 0;
	bool clear = (t->alert && (fatal || x->closed) && !tls_settled(x)) ||
		     (fatal && (crossed || about_certificate(t->alert_what)));
	/* the server's comes when the client, done with its part, has asked: for all that was seen
	   it is the first byte of the answer */
	bool refuses =
		t->likely_alert_from == PROXY ? refuses_at_once(x) : !mark_is(&x->first_byte);
	/* before TLS 1.3 those that refuse come in the clear */
	bool likely = !clear && t->likely_alert && t->version >= 0x0304 && refuses &&
		      x->path[t->likely_alert_from].missing == 0;
	if (!in_tls(x) || (!clear && !likely))
		return false;
	cite_handshake(x, f);
	f->side = clear ? t->alert_from : t->likely_alert_from;
	if (clear) {
		cite_alert(x, f);
		if (too_old(x))
			finding_cause(f, CAUSE_OLD_TLS);
		else
			alert_causes(f, t->alert_what, f->side, t->server_hello);
	} else {
		f->confidence = CONFIDENCE_MEDIUM;
		finding_cite(f, &x->tunnel.last[f->side], SAW_LIKELY_ALERT, 0);
		alert_causes(f, f->side == CLIENT ? 48 : 116, f->side, t->server_hello);
	}
	finding_cite_end(x, f);
	return true;
}

/* not-tls: the ClientHello was answered by something else, or the other side had spoken first.
 * Wrong when bytes are missing before what was seen. */
static bool not_tls(const struct exchange *x, struct finding *f)
{
	enum trace_protocol p = x->tunnel.answer;
	if (p == PROTO_NONE && x->tunnel.inner != PROTO_TLS)
		p = x->tunnel.inner;
	if (!in_tls(x) || x->tls->server_hello || p == PROTO_NONE || p == PROTO_TLS ||
	    x->tunnel.bytes[PROXY] == 0)
		return false;
	/* what stands behind a gap may be the end of a head */
	bool known = p != PROTO_UNKNOWN && p != PROTO_TEXT;
	if (!known && (has_gaps(x, PROXY) || x->path[PROXY].hole > 0 || !x->both_ways))
		return false;
	finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
	const struct event *e = trace_first(x, EV_NOT_TLS);
	finding_cite(f, e ? &e->mark : &x->tunnel.first[PROXY], SAW_NOT_TLS, p);
	finding_cite_end(x, f);
	/* a 2xx to CONNECT has no content, and so no type of it (RFC 9110, section 9.3.6) */
	if (x->response.content_type.len)
		finding_cause(f, CAUSE_PAGE_FOR_TUNNEL);
	else if (p == PROTO_HTTP)
		finding_cause(f, CAUSE_PROXY_PAGE_IN_TUNNEL);
	finding_cause(f, CAUSE_NOT_TLS_PORT);
	if (p == PROTO_UNKNOWN)
		finding_doubt(f);
	return true;
}

/* The answer to the hello may be there and unseen. */
static bool answer_may_be_hidden(const struct exchange *x)
{
	return !x->both_ways || x->path[PROXY].missing > 0 ||
	       (x->tunnel.bytes[PROXY] > 0 && !x->tls->server_hello && !dismissed_hello(x));
}

/* Hellos of other shapes were tried: true where they tell why this one had no answer. */
static bool shapes_tell(const struct exchange *x, struct finding *f)
{
	if (size_is_ruled_out(x) && !x->probe->hellos.looked)
		finding_cite_looking(x, f, x->probe->mtu.text);
	if (!x->probe || !x->probe->hellos.looked)
		return false;
	finding_cite_looking(x, f, x->probe->hellos.text);
	if (hello_passes(x, SHAPE_NAMELESS) && hello_fails(x, SHAPE_SMALL)) {
		finding_cause(f, CAUSE_NAME_PROVED);
		return true;
	}
	if (hello_passes(x, SHAPE_SMALL)) {
		finding_cause(f, CAUSE_HELLO_ITSELF);
		return true;
	}
	return false;
}

/* No shape got an answer, and none of them has a name or is large: neither is the reason. */
static bool shape_is_ruled_out(const struct exchange *x)
{
	return x->probe && x->probe->hellos.looked && hello_fails(x, SHAPE_SMALL) &&
	       hello_fails(x, SHAPE_NAMELESS);
}

static void name_causes(const struct exchange *x, struct finding *f)
{
	if (!shape_is_ruled_out(x))
		finding_cause(f, CAUSE_SNI_POLICY);
}

static void hello_causes(const struct exchange *x, struct finding *f)
{
	if (x->tls->hello_segments > 1 || x->tls->post_quantum)
		finding_cause(f, CAUSE_BIG_HELLO);
}

/* tls-reset: a RST from the proxy's side between the hello and the end of the handshake. */
static bool tls_reset(const struct exchange *x, struct finding *f)
{
	if (!tls_unfinished(x) || !ended_by_proxy(x) || !x->by_reset || answer_may_be_hidden(x) ||
	    x->path[PROXY].hole > 0)
		return false;
	cite_handshake(x, f);
	finding_cite_end(x, f);
	if (shapes_tell(x, f))
		return true;
	hello_causes(x, f);
	name_causes(x, f);
	finding_cause(f, CAUSE_INSPECTION_BREAKS);
	finding_cause(f, CAUSE_ORIGIN_RESET);
	return true;
}

/* tls-closed: the same by FIN. After five seconds and more it is the end of a silence. */
static bool tls_closed(const struct exchange *x, struct finding *f)
{
	if (!tls_unfinished(x) || !ended_by_proxy(x) || x->by_reset || answer_may_be_hidden(x) ||
	    x->path[PROXY].hole > 0)
		return false;
	cite_handshake(x, f);
	finding_cite_end(x, f);
	if (shapes_tell(x, f))
		return true;
	hello_causes(x, f);
	finding_cause(f, CAUSE_ORIGIN_RESET_AS_FIN);
	finding_cause(f, CAUSE_ORIGIN_CLOSED_HELLO);
	name_causes(x, f);
	finding_cause(f, CAUSE_INSPECTION_BREAKS);
	finding_cite_onward(x, f);
	return true;
}

/* tls-silent: the hello was taken and nothing came, until the client gave up or for five seconds.
 * Wrong when the answer was lost in an MTU hole without a trace: in the causes. A hello that was
 * never acknowledged is the path's fault, which the confidence and the causes say. */
static bool tls_silent(const struct exchange *x, struct finding *f)
{
	if (!tls_unfinished(x) || answer_may_be_hidden(x) || x->tls->server_hello)
		return false;
	nanos waited = span(x->hello.at, end_of(x));
	bool gave_up = closed_by(x, CLIENT) && waited >= SHORT_WAIT;
	if (!gave_up && waited < LONG_SILENCE)
		return false;
	cite_handshake(x, f);
	finding_cite_onward(x, f);
	finding_cite_end(x, f);
	if (shapes_tell(x, f))
		return true;
	hello_causes(x, f);
	if (x->path[CLIENT].unacked > 0 && !x->tls->hello_acked) {
		f->confidence = CONFIDENCE_LOW;
		finding_cause(f, CAUSE_PATH_DIED);
	}
	if (waited < LONG_SILENCE)
		finding_doubt(f);
	finding_cause(f, CAUSE_ORIGIN_HANGS);
	finding_cause(f, CAUSE_INSPECTION_HOLDS);
	name_causes(x, f);
	if (!size_is_ruled_out(x))
		finding_cause(f, CAUSE_MTU_POSSIBLE);
	return true;
}

/* A handshake that stopped after the ServerHello: a stall where it lasted, else the client's own
 * doing. A client that closes without an alert mostly rejects the certificate so. */
static bool handshake_left(const struct exchange *x, struct finding *f)
{
	if (!tls_unfinished(x) || has_gaps(x, PROXY) || !x->both_ways)
		return false;
	nanos word = later(later(x->hello.at, x->server_hello.at), x->path[PROXY].last_data.at);
	nanos quiet = span(word, end_of(x));
	bool stalled = x->tls->server_hello && quiet >= LONG_SILENCE && quiet >= ten_rtt(x);
	if (!stalled && !client_left(x))
		return false;
	cite_handshake(x, f);
	finding_cite_end(x, f);
	f->stage = STAGE_TLS;
	if (stalled) {
		f->verdict = V_TRANSFER_STALLED;
		f->side = PROXY;
		finding_cause(f, CAUSE_PLAIN_LOSS);
		if (!size_is_ruled_out(x))
			finding_cause(f, CAUSE_MTU_POSSIBLE);
		finding_cause(f, CAUSE_INSPECTION_BREAKS);
		return true;
	}
	finding_cause(f, x->tls->server_hello ? CAUSE_QUIET_REJECTION : CAUSE_CLIENT_IMPATIENT);
	finding_cause(f, CAUSE_CLIENT_STOPPED);
	return true;
}

/* unclear: the client turned a certificate down that the capture cut off. TLS 1.2 shows it, so
 * whether it was an inspection's, or expired, stood there. */
static bool unseen_certificate(const struct exchange *x, struct finding *f)
{
	const struct trace_tls *t = x->tls;
	bool about_it =
		t->alert && t->alert_from == CLIENT && t->alert_what >= 42 && t->alert_what <= 48;
	if (!in_tls(x) || !about_it || t->certificates || !has_gaps(x, PROXY) ||
	    t->version >= 0x0304)
		return false;
	f->detail = "the client turned the certificate down, and the capture does not hold it";
	cite_handshake(x, f);
	cite_alert(x, f);
	return true;
}

/* A ClientHello went into a tunnel. */
static bool concern(const struct exchange *x)
{
	return in_tls(x);
}

static const struct rule RULES[] = {
	{ V_TLS_INTERCEPTED, CONFIDENCE_HIGH, intercepted },
	{ V_TLS_UNTRUSTED, CONFIDENCE_HIGH, untrusted },
	{ V_TLS_INTERCEPTED, CONFIDENCE_LOW, intercepted_by_shape },
	{ V_UNCLEAR, CONFIDENCE_MEDIUM, unseen_certificate },
	{ V_TLS_ALERT, CONFIDENCE_HIGH, alert },
	{ V_NOT_TLS, CONFIDENCE_HIGH, not_tls },
	{ V_TLS_RESET, CONFIDENCE_HIGH, tls_reset },
	{ V_TLS_CLOSED, CONFIDENCE_HIGH, tls_closed },
	{ V_TLS_SILENT, CONFIDENCE_HIGH, tls_silent },
	{ V_CLIENT_ABORTED, CONFIDENCE_LOW, handshake_left },
};
const struct rules RULES_TLS = { RULES, sizeof RULES / sizeof *RULES, concern };

/* For rules_good.c: the warning where all went well. */
bool tls_was_inspected(const struct exchange *x)
{
	return x->tls->certificates > 0 && inspection_signed(x);
}

void tls_cite_inspection(const struct exchange *x, struct finding *f)
{
	f->answered_by = ANSWERER_INSPECTION;
	if (!x->probe || !x->probe->other_issuer) {
		finding_cause(f, CAUSE_KNOWN_INSPECTION);
		return;
	}
	f->detail = x->probe->other_issuer;
	finding_cite(f, &x->last, SAW_PROBE, 0);
	finding_cause(f, CAUSE_OTHER_ISSUER);
}
