/* The packet list: in the style of tcpdump, or in Wireshark's columns. */
#ifndef RENDER_PACKETS_H
#define RENDER_PACKETS_H

#include "render/render.h"

/* One packet as the list shows it; filled in by whoever decoded it. */
struct render_packet {
	nanos at;
	uint64_t frame;
	struct address from, to;
	struct slice from_name, to_name; /* instead of the address, where text named them */
	uint8_t flags;                   /* as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32 */
	uint32_t seq, ack;               /* relative to the connection's first, as both tools show */
	uint32_t window;                 /* scaled where the scale is known */
	uint32_t payload_len, wire_len;
	bool has_mss, has_wscale, sack_ok, has_timestamp;
	uint16_t mss;
	uint8_t wscale;
	uint32_t tsval, tsecr;
	unsigned sack_count;
	uint32_t sack_left[4], sack_right[4]; /* relative */
	enum trace_protocol protocol;    /* of the payload, for the column */
	struct slice info;               /* what the payload says: a request line, a status line, "Client
	                                    Hello (SNI=...)"; foreign bytes; may be empty */
	const char *remark;              /* "Retransmission", "ZeroWindow", ...; NULL none */
	const char *icmp;                /* text of an ICMP note instead of TCP; NULL for TCP */
	const char *verdict;             /* of the exchange that this packet decides; NULL */
	uint64_t request_frame;          /* of an answer: its request; 0 none */
	uint64_t response_frame;         /* of a request: its answer; 0 none */
	nanos since_request;             /* of an answer; NO_TIME none */
};

void render_packet_tcpdump(struct buffer *out, const struct render_style *s,
                           const struct render_packet *p);
void render_packet_wireshark_head(struct buffer *out, const struct render_style *s);
void render_packet_wireshark(struct buffer *out, const struct render_style *s,
                             const struct render_packet *p, nanos zero);

#endif
