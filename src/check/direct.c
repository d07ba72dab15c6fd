/* Without the proxy: whose certificate does the target show then? Only the handshake is made, and
 * nothing is trusted or asked. */
#include "base/escape.h"
#include "check/walk.h"

#include <stdio.h>

static CURLcode on_context(CURL *easy, void *ctx, void *context)
{
	struct walk *w = context;
	(void)easy;
	w->libs->ssl.SSL_CTX_set_msg_callback(ctx, hear_certificate);
	w->libs->ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MSG_CALLBACK_ARG, 0, &w->direct);
	return CURLE_OK;
}

static CURLcode shake(struct walk *w, char *trouble)
{
	const struct check_options *o = w->options;
	CURL *easy = w->libs->curl.curl_easy_init();
	CURLcode code = CURLE_FAILED_INIT;
	bool fine = easy != NULL;
#define SET(option, value)                                                                         \
	fine = fine && w->libs->curl.curl_easy_setopt(easy, option, value) == CURLE_OK
	SET(CURLOPT_URL, o->url);
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, trouble);
	SET(CURLOPT_TIMEOUT_MS, (long)(o->patience / NANOS_PER_MS));
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_context);
	SET(CURLOPT_SSL_CTX_DATA, w);
#undef SET
	if (fine)
		code = w->libs->curl.curl_easy_perform(easy);
	if (easy)
		w->libs->curl.curl_easy_cleanup(easy);
	return code;
}

/* Issuers are compared: one name is served with several certificates, seldom by several
 * authorities. Wrong for a target that changes its authority, or takes another for each side of it.
 */
void direct_compare(struct walk *w)
{
	char trouble[CURL_ERROR_SIZE] = "", shown[TLS_MAX_NAME], why[CURL_ERROR_SIZE];
	if (!w->options->direct || !w->options->target.secure || !w->through.seen)
		return;
	bool failed = w->failed; /* what came before, and ended there: this is beside it */
	w->failed = false;
	stage_enter(w, CHECK_DIRECT);
	CURLcode code = shake(w, trouble);
	escape_into(shown, sizeof shown, slice_of(w->direct.issuer));
	w->differs = w->direct.seen && strcmp(w->direct.issuer, w->through.issuer) != 0;
	if (!w->direct.seen)
		stage_leave(
			w, CHECK_PASSED, "nothing to compare with: %s",
			escape_into(why, sizeof why,
				    slice_of(*trouble ? trouble
						      : w->libs->curl.curl_easy_strerror(code))));
	else
		stage_leave(w, w->differs ? CHECK_ODD : CHECK_PASSED,
			    "certificate issued by %s, %s", shown,
			    w->differs ? "not as through the proxy" : "as through the proxy");
	w->failed = failed;
}

void direct_note(const struct walk *w, struct exchange *x)
{
	char text[TLS_MAX_NAME * 4], shown[TLS_MAX_NAME * 3];
	uint16_t port;
	bool same =
		slice_equal_nocase(trace_target_host(x, &port), slice_of(w->options->target.host));
	if (!w->differs || !same || x->tls->certificates == 0 || !trace_open_probe(x))
		return;
	snprintf(text, sizeof text, "without the proxy the certificate is issued by %s",
		 escape_into(shown, sizeof shown, slice_of(w->direct.issuer)));
	x->probe->other_issuer = arena_string(x->arena, slice_of(text));
}
