/* How a head is passed on: RFC 9110 section 7 and RFC 9112. Pure: a head in, a head out. Whether it is
 * passed on at all, http/refuse.h says. */
#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include "base/buffer.h"
#include "http/head.h"

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
