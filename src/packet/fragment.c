/* Puts IP fragments together: RFC 791, RFC 8200 section 4.5.
 *
 * A packet in the making is a buffer and a map of the blocks of eight bytes that have come. The
 * first bytes win where pieces overlap. At most MAX_PACKETS and MAX_MEMORY; the oldest is given
 * up first, and one that is older than LIFETIME begins anew, for identifications come round. */
#include "packet/layers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PACKETS = 64, MAX_MEMORY = 4 << 20, MAX_LENGTH = 65535, FIRST_ROOM = 4096 };

static const nanos LIFETIME = 30 * NANOS_PER_SECOND; /* as Linux has it */

struct making {
	bool used, v6;
	uint8_t protocol; /* of the first piece for IPv6, where others may say otherwise */
	uint32_t id;
	struct address from, to;
	nanos began;
	uint64_t order;      /* which is the oldest */
	uint32_t header_len; /* of the IP headers, so that the whole can say its length */
	uint32_t total;      /* bytes, once the last piece told; else 0 */
	uint32_t reach;      /* end of the farthest piece */
	uint32_t cut;        /* from here on not all was captured */
	uint32_t blocks;     /* bits set in `have` */
	uint8_t have[(MAX_LENGTH / 8 + 1 + 7) / 8];
	uint8_t *bytes;
	uint32_t room;
	uint8_t header[40]; /* of the first piece */
	uint8_t ttl;
	bool dont_fragment;
};

struct fragments {
	struct making making[MAX_PACKETS];
	uint8_t *done; /* the bytes of the last whole packet */
	uint8_t done_header[40];
	uint64_t orders;
	size_t memory;
};

static void drop(struct fragments *f, struct making *m)
{
	f->memory -= m->room;
	free(m->bytes);
	m->bytes = NULL;
	m->room = 0;
	m->used = false;
}

static struct making *oldest(struct fragments *f, const struct making *except)
{
	struct making *found = NULL;
	for (int i = 0; i < MAX_PACKETS; i++) {
		struct making *m = &f->making[i];
		if (m->used && m != except && (!found || m->order < found->order))
			found = m;
	}
	return found;
}

static bool belongs(const struct making *m, const struct ip_packet *ip, const struct address *from,
		    const struct address *to)
{
	return m->used && m->id == ip->id && m->v6 == ip->v6 &&
	       (ip->v6 || m->protocol == ip->protocol) && address_same_host(&m->from, from) &&
	       address_same_host(&m->to, to);
}

static void begin(struct fragments *f, struct making *m, nanos at, const struct ip_packet *ip)
{
	m->used = true;
	m->v6 = ip->v6;
	m->protocol = ip->protocol;
	m->id = ip->id;
	ip_addresses(ip, &m->from, &m->to);
	m->began = at;
	m->order = f->orders++;
	m->total = m->reach = m->blocks = 0;
	m->cut = UINT32_MAX;
	memset(m->have, 0, sizeof m->have);
}

static struct making *find(struct fragments *f, nanos at, const struct ip_packet *ip)
{
	struct address from = { 0 }, to = { 0 };
	struct making *unused = NULL;
	ip_addresses(ip, &from, &to);
	for (int i = 0; i < MAX_PACKETS; i++) {
		struct making *m = &f->making[i];
		if (!m->used)
			unused = m;
		if (!belongs(m, ip, &from, &to))
			continue;
		bool stale = at != NO_TIME && m->began != NO_TIME &&
			     (at > m->began ? at - LIFETIME > m->began : at < m->began - LIFETIME);
		if (!stale)
			return m;
		drop(f, m);
		unused = m;
		break;
	}
	if (!unused) {
		unused = oldest(f, NULL);
		drop(f, unused);
	}
	begin(f, unused, at, ip);
	return unused;
}

