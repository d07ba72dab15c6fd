/* What a proxy may pass on, and how: RFC 9110 section 7 and RFC 9112. Pure: a head in, a head out.
 *
 * Stricter than http/head.h, which reads what people really send: a proxy that repairs what is
 * ambiguous is a hole (request smuggling), so that what RFC 9112 gives no single meaning is refused. */
#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include "base/buffer.h"
#include "http/head.h"

/* Is there any reason not to pass this request on? NULL: none; else a constant sentence, and the
 * status to answer with (400, 501, 505, ...). `head` is the raw head that it was read from. */
const char *http_refuse_request(struct slice head, const struct http_request *request,
				unsigned *ret_status);

/* The same of an origin's answer: such an answer becomes a 502. */
const char *http_refuse_response(struct slice head, const struct http_response *response);

struct http_forward_request {
	const struct http_request *request;
	struct http_authority to;    /* of the target; for Host */
	const char *via;             /* pseudonym for Via; NULL: none is added */
	bool to_parent;              /* absolute-form stays; else origin-form */
	struct slice parent_auth;    /* a whole Proxy-Authorization field with CRLF, or empty */
	int64_t max_forwards;        /* to be sent; -1: leave as it is */
	bool close;                  /* ask the origin to close */
};

/* The head for the next hop: hop-by-hop fields and those that Connection names are gone,
 * credentials for this proxy too; Host is the target's; HTTP/1.1. */
void http_forward_request(const struct http_forward_request *f, struct buffer *out);

struct http_forward_response {
	const struct http_response *response;
	const char *via;
	unsigned client_minor;       /* 0: HTTP/1.0 client: no chunks, no 1xx */
	bool close;                  /* the client's connection ends with it */
	bool chunk;                  /* its end is told by chunks that we make (the origin's by close) */
	bool upgrade;                /* 101: Upgrade and its Connection are kept */
};

void http_forward_response(const struct http_forward_response *f, struct buffer *out);

/* May a field of this name stand in a trailer that is passed on? RFC 9110 section 6.5.1. */
bool http_trailer_allowed(struct slice name);

#endif
