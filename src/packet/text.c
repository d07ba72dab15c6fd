/* Lines of text into examples: which packets belong together, what a head that stands alone was
 * part of, which table is printed twice.
 *
 * One pass, line by line. A line is a packet (text_tcpdump.c, text_wireshark.c), a piece of a
 * packet's content (a head, hex digits, the details pane), a mark that parts things (heading,
 * fence, blank line), or none of our business. What is looked up is looked up in a table, so a
 * text of any length is read in time that grows with it. */
#include "packet/text.h"

#include "base/arena.h"
#include "packet/layers.h"
#include "packet/text_flow.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_LINE = 4096,
	MAX_HEAD = 65536,
	MAX_PADDING = 4 << 20,
	MAX_BODY = 16 << 20,
	MAX_CANDIDATES = 16 /* connections of two hosts that a row may belong to */
};

/* Keys into indices; 0 is no key. Values are only trusted as hints about grouping, so that two
 * keys with one hash would do no harm. */
struct map {
	struct {
		uint64_t key;
		uint32_t value;
	} * slot;
	size_t room, used;
};

struct row { /* of the packet list of an example */
	uint64_t hash;
	uint64_t frame;
	size_t segment; /* + 1; 0: a packet that is no TCP */
};

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
	bool exact;    /* the target only if its length is the head's */
	struct buffer bytes;
};

struct reading {
	struct packet_text *t;
	bool failed; /* out of memory */
	uint32_t line;
	struct map map;
	struct flow *flow;
	size_t flows, flow_room;
	struct row *row; /* of the current example */
	size_t rows, row_room;

	bool fenced;
	struct slice heading;
	bool heading_since; /* a heading came after the last packet */

	enum form form; /* of the current example */
	size_t current; /* flow, + 1 */
	nanos last_at, days;
	bool spans; /* all times so far could be spans (tcpdump -ttt) */
	bool went_back;

	bool in_table, head_again;
	size_t repeat; /* next row of the first printing, + 1; 0: not repeating */
	uint64_t last_frame;

	struct text_packet first; /* of tcpdump -v's two lines */
	bool first_waits, quoted, last_was_icmp;

	size_t attach;    /* the segment whose content may follow, + 1 */
	bool attach_near; /* no fence between */
	struct head head;
	struct buffer hex;

	bool in_details, details_http, details_new;
	size_t details_segment; /* + 1 */
	struct text_packet details;
	size_t padding; /* bytes spent on the padding of hellos */
};

static bool grow(struct reading *r, void *array, size_t *room, size_t count, size_t size)
{
	void **at = array;
	if (count < *room)
		return true;
	size_t wish = *room ? *room * 2 : 16;
	void *bigger = realloc(*at, wish * size);
	if (!bigger) {
		r->failed = true;
		return false;
	}
	*at = bigger;
	*room = wish;
	return true;
}

/* ---- tables ---- */

