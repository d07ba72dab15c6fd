/* net: sockets, pipes and facts, over loopback. */
#include "net/loop.h"
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct address literal(const char *text)
{
	struct address a;
	assert_true(address_parse(slice_of(text), &a));
	return a;
}

static void await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	assert_int_equal(poll(&p, 1, 10000), 1);
}

static int listen_at(const char *host, struct address *ret_at)
{
	struct error err = { .code = 0 };
	struct address at = literal(host);
	int fd = net_listen(&at, false, &err);
	assert_true(fd >= 0);
	assert_int_equal(net_local(fd, ret_at), 0);
	assert_true(ret_at->port != 0);
	return fd;
}

struct link {
	int here, there;
};

/* Two ends of a connection over loopback. */
static struct link connection(const char *host)
{
	struct address at, peer, mine;
	struct link l;
	int listener = listen_at(host, &at);
	l.here = net_connect(&at, NULL);
	assert_true(l.here >= 0);
	await(l.here, POLLOUT);
	assert_int_equal(net_connect_result(l.here), 0);
	await(listener, POLLIN);
	l.there = net_accept(listener, &peer);
	assert_true(l.there >= 0);
	assert_int_equal(net_local(l.here, &mine), 0);
	assert_true(address_equal(&mine, &peer));
	assert_int_equal(net_accept(listener, &peer), -EAGAIN);
	net_close(listener);
	return l;
}

static void hang_up(struct link l)
{
	net_close(l.here);
	net_close(l.there);
}

static bool has(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof value;
	assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
	return value != 0;
}

static void sockets_are_as_promised(void **state)
{
	(void)state;
	const char *const hosts[] = { "127.0.0.1", "::1" };
	for (size_t i = 0; i < 2; i++) {
		struct link l = connection(hosts[i]);
		const int fds[] = { l.here, l.there };
		assert_true(has(l.there, IPPROTO_TCP, TCP_NODELAY));
		assert_int_equal(net_prompt(l.here), 0);
		for (size_t j = 0; j < 2; j++) {
			assert_true(has(fds[j], IPPROTO_TCP, TCP_NODELAY));
			assert_true(fcntl(fds[j], F_GETFL) & O_NONBLOCK);
			assert_true(fcntl(fds[j], F_GETFD) & FD_CLOEXEC);
		}
		hang_up(l);
	}
}

static void listening_says_what_is_wrong(void **state)
{
	(void)state;
	struct address at;
	struct error err = { .code = 0 };
	int fd = listen_at("127.0.0.1", &at);
	assert_int_equal(net_listen(&at, false, &err), -EADDRINUSE);
	char want[100];
	snprintf(want, sizeof want, "listen on 127.0.0.1:%u: address in use", at.port);
	assert_string_equal(err.text, want);
	struct address elsewhere = literal("[2001:db8::1]:1");
	assert_int_equal(net_listen(&elsewhere, false, &err), -EADDRNOTAVAIL);
	assert_int_equal(net_listen(&elsewhere, false, NULL), -EADDRNOTAVAIL);
	net_close(fd);
}

static void one_port_for_both_families(void **state)
{
	(void)state;
	struct error err = { .code = 0 };
	struct address four = literal("0.0.0.0"), six = literal("::");
	int a = net_listen(&four, true, &err);
	assert_true(a >= 0);
	assert_int_equal(net_local(a, &four), 0);
	six.port = four.port;
	int b = net_listen(&six, true, &err);
	assert_true(b >= 0); /* IPv6 alone */
	assert_true(has(b, IPPROTO_TCP, TCP_DEFER_ACCEPT));
	net_close(a);
	net_close(b);
}

static void refused_and_bound(void **state)
{
	(void)state;
	struct address at, from = literal("127.0.0.7"), peer;
	int listener = listen_at("127.0.0.1", &at);
	int fd = net_connect(&at, &from);
	assert_true(fd >= 0);
	await(listener, POLLIN);
	int there = net_accept(listener, &peer);
	assert_true(there >= 0 && address_same_host(&peer, &from));
	net_close(fd);
	net_close(there);
	net_close(listener);
	fd = net_connect(&at, NULL); /* nobody listens there now */
	if (fd >= 0) {
		await(fd, POLLOUT);
		assert_int_equal(net_connect_result(fd), -ECONNREFUSED);
		net_close(fd);
	} else {
		assert_int_equal(fd, -ECONNREFUSED);
	}
	struct address foreign = literal("192.0.2.1");
	assert_int_equal(net_connect(&at, &foreign), -EADDRNOTAVAIL);
}

