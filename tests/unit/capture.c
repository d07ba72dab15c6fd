/* capture: every form of file, whole, packed, cut at every byte; pipes; what is no capture; and
 * what we write, read back. The files are made here, byte by byte. */
#include "capture/write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

enum { MOST = 64 };

/* What a file should say, and where in it each packet ends. */
struct made {
	struct buffer bytes;
	bool big;
	struct capture_packet packet[MOST]; /* .data.at unused: the bytes are content(frame) */
	size_t end[MOST], count;
	size_t whole[MOST], wholes; /* where it may end without being broken */
	uint64_t lost;
};

static uint8_t content(uint64_t frame, size_t i)
{
	return (uint8_t)(frame * 31 + i * 7);
}

static void put(struct made *m, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buffer_add_byte(&m->bytes, (uint8_t)(value >> 8 * (m->big ? bytes - 1 - i : i)));
}

static void put_content(struct made *m, uint64_t frame, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buffer_add_byte(&m->bytes, content(frame, i));
}

static void may_end(struct made *m)
{
	m->whole[m->wholes++] = m->bytes.len;
}

static void expect(struct made *m, nanos at, uint32_t len, uint32_t wire, uint32_t link,
		   uint32_t drops)
{
	m->end[m->count] = m->bytes.len;
	m->packet[m->count] =
		(struct capture_packet){ at, m->count + 1, { NULL, len }, wire, link, drops };
	m->count++;
}

static void make_pcap(struct made *m, uint32_t magic, uint16_t minor, nanos scale)
{
	put(m, magic, 4);
	put(m, 2, 2);
	put(m, minor, 2);
	put(m, 0, 8);
	put(m, 65535, 4);
	put(m, 0x50000071, 4); /* cooked, with a frame check sequence of 4 bytes */
	may_end(m);
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t len = i * 9, wire = len + i;
		put(m, 4000000000 + i, 4);
		put(m, 999 + i, 4);
		put(m, minor < 3 ? wire : len, 4);
		put(m, minor < 3 ? len : wire, 4);
		if (magic == 0xa1b2cd34)
			put(m, 0x1122334455667788, 8);
		put_content(m, i + 1, len);
		expect(m, (4000000000 + i) * NANOS_PER_SECOND + (999 + i) * scale, len, wire, 0x71,
		       0);
		may_end(m);
	}
}

static void pcap_us(struct made *m)
{
	make_pcap(m, 0xa1b2c3d4, 4, 1000);
}
static void pcap_ns(struct made *m)
{
	make_pcap(m, 0xa1b23c4d, 4, 1);
}
static void pcap_modified(struct made *m)
{
	make_pcap(m, 0xa1b2cd34, 4, 1000);
}
static void pcap_old(struct made *m)
{
	make_pcap(m, 0xa1b2c3d4, 2, 1000);
}

/* Blocks: what is put between begin and end gets its lengths. */
static size_t begin(struct made *m, uint32_t type)
{
	put(m, type, 4);
	put(m, 0, 4);
	return m->bytes.len - 8;
}

static void end(struct made *m, size_t start)
{
	while (m->bytes.len % 4)
		buffer_add_byte(&m->bytes, 0);
	uint32_t len = (uint32_t)(m->bytes.len - start) + 4;
	put(m, len, 4);
	for (unsigned i = 0; i < 4; i++)
		m->bytes.at[start + 4 + i] = (uint8_t)(len >> 8 * (m->big ? 3 - i : i));
	may_end(m);
}

static void section(struct made *m, bool big)
{
	m->big = big;
	size_t b = begin(m, 0x0a0d0d0a);
	put(m, 0x1a2b3c4d, 4);
	put(m, 1, 2);
	put(m, 0, 2);
	put(m, UINT64_MAX, 8);
	end(m, b);
}

static void interface(struct made *m, uint32_t link, uint32_t snaplen, int clock, int64_t offset)
{
	size_t b = begin(m, 1);
	put(m, link, 2);
	put(m, 0, 2);
	put(m, snaplen, 4);
	if (clock >= 0) {
		put(m, 9, 2);
		put(m, 1, 2);
		buffer_add_byte(&m->bytes, (uint8_t)clock);
		buffer_add_repeat(&m->bytes, 0, 3);
	}
	if (offset) {
		put(m, 14, 2);
		put(m, 8, 2);
		put(m, (uint64_t)offset, 8);
	}
	if (clock >= 0 || offset)
		put(m, 0, 4);
	end(m, b);
}

static void pad(struct made *m)
{
	while (m->bytes.len % 4)
		buffer_add_byte(&m->bytes, 0xee);
}

