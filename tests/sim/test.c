/* The simulated world keeps its word: what tests of the proxy rely on. */
#include "sim.h"

#include "net/dial.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct net_loop *loop;
static struct net_dns *dns;
static struct address at;
static int listener;

/* One connection that the test itself serves. */
struct served {
	struct net_watch watch;
	unsigned what, count;
};

static void on_served(struct net_watch *w, unsigned what)
{
	struct served *s = (struct served *)w;
	s->what |= what;
	s->count++;
}

static void begin(struct sim_options options, bool defer)
{
	struct error err;
	sim_begin(&options);
	loop = net_loop_new(&err);
	dns = net_dns_new(loop, &(struct net_dns_options){ 0 }, &err);
	assert_true(loop && dns);
	at = (struct address){ .ip = { [10] = 0xff, 0xff, 10, 0, 0, 2 } };
	listener = net_listen(&at, defer, &err);
	assert_true(listener >= 0);
	assert_int_equal(net_local(listener, &at), 0);
}

static void end(unsigned open)
{
	net_close(listener);
	net_dns_free(dns);
	net_loop_free(loop);
	assert_int_equal(sim_end(), open);
}

static struct served *serve(struct sim_peer **ret_client)
{
	static struct served s;
	struct address peer, want;
	*ret_client = sim_connect("192.0.2.7:5000", &at);
	assert_non_null(*ret_client);
	s = (struct served){ .watch = { .ready = on_served, .fd = net_accept(listener, &peer) } };
	assert_true(s.watch.fd >= 0 && sim_is_accepted(*ret_client));
	assert_true(address_parse(SLICE("192.0.2.7:5000"), &want) && address_equal(&peer, &want));
	assert_int_equal(net_watch_add(loop, &s.watch), 0);
	return &s;
}

static void assert_heard(const struct sim_peer *p, const char *text)
{
	struct slice heard = sim_heard(p);
	assert_int_equal(heard.len, strlen(text));
	assert_memory_equal(heard.at, text, heard.len);
}

static void edges_are_told_once(void **state)
{
	(void)state;
	struct sim_peer *c;
	char got[16];
	begin((struct sim_options){ 0 }, false);
	struct served *s = serve(&c);
	sim_settle();
	assert_int_equal(s->what, NET_WRITABLE);
	sim_settle();
	assert_int_equal(s->count, 1);
	sim_say_text(c, "hello");
	sim_settle();
	assert_int_equal(s->count, 2);
	assert_true(s->what & NET_READABLE);
	assert_int_equal(net_peek(s->watch.fd, got, 2), 2);
	assert_int_equal(net_recv(s->watch.fd, got, 2), 2);
	sim_settle();
	assert_int_equal(s->count, 2); /* the rest is the reader's to remember */
	assert_int_equal(net_recv(s->watch.fd, got, 16), 3);
	assert_memory_equal(got, "llo", 3);
	assert_int_equal(net_recv(s->watch.fd, got, 16), -EAGAIN);
	sim_finish(c);
	sim_settle();
	assert_true(s->what & NET_HANGUP);
	assert_int_equal(net_recv(s->watch.fd, got, 16), 0);
	assert_int_equal(net_send(s->watch.fd, "bye", 3, false), 3);
	assert_int_equal(net_shut(s->watch.fd), 0);
	assert_heard(c, "bye");
	assert_true(sim_was_ended(c) && !sim_was_reset(c));
	assert_int_equal(net_send(s->watch.fd, "x", 1, false), -EPIPE);
	net_watch_close(loop, &s->watch);
	end(0);
}

