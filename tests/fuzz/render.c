/* An exchange and a diagnosis of any content, through every renderer: JSON must parse, text must be
 * harmless and fit, markup must nest and hold nothing that is not ours. */
#include "../unit/render_all.h"

#include "base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice take_string(struct reader *r)
{
	uint8_t len = read_u8(r);
	struct slice s = read_bytes(r, len < r->left.len ? len : r->left.len);
	return s;
}

/* A sentence of the diagnosis: without NULs, in the exchange's arena; sometimes unknown. */
static const char *take_text(struct reader *r, struct exchange *x)
{
	struct slice s = take_string(r);
	s = slice_first(s, slice_find_byte(s, 0));
	return s.len ? arena_string(x->arena, s) : NULL;
}

static struct mark take_mark(struct reader *r)
{
	struct mark m = { .at = NO_TIME };
	uint8_t kind = read_u8(r);
	if (kind & 1)
		m.at = kind & 2 ? (nanos)(read_be(r, 8) % UINT64_C(4000000000000000000))
				: INT64_C(1741951812517129000) + read_u32(r) * INT64_C(1000);
	if (kind & 4)
		m.frame = read_be(r, kind & 8 ? 8 : 1);
	if (kind & 16)
		m.line = read_u16(r);
	return m;
}

static struct address take_address(struct reader *r)
{
	struct address a = { .port = read_u16(r) };
	struct slice ip = read_bytes(r, 16);
	if (ip.len == 16)
		memcpy(a.ip, ip.at, 16);
	if (a.port & 1) { /* a mapped IPv4 address */
		memset(a.ip, 0, 10);
		memset(a.ip + 10, 0xff, 2);
	}
	return a;
}

