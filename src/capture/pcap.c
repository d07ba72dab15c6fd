/* pcap: a header of 24 bytes, then records of 16 (or 24) bytes and a packet each. */
#include "capture/form.h"

#include <inttypes.h>

enum { FILE_HEADER = 24, RECORD_HEADER = 16, MODIFIED_HEADER = 24 };

static const struct form {
	uint32_t magic;
	uint32_t scale;
	unsigned head;
} forms[] = {
	{ 0xa1b2c3d4, 1000, RECORD_HEADER },
	{ 0xa1b23c4d, 1, RECORD_HEADER },
	{ 0xa1b2cd34, 1000, MODIFIED_HEADER }, /* Kuznetzov's patch: interface, protocol, type */
};

static const struct form *find_form(struct slice head, bool *ret_big)
{
	for (size_t i = 0; head.len >= 4 && i < sizeof forms / sizeof *forms; i++) {
		bool little = get_u32(head.at, false) == forms[i].magic;
		if (!little && get_u32(head.at, true) != forms[i].magic)
			continue;
		*ret_big = !little;
		return &forms[i];
	}
	return NULL;
}

bool capture_is_pcap(struct slice head)
{
	bool big;
	return find_form(head, &big) != NULL;
}

/* Takes the whole records that lie there, in a loop that the compiler makes once for each of the
 * usual forms: `p` is a constant there. */
static inline __attribute__((always_inline)) void
take_records(struct capture *c, struct capture_batch *b, const struct pcap p)
{
	const struct slice left = bytes_unread(&c->bytes);
	const uint8_t *at = left.at, *const end = at + left.len;
	struct capture_packet *to = b->packet, *const full = to + CAPTURE_BATCH;
	const uint32_t link = c->pcap.link;
	uint64_t frame = c->frame;
	while (to < full && (size_t)(end - at) >= p.head) {
		uint32_t len = get_u32(at + 8, p.big), wire = get_u32(at + 12, p.big);
		/* Before version 2.3 the two stood the other way round, in 2.3 in either. */
		if (p.minor < 3 || (p.minor == 3 && len > wire)) {
			uint32_t other = len;
			len = wire;
			wire = other;
		}
		if (len > (size_t)(end - at) - p.head || len > CAPTURE_MAX_PACKET)
			break;
		*to++ = (struct capture_packet){
			.at = get_u32(at, p.big) * NANOS_PER_SECOND +
			      (nanos)get_u32(at + 4, p.big) * p.scale,
			.frame = ++frame,
			.data = { at + p.head, len },
			.wire_len = wire,
			.link = link,
		};
		at += p.head + len;
	}
	c->frame = frame;
	c->bytes.at += (size_t)(at - left.at);
	b->count = (size_t)(to - b->packet);
}

static void take_little_us(struct capture *c, struct capture_batch *b)
{
	take_records(c, b, (struct pcap){ .scale = 1000, .head = RECORD_HEADER, .minor = 4 });
}

static void take_little_ns(struct capture *c, struct capture_batch *b)
{
	take_records(c, b, (struct pcap){ .scale = 1, .head = RECORD_HEADER, .minor = 4 });
}

static void take_any(struct capture *c, struct capture_batch *b)
{
	take_records(c, b, c->pcap);
}

static void take(struct capture *c, struct capture_batch *b)
{
	bool usual = !c->pcap.big && c->pcap.head == RECORD_HEADER && c->pcap.minor >= 4;
	if (usual && c->pcap.scale == 1000)
		take_little_us(c, b);
	else if (usual)
		take_little_ns(c, b);
	else
		take_any(c, b);
}

/* Not one whole record lies there: get the next one in, or say why not. */
static int next_record(struct capture *c, struct error *err)
{
	const struct pcap *p = &c->pcap;
	uint64_t frame = c->frame + 1, offset = bytes_offset(&c->bytes);
	int ret = bytes_need(&c->bytes, p->head, err);
	size_t there = c->bytes.end - c->bytes.at;
	if (ret == 0 && there > 0)
		return capture_broken(c, err,
				      "cut short in the header of packet %" PRIu64
				      " at byte %" PRIu64 ": it takes %u bytes, %zu are there",
				      frame, offset, p->head, there);
	if (ret <= 0)
		return ret;
	const uint8_t *at = bytes_unread(&c->bytes).at;
	uint32_t len = get_u32(at + 8, p->big), wire = get_u32(at + 12, p->big);
	if (p->minor < 3 || (p->minor == 3 && len > wire))
		len = wire;
	if (len > CAPTURE_MAX_PACKET)
		return capture_broken(c, err,
				      "damaged in packet %" PRIu64 " at byte %" PRIu64
				      ": its header promises %u bytes, no packet has more than %d",
				      frame, offset, len, CAPTURE_MAX_PACKET);
	ret = bytes_need(&c->bytes, (size_t)p->head + len, err);
	if (ret == 0)
		return capture_broken(c, err,
				      "cut short in packet %" PRIu64 " at byte %" PRIu64
				      ": its header promises %u bytes, %zu are there",
				      frame, offset, len, c->bytes.end - c->bytes.at - p->head);
	return ret;
}

static int fill_pcap(struct capture *c, struct capture_batch *b, struct error *err)
{
	take(c, b);
	if (b->count > 0)
		return 1;
	int ret = next_record(c, err);
	if (ret == 1)
		take(c, b);
	return ret;
}

int capture_begin_pcap(struct capture *c, struct error *err)
{
	int ret = bytes_need(&c->bytes, FILE_HEADER, err);
	if (ret < 0)
		return ret;
	struct slice head = bytes_unread(&c->bytes);
	if (ret == 0)
		return capture_broken(
			c, err,
			"cut short in the file header: a pcap file has %d bytes there, "
			"this one %zu",
			FILE_HEADER, head.len);
	bool big = false;
	const struct form *form = find_form(head, &big);
	unsigned major = get_u16(head.at + 4, big), minor = get_u16(head.at + 6, big);
	if (major != 2)
		return capture_broken(c, err, "pcap version %u.%u; only 2.x is known", major,
				      minor);
	/* Above the lower half of the link type: the length of the frame check sequence. */
	uint32_t link = get_u32(head.at + 20, big) & 0xffff;
	c->pcap = (struct pcap){ link, form->scale, form->head, minor, big };
	c->bytes.at += FILE_HEADER;
	c->kind = CAPTURE_PCAP;
	c->fill = fill_pcap;
	return 0;
}
