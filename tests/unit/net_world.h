/* What the tests of net share: a loop with a guard, and a name server in it that says what it is told
 * to, over UDP and TCP on a port of the kernel's choice. */
#ifndef NET_WORLD_H
#define NET_WORLD_H

#include "net/dns.h"
#include "net/loop.h"
#include "net/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct net_loop *loop;
static struct net_timer guard;

static void too_late(struct net_timer *t)
{
	(void)t;
	fail_msg("nothing came of it in 30 s");
}

static inline void run(void)
{
	guard.fire = too_late;
	net_timer_set(loop, &guard, net_now(loop) + 30 * NANOS_PER_SECOND);
	net_loop_run(loop);
	net_timer_stop(loop, &guard);
}

static void wake_up(struct net_timer *t)
{
	(void)t;
	net_loop_stop(loop);
}

/* Lets the loop run for a while: for what must not happen, and for clocks to move. */
static inline void run_for(nanos span)
{
	struct net_timer t = { .fire = wake_up };
	net_timer_set_fine(loop, &t, net_now(loop) + span);
	run();
}

static inline struct address literal(const char *text)
{
	struct address a;
	assert_true(address_parse(slice_of(text), &a));
	return a;
}

/* ---- the name server ---------------------------------------------------------------------- */

enum { RCODE_OK = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

struct zone { /* what is said about a name and a family; the first that fits */
	const char *name;
	enum net_family family;
	int rcode;
	unsigned ttl, soa;    /* seconds; soa 0: no SOA */
	const char *alias;    /* a CNAME before the addresses */
	const char *address[20];
	bool silent;          /* nothing is said */
	bool truncated;       /* over UDP, TC and nothing else */
	bool garbage;         /* an answer that ends too soon */
	nanos delay;
	unsigned asked, asked_tcp; /* how often: what tests look at */
};

struct late { /* an answer that is sent later */
	struct net_timer timer;
	struct sockaddr_in6 to;
	socklen_t to_len;
	size_t len;
	uint8_t bytes[1500];
};

struct name_server {
	struct net_watch udp, tcp;
	struct address at;
	struct zone *zone;
	size_t zones;
	unsigned asked;
	uint8_t out[4096];
	size_t len;
};

static struct name_server server;

static void put(const void *bytes, size_t len)
{
	memcpy(server.out + server.len, bytes, len);
	server.len += len;
}

static void put_number(uint32_t value, unsigned bytes)
{
	while (bytes--)
		server.out[server.len++] = (uint8_t)(value >> 8 * bytes);
}

static void put_name(const char *name)
{
	for (const char *dot; *name; name = *dot ? dot + 1 : dot) {
		dot = strchrnul(name, '.');
		put_number((uint32_t)(dot - name), 1);
		put(name, (size_t)(dot - name));
	}
	put_number(0, 1);
}

static void put_record(const char *owner, unsigned type, unsigned ttl, const void *data, size_t len)
{
	if (owner)
		put_name(owner);
	else
		put_number(0xc00c, 2); /* the question's */
	put_number(type, 2);
	put_number(1, 2);
	put_number(ttl, 4);
	put_number((uint32_t)len, 2);
	put(data, len);
}

static struct zone *find_zone(const char *name, unsigned type)
{
	for (size_t i = 0; i < server.zones; i++) {
		struct zone *z = &server.zone[i];
		if (strcmp(z->name, name) == 0 && (z->family == NET_V6 ? 28u : 1u) == type)
			return z;
	}
	return NULL;
}

/* "\3www\7example\3com\0" as "www.example.com"; where it ends. */
static size_t get_name(const uint8_t *q, size_t at, char *name)
{
	size_t len = 0;
	while (q[at]) {
		memcpy(name + len, q + at + 1, q[at]);
		len += q[at];
		name[len++] = '.';
		at += q[at] + 1u;
	}
	name[len ? len - 1 : 0] = 0;
	return at + 1;
}

static unsigned put_answers(const struct zone *z)
{
	unsigned count = 0;
	if (z->alias) {
		uint8_t name[256];
		size_t start = server.len;
		put_name(z->alias);
		size_t len = server.len - start;
		memcpy(name, server.out + start, len);
		server.len = start;
		put_record(NULL, 5, z->ttl, name, len);
		count++;
	}
	for (size_t i = 0; z->address[i]; i++, count++) {
		struct address a = literal(z->address[i]);
		put_record(z->alias, z->family == NET_V6 ? 28 : 1, z->ttl,
			   z->family == NET_V6 ? a.ip : a.ip + 12, z->family == NET_V6 ? 16 : 4);
	}
	return count;
}

/* Writes the answer to server.out; the zone, or NULL for nothing to be said. */
static struct zone *answer(const uint8_t *q, size_t len, bool tcp)
{
	static struct zone unknown = { .rcode = RCODE_NXDOMAIN };
	char name[300];
	size_t end = get_name(q, 12, name);
	struct zone *z = find_zone(name, (unsigned)(q[end] << 8 | q[end + 1]));
	assert_true(end + 4 <= len);
	server.asked++;
	if (!z)
		z = &unknown;
	z->asked++;
	z->asked_tcp += tcp;
	if (z->silent)
		return NULL;
	bool cut = z->truncated && !tcp;
	server.len = 0;
	put(q, 2);
	put_number(0x8180u | (cut ? 0x200u : 0) | (unsigned)z->rcode, 2);
	put_number(1, 2);
	put_number(0, 2);
	put_number(0, 4);
	put(q + 12, end + 4 - 12);
	if (cut)
		return z;
	unsigned count = put_answers(z);
	server.out[7] = (uint8_t)count;
	if (z->soa) {
		uint8_t soa[22] = { 0 };
		soa[20] = (uint8_t)(z->soa >> 8);
		soa[21] = (uint8_t)z->soa;
		put_record(NULL, 6, 86400, soa, sizeof soa);
		server.out[9] = 1;
	}
	if (z->garbage)
		server.len -= 3;
	return z;
}

static void send_late(struct net_timer *t)
{
	struct late *l = (struct late *)t;
	sendto(server.udp.fd, l->bytes, l->len, 0, (struct sockaddr *)&l->to, l->to_len);
	free(l);
}

static void on_udp(struct net_watch *w, unsigned what)
{
	(void)what;
	for (;;) {
		uint8_t q[600];
		struct sockaddr_in6 from;
		socklen_t from_len = sizeof from;
		ssize_t got = recvfrom(w->fd, q, sizeof q, MSG_DONTWAIT, (struct sockaddr *)&from,
				       &from_len);
		if (got < 12)
			return;
		struct zone *z = answer(q, (size_t)got, false);
		if (!z)
			continue;
		struct late *l = calloc(1, sizeof *l);
		*l = (struct late){ .timer.fire = send_late, .to = from, .to_len = from_len,
				    .len = server.len };
		memcpy(l->bytes, server.out, server.len);
		if (z->delay)
			net_timer_set_fine(loop, &l->timer, net_now(loop) + z->delay);
		else
			send_late(&l->timer);
	}
}

struct conversation { /* by TCP: one question */
	struct net_watch watch;
	struct net_timer timer;
	size_t len;
	uint8_t bytes[2048];
};

static void send_rest(struct net_timer *t)
{
	struct conversation *c = (struct conversation *)((char *)t - offsetof(struct conversation, timer));
	assert_int_equal(send(c->watch.fd, c->bytes + 1, c->len - 1, MSG_NOSIGNAL), c->len - 1);
	net_watch_close(loop, &c->watch);
	free(c);
}

static void on_conversation(struct net_watch *w, unsigned what)
{
	struct conversation *c = (struct conversation *)w;
	(void)what;
	ssize_t got = net_recv(w->fd, c->bytes + c->len, 600 - c->len);
	if (got <= 0)
		return;
	c->len += (size_t)got;
	if (c->len < 2 || c->len < 2u + (size_t)(c->bytes[0] << 8 | c->bytes[1]))
		return;
	if (!answer(c->bytes + 2, c->len - 2, true))
		return;
	c->len = server.len + 2;
	c->bytes[0] = (uint8_t)(server.len >> 8);
	c->bytes[1] = (uint8_t)server.len;
	memcpy(c->bytes + 2, server.out, server.len);
	assert_int_equal(send(w->fd, c->bytes, 1, MSG_NOSIGNAL), 1); /* not all at once */
	net_timer_set_fine(loop, &c->timer, net_now(loop) + 5 * NANOS_PER_MS);
}

static void on_tcp(struct net_watch *w, unsigned what)
{
	struct address peer;
	(void)what;
	struct conversation *c = calloc(1, sizeof *c);
	assert_non_null(c);
	c->watch = (struct net_watch){ .ready = on_conversation, .fd = net_accept(w->fd, &peer) };
	c->timer.fire = send_rest;
	assert_true(c->watch.fd >= 0);
	assert_int_equal(net_watch_add(loop, &c->watch), 0);
}

static inline void serve_names(struct zone *zone, size_t zones)
{
	struct error err = { .code = 0 };
	server = (struct name_server){ .zone = zone, .zones = zones,
				       .udp.ready = on_udp, .tcp.ready = on_tcp };
	struct sockaddr_in s = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct address any = literal("127.0.0.1");
	for (int tries = 0;; tries++) { /* a port that is free for both */
		server.tcp.fd = net_listen(&any, false, &err);
		assert_true(server.tcp.fd >= 0);
		assert_int_equal(net_local(server.tcp.fd, &server.at), 0);
		server.udp.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		s.sin_port = htons(server.at.port);
		if (bind(server.udp.fd, (struct sockaddr *)&s, sizeof s) == 0)
			break;
		assert_true(tries < 20);
		close(server.tcp.fd);
		close(server.udp.fd);
	}
	assert_int_equal(net_watch_listener(loop, &server.tcp), 0);
	assert_int_equal(net_watch_add(loop, &server.udp), 0);
}

static inline void serve_no_more(void)
{
	net_watch_close(loop, &server.tcp);
	net_watch_close(loop, &server.udp);
}

#endif
