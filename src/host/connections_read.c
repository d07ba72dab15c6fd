/* What the kernel says of a socket, read from its netlink messages: struct inet_diag_msg and
 * attributes behind it, all in the host's byte order but addresses and ports. Nothing here trusts
 * a length: libmnl's _ok functions judge messages and attributes (is_whole says where that is too
 * little), and structs are copied out as far as they go, since kernels differ in how long they are.
 */
#include "host/connections.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <netinet/in.h> /* before the kernel's own headers */
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

static const char *const STATES[HOST_TCP_STATES] = {
	"?",      "ESTABLISHED", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
	"CLOSED", "CLOSE-WAIT",  "LAST-ACK", "LISTEN",   "CLOSING",    "SYN-RECV",
};

static const char *const TIMERS[HOST_TIMERS] = { NULL, "retransmit", "keepalive", "time-wait",
						 "persist" };

const char *host_tcp_state_name(uint8_t state)
{
	return STATES[state < HOST_TCP_STATES ? state : 0];
}

const char *host_tcp_timer_name(uint8_t timer)
{
	return timer < HOST_TIMERS ? TIMERS[timer] : NULL;
}

/* So many bytes of a struct came that this member is among them. */
#define HAS(len, type, member) ((len) >= offsetof(type, member) + sizeof(((type *)NULL)->member))

/* As much as came, the rest zeros. Returns how much that was. */
static size_t copy_out(void *into, size_t size, const struct nlattr *a)
{
	size_t len = mnl_attr_get_payload_len(a);
	len = len < size ? len : size;
	memset(into, 0, size);
	memcpy(into, mnl_attr_get_payload(a), len);
	return len;
}

static nanos from_us(uint32_t us)
{
	return us == 0 || us == UINT32_MAX ? NO_TIME : us * (NANOS_PER_MS / 1000);
}

static void read_basics(struct host_connection *c, const struct tcp_info *i)
{
	c->fact |= 1u << HOST_KNOWS_BASICS;
	c->rtt = from_us(i->tcpi_rtt);
	c->rtt_variance = c->rtt == NO_TIME ? NO_TIME : from_us(i->tcpi_rttvar);
	c->mss_out = i->tcpi_snd_mss;
	c->mss_in = i->tcpi_rcv_mss;
	c->mss_advertised = i->tcpi_advmss;
	c->path_mtu = i->tcpi_pmtu;
	c->window_segments = i->tcpi_snd_cwnd;
	c->in_flight = i->tcpi_unacked;
	c->selective = i->tcpi_sacked;
	c->lost = i->tcpi_lost;
	c->retrans = i->tcpi_total_retrans;
	/* before there is a connection these count from when the machine was started */
	if (c->state == HOST_TCP_SYN_SENT || c->state == HOST_TCP_CLOSE)
		return;
	c->since_sent = i->tcpi_last_data_sent * NANOS_PER_MS;
	c->since_received = i->tcpi_last_data_recv * NANOS_PER_MS;
	c->since_ack = i->tcpi_last_ack_recv * NANOS_PER_MS;
}

/* What later kernels added, a group a time: 4.1, 4.6, 4.19, 5.4. */
static void read_later(struct host_connection *c, const struct tcp_info *i, size_t len)
{
	if (HAS(len, struct tcp_info, tcpi_min_rtt)) {
		c->fact |= 1u << HOST_KNOWS_BYTES;
		c->bytes_acked = i->tcpi_bytes_acked;
		c->bytes_received = i->tcpi_bytes_received;
		c->bytes_unsent = i->tcpi_notsent_bytes;
		c->rtt_min = from_us(i->tcpi_min_rtt);
	}
	if (HAS(len, struct tcp_info, tcpi_bytes_retrans)) {
		c->fact |= 1u << HOST_KNOWS_SENT;
		c->bytes_sent = i->tcpi_bytes_sent;
		c->bytes_retrans = i->tcpi_bytes_retrans < c->bytes_sent ? i->tcpi_bytes_retrans
									 : c->bytes_sent;
	}
	if (HAS(len, struct tcp_info, tcpi_rcv_ooopack)) {
		c->fact |= 1u << HOST_KNOWS_GAPS;
		c->out_of_order = i->tcpi_rcv_ooopack;
	}
	if (HAS(len, struct tcp_info, tcpi_snd_wnd)) {
		c->fact |= 1u << HOST_KNOWS_WINDOW;
		c->window_bytes = i->tcpi_snd_wnd;
	}
}

static void read_info(struct host_connection *c, const struct nlattr *a)
{
	struct tcp_info i;
	size_t len = copy_out(&i, sizeof i, a);
	if (!HAS(len, struct tcp_info, tcpi_total_retrans))
		return;
	read_basics(c, &i);
	read_later(c, &i, len);
}

static void read_attribute(struct host_connection *c, const struct nlattr *a)
{
	uint32_t memory[SK_MEMINFO_VARS];
	switch (mnl_attr_get_type(a)) {
	case INET_DIAG_INFO:
		read_info(c, a);
		break;
	case INET_DIAG_CONG:
		copy_out(c->congestion, sizeof c->congestion, a);
		c->congestion[sizeof c->congestion - 1] = 0;
		break;
	case INET_DIAG_SKMEMINFO:
		if (copy_out(memory, sizeof memory, a) >= sizeof *memory) {
			c->has_memory = true;
			c->memory_in = memory[SK_MEMINFO_RMEM_ALLOC];
		}
		break;
	default:
		break;
	}
}