static uint64_t hash_bytes(uint64_t h, const void *at, size_t len)
{
	const uint8_t *p = at;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t hash_end(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h ? h : 1;
}

static void map_place(struct map *m, uint64_t key, uint32_t value)
{
	size_t i = key & (m->room - 1);
	while (m->slot[i].key && m->slot[i].key != key)
		i = (i + 1) & (m->room - 1);
	if (!m->slot[i].key)
		m->used++;
	m->slot[i].key = key;
	m->slot[i].value = value;
}

static void map_set(struct reading *r, uint64_t key, uint32_t value)
{
	struct map *m = &r->map;
	if (m->used * 2 >= m->room) {
		struct map bigger = { .room = m->room ? m->room * 2 : 64 };
		bigger.slot = calloc(bigger.room, sizeof *bigger.slot);
		if (!bigger.slot) {
			r->failed = true;
			return;
		}
		for (size_t i = 0; i < m->room; i++)
			if (m->slot[i].key)
				map_place(&bigger, m->slot[i].key, m->slot[i].value);
		free(m->slot);
		*m = bigger;
	}
	map_place(m, key, value);
}

static bool map_get(const struct map *m, uint64_t key, uint32_t *ret_value)
{
	if (m->room == 0)
		return false;
	for (size_t i = key & (m->room - 1); m->slot[i].key; i = (i + 1) & (m->room - 1)) {
		if (m->slot[i].key == key) {
			*ret_value = m->slot[i].value;
			return true;
		}
	}
	return false;
}

/* ---- addresses and connections ---- */

enum { KEY_NAME = 1, KEY_FLOW, KEY_HOSTS };

/* The address of a host as printed: its own, or one made up for its name. */
static struct address host_address(struct reading *r, struct slice word, uint16_t port)
{
	struct packet_text *t = r->t;
	struct address a = { 0 };
	if (address_parse(word, &a) && a.port == 0) {
		a.port = port;
		return a;
	}
	uint64_t key = hash_end(hash_bytes(KEY_NAME, word.at, word.len));
	uint32_t index;
	if (!map_get(&r->map, key, &index)) {
		index = (uint32_t)t->names;
		if (grow(r, &t->name, &t->name_room, t->names, sizeof *t->name)) {
			t->name[t->names++] = word;
			map_set(r, key, index);
		}
	}
	index++;
	a = (struct address){ .ip = { 1, 0 }, .port = port };
	for (int i = 0; i < 4; i++)
		a.ip[15 - i] = (uint8_t)(index >> 8 * i);
	return a;
}

/* The same whichever end comes first; only within one example. */
static uint64_t ends_key(const struct reading *r, int kind, const struct address *a,
			 const struct address *b)
{
	bool ports = kind == KEY_FLOW;
	uint64_t one = hash_bytes(7, a->ip, 16), two = hash_bytes(7, b->ip, 16);
	one = hash_end(one * 3 + (ports ? a->port : 0));
	two = hash_end(two * 3 + (ports ? b->port : 0));
	return hash_end((one ^ two) + (one + two) * 5 + (uint64_t)kind * 977 +
			r->t->examples * 1009);
}

static struct flow *flow_find(struct reading *r, int kind, const struct address *a,
			      const struct address *b)
{
	uint32_t index;
	if (!map_get(&r->map, ends_key(r, kind, a, b), &index))
		return NULL;
	struct flow *f = &r->flow[index];
	bool fits = kind == KEY_FLOW
			    ? address_equal(&f->end[0], a) || address_equal(&f->end[1], a)
			    : address_same_host(&f->end[0], a) || address_same_host(&f->end[1], a);
	return fits ? f : NULL;
}

/* Who is the client: who sent the SYN, else who has the higher port. */
static struct flow *flow_begin(struct reading *r, const struct address *from,
			       const struct address *to, uint8_t flags)
{
	bool client = flags & TCP_SYN ? !(flags & TCP_ACK) : from->port >= to->port;
	if (!grow(r, &r->flow, &r->flow_room, r->flows, sizeof *r->flow))
		return NULL;
	struct flow *f = &r->flow[r->flows];
	*f = (struct flow){ .end = { client ? *from : *to, client ? *to : *from } };
	uint32_t older;
	if (map_get(&r->map, ends_key(r, KEY_HOSTS, from, to), &older))
		f->older = older + 1;
	map_set(r, ends_key(r, KEY_FLOW, from, to), (uint32_t)r->flows);
	map_set(r, ends_key(r, KEY_HOSTS, from, to), (uint32_t)r->flows);
	r->flows++;
	return f;
}

static int side_of(const struct flow *f, const struct address *from)
{
	if (f->end[0].port != from->port || from->port == 0)
		return address_same_host(&f->end[0], from) &&
				       (from->port == 0 || f->end[1].port != from->port)
			       ? 0
			       : 1;
	return address_same_host(&f->end[0], from) ? 0 : 1;
}

/* ---- examples ---- */

static struct packet_example *current_example(const struct reading *r)
{
	return r->t->examples ? &r->t->example[r->t->examples - 1] : NULL;
}

/* tcpdump -ttt prints how long after the line before. Such times look like clock times with a
 * blank in front, and run backwards. */
static void settle_times(struct reading *r)
{
	struct packet_example *e = current_example(r);
	if (!e || !r->spans || !r->went_back)
		return;
	nanos sum = 0;
	for (size_t i = r->t->segments - e->count; i < r->t->segments; i++)
		r->t->segment[i].at = sum += r->t->segment[i].at;
}

static void begin_example(struct reading *r, enum form form)
{
	struct packet_text *t = r->t;
	settle_times(r);
	if (!grow(r, &t->example, &t->example_room, t->examples, sizeof *t->example))
		return;
	t->example[t->examples++] = (struct packet_example){ .first_line = r->line,
							     .last_line = r->line,
							     .heading = r->heading };
	r->form = form;
	r->rows = r->current = r->repeat = r->attach = 0;
	r->last_frame = 0;
	r->last_at = r->days = 0;
	r->spans = true;
	r->went_back = false;
}

/* A connection's first packet again, at a time that is past: the next example. A SYN that is
 * sent once more comes later, and one that the capture has twice comes at once. */
static bool starts_again(struct reading *r, const struct text_packet *p)
{
	if (p->kind != TEXT_TCP || !(p->flags & TCP_SYN) || p->flags & TCP_ACK)
		return false;
	if (r->heading_since)
		return true;
	struct address from = host_address(r, p->from, p->from_port);
	struct address to = host_address(r, p->to, p->to_port);
	const struct flow *f = flow_find(r, KEY_FLOW, &from, &to);
	if (!f || !f->syn_seen)
		return false;
	bool went_on = f->side[0].last_data || f->side[1].last_data || f->closed;
	if (p->at == NO_TIME)
		return went_on;
	return p->at + r->days <= f->syn_at && (went_on || r->last_at > f->syn_at);
}

static void choose_example(struct reading *r, const struct text_packet *p, enum form form)
{
	if (!current_example(r) || r->form != form ||
	    (starts_again(r, p) && !(form == FORM_ROWS && r->repeat)))
		begin_example(r, form);
	r->heading_since = false;
}

/* Without a date the clock passes midnight; without a time it is as late as the line before. */
static nanos packet_time(struct reading *r, const struct text_packet *p)
{
	static const nanos day = 86400 * NANOS_PER_SECOND;
	if (p->at == NO_TIME)
		return r->last_at;
	r->spans &= p->indented && p->clock_only;
	if (p->clock_only && !p->indented && p->at + r->days < r->last_at - day / 2)
		r->days += day;
	nanos at = p->at + (p->clock_only ? r->days : 0);
	if (at < r->last_at)
		r->went_back = true;
	r->last_at = at;
	return at;
}

static struct segment *segment_add(struct reading *r, const struct segment *s)
{
	struct packet_text *t = r->t;
	struct packet_example *e = current_example(r);
	if (!e || !grow(r, &t->segment, &t->segment_room, t->segments, sizeof *t->segment))
		return NULL;
	t->segment[t->segments++] = *s;
	e->count++;
	e->last_line = r->line;
	return &t->segment[t->segments - 1];
}

/* ---- content ---- */

/* Where the text does not say how long it is, it is as long as what is shown of it. */
static void set_payload(struct reading *r, struct segment *s, struct slice bytes)
{
	if (!(s->has & SEGMENT_NO_LENGTH))
		bytes = slice_first(bytes, s->payload_len);
	struct slice kept = arena_copy(r->t->arena, bytes);
	if (kept.len < bytes.len)
		return; /* no room: it stays unseen */
	s->payload = kept;
	if (kept.len <= s->payload_len)
		return;
	struct flow *f = flow_find(r, KEY_FLOW, &s->from, &s->to);
	if (f)
		f->side[side_of(f, &s->from)].next += (uint32_t)kept.len - s->payload_len;
	s->payload_len = (uint32_t)kept.len;
}

static void set_http_line(struct reading *r, struct segment *s, struct slice line, uint32_t length)
{
	r->hex.len = 0;
	buffer_add(&r->hex, line);
	buffer_add(&r->hex, length == line.len + 4 ? SLICE("\r\n\r\n") : SLICE("\r\n"));
	set_payload(r, s, buffer_slice(&r->hex));
	r->hex.len = 0;
}

/* What the line says of the content. `length`: of the message, where s is its first segment. */
static void set_note(struct reading *r, struct segment *s, struct slice note, uint32_t length)
{
	uint8_t made[2048];
	if (text_http_start(slice_trim(note)) != TEXT_HTTP_NONE) {
		set_http_line(r, s, slice_trim(note), length);
		return;
	}
	bool dear = r->padding + sizeof made > MAX_PADDING;
	size_t len = text_make_tls(note, length, made, dear ? 320 : sizeof made);
	if (len == 0)
		return;
	if (len > 320)
		r->padding += len;
	set_payload(r, s, (struct slice){ made, len });
}

/* What a request or an answer tells about the connection. */
static void note_message(struct flow *f, struct slice line)
{
	if (slice_starts(line, SLICE("HTTP/"))) {
		f->answers++;
		return;
	}
	f->requests++;
	f->asked_head = slice_starts(line, SLICE("HEAD "));
	f->asked_connect = slice_starts(line, SLICE("CONNECT "));
}

static void note_content(struct flow *f, struct slice note)
{
	if (text_http_start(note) != TEXT_HTTP_NONE)
		note_message(f, note);
	else if (slice_starts(note, SLICE("Client Hello")))
		f->hellos++;
	else if (slice_starts(note, SLICE("Server Hello")))
		f->hello_answers++;
}

/* Later data show that the body of the head before them is not what was left out. */
static void take_back_body(struct reading *r, struct flow_side *side)
{
	if (!side->head)
		return;
	r->t->segment[side->head - 1].payload_len -= side->unseen_body;
	side->next -= side->unseen_body;
	side->head = 0;
}

/* A FIN with data behind it, in a row that tells of the data alone, shows in what the other side
 * acknowledges: one more than there was. */
static void find_fin(struct reading *r, struct flow *f, int side, const struct text_packet *p,
		     const struct segment *s)
{
	struct flow_side *peer = &f->side[!side];
	if (!peer->guessed || !p->ack_known || f->unnumbered || s->ack != peer->next + 1)
		return;
	r->t->segment[peer->guessed - 1].flags |= TCP_FIN;
	peer->next++;
	f->closed = true;
}

static struct segment *place_packet(struct reading *r, struct flow *f, int side,
				    const struct text_packet *p)
{
	struct segment s = { .line = r->line, .frame = p->frame, .at = packet_time(r, p) };
	s.from = f->end[side];
	s.to = f->end[!side];
	if (!p->length_known || p->length > 0)
		take_back_body(r, &f->side[side]);
	flow_place(f, side, p, &s);
	find_fin(r, f, side, p, &s);
	s.ip_len = s.payload_len + (address_is_v4(&s.from) ? 40 : 60) +
		   (s.has & SEGMENT_TIMESTAMP ? 12 : 0);
	r->current = (size_t)(f - r->flow) + 1;
	f->active = r->t->segments;
	struct segment *added = segment_add(r, &s);
	if (added && s.payload_len > 0)
		f->side[side].last_data = r->t->segments;
	if (added)
		f->side[side].guessed = p->kind == TEXT_DATA ? r->t->segments : 0;
	return added;
}

/* A message of several segments is described in the row of its last one, sometimes in that of its
 * first as well; its first bytes stand in its first. */
static void describe(struct reading *r, struct flow *f, int side, const struct text_packet *p,
		     struct segment *s)
{
	struct flow_side *me = &f->side[side];
	if (s->payload_len > 0)
		f->side[!side].part = 0;
	if (!me->part) {
		me->part = (size_t)(s - r->t->segment) + 1;
		me->part_len = 0;
		me->part_told = false;
	}
	me->part_len += s->payload_len;
	if (p->note.len > 0 && !me->part_told) {
		set_note(r, &r->t->segment[me->part - 1], p->note, p->part ? 0 : me->part_len);
		note_content(f, p->note);
		me->part_told = true;
	}
	if (!p->part)
		me->part = 0;
}

/* ---- heads ---- */

static void head_reset(struct reading *r)
{
	r->head.state = HEAD_NONE;
	buffer_reset(&r->head.bytes);
}

static void head_begin(struct reading *r, enum text_http kind)
{
	head_reset(r);
	r->head.state = HEAD_LINES;
	r->head.kind = kind;
	r->head.line = r->line;
	r->head.target = r->attach;
	r->head.exact = !r->attach_near;
}

static void head_line(struct reading *r, struct slice line)
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
	begin_example(r, FORM_HEADS);
	struct address client = host_address(r, SLICE("client"), 49152);
	struct address proxy = host_address(r, SLICE("proxy"), 80);
	return r->failed ? NULL : flow_begin(r, &client, &proxy, 0);
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
	struct segment *s = place_packet(r, f, side, &p);
	if (!s)
		return;
	s->line = r->head.line;
	set_payload(r, s, bytes);
	s->has |= SEGMENT_NO_LENGTH;
	note_message(f, bytes);
	f->side[side].head = body ? r->t->segments : 0;
	f->side[side].unseen_body = body;
	r->heading_since = false;
}