static size_t begin_enhanced(struct made *m, uint32_t number, uint64_t ticks, uint32_t len,
			     uint32_t wire)
{
	size_t b = begin(m, 6);
	put(m, number, 4);
	put(m, ticks >> 32, 4);
	put(m, ticks & UINT32_MAX, 4);
	put(m, len, 4);
	put(m, wire, 4);
	put_content(m, m->count + 1, len);
	pad(m);
	return b;
}

static void enhanced(struct made *m, uint32_t number, uint64_t ticks, uint32_t len)
{
	end(m, begin_enhanced(m, number, ticks, len, len + 1));
}

static void statistics(struct made *m, uint32_t number, uint64_t if_drop, uint64_t os_drop)
{
	size_t b = begin(m, 5);
	put(m, number, 4);
	put(m, 0, 8);
	put(m, 5, 2);
	put(m, 8, 2);
	put(m, if_drop, 8);
	put(m, 7, 2);
	put(m, 8, 2);
	put(m, os_drop, 8);
	put(m, 0, 4);
	end(m, b);
}

/* Two sections, the second in the other byte order; each packet block, each sort of clock. */
static void pcapng(struct made *m, bool big)
{
	const nanos second = NANOS_PER_SECOND;
	section(m, big);
	interface(m, 1, 6, -1, 0);          /* microseconds */
	interface(m, 113, 0, 9, 0);         /* nanoseconds */
	interface(m, 101, 0, 0x80 | 10, 0); /* 1/1024 s */
	interface(m, 1, 0, 3, -7);          /* milliseconds, 7 s behind */
	interface(m, 1, 0, 12, 1000000000); /* picoseconds */
	enhanced(m, 0, 1700000000123456, 13);
	expect(m, INT64_C(1700000000123456000), 13, 14, 1, 0);
	enhanced(m, 1, 1700000000123456789, 0);
	expect(m, INT64_C(1700000000123456789), 0, 1, 113, 0);
	enhanced(m, 2, 1024 * 5 + 512, 3);
	expect(m, 5 * second + second / 2, 3, 4, 101, 0);
	enhanced(m, 3, 8500, 4);
	expect(m, second * 3 / 2, 4, 5, 1, 0);
	enhanced(m, 4, UINT64_C(2000000000999), 4);
	expect(m, 1000000002 * second, 4, 5, 1, 0);
	enhanced(m, 3, UINT64_MAX, 1); /* further off than a number of nanoseconds goes */
	expect(m, NO_TIME, 1, 2, 1, 0);

	size_t b = begin_enhanced(m, 1, 7, 5, 5); /* a comment, and 3 packets lost */
	put(m, 1, 2);
	put(m, 2, 2);
	buffer_add_text(&m->bytes, "hi");
	pad(m);
	put(m, 4, 2);
	put(m, 8, 2);
	put(m, 3, 8);
	put(m, 0, 4);
	end(m, b);
	expect(m, 7, 5, 5, 113, 3);

	b = begin(m, 10); /* secrets: passed over */
	buffer_add_text(&m->bytes, "CLIENT_RANDOM 00 11");
	end(m, b);

	b = begin(m, 3); /* simple: 9 on the wire, the snap length is 6 */
	put(m, 9, 4);
	put_content(m, m->count + 1, 6);
	end(m, b);
	expect(m, NO_TIME, 6, 9, 1, 0);
	statistics(m, 0, 100, 1);
	statistics(m, 0, 103, 1);
	statistics(m, 1, 0, 5);

	section(m, !big);
	interface(m, 276, 0, -1, 0);
	b = begin(m, 2); /* the obsolete one */
	put(m, 0, 2);
	put(m, 2, 2); /* drops */
	put(m, 0, 4);
	put(m, 9, 4);
	put(m, 5, 4);
	put(m, 5, 4);
	put_content(m, m->count + 1, 5);
	end(m, b);
	expect(m, 9000, 5, 5, 276, 2);
	b = begin(m, 0x0bad);
	end(m, b);
	statistics(m, 0, 11, 0);
	m->lost = 103 + 1 + 5 + 11;
}

static void pcapng_all(struct made *m)
{
	pcapng(m, m->big);
}

static const struct {
	const char *name;
	void (*make)(struct made *m);
	bool big;
} forms[] = {
	{ "pcap", pcap_us, false },
	{ "pcap, big-endian", pcap_us, true },
	{ "pcap, ns", pcap_ns, false },
	{ "pcap, ns, big-endian", pcap_ns, true },
	{ "modified", pcap_modified, false },
	{ "modified, big-endian", pcap_modified, true },
	{ "pcap 2.2", pcap_old, false },
	{ "pcapng", pcapng_all, false },
	{ "pcapng, big-endian", pcapng_all, true },
};
enum { FORMS = sizeof forms / sizeof *forms };

