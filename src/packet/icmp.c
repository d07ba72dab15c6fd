/* ICMP errors that quote a TCP segment: RFC 792, 1191, 1812, 4443. */
#include "base/unreachable.h"
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
	return unreachable_name(note->v6, note->code);
}
