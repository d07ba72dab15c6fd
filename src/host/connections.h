/* This machine's TCP connections to some addresses, as the kernel knows them (sock_diag(7)).
 *
 * host_connections_list asks the kernel; host_connections_read takes what it answered apart, and
 * needs no kernel for it; host_connection_signs says what is wrong with one, from its record alone.
 * Only the network namespace that we run in is seen. */
#ifndef HOST_CONNECTIONS_H
#define HOST_CONNECTIONS_H

#include "base/address.h"
#include "base/error.h"
#include "base/when.h"

/* The kernel's own numbers. */
enum host_tcp_state {
	HOST_TCP_ESTABLISHED = 1,
	HOST_TCP_SYN_SENT,
	HOST_TCP_SYN_RECV,
	HOST_TCP_FIN_WAIT_1,
	HOST_TCP_FIN_WAIT_2,
	HOST_TCP_TIME_WAIT,
	HOST_TCP_CLOSE,
	HOST_TCP_CLOSE_WAIT,
	HOST_TCP_LAST_ACK,
	HOST_TCP_LISTEN,
	HOST_TCP_CLOSING,
	HOST_TCP_NEW_SYN_RECV,
	HOST_TCP_STATES /* one more than the last */
};
const char *host_tcp_state_name(uint8_t state); /* "SYN-SENT"; "?" for what is none */

/* The timer that runs, if any; the kernel's own numbers. */
enum host_tcp_timer {
	HOST_TIMER_NONE,
	HOST_TIMER_RETRANSMIT,
	HOST_TIMER_KEEPALIVE,
	HOST_TIMER_TIME_WAIT,
	HOST_TIMER_PERSIST, /* asks whether a window has opened */
	HOST_TIMERS
};
const char *host_tcp_timer_name(uint8_t timer); /* "retransmit"; NULL for none */

/* What tcp_info has. Which of it is known depends on the kernel and on the state: `fact` has a bit
 * (1 << HOST_KNOWS_...) for each group that is. */
enum { HOST_KNOWS_BASICS, HOST_KNOWS_BYTES, HOST_KNOWS_SENT, HOST_KNOWS_GAPS, HOST_KNOWS_WINDOW };

struct host_connection {
	struct address local, remote;
	uint8_t state, timer;
	uint8_t tries;    /* how often that timer has run out: sent again, or asked, in vain */
	nanos timer_left; /* until it runs out; NO_TIME without a timer */
	uint32_t queue_in, queue_out; /* payload: not read by the program yet; not acknowledged by the peer */
	uint32_t user;    /* uid */
	uint32_t inode;   /* of the socket; 0: no process has it any longer */
	char congestion[16]; /* "cubic"; empty: unknown */
	bool has_memory;
	uint32_t memory_in; /* what the data that came and is kept takes, out of order or not */

	unsigned fact;
	/* BASICS: of every socket but those in TIME-WAIT */
	nanos rtt, rtt_variance; /* NO_TIME: never measured */
	nanos since_sent, since_received, since_ack; /* NO_TIME: there is no connection yet */
	uint32_t mss_out, mss_in, mss_advertised, path_mtu;
	uint32_t window_segments; /* congestion window */
	uint32_t in_flight, selective, lost; /* segments: not acknowledged; of these selectively; lost */
	uint32_t retrans; /* segments sent again, in sum */
	/* BYTES */
	uint64_t bytes_acked, bytes_received; /* payload */
	uint32_t bytes_unsent; /* of queue_out: never sent yet */
	nanos rtt_min;    /* NO_TIME: never measured */
	/* SENT: payload, each time that it was sent */
	uint64_t bytes_sent, bytes_retrans;
	/* GAPS: segments that came out of order, in sum */
	uint32_t out_of_order;
	/* WINDOW: bytes that the peer will take */
	uint32_t window_bytes;
};

static inline bool host_knows(const struct host_connection *c, unsigned what)
{
	return c->fact >> what & 1;
}

/* ---- asking ------------------------------------------------------------------------------- */

struct host_connections {
	struct host_connection *at; /* the owner frees it with host_connections_done */
	size_t count;
	size_t left_out; /* beyond the 100,000 that are kept */
};

/* All connections whose far end is one of these (with their ports), in any state, of IPv4 and IPv6.
 * In no order. 0 or a negative errno. */
int host_connections_list(const struct address *far_end, size_t count,
                          struct host_connections *ret_list, struct error *err);
void host_connections_done(struct host_connections *list);

/* ---- reading ------------------------------------------------------------------------------ */

enum host_dump { HOST_DUMP_MORE, HOST_DUMP_DONE, HOST_DUMP_FAILED };

typedef void host_connection_taker(void *context, const struct host_connection *c);

/* One datagram of the kernel's answer to the request `seq`. Calls for each connection in it; the
 * record is gone after the call. MORE: further datagrams follow. FAILED: err says why, and what
 * came before it was taken. `datagram` is aligned as malloc aligns. */
enum host_dump host_connections_read(struct slice datagram, uint32_t seq,
                                     host_connection_taker *take, void *context,
                                     struct error *err);

/* ---- judging ------------------------------------------------------------------------------ */

enum host_sign {
	HOST_SIGN_SYN_UNANSWERED,
	HOST_SIGN_FULL_SEGMENTS_LOST, /* as where the path's MTU is smaller than anybody says */
	HOST_SIGN_RETRANSMITTING,
	HOST_SIGN_ZERO_WINDOW,
	HOST_SIGN_KEEPALIVE_UNANSWERED,
	HOST_SIGN_GAP,                /* later data is here, earlier is missing */
	HOST_SIGN_MTU_BELOW_MSS,
	HOST_SIGN_NO_ANSWER,          /* all that was sent was acknowledged, and nothing ever came back */
	HOST_SIGN_UNREAD,             /* the program here does not read */
	HOST_SIGN_CLOSE_WAIT,         /* the program here does not close */
	HOST_SIGNS
};
const char *host_sign_name(enum host_sign s); /* "syn-unanswered" */

/* One of them: is it there; and if so, for certain a failure, or only worth a look? */
enum host_trouble { HOST_FINE, HOST_DOUBTFUL, HOST_TROUBLE };
enum host_trouble host_connection_sign(const struct host_connection *c, enum host_sign s);
enum host_trouble host_connection_trouble(const struct host_connection *c); /* the worst of all */

/* Says in plain words, with this connection's figures, what a sign that is there means. */
void host_connection_say(struct buffer *out, const struct host_connection *c, enum host_sign s);

#endif
