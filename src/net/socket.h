/* Sockets, thinly: every system call on one that the proxy and the probes make, so that tests can
 * stand in for all of them (tests/sim). Everything is non-blocking and close-on-exec.
 *
 * Results: bytes, or a descriptor, or 0; else a negative errno (-EAGAIN: later). EINTR never
 * comes out. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "base/address.h"
#include "base/error.h"
#include "base/when.h"

#include <sys/uio.h>

/* A listening socket: address reused, TCP_NODELAY for what it accepts, backlog 4096, IPv6 alone
 * where the address is IPv6. defer: connections are told when their first bytes are there
 * (TCP_DEFER_ACCEPT), or a second has passed. Port 0: the kernel picks. */
int net_listen(const struct address *at, bool defer, struct error *err);
int net_local(int fd, struct address *ret_address); /* getsockname */

bool net_is_here(const struct address *a); /* is it one of this host's interfaces'? (no cache) */

int net_accept(int listener, struct address *ret_peer);

/* Begins to connect; the socket becomes writable or fails. -EINPROGRESS is no
 * failure and does not come out: a descriptor does. from: the address to bind to, or NULL. */
int net_connect(const struct address *to, const struct address *from);
/* The same, with no larger segments than of `mss` bytes, TCP's options included, either way: it is
 * announced to the other side, and kept to on this one (TCP_MAXSEG). */
int net_connect_small(const struct address *to, uint32_t mss);
/* As net_connect_small, or for mss 0 as net_connect, for who wants to know what ICMP says against it
 * (net_icmp_error), and so gets the descriptor in any case. *ret_code: 0, -EINPROGRESS, or why it failed
 * at once. Once connected it is to stop: or else any ICMP error would end the connection. */
int net_connect_asking(const struct address *to, uint32_t mss, int *ret_code);
struct net_icmp {
	bool v6;
	uint8_t code;          /* of "destination unreachable" */
	struct address router; /* who says it */
};
bool net_icmp_error(int fd, struct net_icmp *ret_icmp);
int net_stop_asking(int fd, const struct address *to); /* to: where to it is connected */
/* By a socket that was connected before, and is no more. 0, or negative errno. */
int net_connect_again(int fd, const struct address *to);
int net_connect_result(int fd); /* SO_ERROR: 0, or negative errno */
/* From now on small pieces go at once, whatever is unacknowledged (TCP_NODELAY). Accepted sockets
 * are so already; one that was connected needs it before it sends a second piece without having
 * heard in between, and many never do. */
int net_prompt(int fd);
/* After so many whole seconds of silence the peer's host is asked for a sign of life (keep-alive
 * probes; see net_facts.since_ack): as often while it gives one, and then every second. That does not
 * end the connection within two minutes. */
int net_ask_alive(int fd, int seconds);

/* 0: the peer's FIN. */
ssize_t net_recv(int fd, void *into, size_t len);
ssize_t net_peek(int fd, void *into, size_t len);
/* more: further bytes follow at once (MSG_MORE). Never raises SIGPIPE. */
ssize_t net_send(int fd, const void *bytes, size_t len, bool more);
ssize_t net_send_parts(int fd, const struct iovec *part, int parts, bool more);

int net_shut(int fd);   /* our FIN; reading goes on */
void net_abort(int fd); /* makes the close that follows a RST */
void net_close(int fd); /* for what no loop watches */

/* ---- the kernel's own way from socket to socket ------------------------------------------- */

struct net_pipe { int read, write; };

/* A pipe of `room` bytes (as far as the kernel allows). */
int net_pipe_open(struct net_pipe *ret_pipe, size_t room);
void net_pipe_close(struct net_pipe *p);
ssize_t net_splice_in(int fd, struct net_pipe *p, size_t most);  /* 0: the peer's FIN */
ssize_t net_splice_out(struct net_pipe *p, int fd, size_t most);

/* ---- bounds and facts -------------------------------------------------------------------- */

int net_limit_buffers(int fd, size_t receive, size_t unsent); /* bytes; 0: leave it */

struct net_facts { /* TCP_INFO, in our units; NO_TIME and 0 where unknown */
	nanos rtt, rtt_min;
	uint32_t retrans, mss_out, mss_in, path_mtu, cwnd; /* mss: payload of a full segment;
	                                                        cwnd: segments */
	uint32_t mss_announced, options; /* by this side; bytes that TCP's options take of each segment */
	uint64_t bytes_sent, bytes_acked, bytes_received;
	uint32_t unacked, not_sent;
	nanos since_ack;
	uint8_t state;
};
int net_facts(int fd, struct net_facts *ret_facts);

const char *net_error_name(int code); /* "connection refused", ... for a negative errno; constant */

#endif
