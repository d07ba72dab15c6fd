// practical floor: mmap a pcap, walk records, decode eth/ip/tcp, hash the 5-tuple into an
// open-addressing table.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>
struct e {
	uint32_t a, b;
	uint32_t ports;
	uint32_t pk;
	uint64_t bytes, first, last;
};
static struct e *t;
static size_t cap = 1 << 16, n;
static inline uint64_t h(uint32_t a, uint32_t b, uint32_t p)
{
	uint64_t x = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u ^ p * 0xbf58476d1ce4e5b9u;
	return x ^ x >> 29;
}
static struct e *find(uint32_t a, uint32_t b, uint32_t p)
{
	if (n * 2 > cap) {
		struct e *o = t;
		size_t oc = cap;
		cap *= 2;
		t = calloc(cap, sizeof *t);
		for (size_t i = 0; i < oc; i++)
			if (o[i].pk) {
				size_t j = h(o[i].a, o[i].b, o[i].ports) & (cap - 1);
				while (t[j].pk)
					j = (j + 1) & (cap - 1);
				t[j] = o[i];
			}
		free(o);
	}
	size_t j = h(a, b, p) & (cap - 1);
	while (t[j].pk && (t[j].a != a || t[j].b != b || t[j].ports != p))
		j = (j + 1) & (cap - 1);
	if (!t[j].pk) {
		n++;
		t[j].a = a;
		t[j].b = b;
		t[j].ports = p;
	}
	return &t[j];
}
int main(int c, char **v)
{
	int readmode = c > 2 && !strcmp(v[2], "read");
	int fd = open(v[1], O_RDONLY);
	struct stat st;
	fstat(fd, &st);
	uint64_t pk = 0, by = 0, pos = 24, syn = 0;
	t = calloc(cap, sizeof *t);
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
#define DO(p, cl)                                                                                  \
	do {                                                                                       \
		if ((cl) >= 54 && (p)[12] == 8 && (p)[13] == 0 && (p)[23] == 6) {                  \
			const uint8_t *ip = (p) + 14;                                              \
			uint32_t s, d;                                                             \
			memcpy(&s, ip + 12, 4);                                                    \
			memcpy(&d, ip + 16, 4);                                                    \
			const uint8_t *tc = ip + (ip[0] & 15) * 4;                                 \
			uint32_t po;                                                               \
			memcpy(&po, tc, 4);                                                        \
			uint32_t sp = po & 0xffff, dp = po >> 16;                                  \
			if (s > d || (s == d && sp > dp)) {                                        \
				uint32_t x = s;                                                    \
				s = d;                                                             \
				d = x;                                                             \
				po = dp | sp << 16;                                                \
			}                                                                          \
			struct e *e = find(s, d, po);                                              \
			e->pk++;                                                                   \
			e->bytes += (uint32_t)(ip[2] << 8 | ip[3]) - (ip[0] & 15) * 4u -           \
				    (tc[12] >> 4) * 4u;                                            \
			e->last = ts;                                                              \
			if (!e->first)                                                             \
				e->first = ts;                                                     \
			syn += tc[13] & 2;                                                         \
		}                                                                                  \
	} while (0)
	if (!readmode) {
		const uint8_t *m = mmap(0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		madvise((void *)m, st.st_size, MADV_SEQUENTIAL);
		while (pos + 16 <= (uint64_t)st.st_size) {
			uint32_t r[4];
			memcpy(r, m + pos, 16);
			uint64_t ts = r[0] * 1000000ull + r[1];
			const uint8_t *p = m + pos + 16;
			DO(p, r[2]);
			pos += 16 + r[2];
			pk++;
			by += r[2];
		}
	} else {
		size_t bs = 1 << 18;
		uint8_t *buf = malloc(bs);
		size_t have = 0, off = 0;
		lseek(fd, 24, SEEK_SET);
		ssize_t k;
		while ((k = read(fd, buf + have, bs - have)) > 0) {
			have += k;
			off = 0;
			while (off + 16 <= have) {
				uint32_t r[4];
				memcpy(r, buf + off, 16);
				if (off + 16 + r[2] > have)
					break;
				uint64_t ts = r[0] * 1000000ull + r[1];
				const uint8_t *p = buf + off + 16;
				DO(p, r[2]);
				off += 16 + r[2];
				pk++;
				by += r[2];
			}
			memmove(buf, buf + off, have - off);
			have -= off;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	double s = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9;
	printf("%lu packets %zu flows %.3f s %.0f MB/s %.2f Mpps syn %lu bytes %lu\n", pk, n, s,
	       st.st_size / s / 1e6, pk / s / 1e6, syn, by);
}
