/* Hello messages without their handshake header: strict, peeked at, and cut. */
#include "tls/hello.h"

#include "inside.h"

#include <string.h>

static void check_client(const struct tls_client_hello *h, struct slice in)
{
	assert_inside(h->random, in);
	assert_inside(h->sni, in);
	assert(h->random.len == 32 && h->legacy_version >> 8 == 3 && h->best_version >> 8 == 3);
	assert(memchr(h->alpn, '\0', sizeof h->alpn));
	for (const char *c = h->alpn; *c; c++)
		assert(*c > 0x20 && *c < 0x7f);
}

static void check_strict(const struct tls_client_hello *h, struct slice in)
{
	struct tls_client_hello peeked;
	check_client(h, in);
	assert(h->length == in.len + 4);
	assert(tls_peek_client_hello(in, &peeked));
	assert(slice_equal(peeked.sni, h->sni) && peeked.length == h->length);
	assert(peeked.best_version == h->best_version && peeked.ech == h->ech);
	assert(peeked.post_quantum == h->post_quantum && strcmp(peeked.alpn, h->alpn) == 0);
	for (size_t len = 34; len < in.len; len += 1 + in.len / 64) {
		assert(tls_peek_client_hello(slice_first(in, len), &peeked));
		assert(peeked.sni.len == 0 || slice_equal(peeked.sni, h->sni));
		assert(!peeked.post_quantum || h->post_quantum);
		assert(strncmp(peeked.alpn, h->alpn, strlen(peeked.alpn)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	struct tls_client_hello client;
	struct tls_server_hello server;
	if (tls_read_client_hello(in, &client))
		check_strict(&client, in);
	if (tls_peek_client_hello(in, &client))
		check_client(&client, in);
	if (tls_read_server_hello(in, &server)) {
		assert_inside(server.alpn, in);
		tls_version_name(server.version);
	}
	return 0;
}
