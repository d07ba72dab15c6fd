/* The conversation, as libcurl leads it: what is asked for, and the turns until it is over. */
#include "base/escape.h"
#include "check/walk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* ---- setting it up ------------------------------------------------------------------------- */

/* The rest of the body, if it is still the one that the beginning is of (RFC 9110, sections 13.1.5
 * and 14.2). */
static bool set_range(struct walk *w)
{
	const struct check_options *o = w->options;
	char range[24], condition[CHECK_MAX_TEXT + 20];
	bool fine = true;
	if (o->altered.from == 0)
		return true;
	snprintf(range, sizeof range, "%llu-", (unsigned long long)o->altered.from);
	WALK_SET(CURLOPT_RANGE, range);
	if (!o->altered.if_range)
		return fine;
	snprintf(condition, sizeof condition, "If-Range: %s", o->altered.if_range);
	w->fields = w->libs->curl.curl_slist_append(NULL, condition);
	WALK_SET(CURLOPT_HTTPHEADER, w->fields);
	return fine && w->fields;
}

/* HTTP/1.1 inside the tunnel, too: the heads are what is looked at. */
static bool set_request(struct walk *w)
{
	const struct check_options *o = w->options;
	bool fine = true;
	WALK_SET(CURLOPT_URL, o->url);
	WALK_SET(CURLOPT_USERAGENT, o->agent);
	WALK_SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	WALK_SET(CURLOPT_NOBODY, o->head ? 1L : 0L);
	WALK_SET(CURLOPT_FOLLOWLOCATION, 1L);
	WALK_SET(CURLOPT_MAXREDIRS, 10L);
	WALK_SET(CURLOPT_PROTOCOLS_STR, "http,https");
	WALK_SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	WALK_SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (o->ca)
		WALK_SET(CURLOPT_CAINFO, o->ca);
	if (o->altered.older_tls)
		WALK_SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_MAX_TLSv1_2);
	if (o->altered.unverified) {
		WALK_SET(CURLOPT_SSL_VERIFYPEER, 0L);
		WALK_SET(CURLOPT_SSL_VERIFYHOST, 0L);
		WALK_SET(CURLOPT_CAINFO, NULL);
		WALK_SET(CURLOPT_CAPATH, NULL);
	}
	return fine;
}

/* The tunnel alone: what is said in it is ours, or nothing. libcurl makes one for http, too, when
 * told. */
static bool set_tunnel(struct walk *w)
{
	const struct check_target *t = &w->options->target;
	char url[CHECK_MAX_HOST + 40];
	bool fine = true;
	bool hello = w->options->altered.hello[0].len > 0;
	if (!hello && w->options->altered.idle == 0)
		return true;
	snprintf(url, sizeof url, strchr(t->host, ':') ? "http://[%s]:%u/" : "http://%s:%u/",
		 t->host, t->port);
	if (hello)
		WALK_SET(CURLOPT_URL, url);
	WALK_SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
	WALK_SET(CURLOPT_CONNECT_ONLY, 1L);
	return fine;
}

/* The proxy's address is a place-holder that needs no resolver: on_open gives the connection. With
 * an https:// proxy the wire speaks the TLS. */
static bool set_proxy(struct walk *w)
{
	const struct check_options *o = w->options;
	bool fine = true;
	WALK_SET(CURLOPT_PROXY, "http://127.0.0.1:1");
	WALK_SET(CURLOPT_NOPROXY, "");
	if (o->user && *o->refusals < CHECK_MOST_REFUSALS) {
		WALK_SET(CURLOPT_PROXYAUTH,
			 (long)(o->altered.basic ? CURLAUTH_BASIC
						 : CURLAUTH_BASIC | CURLAUTH_DIGEST));
		WALK_SET(CURLOPT_PROXYUSERNAME, o->user);
		WALK_SET(CURLOPT_PROXYPASSWORD, o->password);
	}
	return fine;
}

bool talk_prepare(struct walk *w)
{
	w->easy = w->libs->curl.curl_easy_init();
	w->multi = w->libs->curl.curl_multi_init();
	bool fine = w->easy && w->multi && set_request(w) && set_range(w) && set_tunnel(w) &&
		    set_proxy(w) && hear_all(w) &&
		    w->libs->curl.curl_multi_add_handle(w->multi, w->easy) == CURLM_OK;
	if (!fine)
		err_set(w->err, -EINVAL, "libcurl does not take what is asked of it");
	return fine;
}

/* ---- running it ---------------------------------------------------------------------------- */

static void pump_all(struct walk *w)
{
	for (size_t i = 0; i < w->wires; i++) {
		wire_pump(w->wire[i]);
		stage_look(w, wire_now(w->wire[i]));
	}
}

