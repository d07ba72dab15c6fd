/* net: dialling, over loopback and a name server that says what it is told to. Addresses that never
 * answer are listeners whose queue is full: Linux drops the SYN. */
#include <fcntl.h>

#include "net_world.h"

#include "net/dial.h"

#include <errno.h>
#include <sys/resource.h>

enum { LISTENERS = 6 };

static struct net_dns *dns;
static int listener[LISTENERS];
static int filler[8 * LISTENERS];
static unsigned listeners, fillers;
static uint16_t port;

static int begin(void **state)
{
	(void)state;
	struct error err;
	guard = (struct net_timer){ .prev = NULL };
	loop = net_loop_new(&err);
	listeners = fillers = port = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	net_dns_free(dns);
	dns = NULL;
	while (listeners)
		close(listener[--listeners]);
	while (fillers)
		close(filler[--fillers]);
	serve_no_more();
	net_loop_free(loop);
	return 0;
}

static void serve(struct zone *zones, size_t count)
{
	struct error err;
	serve_names(zones, count);
	struct net_dns_options o = {
		.server = &server.at, .servers = 1, .hosts = "/dev/null", .resolv_conf = "/dev/null"
	};
	dns = net_dns_new(loop, &o, &err);
	assert_non_null(dns);
}

/* Listens at an address; at the same port as the one before. */
static int listen_at(const char *host)
{
	struct error err = { .code = 0 };
	struct address at = literal(host);
	at.port = port;
	int fd = net_listen(&at, false, &err);
	assert_true(fd >= 0);
	assert_int_equal(net_local(fd, &at), 0);
	port = at.port;
	listener[listeners++] = fd;
	return fd;
}

static void black_hole(const char *host)
{
	int fd = listen_at(host);
	struct address at;
	assert_int_equal(net_local(fd, &at), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < 3; i++)
		filler[fillers++] = net_connect(&at, NULL);
	/* The first has a place; it has to have taken it before the test goes on. */
	struct net_facts f;
	do
		assert_int_equal(net_facts(filler[fillers - 3], &f), 0);
	while (f.state != 1);
}

struct dialler {
	struct net_dialed got;
	struct net_watch home;
	unsigned told, heard;
	struct net_dial *dial;
	const char *forbidden;
	unsigned asked; /* whether it is allowed */
};

static void on_done(void *context, const struct net_dialed *got)
{
	struct dialler *x = context;
	x->told++;
	x->got = *got;
	x->dial = NULL;
	net_loop_stop(loop);
}

static void on_home(struct net_watch *w, unsigned what)
{
	struct dialler *x = (struct dialler *)((char *)w - offsetof(struct dialler, home));
	x->heard |= what;
}

static bool allow(void *context, const struct address *a)
{
	struct dialler *x = context;
	struct address no = literal(x->forbidden);
	x->asked++;
	assert_int_equal(a->port, 0);
	return !address_same_host(a, &no);
}

static struct net_dial_options options(struct dialler *x, const char *host)
{
	x->home.ready = on_home;
	x->home.fd = -1;
	return (struct net_dial_options){ .host = slice_of(host),
					  .port = port,
					  .timeout = 5 * NANOS_PER_SECOND,
					  .allow = x->forbidden ? allow : NULL,
					  .done = on_done,
					  .context = x,
					  .home = &x->home };
}

static void dial_with(struct dialler *x, const struct net_dial_options *o)
{
	x->dial = net_dial(loop, dns, o);
	assert_non_null(x->dial);
	assert_int_equal(x->told, 0);
	run();
	assert_int_equal(x->told, 1);
	assert_true((x->got.status == NET_DIAL_OK) == (x->home.fd >= 0));
}

static struct dialler dial(const char *host)
{
	struct dialler x = { .told = 0 };
	struct net_dial_options o = options(&x, host);
	dial_with(&x, &o);
	net_watch_stop(loop, &x.home); /* x moves */
	return x;
}

