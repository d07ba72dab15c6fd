/* proxyload: a load generator for explicit (forward) HTTP proxies, and the origin it loads them
 * with.
 *
 *   proxyload origin --port P [--threads T]
 *   proxyload connect-rate --proxy H:P --target H:P -c CONC -d SECS [-n COUNT]
 *   proxyload bulk         --proxy H:P --target H:P -c CONC --bytes N [--verify]
 *   proxyload get-rate     --proxy H:P --target H:P -c CONC -d SECS --size N [--keepalive]
 *   proxyload idle         --proxy H:P --target H:P -n N [-c OPENING_AT_ONCE] [--hold SECS]
 *
 * Every load mode also takes
 *   --direct            no proxy: talk to --target at once (the floor, or a relay to a fixed one)
 *   --digest u:p        send Proxy-Authorization: Digest (MD5 or SHA-256, as the proxy asks)
 *   --sources K         bind in turn to 127.0.0.2 .. 127.0.0.(K+1): more than 64 K client ports
 *   --targets K         ask in turn for K consecutive addresses: more than 64 K ports to them
 *   --timeout SECS      give up on a connection that makes no progress (10)
 *   --pid A,B / --pidtree P   charge these processes (or P and its descendants)
 *   --cpu N             also report how busy core N was (all of it: other processes, softirq)
 *   --label S, --json   name the run; print one JSON object instead of lines
 *
 * One thread, edge-triggered epoll. Latencies go to a log-linear histogram (buckets 3 % wide). CPU
 * is utime+stime (live threads, dead threads and reaped children), read before the first byte and
 * again after a settling time past the last close, so that tear-down is charged too. IPv4 only; the
 * target is sent as a literal, so no proxy resolves a name. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy/hash.h"

#define BUF      (256u << 10)       /* the origin's pattern and the largest single send */
#define ECHO_MSG "0123456789abcdef" /* what connect-rate and the idle probe echo */
#define ECHO_LEN 16u

static char pattern[2 * BUF]; /* doubled, so that any offset has BUF bytes after it */

enum mode { CONNECT_RATE, BULK, GET_RATE, IDLE };
static struct {
	enum mode mode;
	const char *mode_name, *label, *digest, *pids;
	struct sockaddr_in proxy, target;
	bool has_proxy, has_target, direct, keepalive, json, verify, has_n;
	int conc, threads, port, sources, targets, pidtree, cpu;
	double secs, hold, timeout;
	uint64_t n, bytes, size;
} opt = { .conc = 1,
	  .threads = 2,
	  .targets = 1,
	  .secs = 5,
	  .hold = 2,
	  .timeout = 10,
	  .size = 1024,
	  .bytes = 1u << 30,
	  .label = "",
	  .pidtree = 0,
	  .cpu = -1 };

static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fill_pattern(void) /* not periodic in any power of two below BUF */
{
	uint32_t x = 2463534242u;
	for (size_t i = 0; i < BUF; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		pattern[i] = pattern[i + BUF] = (char)x;
	}
}

/* ---- output: one list of keys, lines or JSON ------------------------------------------------- */
static int out_n;
__attribute__((format(printf, 2, 3))) static void out(const char *key, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	printf(opt.json ? "%s\"%s\":" : "%s%-20s ", opt.json ? (out_n++ ? "," : "{") : "", key);
	vprintf(fmt, ap);
	va_end(ap);
	if (!opt.json)
		putchar('\n');
}

/* ---- latency histogram: 32 buckets per octave ------------------------------------------------ */
#define SUB 64u
static uint64_t hist_setup[SUB * 64], hist_full[SUB * 64], max_setup, max_full;

static void record(uint64_t *hist, uint64_t *max, uint64_t ns)
{
	unsigned e = ns < SUB ? 0
			      : 63u - (unsigned)__builtin_clzll(ns) -
					5u; /* ns >> e lies in [SUB/2, SUB) */
	hist[e * SUB + (ns >> e)]++;
	if (ns > *max)
		*max = ns;
}

static double quantile_us(const uint64_t *hist, double q)
{
	uint64_t total = 0, seen = 0;
	for (unsigned i = 0; i < SUB * 64; i++)
		total += hist[i];
	for (unsigned i = 0; i < SUB * 64; i++)
		if (hist[i] && (double)(seen += hist[i]) >= q * (double)total)
			return (double)((uint64_t)(i % SUB) << (i / SUB)) / 1e3;
	return 0;
}

static void out_latency(const char *what, const uint64_t *hist, uint64_t max)
{
	char key[64];
	const struct {
		const char *name;
		double q;
	} qs[] = { { "p50", .5 }, { "p99", .99 }, { "p999", .999 } };
	for (size_t i = 0; i < 3; i++) {
		snprintf(key, sizeof key, "%s_%s_us", what, qs[i].name);
		out(key, "%.1f", quantile_us(hist, qs[i].q));
	}
	snprintf(key, sizeof key, "%s_max_us", what);
	out(key, "%.1f", (double)max / 1e3);
}

/* ---- what the proxy and the machine spend ---------------------------------------------------- */
struct usage {
	double cpu, user; /* seconds: the processes, and their user-mode part (sampled by tick) */
	double core, machine, steal; /* seconds: core --cpu, all cores, stolen */
	uint64_t rss_kb, pss_kb, avail_kb;
	int procs, threads;
};

