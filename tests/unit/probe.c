/* What a probe alone can know, as diagnose judges it: its rules, those of TLS that ask what looking
 * around brought, and their texts, whole.
 *
 *     unit-probe             compares with tests/unit/probe.out
 *     unit-probe --rewrite   writes that anew; review the diff */
#include "diagnose/diagnose.h"
#include "render/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS     NANOS_PER_MS
#define GOLDEN SOURCE_ROOT "/tests/unit/probe.out"

static struct mark at_ms(int64_t ms)
{
	return (struct mark){ .at = INT64_C(1741951812517129000) + ms * MS };
}

/* ---- walks, as far as they got ------------------------------------------------------------ */

static void begun(struct exchange *x)
{
	address_parse(SLICE("10.10.10.1:3128"), &x->proxy);
	x->first = x->last = at_ms(0);
	x->observed_until = at_ms(0).at;
	x->both_ways = x->links.proxy_named = true;
}

static void connected(struct exchange *x)
{
	begun(x);
	address_parse(SLICE("10.40.40.1:48716"), &x->client);
	x->syn = at_ms(0);
	x->syns = 1;
	x->syn_ack = at_ms(20);
	x->rtt = 20 * MS;
}

static void tunnel(struct exchange *x)
{
	connected(x);
	x->request.method = SLICE("CONNECT");
	x->request.target = SLICE("tools.example.net:443");
	x->request.is_connect = x->request.complete = true;
	x->request_start = x->request_end = x->request_acked = at_ms(21);
	x->response.status = 200;
	x->answer = PROTO_HTTP;
	x->response_start = at_ms(60);
	x->tunnel.open = true;
	x->tunnel.inner = PROTO_TLS;
	x->tls->hello = x->tls->hello_acked = true;
	x->tls->hello_bytes = 517;
	x->tls->hello_segments = 1;
	x->tls->sni = SLICE("tools.example.net");
	x->hello = x->last = at_ms(61);
	x->tunnel.bytes[CLIENT] = 517;
	x->bytes[CLIENT] = x->path[CLIENT].bytes = 630;
}

static void ended(struct exchange *x, enum trace_side side, bool reset, int64_t ms)
{
	x->closed = true;
	x->closed_by = side;
	x->by_reset = reset;
	x->close = x->last = at_ms(ms);
	x->observed_until = at_ms(ms).at;
	*(reset ? &x->path[side].rst : &x->path[side].fin) = x->close;
}

static void silent(struct exchange *x)
{
	tunnel(x);
	ended(x, CLIENT, false, 10061);
}

static void well(struct exchange *x)
{
	tunnel(x);
	x->server_hello = at_ms(80);
	x->tls_done = x->first_app_up = at_ms(90);
	x->first_byte = at_ms(110);
	x->tls->server_hello = x->tls->done = true;
	x->tls->version = 0x0304;
	x->tls->app_bytes[CLIENT] = x->tls->app_bytes[PROXY] = 500;
	x->tls->last_app[CLIENT] = at_ms(90);
	x->tls->last_app[PROXY] = at_ms(110);
	x->tunnel.bytes[PROXY] = x->bytes[PROXY] = x->path[PROXY].bytes = 5000;
	x->tunnel.first[PROXY] = at_ms(80);
	x->tunnel.last[PROXY] = at_ms(110);
	ended(x, CLIENT, false, 120);
}

static void uploading(struct exchange *x) /* a request of 3 kB that is never acknowledged */
{
	connected(x);
	x->request.method = SLICE("GET");
	x->request.target = SLICE("http://www.example.net/?long");
	x->request.absolute = x->request.complete = true;
	x->request_start = x->request_end = at_ms(21);
	x->bytes[CLIENT] = x->path[CLIENT].bytes = x->path[CLIENT].unacked = 3000;
	x->path[CLIENT].stuck_times = 5;
	x->path[CLIENT].retrans = 4;
	x->path[CLIENT].stuck_first = at_ms(21);
	ended(x, CLIENT, false, 10021);
}