static void made_init(struct made *m, bool big)
{
	*m = (struct made){ .big = big };
	buffer_init(&m->bytes, 64 << 20);
}

/* Packing: two members, cut in the middle of the input. */

static void add_gzip(struct buffer *to, struct slice s)
{
	z_stream z = { 0 };
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	size_t bound = deflateBound(&z, s.len);
	uint8_t *at = buffer_reserve(to, bound);
	assert_non_null(at);
	z.next_in = (uint8_t *)(uintptr_t)s.at;
	z.avail_in = (uInt)s.len;
	z.next_out = at;
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->len += z.total_out;
	deflateEnd(&z);
}

static void add_zstd(struct buffer *to, struct slice s)
{
	size_t bound = ZSTD_compressBound(s.len);
	uint8_t *at = buffer_reserve(to, bound);
	assert_non_null(at);
	size_t len = ZSTD_compress(at, bound, s.at, s.len, 1);
	assert_false(ZSTD_isError(len));
	to->len += len;
}

typedef void packer(struct buffer *to, struct slice s);

static void pack(struct buffer *to, struct slice s, packer *add)
{
	buffer_init(to, 64 << 20);
	if (!add) {
		buffer_add(to, s);
		return;
	}
	add(to, slice_first(s, s.len / 2));
	add(to, slice_from(s, s.len / 2));
}

static packer *const packers[] = { NULL, add_gzip, add_zstd };

/* Files without a name. */

static int memory_file(struct slice s, char path[64])
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, s.at, s.len, 0), (ssize_t)s.len);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static struct capture *open_slice(struct slice s, struct error *err)
{
	char path[64];
	int fd = memory_file(s, path);
	struct capture *c = capture_open(path, err);
	close(fd);
	return c;
}

/* The next packets are those of m, from *at on. */
static void check_batch(const struct made *m, const struct capture_batch *b, size_t *at)
{
	for (size_t i = 0; i < b->count; i++, ++*at) {
		assert_true(*at < m->count);
		const struct capture_packet *want = &m->packet[*at], *p = &b->packet[i];
		assert_true(p->at == want->at);
		assert_int_equal(p->frame, want->frame);
		assert_int_equal(p->data.len, want->data.len);
		assert_int_equal(p->wire_len, want->wire_len);
		assert_int_equal(p->link, want->link);
		assert_int_equal(p->drops, want->drops);
		for (size_t k = 0; k < p->data.len; k++)
			assert_int_equal(p->data.at[k], content(p->frame, k));
	}
}

/* Reads to the end: what capture_read said last. */
static int read_packets(struct capture *c, const struct made *m, size_t *ret_count,
			struct error *err)
{
	struct capture_batch *b = capture_batch_new();
	size_t at = 0;
	int ret;
	while ((ret = capture_read(c, b, err)) > 0) {
		assert_true(b->count > 0);
		check_batch(m, b, &at);
	}
	capture_batch_free(b);
	*ret_count = at;
	return ret;
}

static void check_whole(struct capture *c, const struct made *m)
{
	struct error err = { 0 };
	size_t count = 0;
	int ret = read_packets(c, m, &count, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
	assert_int_equal(count, m->count);
	assert_true(capture_lost(c) == m->lost);
}

static void every_form_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct made m;
		made_init(&m, forms[i].big);
		forms[i].make(&m);
		for (size_t k = 0; k < 3; k++) {
			struct buffer packed;
			struct error err = { 0 };
			pack(&packed, buffer_slice(&m.bytes), packers[k]);
			struct capture *c = open_slice(buffer_slice(&packed), &err);
			assert_string_equal(err.text, "");
			assert_int_equal(capture_kind(c), strstr(forms[i].name, "ng")
								  ? CAPTURE_PCAPNG
								  : CAPTURE_PCAP);
			assert_int_equal(capture_size(c), packed.len);
			check_whole(c, &m);
			assert_int_equal(capture_offset(c), packed.len);
			capture_close(c);
			buffer_done(&packed);
		}
		buffer_done(&m.bytes);
	}
}

static bool among(size_t what, const size_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == what)
			return true;
	return false;
}

static size_t ended_by(const struct made *m, size_t cut)
{
	size_t n = 0;
	while (n < m->count && m->end[n] <= cut)
		n++;
	return n;
}