static bool proc_stat(int pid, int *ppid, double *cpu, double *user, int *threads)
{
	char path[64], line[1024], *p;
	unsigned long ut, st;
	long cut, cst, nthr;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	bool ok = fgets(line, sizeof line, f) && (p = strrchr(line, ')')) &&
		  sscanf(p + 2,
			 "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %ld",
			 ppid, &ut, &st, &cut, &cst, &nthr) == 6;
	fclose(f);
	if (ok) {
		double tick = (double)sysconf(_SC_CLK_TCK);
		*cpu = (double)(ut + st + (unsigned long)cut + (unsigned long)cst) / tick;
		*user = (double)(ut + (unsigned long)cut) / tick;
		*threads = (int)nthr;
	}
	return ok;
}

static void add_process(struct usage *u, int pid, bool memory)
{
	int ppid, threads;
	double cpu, user;
	char path[64], line[256];
	unsigned long kb;
	if (!proc_stat(pid, &ppid, &cpu, &user, &threads))
		return;
	u->cpu += cpu, u->user += user, u->procs++, u->threads += threads;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
	FILE *f = memory ? fopen(path, "r") : NULL;
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "Rss: %lu", &kb) == 1)
			u->rss_kb += kb;
		else if (sscanf(line, "Pss: %lu", &kb) == 1)
			u->pss_kb += kb;
	}
	if (f)
		fclose(f);
}

static struct usage usage_now(bool memory)
{
	struct usage u = { 0 };
	char line[512], name[32];
	unsigned long v[8], kb;
	double tick = (double)sysconf(_SC_CLK_TCK);
	for (const char *p = opt.pids; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		add_process(&u, atoi(p), memory);
	if (opt.pidtree) { /* one pass over /proc, then mark descendants until nothing changes */
		static int pid[65536], ppid[65536];
		static bool in[65536];
		int n = 0, thr;
		double cpu, user;
		DIR *d = opendir("/proc");
		for (struct dirent *e; d && (e = readdir(d)) && n < 65536;)
			if (isdigit((unsigned char)e->d_name[0]) &&
			    proc_stat(atoi(e->d_name), &ppid[n], &cpu, &user, &thr)) {
				pid[n] = atoi(e->d_name);
				in[n] = pid[n] == opt.pidtree;
				n++;
			}
		if (d)
			closedir(d);
		for (bool more = true; more;) {
			more = false;
			for (int i = 0; i < n; i++)
				for (int j = 0; !in[i] && j < n; j++)
					if (in[j] && pid[j] == ppid[i])
						in[i] = more = true;
		}
		for (int i = 0; i < n; i++)
			if (in[i])
				add_process(&u, pid[i], memory);
	}
	FILE *f = fopen("/proc/stat", "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%31s %lu %lu %lu %lu %lu %lu %lu %lu", name, v, v + 1, v + 2,
			   v + 3, v + 4, v + 5, v + 6, v + 7) == 9 &&
		    !strncmp(name, "cpu", 3)) {
			double busy = (double)(v[0] + v[1] + v[2] + v[5] + v[6]) / tick;
			if (!name[3])
				u.machine = busy, u.steal = (double)v[7] / tick;
			else if (atoi(name + 3) == opt.cpu)
				u.core = busy;
		}
	if (f)
		fclose(f);
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %lu", &kb) == 1)
			u.avail_kb = kb;
	if (f)
		fclose(f);
	return u;
}

static void out_usage(const struct usage *a, const struct usage *b, double per, const char *unit,
		      double scale)
{
	char key[64];
	struct rusage self;
	getrusage(RUSAGE_SELF, &self);
	if (opt.pids || opt.pidtree) {
		out("proxy_cpu_s", "%.2f", b->cpu - a->cpu);
		snprintf(key, sizeof key, "cpu_%s", unit);
		out(key, "%.3f", per > 0 ? (b->cpu - a->cpu) * scale / per : 0);
		out("cpu_user_share", "%.3f",
		    b->cpu > a->cpu ? (b->user - a->user) / (b->cpu - a->cpu) : 0);
		out("procs", "%d", b->procs);
		out("threads", "%d", b->threads);
		out("rss_kb", "%" PRIu64, b->rss_kb);
		out("pss_kb", "%" PRIu64, b->pss_kb);
	}
	if (opt.cpu >= 0) {
		out("core_busy_s", "%.2f", b->core - a->core);
		snprintf(key, sizeof key, "core_%s", unit);
		out(key, "%.3f", per > 0 ? (b->core - a->core) * scale / per : 0);
	}
	out("client_cpu_s", "%.2f",
	    (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec) +
		    (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec) / 1e6);
	out("machine_busy_s", "%.2f", b->machine - a->machine);
	out("steal_s", "%.2f", b->steal - a->steal);
}

/* ---- the client's connections ---------------------------------------------------------------- */
enum state { FREE, OPENING, HEADER, READY, ECHO, BODY, OPEN };
struct conn {
	int fd;
	enum state st;
	bool reused, until_eof, close_after;
	uint64_t t0, deadline, left,
		off;        /* t0: start of this tunnel or request; left: bytes still to come */
	uint32_t seq, hlen; /* seq picks the source and the target address */
	char hdr[2048];
};

static int ep;
static struct conn *conns;
static uint64_t started, connects, completed, completed_in_time, opened, stale, got_bytes, dropped;
static uint64_t t_begin, t_end, t_last;
static uint64_t errs_by_status[600];
static struct {
	const char *name;
	uint64_t n;
} errs[] = { { "refused", 0 },  { "reset", 0 },   { "timeout", 0 }, { "eof", 0 },
	     { "protocol", 0 }, { "corrupt", 0 }, { "other", 0 } };
