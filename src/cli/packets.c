/* --packets: the captures once more, as a list of packets, with what the first pass found out. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/read.h"
#include "cli/terminal.h"
#include "http/head.h"
#include "observe/observe.h"
#include "render/packets.h"
#include "tls/hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 14, OUT_LIMIT = 1 << 20, WRITE_AT = 1 << 16, MAX_INFO = 300 };

/* What a list needs to remember of a connection: where numbers begin, what was seen. A small
 * cache: a connection that lost its place begins anew with the numbers it then has. */
struct seen {
	struct address a, b;
	bool used;
	struct {
		uint32_t first, next;
		bool known, scaled;
		uint8_t scale;
	} side[2]; /* 0: a */
};

struct lister {
	const struct read_options *options;
	const struct reported *listed;
	size_t count;
	const struct reported **by_request, **by_response, **by_decisive;
	struct render_style style;
	struct buffer out;
	struct seen *seen;
	uint32_t file;
	nanos zero;
	bool wireshark;
	struct packet_text *text;
};

/* ---- finding what the first pass said ----------------------------------------------------- */

#define BY(member)                                                                                 \
	static int order_by_##member(const void *x, const void *y)                                 \
	{                                                                                          \
		const struct reported *a = *(const struct reported *const *)x;                     \
		const struct reported *b = *(const struct reported *const *)y;                     \
		if (a->file != b->file)                                                            \
			return a->file < b->file ? -1 : 1;                                         \
		return a->member < b->member ? -1 : a->member > b->member;                         \
	}
BY(request_frame)
BY(response_frame)
BY(decisive_frame)
#undef BY

static const struct reported **sorted(const struct lister *l,
				      int (*order)(const void *, const void *))
{
	const struct reported **list = calloc(l->count + 1, sizeof *list);
	for (size_t i = 0; list && i < l->count; i++)
		list[i] = &l->listed[i];
	if (list)
		qsort(list, l->count, sizeof *list, order);
	return list;
}

static const struct reported *find(const struct lister *l, const struct reported **list,
				   struct reported key, int (*order)(const void *, const void *))
{
	const struct reported *k = &key;
	const struct reported **hit = bsearch(&k, list, l->count, sizeof *list, order);
	return hit ? *hit : NULL;
}

static void link_frames(const struct lister *l, struct render_packet *p)
{
	const struct reported *r;
	if (p->frame == 0)
		return;
	r = find(l, l->by_request, (struct reported){ .file = l->file, .request_frame = p->frame },
		 order_by_request_frame);
	if (r)
		p->response_frame = r->response_frame;
	r = find(l, l->by_response,
		 (struct reported){ .file = l->file, .response_frame = p->frame },
		 order_by_response_frame);
	if (r) {
		p->request_frame = r->request_frame;
		p->since_request = r->since_request;
	}
	r = find(l, l->by_decisive,
		 (struct reported){ .file = l->file, .decisive_frame = p->frame },
		 order_by_decisive_frame);
	if (r && r->verdict != V_OK)
		p->verdict = verdict_id(r->verdict);
}

/* Only the connections of the exchanges that were chosen. */
static bool is_listed(const struct lister *l, const struct address *a, const struct address *b)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct reported *r = &l->listed[i];
		if (r->file == l->file &&
		    ((address_equal(&r->client, a) && address_equal(&r->proxy, b)) ||
		     (address_equal(&r->client, b) && address_equal(&r->proxy, a))))
			return true;
	}
	return false;
}

/* ---- one packet --------------------------------------------------------------------------- */

static struct seen *seen_of(struct lister *l, const struct address *from, const struct address *to,
			    int *ret_side)
{
	struct seen *s = &l->seen[stream_hash(from, to) % SLOTS];
	bool forward = address_equal(&s->a, from) && address_equal(&s->b, to);
	bool backward = address_equal(&s->a, to) && address_equal(&s->b, from);
	if (!s->used || (!forward && !backward)) {
		*s = (struct seen){ .a = *from, .b = *to, .used = true };
		forward = true;
	}
	*ret_side = forward ? 0 : 1;
	return s;
}

static uint32_t note_start(struct seen *s, int side, uint32_t seq, bool again)
{
	if (!s->side[side].known || again) {
		s->side[side].known = true;
		s->side[side].first = s->side[side].next = seq;
	}
	return s->side[side].first;
}

static const char *remark_of(const struct seen *s, int side, const struct segment *seg)
{
	int32_t ahead = (int32_t)(seg->seq - s->side[side].next);
	if (seg->flags & TCP_RST)
		return NULL;
	if (seg->has & SEGMENT_NO_SEQ)
		return NULL;
	if (seg->payload_len <= 1 && ahead == -1 && !(seg->flags & (TCP_SYN | TCP_FIN)))
		return "Keep-Alive";
	if (seg->payload_len && ahead < 0)
		return "Retransmission";
	if (ahead > 0)
		return "Previous segment not captured";
	if (seg->window == 0 && !(seg->flags & TCP_SYN))
		return "ZeroWindow";
	return NULL;
}

