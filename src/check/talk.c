/* The conversation itself: libcurl, and what it calls. */
#include "base/escape.h"
#include "check/walk.h"

#include <errno.h>
#include <poll.h>

/* ---- called by libcurl -------------------------------------------------------------------------
 */

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)purpose;
	int fd = way_take(context, address);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct walk *w = context;
	size_t len = size * count;
	w->body += len;
	if (w->voice == VOICE_INSIDE)
		inside_body(w, (struct slice){ (const uint8_t *)bytes, len });
	w->enough = w->body >= w->options->most;
	return len;
}

static void on_inner_head(struct walk *w, struct slice line)
{
	long status = 0;
	inside_heard(w, PROXY, line);
	if (!slice_equal(line, SLICE("\r\n")) && !slice_equal(line, SLICE("\n")))
		return;
	w->libs->curl.curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
	const struct exchange *x = w->inner;
	char shown[200] = "";
	if (x && x->response.location.len)
		escape_into(shown, sizeof shown, x->response.location);
	if (status >= 200)
		stage_answered(w, (unsigned)status, shown);
}

/* Heads as libcurl sends and gets them. Those of the proxy pass the wire and are read there. */
static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t len, void *context)
{
	struct walk *w = context;
	struct slice s = { (const uint8_t *)bytes, len };
	bool connect = type == CURLINFO_HEADER_OUT && slice_starts(s, SLICE("CONNECT "));
	(void)easy;
	if (type == CURLINFO_HEADER_OUT) {
		const struct exchange *x = way_now(w) ? wire_now(way_now(w)) : NULL;
		bool inside = !connect && x && x->tunnel.open;
		if (inside && w->voice != VOICE_INSIDE)
			inside_begin(w);
		w->voice = inside ? VOICE_INSIDE : VOICE_PROXY;
		w->body = 0;
		if (inside) {
			stage_shaken(w);
			inside_heard(w, CLIENT, s);
		}
	} else if (type == CURLINFO_HEADER_IN && w->voice == VOICE_INSIDE) {
		on_inner_head(w, s);
	}
	return 0;
}

enum { ALERT = 21, HANDSHAKE = 22, CERTIFICATE = 11, HANDSHAKE_HEADER = 4 };

static bool is_certificate(int sent, int type, struct slice message)
{
	return !sent && type == HANDSHAKE && message.len > HANDSHAKE_HEADER &&
	       message.at[0] == CERTIFICATE;
}

void talk_certificate(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
		      void *certificate)
{
	struct walk_certificate *c = certificate;
	struct slice message = { bytes, len }, body = slice_from(message, HANDSHAKE_HEADER);
	struct tls_chain chain;
	(void)ssl;
	if (!is_certificate(sent, type, message))
		return;
	c->seen = version == TLS1_3_VERSION ? tls_read_chain_13(body, (struct slice){ 0 }, &chain)
					    : tls_read_chain(body, (struct slice){ 0 }, &chain);
	if (c->seen)
		memcpy(c->issuer, chain.leaf.issuer, sizeof c->issuer);
}

static void tell_chain(const struct walk *w, int version, struct slice body)
{
	struct tls_certificate list[TLS_MAX_CHAIN];
	if (!w->owner->chain)
		return;
	size_t count = tls_read_certificates(body, version == TLS1_3_VERSION, list);
	w->owner->chain(w->owner->context, list, count);
}

/* Handshake messages in the clear. In TLS 1.3 who listens in can't see them. */
static void on_message(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
		       void *context)
{
	struct walk *w = context;
	struct slice message = { bytes, len };
	struct exchange *x = way_now(w) ? wire_now(way_now(w)) : NULL;
	struct mark mark = { .at = check_now() };
	if (!w->through.seen && is_certificate(sent, type, message))
		tell_chain(w, version, slice_from(message, HANDSHAKE_HEADER));
	if (!w->through.seen) /* a redirect may lead to another host, which is not compared */
		talk_certificate(sent, version, type, bytes, len, ssl, &w->through);
	if (!x || version != TLS1_3_VERSION)
		return;
	if (is_certificate(sent, type, message))
		observe_chain(x, &mark, slice_from(message, HANDSHAKE_HEADER));
	else if (type == ALERT)
		observe_alert(x, sent ? CLIENT : PROXY, &mark, message);
}

static CURLcode on_context(CURL *easy, void *ctx, void *context)
{
	struct walk *w = context;
	(void)easy;
	w->libs->ssl.SSL_CTX_set_msg_callback(ctx, on_message);
	w->libs->ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MSG_CALLBACK_ARG, 0, w);
	return CURLE_OK;
}

/* ---- setting it up -----------------------------------------------------------------------------
 */

#define SET(option, value)                                                                         \
	fine = fine && w->libs->curl.curl_easy_setopt(w->easy, option, value) == CURLE_OK

