/* What a proxy may not pass on: RFC 9110 and RFC 9112.
 *
 * Stricter than http/head.h, which reads what people really send: a proxy that repairs what is
 * ambiguous is a hole (request smuggling), so that what RFC 9112 gives no single meaning is refused. */
#ifndef HTTP_REFUSE_H
#define HTTP_REFUSE_H

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

#endif
