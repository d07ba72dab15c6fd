/* pcapng: blocks, each with its type and length before it and its length again behind it
 * (draft-ietf-opsawg-pcapng). Every section says its own byte order and its own interfaces. */
#include "capture/form.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete, still in old files */
	BLOCK_SIMPLE = 3,
	BLOCK_STATISTICS = 5,
	BLOCK_ENHANCED = 6,
	BLOCK_JOURNAL = 9, /* of systemd */
	BLOCK_CUSTOM = 0x0bad,
	BLOCK_CUSTOM_PRIVATE = 0x40000bad, /* not to be copied */

	OPTION_END = 0,
	OPTION_DROPS = 4, /* epb_dropcount */
	OPTION_IF_DROP = 5,
	OPTION_OS_DROP = 7,
	OPTION_CLOCK = 9, /* if_tsresol */
	OPTION_OFFSET = 14,

	BLOCK_LEAST = 12,
	BLOCK_MOST = 16 << 20,
	INTERFACES_MOST = 65536,
};

static const uint32_t ORDER_MAGIC = 0x1a2b3c4d;

/* One whole block: what is between the two lengths. */
struct block {
	uint32_t type;
	struct slice body;
	uint64_t offset;
	bool big;
};

struct option {
	uint16_t code;
	struct slice value;
};

bool capture_is_pcapng(struct slice head)
{
	return slice_starts(head, SLICE("\x0a\x0d\x0d\x0a"));
}

/* Cuts the next option off. 1; 0: no more; -1: it is longer than what is left. */
static int next_option(struct slice *rest, bool big, struct option *ret_option)
{
	if (rest->len < 4)
		return rest->len == 0 ? 0 : -1;
	uint16_t code = get_u16(rest->at, big), len = get_u16(rest->at + 2, big);
	if (code == OPTION_END)
		return 0;
	if (len > rest->len - 4)
		return -1;
	*ret_option = (struct option){ code, { rest->at + 4, len } };
	*rest = slice_from(*rest, 4 + ((size_t)len + 3) / 4 * 4);
	return 1;
}

static uint64_t find_u64(struct slice options, bool big, uint16_t code)
{
	struct option o;
	while (next_option(&options, big, &o) == 1)
		if (o.code == code && o.value.len == 8)
			return get_u64(o.value.at, big);
	return 0;
}

static uint64_t power_of_ten(unsigned n)
{
	uint64_t value = 1;
	while (n-- > 0)
		value *= 10;
	return value;
}

/* NO_TIME when it is beyond what `nanos` can say. */
static nanos in_nanos(const struct interface *i, uint64_t ticks)
{
	unsigned __int128 t = ticks;
	if (i->scale)
		t *= i->scale;
	else if (i->binary)
		t = t * NANOS_PER_SECOND >> i->digits;
	else
		t /= power_of_ten(i->digits - 9u);
	nanos at;
	if (t > INT64_MAX || __builtin_add_overflow((nanos)t, i->offset, &at))
		return NO_TIME;
	return at;
}

static int damaged(const struct capture *c, const struct block *k, struct error *err,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));

static int damaged(const struct capture *c, const struct block *k, struct error *err,
		   const char *format, ...)
{
	char what[200];
	va_list ap;
	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	return capture_broken(c, err,
			      "damaged in the block at byte %" PRIu64 ", after packet %" PRIu64
			      ": %s",
			      k->offset, c->frame, what);
}

static int too_short(const struct capture *c, const struct block *k, struct error *err,
		     size_t least)
{
	return damaged(c, k, err,
		       "a block of type %" PRIu32 " has at least %zu bytes, this one %zu", k->type,
		       least + BLOCK_LEAST, k->body.len + BLOCK_LEAST);
}

/* Sections and interfaces. */

static int begin_section(struct capture *c, const struct block *k, struct error *err)
{
	if (k->body.len < 16)
		return too_short(c, k, err, 16);
	unsigned major = get_u16(k->body.at + 4, k->big), minor = get_u16(k->body.at + 6, k->big);
	if (major != 1)
		return damaged(c, k, err, "pcapng version %u.%u; only 1.x is known", major, minor);
	struct pcapng *ng = &c->pcapng;
	for (size_t i = 0; i < ng->count; i++)
		ng->dropped_before += ng->interface[i].dropped;
	ng->count = 0;
	ng->big = k->big;
	return 0;
}