enum err { REFUSED, RESET, TIMEOUT, EARLY_EOF, PROTOCOL, CORRUPT, OTHER };
static char rbuf[1u << 20];

static void start(struct conn *c);
static void on_ready(struct conn *c);

static void hang_up(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->st = FREE;
}

static void fail(struct conn *c, enum err kind)
{
	if (c->st == OPEN)
		dropped++;
	else
		errs[kind].n++;
	hang_up(c);
	c->deadline = now_ns() + 10000000u; /* the tick starts this slot again after 10 ms */
}

static void fail_errno(struct conn *c, int e)
{
	fail(c, e == ECONNREFUSED               ? REFUSED
		: e == ECONNRESET || e == EPIPE ? RESET
		: e == ETIMEDOUT                ? TIMEOUT
						: OTHER);
}

static void target_text(const struct conn *c, char *dst, size_t size)
{
	struct in_addr a = { htonl(ntohl(opt.target.sin_addr.s_addr) +
				   c->seq % (uint32_t)opt.targets) };
	snprintf(dst, size, "%s:%d", inet_ntoa(a), ntohs(opt.target.sin_port));
}

/* ---- Digest authentication (RFC 7616) --------------------------------------------------------
 * Every connection slot takes one of several nonces, so that the counts of one reach the proxy
 * nearly in order, as they do from a real client. */
enum { NONCES = 64 };

static struct nonce {
	char text[128];
	uint32_t count;
} nonces[NONCES];
static char realm[128];
static enum hash_kind hash_kind;

static void hash_text(char hex[HASH_MAX_HEX + 1], const char *text)
{
	uint8_t digest[HASH_MAX];
	struct slice part = slice_of(text);
	hash_parts(hash_kind, &part, 1, digest);
	hash_to_hex(digest, hash_size(hash_kind), (uint8_t *)hex);
	hex[2 * hash_size(hash_kind)] = '\0';
}

/* The value of a parameter of the challenge, which is quoted or a token. */
static bool challenge_value(const char *challenge, const char *name, char *into, size_t room)
{
	const char *at = strstr(challenge, name);
	if (!at)
		return false;
	at += strlen(name);
	at += *at == '"';
	size_t len = strcspn(at, "\",\r\n");
	snprintf(into, room, "%.*s", (int)len, at);
	return len < room;
}

/* Asks without credentials, and keeps the nonce of the 407. */
static void fetch_nonce(struct nonce *n)
{
	char answer[4096], algorithm[32] = "MD5";
	static const char ask[] = "GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
				  "Connection: close\r\n\r\n";
	size_t len = 0;
	ssize_t got;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&opt.proxy, sizeof opt.proxy) ||
	    send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) < 0)
		die("--digest: no connection to the proxy: %s", strerror(errno));
	while (len < sizeof answer - 1 &&
	       (got = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
		len += (size_t)got;
	close(fd);
	answer[len] = '\0';
	const char *challenge = strcasestr(answer, "\nProxy-Authenticate: Digest ");
	if (!challenge || !challenge_value(challenge, "nonce=", n->text, sizeof n->text) ||
	    !challenge_value(challenge, "realm=", realm, sizeof realm))
		die("--digest: the proxy does not ask for it");
	challenge_value(challenge, "algorithm=", algorithm, sizeof algorithm);
	hash_kind = strcmp(algorithm, "SHA-256") ? HASH_MD5 : HASH_SHA256;
}

static void fetch_nonces(void)
{
	for (int i = 0; opt.digest && i < NONCES; i++)
		fetch_nonce(&nonces[i]);
}

/* "" where no credentials are wanted. */
static const char *credentials(const struct conn *c, const char *method, const char *uri)
{
	static char field[1024];
	char text[1024], ha1[HASH_MAX_HEX + 1], ha2[HASH_MAX_HEX + 1], sum[HASH_MAX_HEX + 1];
	if (!opt.digest)
		return "";
	struct nonce *n = &nonces[(c - conns) % NONCES];
	const char *password = strchr(opt.digest, ':');
	int user = (int)(password - opt.digest);
	n->count++;
	snprintf(text, sizeof text, "%.*s:%s:%s", user, opt.digest, realm, password + 1);
	hash_text(ha1, text);
	snprintf(text, sizeof text, "%s:%s", method, uri);
	hash_text(ha2, text);
	snprintf(text, sizeof text, "%s:%s:%08x:c0ffee:auth:%s", ha1, n->text, n->count, ha2);
	hash_text(sum, text);
	snprintf(field, sizeof field,
		 "Proxy-Authorization: Digest username=\"%.*s\", realm=\"%s\", nonce=\"%s\", "
		 "uri=\"%s\", algorithm=%s, qop=auth, nc=%08x, cnonce=\"c0ffee\", "
		 "response=\"%s\"\r\n",
		 user, opt.digest, realm, n->text, uri, hash_kind == HASH_MD5 ? "MD5" : "SHA-256",
		 n->count, sum);
	return field;
}

/* Sends what opens the exchange. All of it fits an empty socket buffer, so a short send is an
 * error. */
static void send_opening(struct conn *c)
{
	char req[2048], to[64], uri[160];
	int n = 0;
	target_text(c, to, sizeof to);
	if (opt.mode == GET_RATE && opt.direct)
		n = snprintf(req, sizeof req, "GET /bytes/%" PRIu64 " HTTP/1.1\r\nHost: %s\r\n",
			     opt.size, to);
	else if (opt.mode == GET_RATE) {
		snprintf(uri, sizeof uri, "http://%s/bytes/%" PRIu64, to, opt.size);
		n = snprintf(req, sizeof req, "GET %s HTTP/1.1\r\nHost: %s\r\n%s", uri, to,
			     credentials(c, "GET", uri));
	} else if (!opt.direct)
		n = snprintf(req, sizeof req, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s", to, to,
			     credentials(c, "CONNECT", to));
	if (n)
		n += snprintf(req + n, sizeof req - (size_t)n, "%s\r\n",
			      opt.mode == GET_RATE && !opt.keepalive ? "Connection: close\r\n"
								     : "");
	c->hlen = 0;
	if (!n) { /* direct tunnel: ready as soon as it is connected */
		struct sockaddr_in a;
		socklen_t len = sizeof a;
		if (getpeername(c->fd, (struct sockaddr *)&a, &len) == 0)
			on_ready(c);
		return;
	}
	ssize_t r = send(c->fd, req, (size_t)n, MSG_NOSIGNAL);
	if (r == n)
		c->st = HEADER;
	else if (r >= 0 || (errno != EAGAIN && errno != ENOTCONN))
		r >= 0 ? fail(c, OTHER) : fail_errno(c, errno);
}

static void start(struct conn *c)
{
	uint64_t now = now_ns();
	struct sockaddr_in to = opt.direct ? opt.target : opt.proxy;
	c->seq = (uint32_t)started++;
	c->t0 = now, c->deadline = now + (uint64_t)(opt.timeout * 1e9);
	c->reused = false, c->st = OPENING, connects++;
	if (opt.direct)
		to.sin_addr.s_addr =
			htonl(ntohl(to.sin_addr.s_addr) + c->seq % (uint32_t)opt.targets);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	int one = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (opt.sources) {
		struct sockaddr_in from = { .sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(
						    0x7f000002u + c->seq % (uint32_t)opt.sources) };
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
		if (bind(c->fd, (struct sockaddr *)&from, sizeof from))
			die("bind: %s", strerror(errno));
	}
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				  .data.ptr = c };
	if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
		fail_errno(c, errno);
	else if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev))
		die("epoll_ctl: %s", strerror(errno));
}

