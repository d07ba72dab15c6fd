/* The proxy in the simulated world: the plain ways through it, in every manner of traffic, and with
 * each call in turn failing. */
#include "scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char CONFIG[] = "listen 192.0.2.128:3128;\n"
			     "destinations private allow;\n"
			     "rule allow from 192.0.0.0/16 port 80 443;\n";

static struct config *config;

static int load(void **state)
{
	(void)state;
	config = scene_config(CONFIG);
	return config ? 0 : -1;
}

static int drop(void **state)
{
	(void)state;
	config_drop(config);
	return 0;
}

static bool has(const struct sim_peer *p, const char *text)
{
	return slice_find(sim_heard(p), slice_of(text)) < sim_heard(p).len;
}

static bool begins(const struct sim_peer *p, const char *text)
{
	return slice_starts(sim_heard(p), slice_of(text));
}

static void fill(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 23);
}

/* ---- the plain ways ----------------------------------------------------------------------- */

static struct sim_origin *web, *tls;

static void open_world(struct sim_options options)
{
	scene_begin(&options, config);
	web = sim_serve("10.0.0.1:80", SIM_ACCEPT, 20 * NANOS_PER_MS);
	tls = sim_serve("10.0.0.1:443", SIM_ACCEPT, 20 * NANOS_PER_MS);
	sim_name("www.test", NET_DNS_OK, 10 * NANOS_PER_MS, "10.0.0.1", NULL);
}

/* What came of a scenario. */
enum outcome { NOTHING, SERVED, TOLD, CUT };

static enum outcome outcome_of(const struct sim_peer *c)
{
	return begins(c, "HTTP/1.1 5")                ? TOLD
	       : sim_was_reset(c) || sim_was_ended(c) ? CUT
						      : NOTHING;
}

/* A tunnel, bytes both ways, each side closed by itself. */
static enum outcome tunnel(size_t len)
{
	static char text[300000];
	fill(text, sizeof text);
	struct sim_peer *c = scene_client();
	sim_say_text(c, "CONNECT www.test:443 HTTP/1.1\r\nHost: www.test:443\r\n\r\nearly");
	sim_pass(NANOS_PER_SECOND);
	struct sim_peer *o = sim_accepted(tls);
	if (!o || !begins(c, "HTTP/1.1 200"))
		return outcome_of(c);
	if (!has(o, "early"))
		return sim_was_reset(c) || sim_was_ended(c) ? CUT : NOTHING;
	sim_forget(c);
	sim_forget(o);
	sim_say(c, (struct slice){ (uint8_t *)text, len });
	sim_finish(c);
	sim_settle();
	if (!sim_was_ended(o) || sim_heard(o).len != len || memcmp(sim_heard(o).at, text, len) != 0)
		return outcome_of(c);
	sim_say(o, (struct slice){ (uint8_t *)text, len });
	sim_settle();
	sim_finish(o);
	sim_settle();
	if (!sim_was_ended(c) || sim_heard(c).len != len || memcmp(sim_heard(c).at, text, len) != 0)
		return outcome_of(c);
	return SERVED;
}

/* Two requests on one connection; the second uses the origin's again. */
static enum outcome two_requests(void)
{
	struct sim_peer *c = scene_client(), *o = NULL;
	for (int i = 0; i < 2; i++) {
		sim_forget(c);
		sim_say_text(c, "GET http://www.test/a HTTP/1.1\r\nHost: www.test\r\n\r\n");
		sim_pass(NANOS_PER_SECOND);
		struct sim_peer *fresh = sim_accepted(web);
		o = fresh ? fresh : o;
		if (!o || !has(o, "GET /a HTTP/1.1\r\n"))
			return outcome_of(c);
		sim_forget(o);
		sim_say_text(o, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				"1\r\nx\r\n0\r\n\r\n");
		sim_pass(NANOS_PER_MS);
		if (!begins(c, "HTTP/1.1 200") || !has(c, "\r\n\r\n1\r\nx\r\n0\r\n\r\n"))
			return outcome_of(c);
	}
	return SERVED;
}

