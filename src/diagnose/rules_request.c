/* The request and its answer: none, no HTTP, or a status that refuses. */
#include "diagnose/rules.h"

/* What a status alone says. */
static enum verdict verdict_of(unsigned status)
{
	switch (status) {
	case 400:
		return V_BAD_REQUEST;
	case 401:
		return V_UNAUTHORIZED;
	case 403:
	case 451:
		return V_DENIED;
	case 404:
		return V_NOT_FOUND;
	case 405:
		return V_METHOD_REFUSED;
	case 413:
		return V_TOO_LARGE;
	case 429:
		return V_RATE_LIMITED;
	case 502:
		return V_BAD_GATEWAY;
	case 503:
		return V_UNAVAILABLE;
	case 504:
		return V_GATEWAY_TIMEOUT;
	case 500:
	case 501:
	case 505:
	case 506:
	case 507:
	case 508:
	case 510:
		return V_SERVER_ERROR;
	default:
		return V_OTHER_STATUS;
	}
}

/* The client spoke TLS or SOCKS to a port where HTTP is spoken: a URL of the proxy with the wrong
 * scheme. The verdict is the one of a check that does so. Wrong when the port speaks both: so it
 * takes an answer in HTTP, or that the proxy ended it, and of that with less confidence. */
static bool spoke_otherwise(const struct exchange *x, struct finding *f)
{
	enum trace_protocol spoken = spoken_to_proxy(x);
	bool tls = spoken == PROTO_TLS, http = x->answer == PROTO_HTTP;
	if ((!tls && spoken != PROTO_SOCKS) || (!http && !closed_by(x, PROXY)))
		return false;
	unsigned status = x->response.status;
	if (http)
		f->verdict = tls ? V_NOT_TLS : status >= 400 ? verdict_of(status) : V_BAD_REQUEST;
	else if (x->by_reset)
		f->verdict = tls ? V_TLS_RESET : V_PROXY_RESET;
	else
		f->verdict = tls ? V_TLS_CLOSED : V_PROXY_CLOSED;
	if (!http)
		f->confidence = CONFIDENCE_MEDIUM;
	f->side = PROXY;
	f->answered_by = ANSWERER_PROXY;
	f->detail = http          ? "answered in HTTP"
		    : x->by_reset ? "answered by a reset"
				  : "answered by a close";
	finding_cite(f, &x->syn_ack, SAW_SYN_ACK, 0);
	finding_cite(f, &x->path[CLIENT].first_data, SAW_NO_REQUEST, spoken);
	if (http)
		finding_cite(f, &x->response_start, tls ? SAW_NOT_TLS : SAW_RESPONSE, PROTO_HTTP);
	finding_cite_end(x, f);
	finding_cause(f, tls ? CAUSE_PLAIN_PROXY : CAUSE_SOCKS_TO_HTTP);
	if (!http)
		finding_cause(f, tls ? CAUSE_NO_COMMON_TLS : CAUSE_PROXY_REFUSES_QUIETLY);
	return true;
}

/* Is there an answer that the observer merely did not get to see? Then silence proves nothing. */
static bool answer_may_be_hidden(const struct exchange *x)
{
	bool interim = x->interims > 0 && !mark_is(&x->response_start); /* is all that came */
	bool came = x->bytes[PROXY] > 0 || x->path[PROXY].bytes > 0;
	return !x->both_ways || x->answer_hidden || x->path[PROXY].missing > 0 ||
	       (came && !interim) || (x->began_late && !has_request(x));
}

/* request-lost: what was sent first is still not acknowledged after repeats.
 * Wrong when the observation ended with the first repeat (so a second must have passed), or when
 * only the client's packets were captured. */
static bool request_lost(const struct exchange *x, struct finding *f)
{
	const struct trace_path *up = &x->path[CLIENT];
	if (!has_request(x) || answered(x) || answer_may_be_hidden(x) || mark_is(&x->request_acked))
		return false;
	if (up->unacked == 0 || up->stuck_times < 2)
		return false;
	nanos tried = span(up->stuck_first.at, later(end_of(x), up->stuck_last.at));
	if (tried < SHORT_WAIT || (up->stuck_times < 3 && tried < LONG_SILENCE))
		return false;
	finding_cite(f, &x->syn_ack, SAW_SYN_ACK, 0);
	finding_cite_request(x, f);
	finding_cite(f, &up->stuck_last, SAW_STUCK_LAST, up->stuck_times);
	finding_cite_end(x, f);
	finding_cause(f, CAUSE_PATH_DIED);
	finding_cause(f, CAUSE_FIREWALL_STATE);
	finding_cause(f, CAUSE_PROXY_CRASHED);
	return true;
}