static void inside(struct exchange *x) /* a request in a tunnel whose TLS the probe ends */
{
	connected(x);
	x->probe->inside = true;
	x->request.method = SLICE("GET");
	x->request.target = SLICE("/file");
	x->request.complete = true;
	x->request_start = x->request_end = x->request_acked = at_ms(100);
	x->bytes[CLIENT] = x->path[CLIENT].bytes = 81;
}

/* ---- what looking around brought ---------------------------------------------------------- */

static void sizes(struct exchange *x, bool broke, enum trace_size_how up, unsigned passes_up,
		  enum trace_size_how down, unsigned passes_down)
{
	struct trace_mtu *m = &x->probe->mtu;
	m->looked = true;
	m->broke = broke;
	m->header = address_is_v4(&x->proxy) ? 40 : 60;
	m->way[CLIENT] = (struct trace_size){ .how = up, .passes = (uint16_t)passes_up };
	m->way[PROXY] = (struct trace_size){ .how = down, .passes = (uint16_t)passes_down };
	m->text = "what the probe says of sizes";
}

/* Those in pieces fare as the large one, unless a case says otherwise. */
static void hellos(struct exchange *x, enum trace_heard small, enum trace_heard split,
		   enum trace_heard large, enum trace_heard nameless)
{
	struct trace_hellos *h = &x->probe->hellos;
	h->broke = !x->tls->server_hello;
	h->of[SHAPE_PIECES] = (struct trace_hello){ large, 1800 };
	h->looked = true;
	h->of[SHAPE_SMALL] = (struct trace_hello){ small, 246 };
	h->of[SHAPE_SPLIT] = (struct trace_hello){ split, 246 };
	h->of[SHAPE_LARGE] = (struct trace_hello){ large, 1800 };
	h->of[SHAPE_NAMELESS] = (struct trace_hello){ nameless, nameless ? 228 : 0 };
	h->text = "what the probe says of hellos";
}

#define ALL  SIZE_ALL_PASS, 1460
#define NONE SIZE_NONE_PASSES, 0