static bool may_start(void) /* one more tunnel or request? */
{
	if (opt.mode == IDLE || opt.has_n)
		return completed + opened < opt.n && started < opt.n;
	return opt.mode != BULK && now_ns() < t_end;
}

static void complete(struct conn *c) /* a tunnel or a request has been served in full */
{
	t_last = now_ns();
	record(hist_full, &max_full, t_last - c->t0);
	completed++;
	completed_in_time += t_last <= t_end;
	if (opt.mode == GET_RATE && opt.keepalive && !c->close_after && may_start()) {
		c->t0 = t_last, c->deadline = t_last + (uint64_t)(opt.timeout * 1e9);
		c->reused = true;
		started++;
		send_opening(c);
		return;
	}
	hang_up(c);
	c->deadline = UINT64_MAX;
	if (may_start())
		start(c);
}

static void send_first(struct conn *c, const char *text, uint64_t expect, enum state next)
{
	c->left = expect, c->off = 0, c->st = next;
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		fail_errno(c, errno);
}

static void on_ready(struct conn *c) /* the tunnel is up */
{
	record(hist_setup, &max_setup, now_ns() - c->t0);
	if (opt.mode == CONNECT_RATE) {
		send_first(c, "ECHO\n" ECHO_MSG, ECHO_LEN, ECHO);
		return;
	}
	opened++;
	c->st = opt.mode == IDLE ? OPEN : READY;
	c->deadline = UINT64_MAX;
}

/* The proxy's (or, for GET, the origin's) response header is complete: end points past the blank
 * line. */
static void on_header(struct conn *c, char *end)
{
	int status = 0;
	if (sscanf(c->hdr, "HTTP/1.%*d %d", &status) != 1 || status < 100 || status > 599) {
		fail(c, PROTOCOL);
		return;
	}
	if (status / 100 != 2) {
		errs_by_status[status]++;
		hang_up(c);
		c->deadline = now_ns() + 10000000u;
		return;
	}
	if (opt.mode != GET_RATE) {
		on_ready(c);
		return;
	}
	uint64_t have = (uint64_t)(c->hdr + c->hlen - end);
	end[-1] = 0; /* headers only, for the searches below */
	char *len = strcasestr(c->hdr, "\ncontent-length:");
	c->close_after = strcasestr(c->hdr, "connection: close") ||
			 (!strncmp(c->hdr, "HTTP/1.0", 8) && !strcasestr(c->hdr, "keep-alive"));
	c->until_eof = !len;
	c->left = len ? strtoull(len + 16, NULL, 10) : opt.size;
	if (c->left != opt.size || have > c->left ||
	    (!len && strcasestr(c->hdr, "\ntransfer-encoding:"))) {
		fail(c, PROTOCOL);
		return;
	}
	if (opt.verify && memcmp(end, pattern, (size_t)have)) {
		fail(c, CORRUPT);
		return;
	}
	got_bytes += have;
	c->left -= have, c->off = have;
	c->st = BODY;
	if (c->until_eof)
		c->close_after = true;
	if (!c->left)
		complete(c);
}

