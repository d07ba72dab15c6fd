/* Bytes become what both sides of one connection say, with gaps and closes between. Whatever they
 * are: every exchange that begins is given at most once, in order, within its limits, and no byte
 * is counted that was not there.
 *
 * The form: a byte of options; then steps of a byte (the low bit is the side, the rest what
 * happens), and what that takes. */
#include "base/reader.h"
#include "observe/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP_DATA, STEP_LONG_DATA, STEP_GAP, STEP_EVENT, STEP_END, STEP_LATER, STEPS };

struct owner {
	uint64_t begun, given, next_order;
	uint64_t said[2], counted[2]; /* bytes, gaps with them */
	nanos now;
	bool heads;
};

#define must(thing) ((thing) ? (void)0 : broken(#thing, __LINE__))

static void broken(const char *thing, int line)
{
	fprintf(stderr, "line %d: not so: %s\n", line, thing);
	abort();
}

static void on_begin(void *context, struct exchange *x)
{
	struct owner *o = context;
	must(x->reused == (o->begun > 0) && x->events == 0 && !x->path);
	o->begun++;
}

static void on_facts(void *context, struct exchange *x)
{
	(void)context;
	must(x->path && x->path[CLIENT].bytes == 0 && !mark_is(&x->path[PROXY].fin));
}

static uint64_t touch(struct slice s)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s.len; i++)
		sum += s.at[i];
	return sum;
}

static void check_strings(const struct exchange *x)
{
	const struct trace_request *q = &x->request;
	const struct trace_response *a = &x->response;
	const struct trace_tls *t = x->tls;
	const struct slice kept[] = {
		q->method,      q->target,       q->host,          q->user,
		q->head,        a->reason,       a->server,        a->via,
		a->proxy_agent, a->proxy_status, a->squid_error,   a->content_type,
		a->location,    a->retry_after,  a->title,         a->proxy_authenticate,
		a->head,        x->answer_start, x->tunnel.banner, t->sni,
		t->alpn,        t->subject,      t->issuer,        t->top_issuer,
		t->names
	};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		must(kept[i].len <= 65536);
		touch(kept[i]);
	}
	must(q->method.len <= 32 && q->target.len <= 2048 + 64 && a->title.len <= 200);
	must(x->answer_start.len <= 64 && x->tunnel.banner.len <= 100 && t->sni.len <= 255);
	must(strlen(x->id) == 16);
}

static void check_marks(const struct owner *o, const struct exchange *x)
{
	const struct mark *const marks[] = {
		&x->first,          &x->last,         &x->request_start, &x->request_end,
		&x->response_start, &x->response_end, &x->hello,         &x->server_hello,
		&x->tls_done,       &x->first_app_up, &x->first_byte,    &x->close
	};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		must(!mark_is(marks[i]) || (marks[i]->at >= 0 && marks[i]->at <= o->now));
	must(x->events <= TRACE_MAX_EVENTS);
	for (size_t i = 0; i < x->events; i++)
		must(i == 0 || x->event[i].mark.at >= x->event[i - 1].mark.at);
}

static void on_done(void *context, struct exchange *x)
{
	struct owner *o = context;
	o->given++;
	must(o->given <= o->begun && x->order >= o->next_order && x->order < o->begun);
	o->next_order = x->order + 1;
	for (int side = CLIENT; side <= PROXY; side++) {
		o->counted[side] += x->bytes[side];
		must(o->counted[side] <= o->said[side]);
		must(x->tunnel.bytes[side] <= x->bytes[side]);
		must(x->tls->app_bytes[side] == 0 || x->tls->records[side] > 0);
	}
	must(x->request.is_connect == slice_equal(x->request.method, SLICE("CONNECT")));
	must(o->heads || (x->request.head.len == 0 && x->response.head.len == 0));
	must(x->response.offers <= TRACE_MAX_OFFERS);
	must(x->response.status == 0 || x->answer == PROTO_HTTP);
	must(!x->tunnel.open || x->response.status == 0 || x->response.status == 101 ||
	     x->response.status / 100 == 2);
	check_strings(x);
	check_marks(o, x);
	trace_free(x);
}

static bool say(struct conversation *c, struct owner *o, enum trace_side side, struct slice bytes)
{
	struct mark m = { .at = o->now, .frame = (uint64_t)o->now };
	uint8_t *exact = malloc(bytes.len ? bytes.len : 1); /* one byte too far is a crash */
	if (!exact)
		abort();
	if (bytes.len)
		memcpy(exact, bytes.at, bytes.len);
	o->said[side] += bytes.len;
	bool more = observe_data(c, side, &m, (struct slice){ exact, bytes.len });
	free(exact);
	return more;
}

/* One step; false when the connection is over, or of no interest. */
static bool step(struct conversation *c, struct owner *o, struct reader *r)
{
	static const enum event_kind kinds[] = { EV_FIN, EV_RST, EV_ZERO_WINDOW, EV_RETRANS };
	uint8_t what = read_u8(r);
	enum trace_side side = what & 1 ? PROXY : CLIENT;
	struct mark m = { .at = ++o->now, .frame = (uint64_t)o->now };
	uint64_t n;
	switch ((what >> 1) % STEPS) {
	case STEP_DATA:
		n = read_u8(r);
		return say(c, o, side, read_bytes(r, n < r->left.len ? n : r->left.len));
	case STEP_LONG_DATA:
		n = read_u16(r);
		return say(c, o, side, read_bytes(r, n < r->left.len ? n : r->left.len));
	case STEP_GAP:
		n = read_u16(r);
		o->said[side] += n + 1;
		observe_gap(c, side, &m, n + 1, what & 128);
		return true;
	case STEP_EVENT:
		observe_event(c, kinds[read_u8(r) % 4], side, &m, what);
		return true;
	case STEP_LATER:
		o->now += read_u32(r);
		return true;
	default:
		return false;
	}
}

/* One connection after the other, in the same conversation. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { .left = { data, size } };
	struct conversation *c = NULL;
	while (r.left.len > 0 && !r.ran_out) {
		uint8_t look = read_u8(&r);
		struct owner o = { .heads = look & 1, .now = 1 };
		struct observe_options options = { .keep_heads = look & 1,
						   .any_request = look & 2,
						   .began_late = look & 4,
						   .source = TRACE_CAPTURE };
		struct observe_owner owner = { on_begin, on_facts, NULL, on_done, &o };
		if (c)
			observe_reset(c, &options, &owner);
		else
			c = observe_new(&options, &owner);
		if (!c)
			return 0;
		while (r.left.len > 0 && !r.ran_out && step(c, &o, &r))
			;
		if (!(look & 8))
			observe_end(c, (enum trace_end)(look >> 4 & 3), o.now);
	}
	observe_free(c);
	return 0;
}
