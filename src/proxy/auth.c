/* The door to authentication: which scheme, challenges, and who may try at all. */
#include "proxy/auth.h"

#include "proxy/auth_settings.h"
#include "proxy/auth_state.h"

#include <errno.h>
#include <stdlib.h>

struct auth {
	struct auth_settings settings;
	char *realm;
};

void auth_settings_done(struct auth_settings *settings)
{
	users_free(settings->users);
	settings->users = NULL;
}

/* ---- challenges ------------------------------------------------------------------------- */

/* How many users could use this algorithm, of those that can use Digest at all? */
static void count_users(const struct users *users, enum auth_algorithm algorithm, size_t *ret_can,
			size_t *ret_digest)
{
	*ret_can = *ret_digest = 0;
	for (size_t i = 0; i < users_count(users); i++) {
		const struct user *u = users_at(users, i);
		*ret_digest += u->has_md5 || u->has_sha256;
		*ret_can += algorithm == AUTH_MD5 ? u->has_md5 : u->has_sha256;
	}
}

/* A client takes the first that it knows (RFC 7616 section 3.7), so one that some users have no
 * hash for is left out, if all have one for the other. */
size_t auth_offered(const struct auth_settings *s, enum auth_algorithm ret_offered[AUTH_ALGORITHMS])
{
	size_t offered = 0;
	if (s->algorithms > 0) {
		memcpy(ret_offered, s->algorithm, s->algorithms * sizeof *s->algorithm);
		return s->algorithms;
	}
	for (int a = 0; a < AUTH_ALGORITHMS; a++) {
		size_t can, digest;
		count_users(s->users, (enum auth_algorithm)a, &can, &digest);
		if (can == digest)
			ret_offered[offered++] = (enum auth_algorithm)a;
	}
	if (offered == 0)
		for (int a = 0; a < AUTH_ALGORITHMS; a++)
			ret_offered[offered++] = (enum auth_algorithm)a;
	return offered;
}

/* ---- challenges ------------------------------------------------------------------------- */

static void add_realm(struct buffer *out, const char *realm)
{
	buffer_add_text(out, "realm=\"");
	for (; *realm; realm++) {
		if (*realm == '"' || *realm == '\\')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, (uint8_t)*realm);
	}
	buffer_add_byte(out, '"');
}

static void add_digest(struct buffer *out, const struct auth_settings *s, nanos wall, bool stale)
{
	enum auth_algorithm offered[AUTH_ALGORITHMS];
	size_t count = auth_offered(s, offered);
	uint8_t nonce[NONCE_HEX];
	nonce_make(slice_of(s->realm), wall, nonce);
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(out, "Proxy-Authenticate: Digest ");
		add_realm(out, s->realm);
		buffer_add_text(out, ", qop=\"auth\", algorithm=");
		buffer_add_text(out, offered[i] == AUTH_MD5 ? "MD5" : "SHA-256");
		buffer_add_text(out, ", nonce=\"");
		buffer_add(out, (struct slice){ nonce, sizeof nonce });
		buffer_add_text(out, "\", charset=UTF-8");
		buffer_add_text(out, s->userhash ? ", userhash=true" : NULL);
		buffer_add_text(out, stale ? ", stale=true" : NULL);
		buffer_add_text(out, "\r\n");
	}
}

void auth_challenge(struct auth *a, struct buffer *out, nanos wall, bool stale)
{
	const struct auth_settings *s = &a->settings;
	for (size_t i = 0; i < s->schemes; i++) {
		if (s->scheme[i] == HTTP_AUTH_DIGEST) {
			add_digest(out, s, wall, stale);
			continue;
		}
		buffer_add_text(out, "Proxy-Authenticate: Basic ");
		add_realm(out, s->realm);
		buffer_add_text(out, ", charset=\"UTF-8\"\r\n");
	}
}

/* ---- made and freed --------------------------------------------------------------------- */

struct auth *auth_new(struct auth_settings *settings, struct error *err)
{
	struct auth *a = calloc(1, sizeof *a);
	char *realm = strdup(settings->realm);
	if (!a || !realm) {
		free(a);
		free(realm);
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	a->settings = *settings;
	a->settings.realm = a->realm = realm;
	a->settings.algorithms = auth_offered(settings, a->settings.algorithm);
	settings->users = NULL;
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	auth_settings_done(&a->settings);
	free(a->realm);
	free(a);
}

bool auth_knows(const struct auth *a, struct slice user)
{
	return users_find(a->settings.users, user) != NULL;
}

/* ---- credentials ------------------------------------------------------------------------ */

static bool offers(const struct auth_settings *s, enum http_scheme scheme)
{
	for (size_t i = 0; i < s->schemes; i++)
		if (s->scheme[i] == scheme)
			return true;
	return false;
}

enum auth_result auth_ask(struct auth *a, struct net_loop *loop, const struct http_request *request,
			  const struct address *client, nanos wall, struct auth_check *check)
{
	static const struct slice name = { (const uint8_t *)"Proxy-Authorization", 19 };
	const struct http_field *field = http_find(&request->fields, name);
	check->user[0] = 0;
	check->scheme = HTTP_AUTH_NONE;
	check->job = NULL;
	if (!field)
		return AUTH_MISSING;
	struct auth_question q = { &a->settings, request, field->value, client, wall, loop, check };
	check->scheme = (uint8_t)http_cut_scheme(&q.value);
	if (limit_reached(client, a->settings.failures, wall))
		return AUTH_LIMITED;
	if (http_find_next(&request->fields, name, field) ||
	    !offers(&a->settings, (enum http_scheme)check->scheme))
		return AUTH_WRONG; /* no guess at a password, and not counted as one */
	enum auth_result result = (enum auth_result)(
		check->scheme == HTTP_AUTH_BASIC ? auth_ask_basic(&q) : auth_ask_digest(&q));
	if (result == AUTH_WRONG)
		limit_note(client, wall);
	return result;
}
