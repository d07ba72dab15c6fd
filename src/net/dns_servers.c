/* Asking servers, by c-ares: the names to ask for, what an answer means, and the channel in the
 * loop. */
#include "net/dns_private.h"

#include "net/dns_answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TRY_MS = 1500, /* for the first answer of a server; doubled each time around */
	TRIES = 3,
	CLASS_IN = 1,
	TYPE_A = 1,
	TYPE_AAAA = 28,
};

static const nanos FAILURE_TTL = 5 * NANOS_PER_SECOND;          /* RFC 9520 section 3.2 */
static const uint32_t MOST_TTL = 3600, MOST_NEGATIVE_TTL = 300; /* seconds */

struct dns_socket { /* one of c-ares */
	struct net_watch watch;
	struct net_dns *dns;
	struct dns_socket *next;
};

/* ---- answers ------------------------------------------------------------------------------ */

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int len);

/* The name as it stands comes first if it has dots enough (resolv.conf(5), ndots), else last. */
static unsigned own_place(const struct dns_entry *e)
{
	return e->dots >= e->dns->system.ndots ? 0 : (unsigned)e->dns->system.ndomains;
}

/* Which of the names to ask for; false: there are no more, or this one would be none. */
static bool candidate_name(const struct dns_entry *e, unsigned which, char *name, size_t room)
{
	const struct ares_options *system = &e->dns->system;
	unsigned own = e->absolute ? 0 : own_place(e);
	if (which == own)
		return snprintf(name, room, "%s", e->name) > 0;
	if (e->absolute)
		return false;
	const char *domain = system->domains[which - (own == 0)];
	if (!*domain || *domain == '.')
		return false;
	return (size_t)snprintf(name, room, "%s.%s", e->name, domain) < room;
}

static unsigned candidates(const struct dns_entry *e)
{
	return e->absolute ? 1 : 1 + (unsigned)e->dns->system.ndomains;
}

static void finish(struct dns_entry *e, enum net_dns_status status, nanos ttl)
{
	struct net_dns *dns = e->dns;
	e->state = DNS_ANSWERED;
	e->status = (uint8_t)status;
	e->expires = net_now(dns->loop) + ttl;
	e->next = NULL;
	*dns->answered_end = e;
	dns->answered_end = &e->next;
	if (status != NET_DNS_OK && status != NET_DNS_NO_NAME && status != NET_DNS_NO_ADDRESS)
		dns->counts.failed++;
}

/* Asks for the candidate that e is at, or the first after it that can be asked for. */
static bool ask_candidate(struct dns_entry *e)
{
	char name[NET_MAX_NAME + 2];
	for (; e->candidate < candidates(e); e->candidate++) {
		if (!candidate_name(e, e->candidate, name, sizeof name))
			continue;
		ares_query(e->dns->channel, name, CLASS_IN,
			   e->family == NET_V6 ? TYPE_AAAA : TYPE_A, on_answer, e);
		return true;
	}
	return false;
}

