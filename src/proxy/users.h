/* The users' file. A line is one of
 *
 *   name:hash                            htpasswd's: bcrypt, SHA-crypt, yescrypt, APR1, {SHA}: Basic
 *   name:realm:md5                       htdigest's: Digest with MD5
 *   name:hash:realm:sha256:md5           ours: both; what `viaduct proxy user add` writes
 *
 * # begins a comment line. In our form the realm's bytes outside of printable ASCII, its colons and
 * percent signs stand as %XX; sha256 and md5 are H(name:realm:password) in hex (RFC 7616 section
 * 3.4.2). A user may have a line of the first form and one of the second. */
#ifndef PROXY_USERS_H
#define PROXY_USERS_H

#include "base/buffer.h"
#include "proxy/file.h"
#include "proxy/hash.h"

enum { USERS_MAX_NAME = 127, USERS_MAX_PASSWORD = 512, USERS_MAX_FILE = 64 << 20 };

struct user {
	struct slice name;
	const char *hash;                /* of crypt, APR1 or {SHA}; NULL: none, so no Basic */
	bool has_sha256, has_md5;        /* H(name:realm:password), for Digest */
	uint8_t sha256[32], md5[16];
};

struct users;

/* Digest lines of other realms than this count for nothing, but for our own form, where that is a
 * fault. NULL: the file can't be read, or lines were told as faults; err. */
struct users *users_load(const char *path, struct slice realm, const struct file_faults *faults,
			 struct error *err);
struct users *users_read(struct slice text, struct slice realm, const struct file_faults *faults,
			 struct error *err);
void users_free(struct users *u); /* wiped; NULL is fine */

/* NULL: there is none of that name. */
const struct user *users_find(const struct users *u, struct slice name);
/* By H(name:realm), kind HASH_SHA256 or HASH_MD5 (RFC 7616 section 3.4.4). */
const struct user *users_find_hashed(const struct users *u, enum hash_kind kind, struct slice realm,
				     struct slice hex);

size_t users_count(const struct users *u);
const struct user *users_at(const struct users *u, size_t i); /* by name */

/* Is the password that of the hash? Slow by design, but for {SHA}. The password ends with a NUL. */
bool users_check(const char *hash, const char *password);
/* Does checking it take long enough to be left to another thread? */
bool users_is_slow(const char *hash);

/* A line in our form, with its line break. -EINVAL and a sentence for a name or password that can't
 * be; the hash is yescrypt. */
int users_make_line(struct buffer *out, struct slice name, struct slice realm, const char *password,
		    struct error *err);
/* The name that a line of any form is for; the empty slice for a comment. */
struct slice users_line_name(struct slice line);

#endif
