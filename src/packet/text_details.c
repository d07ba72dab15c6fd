/* Wireshark's details pane: "> Frame 8: ..." and what is unfolded below it. Adds to a packet that a
 * table has shown, or is the packet. */
#include "packet/text_reading.h"

/* Without the marks that show what is folded. */
static struct slice unfold(struct slice line)
{
	line = slice_trim(line);
	if (line.len > 2 && line.at[1] == ' ' &&
	    (line.at[0] == '>' || line.at[0] == '<' || line.at[0] == 'v' || line.at[0] == '+' ||
	     line.at[0] == '-'))
		line = slice_trim(slice_from(line, 2));
	return line;
}

/* "Frame 8: 188 bytes on wire (1504 bits), ..." */
static bool read_frame_line(struct reading *r, struct slice line)
{
	uint32_t frame;
	struct slice rest = slice_from(line, 6);
	if (!slice_starts(line, SLICE("Frame ")) || !text_number(&rest, &frame) || rest.len == 0 ||
	    rest.at[0] != ':' || slice_find(line, SLICE(" bytes")) == line.len)
		return false;
	text_head_finish(r, false);
	text_hex_finish(r);
	r->in_details = true;
	r->details_http = false;
	r->attach = r->hex_of = 0;
	r->details = (struct text_packet){
		.kind = TEXT_OTHER, .at = NO_TIME, .frame = frame, .details = true
	};
	const struct row *row = text_table_frame(r, frame);
	r->details_segment = row ? row->segment : 0;
	r->details_message = row ? row->message : 0;
	r->details_new = r->details_segment == 0 &&
			 !(r->form == FORM_ROWS && r->rows > 0 && frame <= r->last_frame);
	return true;
}

static bool is_nearer(nanos a, nanos b, nanos to)
{
	nanos one, two;
	return !__builtin_sub_overflow(a, to, &one) && !__builtin_sub_overflow(b, to, &two) &&
	       (one < 0 ? -(one + 1) : one) < (two < 0 ? -(two + 1) : two);
}

/* The pane has the time in both ways: where there are rows, the one that they count in. */
static void details_time(struct reading *r, struct slice line)
{
	struct slice rest;
	nanos at;
	bool clock;
	if ((!text_after(line, SLICE("Epoch Time: "), &rest) &&
	     !text_after(line, SLICE("since reference or first frame: "), &rest)) ||
	    !text_time(&rest, &at, &clock))
		return;
	nanos now = r->details.at;
	if (now != NO_TIME && (r->rows == 0 || !is_nearer(at, now, r->last_at)))
		return;
	r->details.at = at;
	r->details.clock_only = clock;
}

/* A frame that no table has shown, from its details alone. */
static void details_add(struct reading *r, struct slice line)
{
	struct slice rest = slice_from(line, 9);
	uint64_t flags;
	struct slice hex = slice_first(rest, slice_find_byte(rest, ' '));
	if (!slice_parse_u64(hex, 16, &flags) || r->details.kind != TEXT_TCP ||
	    r->details.from.len == 0)
		return;
	r->details.flags = (uint8_t)flags;
	r->details.ack_known = flags & TCP_ACK;
	text_example_choose(r, &r->details, FORM_ROWS);
	size_t before = r->t->segments;
	text_add_packet(r, &r->details);
	r->attach = r->hex_of = 0;
	r->last_frame = r->details.frame;
	if (r->t->segments > before)
		r->details_segment = r->t->segments;
	r->details_new = false;
	text_table_add(r, 1, r->details.frame, r->details_segment);
}

static void details_addresses(struct reading *r, struct slice line)
{
	struct slice from, to;
	if (text_after(line, SLICE("Src: "), &from) && text_after(line, SLICE("Dst: "), &to)) {
		r->details.from = slice_first(from, slice_find_byte(from, ','));
		r->details.to = text_word(&to);
	}
}

static void details_tcp(struct reading *r)
{
	struct segment *s = r->details_segment ? &r->t->segment[r->details_segment - 1] : NULL;
	if (s && r->details.length_known && s->has & SEGMENT_NO_LENGTH) {
		s->payload_len = r->details.length;
		s->has &= (uint8_t)~SEGMENT_NO_LENGTH;
	}
}

/* "Host: tools.cisco.com:443\r\n", the last four characters as the pane prints them. */
static void details_head_line(struct reading *r, struct slice line)
{
	if (!slice_ends(line, SLICE("\\r\\n")))
		return;
	line.len -= 4;
	if (line.len == 0) {
		text_head_finish(r, true);
		r->details_http = false;
		return;
	}
	enum text_http kind = text_http_start(line);
	if (kind != TEXT_HTTP_NONE && r->head.state == HEAD_NONE) {
		text_head_begin(r, kind);
		r->head.target = r->details_message ? r->details_message : r->details_segment;
		r->head.last = r->details_segment;
		r->head.exact = false;
		text_head_line(r, line);
	} else if (r->head.state == HEAD_LINES) {
		text_head_line(r, line);
	}
}

bool text_details_line(struct reading *r, struct slice line)
{
	line = unfold(line);
	if (read_frame_line(r, line))
		return true;
	if (!r->in_details) /* of a pane whose first line is lost: whose it is, nobody knows */
		return r->form == FORM_ROWS && slice_ends(line, SLICE("\\r\\n"));
	if (slice_starts(line, SLICE("Internet Protocol Version ")))
		details_addresses(r, line);
	else if (text_read_tcp_details(line, &r->details))
		details_tcp(r);
	else if (slice_starts(line, SLICE("Flags: 0x")) && r->details_new)
		details_add(r, line);
	else if (slice_starts(line, SLICE("Hypertext Transfer Protocol")))
		r->details_http = r->details_segment != 0;
	else if (r->details_http)
		details_head_line(r, line);
	else
		details_time(r, line);
	return true;
}

void text_details_end(struct reading *r)
{
	if (r->in_details)
		text_head_finish(r, false);
	r->in_details = r->details_http = false;
}
