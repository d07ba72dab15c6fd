/* Packing. Each part of the exchange is told once, by one function that both writes and reads: it
 * names the members in order, and the codec moves them one way or the other.
 *
 * Numbers come in groups: a mask of those that are not zero, then these, seven bits a byte. So what
 * is unknown is made zero first: a time is counted from 1, a length that nobody knows is 0. */
#include "trace/pack.h"

#include "base/reader.h"

#include <string.h>

enum { MAX_GROUP = 32, MAX_MARKS = 48, SHORT_TEXT = 4 };

struct codec {
	bool reading, bad;
	struct buffer *out; /* writing: this exchange begins at `start` */
	size_t start;
	struct slice whole; /* reading: all of it, and what is left */
	struct reader in;
	struct mark mark[MAX_MARKS]; /* those that were told already */
	size_t marks;
	struct mark last;
	uint64_t value[MAX_GROUP]; /* of the group under way */
	unsigned told;
	struct arena *arena;
};

/* ---- numbers ------------------------------------------------------------------------------- */

static void put_number(struct codec *c, uint64_t n)
{
	while (n >= 0x80) {
		buffer_add_byte(c->out, (uint8_t)(n | 0x80));
		n >>= 7;
	}
	buffer_add_byte(c->out, (uint8_t)n);
}

static uint64_t get_number(struct codec *c)
{
	uint64_t n = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = read_u8(&c->in);
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return n;
	}
	c->bad = true;
	return 0;
}

static uint64_t number(struct codec *c, uint64_t n)
{
	if (c->reading)
		return get_number(c);
	put_number(c, n);
	return n;
}

