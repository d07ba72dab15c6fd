/* The table of refusals, and the page that goes with each. */
#include "proxy/answer.h"

#include "base/escape.h"

#include <stdio.h>

static const struct row {
	unsigned status;
	const char *name;  /* as in the log */
	const char *error; /* proxy error type of RFC 9209 section 2.3 */
	const char *title;
	const char *remedy; /* what to change, and on which side */
} ROWS[ANSWER_COUNT_] = {
	[ANSWER_BAD_REQUEST] = { 400, "bad-request", "http_request_error",
				 "The request is malformed or ambiguous",
				 "Mend the client: the proxy passes on only what has one "
				 "meaning." },
	[ANSWER_HEAD_TOO_LARGE] = { 431, "limit-header", "http_request_error",
				    "The request's header is too large",
				    "Send fewer or smaller fields (cookies are the usual cause), "
				    "or "
				    "raise \"limit header\" in the proxy's configuration." },
	[ANSWER_TARGET_TOO_LONG] = { 414, "target-too-long", "http_request_error",
				     "The request target is too long",
				     "Send what is in the URL in the request's body instead." },
	[ANSWER_NOT_PROXY_REQUEST] = { 400, "not-a-proxy-request", "http_request_error",
				       "This is a proxy, and was taken for a web server",
				       "Ask for a whole URL (http://host/path), or use CONNECT: "
				       "set "
				       "this address as the client's HTTP proxy." },
	[ANSWER_VERSION] = { 505, "version", "http_request_error",
			     "This version of HTTP is not spoken here",
			     "Use HTTP/1.1 toward the proxy." },
	[ANSWER_METHOD] = { 501, "method", "http_request_error", "The proxy can't pass this on",
			    "Use a method or transfer coding that HTTP/1.1 proxies know." },
	[ANSWER_SCHEME] = { 501, "scheme", "http_request_error",
			    "The proxy does not fetch URLs of this scheme",
			    "For https:// let the client use CONNECT." },
	[ANSWER_UPGRADE_REQUIRED] = { 426, "upgrade-required", "http_request_error",
				      "Another protocol is required", "Use HTTP/1.1." },
	[ANSWER_EXPECTATION] = { 417, "expectation", "http_request_error",
				 "The request expects what the proxy does not know",
				 "Send no Expect field other than 100-continue." },
	[ANSWER_AUTH] = { 407, "auth", "http_request_denied",
			  "The proxy wants a user name and a password",
			  "Give the client the proxy's user name and password (with curl: -U, not "
			  "-u)." },
	[ANSWER_AUTH_LIMITED] = { 429, "limit-auth-failures", "http_request_denied",
				  "Too many wrong passwords from this address",
				  "Mend the client's password, and wait a minute." },
	[ANSWER_RULE] = { 403, "rule", "http_request_denied",
			  "An access rule of the proxy denies this",
			  "Ask the proxy's operator for a rule that allows it." },
	[ANSWER_NO_MATCH] = { 403, "no-match", "http_request_denied",
			      "No access rule of the proxy allows this",
			      "Ask the proxy's operator for a rule that allows it." },
	[ANSWER_LOOPBACK] = { 403, "loopback-only", "http_request_denied",
			      "The proxy has no rules, and serves its own host alone",
			      "Ask the proxy's operator for a rule that allows your address." },
	[ANSWER_PORT] = { 403, "port", "http_request_denied",
			  "The proxy opens no tunnel to this port",
			  "Ask the proxy's operator for a rule that names the port: without one, "
			  "CONNECT is for 443 alone." },
	[ANSWER_PRIVATE] = { 403, "private", "destination_ip_prohibited",
			     "The destination's address is private",
			     "Reach it without the proxy (NO_PROXY), or ask the proxy's operator "
			     "for a rule that names the address, or \"destinations private "
			     "allow\"." },
	[ANSWER_SNI] = { 403, "sni", "http_request_denied",
			 "The TLS server name is another than CONNECT asked for",
			 "Let the client ask for the host that it talks to." },
	[ANSWER_LOOP] = { 508, "loop", "proxy_loop_detected",
			  "The request would come back to this proxy",
			  "Take this proxy out of its own parents, and its own address out of "
			  "the client's targets." },
	[ANSWER_MAX_FORWARDS] = { 200, "max-forwards", "proxy_internal_response",
				  "Max-Forwards ends here", "" },
	[ANSWER_REQUEST_TOO_LARGE] = { 413, "limit-request", "http_request_denied",
				       "The request's body is over the proxy's limit",
				       "Send less, or have \"limit request\" raised." },
	[ANSWER_RESPONSE_TOO_LARGE] = { 502, "limit-response", "http_response_body_size",
					"The answer is over the proxy's limit",
					"Have \"limit response\" raised by the proxy's operator." },
	[ANSWER_UNRESOLVED] = { 502, "unresolved", "dns_error",
				"The proxy could not resolve the host's name",
				"Check the name; if it is right, check the proxy's name servers." },
	[ANSWER_REFUSED] = { 502, "refused", "connection_refused",
			     "The origin refused the proxy's connection",
			     "Check the port, and that the server runs and lets the proxy's "
			     "address in." },
	[ANSWER_UNREACHABLE] = { 502, "unreachable", "destination_ip_unroutable",
				 "The proxy has no way to the origin",
				 "Check the proxy's routes and the firewalls behind it." },
	[ANSWER_CONNECT_TIMEOUT] = { 504, "timeout-connect", "connection_timeout",
				     "The origin did not answer the proxy's connection in time",
				     "Check that the origin is up and that no firewall between "
				     "drops "
				     "the proxy's packets; \"timeout connect\" is the limit." },
	[ANSWER_ORIGIN_CLOSED] = { 502, "origin-closed", "connection_terminated",
				   "The origin closed the connection before its answer was whole",
				   "Look at the origin's log; try again." },
	[ANSWER_ORIGIN_BROKEN] = { 502, "origin-broken", "http_protocol_error",
				   "The origin's answer breaks HTTP",
				   "Check that the port is a web server's; mend the server." },
	[ANSWER_ORIGIN_TIMEOUT] = { 504, "timeout-answer", "http_response_timeout",
				    "The origin did not answer in time",
				    "Look at the origin; \"timeout answer\" is the limit." },
	[ANSWER_UPLOAD_TIMEOUT] = { 504, "timeout-idle", "connection_write_timeout",
				    "The origin took no more of the request",
				    "Look at the origin; \"timeout idle\" is the limit." },
	[ANSWER_PARENT] = { 502, "parent", "http_protocol_error",
			    "The parent proxy did not do its part",
			    "Ask whoever runs the parent proxy; check its credentials here." },
	[ANSWER_HEADER_TIMEOUT] = { 408, "timeout-header", "http_request_error",
				    "The request's header did not come in time",
				    "Send the whole header at once; \"timeout header\" is the "
				    "limit." },
	[ANSWER_BODY_TIMEOUT] = { 408, "timeout-idle", "http_request_error",
				  "The request's body stood still",
				  "Send the body without such pauses; \"timeout idle\" is the "
				  "limit." },
	[ANSWER_BUSY] = { 503, "busy", "connection_limit_reached",
			  "The proxy has no room for another connection",
			  "Try again soon; if it lasts, \"limit connections\" or the number of "
			  "descriptors is too small." },
	[ANSWER_PER_CLIENT] = { 429, "limit-per-client", "connection_limit_reached",
				"Too many connections from this address",
				"Use fewer connections, or have \"limit per-client\" raised." },
	[ANSWER_DRAINING] = { 503, "draining", "proxy_internal_response",
			      "The proxy is shutting down", "Try again in a moment." },
	[ANSWER_INTERNAL] = { 500, "internal", "proxy_internal_error", "The proxy could not go on",
			      "Look at the proxy's log; this is a fault of the proxy or of its "
			      "machine." },
};

