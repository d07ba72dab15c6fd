/* A message's body on its way through: read by the framing that it came with, written in the
 * framing of the next hop (RFC 9112 section 6 and 7). Chunks are decoded strictly and made anew, so
 * that nothing of how they were written gets past us; what needs no framing goes by flow.h. */
#ifndef PROXY_BODY_H
#define PROXY_BODY_H

#include "http/chunk.h"
#include "proxy/flow.h"

enum { BODY_MAX_TRAILER = 16 << 10 };

enum body_out { BODY_RAW, BODY_CHUNKS };

struct body {
	struct flow flow;
	enum http_body in;       /* NONE, LENGTH, CHUNKED or CLOSE */
	enum body_out out;
	bool ended;              /* all of it was read */
	uint64_t left;           /* LENGTH: still to be read */
	uint64_t seen;           /* content so far */
	uint64_t most;           /* content that may be; UINT64_MAX */
	struct http_chunks chunks;
	bool trailing;           /* the last chunk was read */
	struct buffer trailer;   /* as it came */
};

enum body_result {
	BODY_WAIT,
	BODY_AGAIN,              /* enough for one round */
	BODY_BRAKED,             /* no more now: the brake */
	BODY_DONE,               /* all of it was read and written */
	BODY_CUT,                /* the sender's FIN came before its end */
	BODY_BAD,                /* no chunks */
	BODY_TOO_LARGE,
	BODY_READ_FAILED,
	BODY_WRITE_FAILED,
	BODY_SHORT,              /* out of memory */
};

/* most: of content, 0: any. */
void body_init(struct body *b, enum http_body in, uint64_t length, enum body_out out, uint64_t most);
void body_done(struct worker *w, struct body *b);

/* Bytes that are in memory already become parts to be written; content is moved together in place.
 * Good until the bytes or the body change. BODY_WAIT: go on; BODY_DONE: that was all of it;
 * BODY_BAD, BODY_TOO_LARGE. */
struct body_parts {
	struct iovec part[3];    /* before, content, behind; some may be empty */
	size_t used;             /* bytes of the input; what is left is no body */
	char before[24];
	struct buffer *end;      /* of the worker; the last chunk and trailers */
};
enum body_result body_take(struct body *b, struct buffer *end, uint8_t *at, size_t len,
			   struct body_parts *ret_parts);

/* Moves what can be moved. surplus: called with bytes behind the body's end. */
struct body_surplus {
	bool (*keep)(void *context, struct slice bytes); /* false: out of memory, or not wanted */
	void *context;
};
enum body_result body_move(struct worker *w, struct body *b, struct flow_way *way,
			   const struct body_surplus *surplus);

#endif
