/* Digest (RFC 7616) with qop=auth. */
#include "proxy/auth.h"
#include "proxy/auth_state.h"

enum { MAX_VALUE = 8192 + 1024 };

struct digest {
	struct slice username, username_star, realm, nonce, uri, response, algorithm, cnonce, qop,
		nc, userhash;
	enum auth_algorithm kind;
	uint32_t count;
	char name[USERS_MAX_NAME + 1]; /* username as it is meant */
};

/* ---- reading ---------------------------------------------------------------------------- */

/* Where the parameter goes; NULL: nobody knows it. The length tells most of them apart: ten names
 * compared with each of eleven took as long as the hashes. */
static struct slice *place_of(struct digest *d, struct slice name)
{
#define NAME(text, member)                                                                         \
	if (slice_equal_nocase(name, SLICE(text)))                                                 \
		return &d->member;
	switch (name.len) {
	case 2:
		NAME("nc", nc)
		break;
	case 3:
		NAME("uri", uri)
		NAME("qop", qop)
		break;
	case 5:
		NAME("realm", realm)
		NAME("nonce", nonce)
		break;
	case 6:
		NAME("cnonce", cnonce)
		break;
	case 8:
		NAME("username", username)
		NAME("response", response)
		NAME("userhash", userhash)
		break;
	case 9:
		NAME("username*", username_star)
		NAME("algorithm", algorithm)
		break;
	}
#undef NAME
	return NULL;
}

/* Every parameter once; those that nobody knows count for nothing. */
static bool read_params(struct slice value, struct digest *d)
{
	struct http_param p;
	enum http_parse state;
	while ((state = http_next_param(&value, &p)) == HTTP_DONE) {
		struct slice *into = place_of(d, p.name);
		if (into && into->at)
			return false;
		if (into)
			*into = p.value;
	}
	return state == HTTP_MORE;
}

static bool put(struct digest *d, size_t *len, uint8_t byte)
{
	if (*len == USERS_MAX_NAME || byte == 0)
		return false;
	d->name[(*len)++] = (char)byte;
	return true;
}

/* A quoted string without its escapes, RFC 9110 section 5.6.4. */
static bool read_plain_name(struct digest *d)
{
	size_t len = 0;
	struct slice s = d->username;
	for (size_t i = 0; i < s.len; i++) {
		i += s.at[i] == '\\' && i + 1 < s.len;
		if (!put(d, &len, s.at[i]))
			return false;
	}
	return len > 0;
}

/* UTF-8'language'percent-encoded, RFC 8187 section 3.2. */
static bool read_extended_name(struct digest *d)
{
	size_t len = 0;
	struct slice s = d->username_star;
	if (!slice_equal_nocase(slice_cut(&s, '\''), SLICE("UTF-8")))
		return false;
	slice_cut(&s, '\'');
	for (size_t i = 0; i < s.len; i++) {
		uint8_t byte = s.at[i];
		if (slice_percent(s, i, &byte))
			i += 2;
		else if (byte == '%')
			return false;
		if (!put(d, &len, byte))
			return false;
	}
	return len > 0;
}

