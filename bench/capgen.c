/* capgen: writes a large, valid, repeatable capture of clients that use HTTP proxies.
 *
 *   cc -O2 -o capgen capgen.c
 *   capgen -o FILE [-n FLOWS] [-b BYTES] [-k KIND] [-m short] [-r FLOWS_PER_SECOND] [-s SEED]
 *          [-f us|ns|be] [-t TRUTH.tsv] [-S SNAPLEN]
 *
 *   -n  number of TCP connections (default 1000)
 *   -b  mean bytes of a healthy download (default 6000; 32000000 makes a bulk capture)
 *   -k  only this kind of flow (a name from the table below; default: the mix of the table)
 *   -m  short: another mix, mostly small plain requests
 *   -r  connections started a second (default 2000): with the time a flow lasts, this sets how
 *       many live at once
 *   -t  writes one line a connection: number, kind, verdict, client address and port, proxy,
 *       start time
 *
 * The view is that of the client's host: a segment lost on the way down is never seen. IP and TCP
 * checksums are right. Counts of every kind go to standard output. Same arguments, same bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind {
	OK_TUNNEL,
	OK_GET,
	REFUSED,
	UNREACH,
	DENIED,
	AUTH_REQ,
	AUTH_OK,
	E502,
	E503,
	E504,
	SILENT,
	P_RESET,
	TLS_SILENT,
	MTU,
	TLS_RESET,
	T_RESET,
	T_STALL,
	T_TRUNC,
	C_ABORT,
	LOSSY,
	KINDS
};
static struct {
	const char *name, *verdict;
	int weight;
} K[KINDS] = { /* weights in 1/1000; -m short: mostly small plain requests */
	       { "ok-tunnel", "ok", 640 },
	       { "ok-get", "ok", 120 },
	       { "refused", "proxy-refused", 10 },
	       { "unreachable", "proxy-unreachable", 10 },
	       { "denied", "denied", 40 },
	       { "auth-required", "auth-required", 20 },
	       { "auth-ok", "ok", 40 },
	       { "e502", "bad-gateway", 10 },
	       { "e503", "unavailable", 10 },
	       { "e504", "gateway-timeout", 5 },
	       { "silent", "proxy-silent", 10 },
	       { "reset", "proxy-reset", 10 },
	       { "tls-silent", "tls-silent", 10 },
	       { "mtu", "mtu-black-hole", 10 },
	       { "tls-reset", "tls-reset", 10 },
	       { "t-reset", "transfer-reset", 10 },
	       { "t-stall", "transfer-stalled", 10 },
	       { "t-trunc", "transfer-truncated", 10 },
	       { "c-abort", "client-aborted", 10 },
	       { "lossy", "lossy", 5 }
};

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum body {
	NONE,
	CONNECT,
	CONNECT_AUTH,
	GET,
	R200,
	R403,
	R407,
	R502,
	R503,
	R504,
	RGET,
	HELLO,
	SERVER,
	FINISHED,
	APP
};
enum op { O_PKT, O_RUN };
struct ev {
	uint8_t op, up, flags, body, sack;
	uint32_t len, dt, skip;
}; /* dt: microseconds after the event before */
struct flow {
	uint64_t at;
	uint32_t id, nev, pc, left, half;
	uint32_t cseq, pseq, cack, pack_;
	uint64_t sdown;
	uint32_t tsbase, ackq, sackl, sackr;
	uint8_t kind, proxy;
	uint32_t total;
	uint64_t dtotal;
	struct ev *ev;
};

static const int SHORT[KINDS] = { 100, 560, 40, 20, 120, 40, 20, 10, 10, 5,
				  10,  10,  5,  10, 5,   5,  10, 10, 5,  5 };
static FILE *out, *truth;
static int be, ns;
static uint32_t snap = 262144;
static uint64_t packets, bytes_out;
static uint8_t noise[1 << 17];

static uint64_t rng_s;
static uint64_t rnd(void)
{
	rng_s ^= rng_s << 13;
	rng_s ^= rng_s >> 7;
	rng_s ^= rng_s << 17;
	return rng_s;
}
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}
static uint32_t between(uint32_t a, uint32_t b)
{
	return a + (uint32_t)(rnd() % (b - a + 1));
}

