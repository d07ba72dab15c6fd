/* diagnose: what a probe's facts change in a verdict and its causes (trace/probe.h), each fact
 * beside the one that nearly says the same; and the round figures that are guessed from measured
 * ones. */
#include "diagnose/diagnose.h"
#include "diagnose/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define S NANOS_PER_SECOND

static const nanos START = INT64_C(1741951812517129000);

static struct mark after(nanos span)
{
	return (struct mark){ .at = START + span };
}

/* ---- a download of 400,000 bytes, of which 200,000 came, cut by FIN after a second -------- */

static void ends(struct exchange *x, enum trace_side side, bool reset, nanos when)
{
	x->closed = true;
	x->closed_by = side;
	x->by_reset = reset;
	x->close = after(when);
	x->observed_until = START + when;
}

static void cut(struct exchange *x)
{
	x->both_ways = true;
	x->first = x->syn = after(0);
	x->syn_ack = x->request_start = x->request_end = x->request_acked = after(S / 100);
	x->rtt = S / 100;
	x->request.method = SLICE("GET");
	x->request.target = SLICE("http://downloads.example.net/file");
	x->request.absolute = x->request.complete = true;
	x->answer = PROTO_HTTP;
	x->response.status = 200;
	x->response.body_length = 400000;
	x->response.body_bytes = 200000;
	x->bytes[PROXY] = x->path[PROXY].bytes = 200300;
	x->response_start = after(S / 50);
	x->path[PROXY].first_data = x->path[PROXY].last_data = after(S);
	ends(x, PROXY, false, S);
}

static struct trace_download *downloads(struct exchange *x)
{
	assert_true(trace_open_probe(x));
	struct trace_download *d = arena_alloc(x->arena, sizeof *d);
	d->whole = UINT64_MAX;
	x->probe->download = d;
	return d;
}

static void fetch(struct trace_download *d, enum trace_cut how, uint64_t body, nanos age)
{
	d->fetch[d->fetches++] = (struct trace_fetch){
		.how = how,
		.status = 200,
		.promised = 400000,
		.body = body,
		.carried = body + 4000,
		.age = age,
		.begun = START + S,
		.flow = { .pieces = 9, .pause_at = body, .bytes = body },
	};
}

static void same_byte(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 200000, S / 5);
	fetch(d, CUT_FIN, 200000, S / 5);
}

static void same_byte_other_age(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_RST, 200000, 4 * S);
	fetch(d, CUT_FIN, 199000, 9 * S);
}

static void same_age(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 200000, 60 * S);
	fetch(d, CUT_FIN, 150000, 60 * S + S / 2);
}

static void size_and_age(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 3000000, 10 * S);
	fetch(d, CUT_FIN, 3000000, 10 * S);
}

static void slower_but_as_far(struct exchange *x)
{
	size_and_age(x);
	fetch(x->probe->download, CUT_FIN, 3000000, 20 * S);
	x->probe->download->fetch[2].paced = true;
}

static void slower_and_less_far(struct exchange *x)
{
	size_and_age(x);
	fetch(x->probe->download, CUT_FIN, 1900000, 12 * S);
	x->probe->download->fetch[2].paced = true;
}

/* All of it may have lain in buffers by the time it was cut. */
static void too_little_to_tell(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 200000, 10 * S);
	fetch(d, CUT_FIN, 200000, 10 * S);
	fetch(d, CUT_FIN, 200000, 20 * S);
	d->fetch[2].paced = true;
}

static void neither(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 200000, 2 * S);
	fetch(d, CUT_FIN, 90000, 7 * S);
}

static void whole_the_second_time(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 200000, 2 * S);
	fetch(d, CUT_NOT, 400000, 4 * S);
}

static void nothing_the_second_time(struct exchange *x)
{
	struct trace_download *d = downloads(x);
	fetch(d, CUT_FIN, 200000, 2 * S);
	fetch(d, CUT_NO_BODY, 0, 0);
}

static void length_is_wrong(struct exchange *x)
{
	same_byte(x);
	x->probe->download->whole = 200000;
}

static void stalls(struct exchange *x)
{
	ends(x, CLIENT, false, 12 * S);
}

static void held(struct exchange *x)
{
	stalls(x);
	struct trace_download *d = downloads(x);
	fetch(d, CUT_STALLED, 200000, S);
	fetch(d, CUT_STALLED, 200000, S);
	d->fetch[0].path_asked = d->fetch[0].path_answers = true;
}

static void host_is_mute(struct exchange *x)
{
	held(x);
	x->probe->download->fetch[0].path_answers = false;
}

static void end_held_back(struct exchange *x)
{
	held(x);
	for (size_t i = 0; i < 2; i++) {
		x->probe->download->fetch[i].flow.pause_at = 390000;
		x->probe->download->fetch[i].flow.pause = 10 * S;
	}
}

static void goes_on_once(struct exchange *x)
{
	held(x);
	x->probe->download->fetch[1].how = CUT_NOT;
}