/* The packets before the cut come, then a sentence; unless the cut is between two records. */
static void cut_plain(const struct made *m, size_t cut)
{
	struct error err = { 0 };
	struct capture *c = open_slice(slice_first(buffer_slice(&m->bytes), cut), &err);
	if (!c) {
		assert_true(cut < 24);
		assert_true(strstr(err.text, cut ? "cut short" : "is empty") || cut < 4);
		return;
	}
	if (capture_kind(c) == CAPTURE_TEXT) { /* a line feed or two, so far */
		assert_true(cut < 4);
		capture_close(c);
		return;
	}
	size_t count = 0;
	int ret = read_packets(c, m, &count, &err);
	assert_int_equal(count, ended_by(m, cut));
	if (among(cut, m->whole, m->wholes)) {
		assert_int_equal(ret, 0);
	} else {
		assert_int_equal(ret, -EBADMSG);
		if (!strstr(err.text, "cut short "))
			fail_msg("cut at %zu: %s", cut, err.text);
		struct error again = { 0 };
		assert_int_equal(read_packets(c, m, &count, &again), ret);
		assert_string_equal(err.text, again.text);
	}
	capture_close(c);
}

static void cut_packed(const struct made *m, struct slice packed, size_t cut)
{
	struct error err = { 0 };
	struct capture *c = open_slice(slice_first(packed, cut), &err);
	if (!c) {
		assert_true(strlen(err.text) > 20);
		return;
	}
	size_t count = 0;
	int ret = capture_kind(c) == CAPTURE_TEXT ? 0 : read_packets(c, m, &count, &err);
	if (ret < 0 && !strstr(err.text, "cut short "))
		fail_msg("cut at %zu: %s", cut, err.text);
	capture_close(c);
}

static void a_cut_anywhere_gives_what_came_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct made m;
		made_init(&m, forms[i].big);
		forms[i].make(&m);
		for (size_t cut = 0; cut < m.bytes.len; cut++)
			cut_plain(&m, cut);
		for (size_t k = 1; k < 3; k++) {
			struct buffer packed;
			pack(&packed, buffer_slice(&m.bytes), packers[k]);
			for (size_t cut = 0; cut < packed.len; cut++)
				cut_packed(&m, buffer_slice(&packed), cut);
			buffer_done(&packed);
		}
		buffer_done(&m.bytes);
	}
}

