/* packet/decode.h: every link type, every truncation, fragments in every order, tunnels, ICMP.
 * Frames lie in memory of exactly their size. */
#include "packet/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { RAW = 101 };

struct bytes {
	uint8_t at[4096];
	size_t len;
};

static void put(struct bytes *b, const void *at, size_t len)
{
	assert_true(b->len + len <= sizeof b->at);
	memcpy(b->at + b->len, at, len);
	b->len += len;
}
#define PUT(b, ...)                                                                                \
	put(b, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* 10.1.1.1:4660 > 10.1.1.2:3128, seq 0x01020304, timestamps, and the payload. */
static struct bytes tcp_bytes(const char *payload)
{
	struct bytes b = { .len = 0 };
	PUT(&b, 0x12, 0x34, 0x0c, 0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0x18, 0x01, 0xf6, 0, 0, 0, 0,
	    1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7);
	put(&b, payload, strlen(payload));
	return b;
}

static struct bytes ip4(uint8_t protocol, uint16_t id, uint16_t fragment, const void *body,
			size_t len)
{
	struct bytes b = { .len = 0 };
	uint16_t total = (uint16_t)(20 + len);
	PUT(&b, 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, (uint8_t)(id >> 8), (uint8_t)id,
	    (uint8_t)(fragment >> 8), (uint8_t)fragment, 64, protocol, 0, 0, 10, 1, 1, 1, 10, 1, 1,
	    2);
	put(&b, body, len);
	return b;
}

static struct bytes ip6(uint8_t next, const void *body, size_t len)
{
	struct bytes b = { .len = 0 };
	PUT(&b, 0x60, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len, next, 63);
	PUT(&b, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
	PUT(&b, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
	put(&b, body, len);
	return b;
}

static struct bytes tcp4(const char *payload)
{
	struct bytes tcp = tcp_bytes(payload);
	return ip4(6, 0x77, 0x4000, tcp.at, tcp.len);
}

struct seen {
	enum packet_kind kind;
	struct segment tcp;
	struct icmp_note icmp;
	const char *why;
	char payload[4096];
};

static struct seen decode_cut(struct packet_decoder *d, uint32_t link, const struct bytes *b,
			      size_t captured)
{
	struct seen seen = { .why = NULL };
	uint8_t *exact = malloc(captured ? captured : 1);
	assert_non_null(exact);
	memcpy(exact, b->at, captured);
	struct packet_frame f = { .at = 5,
				  .frame = 3,
				  .link = link,
				  .wire_len = (uint32_t)b->len,
				  .data = { exact, captured } };
	seen.kind = packet_decode(d, &f, &seen.tcp, &seen.icmp, &seen.why);
	if (seen.kind == PACKET_TCP) {
		assert_true(seen.tcp.payload.len < sizeof seen.payload);
		memcpy(seen.payload, seen.tcp.payload.at, seen.tcp.payload.len);
		seen.payload[seen.tcp.payload.len] = 0;
	}
	struct packet_layout layout;
	if (packet_find_payload(&f, &layout)) {
		assert_int_equal(seen.kind, PACKET_TCP);
		assert_ptr_equal(exact + layout.payload, seen.tcp.payload.at);
		assert_int_equal(layout.payload_len, seen.tcp.payload.len);
	}
	free(exact);
	return seen;
}

static struct seen decode(uint32_t link, const struct bytes *b)
{
	struct packet_decoder *d = packet_decoder_new();
	assert_non_null(d);
	struct seen seen = decode_cut(d, link, b, b->len);
	packet_decoder_free(d);
	return seen;
}

static void is_hello(const struct seen *s)
{
	assert_int_equal(s->kind, PACKET_TCP);
	assert_int_equal(s->tcp.from.port, 0x1234);
	assert_int_equal(s->tcp.to.port, 3128);
	assert_int_equal(s->tcp.seq, 0x01020304);
	assert_int_equal(s->tcp.ack, 0x05060708);
	assert_int_equal(s->tcp.flags, TCP_ACK | TCP_PSH);
	assert_int_equal(s->tcp.window, 502);
	assert_int_equal(s->tcp.has, SEGMENT_TIMESTAMP);
	assert_int_equal(s->tcp.tsval, 9);
	assert_int_equal(s->tcp.tsecr, 7);
	assert_int_equal(s->tcp.payload_len, 5);
	assert_string_equal(s->payload, "hello");
}

/* What stands before IPv4 in a frame. */
struct link_case {
	const char *name;
	uint32_t link;
	uint8_t header[64];
	size_t len;
};

#define HEADER(...) { __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define MACS        0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 6
#define NFLOG_LEN   (4 + 20 + 32 + 5)

static const struct link_case LINKS[] = {
	{ "ethernet", 1, HEADER(MACS, 8, 0) },
	{ "vlan", 1, HEADER(MACS, 0x81, 0, 0, 5, 8, 0) },
	{ "qinq", 1, HEADER(MACS, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0) },
	{ "old qinq", 1, HEADER(MACS, 0x91, 0, 0, 5, 0x91, 0, 0, 6, 0x81, 0, 0, 1, 8, 0) },
	{ "pppoe", 1, HEADER(MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 2 + 57, 0, 0x21) },
	{ "pppoe, short protocol", 1, HEADER(MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 1 + 57, 0x21) },
	{ "mpls", 1, HEADER(MACS, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64) },
	{ "vlan, mpls", 1, HEADER(MACS, 0x81, 0, 0, 5, 0x88, 0x47, 0, 2, 1, 64) },
	{ "snap", 1, HEADER(MACS, 0, 8 + 57, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0) },
	{ "null, little-endian", 0, HEADER(2, 0, 0, 0) },
	{ "null, big-endian", 0, HEADER(0, 0, 0, 2) },
	{ "loop", 108, HEADER(0, 0, 0, 2) },
	{ "enc", 109, HEADER(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
	{ "raw 12", 12, { 0 }, 0 },
	{ "raw 14", 14, { 0 }, 0 },
	{ "raw", 101, { 0 }, 0 },
	{ "ipv4", 228, { 0 }, 0 },
	{ "ppp", 9, HEADER(0xff, 3, 0, 0x21) },
	{ "ppp without address", 9, HEADER(0, 0x21) },
	{ "ppp in hdlc", 50, HEADER(0xff, 3, 0, 0x21) },
	{ "ppp, cisco", 50, HEADER(0x0f, 0, 8, 0) },
	{ "pppoe alone", 51, HEADER(0x11, 0, 0, 1, 0, 2 + 57, 0, 0x21) },
	{ "cisco hdlc", 104, HEADER(0x0f, 0, 8, 0) },
	{ "ppp, direction", 204, HEADER(1, 0xff, 3, 0, 0x21) },
	{ "cisco hdlc, direction", 205, HEADER(0, 0x0f, 0, 8, 0) },
	{ "pppd", 166, HEADER(0, 3, 0, 0x21) },
	{ "sll", 113, HEADER(0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0) },
	{ "sll, vlan", 113, HEADER(0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x81, 0, 0, 7, 8, 0) },
	{ "sll2", 276, HEADER(8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0) },
	{ "nflog", 239, HEADER(2, 0, 0, 1, 5, 0, 10, 0, 'x', 0, 0, 0, NFLOG_LEN, 0, 9, 0) },
	{ "pflog", 117, HEADER(61, 2, [63] = 0) },
	{ "pktap", 258, HEADER(16, 0, 0, 0, 1, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0) },
};

static void every_link_type_leads_to_tcp(void **state)
{
	(void)state;
	struct bytes ip = tcp4("hello");
	for (size_t i = 0; i < sizeof LINKS / sizeof LINKS[0]; i++) {
		const struct link_case *c = &LINKS[i];
		struct bytes b = { .len = 0 };
		put(&b, c->header, c->len);
		put(&b, ip.at, ip.len);
		struct seen s = decode(c->link, &b);
		if (s.kind != PACKET_TCP)
			fail_msg("%s: %s", c->name, s.why ? s.why : "not TCP");
		is_hello(&s);
		assert_true(packet_knows_link(c->link));
		assert_int_equal(s.tcp.frame, 3);
		assert_true(s.tcp.at == 5);
		assert_int_equal(s.tcp.ttl, 64);
		assert_int_equal(s.tcp.ip_id, 0x77);
		assert_int_equal(s.tcp.ip_len, ip.len);
		assert_true(s.tcp.dont_fragment);
	}
	assert_false(packet_knows_link(105)); /* 802.11 */
	assert_false(packet_knows_link(147));
}

static void a_frame_may_be_cut_anywhere(void **state)
{
	(void)state;
	struct packet_decoder *d = packet_decoder_new();
	struct bytes ip = tcp4("hello");
	for (size_t i = 0; i < sizeof LINKS / sizeof LINKS[0]; i++) {
		const struct link_case *c = &LINKS[i];
		struct bytes b = { .len = 0 };
		put(&b, c->header, c->len);
		put(&b, ip.at, ip.len);
		for (size_t cut = 0; cut <= b.len; cut++) {
			struct seen s = decode_cut(d, c->link, &b, cut);
			assert_int_equal(s.kind == PACKET_TCP, cut >= c->len + 40);
			assert_int_equal(s.kind == PACKET_BAD, s.why != NULL);
			if (s.kind != PACKET_TCP)
				continue;
			assert_int_equal(s.tcp.payload_len, 5);
			assert_int_equal(s.tcp.payload.len,
					 cut > b.len - 5 ? cut - (b.len - 5) : 0);
		}
	}
	packet_decoder_free(d);
}

static void padding_is_no_payload(void **state)
{
	(void)state;
	struct bytes b = { .len = 0 }, ip = tcp4("");
	PUT(&b, MACS, 8, 0);
	put(&b, ip.at, ip.len);
	PUT(&b, 0, 0, 0, 0, 0, 0, 0, 0);
	struct seen s = decode(1, &b);
	assert_int_equal(s.kind, PACKET_TCP);
	assert_int_equal(s.tcp.payload_len, 0);
	assert_int_equal(s.tcp.payload.len, 0);
}

static void offload_leaves_the_length_to_the_frame(void **state)
{
	(void)state;
	struct bytes ip = tcp4("hello");
	ip.at[2] = ip.at[3] = 0;
	struct seen s = decode(RAW, &ip);
	is_hello(&s);
	struct bytes tcp = tcp_bytes("hello"), six = ip6(6, tcp.at, tcp.len);
	six.at[4] = six.at[5] = 0;
	s = decode(RAW, &six);
	is_hello(&s);
}

static void lengths_that_disagree_are_told(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t byte;
		const char *why;
	} cases[] = {
		{ 0, 0x44, "shorter than 20" },       { 3, 19, "total length" },
		{ 3, 39, "too short for a TCP" },     { 0, 0x95, "version" },
		{ 20 + 12, 0x40, "shorter than 20" }, { 20 + 12, 0xf0, "longer than the IP" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bytes b = { .len = 0 }, ip = tcp4("hello");
		PUT(&b, MACS, 8, 0);
		ip.at[cases[i].at] = cases[i].byte;
		put(&b, ip.at, ip.len);
		struct seen s = decode(1, &b);
		if (i == 3) { /* behind Ethernet that is simply no IP */
			assert_int_equal(s.kind, PACKET_OTHER);
			continue;
		}
		assert_int_equal(s.kind, PACKET_BAD);
		assert_non_null(strstr(s.why, cases[i].why));
	}
}

static void options_are_read_and_bounded(void **state)
{
	(void)state;
	struct bytes tcp = { .len = 0 };
	PUT(&tcp, 0x12, 0x34, 0x0c, 0x38, 0, 0, 0, 1, 0, 0, 0, 0, 0xb0, 0xc2, 0xff, 0xff, 0, 0, 0,
	    0);
	PUT(&tcp, 2, 4, 5, 0x14, 4, 2, 1, 3, 3, 15, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 99, 99, 99);
	struct bytes ip = ip4(6, 1, 0, tcp.at, tcp.len);
	struct seen s = decode(RAW, &ip);
	assert_int_equal(s.kind, PACKET_TCP);
	assert_int_equal(s.tcp.flags, TCP_SYN | TCP_ECE | TCP_CWR);
	assert_int_equal(s.tcp.has,
			 SEGMENT_MSS | SEGMENT_WSCALE | SEGMENT_SACK_OK | SEGMENT_TIMESTAMP);
	assert_int_equal(s.tcp.mss, 1300);
	assert_int_equal(s.tcp.wscale, 14);
	assert_int_equal(s.tcp.tsecr, 2);
	assert_false(s.tcp.dont_fragment);

	struct bytes sack = { .len = 0 };
	PUT(&sack, 0x12, 0x34, 0x0c, 0x38, 0, 0, 0, 1, 0, 0, 0, 2, 0xa0, 0x10, 1, 0, 0, 0, 0, 0);
	PUT(&sack, 1, 1, 5, 18, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 1, 5, 0, 0, 1, 9);
	ip = ip4(6, 1, 0, sack.at, sack.len);
	s = decode(RAW, &ip);
	assert_int_equal(s.tcp.sack_count, 2);
	assert_int_equal(s.tcp.sack[1].left, 0x105);
	assert_int_equal(s.tcp.sack[1].right, 0x109);

	ip.at[20 + 20 + 3] = 60; /* longer than what is left: ends the options */
	s = decode(RAW, &ip);
	assert_int_equal(s.kind, PACKET_TCP);
	assert_int_equal(s.tcp.sack_count, 0);
}

static void ipv6_headers_are_passed_over(void **state)
{
	(void)state;
	struct bytes tcp = tcp_bytes("hello"), chain = { .len = 0 };
	PUT(&chain, 43, 0, 1, 4, 0, 0, 0, 0);                          /* hop-by-hop */
	PUT(&chain, 60, 0, 0, 0, 0, 0, 0, 0);                          /* routing */
	PUT(&chain, 44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* destination, 16 bytes */
	PUT(&chain, 51, 0, 0, 0, 0, 0, 0, 9);                          /* atomic fragment */
	PUT(&chain, 6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	    1); /* AH */
	put(&chain, tcp.at, tcp.len);
	struct bytes b = ip6(0, chain.at, chain.len);
	struct seen s = decode(229, &b);
	is_hello(&s);
	assert_int_equal(s.tcp.from.ip[15], 1);
	assert_int_equal(s.tcp.ttl, 63);
	struct packet_decoder *d = packet_decoder_new();
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(decode_cut(d, 229, &b, cut).kind == PACKET_TCP,
				 cut >= b.len - tcp.len + 20);
	packet_decoder_free(d);
	b.at[41] = 200; /* the hop-by-hop header claims more than there is */
	assert_int_equal(decode(229, &b).kind, PACKET_BAD);
}

/* The packet "hello, and so on" in three pieces: 16, 16 and 16 bytes. */
enum { PIECES = 3 };

static void cut_in_pieces(bool v6, struct bytes piece[PIECES])
{
	struct bytes tcp = tcp_bytes("hello, and so on");
	assert_int_equal(tcp.len, 48);
	for (size_t i = 0; i < PIECES; i++) {
		uint16_t more = i < PIECES - 1;
		if (!v6) {
			piece[i] = ip4(6, 9, (uint16_t)(i * 2 | more << 13), tcp.at + i * 16, 16);
			continue;
		}
		struct bytes b = { .len = 0 };
		PUT(&b, 6, 0, 0, (uint8_t)(i * 16 | more), 0, 1, 0, 9);
		put(&b, tcp.at + i * 16, 16);
		piece[i] = ip6(44, b.at, b.len);
	}
}

static void fragments_come_in_any_order(void **state)
{
	(void)state;
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	for (int v6 = 0; v6 < 2; v6++) {
		struct bytes piece[PIECES];
		cut_in_pieces(v6, piece);
		struct packet_decoder *d = packet_decoder_new();
		for (int o = 0; o < 6; o++) {
			for (int i = 0; i < 2; i++)
				for (int twice = 0; twice < 2; twice++)
					assert_int_equal(decode_cut(d, RAW, &piece[orders[o][i]],
								    piece[0].len)
								 .kind,
							 PACKET_OTHER);
			struct seen s = decode_cut(d, RAW, &piece[orders[o][2]], piece[0].len);
			assert_int_equal(s.kind, PACKET_TCP);
			assert_string_equal(s.payload, "hello, and so on");
			assert_int_equal(s.tcp.payload_len, 16);
			assert_int_equal(s.tcp.ip_len, (v6 ? 40 : 20) + 48);
			assert_int_equal(s.tcp.from.port, 0x1234);
		}
		packet_decoder_free(d);
	}
}

static void the_first_fragment_wins(void **state)
{
	(void)state;
	struct bytes piece[PIECES], other;
	cut_in_pieces(false, piece);
	other = piece[2];
	memset(other.at + 20, 'X', 16);
	other.at[6] |= 0x20; /* more to come, so that it says nothing about the end */
	struct packet_decoder *d = packet_decoder_new();
	decode_cut(d, RAW, &piece[1], piece[1].len);
	struct bytes over = piece[1];
	memset(over.at + 20, 'Y', 16);
	decode_cut(d, RAW, &over, over.len);
	decode_cut(d, RAW, &other, other.len);
	decode_cut(d, RAW, &piece[0], piece[0].len);
	struct seen s = decode_cut(d, RAW, &piece[2], piece[2].len);
	assert_int_equal(s.kind, PACKET_TCP);
	assert_string_equal(s.payload, "XXXXXXXXXXXXXXXX");
	assert_int_equal(s.tcp.tsval, 9); /* of the first piece[1], not of `over` */
	packet_decoder_free(d);
}

static void fragments_are_bounded_and_judged(void **state)
{
	(void)state;
	struct packet_decoder *d = packet_decoder_new();
	uint8_t body[1024] = { 0 };
	for (unsigned id = 0; id < 1000; id++) { /* each reaches far and never ends */
		struct bytes b = ip4(6, (uint16_t)id, 0x2000 | 8000, body, sizeof body);
		assert_int_equal(decode_cut(d, RAW, &b, b.len).kind, PACKET_OTHER);
	}
	struct bytes b = ip4(6, 1, 0x2000 | 0x1fff, body, sizeof body);
	assert_int_equal(decode_cut(d, RAW, &b, b.len).kind, PACKET_BAD);
	b = ip4(6, 2000, 0x2000, body, 13);
	assert_int_equal(decode_cut(d, RAW, &b, b.len).kind, PACKET_BAD);
	struct bytes piece[PIECES];
	cut_in_pieces(false, piece);
	decode_cut(d, RAW, &piece[2], piece[2].len);
	piece[1].at[6] = 0; /* says that it is the last one, too */
	assert_int_equal(decode_cut(d, RAW, &piece[1], piece[1].len).kind, PACKET_BAD);
	packet_decoder_free(d);
}

static void a_fragment_that_was_cut_leaves_a_prefix(void **state)
{
	(void)state;
	struct bytes piece[PIECES];
	cut_in_pieces(false, piece);
	struct packet_decoder *d = packet_decoder_new();
	decode_cut(d, RAW, &piece[0], piece[0].len);
	decode_cut(d, RAW, &piece[1], piece[1].len);
	struct seen s = decode_cut(d, RAW, &piece[2], 20 + 5);
	assert_int_equal(s.kind, PACKET_TCP);
	assert_int_equal(s.tcp.payload_len, 16);
	assert_string_equal(s.payload, "hello");
	packet_decoder_free(d);
}

static void four_tunnels_are_opened(void **state)
{
	(void)state;
	struct bytes inner = tcp4("hello"), tcp = tcp_bytes("hello"), six = ip6(6, tcp.at, tcp.len);
	struct bytes b = ip4(4, 1, 0, inner.at, inner.len);
	struct seen s = decode(RAW, &b);
	is_hello(&s);
	assert_int_equal(s.tcp.ip_len, inner.len);
	b = ip4(41, 1, 0, six.at, six.len);
	s = decode(RAW, &b);
	is_hello(&s);
	struct bytes gre = { .len = 0 };
	PUT(&gre, 0x30, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2); /* key and sequence number */
	put(&gre, inner.at, inner.len);
	b = ip4(47, 1, 0, gre.at, gre.len);
	s = decode(RAW, &b);
	is_hello(&s);
	struct packet_decoder *d = packet_decoder_new();
	for (size_t cut = 0; cut <= b.len; cut++)
		decode_cut(d, RAW, &b, cut);
	packet_decoder_free(d);
	for (int level = 2; level <= 4; level++) {
		b = ip4(4, 1, 0, b.at, b.len);
		s = decode(RAW, &b);
		is_hello(&s);
	}
	b = ip4(4, 1, 0, b.at, b.len);
	assert_int_equal(decode(RAW, &b).kind, PACKET_OTHER);
}

/* What stands between an IP packet and the one that it carries. */
static const struct tunnel_case {
	const char *name;
	uint8_t protocol;
	uint8_t header[48];
	size_t len;
	bool leads_on;
} TUNNELS[] = {
#define UDP(port)  0xc0, 1, (port) >> 8, (port)&0xff, 0, 0, 0, 0
#define ETHERNET_4 MACS, 8, 0
	{ "vxlan", 17, HEADER(UDP(4789), 8, 0, 0, 0, 0, 0, 42, 0, ETHERNET_4), true },
	{ "vxlan of a policy, vlan in it", 17,
	  HEADER(UDP(4789), 0x88, 0, 0, 9, 0, 0, 42, 0, MACS, 0x81, 0, 0, 5, 8, 0), true },
	{ "vxlan, Linux's port", 17, HEADER(UDP(8472), 8, 0, 0, 0, 0, 0, 1, 0, ETHERNET_4), true },
	{ "vxlan without its flag", 17, HEADER(UDP(4789), 0, 0, 0, 0, 0, 0, 42, 0, ETHERNET_4),
	  false },
	{ "vxlan-gpe, IPv4", 17, HEADER(UDP(4790), 0x0c, 0, 0, 1, 0, 0, 42, 0), true },
	{ "vxlan-gpe, Ethernet", 17, HEADER(UDP(4790), 0x0c, 0, 0, 3, 0, 0, 42, 0, ETHERNET_4),
	  true },
	{ "vxlan-gpe, NSH", 17, HEADER(UDP(4790), 0x0c, 0, 0, 4, 0, 0, 42, 0), false },
	{ "geneve", 17, HEADER(UDP(6081), 0, 0, 0x65, 0x58, 0, 0, 42, 0, ETHERNET_4), true },
	{ "geneve, an option", 17,
	  HEADER(UDP(6081), 2, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 0x80, 1, 'a', 'b', 'c', 'd',
		 ETHERNET_4),
	  true },
	{ "geneve, IPv4", 17, HEADER(UDP(6081), 0, 0, 8, 0, 0, 0, 42, 0), true },
	{ "geneve of another version", 17, HEADER(UDP(6081), 0x40, 0, 8, 0, 0, 0, 42, 0), false },
	{ "udp to another port", 17, HEADER(UDP(53), 8, 0, 0, 0, 0, 0, 42, 0, ETHERNET_4), false },
	{ "gre, bridged", 47, HEADER(0, 0, 0x65, 0x58, ETHERNET_4), true },
	{ "erspan I", 47, HEADER(0, 0, 0x88, 0xbe, ETHERNET_4), true },
	{ "erspan II", 47,
	  HEADER(0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 1, 0, 0, 0, 1, ETHERNET_4), true },
	{ "erspan III", 47,
	  HEADER(0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0,
		 ETHERNET_4),
	  true },
	{ "erspan III, platform's header", 47,
	  HEADER(0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0,
		 0, 0, 0, 0, ETHERNET_4),
	  true },
	{ "erspan III, IP alone", 47,
	  HEADER(0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 1, 0, 0, 0, 1, 0, 0, 8, 0), true },
	{ "esp", 50, HEADER(0, 0, 0, 1, 0, 0, 0, 1), false },
};

static void each_tunnel_leads_to_tcp(void **state)
{
	(void)state;
	struct bytes inner = tcp4("hello");
	for (size_t i = 0; i < sizeof TUNNELS / sizeof *TUNNELS; i++) {
		const struct tunnel_case *c = &TUNNELS[i];
		struct bytes body = { .len = 0 };
		put(&body, c->header, c->len);
		put(&body, inner.at, inner.len);
		struct bytes outer[] = { ip4(c->protocol, 1, 0, body.at, body.len),
					 ip6(c->protocol, body.at, body.len) };
		struct packet_decoder *d = packet_decoder_new();
		for (size_t v = 0; v < 2; v++) {
			struct seen s = decode(RAW, &outer[v]);
			if (c->leads_on)
				is_hello(&s);
			else
				assert_int_equal(s.kind, PACKET_OTHER);
			for (size_t cut = 0; cut <= outer[v].len; cut++)
				decode_cut(d, RAW, &outer[v], cut);
		}
		packet_decoder_free(d);
	}
}

static void icmp_quotes_a_segment(void **state)
{
	(void)state;
	struct bytes quoted = tcp4("hello"), icmp = { .len = 0 };
	PUT(&icmp, 3, 4, 0, 0, 0, 0, 0x04, 0xb0);
	put(&icmp, quoted.at, 28);
	struct bytes b = ip4(1, 1, 0, icmp.at, icmp.len);
	b.at[15] = 254;
	struct seen s = decode(RAW, &b);
	assert_int_equal(s.kind, PACKET_ICMP);
	assert_int_equal(s.icmp.kind, ICMP_TOO_BIG);
	assert_int_equal(s.icmp.mtu, 1200);
	assert_int_equal(s.icmp.router.ip[15], 254);
	assert_int_equal(s.icmp.from.port, 0x1234);
	assert_int_equal(s.icmp.to.port, 3128);
	assert_int_equal(s.icmp.seq, 0x01020304);
	assert_int_equal(s.icmp.ip_len, quoted.len);
	assert_string_equal(icmp_name(&s.icmp), "fragmentation needed");
	struct packet_decoder *d = packet_decoder_new();
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_not_equal(decode_cut(d, RAW, &b, cut).kind, PACKET_ICMP);
	packet_decoder_free(d);
	b.at[20] = 8; /* echo */
	assert_int_equal(decode(RAW, &b).kind, PACKET_OTHER);

	struct bytes tcp = tcp_bytes("hello"), six = ip6(6, tcp.at, tcp.len);
	icmp.len = 0;
	PUT(&icmp, 2, 0, 0, 0, 0, 0, 5, 0);
	put(&icmp, six.at, six.len);
	b = ip6(58, icmp.at, icmp.len);
	s = decode(RAW, &b);
	assert_int_equal(s.kind, PACKET_ICMP);
	assert_int_equal(s.icmp.mtu, 1280);
	assert_true(s.icmp.v6);
	b.at[40] = 1;
	b.at[41] = 1;
	s = decode(RAW, &b);
	assert_string_equal(icmp_name(&s.icmp), "administratively prohibited");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_link_type_leads_to_tcp),
		cmocka_unit_test(a_frame_may_be_cut_anywhere),
		cmocka_unit_test(padding_is_no_payload),
		cmocka_unit_test(offload_leaves_the_length_to_the_frame),
		cmocka_unit_test(lengths_that_disagree_are_told),
		cmocka_unit_test(options_are_read_and_bounded),
		cmocka_unit_test(ipv6_headers_are_passed_over),
		cmocka_unit_test(fragments_come_in_any_order),
		cmocka_unit_test(the_first_fragment_wins),
		cmocka_unit_test(fragments_are_bounded_and_judged),
		cmocka_unit_test(a_fragment_that_was_cut_leaves_a_prefix),
		cmocka_unit_test(four_tunnels_are_opened),
		cmocka_unit_test(each_tunnel_leads_to_tcp),
		cmocka_unit_test(icmp_quotes_a_segment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
