/* Challenges and credentials: schemes, users, and nothing that opens a door.
 *
 * In a challenge list the comma stands between challenges and between the parameters of one;
 * what tells them apart is the "=" behind a parameter's name (RFC 9110 section 11.6.1). */
#include "http/auth.h"

#include "http/syntax.h"

#include <string.h>

static const struct {
	struct slice name;
	enum http_scheme scheme;
} SCHEMES[] = {
	{ { (const uint8_t *)"Basic", 5 }, HTTP_AUTH_BASIC },
	{ { (const uint8_t *)"Digest", 6 }, HTTP_AUTH_DIGEST },
	{ { (const uint8_t *)"NTLM", 4 }, HTTP_AUTH_NTLM },
	{ { (const uint8_t *)"Negotiate", 9 }, HTTP_AUTH_NEGOTIATE },
	{ { (const uint8_t *)"Bearer", 6 }, HTTP_AUTH_BEARER },
};

static enum http_scheme scheme_of(struct slice name)
{
	if (name.len == 0)
		return HTTP_AUTH_NONE;
	for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++)
		if (slice_equal_nocase(name, SCHEMES[i].name))
			return SCHEMES[i].scheme;
	return HTTP_AUTH_OTHER;
}

/* --- the grammar ------------------------------------------------------------------------- */

static struct slice skip_blanks(struct slice s)
{
	size_t n = 0;
	while (n < s.len && http_is_blank(s.at[n]))
		n++;
	return slice_from(s, n);
}

static struct slice cut_token(struct slice *rest)
{
	struct slice token = slice_first(*rest, http_span(*rest, IN_TOKEN));
	*rest = slice_from(*rest, token.len);
	return token;
}

/* The inside of a quoted string at the start of *rest, escapes still in it. One that never
 * ends goes to the end. */
static struct slice cut_quoted(struct slice *rest)
{
	size_t end = 1 + slice_find_byte(slice_from(*rest, 1), '"');
	if (slice_find_byte(slice_first(*rest, end), '\\') < end) /* rare */
		for (end = 1; end < rest->len && rest->at[end] != '"';)
			end += rest->at[end] == '\\' ? 2 : 1;
	struct slice inside = slice_first(slice_from(*rest, 1), end - 1);
	*rest = slice_from(*rest, end + 1);
	return inside;
}

struct param {
	struct slice name, value; /* value: without quotes, escapes still in it */
};

/* name = value at the start of *rest; false, and *rest as it was, for anything else. */
static bool cut_param(struct slice *rest, struct param *ret_param)
{
	struct slice left = *rest;
	struct param p = { .name = cut_token(&left) };
	left = skip_blanks(left);
	if (p.name.len == 0 || left.len == 0 || left.at[0] != '=')
		return false;
	left = skip_blanks(slice_from(left, 1));
	p.value = left.len > 0 && left.at[0] == '"' ? cut_quoted(&left) : cut_token(&left);
	*rest = left;
	*ret_param = p;
	return true;
}

/* The blob of Negotiate and NTLM, with which "=" at its end is padding and no parameter. */
static struct slice skip_token68(struct slice s)
{
	size_t n = 0;
	while (n < s.len && (s.at[n] == '/' || http_is(s.at[n], IN_TOKEN)))
		n++;
	while (n > 0 && n < s.len && s.at[n] == '=')
		n++;
	struct slice behind = skip_blanks(slice_from(s, n));
	return behind.len == 0 || behind.at[0] == ',' ? behind : s;
}

/* --- challenges -------------------------------------------------------------------------- */

static void note_param(struct http_challenges *c, size_t which, const struct param *p)
{
	if (which < c->count && slice_equal_nocase(p->name, SLICE("stale")))
		c->challenge[which].stale = slice_equal_nocase(p->value, SLICE("true"));
}

/* Returns where the new challenge is; beyond `count` when there was no room for it. */
static size_t add_challenge(struct http_challenges *c, struct slice scheme)
{
	if (c->count == HTTP_MAX_CHALLENGES)
		return HTTP_MAX_CHALLENGES;
	memset(&c->challenge[c->count], 0, sizeof c->challenge[c->count]);
	c->challenge[c->count].scheme = scheme_of(scheme);
	return c->count++;
}

static void read_field_challenges(struct slice rest, struct http_challenges *c)
{
	size_t current = HTTP_MAX_CHALLENGES; /* a parameter before any scheme belongs to none */
	while ((rest = skip_blanks(rest)).len > 0) {
		struct param p;
		struct slice scheme;
		if (cut_param(&rest, &p)) {
			note_param(c, current, &p);
		} else if ((scheme = cut_token(&rest)).len > 0) {
			current = add_challenge(c, scheme);
			rest = skip_token68(skip_blanks(rest));
		} else {
			rest = slice_from(rest, 1); /* a comma, or nothing that belongs here */
		}
	}
}