static void head_finish(struct reading *r, bool blank)
{
	if (r->head.state == HEAD_REASON) /* "HTTP/1.1", "200", and no reason */
		head_line(r, (struct slice){ 0 });
	if (r->head.state < HEAD_REASON || r->head.bytes.failed) {
		head_reset(r);
		return;
	}
	bool ends = true;
	struct segment *s = head_target(r, &ends);
	if (ends || (s && blank))
		head_line(r, (struct slice){ 0 });
	if (s)
		set_payload(r, s, buffer_slice(&r->head.bytes));
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
		head_line(r, (struct slice){ 0 });
		r->head.state = HEAD_LINES;
		return false;
	}
	head_line(r, line);
	r->head.state = HEAD_LINES;
	return true;
}

/* curl -v's marks. */
static struct slice unmark(struct slice line)
{
	if (slice_starts(line, SLICE("> ")) || slice_starts(line, SLICE("< ")))
		line = slice_trim(slice_from(line, 2));
	return line;
}

/* A line that may be part of a head, or begin one. */
static void read_head_line(struct reading *r, struct slice line)
{
	bool mark_alone = slice_equal(line, SLICE(">")) || slice_equal(line, SLICE("<"));
	line = unmark(line);
	struct slice found = line;
	enum text_http kind = text_http_start(line);
	if (kind == TEXT_HTTP_NONE && r->attach && r->attach_near && r->head.state == HEAD_NONE)
		kind = text_http_find(line, &found);
	if (kind != TEXT_HTTP_NONE) {
		head_finish(r, true);
		head_begin(r, kind);
		r->attach = 0;
		head_line(r, found);
	} else if (text_http_version_alone(line)) {
		head_finish(r, true);
		head_begin(r, TEXT_HTTP_RESPONSE);
		r->head.state = HEAD_STATUS;
		buffer_add(&r->head.bytes, slice_trim(line));
	} else if (r->head.state == HEAD_LINES && text_http_header(line)) {
		head_line(r, line);
	} else {
		head_finish(r, mark_alone);
	}
}

