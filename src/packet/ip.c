/* IPv4 and IPv6 headers: RFC 791, RFC 8200. */
#include "packet/layers.h"

#include <string.h>

static const char CUT[] = "the capture cut the IP header";

enum {
	HOP_BY_HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	AUTHENTICATION = 51,
	DESTINATION = 60,
	MOBILITY = 135,
	HIP = 139,
	SHIM6 = 140
};

/* The body is what the IP header's length leaves of the frame: Ethernet's padding is not in it,
 * and what the capture cut off still counts. */
static void set_body(struct ip_packet *ip, const struct part *p, uint32_t header)
{
	size_t data = p->data.len < ip->len ? p->data.len : ip->len;
	ip->body.data.at = p->data.at + header;
	ip->body.data.len = data - header;
	ip->body.wire = ip->len - header;
}

static const char *read_v4(const struct part *p, bool quoted, struct ip_packet *ip)
{
	const uint8_t *at = p->data.at;
	if (p->data.len < 20)
		return CUT;
	uint32_t header = (at[0] & 15u) * 4;
	uint32_t total = load16(at + 2);
	if (header < 20)
		return "the IPv4 header says that it is shorter than 20 bytes";
	if (total == 0 || quoted) /* segmentation offload; a quote may have its length garbled */
		total = total < header ? p->wire : total;
	if (total < header)
		return "the IPv4 total length is less than its header";
	if (p->data.len < header)
		return CUT;
	uint16_t fragment = load16(at + 6);
	ip->header = at;
	ip->len = total;
	ip->id = load16(at + 4);
	ip->offset = (fragment & 0x1fffu) * 8;
	ip->protocol = at[9];
	ip->ttl = at[8];
	ip->v6 = false;
	ip->dont_fragment = fragment & 0x4000;
	ip->more = fragment & 0x2000;
	ip->fragment = ip->more || ip->offset;
	set_body(ip, p, header);
	return ip->protocol == AUTHENTICATION && !ip->fragment ? ip_skip_extensions(ip) : NULL;
}

static const char *read_v6(const struct part *p, struct ip_packet *ip)
{
	const uint8_t *at = p->data.at;
	if (p->data.len < 40)
		return CUT;
	uint32_t payload = load16(at + 4);
	ip->header = at;
	ip->len = 40 + payload;
	ip->id = 0;
	ip->offset = 0;
	ip->protocol = at[6];
	ip->ttl = at[7];
	ip->v6 = true;
	ip->dont_fragment = true; /* no router may */
	ip->fragment = ip->more = false;
	if (payload == 0 && p->wire > 40) /* segmentation offload, or a jumbogram (RFC 2675) */
		ip->len = p->wire;
	set_body(ip, p, 40);
	return ip->protocol == IP_TCP ? NULL : ip_skip_extensions(ip);
}

static bool is_extension(const struct ip_packet *ip)
{
	switch (ip->protocol) {
	case AUTHENTICATION:
		return true;
	case HOP_BY_HOP:
	case ROUTING:
	case FRAGMENT:
	case DESTINATION:
	case MOBILITY:
	case HIP:
	case SHIM6:
		return ip->v6;
	}
	return false;
}

static void note_fragment(struct ip_packet *ip, const uint8_t *at)
{
	uint16_t offset = load16(at + 2);
	ip->offset = offset & 0xfff8;
	ip->more = offset & 1;
	ip->id = load32(at + 4);
	ip->fragment = ip->more || ip->offset; /* neither: atomic (RFC 6946), whole as it is */
}

/* Stops behind a fragment header that is not atomic: the rest is known when the pieces are put
 * together, and this is called again. */
const char *ip_skip_extensions(struct ip_packet *ip)
{
	while (is_extension(ip) && !ip->fragment) {
		const uint8_t *at = ip->body.data.at;
		if (ip->body.data.len < 8)
			return "the capture cut the IPv6 extension headers";
		uint32_t len = ip->protocol == FRAGMENT         ? 8
			       : ip->protocol == AUTHENTICATION ? (at[1] + 2u) * 4
								: (at[1] + 1u) * 8;
		if (len > ip->body.wire)
			return "an IPv6 extension header is longer than the packet";
		if (ip->protocol == FRAGMENT)
			note_fragment(ip, at);
		ip->protocol = at[0];
		if (!part_skip(&ip->body, len))
			return "the capture cut the IPv6 extension headers";
	}
	return NULL;
}

void ip_addresses(const struct ip_packet *ip, struct address *ret_from, struct address *ret_to)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (ip->v6) {
		memcpy(ret_from->ip, ip->header + 8, 16);
		memcpy(ret_to->ip, ip->header + 24, 16);
		return;
	}
	memcpy(ret_from->ip, mapped, 12);
	memcpy(ret_from->ip + 12, ip->header + 12, 4);
	memcpy(ret_to->ip, mapped, 12);
	memcpy(ret_to->ip + 12, ip->header + 16, 4);
}

const char *ip_read(const struct part *p, bool quoted, struct ip_packet *ret_ip)
{
	if (p->data.len == 0)
		return CUT;
	switch (p->data.at[0] >> 4) {
	case 4:
		return read_v4(p, quoted, ret_ip);
	case 6:
		return read_v6(p, ret_ip);
	}
	return "the IP version is neither 4 nor 6";
}
