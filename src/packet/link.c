/* Link layers: from the first byte of a frame to the first byte of its IP packet.
 *
 * Numbers are those of the pcap registry (LINKTYPE_...). What does not lead to IP is nobody's
 * fault and nobody's interest here: ARP, spanning tree, another link type. */
#include "packet/layers.h"

enum {
	LINK_NULL = 0,
	LINK_EN10MB = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_PPP_ETHER = 51,
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_LOOP = 108,
	LINK_ENC = 109,
	LINK_LINUX_SLL = 113,
	LINK_PFLOG = 117,
	LINK_PPP_PPPD = 166,
	LINK_PPP_WITH_DIR = 204,
	LINK_C_HDLC_WITH_DIR = 205,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_NFLOG = 239,
	LINK_PKTAP = 258,
	LINK_LINUX_SLL2 = 276,
};

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	ETHER_MPLS = 0x8847,
	ETHER_MPLS_MULTICAST = 0x8848,
	ETHER_PPPOE = 0x8864,
	ETHER_QINQ = 0x88a8,
	ETHER_QINQ_OLD = 0x9100,
	ETHER_QINQ_OLDER = 0x9200,
	ETHER_LENGTH = 1500, /* up to here the field is a length and LLC follows */
};

enum { MAX_TAGS = 16 }; /* VLAN tags or MPLS labels on one frame; more is noise */

/* IP without any word about its version in front. */
static bool strip_raw(struct part *p)
{
	if (p->data.len == 0)
		return false;
	uint8_t version = p->data.at[0] >> 4;
	return version == 4 || version == 6;
}

/* RFC 3032: labels of four bytes, the last with the bottom bit. What follows has no type: IP
 * shows itself by its version. */
static bool strip_mpls(struct part *p)
{
	for (int i = 0; i < MAX_TAGS; i++) {
		const uint8_t *label = p->data.at;
		if (!part_skip(p, 4))
			return false;
		if (label[2] & 1)
			return strip_raw(p);
	}
	return false;
}

/* RFC 1661: the protocol field is one byte where compression was agreed, and then it is odd.
 * 0xff 0x03 in front are HDLC's address and control, if they were not left out; 0x0f or 0x8f
 * there is Cisco's framing. */
static bool strip_ppp(struct part *p)
{
	const uint8_t *at = p->data.at;
	if (p->data.len >= 4 && (at[0] == 0x0f || at[0] == 0x8f) && at[1] == 0)
		return part_skip(p, 4) && link_strip_ethertype(load16(at + 2), p);
	if (p->data.len >= 2 && at[0] == 0xff && at[1] == 0x03)
		part_skip(p, 2);
	at = p->data.at;
	if (p->data.len < 2)
		return false;
	bool compressed = at[0] & 1;
	uint16_t protocol = compressed ? at[0] : load16(at);
	part_skip(p, compressed ? 1 : 2);
	if (protocol == 0x0281)
		return strip_mpls(p);
	return (protocol == 0x0021 || protocol == 0x0057) && strip_raw(p);
}

/* RFC 2516: version and type, code 0 (session), session, length. */
static bool strip_pppoe(struct part *p)
{
	const uint8_t *at = p->data.at;
	if (!part_skip(p, 6) || at[0] != 0x11 || at[1] != 0)
		return false;
	part_limit(p, load16(at + 4));
	return strip_ppp(p);
}

/* LLC with SNAP, and an Ethernet type in it. */
static bool strip_llc(struct part *p)
{
	const uint8_t *at = p->data.at;
	if (!part_skip(p, 8) || at[0] != 0xaa || at[1] != 0xaa || at[2] != 0x03)
		return false;
	uint16_t type = load16(at + 6);
	return type > ETHER_LENGTH && link_strip_ethertype(type, p);
}

static bool is_vlan(uint16_t type)
{
	return type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD ||
	       type == ETHER_QINQ_OLDER;
}

bool link_strip_ethertype(uint16_t type, struct part *p)
{
	for (int i = 0; is_vlan(type); i++) {
		const uint8_t *tag = p->data.at;
		if (i == MAX_TAGS || !part_skip(p, 4))
			return false;
		type = load16(tag + 2);
	}
	switch (type) {
	case ETHER_IPV4:
	case ETHER_IPV6:
		return strip_raw(p);
	case ETHER_PPPOE:
		return strip_pppoe(p);
	case ETHER_MPLS:
	case ETHER_MPLS_MULTICAST:
		return strip_mpls(p);
	}
	if (type > ETHER_LENGTH)
		return false;
	part_limit(p, type);
	return strip_llc(p);
}

bool link_strip_frame(struct part *p)
{
	const uint8_t *at = p->data.at;
	return part_skip(p, 14) && link_strip_ethertype(load16(at + 12), p);
}

