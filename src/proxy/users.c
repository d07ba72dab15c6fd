/* Reads users' files: lines to users in order of their names. */
#include "proxy/users.h"

#include "base/escape.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_FIELDS = 6, MAX_TOLD = 10 };

struct users {
	uint8_t *text; /* what names and hashes point into */
	size_t text_len;
	struct user *user;
	size_t count, room;
};

struct reading {
	struct users *users;
	struct slice realm;
	const struct file_faults *faults;
	uint64_t line, told;
};

static void tell(struct reading *r, const char *text)
{
	if (r->told++ < MAX_TOLD && r->faults)
		r->faults->fault(r->faults->context, r->line, text);
}

/* ---- fields ----------------------------------------------------------------------------- */

static bool is_plain(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != ':' && c != '%';
}

static void add_encoded(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_plain(s.at[i]))
			buffer_add_byte(out, s.at[i]);
		else
			buffer_printf(out, "%%%02X", s.at[i]);
}

/* Does the encoded text stand for `plain`? */
static bool decodes_to(struct slice encoded, struct slice plain)
{
	size_t at = 0;
	for (size_t i = 0; i < encoded.len; i++) {
		uint8_t byte = encoded.at[i];
		if (slice_percent(encoded, i, &byte))
			i += 2;
		else if (byte == '%')
			return false;
		if (at == plain.len || plain.at[at++] != byte)
			return false;
	}
	return at == plain.len;
}

static bool is_known_hash(const char *hash)
{
	if (strncmp(hash, "$apr1$", 6) == 0)
		return strlen(hash) > 6 + 22;
	if (strncmp(hash, "{SHA}", 5) == 0)
		return strlen(hash) == 5 + 28;
	if (hash[0] != '$' && strlen(hash) != 13) /* 13: DES; else plain text may pass for it */
		return false;
	int state = crypt_checksalt(hash);
	return state == CRYPT_SALT_OK || state == CRYPT_SALT_METHOD_LEGACY ||
	       state == CRYPT_SALT_TOO_CHEAP;
}

static const char *name_fault(struct slice name)
{
	if (name.len == 0)
		return "a user needs a name";
	if (name.len > USERS_MAX_NAME)
		return "a user's name is longer than 127 bytes";
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] < 0x20 || name.at[i] == 0x7f || name.at[i] == ':')
			return "a user's name can't hold a colon or a control character";
	return NULL;
}

/* ---- lines ------------------------------------------------------------------------------ */

/* The hash, with a NUL in place of the colon or line break behind it. */
static void take_hash(struct reading *r, struct user *u, struct slice hash)
{
	r->users->text[hash.at + hash.len - r->users->text] = 0;
	u->hash = (const char *)hash.at;
	if (strlen(u->hash) != hash.len || !is_known_hash(u->hash))
		tell(r, "the password is hashed in no way that is known (bcrypt, SHA-crypt, "
			"yescrypt, APR1, {SHA}), or not at all");
}

/* False where the line is of another realm, and counts for nothing. */
static bool take_htdigest(struct reading *r, struct user *u, const struct slice *field)
{
	u->has_md5 = hash_from_hex(field[2], sizeof u->md5, u->md5);
	if (!u->has_md5)
		tell(r, "the third field is no MD5 hash, 32 hexadecimal digits");
	return slice_equal(field[1], r->realm);
}

static void take_own(struct reading *r, struct user *u, const struct slice *field)
{
	u->has_sha256 = hash_from_hex(field[3], sizeof u->sha256, u->sha256);
	u->has_md5 = hash_from_hex(field[4], sizeof u->md5, u->md5);
	if (!u->has_sha256 || !u->has_md5)
		tell(r, "the fourth and fifth field are no SHA-256 and MD5 hashes, 64 and 32 "
			"hexadecimal digits");
	else if (!decodes_to(field[2], r->realm))
		tell(r,
		     "the user was added under another realm than 'auth' has; add them again, or "
		     "set that realm");
	take_hash(r, u, field[1]);
}

