/* A text on its way into examples, and who does what to it: private to the reader of text
 * (text.h).
 *
 * text.c takes the lines one by one and offers each to whoever may know it: text_packets.c
 * (tcpdump's), text_table.c (Wireshark's packet list), text_details.c (its details pane),
 * text_heads.c (HTTP as it stands), text_content.c (hex digits). What is a packet finds its
 * connection (text_connections.c), its place in it (text_flow.c) and its example
 * (text_examples.c).
 *
 * `struct reading` belongs to packet_text_read, lives as long as that call, and is written by
 * all; each group of members says by whom. Pointers into its arrays, and into those of the
 * packet_text, hold until the next call that adds to them. */
#ifndef PACKET_TEXT_READING_H
#define PACKET_TEXT_READING_H

#include "base/arena.h"
#include "base/buffer.h"
#include "packet/text.h"
#include "packet/text_flow.h"
#include "packet/text_map.h"

struct packet_text {
	struct arena *arena; /* payloads */
	struct segment *segment;
	struct icmp_note *note;
	struct packet_example *example;
	struct slice *name;
	size_t segments, segment_room, notes, note_room, examples, example_room, names, name_room;
};

enum form { FORM_NONE, FORM_TCPDUMP, FORM_ROWS, FORM_HEADS };

/* A head that comes line by line.
 *
 *   HEAD_NONE --start line--> HEAD_LINES --blank, packet, fence--> HEAD_NONE
 *       \--"HTTP/1.1"--> HEAD_STATUS --"403"--> HEAD_REASON --"Forbidden"--> HEAD_LINES   */
enum head_state { HEAD_NONE, HEAD_STATUS, HEAD_REASON, HEAD_LINES };

struct head {
	enum head_state state;
	enum text_http kind;
	uint32_t line;
	size_t target; /* segment that it is the content of, + 1; 0: stands alone */
	size_t last;   /* where its message ends, + 1; 0: in the target */
	bool exact;    /* the target only if its length is the head's */
	struct buffer bytes;
};

struct row { /* of the packet list of an example */
	uint64_t hash;
	uint64_t frame;
	size_t segment; /* + 1; 0: a packet that is no TCP */
	size_t message; /* where the message begins that it is part of, + 1 */
};

struct reading {
	struct packet_text *t;
	bool failed; /* out of memory */
	uint32_t line;

	/* text.c */
	bool fenced;
	struct slice heading;
	bool heading_since; /* a heading came after the last packet */

	/* text_connections.c */
	struct text_map map; /* names and connections */
	struct flow *flow;
	size_t flows, flow_room;
	size_t current; /* flow, + 1 */

	/* text_examples.c: of the current example */
	enum form form;
	nanos last_at, days;
	bool spans; /* all times so far could be spans (tcpdump -ttt) */
	bool went_back;

	/* text_table.c */
	struct row *row; /* of the current example */
	size_t rows, row_room;
	bool in_table, head_again;
	size_t repeat; /* next row of the first printing, + 1; 0: not repeating */
	uint64_t last_frame;

	/* text_packets.c */
	struct text_packet first; /* of tcpdump -v's two lines */
	bool first_waits, quoted, last_was_icmp;

	/* text_heads.c, text_content.c */
	size_t attach;    /* the segment whose content may follow, + 1 */
	bool attach_near; /* no fence between */
	size_t message;   /* where the message begins that the last packet is part of, + 1 */
	size_t hex_of;    /* the segment that hex digits would show, + 1 */
	struct head head;
	struct buffer hex;
	bool hex_cut; /* what follows does not go on from there */
	size_t padding; /* bytes spent on the padding of hellos */

	/* text_details.c */
	bool in_details, details_http, details_new;
	size_t details_segment, details_message; /* + 1 */
	struct text_packet details;
};

/* Room for one more in an array; `array` is the address of its pointer. False: out of memory. */
bool text_grow(struct reading *r, void *array, size_t *room, size_t count, size_t size);