/* name, verdict, stage, a word of the first cause, the walk, what it met */
#define CASES(CASE)                                                                                \
	CASE(settings, V_SETTINGS_INVALID, STAGE_SETTINGS, NULL, begun,                            \
	     x->probe->settings_fault = "it has no port")                                          \
	CASE(inside_silence, V_TRANSFER_STALLED, STAGE_TRANSFER, NULL, inside,                     \
	     ended(x, CLIENT, false, 6100))                                                        \
	CASE(inside_short_silence, V_TRANSFER_STALLED, STAGE_TRANSFER, NULL, inside,               \
	     ended(x, CLIENT, false, 2100))                                                        \
	CASE(inside_end, V_TRANSFER_TRUNCATED, STAGE_TRANSFER, NULL, inside,                       \
	     ended(x, PROXY, false, 101))                                                          \
	CASE(inside_reset, V_TRANSFER_RESET, STAGE_TRANSFER, NULL, inside,                         \
	     ended(x, PROXY, true, 101))                                                           \
	CASE(no_name, V_PROXY_UNRESOLVED, STAGE_DNS, "misspelt", begun,                            \
	     x->probe->unresolved = "Name or service not known")                                   \
	CASE(resolver_fails, V_PROXY_UNRESOLVED, STAGE_DNS, "nothing is known of the name", begun, \
	     x->probe->unresolved = "Temporary failure in name resolution";                        \
	     x->probe->resolver_failed = true)                                                     \
	CASE(no_way, V_PROXY_UNREACHABLE, STAGE_CONNECT, "no route", begun,                        \
	     x->probe->no_route = "network is unreachable")                                        \
	CASE(no_neighbour, V_PROXY_UNREACHABLE, STAGE_CONNECT, "host is down", begun,              \
	     x->probe->no_route = "nobody answers for its address";                                \
	     x->probe->no_way = NO_WAY_NEIGHBOUR)                                                  \
	CASE(forbidden_here, V_PROXY_UNREACHABLE, STAGE_CONNECT, "this host itself", begun,        \
	     x->probe->no_route = "not permitted";                                                 \
	     x->probe->no_way = NO_WAY_FORBIDDEN)                                                  \
	CASE(outer_in_clear, V_NOT_TLS, STAGE_TLS, "plain HTTP", connected,                        \
	     x->probe->outer = OUTER_NOT_TLS;                                                      \
	     x->probe->outer_text = "it answered in HTTP")                                         \
	CASE(outer_distrusted, V_TLS_UNTRUSTED, STAGE_TLS, "certificate of the proxy", connected,  \
	     x->probe->outer = OUTER_UNTRUSTED;                                                    \
	     x->probe->outer_text = "self-signed certificate")                                     \
	CASE(outer_done, V_TLS_SILENT, STAGE_TLS, NULL, silent, x->probe->outer = OUTER_DONE)      \
	CASE(hole_down, V_MTU_BLACK_HOLE, STAGE_TLS, "MTU of 1300", silent,                        \
	     sizes(x, true, ALL, SIZE_BOUNDARY, 1260))                                             \
	CASE(hole_down_v6, V_MTU_BLACK_HOLE, STAGE_TLS, "MTU of 1400", silent,                     \
	     address_parse(SLICE("[2001:db8::1]:3128"), &x->proxy);                                \
	     sizes(x, true, ALL, SIZE_BOUNDARY, 1340))                                             \
	CASE(hole_up, V_MTU_BLACK_HOLE, STAGE_REQUEST, "MTU of 1380", uploading,                   \
	     sizes(x, true, SIZE_BOUNDARY, 1340, ALL))                                             \
	CASE(hole_up_unmet, V_MTU_BLACK_HOLE, STAGE_TRANSFER, "MTU of 1380", well,                 \
	     sizes(x, false, SIZE_BOUNDARY, 1340, ALL))                                            \
	CASE(hole_up_not_the_reason, V_TLS_SILENT, STAGE_TLS, NULL, silent,                        \
	     sizes(x, true, SIZE_BOUNDARY, 1340, NONE))                                            \
	CASE(hole_up_but_refused, V_DENIED, STAGE_REQUEST, NULL, tunnel,                           \
	     x->tunnel.open = x->tls->hello = false;                                               \
	     x->response.status = 403; ended(x, PROXY, false, 70);                                 \
	     sizes(x, true, SIZE_BOUNDARY, 1340, ALL))                                             \
	CASE(size_is_not_it, V_TLS_SILENT, STAGE_TLS, "says nothing", silent,                      \
	     sizes(x, true, ALL, NONE))                                                            \
	CASE(size_unknown, V_TLS_SILENT, STAGE_TLS, "says nothing", silent,                        \
	     sizes(x, true, SIZE_UNKNOWN, 0, SIZE_UNKNOWN, 0))                                     \
	CASE(all_sizes_well, V_OK, STAGE_NONE, NULL, well, sizes(x, false, ALL, ALL))              \
	CASE(name_reset, V_TLS_RESET, STAGE_TLS, "without that name", tunnel,                      \
	     ended(x, PROXY, true, 90);                                                            \
	     hellos(x, HEARD_RESET, HEARD_RESET, HEARD_RESET, HEARD_ALERT))                        \
	CASE(name_closed, V_TLS_CLOSED, STAGE_TLS, "without that name", tunnel,                    \
	     ended(x, PROXY, false, 90);                                                           \
	     hellos(x, HEARD_END, HEARD_HELLO, HEARD_END, HEARD_HELLO))                            \
	CASE(name_silent, V_TLS_SILENT, STAGE_TLS, "without that name", silent,                    \
	     hellos(x, HEARD_SILENCE, HEARD_SILENCE, HEARD_SILENCE, HEARD_HELLO))                  \
	CASE(this_hello, V_TLS_RESET, STAGE_TLS, "this very", tunnel, ended(x, PROXY, true, 90);   \
	     hellos(x, HEARD_HELLO, HEARD_HELLO, HEARD_RESET, HEARD_HELLO))                        \
	CASE(no_hello, V_TLS_SILENT, STAGE_TLS, "says nothing", silent, sizes(x, true, ALL, NONE); \
	     hellos(x, HEARD_SILENCE, HEARD_SILENCE, HEARD_SILENCE, HEARD_SILENCE))                \
	CASE(large_hello, V_TLS_RESET, STAGE_TLS, "can't take a large", well,                      \
	     hellos(x, HEARD_HELLO, HEARD_HELLO, HEARD_RESET, HEARD_HELLO))                        \
	CASE(large_hello_lost, V_TLS_SILENT, STAGE_TLS, "never acknowledged", well,                \
	     hellos(x, HEARD_HELLO, HEARD_HELLO, HEARD_LOST, HEARD_HELLO))                         \
	CASE(large_hello_beyond, V_TLS_SILENT, STAGE_TLS, "between the proxy and the origin",      \
	     well, hellos(x, HEARD_HELLO, HEARD_HELLO, HEARD_SILENCE, HEARD_HELLO);                \
	     x->probe->hellos.of[SHAPE_PIECES].how = HEARD_HELLO)                                  \
	CASE(hello_after_another_failure, V_TLS_RESET, STAGE_TLS, NULL, well,                      \
	     x->tls->done = false;                                                                 \
	     x->first_byte = x->tls_done = NO_MARK;                                                \
	     x->tls->app_bytes[0] = x->tls->app_bytes[1] = 0; ended(x, PROXY, true, 120);          \
	     hellos(x, HEARD_HELLO, HEARD_HELLO, HEARD_RESET, HEARD_HELLO);                        \
	     x->probe->hellos.broke = true)                                                        \
	CASE(split_hello, V_TLS_CLOSED, STAGE_TLS, "only the first segment", well,                 \
	     hellos(x, HEARD_HELLO, HEARD_END, HEARD_END, HEARD_UNKNOWN))                          \
	CASE(all_hellos, V_OK, STAGE_NONE, NULL, well,                                             \
	     hellos(x, HEARD_HELLO, HEARD_HELLO, HEARD_HELLO, HEARD_ALERT))                        \
	CASE(no_hello_measured, V_OK, STAGE_NONE, NULL, well,                                      \
	     hellos(x, HEARD_UNKNOWN, HEARD_UNKNOWN, HEARD_UNKNOWN, HEARD_UNKNOWN))

