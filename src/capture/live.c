/* An interface as a capture. */
#include "capture/live.h"

#include "base/escape.h"
#include "base/nearest.h"
#include "capture/form.h"
#include "capture/libpcap.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SNAP = 262144,
	LATEST_MS = 100, /* a packet is handed out, and an empty batch */
	MAX_NAMES = 256,
	RAW_OF_LINUX = 12, /* DLT_RAW, which is LINKTYPE_RAW in files */
	RAW = 101,
};

static const nanos COUNT_EVERY = NANOS_PER_SECOND;

struct live {
	const struct libpcap *lib;
	pcap_t *handle;
	char name[64]; /* safe to show */
	int flags_of;  /* a socket to ask for the interface's flags; -1: "any" has none */
	char interface[IFNAMSIZ];
	uint32_t link;
	nanos unit; /* of the fraction in a time stamp */
	volatile sig_atomic_t stop;
	nanos end; /* of the packets that were on their way when it was told to stop; 0: not yet */
	nanos counted_at;
	struct pcap_stat last; /* numbers of 32 bits, which wrap */
	struct capture_live_counts counts;
};

static nanos now_of(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * NANOS_PER_SECOND + t.tv_nsec;
}

/* ---- counting -------------------------------------------------------------------------------- */

static bool is_down(const struct live *l)
{
	struct ifreq r = { 0 };
	if (l->flags_of < 0)
		return false;
	memcpy(r.ifr_name, l->interface, sizeof r.ifr_name);
	return ioctl(l->flags_of, SIOCGIFFLAGS, &r) == 0 && !(r.ifr_flags & IFF_UP);
}

static void count(struct live *l)
{
	struct pcap_stat s;
	l->counts.down = is_down(l);
	if (l->lib->pcap_stats(l->handle, &s) != 0)
		return;
	l->counts.dropped += (uint32_t)(s.ps_drop - l->last.ps_drop);
	l->counts.dropped_by_interface += (uint32_t)(s.ps_ifdrop - l->last.ps_ifdrop);
	l->last = s;
}

