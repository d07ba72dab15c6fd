/* Sockets: the system calls, with negative errno for an answer. None of them waits, so that none
 * can be interrupted (EINTR). */
#include "net/socket.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int open_socket(const union sockaddr_any *s)
{
	int fd = socket(s->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

/* ---- listening ---------------------------------------------------------------------------- */

static int prepare_listener(int fd, const union sockaddr_any *s, socklen_t len, bool defer)
{
	int code = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (code == 0 && s->any.sa_family == AF_INET6)
		code = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (code == 0)
		code = set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit it */
	if (code == 0 && defer)
		code = set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
	if (code == 0 && bind(fd, &s->any, len) < 0)
		code = -errno;
	if (code == 0 && listen(fd, BACKLOG) < 0)
		code = -errno;
	return code;
}

int net_listen(const struct address *at, bool defer, struct error *err)
{
	union sockaddr_any s;
	socklen_t len = sockaddr_of(at, &s);
	int fd = open_socket(&s);
	int code = fd < 0 ? fd : prepare_listener(fd, &s, len, defer);
	if (code >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	struct buffer text;
	buffer_init(&text, 64);
	address_add(&text, at);
	err_set(err, code, "listen on %.*s: %s", (int)text.len, (const char *)text.at,
		net_error_name(code));
	buffer_done(&text);
	return code;
}

int net_local(int fd, struct address *ret_address)
{
	union sockaddr_any s;
	socklen_t len = sizeof s;
	if (getsockname(fd, &s.any, &len) < 0)
		return -errno;
	*ret_address = address_of(&s);
	return 0;
}

bool net_is_here(const struct address *a)
{
	struct ifaddrs *all;
	bool here = false;
	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i && !here; i = i->ifa_next) {
		int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
		if (family != AF_INET && family != AF_INET6)
			continue;
		union sockaddr_any s;
		size_t len = family == AF_INET ? sizeof s.v4 : sizeof s.v6;
		memcpy(&s, i->ifa_addr, len);
		struct address own = address_of(&s);
		here = address_same_host(&own, a);
	}
	freeifaddrs(all);
	return here;
}

/* What accept(2) passes on of a connection that failed before anybody took it; the next one may
 * be fine. */
static bool concerns_one(int code)
{
	switch (code) {
	case ECONNABORTED:
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case EPERM:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

int net_accept(int listener, struct address *ret_peer)
{
	union sockaddr_any s = { .any.sa_family = AF_UNSPEC };
	int fd;
	do {
		socklen_t len = sizeof s;
		fd = accept4(listener, &s.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && concerns_one(errno));
	if (fd < 0)
		return -errno;
	*ret_peer = address_of(&s);
	return fd;
}

/* ---- connecting --------------------------------------------------------------------------- */

static int bind_from(int fd, const struct address *from)
{
	union sockaddr_any s;
	socklen_t len = sockaddr_of(from, &s);
	/* The port is picked by connect, which knows the other end: 64 K of them for each. */
	int code = set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (code == 0 && bind(fd, &s.any, len) < 0)
		code = -errno;
	return code;
}

/* Linux 5.8 and later keep what ICMP says against a SYN in the socket's error queue. */
static int keep_errors(int fd, const union sockaddr_any *s, bool keep)
{
	return s->any.sa_family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_RECVERR, keep)
					    : set(fd, IPPROTO_IP, IP_RECVERR, keep);
}

static int connect_as(const struct address *to, const struct address *from, uint32_t mss)
{
	union sockaddr_any s;
	socklen_t len = sockaddr_of(to, &s);
	int fd = open_socket(&s);
	if (fd < 0)
		return fd;
	int code = from ? bind_from(fd, from) : 0;
	if (code == 0 && mss)
		code = set(fd, IPPROTO_TCP, TCP_MAXSEG, (int)mss);
	if (code == 0 && connect(fd, &s.any, len) < 0 && errno != EINPROGRESS)
		code = -errno;
	if (code == 0)
		return fd;
	close(fd);
	return code;
}

int net_connect(const struct address *to, const struct address *from)
{
	return connect_as(to, from, 0);
}

int net_connect_small(const struct address *to, uint32_t mss)
{
	return connect_as(to, NULL, mss);
}

int net_connect_asking(const struct address *to, uint32_t mss, int *ret_code)
{
	union sockaddr_any s;
	socklen_t len = sockaddr_of(to, &s);
	int fd = open_socket(&s);
	if (fd < 0)
		return fd;
	int code = mss ? set(fd, IPPROTO_TCP, TCP_MAXSEG, (int)mss) : 0;
	if (code == 0)
		code = keep_errors(fd, &s, true);
	if (code == 0 && connect(fd, &s.any, len) < 0)
		code = -errno;
	*ret_code = code;
	return fd;
}

/* The first of what the queue holds that is ICMP's own. */
static bool read_icmp(const struct msghdr *m, struct net_icmp *ret_icmp)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c)) {
		struct {
			struct sock_extended_err error;
			union sockaddr_any offender;
		} told = { .offender.any.sa_family = AF_UNSPEC };
		size_t len = c->cmsg_len - CMSG_LEN(0);
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if ((!v4 && !v6) || len < sizeof told.error)
			continue;
		memcpy(&told, CMSG_DATA(c), len < sizeof told ? len : sizeof told);
		bool unreachable = (told.error.ee_origin == SO_EE_ORIGIN_ICMP &&
				    told.error.ee_type == ICMP_DEST_UNREACH) ||
				   (told.error.ee_origin == SO_EE_ORIGIN_ICMP6 &&
				    told.error.ee_type == ICMP6_DST_UNREACH);
		if (!unreachable)
			continue;
		*ret_icmp = (struct net_icmp){ .v6 = told.error.ee_origin == SO_EE_ORIGIN_ICMP6,
					       .code = told.error.ee_code,
					       .router = address_of(&told.offender) };
		ret_icmp->router.port = 0;
		return true;
	}
	return false;
}

bool net_icmp_error(int fd, struct net_icmp *ret_icmp)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[512];
	} room;
	uint8_t quoted[256];
	struct iovec part = { quoted, sizeof quoted };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &room,
			    .msg_controllen = sizeof room };
	return recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0 && read_icmp(&m, ret_icmp);
}

