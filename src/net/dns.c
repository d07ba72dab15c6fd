/* The resolver: names that need no server, the cache, and the questions that wait for an answer. */
#include "net/dns_private.h"

#include "net/dns_name.h"

#include <errno.h>
#include <stdlib.h>

enum { CACHE = 4096 };

static const nanos TIMEOUT = 10 * NANOS_PER_SECOND;
static const nanos LOOK_AGAIN = 5 * NANOS_PER_SECOND; /* at the files */

/* ---- telling ------------------------------------------------------------------------------ */

static void tell_all(struct net_dns *dns, struct net_question *waiting,
		     const struct net_addresses *answer)
{
	dns->telling = waiting;
	for (struct net_question *q = waiting; q; q = q->next)
		q->asked = &dns->telling;
	while (dns->telling) {
		struct net_question *q = dns->telling;
		dns->telling = q->next;
		q->asked = NULL;
		q->answered(q, answer);
	}
}

static void read_entry(const struct dns_entry *e, struct net_addresses *ret_addresses)
{
	*ret_addresses = (struct net_addresses){ .status = e->status, .count = e->count };
	if (e->count)
		memcpy(ret_addresses->address, e->address, e->count * sizeof *e->address);
}

void dns_tell_answered(struct net_dns *dns)
{
	while (dns->answered) {
		struct dns_entry *e = dns->answered;
		struct net_question *waiting = e->waiting;
		struct net_addresses answer;
		dns->answered = e->next;
		if (!dns->answered)
			dns->answered_end = &dns->answered;
		net_timer_stop(dns->loop, &e->deadline);
		e->waiting = NULL;
		read_entry(e, &answer);
		if (e->status == NET_DNS_SHORT)
			dns_cache_remove(&dns->cache, e);
		else
			dns_cache_keep(&dns->cache, e);
		tell_all(dns, waiting, &answer);
	}
}

static void on_deadline(struct net_timer *t)
{
	struct dns_entry *e =
		(struct dns_entry *)((char *)t - offsetof(struct dns_entry, deadline));
	struct net_question *waiting = e->waiting;
	e->waiting = NULL; /* c-ares goes on: what it brings may be of use to the next who asks */
	e->dns->counts.failed++;
	tell_all(e->dns, waiting, &(struct net_addresses){ .status = NET_DNS_TIMEOUT });
}

/* ---- the files ---------------------------------------------------------------------------- */

/* True when the file is another than when this was called last. */
static bool has_changed(const char *path, struct file_stamp *stamp)
{
	struct stat st;
	struct file_stamp now = { .size = -1 };
	if (stat(path, &st) == 0)
		now = (struct file_stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
	if (now.dev == stamp->dev && now.ino == stamp->ino && now.size == stamp->size &&
	    now.changed.tv_sec == stamp->changed.tv_sec &&
	    now.changed.tv_nsec == stamp->changed.tv_nsec)
		return false;
	*stamp = now;
	return true;
}

/* All that was asked is asked again, of the new servers. */
static void change_servers(struct net_dns *dns)
{
	dns_cache_forget_kept(&dns->cache);
	if (!dns->channel)
		return;
	dns_close_channel(dns);
	for (size_t i = 0; i < dns->cache.buckets; i++)
		for (struct dns_entry *e = dns->cache.bucket[i]; e; e = e->same_hash)
			if (e->state == DNS_ASKING)
				dns_start(e);
	dns_schedule(dns);
}

static void look_at_files(struct net_dns *dns)
{
	if (net_now(dns->loop) < dns->look_at)
		return;
	dns->look_at = net_now(dns->loop) + LOOK_AGAIN;
	if (has_changed(dns->hosts_path, &dns->hosts_stamp) || !dns->hosts) {
		struct hosts *fresh = hosts_load(dns->hosts_path);
		if (fresh) {
			hosts_free(dns->hosts);
			dns->hosts = fresh;
		}
	}
	if (has_changed(dns->resolv_path, &dns->resolv_stamp))
		change_servers(dns);
}

/* ---- questions ---------------------------------------------------------------------------- */

static struct net_addresses one_address(struct address a, enum net_family family)
{
	bool fits = address_is_v4(&a) == (family == NET_V4);
	struct net_addresses answer = { .status = fits ? NET_DNS_OK : NET_DNS_NO_ADDRESS,
					.count = fits };
	answer.address[0] = a;
	return answer;
}

static struct net_addresses loopback(enum net_family family)
{
	static const struct address v4 = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 } },
				    v6 = { .ip = { [15] = 1 } };
	return one_address(family == NET_V4 ? v4 : v6, family);
}