static uint32_t sw32(uint32_t v)
{
	return be ? __builtin_bswap32(v) : v;
}
static void p16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static void p32(uint8_t *p, uint32_t v)
{
	p16(p, v >> 16);
	p16(p + 2, v);
}
static uint32_t sum16(const uint8_t *p, size_t n, uint32_t s0)
{
	uint64_t s = s0;
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t v;
		memcpy(&v, p + i, 8);
		v = __builtin_bswap64(v);
		s += (v >> 32) + (v & 0xffffffff);
	}
	for (; i + 1 < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	if (i < n)
		s += (uint32_t)p[i] << 8;
	s = (s >> 32) + (s & 0xffffffff);
	s = (s >> 16) + (s & 0xffff);
	s = (s >> 16) + (s & 0xffff);
	s = (s >> 16) + (s & 0xffff);
	return (uint32_t)s;
}
static const char *hosts[] = { "tools.example.com",  "updates.example.net",  "licence.example.org",
			       "cdn.example.com",    "api.example.net",      "intel.example.org",
			       "mirror.example.com", "telemetry.example.net" };

static uint32_t head(const struct flow *f, int body, uint8_t *o)
{
	const char *h = hosts[mix(f->id) & 7];
	int n = 0;
	char *c = (char *)o;
	switch (body) {
	case CONNECT:
		n = sprintf(c,
			    "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\nUser-Agent: "
			    "curl/7.88.1\r\nProxy-Connection: Keep-Alive\r\n\r\n",
			    h, h);
		break;
	case CONNECT_AUTH:
		n = sprintf(c,
			    "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\nProxy-Authorization: Basic "
			    "cHJveHl1c2VyOnMzY3I7ZXQjMQ==\r\nUser-Agent: "
			    "curl/7.88.1\r\nProxy-Connection: Keep-Alive\r\n\r\n",
			    h, h);
		break;
	case GET:
		n = sprintf(c,
			    "GET http://%s/file/%u HTTP/1.1\r\nHost: %s\r\nUser-Agent: "
			    "Wget/1.21.3\r\nAccept: */*\r\nProxy-Connection: Keep-Alive\r\n\r\n",
			    h, f->id, h);
		break;
	case R200:
		n = sprintf(c, "HTTP/1.1 200 Connection established\r\n\r\n");
		break;
	case RGET:
		n = sprintf(c,
			    "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: "
			    "application/octet-stream\r\nContent-Length: %u\r\nVia: 1.1 gw "
			    "(squid/5.7)\r\nConnection: keep-alive\r\n\r\n",
			    f->total);
		break;
	case R403:
	case R407:
	case R502:
	case R503:
	case R504: {
		static const char *const t[] = { "403 Forbidden",
						 "407 Proxy Authentication Required",
						 "502 Bad Gateway", "503 Service Unavailable",
						 "504 Gateway Timeout" };
		const char *s = t[body - R403];
		int keep = body == R407 && f->kind == AUTH_OK;
		n = sprintf(c,
			    "HTTP/1.1 %s\r\nServer: squid/5.7\r\n%sContent-Type: "
			    "text/html\r\nContent-Length: 123\r\nConnection: %s\r\n\r\n",
			    s,
			    body == R407 ? "Proxy-Authenticate: Basic realm=\"Example Proxy\"\r\n"
					 : "",
			    keep ? "keep-alive" : "close");
		memset(c + n, ' ', 123);
		int m = sprintf(c + n, "<html><body><h1>%s</h1>", s);
		c[n + m] = ' ';
		memcpy(c + n + 109, "</body></html>", 14);
		n += 123;
		break;
	}
	case HELLO: { /* ClientHello of 517 bytes with SNI */
		memcpy(o, noise + (mix(f->id) & 0xffff), 517);
		memcpy(o, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
		o[43] = 32;
		static const uint8_t suites[] = { 0, 8, 0x13, 1, 0x13, 2, 0x13, 3, 0, 0xff, 1, 0 };
		memcpy(o + 76, suites, sizeof suites);
		uint8_t *e = o + 88;
		p16(e, 517 - 90);
		e += 2;
		uint32_t hl = (uint32_t)strlen(h);
		p16(e, 0);
		p16(e + 2, hl + 5);
		p16(e + 4, hl + 3);
		e[6] = 0;
		p16(e + 7, hl);
		memcpy(e + 9, h, hl);
		e += 9 + hl;
		memcpy(e, "\x00\x2b\x00\x03\x02\x03\x04", 7);
		e += 7;
		p16(e, 21);
		p16(e + 2, (uint32_t)(o + 517 - e) - 4);
		memset(e + 4, 0, (size_t)(o + 517 - e) - 4);
		n = 517;
		break;
	}
	}
	return (uint32_t)n;
}
/* bytes of the stream that the server sends in the tunnel: ServerHello, then application records of
 * 16 kB */
static void server_bytes(const struct flow *f, uint64_t off, uint32_t n, uint8_t *o)
{
	memcpy(o, noise + (mix(f->id + off) & 0xffff), n);
	if (off < 127) {
		static const uint8_t sh[] = { 0x16, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3 };
		for (uint32_t i = 0; i < sizeof sh && i < n; i++)
			if (off == 0)
				o[i] = sh[i];
		if (off == 0 && n >= 127) {
			o[43] = 32;
			memcpy(o + 76,
			       "\x13\x02\x00\x00\x2e\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x24\x00"
			       "\x1d\x00\x20",
			       19);
		}
	}
	const uint64_t R = 16406;
	uint64_t a = off < 127 ? 0 : (off - 127) / R;
	for (uint64_t k = a;; k++) {
		uint64_t p = 127 + k * R;
		if (p >= off + n)
			break;
		uint64_t len = R - 5;
		if (f->dtotal && f->dtotal - p < R)
			len = f->dtotal - p - 5;
		const uint8_t h[5] = { 0x17, 3, 3, (uint8_t)(len >> 8), (uint8_t)len };
		for (int i = 0; i < 5; i++)
			if (p + (uint64_t)i >= off && p + (uint64_t)i < off + n)
				o[p + (uint64_t)i - off] = h[i];
	}
}
static void emit(struct flow *f, int up, int flags, int body, uint32_t len, uint32_t skip, int sack)
{
	static uint8_t pk[2048], tmp[2048];
	uint8_t *e = pk, *ip = pk + 14, *t = pk + 34;
	uint32_t opt = 0;
	uint32_t client = 0x0a280000u | ((f->id & 4095) + 256),
		 cport = 1025 + (f->id >> 12) % 64000, proxy = f->proxy ? 0x0a0a0a02u : 0x0a0a0a01u,
		 pport = f->proxy ? 8080 : 3128;
	uint32_t ts = f->tsbase + (uint32_t)(f->at / 1000),
		 tsr = f->tsbase * 7 + (uint32_t)(f->at / 1000) - 20;
	if (flags & SYN) {
		static const uint8_t so[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					      0, 0, 0, 0,    0, 0, 1, 3,  3, 7 };
		memcpy(t + 20, so, 20);
		opt = 20;
		if (!up)
			p16(t + 22, f->proxy ? 1300 : 1460);
		p32(t + 28, up ? ts : tsr);
		if (!up)
			p32(t + 32, ts);
	} else if (!(flags & RST)) {
		t[20] = t[21] = 1;
		t[22] = 8;
		t[23] = 10;
		p32(t + 24, up ? ts : tsr);
		p32(t + 28, up ? tsr : ts);
		opt = 12;
		if (sack) {
			t[32] = t[33] = 1;
			t[34] = 5;
			t[35] = 10;
			p32(t + 36, f->sackl);
			p32(t + 40, f->sackr);
			opt = 24;
		}
	}
	uint8_t *d = t + 20 + opt;
	if (body == SERVER || (body == APP && !up))
		server_bytes(f, f->sdown + skip, len, d);
	else if (body == RGET && len == 0)
		len = head(f, body, d);
	else if (body == RGET)
		memcpy(d, noise + (mix(f->id + f->pseq) & 0xffff), len);
	else if (body == FINISHED || body == APP) {
		memcpy(d, noise + (mix(f->id * 3 + f->cseq) & 0xffff), len);
		d[0] = body == FINISHED ? 0x14 : 0x17;
		d[1] = d[2] = 3;
		p16(d + 3, len - 5);
		if (body == FINISHED) {
			p16(d + 3, 1);
			d[5] = 1;
			d[6] = 0x17;
			d[7] = d[8] = 3;
			p16(d + 9, len - 11);
		}
	} else if (body) {
		uint32_t n = head(f, body, tmp);
		memcpy(d, tmp, n);
		len = n;
	}
	static const uint8_t cm[6] = { 2, 0, 0, 0, 0, 1 }, pm[6] = { 2, 0, 0, 0, 0, 2 };
	memcpy(e, up ? pm : cm, 6);
	memcpy(e + 6, up ? cm : pm, 6);
	p16(e + 12, 0x0800);
	uint32_t tl = 20 + opt + len;
	memset(ip, 0, 20);
	ip[0] = 0x45;
	p16(ip + 2, 20 + tl);
	p16(ip + 4, (uint32_t)packets);
	ip[6] = 0x40;
	ip[8] = up ? 64 : 60;
	ip[9] = 6;
	p32(ip + 12, up ? client : proxy);
	p32(ip + 16, up ? proxy : client);
	p16(ip + 10, ~sum16(ip, 20, 0) & 0xffff);
	p16(t, up ? cport : pport);
	p16(t + 2, up ? pport : cport);
	p32(t + 4, (up ? f->cseq : f->pseq) + skip);
	p32(t + 8, flags & ACK ? (up ? f->cack : f->pack_) : 0);
	t[12] = (uint8_t)((20 + opt) / 4 << 4);
	t[13] = (uint8_t)flags;
	p16(t + 14, flags & SYN ? 64240 : 502);
	t[16] = t[17] = t[18] = t[19] = 0;
	uint32_t s = sum16(ip + 12, 8, 6 + tl);
	p16(t + 16, ~sum16(t, tl, s) & 0xffff);
	uint32_t full = 34 + tl, cap = full < snap ? full : snap;
	uint64_t sec = 1767225600u + f->at / 1000000, frac = f->at % 1000000;
	uint32_t rec[4] = { sw32((uint32_t)sec),
			    sw32((uint32_t)(ns ? frac * 1000 + (packets * 37) % 1000 : frac)),
			    sw32(cap), sw32(full) };
	fwrite(rec, 16, 1, out);
	fwrite(pk, cap, 1, out);
	packets++;
	bytes_out += 16 + cap;
	uint32_t adv = len + !!(flags & (SYN | FIN));
	if (skip)
		return;
	if (up) {
		f->cseq += adv;
		f->pack_ = f->cseq;
	} else {
		f->pseq += adv;
		if (body == SERVER || body == APP)
			f->sdown += len;
	}
}

static struct ev *cur;
static uint32_t ncur;
static void pkt(int up, int flags, int body, uint32_t len, uint32_t dt)
{
	cur[ncur++] =
		(struct ev){ O_PKT, (uint8_t)up, (uint8_t)flags, (uint8_t)body, 0, len, dt, 0 };
}
static void run(int body, uint32_t len, uint32_t dt)
{
	cur[ncur++] = (struct ev){ O_RUN, 0, ACK, (uint8_t)body, 0, len, dt, 0 };
}
#define UP 1
#define DN 0

static void plan(struct flow *f, uint32_t mean)
{
	static struct ev buf[64];
	cur = buf;
	ncur = 0;
	uint32_t rtt = between(4000, 60000), k = f->kind, think = between(5000, 90000),
		 big = mean / 2 + (uint32_t)(rnd() % (mean + 1));
	f->total = big;
	if (f->total < 200)
		f->total = 200;
	if (k == UNREACH) {
		pkt(UP, SYN, 0, 0, 0);
		for (int i = 0; i < 3; i++) {
			pkt(UP, SYN, 0, 0, 1000000u << i);
			cur[ncur - 1].sack = 2;
		}
		goto end;
	}
	pkt(UP, SYN, 0, 0, 0);
	if (k == REFUSED) {
		pkt(DN, RST | ACK, 0, 0, rtt);
		goto end;
	}
	pkt(DN, SYN | ACK, 0, 0, rtt);
	pkt(UP, ACK, 0, 0, 30);
	if (k == OK_GET || k == T_TRUNC) {
		pkt(UP, PSH | ACK, GET, 0, 60);
		pkt(DN, ACK, 0, 0, rtt);
		pkt(DN, PSH | ACK, RGET, 0, think);
		if (k == T_TRUNC) {
			run(RGET, f->total / 2, 40);
			pkt(DN, FIN | ACK, 0, 0, 200);
			pkt(UP, ACK, 0, 0, 40);
			pkt(UP, FIN | ACK, 0, 0, 100);
			pkt(DN, ACK, 0, 0, rtt);
			goto end;
		}
		run(RGET, f->total + 1, 40);
		goto fin;
	}
	pkt(UP, PSH | ACK, CONNECT, 0, 60);
	pkt(DN, ACK, 0, 0, rtt);
	if (k == SILENT) {
		pkt(UP, FIN | ACK, 0, 0, 8000000);
		pkt(DN, ACK, 0, 0, rtt);
		goto end;
	}
	if (k == P_RESET) {
		pkt(DN, RST | ACK, 0, 0, think);
		goto end;
	}
	if (k == DENIED || k == AUTH_REQ || (k >= E502 && k <= E504)) {
		int r = k == DENIED     ? R403
			: k == AUTH_REQ ? R407
			: k == E502     ? R502
			: k == E503     ? R503
					: R504;
		pkt(DN, PSH | ACK, r, 0, k == E504 ? 30000000 : think);
		pkt(UP, ACK, 0, 0, 40);
		pkt(DN, FIN | ACK, 0, 0, 100);
		pkt(UP, FIN | ACK, 0, 0, 200);
		pkt(DN, ACK, 0, 0, rtt);
		goto end;
	}
	if (k == AUTH_OK) {
		pkt(DN, PSH | ACK, R407, 0, think);
		pkt(UP, ACK, 0, 0, 40);
		pkt(UP, PSH | ACK, CONNECT_AUTH, 0, 100);
		pkt(DN, ACK, 0, 0, rtt);
	}
	pkt(DN, PSH | ACK, R200, 0, think);
	pkt(UP, ACK, 0, 0, 40);
	pkt(UP, PSH | ACK, HELLO, 0, 400);
	pkt(DN, ACK, 0, 0, rtt);
	if (k == TLS_SILENT) {
		pkt(UP, FIN | ACK, 0, 0, 10000000);
		pkt(DN, ACK, 0, 0, rtt);
		goto end;
	}
	if (k == TLS_RESET) {
		pkt(DN, RST | ACK, 0, 0, think);
		goto end;
	}
	if (k == MTU) { /* the full segments of the server's flight never arrive, its small tail
			   does: a hole */
		pkt(DN, PSH | ACK, SERVER, 233, think);
		cur[ncur - 1].skip = 2896;
		pkt(UP, ACK, 0, 0, 40);
		cur[ncur - 1].sack = 1;
		pkt(UP, FIN | ACK, 0, 0, 12000000);
		cur[ncur - 1].sack = 1;
		pkt(DN, ACK, 0, 0, rtt);
		goto end;
	}
	if (k == OK_TUNNEL || k == AUTH_OK ||
	    k == LOSSY) { /* the last record ends with the stream */
		uint64_t fixed = 3099 + (k == LOSSY ? 2576u : 0u) - 127;
		uint64_t r = (fixed + big - 1) % 16406;
		if (r && r < 24)
			big += 24;
		f->dtotal = 127 + fixed + big - 1;
	}
	run(SERVER, 3100, think);
	pkt(UP, PSH | ACK, FINISHED, 80, 900);
	pkt(UP, PSH | ACK, APP, 180, 120);
	pkt(DN, ACK, 0, 0, rtt);
	if (k == LOSSY) {
		pkt(DN, ACK, APP, 1288, think);
		cur[ncur - 1].skip = 1288;
		pkt(UP, ACK, 0, 0, 40);
		cur[ncur - 1].sack = 1;
		run(APP, 1289, rtt * 2);
		pkt(DN, ACK, APP, 1288, 30);
	}
	if (k == T_STALL) {
		run(APP, big / 2 + 1, think);
		pkt(UP, FIN | ACK, 0, 0, 20000000);
		pkt(DN, ACK, 0, 0, rtt);
		goto end;
	}
	if (k == T_RESET) {
		run(APP, big / 2 + 1, think);
		pkt(DN, RST | ACK, 0, 0, 3000);
		goto end;
	}
	if (k == C_ABORT) {
		run(APP, big / 2 + 1, think);
		pkt(UP, RST | ACK, 0, 0, 700);
		goto end;
	}
	run(APP, big, think);
	pkt(UP, PSH | ACK, APP, 24, 250); /* close_notify, encrypted */
fin:
	pkt(UP, FIN | ACK, 0, 0, 300);
	pkt(DN, FIN | ACK, 0, 0, rtt);
	pkt(UP, ACK, 0, 0, 30);
end:
	f->nev = ncur;
	f->ev = malloc(ncur * sizeof *buf);
	memcpy(f->ev, buf, ncur * sizeof *buf);
	f->pc = 0;
	f->left = 0;
}
/* one packet; false when the flow is over */
static int step(struct flow *f)
{
	struct ev *e = &f->ev[f->pc];
	uint32_t next = 0;
	if (e->op == O_RUN) {
		uint32_t mss = f->proxy ? 1288 : 1448;
		if (!f->left) {
			f->left = e->len;
			f->half = 0;
		}
		if (f->half == 2) {
			f->cack = f->pseq;
			emit(f, UP, ACK, 0, 0, 0, 0);
			f->half = 0;
			next = 25;
			if (f->left == 1) {
				f->left = 0;
				goto advance;
			}
			f->at += next;
			return 1;
		}
		uint32_t n = f->left - 1 < mss ? f->left - 1 : mss;
		if (n == 0)
			n = 1;
		emit(f, DN, ACK | (n < mss ? PSH : 0), e->body, n, 0, 0);
		f->left = f->left - n < 2 ? 1 : f->left - n;
		f->half++;
		if (f->left == 1)
			f->half = 2;
		f->at += 12 + (uint32_t)(rnd() & 15);
		return 1;
	}
	if (e->up) {
		if (!(e->skip))
			f->cack = e->sack == 1 ? f->cack : f->pseq;
	}
	if (e->sack == 2)
		f->cseq -= 1; /* the SYN again */
	if (e->skip) {
		f->sackl = f->pseq + e->skip;
		f->sackr = f->sackl + e->len;
	}
	emit(f, e->up, e->flags, e->body, e->len, e->skip, e->sack == 1 && e->up);
advance:
	if (++f->pc >= f->nev)
		return 0;
	f->at += f->ev[f->pc].dt + (uint32_t)(rnd() & 7);
	return 1;
}
static struct flow **heap;
static size_t nheap;
static int less(const struct flow *a, const struct flow *b)
{
	return a->at != b->at ? a->at < b->at : a->id < b->id;
}
static void sift(size_t i)
{
	for (;;) {
		size_t l = 2 * i + 1, m = i;
		if (l < nheap && less(heap[l], heap[m]))
			m = l;
		if (l + 1 < nheap && less(heap[l + 1], heap[m]))
			m = l + 1;
		if (m == i)
			return;
		struct flow *t = heap[i];
		heap[i] = heap[m];
		heap[m] = t;
		i = m;
	}
}
static void push(struct flow *f)
{
	size_t i = nheap++;
	heap[i] = f;
	while (i && less(heap[i], heap[(i - 1) / 2])) {
		struct flow *t = heap[i];
		heap[i] = heap[(i - 1) / 2];
		heap[(i - 1) / 2] = t;
		i = (i - 1) / 2;
	}
}

int main(int argc, char **argv)
{
	uint32_t n = 1000, mean = 6000, rate = 2000;
	uint64_t seed = 1;
	const char *o = NULL;
	int c, only = -1;
	while ((c = getopt(argc, argv, "o:n:b:k:m:r:s:f:t:S:")) != -1)
		switch (c) {
		case 'o':
			o = optarg;
			break;
		case 'n':
			n = (uint32_t)atol(optarg);
			break;
		case 'b':
			mean = (uint32_t)atol(optarg);
			break;
		case 'r':
			rate = (uint32_t)atol(optarg);
			break;
		case 's':
			seed = strtoull(optarg, 0, 0);
			break;
		case 'S':
			snap = (uint32_t)atol(optarg);
			break;
		case 'f':
			be = !strcmp(optarg, "be");
			ns = !strcmp(optarg, "ns");
			break;
		case 'm':
			if (!strcmp(optarg, "short"))
				for (int i = 0; i < KINDS; i++)
					K[i].weight = SHORT[i];
			break;
		case 't':
			truth = fopen(optarg, "w");
			break;
		case 'k':
			for (int i = 0; i < KINDS; i++)
				if (!strcmp(optarg, K[i].name))
					only = i;
			break;
		default:
			return 2;
		}
	if (!o || !(out = strcmp(o, "-") ? fopen(o, "wb") : stdout)) {
		fprintf(stderr, "usage: capgen -o FILE [-n FLOWS] [-b BYTES] [-k KIND] [-m short] "
				"[-r RATE] [-s SEED] [-f us|ns|be] [-t TRUTH] [-S SNAPLEN]\n");
		return 2;
	}
	static char ob[1 << 20];
	setvbuf(out, ob, _IOFBF, sizeof ob);
	rng_s = mix(seed) | 1;
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)(rnd() >> 24);
	uint32_t gh[6] = { sw32(ns ? 0xa1b23c4d : 0xa1b2c3d4),
			   be ? __builtin_bswap32(0x00020004) : 0x00040002,
			   0,
			   0,
			   sw32(snap),
			   sw32(1) };
	fwrite(gh, 24, 1, out);
	heap = malloc(sizeof *heap * ((size_t)n + 1));
	uint64_t count[KINDS] = { 0 };
	size_t peak = 0;
	uint64_t start = 0;
	uint32_t made = 0;
	uint64_t last = 0;
	while (made < n || nheap) {
		while (made < n && (!nheap || start <= heap[0]->at)) {
			struct flow *f = calloc(1, sizeof *f);
			f->id = made;
			f->at = start;
			f->proxy = (uint8_t)(rnd() & 1);
			f->cseq = (uint32_t)rnd();
			f->pseq = (uint32_t)rnd();
			f->tsbase = (uint32_t)rnd();
			uint32_t r = (uint32_t)(rnd() % 1000), k = 0;
			while (k < KINDS - 1 && r >= (uint32_t)K[k].weight)
				r -= (uint32_t)K[k++].weight;
			f->kind = (uint8_t)(only >= 0 ? only : (int)k);
			f->pack_ = f->cseq;
			count[f->kind]++;
			plan(f, mean);
			if (truth)
				fprintf(truth, "%u\t%s\t%s\t10.40.%u.%u:%u\t10.10.10.%d:%d\t%.6f\n",
					made, K[f->kind].name, K[f->kind].verdict,
					((made & 4095) + 256) >> 8, ((made & 4095) + 256) & 255,
					1025 + (made >> 12) % 64000, f->proxy ? 2 : 1,
					f->proxy ? 8080 : 3128, (double)f->at / 1e6);
			push(f);
			made++;
			start += 1 + (uint64_t)(rnd() % (2000000 / rate + 1));
			if (nheap > peak)
				peak = nheap;
		}
		struct flow *f = heap[0];
		last = f->at;
		if (!step(f)) {
			heap[0] = heap[--nheap];
			free(f->ev);
			free(f);
		}
		if (nheap)
			sift(0);
	}
	if (fclose(out)) {
		perror(o);
		return 1;
	}
	if (truth)
		fclose(truth);
	FILE *rep = strcmp(o, "-") ? stdout : stderr;
	fprintf(rep, "packets\t%llu\nbytes\t%llu\nseconds\t%.1f\nconnections\t%u\npeak_live\t%zu\n",
		(unsigned long long)packets, (unsigned long long)bytes_out + 24, (double)last / 1e6,
		n, peak);
	for (int i = 0; i < KINDS; i++)
		if (count[i])
			fprintf(rep, "%s\t%s\t%llu\n", K[i].name, K[i].verdict,
				(unsigned long long)count[i]);
	return 0;
}