int net_stop_asking(int fd, const struct address *to)
{
	union sockaddr_any s;
	sockaddr_of(to, &s);
	return keep_errors(fd, &s, false);
}

int net_connect_again(int fd, const struct address *to)
{
	union sockaddr_any s;
	socklen_t len = sockaddr_of(to, &s);
	return connect(fd, &s.any, len) < 0 && errno != EINPROGRESS ? -errno : 0;
}

int net_prompt(int fd)
{
	return set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

int net_ask_alive(int fd, int seconds)
{
	int code = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (code == 0)
		code = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
	if (code == 0)
		code = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	if (code == 0)
		code = set(fd, IPPROTO_TCP, TCP_KEEPCNT, 120);
	return code;
}

int net_connect_result(int fd)
{
	int code = 0;
	socklen_t len = sizeof code;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 ? -errno : -code;
}

/* ---- bytes -------------------------------------------------------------------------------- */

ssize_t net_recv(int fd, void *into, size_t len)
{
	ssize_t got = recv(fd, into, len, 0);
	return got < 0 ? -errno : got;
}

ssize_t net_peek(int fd, void *into, size_t len)
{
	ssize_t got = recv(fd, into, len, MSG_PEEK);
	return got < 0 ? -errno : got;
}

ssize_t net_send(int fd, const void *bytes, size_t len, bool more)
{
	ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	return sent < 0 ? -errno : sent;
}

ssize_t net_send_parts(int fd, const struct iovec *part, int parts, bool more)
{
	struct msghdr m = { .msg_iov = (struct iovec *)part, .msg_iovlen = (size_t)parts };
	ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	return sent < 0 ? -errno : sent;
}

/* ---- ending ------------------------------------------------------------------------------- */

int net_shut(int fd)
{
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

void net_abort(int fd)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void net_close(int fd)
{
	close(fd);
}

/* ---- bounds ------------------------------------------------------------------------------- */

int net_limit_buffers(int fd, size_t receive, size_t unsent)
{
	int code = 0;
	if (receive) /* doubled by the kernel, for its own book-keeping */
		code = set(fd, SOL_SOCKET, SO_RCVBUF,
			   receive > INT32_MAX ? INT32_MAX : (int)receive);
	if (code == 0 && unsent)
		code = set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
			   unsent > INT32_MAX ? INT32_MAX : (int)unsent);
	return code;
}
