/* What libcurl and libssl tell while they talk: sockets wanted, heads, bodies, handshakes. */
#include "base/escape.h"
#include "check/walk.h"

#include <stdio.h>

/* ---- libcurl ------------------------------------------------------------------------------- */

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)purpose;
	int fd = way_take(context, address);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static void note_pause(struct trace_flow *f, nanos now)
{
	if (f->pieces == 0 || now - f->last <= f->pause)
		return;
	f->pause = now - f->last;
	f->pause_at = f->bytes;
}

static void note_piece(struct trace_flow *f, size_t len)
{
	nanos now = check_now();
	note_pause(f, now);
	if (f->pieces++ == 0)
		f->first = now;
	f->last = now;
	f->bytes += len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct walk *w = context;
	size_t len = size * count;
	note_piece(&w->flow, len);
	if (w->voice == VOICE_INSIDE)
		inside_body(w, (struct slice){ (const uint8_t *)bytes, len });
	w->enough = w->flow.bytes >= w->options->most;
	return len;
}

/* libcurl shows a head line by line, but of an interim one (1xx) not the empty line at its end. */
static void on_inner_head(struct walk *w, struct slice line)
{
	long status = 0;
	if (w->in_head && slice_starts(line, SLICE("HTTP/")))
		inside_heard(w, PROXY, SLICE("\r\n"));
	inside_heard(w, PROXY, line);
	w->in_head = !slice_equal(line, SLICE("\r\n")) && !slice_equal(line, SLICE("\n"));
	if (w->in_head)
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
		const struct exchange *x = way_exchange(w);
		bool inside = !connect && x && x->tunnel.open;
		if (inside && w->voice != VOICE_INSIDE)
			inside_begin(w);
		w->voice = inside ? VOICE_INSIDE : VOICE_PROXY;
		w->flow = (struct trace_flow){ .first = NO_TIME, .last = NO_TIME };
		if (inside) {
			w->in_head = false;
			stage_shaken(w);
			inside_heard(w, CLIENT, s);
		}
	} else if (type == CURLINFO_HEADER_IN && w->voice == VOICE_INSIDE) {
		on_inner_head(w, s);
	}
	return 0;
}

/* ---- libssl -------------------------------------------------------------------------------- */

enum { ALERT = 21, HANDSHAKE = 22, CERTIFICATE = 11, HANDSHAKE_HEADER = 4 };

static bool is_certificate(int sent, int type, struct slice message)
{
	return !sent && type == HANDSHAKE && message.len > HANDSHAKE_HEADER &&
	       message.at[0] == CERTIFICATE;
}

void hear_certificate(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
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

/* All of the certificates that are shown. */
static void note_chain(struct exchange *x, int version, struct slice body)
{
	struct tls_certificate list[TLS_MAX_CHAIN];
	size_t count = tls_read_certificates(body, version == TLS1_3_VERSION, list);
	struct trace_way *way = trace_open_probe(x) ? arena_alloc(x->arena, sizeof *way) : NULL;
	for (size_t i = 0; way && i < count && i < TRACE_MOST_LINKS; i++) {
		way->link[way->links++] = (struct trace_link){
			.subject = trace_keep(x, slice_of(list[i].subject), TLS_MAX_NAME),
			.issuer = trace_keep(x, slice_of(list[i].issuer), TLS_MAX_NAME),
			.names = trace_keep(x, slice_of(list[i].names), TLS_MAX_NAME),
			.not_before = list[i].not_before,
			.not_after = list[i].not_after,
		};
		x->probe->way = way;
	}
}

/* Handshake messages in the clear. In TLS 1.3 who listens in can't see them. */
static void on_message(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
		       void *context)
{
	struct walk *w = context;
	struct slice message = { bytes, len };
	struct exchange *x = way_exchange(w);
	struct mark mark = { .at = check_now() };
	if (x && is_certificate(sent, type, message))
		note_chain(x, version, slice_from(message, HANDSHAKE_HEADER));
	if (!w->through.seen) /* a redirect may lead to another host, which is not compared */
		hear_certificate(sent, version, type, bytes, len, ssl, &w->through);
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

/* ---- asking to be told --------------------------------------------------------------------- */

bool hear_all(struct walk *w)
{
	bool fine = true;
	WALK_SET(CURLOPT_NOSIGNAL, 1L);
	WALK_SET(CURLOPT_ERRORBUFFER, w->trouble);
	WALK_SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	WALK_SET(CURLOPT_OPENSOCKETDATA, w);
	WALK_SET(CURLOPT_WRITEFUNCTION, on_body);
	WALK_SET(CURLOPT_WRITEDATA, w);
	WALK_SET(CURLOPT_DEBUGFUNCTION, on_debug);
	WALK_SET(CURLOPT_DEBUGDATA, w);
	WALK_SET(CURLOPT_VERBOSE, 1L);
	WALK_SET(CURLOPT_SSL_CTX_FUNCTION, on_context);
	WALK_SET(CURLOPT_SSL_CTX_DATA, w);
	return fine;
}
