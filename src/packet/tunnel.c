/* Packets that travel within IP: IP-in-IP, GRE, and what carries Ethernet in UDP. */
#include "packet/layers.h"

enum { ETHER_BRIDGED = 0x6558, ETHER_ERSPAN = 0x88be, ETHER_ERSPAN_III = 0x22eb };

static bool strip_type(uint16_t type, struct part *p)
{
	if (type == ETHER_BRIDGED)
		return link_strip_frame(p);
	return type > 1500 && link_strip_ethertype(type, p);
}

/* ERSPAN is Ethernet in GRE, as switches send their mirror ports' traffic: with a sequence number
 * there are 8 bytes before the frame (type II), else none (type I). Type III has 12, and 8 more
 * where the last bit says so; what it carries may be IP alone. */
static bool strip_erspan(uint16_t type, bool sequence, struct part *p)
{
	const uint8_t *at = p->data.at;
	if (type == ETHER_ERSPAN)
		return (!sequence || part_skip(p, 8)) && link_strip_frame(p);
	if (!part_skip(p, 12) || (at[11] & 1 && !part_skip(p, 8)))
		return false;
	return (at[10] >> 2 & 0x1f) == 2 ? p->data.len > 0 : link_strip_frame(p);
}

/* RFC 2784, 2890. */
static bool strip_gre(struct part *p)
{
	enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, VERSION = 7 };
	const uint8_t *at = p->data.at;
	if (!part_skip(p, 4))
		return false;
	uint16_t flags = load16(at), type = load16(at + 2);
	size_t more =
		(flags & CHECKSUM ? 4u : 0) + (flags & KEY ? 4u : 0) + (flags & SEQUENCE ? 4u : 0);
	if (flags & (ROUTING | VERSION) || !part_skip(p, more))
		return false;
	if (type == ETHER_ERSPAN || type == ETHER_ERSPAN_III)
		return strip_erspan(type, flags & SEQUENCE, p);
	return strip_type(type, p);
}

/* RFC 7348, section 5: the I flag, and a network's number between reserved bytes. */
static bool strip_vxlan(struct part *p)
{
	const uint8_t *at = p->data.at;
	return part_skip(p, 8) && at[0] & 8 && at[7] == 0 && link_strip_frame(p);
}

/* VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): the P flag, and what follows. */
static bool strip_vxlan_gpe(struct part *p)
{
	enum { NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHERNET = 3 };
	const uint8_t *at = p->data.at;
	if (!part_skip(p, 8) || !(at[0] & 8))
		return false;
	if (!(at[0] & 4) || at[3] == NEXT_ETHERNET)
		return link_strip_frame(p);
	return (at[3] == NEXT_IPV4 || at[3] == NEXT_IPV6) && p->data.len > 0;
}

/* RFC 8926, section 3.4: version 0, options of four bytes each, and a type as Ethernet has it. */
static bool strip_geneve(struct part *p)
{
	const uint8_t *at = p->data.at;
	if (!part_skip(p, 8) || at[0] >> 6 != 0)
		return false;
	return part_skip(p, (at[0] & 0x3fu) * 4) && strip_type(load16(at + 2), p);
}

/* Told by the port that it goes to; the one that it comes from is made of the inner addresses. */
static bool strip_udp(struct part *p)
{
	enum { VXLAN = 4789, VXLAN_LINUX = 8472, VXLAN_GPE = 4790, GENEVE = 6081 };
	const uint8_t *at = p->data.at;
	if (!part_skip(p, 8))
		return false;
	switch (load16(at + 2)) {
	case VXLAN:
	case VXLAN_LINUX:
		return strip_vxlan(p);
	case VXLAN_GPE:
		return strip_vxlan_gpe(p);
	case GENEVE:
		return strip_geneve(p);
	}
	return false;
}

bool tunnel_strip(const struct ip_packet *ip, struct part *p)
{
	*p = ip->body;
	switch (ip->protocol) {
	case IP_GRE:
		return strip_gre(p);
	case IP_UDP:
		return strip_udp(p);
	case IP_IPV4:
	case IP_IPV6:
		return p->data.len > 0;
	}
	return false;
}