/* Wireshark gives numbers to the journal's entries and to custom blocks too. */
static void frames_are_counted_as_wireshark_does(void **state)
{
	(void)state;
	static const uint32_t listed[] = { 9, 0x0bad, 0x40000bad };
	struct made m;
	struct error err = { 0 };
	made_init(&m, false);
	section(&m, false);
	interface(&m, 1, 0, -1, 0);
	for (size_t i = 0; i < 3; i++) {
		enhanced(&m, 0, 1, 8);
		size_t b = begin(&m, listed[i]);
		buffer_add_text(&m.bytes, "MESSAGE=1");
		end(&m, b);
	}
	struct capture *c = open_slice(buffer_slice(&m.bytes), &err);
	struct capture_batch *b = capture_batch_new();
	assert_int_equal(capture_read(c, b, &err), 1);
	assert_int_equal(b->count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(b->packet[i].frame, 1 + 2 * i);
	capture_batch_free(b);
	capture_close(c);
	buffer_done(&m.bytes);
}

/* No more is asked than that it ends, and says something when it ends badly. */
static void read_anything(struct slice s)
{
	struct error err = { 0 };
	struct capture *c = open_slice(s, &err);
	if (!c) {
		assert_true(strlen(err.text) > 20);
		return;
	}
	struct capture_batch *b = capture_batch_new();
	int ret;
	unsigned sum = 0;
	while ((ret = capture_read(c, b, &err)) > 0)
		for (size_t i = 0; i < b->count; i++)
			for (size_t k = 0; k < b->packet[i].data.len; k++)
				sum += b->packet[i].data.at[k];
	assert_true(ret == 0 || strlen(err.text) > 20 || sum == 1);
	capture_batch_free(b);
	capture_close(c);
}

static void any_byte_may_be_wrong(void **state)
{
	(void)state;
	static const uint8_t wrong[] = { 0x00, 0x7f, 0xff };
	for (size_t i = 0; i < FORMS; i++) {
		struct made m;
		made_init(&m, forms[i].big);
		forms[i].make(&m);
		for (size_t k = 0; k < 3; k++) {
			struct buffer packed;
			pack(&packed, buffer_slice(&m.bytes), packers[k]);
			for (size_t at = 0; at < packed.len * 3; at++) {
				uint8_t right = packed.at[at / 3];
				packed.at[at / 3] = wrong[at % 3];
				read_anything(buffer_slice(&packed));
				packed.at[at / 3] = right;
			}
			buffer_done(&packed);
		}
		buffer_done(&m.bytes);
	}
}

/* What is broken, and the words for it. */

static void pcap_start(struct made *m, uint32_t len)
{
	make_pcap(m, 0xa1b2c3d4, 4, 1000);
	put(m, 1, 4);
	put(m, 2, 4);
	put(m, len, 4);
	put(m, len, 4);
}

static void pcap_huge(struct made *m)
{
	pcap_start(m, UINT32_MAX);
}
static void pcap_too_big(struct made *m)
{
	pcap_start(m, CAPTURE_MAX_PACKET + 1);
}
static void pcap_version(struct made *m)
{
	pcap_us(m);
	m->bytes.at[4] = 3;
}
static void section_order(struct made *m)
{
	section(m, false);
	m->bytes.at[8] = 0x4e;
}
static void section_version(struct made *m)
{
	section(m, false);
	m->bytes.at[12] = 2;
}
static void block_length(struct made *m, uint32_t len)
{
	section(m, false);
	interface(m, 1, 0, -1, 0);
	enhanced(m, 0, 1, 8);
	put(m, 0x42, 4);
	put(m, len, 4);
	put(m, len, 4);
}
static void block_zero(struct made *m)
{
	block_length(m, 0);
}
static void block_odd(struct made *m)
{
	block_length(m, 14);
}
static void block_huge(struct made *m)
{
	block_length(m, 0xfffffffc);
}
static void block_16m(struct made *m)
{
	block_length(m, 16 << 20);
}
static void block_disagrees(struct made *m)
{
	section(m, false);
	m->bytes.at[24] = 32;
}
static void interface_unknown(struct made *m)
{
	section(m, true);
	interface(m, 1, 0, -1, 0);
	enhanced(m, 0, 1, 8);
	enhanced(m, 1, 1, 8);
}
static void interface_none(struct made *m)
{
	interface_unknown(m);
	section(m, false);
	m->bytes.len = 0; /* only a section, and a simple packet */
	section(m, false);
	size_t b = begin(m, 3);
	put(m, 4, 4);
	put(m, 0, 4);
	end(m, b);
}
static void packet_too_long(struct made *m)
{
	section(m, false);
	interface(m, 1, 0, -1, 0);
	enhanced(m, 0, 1, 8);
	m->bytes.at[m->bytes.len - 4 - 8 - 8] = 9;
}
static void clock_too_fast(struct made *m)
{
	section(m, false);
	interface(m, 1, 0, 20, 0);
}
static void option_too_long(struct made *m)
{
	section(m, false);
	interface(m, 1, 0, 6, 0);
	m->bytes.at[28 + 16 + 2] = 40;
}
static void block_too_short(struct made *m)
{
	section(m, false);
	end(m, begin(m, 6));
}

static const struct {
	void (*make)(struct made *m);
	const char *says;
} wrong[] = {
	{ pcap_huge, "damaged in packet 6 at byte 194: its header promises 4294967295 bytes, no "
		     "packet has more than 262208" },
	{ pcap_too_big, "promises 262209 bytes" },
	{ pcap_version, "pcap version 3.4; only 2.x is known" },
	{ section_order, "byte order mark is 0x1a2b3c4e, not 0x1a2b3c4d" },
	{ section_version, "pcapng version 2.0; only 1.x is known" },
	{ block_zero,
	  "damaged in the block at byte 88, after packet 1: its length is 0, which must" },
	{ block_odd, "its length is 14, which must be a multiple of 4 from 12 to 16777216" },
	{ block_huge,
	  "its length is 4294967292, which must be a multiple of 4 from 12 to 16777216" },
	{ block_16m,
	  "cut short in the block after packet 1 at byte 88: its header promises a block "
	  "of 16777216 bytes, 12 are there" },
	{ block_disagrees, "its length is 28 at the front, 32 at the end" },
	{ interface_unknown, "it belongs to interface 1, the section has 1 (from 0)" },
	{ interface_none, "it belongs to interface 0, the section has 0 (from 0)" },
	{ packet_too_long, "packet 1 of 9 bytes, where the block has room for 8" },
	{ clock_too_fast, "its clock ticks 10^20 times a second, which is too often" },
	{ option_too_long, "an option of 40 bytes, 8 are there" },
	{ block_too_short, "a block of type 6 has at least 32 bytes, this one 12" },
};

static void what_is_wrong_is_said_with_both_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct made m;
		struct error err = { 0 };
		made_init(&m, false);
		wrong[i].make(&m);
		struct capture *c = open_slice(buffer_slice(&m.bytes), &err);
		struct capture_batch *b = capture_batch_new();
		while (c && capture_read(c, b, &err) > 0)
			;
		if (!strstr(err.text, wrong[i].says))
			fail_msg("%s\nlacks: %s", err.text, wrong[i].says);
		capture_batch_free(b);
		capture_close(c);
		buffer_done(&m.bytes);
	}
}

