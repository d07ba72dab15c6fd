/* Choosing parents, and answering for ourselves at their door (RFC 7617, RFC 7616). */
#include "proxy/parent.h"

#include "http/auth.h"
#include "proxy/hash.h"
#include "proxy/rules.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { MAX_FIELD = 4096, MAX_PARTS = 6, MAX_HEX = HASH_MAX_HEX + 1 };

/* ---- which one ----------------------------------------------------------------------------- */

static bool any_matches(const struct grammar_word *word, size_t words, struct slice host,
			const struct address *literal)
{
	for (size_t i = 0; i < words; i++)
		if (rules_pattern_matches(word[i].text, host, literal))
			return true;
	return false;
}

static bool serves(const struct config_parent *p, struct slice host, const struct address *literal)
{
	return (p->fors == 0 || any_matches(p->for_, p->fors, host, literal)) &&
	       !any_matches(p->except, p->excepts, host, literal);
}

const struct config_parent *parent_next(const struct config *c, struct slice host,
					const struct address *literal, size_t *place,
					bool *ret_direct)
{
	bool first = *place == 0;
	while (*place < c->parents) {
		const struct config_parent *p = &c->parent[(*place)++];
		if (!serves(p, host, literal))
			continue;
		*ret_direct = p->direct;
		return p->direct ? NULL : p;
	}
	*ret_direct = first;
	return NULL;
}

/* ---- Basic --------------------------------------------------------------------------------- */

static void wipe(struct buffer *b)
{
	if (b->at)
		explicit_bzero(b->at, b->room);
	buffer_done(b);
}

/* The buffer's text as a string of its own; the buffer is gone. */
static char *take(struct buffer *b)
{
	char *text = b->failed ? NULL : malloc(b->len + 1);
	if (text) {
		memcpy(text, b->at, b->len);
		text[b->len] = '\0';
	}
	wipe(b);
	return text;
}

char *parent_basic(const struct config_parent *p)
{
	if (!p->user)
		return calloc(1, 1);
	char pair[1024], coded[HASH_BASE64(sizeof pair)];
	struct buffer out;
	int len = snprintf(pair, sizeof pair, "%s:%s", p->user, p->password ? p->password : "");
	if (len < 0 || (size_t)len >= sizeof pair)
		return NULL;
	hash_to_base64(slice_of(pair), coded);
	buffer_init(&out, MAX_FIELD);
	uint8_t *room =
		buffer_reserve(&out, sizeof coded + 64); /* so that no copy is left behind */
	if (room)
		buffer_printf(&out, "Proxy-Authorization: Basic %s\r\n", coded);
	explicit_bzero(pair, sizeof pair);
	explicit_bzero(coded, sizeof coded);
	return take(&out);
}

void parent_forget(char *field)
{
	if (field)
		explicit_bzero(field, strlen(field));
	free(field);
}

/* ---- Digest -------------------------------------------------------------------------------- */

struct digest {
	struct slice realm, nonce, opaque, algorithm, qop; /* as they stand between the quotes */
	enum hash_kind hash;
	bool session;
};

static void skip_blanks(struct slice *s)
{
	while (s->len > 0 && (s->at[0] == ' ' || s->at[0] == '\t' || s->at[0] == ','))
		*s = slice_from(*s, 1);
}

/* A quoted string without its quotes (escapes are kept: they go back as they came), or a token. */
static struct slice read_value(struct slice *s)
{
	size_t n = 0;
	if (s->len > 0 && s->at[0] == '"') {
		for (n = 1; n < s->len && s->at[n] != '"'; n++)
			n += s->at[n] == '\\';
		struct slice value = slice_from(slice_first(*s, n), 1);
		*s = slice_from(*s, n + 1);
		return value;
	}
	while (n < s->len && s->at[n] != ',' && s->at[n] != ' ')
		n++;
	struct slice value = slice_first(*s, n);
	*s = slice_from(*s, n);
	return value;
}

static void keep_parameter(struct digest *d, struct slice name, struct slice value)
{
	if (slice_equal_nocase(name, SLICE("realm")))
		d->realm = value;
	else if (slice_equal_nocase(name, SLICE("nonce")))
		d->nonce = value;
	else if (slice_equal_nocase(name, SLICE("opaque")))
		d->opaque = value;
	else if (slice_equal_nocase(name, SLICE("algorithm")))
		d->algorithm = value;
	else if (slice_equal_nocase(name, SLICE("qop")))
		d->qop = value;
}

static bool has_qop_auth(struct slice qop)
{
	while (qop.len > 0)
		if (slice_equal_nocase(slice_trim(slice_cut(&qop, ',')), SLICE("auth")))
			return true;
	return false;
}

static bool choose_hash(struct digest *d)
{
	struct slice name = d->algorithm;
	d->session =
		name.len > 5 && slice_equal_nocase(slice_from(name, name.len - 5), SLICE("-sess"));
	if (d->session)
		name.len -= 5;
	if (name.len == 0 || slice_equal_nocase(name, SLICE("MD5")))
		d->hash = HASH_MD5;
	else if (slice_equal_nocase(name, SLICE("SHA-256")))
		d->hash = HASH_SHA256;
	else if (slice_equal_nocase(name, SLICE("SHA-512-256")))
		d->hash = HASH_SHA512_256;
	else
		return false;
	return d->nonce.len > 0 && (d->qop.len == 0 || has_qop_auth(d->qop));
}

