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

struct slice speech_keep_field(struct exchange *x, const struct http_fields *fields,
			       struct slice name)
{
	const struct http_field *f = http_find(fields, name);
	return f ? trace_keep(x, f->value, MAX_FIELD) : (struct slice){ 0 };
}

/* The head as it stood, secret values and userinfo overwritten with as many stars. */
struct slice speech_keep_head(struct exchange *x, struct slice head,
			      const struct http_fields *fields, struct slice target)
{
	struct slice kept = arena_copy(x->arena, head);
	if (kept.len != head.len)
		return (struct slice){ 0 };
	uint8_t *at = (uint8_t *)kept.at; /* our own copy */
	for (size_t i = 0; i < fields->count; i++)
		if (http_is_secret_field(fields->field[i].name) && fields->field[i].value.len)
			memset(at + (fields->field[i].value.at - head.at), '*',
			       fields->field[i].value.len);
	size_t scheme = slice_find(target, SLICE("://"));
	size_t start = scheme == target.len ? 0 : scheme + 3;
	for (size_t i = start; i < target.len && target.at[i] != '/'; i++)
		if (target.at[i] == '@')
			memset(at + (target.at - head.at) + start, '*', i - start);
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
	return bytes.len;
}