static size_t split(struct slice line, struct slice field[MAX_FIELDS])
{
	size_t fields = 0;
	for (bool more = true; more && fields < MAX_FIELDS;) {
		size_t colon = slice_find_byte(line, ':');
		more = colon < line.len;
		field[fields++] = slice_first(line, colon);
		line = slice_from(line, colon + 1);
	}
	return fields;
}

static int keep(struct users *users, const struct user *u)
{
	if (users->count == users->room) {
		size_t room = users->room ? 2 * users->room : 16;
		struct user *more = calloc(room, sizeof *more);
		if (!more)
			return -ENOMEM;
		if (users->count > 0) {
			memcpy(more, users->user, users->count * sizeof *more);
			explicit_bzero(users->user, users->count * sizeof *more);
		}
		free(users->user);
		users->user = more;
		users->room = room;
	}
	users->user[users->count++] = *u;
	return 0;
}

static int take_line(struct reading *r, struct slice line)
{
	struct slice field[MAX_FIELDS];
	if (line.len == 0 || line.at[0] == '#')
		return 0;
	size_t fields = split(line, field);
	struct user u = { .name = field[0] };
	const char *wrong = name_fault(u.name);
	bool counts = true;
	if (wrong)
		tell(r, wrong);
	if (fields == 2)
		take_hash(r, &u, field[1]);
	else if (fields == 3)
		counts = take_htdigest(r, &u, field);
	else if (fields == 5)
		take_own(r, &u, field);
	else
		tell(r, "a line is name:hash, name:realm:md5, or what 'viaduct proxy user add' "
			"writes");
	int code = counts ? keep(r->users, &u) : 0;
	explicit_bzero(&u, sizeof u);
	return code;
}

/* ---- all -------------------------------------------------------------------------------- */

static int compare_names(struct slice a, struct slice b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
	const struct user *x = a, *y = b;
	return compare_names(x->name, y->name);
}

static void merge(struct reading *r, struct user *into, const struct user *u)
{
	if ((into->hash && u->hash) || (into->has_md5 && u->has_md5)) {
		char shown[80], text[160];
		snprintf(text, sizeof text, "the user '%s' stands here twice",
			 escape_into(shown, sizeof shown, u->name));
		r->line = 0;
		tell(r, text);
		return;
	}
	if (u->hash)
		into->hash = u->hash;
	if (u->has_md5) {
		into->has_md5 = true;
		memcpy(into->md5, u->md5, sizeof into->md5);
	}
}

static void sort_and_merge(struct reading *r)
{
	struct users *u = r->users;
	size_t kept = 0;
	if (u->count > 0)
		qsort(u->user, u->count, sizeof *u->user, compare);
	for (size_t i = 0; i < u->count; i++) {
		if (kept > 0 && slice_equal(u->user[kept - 1].name, u->user[i].name))
			merge(r, &u->user[kept - 1], &u->user[i]);
		else
			u->user[kept++] = u->user[i];
	}
	u->count = kept;
}

static struct users *users_new(struct slice text)
{
	struct users *u = calloc(1, sizeof *u);
	uint8_t *copy = malloc(text.len + 1); /* a NUL for the last line's hash */
	if (!u || !copy) {
		free(u);
		free(copy);
		return NULL;
	}
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	copy[text.len] = 0;
	u->text = copy;
	u->text_len = text.len;
	return u;
}

struct users *users_read(struct slice text, struct slice realm, const struct file_faults *faults,
			 struct error *err)
{
	struct reading r = { users_new(text), realm, faults, 0, 0 };
	int code = r.users ? 0 : -ENOMEM;
	struct slice rest =
		r.users ? (struct slice){ r.users->text, text.len } : (struct slice){ 0 };
	while (rest.len > 0 && code == 0) {
		struct slice line = slice_line(&rest);
		r.line++;
		code = take_line(&r, line);
	}
	if (code == 0) {
		sort_and_merge(&r);
		if (r.told == 0)
			return r.users;
		err_set(err, -EINVAL, "%llu of its lines can't be used",
			(unsigned long long)r.told);
	} else {
		err_set(err, code, "out of memory");
	}
	users_free(r.users);
	return NULL;
}

