/* wiresend: puts the packets of a capture on an interface, over and over, at a rate.
 *
 *   wiresend -i IFACE [-r MEGABITS_A_SECOND] [-t SECONDS] [-n TIMES] FILE.pcap
 *
 * For `viaduct watch` at speed. FILE is what capgen writes: classic pcap, Ethernet, this machine's
 * byte order. It sends as fast as the rate says (0, the default: as fast as it goes), until the
 * seconds are over or the file was sent so often (once), and prints
 *
 *   packets bytes seconds refused
 *
 * Packets go past the queueing discipline, 64 with a call; on a veth the kernel hands them to the
 * other end in the caller's time. What the kernel refuses is sent again, for a second. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, FILE_HEAD = 24, PACKET_HEAD = 16 };

struct file {
	const uint8_t *at;
	size_t len, next;
};

struct rate {
	double bytes_a_second; /* 0: any */
	double start;
	uint64_t packets, bytes, refused;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct file map(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < FILE_HEAD)
		die(path);
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	close(fd);
	return (struct file){ at, (size_t)st.st_size, FILE_HEAD };
}

static int open_wire(const char *interface)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, room = 4 << 20;
	to.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (void *)&to, sizeof to) != 0)
		die(interface);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	return fd;
}

/* The next packets of the file; 0 at its end. */
static unsigned take(struct file *f, struct mmsghdr *message, struct iovec *part)
{
	unsigned n = 0;
	for (; n < BATCH && f->len - f->next > PACKET_HEAD; n++) {
		uint32_t len;
		memcpy(&len, f->at + f->next + 8, sizeof len);
		if (len > f->len - f->next - PACKET_HEAD)
			break;
		part[n] = (struct iovec){ (void *)(f->at + f->next + PACKET_HEAD), len };
		message[n] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &part[n], .msg_iovlen = 1 } };
		f->next += PACKET_HEAD + len;
	}
	return n;
}

static void send_all(int fd, struct mmsghdr *message, unsigned count, struct rate *r)
{
	double moved = now();
	for (unsigned n = 0; n < count;) {
		int sent = sendmmsg(fd, message + n, count - n, 0);
		if (sent <= 0 && errno != ENOBUFS && errno != EAGAIN)
			die("send");
		r->refused += sent <= 0;
		if (sent > 0)
			moved = now();
		else if (now() - moved > 1)
			die("nothing goes out");
		for (int i = 0; i < sent; i++)
			r->bytes += message[n + (unsigned)i].msg_hdr.msg_iov->iov_len;
		n += sent > 0 ? (unsigned)sent : 0;
	}
	r->packets += count;
}

/* Until what was sent is due. */
static void keep_rate(const struct rate *r)
{
	while (r->bytes_a_second > 0 && (double)r->bytes > (now() - r->start) * r->bytes_a_second) {
		struct timespec moment = { .tv_nsec = 50000 };
		nanosleep(&moment, NULL);
	}
}

int main(int argc, char **argv)
{
	static struct mmsghdr message[BATCH];
	static struct iovec part[BATCH];
	const char *interface = NULL;
	double seconds = 1e9, megabits = 0;
	long times = 1;
	for (int c; (c = getopt(argc, argv, "i:r:t:n:")) != -1;) {
		if (c == 'i')
			interface = optarg;
		else if (c == 'r')
			megabits = atof(optarg);
		else if (c == 't')
			seconds = atof(optarg), times = 1L << 40;
		else if (c == 'n')
			times = atol(optarg);
	}
	if (!interface || optind + 1 != argc) {
		fprintf(stderr,
			"usage: wiresend -i IFACE [-r MBIT] [-t SECONDS] [-n TIMES] FILE\n");
		return 2;
	}
	struct file f = map(argv[optind]);
	int fd = open_wire(interface);
	struct rate r = { .bytes_a_second = megabits * 1e6 / 8, .start = now() };
	while (times > 0 && now() - r.start < seconds) {
		unsigned count = take(&f, message, part);
		send_all(fd, message, count, &r);
		keep_rate(&r);
		if (count < BATCH) {
			f.next = FILE_HEAD;
			times--;
		}
	}
	printf("%llu %llu %.3f %llu\n", (unsigned long long)r.packets, (unsigned long long)r.bytes,
	       now() - r.start, (unsigned long long)r.refused);
	return 0;
}