/* ---- hex digits (tcpdump -x, -X, -XX) ---- */

static void hex_finish(struct reading *r)
{
	struct part p = { buffer_slice(&r->hex), (uint32_t)r->hex.len };
	struct ip_packet ip;
	struct segment seen;
	size_t target = r->attach;
	if (r->hex.len == 0)
		return;
	if (target) {
		struct segment *s = &r->t->segment[target - 1];
		bool is_ip = p.data.at[0] >> 4 == (address_is_v4(&s->from) ? 4 : 6);
		if ((is_ip || link_strip(1, &p)) && !ip_read(&p, false, &ip) &&
		    ip.protocol == IP_TCP && !tcp_read(&ip, &seen) &&
		    seen.from.port == s->from.port && seen.to.port == s->to.port) {
			set_payload(r, s, seen.payload);
			s->ttl = seen.ttl;
			s->ip_id = seen.ip_id;
			s->dont_fragment = seen.dont_fragment;
		}
		r->attach = 0;
	}
	buffer_reset(&r->hex);
}

static bool read_hex_line(struct reading *r, struct slice line)
{
	uint32_t offset;
	uint8_t bytes[16];
	size_t len;
	if (!text_read_hex(line, &offset, bytes, &len))
		return false;
	if (offset == r->hex.len)
		buffer_add(&r->hex, (struct slice){ bytes, len });
	return true;
}