static int set_clock(struct interface *i, uint8_t resolution)
{
	i->binary = resolution & 0x80;
	i->digits = resolution & 0x7f;
	i->scale = !i->binary && i->digits <= 9 ? (uint32_t)power_of_ten(9u - i->digits) : 0;
	return i->digits <= (i->binary ? 63 : 19) ? 0 : -1;
}

static int read_interface_options(const struct capture *c, const struct block *k,
				  struct interface *i, struct error *err)
{
	struct slice rest = slice_from(k->body, 8);
	struct option o;
	int ret;
	while ((ret = next_option(&rest, k->big, &o)) == 1) {
		if (o.code == OPTION_CLOCK && o.value.len == 1 && set_clock(i, o.value.at[0]) < 0)
			return damaged(c, k, err,
				       "its clock ticks %s^%u times a second, which is too often",
				       i->binary ? "2" : "10", i->digits);
		if (o.code == OPTION_OFFSET && o.value.len == 8 &&
		    __builtin_mul_overflow((int64_t)get_u64(o.value.at, k->big), NANOS_PER_SECOND,
					   &i->offset))
			return damaged(c, k, err, "its clock is %" PRId64 " seconds off",
				       (int64_t)get_u64(o.value.at, k->big));
	}
	if (ret < 0)
		return damaged(c, k, err, "an option of %u bytes, %zu are there",
			       get_u16(rest.at + 2, k->big), rest.len - 4);
	return 0;
}

static int make_interface_room(struct capture *c, const struct block *k, struct error *err)
{
	struct pcapng *ng = &c->pcapng;
	if (ng->count == INTERFACES_MOST)
		return damaged(c, k, err, "more than %d interfaces", INTERFACES_MOST);
	if (ng->count < ng->room)
		return 0;
	size_t room = ng->room ? ng->room * 2 : 4;
	struct interface *more = reallocarray(ng->interface, room, sizeof *more);
	if (!more)
		return damaged(c, k, err, "no memory for %zu interfaces", room);
	ng->interface = more;
	ng->room = room;
	return 0;
}

static int add_interface(struct capture *c, const struct block *k, struct error *err)
{
	if (k->body.len < 8)
		return too_short(c, k, err, 8);
	struct interface i = { .link = get_u16(k->body.at, k->big),
			       .snaplen = get_u32(k->body.at + 4, k->big) };
	set_clock(&i, 6);
	int ret = read_interface_options(c, k, &i, err);
	if (ret == 0)
		ret = make_interface_room(c, k, err);
	if (ret == 0)
		c->pcapng.interface[c->pcapng.count++] = i;
	return ret;
}

static struct interface *find_interface(const struct capture *c, const struct block *k,
					uint32_t number, struct error *err)
{
	if (number < c->pcapng.count)
		return &c->pcapng.interface[number];
	damaged(c, k, err, "it belongs to interface %" PRIu32 ", the section has %zu (from 0)",
		number, c->pcapng.count);
	return NULL;
}

/* The counts are of all since the capture began: the last block is right. */
static int add_statistics(struct capture *c, const struct block *k, struct error *err)
{
	if (k->body.len < 12)
		return too_short(c, k, err, 12);
	struct interface *i = find_interface(c, k, get_u32(k->body.at, k->big), err);
	if (!i)
		return -EBADMSG;
	struct slice options = slice_from(k->body, 12);
	i->dropped = find_u64(options, k->big, OPTION_IF_DROP) +
		     find_u64(options, k->big, OPTION_OS_DROP);
	return 0;
}

/* Packets. */

static int add_packet(struct capture *c, struct capture_batch *b, const struct block *k,
		      const struct capture_packet *p, size_t there, struct error *err)
{
	if (p->data.len > there)
		return damaged(c, k, err,
			       "packet %" PRIu64 " of %zu bytes, where the block has room for %zu",
			       p->frame, p->data.len, there);
	if (p->data.len > CAPTURE_MAX_PACKET)
		return damaged(c, k, err,
			       "packet %" PRIu64 " of %zu bytes, no packet has more than %d",
			       p->frame, p->data.len, CAPTURE_MAX_PACKET);
	b->packet[b->count++] = *p;
	c->frame = p->frame;
	return 0;
}