static bool make_room(struct fragments *f, struct making *m, uint32_t len)
{
	uint32_t room = m->room ? m->room : FIRST_ROOM;
	while (room < len)
		room *= 2;
	if (room == m->room)
		return true;
	while (f->memory - m->room + room > MAX_MEMORY)
		drop(f, oldest(f, m)); /* 64 KiB at most is m's own, so there is another */
	uint8_t *bytes = realloc(m->bytes, room);
	if (!bytes)
		return false;
	f->memory += room - m->room;
	m->bytes = bytes;
	m->room = room;
	return true;
}

/* The blocks that are new. What the capture cut off counts as come: it was on the wire. */
static void fill(struct making *m, const struct ip_packet *ip)
{
	const struct slice data = ip->body.data;
	for (uint32_t at = 0; at < ip->body.wire; at += 8) {
		uint32_t block = (ip->offset + at) / 8;
		uint8_t bit = (uint8_t)(1u << block % 8);
		if (m->have[block / 8] & bit)
			continue;
		m->have[block / 8] |= bit;
		m->blocks++;
		uint32_t left = ip->body.wire - at < 8 ? ip->body.wire - at : 8;
		uint32_t captured = at >= data.len         ? 0
				    : data.len - at < left ? (uint32_t)(data.len - at)
							   : left;
		if (captured)
			memcpy(m->bytes + ip->offset + at, data.at + at, captured);
		if (captured < left && ip->offset + at + captured < m->cut)
			m->cut = ip->offset + at + captured;
	}
}

/* Lengths that cannot be. NULL when the piece fits what is known. */
static const char *judge(const struct making *m, const struct ip_packet *ip, uint32_t end)
{
	if (ip->body.wire > MAX_LENGTH || end > MAX_LENGTH)
		return "an IP fragment ends beyond 65535 bytes";
	if (ip->more && ip->body.wire % 8 != 0)
		return "an IP fragment that is not the last has a length that 8 does not divide";
	if (!ip->more && ((m->total && m->total != end) || end < m->reach))
		return "IP fragments disagree about where their packet ends";
	if (m->total && end > m->total)
		return "an IP fragment lies beyond its packet's end";
	return NULL;
}

static void finish(struct fragments *f, struct making *m, struct ip_packet *ip)
{
	free(f->done);
	f->done = m->bytes;
	m->bytes = NULL;
	memcpy(f->done_header, m->header, sizeof f->done_header);
	uint32_t seen = m->cut < m->total ? m->cut : m->total;
	ip->header = f->done_header;
	ip->body = (struct part){ { f->done, seen }, m->total };
	ip->len = m->header_len + m->total;
	ip->protocol = m->protocol;
	ip->ttl = m->ttl;
	ip->dont_fragment = m->dont_fragment;
	ip->fragment = ip->more = false;
	ip->offset = 0;
	drop(f, m);
}

bool fragments_add(struct fragments *f, nanos at, struct ip_packet *ip, const char **ret_why)
{
	assert(ip->fragment);
	*ret_why = NULL;
	if (ip->body.wire == 0)
		return false;
	struct making *m = find(f, at, ip);
	uint32_t end = ip->offset + ip->body.wire;
	if ((*ret_why = judge(m, ip, end)) || !make_room(f, m, end))
		return false;
	if (end > m->reach)
		m->reach = end;
	if (!ip->more)
		m->total = end;
	if (ip->offset == 0 && !(m->have[0] & 1)) {
		memcpy(m->header, ip->header, ip->v6 ? 40 : 20);
		m->header_len = ip->len - ip->body.wire - (ip->v6 ? 8 : 0);
		m->protocol = ip->protocol;
		m->ttl = ip->ttl;
		m->dont_fragment = ip->dont_fragment;
	}
	fill(m, ip);
	if (m->total == 0 || m->blocks != (m->total + 7) / 8)
		return false;
	finish(f, m, ip);
	return true;
}

struct fragments *fragments_new(void)
{
	return calloc(1, sizeof(struct fragments));
}

void fragments_free(struct fragments *f)
{
	if (!f)
		return;
	for (int i = 0; i < MAX_PACKETS; i++)
		free(f->making[i].bytes);
	free(f->done);
	free(f);
}