static void fill_tcp(struct lister *l, const struct segment *seg, struct render_packet *p)
{
	int side;
	struct seen *s = seen_of(l, &seg->from, &seg->to, &side);
	bool syn = seg->flags & TCP_SYN;
	/* a handshake that was missed: the first number seen is then number 1 */
	uint32_t first = note_start(s, side, syn ? seg->seq : seg->seq - 1, syn);
	if (seg->has & SEGMENT_TEXT)
		first = 0;
	else if (s->side[side].next == first && !syn)
		s->side[side].next = seg->seq;
	p->remark = seg->has & SEGMENT_TEXT ? NULL : remark_of(s, side, seg);
	if (syn && seg->has & SEGMENT_WSCALE) {
		s->side[side].scaled = true;
		s->side[side].scale = seg->wscale;
	}
	bool scaled = !syn && s->side[0].scaled && s->side[1].scaled;
	uint32_t other = 0;
	if (seg->flags & TCP_ACK && !(seg->has & SEGMENT_TEXT))
		other = note_start(s, 1 - side, seg->ack - 1, false);
	uint32_t end = seg->seq + seg->payload_len + !!(seg->flags & (TCP_SYN | TCP_FIN));
	if ((int32_t)(end - s->side[side].next) > 0)
		s->side[side].next = end;
	p->flags = seg->flags;
	p->seq = seg->seq - first;
	p->ack = seg->flags & TCP_ACK ? seg->ack - other : 0;
	p->window = (uint32_t)seg->window << (scaled ? s->side[side].scale : 0);
	p->payload_len = seg->payload_len;
	p->has_mss = seg->has & SEGMENT_MSS;
	p->mss = seg->mss;
	p->has_wscale = seg->has & SEGMENT_WSCALE;
	p->wscale = seg->wscale;
	p->sack_ok = seg->has & SEGMENT_SACK_OK;
	p->has_timestamp = seg->has & SEGMENT_TIMESTAMP;
	p->tsval = seg->tsval;
	p->tsecr = seg->tsecr;
	p->sack_count = seg->sack_count;
	for (unsigned i = 0; i < seg->sack_count && i < 4; i++) {
		p->sack_left[i] = seg->sack[i].left - other;
		p->sack_right[i] = seg->sack[i].right - other;
	}
}

static void add_record(struct buffer *info, const struct tls_record *r, struct slice body)
{
	uint8_t type;
	struct slice message;
	struct tls_client_hello hello;
	if (info->len)
		buffer_add_text(info, ", ");
	if (r->content == TLS_APPLICATION)
		buffer_add_text(info, "Application Data");
	else if (r->content == TLS_CHANGE_CIPHER)
		buffer_add_text(info, "Change Cipher Spec");
	else if (r->content == TLS_ALERT)
		buffer_add_text(info, r->length == 2 ? "Alert" : "Encrypted Alert");
	else if (body.len && body.at[0] == TLS_CLIENT_HELLO) {
		buffer_add_text(info, "Client Hello");
		if (tls_read_handshake(body, &type, &message) == TLS_DONE &&
		    tls_read_client_hello(message, &hello) && hello.sni.len) {
			buffer_add_text(info, " (SNI=");
			buffer_add(info, hello.sni);
			buffer_add_byte(info, ')');
		}
	} else if (body.len && body.at[0] == TLS_SERVER_HELLO)
		buffer_add_text(info, "Server Hello");
	else
		buffer_add_text(info, "Handshake");
}

/* What the payload says at its beginning; the start of a record or a head, or nothing. */
static enum trace_protocol describe(struct slice payload, struct buffer *info)
{
	struct tls_record r;
	struct slice rest = slice_first(payload, MAX_INFO);
	if (http_looks_like_request(payload) == HTTP_DONE ||
	    http_looks_like_response(payload) == HTTP_DONE) {
		buffer_add(info, slice_line(&rest));
		return PROTO_HTTP;
	}
	if (payload.len < TLS_RECORD_HEADER || observe_guess(payload) != PROTO_TLS)
		return PROTO_UNKNOWN;
	while (tls_read_record(payload, &r) == TLS_DONE && info->len < MAX_INFO) {
		struct slice body = slice_first(slice_from(payload, TLS_RECORD_HEADER), r.length);
		add_record(info, &r, body);
		payload = slice_from(payload, TLS_RECORD_HEADER + r.length);
	}
	return PROTO_TLS;
}

static void put(struct lister *l, struct render_packet *p, uint32_t line)
{
	if (l->zero == NO_TIME)
		l->zero = p->at;
	if (l->text) {
		p->from_name = packet_text_name(l->text, &p->from);
		p->to_name = packet_text_name(l->text, &p->to);
	}
	link_frames(l, p);
	if (p->frame == 0) /* text without numbers: the line is the place to look */
		p->frame = line;
	if (l->wireshark)
		render_packet_wireshark(&l->out, &l->style, p, l->zero);
	else
		render_packet_tcpdump(&l->out, &l->style, p);
	if (l->out.len < WRITE_AT)
		return;
	fwrite(l->out.at, 1, l->out.len, stdout);
	buffer_reset(&l->out);
}

