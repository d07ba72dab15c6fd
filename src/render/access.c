/* A line of the proxy's access log. Columns are parted by one blank, and hold none themselves; the
 * reason comes last, and is a sentence.
 *
 * 2026-11-23T12:00:00.123Z 10.0.0.5 alice CONNECT tools.cisco.com:443 200 904/2261 12.5ms ok */
#include "base/escape.h"
#include "render/render.h"

enum { MOST_TARGET = 2048, MOST_USER = 128, MOST_WHY = 300 };

static void add_word(struct buffer *out, struct slice s, size_t most)
{
	buffer_add_byte(out, ' ');
	if (s.len == 0)
		buffer_add_byte(out, '-');
	size_t from = out->len;
	escape_text(out, slice_first(s, most));
	for (size_t i = from; i < out->len; i++)
		if (out->at[i] == ' ')
			out->at[i] = '_';
}

static void add_time(struct buffer *out, nanos at)
{
	when_add_rfc3339(out, at - at % NANOS_PER_MS);
	while (out->len > 4 && out->at[out->len - 2] == '0' && out->at[out->len - 5] != '.') {
		out->at[out->len - 2] = 'Z'; /* milliseconds will do */
		out->len--;
	}
}

static void add_sizes(struct buffer *out, const struct exchange *x)
{
	buffer_add_byte(out, ' ');
	buffer_add_u64(out, x->bytes[CLIENT]);
	buffer_add_byte(out, '/');
	buffer_add_u64(out, x->bytes[PROXY]);
}

static void add_span(struct buffer *out, const struct exchange *x)
{
	nanos span = x->last.at - x->first.at;
	uint64_t tenths = span > 0 ? (uint64_t)span / 100000 : 0;
	buffer_add_byte(out, ' ');
	buffer_add_u64(out, tenths / 10);
	buffer_add_byte(out, '.');
	buffer_add_byte(out, (uint8_t)('0' + tenths % 10));
	buffer_add_text(out, "ms");
}

/* What the proxy says itself; else, of a failure, the diagnosis's sentence. */
static void add_reason(struct buffer *out, const struct exchange *x, const struct diagnosis *d)
{
	if (x->leg && x->leg->why.len) {
		bool said = slice_starts(x->leg->text, x->leg->why);
		buffer_add_byte(out, ' ');
		escape_text(out, said ? (struct slice){ 0 } : x->leg->why);
		buffer_add_text(out, x->leg->text.len && !said ? ": " : NULL);
		escape_text(out, slice_first(x->leg->text, MOST_WHY));
	} else if (d->severity != SEVERITY_OK && d->summary) {
		buffer_add_byte(out, ' ');
		buffer_add_text(out, d->summary);
	}
	if (x->leg && x->leg->trial.len) {
		buffer_add_text(out, " (");
		escape_text(out, slice_first(x->leg->trial, MOST_WHY));
		buffer_add_byte(out, ')');
	}
}

void render_access(struct buffer *out, const struct exchange *x, const struct diagnosis *d)
{
	add_time(out, x->first.at);
	buffer_add_byte(out, ' ');
	address_add_host(out, &x->client);
	add_word(out, x->request.user, MOST_USER);
	add_word(out, x->request.method, 40);
	add_word(out, x->request.target, MOST_TARGET);
	buffer_add_byte(out, ' ');
	if (x->response.status)
		buffer_add_u64(out, x->response.status);
	else
		buffer_add_byte(out, '-');
	add_sizes(out, x);
	add_span(out, x);
	buffer_add_byte(out, ' ');
	buffer_add_text(out, verdict_id(d->verdict));
	add_reason(out, x, d);
	buffer_add_byte(out, '\n');
}
