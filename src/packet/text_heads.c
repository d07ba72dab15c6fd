/* HTTP heads that come line by line: below the packet that they are the content of, or alone. */
#include "packet/text_reading.h"

enum { MAX_BODY = 16 << 20 };

static void head_reset(struct reading *r)
{
	r->head.state = HEAD_NONE;
	buffer_reset(&r->head.bytes);
}

void text_head_begin(struct reading *r, enum text_http kind)
{
	head_reset(r);
	r->head.state = HEAD_LINES;
	r->head.kind = kind;
	r->head.line = r->line;
	r->head.target = r->attach;
	r->head.last = 0;
	r->head.exact = !r->attach_near;
}

void text_head_line(struct reading *r, struct slice line)
{
	buffer_add(&r->head.bytes, line);
	buffer_add(&r->head.bytes, SLICE("\r\n"));
}

/* The segment it is the content of, given that all of it is known. */
static struct segment *head_target(struct reading *r, bool *ret_ends)
{
	const struct head *h = &r->head;
	struct segment *s = h->target ? &r->t->segment[h->target - 1] : NULL;
	if (!s)
		return NULL;
	*ret_ends = s->payload_len == h->bytes.len + 2 || s->has & SEGMENT_NO_LENGTH;
	if (h->exact && !*ret_ends)
		return NULL;
	return s;
}

/* The connection that a head without a packet belongs to. */
static struct flow *head_flow(struct reading *r)
{
	struct flow *f = r->current ? &r->flow[r->current - 1] : NULL;
	if (f && !(f->closed && r->head.kind == TEXT_HTTP_REQUEST))
		return f->closed ? NULL : f;
	if (r->head.kind != TEXT_HTTP_REQUEST)
		return NULL;
	text_example_begin(r, FORM_HEADS);
	struct address client = text_host(r, SLICE("client"), 49152);
	struct address proxy = text_host(r, SLICE("proxy"), 80);
	return r->failed ? NULL : text_flow_begin(r, &client, &proxy, 0);
}

static uint32_t unseen_body(const struct flow *f, struct slice head)
{
	uint64_t length = 0, status = 0;
	slice_parse_u64(slice_first(slice_from(head, 9), 3), 10, &status);
	bool none = f->asked_head || status < 200 || status == 204 || status == 304 ||
		    (f->asked_connect && status < 300);
	if (none || !text_http_content_length(head, &length) || length > MAX_BODY)
		return 0;
	return (uint32_t)length;
}

static void head_alone(struct reading *r)
{
	struct flow *f = head_flow(r);
	if (!f)
		return;
	int side = r->head.kind == TEXT_HTTP_REQUEST ? 0 : 1;
	struct slice bytes = buffer_slice(&r->head.bytes);
	uint32_t body = side ? unseen_body(f, bytes) : 0;
	struct text_packet p = { .kind = TEXT_TCP, .at = NO_TIME, .flags = TCP_PSH | TCP_ACK };
	p.length_known = true;
	p.length = (uint32_t)bytes.len + body;
	struct segment *s = text_place(r, f, side, &p);
	if (!s)
		return;
	s->line = r->head.line;
	text_set_payload(r, s, bytes);
	s->has |= SEGMENT_NO_LENGTH;
	text_note_message(f, bytes);
	f->side[side].head = body ? r->t->segments : 0;
	f->side[side].unseen_body = body;
	r->heading_since = false;
}

void text_head_finish(struct reading *r, bool blank)
{
	if (r->head.state == HEAD_REASON) /* "HTTP/1.1", "200", and no reason */
		text_head_line(r, (struct slice){ 0 });
	if (r->head.state < HEAD_REASON || r->head.bytes.failed) {
		head_reset(r);
		return;
	}
	bool ends = true;
	struct segment *s = head_target(r, &ends);
	if (ends || (s && blank))
		text_head_line(r, (struct slice){ 0 });
	if (s)
		text_set_message(r, s, r->head.last, buffer_slice(&r->head.bytes));
	else
		head_alone(r);
	head_reset(r);
}

/* "403", once "HTTP/1.1" has stood alone. Blank lines and fences between change nothing. */
static bool head_status(struct reading *r, struct slice line)
{
	uint64_t status;
	if (line.len != 3 || !slice_parse_u64(line, 10, &status)) {
		head_reset(r);
		return false;
	}
	buffer_add_byte(&r->head.bytes, ' ');
	buffer_add(&r->head.bytes, line);
	buffer_add_byte(&r->head.bytes, ' ');
	r->head.state = HEAD_REASON;
	return true;
}

static bool head_reason(struct reading *r, struct slice line)
{
	struct text_packet p;
	if (text_http_header(line) || text_read_tcpdump(line, &p)) {
		text_head_line(r, (struct slice){ 0 });
		r->head.state = HEAD_LINES;
		return false;
	}
	text_head_line(r, line);
	r->head.state = HEAD_LINES;
	return true;
}

bool text_head_broken(struct reading *r, struct slice line)
{
	return (r->head.state == HEAD_STATUS && head_status(r, line)) ||
	       (r->head.state == HEAD_REASON && head_reason(r, line));
}

/* curl -v's marks. */
static struct slice unmark(struct slice line)
{
	if (slice_starts(line, SLICE("> ")) || slice_starts(line, SLICE("< ")))
		line = slice_trim(slice_from(line, 2));
	return line;
}

void text_head_read(struct reading *r, struct slice line)
{
	bool mark_alone = slice_equal(line, SLICE(">")) || slice_equal(line, SLICE("<"));
	line = unmark(line);
	struct slice found = line;
	enum text_http kind = text_http_start(line);
	if (kind == TEXT_HTTP_NONE && r->attach && r->attach_near && r->head.state == HEAD_NONE)
		kind = text_http_find(line, &found);
	if (kind != TEXT_HTTP_NONE) {
		text_head_finish(r, true);
		text_head_begin(r, kind);
		r->attach = 0;
		text_head_line(r, found);
	} else if (text_http_version_alone(line)) {
		text_head_finish(r, true);
		text_head_begin(r, TEXT_HTTP_RESPONSE);
		r->head.state = HEAD_STATUS;
		buffer_add(&r->head.bytes, slice_trim(line));
	} else if (r->head.state == HEAD_LINES && text_http_header(line)) {
		text_head_line(r, line);
	} else {
		text_head_finish(r, mark_alone);
	}
}