/* No request at all: the handshake, and then the proxy ended it. After a while that is the idle
 * time-out of a connection made in advance; and what is not known to be a proxy may do so. */
static bool greeted_by_close(const struct exchange *x)
{
	const struct trace_links *l = &x->links;
	return mark_is(&x->syn_ack) && x->bytes[CLIENT] == 0 &&
	       span(x->syn_ack.at, end_of(x)) < LONG_SILENCE &&
	       (!x->suspect || l->proxy_elsewhere || l->proxy_named);
}

/* The client owed the rest of its request, and was quiet for long: whoever ended it then had waited
 * for that. */
static void blame_half_a_request(const struct exchange *x, struct finding *f)
{
	const struct trace_path *up = &x->path[CLIENT];
	nanos quiet = span(later(asked_at(x), up->last_data.at), end_of(x));
	if (!has_request(x) || x->request.complete || up->unacked > 0 || has_gaps(x, CLIENT) ||
	    kept_waiting(x, CLIENT) || quiet < LONG_SILENCE)
		return;
	finding_cause(f, waits_for_leave(x) ? CAUSE_NO_LEAVE : CAUSE_CLIENT_HALF_REQUEST);
}

/* proxy-reset: a RST from the proxy's side stood where the answer should. Wrong when an answer
 * was sent that is lost, as its later sequence number shows. With no request at all: the handshake
 * and then a RST. */
static bool proxy_reset(const struct exchange *x, struct finding *f)
{
	if (trace_is_inside(x) || answered(x) || answer_may_be_hidden(x) || !closed_by(x, PROXY) ||
	    !x->by_reset || x->path[PROXY].hole > 0)
		return false;
	if (!has_request(x) && !greeted_by_close(x))
		return false;
	finding_cite_request(x, f);
	finding_cite_end(x, f);
	if (own_reason(x)) {
		finding_cause(f, own_cause(x));
		return true;
	}
	blame_half_a_request(x, f);
	if (x->reused)
		finding_cause(f, CAUSE_KEEPALIVE_RACE);
	finding_cause(f, CAUSE_PROXY_REFUSES_QUIETLY);
	finding_cause(f, CAUSE_INLINE_RESET);
	finding_cause(f, CAUSE_PROXY_CRASHED);
	finding_cause(f, CAUSE_NOT_HTTP_PORT);
	if (x->suspect && !x->links.proxy_elsewhere && !x->links.proxy_named)
		f->confidence = CONFIDENCE_LOW;
	return true;
}

/* proxy-closed: the same with FIN. An unused connection that a proxy closes after a while of
 * idling is no failure. */
static bool proxy_closed(const struct exchange *x, struct finding *f)
{
	if (trace_is_inside(x) || answered(x) || answer_may_be_hidden(x) || !closed_by(x, PROXY) ||
	    x->by_reset || x->path[PROXY].hole > 0)
		return false;
	if (!has_request(x) && !greeted_by_close(x))
		return false;
	finding_cite_request(x, f);
	finding_cite_end(x, f);
	blame_half_a_request(x, f);
	if (x->reused)
		finding_cause(f, CAUSE_KEEPALIVE_RACE);
	finding_cause(f, CAUSE_PROXY_REFUSES_QUIETLY);
	if (span(asked_at(x), end_of(x)) >= LONG_SILENCE)
		finding_cause(f, CAUSE_ORIGIN_UNREACHED);
	if (has_request(x) && !x->request.is_connect) /* of a tunnel it would have said 200 first */
		finding_cause(f, CAUSE_ORIGIN_CUT);
	finding_cause(f, CAUSE_PROXY_CRASHED);
	finding_cause(f, CAUSE_NOT_HTTP_PORT);
	finding_cite_onward(x, f);
	return true;
}

/* proxy-silent: the request was taken and nothing came until the client gave up, or five seconds
 * passed. Wrong when the answer is one that takes its time (a long poll): then a longer
 * observation would show it; or when the answer was lost in an MTU hole that left no trace: in the
 * causes. Where later sequence numbers show that an answer was sent and lost, the path comes first.
 * A client that closes within a second did not wait: client-aborted. So is one that owes the rest
 * of its request, but for a body that it holds back until it is told to go on. */