/* ---- a tunnel held quiet ------------------------------------------------------------------ */

static void quiet(struct exchange *x, enum trace_idle_end how, enum trace_idle_test test)
{
	x->response.body_bytes = 400000;
	x->response.complete = true;
	ends(x, CLIENT, false, 2 * S);
	assert_true(trace_open_probe(x));
	x->probe->idle = arena_alloc(x->arena, sizeof *x->probe->idle);
	*x->probe->idle = (struct trace_idle){ .how = how,
					       .test = test,
					       .begun = START + 2 * S,
					       .ended = START + 302 * S,
					       .quiet = 300 * S };
}

static void quiet_fin(struct exchange *x)
{
	quiet(x, IDLE_FIN, IDLE_NOT_TESTED);
}

static void quiet_goodbye(struct exchange *x)
{
	quiet(x, IDLE_FIN, IDLE_NOT_TESTED);
	x->probe->idle->said_goodbye = true;
}

static void quiet_lives(struct exchange *x)
{
	quiet(x, IDLE_HELD, IDLE_ANSWERED);
}

static void quiet_dropped(struct exchange *x)
{
	quiet(x, IDLE_HELD, IDLE_UNANSWERED);
}

static void quiet_reset(struct exchange *x)
{
	quiet(x, IDLE_HELD, IDLE_TEST_RST);
}

static void quiet_mute(struct exchange *x)
{
	quiet(x, IDLE_HELD, IDLE_ACKNOWLEDGED);
}

static void quiet_interrupted(struct exchange *x)
{
	quiet(x, IDLE_INTERRUPTED, IDLE_NOT_TESTED);
}

/* ---- credentials, and what no rule explains ----------------------------------------------- */

static struct trace_trial *refused(struct exchange *x, unsigned status)
{
	x->request.auth = SCHEME_DIGEST;
	x->request.user = SLICE("alice");
	x->response.status = (uint16_t)status;
	x->response.complete = true;
	x->response.offers = status == 407;
	x->response.offered[0] = SCHEME_DIGEST;
	assert_true(trace_open_probe(x));
	x->probe->trial = arena_alloc(x->arena, sizeof *x->probe->trial);
	x->probe->trial->bare = 407;
	x->probe->trial->with = (uint16_t)status;
	return x->probe->trial;
}

static void wrong_password(struct exchange *x)
{
	refused(x, 407)->again = 407;
}

static void digest_broken(struct exchange *x)
{
	refused(x, 407)->again = 200;
}

static void always_stale(struct exchange *x)
{
	refused(x, 407)->stales = 2;
}

static void user_not_allowed(struct exchange *x)
{
	refused(x, 403);
}

static void nobody_allowed(struct exchange *x)
{
	refused(x, 403)->bare = 403;
}

static void trickles(struct exchange *x)
{
	ends(x, CLIENT, false, 60 * S);
	assert_true(trace_open_probe(x));
	x->path[PROXY].last_data = after(59 * S);
	x->probe->flow = (struct trace_flow){
		.pieces = 60, .first = START, .last = START + 59 * S, .bytes = 60
	};
}

static void slow_link(struct exchange *x)
{
	trickles(x);
	x->probe->flow.bytes = 40000 * 59;
}

static void unusable(struct exchange *x)
{
	x->response.complete = true;
	assert_true(trace_open_probe(x));
	x->probe->complaint = "Illegal or missing hexadecimal sequence";
}