/* HTTP/1.1 inside the tunnel, too: the heads are what is looked at. */
static bool set_request(struct walk *w)
{
	const struct check_options *o = w->options;
	bool fine = true;
	SET(CURLOPT_URL, o->url);
	SET(CURLOPT_USERAGENT, o->agent);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NOBODY, o->head ? 1L : 0L);
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, 10L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (o->ca)
		SET(CURLOPT_CAINFO, o->ca);
	return fine;
}

/* The proxy's address is a place-holder that needs no resolver: on_open gives the connection. With
 * an https:// proxy the wire speaks the TLS. */
static bool set_proxy(struct walk *w)
{
	const struct check_options *o = w->options;
	bool fine = true;
	SET(CURLOPT_PROXY, "http://127.0.0.1:1");
	SET(CURLOPT_NOPROXY, "");
	if (o->user) {
		SET(CURLOPT_PROXYAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
		SET(CURLOPT_PROXYUSERNAME, o->user);
		SET(CURLOPT_PROXYPASSWORD, o->password);
	}
	return fine;
}

static bool set_callbacks(struct walk *w)
{
	bool fine = true;
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, w->trouble);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, w);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, w);
	SET(CURLOPT_DEBUGFUNCTION, on_debug);
	SET(CURLOPT_DEBUGDATA, w);
	SET(CURLOPT_VERBOSE, 1L);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_context);
	SET(CURLOPT_SSL_CTX_DATA, w);
	return fine;
}

bool talk_prepare(struct walk *w)
{
	w->easy = w->libs->curl.curl_easy_init();
	w->multi = w->libs->curl.curl_multi_init();
	bool fine = w->easy && w->multi && set_request(w) && set_proxy(w) && set_callbacks(w) &&
		    w->libs->curl.curl_multi_add_handle(w->multi, w->easy) == CURLM_OK;
	if (!fine)
		err_set(w->err, -EINVAL, "libcurl does not take what is asked of it");
	return fine;
}

/* ---- running it --------------------------------------------------------------------------------
 */

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
	nanos left = until - check_now();
	for (size_t i = 0; i < w->wires; i++)
		if (!wire_over(w->wire[i]))
			n += wire_waits(w->wire[i], fds + n);
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

static nanos given_up_at(const struct walk *w)
{
	nanos until = last_active(w) + w->options->patience;
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

/* libcurl compares names when the handshake is over, and then just closes. */
static void note_distrust(struct walk *w)
{
	struct exchange *x = way_now(w) ? wire_now(way_now(w)) : NULL;
	if (w->over && w->result == CURLE_PEER_FAILED_VERIFICATION && x && trace_open_probe(x))
		x->probe->distrusted = true;
}

/* No account is to be locked: two refusals of a password are enough. */
enum { MOST_REFUSALS = 2 };

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

void talk_run(struct walk *w)
{
	int running;
	for (;;) {
		if (w->libs->curl.curl_multi_perform(w->multi, &running) != CURLM_OK)
			break;
		take_result(w);
		note_distrust(w);
		pump_all(w);
		if (w->over || w->enough || w->asked >= MOST_REFUSALS)
			break;
		if (w->step == CHECK_DOWNLOAD && check_now() - w->since >= LONGEST_DOWNLOAD) {
			w->enough = true;
			break;
		}
		nanos until = given_up_at(w);
		if (check_now() >= until) {
			w->gave_up = true;
			break;
		}
		nanos next = sample(w), soon = check_now() + LOOK_EVERY;
		if (w->options->altered.until && soon < next)
			next = soon;
		wait_for_any(w, until < next ? until : next);
	}
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
		struct curl_waitfd waits[2];
		struct pollfd fds[2 * WALK_MAX_WIRES];
		nfds_t n = 0;
		for (size_t i = 0; i < w->wires; i++) {
			unsigned few = wire_over(w->wire[i]) ? 0 : wire_waits(w->wire[i], waits);
			for (unsigned k = 0; k < few; k++)
				fds[n++] = (struct pollfd){
					.fd = waits[k].fd,
					.events =
						(short)((waits[k].events & CURL_WAIT_POLLIN ? POLLIN
											    : 0) |
							(waits[k].events & CURL_WAIT_POLLOUT
								 ? POLLOUT
								 : 0))
				};
		}
		poll(fds, n, (int)((until - check_now()) / NANOS_PER_MS) + 1);
	}
}

static void end_all(struct walk *w)
{
	for (size_t i = 0; i < w->wires; i++)
		wire_end(w->wire[i], w->gave_up);
}

void talk_done(struct walk *w)
{
	bool ended = w->gave_up || w->enough || w->options->altered.until;
	stage_finish(w);
	inside_end(w);
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
