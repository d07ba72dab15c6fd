/* Challenge lists and credentials from the same bytes. */
#include "http/auth.h"

#include <assert.h>
#include <string.h>

static void check_credentials(struct slice in, size_t size)
{
	char user[64];
	memset(user, '#', sizeof user);
	enum http_scheme scheme = http_read_credentials(in, user, size);
	if (size > 0)
		assert(memchr(user, '\0', size));
	for (size_t i = size; i < sizeof user; i++)
		assert(user[i] == '#');
	if (size > 0 && scheme != HTTP_AUTH_BASIC && scheme != HTTP_AUTH_DIGEST)
		assert(user[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	struct slice name = SLICE("WWW-Authenticate");
	struct http_fields fields = { .count = 2 };
	struct http_challenges c;
	fields.field[0] = (struct http_field){ name, slice_first(in, size / 2) };
	fields.field[1] = (struct http_field){ name, in };
	http_read_challenges(&fields, name, &c);
	assert(c.count <= HTTP_MAX_CHALLENGES);
	for (size_t i = 0; i < c.count; i++)
		assert(c.challenge[i].scheme != HTTP_AUTH_NONE);
	check_credentials(in, 64);
	check_credentials(in, 5);
	check_credentials(in, 1);
	check_credentials(in, 0);
	return 0;
}