static bool proxy_silent(const struct exchange *x, struct finding *f)
{
	if (trace_is_inside(x) || !has_request(x) || answered(x) || answer_may_be_hidden(x) ||
	    x->next_began)
		return false;
	nanos waited = span(asked_at(x), end_of(x));
	if (!closed_by(x, CLIENT) && waited < LONG_SILENCE)
		return false;
	if (x->began_late && waited < SHORT_WAIT)
		return false; /* it may have asked before, and waited longer than was seen */
	if (!x->request.complete && kept_waiting(x, CLIENT))
		return false; /* it was not let: receiver-stalled */
	if (!x->request.complete && has_gaps(x, CLIENT))
		return false; /* what of it was sent is not known: the client may owe the rest */
	finding_cite_request(x, f);
	finding_cite(f, &x->request_acked, SAW_REQUEST_ACKED, 0);
	finding_cite_onward(x, f);
	if (x->path[PROXY].hole > 0) {
		finding_cite(f, &x->path[PROXY].hole_shown, SAW_HOLE, x->path[PROXY].hole);
		finding_cause(f, CAUSE_FIREWALL_STATE);
		finding_cause(f, CAUSE_PLAIN_LOSS);
		finding_doubt(f);
	}
	finding_cite_end(x, f);
	bool owed = !x->request.complete && !waits_for_leave(x);
	if (owed && x->path[CLIENT].unacked == 0) {
		f->verdict = closed_by(x, CLIENT) ? V_CLIENT_ABORTED : V_TRANSFER_STALLED;
		f->stage = STAGE_REQUEST;
		f->confidence = CONFIDENCE_MEDIUM;
		f->side = CLIENT;
		finding_cause(f, CAUSE_CLIENT_HALF_REQUEST);
		return true;
	}
	if (waited < SHORT_WAIT) {
		f->verdict = V_CLIENT_ABORTED;
		f->stage = STAGE_REQUEST;
		f->confidence = CONFIDENCE_MEDIUM;
		finding_cause(f, CAUSE_CLIENT_IMPATIENT);
		return true;
	}
	if (waited < LONG_SILENCE)
		finding_doubt(f);
	if (waits_for_leave(x))
		finding_cause(f, CAUSE_NO_LEAVE);
	finding_cause(f, CAUSE_ORIGIN_UNREACHED);
	finding_cause(f, CAUSE_PROXY_WAITS_DNS);
	finding_cause(f, CAUSE_PROXY_OVERLOADED);
	finding_cause(f, CAUSE_INSPECTION_HOLDS);
	finding_cause(f, CAUSE_NOT_HTTP_PORT);
	return true;
}

/* not-a-proxy, by its first words: SSH, TLS, anything that is no HTTP.
 * Wrong when the first bytes seen are not the first sent: not judged with gaps. */
static bool not_http(const struct exchange *x, struct finding *f)
{
	if (x->response.status != 0 || x->answer == PROTO_NONE || x->answer == PROTO_HTTP ||
	    !has_request(x) || x->tunnel.open)
		return false;
	bool known = x->answer != PROTO_UNKNOWN && x->answer != PROTO_TEXT;
	if (x->path[PROXY].missing > 0 || x->path[PROXY].hole > 0)
		return false;
	if (!known && (x->path[PROXY].unseen > 0 || x->answer_start.len == 0 || x->began_late))
		return false;
	finding_cite_request(x, f);
	finding_cite(f, &x->response_start, SAW_NOT_HTTP, x->answer);
	if (!mark_is(&x->response_start))
		finding_cite(f, &x->path[PROXY].first_data, SAW_NOT_HTTP, x->answer);
	finding_cause(f, x->answer == PROTO_TLS ? CAUSE_TLS_TO_PROXY : CAUSE_OTHER_SERVICE);
	finding_cause(f, CAUSE_WRONG_PORT);
	if (!known)
		finding_doubt(f);
	return true;
}

/* A page that says so, in the words of nginx, Go and what is made of them. It may be the origin's
 * where the URL has a port of its own. */
static bool wants_tls(const struct exchange *x)
{
	uint16_t port;
	trace_target_host(x, &port);
	bool proxys = x->request.is_connect || (port == 80 && x->response.via.len == 0);
	return x->response.status == 400 && proxys &&
	       (says(x->response.title, "plain HTTP request was sent to HTTPS port") ||
		says(x->response.title, "HTTP request to an HTTPS server"));
}

