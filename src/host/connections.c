/* Asking the kernel for its TCP sockets: a dump for each family and port, of which the addresses
 * that were asked for are kept. */
#include "host/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h> /* before the kernel's own headers */
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

enum { MOST_CONNECTIONS = 100000, DATAGRAM = 32768, PATIENCE = 5 };

struct asking {
	struct mnl_socket *kernel;
	uint32_t seq;
	const struct address *far_end;
	size_t count;
	struct host_connections list;
	size_t room;
	bool no_memory;
};

static bool is_wanted(const struct asking *a, const struct address *remote)
{
	for (size_t i = 0; i < a->count; i++)
		if (address_equal(&a->far_end[i], remote))
			return true;
	return false;
}

static bool make_room(struct asking *a)
{
	if (a->list.count < a->room)
		return true;
	size_t room = a->room ? a->room * 2 : 64;
	struct host_connection *more = realloc(a->list.at, room * sizeof *more);
	if (!more)
		return false;
	a->list.at = more;
	a->room = room;
	return true;
}

static void keep(void *context, const struct host_connection *c)
{
	struct asking *a = context;
	if (!is_wanted(a, &c->remote))
		return;
	if (a->list.count == MOST_CONNECTIONS)
		a->list.left_out++;
	else if (make_room(a))
		a->list.at[a->list.count++] = *c;
	else
		a->no_memory = true;
}

static int send_request(struct asking *a, uint8_t family, uint16_t port, struct error *err)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++a->seq;
	struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(h, sizeof *r);
	r->sdiag_family = family;
	r->sdiag_protocol = IPPROTO_TCP;
	r->idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1) |
		       1 << (INET_DIAG_SKMEMINFO - 1);
	r->idiag_states = ((1u << HOST_TCP_STATES) - 1) & ~(1u << HOST_TCP_LISTEN);
	r->id.idiag_dport = htons(port);
	if (mnl_socket_sendto(a->kernel, h, h->nlmsg_len) < 0)
		return err_set(err, -errno, "asking the kernel for its TCP sockets: %s",
			       strerror(errno));
	return 0;
}

static int receive_answer(struct asking *a, struct error *err)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[DATAGRAM];
	struct error why = { 0 };
	enum host_dump state;
	do {
		ssize_t len = mnl_socket_recvfrom(a->kernel, bytes, sizeof bytes);
		if (len < 0 && errno == EINTR) {
			state = HOST_DUMP_MORE;
			continue;
		}
		if (len < 0)
			return err_set(err, -errno, "the kernel's answer about its TCP sockets: %s",
				       strerror(errno));
		state = host_connections_read((struct slice){ bytes, (size_t)len }, a->seq, keep, a,
					      &why);
	} while (state == HOST_DUMP_MORE);
	if (state == HOST_DUMP_FAILED)
		return err_set(err, why.code, "%s", why.text);
	return a->no_memory ? err_set(err, -ENOMEM, "no memory for so many connections") : 0;
}

/* The ports that were asked for, each once: what stands before `i` was asked already. */
static bool is_first_of_port(const struct asking *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (a->far_end[k].port == a->far_end[i].port)
			return false;
	return true;
}

static int ask_all(struct asking *a, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int code = 0;
	for (size_t i = 0; i < a->count; i++)
		for (size_t f = 0; f < 2 && code == 0 && is_first_of_port(a, i); f++) {
			code = send_request(a, families[f], a->far_end[i].port, err);
			if (code == 0)
				code = receive_answer(a, err);
			/* an IPv4 host: there is nobody to ask about IPv6 */
			if (code == -ENOENT && families[f] == AF_INET6)
				code = 0;
		}
	return code;
}

int host_connections_list(const struct address *far_end, size_t count,
			  struct host_connections *ret_list, struct error *err)
{
	struct asking a = { .far_end = far_end, .count = count };
	struct timeval patience = { .tv_sec = PATIENCE };
	a.kernel = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!a.kernel || mnl_socket_bind(a.kernel, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = err_set(err, -errno, "a socket to the kernel (sock_diag): %s",
				   strerror(errno));
		if (a.kernel)
			mnl_socket_close(a.kernel);
		return code;
	}
	setsockopt(mnl_socket_get_fd(a.kernel), SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof patience);
	int code = ask_all(&a, err);
	mnl_socket_close(a.kernel);
	if (code < 0)
		host_connections_done(&a.list);
	else
		*ret_list = a.list;
	return code;
}

void host_connections_done(struct host_connections *list)
{
	free(list->at);
	*list = (struct host_connections){ .at = NULL };
}
