/* Finds the end of a chunked body (RFC 9112 section 7.1) without keeping any of it.
 *
 * The reader is a small state that lives in the caller's connection; feed it bytes as they
 * come, in any pieces. Zeroed, it is at the start of a body. DONE and BAD stay until it is
 * zeroed again. Stricter than the heads: every line ends in CRLF. */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "http/head.h"

struct http_chunks {
	uint64_t left;      /* bytes of the current chunk still to come */
	uint64_t body_bytes; /* content so far, without framing */
	uint8_t state;      /* enum inside chunk.c; 0 is the start */
	uint8_t digits;
	uint16_t line;      /* bytes of the current size or trailer line */
	bool strict;        /* no white space behind a size: set by http_read_chunk_data */
};

/* Consumes up to all of `in`. HTTP_DONE: the body ended, *ret_used bytes of `in` belong to it.
 * HTTP_MORE: all of `in` was used. HTTP_BAD: not chunked framing, at *ret_used. */
enum http_parse http_read_chunks(struct http_chunks *c, struct slice in, size_t *ret_used);

/* For who passes the content on: takes framing off the front of `in`, and gives the next run of
 * content, if any, in *ret_data (part of `in`, counted in *ret_used). HTTP_MORE: call again with what
 * lies behind, or with more bytes when nothing was used. HTTP_DONE: the last chunk was read; what
 * follows is the trailer section (http_read_trailers). HTTP_BAD as above, to the letter of the
 * grammar. Not to be mixed with http_read_chunks on one body. */
enum http_parse http_read_chunk_data(struct http_chunks *c, struct slice in, size_t *ret_used,
                                     struct slice *ret_data);

/* `n` bytes of the stream are missing (a hole in the capture). True when they lie inside the
 * current chunk, so that the reader is still in step; false when step is lost. */
bool http_skip_in_chunk(struct http_chunks *c, uint64_t n);

#endif
