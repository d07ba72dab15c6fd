/* What both sides' reading of HTTP/1 has in common: what is kept of a head, without its secrets,
 * and a head that comes in pieces. */
#include "http/secret.h"
#include "observe/conversation.h"

#include <string.h>

enum { MAX_FIELD = 512 };

enum trace_scheme speech_scheme(enum http_scheme scheme)
{
	static const enum trace_scheme schemes[] = {
		[HTTP_AUTH_NONE] = SCHEME_NONE,           [HTTP_AUTH_BASIC] = SCHEME_BASIC,
		[HTTP_AUTH_DIGEST] = SCHEME_DIGEST,       [HTTP_AUTH_NTLM] = SCHEME_NTLM,
		[HTTP_AUTH_NEGOTIATE] = SCHEME_NEGOTIATE, [HTTP_AUTH_BEARER] = SCHEME_BEARER,
		[HTTP_AUTH_OTHER] = SCHEME_OTHER,
	};
	return schemes[scheme];
}

struct slice speech_keep_text(struct exchange *x, struct slice text, bool rest, size_t most)
{
	struct slice kept = trace_keep(x, text, most);
	http_hide_userinfo((uint8_t *)kept.at, kept.len,
			   rest || text.len > most); /* our own copy */
	return kept;
}

struct slice speech_keep_field(struct exchange *x, const struct http_fields *fields,
			       enum http_name name)
{
	const struct http_field *f = http_known(fields, name);
	return f ? speech_keep_text(x, f->value, false, MAX_FIELD) : (struct slice){ 0 };
}

struct overwriting {
	uint8_t *at;
};

static void overwrite(void *context, uint64_t from, uint64_t to)
{
	struct overwriting *o = context;
	memset(o->at + from, '*', (size_t)(to - from));
}

struct slice speech_keep_head(struct exchange *x, struct slice head)
{
	struct slice kept = arena_copy(x->arena, head);
	struct overwriting own = { (uint8_t *)kept.at };
	struct http_secrets finder = { 0 };
	http_find_secrets(&finder, kept, overwrite, &own);
	return kept;
}

struct slice speech_join_head(struct talk *t, const struct mark *mark, struct slice bytes)
{
	if (t->head.len == 0) {
		t->head_start = *mark;
		return bytes;
	}
	buffer_add(&t->head, bytes);
	return buffer_slice(&t->head);
}

/* Keeps what is there of a head until more comes. False when it grows too long. */
bool speech_keep_for_later(struct talk *t, struct slice whole, bool joined)
{
	if (!joined)
		buffer_add(&t->head, whole);
	return !t->head.failed;
}

size_t speech_lose_step(struct talk *t, struct slice bytes)
{
	buffer_reset(&t->head);
	t->speech = SPEECH_LOST;
	t->unsure = false;
	return bytes.len;
}

size_t speech_telling_bytes(struct slice bytes)
{
	enum { FEWEST = 8, MOST = 100 };
	struct slice later = slice_from(bytes, FEWEST - 1);
	size_t line = slice_find_byte(later, '\n');
	size_t len = line < later.len ? FEWEST + line : MOST;
	return len > MOST ? MOST : len <= bytes.len ? len : 0;
}
