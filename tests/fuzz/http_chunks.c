/* Chunked bodies: whole, byte by byte, and cut in two where the first byte says. */
#include "http/chunk.h"

#include "inside.h"

struct outcome {
	enum http_parse parse;
	size_t used;
	uint64_t body;
};

static struct outcome feed(struct slice in, size_t piece)
{
	struct http_chunks c = { 0 };
	struct outcome o = { .parse = HTTP_MORE };
	while (o.parse == HTTP_MORE && o.used < in.len) {
		struct slice part = slice_first(slice_from(in, o.used), piece);
		size_t used = SIZE_MAX;
		o.parse = http_read_chunks(&c, part, &used);
		assert(used <= part.len && (o.parse != HTTP_MORE || used == part.len));
		o.used += used;
	}
	o.body = c.body_bytes;
	assert(o.body <= o.used);
	return o;
}

static void assert_same(struct outcome a, struct outcome b)
{
	assert(a.parse == b.parse && a.used == b.used && a.body == b.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct slice in = slice_from((struct slice){ data, size }, 1);
	struct outcome whole = feed(in, SIZE_MAX);
	assert_same(whole, feed(in, 1));
	assert_same(whole, feed(in, data[0] + 1u));
	return 0;
}
