/* The TCP header and its options: RFC 9293, 7323 (window scale, timestamps), 2018 (SACK). */
#include "packet/layers.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TIMESTAMP = 8
};

enum { MAX_WSCALE = 14 }; /* RFC 7323 section 2.3: more is taken for 14 */

static void read_sack(struct segment *s, const uint8_t *at, size_t len)
{
	for (; len >= 8 && s->sack_count < PACKET_MAX_SACK; len -= 8, at += 8) {
		s->sack[s->sack_count].left = load32(at);
		s->sack[s->sack_count].right = load32(at + 4);
		s->sack_count++;
	}
}

static void read_option(struct segment *s, const uint8_t *at, size_t len)
{
	switch (at[0]) {
	case OPT_MSS:
		if (len == 4) {
			s->mss = load16(at + 2);
			s->has |= SEGMENT_MSS;
		}
		break;
	case OPT_WSCALE:
		if (len == 3) {
			s->wscale = at[2] > MAX_WSCALE ? MAX_WSCALE : at[2];
			s->has |= SEGMENT_WSCALE;
		}
		break;
	case OPT_SACK_OK:
		if (len == 2)
			s->has |= SEGMENT_SACK_OK;
		break;
	case OPT_SACK:
		if (len % 8 == 2)
			read_sack(s, at + 2, len - 2);
		break;
	case OPT_TIMESTAMP:
		if (len == 10) {
			s->tsval = load32(at + 2);
			s->tsecr = load32(at + 6);
			s->has |= SEGMENT_TIMESTAMP;
		}
		break;
	}
}

/* As far as they make sense and were captured; a bad length ends them. */
void tcp_read_options(struct segment *s, const uint8_t *at, size_t len)
{
	while (len > 0 && at[0] != OPT_END) {
		size_t step = 1;
		if (at[0] != OPT_NOP) {
			if (len < 2 || at[1] < 2 || at[1] > len)
				return;
			step = at[1];
			read_option(s, at, step);
		}
		at += step;
		len -= step;
	}
}

const char *tcp_read(const struct ip_packet *ip, struct segment *ret_segment)
{
	struct segment *s = ret_segment;
	const char *why = tcp_read_header(&ip->body, s);
	if (why)
		return why;
	ip_addresses(ip, &s->from, &s->to);
	s->from.port = load16(ip->body.data.at);
	s->to.port = load16(ip->body.data.at + 2);
	s->ttl = ip->ttl;
	s->ip_id = ip->v6 ? 0 : (uint16_t)ip->id;
	s->dont_fragment = ip->dont_fragment;
	s->ip_len = ip->len;
	return NULL;
}