static void what_is_no_capture_is_named(void **state)
{
	(void)state;
	static const struct {
		struct slice bytes;
		const char *says;
	} cases[] = {
		{ SLICE(""), "is empty" },
		{ SLICE("\x7f"
			"ELF\2\1\1\0\0\0\0\0\0"),
		  "a program (ELF)" },
		{ SLICE("%PDF-1.7\n1 0 obj"), "a PDF document" },
		{ SLICE("snoop\0\0\0\0\0\0\2\0\0\0\4"), "a snoop file" },
		{ SLICE("\n<!DOCTYPE HTML><html>"), "an HTML page" },
		{ SLICE("{ \"log\": {\"version\":\"1.2\"}}"), "a HAR file" },
		{ SLICE("[\n {\"_index\": 1}]"), "JSON" },
		{ SLICE("<?xml version=\"1.0\"?><pdml/>"), "XML" },
		{ SLICE("PK\3\4zzzzzzzzzzzzzzz"), "a ZIP archive" },
		{ SLICE("\xff\xfe"
			"1\0 \0"),
		  "iconv -f UTF-16" },
		{ SLICE("\1\2\3\4\5"), "it begins with 01 02 03 04 05" },
		{ SLICE("\x0a\x0d\x0a\x84\0\0\0"), "transferred as text" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error err = { 0 };
		assert_null(open_slice(cases[i].bytes, &err));
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s\nlacks: %s", err.text, cases[i].says);
	}
	struct error err = { 0 };
	assert_null(capture_open("/", &err));
	assert_int_equal(err.code, -EISDIR);
	assert_null(capture_open("/nowhere/\x1b[31m", &err));
	assert_string_equal(err.text,
			    "/nowhere/\\x1b[31m: cannot be opened: No such file or directory");
	struct buffer once, twice;
	pack(&once, SLICE("some text that is packed"), add_gzip);
	pack(&twice, buffer_slice(&once), add_zstd);
	assert_null(open_slice(buffer_slice(&twice), &err));
	assert_non_null(strstr(err.text, "compressed twice"));
	buffer_done(&once);
	buffer_done(&twice);
}

static void text_is_read_whole_up_to_a_limit(void **state)
{
	(void)state;
	struct slice text =
		SLICE("11:30:12.5 IP 10.1.1.1.5 > 10.2.2.2.80: Flags [S]\r\n\xe3\x81\x82");
	for (size_t k = 0; k < 3; k++) {
		struct buffer packed;
		struct error err = { 0 };
		struct slice got;
		pack(&packed, text, packers[k]);
		struct capture *c = open_slice(buffer_slice(&packed), &err);
		assert_non_null(c);
		assert_int_equal(capture_kind(c), CAPTURE_TEXT);
		assert_int_equal(capture_read_text(c, text.len, &got, &err), 0);
		assert_true(slice_equal(got, text));
		assert_int_equal(capture_read_text(c, text.len, &got, &err), 0);
		assert_true(slice_equal(got, text));
		capture_close(c);
		c = open_slice(buffer_slice(&packed), &err);
		assert_int_equal(capture_read_text(c, text.len - 1, &got, &err), -EFBIG);
		struct capture_batch *b = capture_batch_new();
		assert_int_equal(capture_read(c, b, &err), -EBADMSG);
		capture_batch_free(b);
		capture_close(c);
		buffer_done(&packed);
	}
}

/* Pipes. */

struct feed {
	struct slice bytes;
	int fd;
	const char *path; /* of a FIFO, opened by the feeder */
};

static void *feed_bytes(void *arg)
{
	struct feed *f = arg;
	int fd = f->path ? open(f->path, O_WRONLY) : f->fd;
	for (size_t i = 0; i < f->bytes.len; i++)
		assert_int_equal(write(fd, f->bytes.at + i, 1), 1);
	close(fd);
	return NULL;
}

static void a_fifo_is_read_byte_by_byte(void **state)
{
	const char *dir = *state;
	for (size_t i = 0; i < FORMS; i++) {
		struct made m;
		made_init(&m, forms[i].big);
		forms[i].make(&m);
		for (size_t k = 0; k < 3; k++) {
			char path[200];
			struct buffer packed;
			struct error err = { 0 };
			pthread_t thread;
			pack(&packed, buffer_slice(&m.bytes), packers[k]);
			snprintf(path, sizeof path, "%s/fifo", dir);
			assert_int_equal(mkfifo(path, 0600), 0);
			struct feed f = { buffer_slice(&packed), -1, path };
			assert_int_equal(pthread_create(&thread, NULL, feed_bytes, &f), 0);
			struct capture *c = capture_open(path, &err);
			assert_non_null(c);
			assert_int_equal(capture_size(c), 0);
			check_whole(c, &m);
			capture_close(c);
			pthread_join(thread, NULL);
			unlink(path);
			buffer_done(&packed);
		}
		buffer_done(&m.bytes);
	}
}

/* Standard input is a pipe for a while. */
static int borrow_stdin(int *ret_saved)
{
	int ends[2];
	*ret_saved = dup(STDIN_FILENO);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	return ends[1];
}

static void return_stdin(int saved)
{
	if (saved >= 0)
		dup2(saved, STDIN_FILENO);
	close(saved);
}

static void a_live_pipe_gives_packets_as_they_come(void **state)
{
	(void)state;
	struct made m;
	struct error err = { 0 };
	made_init(&m, false);
	pcap_us(&m);
	int saved, fd = borrow_stdin(&saved);
	size_t first = m.end[1] + 3;
	assert_int_equal(write(fd, m.bytes.at, first), (ssize_t)first);
	struct capture *c = capture_open("-", &err);
	assert_non_null(c);
	assert_string_equal(capture_name(c), "standard input");
	struct capture_batch *b = capture_batch_new();
	size_t at = 0;
	assert_int_equal(capture_read(c, b, &err), 1); /* and does not wait */
	check_batch(&m, b, &at);
	assert_int_equal(at, 2);
	assert_int_equal(write(fd, m.bytes.at + first, m.bytes.len - first),
			 (ssize_t)(m.bytes.len - first));
	close(fd);
	assert_int_equal(capture_read(c, b, &err), 1);
	check_batch(&m, b, &at);
	assert_int_equal(capture_read(c, b, &err), 0);
	assert_int_equal(at, m.count);
	capture_batch_free(b);
	capture_close(c);
	return_stdin(saved);
	buffer_done(&m.bytes);
}

/* Blocks. */

enum { MANY = 30000 };

static uint32_t many_length(uint64_t frame)
{
	return frame % 9973 == 0 ? CAPTURE_MAX_PACKET : (uint32_t)(frame * 7919 % 300);
}

static void make_many(struct made *m)
{
	section(m, false);
	interface(m, 1, 0, -1, 0);
	for (uint64_t i = 1; i <= MANY; i++) {
		m->count = i - 1;
		enhanced(m, 0, i, many_length(i));
		m->wholes = 0;
		if (i == MANY / 2) { /* a block that is larger than ours */
			size_t b = begin(m, 0x4711);
			buffer_add_repeat(&m->bytes, 0xaa, 3 << 20);
			end(m, b);
		}
	}
}

static void check_many(const struct capture_batch *b, uint64_t *frame)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct capture_packet *p = &b->packet[i];
		assert_int_equal(p->frame, ++*frame);
		assert_int_equal(p->data.len, many_length(*frame));
		for (size_t k = 0; k < p->data.len; k++)
			if (p->data.at[k] != content(*frame, k))
				fail_msg("frame %llu, byte %zu", (unsigned long long)*frame, k);
	}
}