/* What can be said without a server and without what one said. */
static bool answer_at_once(struct net_dns *dns, enum dns_kind kind, const struct dns_name *name,
			   enum net_family family, struct net_addresses *ret_answer)
{
	struct slice text = { (const uint8_t *)name->text, name->len };
	switch (kind) {
	case DNS_LITERAL:
		*ret_answer = one_address(name->literal, family);
		return true;
	case DNS_LOOPBACK:
		*ret_answer = loopback(family);
		return true;
	case DNS_NEVER:
		*ret_answer = (struct net_addresses){ .status = NET_DNS_NO_NAME };
		return true;
	case DNS_BAD:
		*ret_answer = (struct net_addresses){ .status = NET_DNS_BAD_NAME };
		return true;
	case DNS_ASK:
		break;
	}
	return dns->hosts && hosts_find(dns->hosts, slice_first(text, text.len - name->absolute),
					family, ret_answer);
}

static void wait_for(struct dns_entry *e, struct net_question *q)
{
	q->next = e->waiting;
	q->asked = &e->waiting;
	e->waiting = q;
}

/* The entry that has the answer, or to which it will come; NULL: no memory. */
static struct dns_entry *find_or_ask(struct net_dns *dns, const struct dns_name *name,
				     enum net_family family)
{
	struct slice text = { (const uint8_t *)name->text, name->len };
	struct dns_entry *e = dns_cache_find(&dns->cache, text, family);
	if (e && (e->state != DNS_KEPT || net_now(dns->loop) < e->expires))
		return e;
	if (e) {
		dns_cache_unkeep(&dns->cache, e);
	} else {
		e = dns_cache_add(&dns->cache, text, family);
		if (!e)
			return NULL;
		e->dns = dns;
		e->dots = (uint8_t)name->dots;
		e->absolute = name->absolute;
		e->deadline.fire = on_deadline;
	}
	dns_start(e);
	dns_schedule(dns);
	return e;
}

bool net_dns_ask(struct net_dns *dns, struct slice name, enum net_family family,
		 struct net_question *q)
{
	struct net_addresses answer;
	struct dns_name read;
	enum dns_kind kind = dns_name_read(name, &read);
	q->asked = NULL;
	dns->counts.asked++;
	if (kind == DNS_ASK)
		look_at_files(dns);
	if (answer_at_once(dns, kind, &read, family, &answer)) {
		q->answered(q, &answer);
		return true;
	}
	struct dns_entry *e = find_or_ask(dns, &read, family);
	if (e && e->state != DNS_KEPT) {
		if (!net_timer_is_set(&e->deadline))
			net_timer_set(dns->loop, &e->deadline, net_now(dns->loop) + dns->timeout);
		wait_for(e, q);
		return false;
	}
	if (e) {
		dns->counts.cached++;
		dns_cache_keep(&dns->cache, e);
		read_entry(e, &answer);
	} else {
		dns->counts.failed++;
		answer = (struct net_addresses){ .status = NET_DNS_SHORT };
	}
	q->answered(q, &answer);
	return true;
}

void net_dns_drop(struct net_question *q)
{
	if (!q->asked)
		return;
	struct net_question **at = q->asked;
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->asked = NULL;
}

/* ---- making and freeing ------------------------------------------------------------------- */

struct net_dns *net_dns_new(struct net_loop *loop, const struct net_dns_options *options,
			    struct error *err)
{
	struct net_dns *dns = calloc(1, sizeof *dns);
	if (!dns || !dns_cache_init(&dns->cache, options->cache ? options->cache : CACHE) ||
	    !dns_copy_servers(dns, options)) {
		net_dns_free(dns);
		err_set(err, -ENOMEM, "no memory for a resolver");
		return NULL;
	}
	dns->loop = loop;
	dns->hosts_path = options->hosts ? options->hosts : "/etc/hosts";
	dns->resolv_path = options->resolv_conf ? options->resolv_conf : "/etc/resolv.conf";
	dns->timeout = options->timeout ? options->timeout : TIMEOUT;
	dns->look_at = NO_TIME;
	dns->answered_end = &dns->answered;
	dns->timer.fire = dns_on_timer;
	return dns;
}

void net_dns_free(struct net_dns *dns)
{
	if (!dns)
		return;
	dns_close_channel(dns);
	net_timer_stop(dns->loop, &dns->timer);
	for (size_t i = 0; dns->cache.bucket && i < dns->cache.buckets; i++)
		for (struct dns_entry *e = dns->cache.bucket[i]; e; e = e->same_hash)
			net_timer_stop(dns->loop, &e->deadline);
	dns_cache_done(&dns->cache);
	hosts_free(dns->hosts);
	free(dns->server);
	free(dns);
}

struct net_dns_counts net_dns_counts(const struct net_dns *dns)
{
	struct net_dns_counts counts = dns->counts;
	counts.kept = dns->cache.count;
	return counts;
}
