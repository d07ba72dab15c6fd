/* A login that has to be made on a connection of its own. */
#include "check/walk.h"

/* Credentials went out on the connection on which they had been asked for, and nothing came of it.
 */
static struct exchange *unheard(const struct walk *w)
{
	struct exchange *x = way_exchange(w);
	if (w->step != CHECK_AUTH || !w->entered || w->unheard || !x || !x->reused)
		return NULL;
	bool logs_in = x->request.auth == SCHEME_BASIC || x->request.auth == SCHEME_DIGEST;
	return logs_in && x->bytes[PROXY] == 0 ? x : NULL;
}

/* libcurl keeps the nonce of a Digest challenge, and sends Basic at once where it is told of
 * nothing else. */
bool login_anew(struct walk *w)
{
	struct exchange *x = unheard(w);
	if (!x || !trace_open_probe(x))
		return false;
	long scheme = (long)(x->request.auth == SCHEME_BASIC ? CURLAUTH_BASIC : CURLAUTH_DIGEST);
	w->unheard = w->over ? "ended" : "did not answer on";
	x->probe->asked_anew = true;
	w->over = false;
	w->result = CURLE_OK;
	w->trouble[0] = '\0';
	return w->libs->curl.curl_multi_remove_handle(w->multi, w->easy) == CURLM_OK &&
	       w->libs->curl.curl_easy_setopt(w->easy, CURLOPT_PROXYAUTH, scheme) == CURLE_OK &&
	       w->libs->curl.curl_multi_add_handle(w->multi, w->easy) == CURLM_OK;
}
