/* Hello messages: a fixed part, then extensions, of which a few are read.
 *
 * The whole message and a cut one go through the same walk. `cut` says that running out is no
 * error: then what was read before the end counts. */
#include "tls/hello.h"

#include "base/reader.h"

#include <string.h>

enum { RANDOM_LEN = 32, HEADER_LEN = 4, MAX_SESSION_ID = 32 };

enum extension {
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_KEY_SHARE = 51,
	EXT_ECH = 0xfe0d,
};

/* SHA-256 of "HelloRetryRequest": RFC 8446 section 4.1.3. */
static const uint8_t RETRY_RANDOM[RANDOM_LEN] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* RFC 8701: both bytes alike, both ending in 0xa. */
static bool is_grease(uint16_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

/* Key agreements that hold a lattice key, and so make a hello that needs two segments: the
 * IANA registry, the drafts that were deployed, and Open Quantum Safe's private ranges. */
static bool is_post_quantum(uint16_t group)
{
	static const struct {
		uint16_t first, last;
	} groups[] = {
		{ 0x0200, 0x02ff }, /* MLKEM512, MLKEM768, MLKEM1024; OQS */
		{ 0x11eb, 0x11ee }, /* SecP256r1MLKEM768, X25519-, SecP384r1-, curveSM2- */
		{ 0x2f00, 0x2fff }, /* OQS hybrids */
		{ 0x4138, 0x4138 }, /* CECPQ2 */
		{ 0x6399, 0x639a }, /* X25519Kyber768Draft00, SecP256r1Kyber768Draft00 */
		{ 0xfe30, 0xfe33 }, /* Kyber drafts before they had numbers */
	};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (group >= groups[i].first && group <= groups[i].last)
			return true;
	return false;
}

/* --- extensions of a client -------------------------------------------------------------- */

/* RFC 6066 section 3: a list, of which only one host_name was ever sent. */
static bool read_sni(struct slice body, struct slice *ret_host)
{
	struct reader r = { .left = body };
	struct reader list = { .left = read_counted(&r, 2) };
	if (r.ran_out || r.left.len != 0)
		return false;
	while (list.left.len > 0 && !list.ran_out) {
		uint8_t type = read_u8(&list);
		struct slice name = read_counted(&list, 2);
		if (type == 0 && !list.ran_out && ret_host->len == 0)
			*ret_host = name;
	}
	return !list.ran_out;
}

static size_t put_printable(char *at, size_t room, struct slice s)
{
	size_t n = 0;
	for (; n < s.len && n < room; n++)
		at[n] = s.at[n] > 0x20 && s.at[n] < 0x7f && s.at[n] != ',' ? (char)s.at[n] : '?';
	return n;
}

static void add_protocol(char alpn[TLS_MAX_ALPN], struct slice name)
{
	size_t len = strlen(alpn);
	if (name.len == 2 && is_grease((uint16_t)(name.at[0] << 8 | name.at[1])))
		return;
	if (len > 0 && len < TLS_MAX_ALPN - 1)
		alpn[len++] = ',';
	len += put_printable(alpn + len, TLS_MAX_ALPN - 1 - len, name);
	alpn[len] = '\0';
}

static bool read_alpn(struct slice body, char alpn[TLS_MAX_ALPN])
{
	struct reader r = { .left = body };
	uint16_t length = read_u16(&r);
	bool whole = !r.ran_out && length == r.left.len;
	while (r.left.len > 0 && !r.ran_out) {
		struct slice name = read_counted(&r, 1);
		if (!r.ran_out)
			add_protocol(alpn, name);
	}
	return whole && !r.ran_out;
}

/* Drafts and private versions are not compared: only 3.x are numbers in an order. */
static bool read_versions(struct slice body, uint16_t *best)
{
	struct reader r = { .left = body };
	uint8_t length = read_u8(&r);
	bool whole = !r.ran_out && length == r.left.len;
	uint16_t highest = 0;
	while (r.left.len > 0 && !r.ran_out) {
		uint16_t version = read_u16(&r);
		if (version >> 8 == 3 && version > highest)
			highest = version;
	}
	if (highest != 0)
		*best = highest;
	return whole && !r.ran_out;
}

/* The group stands before its key, so a key that is cut still tells. */
static bool read_key_shares(struct slice body, bool *post_quantum)
{
	struct reader r = { .left = body };
	uint16_t length = read_u16(&r);
	bool whole = !r.ran_out && length == r.left.len;
	while (r.left.len > 0 && !r.ran_out) {
		uint16_t group = read_u16(&r);
		*post_quantum |= !r.ran_out && is_post_quantum(group);
		read_counted(&r, 2);
	}
	return whole && !r.ran_out;
}

static bool read_client_extension(uint16_t type, struct slice body, struct tls_client_hello *h)
{
	switch (type) {
	case EXT_SERVER_NAME:
		return read_sni(body, &h->sni);
	case EXT_ALPN:
		return read_alpn(body, h->alpn);
	case EXT_SUPPORTED_VERSIONS:
		return read_versions(body, &h->best_version);
	case EXT_KEY_SHARE:
		return read_key_shares(body, &h->post_quantum);
	case EXT_ECH:
		h->ech = true;
		return true;
	default:
		return true;
	}
}

/* --- the client's hello ------------------------------------------------------------------ */

static bool read_client_extensions(struct reader *r, bool cut, struct tls_client_hello *h)
{
	while (r->left.len > 0 && !r->ran_out) {
		uint16_t type = read_u16(r);
		uint16_t length = read_u16(r);
		bool last = !r->ran_out && cut && length > r->left.len;
		struct slice body = read_bytes(r, last ? r->left.len : length);
		if (r->ran_out)
			return cut;
		if (!read_client_extension(type, body, h) && !last)
			return false;
	}
	return true;
}

/* Everything in front of the extensions; false when it is wrong, not when it runs out. */
static bool read_client_start(struct reader *r, struct tls_client_hello *h)
{
	h->legacy_version = h->best_version = read_u16(r);
	h->random = read_bytes(r, RANDOM_LEN);
	struct slice session = read_counted(r, 1);
	struct slice ciphers = read_counted(r, 2);
	struct slice compressions = read_counted(r, 1);
	if (h->legacy_version >> 8 != 3 && h->random.len > 0)
		return false;
	if (session.len > MAX_SESSION_ID || ciphers.len % 2 != 0)
		return false;
	return r->ran_out || (ciphers.len > 0 && compressions.len > 0);
}

static bool read_client(struct slice body, bool cut, struct tls_client_hello *ret_hello)
{
	struct reader r = { .left = body };
	struct tls_client_hello h = { .length = HEADER_LEN + body.len };
	if (!read_client_start(&r, &h))
		return false;
	if (r.ran_out && (!cut || h.random.len != RANDOM_LEN))
		return false;
	if (!r.ran_out && r.left.len > 0) { /* before TLS 1.2 there may be none */
		uint16_t length = read_u16(&r);
		if (r.ran_out ? !cut : length != r.left.len && !(cut && length > r.left.len))
			return false;
		if (!r.ran_out)
			h.length += length - r.left.len;
		if (!read_client_extensions(&r, cut, &h))
			return false;
	}
	*ret_hello = h;
	return true;
}

bool tls_read_client_hello(struct slice body, struct tls_client_hello *ret_hello)
{
	return read_client(body, false, ret_hello);
}

bool tls_peek_client_hello(struct slice body, struct tls_client_hello *ret_hello)
{
	return read_client(body, true, ret_hello);
}

/* --- the server's hello ------------------------------------------------------------------ */

static bool read_server_extension(uint16_t type, struct slice body, struct tls_server_hello *h)
{
	struct reader r = { .left = body };
	if (type == EXT_SUPPORTED_VERSIONS) {
		h->version = read_u16(&r);
		return !r.ran_out && r.left.len == 0;
	}
	if (type == EXT_ALPN) { /* RFC 7301 section 3.1: a list of exactly one */
		struct reader list = { .left = read_counted(&r, 2) };
		h->alpn = read_counted(&list, 1);
		return !r.ran_out && r.left.len == 0 && !list.ran_out && list.left.len == 0;
	}
	return true;
}

bool tls_read_server_hello(struct slice body, struct tls_server_hello *ret_hello)
{
	struct reader r = { .left = body };
	struct tls_server_hello h = { .version = read_u16(&r) };
	struct slice random = read_bytes(&r, RANDOM_LEN);
	struct slice session = read_counted(&r, 1);
	read_u16(&r); /* the cipher suite */
	read_u8(&r);  /* compression */
	if (r.ran_out || h.version >> 8 != 3 || session.len > MAX_SESSION_ID)
		return false;
	h.retry_request = memcmp(random.at, RETRY_RANDOM, RANDOM_LEN) == 0;
	if (r.left.len > 0) {
		struct reader list = { .left = read_counted(&r, 2) };
		while (list.left.len > 0 && !list.ran_out) {
			uint16_t type = read_u16(&list);
			struct slice extension = read_counted(&list, 2);
			if (!list.ran_out && !read_server_extension(type, extension, &h))
				return false;
		}
		if (r.ran_out || r.left.len > 0 || list.ran_out)
			return false;
	}
	*ret_hello = h;
	return true;
}
