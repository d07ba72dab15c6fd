/* Basic (RFC 7617): name and password in base64. */
#include "proxy/auth.h"
#include "proxy/auth_state.h"

enum { MAX_PAIR = USERS_MAX_NAME + 1 + USERS_MAX_PASSWORD };

struct pair {
	uint8_t text[MAX_PAIR + 1]; /* wiped by its owner */
	struct slice user;
	const char *password; /* within `text`, NUL-terminated */
};

static bool read_pair(struct slice value, struct pair *p)
{
	size_t len;
	value = slice_trim(value);
	if (!hash_read_base64(value, p->text, MAX_PAIR, &len))
		return false;
	struct slice whole = { p->text, len };
	size_t colon = slice_find_byte(whole, ':');
	for (size_t i = 0; i < len; i++) /* no control characters, RFC 7617 section 2 */
		if (p->text[i] < 0x20 || p->text[i] == 0x7f)
			return false;
	if (colon == len || colon == 0 || colon > USERS_MAX_NAME)
		return false;
	p->text[len] = 0;
	p->user = slice_first(whole, colon);
	p->password = (const char *)p->text + colon + 1;
	return true;
}

/* Against the hashes of Digest, for who has no other. */
static bool check_ha1(const struct user *u, struct slice realm, struct slice password)
{
	enum hash_kind kind = u->has_sha256 ? HASH_SHA256 : HASH_MD5;
	const struct slice parts[] = { u->name, SLICE(":"), realm, SLICE(":"), password };
	uint8_t digest[HASH_MAX];
	hash_parts(kind, parts, sizeof parts / sizeof *parts, digest);
	bool same = hash_same(digest, u->has_sha256 ? u->sha256 : u->md5, hash_size(kind));
	explicit_bzero(digest, sizeof digest);
	return same && (u->has_sha256 || u->has_md5);
}

/* Some user's hash: what a name costs that is not there should be what one costs that is. */
static const char *any_hash(const struct users *users)
{
	for (size_t i = 0; i < users_count(users); i++)
		if (users_at(users, i)->hash)
			return users_at(users, i)->hash;
	return NULL;
}

static int check_pair(const struct auth_question *q, const struct pair *p)
{
	const struct auth_settings *s = q->settings;
	const struct user *u = users_find(s->users, p->user);
	const char *hash = u ? u->hash : any_hash(s->users);
	struct slice password = slice_of(p->password);
	if (!hash)
		return u && check_ha1(u, slice_of(s->realm), password) ? AUTH_OK : AUTH_WRONG;
	if (!users_is_slow(hash))
		return users_check(hash, p->password) && u ? AUTH_OK : AUTH_WRONG;
	struct pool_job job = { .mark = cache_mark(p->user, password, hash),
				.hash = hash,
				.password = p->password,
				.known = u != NULL,
				.client = *q->client,
				.wall = q->wall };
	if (u && cache_has(&job.mark))
		return AUTH_OK;
	return pool_check(&job, q->loop, q->check) ? AUTH_WAIT : AUTH_BUSY;
}

int auth_ask_basic(const struct auth_question *q)
{
	struct pair p;
	int result = AUTH_WRONG;
	if (read_pair(q->value, &p)) {
		memcpy(q->check->user, p.user.at, p.user.len);
		q->check->user[p.user.len] = 0;
		result = check_pair(q, &p);
	}
	explicit_bzero(&p, sizeof p);
	return result;
}
