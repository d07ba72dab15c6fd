/* Packets as text: what tcpdump prints and what Wireshark exports or shows, as people paste it
 * into a ticket, with prose, Markdown, shell prompts and page furniture around it.
 *
 * Text in, examples out: an example is a run of lines that belong together. Each becomes
 * segments, as if they had been captured, with what the text says and no more: lengths without
 * content, names for addresses, the head of a request or an answer where it is printed, "Client
 * Hello (SNI=...)" as a hello of that name. Knows
 *   - tcpdump, 3.x too: with and without date or time stamp (-t, -tt, -ttt, -tttt), -n or names,
 *     -v (two lines), -A/-X payload, absolute or relative numbers, "IP6" with extension headers,
 *     "length N: HTTP: ...";
 *   - Wireshark/tshark: the packet list in columns (with the No. column or without, times
 *     relative or absolute, tabs or spaces, → or >), the details pane ("> Frame 8: ..."), and
 *     both as File/Export prints them;
 *   - HTTP heads that stand alone, curl -v's "> " and "< " in front or not, a status line broken
 *     over several lines ("HTTP/1.1", "403", "Forbidden").
 *
 * Numbers: tcpdump prints the first of a connection as they are and later ones relative to it;
 * here all have one base. A segment whose place the text does not say (no sequence number, or one
 * that cannot be trusted because something without a number came before) has SEGMENT_NO_SEQ; its
 * seq and ack are where it would stand if nothing was left out. A head that stands alone has
 * SEGMENT_NO_LENGTH; where it says Content-Length and no later text shows the body, payload_len
 * counts that body as unseen. Times without a date are of 1970-01-01; a window that is not
 * printed is the side's last one.
 *
 * A connection whose lines are all there, from its SYN on, and agree as those of a capture do, is
 * given as if it had been captured: its segments lack SEGMENT_TEXT. So loss and holes are found
 * in what tcpdump prints as in what it saves. `payload` is what the text shows or lets conclude,
 * in either case.
 *
 * A later example that begins at the same first packet (the same SYN line) is a new one; one that
 * repeats the table before it adds to it. */
#ifndef PACKET_TEXT_H
#define PACKET_TEXT_H

#include "packet/segment.h"

struct packet_text;

struct packet_example {
	uint32_t first_line, last_line;
	struct slice heading;           /* the nearest heading above it, or empty */
	const struct segment *segment;  /* in order; owned by the packet_text */
	size_t count;
	const struct icmp_note *note;   /* ICMP errors, in order; their `at` says where they belong */
	size_t notes;
};

/* Reads the whole text (any encoding that is a superset of ASCII). Memory: a few times the
 * text. NULL when out of memory. Borrows `text` until packet_text_free. */
struct packet_text *packet_text_read(struct slice text);
void packet_text_free(struct packet_text *t);

size_t packet_text_count(const struct packet_text *t);
const struct packet_example *packet_text_example(const struct packet_text *t, size_t index);

/* Hosts that the text names rather than numbers have made-up addresses (100::/64, the discard
 * prefix); this gives the name back, or the empty slice for a real address. */
struct slice packet_text_name(const struct packet_text *t, const struct address *a);

#endif
