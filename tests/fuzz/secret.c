/* Secrets in a stream: whole, byte by byte, and cut where the first byte says, with a gap or
 * without. The same bytes are found, each once and in order, and never one that is not there. */
#include "http/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GAP = 7 };

struct found {
	uint8_t *secret; /* one byte for each of the stream's */
	uint64_t len, last;
};

static void on_found(void *context, uint64_t from, uint64_t to)
{
	struct found *f = context;
	assert(from <= to && to <= f->len && from >= f->last);
	for (uint64_t i = from; i < to; i++)
		f->secret[i] = 1;
	f->last = to;
}

/* gap_at: so many bytes before a gap of GAP; SIZE_MAX: there is none. */
static struct found find(struct slice in, size_t piece, size_t gap_at)
{
	bool gap = gap_at <= in.len;
	struct found f = { .len = in.len + (gap ? GAP : 0) };
	f.secret = calloc(f.len + 1, 1);
	struct http_secrets s = { 0 };
	if (!f.secret)
		abort();
	for (size_t at = 0; at <= in.len;) {
		if (at == gap_at)
			http_secrets_gap(&s, GAP, on_found, &f);
		if (at == in.len)
			break;
		size_t most = at < gap_at && gap_at - at < piece ? gap_at - at : piece;
		struct slice part = slice_first(slice_from(in, at), most);
		http_find_secrets(&s, part, on_found, &f);
		at += part.len;
	}
	assert(s.at == f.len);
	http_secrets_end(&s, on_found, &f);
	return f;
}

static void same_in_pieces(struct slice in, size_t piece, size_t gap_at)
{
	struct found whole = find(in, SIZE_MAX, gap_at), bytes = find(in, 1, gap_at),
		     cut = find(in, piece, gap_at);
	assert(memcmp(whole.secret, bytes.secret, whole.len) == 0);
	assert(memcmp(whole.secret, cut.secret, whole.len) == 0);
	free(whole.secret);
	free(bytes.secret);
	free(cut.secret);
}

/* Hiding keeps the length, writes nothing but stars, and leaves nothing to hide. */
static void hide_twice(struct slice in, bool cut)
{
	uint8_t *once = malloc(in.len + 1), *twice = malloc(in.len + 1);
	if (!once || !twice)
		abort();
	memcpy(once, in.at, in.len);
	http_hide_userinfo(once, in.len, cut);
	for (size_t i = 0; i < in.len; i++)
		assert(once[i] == in.at[i] || once[i] == '*');
	memcpy(twice, once, in.len);
	http_hide_userinfo(twice, in.len, cut);
	assert(memcmp(once, twice, in.len) == 0);
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct slice in = { data + 1, size - 1 };
	same_in_pieces(in, data[0] + 1u, SIZE_MAX);
	same_in_pieces(in, 3, data[0] % size);
	hide_twice(in, false);
	hide_twice(in, true);
	return 0;
}