/* The parameters behind "Digest "; they end where another scheme begins. */
static void read_parameters(struct slice s, struct digest *d)
{
	for (;;) {
		skip_blanks(&s);
		size_t n = 0;
		while (n < s.len && s.at[n] != '=' && s.at[n] != ' ' && s.at[n] != ',')
			n++;
		if (n == 0 || n >= s.len || s.at[n] != '=')
			return;
		struct slice name = slice_first(s, n);
		s = slice_from(s, n + 1);
		keep_parameter(d, name, read_value(&s));
	}
}

static bool find_digest(const struct http_fields *fields, struct digest *ret)
{
	const struct http_field *f = NULL;
	bool found = false;
	while ((f = http_find_next(fields, SLICE("Proxy-Authenticate"), f)) != NULL) {
		size_t at = slice_find_nocase(f->value, SLICE("Digest "));
		struct digest d = { 0 };
		read_parameters(slice_from(f->value, at + 7), &d);
		if (at == f->value.len || !choose_hash(&d))
			continue;
		if (!found || hash_size(d.hash) > hash_size(ret->hash))
			*ret = d;
		found = true;
	}
	return found;
}

/* H(a:b:c...) in hexadecimal. */
static void hash(enum hash_kind kind, const struct slice *part, size_t parts, char hex[MAX_HEX])
{
	uint8_t sum[HASH_MAX];
	struct slice all[MAX_PARTS * 2];
	size_t count = 0;
	assert(parts <= MAX_PARTS);
	for (size_t i = 0; i < parts; i++) {
		if (i > 0)
			all[count++] = SLICE(":");
		all[count++] = part[i];
	}
	hash_parts(kind, all, count, sum);
	hash_to_hex(sum, hash_size(kind), (uint8_t *)hex);
	hex[2 * hash_size(kind)] = '\0';
}

/* RFC 7616 section 3.4.1. */
static void respond(const struct config_parent *p, const struct digest *d, struct slice method,
		    struct slice uri, struct slice cnonce, char response[MAX_HEX])
{
	char ha1[MAX_HEX], ha2[MAX_HEX];
	struct slice a1[] = { slice_of(p->user), d->realm, slice_of(p->password) };
	struct slice a2[] = { method, uri };
	hash(d->hash, a1, 3, ha1);
	hash(d->hash, a2, 2, ha2);
	if (d->session) {
		struct slice session[] = { slice_of(ha1), d->nonce, cnonce };
		hash(d->hash, session, 3, ha1);
	}
	if (d->qop.len > 0) {
		struct slice all[] = { slice_of(ha1), d->nonce,      SLICE("00000001"),
				       cnonce,        SLICE("auth"), slice_of(ha2) };
		hash(d->hash, all, 6, response);
	} else {
		struct slice all[] = { slice_of(ha1), d->nonce, slice_of(ha2) };
		hash(d->hash, all, 3, response);
	}
	explicit_bzero(ha1, sizeof ha1);
}

static void add_quoted(struct buffer *out, const char *name, struct slice value)
{
	buffer_printf(out, ", %s=\"", name);
	buffer_add(out, value);
	buffer_add_byte(out, '"');
}

/* The challenge's words are still as they were quoted there; the user's name never was. */
static void add_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, (uint8_t)*text);
	}
}

static bool make_cnonce(char hex[33])
{
	uint8_t random[16];
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(hex + 2 * i, 3, "%02x", random[i]);
	return true;
}

static char *digest_field(const struct config_parent *p, const struct digest *d,
			  struct slice method, struct slice uri)
{
	char cnonce[33], response[MAX_HEX] = "";
	struct buffer out;
	if (!make_cnonce(cnonce))
		return NULL;
	respond(p, d, method, uri, slice_of(cnonce), response);
	buffer_init(&out, MAX_FIELD);
	buffer_printf(&out, "Proxy-Authorization: Digest username=\"");
	add_escaped(&out, p->user);
	buffer_add_byte(&out, '"');
	add_quoted(&out, "realm", d->realm);
	add_quoted(&out, "nonce", d->nonce);
	add_quoted(&out, "uri", uri);
	add_quoted(&out, "response", slice_of(response));
	if (d->algorithm.len > 0)
		buffer_printf(&out, ", algorithm=%.*s", (int)d->algorithm.len, d->algorithm.at);
	if (d->opaque.len > 0)
		add_quoted(&out, "opaque", d->opaque);
	if (d->qop.len > 0)
		buffer_printf(&out, ", qop=auth, nc=00000001, cnonce=\"%s\"", cnonce);
	buffer_add(&out, SLICE("\r\n"));
	return take(&out);
}

char *parent_answer(const struct config_parent *p, const struct http_response *challenge,
		    struct slice method, struct slice uri)
{
	struct digest d = { 0 };
	if (!p->user || !p->password || !find_digest(&challenge->fields, &d))
		return NULL;
	return digest_field(p, &d, method, uri);
}

/* An error that shows it: by squid's own field, by an error in Proxy-Status (RFC 9209 section
 * 2.1.1), or because it was not forwarded: then it had a Via (RFC 9110 section 7.6.3). */
bool parent_made(const struct http_response *r)
{
	const struct http_field *told = http_known(&r->fields, HTTP_PROXY_STATUS);
	bool error = told && slice_find(told->value, SLICE("error=")) < told->value.len;
	return r->status >= 400 && (error || http_known(&r->fields, HTTP_X_SQUID_ERROR) ||
				    !http_known(&r->fields, HTTP_VIA));
}