/* not-a-proxy, by its manners: CONNECT refused as web servers refuse it, by one that names itself
 * a web server and shows nothing a proxy would (Via, Proxy-*). Never for a plain request: there
 * the Server field may be the origin's. Wrong when that server is a proxy too, but one that does
 * not do CONNECT: named in the causes. */
static bool web_server(const struct exchange *x, struct finding *f)
{
	const struct trace_response *r = &x->response;
	bool code = r->status == 400 || r->status == 405 || r->status == 404 || r->status == 501;
	if (!x->request.is_connect || !code || r->via.len || r->proxy_agent.len ||
	    r->proxy_status.len || r->squid_error.len || r->offers)
		return false;
	finding_dialect(x, f);
	if (f->dialect != DIALECT_NGINX && f->dialect != DIALECT_APACHE &&
	    f->dialect != DIALECT_IIS && f->dialect != DIALECT_WEB_SERVER)
		return false;
	finding_cite_request(x, f);
	if (wants_tls(x))
		finding_cause(f, CAUSE_TLS_TO_PROXY);
	finding_cause(f, CAUSE_WEB_SERVER);
	finding_cause(f, CAUSE_METHOD_NOT_SERVED);
	finding_cause(f, CAUSE_WRONG_PORT);
	return true;
}

/* ---- 407, 401 -------------------------------------------------------------------------------- */

static bool offers(const struct exchange *x, enum trace_scheme scheme)
{
	for (size_t i = 0; i < x->response.offers; i++) {
		if (x->response.offered[i] == scheme)
			return true;
	}
	return false;
}

static bool offered_credentials(const struct exchange *x)
{
	return x->request.auth != SCHEME_NONE;
}

/* auth-unsupported: a 407 that offers schemes, none of them Basic or Digest.
 * Wrong for clients that do speak them: the text says whose limit it is. */
static bool auth_unsupported(const struct exchange *x, struct finding *f)
{
	if (x->response.status != 407 || x->response.offers == 0 || offers(x, SCHEME_BASIC) ||
	    offers(x, SCHEME_DIGEST))
		return false;
	finding_cite_request(x, f);
	finding_cause(f, CAUSE_ONLY_CONNECTION_SCHEMES);
	return true;
}

/* auth-rejected: 407 (or a 401 to CONNECT, which only the proxy can send) to credentials.
 * Wrong when the 407 is a step of the exchange (stale nonce) that the client then goes on with:
 * such a one is linked and `challenged`. */
static bool auth_rejected(const struct exchange *x, struct finding *f)
{
	unsigned status = x->response.status;
	if ((status != 407 && status != 401) || !offered_credentials(x))
		return false;
	finding_dialect(x, f);
	if (status == 401 && !x->request.is_connect && f->dialect != DIALECT_TINYPROXY)
		return false;
	finding_cite_request(x, f);
	const struct trace_trial *t = trial_of(x);
	if (t && t->again != 0 && t->again != 407)
		finding_cause(f, CAUSE_DIGEST_BROKEN);
	if (t && t->stales > 1)
		finding_cause(f, CAUSE_ALWAYS_STALE);
	else if (x->response.stale)
		finding_cause(f, CAUSE_STALE_NONCE);
	if (status == 407 && x->response.offers > 0 && !offers(x, x->request.auth))
		finding_cause(f, CAUSE_SCHEME_MISMATCH);
	finding_cause(f, CAUSE_WRONG_PASSWORD);
	finding_cause(f, CAUSE_ACCOUNT_LOCKED);
	finding_cause(f, CAUSE_NOT_IN_GROUP);
	if (x->request.had_userinfo)
		finding_cause(f, CAUSE_USERINFO_CHARS);
	return true;
}

/* auth-required: 407 and the client had offered nothing.
 * Wrong when the request was not seen (it may have held credentials): not judged then. */