/* Announced and kept to: neither side sends a larger segment, TCP's options counted in. */
static void small_segments(void **state)
{
	(void)state;
	struct address at, peer;
	struct net_facts near, far;
	int listener = listen_at("127.0.0.1", &at);
	int fd = net_connect_small(&at, 700);
	assert_true(fd >= 0);
	await(listener, POLLIN);
	int there = net_accept(listener, &peer);
	assert_true(there >= 0);
	assert_int_equal(net_connect_result(fd), 0);
	assert_int_equal(net_facts(fd, &near), 0);
	assert_int_equal(net_facts(there, &far), 0);
	assert_int_equal(near.mss_announced, 700);
	assert_int_equal(near.mss_out + near.options, 700);
	assert_int_equal(far.mss_out + far.options, 700);
	assert_true(far.mss_announced > 700);
	net_close(fd);
	net_close(there);
	net_close(listener);
	assert_int_equal(net_connect_small(&at, 1), -EINVAL);
}

static void bytes_and_their_end(void **state)
{
	(void)state;
	struct link l = connection("127.0.0.1");
	char got[64];
	assert_int_equal(net_recv(l.here, got, sizeof got), -EAGAIN);
	assert_int_equal(net_send(l.there, "one ", 4, true), 4);
	struct iovec parts[] = { { "two ", 4 }, { "three", 5 } };
	assert_int_equal(net_send_parts(l.there, parts, 2, false), 9);
	await(l.here, POLLIN);
	assert_int_equal(net_peek(l.here, got, sizeof got), 13);
	assert_int_equal(net_recv(l.here, got, sizeof got), 13);
	assert_memory_equal(got, "one two three", 13);
	assert_int_equal(net_shut(l.there), 0);
	await(l.here, POLLIN);
	assert_int_equal(net_recv(l.here, got, sizeof got), 0);
	assert_int_equal(net_send(l.here, "back", 4, false), 4); /* the other half goes on */
	await(l.there, POLLIN);
	assert_int_equal(net_recv(l.there, got, sizeof got), 4);
	hang_up(l);
}

static void a_reset_is_no_end(void **state)
{
	(void)state;
	struct link l = connection("127.0.0.1");
	struct iovec parts[] = { { "one", 3 }, { "two", 3 } };
	char got[4];
	net_abort(l.there);
	net_close(l.there);
	await(l.here, POLLIN);
	assert_int_equal(net_recv(l.here, got, sizeof got), -ECONNRESET);
	assert_int_equal(net_send(l.here, "x", 1, false), -EPIPE); /* and no signal */
	assert_int_equal(net_send_parts(l.here, parts, 2, false), -EPIPE);
	net_close(l.here);
}

static void the_kernel_carries_bytes(void **state)
{
	(void)state;
	struct net_loop *loop = net_loop_new(NULL); /* has SIGPIPE ignored */
	struct link in = connection("127.0.0.1"), out = connection("::1");
	struct net_pipe p;
	char got[16];
	assert_int_equal(net_pipe_open(&p, 1 << 20), 0);
	assert_true(fcntl(p.read, F_GETPIPE_SZ) >= 65536);
	assert_int_equal(net_splice_in(in.there, &p, 4096), -EAGAIN);
	assert_int_equal(net_send(in.here, "carried", 7, false), 7);
	await(in.there, POLLIN);
	assert_int_equal(net_splice_in(in.there, &p, 4), 4);
	assert_int_equal(net_splice_in(in.there, &p, 4096), 3);
	assert_int_equal(net_splice_out(&p, out.here, 4096), 7);
	assert_int_equal(net_splice_out(&p, out.here, 4096), -EAGAIN);
	await(out.there, POLLIN);
	assert_int_equal(net_recv(out.there, got, sizeof got), 7);
	assert_memory_equal(got, "carried", 7);
	net_shut(in.here);
	await(in.there, POLLIN);
	/* The FIN may trail the readable edge that the data made; it ends with 0. */
	assert_int_equal(net_splice_in(in.there, &p, 4096), 0);

	assert_int_equal(net_send(in.there, "lost", 4, false), 4);
	await(in.here, POLLIN);
	assert_int_equal(net_splice_in(in.here, &p, 4096), 4);
	net_abort(out.there);
	net_close(out.there);
	await(out.here, POLLIN);
	assert_int_equal(net_recv(out.here, got, 1), -ECONNRESET);
	assert_int_equal(net_splice_out(&p, out.here, 4096), -EPIPE);
	net_close(out.here);
	hang_up(in);
	net_pipe_close(&p);
	assert_int_equal(p.read, -1);
	net_loop_free(loop);
}