#define DEFINE(name, verdict, stage, cause, walk, ...)                                             \
	static void case_##name(struct exchange *x)                                                \
	{                                                                                          \
		walk(x);                                                                           \
		__VA_ARGS__;                                                                       \
	}
CASES(DEFINE)

#define ENTRY(name, verdict, stage, cause, walk, ...) { #name, verdict, stage, cause, case_##name },
static const struct {
	const char *name;
	enum verdict verdict;
	enum stage stage;
	const char *cause;
	void (*build)(struct exchange *x);
} cases[] = { CASES(ENTRY) };

enum { CASES_COUNT = sizeof cases / sizeof *cases };

static struct exchange *make(size_t i)
{
	struct exchange *x = trace_new(TRACE_CHECK, 65536);
	assert_non_null(x);
	assert_true(trace_open_probe(x));
	cases[i].build(x);
	return x;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void each_case_gets_its_verdict(void **state)
{
	(void)state;
	unsigned wrong = 0;
	for (size_t i = 0; i < CASES_COUNT; i++) {
		struct exchange *x = make(i);
		struct arena *arena = arena_new(16384);
		struct finding f;
		struct diagnosis d;
		diagnose_judge(x, &f);
		assert_true(diagnose_explain(x, &f, arena, &d));
		const char *first = d.causes ? d.cause[0] : "";
		bool caused = !cases[i].cause || strstr(first, cases[i].cause);
		if (f.verdict != cases[i].verdict || f.stage != cases[i].stage || !caused) {
			print_error("%s: %s at stage %d by \"%s\", not %s at %d\n", cases[i].name,
				    verdict_id(f.verdict), f.stage, first,
				    verdict_id(cases[i].verdict), cases[i].stage);
			wrong++;
		}
		arena_free(arena);
		trace_free(x);
	}
	assert_int_equal(wrong, 0);
}

static bool has_cause(const struct finding *f, enum cause c)
{
	for (size_t i = 0; i < f->causes; i++)
		if (f->cause[i] == c)
			return true;
	return false;
}

static void what_was_ruled_out_is_not_named(void **state)
{
	(void)state;
	struct finding f;
	struct exchange *x = trace_new(TRACE_CHECK, 65536);
	assert_true(trace_open_probe(x));
	silent(x);
	diagnose_judge(x, &f);
	assert_true(has_cause(&f, CAUSE_MTU_POSSIBLE) && has_cause(&f, CAUSE_SNI_POLICY));
	sizes(x, true, ALL, NONE);
	diagnose_judge(x, &f);
	assert_true(!has_cause(&f, CAUSE_MTU_POSSIBLE) && has_cause(&f, CAUSE_SNI_POLICY));
	hellos(x, HEARD_SILENCE, HEARD_SILENCE, HEARD_SILENCE, HEARD_SILENCE);
	diagnose_judge(x, &f);
	assert_true(!has_cause(&f, CAUSE_MTU_POSSIBLE) && !has_cause(&f, CAUSE_SNI_POLICY));
	/* a host that is an address has no hello without a name to compare with */
	hellos(x, HEARD_SILENCE, HEARD_SILENCE, HEARD_SILENCE, HEARD_UNKNOWN);
	diagnose_judge(x, &f);
	assert_true(has_cause(&f, CAUSE_SNI_POLICY));
	trace_free(x);
}

/* ---- texts -------------------------------------------------------------------------------- */

static void write_case(struct buffer *out, size_t i)
{
	static const struct render_style style = { .width = 80, .utf8 = true };
	struct exchange *x = make(i);
	struct arena *arena = arena_new(16384);
	struct finding f;
	struct diagnosis d;
	diagnose_judge(x, &f);
	assert_true(diagnose_explain(x, &f, arena, &d));
	buffer_printf(out, "== %s\n", cases[i].name);
	render_card(out, &style, x, &d);
	render_json(out, x, &d);
	arena_free(arena);
	trace_free(x);
}

static void write_all(struct buffer *out)
{
	buffer_init(out, 1 << 20);
	for (size_t i = 0; i < CASES_COUNT; i++)
		write_case(out, i);
	assert_false(out->failed);
}

static void the_texts_are_the_golden_ones(void **state)
{
	(void)state;
	static char golden[1 << 20];
	struct buffer out;
	FILE *file = fopen(GOLDEN, "r");
	assert_non_null(file);
	size_t len = fread(golden, 1, sizeof golden, file);
	fclose(file);
	write_all(&out);
	struct slice got = buffer_slice(&out), want = { (const uint8_t *)golden, len };
	while (got.len || want.len) {
		struct slice a = slice_line(&got), b = slice_line(&want);
		if (!slice_equal(a, b))
			print_error("got  %.*s\nwant %.*s\n", (int)a.len, (const char *)a.at,
				    (int)b.len, (const char *)b.at);
		assert_true(slice_equal(a, b));
	}
	buffer_done(&out);
}

static int rewrite(void)
{
	struct buffer out;
	FILE *file = fopen(GOLDEN, "w");
	if (!file)
		return 1;
	write_all(&out);
	bool fine = fwrite(out.at, 1, out.len, file) == out.len;
	buffer_done(&out);
	return fclose(file) == 0 && fine ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_gets_its_verdict),
		cmocka_unit_test(what_was_ruled_out_is_not_named),
		cmocka_unit_test(the_texts_are_the_golden_ones),
	};
	if (argc == 2 && strcmp(argv[1], "--rewrite") == 0)
		return rewrite();
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