static bool auth_required(const struct exchange *x, struct finding *f)
{
	if (x->response.status != 407 || !has_request(x) || offered_credentials(x))
		return false;
	finding_dialect(x, f);
	if (f->dialect == DIALECT_SMOKESCREEN && x->response.offers == 0) {
		f->verdict = V_DENIED; /* it denies so: see its dialect */
		finding_cause(f, CAUSE_ACCESS_LIST);
		finding_cause(f, CAUSE_DESTINATION_RULE);
	}
	finding_cite_request(x, f);
	if (x->response.offers == 0) {
		if (f->verdict != V_DENIED)
			finding_cause(f, CAUSE_NO_SCHEME);
		return true;
	}
	if (x->request.origin_credentials)
		finding_cause(f, CAUSE_U_FOR_U);
	finding_cause(f, CAUSE_NO_CREDENTIALS);
	if (!x->request.origin_credentials && x->request.is_connect)
		finding_cause(f, CAUSE_U_FOR_U);
	return true;
}

/* ---- the other codes ------------------------------------------------------------------------- */

/* A word in an answer's field, and the cause it gives away. */
struct telltale {
	const char *word;
	enum cause cause;
};

static bool first_telltale(struct slice said, const struct telltale *table, size_t count,
			   struct finding *f)
{
	for (size_t i = 0; i < count; i++) {
		if (says(said, table[i].word)) {
			finding_cause(f, table[i].cause);
			return true;
		}
	}
	return false;
}

/* Squid's X-Squid-Error names what no status does. */
static bool squid_causes(const struct exchange *x, struct finding *f)
{
	static const struct telltale table[] = {
		{ "ERR_ACCESS_DENIED", CAUSE_ACCESS_LIST },
		{ "ERR_CACHE_ACCESS_DENIED", CAUSE_NO_CREDENTIALS },
		{ "ERR_TOO_BIG", CAUSE_REPLY_TOO_BIG },
		{ "ERR_DNS_FAIL", CAUSE_NAME_UNRESOLVED },
		{ "ERR_CONNECT_FAIL 111", CAUSE_ORIGIN_REFUSED },
		{ "ERR_CONNECT_FAIL 110", CAUSE_ORIGIN_SILENT },
		{ "ERR_CONNECT_FAIL", CAUSE_CONNECT_FAILED },
		{ "ERR_SECURE_CONNECT_FAIL", CAUSE_ORIGIN_TLS_FAILED },
		{ "ERR_CANNOT_FORWARD", CAUSE_NAME_UNRESOLVED },
		{ "ERR_READ_TIMEOUT", CAUSE_ORIGIN_SILENT },
		{ "ERR_READ_ERROR", CAUSE_ORIGIN_ANSWERS_BADLY },
		{ "ERR_ZERO_SIZE_OBJECT", CAUSE_ORIGIN_ANSWERS_BADLY },
		{ "ERR_INVALID_RESP", CAUSE_ORIGIN_ANSWERS_BADLY },
		{ "ERR_INVALID_REQ", CAUSE_MALFORMED },
		{ "ERR_INVALID_URL", CAUSE_MALFORMED },
		{ "ERR_UNSUP_REQ", CAUSE_METHOD_NOT_SERVED },
		{ "ERR_SHUTTING_DOWN", CAUSE_PROXY_MAINTENANCE },
		{ "ERR_LIFETIME_EXP", CAUSE_TIME_LIMIT },
		{ "ERR_ONLY_IF_CACHED_MISS", CAUSE_PRODUCT_SAYS },
	};
	return first_telltale(x->response.squid_error, table, sizeof table / sizeof *table, f);
}

/* Proxy-Status (RFC 9209) names the cause in a word. */
static bool proxy_status_causes(const struct exchange *x, struct finding *f)
{
	static const struct telltale table[] = {
		{ "dns_", CAUSE_NAME_UNRESOLVED },
		{ "connection_refused", CAUSE_ORIGIN_REFUSED },
		{ "connection_timeout", CAUSE_ORIGIN_SILENT },
		{ "connection_read_timeout", CAUSE_ORIGIN_SILENT },
		{ "connection_limit_reached", CAUSE_PROXY_OVERLOADED },
		{ "connection_terminated", CAUSE_ORIGIN_ANSWERS_BADLY },
		{ "destination_ip_prohibited", CAUSE_DESTINATION_RULE },
		{ "destination_ip_unroutable", CAUSE_NO_ROUTE_IN_PROXY },
		{ "destination_unavailable", CAUSE_CONNECT_FAILED },
		{ "destination_not_found", CAUSE_NO_ROUTE_IN_PROXY },
		{ "http_request_denied", CAUSE_ACCESS_LIST },
		{ "http_response_body_size", CAUSE_REPLY_TOO_BIG },
		{ "http_response_timeout", CAUSE_ORIGIN_SILENT },
		{ "http_response_incomplete", CAUSE_ORIGIN_ANSWERS_BADLY },
		{ "http_protocol_error", CAUSE_ORIGIN_ANSWERS_BADLY },
		{ "tls_", CAUSE_ORIGIN_TLS_FAILED },
		{ "proxy_internal_error", CAUSE_PROXY_FAULT },
		{ "proxy_configuration_error", CAUSE_PROXY_FAULT },
	};
	return first_telltale(x->response.proxy_status, table, sizeof table / sizeof *table, f);
}