static void count_now_and_then(struct live *l)
{
	nanos now = now_of(CLOCK_MONOTONIC);
	if (now - l->counted_at < COUNT_EVERY)
		return;
	l->counted_at = now;
	count(l);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void take(struct capture *c, struct capture_batch *b, const struct pcap_pkthdr *head,
		 const uint8_t *data)
{
	const struct live *l = c->live;
	uint8_t *at = c->bytes.block->data + c->bytes.at;
	memcpy(at, data, head->caplen);
	b->packet[b->count++] = (struct capture_packet){
		.at = head->ts.tv_sec * NANOS_PER_SECOND + head->ts.tv_usec * l->unit,
		.frame = ++c->frame,
		.data = { at, head->caplen },
		.wire_len = head->len,
		.link = l->link,
	};
	c->bytes.at += head->caplen;
	c->bytes.end = c->bytes.at;
}

/* The kernel hands packets over a little late, so those of the last moment are waited for. */
static bool is_over(struct live *l)
{
	nanos now = l->stop ? now_of(CLOCK_MONOTONIC) : 0;
	if (l->stop && l->end == 0)
		l->end = now + 2 * LATEST_MS * NANOS_PER_MS;
	return l->stop && now >= l->end;
}

static bool has_room(const struct capture *c, const struct capture_batch *b)
{
	return b->count < CAPTURE_BATCH && c->bytes.block->room - c->bytes.at >= CAPTURE_MAX_PACKET;
}

static int fill(struct capture *c, struct capture_batch *b, struct error *err)
{
	struct live *l = c->live;
	const struct libpcap *lib = l->lib;
	struct pollfd p = { .fd = lib->pcap_get_selectable_fd(l->handle), .events = POLLIN };
	struct pcap_pkthdr *head;
	const uint8_t *data;
	int got = bytes_make_room(&c->bytes, CAPTURE_MAX_PACKET, err);
	if (got < 0)
		return got;
	if (is_over(l)) {
		count(l);
		return 0;
	}
	got = lib->pcap_next_ex(l->handle, &head, &data);
	if (got == 0 && poll(&p, 1, LATEST_MS) > 0)
		got = lib->pcap_next_ex(l->handle, &head, &data);
	while (got > 0) {
		if (head->caplen <= SNAP)
			take(c, b, head, data);
		if (!has_room(c, b))
			break;
		got = lib->pcap_next_ex(l->handle, &head, &data);
	}
	if (got < 0)
		return err_set(err, -EIO, "%s: %s", l->name, lib->pcap_geterr(l->handle));
	b->until = got > 0 && b->count ? b->packet[b->count - 1].at : now_of(CLOCK_REALTIME);
	count_now_and_then(l);
	return 1;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* "; did you mean 'eth0'? There are eth0, lo", as far as there is room. */
static int no_interface(const struct live *l, struct error *err)
{
	const char *names[MAX_NAMES] = { "any" };
	size_t count = 1;
	struct if_nameindex *all = if_nameindex();
	for (size_t i = 0; all && all[i].if_name && count < MAX_NAMES; i++)
		names[count++] = all[i].if_name;
	const char *near = nearest_word(l->name, names, count);
	int code = err_set(err, -ENODEV, "there is no interface %s%s%s%s; there are", l->name,
			   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(err->text);
		snprintf(err->text + len, sizeof err->text - len, "%s %s", i ? "," : "", names[i]);
	}
	if_freenameindex(all);
	return code;
}

static int not_activated(struct live *l, int status, struct error *err)
{
	const char *said = l->lib->pcap_geterr(l->handle);
	switch (status) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return no_interface(l, err);
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return err_set(err, -EPERM,
			       "%s may not be listened to: that takes CAP_NET_RAW; run it as root, "
			       "or give the program that capability (setcap cap_net_raw+ep)",
			       l->name);
	case PCAP_ERROR_IFACE_NOT_UP:
		return err_set(err, -ENETDOWN, "%s is down; ip link set %s up", l->name, l->name);
	}
	return err_set(err, -EIO, "%s can't be listened to: %s%s%s", l->name,
		       l->lib->pcap_statustostr(status), *said ? ": " : "", said);
}

static int set_filter(struct live *l, const char *filter, struct error *err)
{
	struct bpf_program program;
	char shown[160];
	if (!filter)
		return 0;
	if (l->lib->pcap_compile(l->handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return err_set(err, -EINVAL, "the filter '%s': %s",
			       escape_into(shown, sizeof shown, slice_of(filter)),
			       l->lib->pcap_geterr(l->handle));
	int set = l->lib->pcap_setfilter(l->handle, &program);
	l->lib->pcap_freecode(&program);
	if (set != 0)
		return err_set(err, -EIO, "%s takes no filter: %s", l->name,
			       l->lib->pcap_geterr(l->handle));
	return 0;
}

static int activate(struct live *l, const struct capture_live_options *o, struct error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	const struct libpcap *lib = l->lib;
	bool any = strcmp(o->interface, "any") == 0;
	l->handle = lib->pcap_create(o->interface, text);
	if (!l->handle)
		return err_set(err, -EIO, "%s can't be listened to: %s", l->name, text);
	lib->pcap_set_snaplen(l->handle, SNAP);
	lib->pcap_set_promisc(l->handle, !any);
	lib->pcap_set_timeout(l->handle, LATEST_MS);
	lib->pcap_set_buffer_size(l->handle, o->buffer < INT_MAX ? (int)o->buffer : INT_MAX);
	lib->pcap_set_tstamp_precision(l->handle, PCAP_TSTAMP_PRECISION_NANO);
	int status = lib->pcap_activate(l->handle);
	if (status < 0)
		return not_activated(l, status, err);
	if (any) /* cooked v2 says of which interface; where the kernel has it not, v1 will do */
		lib->pcap_set_datalink(l->handle, DLT_LINUX_SLL2);
	l->link = (uint32_t)lib->pcap_datalink(l->handle);
	l->link = l->link == RAW_OF_LINUX ? RAW : l->link;
	bool fine = lib->pcap_get_tstamp_precision(l->handle) == PCAP_TSTAMP_PRECISION_NANO;
	l->unit = fine ? 1 : 1000;
	if (!any) {
		snprintf(l->interface, sizeof l->interface, "%s", o->interface);
		l->flags_of = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	status = set_filter(l, o->filter, err);
	if (status == 0 && lib->pcap_setnonblock(l->handle, 1, text) != 0)
		status = err_set(err, -EIO, "%s: %s", l->name, text);
	return status;
}

static struct live *live_new(const struct capture_live_options *o, struct error *err)
{
	const struct libpcap *lib = libpcap_open(err);
	struct live *l = lib ? calloc(1, sizeof *l) : NULL;
	if (!l) {
		if (lib)
			err_set(err, -ENOMEM, "no memory to listen");
		return NULL;
	}
	l->lib = lib;
	l->flags_of = -1;
	escape_into(l->name, sizeof l->name, slice_of(o->interface));
	if (activate(l, o, err) == 0)
		return l;
	live_free(l);
	return NULL;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	if (l->handle)
		l->lib->pcap_close(l->handle);
	if (l->flags_of >= 0)
		close(l->flags_of);
	free(l);
}

struct capture *capture_open_live(const struct capture_live_options *options, struct error *err)
{
	struct capture *c = calloc(1, sizeof *c);
	if (!c) {
		err_set(err, -ENOMEM, "no memory to open a capture");
		return NULL;
	}
	c->kind = CAPTURE_LIVE;
	c->fill = fill;
	c->path = strdup(options->interface);
	c->live = c->path ? live_new(options, err) : NULL;
	if (c->live)
		return c;
	capture_close(c);
	return NULL;
}

void capture_live_stop(struct capture *c)
{
	c->live->stop = 1;
}

struct capture_live_counts capture_live_counts(const struct capture *c)
{
	return c->live->counts;
}