/* drain: the peer has shut down, so there will be no further edge; read on to the end of the
 * stream. */
static void on_readable(struct conn *c, bool drain)
{
	for (;;) {
		ssize_t r;
		size_t want;
		bool header = c->st == HEADER;
		if (header)
			want = sizeof c->hdr - 1 - c->hlen,
			r = recv(c->fd, c->hdr + c->hlen, want, 0);
		else if (c->st == BODY &&
			 !opt.verify) /* MSG_TRUNC: TCP drops the bytes without copying them */
			want = sizeof rbuf, r = recv(c->fd, rbuf, want, MSG_TRUNC);
		else
			want = opt.verify ? BUF : sizeof rbuf, r = recv(c->fd, rbuf, want, 0);
		if (r < 0) {
			if (errno != EAGAIN)
				fail_errno(c, errno);
			return;
		}
		if (r == 0) {
			if (c->st == HEADER && c->reused &&
			    !c->hlen) { /* an idle keep-alive connection was closed */
				stale++;
				hang_up(c);
				start(c);
			} else {
				fail(c, EARLY_EOF);
			}
			return;
		}
		if (header) {
			c->hlen += (uint32_t)r;
			c->hdr[c->hlen] = 0;
			char *end = strstr(c->hdr, "\r\n\r\n");
			if (!end && c->hlen == sizeof c->hdr - 1)
				fail(c, PROTOCOL);
			else if (end)
				on_header(c, end + 4);
		} else if (c->st == ECHO) {
			if ((uint64_t)r > c->left ||
			    memcmp(rbuf, &ECHO_MSG[ECHO_LEN - c->left], (size_t)r))
				fail(c, CORRUPT);
			else if (!(c->left -= (uint64_t)r))
				opt.mode == IDLE ? (void)(completed++, c->st = OPEN) : complete(c);
		} else if (c->st == BODY) {
			got_bytes += (uint64_t)r;
			if ((uint64_t)r > c->left ||
			    (opt.verify && memcmp(rbuf, pattern + c->off % BUF, (size_t)r)))
				fail(c, CORRUPT);
			else if (c->off += (uint64_t)r, !(c->left -= (uint64_t)r))
				complete(c);
		} else {
			fail(c, PROTOCOL); /* bytes on a tunnel that nothing was asked of */
		}
		if (c->fd < 0 || (!drain && ((header && c->st == HEADER) || (size_t)r < want)))
			return; /* a short read has drained the socket; a new edge will come */
	}
}

static void on_event(struct conn *c, uint32_t events)
{
	if (c->fd < 0)
		return;
	if (c->st == OPENING && !(events & EPOLLERR) && (events & EPOLLOUT))
		send_opening(c);
	if (c->fd >= 0 && events & EPOLLERR) {
		int e = 0;
		socklen_t len = sizeof e;
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len);
		fail_errno(c, e ? e : ECONNRESET);
	} else if (c->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP) && c->st != OPENING) {
		on_readable(c, events & (EPOLLRDHUP | EPOLLHUP));
	}
}

static void
poll_once(int nconns) /* wait up to 10 ms; every 10 ms look for timeouts and free slots */
{
	static uint64_t next_tick;
	struct epoll_event ev[256];
	int n = epoll_wait(ep, ev, 256, 10);
	for (int i = 0; i < n; i++)
		on_event(ev[i].data.ptr, ev[i].events);
	uint64_t now = now_ns();
	if (now < next_tick)
		return;
	next_tick = now + 10000000u;
	for (int i = 0; i < nconns; i++) {
		struct conn *c = &conns[i];
		if (now < c->deadline)
			continue;
		if (c->st == FREE && may_start() && opt.mode != BULK && opt.mode != IDLE)
			start(c);
		else if (c->st != FREE)
			fail(c, TIMEOUT);
	}
}

static uint64_t failures(void)
{
	uint64_t n = 0;
	for (size_t i = 0; i < sizeof errs / sizeof *errs; i++)
		n += errs[i].n;
	for (int i = 0; i < 600; i++)
		n += errs_by_status[i];
	return n;
}

static bool busy(int nconns)
{
	for (int i = 0; i < nconns; i++)
		if (conns[i].fd >= 0 && conns[i].st != OPEN)
			return true;
	return false;
}

static void settle(void)
{
	usleep(300000);
}