static const struct row *row_of(const struct answer *a)
{
	return &ROWS[a->why];
}

const char *answer_name(enum answer_why why)
{
	return ROWS[why].name;
}

unsigned answer_status(const struct answer *a)
{
	return a->why == ANSWER_UNRESOLVED && a->timed_out_dns ? 504 : row_of(a)->status;
}

/* Does the client say that it would rather have HTML? Programs that say nothing get text. */
static bool wants_html(const struct http_request *r)
{
	return r && (http_list_has(&r->fields, SLICE("Accept"), SLICE("text/html")) ||
		     http_list_has(&r->fields, SLICE("Accept"), SLICE("application/xhtml+xml")));
}

static void add_text_page(const struct answer *a, struct buffer *out)
{
	const struct row *row = row_of(a);
	buffer_printf(out, "%s.\n", row->title);
	if (a->text && *a->text)
		buffer_printf(out, "%s\n", a->text);
	if (*row->remedy)
		buffer_printf(out, "\n%s\n", row->remedy);
	buffer_printf(out, "\n%u %s, said by the proxy %s (viaduct)\n", answer_status(a), row->name,
		      a->proxy);
}

static void add_html_page(const struct answer *a, struct buffer *out)
{
	const struct row *row = row_of(a);
	buffer_printf(out,
		      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		      "<title>%u %s</title>\n<style>body{font:16px/1.5 system-ui,sans-serif;"
		      "max-width:42em;margin:3em auto;padding:0 1em;color-scheme:light dark}"
		      "small{opacity:.7}</style></head>\n<body><h1>%s</h1>\n<p>",
		      answer_status(a), row->title, row->title);
	escape_html(out, slice_of(a->text));
	buffer_add(out, SLICE("</p>\n<p>"));
	escape_html(out, slice_of(row->remedy));
	buffer_printf(out, "</p>\n<p><small>%u %s, said by the proxy ", answer_status(a),
		      row->name);
	escape_html(out, slice_of(a->proxy));
	buffer_add(out, SLICE(" (viaduct)</small></p></body></html>\n"));
}