static void facts_are_the_kernels(void **state)
{
	(void)state;
	struct link l = connection("127.0.0.1");
	char got[100] = "";
	struct net_facts f;
	assert_int_equal(net_facts(l.here, &f), 0);
	assert_int_equal(f.state, TCP_ESTABLISHED);
	assert_true(f.rtt > 0 && f.rtt < NANOS_PER_SECOND);
	assert_true(f.bytes_received == 0 && f.retrans == 0 && f.path_mtu >= 1280 &&
		    f.mss_out > 500);
	assert_int_equal(net_send(l.there, got, sizeof got, false), sizeof got);
	await(l.here, POLLIN);
	assert_int_equal(net_recv(l.here, got, sizeof got), sizeof got);
	assert_int_equal(net_facts(l.here, &f), 0);
	assert_int_equal(f.bytes_received, 100);
	assert_int_equal(net_facts(l.there, &f), 0);
	assert_int_equal(f.bytes_sent, 100);
	hang_up(l);
	assert_int_equal(net_facts(l.here, &f), -EBADF);
}

/* How much goes into a connection that nobody reads. */
static size_t fill(struct link l)
{
	static char lump[65536];
	size_t sum = 0;
	ssize_t sent;
	for (int quiet = 0; quiet < 20;) {
		sent = net_send(l.here, lump, sizeof lump, false);
		struct pollfd none = { .fd = l.here, .events = POLLOUT };
		if (sent > 0)
			sum += (size_t)sent, quiet = 0;
		else if (poll(&none, 1, 10) == 0)
			quiet++;
	}
	return sum;
}

static void buffers_are_bounded(void **state)
{
	(void)state;
	struct link l = connection("127.0.0.1");
	assert_int_equal(net_limit_buffers(l.there, 65536, 0), 0);
	assert_int_equal(net_limit_buffers(l.here, 0, 65536), 0);
	size_t bounded = fill(l);
	assert_in_range(bounded, 65536, 512 * 1024);
	hang_up(l);
}

static void out_of_descriptors(void **state)
{
	(void)state;
	struct address at, peer;
	struct error err = { .code = 0 };
	int listener = listen_at("127.0.0.1", &at);
	struct rlimit old, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	int first = net_connect(&at, NULL);
	await(listener, POLLIN);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct net_pipe p;
	assert_int_equal(net_connect(&at, NULL), -EMFILE);
	assert_int_equal(net_accept(listener, &peer), -EMFILE);
	assert_int_equal(net_pipe_open(&p, 4096), -EMFILE);
	assert_int_equal(net_listen(&at, false, &err), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	int there = net_accept(listener, &peer); /* it had waited */
	assert_true(there >= 0);
	net_close(there);
	net_close(first);
	net_close(listener);
}

static void errors_have_names(void **state)
{
	(void)state;
	assert_string_equal(net_error_name(-ECONNREFUSED), "connection refused");
	assert_string_equal(net_error_name(-EHOSTUNREACH), "host unreachable");
	assert_string_equal(net_error_name(-ENOTTY), "Inappropriate ioctl for device");
	assert_string_equal(net_error_name(-99999), "unknown error");
	assert_string_equal(net_error_name(0), "no error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_as_promised),
		cmocka_unit_test(listening_says_what_is_wrong),
		cmocka_unit_test(one_port_for_both_families),
		cmocka_unit_test(refused_and_bound),
		cmocka_unit_test(small_segments),
		cmocka_unit_test(bytes_and_their_end),
		cmocka_unit_test(a_reset_is_no_end),
		cmocka_unit_test(the_kernel_carries_bytes),
		cmocka_unit_test(facts_are_the_kernels),
		cmocka_unit_test(buffers_are_bounded),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(errors_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