static bool read_count(struct slice nc, uint32_t *ret_count)
{
	uint8_t raw[4];
	if (!hash_from_hex(nc, sizeof raw, raw))
		return false;
	*ret_count =
		(uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
	return *ret_count > 0;
}

static bool read_algorithm(const struct auth_settings *s, struct digest *d)
{
	enum auth_algorithm offered[AUTH_ALGORITHMS];
	size_t count = auth_offered(s, offered);
	if (d->algorithm.len == 0 || slice_equal_nocase(d->algorithm, SLICE("MD5")))
		d->kind = AUTH_MD5; /* which is meant where none is named, section 3.4 */
	else if (slice_equal_nocase(d->algorithm, SLICE("SHA-256")))
		d->kind = AUTH_SHA256;
	else
		return false;
	for (size_t i = 0; i < count; i++)
		if (offered[i] == d->kind)
			return true;
	return false;
}

static bool read_digest(const struct auth_question *q, struct digest *d)
{
	if (q->value.len > MAX_VALUE || !read_params(q->value, d))
		return false;
	if (!d->username.at == !d->username_star.at) /* one of them, section 3.4 */
		return false;
	if (!(d->username.at ? read_plain_name(d) : read_extended_name(d)))
		return false;
	return slice_equal(d->realm, slice_of(q->settings->realm)) && d->nonce.len > 0 &&
	       d->cnonce.len > 0 && slice_equal_nocase(d->qop, SLICE("auth")) &&
	       read_count(d->nc, &d->count) && read_algorithm(q->settings, d);
}

/* The uri is the request's target, or, for many a client speaks to proxies as to origins, the path
 * of it (section 3.4.6 leaves room for what was changed on the way). */
static bool is_target(struct slice uri, const struct http_request *request)
{
	struct slice target = request->target;
	if (slice_equal(uri, target))
		return true;
	if (request->form != HTTP_FORM_ABSOLUTE)
		return false;
	size_t scheme = slice_find(target, SLICE("://"));
	struct slice rest = slice_from(target, scheme + 3);
	size_t path = 0;
	while (path < rest.len && rest.at[path] != '/' && rest.at[path] != '?')
		path++;
	rest = slice_from(rest, path);
	if (rest.len == 0) /* http://host is http://host/ */
		return slice_equal(uri, SLICE("/")) ||
		       (uri.len == target.len + 1 && slice_starts(uri, target) &&
			uri.at[uri.len - 1] == '/');
	return slice_equal(uri, rest);
}

/* ---- checking --------------------------------------------------------------------------- */

static const struct user *find_user(const struct auth_settings *s, const struct digest *d)
{
	enum hash_kind kind = d->kind == AUTH_MD5 ? HASH_MD5 : HASH_SHA256;
	struct slice name = slice_of(d->name);
	if (!slice_equal_nocase(d->userhash, SLICE("true")))
		return users_find(s->users, name);
	return s->userhash && !d->username_star.at
		       ? users_find_hashed(s->users, kind, slice_of(s->realm), name)
		       : NULL;
}

static struct slice to_hex(enum hash_kind kind, const uint8_t *digest, uint8_t *hex)
{
	hash_to_hex(digest, hash_size(kind), hex);
	return (struct slice){ hex, 2 * hash_size(kind) };
}

/* Section 3.4.1. */
static bool is_right(const struct digest *d, const uint8_t *ha1, struct slice method)
{
	enum hash_kind kind = d->kind == AUTH_MD5 ? HASH_MD5 : HASH_SHA256;
	uint8_t digest[HASH_MAX], ha1_hex[HASH_MAX_HEX], ha2_hex[HASH_MAX_HEX], given[HASH_MAX];
	const struct slice a2[] = { method, SLICE(":"), d->uri };
	hash_parts(kind, a2, 3, digest);
	struct slice ha2 = to_hex(kind, digest, ha2_hex);
	const struct slice parts[] = { to_hex(kind, ha1, ha1_hex),
				       SLICE(":"),
				       d->nonce,
				       SLICE(":"),
				       d->nc,
				       SLICE(":"),
				       d->cnonce,
				       SLICE(":"),
				       d->qop,
				       SLICE(":"),
				       ha2 };
	hash_parts(kind, parts, sizeof parts / sizeof *parts, digest);
	bool same = hash_from_hex(d->response, hash_size(kind), given) &&
		    hash_same(digest, given, hash_size(kind));
	explicit_bzero(ha1_hex, sizeof ha1_hex);
	return same;
}

int auth_ask_digest(const struct auth_question *q)
{
	static const uint8_t nobody[HASH_MAX];
	struct digest d = { 0 };
	if (!read_digest(q, &d) || !is_target(d.uri, q->request))
		return AUTH_WRONG;
	const struct user *u = find_user(q->settings, &d);
	struct slice shown = u ? u->name : slice_of(d.name);
	memcpy(q->check->user, shown.at, shown.len);
	q->check->user[shown.len] = 0;
	bool has = u && (d.kind == AUTH_MD5 ? u->has_md5 : u->has_sha256);
	const uint8_t *ha1 = !has ? nobody : d.kind == AUTH_MD5 ? u->md5 : u->sha256;
	if (!is_right(&d, ha1, q->request->method) || !has)
		return AUTH_WRONG;
	enum nonce_state state = nonce_use(d.nonce, slice_of(q->settings->realm), d.count, q->wall,
					   q->settings->nonce);
	return state == NONCE_GOOD ? AUTH_OK : AUTH_STALE;
}