static void a_paused_reader_holds_its_sender_up(void **state)
{
	(void)state;
	static char lump[3000];
	struct sim_peer *c;
	begin((struct sim_options){ .room = 1000 }, false);
	struct served *s = serve(&c);
	sim_pause(c, true);
	assert_int_equal(net_send(s->watch.fd, lump, 600, false), 600);
	sim_settle();
	s->count = 0;
	assert_int_equal(net_send(s->watch.fd, lump, 600, false), 400);
	assert_int_equal(net_send(s->watch.fd, lump, 600, false), -EAGAIN);
	sim_settle();
	assert_int_equal(s->count, 0);
	sim_pause(c, false);
	sim_settle();
	assert_int_equal(s->count, 1);
	assert_int_equal(sim_heard(c).len, 1000);
	sim_say(c, (struct slice){ (const uint8_t *)lump, 3000 });
	assert_int_equal(sim_unsent(c), 2000);
	assert_int_equal(net_recv(s->watch.fd, lump, 3000), 1000);
	assert_int_equal(sim_unsent(c), 1000);
	net_watch_close(loop, &s->watch); /* with bytes unread */
	assert_true(sim_was_reset(c));
	end(0);
}

static void resets_go_both_ways(void **state)
{
	(void)state;
	struct sim_peer *c;
	char got[16];
	begin((struct sim_options){ 0 }, false);
	struct served *s = serve(&c);
	sim_say_text(c, "last");
	sim_reset(c);
	sim_settle();
	assert_true(s->what & NET_FAILED);
	assert_int_equal(net_recv(s->watch.fd, got, 16), 4);
	assert_int_equal(net_recv(s->watch.fd, got, 16), -ECONNRESET);
	assert_int_equal(net_recv(s->watch.fd, got, 16), 0);
	assert_int_equal(net_send(s->watch.fd, "x", 1, false), -EPIPE);
	net_watch_close(loop, &s->watch);
	s = serve(&c);
	net_abort(s->watch.fd);
	net_watch_close(loop, &s->watch);
	assert_true(sim_was_reset(c) && !sim_was_ended(c));
	s = serve(&c);
	net_watch_close(loop, &s->watch);
	assert_true(sim_was_ended(c) && !sim_was_reset(c));
	sim_say_text(c, "to nobody");
	assert_true(sim_was_reset(c));
	end(0);
}

static void a_deferring_listener_waits_for_words(void **state)
{
	(void)state;
	struct address peer;
	begin((struct sim_options){ 0 }, true);
	struct sim_peer *silent = sim_connect("192.0.2.7:1", &at);
	struct sim_peer *speaks = sim_connect("192.0.2.7:2", &at);
	assert_int_equal(net_accept(listener, &peer), -EAGAIN);
	sim_say_text(speaks, "x");
	int fd = net_accept(listener, &peer);
	assert_int_equal(peer.port, 2);
	net_close(fd);
	sim_pass(1200 * NANOS_PER_MS);
	fd = net_accept(listener, &peer);
	assert_int_equal(peer.port, 1);
	net_close(fd);
	assert_true(sim_was_ended(silent));
	end(0);
}

static struct net_dialed dialled;
static nanos dialled_at;

static void on_dialled(void *context, const struct net_dialed *d)
{
	(void)context;
	dialled = *d;
	dialled_at = net_now(loop);
}

static void origins_do_as_they_are_told(void **state)
{
	(void)state;
	static const struct {
		enum sim_manner manner;
		enum net_dial_status status;
	} cases[] = { { SIM_ACCEPT, NET_DIAL_OK },
		      { SIM_REFUSE, NET_DIAL_REFUSED },
		      { SIM_SILENT, NET_DIAL_TIMEOUT },
		      { SIM_UNREACHABLE, NET_DIAL_UNREACHABLE },
		      { SIM_NO_ROUTE, NET_DIAL_TIMEOUT } /* IPv6's, which tells more */ };
	begin((struct sim_options){ 0 }, false);
	struct sim_origin *o = sim_serve("10.0.0.1:80", SIM_ACCEPT, 0);
	sim_serve("[2001:db8::1]:80", SIM_SILENT, 0);
	sim_name("www.test", NET_DNS_OK, 30 * NANOS_PER_MS, "10.0.0.1", "2001:db8::1");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct served s = { .watch = { .ready = on_served, .fd = -1 } };
		struct net_dial_options d = { .host = SLICE("www.test"),
					      .port = 80,
					      .timeout = 5 * NANOS_PER_SECOND,
					      .done = on_dialled,
					      .home = &s.watch };
		sim_behave(o, cases[i].manner, 10 * NANOS_PER_MS);
		nanos start = net_now(loop);
		assert_non_null(net_dial(loop, dns, &d));
		sim_pass(6 * NANOS_PER_SECOND);
		assert_int_equal(dialled.status, cases[i].status);
		assert_int_equal(sim_tries(o), i + 1);
		if (i > 0)
			continue;
		/* 30 ms for names, 250 ms for IPv6 to answer, 10 ms for IPv4 to do so */
		assert_in_range(dialled_at - start, 290 * NANOS_PER_MS, 295 * NANOS_PER_MS);
		struct sim_peer *p = sim_accepted(o);
		assert_non_null(p);
		assert_null(sim_accepted(o));
		assert_int_equal(net_send(s.watch.fd, "GET", 3, false), 3);
		assert_heard(p, "GET");
		net_watch_close(loop, &s.watch);
	}
	end(0);
}