static void onward_causes(const struct exchange *x, struct finding *f)
{
	static const enum cause of[] = {
		[ONWARD_REFUSED] = CAUSE_ORIGIN_REFUSED,
		[ONWARD_UNANSWERED] = CAUSE_ORIGIN_SILENT,
		[ONWARD_UNREACHABLE] = CAUSE_CONNECT_FAILED,
		[ONWARD_RESET] = CAUSE_ORIGIN_ANSWERS_BADLY,
		[ONWARD_SILENT] = CAUSE_ORIGIN_SILENT,
		[ONWARD_CLOSED] = CAUSE_ORIGIN_ANSWERS_BADLY,
		[ONWARD_UNRESOLVED] = CAUSE_NAME_UNRESOLVED,
	};
	unsigned outcome = x->onward->outcome;
	if (x->onward->seen && outcome < sizeof of / sizeof *of && of[outcome])
		finding_cause(f, of[outcome]);
}

static void denied_causes(const struct exchange *x, struct finding *f)
{
	uint16_t port = 0;
	trace_target_host(x, &port);
	if (x->response.status == 451)
		finding_cause(f, CAUSE_LEGAL);
	const struct trace_trial *t = trial_of(x);
	if (t && t->bare == 407 && t->with == x->response.status)
		finding_cause(f, CAUSE_USER_NOT_ALLOWED);
	if (t && t->bare == x->response.status)
		finding_cause(f, CAUSE_NOT_ASKED);
	if (f->answered_by == ANSWERER_ORIGIN)
		finding_cause(f, CAUSE_ORIGIN_DENIES);
	if (f->answered_by == ANSWERER_PARENT)
		finding_cause(f, CAUSE_PARENT_DENIES);
	if (f->dialect == DIALECT_ENVOY)
		finding_cause(f, CAUSE_CONNECT_DISABLED);
	finding_cause(f, CAUSE_ACCESS_LIST);
	if (x->request.is_connect && port != 443 && port != 0)
		finding_cause(f, CAUSE_PORT_NOT_ALLOWED);
	finding_cause(f, CAUSE_CATEGORY);
	finding_cause(f, CAUSE_CLIENT_NOT_ALLOWED);
	if (!x->request.is_connect && f->answered_by != ANSWERER_PROXY)
		finding_cause(f, CAUSE_ORIGIN_DENIES);
}

/* The page's title, or its text, which only a probe keeps whole. */
static bool blames_name(const struct exchange *x)
{
	struct slice page = x->probe ? x->probe->page : (struct slice){ 0 };
	return says(x->response.title, "DNS") || says(x->response.title, "resolve") ||
	       says(x->response.title, "host not found") || says(x->response.reason, "resolv") ||
	       says(page, "DNS lookup failure") || says(page, "could not resolve") ||
	       says(page, "could not be resolved");
}

/* What came between asking and the refusal tells a connect that timed out from one refused: that
 * takes a round trip or two, and time-outs are set in whole seconds. */
