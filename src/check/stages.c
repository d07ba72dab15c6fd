/* The stages of a walk, as the conversation passes them. */
#include "base/escape.h"
#include "check/walk.h"
#include "http/head.h"
#include "tls/record.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

enum { SHOWN = 120, SEEN = 500 };

const char *check_step_name(enum check_step step)
{
	static const char *const names[] = {
		[CHECK_SETTINGS] = "settings", [CHECK_DNS] = "dns",
		[CHECK_TCP] = "tcp",           [CHECK_PROXY] = "proxy",
		[CHECK_AUTH] = "auth",         [CHECK_TLS] = "tls",
		[CHECK_HTTP] = "http",         [CHECK_REDIRECTS] = "redirects",
		[CHECK_DOWNLOAD] = "download", [CHECK_CLOSING] = "closing",
		[CHECK_DIRECT] = "direct",     [CHECK_IDLE] = "idle",
	};
	return names[step];
}

const char *check_result_name(enum check_result result)
{
	static const char *const names[] = {
		[CHECK_PASSED] = "ok", [CHECK_ODD] = "warning", [CHECK_FAILED] = "failed"
	};
	return names[result];
}

void stage_sample(struct walk *w, struct check_tcp *ret_tcp)
{
	struct net_facts f;
	const struct wire *wire = way_now(w);
	*ret_tcp = (struct check_tcp){ .at = NO_TIME };
	w->sampled = check_now();
	if (wire ? !wire_facts(wire, &f) : w->ready.fd < 0 || net_facts(w->ready.fd, &f) != 0)
		return;
	*ret_tcp = (struct check_tcp){ .at = w->sampled,
				       .rtt = f.rtt,
				       .retrans = f.retrans,
				       .cwnd = f.cwnd,
				       .mss = f.mss_out,
				       .path_mtu = f.path_mtu,
				       .sent = f.bytes_sent,
				       .received = f.bytes_received };
}

void stage_enter(struct walk *w, enum check_step step)
{
	if (w->failed)
		return;
	w->step = step;
	w->entered = true;
	w->since = check_now();
	w->owner->begin(w->owner->context, step);
}

void stage_leave(struct walk *w, enum check_result result, const char *format, ...)
{
	char seen[SEEN];
	va_list ap;
	if (w->failed)
		return;
	va_start(ap, format);
	vsnprintf(seen, sizeof seen, format, ap);
	va_end(ap);
	w->failed = result == CHECK_FAILED;
	w->entered = false;
	struct check_stage stage = { .step = w->step,
				     .result = result,
				     .silent = w->failed && w->gave_up,
				     .took = check_now() - w->since,
				     .seen = seen };
	stage_sample(w, &stage.tcp);
	w->owner->stage(w->owner->context, &stage);
}

/* ---- what exchanges tell --------------------------------------------------------------------- */

static void say_offers(const struct exchange *x, char *into, size_t size)
{
	size_t len = (size_t)snprintf(into, size, "%s", x->response.offers ? ", offers" : "");
	for (size_t i = 0; i < x->response.offers && len < size; i++)
		len += (size_t)snprintf(into + len, size - len, "%s %s", i ? "," : "",
					trace_scheme_name(x->response.offered[i]));
}

static void leave_answered(struct walk *w, const struct exchange *x, bool refused)
{
	char reason[SHOWN], offers[SHOWN] = "";
	escape_into(reason, sizeof reason, x->response.reason);
	if (x->response.status == 407)
		say_offers(x, offers, sizeof offers);
	stage_leave(w, refused ? CHECK_FAILED : CHECK_PASSED, "%u %s%s", x->response.status, reason,
		    offers);
}

/* The proxy's no to a password. tinyproxy says 401: to CONNECT nobody else can, and to others its
 * own answers have its name, and no Via as what it passes on. */
static bool refuses_password(const struct exchange *x)
{
	const struct trace_response *r = &x->response;
	bool own = x->request.is_connect ||
		   (slice_starts_nocase(r->server, SLICE("tinyproxy")) && r->via.len == 0);
	return x->request.auth != SCHEME_NONE && (r->status == 407 || (r->status == 401 && own));
}

static void leave_auth(struct walk *w, const struct exchange *x)
{
	char user[SHOWN];
	const char *scheme = trace_scheme_name(x->request.auth);
	escape_into(user, sizeof user, x->request.user);
	if (x->response.status == 407 && x->request.auth == SCHEME_NONE)
		stage_leave(w, CHECK_FAILED, "none of the schemes on offer can be used");
	else if (refuses_password(x))
		stage_leave(w, CHECK_FAILED, "%s credentials of %s: %u%s", scheme, user,
			    x->response.status, x->response.status == 407 ? " again" : "");
	else if (w->unheard)
		stage_leave(w, CHECK_ODD,
			    "%s, as %s, on a new connection: the proxy %s that of its 407", scheme,
			    user, w->unheard);
	else
		stage_leave(w, CHECK_PASSED, "%s, as %s", scheme, user);
}