/* Happy Eyeballs, to the millisecond (RFC 8305 sections 3 and 5). */
static void families_race_by_the_clock(void **state)
{
	(void)state;
	static const struct {
		nanos a, aaaa;          /* when each is answered, in ms */
		enum sim_manner v4, v6; /* connecting takes 10 ms */
		bool v6_wins;
		nanos at; /* in ms */
	} cases[] = {
		{ 5, 5, SIM_ACCEPT, SIM_ACCEPT, true, 15 },
		{ 5, 45, SIM_ACCEPT, SIM_ACCEPT, true, 55 },  /* within the grace */
		{ 5, 90, SIM_ACCEPT, SIM_ACCEPT, false, 65 }, /* after 50 ms of it */
		{ 90, 5, SIM_ACCEPT, SIM_ACCEPT, true, 15 },
		{ 5, 90, SIM_SILENT, SIM_ACCEPT, true, 315 }, /* 55, and 250 for A's */
		{ 5, 400, SIM_SILENT, SIM_ACCEPT, true, 410 },
		{ 5, 5, SIM_ACCEPT, SIM_SILENT, false, 265 },
		{ 5, 5, SIM_ACCEPT, SIM_REFUSE, false, 25 }, /* at once */
		{ 400, 5, SIM_ACCEPT, SIM_REFUSE, false, 410 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct served s = { .watch = { .ready = on_served, .fd = -1 } };
		struct net_dial_options d = { .host = SLICE("two.test"),
					      .port = 80,
					      .timeout = 5 * NANOS_PER_SECOND,
					      .done = on_dialled,
					      .home = &s.watch };
		begin((struct sim_options){ 0 }, false);
		sim_serve("10.0.0.1:80", cases[i].v4, 10 * NANOS_PER_MS);
		sim_serve("[2001:db8::1]:80", cases[i].v6, 10 * NANOS_PER_MS);
		sim_name_late("two.test", NET_V4, cases[i].a * NANOS_PER_MS, "10.0.0.1");
		sim_name_late("two.test", NET_V6, cases[i].aaaa * NANOS_PER_MS, "2001:db8::1");
		nanos start = net_now(loop);
		assert_non_null(net_dial(loop, dns, &d));
		sim_pass(2 * NANOS_PER_SECOND);
		assert_int_equal(dialled.status, NET_DIAL_OK);
		assert_int_equal(!address_is_v4(&dialled.peer), cases[i].v6_wins);
		nanos took = dialled_at - start - cases[i].at * NANOS_PER_MS;
		assert_true(took >= 0 && took <= 4 * NANOS_PER_MS); /* ticks of 1.05 ms */
		net_watch_close(loop, &s.watch);
		end(0);
	}
}

static void pipes_carry_or_do_not_exist(void **state)
{
	(void)state;
	struct sim_peer *c;
	struct net_pipe p;
	begin((struct sim_options){ .splice = true, .room = 8 }, false);
	struct served *s = serve(&c);
	assert_int_equal(net_pipe_open(&p, 1 << 20), 0);
	sim_say_text(c, "0123456789");
	assert_int_equal(net_splice_in(s->watch.fd, &p, 100), 8);
	assert_int_equal(net_splice_in(s->watch.fd, &p, 100), -EAGAIN);
	assert_int_equal(net_splice_out(&p, s->watch.fd, 5), 5);
	assert_int_equal(net_splice_in(s->watch.fd, &p, 100), 2);
	assert_int_equal(net_splice_out(&p, s->watch.fd, 100), 5);
	assert_int_equal(net_splice_out(&p, s->watch.fd, 100), -EAGAIN);
	assert_heard(c, "0123456789");
	net_pipe_close(&p);
	net_watch_close(loop, &s->watch);
	end(0);
	begin((struct sim_options){ .splice = false }, false);
	assert_int_equal(net_pipe_open(&p, 1 << 20), -ENOSYS);
	end(0);
}

static void calls_fail_when_told_to(void **state)
{
	(void)state;
	struct sim_peer *c;
	struct address peer;
	char got[4];
	begin((struct sim_options){ .descriptors = 2 }, false);
	struct served *s = serve(&c);
	sim_connect("192.0.2.8:1", &at);
	assert_int_equal(net_accept(listener, &peer), -EMFILE); /* no more than two */
	sim_say_text(c, "ab");
	sim_fail(SIM_RECV, 2, -EIO);
	assert_int_equal(net_recv(s->watch.fd, got, 1), 1);
	assert_false(sim_has_failed());
	assert_int_equal(net_recv(s->watch.fd, got, 1), -EIO);
	assert_true(sim_has_failed());
	assert_int_equal(net_recv(s->watch.fd, got, 1), 1);
	sim_fail_any(1);
	assert_int_equal(net_send(s->watch.fd, "x", 1, false), -ENOBUFS);
	sim_fail(SIM_ALLOC, 1, -ENOMEM);
	void *volatile memory = malloc(10);
	assert_null(memory);
	unsigned calls = sim_calls();
	memory = malloc(10);
	assert_non_null(memory);
	free(memory);
	assert_int_equal(sim_calls(), calls + 1);
	net_watch_close(loop, &s->watch);
	end(0);
}

/* With a seed everything comes in pieces, and all of it comes. */
static void on_echo(struct net_watch *w, unsigned what)
{
	struct served *s = (struct served *)w;
	char got[64];
	ssize_t n;
	(void)what;
	s->count++;
	while ((n = net_recv(w->fd, got, sizeof got)) > 0)
		for (ssize_t sent = 0, some; sent<n; sent += some> 0 ? some : 0)
			some = net_send(w->fd, got + sent, (size_t)(n - sent), false);
	if (n == 0)
		net_shut(w->fd);
}

static void a_seed_cuts_to_pieces(void **state)
{
	(void)state;
	char text[1001] = "";
	for (int i = 0; i < 1000; i++)
		text[i] = (char)('a' + i % 26);
	for (uint32_t seed = 1; seed < 50; seed++) {
		struct sim_peer *c;
		begin((struct sim_options){ .seed = seed }, false);
		struct served *s = serve(&c);
		s->watch.ready = on_echo;
		sim_say_text(c, text);
		sim_finish(c);
		sim_settle();
		assert_heard(c, text);
		assert_true(sim_was_ended(c));
		assert_true(s->count > 1);
		net_watch_close(loop, &s->watch);
		end(0);
	}
}

static void what_is_left_open_is_counted(void **state)
{
	(void)state;
	struct sim_peer *c;
	begin((struct sim_options){ 0 }, false);
	serve(&c);
	end(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_are_told_once),
		cmocka_unit_test(a_paused_reader_holds_its_sender_up),
		cmocka_unit_test(resets_go_both_ways),
		cmocka_unit_test(a_deferring_listener_waits_for_words),
		cmocka_unit_test(origins_do_as_they_are_told),
		cmocka_unit_test(families_race_by_the_clock),
		cmocka_unit_test(pipes_carry_or_do_not_exist),
		cmocka_unit_test(calls_fail_when_told_to),
		cmocka_unit_test(a_seed_cuts_to_pieces),
		cmocka_unit_test(what_is_left_open_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