static void run_load(void)
{
	int n = opt.mode == IDLE ? (int)opt.n : opt.conc;
	conns = calloc((size_t)n, sizeof *conns);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!conns || ep < 0)
		die("out of memory or descriptors");
	for (int i = 0; i < n; i++)
		conns[i].fd = -1, conns[i].deadline = UINT64_MAX;
	fetch_nonces();
	struct usage before = usage_now(true), mid, after;
	t_begin = now_ns();
	t_end = t_begin + (uint64_t)(opt.secs * 1e9);
	double wall;

	if (opt.mode == CONNECT_RATE || opt.mode == GET_RATE) {
		for (int i = 0; i < n && may_start(); i++)
			start(&conns[i]);
		while (may_start() || busy(n))
			poll_once(n);
		wall = opt.has_n ? (double)(t_last - t_begin) / 1e9 : opt.secs;
		settle();
		after = usage_now(true);
	} else if (opt.mode == BULK) {
		for (int i = 0; i < n; i++)
			start(&conns[i]);
		while (opened < (uint64_t)n && busy(n) && !failures())
			poll_once(n);
		char text[64];
		snprintf(text, sizeof text, "SRC %" PRIu64 "\n", opt.bytes);
		before = usage_now(true); /* the relay alone: set-up is connect-rate's business */
		t_begin = now_ns();
		for (int i = 0; i < n; i++)
			if (conns[i].st == READY)
				send_first(&conns[i], text, opt.bytes, BODY),
					conns[i].deadline = t_begin + 120000000000u;
		while (busy(n))
			poll_once(n);
		wall = (double)(t_last - t_begin) / 1e9;
		settle();
		after = usage_now(true);
	} else {
		int next = 0;
		while (opened + failures() < opt.n) {
			while (next < n && started - opened - failures() < (uint64_t)opt.conc)
				start(&conns[next++]);
			poll_once(n);
		}
		wall = (double)(now_ns() - t_begin) / 1e9;
		fprintf(stderr, "%" PRIu64 " of %" PRIu64 " tunnels open after %.2f s\n", opened,
			opt.n, wall);
		settle();
		mid = usage_now(true);
		for (uint64_t end = now_ns() + (uint64_t)(opt.hold * 1e9); now_ns() < end;)
			poll_once(n);
		uint64_t dropped_idle = dropped;
		for (int i = 0; i < n; i++) /* are they alive? one small echo through each */
			if (conns[i].st == OPEN) {
				send_first(&conns[i], "ECHO\n" ECHO_MSG, ECHO_LEN, ECHO);
				conns[i].deadline = now_ns() + (uint64_t)(opt.timeout * 1e9);
				if (i % 64 == 63)
					poll_once(n);
			}
		while (busy(n))
			poll_once(n);
		settle();
		after = usage_now(true);
		dropped = dropped_idle;
	}

	out("mode", "\"%s\"", opt.mode_name);
	out("label", "\"%s\"", opt.label);
	out("direct", opt.direct ? "true" : "false");
	out("concurrency", "%d", opt.conc);
	out("wall_s", "%.3f", wall);
	double total = (double)completed, in_time = opt.has_n ? total : (double)completed_in_time;
	if (opt.mode == IDLE) {
		double per = opened ? 1024.0 / (double)opened : 0;
		out("wanted", "%" PRIu64, opt.n);
		out("opened", "%" PRIu64, opened);
		out("dropped", "%" PRIu64, dropped);
		out("alive_after_hold", "%" PRIu64, completed);
		out("rss_before_kb", "%" PRIu64, before.rss_kb);
		out("pss_before_kb", "%" PRIu64, before.pss_kb);
		out("pss_idle_kb", "%" PRIu64, mid.pss_kb);
		out("rss_idle_kb", "%" PRIu64, mid.rss_kb);
		out("pss_bytes_per_tunnel", "%.0f",
		    ((double)mid.pss_kb - (double)before.pss_kb) * per);
		out("rss_bytes_per_tunnel", "%.0f",
		    ((double)mid.rss_kb - (double)before.rss_kb) * per);
		out("pss_bytes_per_used_tunnel", "%.0f",
		    ((double)after.pss_kb - (double)before.pss_kb) * per);
		out("machine_bytes_per_tunnel", "%.0f",
		    ((double)before.avail_kb - (double)mid.avail_kb) * per);
		out_latency("setup", hist_setup, max_setup);
		out_usage(&before, &mid, (double)opened, "us_per_tunnel", 1e6);
	} else if (opt.mode == CONNECT_RATE) {
		out("tunnels", "%" PRIu64, completed);
		out("tunnels_per_s", "%.1f", in_time / wall);
		out_latency("setup", hist_setup, max_setup);
		out_latency("full", hist_full, max_full);
		out_usage(&before, &after, total, "us_per_tunnel", 1e6);
	} else if (opt.mode == GET_RATE) {
		out("size", "%" PRIu64, opt.size);
		out("keepalive", opt.keepalive ? "true" : "false");
		out("requests", "%" PRIu64, completed);
		out("requests_per_s", "%.1f", in_time / wall);
		out("connections", "%" PRIu64, connects);
		out("stale", "%" PRIu64, stale);
		out_latency("full", hist_full, max_full);
		out_usage(&before, &after, total, "us_per_request", 1e6);
	} else {
		out("bytes", "%" PRIu64, got_bytes);
		out("gbit_per_s", "%.3f", (double)got_bytes * 8 / 1e9 / wall);
		out_usage(&before, &after, (double)got_bytes / (1u << 30), "s_per_gib", 1);
	}
	out("errors", "%" PRIu64, failures());
	char key[32];
	for (size_t i = 0; i < sizeof errs / sizeof *errs; i++)
		if (errs[i].n) {
			snprintf(key, sizeof key, "err_%s", errs[i].name);
			out(key, "%" PRIu64, errs[i].n);
		}
	for (int i = 0; i < 600; i++)
		if (errs_by_status[i]) {
			snprintf(key, sizeof key, "err_status_%d", i);
			out(key, "%" PRIu64, errs_by_status[i]);
		}
	if (opt.json)
		puts("}");
}

/* ---- the origin ------------------------------------------------------------------------------ */
enum omode { FIRST_LINE, HTTP, SOURCE, ECHOING, SINK };
struct oconn {
	int fd;
	enum omode mode;
	bool close_after;
	uint32_t len;       /* bytes in buf: an unfinished first line, request, or unsent echo */
	uint64_t left, off; /* bytes of body still to send, and where in the pattern */
	char buf[2048];
};

