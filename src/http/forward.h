/* What a proxy may pass on, and how: RFC 9110 section 7 and RFC 9112. Pure: a head in, a head out.
 *
 * Stricter than http/head.h, which reads what people really send: a proxy that repairs what is
 * ambiguous is a hole (request smuggling), so that what RFC 9112 gives no single meaning is refused. */
#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include "base/buffer.h"
#include "http/head.h"

/* Why something is not passed on: a constant sentence, lower case, no full stop, and the status to
 * answer with (400, 414, 417, 431, 501, 505). Zero: there is no reason. */
struct http_refusal {
	unsigned status;
	const char *why;
};

/* Is there any reason not to pass this request on? `head` is the raw head that it was read from.
 * A CONNECT, a request in absolute-form, and OPTIONS and TRACE in any form may pass; whom they
 * are for is the caller's business. */
struct http_refusal http_refuse_request(struct slice head, const struct http_request *request);

/* What to say to bytes that http_read_request called HTTP_BAD. */
struct http_refusal http_refuse_bytes(struct slice in, const struct http_bad *bad);

/* Is there any reason not to pass this answer on (status 502)? NULL: none. */
const char *http_refuse_response(const struct http_response *response);

struct http_forward_request {
	const struct http_request *request;
	const char *via;             /* pseudonym for Via; NULL: none is added */
	bool to_parent;              /* absolute-form stays; else origin-form */
	struct slice parent_auth;    /* a whole Proxy-Authorization field with CRLF, or empty */
	int64_t max_forwards;        /* to be sent; -1: leave it as it is */
	bool close;                  /* ask the next hop to close */
};

/* The head for the next hop, in HTTP/1.1: hop-by-hop fields and those that Connection names are
 * gone, credentials for this proxy too; Host is the target's. The target must be one that
 * http_read_authority reads, or "*". */
void http_forward_request(const struct http_forward_request *f, struct buffer *out);

/* Does the request ask to change the protocol, so that it may be passed on (a WebSocket, say; not
 * h2c or TLS, whose bytes would belong to this hop)? */
bool http_wants_upgrade(const struct http_request *request);

struct http_forward_response {
	const struct http_response *response;
	const char *via;
	unsigned client_minor;       /* 0: an HTTP/1.0 client: no chunks, no 1xx */
	bool close;                  /* the client's connection ends with it */
	struct slice date;           /* a whole Date field with CRLF, for answers that have none */
};

/* The head for the client. A body that ends with the origin's connection, or comes in chunks, goes
 * on in chunks (http_response_chunks), to an HTTP/1.0 client by close. Upgrade is kept in a 101 and
 * a 426. */
void http_forward_response(const struct http_forward_response *f, struct buffer *out);

/* Is the body to be sent in chunks by whoever used http_forward_response? */
bool http_response_chunks(const struct http_forward_response *f);

/* May a field of this name stand in a trailer that is passed on? RFC 9110 section 6.5.1. */
bool http_trailer_allowed(struct slice name);

#endif