static uint32_t drop_count(const struct block *k, size_t packet_end)
{
	if (packet_end + 4 > k->body.len) /* the usual case: no options */
		return 0;
	uint64_t drops = find_u64(slice_from(k->body, packet_end), k->big, OPTION_DROPS);
	return drops < UINT32_MAX ? (uint32_t)drops : UINT32_MAX;
}

/* Enhanced, and the obsolete one: that has the interface in 16 bits, and a drop count (0xffff:
 * unknown) in the other 16. */
static int take_packet(struct capture *c, struct capture_batch *b, const struct block *k,
		       struct error *err)
{
	enum { FIXED = 20 };
	if (k->body.len < FIXED)
		return too_short(c, k, err, FIXED);
	const uint8_t *at = k->body.at;
	bool old = k->type == BLOCK_PACKET;
	uint32_t number = old ? get_u16(at, k->big) : get_u32(at, k->big);
	const struct interface *i = find_interface(c, k, number, err);
	if (!i)
		return -EBADMSG;
	uint64_t ticks = (uint64_t)get_u32(at + 4, k->big) << 32 | get_u32(at + 8, k->big);
	uint32_t len = get_u32(at + 12, k->big);
	struct capture_packet p = {
		.at = in_nanos(i, ticks),
		.frame = c->frame + 1,
		.data = { at + FIXED, len },
		.wire_len = get_u32(at + 16, k->big),
		.link = i->link,
	};
	uint16_t old_drops = old ? get_u16(at + 2, k->big) : 0;
	if (old)
		p.drops = old_drops == 0xffff ? 0 : old_drops;
	else if (len <= k->body.len - FIXED)
		p.drops = drop_count(k, FIXED + ((size_t)len + 3) / 4 * 4);
	return add_packet(c, b, k, &p, k->body.len - FIXED, err);
}

/* No time, no captured length: that is the least of the length on the wire, the snap length and
 * what the block has room for. */
static int take_simple(struct capture *c, struct capture_batch *b, const struct block *k,
		       struct error *err)
{
	if (k->body.len < 4)
		return too_short(c, k, err, 4);
	const struct interface *i = find_interface(c, k, 0, err);
	if (!i)
		return -EBADMSG;
	uint32_t wire = get_u32(k->body.at, k->big);
	size_t len = i->snaplen && i->snaplen < wire ? i->snaplen : wire;
	struct slice room = slice_from(k->body, 4);
	struct capture_packet p = {
		.at = NO_TIME,
		.frame = c->frame + 1,
		.data = slice_first(room, len),
		.wire_len = wire,
		.link = i->link,
	};
	return add_packet(c, b, k, &p, room.len, err);
}

/* Blocks. */

static int take_block(struct capture *c, struct capture_batch *b, const struct block *k,
		      struct error *err)
{
	switch (k->type) {
	case BLOCK_ENHANCED:
	case BLOCK_PACKET:
		return take_packet(c, b, k, err);
	case BLOCK_SIMPLE:
		return take_simple(c, b, k, err);
	case BLOCK_SECTION:
		return begin_section(c, k, err);
	case BLOCK_INTERFACE:
		return add_interface(c, k, err);
	case BLOCK_STATISTICS:
		return add_statistics(c, k, err);
	case BLOCK_JOURNAL:
	case BLOCK_CUSTOM:
	case BLOCK_CUSTOM_PRIVATE:
		c->frame++; /* Wireshark lists them: without this, all later numbers differ */
		return 0;
	default:
		return 0; /* names, secrets, what is unknown: nothing for us */
	}
}

static bool sane_length(uint32_t len)
{
	return len >= BLOCK_LEAST && len % 4 == 0 && len <= BLOCK_MOST;
}