static void wait_for_any(struct walk *w, nanos until)
{
	struct curl_waitfd fds[2 * WALK_MAX_WIRES];
	unsigned n = 0;
	for (size_t i = 0; i < w->wires; i++) {
		if (wire_over(w->wire[i]))
			continue;
		n += wire_waits(w->wire[i], fds + n);
		nanos due = wire_due(w->wire[i]);
		until = due > check_now() && due < until ? due : until;
	}
	nanos left = until - check_now();
	int ms = left <= 0 ? 0 : (int)(left / NANOS_PER_MS) + 1;
	w->libs->curl.curl_multi_poll(w->multi, fds, n, ms, NULL);
}

static nanos last_active(const struct walk *w)
{
	nanos last = w->since;
	for (size_t i = 0; i < w->wires; i++)
		if (wire_active(w->wire[i]) > last)
			last = wire_active(w->wire[i]);
	return last;
}

/* Whoever sets `altered.until` may do so earlier than it was: it is looked at now and then. */
static const nanos LOOK_EVERY = 50 * NANOS_PER_MS;

/* Who speaks another language may have more to say, and nothing that would be of use. */
static const nanos HEARS_OUT = NANOS_PER_SECOND;

static nanos given_up_at(const struct walk *w)
{
	bool brief = stage_is_deaf(w) && HEARS_OUT < w->options->patience;
	nanos until = last_active(w) + (brief ? HEARS_OUT : w->options->patience);
	nanos end = w->options->altered.until ? *w->options->altered.until : until;
	return end < until ? end : until;
}

static void take_result(struct walk *w)
{
	int left;
	const CURLMsg *m;
	while ((m = w->libs->curl.curl_multi_info_read(w->multi, &left)))
		if (m->msg == CURLMSG_DONE) {
			w->over = true;
			w->result = m->data.result;
		}
}

static bool is_too_weak(const struct walk *w)
{
	long verified = X509_V_OK;
	w->libs->curl.curl_easy_getinfo(w->easy, CURLINFO_SSL_VERIFYRESULT, &verified);
	return verified == X509_V_ERR_EE_KEY_TOO_SMALL || verified == X509_V_ERR_CA_KEY_TOO_SMALL ||
	       verified == X509_V_ERR_CA_MD_TOO_WEAK;
}

/* libcurl compares names when the handshake is over, and then just closes. */
static void note_distrust(struct walk *w)
{
	struct exchange *x = way_exchange(w);
	if (!w->over || w->result != CURLE_PEER_FAILED_VERIFICATION || !x || !trace_open_probe(x))
		return;
	x->probe->distrusted = true;
	x->probe->weak_certificate = is_too_weak(w);
}

/* Why libcurl would have no more of it: what it says counts where nothing else explains the end. */
static void note_complaint(struct walk *w)
{
	char shown[2 * CURL_ERROR_SIZE];
	struct exchange *outer = way_exchange(w);
	struct exchange *x = w->inner && (!outer || outer->tunnel.open) ? w->inner : outer;
	struct slice text = slice_of(w->trouble);
	if (!w->over || w->result == CURLE_OK || !x || !trace_open_probe(x))
		return;
	if (text.len == 0)
		text = slice_of(w->libs->curl.curl_easy_strerror(w->result));
	x->probe->complaint =
		arena_string(x->arena, slice_of(escape_into(shown, sizeof shown, text)));
}

/* Whatever that is that answers. */
enum { SAID_ENOUGH = 100 };

/* A piece of the hello at each turn, of which there is one every LOOK_EVERY. False: it has been
 * answered. */
static bool say_hello(struct walk *w)
{
	const struct check_altered *a = &w->options->altered;
	const struct exchange *x = way_exchange(w);
	if (!x || !x->tunnel.open || x->closed || x->tls->server_hello || x->tls->alert ||
	    x->tunnel.bytes[PROXY] >= SAID_ENOUGH)
		return false;
	if (w->said < CHECK_HELLO_PIECES && a->hello[w->said].len > 0 &&
	    wire_say(way_now(w), a->hello[w->said]))
		w->said++;
	return true;
}

/* A trickle would keep us for hours, and has been seen by then. */
static const nanos LONGEST_DOWNLOAD = 60 * NANOS_PER_SECOND;

static const nanos SAMPLE_EVERY = 500 * NANOS_PER_MS;

/* A download under way is looked at now and then; when the next time is. */
static nanos sample(struct walk *w)
{
	struct check_tcp now;
	if (!w->owner->tcp || w->step != CHECK_DOWNLOAD)
		return INT64_MAX;
	if (check_now() - w->sampled >= SAMPLE_EVERY) {
		stage_sample(w, &now);
		w->owner->tcp(w->owner->context, &now);
	}
	return w->sampled + SAMPLE_EVERY;
}

