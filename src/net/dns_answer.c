/* Reading answers. */
#include "net/dns_answer.h"
#include "net/sockaddr.h"

#include "base/reader.h"

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28, CLASS_IN = 1 };

struct record {
	uint16_t type, class;
	uint32_t ttl;
	struct slice data;
};

/* Passes a name over: labels up to the empty one or a pointer. What it says is of no interest. */
static void skip_name(struct reader *r)
{
	for (;;) {
		uint8_t len = read_u8(r);
		if (len == 0)
			return;
		if (len >= 0xc0) {
			read_u8(r);
			return;
		}
		if (len > 63)
			r->ran_out = true;
		read_bytes(r, len);
	}
}

static struct record read_record(struct reader *r)
{
	struct record rec;
	skip_name(r);
	rec.type = read_u16(r);
	rec.class = read_u16(r);
	rec.ttl = read_u32(r);
	if (rec.ttl > INT32_MAX)
		rec.ttl = 0; /* RFC 2181 section 8 */
	rec.data = read_counted(r, 2);
	return rec;
}

static void lower(uint32_t *ttl, uint32_t to)
{
	if (*ttl > to)
		*ttl = to;
}

static void take_answer(struct dns_answer *a, const struct record *rec, enum net_family family)
{
	bool v6 = family == NET_V6;
	if (rec->class != CLASS_IN)
		return;
	if (rec->type == TYPE_CNAME)
		lower(&a->ttl, rec->ttl);
	if (rec->type != (v6 ? TYPE_AAAA : TYPE_A) || rec->data.len != (v6 ? 16 : 4) ||
	    a->count == NET_MAX_ADDRESSES)
		return;
	struct address *to = &a->address[a->count++];
	if (v6)
		memcpy(to->ip, rec->data.at, 16);
	else
		*to = address_of_v4(rec->data.at);
	lower(&a->ttl, rec->ttl);
}

/* The least of the SOA's own TTL and its MINIMUM, which are its last four bytes. */
static uint32_t negative_ttl(const struct record *rec)
{
	struct reader r = { .left = rec->data };
	uint32_t ttl = rec->ttl;
	skip_name(&r);
	skip_name(&r);
	read_bytes(&r, 16);
	lower(&ttl, read_u32(&r));
	return r.ran_out ? 0 : ttl;
}

bool dns_answer_read(struct slice message, enum net_family family, struct dns_answer *ret_answer)
{
	struct reader r = { .left = message };
	struct dns_answer a = { .ttl = UINT32_MAX };
	uint32_t negative = 0;
	read_u32(&r); /* id, flags */
	unsigned questions = read_u16(&r), answers = read_u16(&r), authority = read_u16(&r);
	read_u16(&r);
	for (unsigned i = 0; i < questions && !r.ran_out; i++) {
		skip_name(&r);
		read_u32(&r);
	}
	for (unsigned i = 0; i < answers && !r.ran_out; i++) {
		struct record rec = read_record(&r);
		if (!r.ran_out)
			take_answer(&a, &rec, family);
	}
	if (r.ran_out)
		return false;
	for (unsigned i = 0; i < authority && !r.ran_out && a.count == 0; i++) {
		struct record rec = read_record(&r);
		if (!r.ran_out && rec.type == TYPE_SOA && rec.class == CLASS_IN)
			negative = negative_ttl(&rec);
	}
	if (a.count == 0)
		a.ttl = negative;
	*ret_answer = a;
	return true;
}