/* c-ares tells a server that cannot be reached and a socket that cannot be had by one code. */
static bool is_short_of_descriptors(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static enum net_dns_status status_of(int code)
{
	switch (code) {
	case ARES_SUCCESS:
		return NET_DNS_OK;
	case ARES_ENODATA:
		return NET_DNS_NO_ADDRESS;
	case ARES_ENOTFOUND:
		return NET_DNS_NO_NAME;
	case ARES_ETIMEOUT:
		return NET_DNS_TIMEOUT;
	case ARES_EBADNAME:
		return NET_DNS_BAD_NAME;
	case ARES_ENOMEM:
		return NET_DNS_SHORT;
	case ARES_ECONNREFUSED:
		return is_short_of_descriptors() ? NET_DNS_SHORT : NET_DNS_REFUSED;
	default:
		return NET_DNS_REFUSED;
	}
}

static bool keep_addresses(struct dns_entry *e, const struct dns_answer *a)
{
	free(e->address);
	e->address = NULL;
	e->count = 0;
	if (a->count == 0)
		return true;
	e->address = calloc(a->count, sizeof *e->address);
	if (!e->address)
		return false;
	memcpy(e->address, a->address, a->count * sizeof *e->address);
	e->count = (uint8_t)a->count;
	return true;
}

static nanos ttl_within(uint32_t ttl, uint32_t most)
{
	return (ttl < 1 ? 1 : ttl > most ? most : ttl) * NANOS_PER_SECOND;
}

/* The last word about a name. */
static void take_answer(struct dns_entry *e, enum net_dns_status status, struct slice message)
{
	struct dns_answer a = { .count = 0 };
	if (status != NET_DNS_OK && e->no_such_name)
		status = NET_DNS_NO_NAME; /* which a broken domain of the search list can't undo */
	bool known = status <= NET_DNS_NO_ADDRESS;
	if (known && message.len && !dns_answer_read(message, e->family, &a)) {
		status = NET_DNS_REFUSED;
		known = false;
	}
	if (status == NET_DNS_OK && a.count == 0)
		status = NET_DNS_NO_ADDRESS; /* an alias that leads nowhere */
	if (status != NET_DNS_OK)
		a.count = 0;
	if (!keep_addresses(e, &a))
		finish(e, NET_DNS_SHORT, 0);
	else if (status == NET_DNS_OK)
		finish(e, status, ttl_within(a.ttl, MOST_TTL));
	else if (known && a.ttl)
		finish(e, status, ttl_within(a.ttl, MOST_NEGATIVE_TTL));
	else
		finish(e, status, FAILURE_TTL);
}

static void on_answer(void *arg, int code, int timeouts, unsigned char *message, int len)
{
	struct dns_entry *e = arg;
	(void)timeouts;
	if (code == ARES_EDESTRUCTION)
		return; /* asked again by a new channel, or freed */
	enum net_dns_status status = status_of(code);
	bool own = e->absolute || e->candidate == own_place(e);
	if (own && status == NET_DNS_NO_NAME)
		e->no_such_name = true;
	if (status == NET_DNS_NO_NAME || (status == NET_DNS_REFUSED && !own)) {
		e->candidate++;
		if (ask_candidate(e))
			return;
	}
	take_answer(e, status, (struct slice){ message, message ? (size_t)len : 0 });
}

/* ---- the channel -------------------------------------------------------------------------- */

void dns_schedule(struct net_dns *dns)
{
	struct timeval tv;
	if (dns->answered)
		net_timer_set_fine(dns->loop, &dns->timer, net_now(dns->loop));
	else if (dns->channel && ares_timeout(dns->channel, NULL, &tv))
		net_timer_set(dns->loop, &dns->timer,
			      net_now(dns->loop) + tv.tv_sec * NANOS_PER_SECOND +
				      tv.tv_usec * (NANOS_PER_MS / 1000));
	else
		net_timer_stop(dns->loop, &dns->timer);
}

static void process(struct net_dns *dns, int readable, int writable)
{
	if (dns->channel)
		ares_process_fd(dns->channel, readable, writable);
	dns_tell_answered(dns);
	dns_schedule(dns);
}

static void on_socket(struct net_watch *w, unsigned what)
{
	struct dns_socket *s = (struct dns_socket *)w;
	int fd = w->fd; /* s may be gone when c-ares has read */
	process(s->dns, what & NET_READABLE ? fd : ARES_SOCKET_BAD,
		what & NET_WRITABLE ? fd : ARES_SOCKET_BAD);
}

void dns_on_timer(struct net_timer *t)
{
	struct net_dns *dns = (struct net_dns *)((char *)t - offsetof(struct net_dns, timer));
	process(dns, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct net_dns *dns = data;
	struct dns_socket **at = &dns->socket;
	while (*at && (*at)->watch.fd != fd)
		at = &(*at)->next;
	struct dns_socket *s = *at;
	if (!readable && !writable) {
		if (!s)
			return;
		net_watch_stop(dns->loop, &s->watch);
		*at = s->next;
		free(s);
		return;
	}
	if (!s) {
		s = calloc(1, sizeof *s);
		if (!s)
			return; /* its answers are lost, and c-ares asks again */
		*s = (struct dns_socket){ .watch = { .ready = on_socket, .fd = fd }, .dns = dns };
		*at = s;
	}
	net_watch_level(dns->loop, &s->watch,
			(readable ? NET_READABLE : 0u) | (writable ? NET_WRITABLE : 0u));
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* c-ares takes what makes its questions hard to guess from /dev/urandom, and where it must not open
 * that (a chroot, Landlock) from rand(3) as it stands. */
static void init_library(void)
{
	unsigned seed;
	if (getrandom(&seed, sizeof seed, 0) == sizeof seed)
		srand(seed);
	ares_library_init(ARES_LIB_INIT_ALL);
}

static bool open_channel(struct net_dns *dns)
{
	if (dns->channel)
		return true;
	struct ares_options options = {
		.flags = ARES_FLAG_NOALIASES,
		.timeout = TRY_MS,
		.tries = TRIES,
		.lookups = (char *)"b",
		.sock_state_cb = on_state,
		.sock_state_cb_data = dns,
		.resolvconf_path = (char *)dns->resolv_path,
	};
	int known;
	pthread_once(&library_once, init_library);
	if (ares_init_options(&dns->channel, &options,
			      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				      ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
				      ARES_OPT_RESOLVCONF) != ARES_SUCCESS) {
		dns->channel = NULL;
		return false;
	}
	if ((dns->server && ares_set_servers_ports(dns->channel, dns->server) != ARES_SUCCESS) ||
	    ares_save_options(dns->channel, &dns->system, &known) != ARES_SUCCESS) {
		ares_destroy(dns->channel);
		dns->channel = NULL;
		return false;
	}
	return true;
}

void dns_close_channel(struct net_dns *dns)
{
	if (!dns->channel)
		return;
	ares_destroy(dns->channel);
	dns->channel = NULL;
	ares_destroy_options(&dns->system);
	dns->system = (struct ares_options){ 0 };
}

void dns_start(struct dns_entry *e)
{
	e->candidate = 0;
	e->no_such_name = false;
	if (!open_channel(e->dns))
		finish(e, NET_DNS_SHORT, 0);
	else if (!ask_candidate(e))
		finish(e, NET_DNS_BAD_NAME, FAILURE_TTL);
}

/* ---- the servers -------------------------------------------------------------------------- */

bool dns_copy_servers(struct net_dns *dns, const struct net_dns_options *options)
{
	if (!options->servers)
		return true;
	dns->server = calloc(options->servers, sizeof *dns->server);
	if (!dns->server)
		return false;
	for (size_t i = 0; i < options->servers; i++) {
		const struct address *a = &options->server[i];
		struct ares_addr_port_node *to = &dns->server[i];
		to->next = i + 1 < options->servers ? to + 1 : NULL;
		to->family = address_is_v4(a) ? AF_INET : AF_INET6;
		to->udp_port = to->tcp_port = a->port;
		if (address_is_v4(a))
			memcpy(&to->addr.addr4, a->ip + 12, 4);
		else
			memcpy(&to->addr.addr6, a->ip, 16);
	}
	return true;
}
