/* Any facts at all: judging finds a verdict, explaining finds words for it, and a failure always
 * comes with something to do. */
#include "diagnose/diagnose.h"
#include "base/reader.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t number(struct reader *r)
{
	uint8_t kind = read_u8(r);
	switch (kind % 8) {
	case 0:
	case 1:
		return 0;
	case 2:
		return kind;
	case 3:
		return read_u16(r);
	case 4:
		return read_u32(r);
	case 5:
		return 1448;
	case 6:
		return 200 + 100 * (uint64_t)(kind / 8 % 4) + read_u8(r) % 52;
	default:
		return read_be(r, 8);
	}
}

static bool flag(struct reader *r)
{
	return read_u8(r) & 1;
}

static void mark(struct reader *r, struct mark *m)
{
	uint8_t kind = read_u8(r);
	if (kind % 3 == 0)
		return;
	/* times that a capture has, and now and then any at all */
	m->at = kind == 255 ? (nanos)read_be(r, 8) : (nanos)read_u16(r) * 1000000;
	m->frame = kind;
}

static struct slice bytes(struct reader *r)
{
	uint8_t len = read_u8(r);
	return len % 2 ? read_bytes(r, len % 40) : (struct slice){ 0 };
}

static void path(struct reader *r, struct trace_path *p)
{
	uint32_t *const numbers[] = { &p->packets,
				      &p->retrans,
				      &p->repairs,
				      &p->reordered,
				      &p->spurious,
				      &p->keepalives,
				      &p->largest,
				      &p->largest_passed,
				      &p->stuck_size,
				      &p->stuck_times,
				      &p->stuck_smallest,
				      &p->small_passed,
				      &p->hole_beyond,
				      &p->hole_dup_acks,
				      &p->zero_window_probes,
				      &p->large,
				      &p->rsts };
	uint64_t *const large[] = { &p->bytes,   &p->unacked, &p->hole,
				    &p->missing, &p->unseen,  &p->after_peer_fin };
	struct mark *const marks[] = { &p->stuck_first, &p->stuck_last,  &p->hole_shown,
				       &p->zero_window, &p->first_large, &p->last_large,
				       &p->first_data,  &p->last_data,   &p->fin,
				       &p->rst };
	if (!flag(r))
		return;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i] = (uint32_t)number(r);
	for (size_t i = 0; i < sizeof large / sizeof *large; i++)
		*large[i] = number(r);
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		mark(r, marks[i]);
	p->mss = (uint16_t)number(r);
	p->repair_time = (nanos)number(r);
	p->zero_window_time = (nanos)number(r);
	p->zero_window_at_end = flag(r);
}

static void request(struct reader *r, struct exchange *x)
{
	static const char *const methods[] = { "", "CONNECT", "GET", "POST" };
	x->request.method = slice_of(methods[read_u8(r) % 4]);
	x->request.is_connect = x->request.method.len == 7;
	x->request.target = bytes(r);
	x->request.auth = (enum trace_scheme)(read_u8(r) % (SCHEME_OTHER + 1));
	x->request.user = bytes(r);
	x->request.origin_credentials = flag(r);
	x->request.had_userinfo = flag(r);
	x->request.complete = flag(r);
	x->request.expects = flag(r);
	x->request.body_bytes = number(r);
	mark(r, &x->request_start);
	mark(r, &x->request_end);
	mark(r, &x->request_acked);
}

static void response(struct reader *r, struct exchange *x)
{
	struct trace_response *a = &x->response;
	struct slice *const texts[] = { &a->reason,       &a->server,       &a->via,
					&a->proxy_agent,  &a->proxy_status, &a->squid_error,
					&a->content_type, &a->retry_after,  &a->proxy_authenticate,
					&a->title };
	x->answer = (enum trace_protocol)(read_u8(r) % PROTO_COUNT_);
	a->status = (unsigned)(number(r) % 1000);
	if (flag(r)) {
		for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
			*texts[i] = bytes(r);
	}
	a->offers = read_u8(r) % (TRACE_MAX_OFFERS + 1);
	for (size_t i = 0; i < a->offers; i++)
		a->offered[i] = (enum trace_scheme)(read_u8(r) % (SCHEME_OTHER + 1));
	a->stale = flag(r);
	a->body_bytes = number(r);
	a->body_length = flag(r) ? number(r) : UINT64_MAX;
	a->chunked = flag(r);
	a->complete = flag(r);
	mark(r, &x->response_start);
	mark(r, &x->response_end);
}