static bool origin_pump(struct oconn *c) /* send what is due; false: the connection is finished */
{
	while (c->left) {
		size_t n = c->left < BUF ? (size_t)c->left : BUF;
		ssize_t r = send(c->fd, pattern + c->off % BUF, n, MSG_NOSIGNAL);
		if (r < 0)
			return errno == EAGAIN;
		c->left -= (uint64_t)r, c->off += (uint64_t)r;
	}
	return c->mode != HTTP || !c->close_after;
}

/* Serves every complete request in buf; leaves the rest there. */
static bool origin_http(struct oconn *c)
{
	char *end;
	while (!c->left && c->len && (c->buf[c->len] = 0, end = strstr(c->buf, "\r\n\r\n"))) {
		unsigned long long n;
		int minor = 1;
		end[2] = 0;
		if (sscanf(c->buf, "GET /bytes/%llu HTTP/1.%d", &n, &minor) != 2)
			return false;
		c->close_after = strcasestr(c->buf, "\nconnection: close") ||
				 (minor == 0 && !strcasestr(c->buf, "\nconnection: keep-alive"));
		uint32_t used = (uint32_t)(end + 4 - c->buf);
		memmove(c->buf, end + 4, c->len -= used);
		char head[4096];
		int h = snprintf(head, sizeof head,
				 "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
				 "Content-Length: %llu\r\n%s\r\n",
				 n, c->close_after ? "Connection: close\r\n" : "");
		size_t body = n < sizeof head - (size_t)h ? (size_t)n : sizeof head - (size_t)h;
		memcpy(head + h, pattern, body); /* a small answer is one send */
		if (send(c->fd, head, (size_t)h + body, MSG_NOSIGNAL) != h + (ssize_t)body)
			return false; /* the socket buffer is empty here: a short send is a dead
					 peer */
		c->left = n - body, c->off = body;
		if (!origin_pump(c))
			return false;
	}
	return c->len < sizeof c->buf - 1;
}

static bool origin_read(struct oconn *c)
{
	static _Thread_local char junk[BUF];
	for (;;) {
		bool keep = c->mode == FIRST_LINE || c->mode == HTTP || c->mode == ECHOING;
		ssize_t r = keep ? recv(c->fd, c->buf + c->len, sizeof c->buf - 1 - c->len, 0)
				 : recv(c->fd, junk, sizeof junk, MSG_TRUNC);
		if (r == 0)
			return false;
		if (r < 0)
			return errno == EAGAIN;
		if (!keep)
			continue;
		c->len += (uint32_t)r;
		c->buf[c->len] = 0;
		if (c->mode == FIRST_LINE) {
			char *nl = strchr(c->buf, '\n');
			unsigned long long n;
			if (!nl && c->len < 64)
				continue;
			if (!nl || !strncmp(c->buf, "GET ", 4))
				c->mode = HTTP;
			else if (sscanf(c->buf, "SRC %llu\n", &n) == 1)
				c->mode = SOURCE, c->left = n;
			else if (!strncmp(c->buf, "ECHO\n", 5))
				c->mode = ECHOING;
			else if (!strncmp(c->buf, "SINK\n", 5))
				c->mode = SINK;
			else
				return false;
			if (c->mode != HTTP)
				memmove(c->buf, nl + 1, c->len -= (uint32_t)(nl + 1 - c->buf));
		}
		if (c->mode == HTTP && !origin_http(c))
			return false;
		if (c->mode == SOURCE && !origin_pump(c))
			return false;
		if (c->mode == ECHOING &&
		    c->len) { /* never more than buf in flight: what does not fit is an error */
			if (send(c->fd, c->buf, c->len, MSG_NOSIGNAL) != (ssize_t)c->len)
				return false;
			c->len = 0;
		}
		if (c->left)
			return true; /* back pressure: read again when the body is out */
	}
}

