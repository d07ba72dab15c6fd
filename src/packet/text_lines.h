/* What one line of pasted text says, before anybody asks what it belongs to: private to the
 * reader of text (text.h). Slices point into the line. */
#ifndef PACKET_TEXT_LINES_H
#define PACKET_TEXT_LINES_H

#include "packet/segment.h"

enum text_kind {
	TEXT_TCP,  /* ports and flags are known */
	TEXT_DATA, /* a row of Wireshark's that tells of the content alone: TCP, ports unknown */
	TEXT_ICMP,
	TEXT_OTHER, /* a packet of another kind: it has a number and nothing else for us */
};

struct text_packet {
	enum text_kind kind;
	nanos at;              /* NO_TIME: not said */
	bool indented;         /* a blank stood before the time: maybe a span (tcpdump -ttt) */
	bool clock_only;       /* a time without a date */
	uint64_t frame;        /* 0: not said */
	struct slice from, to; /* hosts as printed */
	uint16_t from_port, to_port;
	uint8_t flags, has; /* SEGMENT_MSS ... SEGMENT_TIMESTAMP */
	bool seq_known, ack_known, window_known, length_known, window_scaled;
	uint32_t seq, ack, window, length, frame_length;
	uint16_t mss, ip_id;
	uint8_t wscale, ttl, sack_count;
	bool dont_fragment;
	uint32_t tsval, tsecr;
	struct {
		uint32_t left, right;
	} sack[PACKET_MAX_SACK];
	struct slice note; /* what it says of the content */
	bool details;      /* from Wireshark's details pane, which has the numbers, not in one line */
	bool part;         /* "segment of a reassembled PDU": a later row tells what it was */
	enum icmp_kind icmp;
	uint8_t icmp_code;
	uint32_t mtu;
	struct slice about; /* the host that ICMP is about, or empty */
	uint16_t about_port;
};

/* text_words.c. A word is a run without blanks; all move *rest behind what they took. */
static inline bool text_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static inline bool text_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

struct slice text_word(struct slice *rest);
bool text_take(struct slice *rest, uint8_t byte); /* that byte, if it is next */
bool text_number(struct slice *rest, uint32_t *ret_number); /* leading digits, mod 2^32 */
bool text_after(struct slice s, struct slice key, struct slice *ret_rest);
bool text_is_arrow(struct slice word);
bool text_port(struct slice word, uint16_t *ret_port); /* a number or a well-known name */

/* "2025-03-14 11:30:08.972535", "Mar 14, 2025 11:30:08.9 UTC", "11:30:08.9", "1700000000.5",
 * "0.000000". False, and *rest where it was, when there is no time. */
bool text_time(struct slice *rest, nanos *ret_at, bool *ret_clock_only);

/* text_tcpdump.c: a packet's line. `text_read_tcpdump_first` is for the first of the two that -v
 * prints, which says everything but who and what. */
bool text_read_tcpdump(struct slice line, struct text_packet *ret_packet);
bool text_read_tcpdump_first(struct slice line, struct text_packet *ret_packet);
bool text_read_hex(struct slice line, uint32_t *ret_offset, uint8_t ret_bytes[16], size_t *ret_len);

/* text_wireshark.c: a row of the packet list. `in_table`: its head was seen, so that names may
 * stand where addresses do. */
bool text_is_table_head(struct slice line);
bool text_read_row(struct slice line, bool in_table, struct text_packet *ret_packet);
/* "Transmission Control Protocol, Src Port: 1, Dst Port: 2, Seq: 1, Ack: 1, Len: 122" */
bool text_read_tcp_details(struct slice line, struct text_packet *ret_packet);

/* text_http.c: HTTP as it stands in text. */
enum text_http { TEXT_HTTP_NONE, TEXT_HTTP_REQUEST, TEXT_HTTP_RESPONSE };
enum text_http text_http_start(struct slice line); /* a whole request line or status line */
/* The same behind other characters, as tcpdump -A prints them; *ret_line is what it found. */
enum text_http text_http_find(struct slice line, struct slice *ret_line);
bool text_http_version_alone(struct slice line); /* "HTTP/1.1" and nothing else */
bool text_http_header(struct slice line);
/* Of a whole head: 0 and false where it has none. */
bool text_http_content_length(struct slice head, uint64_t *ret_length);

/* text_tls.c: bytes that a note ("Client Hello (SNI=a.example)") allows us to write down.
 * Writes at most `room` bytes, never more than `length` where it is not 0; returns how many. */
size_t text_make_tls(struct slice note, uint32_t length, uint8_t *into, size_t room);

#endif
