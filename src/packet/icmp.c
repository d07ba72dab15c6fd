/* ICMP errors that quote a TCP segment: RFC 792, 1191, 1812, 4443. */
#include "packet/layers.h"

enum { V4_UNREACHABLE = 3, V4_TIME_EXCEEDED = 11, V4_FRAGMENTATION_NEEDED = 4 };
enum { V6_UNREACHABLE = 1, V6_TOO_BIG = 2, V6_TIME_EXCEEDED = 3 };

/* Writes kind, code, v6 and mtu. */
static bool read_kind(const uint8_t *at, bool v6, struct icmp_note *n)
{
	n->v6 = v6;
	n->code = at[1];
	n->mtu = 0;
	n->kind = ICMP_UNREACHABLE;
	if (at[0] == (v6 ? V6_TIME_EXCEEDED : V4_TIME_EXCEEDED)) {
		n->kind = ICMP_TIME_EXCEEDED;
	} else if (v6 && at[0] == V6_TOO_BIG) {
		n->kind = ICMP_TOO_BIG;
		n->mtu = load32(at + 4);
	} else if (at[0] != (v6 ? V6_UNREACHABLE : V4_UNREACHABLE)) {
		return false;
	} else if (!v6 && at[1] == V4_FRAGMENTATION_NEEDED) {
		n->kind = ICMP_TOO_BIG;
		n->mtu = load16(at + 6);
	}
	return true;
}

bool icmp_read(const struct ip_packet *ip, struct icmp_note *ret_note)
{
	struct icmp_note note = { 0 };
	struct part quote = ip->body;
	struct ip_packet about;
	if (quote.data.len < 8 || !read_kind(quote.data.at, ip->v6, &note))
		return false;
	part_skip(&quote, 8);
	if (ip_read(&quote, true, &about) || about.protocol != IP_TCP || about.offset != 0 ||
	    about.body.data.len < 8) /* of a later fragment, or ports and number are missing */
		return false;
	struct address nobody;
	ip_addresses(ip, &note.router, &nobody);
	ip_addresses(&about, &note.from, &note.to);
	note.from.port = load16(about.body.data.at);
	note.to.port = load16(about.body.data.at + 2);
	note.seq = load32(about.body.data.at + 4);
	note.ip_len = about.len;
	*ret_note = note;
	return true;
}

static const char *unreachable_v4(uint8_t code)
{
	static const char *const names[] = {
		[0] = "network unreachable",
		[1] = "host unreachable",
		[2] = "protocol unreachable",
		[3] = "port unreachable",
		[4] = "fragmentation needed",
		[5] = "source route failed",
		[6] = "network unknown",
		[7] = "host unknown",
		[8] = "source host isolated",
		[9] = "network administratively prohibited",
		[10] = "host administratively prohibited",
		[11] = "network unreachable for this type of service",
		[12] = "host unreachable for this type of service",
		[13] = "administratively prohibited",
		[14] = "host precedence violation",
		[15] = "precedence cutoff in effect",
	};
	return code < sizeof names / sizeof names[0] ? names[code] : "unreachable";
}

static const char *unreachable_v6(uint8_t code)
{
	static const char *const names[] = {
		[0] = "no route to destination",
		[1] = "administratively prohibited",
		[2] = "beyond scope of source address",
		[3] = "address unreachable",
		[4] = "port unreachable",
		[5] = "source address failed policy",
		[6] = "reject route to destination",
		[7] = "error in source routing header",
	};
	return code < sizeof names / sizeof names[0] ? names[code] : "unreachable";
}

const char *icmp_name(const struct icmp_note *note)
{
	switch (note->kind) {
	case ICMP_TOO_BIG:
		return note->v6 ? "packet too big" : "fragmentation needed";
	case ICMP_TIME_EXCEEDED:
		return note->code == 0 ? "time to live exceeded"
				       : "fragment reassembly time exceeded";
	case ICMP_UNREACHABLE:
		break;
	}
	return note->v6 ? unreachable_v6(note->code) : unreachable_v4(note->code);
}
