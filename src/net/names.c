/* What results are called. */
#include "net/dns.h"
#include "net/socket.h"

#include <errno.h>

const char *net_error_name(int code)
{
	switch (-code) {
	case 0:
		return "no error";
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
		return "connection reset";
	case ECONNABORTED:
		return "connection aborted";
	case EPIPE:
		return "closed by the peer";
	case ETIMEDOUT:
		return "timed out";
	case EHOSTUNREACH:
		return "host unreachable";
	case ENETUNREACH:
		return "network unreachable";
	case EADDRINUSE:
		return "address in use";
	case EADDRNOTAVAIL:
		return "address or port not available here";
	case EACCES:
	case EPERM:
		return "not permitted";
	case EMFILE:
		return "no descriptor left for the process";
	case ENFILE:
		return "no descriptor left in the system";
	case ENOMEM:
	case ENOBUFS:
		return "out of memory";
	default: {
		const char *name = strerrordesc_np(-code);
		return name ? name : "unknown error";
	}
	}
}

const char *net_dns_status_name(enum net_dns_status s)
{
	static const char *const names[] = {
		[NET_DNS_OK] = "ok",
		[NET_DNS_NO_NAME] = "no such name",
		[NET_DNS_NO_ADDRESS] = "no address",
		[NET_DNS_TIMEOUT] = "timeout",
		[NET_DNS_REFUSED] = "resolver failed",
		[NET_DNS_BAD_NAME] = "bad name",
		[NET_DNS_SHORT] = "out of resources",
	};
	return names[s];
}
