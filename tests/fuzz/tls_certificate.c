/* Certificate messages. The first byte says how much of what follows is the host. */
#include "tls/certificate.h"

#include "inside.h"

#include <string.h>

static void check_certificate(const struct tls_certificate *c)
{
	assert(memchr(c->subject, '\0', sizeof c->subject));
	assert(memchr(c->issuer, '\0', sizeof c->issuer));
	assert(memchr(c->names, '\0', sizeof c->names));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct slice in = slice_from((struct slice){ data, size }, 1);
	struct slice host = slice_first(in, data[0]);
	struct tls_certificate all[TLS_MAX_CHAIN];
	struct tls_chain c;
	size_t count = tls_read_certificates(slice_from(in, host.len), data[0] & 1, all);
	assert(count <= TLS_MAX_CHAIN);
	for (size_t i = 0; i < count; i++)
		check_certificate(&all[i]);
	if (!tls_read_chain(slice_from(in, host.len), host, &c))
		return 0;
	assert(c.count >= 1 && c.count <= TLS_MAX_CHAIN);
	check_certificate(&c.leaf);
	check_certificate(&c.top);
	assert(!(c.incomplete && c.leaf_issued_by_top));
	assert(host.len > 0 || c.name == TLS_NAME_UNKNOWN);
	return 0;
}