struct users *users_load(const char *path, struct slice realm, const struct file_faults *faults,
			 struct error *err)
{
	struct error why;
	struct slice text = file_read(path, USERS_MAX_FILE, &why);
	struct users *u = text.at ? users_read(text, realm, faults, err) : NULL;
	if (!text.at)
		err_set(err, why.code, "%s %s", path, why.text);
	file_forget(text);
	return u;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	if (u->user)
		explicit_bzero(u->user, u->room * sizeof *u->user);
	explicit_bzero(u->text, u->text_len);
	free(u->user);
	free(u->text);
	free(u);
}

const struct user *users_find(const struct users *u, struct slice name)
{
	struct user key = { .name = name };
	if (name.len == 0 || u->count == 0)
		return NULL;
	return bsearch(&key, u->user, u->count, sizeof *u->user, compare);
}

const struct user *users_find_hashed(const struct users *u, enum hash_kind kind, struct slice realm,
				     struct slice hex)
{
	uint8_t wanted[HASH_MAX], digest[HASH_MAX];
	size_t size = hash_size(kind);
	if (!hash_from_hex(hex, size, wanted))
		return NULL;
	for (size_t i = 0; i < u->count; i++) {
		const struct slice parts[] = { u->user[i].name, SLICE(":"), realm };
		hash_parts(kind, parts, 3, digest);
		if (memcmp(digest, wanted, size) == 0)
			return &u->user[i];
	}
	return NULL;
}

size_t users_count(const struct users *u)
{
	return u->count;
}

const struct user *users_at(const struct users *u, size_t i)
{
	return &u->user[i];
}

struct slice users_line_name(struct slice line)
{
	if (line.len == 0 || line.at[0] == '#')
		return (struct slice){ 0 };
	return slice_first(line, slice_find_byte(line, ':'));
}

/* H(name:realm:password) in hex, RFC 7616 section 3.4.2. */
static void add_ha1(struct buffer *out, enum hash_kind kind, struct slice name, struct slice realm,
		    struct slice password)
{
	const struct slice parts[] = { name, SLICE(":"), realm, SLICE(":"), password };
	uint8_t digest[HASH_MAX], hex[HASH_MAX_HEX];
	size_t size = hash_size(kind);
	hash_parts(kind, parts, sizeof parts / sizeof *parts, digest);
	hash_to_hex(digest, size, hex);
	buffer_add(out, (struct slice){ hex, 2 * size });
	explicit_bzero(digest, sizeof digest);
	explicit_bzero(hex, sizeof hex);
}

int users_make_line(struct buffer *out, struct slice name, struct slice realm, const char *password,
		    struct error *err)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *wrong = name_fault(name);
	struct slice secret = slice_of(password);
	if (!wrong && name.at[0] == '#')
		wrong = "a user's name can't begin with #, which begins a comment";
	if (!wrong && (secret.len == 0 || secret.len > USERS_MAX_PASSWORD))
		wrong = "a password has 1 to 512 bytes";
	if (wrong)
		return err_set(err, -EINVAL, "%s", wrong);
	struct crypt_data *data = calloc(1, sizeof *data);
	if (!data || !crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting)) {
		free(data);
		return err_set(err, -ENOMEM, "the password can't be hashed: %s", strerror(errno));
	}
	const char *hash = crypt_r(password, setting, data);
	bool hashed = hash && hash[0] == '$';
	if (hashed) {
		buffer_add(out, name);
		buffer_add_byte(out, ':');
		buffer_add_text(out, hash);
		buffer_add_byte(out, ':');
		add_encoded(out, realm);
		buffer_add_byte(out, ':');
		add_ha1(out, HASH_SHA256, name, realm, secret);
		buffer_add_byte(out, ':');
		add_ha1(out, HASH_MD5, name, realm, secret);
		buffer_add_byte(out, '\n');
	}
	explicit_bzero(data, sizeof *data);
	free(data);
	return hashed ? 0 : err_set(err, -EINVAL, "the password can't be hashed by yescrypt");
}
