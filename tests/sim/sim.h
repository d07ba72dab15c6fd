/* A world without a network: clients, origins and names that do what a test says, a clock that stands
 * still until it is moved, and calls that fail where the test wants it. It implements net/loop.h,
 * net/socket.h and net/dns.h (net/dial.c runs as it is on top), so that all of src/proxy runs in one
 * process, in one thread, the same way each time.
 *
 * The test drives: it makes peers, lets them speak, calls sim_settle (all that can happen now,
 * happens) or sim_pass (and time goes by), and looks at what its peers have heard.
 *
 *	sim_begin(&(struct sim_options){ .splice = true });
 *	... worker_new, net_listen("127.0.0.1", port 0 is made one), worker_listen ...
 *	struct sim_origin *o = sim_serve("10.0.0.1:80", SIM_ACCEPT, 0);
 *	struct sim_peer *c = sim_connect("192.0.2.7:5000", &listener_address);
 *	sim_say_text(c, "CONNECT 10.0.0.1:80 HTTP/1.1\r\n\r\n");
 *	sim_settle();
 *	struct sim_peer *p = sim_accepted(o);
 *	...
 *	assert(sim_end() == 0);		nothing was left open
 *
 * Sockets are as Linux has them, where the proxy can tell: readiness is told at edges, and again only
 * after -EAGAIN or a short count; a close with bytes unread is a RST; what had arrived before a RST
 * is read before it; a listener that defers tells of a connection when it has spoken, or after a
 * second. Nothing is told without cause, unless the seed is set. */
#ifndef SIM_H
#define SIM_H

#include "net/dns.h"
#include "net/loop.h"
#include "net/socket.h"

struct sim_options {
	uint32_t seed; /* not 0: bytes arrive in pieces, writes are short, a few events come without
	                  cause; each seed another way */
	bool splice;   /* false: there are no pipes (-ENOSYS), so that bytes are copied */
	size_t room;   /* of a socket's buffers and of pipes; 0: 64 KiB */
	int descriptors; /* at most; 0: 4096 */
};

void sim_begin(const struct sim_options *options);
/* Frees the world, peers and all. The number of descriptors that those under test left open. */
unsigned sim_end(void);

/* ---- peers: clients, and the far ends of connections to origins; they live until sim_end ------ */

struct sim_peer;

/* A client at that address connects to a listener. NULL: nobody listens there. */
struct sim_peer *sim_connect(const char *from, const struct address *to);

void sim_say(struct sim_peer *p, struct slice bytes); /* sent as far as there is room, then later */
void sim_say_text(struct sim_peer *p, const char *text);
void sim_finish(struct sim_peer *p); /* FIN, after all that was said */
void sim_reset(struct sim_peer *p);  /* RST; what was not sent yet is lost */
void sim_pause(struct sim_peer *p, bool paused); /* does not read, up to the room there is */

struct slice sim_heard(const struct sim_peer *p); /* all it has got, as far as it was not forgotten */
void sim_forget(struct sim_peer *p);
size_t sim_unsent(const struct sim_peer *p); /* said, but there was no room yet */
bool sim_was_ended(const struct sim_peer *p); /* got a FIN */
bool sim_was_reset(const struct sim_peer *p); /* got a RST */
bool sim_is_accepted(const struct sim_peer *p);

/* ---- origins and names ------------------------------------------------------------------------ */

enum sim_manner {
	SIM_ACCEPT,
	SIM_REFUSE,      /* as everybody does who was not spoken of */
	SIM_SILENT,      /* SYNs are lost */
	SIM_UNREACHABLE, /* an ICMP error comes */
	SIM_NO_ROUTE,    /* connect(2) itself says so */
};

struct sim_origin;

struct sim_origin *sim_serve(const char *at, enum sim_manner manner, nanos delay);
void sim_behave(struct sim_origin *o, enum sim_manner manner, nanos delay); /* from now on */
struct sim_peer *sim_accepted(struct sim_origin *o); /* the next one; NULL: none more */
unsigned sim_tries(const struct sim_origin *o);       /* connections begun */

/* What net_dns_ask says of a name. v4, v6: literals divided by spaces; NULL: none of that family.
 * status: NET_DNS_OK, or what is said for both. delay 0: at once. Said anew: from now on. Literals,
 * localhost and names nobody spoke of (NO_NAME) need no word. */
void sim_name(const char *name, enum net_dns_status status, nanos delay, const char *v4,
	      const char *v6);
/* The same for one family, the other left as it is. */
void sim_name_late(const char *name, enum net_family family, nanos delay, const char *addresses);

/* ---- going on ------------------------------------------------------------------------------- */

/* Until nothing is left to happen now. Aborts if that takes 100,000 rounds: somebody is busy for
 * nothing. */
void sim_settle(void);
/* The same, and time goes by; from timer to timer. */
void sim_pass(nanos span);
/* Waits in real time until another thread made a net_loop_call, 10 s at most; then settles. */
bool sim_await_call(void);

/* ---- failures ------------------------------------------------------------------------------- */

enum sim_call {
	SIM_ALLOC, /* malloc and its kin; needs the link arguments that tests/sim/meson.build gives */
	SIM_WATCH,
	SIM_LISTEN,
	SIM_OPT,   /* net_limit_buffers, net_local, net_facts, net_shut */
	SIM_CALL_ACCEPT,
	SIM_CONNECT,
	SIM_RECV,  /* and net_peek */
	SIM_SEND,
	SIM_PIPE,
	SIM_SPLICE_IN,
	SIM_SPLICE_OUT,
	SIM_ASK,   /* net_dns_ask: answers NET_DNS_SHORT */
	SIM_CALLS
};

/* The nth call of that kind from now on (1: the next one) returns code; once. */
void sim_fail(enum sim_call which, unsigned nth, int code);
/* The nth call of any kind from now on fails, with what that kind fails with when something runs
 * out (-ENOMEM, -EMFILE, -ENOBUFS, ...). For torture: run once and ask sim_calls, then for each. */
void sim_fail_any(unsigned nth);
unsigned sim_calls(void); /* since sim_begin */
bool sim_has_failed(void); /* what was ordered last has happened */

#endif