static void take_strings(struct reader *r, struct exchange *x)
{
	struct slice *const fields[] = {
		&x->request.method, &x->request.target,  &x->request.host, &x->request.user,
		&x->request.head,   &x->response.reason, &x->response.via, &x->response.title,
		&x->response.head,  &x->tls->sni,        &x->tls->alpn,    &x->client_name,
		&x->proxy_name,     &x->heading,
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		*fields[i] = take_string(r);
}

static void take_marks(struct reader *r, struct exchange *x)
{
	struct mark *const marks[] = {
		&x->first,
		&x->last,
		&x->syn,
		&x->syn_ack,
		&x->request_start,
		&x->request_end,
		&x->response_start,
		&x->hello,
		&x->tls_done,
		&x->first_app_up,
		&x->first_byte,
		&x->close,
		&x->path[0].last_data,
		&x->path[1].last_data,
		&x->path[0].stuck_first,
		&x->path[0].stuck_last,
		&x->onward->first,
		&x->onward->last,
	};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		*marks[i] = take_mark(r);
}

static void take_numbers(struct reader *r, struct exchange *x)
{
	uint16_t flags = read_u16(r);
	x->source = (enum trace_source)(flags % 3);
	x->from_text = flags & 4;
	x->closed = flags & 8;
	x->by_reset = flags & 16;
	x->closed_by = flags & 32 ? PROXY : CLIENT;
	x->request.is_connect = flags & 64;
	x->request.absolute = flags & 128;
	x->reused = flags & 256;
	x->onward->seen = flags & 512;
	x->tunnel.open = flags & 1024;
	x->end = (enum trace_end)(flags >> 11 & 3);
	x->onward->outcome = (enum trace_outcome)(flags >> 13);
	x->request.auth = (enum trace_scheme)(read_u8(r) % (SCHEME_OTHER + 1));
	x->response.status = read_u16(r);
	x->tls->version = read_u16(r);
	x->first_line = read_u8(r);
	x->frames = read_u32(r);
	x->rtt = (nanos)read_be(r, 8);
	x->events_dropped = read_u8(r);
	for (int side = CLIENT; side <= PROXY; side++) {
		x->bytes[side] = read_be(r, 8);
		x->path[side].packets = read_u8(r);
		x->path[side].retrans = read_u32(r);
		x->path[side].mss = read_u16(r);
		x->path[side].unacked = read_u8(r);
		x->path[side].stuck_times = read_u8(r);
	}
	x->icmp->mtu = read_u16(r);
	x->client = take_address(r);
	x->proxy = take_address(r);
	x->onward->origin = take_address(r);
}

static void take_events(struct reader *r, struct exchange *x)
{
	for (unsigned n = read_u8(r) % (TRACE_MAX_EVENTS + 4); n > 0 && !r->ran_out; n--) {
		uint8_t what = read_u8(r);
		struct mark m = take_mark(r);
		trace_add(x, (enum event_kind)(what % EV_COUNT_), what & 128 ? PROXY : CLIENT, &m,
			  read_be(r, what & 64 ? 8 : 2));
	}
}

static void take_diagnosis(struct reader *r, struct exchange *x, struct diagnosis *d)
{
	d->verdict = (enum verdict)(read_u8(r) % V_COUNT_);
	d->stage = (enum stage)(read_u8(r) % STAGE_COUNT_);
	d->severity = (enum severity)(read_u8(r) % 3);
	d->confidence = (enum confidence)(read_u8(r) % 3);
	d->summary = take_text(r, x);
	d->product = take_text(r, x);
	d->answered_by = take_text(r, x);
	d->evidences = read_u8(r) % (FINDING_MAX_CITED + 1);
	for (size_t i = 0; i < d->evidences; i++)
		d->evidence[i] = (struct evidence){ take_mark(r), read_u8(r) % 2, take_text(r, x) };
	d->causes = read_u8(r) % (FINDING_MAX_CAUSES + 1);
	for (size_t i = 0; i < d->causes; i++)
		d->cause[i] = take_text(r, x);
	d->remedies = read_u8(r) % (FINDING_MAX_CAUSES + 1);
	for (size_t i = 0; i < d->remedies; i++) {
		const char *text = take_text(r, x);
		d->remedy[i] = text ? text : "client: x";
	}
}

static struct render_packet take_packet(struct reader *r, struct exchange *x)
{
	struct render_packet p = { .at = take_mark(r).at, .from = x->client, .to = x->proxy };
	p.from_name = x->client_name;
	p.to_name = x->proxy_name;
	p.flags = read_u8(r);
	p.seq = read_u32(r);
	p.ack = read_u32(r);
	p.window = p.payload_len = p.wire_len = read_u32(r);
	p.has_mss = p.has_wscale = p.sack_ok = p.has_timestamp = p.flags & 64;
	p.wscale = read_u8(r);
	p.sack_count = read_u8(r);
	p.protocol = (enum trace_protocol)(read_u8(r) % PROTO_COUNT_);
	p.info = take_string(r);
	p.remark = take_text(r, x);
	p.icmp = take_text(r, x);
	p.request_frame = read_u8(r);
	p.response_frame = read_u8(r);
	p.since_request = p.request_frame ? (nanos)read_be(r, 8) : NO_TIME;
	return p;
}

static void must_be_none(const char *fault, const char *where)
{
	if (!fault)
		return;
	fprintf(stderr, "%s: %s\n", where, fault);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange *x = trace_new(TRACE_CAPTURE, 1 << 18);
	if (!x)
		return 0;
	struct reader r = { .left = { data, size } };
	struct diagnosis d = { 0 };
	struct render_style s = { .width = read_u8(&r) };
	uint8_t look = read_u8(&r);
	s.colour = look & 1;
	s.utf8 = look & 2;
	take_diagnosis(&r, x, &d);
	take_numbers(&r, x);
	take_strings(&r, x);
	take_marks(&r, x);
	take_events(&r, x);
	trace_set_id(x);
	struct render_packet p = take_packet(&r, x);
	struct all a = { .x = x, .d = &d, .tally = tally_new() };
	buffer_init(&a.out, 1 << 24);
	if (s.width == 0)
		s.width = 80;
	tally_add(a.tally, x, d.verdict, d.severity);
	must_be_none(all_text(&a, &s), "text");
	must_be_none(all_targets(&a, &s), "targets");
	must_be_none(all_json(&a), "json");
	must_be_none(all_packets(&a, &s, &p), "packets");
	must_be_none(all_markup(&a, &s), "markup");
	buffer_done(&a.out);
	tally_free(a.tally);
	trace_free(x);
	return 0;
}