/* Behind the proxy's consent. */
static void go_on(struct walk *w, const struct exchange *x)
{
	char location[SHOWN];
	if (x->request.is_connect) {
		bool quiet = w->options->altered.idle && !w->options->target.secure;
		stage_enter(w, quiet ? CHECK_IDLE : CHECK_TLS);
		return;
	}
	stage_enter(w, CHECK_HTTP);
	escape_into(location, sizeof location, x->response.location);
	stage_answered(w, x->response.status, location);
}

/* What there is to log in with, or why there is nothing; NULL: libcurl goes on by itself. */
static const char *no_login(const struct walk *w, const struct exchange *x)
{
	if (!w->options->user)
		return "credentials are wanted, none were given (-U)";
	if (x->response.offers == 0)
		return "it does not say how to log in";
	for (size_t i = 0; i < x->response.offers; i++)
		if (x->response.offered[i] == SCHEME_BASIC ||
		    x->response.offered[i] == SCHEME_DIGEST)
			return NULL;
	return "credentials are at hand, but not for what it offers: neither Basic nor Digest";
}

static void look_first(struct walk *w, const struct exchange *x)
{
	unsigned status = x->response.status;
	bool tunnel = x->request.is_connect;
	if (w->step == CHECK_PROXY) {
		const char *fault = status == 407 ? no_login(w, x) : NULL;
		leave_answered(w, x, tunnel && trace_is_refused(x) && status != 407);
		if (status == 407)
			stage_enter(w, CHECK_AUTH);
		if (fault)
			stage_leave(w, CHECK_FAILED, "%s", fault);
	} else {
		leave_auth(w, x);
		if (tunnel && trace_is_refused(x) && status != 407) {
			stage_enter(w, CHECK_PROXY);
			leave_answered(w, x, true);
		}
	}
	if (status != 407)
		go_on(w, x);
}

void stage_look(struct walk *w, const struct exchange *x)
{
	char location[SHOWN];
	if (!x || x == w->told || x->response.status == 0 || trace_is_inside(x))
		return;
	if (w->told && x->request_start.at < w->told_at)
		return;
	w->told = x;
	w->told_at = x->request_start.at;
	if (refuses_password(x) && x != w->refused) {
		w->refused = x;
		w->spent = atomic_fetch_add(w->options->refusals, 1) + 1 >= CHECK_MOST_REFUSALS;
	}
	if (w->step == CHECK_PROXY || w->step == CHECK_AUTH) {
		look_first(w, x);
	} else if (!x->request.is_connect && w->step == CHECK_REDIRECTS) {
		escape_into(location, sizeof location, x->response.location);
		stage_answered(w, x->response.status, location);
	}
}

void stage_shaken(struct walk *w)
{
	char issuer[SHOWN] = "", shown[SHOWN];
	if (w->step != CHECK_TLS)
		return;
	const struct exchange *x = way_exchange(w);
	const char *version = x ? tls_version_name(x->tls->version) : NULL;
	if (x && x->tls->certificates)
		snprintf(issuer, sizeof issuer, ", certificate issued by %s",
			 escape_into(shown, sizeof shown - 30, x->tls->issuer));
	stage_leave(w, CHECK_PASSED, "TLS %s%s", version ? version : "(version unknown)", issuer);
	stage_enter(w, w->options->altered.idle ? CHECK_IDLE : CHECK_HTTP);
}

static bool leads_on(unsigned status, const char *location)
{
	return status >= 300 && status < 400 && status != 304 && *location;
}

void stage_answered(struct walk *w, unsigned status, const char *location)
{
	const char *name = http_status_name(status);
	bool redirects = w->step == CHECK_REDIRECTS;
	if (w->step != CHECK_HTTP && !redirects)
		return;
	if (redirects && leads_on(status, location)) {
		w->redirects++;
		return;
	}
	if (redirects)
		stage_leave(w, status >= 400 ? CHECK_FAILED : CHECK_PASSED,
			    "%u followed, then %u %s", w->redirects, status, name ? name : "");
	else
		stage_leave(w, status >= 400 ? CHECK_FAILED : CHECK_PASSED, "%u %s%s%s", status,
			    name ? name : "", *location ? ", to " : "", location);
	if (!redirects && leads_on(status, location)) {
		w->redirects = 1;
		stage_enter(w, CHECK_REDIRECTS);
	} else if (!w->options->head) {
		stage_enter(w, CHECK_DOWNLOAD);
	}
}

