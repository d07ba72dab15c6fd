/* Does a password fit a hash? libxcrypt knows all but two of the forms that htpasswd writes. */
#include "proxy/hash.h"
#include "proxy/users.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>

/* Apache's MD5: md5-crypt with another magic word, which no libcrypt takes. After Poul-Henning
 * Kamp's "MD5 crypt"; the order of what is hashed is its definition. */
static void apr1_rounds(struct slice password, struct slice salt, uint8_t digest[16])
{
	for (unsigned round = 0; round < 1000; round++) {
		struct slice part[4], last = { digest, 16 };
		size_t parts = 0;
		part[parts++] = round & 1 ? password : last;
		if (round % 3)
			part[parts++] = salt;
		if (round % 7)
			part[parts++] = password;
		part[parts++] = round & 1 ? last : password;
		uint8_t next[16];
		hash_parts(HASH_MD5, part, parts, next);
		memcpy(digest, next, sizeof next);
	}
}

static void apr1_digest(struct slice password, struct slice salt, uint8_t digest[16])
{
	enum { MOST = USERS_MAX_PASSWORD / 16 + 1 + 64 };
	struct slice part[MOST];
	size_t parts = 0;
	uint8_t inner[16];
	const struct slice first[] = { password, salt, password };
	hash_parts(HASH_MD5, first, 3, inner);
	part[parts++] = password;
	part[parts++] = SLICE("$apr1$");
	part[parts++] = salt;
	for (size_t left = password.len; left > 0; left -= left < 16 ? left : 16)
		part[parts++] = (struct slice){ inner, left < 16 ? left : 16 };
	for (size_t bits = password.len; bits; bits >>= 1)
		part[parts++] = bits & 1 ? SLICE("\0") : slice_first(password, 1);
	hash_parts(HASH_MD5, part, parts, digest);
	apr1_rounds(password, salt, digest);
	explicit_bzero(inner, sizeof inner);
}

static void apr1_text(const uint8_t d[16], char text[23])
{
	static const char digits[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const uint8_t order[5][3] = {
		{ 0, 6, 12 }, { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 5 }
	};
	size_t len = 0;
	for (size_t i = 0; i < 5; i++) {
		uint32_t bits = (uint32_t)d[order[i][0]] << 16 | (uint32_t)d[order[i][1]] << 8 |
				d[order[i][2]];
		for (size_t k = 0; k < 4; k++, bits >>= 6)
			text[len++] = digits[bits & 63];
	}
	text[len++] = digits[d[11] & 63];
	text[len++] = digits[d[11] >> 6];
	text[len] = 0;
}

static bool check_apr1(struct slice hash, struct slice password)
{
	struct slice rest = slice_from(hash, 6);
	struct slice salt = slice_first(slice_cut(&rest, '$'), 8);
	uint8_t digest[16];
	char text[23];
	apr1_digest(password, salt, digest);
	apr1_text(digest, text);
	bool same = rest.len == 22 && hash_same(rest.at, (const uint8_t *)text, 22);
	explicit_bzero(digest, sizeof digest);
	explicit_bzero(text, sizeof text);
	return same;
}

static bool check_sha(struct slice hash, struct slice password)
{
	uint8_t wanted[20], digest[20];
	size_t len;
	hash_parts(HASH_SHA1, &password, 1, digest);
	return hash_read_base64(slice_from(hash, 5), wanted, sizeof wanted, &len) &&
	       len == sizeof wanted && hash_same(wanted, digest, sizeof wanted);
}

static bool check_crypt(const char *hash, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	if (!data)
		return false;
	const char *made = crypt_r(password, hash, data);
	size_t len = strlen(hash);
	bool same = made && made[0] != '*' && strlen(made) == len &&
		    hash_same((const uint8_t *)made, (const uint8_t *)hash, len);
	explicit_bzero(data, sizeof *data);
	free(data);
	return same;
}

bool users_check(const char *hash, const char *password)
{
	struct slice secret = slice_of(password);
	if (secret.len > USERS_MAX_PASSWORD)
		return false;
	if (strncmp(hash, "$apr1$", 6) == 0)
		return check_apr1(slice_of(hash), secret);
	if (strncmp(hash, "{SHA}", 5) == 0)
		return check_sha(slice_of(hash), secret);
	return check_crypt(hash, password);
}

bool users_is_slow(const char *hash)
{
	return strncmp(hash, "{SHA}", 5) != 0;
}
