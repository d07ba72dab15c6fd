/* The feed: from packets to exchanges, through `packet` and `observe`. */
#include "capture/feed_private.h"

#include "base/fetch.h"

#include <stdlib.h>

/* Live. A SYN is sent again after 1, 2, 4, ... 32 s: whoever is quiet for longer has given up, or
 * sends the last one after 64 s and gives up then. */
static const nanos UNANSWERED = 34 * NANOS_PER_SECOND;
static const nanos SETTLED_AFTER = 3 * NANOS_PER_SECOND;
static const nanos SETTLE_EVERY = NANOS_PER_SECOND / 4;

struct feed *feed_new(const struct feed_options *options, const struct feed_owner *owner)
{
	struct feed *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->options = *options;
	f->owner = *owner;
	slab_init(&f->few, FEW_WAIT);
	slab_init(&f->many, MANY_WAIT);
	f->now = f->until = f->settled_at = NO_TIME;
	struct stream_limits limits = { .max_connections = options->max_connections,
					.unanswered = options->live ? UNANSWERED : 0 };
	struct stream_callbacks callbacks = FEED_CALLBACKS;
	callbacks.context = f;
	f->decoder = packet_decoder_new();
	f->streams = stream_table_new(&limits, &callbacks);
	if (!f->decoder || !f->streams) {
		feed_free(f);
		return NULL;
	}
	return f;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	feed_free_links(f);
	packet_decoder_free(f->decoder);
	stream_table_free(f->streams);
	free(f);
}

unsigned feed_share_of(const struct capture_packet *p, unsigned shares)
{
	const uint8_t *b = p->data.at;
	if (p->link != 1 || p->data.len < 38 || b[12] != 8 || b[13] != 0 || b[14] != 0x45 ||
	    b[23] != 6 || (b[20] & 0x3f) || b[21])
		return shares;
	/* both directions alike; the same on every machine */
	uint32_t hosts = 0, ports = 0;
	for (int i = 0; i < 4; i++)
		hosts = hosts << 8 | (uint8_t)(b[26 + i] ^ b[30 + i]);
	for (int i = 0; i < 2; i++)
		ports = ports << 8 | (uint8_t)(b[34 + i] ^ b[36 + i]);
	uint32_t mixed = (hosts ^ ports * 0x9e3779b1u) * 0x85ebca6bu;
	return (mixed >> 16) % shares;
}

/* The same number from decoded addresses. */
static unsigned share_of_pair(const struct address *a, const struct address *b, unsigned shares)
{
	uint32_t hosts = 0;
	for (int i = 0; i < 16; i++)
		hosts = (hosts << 8 | hosts >> 24) ^ (uint32_t)(a->ip[i] ^ b->ip[i]);
	if (address_is_v4(a)) {
		hosts = 0;
		for (int i = 12; i < 16; i++)
			hosts = hosts << 8 | (uint8_t)(a->ip[i] ^ b->ip[i]);
	}
	uint32_t ports = (uint16_t)(a->port ^ b->port);
	uint32_t mixed = (hosts ^ ports * 0x9e3779b1u) * 0x85ebca6bu;
	return (mixed >> 16) % shares;
}

/* The same whichever packets other feeds took since feed_until. */
static void note_time(struct feed *f, nanos at)
{
	if (at != NO_TIME)
		f->now = f->until == NO_TIME || at > f->until ? at : f->until;
}

/* What is no connection's is counted by one feed: the only one that gets it, or the first. */
static bool is_mine_to_count(const struct capture_packet *p, unsigned share, unsigned shares)
{
	unsigned of = feed_share_of(p, shares);
	return share == (of == shares ? 0 : of);
}

/* Each step leads to the next one's address; taken for all packets at once, the misses are waited
 * for at once. */
void feed_expect(struct feed *f, const struct capture_packet *packet, const uint16_t *which,
		 size_t count)
{
	struct coming *usual = f->coming, *c;
	f->expected = f->coming;
	for (size_t i = 0; i < count && i < FEED_AHEAD; i++) {
		const struct capture_packet *p = &packet[which[i]];
		struct packet_frame frame = { p->at, p->frame, p->link, p->wire_len, p->data };
		if (!packet_decode_usual(&frame, &usual->segment))
			continue;
		stream_expect(f->streams, &usual->segment, &usual->stream);
		usual++;
	}
	f->expected_end = usual;
	for (c = f->coming; c < usual; c++)
		stream_fetch_connection(f->streams, &c->stream);
	for (c = f->coming; c < usual; c++)
		stream_fetch_facts(f->streams, &c->stream);
}

