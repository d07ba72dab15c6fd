/* `auth digest basic { realm NAME; users FILE; algorithm sha-256 md5; nonce 5m; userhash off; }` */
#include "proxy/config_read.h"

#include "base/escape.h"
#include "proxy/auth_settings.h"

#include <stdio.h>

struct auth_block {
	struct auth_settings settings;
	const struct grammar_word *users; /* the word that names the file */
};

static void read_realm(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct auth_block *b = context;
	b->settings.realm = config_text(r, &e->word[1]);
	if (e->word[1].text.len > 100)
		config_fault(r, &e->word[1], "a realm has 100 bytes at most");
}

static void read_users(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct auth_block *b = context;
	(void)r;
	b->users = &e->word[1]; /* read when the realm is known */
}

static void read_algorithm(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const names[] = { "sha-256", "md5" };
	struct auth_settings *s = &((struct auth_block *)context)->settings;
	for (size_t i = 1; i < e->words; i++) {
		int a = config_choice(r, &e->word[i], names, 2);
		if (a >= 0)
			s->algorithm[s->algorithms++] = (enum auth_algorithm)a;
	}
	if (s->algorithms == 2 && s->algorithm[0] == s->algorithm[1])
		config_fault(r, &e->word[2], "the same algorithm twice");
}

static void read_nonce(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct auth_settings *s = &((struct auth_block *)context)->settings;
	config_span(r, &e->word[1], NANOS_PER_SECOND, 86400 * NANOS_PER_SECOND, &s->nonce);
}

static void read_userhash(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const states[] = { "off", "on" };
	struct auth_settings *s = &((struct auth_block *)context)->settings;
	s->userhash = config_choice(r, &e->word[1], states, 2) == 1;
}

static const struct config_directive AUTH[] = {
	{ "realm", read_realm, true, false, true, 1, 1, "realm NAME;" },
	{ "users", read_users, true, false, true, 1, 1, "users FILE;" },
	{ "algorithm", read_algorithm, true, false, true, 1, 2, "algorithm sha-256 md5;" },
	{ "nonce", read_nonce, true, false, true, 1, 1, "nonce SPAN;" },
	{ "userhash", read_userhash, true, false, true, 1, 1, "userhash on|off;" },
};

static void read_schemes(struct config_reader *r, struct auth_settings *s,
			 const struct grammar_entry *e)
{
	static const char *const names[] = { "digest", "basic" };
	for (size_t i = 1; i < e->words; i++) {
		int scheme = config_choice(r, &e->word[i], names, 2);
		if (scheme >= 0)
			s->scheme[s->schemes++] = scheme ? HTTP_AUTH_BASIC : HTTP_AUTH_DIGEST;
	}
	if (s->schemes == 2 && s->scheme[0] == s->scheme[1])
		config_fault(r, &e->word[2], "the same scheme twice");
}

struct users_faults {
	struct config_reader *r;
	const struct grammar_word *at;
	const char *path;
};

static void users_fault(void *context, uint64_t line, const char *text)
{
	const struct users_faults *f = context;
	char shown[160], place[32] = "";
	if (line)
		snprintf(place, sizeof place, ", line %llu", (unsigned long long)line);
	config_fault(f->r, f->at, "%s%s: %s", escape_into(shown, sizeof shown, slice_of(f->path)),
		     place, text);
}

static void load_users(struct config_reader *r, struct auth_block *b)
{
	struct error err = { 0 };
	const char *path = config_path(r, b->users);
	struct users_faults where = { r, b->users, path };
	unsigned before = r->told;
	if (!path)
		return;
	b->settings.users = users_load(path, slice_of(b->settings.realm),
				       &(struct file_faults){ users_fault, &where }, &err);
	if (!b->settings.users && r->told == before) {
		char shown[300];
		config_fault(r, b->users, "%s",
			     escape_into(shown, sizeof shown, slice_of(err.text)));
	}
}

/* Digest wants more than a password's hash: is there anybody who could use it? */
static bool anybody_has_digest(const struct users *u)
{
	for (size_t i = 0; i < users_count(u); i++)
		if (users_at(u, i)->has_md5 || users_at(u, i)->has_sha256)
			return true;
	return users_count(u) == 0;
}

static void check_digest(struct config_reader *r, const struct auth_block *b,
			 const struct grammar_entry *e)
{
	for (size_t i = 0; i < b->settings.schemes; i++)
		if (b->settings.scheme[i] == HTTP_AUTH_DIGEST &&
		    !anybody_has_digest(b->settings.users))
			config_fault(r, &e->word[1 + i],
				     "no user of that file can use Digest under the realm '%s'; "
				     "'viaduct proxy user add' makes lines that serve it, as does "
				     "htdigest",
				     b->settings.realm);
}

void config_read_auth(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	uint64_t seen = 0;
	struct auth_block *b = config_room(r, sizeof *b);
	(void)context;
	if (!b || r->auth)
		return;
	r->auth = &b->settings;
	b->settings.realm = "viaduct";
	b->settings.nonce = 300 * NANOS_PER_SECOND;
	read_schemes(r, &b->settings, e);
	config_read_entries(r, b, e->first, AUTH, sizeof AUTH / sizeof *AUTH, " in auth", &seen);
	if (!b->users)
		config_fault(r, &e->word[0], "'auth' wants to know its users: users FILE;");
	else
		load_users(r, b);
	if (b->settings.users)
		check_digest(r, b, e);
}
