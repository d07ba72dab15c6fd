/* The connections of one example, as far as placing segments needs them: private to the reader
 * of text (text.h). */
#ifndef PACKET_TEXT_FLOW_H
#define PACKET_TEXT_FLOW_H

#include "packet/text_lines.h"

struct flow_side {
	uint32_t base;         /* what relative numbers count from */
	bool judged, relative; /* the base is large enough to tell, and told */
	bool next_known;
	uint32_t next;   /* behind the last byte this side sent */
	uint16_t window; /* the last one printed */
	uint8_t wscale;
	bool wscale_known;
	uint32_t overhead; /* bytes of headers in a frame without SYN; 0 unknown */
	size_t part;       /* first segment of a message that a later row describes, + 1 */
	uint32_t part_len; /* bytes from it on */
	bool part_told;    /* its first row said what it was */
	size_t head;       /* segment of a head with an unseen body, + 1 */
	uint32_t unseen_body;
	size_t last_data; /* segment, + 1 */
	size_t guessed;   /* its last segment, + 1, where a row did not say its flags */
};

struct flow {
	struct address end[2]; /* 0 the client */
	struct flow_side side[2];
	bool begun;     /* a packet was placed */
	bool made_up;   /* its ports are: only rows without them were seen */
	uint32_t older; /* the connection of the same hosts before it, + 1 */
	size_t active;  /* how many segments there were when it was last touched */
	uint32_t requests, answers, hellos, hello_answers;
	bool loose; /* its numbers do not go together as those of a capture would */
	bool anchored; /* a SYN or a SYN-ACK was seen: what its numbers count from */
	bool syn_seen, closed, asked_head, asked_connect, unnumbered, timestamps;
	nanos syn_at;
};

/* Writes what `p` says into `s`, whose addresses stand already, and moves the flow on. */
void flow_place(struct flow *f, int side, const struct text_packet *p, struct segment *s);

#endif
