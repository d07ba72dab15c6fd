/* What a list of a million domains costs: to load, in memory, and to ask.
 *
 *   rules [DOMAINS]
 *
 * Makes names as lists have them (some 20 bytes, two to four labels), writes them to a file in
 * memory, loads it by a configuration's rule, and asks about names that are on it, below it, and
 * neither. One line of JSON. */
#include "proxy/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ASKED = 2000000 };

static uint64_t state = 88172645463325252;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* The name of that number: letters out of it, then one of a few suffixes. */
static int name_of(uint64_t number, char *into, size_t size)
{
	static const char *const suffixes[] = { "com",         "net",        "org",
						"example.com", "co.example", "ads.example.net" };
	char word[24];
	size_t len = 0;
	uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);
	for (; mixed > 0 && len < 9 + number % 6; mixed /= 26)
		word[len++] = (char)('a' + mixed % 26);
	word[len] = 0;
	return snprintf(into, size, "%s%" PRIu64 ".%s", word, number % 100,
			suffixes[number % (sizeof suffixes / sizeof *suffixes)]);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Anonymous memory that is resident, in bytes: what the list takes while it is held. */
static size_t resident(void)
{
	size_t pages = 0, all = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%zu %zu %zu", &all, &pages, &shared) != 3)
		pages = shared = 0;
	if (f)
		fclose(f);
	return (pages - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static int write_list(uint64_t domains, char *path, size_t size)
{
	int fd = memfd_create("list", 0);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	char name[64];
	if (!f)
		return -1;
	for (uint64_t i = 0; i < domains; i++) {
		name_of(i, name, sizeof name);
		fprintf(f, "%s\n", name);
	}
	fclose(f);
	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd;
}

static void tell(void *context, uint32_t line, uint32_t column, const char *text)
{
	(void)context;
	fprintf(stderr, "%u:%u %s\n", line, column, text);
}

static struct config *load(const char *list)
{
	char path[40];
	int fd = memfd_create("config", 0);
	dprintf(fd, "rule deny to-list %s;\nrule allow from 10.0.0.0/8;\n", list);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct config *c = config_load(path, &(struct config_faults){ tell, NULL });
	close(fd);
	return c;
}

struct asked {
	double ns;
	uint64_t denied;
};

/* kind 0: on the list; 1: below what is on it; 2: not on it. The names are made beforehand. */
static struct asked ask(const struct config *c, uint64_t domains, int kind)
{
	enum { NAMES = 1 << 16 };
	static char name[NAMES][80];
	struct asked result = { 0 };
	struct rules_answer answer;
	for (size_t i = 0; i < NAMES; i++) {
		uint64_t number = next_random() % domains + (kind == 2 ? domains : 0);
		int len = kind == 1 ? snprintf(name[i], sizeof *name, "www.") : 0;
		name_of(number, name[i] + len, sizeof *name - (size_t)len);
	}
	double before = seconds();
	for (uint64_t i = 0; i < ASKED; i++) {
		struct rules_ask q = {
			.client = { .ip = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } },
			.method = SLICE("CONNECT"),
			.host = slice_of(name[i % NAMES]),
			.port = 443,
			.connect = true
		};
		rules_decide(c, &q, &answer);
		result.denied += answer.reason == RULES_RULE;
	}
	result.ns = (seconds() - before) * 1e9 / ASKED;
	return result;
}

int main(int argc, char **argv)
{
	uint64_t domains = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	char path[40];
	if (domains == 0 || write_list(domains, path, sizeof path) < 0)
		return 2;
	size_t memory = resident();
	double before = seconds();
	struct config *c = load(path);
	double loaded = seconds() - before;
	if (!c)
		return 2;
	memory = resident() - memory;
	struct asked on = ask(c, domains, 0), below = ask(c, domains, 1), off = ask(c, domains, 2);
	printf("{\"domains\":%" PRIu64 ",\"load_s\":%.3f,\"bytes_per_domain\":%.1f,"
	       "\"on_list_ns\":%.0f,\"below_ns\":%.0f,\"off_list_ns\":%.0f,"
	       "\"on_list_denied\":%.4f,\"below_denied\":%.4f,\"off_list_denied\":%.4f}\n",
	       domains, loaded, (double)memory / (double)domains, on.ns, below.ns, off.ns,
	       (double)on.denied / ASKED, (double)below.denied / ASKED, (double)off.denied / ASKED);
	config_drop(c);
	return 0;
}
