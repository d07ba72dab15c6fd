/* What the kernel answers about its sockets, and what is said of them. */
#include "host/connections.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEQ = 1 };

static void look(void *context, const struct host_connection *c)
{
	struct buffer said;
	size_t *count = context;
	++*count;
	buffer_init(&said, 4096);
	assert(memchr(c->congestion, 0, sizeof c->congestion));
	assert(host_tcp_state_name(c->state));
	enum host_trouble worst = host_connection_trouble(c);
	for (int s = 0; s < HOST_SIGNS; s++) {
		assert(host_connection_sign(c, s) <= worst);
		if (host_connection_sign(c, s) != HOST_FINE)
			host_connection_say(&said, c, s);
	}
	assert(!said.failed);
	buffer_done(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	size_t count = 0;
	uint8_t *copy = malloc(size ? size : 1); /* aligned, and of exactly its size */
	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	enum host_dump d =
		host_connections_read((struct slice){ copy, size }, SEQ, look, &count, &err);
	assert((d == HOST_DUMP_FAILED) == (err.code < 0));
	assert(count <= size / 72);
	free(copy);
	return 0;
}
