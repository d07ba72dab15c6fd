/* The growing buffer: doubles up to its limit, then fails for good. */
#include "base/buffer.h"

#include "base/digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *b, size_t limit)
{
	*b = (struct buffer){ .limit = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX };
}

void buffer_done(struct buffer *b)
{
	if (!b)
		return;
	free(b->at);
	*b = (struct buffer){ 0 };
}

void buffer_wipe(struct buffer *b)
{
	if (b->at)
		explicit_bzero(b->at, b->room);
	buffer_done(b);
}

void buffer_reset(struct buffer *b)
{
	b->len = 0;
	b->failed = false;
}

static bool grow(struct buffer *b, size_t len)
{
	size_t room = b->room ? b->room : b->limit < 256 ? b->limit : 256;
	while (room - b->len < len)
		room = room > b->limit / 2 ? b->limit : room * 2;
	uint8_t *at = realloc(b->at, room);
	if (!at)
		return false;
	b->at = at;
	b->room = room;
	return true;
}

static inline uint8_t *reserve(struct buffer *b, size_t len)
{
	bool fits = !b->failed && len <= b->limit - b->len;
	if (fits && (len <= b->room - b->len || grow(b, len)))
		return b->at + b->len;
	b->failed = true;
	return NULL;
}

uint8_t *buffer_reserve(struct buffer *b, size_t len)
{
	return reserve(b, len);
}

void buffer_add(struct buffer *b, struct slice s)
{
	uint8_t *at = s.len ? reserve(b, s.len) : NULL;
	if (!at)
		return;
	memcpy(at, s.at, s.len);
	b->len += s.len;
}

void buffer_add_text(struct buffer *b, const char *text)
{
	buffer_add(b, slice_of(text));
}

void buffer_add_byte(struct buffer *b, uint8_t byte)
{
	uint8_t *at = reserve(b, 1);
	if (!at)
		return;
	*at = byte;
	b->len++;
}

void buffer_add_repeat(struct buffer *b, uint8_t byte, size_t count)
{
	uint8_t *at = count ? buffer_reserve(b, count) : NULL;
	if (!at)
		return;
	memset(at, byte, count);
	b->len += count;
}

void buffer_add_u64(struct buffer *b, uint64_t value)
{
	uint8_t digits[DIGITS_MOST];
	buffer_add(b, (struct slice){ digits, (size_t)(digits_write(digits, value) - digits) });
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	char small[512];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(small, sizeof small, format, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < sizeof small) {
		buffer_add(b, (struct slice){ (uint8_t *)small, (size_t)n });
	} else {
		uint8_t *at = buffer_reserve(b, (size_t)n + 1);
		if (!at)
			return;
		va_start(ap, format);
		vsnprintf((char *)at, (size_t)n + 1, format, ap);
		va_end(ap);
		b->len += (size_t)n;
	}
}

void buffer_drop(struct buffer *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len)
		memmove(b->at, b->at + len, b->len - len);
	b->len -= len;
}