/* The connection is to that address, and works. */
static void assert_connected(struct dialler *x, const char *host)
{
	struct address want = literal(host);
	want.port = port;
	assert_int_equal(x->got.status, NET_DIAL_OK);
	assert_true(address_equal(&x->got.peer, &want));
	assert_true(x->got.ready & NET_WRITABLE);
	assert_int_equal(net_connect_result(x->home.fd), 0);
	assert_int_equal(net_send(x->home.fd, "x", 1, false), 1);
	net_watch_close(loop, &x->home);
}

static void assert_failed(const struct dialler *x, enum net_dial_status status, int code)
{
	assert_int_equal(x->got.status, status);
	assert_int_equal(x->got.code, code);
	assert_true(x->got.connected_at == NO_TIME);
}

/* ---- one address -------------------------------------------------------------------------- */

static void a_literal_needs_no_resolver(void **state)
{
	(void)state;
	serve(NULL, 0);
	listen_at("127.0.0.1");
	listen_at("::1");
	struct dialler x = dial("127.0.0.1");
	assert_true(x.got.resolved_at == NO_TIME && x.got.connected_at != NO_TIME);
	assert_int_equal(x.got.tried, 1);
	assert_connected(&x, "127.0.0.1");
	x = dial("::1");
	assert_connected(&x, "::1");
	assert_int_equal(net_dns_counts(dns).asked, 0);
}

static void the_socket_is_homes_from_then_on(void **state)
{
	(void)state;
	serve(NULL, 0);
	int fd = listen_at("127.0.0.1");
	struct dialler x = { .told = 0 };
	struct net_dial_options o = options(&x, "127.0.0.1");
	dial_with(&x, &o);
	assert_int_equal(x.heard, 0);
	struct address peer;
	int there = net_accept(fd, &peer);
	assert_int_equal(net_send(there, "220 hello", 9, false), 9);
	run_for(5 * NANOS_PER_MS);
	assert_true(x.heard & NET_READABLE);
	net_watch_close(loop, &x.home);
	close(there);
}

/* Ends a connection in good order, our side first, and lets the loop hear of it. */
static void end_well(struct dialler *x, int there)
{
	char byte;
	assert_int_equal(net_shut(x->home.fd), 0);
	assert_int_equal(recv(there, &byte, 1, 0), 0);
	close(there);
	x->heard = 0;
	while (!(x->heard & NET_HANGUP))
		run_for(NANOS_PER_MS);
	assert_int_equal(net_recv(x->home.fd, &byte, 1), 0);
}

