/* How quick the history stays: adds COUNT exchanges, then asks for a page by each kind of filter.
 *
 *     history PATH COUNT
 *
 * Prints what adding one took, and for each filter the processor time of its first page, and of the
 * slowest of the pages that follow. A file that is there already is added to nothing, only asked.
 */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAGES = 20, ROWS = 50, TARGETS = 5000, DAYS = 90 };

static const nanos START = INT64_C(1741951812517129000);

static double worked(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint32_t next(void)
{
	static uint64_t state = 88172645463325252;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void must(int code, const struct error *err)
{
	if (code >= 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

/* Most are fine, one in twenty is denied, one in a thousand met a hole; some targets come often. */
static struct exchange *make(uint64_t number, uint64_t count)
{
	static char target[64];
	struct exchange *x = trace_new(TRACE_PROXY, 65536);
	uint32_t of = next() % TARGETS;
	nanos at = START + (nanos)(number * (DAYS * UINT64_C(86400000) / count)) * 1000000;
	snprintf(target, sizeof target, "host%u.example%u.org:443", of * of / TARGETS, of % 40);
	x->request.method = SLICE("CONNECT");
	x->request.target = slice_of(target);
	x->request.is_connect = x->request.complete = true;
	x->request.host = slice_of(target);
	address_parse(SLICE("10.40.40.1:48716"), &x->client);
	address_parse(next() % 3 ? SLICE("10.10.10.1:80") : SLICE("10.10.10.2:80"), &x->proxy);
	x->first = x->request_start = x->request_end = (struct mark){ .at = at };
	x->last = x->response_start = x->response_end = (struct mark){ .at = at + 40000000 };
	x->answer = PROTO_HTTP;
	x->response.status = number % 20 ? 200 : number % 1000 ? 403 : 502;
	x->response.reason = number % 20 ? SLICE("Connection established") : SLICE("Forbidden");
	x->response.server = SLICE("squid/5.7");
	x->closed = x->both_ways = true;
	x->client.port = (uint16_t)(1024 + next() % 60000);
	trace_add(x, EV_REQUEST, CLIENT, &x->request_end, 118);
	trace_add(x, EV_RESPONSE, PROXY, &x->response_start, x->response.status);
	trace_set_id(x);
	return x;
}

static void fill(struct store *s, uint64_t count)
{
	struct arena *words = arena_new(1 << 18);
	struct error err;
	double began = worked();
	for (uint64_t i = 0; i < count; i++) {
		struct exchange *x = make(i, count);
		struct finding f;
		struct diagnosis d;
		arena_reset(words);
		diagnose_judge(x, &f);
		diagnose_explain(x, &f, words, &d);
		must(store_add(s, x, &d, i % 7 ? STORE_PROXY : STORE_CHECK, 0, NULL, &err), &err);
		trace_free(x);
	}
	must(store_flush(s, &err), &err);
	arena_free(words);
	printf("%llu added, %.1f us each\n", (unsigned long long)count,
	       (worked() - began) * 1e3 / (double)count);
}

static void count(void *context, const struct store_row *row)
{
	(void)row;
	++*(size_t *)context;
}

static void ask(struct store *s, const char *name, const struct store_filter *f)
{
	int64_t before = 0;
	double first = 0, slowest = 0;
	size_t rows = 0, pages = 0;
	do {
		struct error err;
		double began = worked();
		must(store_query(s, f, before, ROWS, count, &rows, &before, &err), &err);
		double took = worked() - began;
		first = pages++ ? first : took;
		slowest = took > slowest ? took : slowest;
	} while (before && pages < PAGES);
	printf("%-34s %4zu rows on %2zu pages: first %6.2f ms, slowest %6.2f ms\n", name, rows,
	       pages, first, slowest);
}

static void add_count(void *context, const struct store_count *c)
{
	*(uint64_t *)context += c->count;
}

static void ask_chart(struct store *s, const char *name, nanos from, nanos to, int64_t step)
{
	struct error err;
	uint64_t sum = 0;
	double began = worked();
	must(store_chart(s, from, to, step, -1, add_count, &sum, &err), &err);
	printf("%-34s %llu in all: %6.2f ms\n", name, (unsigned long long)sum, worked() - began);
}

static void ask_all(struct store *s)
{
	const nanos day = 86400 * NANOS_PER_SECOND;
	struct store_filter f[10];
	static const char *const names[10] = { "all",
					       "denied",
					       "failure",
					       "bad-gateway",
					       "a target",
					       "a target that was never denied for 502",
					       "check, bad-gateway, other proxy",
					       "a week, denied",
					       "words: host",
					       "words: forbidden example7.org" };
	for (int i = 0; i < 10; i++)
		f[i] = STORE_ALL;
	f[1].verdict = SLICE("denied");
	f[2].verdict = SLICE("failure");
	f[3].verdict = SLICE("bad-gateway");
	f[4].target = f[5].target = SLICE("host0.example0.org:443");
	f[5].verdict = SLICE("bad-gateway");
	f[6].verdict = SLICE("bad-gateway");
	f[6].source = STORE_CHECK;
	f[6].proxy = SLICE("10.10.10.2:80");
	f[7].verdict = SLICE("denied");
	f[7].from = START + 20 * day;
	f[7].to = START + 27 * day;
	f[8].text = SLICE("host0.example0.org");
	f[9].text = SLICE("forbidden example7.org");
	for (int i = 0; i < 10; i++)
		ask(s, names[i], &f[i]);
	ask_chart(s, "chart of 90 days", START, START + 90 * day, 86400);
	ask_chart(s, "chart of two days", START + 20 * day, START + 22 * day, 1200);
}

int main(int argc, char **argv)
{
	struct store_totals t;
	struct error err;
	uint64_t wanted = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	struct store *s = wanted ? store_open(argv[1], &err) : NULL;
	if (!s) {
		fprintf(stderr, wanted ? "%s\n" : "usage: history PATH COUNT\n", err.text);
		return 1;
	}
	must(store_totals(s, &t, &err), &err);
	if (t.exchanges == 0)
		fill(s, wanted);
	must(store_totals(s, &t, &err), &err);
	printf("%llu exchanges, %.2f GB\n", (unsigned long long)t.exchanges, (double)t.bytes / 1e9);
	ask_all(s);
	store_close(s);
	return 0;
}
