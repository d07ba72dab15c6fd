/* A configuration file of any bytes: it is loaded, or its faults are told. */
#include "proxy/config.h"
#include "proxy/rules.h"

#include "inside.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void count(void *context, uint32_t line, uint32_t column, const char *text)
{
	assert(text[0] && (line == 0) == (column == 0));
	++*(unsigned *)context;
}

static void ask(const struct config *c)
{
	static const char *const hosts[] = { "a.example", "10.0.0.1", "::1", "127.1" };
	for (size_t i = 0; i < 16; i++) {
		struct rules_ask q = {
			.client = { .ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 } },
			.user = i & 4 ? SLICE("alice") : (struct slice){ 0 },
			.method = i & 8 ? SLICE("CONNECT") : SLICE("GET"),
			.host = slice_of(hosts[i % 4]),
			.port = i & 1 ? 443 : 80,
			.connect = i & 8,
			.unresolved = i & 2
		};
		struct rules_answer first, second;
		rules_decide(c, &q, &first);
		assert(memchr(first.text, 0, sizeof first.text) && first.text[0]);
		rules_decide_address(c, &q, &first, &q.client, &second);
		assert(memchr(second.text, 0, sizeof second.text) && second.text[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	char path[40];
	unsigned told = 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	struct config *c = config_load(path, &(struct config_faults){ count, &told });
	close(fd);
	assert((c != NULL) == (told == 0));
	if (c)
		ask(c);
	config_drop(c);
	return 0;
}