static void every_manner_of_traffic(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 60; seed++) {
		open_world((struct sim_options){
			.seed = seed, .splice = seed & 1, .room = seed % 3 ? 0 : 5000 });
		if (tunnel(1 + seed * 4999) != SERVED || two_requests() != SERVED ||
		    scene_exchanges() != 3 || scene_end() != 0)
			fail_msg("with seed %u", seed);
	}
}

/* ---- what stalls -------------------------------------------------------------------------- */

static void a_reader_that_stops_is_waited_for(void **state)
{
	(void)state;
	static char lump[4 << 20];
	for (int splice = 0; splice < 2; splice++) {
		open_world((struct sim_options){ .splice = splice });
		struct sim_peer *c = scene_client();
		sim_say_text(c, "CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n");
		sim_pass(NANOS_PER_SECOND);
		struct sim_peer *o = sim_accepted(tls);
		assert_non_null(o);
		sim_pause(c, true);
		sim_forget(c);
		sim_say(o, (struct slice){ (uint8_t *)lump, sizeof lump });
		sim_pass(NANOS_PER_SECOND);
		assert_true(sim_unsent(o) > sizeof lump - (1 << 20)); /* bounded */
		sim_pause(c, false);
		sim_finish(o);
		sim_settle();
		assert_int_equal(sim_heard(c).len, sizeof lump);
		assert_int_equal(scene_end(), 0);
	}
}

static void time_outs_come_by_themselves(void **state)
{
	(void)state;
	open_world((struct sim_options){ 0 });
	sim_serve("10.0.0.9:443", SIM_SILENT, 0);
	struct sim_peer *slow = scene_client(), *dead = scene_client(), *quiet = scene_client();
	sim_say_text(slow, "CONNECT 10.0.");
	sim_say_text(dead, "CONNECT 10.0.0.9:443 HTTP/1.1\r\nHost: 10.0.0.9:443\r\n\r\n");
	sim_say_text(quiet, "CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n");
	sim_pass(9 * NANOS_PER_SECOND);
	assert_int_equal(sim_heard(slow).len + sim_heard(dead).len, 0);
	assert_true(begins(quiet, "HTTP/1.1 200"));
	sim_pass(2 * NANOS_PER_SECOND);
	assert_true(begins(slow, "HTTP/1.1 408"));
	assert_true(begins(dead, "HTTP/1.1 504"));
	assert_false(sim_was_ended(quiet));
	sim_pass(300 * NANOS_PER_SECOND);
	assert_true(sim_was_ended(quiet));
	assert_int_equal(scene_end(), 0);
}

/* ---- each call in turn fails -------------------------------------------------------------- */

static enum outcome play(int which)
{
	return which == 0 ? tunnel(40000) : two_requests();
}

/* Whatever failed: nobody waits for ever, nothing stays open, and the next one is served. */
static void each_call_fails_in_turn(void **state)
{
	(void)state;
	unsigned count[CUT + 1] = { 0 };
	for (int which = 0; which < 4; which++) {
		struct sim_options options = { .splice = which & 1 };
		open_world(options);
		unsigned calls = sim_calls();
		assert_int_equal(play(which / 2), SERVED);
		calls = sim_calls() - calls;
		assert_int_equal(scene_end(), 0);
		for (unsigned n = 1; n <= calls; n++) {
			open_world(options);
			sim_fail_any(n);
			enum outcome o = play(which / 2);
			if (o == NOTHING) {
				sim_pass(400 * NANOS_PER_SECOND); /* a time-out's work */
				o = CUT;
			}
			count[o]++;
			sim_fail_any(0);
			sim_pass(40 * NANOS_PER_SECOND); /* listeners go on, origins are let go */
			while (sim_accepted(tls) || sim_accepted(web))
				; /* what the first one left */
			if (play(which / 2) != SERVED)
				fail_msg("after call %u of %u in scene %d nobody is served", n,
					 calls, which);
			if (scene_end() != 0)
				fail_msg("call %u of %u in scene %d leaves something open", n,
					 calls, which);
		}
	}
	assert_true(count[SERVED] > 0 && count[TOLD] > 0 && count[CUT] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_manner_of_traffic),
		cmocka_unit_test(a_reader_that_stops_is_waited_for),
		cmocka_unit_test(time_outs_come_by_themselves),
		cmocka_unit_test(each_call_fails_in_turn),
	};
	return cmocka_run_group_tests(tests, load, drop);
}