static void speak(struct dialler *x, int there)
{
	char byte = 0;
	assert_int_equal(send(there, "x", 1, 0), 1);
	while (!(x->heard & NET_READABLE))
		run_for(NANOS_PER_MS);
	assert_int_equal(net_recv(x->home.fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(net_send(x->home.fd, "y", 1, false), 1);
	assert_int_equal(recv(there, &byte, 1, 0), 1);
	assert_int_equal(byte, 'y');
}

/* Nothing but the number shows that it is the same socket. */
static void a_retired_socket_connects_again(void **state)
{
	(void)state;
	int here = listen_at("127.0.0.1"), first = -1;
	for (int i = 0; i < 3; i++) {
		struct dialler x = { .told = 0 };
		struct net_dial_options o = options(&x, "127.0.0.1");
		dial_with(&x, &o);
		assert_int_equal(x.got.status, NET_DIAL_OK);
		first = i == 0 ? x.home.fd : first;
		assert_int_equal(x.home.fd, first);
		int there = accept(here, NULL, NULL);
		speak(&x, there);
		end_well(&x, there);
		net_watch_retire(loop, &x.home);
		assert_int_equal(x.home.fd, -1);
		run_for(NANOS_PER_MS);
	}
}

/* What was sent may still have to be sent again: such a one is closed. */
static void what_is_not_over_is_closed(void **state)
{
	(void)state;
	int here = listen_at("127.0.0.1");
	struct dialler x = { .told = 0 };
	struct net_dial_options o = options(&x, "127.0.0.1");
	char byte;
	dial_with(&x, &o);
	int there = accept(here, NULL, NULL), fd = x.home.fd;
	net_watch_retire(loop, &x.home);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(recv(there, &byte, 1, 0), 0); /* a FIN, no RST */
	close(there);
}

/* The end of a connection is told late; whoever dials meanwhile must not take it for an answer. */
static void a_late_end_is_no_answer(void **state)
{
	(void)state;
	int here = listen_at("127.0.0.1"), number;
	struct dialler x = { .told = 0 }, y = { .told = 0 };
	struct net_dial_options o = options(&x, "127.0.0.1");
	dial_with(&x, &o);
	end_well(&x, accept(here, NULL, NULL));
	number = x.home.fd;
	net_watch_retire(loop, &x.home);
	black_hole("127.0.0.2");
	struct net_dial_options silent = options(&y, "127.0.0.2");
	silent.timeout = NANOS_PER_SECOND / 4;
	dial_with(&y, &silent);
	assert_int_equal(y.got.status, NET_DIAL_TIMEOUT);
	assert_int_equal(fcntl(number, F_GETFD), FD_CLOEXEC); /* it was kept, and not taken yet */
}

static void refused(void **state)
{
	(void)state;
	serve(NULL, 0);
	close(listen_at("127.0.0.1"));
	listeners--;
	struct dialler x = dial("127.0.0.1");
	assert_failed(&x, NET_DIAL_REFUSED, -ECONNREFUSED);
	assert_int_equal(x.got.peer.port, port);
}

static void no_route(void **state)
{
	(void)state;
	serve(NULL, 0);
	port = 80;
	struct dialler x = dial("224.0.0.1");
	assert_failed(&x, NET_DIAL_UNREACHABLE, -ENETUNREACH);
	x = dial("ff02::1");
	assert_failed(&x, NET_DIAL_UNREACHABLE, -ENETUNREACH);
}

static void nobody_answers(void **state)
{
	(void)state;
	serve(NULL, 0);
	black_hole("127.0.0.1");
	struct dialler x = { .told = 0 };
	struct net_dial_options o = options(&x, "127.0.0.1");
	o.timeout = 100 * NANOS_PER_MS;
	nanos start = net_now(loop);
	dial_with(&x, &o);
	assert_failed(&x, NET_DIAL_TIMEOUT, -ETIMEDOUT);
	assert_true(net_now(loop) - start >= o.timeout);
}

static void bound_to_an_address(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "both.test", NET_V6, .ttl = 60, .address = { "::1" } },
		{ "both.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
	};
	serve(zones, 2);
	int fd = listen_at("127.0.0.1");
	struct dialler x = { .told = 0 };
	struct net_dial_options o = options(&x, "both.test.");
	struct address from = literal("127.0.0.9"), peer;
	o.from = &from;
	dial_with(&x, &o);
	assert_connected(&x, "127.0.0.1");
	int there = net_accept(fd, &peer);
	assert_true(address_same_host(&peer, &from));
	close(there);
	assert_int_equal(zones[0].asked, 0);
}

/* ---- names -------------------------------------------------------------------------------- */

static void names_that_do_not_resolve(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "bare.test", NET_V6, .soa = 60 },
		{ "bare.test", NET_V4, .soa = 60 },
		{ "fails.test", NET_V6, .soa = 60 },
		{ "fails.test", NET_V4, .rcode = RCODE_SERVFAIL },
		{ "silent.test", NET_V6, .silent = true },
		{ "silent.test", NET_V4, .silent = true },
	};
	static const struct {
		const char *name;
		enum net_dns_status status;
	} cases[] = {
		{ "none.test.", NET_DNS_NO_NAME },      { "bare.test", NET_DNS_NO_ADDRESS },
		{ "fails.test", NET_DNS_REFUSED },      { "silent.test", NET_DNS_TIMEOUT },
		{ "127.0.0.1.", NET_DNS_BAD_NAME },     { "bad name.test", NET_DNS_BAD_NAME },
		{ "nothing.invalid", NET_DNS_NO_NAME },
	};
	serve(zones, 6);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dialler x = { .told = 0 };
		struct net_dial_options o = options(&x, cases[i].name);
		if (cases[i].status == NET_DNS_TIMEOUT)
			o.timeout = 200 * NANOS_PER_MS;
		dial_with(&x, &o);
		assert_failed(&x, NET_DIAL_UNRESOLVED, 0);
		assert_string_equal(net_dns_status_name(x.got.dns),
				    net_dns_status_name(cases[i].status));
		assert_int_equal(x.got.tried, 0);
	}
}