static void feed_unexpected(struct feed *f, const struct capture_packet *p, unsigned share,
			    unsigned shares)
{
	struct packet_frame frame = { p->at, p->frame, p->link, p->wire_len, p->data };
	struct segment seg;
	struct icmp_note icmp;
	const char *why;
	enum packet_kind kind = packet_decode(f->decoder, &frame, &seg, &icmp, &why);
	switch (kind) {
	case PACKET_TCP:
		if (shares > 1 && share_of_pair(&seg.from, &seg.to, shares) != share)
			return;
		f->counts.tcp++;
		stream_segment(f->streams, &seg);
		break;
	case PACKET_ICMP:
		if (shares > 1 && share_of_pair(&icmp.from, &icmp.to, shares) != share)
			return;
		stream_icmp(f->streams, &icmp);
		break;
	case PACKET_BAD:
	case PACKET_OTHER:
		if (!is_mine_to_count(p, share, shares))
			return;
		f->counts.bad += kind == PACKET_BAD;
		if (kind == PACKET_OTHER && !packet_knows_link(p->link)) {
			f->counts.unknown_link++;
			f->counts.link = p->link;
		}
		break;
	}
	f->counts.packets++;
}

void feed_packet(struct feed *f, const struct capture_packet *p, unsigned share, unsigned shares)
{
	note_time(f, p->at);
	const struct coming *c = f->expected;
	if (c == f->expected_end || c->segment.frame != p->frame) {
		feed_unexpected(f, p, share, shares);
		return;
	}
	f->expected++;
	f->counts.tcp++;
	f->counts.packets++;
	stream_take(f->streams, &c->segment, &c->stream);
}

void feed_segment(struct feed *f, const struct segment *seg)
{
	note_time(f, seg->at);
	f->counts.packets++;
	f->counts.tcp++;
	stream_segment(f->streams, seg);
	feed_until(f, seg->at, NULL);
	while (feed_end_next(f)) {
	}
}

void feed_note(struct feed *f, const struct icmp_note *note)
{
	note_time(f, note->at);
	f->counts.packets++;
	stream_icmp(f->streams, note);
}

static void settle(struct feed *f)
{
	if (f->now == NO_TIME ||
	    (f->settled_at != NO_TIME && f->now < f->settled_at + SETTLE_EVERY))
		return;
	f->settled_at = f->now;
	for (struct link *l = f->used; l; l = l->next) {
		if (!l->talk)
			continue;
		observe_settle(l->talk, f->now - SETTLED_AFTER, f->now);
		struct exchange *x = observe_underway(l->talk);
		if (x && f->owner.underway)
			f->owner.underway(f->owner.context, x);
	}
}

void feed_until(struct feed *f, nanos at, const struct stream_crowd *crowd)
{
	note_time(f, at);
	f->until = f->now;
	settle(f);
	stream_until(f->streams, at, crowd);
}

bool feed_end_next(struct feed *f)
{
	enum { LINK = 4, WAITING = 2 };
	const struct stream_watch *w = stream_ending(f->streams, LINK);
	if (w)
		fetch(w->user, sizeof(struct link));
	w = stream_ending(f->streams, WAITING);
	const struct link *l = w ? w->user : NULL;
	if (l)
		fetch(l->waiting, l->waits);
	return stream_end_next(f->streams);
}

struct stream_crowd feed_crowd(const struct feed *f)
{
	return stream_crowd(f->streams);
}

uint64_t feed_last_frame(const struct feed *f)
{
	return f->last_frame;
}

void feed_over(struct feed *f, nanos at)
{
	note_time(f, at);
	stream_over(f->streams, at);
}

void feed_finish(struct feed *f)
{
	stream_finish(f->streams);
}

struct feed_counts feed_counts(const struct feed *f)
{
	struct feed_counts counts = f->counts;
	counts.streams = stream_counts(f->streams);
	return counts;
}