static const struct {
	void (*build)(struct exchange *x);
	enum verdict verdict;
	enum cause first; /* CAUSE_NONE: any */
} cases[] = {
	{ same_byte, V_TRANSFER_TRUNCATED, CAUSE_SIZE_LIMIT },
	{ same_byte_other_age, V_TRANSFER_TRUNCATED, CAUSE_SIZE_LIMIT },
	{ same_age, V_TRANSFER_TRUNCATED, CAUSE_TIME_LIMIT },
	{ slower_but_as_far, V_TRANSFER_TRUNCATED, CAUSE_SIZE_LIMIT },
	{ slower_and_less_far, V_TRANSFER_TRUNCATED, CAUSE_TIME_LIMIT },
	{ neither, V_TRANSFER_TRUNCATED, CAUSE_FLAKY },
	{ whole_the_second_time, V_TRANSFER_TRUNCATED, CAUSE_FLAKY },
	{ nothing_the_second_time, V_TRANSFER_TRUNCATED, CAUSE_ORIGIN_CUT },
	{ length_is_wrong, V_TRANSFER_TRUNCATED, CAUSE_LENGTH_WRONG },
	{ stalls, V_TRANSFER_STALLED, CAUSE_SCANNING },
	{ held, V_TRANSFER_STALLED, CAUSE_SCANNING },
	{ host_is_mute, V_TRANSFER_STALLED, CAUSE_PATH_SILENT },
	{ end_held_back, V_TRANSFER_STALLED, CAUSE_SCANNING },
	{ goes_on_once, V_TRANSFER_STALLED, CAUSE_FLAKY },
	{ quiet_fin, V_OK, CAUSE_IDLE_LIMIT },
	{ quiet_goodbye, V_OK, CAUSE_ORIGIN_IDLE },
	{ quiet_lives, V_OK, CAUSE_NONE },
	{ quiet_dropped, V_TRANSFER_STALLED, CAUSE_STATE_DROPPED },
	{ quiet_reset, V_TRANSFER_RESET, CAUSE_STATE_DROPPED },
	{ quiet_mute, V_TRANSFER_STALLED, CAUSE_IDLE_LIMIT },
	{ quiet_interrupted, V_OPEN, CAUSE_NONE },
	{ wrong_password, V_AUTH_REJECTED, CAUSE_WRONG_PASSWORD },
	{ digest_broken, V_AUTH_REJECTED, CAUSE_DIGEST_BROKEN },
	{ always_stale, V_AUTH_REJECTED, CAUSE_ALWAYS_STALE },
	{ user_not_allowed, V_DENIED, CAUSE_USER_NOT_ALLOWED },
	{ nobody_allowed, V_DENIED, CAUSE_NOT_ASKED },
	{ trickles, V_SLOW, CAUSE_TRICKLE },
	{ slow_link, V_CLIENT_ABORTED, CAUSE_NONE },
	{ unusable, V_CLIENT_ABORTED, CAUSE_ANSWER_UNUSABLE },
};

static void facts_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct exchange *x = trace_new(TRACE_CHECK, 65536);
		struct arena *arena = arena_new(16384);
		struct finding f;
		struct diagnosis d;
		cut(x);
		cases[i].build(x);
		diagnose_judge(x, &f);
		bool fine = f.verdict == cases[i].verdict &&
			    (cases[i].first == CAUSE_NONE ||
			     (f.causes > 0 && f.cause[0] == cases[i].first));
		if (!fine)
			print_error("case %zu: %s, first cause %d\n", i, verdict_id(f.verdict),
				    f.causes ? (int)f.cause[0] : 0);
		assert_true(fine);
		assert_true(diagnose_explain(x, &f, arena, &d));
		for (size_t k = 0; k < d.causes; k++)
			assert_null(strstr(d.cause[k], "too little is known"));
		arena_free(arena);
		trace_free(x);
	}
}

static bool has(const struct exchange *x, enum cause cause)
{
	struct finding f;
	diagnose_judge(x, &f);
	for (size_t i = 0; i < f.causes; i++)
		if (f.cause[i] == cause)
			return true;
	return false;
}

/* Where both fit, both are named; another speed is what it takes, and enough of it. */
static void what_can_not_be_told_apart_is_both(void **state)
{
	(void)state;
	static void (*const builds[])(struct exchange *) = { size_and_age, too_little_to_tell };
	for (size_t i = 0; i < 2; i++) {
		struct exchange *x = trace_new(TRACE_CHECK, 65536);
		cut(x);
		builds[i](x);
		assert_true(has(x, CAUSE_SIZE_LIMIT) && has(x, CAUSE_TIME_LIMIT));
		trace_free(x);
	}
	struct exchange *x = trace_new(TRACE_CHECK, 65536);
	cut(x);
	slower_but_as_far(x);
	assert_true(has(x, CAUSE_SIZE_LIMIT) && !has(x, CAUSE_TIME_LIMIT));
	trace_free(x);
}

static void round_times(void **state)
{
	(void)state;
	static const struct {
		double measured;
		unsigned figure;
	} table[] = { { 60.02, 60 }, { 59.5, 60 },   { 63, 60 },   { 300.4, 300 },
		      { 2.95, 3 },   { 3.1, 3 },     { 5.4, 5 },   { 0.2, 0 },
		      { 69, 0 },     { 3601, 3600 }, { 301, 300 }, { 32.9, 30 } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_int_equal(figures_time((nanos)(table[i].measured * 1e9)) / S,
				 table[i].figure);
}

static void round_sizes(void **state)
{
	(void)state;
	static const struct {
		uint64_t measured, count;
		const char *unit;
	} table[] = { { 1048576, 1, "MiB" }, { 1000000, 1, "MB" },    { 200000, 200, "kB" },
		      { 65536, 64, "KiB" },  { 10490000, 10, "MiB" }, { 123457, 0, NULL },
		      { 0, 0, NULL },        { UINT64_MAX, 0, NULL } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct figure_size f = figures_size(table[i].measured);
		assert_int_equal(f.count, table[i].count);
		assert_true(!f.unit == !table[i].unit);
		if (f.unit)
			assert_string_equal(f.unit, table[i].unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_decide),
		cmocka_unit_test(what_can_not_be_told_apart_is_both),
		cmocka_unit_test(round_times),
		cmocka_unit_test(round_sizes),
	};
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