static void ipv6_is_tried_first(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "both.test", NET_V6, .ttl = 60, .address = { "::1" } },
		{ "both.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
	};
	serve(zones, 2);
	listen_at("127.0.0.1");
	listen_at("::1");
	for (int i = 0; i < 2; i++) { /* asked, then kept */
		struct dialler x = dial("both.test");
		assert_true(x.got.resolved_at != NO_TIME);
		assert_int_equal(x.got.tried, 1);
		assert_connected(&x, "::1");
	}
	assert_int_equal(server.asked, 2);
}

static void ipv4_follows_when_ipv6_is_refused(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "both.test", NET_V6, .ttl = 60, .address = { "::1", "ff02::1" } },
		{ "both.test", NET_V4, .ttl = 60, .address = { "127.0.0.2", "127.0.0.1" } },
	};
	serve(zones, 2);
	listen_at("127.0.0.1");
	struct dialler x = dial("both.test");
	assert_int_equal(x.got.tried, 4); /* in turn */
	assert_connected(&x, "127.0.0.1");
	close(listener[--listeners]);
	x = dial("both.test");
	assert_failed(&x, NET_DIAL_REFUSED, -ECONNREFUSED); /* which tells more than no route */
	assert_int_equal(x.got.tried, 4);
}

static void ipv4_races_an_ipv6_that_is_silent(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "both.test", NET_V6, .ttl = 60, .address = { "::1" } },
		{ "both.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
	};
	serve(zones, 2);
	listen_at("127.0.0.1");
	black_hole("::1");
	nanos start = net_now(loop);
	struct dialler x = dial("both.test");
	assert_int_equal(x.got.tried, 2);
	assert_connected(&x, "127.0.0.1");
	assert_true(x.got.connected_at - start >= 250 * NANOS_PER_MS);
}

static void one_family_may_be_late_or_silent(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "late.test", NET_V6, .silent = true },
		{ "late.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
		{ "four.test", NET_V6, .delay = 10 * NANOS_PER_MS, .soa = 60 },
		{ "four.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
		{ "six.test", NET_V6, .ttl = 60, .address = { "::1" } },
		{ "six.test", NET_V4, .silent = true },
	};
	serve(zones, 6);
	listen_at("127.0.0.1");
	listen_at("::1");
	struct dialler x = dial("late.test");
	assert_connected(&x, "127.0.0.1");
	assert_true(x.got.connected_at - x.got.resolved_at >= 50 * NANOS_PER_MS);
	x = dial("four.test");
	assert_connected(&x, "127.0.0.1");
	x = dial("six.test");
	assert_connected(&x, "::1");
}

static void four_at_once_and_no_more(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "six.test", NET_V6, .soa = 60 },
		{ "six.test", NET_V4, .ttl = 60,
		  .address = { "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5",
			       "127.0.0.6" } },
	};
	serve(zones, 2);
	for (int i = 1; i <= 5; i++) {
		char host[20];
		snprintf(host, sizeof host, "127.0.0.%d", i);
		black_hole(host);
	}
	listen_at("127.0.0.6");
	struct dialler x = dial("six.test");
	assert_int_equal(x.got.tried, 6);
	assert_connected(&x, "127.0.0.6");
}

/* ---- what is allowed ---------------------------------------------------------------------- */

