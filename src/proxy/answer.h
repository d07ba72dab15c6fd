/* The proxy's own answers: whenever it refuses, it says why, in the status line, in Proxy-Status (RFC
 * 9209) and on a plain page, as HTML or text, whichever the client accepts. */
#ifndef PROXY_ANSWER_H
#define PROXY_ANSWER_H

#include "base/buffer.h"
#include "http/head.h"

/* One row for every reason that the proxy has of its own; names are stable. */
enum answer_why {
	ANSWER_BAD_REQUEST,      /* 400: malformed or ambiguous; text says where and what */
	ANSWER_HEAD_TOO_LARGE,   /* 431 */
	ANSWER_TARGET_TOO_LONG,  /* 414 */
	ANSWER_NOT_PROXY_REQUEST,/* 400: origin-form, to no listener that serves it */
	ANSWER_VERSION,          /* 505 */
	ANSWER_METHOD,           /* 501: a transfer coding or method that can't be passed on */
	ANSWER_SCHEME,           /* 501: a target that is no http:// */
	ANSWER_UPGRADE_REQUIRED, /* 426 */
	ANSWER_EXPECTATION,      /* 417 */
	ANSWER_AUTH,             /* 407: credentials wanted or wrong */
	ANSWER_AUTH_LIMITED,     /* 429 */
	ANSWER_RULE,             /* 403: an access rule */
	ANSWER_NO_MATCH,         /* 403: no access rule matches */
	ANSWER_LOOPBACK,         /* 403: there are no rules, and the client is another host */
	ANSWER_PORT,             /* 403: CONNECT to this port */
	ANSWER_PRIVATE,          /* 403: private destination */
	ANSWER_SNI,              /* (tunnel cut; log alone) */
	ANSWER_LOOP,             /* 508: it came through here already, or asks for this very proxy */
	ANSWER_MAX_FORWARDS,     /* 200 to OPTIONS and TRACE that end here */
	ANSWER_REQUEST_TOO_LARGE,/* 413 */
	ANSWER_RESPONSE_TOO_LARGE,/* 502, or a cut */
	ANSWER_UNRESOLVED,       /* 502 dns_error, 504 dns_timeout */
	ANSWER_REFUSED,          /* 502 connection_refused */
	ANSWER_UNREACHABLE,      /* 502 destination_ip_unroutable */
	ANSWER_CONNECT_TIMEOUT,  /* 504 connection_timeout */
	ANSWER_ORIGIN_CLOSED,    /* 502 connection_terminated: before its answer was whole */
	ANSWER_ORIGIN_BROKEN,    /* 502 http_protocol_error: its answer is no HTTP */
	ANSWER_ORIGIN_TIMEOUT,   /* 504 http_response_timeout */
	ANSWER_UPLOAD_TIMEOUT,   /* 504: it took no more of the body */
	ANSWER_PARENT,           /* 502: the parent refused or broke; its status is passed on for CONNECT */
	ANSWER_HEADER_TIMEOUT,   /* 408 */
	ANSWER_BODY_TIMEOUT,     /* 408: the client sent no more of it */
	ANSWER_BUSY,             /* 503: connections, descriptors, memory, auth pool */
	ANSWER_PER_CLIENT,       /* 429: too many connections of this address */
	ANSWER_DRAINING,         /* 503 */
	ANSWER_INTERNAL,         /* 500 */
	ANSWER_COUNT_
};

struct answer {
	enum answer_why why;
	const char *text;            /* one sentence with this request's own figures, already escaped */
	const char *proxy;           /* the proxy's name */
	struct slice fields;         /* further header fields, each with CRLF; may be empty */
	struct slice date;           /* a Date field with CRLF (RFC 9110 section 6.6.1) */
	const struct http_request *request; /* NULL: none was read. HEAD gets no body */
	bool close;                  /* say Connection: close */
	bool timed_out_dns;          /* ANSWER_UNRESOLVED: 504 */
};

/* The whole answer, head and page, into `out`. */
void answer_write(const struct answer *a, struct buffer *out);

unsigned answer_status(const struct answer *a);
const char *answer_name(enum answer_why why);  /* "rule", "private", "timeout-connect", ...: as in
                                                  the log and in Proxy-Status's details */

#endif