/* Small ones of either sign become small ones without. */
static uint64_t fold(int64_t n)
{
	return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static int64_t unfold(uint64_t n)
{
	return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

static uint64_t from_span(nanos t) /* NO_TIME is 0; every other one is found again */
{
	return t == NO_TIME ? 0 : fold(t) + 1;
}

static nanos to_span(uint64_t n)
{
	return n ? unfold(n - 1) : NO_TIME;
}

/* ---- groups of numbers --------------------------------------------------------------------- */

static void group_begin(struct codec *c)
{
	c->told = 0;
	if (!c->reading)
		return;
	uint64_t mask = get_number(c);
	for (unsigned i = 0; i < MAX_GROUP; i++)
		c->value[i] = mask >> i & 1 ? get_number(c) : 0;
}

static void group_end(struct codec *c)
{
	uint64_t mask = 0;
	if (c->reading)
		return;
	for (unsigned i = 0; i < c->told; i++)
		mask |= (uint64_t)(c->value[i] != 0) << i;
	put_number(c, mask);
	for (unsigned i = 0; i < c->told; i++)
		if (c->value[i])
			put_number(c, c->value[i]);
}

static uint64_t *next_value(struct codec *c)
{
	return &c->value[c->told++ % MAX_GROUP];
}

static uint64_t checked(struct codec *c, uint64_t n, uint64_t below)
{
	if (n >= below)
		c->bad = true;
	return n < below ? n : 0;
}

/* A member of the group under way: a number; one whose "unknown" is all ones; a span; one of an
 * enum. */
#define NUMBER(member)                                                                             \
	do {                                                                                       \
		uint64_t *v_ = next_value(c);                                                      \
		if (c->reading)                                                                    \
			member = (__typeof__(+(member)))*v_;                                       \
		else                                                                               \
			*v_ = (uint64_t)(member);                                                  \
	} while (0)

#define LENGTH(member)                                                                             \
	do {                                                                                       \
		uint64_t *v_ = next_value(c);                                                      \
		if (c->reading)                                                                    \
			member = *v_ - 1;                                                          \
		else                                                                               \
			*v_ = (member) + 1;                                                        \
	} while (0)

#define SPAN(member)                                                                               \
	do {                                                                                       \
		uint64_t *v_ = next_value(c);                                                      \
		if (c->reading)                                                                    \
			member = to_span(*v_);                                                     \
		else                                                                               \
			*v_ = from_span(member);                                                   \
	} while (0)

#define CHOICE(member, below)                                                                      \
	do {                                                                                       \
		uint64_t *v_ = next_value(c);                                                      \
		if (c->reading)                                                                    \
			member = checked(c, *v_, below);                                           \
		else                                                                               \
			*v_ = (uint64_t)(member);                                                  \
	} while (0)

/* What was spoken: nothing, unless it is known. */
#define PROTOCOL(member)                                                                           \
	do {                                                                                       \
		uint64_t *v_ = next_value(c);                                                      \
		if (c->reading)                                                                    \
			member = checked(c, *v_ ^ PROTO_NONE, PROTO_COUNT_);                       \
		else                                                                               \
			*v_ = (uint64_t)(member) ^ PROTO_NONE;                                     \
	} while (0)

/* ---- flags: one number for all of a part ---------------------------------------------------- */

#define FLAGS(...)                                                                                 \
	do {                                                                                       \
		bool *const flag_[] = { __VA_ARGS__ };                                             \
		flags(c, flag_, sizeof flag_ / sizeof *flag_);                                     \
	} while (0)

static void flags(struct codec *c, bool *const *flag, size_t count)
{
	uint64_t mask = 0;
	for (size_t i = 0; !c->reading && i < count; i++)
		mask |= (uint64_t)*flag[i] << i;
	mask = number(c, mask);
	for (size_t i = 0; c->reading && i < count; i++)
		*flag[i] = mask >> i & 1;
}

/* ---- moments --------------------------------------------------------------------------------- */

enum { MARK_NONE, MARK_TIME, MARK_MICROS, MARK_FRAME, MARK_SEEN /* and how long ago */ };

static bool same_mark(const struct mark *a, const struct mark *b)
{
	return a->at == b->at && a->frame == b->frame && a->line == b->line;
}

static void keep_mark(struct codec *c, const struct mark *m)
{
	c->last = *m;
	if (c->marks < MAX_MARKS)
		c->mark[c->marks++] = *m;
}

static void put_mark(struct codec *c, const struct mark *m)
{
	if (same_mark(m, &NO_MARK)) {
		put_number(c, MARK_NONE);
		return;
	}
	for (size_t i = c->marks; i > 0; i--) {
		if (same_mark(m, &c->mark[i - 1])) {
			put_number(c, MARK_SEEN + (c->marks - i));
			return;
		}
	}
	bool framed = m->frame || m->line;
	/* differences wrap around, and back again */
	int64_t later = (int64_t)((uint64_t)m->at - (uint64_t)c->last.at);
	bool micros = !framed && later % 1000 == 0;
	put_number(c, framed ? MARK_FRAME : micros ? MARK_MICROS : MARK_TIME);
	put_number(c, fold(micros ? later / 1000 : later));
	if (framed) {
		put_number(c, fold((int64_t)((uint64_t)m->frame - (uint64_t)c->last.frame)));
		put_number(c, m->line);
	}
	keep_mark(c, m);
}

static struct mark get_mark(struct codec *c)
{
	struct mark m = NO_MARK;
	uint64_t kind = get_number(c);
	if (kind == MARK_NONE)
		return m;
	if (kind >= MARK_SEEN) {
		uint64_t ago = checked(c, kind - MARK_SEEN, c->marks);
		return c->bad ? m : c->mark[c->marks - 1 - ago];
	}
	uint64_t later = (uint64_t)unfold(get_number(c)) * (kind == MARK_MICROS ? 1000 : 1);
	m.at = (nanos)((uint64_t)c->last.at + later);
	if (kind == MARK_FRAME) {
		m.frame = (uint64_t)c->last.frame + (uint64_t)unfold(get_number(c));
		m.line = (uint32_t)get_number(c);
	}
	keep_mark(c, &m);
	return m;
}

static void mark(struct codec *c, struct mark *m)
{
	if (c->reading)
		*m = get_mark(c);
	else
		put_mark(c, m);
}

#define MARKS(...)                                                                                 \
	do {                                                                                       \
		struct mark *const mark_[] = { __VA_ARGS__ };                                      \
		for (size_t i_ = 0; i_ < sizeof mark_ / sizeof *mark_; i_++)                       \
			mark(c, mark_[i_]);                                                        \
	} while (0)

/* ---- texts -------------------------------------------------------------------------------- */

/* What stands in most of them: as if each began with it. */
static const struct slice COMMON =
	SLICE("CONNECT Connection established http/1.1 viaduct timeout-idle text/html");

/* Length doubled; plus one: it stands in the string already, so far from its beginning. */
static void put_text(struct codec *c, struct slice s)
{
	struct slice sofar = slice_from(buffer_slice(c->out), c->start);
	size_t at = s.len >= SHORT_TEXT ? slice_find(COMMON, s) : COMMON.len;
	if (at == COMMON.len && s.len >= SHORT_TEXT)
		at += slice_find(sofar, s);
	bool again = s.len >= SHORT_TEXT && at < COMMON.len + sofar.len;
	put_number(c, (uint64_t)s.len << 1 | again);
	if (again)
		put_number(c, at);
	else
		buffer_add(c->out, s);
}

static struct slice get_text(struct codec *c)
{
	uint64_t len = get_number(c);
	bool again = len & 1;
	len >>= 1;
	struct reader before = { .left = c->whole };
	uint64_t at = again ? get_number(c) : 0;
	if (again && at < COMMON.len)
		before.left = slice_from(COMMON, (size_t)at);
	else if (again)
		read_bytes(&before, at - COMMON.len);
	struct slice s = read_bytes(again ? &before : &c->in, len);
	c->bad |= before.ran_out;
	return c->bad || c->in.ran_out ? (struct slice){ 0 } : arena_copy(c->arena, s);
}

static void text(struct codec *c, struct slice *s)
{
	if (c->reading)
		*s = get_text(c);
	else
		put_text(c, *s);
}

#define TEXTS(...)                                                                                 \
	do {                                                                                       \
		struct slice *const text_[] = { __VA_ARGS__ };                                     \
		texts(c, text_, sizeof text_ / sizeof *text_);                                     \
	} while (0)

static void texts(struct codec *c, struct slice *const *s, size_t count)
{
	uint64_t mask = 0;
	for (size_t i = 0; !c->reading && i < count; i++)
		mask |= (uint64_t)(s[i]->len > 0) << i;
	mask = number(c, mask);
	for (size_t i = 0; i < count; i++)
		if (mask >> i & 1)
			text(c, s[i]);
}

/* ---- addresses, names of exchanges -------------------------------------------------------- */

enum { ADDRESS_NONE, ADDRESS_V4, ADDRESS_V6 };

static void address(struct codec *c, struct address *a)
{
	uint64_t kind = number(c, address_is_none(a) && !a->port ? ADDRESS_NONE
				  : address_is_v4(a)             ? ADDRESS_V4
								 : ADDRESS_V6);
	size_t skip = kind == ADDRESS_V4 ? 12 : 0, len = sizeof a->ip - skip;
	if (kind == ADDRESS_NONE)
		return;
	if (!c->reading) {
		buffer_add(c->out, (struct slice){ a->ip + skip, len });
		put_number(c, a->port);
		return;
	}
	memcpy(a->ip, (const uint8_t[16]){ [10] = 0xff, [11] = 0xff }, skip);
	struct slice ip = read_bytes(&c->in, len);
	if (ip.len == len)
		memcpy(a->ip + skip, ip.at, len);
	a->port = (uint16_t)get_number(c);
}

/* Sixteen digits in eight bytes. */
static void name(struct codec *c, char *id)
{
	static const char digits[] = "0123456789abcdef";
	bool is = number(c, id[0] != 0);
	for (int i = 0; is && i < 16; i += 2) {
		if (c->reading) {
			uint8_t byte = read_u8(&c->in);
			id[i] = digits[byte >> 4];
			id[i + 1] = digits[byte & 15];
			continue;
		}
		uint64_t byte = 0;
		slice_parse_u64((struct slice){ (const uint8_t *)id + i, 2 }, 16, &byte);
		buffer_add_byte(c->out, (uint8_t)byte);
	}
}

/* ---- parts that most exchanges lack ------------------------------------------------------- */

/* Leaves a part out that came to nothing but zeros. open: makes room for it, where it is read. */
static void part(struct codec *c, struct exchange *x, bool (*open)(struct exchange *x),
		 void (*tell)(struct codec *c, struct exchange *x))
{
	size_t before = c->reading ? 0 : c->out->len;
	if (!number(c, 1) || c->bad)
		return;
	if (c->reading && open && !open(x)) {
		c->bad = true;
		return;
	}
	tell(c, x);
	if (c->reading || c->out->failed)
		return;
	for (size_t i = before + 1; i < c->out->len; i++)
		if (c->out->at[i])
			return;
	c->out->len = before;
	put_number(c, 0);
}

/* ---- the exchange, part by part
 * ------------------------------------------------------------------
 */

static void tell_events(struct codec *c, struct exchange *x)
{
	size_t events = checked(c, number(c, x->events), TRACE_MAX_EVENTS + 1);
	x->events_dropped = (uint32_t)number(c, x->events_dropped);
	if (c->reading && events) {
		x->event = arena_alloc(c->arena, TRACE_MAX_EVENTS * sizeof *x->event);
		c->bad |= !x->event;
	}
	for (size_t i = 0; i < events && !c->bad && !c->in.ran_out; i++) {
		struct event e = { 0 };
		if (!c->reading)
			e = x->event[i];
		uint64_t what = number(c, (uint64_t)e.kind << 1 | e.side);
		e.kind = checked(c, what >> 1, EV_COUNT_);
		e.side = what & 1;
		mark(c, &e.mark);
		e.n = number(c, e.n);
		if (c->reading)
			x->event[x->events++] = e;
	}
}

static void tell_request(struct codec *c, struct exchange *x)
{
	struct trace_request *q = &x->request;
	FLAGS(&q->is_connect, &q->absolute, &q->had_userinfo, &q->origin_credentials, &q->complete,
	      &q->expects);
	group_begin(c);
	CHOICE(q->auth, SCHEME_OTHER + 1);
	NUMBER(q->body_bytes);
	LENGTH(q->body_length);
	NUMBER(q->minor);
	group_end(c);
	TEXTS(&q->method, &q->target, &q->host, &q->user, &q->head);
}

static void tell_response(struct codec *c, struct exchange *x)
{
	struct trace_response *a = &x->response;
	FLAGS(&a->stale, &a->chunked, &a->until_close, &a->complete, &a->connection_close);
	group_begin(c);
	CHOICE(a->status, 1000);
	NUMBER(a->minor);
	NUMBER(a->body_bytes);
	LENGTH(a->body_length);
	CHOICE(a->offers, TRACE_MAX_OFFERS + 1);
	for (size_t i = 0; i < TRACE_MAX_OFFERS; i++)
		CHOICE(a->offered[i], SCHEME_OTHER + 1);
	group_end(c);
	TEXTS(&a->reason, &a->server, &a->via, &a->proxy_agent, &a->proxy_status, &a->squid_error,
	      &a->content_type, &a->location, &a->retry_after, &a->proxy_authenticate, &a->title,
	      &a->head);
}

static void tell_tunnel(struct codec *c, struct exchange *x)
{
	struct trace_tunnel *t = &x->tunnel;
	FLAGS(&t->open);
	group_begin(c);
	PROTOCOL(t->inner);
	PROTOCOL(t->answer);
	NUMBER(t->bytes[CLIENT]);
	NUMBER(t->bytes[PROXY]);
	group_end(c);
	MARKS(&t->first[CLIENT], &t->first[PROXY], &t->last[CLIENT], &t->last[PROXY]);
	TEXTS(&t->banner);
}

static void tell_random(struct codec *c, struct trace_tls *t)
{
	size_t len = t->random_known ? sizeof t->random : 0;
	struct slice own = { t->random, len };
	struct slice s = c->reading ? read_bytes(&c->in, len) : own;
	if (!c->reading)
		buffer_add(c->out, own);
	else if (s.len == len && len)
		memcpy(t->random, s.at, len);
}

static void tell_tls(struct codec *c, struct exchange *x)
{
	struct trace_tls *t = x->tls;
	FLAGS(&t->hello, &t->hello_acked, &t->server_hello, &t->done, &t->ech, &t->post_quantum,
	      &t->retry_request, &t->random_known, &t->alert, &t->likely_alert,
	      &t->close_notify[CLIENT], &t->close_notify[PROXY], &t->out_of_step[CLIENT],
	      &t->out_of_step[PROXY], &t->self_signed, &t->issued_by_top, &t->incomplete);
	group_begin(c);
	NUMBER(t->hello_bytes);
	NUMBER(t->hello_segments);
	NUMBER(t->offered_version);
	NUMBER(t->version);
	NUMBER(t->certificates);
	SPAN(t->not_before);
	SPAN(t->not_after);
	CHOICE(t->name, NAME_DIFFERS + 1);
	CHOICE(t->alert_from, PROXY + 1);
	NUMBER(t->alert_level);
	NUMBER(t->alert_what);
	CHOICE(t->likely_alert_from, PROXY + 1);
	for (int side = CLIENT; side <= PROXY; side++) {
		NUMBER(t->records[side]);
		NUMBER(t->app_bytes[side]);
		NUMBER(t->record_left[side]);
		NUMBER(t->last_record[side]);
		NUMBER(t->largest_record[side]);
		NUMBER(t->same_records[side]);
	}
	group_end(c);
	tell_random(c, t);
	MARKS(&t->last_app[CLIENT], &t->last_app[PROXY]);
	TEXTS(&t->sni, &t->alpn, &t->subject, &t->issuer, &t->top_issuer, &t->names);
}

static void tell_path(struct codec *c, struct trace_path *p)
{
	FLAGS(&p->zero_window_at_end, &p->urgent);
	group_begin(c);
	NUMBER(p->packets);
	NUMBER(p->bytes);
	NUMBER(p->retrans);
	NUMBER(p->repairs);
	NUMBER(p->reordered);
	NUMBER(p->spurious);
	NUMBER(p->keepalives);
	NUMBER(p->repair_time);
	NUMBER(p->mss);
	NUMBER(p->largest);
	NUMBER(p->largest_passed);
	NUMBER(p->unacked);
	NUMBER(p->small_passed);
	NUMBER(p->hole);
	NUMBER(p->hole_beyond);
	NUMBER(p->hole_dup_acks);
	NUMBER(p->missing);
	NUMBER(p->unseen);
	NUMBER(p->zero_window_time);
	NUMBER(p->zero_window_probes);
	NUMBER(p->after_peer_fin);
	NUMBER(p->large);
	NUMBER(p->rsts);
	NUMBER(p->ttl);
	NUMBER(p->rst_ttl);
	NUMBER(p->stuck_size);
	NUMBER(p->stuck_times);
	NUMBER(p->stuck_smallest);
	group_end(c);
	MARKS(&p->stuck_first, &p->stuck_last, &p->hole_shown, &p->zero_window, &p->first_large,
	      &p->last_large, &p->first_data, &p->last_data, &p->fin, &p->rst);
}

static void tell_paths(struct codec *c, struct exchange *x)
{
	tell_path(c, &x->path[CLIENT]);
	tell_path(c, &x->path[PROXY]);
}

static void tell_icmp(struct codec *c, struct exchange *x)
{
	struct trace_icmp *i = x->icmp;
	struct slice said = slice_of(i->name);
	FLAGS(&i->too_big, &i->unreachable, &i->v6, &i->adapted);
	group_begin(c);
	NUMBER(i->count);
	NUMBER(i->code);
	NUMBER(i->mtu);
	CHOICE(i->about, PROXY + 1);
	NUMBER(i->large_after);
	group_end(c);
	MARKS(&i->mark);
	address(c, &i->router);
	TEXTS(&said);
	if (c->reading && said.len)
		i->name = arena_string(c->arena, said);
}

static void tell_links(struct codec *c, struct exchange *x)
{
	struct trace_links *l = &x->links;
	FLAGS(&l->answered_challenge, &l->is_retry, &l->proxy_elsewhere, &l->proxy_host_elsewhere,
	      &l->proxy_named, &l->capture_has_proxy);
	group_begin(c);
	NUMBER(l->same_size_cuts);
	NUMBER(l->same_age_cuts);
	NUMBER(l->cut_size);
	NUMBER(l->cut_age);
	group_end(c);
	name(c, l->other);
}

static void tell_onward(struct codec *c, struct exchange *x)
{
	struct trace_onward *o = x->onward;
	FLAGS(&o->seen);
	group_begin(c);
	CHOICE(o->outcome, ONWARD_UNRESOLVED + 1);
	NUMBER(o->file);
	NUMBER(o->syns);
	NUMBER(o->hole);
	NUMBER(o->unacked);
	for (int side = CLIENT; side <= PROXY; side++) {
		NUMBER(o->bytes[side]);
		NUMBER(o->largest[side]);
	}
	group_end(c);
	MARKS(&o->first, &o->last);
	address(c, &o->origin);
}

static void tell_view(struct codec *c, struct exchange *x)
{
	struct trace_view *v = x->view;
	FLAGS(&v->seen, &v->answered, &v->fin[CLIENT], &v->fin[PROXY], &v->reset[CLIENT],
	      &v->reset[PROXY], &v->partial, &v->lacks_up, &v->outlasts);
	group_begin(c);
	NUMBER(v->file);
	NUMBER(v->from);
	NUMBER(v->until);
	for (int side = CLIENT; side <= PROXY; side++) {
		NUMBER(v->bytes[side]);
		NUMBER(v->packets[side]);
		NUMBER(v->largest[side]);
	}
	group_end(c);
}

static void tell_leg(struct codec *c, struct exchange *x)
{
	struct trace_leg *l = x->leg;
	FLAGS(&l->by_parent, &l->reused, &l->facts, &l->client_facts, &l->cut, &l->noted,
	      &l->through_parent);
	group_begin(c);
	CHOICE(l->closed_first, PARTY_ORIGIN + 1);
	SPAN(l->resolve);
	SPAN(l->connect);
	SPAN(l->answer);
	SPAN(l->rtt);
	NUMBER(l->retrans);
	NUMBER(l->mss);
	NUMBER(l->path_mtu);
	NUMBER(l->client_mss);
	NUMBER(l->client_path_mtu);
	group_end(c);
	TEXTS(&l->why, &l->text, &l->trial);
}

/* Text of the probe's own; empty is none. */
static void said(struct codec *c, const char **text)
{
	struct slice s = slice_of(*text);
	TEXTS(&s);
	if (c->reading)
		*text = s.len ? arena_string(c->arena, s) : NULL;
}

static void tell_probe(struct codec *c, struct exchange *x)
{
	struct trace_probe *p = x->probe;
	FLAGS(&p->distrusted, &p->inside);
	group_begin(c);
	CHOICE(p->outer, OUTER_CLOSED + 1);
	group_end(c);
	said(c, &p->settings_fault);
	said(c, &p->unresolved);
	said(c, &p->no_route);
	said(c, &p->outer_text);
	said(c, &p->other_issuer);
}

/* Who and where from: what only a text has, and several captures. */
static void tell_origin(struct codec *c, struct exchange *x)
{
	group_begin(c);
	NUMBER(x->file);
	NUMBER(x->order);
	NUMBER(x->first_line);
	group_end(c);
	TEXTS(&x->client_name, &x->proxy_name, &x->heading);
}

static void tell_course(struct codec *c, struct exchange *x)
{
	FLAGS(&x->from_text, &x->began_late, &x->both_ways, &x->reused, &x->suspect, &x->next_began,
	      &x->closed, &x->by_reset);
	group_begin(c);
	CHOICE(x->end, TRACE_END_OVER + 1);
	CHOICE(x->closed_by, PROXY + 1);
	PROTOCOL(x->answer);
	NUMBER(x->frames);
	NUMBER(x->syns);
	NUMBER(x->interims);
	SPAN(x->rtt);
	NUMBER(x->bytes[CLIENT]);
	NUMBER(x->bytes[PROXY]);
	group_end(c);
	TEXTS(&x->answer_start);
	struct mark until = { .at = x->observed_until };
	MARKS(&x->first, &x->last, &x->syn, &x->syn_ack, &x->request_start, &x->request_end,
	      &x->request_acked, &x->response_start, &x->response_end, &x->hello, &x->server_hello,
	      &x->tls_done, &x->first_app_up, &x->first_byte, &x->close, &until);
	if (c->reading)
		x->observed_until = until.at;
}

/* The name can be put together anew, but for one that several captures gave another start. */
static void tell_id(struct codec *c, struct exchange *x)
{
	char id[sizeof x->id];
	trace_make_id(x, id);
	if (number(c, memcmp(id, x->id, sizeof id) == 0))
		memcpy(c->reading ? x->id : id, id, sizeof id);
	else
		name(c, x->id);
}

static void tell(struct codec *c, struct exchange *x)
{
	address(c, &x->client);
	address(c, &x->proxy);
	tell_events(c, x);
	tell_course(c, x);
	tell_request(c, x);
	tell_response(c, x);
	part(c, x, NULL, tell_origin);
	tell_id(c, x);
	part(c, x, NULL, tell_tunnel);
	part(c, x, trace_open_tls, tell_tls);
	part(c, x, trace_open_icmp, tell_icmp);
	part(c, x, NULL, tell_links);
	part(c, x, trace_open_onward, tell_onward);
	part(c, x, trace_open_view, tell_view);
	if (number(c, x->path != NULL)) {
		c->bad |= !x->path && !trace_open_path(x);
		part(c, x, NULL, tell_paths);
	}
	uint64_t own = number(c, (uint64_t)(x->leg != NULL) | (uint64_t)(x->probe != NULL) << 1);
	if (own & 1) {
		c->bad |= !trace_open_leg(x);
		part(c, x, NULL, tell_leg);
	}
	if (own & 2) {
		c->bad |= !trace_open_probe(x);
		part(c, x, NULL, tell_probe);
	}
}

void trace_pack(const struct exchange *x, struct buffer *out)
{
	struct codec c = { .out = out, .start = out->len, .last = { .at = 0 } };
	put_number(&c, x->source);
	tell(&c, (struct exchange *)x); /* the same function reads: nothing is written to here */
}

struct exchange *trace_unpack(struct slice packed, size_t limit)
{
	struct codec c = { .reading = true, .whole = packed, .in = { .left = packed } };
	uint64_t source = get_number(&c);
	if (c.in.ran_out || source > TRACE_PROXY)
		return NULL;
	struct exchange *x = trace_begin((enum trace_source)source, limit);
	if (!x)
		return NULL;
	c.arena = x->arena;
	tell(&c, x);
	if (!c.bad && !c.in.ran_out && c.in.left.len == 0)
		return x;
	trace_free(x);
	return NULL;
}