/* The block's type, length and byte order; 12 bytes of it are there. */
static uint32_t read_head(const struct capture *c, struct block *ret_block)
{
	const uint8_t *at = bytes_unread(&c->bytes).at;
	bool big = c->pcapng.big;
	uint32_t type = get_u32(at, big);
	if (type == BLOCK_SECTION)
		big = get_u32(at + 8, true) == ORDER_MAGIC;
	uint32_t len = get_u32(at + 4, big);
	*ret_block = (struct block){ type, { at + 8, 0 }, bytes_offset(&c->bytes), big };
	return len;
}

/* The next block, if it lies there whole and in order. */
static bool whole_block(const struct capture *c, struct block *ret_block)
{
	struct slice left = bytes_unread(&c->bytes);
	if (left.len < BLOCK_LEAST)
		return false;
	struct block k;
	uint32_t len = read_head(c, &k);
	if (!sane_length(len) || len > left.len || get_u32(left.at + len - 4, k.big) != len)
		return false;
	if (k.type == BLOCK_SECTION && get_u32(left.at + 8, k.big) != ORDER_MAGIC)
		return false;
	k.body.len = len - BLOCK_LEAST;
	*ret_block = k;
	return true;
}

static int cut_short(const struct capture *c, const struct block *k, uint32_t len,
		     struct error *err)
{
	bool packet =
		k->type == BLOCK_ENHANCED || k->type == BLOCK_PACKET || k->type == BLOCK_SIMPLE;
	return capture_broken(c, err,
			      "cut short in %s %s%" PRIu64 " at byte %" PRIu64
			      ": its header promises a block of %" PRIu32 " bytes, %zu are there",
			      packet ? "packet" : "the block", packet ? "" : "after packet ",
			      c->frame + packet, k->offset, len, c->bytes.end - c->bytes.at);
}

/* No whole block lies there: get the next one in, or say why not. */
static int next_block(struct capture *c, struct error *err)
{
	uint64_t offset = bytes_offset(&c->bytes);
	int ret = bytes_need(&c->bytes, BLOCK_LEAST, err);
	size_t there = c->bytes.end - c->bytes.at;
	if (ret == 0 && there > 0)
		return capture_broken(c, err,
				      "cut short after packet %" PRIu64 " at byte %" PRIu64
				      ": a block has at least %d bytes, %zu are there",
				      c->frame, offset, BLOCK_LEAST, there);
	if (ret <= 0)
		return ret;
	struct block k;
	uint32_t len = read_head(c, &k);
	uint32_t magic = get_u32(k.body.at, k.big);
	if (k.type == BLOCK_SECTION && magic != ORDER_MAGIC)
		return damaged(c, &k, err,
			       "a section's byte order mark is 0x%08" PRIx32 ", not 0x%08" PRIx32,
			       magic, ORDER_MAGIC);
	if (!sane_length(len))
		return damaged(c, &k, err,
			       "its length is %" PRIu32
			       ", which must be a multiple of 4 from %d to %d",
			       len, BLOCK_LEAST, BLOCK_MOST);
	ret = bytes_need(&c->bytes, len, err);
	if (ret == 0)
		return cut_short(c, &k, len, err);
	if (ret < 0)
		return ret;
	uint32_t again = get_u32(bytes_unread(&c->bytes).at + len - 4, k.big);
	if (again != len)
		return damaged(c, &k, err,
			       "its length is %" PRIu32 " at the front, %" PRIu32 " at the end",
			       len, again);
	return 1;
}

static int fill_pcapng(struct capture *c, struct capture_batch *b, struct error *err)
{
	while (b->count < CAPTURE_BATCH) {
		bool first = b->count == 0;
		struct block k;
		if (whole_block(c, &k)) {
			/* What comes before a break is handed out before it. */
			int ret = take_block(c, b, &k, first ? err : NULL);
			if (ret < 0)
				return first ? ret : 1;
			c->bytes.at += k.body.len + BLOCK_LEAST;
			continue;
		}
		if (!first)
			break;
		int ret = next_block(c, err);
		if (ret <= 0)
			return ret;
	}
	return 1;
}

int capture_begin_pcapng(struct capture *c, struct error *err)
{
	(void)err;
	c->pcapng.count = 0;
	c->pcapng.dropped_before = 0;
	c->kind = CAPTURE_PCAPNG;
	c->fill = fill_pcapng;
	return 0;
}

void capture_done_pcapng(struct capture *c)
{
	free(c->pcapng.interface);
}
