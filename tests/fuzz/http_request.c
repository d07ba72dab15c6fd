/* Request heads, their targets, and what a cut of them gives. */
#include "http/head.h"

#include "inside.h"

static void check_fields(const struct http_fields *f, struct slice in)
{
	assert(f->count <= HTTP_MAX_FIELDS);
	assert(f->dropped_fields == 0 || f->count == HTTP_MAX_FIELDS);
	for (size_t i = 0; i < f->count; i++) {
		assert_inside(f->field[i].name, in);
		assert_inside(f->field[i].value, in);
		assert(f->field[i].name.len > 0);
		assert(slice_find_byte(f->field[i].value, '\n') == f->field[i].value.len);
		assert(http_find(f, f->field[i].name) <= &f->field[i]);
	}
	for (int n = HTTP_NAME_OTHER + 1; n < HTTP_NAME_COUNT_; n++)
		assert(f->known[n] <= f->count);
	assert(http_known(f, HTTP_HOST) == http_find(f, SLICE("Host")));
	assert(http_known(f, HTTP_PROXY_AUTHORIZATION) ==
	       http_find(f, SLICE("Proxy-Authorization")));
	http_list_has(f, SLICE("Connection"), SLICE("close"));
}

static void check_whole(const struct http_request *r, struct slice in)
{
	struct http_authority a;
	assert(r->head_len > 0 && r->head_len <= in.len && r->head_len <= HTTP_MAX_HEAD);
	assert(in.at[r->head_len - 1] == '\n');
	assert_inside(r->method, in);
	assert_inside(r->target, in);
	assert(r->method.len > 0 && r->target.len > 0);
	assert((r->body == HTTP_BODY_LENGTH) == (r->length > 0));
	assert(r->body != HTTP_BODY_TUNNEL && !(r->ambiguous && r->keep_alive));
	check_fields(&r->fields, in);
	if (http_read_authority(r->target, r->form, &a)) {
		assert_inside(a.host, r->target);
		assert_inside(a.scheme, r->target);
		assert(a.host.len > 0 && (a.scheme.len > 0) == (r->form == HTTP_FORM_ABSOLUTE));
	}
	assert(http_looks_like_request(in) == HTTP_DONE);
}

/* A shorter input never knows something else, it only knows less. */
static void check_cut(struct slice in, size_t len, enum http_parse whole, size_t end)
{
	struct http_request r;
	struct http_bad bad = { 0 };
	enum http_parse p = http_read_request(slice_first(in, len), &r, &bad);
	assert(p == HTTP_MORE || p == whole);
	if (whole == HTTP_DONE)
		assert((p == HTTP_DONE) == (len >= end));
	if (p == HTTP_BAD)
		assert(bad.at == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	struct http_request r;
	struct http_bad bad = { 0 };
	enum http_parse p = http_read_request(in, &r, &bad);
	if (p == HTTP_DONE)
		check_whole(&r, in);
	if (p == HTTP_BAD)
		assert(bad.why && bad.at <= in.len);
	if (http_looks_like_request(in) == HTTP_BAD)
		assert(p != HTTP_DONE);
	size_t step = 1 + size / 64;
	for (size_t len = 0; len < size; len += step)
		check_cut(in, len, p, p == HTTP_DONE ? r.head_len : bad.at);
	return 0;
}
