/* Response heads. The first byte says which method was asked. */
#include "http/head.h"

#include "inside.h"

static void check_whole(const struct http_response *r, struct slice in)
{
	assert(r->head_len > 0 && r->head_len <= in.len && in.at[r->head_len - 1] == '\n');
	assert(r->status >= 100 && r->status <= 999 && r->minor <= 9);
	assert_inside(r->reason, in);
	assert((r->body == HTTP_BODY_LENGTH) == (r->length > 0));
	assert(!r->keep_alive || r->body <= HTTP_BODY_CHUNKED);
	for (size_t i = 0; i < r->fields.count; i++) {
		assert_inside(r->fields.field[i].name, in);
		assert_inside(r->fields.field[i].value, in);
	}
	assert(http_looks_like_response(in) == HTTP_DONE);
	http_status_name(r->status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = { "GET", "HEAD", "CONNECT", "" };
	if (size == 0)
		return 0;
	struct slice in = slice_from((struct slice){ data, size }, 1);
	struct slice method = slice_of(methods[data[0] % 4]);
	struct http_response r, cut;
	struct http_bad bad = { 0 }, cut_bad = { 0 };
	enum http_parse p = http_read_response(in, method, &r, &bad);
	if (p == HTTP_DONE)
		check_whole(&r, in);
	if (p == HTTP_BAD)
		assert(bad.why && bad.at <= in.len);
	for (size_t len = 0; len < in.len; len += 1 + size / 64) {
		enum http_parse c =
			http_read_response(slice_first(in, len), method, &cut, &cut_bad);
		assert(c == HTTP_MORE || c == p);
		if (p == HTTP_DONE)
			assert((c == HTTP_DONE) == (len >= r.head_len));
		if (c == HTTP_BAD)
			assert(cut_bad.at == bad.at);
	}
	return 0;
}
