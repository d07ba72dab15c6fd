/* Bytes become segments between a few ports. Whatever they are: the bytes of a side come in order,
 * each once (every payload byte is the low byte of its own sequence number), every connection gets
 * exactly one end, memory stays within its limits and all of it comes back. */
#include "base/reader.h"
#include "packet/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEPT = 8192, MAX_KEPT_EACH = 4096, MAX_CONNECTIONS = 8, MAX_SEGMENT = 300 };

struct owner {
	struct stream_table *table;
	uint64_t asked, ends;
	uint8_t wish; /* how the owner answers */
	bool text;    /* numbers of text mean little */
};

struct watched {
	uint8_t next[2];
	bool known[2];
	uint64_t told[2];
};

#define must(thing) ((thing) ? (void)0 : broken(#thing, __LINE__))

static void broken(const char *thing, int line)
{
	fprintf(stderr, "line %d: not so: %s\n", line, thing);
	abort();
}

static enum stream_wish on_wish(void *context, const struct stream *s, int side, struct slice sofar)
{
	struct owner *o = context;
	must(sofar.len > 0 && sofar.len <= 24 && !s->watched && (side == 0 || side == 1));
	must(s->early_len[side] == sofar.len);
	for (size_t i = 1; i < sofar.len && !o->text; i++)
		must(sofar.at[i] == (uint8_t)(sofar.at[i - 1] + 1));
	o->asked++;
	switch ((o->wish + o->asked) % 4) {
	case 0:
		return STREAM_NOTE;
	case 1:
		return STREAM_ASK_AGAIN;
	default:
		return STREAM_WATCH;
	}
}

static struct watched *watched_of(struct owner *o, struct stream_watch *w)
{
	must(stream_look(o->table, w)->watched);
	if (!w->user)
		w->user = calloc(1, sizeof(struct watched));
	must(w->user != NULL);
	return w->user;
}

static void on_segment(void *context, struct stream_watch *w, int side, const struct segment *seg)
{
	struct owner *o = context;
	const struct stream *s = stream_look(o->table, w);
	must(s->sent[side].packets > 0 && address_equal(&seg->from, &s->side[side]));
}

static void on_data(void *context, struct stream_watch *watch, int side, struct slice bytes,
		    const struct stream_mark *mark)
{
	struct owner *o = context;
	struct watched *w = watched_of(o, watch);
	must(bytes.len > 0 && mark->frame > 0);
	for (size_t i = 0; i < bytes.len; i++) {
		must(!w->known[side] || o->text || bytes.at[i] == w->next[side]);
		w->next[side] = (uint8_t)(bytes.at[i] + 1);
		w->known[side] = true;
	}
	w->told[side] += bytes.len;
	if (w->told[side] > 2000 && o->wish > 200)
		stream_ignore(watch);
}

static void on_gap(void *context, struct stream_watch *watch, int side, uint64_t len,
		   enum stream_gap why, const struct stream_mark *mark)
{
	(void)why;
	struct watched *w = watched_of(context, watch);
	must(len > 0 && mark->frame > 0);
	w->next[side] = (uint8_t)(w->next[side] + len);
}

static void check_side(const struct stream *s, int side, const struct watched *w)
{
	const struct stream_side *sent = &s->sent[side];
	must(sent->spurious <= sent->retrans);
	must(!w || w->told[side] <= sent->bytes);
	must(sent->hole == 0 || (s->both_ways && sent->hole_shown.frame > 0));
	must(sent->unacked == 0 || s->both_ways);
	must((sent->stuck_times == 0) == (sent->stuck_first.frame == 0));
	must(sent->stuck_smallest <= sent->stuck_size || sent->stuck_times > 1);
	must(sent->zero_window_time >= 0 && sent->retrans_time >= 0);
	must(sent->largest <= 1460 || sent->mss > 1460);
}

static void on_end(void *context, struct stream_watch *w, const struct stream *s,
		   enum stream_end why)
{
	struct owner *o = context;
	must(why <= STREAM_OVER);
	o->ends++;
	must(s->first.frame > 0 && s->last.frame > 0);
	must((w != NULL) == s->watched);
	if (w) {
		check_side(s, 0, w->user);
		check_side(s, 1, w->user);
		free(w->user);
	}
	must(s->rtt == NO_TIME || s->rtt >= 0);
}

static void address_make(struct address *a, bool v6, uint16_t port)
{
	*a = (struct address){ .port = port };
	a->ip[0] = v6 ? 0x20 : 0;
	if (!v6)
		a->ip[10] = a->ip[11] = 0xff;
	a->ip[15] = 1;
}

struct maker {
	struct reader r;
	nanos at;
	uint64_t frame;
	uint8_t payload[MAX_SEGMENT];
};

