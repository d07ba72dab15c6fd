/* Digests by OpenSSL's low-level functions. They are called deprecated, but EVP, which is meant
 * instead, loads providers and a configuration: more memory than the whole idle proxy has, for
 * algorithms that are always there. These alone are linked into the program, where OpenSSL's static
 * library is installed. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proxy/hash.h"

#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string.h>

size_t hash_size(enum hash_kind kind)
{
	return kind == HASH_MD5 ? 16 : kind == HASH_SHA1 ? 20 : 32;
}

static void md5(const struct slice *part, size_t parts, uint8_t *ret_digest)
{
	MD5_CTX c;
	MD5_Init(&c);
	for (size_t i = 0; i < parts; i++)
		MD5_Update(&c, part[i].at, part[i].len);
	MD5_Final(ret_digest, &c);
	explicit_bzero(&c, sizeof c);
}

static void sha1(const struct slice *part, size_t parts, uint8_t *ret_digest)
{
	SHA_CTX c;
	SHA1_Init(&c);
	for (size_t i = 0; i < parts; i++)
		SHA1_Update(&c, part[i].at, part[i].len);
	SHA1_Final(ret_digest, &c);
	explicit_bzero(&c, sizeof c);
}

static void sha256(const struct slice *part, size_t parts, uint8_t *ret_digest)
{
	SHA256_CTX c;
	SHA256_Init(&c);
	for (size_t i = 0; i < parts; i++)
		SHA256_Update(&c, part[i].at, part[i].len);
	SHA256_Final(ret_digest, &c);
	explicit_bzero(&c, sizeof c);
}

/* FIPS 180-4 section 5.3.6.2: SHA-512 that begins elsewhere, cut to half. */
static void sha512_256(const struct slice *part, size_t parts, uint8_t *ret_digest)
{
	static const uint64_t BEGIN[8] = {
		0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
		0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2,
	};
	uint8_t whole[64];
	SHA512_CTX c;
	SHA512_Init(&c);
	for (size_t i = 0; i < 8; i++)
		c.h[i] = BEGIN[i];
	for (size_t i = 0; i < parts; i++)
		SHA512_Update(&c, part[i].at, part[i].len);
	SHA512_Final(whole, &c);
	memcpy(ret_digest, whole, sizeof whole / 2);
	explicit_bzero(&c, sizeof c);
	explicit_bzero(whole, sizeof whole);
}

void hash_parts(enum hash_kind kind, const struct slice *part, size_t parts, uint8_t *ret_digest)
{
	if (kind == HASH_MD5)
		md5(part, parts, ret_digest);
	else if (kind == HASH_SHA1)
		sha1(part, parts, ret_digest);
	else if (kind == HASH_SHA512_256)
		sha512_256(part, parts, ret_digest);
	else
		sha256(part, parts, ret_digest);
}

/* What SHA-256 stands at behind a block of the key's bytes, each with `pad` over it. */
static void hash_pad(const uint8_t key[HASH_MAX], uint8_t pad, uint32_t ret_state[8])
{
	uint8_t block[SHA256_CBLOCK];
	SHA256_CTX c;
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = pad ^ (i < HASH_MAX ? key[i] : 0);
	SHA256_Init(&c);
	SHA256_Update(&c, block, sizeof block);
	for (size_t i = 0; i < 8; i++)
		ret_state[i] = c.h[i];
	explicit_bzero(&c, sizeof c);
	explicit_bzero(block, sizeof block);
}

void hash_key_make(struct hash_key *k, const uint8_t key[HASH_MAX])
{
	hash_pad(key, 0x36, k->inner);
	hash_pad(key, 0x5c, k->outer);
}

static void go_on_from(SHA256_CTX *c, const uint32_t state[8])
{
	SHA256_Init(c);
	for (size_t i = 0; i < 8; i++)
		c->h[i] = state[i];
	c->Nl = 8 * SHA256_CBLOCK; /* bits so far */
}

void hash_mac(const struct hash_key *k, const struct slice *part, size_t parts,
	      uint8_t ret_mac[HASH_MAX])
{
	uint8_t inner[HASH_MAX];
	SHA256_CTX c;
	go_on_from(&c, k->inner);
	for (size_t i = 0; i < parts; i++)
		SHA256_Update(&c, part[i].at, part[i].len);
	SHA256_Final(inner, &c);
	go_on_from(&c, k->outer);
	SHA256_Update(&c, inner, sizeof inner);
	SHA256_Final(ret_mac, &c);
	explicit_bzero(&c, sizeof c);
	explicit_bzero(inner, sizeof inner);
}

void hash_to_hex(const uint8_t *bytes, size_t len, uint8_t *ret_hex)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		ret_hex[2 * i] = (uint8_t)digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = (uint8_t)digits[bytes[i] & 15];
	}
}

/* One more than the digit's value; 0: none. Each request with Digest brings 136 of them. */
static const uint8_t HEX[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool hash_from_hex(struct slice hex, size_t len, uint8_t *ret_bytes)
{
	if (hex.len != 2 * len)
		return false;
	bool all = true;
	for (size_t i = 0; i < len; i++) {
		uint8_t high = HEX[hex.at[2 * i]], low = HEX[hex.at[2 * i + 1]];
		all &= high > 0 && low > 0;
		ret_bytes[i] = (uint8_t)((high << 4) + low - 0x11);
	}
	return all;
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

bool hash_read_base64(struct slice text, uint8_t *into, size_t room, size_t *ret_len)
{
	size_t digits = text.len, len = 0;
	while (digits > 0 && text.len - digits < 2 && text.at[digits - 1] == '=')
		digits--;
	if (digits % 4 == 1 || (digits < text.len && text.len % 4 != 0))
		return false;
	if (digits * 3 / 4 > room)
		return false;
	uint32_t bits = 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = base64_digit(text.at[i]);
		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 != 0)
			into[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_len = len;
	return true;
}

void hash_to_base64(struct slice bytes, char *ret_text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t at = 0;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t bits = (uint32_t)bytes.at[i] << 16;
		bits |= left > 1 ? (uint32_t)bytes.at[i + 1] << 8 : 0;
		bits |= left > 2 ? bytes.at[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			ret_text[at++] = k > left ? '=' : digits[bits >> (18 - 6 * k) & 63];
	}
	ret_text[at] = '\0';
}

bool hash_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