/* ---- packets ---- */

/* Rows without ports came first (a list filtered to HTTP): now their connection has some. */
static struct flow *adopt(struct reading *r, const struct address *from, const struct address *to)
{
	enum { LOOK_BACK = 64 };
	struct flow *f = flow_find(r, KEY_HOSTS, from, to);
	if (!f || !f->made_up) /* the hosts' latest, since no other has ports */
		return NULL;
	struct address old[2] = { f->end[0], f->end[1] };
	int side = address_same_host(&f->end[0], from) ? 0 : 1;
	f->end[side].port = from->port;
	f->end[!side].port = to->port;
	f->made_up = false;
	const struct packet_example *e = current_example(r);
	for (size_t i = 0; i < e->count && i < LOOK_BACK; i++) {
		struct segment *s = &r->t->segment[r->t->segments - 1 - i];
		if (address_equal(&s->from, &old[0]) && address_equal(&s->to, &old[1])) {
			s->from = f->end[0];
			s->to = f->end[1];
		} else if (address_equal(&s->from, &old[1]) && address_equal(&s->to, &old[0])) {
			s->from = f->end[1];
			s->to = f->end[0];
		}
	}
	map_set(r, ends_key(r, KEY_FLOW, from, to), (uint32_t)(f - r->flow));
	return f;
}

/* Acknowledged here, yet given to another connection of the same hosts: a row without ports was
 * put in the wrong place, and is put right. */
static void reclaim(struct reading *r, struct flow *f, int side, const struct text_packet *p)
{
	struct flow_side *peer = &f->side[!side];
	uint32_t more = p->ack - peer->next;
	if (!p->ack_known || !p->window_scaled || f->unnumbered || !peer->next_known || more == 0 ||
	    p->flags & TCP_SYN)
		return;
	struct flow *g = flow_find(r, KEY_HOSTS, &f->end[0], &f->end[1]);
	for (int i = 0; g && i < MAX_CANDIDATES; i++) {
		struct flow_side *other = &g->side[!side];
		struct segment *s = other->guessed ? &r->t->segment[other->guessed - 1] : NULL;
		if (g != f && s && s->payload_len == more && other->last_data == other->guessed &&
		    address_same_host(&s->from, &f->end[!side])) {
			s->from = f->end[!side];
			s->to = f->end[side];
			s->seq = peer->next;
			s->ack = f->side[side].next;
			s->window = peer->window;
			peer->next += more;
			peer->guessed = peer->last_data = other->guessed;
			other->next -= more;
			other->guessed = other->last_data = 0;
			return;
		}
		g = g->older ? &r->flow[g->older - 1] : NULL;
	}
}

static void add_tcp(struct reading *r, const struct text_packet *p)
{
	struct address from = host_address(r, p->from, p->from_port);
	struct address to = host_address(r, p->to, p->to_port);
	struct flow *f = flow_find(r, KEY_FLOW, &from, &to);
	if (!f && !(p->flags & TCP_SYN))
		f = adopt(r, &from, &to);
	if (!f)
		f = flow_begin(r, &from, &to, p->flags);
	if (!f)
		return;
	int side = side_of(f, &from);
	reclaim(r, f, side, p);
	struct segment *s = place_packet(r, f, side, p);
	if (!s)
		return;
	bool content = s->payload_len > 0 || (s->has & SEGMENT_NO_LENGTH && s->flags & TCP_PSH);
	if (content)
		describe(r, f, side, p, s);
	bool open = content && (s->payload.len == 0 || slice_starts(p->note, SLICE("HTTP")) ||
				text_http_start(p->note) != TEXT_HTTP_NONE);
	r->attach = open ? r->t->segments : 0;
	r->attach_near = true;
}

/* No connection of these hosts is known: what is said tells who is who, the ports are made up. */
static struct flow *data_flow(struct reading *r, const struct text_packet *p,
			      const struct address *from, const struct address *to)
{
	enum http_port { CLIENT_PORT = 49152, PROXY_PORT = 80 };
	enum text_http kind = text_http_start(p->note);
	bool client = kind == TEXT_HTTP_REQUEST || slice_starts(p->note, SLICE("Client Hello"));
	if (!client && kind != TEXT_HTTP_RESPONSE)
		return NULL;
	struct address a = client ? *from : *to, b = client ? *to : *from;
	a.port = CLIENT_PORT;
	b.port = PROXY_PORT;
	struct flow *f = flow_begin(r, &a, &b, 0);
	if (!f)
		return NULL;
	f->made_up = true;
	return f;
}