static void forbidden_addresses_are_not_tried(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "both.test", NET_V6, .ttl = 60, .address = { "::1" } },
		{ "both.test", NET_V4, .ttl = 60, .address = { "127.0.0.2", "127.0.0.1" } },
		{ "one.test", NET_V6, .soa = 60 },
		{ "one.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
	};
	serve(zones, 4);
	listen_at("127.0.0.1");
	listen_at("127.0.0.2");
	struct dialler x = { .forbidden = "::1" };
	struct net_dial_options o = options(&x, "both.test");
	dial_with(&x, &o);
	assert_int_equal(x.asked, 3);
	assert_int_equal(x.got.tried, 1);
	assert_connected(&x, "127.0.0.2");
	static const char *const hosts[] = { "one.test", "127.0.0.1" };
	for (int i = 0; i < 2; i++) {
		x = (struct dialler){ .forbidden = "127.0.0.1" };
		o = options(&x, hosts[i]);
		dial_with(&x, &o);
		assert_failed(&x, NET_DIAL_FORBIDDEN, 0);
		assert_int_equal(x.got.tried, 0);
		struct address peer = literal("127.0.0.1");
		assert_true(address_same_host(&x.got.peer, &peer));
		assert_int_equal(x.got.peer.port, port);
	}
}

/* ---- stopping, and running out ------------------------------------------------------------ */

static void a_stopped_dial_says_nothing(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "slow.test", NET_V6, .ttl = 60, .delay = 5 * NANOS_PER_MS, .address = { "::1" } },
		{ "slow.test", NET_V4, .silent = true },
	};
	serve(zones, 2);
	listen_at("127.0.0.1");
	black_hole("::1");
	static const char *const hosts[] = { "slow.test", "127.0.0.1", "::1", "ff02::1",
					     "x.invalid" };
	for (size_t i = 0; i < 5; i++) {
		for (int wait = 0; wait < 2; wait++) {
			struct dialler x = { .told = 0 };
			struct net_dial_options o = options(&x, hosts[i]);
			x.dial = net_dial(loop, dns, &o);
			if (wait && i != 1 && i < 3)
				run_for(10 * NANOS_PER_MS);
			assert_int_equal(x.told, 0);
			net_dial_stop(x.dial);
			run_for(10 * NANOS_PER_MS);
			assert_int_equal(x.told, 0);
			assert_int_equal(x.home.fd, -1);
		}
	}
	net_dial_stop(NULL);
}

static void no_descriptor_is_left(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "both.test", NET_V6, .ttl = 60, .address = { "::1" } },
		{ "both.test", NET_V4, .ttl = 60, .address = { "127.0.0.1" } },
	};
	serve(zones, 2);
	listen_at("127.0.0.1");
	struct dialler x = dial("both.test"); /* what it resolves to is kept */
	assert_connected(&x, "127.0.0.1");
	struct rlimit old, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct dialler y = { .told = 0 };
	struct net_dial_options o = options(&y, "both.test");
	y.dial = net_dial(loop, dns, &o);
	run();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_failed(&y, NET_DIAL_SHORT, -EMFILE);
	assert_int_equal(y.got.tried, 1);
	x = dial("both.test");
	assert_connected(&x, "127.0.0.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_literal_needs_no_resolver, begin, end),
		cmocka_unit_test_setup_teardown(the_socket_is_homes_from_then_on, begin, end),
		cmocka_unit_test_setup_teardown(a_retired_socket_connects_again, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_over_is_closed, begin, end),
		cmocka_unit_test_setup_teardown(a_late_end_is_no_answer, begin, end),
		cmocka_unit_test_setup_teardown(refused, begin, end),
		cmocka_unit_test_setup_teardown(no_route, begin, end),
		cmocka_unit_test_setup_teardown(nobody_answers, begin, end),
		cmocka_unit_test_setup_teardown(bound_to_an_address, begin, end),
		cmocka_unit_test_setup_teardown(names_that_do_not_resolve, begin, end),
		cmocka_unit_test_setup_teardown(ipv6_is_tried_first, begin, end),
		cmocka_unit_test_setup_teardown(ipv4_follows_when_ipv6_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(ipv4_races_an_ipv6_that_is_silent, begin, end),
		cmocka_unit_test_setup_teardown(one_family_may_be_late_or_silent, begin, end),
		cmocka_unit_test_setup_teardown(four_at_once_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(forbidden_addresses_are_not_tried, begin, end),
		cmocka_unit_test_setup_teardown(a_stopped_dial_says_nothing, begin, end),
		cmocka_unit_test_setup_teardown(no_descriptor_is_left, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