/* The next segment; numbers mostly near a few bases, so that they meet. */
static void make_segment(struct maker *m, bool text, struct segment *ret)
{
	static const uint32_t bases[4] = { 0xffffff80, 1000, 0x7fffffc0, 0xffffff80 };
	uint8_t who = read_u8(&m->r), flags = read_u8(&m->r), what = read_u8(&m->r);
	uint16_t len = read_u16(&m->r) % MAX_SEGMENT;
	*ret = (struct segment){ .frame = ++m->frame, .ttl = 64 };
	m->at += what & 1 ? (nanos)read_u8(&m->r) * 40 * NANOS_PER_MS
			  : (nanos)read_u8(&m->r) * 100000;
	if (what & 2)
		m->at -= (nanos)read_u8(&m->r) * NANOS_PER_SECOND / 2;
	ret->at = m->at;
	bool up = who & 1;
	address_make(up ? &ret->from : &ret->to, who & 2, (uint16_t)(1000 + (who >> 2 & 15)));
	address_make(up ? &ret->to : &ret->from, who & 2, 80);
	ret->flags = flags;
	ret->seq = bases[up] + (uint32_t)(int16_t)read_u16(&m->r) % 2048;
	ret->ack = bases[!up] + (uint32_t)(int16_t)read_u16(&m->r) % 2048;
	if (what & 4)
		ret->seq = read_u32(&m->r);
	ret->window = what & 8 ? (uint16_t)(who & 64 ? 0 : 500) : 64000;
	ret->ip_id = what & 16 ? (uint16_t)m->frame : 0;
	if (what & 32) {
		ret->has |= SEGMENT_TIMESTAMP;
		ret->tsval = (uint32_t)(m->at >> 20);
	}
	if (what & 64) {
		ret->sack_count = 1 + (who & 1);
		for (unsigned i = 0; i < ret->sack_count; i++) {
			ret->sack[i].left = bases[!up] + read_u8(&m->r) * 8u;
			ret->sack[i].right = ret->sack[i].left + read_u8(&m->r);
		}
	}
	if (flags & TCP_SYN) {
		ret->has |= SEGMENT_MSS | SEGMENT_WSCALE;
		ret->mss = who & 128 ? 1460 : 300;
		ret->wscale = who & 15;
	}
	if (text)
		ret->has |= SEGMENT_TEXT | (what & 128 ? SEGMENT_NO_SEQ : 0) |
			    (who & 128 ? SEGMENT_NO_LENGTH : 0);
	if (what & 128 || flags & (TCP_SYN | TCP_RST))
		len = flags & TCP_URG ? 1 : 0;
	uint32_t first = ret->seq + !!(flags & TCP_SYN);
	for (unsigned i = 0; i < len; i++)
		m->payload[i] = (uint8_t)(first + i);
	ret->payload_len = len;
	ret->payload = (struct slice){ m->payload, flags & TCP_CWR ? len / 2 : len };
}

static void make_icmp(const struct segment *seg, struct icmp_note *ret)
{
	*ret = (struct icmp_note){ .at = seg->at,
				   .frame = seg->frame,
				   .kind = ICMP_TOO_BIG,
				   .mtu = seg->window & 2047,
				   .from = seg->from,
				   .to = seg->to,
				   .seq = seg->seq,
				   .ip_len = 100 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maker m = { .r = { .left = { data, size } }, .at = NANOS_PER_SECOND * 1000 };
	struct owner o = { .wish = read_u8(&m.r) };
	o.text = o.wish & 1 && o.wish & 2 && o.wish & 4;
	struct stream_callbacks on = { on_wish, on_segment, on_data, on_gap, on_end, &o };
	struct stream_limits limits = { .max_connections = MAX_CONNECTIONS,
					.max_kept = MAX_KEPT,
					.max_kept_each = MAX_KEPT_EACH,
					.idle = 60 * NANOS_PER_SECOND };
	o.table = stream_table_new(&limits, &on);
	must(o.table != NULL);
	while (m.r.left.len && m.frame < 5000) {
		struct segment seg;
		make_segment(&m, o.text, &seg);
		if (seg.flags == (TCP_ECE | TCP_CWR)) {
			struct icmp_note note;
			make_icmp(&seg, &note);
			stream_icmp(o.table, &note);
			continue;
		}
		stream_segment(o.table, &seg);
		if (m.frame % 16 == 0)
			stream_until(o.table, seg.at, NULL);
		while (stream_end_next(o.table)) {
		}
		struct stream_counts c = stream_counts(o.table);
		must(c.live <= MAX_CONNECTIONS && c.live == c.connections - o.ends);
		must(c.kept <= MAX_KEPT + MAX_KEPT / 4 + 1024);
	}
	stream_finish(o.table);
	struct stream_counts c = stream_counts(o.table);
	must(c.live == 0 && c.kept == 0 && c.connections == o.ends);
	stream_table_free(o.table);
	return 0;
}
