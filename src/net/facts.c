/* What the kernel knows of a connection. */
#include "net/socket.h"

#include <errno.h>
#include <linux/tcp.h> /* newer than libc's, and not to be had together */
#include <netinet/in.h>
#include <sys/socket.h>

static nanos from_us(uint32_t us)
{
	return us == 0 || us == UINT32_MAX ? NO_TIME : us * (NANOS_PER_MS / 1000);
}

int net_facts(int fd, struct net_facts *ret_facts)
{
	struct tcp_info info = { .tcpi_state = 0 }; /* an older kernel fills in less of it */
	socklen_t len = sizeof info;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	/* RFC 7323, appendix A; the kernel has taken them off what it announced */
	uint32_t options = info.tcpi_options & TCPI_OPT_TIMESTAMPS ? 12 : 0;
	*ret_facts = (struct net_facts){
		.rtt = from_us(info.tcpi_rtt),
		.rtt_min = from_us(info.tcpi_min_rtt),
		.retrans = info.tcpi_total_retrans,
		.mss_out = info.tcpi_snd_mss,
		.mss_in = info.tcpi_rcv_mss,
		.path_mtu = info.tcpi_pmtu,
		.cwnd = info.tcpi_snd_cwnd,
		.mss_announced = info.tcpi_advmss ? info.tcpi_advmss + options : 0,
		.options = options,
		.bytes_sent = info.tcpi_bytes_sent,
		.bytes_acked = info.tcpi_bytes_acked,
		.bytes_received = info.tcpi_bytes_received,
		.unacked = info.tcpi_unacked,
		.not_sent = info.tcpi_notsent_bytes,
		.since_ack = info.tcpi_last_ack_recv * NANOS_PER_MS,
		.state = info.tcpi_state,
	};
	return 0;
}
