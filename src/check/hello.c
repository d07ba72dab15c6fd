/* A ClientHello, RFC 8446 section 4.1.2. */
#include "check/hello.h"

#include <string.h>
#include <sys/random.h>

enum { MLKEM_COEFFICIENTS = 768, MLKEM_Q = 3329 };

struct pen {
	uint8_t *at;
	size_t len;
};

static void put(struct pen *p, const void *bytes, size_t len)
{
	if (p->len + len > HELLO_ROOM)
		return;
	memcpy(p->at + p->len, bytes, len);
	p->len += len;
}

static void put_u16(struct pen *p, unsigned n)
{
	put(p, (const uint8_t[]){ (uint8_t)(n >> 8), (uint8_t)n }, 2);
}

static void put_random(struct pen *p, size_t len)
{
	uint8_t bytes[32];
	/* without randomness it is still a hello */
	if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) < 0)
		memset(bytes, 0x5a, sizeof bytes);
	put(p, bytes, len);
}

/* A length that is filled in when what it counts is there. */
static size_t begin(struct pen *p)
{
	put_u16(p, 0);
	return p->len;
}

static void end(struct pen *p, size_t from)
{
	size_t len = p->len - from;
	p->at[from - 2] = (uint8_t)(len >> 8);
	p->at[from - 1] = (uint8_t)len;
}

static size_t begin_extension(struct pen *p, unsigned type)
{
	put_u16(p, type);
	return begin(p);
}

/* An encapsulation key of ML-KEM-768 (FIPS 203): coefficients below q, twelve bits each, two in
 * three bytes; then a seed. A server checks that much of it. */
static void put_mlkem(struct pen *p)
{
	for (int i = 0; i < MLKEM_COEFFICIENTS; i += 2) {
		uint8_t r[4] = { 0 };
		if (getrandom(r, sizeof r, GRND_NONBLOCK) < 0)
			r[0] = (uint8_t)i;
		unsigned a = ((unsigned)r[0] << 8 | r[1]) % MLKEM_Q;
		unsigned b = ((unsigned)r[2] << 8 | r[3]) % MLKEM_Q;
		put(p,
		    (const uint8_t[]){ (uint8_t)a, (uint8_t)(a >> 8 | b << 4), (uint8_t)(b >> 4) },
		    3);
	}
	put_random(p, 32);
}

static void put_name(struct pen *p, const char *name)
{
	size_t extension = begin_extension(p, 0), list = begin(p);
	put(p, "", 1); /* host_name */
	size_t host = begin(p);
	put(p, name, strlen(name));
	end(p, host);
	end(p, list);
	end(p, extension);
}

static void put_shares(struct pen *p, bool post_quantum)
{
	size_t extension = begin_extension(p, 51), list = begin(p);
	if (post_quantum) {
		put_u16(p, 0x11ec); /* X25519MLKEM768 */
		size_t share = begin(p);
		put_mlkem(p);
		put_random(p, 32);
		end(p, share);
	}
	put_u16(p, 0x001d); /* x25519 */
	size_t share = begin(p);
	put_random(p, 32);
	end(p, share);
	end(p, list);
	end(p, extension);
}

static void put_groups(struct pen *p, bool post_quantum)
{
	size_t extension = begin_extension(p, 10), list = begin(p);
	if (post_quantum)
		put_u16(p, 0x11ec);
	put(p, (const uint8_t[]){ 0, 0x1d, 0, 0x17, 0, 0x18 }, 6);
	end(p, list);
	end(p, extension);
}

static void put_extensions(struct pen *p, const struct hello_shape *shape)
{
	static const uint8_t rest[] = {
		0, 11, 0, 2,   1,   0,                                  /* point formats */
		0, 23, 0, 0,                                            /* extended master secret */
		0, 35, 0, 0,                                            /* session ticket */
		0, 13, 0, 18,  0,   16,  4,   3,   8,   4,   4,   1, 5, /* signatures */
		3, 8,  5, 5,   1,   8,   6,   6,   1,   0,   16,  0, 11,
		0, 9,  8, 'h', 't', 't', 'p', '/', '1', '.', '1', /* ALPN */
		0, 43, 0, 5,   4,   3,   4,   3,   3,             /* versions */
		0, 45, 0, 2,   1,   1,                            /* PSK with (EC)DHE */
	};
	if (shape->name)
		put_name(p, shape->name);
	put_groups(p, shape->post_quantum);
	put(p, rest, sizeof rest);
	put_shares(p, shape->post_quantum);
	if (p->len + 4 >= shape->padded_to)
		return;
	static const uint8_t nothing[HELLO_ROOM];
	size_t padding = begin_extension(p, 21);
	put(p, nothing, shape->padded_to - p->len);
	end(p, padding);
}

size_t hello_write(const struct hello_shape *shape, uint8_t *into)
{
	static const uint8_t suites[] = { 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b, 0xc0,
					  0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8,
					  0x00, 0x9c, 0x00, 0x9d, 0x00, 0x2f, 0x00, 0x35 };
	struct pen p = { .at = into };
	put(&p, (const uint8_t[]){ 22, 3, 1 }, 3); /* handshake, as RFC 8446 section 5.1 has it */
	size_t record = begin(&p);
	put(&p, (const uint8_t[]){ 1, 0 }, 2); /* client_hello; its length takes three bytes */
	size_t message = begin(&p);
	put_u16(&p, 0x0303);
	put_random(&p, 32);
	put(&p, (const uint8_t[]){ 32 }, 1);
	put_random(&p, 32); /* a session, as middleboxes want to see (appendix D.4) */
	size_t list = begin(&p);
	put(&p, suites, sizeof suites);
	end(&p, list);
	put(&p, (const uint8_t[]){ 1, 0 }, 2); /* no compression */
	size_t extensions = begin(&p);
	put_extensions(&p, shape);
	end(&p, extensions);
	end(&p, message);
	end(&p, record);
	return p.len;
}