static void gateway_causes(const struct exchange *x, struct finding *f)
{
	nanos took = span(asked_at(x), x->response_start.at);
	if (blames_name(x))
		finding_cause(f, CAUSE_NAME_UNRESOLVED);
	/* whoever says when to come back knows that it is busy */
	if (f->verdict == V_UNAVAILABLE && x->response.retry_after.len)
		finding_cause(f, CAUSE_PROXY_MAINTENANCE);
	if (took >= NANOS_PER_SECOND)
		finding_cause(f, CAUSE_ORIGIN_SILENT);
	if (f->verdict == V_UNAVAILABLE || f->verdict == V_BAD_GATEWAY) {
		if (took < 3 * NANOS_PER_SECOND)
			finding_cause(f, CAUSE_ORIGIN_REFUSED);
		finding_cause(f, CAUSE_NAME_UNRESOLVED);
	}
	if (f->verdict == V_GATEWAY_TIMEOUT)
		finding_cause(f, CAUSE_ORIGIN_SILENT);
	if (f->verdict == V_UNAVAILABLE)
		finding_cause(f, CAUSE_PROXY_MAINTENANCE);
	if (f->verdict == V_BAD_GATEWAY)
		finding_cause(f, CAUSE_ORIGIN_ANSWERS_BADLY);
	if (f->verdict == V_BAD_GATEWAY && x->request.is_connect)
		finding_cause(f, CAUSE_ACCESS_LIST); /* the article's own reading, the rarer one */
	if (f->verdict == V_SERVER_ERROR) {
		if (x->request.is_connect)
			finding_cause(f, CAUSE_CONNECT_FAILED);
		finding_cause(f, f->answered_by == ANSWERER_ORIGIN ? CAUSE_ORIGIN_FAULT
								   : CAUSE_PROXY_FAULT);
	}
}

static void other_causes(const struct exchange *x, struct finding *f)
{
	switch (f->verdict) {
	case V_BAD_REQUEST:
		finding_cause(f, wants_tls(x) ? CAUSE_TLS_TO_PROXY : CAUSE_MALFORMED);
		break;
	case V_UNAUTHORIZED:
		finding_cause(f, x->request.is_connect ? CAUSE_PROXY_ERRS_401 : CAUSE_ORIGIN_AUTH);
		break;
	case V_NOT_FOUND:
		if (x->request.is_connect || f->answered_by == ANSWERER_PROXY) {
			finding_cause(f, CAUSE_NO_ROUTE_IN_PROXY);
			finding_cause(f, CAUSE_NAME_UNRESOLVED);
		} else {
			finding_cause(f, CAUSE_NO_SUCH_PAGE);
		}
		break;
	case V_METHOD_REFUSED:
		finding_cause(f, CAUSE_METHOD_NOT_SERVED);
		if (x->request.is_connect)
			finding_cause(f, CAUSE_CONNECT_DISABLED);
		break;
	case V_TOO_LARGE:
		finding_cause(f, CAUSE_BODY_LIMIT);
		break;
	case V_RATE_LIMITED:
		finding_cause(f, CAUSE_RATE_LIMIT);
		break;
	case V_OTHER_STATUS:
		finding_cause(f, x->response.status == 511  ? CAUSE_PORTAL
				 : x->response.status < 400 ? CAUSE_SENT_ELSEWHERE
							    : CAUSE_HTTP_CODE);
		break;
	default:
		gateway_causes(x, f);
		break;
	}
}

/* As far as was seen of the request, and the refusal came only then. */
static bool closed_before_all_was_asked(const struct exchange *x)
{
	return !x->request.complete && x->response.status >= 400 && closed_by(x, CLIENT) &&
	       x->path[CLIENT].hole == 0 && x->response_start.at >= x->close.at;
}

/* What a status cannot tell alone. Codes that mean one thing with credentials and another without,
 * or one from a web server and another from a proxy, need the heads that say which. */
static const char *too_little_for(const struct exchange *x)
{
	const struct trace_response *r = &x->response;
	unsigned status = r->status;
	bool by_request = status == 401 || status == 407;
	bool by_server = status == 400 || status == 404 || status == 405 || status == 501;
	if ((by_request || by_server) && !has_request(x))
		return "the request was not seen, and the status alone does not tell";
	bool head_cut = has_gaps(x, CLIENT) && x->request.auth == SCHEME_NONE;
	if (status == 407 && (head_cut || (has_gaps(x, PROXY) && r->offers == 0)))
		return "the packets hold too little of the heads to see the credentials";
	if (status == 401 && head_cut && x->request.is_connect)
		return "the packets hold too little of the request to see the credentials";
	if (by_server && x->request.is_connect && has_gaps(x, PROXY) && r->server.len == 0)
		return "the packets hold too little of the answer to see who it was";
	if (has_request(x) && has_gaps(x, CLIENT) && closed_before_all_was_asked(x))
		return "the packets hold too little of the request to see whether the client left "
		       "it";
	return NULL;
}

/* client-aborted: the client closed in the middle of its request, and only then came an answer: it
 * says what the proxy makes of the half that it has. A whole request and a half-close are in order.
 */