/* Events, each when it happens: silence between them is no fault. */
static bool awaits_events(const struct walk *w)
{
	const struct exchange *x = w->inner ? w->inner : way_exchange(w);
	return w->step == CHECK_DOWNLOAD && x &&
	       slice_starts_nocase(x->response.content_type, SLICE("text/event-stream"));
}

/* The user has had enough. A quiet tunnel looks for itself. */
static bool stop(const struct walk *w)
{
	return w->options->stop && *w->options->stop && !w->options->altered.idle;
}

void talk_run(struct walk *w)
{
	int running;
	nanos longest =
		w->options->altered.longest ? w->options->altered.longest : LONGEST_DOWNLOAD;
	for (;;) {
		if (w->libs->curl.curl_multi_perform(w->multi, &running) != CURLM_OK)
			break;
		take_result(w);
		note_distrust(w);
		if (w->over && w->result != CURLE_OK && login_anew(w))
			continue;
		note_complaint(w);
		pump_all(w);
		bool tunnel = w->over && w->result == CURLE_OK && w->options->altered.hello[0].len;
		if ((w->over && !(tunnel && say_hello(w))) || w->enough || w->spent)
			break;
		if (w->step == CHECK_DOWNLOAD && check_now() - w->since >= longest) {
			w->enough = true;
			break;
		}
		w->stopped = stop(w);
		if (w->stopped)
			break;
		nanos until = given_up_at(w);
		if (check_now() >= until && login_anew(w))
			continue;
		if (check_now() >= until) {
			w->enough = awaits_events(w);
			w->gave_up = !w->enough;
			break;
		}
		nanos next = sample(w), soon = check_now() + LOOK_EVERY;
		if ((w->options->altered.until || w->options->stop) && soon < next)
			next = soon;
		wait_for_any(w, until < next ? until : next);
	}
}

static short poll_events(short waits)
{
	return (short)((waits & CURL_WAIT_POLLIN ? POLLIN : 0) |
		       (waits & CURL_WAIT_POLLOUT ? POLLOUT : 0));
}

static void wait_for_wires(const struct walk *w, nanos until)
{
	struct curl_waitfd waits[2];
	struct pollfd fds[2 * WALK_MAX_WIRES];
	nfds_t n = 0;
	for (size_t i = 0; i < w->wires; i++) {
		unsigned few = wire_over(w->wire[i]) ? 0 : wire_waits(w->wire[i], waits);
		for (unsigned k = 0; k < few; k++)
			fds[n++] = (struct pollfd){ .fd = waits[k].fd,
						    .events = poll_events(waits[k].events) };
	}
	nanos left = until - check_now();
	poll(fds, n, left <= 0 ? 0 : (int)(left / NANOS_PER_MS) + 1);
}

void talk_pump(struct walk *w, nanos until)
{
	wait_for_wires(w, until);
	pump_all(w);
}

/* Both ends of it: ours goes out, and the proxy's is waited for. */
static bool close_all(struct walk *w)
{
	nanos until = check_now() + 2 * NANOS_PER_SECOND;
	for (;;) {
		bool over = true;
		pump_all(w);
		for (size_t i = 0; i < w->wires; i++)
			over = over && wire_over(w->wire[i]);
		if (over || check_now() >= until)
			return over;
		wait_for_wires(w, until);
	}
}

static void end_all(struct walk *w)
{
	for (size_t i = 0; i < w->wires; i++)
		wire_end(w->wire[i], w->gave_up);
}

void talk_done(struct walk *w)
{
	bool ended = w->gave_up || w->enough || w->stopped || w->options->altered.until;
	stage_finish(w);
	inside_end(w);
	if (w->over && w->result == CURLE_OK && way_now(w))
		wire_whole(way_now(w));
	if (ended)
		end_all(w);
	if (!ended)
		stage_enter(w, CHECK_CLOSING);
	if (w->multi && w->easy)
		w->libs->curl.curl_multi_remove_handle(w->multi, w->easy);
	if (w->easy)
		w->libs->curl.curl_easy_cleanup(w->easy);
	if (w->multi)
		w->libs->curl.curl_multi_cleanup(w->multi);
	w->libs->curl.curl_slist_free_all(w->fields);
	if (!ended) {
		bool closed = close_all(w);
		stage_leave(w, closed ? CHECK_PASSED : CHECK_ODD, "%s",
			    closed ? "both sides closed"
				   : "we closed, and the proxy had not after 2 s");
	}
	for (size_t i = 0; i < w->wires; i++)
		wire_free(w->wire[i]);
	w->wires = 0;
}