/* The inside of a quoted string of RFC 9651: printable ASCII alone. */
static void add_sf_string(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.at[i];
		if (c == '"' || c == '\\')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, c >= 0x20 && c < 0x7f ? c : '?');
	}
}

static void add_proxy_status(const struct answer *a, struct buffer *out)
{
	const struct row *row = row_of(a);
	buffer_printf(out, "Proxy-Status: %s; error=%s; details=\"%s", a->proxy,
		      answer_status(a) == 504 && a->timed_out_dns ? "dns_timeout" : row->error,
		      row->name);
	if (a->text && *a->text) {
		buffer_add(out, SLICE(": "));
		add_sf_string(out, slice_of(a->text));
	}
	buffer_add(out, SLICE("\"\r\n"));
}

void answer_write(const struct answer *a, struct buffer *out)
{
	struct buffer page;
	bool html = wants_html(a->request);
	unsigned status = answer_status(a);
	buffer_init(&page, 16384);
	if (html)
		add_html_page(a, &page);
	else
		add_text_page(a, &page);
	buffer_printf(out, "HTTP/1.1 %u %s\r\n", status, http_status_name(status));
	buffer_add(out, a->date);
	buffer_add(out, a->fields);
	add_proxy_status(a, out);
	buffer_printf(out, "Content-Type: %s\r\nContent-Length: %u\r\nCache-Control: no-store\r\n",
		      html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", page.len);
	if (status == 503)
		buffer_add(out, SLICE("Retry-After: 5\r\n"));
	if (a->close)
		buffer_add(out, SLICE("Connection: close\r\n"));
	else if (a->request && a->request->minor == 0)
		buffer_add(out, SLICE("Connection: keep-alive\r\n"));
	buffer_add(out, SLICE("\r\n"));
	if (!a->request || !slice_equal(a->request->method, SLICE("HEAD")))
		buffer_add(out, buffer_slice(&page));
	out->failed |= page.failed;
	buffer_done(&page);
}