/* A protocol family in the byte order of the host that captured; OpenBSD's in network order. The
 * number for IPv6 is 10, 23, 24, 26, 28 or 30, depending on the system. */
static bool strip_family(struct part *p, size_t header)
{
	const uint8_t *at = p->data.at;
	if (!part_skip(p, header))
		return false;
	uint32_t family = load32(at);
	if (family > 0xffff)
		family = family >> 24 | (family >> 8 & 0xff00);
	return (family == 2 || family == 10 || (family >= 23 && family <= 30)) && strip_raw(p);
}

/* The type field says 1 or 4 where Linux saw 802.3 frames. */
static bool strip_cooked(struct part *p, size_t type_at, size_t header)
{
	const uint8_t *at = p->data.at;
	if (!part_skip(p, header))
		return false;
	uint16_t type = load16(at + type_at);
	if (type == 4)
		return strip_llc(p);
	return type > ETHER_LENGTH && link_strip_ethertype(type, p);
}

static bool strip_c_hdlc(struct part *p)
{
	const uint8_t *at = p->data.at;
	return part_skip(p, 4) && load16(at + 2) > ETHER_LENGTH &&
	       link_strip_ethertype(load16(at + 2), p);
}

/* Type-length-value fields, aligned to four; the packet is the one of type 9. Numbers are the
 * capturing host's, little-endian for all that matters. */
static bool strip_nflog(struct part *p)
{
	enum { PAYLOAD = 9 };
	if (!part_skip(p, 4))
		return false;
	while (p->data.len >= 4) {
		const uint8_t *at = p->data.at;
		uint32_t len = at[0] | (uint32_t)at[1] << 8;
		uint32_t type = (at[2] | (uint32_t)at[3] << 8) & 0x7fff;
		if (len < 4)
			return false;
		if (type == PAYLOAD) {
			part_skip(p, 4);
			part_limit(p, len - 4);
			return strip_raw(p);
		}
		if (!part_skip(p, (len + 3) & ~3u))
			return false;
	}
	return false;
}

/* PF's log: the header's own length is its first byte, without the padding to four. */
static bool strip_pflog(struct part *p)
{
	return p->data.len > 0 && part_skip(p, (p->data.at[0] + 3u) & ~3u) && strip_raw(p);
}

/* macOS: a header that says its length and the link type behind it, little-endian. */
static bool strip_pktap(struct part *p)
{
	const uint8_t *at = p->data.at;
	if (p->data.len < 12)
		return false;
	uint32_t len = at[0] | (uint32_t)at[1] << 8;
	uint32_t link = at[8] | (uint32_t)at[9] << 8;
	if (at[2] || at[3] || at[10] || at[11] || len < 12 || link == LINK_PKTAP)
		return false;
	return part_skip(p, len) && link_strip(link, p);
}

bool link_strip(uint32_t link, struct part *p)
{
	switch (link) {
	case LINK_EN10MB:
		return link_strip_frame(p);
	case LINK_NULL:
	case LINK_LOOP:
		return strip_family(p, 4);
	case LINK_ENC:
		return strip_family(p, 12);
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		return strip_raw(p);
	case LINK_PPP:
	case LINK_PPP_HDLC:
		return strip_ppp(p);
	case LINK_PPP_PPPD: /* a byte that tells the direction, and HDLC's control */
		return part_skip(p, 2) && strip_ppp(p);
	case LINK_PPP_WITH_DIR: /* a byte that tells the direction */
		return part_skip(p, 1) && strip_ppp(p);
	case LINK_PPP_ETHER:
		return strip_pppoe(p);
	case LINK_C_HDLC:
		return strip_c_hdlc(p);
	case LINK_C_HDLC_WITH_DIR:
		return part_skip(p, 1) && strip_c_hdlc(p);
	case LINK_LINUX_SLL:
		return strip_cooked(p, 14, 16);
	case LINK_LINUX_SLL2:
		return strip_cooked(p, 0, 20);
	case LINK_NFLOG:
		return strip_nflog(p);
	case LINK_PFLOG:
		return strip_pflog(p);
	case LINK_PKTAP:
		return strip_pktap(p);
	}
	return false;
}

bool packet_knows_link(uint32_t link)
{
	switch (link) {
	case LINK_NULL:
	case LINK_EN10MB:
	case LINK_PPP:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_PPP_HDLC:
	case LINK_PPP_ETHER:
	case LINK_RAW:
	case LINK_C_HDLC:
	case LINK_LOOP:
	case LINK_ENC:
	case LINK_LINUX_SLL:
	case LINK_PFLOG:
	case LINK_PPP_PPPD:
	case LINK_PPP_WITH_DIR:
	case LINK_C_HDLC_WITH_DIR:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_NFLOG:
	case LINK_PKTAP:
	case LINK_LINUX_SLL2:
		return true;
	}
	return false;
}