void http_read_challenges(const struct http_fields *fields, struct slice name,
			  struct http_challenges *ret_challenges)
{
	ret_challenges->count = 0;
	const struct http_field *f = NULL;
	while ((f = http_find_next(fields, name, f)) != NULL)
		read_field_challenges(f->value, ret_challenges);
}

/* --- credentials ------------------------------------------------------------------------- */

/* A user name on its way into the caller's array. */
struct text {
	char *at;
	size_t len, size;
};

static void put(struct text *t, uint8_t byte)
{
	if (t->len + 1 < t->size)
		t->at[t->len++] = (char)byte;
}

static void finish(struct text *t)
{
	if (t->size > 0)
		t->at[t->len] = '\0';
}

static void forget(struct text *t)
{
	if (t->size > 0)
		explicit_bzero(t->at, t->size);
	t->len = 0;
}

static int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes no further than the colon. Without one the whole was perhaps a secret, and is
 * forgotten. `bits` holds the few bits of the password that share a digit with the colon. */
static void read_basic_user(struct slice blob, struct text *t)
{
	volatile uint32_t bits = 0;
	unsigned have = 0;
	bool colon = false;
	for (size_t i = 0; i < blob.len && !colon; i++) {
		int digit = base64_digit(blob.at[i]);
		if (digit < 0)
			break;
		bits = (bits << 6 | (uint32_t)digit) & 0x3fff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		uint8_t byte = (uint8_t)(bits >> have);
		colon = byte == ':';
		if (!colon)
			put(t, byte);
	}
	bits = 0;
	if (!colon)
		forget(t);
}

static void put_unquoted(struct text *t, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\\' && i + 1 < s.len)
			i++;
		put(t, s.at[i]);
	}
}

/* charset'language'percent-encoded, RFC 8187. */
static void put_extended(struct text *t, struct slice s)
{
	slice_cut(&s, '\'');
	slice_cut(&s, '\'');
	for (size_t i = 0; i < s.len; i++) {
		uint64_t byte = s.at[i];
		if (byte == '%' && slice_parse_u64(slice_first(slice_from(s, i + 1), 2), 16, &byte))
			i += s.len - i > 2 ? 2 : 1;
		put(t, (uint8_t)byte);
	}
}

static void read_digest_user(struct slice rest, struct text *t)
{
	while ((rest = skip_blanks(rest)).len > 0) {
		struct param p;
		if (!cut_param(&rest, &p)) {
			rest = slice_from(rest, 1);
		} else if (slice_equal_nocase(p.name, SLICE("username"))) {
			put_unquoted(t, p.value);
			return;
		} else if (slice_equal_nocase(p.name, SLICE("username*"))) {
			put_extended(t, p.value);
			return;
		}
	}
}

enum http_scheme http_read_credentials(struct slice value, char *user, size_t user_size)
{
	struct text t = { user, 0, user_size };
	struct slice rest = skip_blanks(value);
	struct slice name = cut_token(&rest);
	enum http_scheme scheme = name.len > 0 || rest.len == 0 ? scheme_of(name) : HTTP_AUTH_OTHER;
	rest = skip_blanks(rest);
	if (scheme == HTTP_AUTH_BASIC)
		read_basic_user(rest, &t);
	else if (scheme == HTTP_AUTH_DIGEST)
		read_digest_user(rest, &t);
	finish(&t);
	return scheme;
}

enum http_scheme http_cut_scheme(struct slice *rest)
{
	struct slice left = skip_blanks(*rest);
	struct slice name = cut_token(&left);
	enum http_scheme scheme = name.len > 0 || left.len == 0 ? scheme_of(name) : HTTP_AUTH_OTHER;
	*rest = skip_blanks(left);
	return scheme;
}

enum http_parse http_next_param(struct slice *rest, struct http_param *ret_param)
{
	struct slice left = skip_blanks(*rest);
	struct param p;
	while (left.len > 0 && left.at[0] == ',') /* empty elements, RFC 9110 section 5.6.1.2 */
		left = skip_blanks(slice_from(left, 1));
	*rest = left;
	if (left.len == 0)
		return HTTP_MORE;
	if (!cut_param(&left, &p))
		return HTTP_BAD;
	const uint8_t *behind = p.value.at + p.value.len;
	bool quoted = p.value.at > rest->at && p.value.at[-1] == '"';
	if (quoted ? behind >= left.at : p.value.len == 0)
		return HTTP_BAD; /* a quote that never ends, or no value */
	left = skip_blanks(left);
	if (left.len > 0 && left.at[0] != ',')
		return HTTP_BAD;
	*rest = left;
	*ret_param = (struct http_param){ p.name, p.value };
	return HTTP_DONE;
}
