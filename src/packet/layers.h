/* How the files of decode.h pass a packet along: private to them.
 *
 * A `part` is what is left of a frame: the bytes that were captured, and how many there were on
 * the wire. Whoever strips a header strips it from both. The readers below return NULL when all
 * is well, or a constant that says what is not. */
#ifndef PACKET_LAYERS_H
#define PACKET_LAYERS_H

#include "packet/decode.h"

struct part {
	struct slice data; /* captured */
	uint32_t wire;     /* >= data.len */
};

/* Big-endian numbers where the caller has checked the length: the way of every packet, twelve
 * million times a capture, so no reader object here. */
static inline uint16_t load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Drops a header. False, and nothing changed, when it was not captured whole. */
static inline bool part_skip(struct part *p, size_t len)
{
	if (p->data.len < len)
		return false;
	p->data.at += len;
	p->data.len -= len;
	p->wire -= (uint32_t)len;
	return true;
}

/* Leaves at most `wire` bytes: what stands behind is padding or a trailer. */
static inline void part_limit(struct part *p, uint32_t wire)
{
	if (p->wire > wire)
		p->wire = wire;
	if (p->data.len > wire)
		p->data.len = wire;
}

/* link.c: finds the IP packet in a frame. False when there is none (ARP, an unknown link type,
 * too short to tell). */
bool link_strip(uint32_t link, struct part *p);
bool link_strip_frame(struct part *p); /* Ethernet, whatever carries it */
bool link_strip_ethertype(uint16_t type, struct part *p);

enum { IP_ICMP = 1, IP_IPV4 = 4, IP_TCP = 6, IP_UDP = 17, IP_IPV6 = 41, IP_GRE = 47, IP_ICMPV6 = 58 };

struct ip_packet {
	const uint8_t *header; /* its first byte; version and addresses stand there */
	struct part body;      /* behind the headers that ip_read knows; the wire length is
				  by the IP header and may exceed the frame's */
	uint32_t len;          /* the whole packet on the wire */
	uint32_t id;           /* identification, 0 for IPv6 without fragment header */
	uint32_t offset;       /* of a fragment, in bytes */
	uint8_t protocol;      /* of the body */
	uint8_t ttl;
	bool v6, dont_fragment;
	bool fragment, more; /* a piece; not the last one */
};

/* ip.c. `quoted`: the packet stands in an ICMP error, which may have cut it anywhere. */
const char *ip_read(const struct part *p, bool quoted, struct ip_packet *ret_ip);
const char *ip_skip_extensions(struct ip_packet *ip);
void ip_addresses(const struct ip_packet *ip, struct address *ret_from, struct address *ret_to);

/* tunnel.c: finds the IP packet that this one carries; *p is what is left. False: it carries none. */
bool tunnel_strip(const struct ip_packet *ip, struct part *p);

/* fragment.c. Takes one piece. True when the packet is whole: then ip is that packet, its body
 * borrowed until the next call. */
struct fragments;
struct fragments *fragments_new(void);
void fragments_free(struct fragments *f);
bool fragments_add(struct fragments *f, nanos at, struct ip_packet *ip, const char **ret_why);

/* tcp.c */
void tcp_read_options(struct segment *s, const uint8_t *at, size_t len);

/* All that the TCP header itself says but the ports. Every member is written, one by one (but the
 * unused of `sack`): clearing the record first would cost as much as all the rest. */
static inline const char *tcp_read_header(const struct part *p, struct segment *s)
{
	const uint8_t *at = p->data.at;
	size_t captured = p->data.len;
	if (p->wire < 20)
		return "the IP packet is too short for a TCP header";
	if (captured < 20)
		return "the capture cut the TCP header";
	uint32_t header = (at[12] >> 4) * 4u;
	if (header < 20)
		return "the TCP header says that it is shorter than 20 bytes";
	if (header > p->wire)
		return "the TCP header is longer than the IP packet";
	s->line = 0;
	s->seq = load32(at + 4);
	s->ack = load32(at + 8);
	s->flags = at[13];
	s->window = load16(at + 14);
	s->has = 0;
	s->wscale = 0;
	s->mss = 0;
	s->sack_count = 0;
	s->payload_len = p->wire - header;
	if (captured < header)
		s->payload = (struct slice){ at + captured, 0 };
	else
		s->payload = (struct slice){ at + header, captured - header };
	s->tsval = s->tsecr = 0;
	if (header == 32 && captured >= 32 && load32(at + 20) == 0x0101080a) {
		s->tsval = load32(at + 24);
		s->tsecr = load32(at + 28);
		s->has = SEGMENT_TIMESTAMP;
	} else if (header > 20) {
		tcp_read_options(s, at + 20, (captured < header ? captured : header) - 20);
	}
	return NULL;
}

const char *tcp_read(const struct ip_packet *ip, struct segment *ret_segment);

/* icmp.c. False: ICMP of another kind, or about something that is not TCP. */
bool icmp_read(const struct ip_packet *ip, struct icmp_note *ret_note);

#endif