/* How well a row without ports fits a connection: 0 not at all. */
static int fitness(const struct flow *f, int side, struct slice note)
{
	bool first = slice_starts(note, SLICE("Client Hello"));
	if (f->side[side].part) /* the rest of what was begun there */
		return 3;
	switch (text_http_start(note)) {
	case TEXT_HTTP_REQUEST:
		return side == 0 && f->requests == f->answers && !f->closed ? 2 : side == 0;
	case TEXT_HTTP_RESPONSE:
		return side == 1 && f->requests > f->answers ? 2 : side == 1;
	case TEXT_HTTP_NONE:
		break;
	}
	if (first)
		return side == 0 && f->hellos == 0 && f->requests == f->answers ? 2 : 1;
	if (slice_starts(note, SLICE("Server Hello")))
		return side == 1 && f->hellos > f->hello_answers ? 2 : 1;
	return f->closed ? 1 : 2;
}

/* Which side spoke. On one host, only what is said can tell. */
static int side_of_row(const struct flow *f, const struct address *from, struct slice note)
{
	if (!address_same_host(&f->end[0], &f->end[1]))
		return side_of(f, from);
	return text_http_start(note) == TEXT_HTTP_REQUEST ||
			       slice_starts(note, SLICE("Client Hello"))
		       ? 0
		       : 1;
}

/* The connection of these hosts that the row fits best: for an answer the one that has waited
 * longest, else the one that was busy last. */
static struct flow *row_flow(struct reading *r, const struct address *from,
			     const struct address *to, struct slice note)
{
	struct flow *f = flow_find(r, KEY_HOSTS, from, to), *best = NULL;
	bool answer = text_http_start(note) == TEXT_HTTP_RESPONSE;
	int best_fit = 0;
	for (int i = 0; f && i < MAX_CANDIDATES; i++) {
		int fit = fitness(f, side_of_row(f, from, note), note);
		bool better = answer ? best && f->active < best->active
				     : best && f->active > best->active;
		if (fit > best_fit || (fit == best_fit && better)) {
			best = f;
			best_fit = fit;
		}
		f = f->older ? &r->flow[f->older - 1] : NULL;
	}
	return best;
}

/* A row that tells of the content only. */
static void add_data(struct reading *r, const struct text_packet *p)
{
	struct address from = host_address(r, p->from, 0), to = host_address(r, p->to, 0);
	struct flow *f = row_flow(r, &from, &to, p->note);
	if (!f)
		f = data_flow(r, p, &from, &to);
	if (!f)
		return;
	int side = side_of_row(f, &from, p->note);
	struct segment *s = place_packet(r, f, side, p);
	if (s)
		describe(r, f, side, p, s);
}

static struct flow *latest_flow(struct reading *r, const struct address *a, const struct address *b)
{
	return row_flow(r, a, b, (struct slice){ 0 });
}

static void add_icmp(struct reading *r, const struct text_packet *p)
{
	struct packet_text *t = r->t;
	struct icmp_note n = { .at = packet_time(r, p),
			       .frame = p->frame,
			       .kind = p->icmp,
			       .code = p->icmp_code,
			       .mtu = p->mtu };
	n.router = host_address(r, p->from, 0);
	n.from = host_address(r, p->to, 0);
	struct flow *f = NULL;
	if (p->about.len > 0) {
		n.to = host_address(r, p->about, 0);
		f = latest_flow(r, &n.from, &n.to);
	} else if (r->current) {
		f = &r->flow[r->current - 1];
		if (!address_same_host(&f->end[0], &n.from) &&
		    !address_same_host(&f->end[1], &n.from))
			f = NULL;
	}
	n.v6 = !address_is_v4(&n.from);
	if (f) {
		int side = side_of(f, &n.from);
		n.from = f->end[side];
		n.to = f->end[!side];
		size_t last = f->side[side].last_data;
		n.seq = last ? t->segment[last - 1].seq : f->side[side].base;
		n.ip_len = last ? t->segment[last - 1].ip_len : 0;
	}
	if (!grow(r, &t->note, &t->note_room, t->notes, sizeof *t->note))
		return;
	t->note[t->notes++] = n;
	current_example(r)->notes++;
	current_example(r)->last_line = r->line;
}

/* tcpdump -v prints what ICMP quotes as it prints packets, on lines that begin with a tab. */
static void add_quote(struct reading *r, const struct text_packet *p)
{
	struct packet_example *e = current_example(r);
	if (!e || e->notes == 0 || p->kind != TEXT_TCP)
		return;
	struct icmp_note *n = &r->t->note[r->t->notes - 1];
	n->from = host_address(r, p->from, p->from_port);
	n->to = host_address(r, p->to, p->to_port);
	n->ip_len = p->length + 40 + (p->has & SEGMENT_TIMESTAMP ? 12 : 0);
	if (p->seq_known)
		n->seq = p->seq;
}