static void *origin_thread(void *arg)
{
	(void)arg;
	int one = 1, ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    e = epoll_create1(EPOLL_CLOEXEC);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(ls, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	if (bind(ls, (struct sockaddr *)&a, sizeof a) || listen(ls, 65535))
		die("origin: port %d: %s", opt.port, strerror(errno));
	struct epoll_event ev[256] = { { .events = EPOLLIN, .data.ptr = NULL } };
	epoll_ctl(e, EPOLL_CTL_ADD, ls, ev);
	for (;;) {
		int n = epoll_wait(e, ev, 256, -1);
		for (int i = 0; i < n; i++) {
			struct oconn *c = ev[i].data.ptr;
			if (!c) {
				for (int fd; (fd = accept4(ls, NULL, NULL,
							   SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
					setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
					if (!(c = calloc(1, sizeof *c)))
						die("origin: out of memory");
					c->fd = fd;
					struct epoll_event add = { .events = EPOLLIN | EPOLLOUT |
									     EPOLLET,
								   .data.ptr = c };
					epoll_ctl(e, EPOLL_CTL_ADD, fd, &add);
				}
				continue;
			}
			bool alive = !(ev[i].events & EPOLLERR) &&
				     (!(ev[i].events & EPOLLOUT) || !c->left || origin_pump(c));
			if (alive && !c->left) /* requests that came in while the body went out,
						  then the socket */
				alive = (c->mode != HTTP || origin_http(c)) &&
					(c->left || origin_read(c));
			if (!alive) {
				close(c->fd);
				free(c);
			}
		}
	}
	return NULL;
}

/* ---- command line ---------------------------------------------------------------------------- */
static bool parse_addr(const char *s, struct sockaddr_in *a)
{
	char host[64];
	int port;
	a->sin_family = AF_INET;
	if (sscanf(s, "%63[0-9.]:%d", host, &port) != 2 || port < 1 || port > 65535)
		return false;
	a->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

static uint64_t parse_size(const char *s)
{
	char *end;
	uint64_t v = strtoull(s, &end, 10);
	return v << (tolower((unsigned char)*end) == 'k'   ? 10
		     : tolower((unsigned char)*end) == 'm' ? 20
		     : tolower((unsigned char)*end) == 'g' ? 30
							   : 0);
}

int main(int argc, char **argv)
{
	static const char *modes[] = { "connect-rate", "bulk", "get-rate", "idle", NULL };
	enum {
		PROXY = 256,
		TARGET,
		DIRECT,
		DIGEST,
		SOURCES,
		TARGETS,
		TIMEOUT_OPT,
		PID,
		PIDTREE,
		CPU,
		LABEL,
		JSON,
		BYTES,
		SIZE,
		KEEPALIVE,
		HOLD,
		PORT,
		THREADS,
		VERIFY
	};
	static const struct option longs[] = {
		{ "proxy", 1, 0, PROXY },         { "target", 1, 0, TARGET },
		{ "direct", 0, 0, DIRECT },       { "digest", 1, 0, DIGEST },
		{ "sources", 1, 0, SOURCES },     { "targets", 1, 0, TARGETS },
		{ "timeout", 1, 0, TIMEOUT_OPT }, { "pid", 1, 0, PID },
		{ "pidtree", 1, 0, PIDTREE },     { "cpu", 1, 0, CPU },
		{ "label", 1, 0, LABEL },         { "json", 0, 0, JSON },
		{ "bytes", 1, 0, BYTES },         { "size", 1, 0, SIZE },
		{ "keepalive", 0, 0, KEEPALIVE }, { "hold", 1, 0, HOLD },
		{ "port", 1, 0, PORT },           { "threads", 1, 0, THREADS },
		{ "verify", 0, 0, VERIFY },       { 0, 0, 0, 0 }
	};
	if (argc < 2)
		die("usage: proxyload origin|connect-rate|bulk|get-rate|idle OPTIONS (see the head "
		    "of the source)");
	bool origin = !strcmp(argv[1], "origin");
	int m = 0;
	while (!origin && modes[m] && strcmp(argv[1], modes[m]))
		m++;
	if (!origin && !modes[m])
		die("unknown mode %s", argv[1]);
	opt.mode = (enum mode)m, opt.mode_name = argv[1];
	for (int o; (o = getopt_long(argc - 1, argv + 1, "c:d:n:", longs, NULL)) != -1;)
		switch (o) {
		case 'c':
			opt.conc = atoi(optarg);
			break;
		case 'd':
			opt.secs = atof(optarg);
			break;
		case 'n':
			opt.n = parse_size(optarg), opt.has_n = true;
			break;
		case PROXY:
			opt.has_proxy = parse_addr(optarg, &opt.proxy);
			break;
		case TARGET:
			opt.has_target = parse_addr(optarg, &opt.target);
			break;
		case DIRECT:
			opt.direct = true;
			break;
		case DIGEST:
			opt.digest = optarg;
			break;
		case SOURCES:
			opt.sources = atoi(optarg);
			break;
		case TARGETS:
			opt.targets = atoi(optarg);
			break;
		case TIMEOUT_OPT:
			opt.timeout = atof(optarg);
			break;
		case PID:
			opt.pids = optarg;
			break;
		case PIDTREE:
			opt.pidtree = atoi(optarg);
			break;
		case CPU:
			opt.cpu = atoi(optarg);
			break;
		case LABEL:
			opt.label = optarg;
			break;
		case JSON:
			opt.json = true;
			break;
		case BYTES:
			opt.bytes = parse_size(optarg);
			break;
		case SIZE:
			opt.size = parse_size(optarg);
			break;
		case KEEPALIVE:
			opt.keepalive = true;
			break;
		case HOLD:
			opt.hold = atof(optarg);
			break;
		case PORT:
			opt.port = atoi(optarg);
			break;
		case THREADS:
			opt.threads = atoi(optarg);
			break;
		case VERIFY:
			opt.verify = true;
			break;
		default:
			return 2;
		}
	signal(SIGPIPE, SIG_IGN);
	struct rlimit nofile; /* as many descriptors as we may have */
	getrlimit(RLIMIT_NOFILE, &nofile);
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	fill_pattern();
	if (origin) {
		if (opt.port < 1 || opt.threads < 1)
			die("origin needs --port");
		for (int i = 1; i < opt.threads; i++) {
			pthread_t t;
			if (pthread_create(&t, NULL, origin_thread, NULL))
				die("pthread_create failed");
		}
		origin_thread(NULL);
	}
	if (!opt.has_target || (!opt.direct && !opt.has_proxy))
		die("%s needs --target A.B.C.D:PORT, and --proxy A.B.C.D:PORT or --direct",
		    opt.mode_name);
	if (opt.digest && !strchr(opt.digest, ':'))
		die("--digest wants USER:PASSWORD");
	if (opt.conc < 1 || opt.targets < 1 || (opt.mode == IDLE && !opt.n))
		die("-c, --targets and (for idle) -n must be at least 1");
	if (opt.mode == IDLE && opt.conc == 1)
		opt.conc = 128;
	run_load();
	return failures() || dropped ? 1 : 0;
}