/* Three batches in turn; each is looked at only when the others have been filled again. */
static void batches_own_their_bytes(void **state)
{
	(void)state;
	struct made m;
	made_init(&m, false);
	make_many(&m);
	for (size_t k = 0; k < 3; k++) {
		struct buffer packed;
		struct error err = { 0 };
		struct capture_batch *b[3];
		uint64_t frame = 0;
		pack(&packed, buffer_slice(&m.bytes), packers[k]);
		struct capture *c = open_slice(buffer_slice(&packed), &err);
		for (size_t i = 0; i < 3; i++)
			b[i] = capture_batch_new();
		size_t next = 0, pending = 0;
		while (capture_read(c, b[next], &err) > 0) {
			next = (next + 1) % 3;
			if (++pending == 3) {
				check_many(b[next], &frame);
				pending--;
			}
		}
		capture_close(c); /* the batches outlive it */
		for (size_t i = 0; pending > 0; i++, pending--)
			check_many(b[(next + 1 + i) % 3], &frame);
		assert_int_equal(frame, MANY);
		assert_string_equal(err.text, "");
		for (size_t i = 0; i < 3; i++)
			capture_batch_free(b[i]);
		buffer_done(&packed);
	}
	buffer_done(&m.bytes);
}

static void a_file_cut_while_it_is_read_ends_there(void **state)
{
	(void)state;
	struct made m;
	struct error err = { 0 };
	char path[64];
	uint64_t frame = 0;
	made_init(&m, false);
	make_many(&m);
	int fd = memory_file(buffer_slice(&m.bytes), path);
	struct capture *c = capture_open(path, &err);
	struct capture_batch *b = capture_batch_new();
	assert_int_equal(capture_read(c, b, &err), 1);
	check_many(b, &frame);
	assert_int_equal(ftruncate(fd, 1000001), 0);
	int ret;
	while ((ret = capture_read(c, b, &err)) > 0)
		check_many(b, &frame);
	assert_int_equal(ret, -EBADMSG);
	assert_non_null(strstr(err.text, "cut short in packet "));
	capture_batch_free(b);
	capture_close(c);
	close(fd);
	buffer_done(&m.bytes);
}