static bool left_its_request(const struct exchange *x, struct finding *f)
{
	if (!has_request(x) || !closed_before_all_was_asked(x) || has_gaps(x, CLIENT))
		return false;
	f->side = CLIENT;
	f->stage = STAGE_REQUEST;
	finding_cite_request(x, f);
	finding_cite_end(x, f);
	finding_cause(f, CAUSE_CLIENT_HALF_REQUEST);
	return true;
}

/* unclear: an answer that is a failure, but not plain which. */
static bool unknown_refusal(const struct exchange *x, struct finding *f)
{
	bool overheard = x->response.status >= 400 && x->source != TRACE_PROXY;
	f->detail = overheard ? too_little_for(x) : NULL;
	if (!f->detail)
		return false;
	finding_cite_request(x, f);
	return true;
}

/* Our own proxy knows that it was the origin that refused: what a proxy may have meant by the code
 * is no cause then. */
static bool origins_own(const struct exchange *x, struct finding *f)
{
	if (x->source != TRACE_PROXY || f->answered_by != ANSWERER_ORIGIN)
		return false;
	if (x->response.status == 451)
		finding_cause(f, CAUSE_LEGAL);
	if (f->verdict == V_DENIED)
		finding_cause(f, CAUSE_ORIGIN_DENIES);
	else if (x->response.status >= 500)
		finding_cause(f, CAUSE_ORIGIN_FAULT);
	else
		other_causes(x, f);
	return true;
}

/* The status itself is the verdict. Wrong about the cause as often as products differ: so what
 * the answer says beside its code goes first, then the dialect, then the time it took. */
static bool refused_by_status(const struct exchange *x, struct finding *f)
{
	unsigned status = x->response.status;
	if (!trace_is_refused(x))
		return false;
	f->verdict = verdict_of(status);
	finding_dialect(x, f);
	finding_cite_request(x, f);
	finding_cite_onward(x, f);
	if (says(x->response.squid_error, "ERR_TOO_BIG") ||
	    says(x->response.proxy_status, "http_response_body_size"))
		f->verdict = V_TOO_LARGE;
	if (own_refusal(x))
		finding_cause(f, own_cause(x));
	onward_causes(x, f);
	if (own_refusal(x) && !x->leg->by_parent)
		return true;
	if (!squid_causes(x, f))
		proxy_status_causes(x, f);
	if (own_refusal(x))
		return true;
	if (origins_own(x, f))
		return true;
	if (f->dialect != DIALECT_UNKNOWN && f->verdict != V_TOO_LARGE)
		finding_cause(f, CAUSE_PRODUCT_SAYS); /* drops out where the dialect has no entry */
	if (f->verdict == V_DENIED)
		denied_causes(x, f);
	else if (f->verdict != V_TOO_LARGE || f->causes == 0)
		other_causes(x, f);
	return true;
}

/* There is no answer, or one that refuses. */
static bool concern(const struct exchange *x)
{
	return x->response.status == 0 || trace_is_refused(x) || x->suspect;
}

static const struct rule RULES[] = {
	{ V_BAD_REQUEST, CONFIDENCE_HIGH, spoke_otherwise },
	{ V_REQUEST_LOST, CONFIDENCE_HIGH, request_lost },
	{ V_PROXY_RESET, CONFIDENCE_HIGH, proxy_reset },
	{ V_PROXY_CLOSED, CONFIDENCE_HIGH, proxy_closed },
	{ V_PROXY_SILENT, CONFIDENCE_HIGH, proxy_silent },
	{ V_NOT_A_PROXY, CONFIDENCE_HIGH, not_http },
	{ V_NOT_A_PROXY, CONFIDENCE_MEDIUM, web_server },
	{ V_CLIENT_ABORTED, CONFIDENCE_MEDIUM, left_its_request },
	{ V_UNCLEAR, CONFIDENCE_LOW, unknown_refusal },
	{ V_AUTH_UNSUPPORTED, CONFIDENCE_HIGH, auth_unsupported },
	{ V_AUTH_REJECTED, CONFIDENCE_HIGH, auth_rejected },
	{ V_AUTH_REQUIRED, CONFIDENCE_HIGH, auth_required },
	{ V_OTHER_STATUS, CONFIDENCE_HIGH, refused_by_status },
};
const struct rules RULES_REQUEST = { RULES, sizeof RULES / sizeof *RULES, concern };