static void put_segment(struct lister *l, const struct segment *seg, uint32_t wire_len)
{
	struct render_packet p = { .at = seg->at,
				   .frame = seg->frame,
				   .from = seg->from,
				   .to = seg->to,
				   .wire_len = wire_len,
				   .since_request = NO_TIME };
	struct buffer info;
	buffer_init(&info, 4096);
	if (!is_listed(l, &seg->from, &seg->to))
		return;
	fill_tcp(l, seg, &p);
	if (seg->payload.len)
		p.protocol = describe(seg->payload, &info);
	p.info = buffer_slice(&info);
	put(l, &p, seg->line);
	buffer_done(&info);
}

static void put_icmp(struct lister *l, const struct icmp_note *n, uint32_t wire_len)
{
	char text[120];
	if (!is_listed(l, &n->from, &n->to))
		return;
	snprintf(text, sizeof text, n->mtu ? "%s (mtu %u)" : "%s", icmp_name(n), n->mtu);
	struct render_packet p = { .at = n->at,
				   .frame = n->frame,
				   .from = n->router,
				   .to = n->from,
				   .wire_len = wire_len,
				   .icmp = text,
				   .since_request = NO_TIME };
	put(l, &p, 0);
}

/* ---- one file ----------------------------------------------------------------------------- */

static int list_packets(struct lister *l, struct capture *c, struct error *err)
{
	struct packet_decoder *decoder = packet_decoder_new();
	struct capture_batch *batch = capture_batch_new();
	int got = decoder && batch ? 1 : -1;
	while (got > 0 && (got = capture_read(c, batch, err)) > 0) {
		for (size_t i = 0; i < batch->count; i++) {
			const struct capture_packet *p = &batch->packet[i];
			struct packet_frame f = { p->at, p->frame, p->link, p->wire_len, p->data };
			struct segment seg;
			struct icmp_note note;
			const char *why;
			enum packet_kind kind = packet_decode(decoder, &f, &seg, &note, &why);
			if (kind == PACKET_TCP)
				put_segment(l, &seg, p->wire_len);
			else if (kind == PACKET_ICMP)
				put_icmp(l, &note, p->wire_len);
		}
	}
	packet_decoder_free(decoder);
	capture_batch_free(batch);
	return got;
}

static int list_text(struct lister *l, struct capture *c, struct error *err)
{
	struct slice bytes;
	int got = capture_read_text(c, SIZE_MAX, &bytes, err);
	l->text = got < 0 ? NULL : packet_text_read(bytes);
	for (size_t i = 0; l->text && i < packet_text_count(l->text); i++) {
		const struct packet_example *e = packet_text_example(l->text, i);
		if (i > 0)
			buffer_add_byte(&l->out, '\n');
		for (size_t n = 0; n < e->count; n++)
			put_segment(l, &e->segment[n], e->segment[n].ip_len);
	}
	return got;
}

static void end_file(struct lister *l)
{
	if (l->out.len)
		fwrite(l->out.at, 1, l->out.len, stdout);
	buffer_reset(&l->out);
	packet_text_free(l->text);
	l->text = NULL;
}

/* Faults in the file were told by the first pass. */
static void list_file(struct lister *l)
{
	struct error err;
	struct capture *c =
		capture_open_as(l->options->file[l->file], l->options->shown[l->file], &err);
	if (!c)
		return;
	l->zero = NO_TIME;
	if (l->options->files > 1)
		printf("%s%s\n", l->file ? "\n" : "", l->options->shown[l->file]);
	if (l->wireshark)
		render_packet_wireshark_head(&l->out, &l->style);
	if (capture_kind(c) == CAPTURE_TEXT)
		list_text(l, c, &err);
	else
		list_packets(l, c, &err);
	end_file(l);
	capture_close(c);
}

int packets_print(const struct read_options *options, const struct report *r)
{
	struct lister l = { .options = options,
			    .wireshark = options->packets == PACKETS_WIRESHARK,
			    .style = { .colour = terminal_colour(options->colour),
				       .width = terminal_width(),
				       .utf8 = terminal_utf8() } };
	int status = EXIT_TROUBLE;
	l.count = report_listed(r, &l.listed);
	l.by_request = sorted(&l, order_by_request_frame);
	l.by_response = sorted(&l, order_by_response_frame);
	l.by_decisive = sorted(&l, order_by_decisive_frame);
	l.seen = calloc(SLOTS, sizeof *l.seen);
	buffer_init(&l.out, OUT_LIMIT);
	if (l.by_request && l.by_response && l.by_decisive && l.seen) {
		for (int i = 0; i < options->files; i++) {
			l.file = (uint32_t)i;
			list_file(&l);
		}
		status = EXIT_FINE;
	} else {
		complain("out of memory");
	}
	buffer_done(&l.out);
	free(l.seen);
	free(l.by_request);
	free(l.by_response);
	free(l.by_decisive);
	return status;
}