/* Writing. */

static void what_is_written_is_read_back(void **state)
{
	char path[200];
	struct error err = { 0 };
	struct made m;
	made_init(&m, false);
	pcapng_all(&m);
	snprintf(path, sizeof path, "%s/written.pcapng", (const char *)*state);
	struct capture *from = open_slice(buffer_slice(&m.bytes), &err);
	struct capture_batch *b = capture_batch_new();
	struct capture_writer *w = capture_create(path, "made by a test", &err);
	assert_non_null(w);
	while (capture_read(from, b, &err) > 0)
		for (size_t i = 0; i < b->count; i++)
			capture_write(w, &b->packet[i], i % 2 ? "a comment" : NULL);
	assert_int_equal(capture_finish(w, &err), 0);
	assert_string_equal(err.text, "");
	for (size_t i = 0; i < m.count; i++)
		if (m.packet[i].at == NO_TIME)
			m.packet[i].at = 0; /* pcapng has no other way to say it here */
	m.lost = 0;
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	struct capture *back = capture_open(path, &err);
	assert_non_null(back);
	check_whole(back, &m);
	capture_close(back);
	assert_null(capture_create(path, NULL, &err));
	assert_int_equal(err.code, -EEXIST);
	unlink(path);
	assert_int_equal(symlink("/nowhere/else", path), 0);
	assert_null(capture_create(path, NULL, &err));
	unlink(path);
	capture_batch_free(b);
	capture_close(from);
	buffer_done(&m.bytes);
}

static void a_full_disk_is_reported_and_cleaned_up(void **state)
{
	char path[200];
	struct error err = { 0 };
	struct rlimit old, small;
	static const uint8_t data[3000];
	snprintf(path, sizeof path, "%s/full.pcapng", (const char *)*state);
	struct capture_packet p = { .data = { data, sizeof data }, .wire_len = 3000, .link = 1 };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ 100000, old.rlim_max };
	struct capture_writer *w = capture_create(path, NULL, &err);
	assert_non_null(w);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100; i++)
		capture_write(w, &p, NULL);
	int ret = capture_finish(w, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(ret, -EFBIG);
	assert_non_null(strstr(err.text, "/full.pcapng: cannot be written at byte 100000: "));
	assert_int_equal(access(path, F_OK), -1);
}

static int make_dir(void **state)
{
	static char dir[200];
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/capture-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_read),
		cmocka_unit_test(a_cut_anywhere_gives_what_came_before),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(frames_are_counted_as_wireshark_does),
		cmocka_unit_test(what_is_wrong_is_said_with_both_numbers),
		cmocka_unit_test(what_is_no_capture_is_named),
		cmocka_unit_test(text_is_read_whole_up_to_a_limit),
		cmocka_unit_test(a_fifo_is_read_byte_by_byte),
		cmocka_unit_test(a_live_pipe_gives_packets_as_they_come),
		cmocka_unit_test(batches_own_their_bytes),
		cmocka_unit_test(a_file_cut_while_it_is_read_ends_there),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_full_disk_is_reported_and_cleaned_up),
	};
	return cmocka_run_group_tests_name("capture", tests, make_dir, remove_dir);
}
