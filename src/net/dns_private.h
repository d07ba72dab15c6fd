/* What the files of the resolver share: dns.c, questions, the cache and the system's files;
 * dns_servers.c, which alone speaks with c-ares. */
#ifndef NET_DNS_PRIVATE_H
#define NET_DNS_PRIVATE_H

#include "net/dns.h"
#include "net/dns_cache.h"
#include "net/hosts.h"
#include "net/watch.h"

#include <ares.h>
#include <sys/stat.h>

struct file_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct net_dns {
	struct net_loop *loop;
	const char *hosts_path, *resolv_path;
	struct ares_addr_port_node *server; /* NULL: the system's */
	nanos timeout, look_at;
	struct file_stamp hosts_stamp, resolv_stamp;
	struct hosts *hosts;
	ares_channel channel;       /* NULL until a server has to be asked: it takes 80 KiB */
	struct ares_options system; /* the search list, while there is a channel */
	struct dns_socket *socket;
	struct net_timer timer; /* c-ares' own time-outs, and answers that wait to be told */
	struct dns_cache cache;
	struct dns_entry *answered, **answered_end;
	struct net_question *telling; /* those of one answer that were not told yet */
	struct net_dns_counts counts;
};

/* dns.c: tells what c-ares has brought; never from within c-ares, nor from within a question. */
void dns_tell_answered(struct net_dns *dns);

/* dns_servers.c */
bool dns_copy_servers(struct net_dns *dns, const struct net_dns_options *options);
/* Asks for a name. What comes of it, now or later, stands in dns->answered. */
void dns_start(struct dns_entry *e);
/* When to look at c-ares, or at what it left to tell. */
void dns_schedule(struct net_dns *dns);
void dns_on_timer(struct net_timer *t); /* dns->timer's */
void dns_close_channel(struct net_dns *dns);

#endif