static void add_packet(struct reading *r, const struct text_packet *p)
{
	r->attach = 0;
	r->last_was_icmp = p->kind == TEXT_ICMP;
	switch (p->kind) {
	case TEXT_TCP:
		add_tcp(r, p);
		break;
	case TEXT_DATA:
		add_data(r, p);
		break;
	case TEXT_ICMP:
		add_icmp(r, p);
		break;
	case TEXT_OTHER:
		break;
	}
}

static bool read_tcpdump_line(struct reading *r, struct slice line)
{
	struct text_packet p;
	if (text_read_tcpdump_first(line, &p)) {
		head_finish(r, false);
		hex_finish(r);
		r->quoted = r->last_was_icmp && line.at[0] == '\t';
		r->first = p;
		r->first_waits = true;
		return true;
	}
	if (!text_read_tcpdump(line, &p))
		return false;
	head_finish(r, false);
	hex_finish(r);
	if (r->first_waits && p.at == NO_TIME) {
		p.at = r->first.at;
		p.clock_only = r->first.clock_only;
		p.indented = r->first.indented;
		p.frame = r->first.frame;
		p.ttl = r->first.ttl;
		p.ip_id = r->first.ip_id;
		p.dont_fragment = r->first.dont_fragment;
	}
	r->first_waits = false;
	if (r->quoted) {
		r->quoted = false;
		add_quote(r, &p);
		return true;
	}
	if (p.kind != TEXT_OTHER)
		choose_example(r, &p, FORM_TCPDUMP);
	if (current_example(r))
		add_packet(r, &p);
	return true;
}

/* ---- tables ---- */

/* A row's identity: all its characters but the number's and the blanks between. */
static uint64_t row_hash(struct slice line, bool numbered)
{
	uint64_t h = 3;
	if (numbered)
		text_word(&line);
	for (size_t i = 0; i < line.len; i++)
		if (line.at[i] != ' ' && line.at[i] != '\t')
			h = hash_bytes(h, &line.at[i], 1);
	return hash_end(h);
}

/* The same table again? Then its rows are known already. */
static bool row_repeats(struct reading *r, uint64_t hash)
{
	if (r->head_again && r->form == FORM_ROWS && r->rows > 0 && r->row[0].hash == hash)
		r->repeat = 1;
	r->head_again = false;
	if (r->repeat && r->repeat <= r->rows && r->row[r->repeat - 1].hash == hash) {
		r->repeat++;
		return true;
	}
	r->repeat = 0;
	return false;
}

static bool read_row_line(struct reading *r, struct slice line)
{
	struct text_packet p;
	if (text_is_table_head(line)) {
		head_finish(r, false);
		r->in_table = r->head_again = true;
		return true;
	}
	if (!text_read_row(line, r->in_table, &p))
		return false;
	head_finish(r, false);
	hex_finish(r);
	bool again = r->head_again;
	uint64_t hash = row_hash(line, p.frame > 0);
	if (row_repeats(r, hash))
		return true;
	if (again && p.frame > 0 && p.frame <= r->last_frame && r->form == FORM_ROWS)
		begin_example(r, FORM_ROWS);
	choose_example(r, &p, FORM_ROWS);
	if (p.frame == 0 && r->last_frame > 0)
		p.frame = r->last_frame + 1;
	size_t before = r->t->segments;
	add_packet(r, &p);
	r->attach = 0;
	r->last_frame = p.frame;
	if (grow(r, &r->row, &r->row_room, r->rows, sizeof *r->row))
		r->row[r->rows++] =
			(struct row){ hash, p.frame, r->t->segments > before ? r->t->segments : 0 };
	return true;
}

/* Rows are in order of their numbers, as good as always; where not, it is not found. */
static size_t find_frame(const struct reading *r, uint64_t frame)
{
	size_t low = 0, high = r->form == FORM_ROWS ? r->rows : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (r->row[middle].frame < frame)
			low = middle + 1;
		else
			high = middle;
	}
	return r->form == FORM_ROWS && low < r->rows && r->row[low].frame == frame
		       ? r->row[low].segment
		       : 0;
}

/* ---- the details pane ---- */

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
	head_finish(r, false);
	hex_finish(r);
	r->in_details = true;
	r->details_http = false;
	r->attach = 0;
	r->details = (struct text_packet){ .kind = TEXT_OTHER, .at = NO_TIME, .frame = frame };
	r->details_segment = find_frame(r, frame);
	r->details_new = r->details_segment == 0 &&
			 !(r->form == FORM_ROWS && r->rows > 0 && frame <= r->last_frame);
	return true;
}

