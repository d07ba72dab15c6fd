/* Reads HTTP/1 heads and body framing as a proxy's client and a proxy speak them.
 *
 * Pure: bytes in, values out. Every slice that is given back points into the bytes that were
 * handed in. Nothing is repaired: a head that RFC 9112 forbids is HTTP_BAD with the place and
 * the reason (white space before a colon of a request, folded lines, control characters, a Content-Length
 * that is no number), but what real programs send and everybody accepts (a bare LF, empty
 * lines before a request line, a status line without a reason) is read. Proxy, check and
 * capture use the same reader.
 *
 * A head that is cut anywhere gives HTTP_MORE, or the HTTP_BAD that the whole gives. Until
 * HTTP_DONE the record that the caller gave is scratch, partly written; so no byte of its
 * large array is touched in vain. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/slice.h"

enum http_parse {
	HTTP_DONE, /* whole, *ret_... is written */
	HTTP_MORE, /* so far so good, the end is not there yet */
	HTTP_BAD,  /* not HTTP/1; *ret_bad says where and why */
};

struct http_bad {
	size_t at;       /* byte offset in what was handed in */
	const char *why; /* a constant, lower case, no full stop */
};

enum {
	HTTP_MAX_HEAD = 65536,  /* a longer head is HTTP_BAD */
	HTTP_MAX_FIELDS = 128,  /* more are counted in `dropped_fields`, not kept */
};

struct http_field {
	struct slice name, value; /* the value without white space around it */
};

/* Where the body ends, RFC 9112 section 6.3. */
enum http_body {
	HTTP_BODY_NONE,    /* also with a Content-Length of 0 */
	HTTP_BODY_LENGTH,  /* `length` bytes, one at least */
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE,   /* all until the connection closes; of a request: nobody can tell */
	HTTP_BODY_TUNNEL,  /* no HTTP any more: 2xx to CONNECT, 101 */
};

enum http_form { /* of the request target, RFC 9112 section 3.2 */
	HTTP_FORM_ORIGIN,    /* /path */
	HTTP_FORM_ABSOLUTE,  /* http://host/path, any scheme, any case */
	HTTP_FORM_AUTHORITY, /* host:port: whatever stands behind CONNECT */
	HTTP_FORM_ASTERISK,  /* * */
};

enum http_name { /* names that somebody looks for in every head; the reader tells them apart */
	HTTP_NAME_OTHER,
	HTTP_AUTHORIZATION,
	HTTP_CONNECTION,
	HTTP_CONTENT_LENGTH,
	HTTP_CONTENT_TYPE,
	HTTP_HOST,
	HTTP_LOCATION,
	HTTP_PROXY_AGENT,
	HTTP_PROXY_AUTHENTICATE,
	HTTP_PROXY_AUTHORIZATION,
	HTTP_PROXY_CONNECTION,
	HTTP_PROXY_STATUS,
	HTTP_RETRY_AFTER,
	HTTP_SERVER,
	HTTP_TRANSFER_ENCODING,
	HTTP_VIA,
	HTTP_X_SQUID_ERROR,
	HTTP_NAME_COUNT_
};

struct http_fields {
	struct http_field field[HTTP_MAX_FIELDS];
	size_t count, dropped_fields;
	uint8_t known[HTTP_NAME_COUNT_]; /* where the first of that name is, counted from 1; 0 nowhere */
};

struct http_request {
	struct slice method, target;
	unsigned minor; /* HTTP/1.minor */
	enum http_form form;
	struct http_fields fields;
	size_t head_len; /* bytes up to and with the empty line */
	enum http_body body;
	uint64_t length;
	bool ambiguous; /* framing that RFC 9112 calls an attack: both lengths (chunked wins),
	                   differing lengths (the first is given), chunked twice or not last, any
	                   coding in HTTP/1.0 */
	bool keep_alive; /* by version, Connection and Proxy-Connection; never when ambiguous */
};

struct http_response {
	unsigned status; /* 100..999 */
	unsigned minor;
	struct slice reason;
	struct http_fields fields;
	size_t head_len;
	enum http_body body;
	uint64_t length;
	bool ambiguous;
	bool keep_alive; /* as above, and never with HTTP_BODY_CLOSE or HTTP_BODY_TUNNEL */
};

/* One request head at the start of `in`. */
enum http_parse http_read_request(struct slice in, struct http_request *ret_request,
                                  struct http_bad *ret_bad);

/* One response head at the start of `in`. `method` is the request's (HEAD and CONNECT change
 * what the body is); the empty slice when the request was not seen. */
enum http_parse http_read_response(struct slice in, struct slice method,
                                   struct http_response *ret_response, struct http_bad *ret_bad);

/* The fields behind the last chunk, and the empty line that ends them (RFC 9112 section 7.1.2), at
 * the start of `in`; *ret_used bytes. */
enum http_parse http_read_trailers(struct slice in, struct http_fields *ret_fields,
                                   size_t *ret_used, struct http_bad *ret_bad);

/* Could these first bytes begin a request (a method, a space, and "CONNECT", "/", "*" or
 * "scheme://", so that SSH, SMTP and SIP are none) or a response ("HTTP/1.")? HTTP_DONE: yes;
 * HTTP_MORE: too few bytes to tell; HTTP_BAD: no, and the reader would say so too. Cheap: for
 * deciding whether a stream is worth reading at all. */
enum http_parse http_looks_like_request(struct slice in);
enum http_parse http_looks_like_response(struct slice in);

/* The first field of that name (case folded), or NULL. */
const struct http_field *http_find(const struct http_fields *fields, struct slice name);

/* The same for names that are known: a look in the table. */
static inline const struct http_field *http_known(const struct http_fields *fields,
                                                  enum http_name name)
{
	return fields->known[name] ? &fields->field[fields->known[name] - 1] : NULL;
}

/* The next field of that name behind `after` (NULL: the first). */
const struct http_field *http_find_next(const struct http_fields *fields, struct slice name,
                                        const struct http_field *after);

/* Is `token` in the comma-separated list that all fields of that name make up (RFC 9110
 * section 5.6.1)? */
bool http_list_has(const struct http_fields *fields, struct slice name, struct slice token);

/* Scheme, host and port of a target in absolute or authority form. The host of an IPv6
 * literal is without brackets. port is 0 where none stands there. Userinfo is split off and
 * not given back, only said. False when it is not of that form. */
struct http_authority {
	struct slice scheme, host;
	uint16_t port;
	bool had_userinfo;
};
bool http_read_authority(struct slice target, enum http_form form,
                         struct http_authority *ret_authority);

/* The usual words for a status code ("Forbidden"), or NULL. RFC 9110 section 15 and the IANA
 * registry. */
const char *http_status_name(unsigned status);

#endif