static void leave_download(struct walk *w)
{
	nanos took = check_now() - w->since;
	const char *capped = w->enough ? "; that is enough" : "";
	if (took < 10 * NANOS_PER_MS) { /* too short to be a measure */
		stage_leave(w, CHECK_PASSED, "%llu bytes%s", (unsigned long long)w->flow.bytes,
			    capped);
		return;
	}
	double rate = (double)w->flow.bytes / ((double)took / (double)NANOS_PER_SECOND);
	stage_leave(w, CHECK_PASSED, "%llu bytes%s, %.0f kB/s", (unsigned long long)w->flow.bytes,
		    capped, rate / 1000);
}

/* libcurl takes what there is of a head for all of it. */
static bool lacks_answer(const struct walk *w)
{
	const struct check_altered *a = &w->options->altered;
	bool tunnel_alone = a->idle > 0 || a->hello[0].len > 0;
	return w->entered && w->step >= CHECK_PROXY && w->step <= CHECK_HTTP && w->over &&
	       !tunnel_alone;
}

bool stage_is_deaf(const struct walk *w)
{
	const struct exchange *x = way_exchange(w);
	return w->step == CHECK_PROXY && x && x->response.status == 0 && x->answer != PROTO_NONE &&
	       x->answer != PROTO_HTTP;
}

static void leave_deaf(struct walk *w)
{
	enum trace_protocol p = way_exchange(w)->answer;
	stage_leave(w, CHECK_FAILED, "the answer is %s, not HTTP",
		    p == PROTO_UNKNOWN ? "of an unknown kind" : trace_protocol_name(p));
}

/* Bytes without a head that is whole. */
static bool came_in_part(const struct walk *w)
{
	const struct exchange *x = way_exchange(w);
	return w->step == CHECK_PROXY && x && x->response.status == 0 &&
	       wire_heard(way_now(w)) > x->request_start.at;
}

/* The connection ended where more was due. libcurl tells that in the terms of its TLS, or of its
 * own states. */
static const char *ended(const struct walk *w)
{
	bool reset;
	const struct wire *now = way_now(w);
	if (!now || !wire_closed(now, &reset))
		return NULL;
	if (w->step == CHECK_TLS && strstr(w->trouble, "SSL_ERROR_SYSCALL"))
		return reset ? "reset in the handshake" : "closed in the handshake";
	if (w->step == CHECK_TLS && strstr(w->trouble, "SSL_ERROR_ZERO_RETURN"))
		return "closed in the handshake, with a closing alert";
	if (w->step != CHECK_PROXY || came_in_part(w))
		return NULL;
	return reset ? "reset, without an answer" : "closed, without an answer";
}

static const char NO_WAY_TO_LOG_IN[] = "what it offers is nothing to log in with";

static void leave_failed(struct walk *w)
{
	char shown[SEEN / 2];
	struct slice trouble = slice_of(w->trouble);
	const char *end = ended(w);
	if (end)
		trouble = slice_of(end);
	else if (strstr(w->trouble, "HTTP/0.9"))
		trouble = SLICE("the answer is not HTTP");
	else if (w->step == CHECK_AUTH && strstr(w->trouble, "response 407"))
		trouble = slice_of(NO_WAY_TO_LOG_IN);
	else if (trouble.len == 0)
		trouble = slice_of(w->libs->curl.curl_easy_strerror(w->result));
	stage_leave(w, CHECK_FAILED, "%s", escape_into(shown, sizeof shown, trouble));
}

void stage_finish(struct walk *w)
{
	if (w->stopped) {
		stage_leave(w, CHECK_ODD, "interrupted");
	} else if (stage_is_deaf(w)) {
		leave_deaf(w);
	} else if (w->gave_up) {
		stage_leave(w, CHECK_FAILED, "%sno byte for %.1f s, given up",
			    came_in_part(w) ? "part of an answer, then " : "",
			    (double)w->options->patience / (double)NANOS_PER_SECOND);
	} else if (w->result != CURLE_OK && !w->enough) {
		leave_failed(w);
	} else if (w->step == CHECK_DOWNLOAD) {
		leave_download(w);
	} else if (lacks_answer(w)) {
		stage_leave(w, CHECK_FAILED, "%s",
			    w->step == CHECK_AUTH ? NO_WAY_TO_LOG_IN
						  : "the answer ends within its head");
	}
}