static void details_time(struct reading *r, struct slice line)
{
	struct slice rest;
	if (r->details.at == NO_TIME &&
	    (text_after(line, SLICE("Epoch Time: "), &rest) ||
	     text_after(line, SLICE("since reference or first frame: "), &rest)))
		text_time(&rest, &r->details.at, &r->details.clock_only);
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
	choose_example(r, &r->details, FORM_ROWS);
	size_t before = r->t->segments;
	add_packet(r, &r->details);
	r->attach = 0;
	r->last_frame = r->details.frame;
	if (r->t->segments > before)
		r->details_segment = r->t->segments;
	r->details_new = false;
	if (grow(r, &r->row, &r->row_room, r->rows, sizeof *r->row))
		r->row[r->rows++] = (struct row){ 1, r->details.frame, r->details_segment };
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
		head_finish(r, true);
		r->details_http = false;
		return;
	}
	enum text_http kind = text_http_start(line);
	if (kind != TEXT_HTTP_NONE && r->head.state == HEAD_NONE) {
		head_begin(r, kind);
		r->head.target = r->details_segment;
		r->head.exact = false;
		head_line(r, line);
	} else if (r->head.state == HEAD_LINES) {
		head_line(r, line);
	}
}

static bool read_details_line(struct reading *r, struct slice line)
{
	line = unfold(line);
	if (read_frame_line(r, line))
		return true;
	if (!r->in_details)
		return false;
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

/* ---- lines ---- */

static void end_details(struct reading *r)
{
	if (r->in_details)
		head_finish(r, false);
	r->in_details = r->details_http = false;
}

static bool read_mark(struct reading *r, struct slice line)
{
	if (line.len == 0) {
		if (r->head.state == HEAD_LINES)
			head_finish(r, true);
		end_details(r);
		return true;
	}
	if (slice_starts(line, SLICE("```"))) {
		if (r->head.state == HEAD_LINES)
			head_finish(r, false);
		end_details(r);
		hex_finish(r);
		r->fenced = !r->fenced;
		r->in_table = r->attach_near = false;
		return true;
	}
	if (line.at[0] == '#') {
		head_finish(r, false);
		end_details(r);
		if (!r->fenced) {
			while (line.len && line.at[0] == '#')
				line = slice_from(line, 1);
			r->heading = slice_trim(line);
			r->heading_since = true;
			r->attach = 0;
		}
		return true;
	}
	return slice_equal(line, SLICE("<#root>"));
}

static void read_line(struct reading *r, struct slice raw)
{
	struct slice line = slice_trim(raw);
	r->line++;
	if (read_mark(r, line))
		return;
	if (r->head.state == HEAD_STATUS && head_status(r, line))
		return;
	if (r->head.state == HEAD_REASON && head_reason(r, line))
		return;
	if (read_hex_line(r, raw))
		return;
	if (read_tcpdump_line(r, raw) || read_row_line(r, line)) {
		r->in_details = r->details_http = false;
		return;
	}
	if (!read_details_line(r, line))
		read_head_line(r, line);
}

static void finish_examples(struct packet_text *t)
{
	size_t segment = 0, note = 0, kept = 0;
	for (size_t i = 0; i < t->examples; i++) {
		struct packet_example e = t->example[i];
		e.segment = t->segment ? t->segment + segment : NULL;
		e.note = t->note ? t->note + note : NULL;
		segment += e.count;
		note += e.notes;
		if (e.count > 0 || e.notes > 0)
			t->example[kept++] = e;
	}
	t->examples = kept;
}

struct packet_text *packet_text_read(struct slice text)
{
	struct packet_text *t = calloc(1, sizeof *t);
	struct reading r = { .t = t };
	if (!t || !(t->arena = arena_new(text.len * 8 + (16 << 20)))) {
		packet_text_free(t);
		return NULL;
	}
	buffer_init(&r.head.bytes, MAX_HEAD);
	buffer_init(&r.hex, MAX_HEAD + 2 * MAX_LINE);
	for (struct slice rest = text; rest.len > 0 && !r.failed;)
		read_line(&r, slice_first(slice_line(&rest), MAX_LINE));
	head_finish(&r, false);
	hex_finish(&r);
	settle_times(&r);
	finish_examples(t);
	buffer_done(&r.head.bytes);
	buffer_done(&r.hex);
	free(r.map.slot);
	free(r.flow);
	free(r.row);
	if (r.failed) {
		packet_text_free(t);
		return NULL;
	}
	return t;
}

void packet_text_free(struct packet_text *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t->segment);
	free(t->note);
	free(t->example);
	free(t->name);
	free(t);
}

size_t packet_text_count(const struct packet_text *t)
{
	return t->examples;
}

const struct packet_example *packet_text_example(const struct packet_text *t, size_t index)
{
	return index < t->examples ? &t->example[index] : NULL;
}

struct slice packet_text_name(const struct packet_text *t, const struct address *a)
{
	static const uint8_t made_up[12] = { 1 };
	uint32_t index = load32(a->ip + 12);
	if (memcmp(a->ip, made_up, sizeof made_up) != 0 || index == 0 || index > t->names)
		return (struct slice){ 0 };
	return t->name[index - 1];
}
