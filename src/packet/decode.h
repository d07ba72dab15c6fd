/* Frames in, TCP segments and ICMP notes out.
 *
 * Link types: Ethernet (with any stack of VLAN tags, 802.1Q and QinQ, PPPoE, MPLS), Linux
 * cooked v1 and v2, BSD loopback (both byte orders) and OpenBSD's, raw IP (its several
 * numbers), PPP, Cisco HDLC, NFLOG, 802.11 is not. Then IPv4 (options, fragments put together
 * again) and IPv6 (extension headers, fragments, atomic ones), in up to four of IP-in-IP, GRE,
 * ERSPAN, VXLAN and GENEVE. Every length is checked where it is read. Sizes are those on the wire by the IP header,
 * so a frame that the capture cut still says how long it was; an IPv4 length of 0 (segmentation
 * offload) is taken from the frame.
 *
 * The decoder holds IP fragments: at most 64 packets being put together and 4 MiB, the oldest
 * given up first. */
#ifndef PACKET_DECODE_H
#define PACKET_DECODE_H

#include "packet/segment.h"

enum packet_kind {
	PACKET_TCP,   /* *ret->tcp */
	PACKET_ICMP,  /* *ret->icmp */
	PACKET_OTHER, /* anything else: ARP, UDP, a fragment that was kept, an unknown link type */
	PACKET_BAD,   /* a length inside disagrees with another; *ret_why */
};

struct packet_frame {
	nanos at;
	uint64_t frame;
	uint32_t link;       /* LINKTYPE_... */
	uint32_t wire_len;
	struct slice data;
};

struct packet_decoder;

struct packet_decoder *packet_decoder_new(void); /* NULL: out of memory */
void packet_decoder_free(struct packet_decoder *d);

/* Writes *ret_tcp or *ret_icmp according to the result. ret_why: a constant for PACKET_BAD.
 * The payload borrows from f->data, or from the decoder until its next call. */
enum packet_kind packet_decode(struct packet_decoder *d, const struct packet_frame *f,
                               struct segment *ret_tcp, struct icmp_note *ret_icmp,
                               const char **ret_why);

/* Nearly every packet there is: Ethernet, IPv4 without options, in one piece, TCP. True when it was
 * one, and is read; needs no decoder. */
bool packet_decode_usual(const struct packet_frame *f, struct segment *ret_tcp);

/* Does this decoder know the link type? And what it is called ("EN10MB", "147"). */
bool packet_knows_link(uint32_t link);

/* Where the TCP payload stands in the frame, for whoever rewrites it: offset and length within
 * f->data; false when it is no TCP, or a fragment. Also where the TCP header begins, so that its
 * checksum can be mended. */
struct packet_layout {
	size_t tcp, payload, payload_len;
};
bool packet_find_payload(const struct packet_frame *f, struct packet_layout *ret_layout);

#endif
