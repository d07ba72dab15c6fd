/* Chunked framing, byte by byte outside the chunks and in strides inside them.
 *
 *     ┌────────────────────────────────────────────────────────────┐
 *     ▼                                                            │
 *   SIZE ──▶ (PAD) ──▶ (EXT) ──▶ SIZE_LF ──▶ DATA ──▶ DATA_CR ──▶ DATA_LF
 *                                   │ size 0
 *                                   ▼
 *            ┌─────────────────▶ TRAILER ──▶ LAST_LF ──▶ ENDED
 *            │                      ▼
 *            └─ VALUE_LF ◀─ VALUE ◀─ NAME
 *
 * Those in brackets may be left out.
 *
 * Every state can go to WRONG, which stays. Lines end in CRLF and nothing else here: where
 * readers differ on a bare LF inside chunked framing, one request becomes two. */
#include "http/chunk.h"

#include "http/syntax.h"

enum { MAX_DIGITS = 16, MAX_LINE = 16384 };

enum state {
	SIZE, /* in front of or inside the digits */
	PAD,  /* white space behind the digits: some servers write sizes of fixed width */
	EXT,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	NAME,
	VALUE,
	VALUE_LF,
	LAST_LF,
	ENDED,
	WRONG,
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum state begin_line(struct http_chunks *c, enum state to)
{
	c->line = 0;
	c->digits = 0;
	return to;
}

/* Behind the digits, and behind white space there (`padded`). */
static enum state after_size(const struct http_chunks *c, uint8_t byte, bool padded)
{
	if (byte == '\r')
		return c->strict && padded ? WRONG : SIZE_LF;
	if (byte == ';')
		return EXT;
	return http_is_blank(byte) ? PAD : WRONG;
}

static enum state step_size(struct http_chunks *c, uint8_t byte)
{
	int digit = hex_digit(byte);
	if (digit < 0)
		return c->digits > 0 ? after_size(c, byte, false) : WRONG;
	if (c->digits == MAX_DIGITS)
		return WRONG;
	c->left = (c->digits++ == 0 ? 0 : c->left << 4) | (uint64_t)digit;
	return SIZE;
}

static enum state expect(uint8_t byte, uint8_t want, enum state to)
{
	return byte == want ? to : WRONG;
}

/* Text up to the CR. */
static enum state step_text(uint8_t byte, enum state here, enum state after_cr)
{
	if (byte == '\r')
		return after_cr;
	return http_is(byte, IN_TEXT) ? here : WRONG;
}

/* A trailer line has a name and a colon: without that, the next response of a server that
 * forgot the last empty line would pass for trailers. */
static enum state step_trailer(uint8_t byte, bool first)
{
	if (first && byte == '\r')
		return LAST_LF;
	if (!first && byte == ':')
		return VALUE;
	return http_is(byte, IN_TOKEN) ? NAME : WRONG;
}

/* One byte of framing. */
static enum state step(struct http_chunks *c, uint8_t byte)
{
	switch ((enum state)c->state) {
	case SIZE:
		return step_size(c, byte);
	case PAD:
		return after_size(c, byte, true);
	case EXT:
		return step_text(byte, EXT, SIZE_LF);
	case SIZE_LF:
		return begin_line(c, expect(byte, '\n', c->left > 0 ? DATA : TRAILER));
	case DATA_CR:
		return expect(byte, '\r', DATA_LF);
	case DATA_LF:
		return begin_line(c, expect(byte, '\n', SIZE));
	case TRAILER:
		return step_trailer(byte, true);
	case NAME:
		return step_trailer(byte, false);
	case VALUE:
		return step_text(byte, VALUE, VALUE_LF);
	case VALUE_LF:
		return begin_line(c, expect(byte, '\n', TRAILER));
	case LAST_LF:
		return expect(byte, '\n', ENDED);
	default:
		return WRONG;
	}
}

static void take_data(struct http_chunks *c, uint64_t n)
{
	c->left -= n;
	c->body_bytes += n;
	if (c->left == 0)
		c->state = DATA_CR;
}

enum http_parse http_read_chunks(struct http_chunks *c, struct slice in, size_t *ret_used)
{
	size_t i = 0;
	while (c->state != ENDED && c->state != WRONG && i < in.len) {
		if (c->state == DATA) {
			uint64_t n = c->left < in.len - i ? c->left : in.len - i;
			take_data(c, n);
			i += (size_t)n;
			continue;
		}
		enum state to = c->line++ < MAX_LINE ? step(c, in.at[i]) : WRONG;
		c->state = (uint8_t)to;
		if (to != WRONG)
			i++;
	}
	*ret_used = i;
	if (c->state == WRONG)
		return HTTP_BAD;
	return c->state == ENDED ? HTTP_DONE : HTTP_MORE;
}

enum http_parse http_read_chunk_data(struct http_chunks *c, struct slice in, size_t *ret_used,
				     struct slice *ret_data)
{
	size_t i = 0;
	c->strict = true;
	*ret_data = (struct slice){ 0 };
	while (c->state != DATA && c->state != TRAILER && c->state != WRONG && i < in.len) {
		enum state to = c->line++ < MAX_LINE ? step(c, in.at[i]) : WRONG;
		c->state = (uint8_t)to;
		if (to != WRONG)
			i++;
	}
	if (c->state == DATA) {
		*ret_data = slice_first(slice_from(in, i),
					c->left < SIZE_MAX ? (size_t)c->left : SIZE_MAX);
		take_data(c, ret_data->len);
		i += ret_data->len;
	}
	*ret_used = i;
	if (c->state == WRONG)
		return HTTP_BAD;
	return c->state == TRAILER ? HTTP_DONE : HTTP_MORE;
}

bool http_skip_in_chunk(struct http_chunks *c, uint64_t n)
{
	if (n > 0 && (c->state != DATA || n > c->left))
		return false;
	if (n > 0)
		take_data(c, n);
	return true;
}
