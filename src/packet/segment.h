/* What one packet says, decoded: a TCP segment or an ICMP note about one. Plain records, the
 * words of `packet` for everybody who reads them. Slices are borrowed from the packet. */
#ifndef PACKET_SEGMENT_H
#define PACKET_SEGMENT_H

#include "base/address.h"
#include "base/when.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32,
       TCP_ECE = 64, TCP_CWR = 128 };

enum { PACKET_MAX_SACK = 4 };

/* Which of the optional members hold something. */
enum { SEGMENT_MSS = 1, SEGMENT_WSCALE = 2, SEGMENT_SACK_OK = 4, SEGMENT_TIMESTAMP = 8,
       SEGMENT_NO_SEQ = 16,     /* text without sequence numbers: place it behind the last */
       SEGMENT_TEXT = 32,       /* read from text that leaves things out: numbers need not agree */
       SEGMENT_NO_LENGTH = 64 }; /* text that does not say the payload's length */

struct segment {
	nanos at;
	uint64_t frame;          /* packet number; 0 where text does not say */
	uint32_t line;           /* line of the text; 0 for packets */
	struct address from, to;
	uint32_t seq, ack;       /* as on the wire (text: relative numbers as printed) */
	uint8_t flags;           /* TCP_... */
	uint8_t has;             /* SEGMENT_... */
	uint8_t ttl;             /* or hop limit */
	uint8_t wscale;          /* 0..14 */
	uint16_t window;         /* unscaled */
	uint16_t mss;
	uint16_t ip_id;          /* 0 for IPv6 and text */
	uint8_t sack_count;
	bool dont_fragment;
	uint32_t payload_len;    /* on the wire, by the IP length: may exceed any MSS (offload) */
	struct slice payload;    /* what of it was captured: a prefix, payload.len <= payload_len */
	uint32_t ip_len;         /* whole IP packet on the wire */
	uint32_t tsval, tsecr;
	struct { uint32_t left, right; } sack[PACKET_MAX_SACK];
};

enum icmp_kind {
	ICMP_UNREACHABLE,   /* code as on the wire; prohibited included */
	ICMP_TOO_BIG,       /* IPv4 fragmentation needed, IPv6 packet too big: `mtu` */
	ICMP_TIME_EXCEEDED,
};

/* An ICMP error that quotes a TCP segment. */
struct icmp_note {
	nanos at;
	uint64_t frame;
	struct address router;   /* who says so; port 0 */
	enum icmp_kind kind;
	uint8_t code;            /* on the wire */
	bool v6;
	uint32_t mtu;            /* of ICMP_TOO_BIG; 0: an old router that does not say */
	struct address from, to; /* of the segment that is quoted */
	uint32_t seq;
	uint32_t ip_len;         /* of the quoted packet */
};

/* "administratively prohibited", "port unreachable", ...: RFC 792, 1812, 4443. */
const char *icmp_name(const struct icmp_note *note);

#endif
