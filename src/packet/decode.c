/* One frame through its layers. */
#include "packet/layers.h"

#include <stdlib.h>

struct packet_decoder {
	struct fragments *fragments;
};

enum { ETHERNET = 1, MAX_LEVELS = 4 };

static enum packet_kind bad(const char *why, const char **ret_why)
{
	*ret_why = why;
	return PACKET_BAD;
}

/* The innermost IP packet, put together. Without a decoder a fragment is PACKET_OTHER.
 * PACKET_TCP here means no more than that there is one. */
static enum packet_kind find_ip(struct packet_decoder *d, const struct packet_frame *f,
				struct ip_packet *ip, const char **ret_why)
{
	struct part p = { f->data, f->wire_len };
	if (p.wire < p.data.len)
		p.wire = (uint32_t)p.data.len;
	if (!link_strip(f->link, &p))
		return PACKET_OTHER;
	for (int level = 0; level <= MAX_LEVELS; level++) {
		const char *why = ip_read(&p, false, ip);
		if (why)
			return bad(why, ret_why);
		if (ip->fragment) {
			if (!d || !fragments_add(d->fragments, f->at, ip, &why))
				return why ? bad(why, ret_why) : PACKET_OTHER;
			if ((why = ip_skip_extensions(ip)))
				return bad(why, ret_why);
		}
		if (ip->protocol == IP_TCP || !tunnel_strip(ip, &p))
			break;
	}
	return PACKET_TCP;
}

/* Of all others whoever reads layer by layer says what they are. */
bool packet_decode_usual(const struct packet_frame *f, struct segment *ret_tcp)
{
	enum { IP_AT = 14, TCP_AT = IP_AT + 20, LEAST = TCP_AT + 20 };
	const uint8_t *at = f->data.at;
	if (f->link != ETHERNET || f->data.len < LEAST || load16(at + 12) != 0x0800 ||
	    at[IP_AT] != 0x45 || (load16(at + IP_AT + 6) & 0x3fff) || at[IP_AT + 9] != IP_TCP)
		return false;
	uint32_t len = load16(at + IP_AT + 2), there = (uint32_t)(f->data.len - IP_AT);
	if (len < 40)
		return false;
	const struct part tcp = { { at + TCP_AT, (there < len ? there : len) - 20 }, len - 20 };
	if (tcp_read_header(&tcp, ret_tcp))
		return false;
	ret_tcp->at = f->at;
	ret_tcp->frame = f->frame;
	ret_tcp->from = address_from_v4(at + IP_AT + 12, load16(at + TCP_AT));
	ret_tcp->to = address_from_v4(at + IP_AT + 16, load16(at + TCP_AT + 2));
	ret_tcp->ttl = at[IP_AT + 8];
	ret_tcp->ip_id = load16(at + IP_AT + 4);
	ret_tcp->dont_fragment = at[IP_AT + 6] & 0x40;
	ret_tcp->ip_len = len;
	return true;
}

enum packet_kind packet_decode(struct packet_decoder *d, const struct packet_frame *f,
			       struct segment *ret_tcp, struct icmp_note *ret_icmp,
			       const char **ret_why)
{
	if (packet_decode_usual(f, ret_tcp))
		return PACKET_TCP;
	struct ip_packet ip;
	enum packet_kind kind = find_ip(d, f, &ip, ret_why);
	if (kind != PACKET_TCP)
		return kind;
	if (ip.protocol == IP_TCP) {
		const char *why = tcp_read(&ip, ret_tcp);
		if (why)
			return bad(why, ret_why);
		ret_tcp->at = f->at;
		ret_tcp->frame = f->frame;
		return PACKET_TCP;
	}
	if (ip.protocol != (ip.v6 ? IP_ICMPV6 : IP_ICMP) || !icmp_read(&ip, ret_icmp))
		return PACKET_OTHER;
	ret_icmp->at = f->at;
	ret_icmp->frame = f->frame;
	return PACKET_ICMP;
}

bool packet_find_payload(const struct packet_frame *f, struct packet_layout *ret_layout)
{
	struct ip_packet ip;
	struct segment s;
	const char *why;
	if (find_ip(NULL, f, &ip, &why) != PACKET_TCP || ip.protocol != IP_TCP || tcp_read(&ip, &s))
		return false;
	*ret_layout = (struct packet_layout){
		.tcp = (size_t)(ip.body.data.at - f->data.at),
		.payload = (size_t)(s.payload.at - f->data.at),
		.payload_len = s.payload.len,
	};
	return true;
}

struct packet_decoder *packet_decoder_new(void)
{
	struct packet_decoder *d = calloc(1, sizeof *d);
	if (d && (d->fragments = fragments_new()))
		return d;
	free(d);
	return NULL;
}

void packet_decoder_free(struct packet_decoder *d)
{
	if (!d)
		return;
	fragments_free(d->fragments);
	free(d);
}