/* text_connections.c. The address of a host as printed: its own, or one made up for its name. */
struct address text_host(struct reading *r, struct slice word, uint16_t port);
/* The connection of these ends in the current example, or NULL. */
struct flow *text_flow_find(struct reading *r, const struct address *a, const struct address *b);
/* The latest of these hosts, whatever the ports; flow->older leads to those before it. */
struct flow *text_flow_latest(struct reading *r, const struct address *a,
			      const struct address *b);
/* A new one; NULL when out of memory. */
struct flow *text_flow_begin(struct reading *r, const struct address *from,
			     const struct address *to, uint8_t flags);
/* Rows without ports came first (a list filtered to HTTP): now their connection has some. */
struct flow *text_flow_adopt(struct reading *r, const struct address *from,
			     const struct address *to);
/* The connection of these hosts that a row without ports fits best; text_flow_guess makes one up
 * where there is none, if the row tells who is who. */
struct flow *text_flow_fitting(struct reading *r, const struct address *from,
			       const struct address *to, struct slice note);
struct flow *text_flow_guess(struct reading *r, struct slice note, const struct address *from,
			     const struct address *to);
/* Who sent it: 0 the client, 1 the proxy. On one host, a row's `note` alone can tell. */
int text_side_of(const struct flow *f, const struct address *from);
int text_side_of_row(const struct flow *f, const struct address *from, struct slice note);

enum { TEXT_MAX_CANDIDATES = 16 }; /* connections of two hosts that a row may belong to */

/* text_examples.c */
struct packet_example *text_example_now(const struct reading *r); /* NULL: none yet */
void text_example_begin(struct reading *r, enum form form);
/* The one that the packet belongs to becomes the current one. */
void text_example_choose(struct reading *r, const struct text_packet *p, enum form form);
void text_examples_finish(struct reading *r);
nanos text_packet_time(struct reading *r, const struct text_packet *p);
struct segment *text_segment_add(struct reading *r, const struct segment *s);

/* text_content.c. What is shown of a segment's content becomes its payload. */
void text_set_payload(struct reading *r, struct segment *s, struct slice bytes);
/* The same of a message that begins in `s` and ends in segment `last`, + 1. */
void text_set_message(struct reading *r, struct segment *s, size_t last, struct slice bytes);
/* The packet becomes a segment of the connection; NULL when out of memory. */
struct segment *text_place(struct reading *r, struct flow *f, int side,
			   const struct text_packet *p);
/* What its note says of the content goes where it belongs. */
void text_describe(struct reading *r, struct flow *f, int side, const struct text_packet *p,
		   struct segment *s);
/* What a request or an answer tells about the connection. */
void text_note_message(struct flow *f, struct slice line);
bool text_hex_line(struct reading *r, struct slice line);
void text_hex_finish(struct reading *r);

/* text_heads.c */
void text_head_begin(struct reading *r, enum text_http kind);
void text_head_line(struct reading *r, struct slice line);
/* What came of it goes where it belongs; `blank`: an empty line ended it. */
void text_head_finish(struct reading *r, bool blank);
/* A line of a status line that is broken over several; true when it was one. */
bool text_head_broken(struct reading *r, struct slice line);
/* A line that may be part of a head, or begin one. */
void text_head_read(struct reading *r, struct slice line);

/* text_packets.c */
bool text_tcpdump_line(struct reading *r, struct slice line);
void text_add_packet(struct reading *r, const struct text_packet *p);

/* text_table.c */
bool text_table_line(struct reading *r, struct slice line);
void text_table_add(struct reading *r, uint64_t hash, uint64_t frame, size_t segment);
/* The row of that frame in the current example; NULL: it has none. */
const struct row *text_table_frame(const struct reading *r, uint64_t frame);

/* text_details.c */
bool text_details_line(struct reading *r, struct slice line);
void text_details_end(struct reading *r);

#endif
