/* Message digests over several pieces, as Digest authentication joins them. */
#ifndef PROXY_HASH_H
#define PROXY_HASH_H

#include "base/slice.h"

enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_SHA512_256 };
enum { HASH_MAX = 32, HASH_MAX_HEX = 64 };

size_t hash_size(enum hash_kind kind); /* 16, 20, 32, 32 */

/* The digest of the pieces, one behind the other. */
void hash_parts(enum hash_kind kind, const struct slice *part, size_t parts, uint8_t *ret_digest);

/* HMAC-SHA-256 (RFC 2104) of the pieces. Of a key that is used more than once only what the hash
 * has made of its two pads is kept: half of the work for a short text. As secret as the key. */
struct hash_key { uint32_t inner[8], outer[8]; };
void hash_key_make(struct hash_key *k, const uint8_t key[HASH_MAX]);
void hash_mac(const struct hash_key *k, const struct slice *part, size_t parts,
	      uint8_t ret_mac[HASH_MAX]);

/* In lower case; 2 * len bytes, no NUL. */
void hash_to_hex(const uint8_t *bytes, size_t len, uint8_t *ret_hex);
/* Exactly 2 * len digits, either case; where it is false the bytes mean nothing. */
bool hash_from_hex(struct slice hex, size_t len, uint8_t *ret_bytes);

/* Standard base64, with or without its padding; false when it is none, or does not fit. The rest of
 * `into` is as it was. */
bool hash_read_base64(struct slice text, uint8_t *into, size_t room, size_t *ret_len);

/* Standard base64 with its padding: HASH_BASE64(len) bytes, a NUL behind them. */
#define HASH_BASE64(len) (((len) + 2) / 3 * 4 + 1)
void hash_to_base64(struct slice bytes, char *ret_text);

/* In a time that does not depend on where they differ. */
bool hash_same(const uint8_t *a, const uint8_t *b, size_t len);

#endif
