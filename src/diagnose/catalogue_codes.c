/* HTTP status codes as a proxy's client meets them. Data only. */
#include "diagnose/words_table.h"

const struct code_words CODE_WORDS[] = {
	{ 200, "OK",
	  "To CONNECT: the tunnel to the target is open, and that alone is proven. TLS, HTTP and "
	  "the download inside it still have to succeed. To other methods: the answer.",
	  "nothing to do" },
	{ 204, "No Content", "Done, and there is no body.", "nothing to do" },
	{ 206, "Partial Content",
	  "A part of the resource, as asked for with Range. After a cut download, "
	  "clients go on this way.",
	  "nothing to do" },
	{ 301, "Moved Permanently",
	  "Go to the address in Location. Proxies use it, and 302 and 307, to send "
	  "clients to a login or block page.",
	  "on the client: follow it, or see where it leads" },
	{ 302, "Found",
	  "Go to the address in Location. Where that is not the origin's, it is a login or block "
	  "page of "
	  "a proxy or network.",
	  "on the client: follow it, or see where it leads" },
	{ 304, "Not Modified", "What the client or a cache has is still good.", "nothing to do" },
	{ 307, "Temporary Redirect",
	  "As 302, with the method kept. Some cloud proxies send it to their login page.",
	  "on the client: follow it, or see where it leads" },
	{ 400, "Bad Request",
	  "The request's syntax is wrong to whoever answered. Web servers that are no proxies say "
	  "it "
	  "to CONNECT. Too large heads and cookies get it too.",
	  "on the client: check that the port is a proxy's, and the request's form (absolute URL, "
	  "Host)" },
	{ 401, "Unauthorized",
	  "Credentials for the origin are missing or wrong. From inside a tunnel it is always the "
	  "origin's. To CONNECT it is always the proxy's, which errs: it should say 407.",
	  "on the client: give the origin's user and password (curl: -u)" },
	{ 403, "Forbidden",
	  "Access denied. From a proxy: an access list, a category, a port that CONNECT may not "
	  "use, "
	  "or an answer over a size limit. From an origin: this resource is not for you.",
	  "on the proxy: allow the target for this client, after looking which rule its log "
	  "names" },
	{ 404, "Not Found",
	  "The origin has no such resource. To CONNECT: a proxy without a route for the name "
	  "(Envoy), "
	  "a name that does not resolve (Privoxy), or a web server that is no proxy.",
	  "on the client: check the URL; to CONNECT, the proxy's port" },
	{ 405, "Method Not Allowed",
	  "The method is not served here. To CONNECT: a web server, or a proxy that has "
	  "CONNECT switched off.",
	  "on the client: check the proxy's host and port" },
	{ 407, "Proxy Authentication Required",
	  "The proxy wants credentials, or refused those it got. Proxy-Authenticate "
	  "lists the schemes it takes. The first one in a login is normal: the client repeats the "
	  "request with "
	  "credentials. NTLM and Negotiate are not supported by many appliances. With curl the "
	  "option is -U, not -u.",
	  "on the client: set user and password for the proxy" },
	{ 408, "Request Timeout",
	  "The request did not arrive whole in time. On an idle kept connection it is harmless.",
	  "on the client: see why it was slow to send; in the network: look for loss of large "
	  "segments" },
	{ 409, "Conflict",
	  "The resource's state does not allow it. squid: the Host field and the address asked for "
	  "do not "
	  "agree (ERR_CONFLICT_HOST).",
	  "on the client: check Host and DNS" },
	{ 411, "Length Required",
	  "A body must come with Content-Length here: old proxies take no chunked uploads.",
	  "on the client: send Content-Length" },
	{ 413, "Content Too Large",
	  "The request's body is over a limit. squid: request_body_max_size.",
	  "on the proxy: raise the limit for requests" },
	{ 414, "URI Too Long", "The target is longer than the server or proxy takes.",
	  "on the client: shorten the URL" },
	{ 416, "Range Not Satisfiable",
	  "The part asked for is not there: the file changed, or was whole already.",
	  "on the client: start the download anew" },
	{ 417, "Expectation Failed", "Expect: 100-continue is not understood: old proxies.",
	  "on the client: leave Expect out (curl: -H 'Expect:')" },
	{ 418, "I'm a teapot", "A joke that some filters use to turn robots away.",
	  "on the origin: ask why" },
	{ 421, "Misdirected Request",
	  "The connection led to a server that does not serve this name: SNI and Host differ, "
	  "or an inspection mixed them.",
	  "on the client: use a new connection" },
	{ 425, "Too Early", "TLS early data may be a replay; send it again after the handshake.",
	  "on the client: repeat the request" },
	{ 426, "Upgrade Required", "Another protocol version is wanted. Envoy says it to HTTP/1.0.",
	  "on the client: use HTTP/1.1 or newer" },
	{ 429, "Too Many Requests",
	  "More requests than allowed in a time. Behind a proxy all clients share its address, "
	  "so the limit may not be your doing. Retry-After says when to come back.",
	  "on the client: send fewer requests, or later" },
	{ 431, "Request Header Fields Too Large",
	  "The head is over a limit: large cookies, mostly, or Kerberos tickets.",
	  "on the client: clear cookies; on the proxy: raise the limit" },
	{ 451, "Unavailable For Legal Reasons", "Blocked because somebody has to (RFC 7725).",
	  "on the origin: the Link field may say who demands it" },
	{ 495, "SSL Certificate Error", "nginx: the client's certificate was refused.",
	  "on the client: give it the right certificate" },
	{ 499, "Client Closed Request", "nginx, in logs only: the client closed before the answer.",
	  "on the client: raise its time-out" },
	{ 500, "Internal Server Error",
	  "A fault in whoever answered. tinyproxy says it for every connect that failed, "
	  "squid 5 for names that do not resolve (to CONNECT).",
	  "on the proxy: look in its log at this time" },
	{ 501, "Not Implemented", "The method is unknown here. To CONNECT: a web server, no proxy.",
	  "on the client: check the proxy's host and port" },
	{ 502, "Bad Gateway",
	  "The proxy got no good answer: the origin refused, closed, sent nonsense, or its name "
	  "does not "
	  "resolve. Seldom an access list.",
	  "on the proxy: try the target from there" },
	{ 503, "Service Unavailable",
	  "Overload or maintenance; from a proxy mostly: it could not connect to the origin. "
	  "Its page and X-Squid-Error say which.",
	  "on the proxy: try the target from there" },
	{ 504, "Gateway Timeout",
	  "The origin, or a parent proxy, did not answer the proxy in time.",
	  "in the network: allow the proxy to reach the target" },
	{ 505, "HTTP Version Not Supported", "This HTTP version is refused.",
	  "on the client: use HTTP/1.1" },
	{ 507, "Insufficient Storage", "Whoever answered has no room left.",
	  "on the proxy: look at its disk" },
	{ 508, "Loop Detected",
	  "The request came back to where it had been: proxies that point at each other.",
	  "on the proxy: look at its parent" },
	{ 511, "Network Authentication Required",
	  "The network wants a login first (captive portal, RFC 6585).",
	  "on the client: log in with a browser" },
	{ 520, "Unknown Error", "Cloudflare: the origin answered something that it can't read.",
	  "on the origin: look in its log" },
	{ 521, "Web Server Is Down",
	  "Cloudflare: the origin refused the connection. g3proxy uses 521 to 530 in its own way.",
	  "on the origin: see that it listens" },
	{ 522, "Connection Timed Out", "Cloudflare: the origin did not answer the connection.",
	  "on the origin: see its firewall" },
	{ 523, "Origin Is Unreachable", "Cloudflare: no route to the origin.",
	  "on the origin: check its address" },
	{ 524, "A Timeout Occurred",
	  "Cloudflare: the origin took the connection and did not answer in time.",
	  "on the origin: see what takes it so long" },
	{ 525, "SSL Handshake Failed", "Cloudflare: no TLS with the origin.",
	  "on the origin: check its TLS" },
	{ 526, "Invalid SSL Certificate", "Cloudflare: the origin's certificate is not valid.",
	  "on the origin: renew it" },
	{ 530, "Origin DNS Error", "Cloudflare: the origin's name does not resolve.",
	  "on the origin: check its DNS" },
};
const size_t CODE_WORDS_COUNT = sizeof CODE_WORDS / sizeof *CODE_WORDS;