/* Not mnl_attr_for_each: that goes to where the message's padding would end, were it there. */
static void read_attributes(struct host_connection *c, const struct nlmsghdr *h)
{
	size_t start = NLMSG_ALIGN(sizeof(struct inet_diag_msg));
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, start);
	int left = (int)mnl_nlmsg_get_payload_len(h) - (int)start;
	while (mnl_attr_ok(a, left)) {
		read_attribute(c, a);
		left -= MNL_ALIGN(a->nla_len);
		a = mnl_attr_next(a);
	}
}

static struct address read_address(uint8_t family, const void *ip, uint16_t port)
{
	struct address a = { .port = ntohs(port) };
	if (family == AF_INET)
		return address_from_v4(ip, a.port);
	memcpy(a.ip, ip, sizeof a.ip);
	return a;
}

static void take_one(uint32_t *n)
{
	*n -= *n > 0;
}

/* SYN and FIN take a sequence number each, which the kernel counts as if they were bytes. */
static void count_payload_alone(struct host_connection *c)
{
	bool fin_here = c->state == HOST_TCP_CLOSE_WAIT || c->state == HOST_TCP_LAST_ACK ||
			c->state == HOST_TCP_CLOSING;
	bool fin_there = c->state == HOST_TCP_FIN_WAIT_1 || c->state == HOST_TCP_LAST_ACK ||
			 c->state == HOST_TCP_CLOSING;
	if (fin_there || c->state == HOST_TCP_SYN_SENT)
		take_one(&c->queue_out);
	if (fin_there) /* what was not sent yet ends with it */
		take_one(&c->bytes_unsent);
	if (fin_here) {
		take_one(&c->queue_in);
		c->bytes_received -= c->bytes_received > 0;
	}
	uint64_t once = c->bytes_sent - c->bytes_retrans;
	uint64_t flying = c->queue_out > c->bytes_unsent ? c->queue_out - c->bytes_unsent : 0;
	uint64_t arrived = once > flying ? once - flying : 0;
	if (host_knows(c, HOST_KNOWS_SENT) && c->bytes_acked > arrived)
		c->bytes_acked = arrived;
}

static bool read_message(const struct nlmsghdr *h, struct host_connection *ret_connection)
{
	struct inet_diag_msg m;
	if (mnl_nlmsg_get_payload_len(h) < sizeof m)
		return false;
	memcpy(&m, mnl_nlmsg_get_payload(h), sizeof m);
	if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
		return false;
	struct host_connection c = {
		.local = read_address(m.idiag_family, m.id.idiag_src, m.id.idiag_sport),
		.remote = read_address(m.idiag_family, m.id.idiag_dst, m.id.idiag_dport),
		.state = m.idiag_state,
		.timer = m.idiag_timer,
		.tries = m.idiag_timer ? m.idiag_retrans : 0,
		.timer_left = m.idiag_timer ? m.idiag_expires * NANOS_PER_MS : NO_TIME,
		.queue_in = m.idiag_rqueue,
		.queue_out = m.idiag_wqueue,
		.user = m.idiag_uid,
		.inode = m.idiag_inode,
		.rtt = NO_TIME,
		.rtt_variance = NO_TIME,
		.rtt_min = NO_TIME,
		.since_sent = NO_TIME,
		.since_received = NO_TIME,
		.since_ack = NO_TIME,
	};
	read_attributes(&c, h);
	count_payload_alone(&c);
	*ret_connection = c;
	return true;
}

/* NLMSG_ERROR, and NLMSG_DONE that carries a number: 0, or what went wrong. */
static int read_number(const struct nlmsghdr *h)
{
	int code = 0;
	if (mnl_nlmsg_get_payload_len(h) >= sizeof code)
		memcpy(&code, mnl_nlmsg_get_payload(h), sizeof code);
	return code;
}

static enum host_dump refused(struct error *err, int code)
{
	if (code >= 0 || code < -4095)
		code = -EPROTO;
	if (code == -ENOENT || code == -EOPNOTSUPP)
		err_set(err, code,
			"this kernel does not tell about its TCP sockets: the module "
			"tcp_diag is missing");
	else
		err_set(err, code, "the kernel does not tell about its TCP sockets: %s",
			strerror(-code));
	return HOST_DUMP_FAILED;
}

/* mnl_nlmsg_ok compares signed: a length of 2^31 or more is smaller than any for it. */
static bool is_whole(const struct nlmsghdr *h, int left)
{
	return mnl_nlmsg_ok(h, left) && h->nlmsg_len <= (uint32_t)left;
}

enum host_dump host_connections_read(struct slice datagram, uint32_t seq,
				     host_connection_taker *take, void *context, struct error *err)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)datagram.at;
	int left = datagram.len > INT32_MAX / 2 ? INT32_MAX / 2 : (int)datagram.len;
	for (; left > 0; h = mnl_nlmsg_next(h, &left)) {
		struct host_connection c;
		if (!is_whole(h, left)) {
			err_set(err, -EPROTO,
				"the kernel's answer breaks off: %d bytes of a message are there",
				left);
			return HOST_DUMP_FAILED;
		}
		if (h->nlmsg_seq != seq)
			continue; /* an answer to nothing that was asked now */
		if (h->nlmsg_type == NLMSG_DONE)
			return read_number(h) < 0 ? refused(err, read_number(h)) : HOST_DUMP_DONE;
		if (h->nlmsg_type == NLMSG_ERROR)
			return refused(err, read_number(h));
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && read_message(h, &c))
			take(context, &c);
	}
	return HOST_DUMP_MORE;
}