static void tls(struct reader *r, struct exchange *x)
{
	struct trace_tls *t = x->tls;
	x->tunnel.open = flag(r);
	x->tunnel.inner = (enum trace_protocol)(read_u8(r) % PROTO_COUNT_);
	x->tunnel.answer = (enum trace_protocol)(read_u8(r) % PROTO_COUNT_);
	t->hello = flag(r);
	t->hello_bytes = (uint32_t)number(r);
	t->hello_segments = (uint32_t)number(r);
	t->hello_acked = flag(r);
	t->post_quantum = flag(r);
	t->sni = bytes(r);
	t->version = (uint16_t)number(r);
	t->server_hello = flag(r);
	t->done = flag(r);
	t->certificates = read_u8(r) % 4;
	t->issuer = bytes(r);
	t->not_before = flag(r) ? (nanos)number(r) : NO_TIME;
	t->not_after = flag(r) ? (nanos)number(r) : NO_TIME;
	t->name = (enum trace_name)(read_u8(r) % 3);
	t->self_signed = flag(r);
	t->issued_by_top = flag(r);
	t->incomplete = flag(r);
	t->alert = flag(r);
	t->alert_from = flag(r) ? PROXY : CLIENT;
	t->alert_level = read_u8(r);
	t->alert_what = read_u8(r);
	t->likely_alert = flag(r);
	t->likely_alert_from = flag(r) ? PROXY : CLIENT;
	for (int side = CLIENT; side <= PROXY; side++) {
		t->records[side] = number(r);
		t->app_bytes[side] = number(r);
		t->record_left[side] = (uint32_t)number(r);
		t->close_notify[side] = flag(r);
		t->out_of_step[side] = flag(r);
		t->last_record[side] = (uint32_t)number(r);
		t->largest_record[side] = (uint32_t)number(r);
		t->same_records[side] = (uint32_t)number(r);
		x->tunnel.bytes[side] = number(r);
		mark(r, &t->last_app[side]);
		mark(r, &x->tunnel.first[side]);
		mark(r, &x->tunnel.last[side]);
	}
}

static void ending(struct reader *r, struct exchange *x)
{
	struct mark *const marks[] = { &x->first,       &x->last,         &x->syn,
				       &x->syn_ack,     &x->hello,        &x->server_hello,
				       &x->tls_done,    &x->first_app_up, &x->first_byte,
				       &x->close,       &x->icmp->mark,   &x->onward->first,
				       &x->onward->last };
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		mark(r, marks[i]);
	x->closed = flag(r);
	x->closed_by = flag(r) ? PROXY : CLIENT;
	x->by_reset = flag(r);
	x->next_began = flag(r);
	x->began_late = flag(r);
	x->both_ways = flag(r);
	x->reused = flag(r);
	x->suspect = flag(r);
	x->from_text = flag(r);
	x->syns = (uint32_t)number(r);
	x->rtt = flag(r) ? (nanos)number(r) : NO_TIME;
	x->observed_until = flag(r) ? (nanos)read_u32(r) * 1000 : NO_TIME;
	x->end = (enum trace_end)(read_u8(r) % (TRACE_END_OVER + 1));
	x->bytes[CLIENT] = number(r);
	x->bytes[PROXY] = number(r);
	x->icmp->too_big = flag(r);
	x->icmp->unreachable = flag(r);
	x->icmp->adapted = flag(r);
	x->icmp->about = flag(r) ? PROXY : CLIENT;
	x->icmp->mtu = (uint32_t)number(r);
	x->icmp->large_after = (uint32_t)number(r);
	x->links.answered_challenge = flag(r);
	x->links.same_size_cuts = (uint32_t)number(r);
	x->links.same_age_cuts = (uint32_t)number(r);
	x->links.proxy_elsewhere = flag(r);
	x->links.proxy_host_elsewhere = flag(r);
	x->links.capture_has_proxy = flag(r);
	x->onward->seen = flag(r);
	x->onward->outcome = (enum trace_outcome)(read_u8(r) % (ONWARD_CLOSED + 1));
}

static void events(struct reader *r, struct exchange *x)
{
	for (size_t n = read_u8(r) % 20; n > 0; n--) {
		struct mark m = NO_MARK;
		mark(r, &m);
		trace_add(x, (enum event_kind)(read_u8(r) % EV_COUNT_), flag(r) ? PROXY : CLIENT,
			  &m, number(r));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { .left = { data, size } };
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	struct arena *arena = arena_new(65536);
	if (!x || !arena)
		goto out;
	request(&r, x);
	response(&r, x);
	ending(&r, x);
	tls(&r, x);
	path(&r, &x->path[CLIENT]);
	path(&r, &x->path[PROXY]);
	events(&r, x);

	struct finding f;
	struct diagnosis d;
	diagnose_judge(x, &f);
	assert((unsigned)f.verdict < V_COUNT_ && f.cites <= FINDING_MAX_CITED &&
	       f.causes <= FINDING_MAX_CAUSES);
	bool fit = diagnose_explain(x, &f, arena, &d);
	assert(d.summary && d.summary[0]);
	assert(!fit || d.severity != SEVERITY_FAILURE || d.remedies > 0);
	for (size_t i = 0; i < d.remedies; i++)
		assert(strncmp(d.remedy[i], "on ", 3) == 0 || strncmp(d.remedy[i], "in ", 3) == 0);
out:
	arena_free(arena);
	trace_free(x);
	return 0;
}
