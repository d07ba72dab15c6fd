/* The MTU proof: where size alone decides whether segments arrive, there is a hole for large ones,
 * and the largest that arrives names the MTU.
 *
 * Both ways are tried apart. TCP_MAXSEG, set before a connection is made, is announced, and so
 * limits what the proxy sends; and is kept to by this side. An MSS counts TCP's options in (RFC
 * 6691), so that time stamps change nothing: the IP packet has 40 bytes more, or 60 with IPv6.
 *
 * Up: a piece of a large request is sent, and that the kernel sees it acknowledged is all that is
 * wanted. Nothing large comes down meanwhile, so that the small announcement does no harm.
 * Down: the walk is made again, with smaller announcements. What it sends is small as a rule; where
 * it is not, and is stuck, sizes above those that pass upward are not tried. */
#include "check/again.h"
#include "check/around.h"
#include "net/socket.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Every host takes datagrams of 576 bytes (RFC 791): smaller MTUs than that are not looked for. */
enum { SMALLEST = 536, ABREAST = AGAIN_MOST, TWICE = ABREAST / 2, ROUNDS = 8, LARGEST = 32767 };

/* Three segments of it are less than a TLS record. */
enum { LARGEST_IN_TLS = 5000 };

enum fate { FATE_UNKNOWN, FATE_GOOD, FATE_BAD };

/* What is known of one direction. */
struct hunt {
	/* Tries them all at once, and says what became of each. */
	void (*try)(struct hunt *h, const uint32_t *sizes, enum fate *ret_fates, size_t count);
	struct check_around *around;
	struct check_addresses proxy;
	uint32_t top;      /* the largest that is possible */
	uint32_t low;      /* the largest that was good; 0: none was */
	uint32_t high;     /* the smallest above it that was bad; top + 1: none was */
	unsigned seen_bad; /* how often `high` was */
	uint32_t bad[ROUNDS * ABREAST];
	size_t bads;
	nanos longest;     /* that a round may take */
	uint32_t options;  /* bytes of TCP's options in each segment */
	uint32_t largest;  /* that was seen to pass, where none was bad; 0 unknown */
	const char *fault; /* why nothing can be measured; constant */
};

/* ---- the hunt for the boundary --------------------------------------------------------------- */

/* One that is good makes smaller ones good: those that were bad had other losses than by size. */
static void learn(struct hunt *h, const uint32_t *sizes, const enum fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fates[i] == FATE_GOOD && sizes[i] > h->low)
			h->low = sizes[i];
		if (fates[i] == FATE_BAD)
			h->bad[h->bads++] = sizes[i];
	}
	h->high = h->top + 1;
	h->seen_bad = 0;
	for (size_t i = 0; i < h->bads; i++) {
		if (h->bad[i] <= h->low || h->bad[i] > h->high)
			continue;
		h->seen_bad = h->bad[i] == h->high ? h->seen_bad + 1 : 1;
		h->high = h->bad[i];
	}
}

/* Sizes in between; when they are few, each twice, so that no single loss makes a boundary. */
static size_t spread(const struct hunt *h, uint32_t *ret_sizes)
{
	uint32_t between = h->high - h->low - 1;
	size_t n = 0;
	if (between > TWICE) {
		for (; n < ABREAST; n++)
			ret_sizes[n] = h->low + (between + 1) * ((uint32_t)n + 1) / (ABREAST + 1);
		return n;
	}
	uint32_t size = between ? h->low + 1 : h->high, last = between ? h->high - 1 : h->high;
	for (; size <= last; size++) {
		ret_sizes[n++] = size;
		ret_sizes[n++] = size;
	}
	return n;
}

static bool is_found(const struct hunt *h)
{
	return h->low > 0 && h->high <= h->top && h->high - h->low == 1 && h->seen_bad >= 2;
}

static bool is_open(const struct hunt *h)
{
	return !h->fault && h->low > 0 && h->low < h->top && !is_found(h);
}

static void hunt(struct hunt *h)
{
	uint32_t sizes[ABREAST];
	size_t count = ABREAST;
	for (uint32_t i = 0; i < ABREAST; i++)
		sizes[i] = SMALLEST + (h->top - SMALLEST) * i / (ABREAST - 1);
	for (int round = 0; round == 0 || (round < ROUNDS && is_open(h)); round++) {
		enum fate fates[ABREAST] = { FATE_UNKNOWN };
		if (round > 0)
			count = spread(h, sizes);
		h->try(h, sizes, fates, count);
		if (!h->fault)
			learn(h, sizes, fates, count);
	}
}

/* ---- up: acknowledged, or not ---------------------------------------------------------------- */

struct piece {
	int fd;
	bool sent, reset; /* reset: what was acknowledged till then is not known any more */
	enum fate fate;
	uint32_t mss; /* of one that is good */
};

/* The kernel keeps to it only where it could be set: an old one, or a filter on system calls. */
static const char NOT_SET[] = "could not set the MSS";

static void look_at(struct piece *p, struct slice bytes, bool writable)
{
	struct net_facts f;
	if (p->fate != FATE_UNKNOWN || !writable)
		return;
	if (!p->sent) {
		if (net_connect_result(p->fd) < 0)
			return; /* not the question that is asked here */
		net_prompt(p->fd);
		p->sent = net_send(p->fd, bytes.at, bytes.len, false) > 0;
		return;
	}
	if (net_facts(p->fd, &f) < 0)
		return;
	p->reset = f.state == TCP_CLOSE;
	if (f.unacked > 0 || f.not_sent > 0 || p->reset)
		return;
	p->fate = FATE_GOOD;
	p->mss = f.mss_out + f.options;
}

/* An acknowledgement makes no descriptor ready: it is looked for this often. */
enum { LOOK_MS = 5 };

static bool look_at_all(struct piece *pieces, size_t count, struct slice bytes)
{
	struct pollfd fds[ABREAST];
	bool news = false;
	for (size_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){ .fd = pieces[i].fd, .events = POLLOUT };
	poll(fds, count, 0);
	for (size_t i = 0; i < count; i++) {
		enum fate before = pieces[i].fate;
		look_at(&pieces[i], bytes, fds[i].revents != 0);
		news = news || pieces[i].fate != before;
	}
	return news;
}

static void wait_for_acks(struct hunt *h, struct piece *pieces, size_t count, struct slice bytes)
{
	nanos begun = check_now(), end = begun + h->longest, until = end;
	bool waiting = true;
	while (waiting && check_now() < until) {
		if (look_at_all(pieces, count, bytes)) {
			nanos now = check_now(),
			      enough = now + NANOS_PER_SECOND + 3 * (now - begun);
			until = enough < end ? enough : end;
		}
		waiting = false;
		for (size_t i = 0; i < count; i++)
			waiting = waiting || (!pieces[i].reset && pieces[i].fate == FATE_UNKNOWN);
		if (waiting)
			poll(NULL, 0, LOOK_MS);
	}
}

/* The beginning of a request that is never completed, so that nobody acts on it: a head in clear,
 * or a TLS record where the proxy is spoken to so. Three full segments. */
static struct slice begin_request(const struct hunt *h, uint8_t *into, size_t size)
{
	static const uint8_t record[] = { 0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3 };
	const struct check_options *o = h->around->options;
	size_t len = 3 * (size_t)h->top;
	if (len > size)
		len = size;
	memset(into, 'x', len);
	if (o->proxy->secure) {
		memcpy(into, record, sizeof record);
		return (struct slice){ into, len };
	}
	bool colons = strchr(o->target.host, ':') != NULL;
	char head[3 * CHECK_MAX_HOST];
	int n = snprintf(head, sizeof head,
			 colons ? "CONNECT [%s]:%u HTTP/1.1\r\nX-Padding: "
				: "CONNECT %s:%u HTTP/1.1\r\nX-Padding: ",
			 o->target.host, o->target.port);
	memcpy(into, head, (size_t)n < len ? (size_t)n : len);
	return (struct slice){ into, len };
}

static void try_up(struct hunt *h, const uint32_t *sizes, enum fate *ret_fates, size_t count)
{
	static uint8_t bytes[3 * LARGEST];
	struct piece pieces[ABREAST];
	struct slice request = begin_request(h, bytes, sizeof bytes);
	for (size_t i = 0; i < count; i++) {
		pieces[i] = (struct piece){ .fd = net_connect_small(h->proxy.address, sizes[i]) };
		if (pieces[i].fd < 0)
			h->fault = NOT_SET;
	}
	if (!h->fault)
		wait_for_acks(h, pieces, count, request);
	for (size_t i = 0; i < count; i++) {
		bool lost = pieces[i].sent && !pieces[i].reset && pieces[i].fate == FATE_UNKNOWN;
		ret_fates[i] = lost ? FATE_BAD : pieces[i].fate;
		if (pieces[i].fate == FATE_GOOD && pieces[i].mss > h->largest)
			h->largest = pieces[i].mss;
		if (pieces[i].fd < 0)
			continue;
		net_abort(pieces[i].fd); /* what is still unsent is not to be sent for minutes */
		net_close(pieces[i].fd);
	}
}

/* ---- down: the walk again -------------------------------------------------------------------- */

/* It went through; or got beyond where the plain walk broke, and then met something else than
 * silence; or at least so much more came that it can't have been what fits small segments alone. */
static bool got_on(const struct again *a, const void *context)
{
	const struct hunt *h = context;
	const struct repeat *w = &a->walk;
	const struct check_around *r = h->around;
	uint64_t least = r->x->bytes[PROXY] + h->top;
	return a->code == 0 && w->step >= CHECK_PROXY &&
	       (!w->failed || (!w->silent && w->step > r->where) ||
		again_bytes(a, trace_is_inside(r->x)) >= least);
}

/* One whose connection took a second SYN had too little time for the rest. */
static bool was_silent(const struct again *a)
{
	const struct repeat *w = &a->walk;
	return a->code == 0 && w->silent && w->step >= CHECK_PROXY && w->count > 0 &&
	       w->exchange[0]->syns < 2;
}

static void try_down(struct hunt *h, const uint32_t *sizes, enum fate *ret_fates, size_t count)
{
	struct again walks[ABREAST];
	struct check_options o = *h->around->options;
	uint64_t more = h->around->x->response.body_bytes + 16 * (uint64_t)h->top;
	if (o.most > more)
		o.most = more;
	if (h->around->where == CHECK_PROXY)
		o.user = NULL; /* to be asked for it is enough, and no attempt with a password */
	for (size_t i = 0; i < count; i++)
		walks[i] = (struct again){
			.altered = { .mss = sizes[i], .proxy = &h->proxy, .unverified = true }
		};
	again_walk(&o, walks, count, h->longest, got_on, h);
	nanos slowest = 0;
	for (size_t i = 0; i < count; i++) {
		const struct again *a = &walks[i];
		bool good = got_on(a, h);
		if (good || was_silent(a))
			ret_fates[i] = good ? FATE_GOOD : FATE_BAD;
		if (good && a->took > slowest)
			slowest = a->took;
	}
	if (slowest > 0 && NANOS_PER_SECOND + 4 * slowest < h->longest)
		h->longest = NANOS_PER_SECOND + 4 * slowest;
	again_done(walks, count);
}

/* Nothing failed that could be tried again: how large were the segments that came? */
static void see_down(struct hunt *h)
{
	struct again one = { .altered = { .proxy = &h->proxy, .unverified = true } };
	again_walk(h->around->options, &one, 1, h->longest, got_on, h);
	for (size_t i = 0; i < one.walk.count; i++) {
		const struct trace_path *path = one.walk.exchange[i]->path;
		if (path && path[PROXY].largest > h->largest)
			h->largest = path[PROXY].largest;
	}
	if (h->largest == 0)
		h->fault = "nothing came that could be measured";
	h->low = h->top;
	h->largest += h->options;
	again_done(&one, 1);
}

/* ---- both ------------------------------------------------------------------------------------ */

/* What this host would announce, and what the kernel has learned of the way. */
static bool see_path(const struct address *proxy, nanos longest, struct net_facts *ret_facts)
{
	int fd = net_connect(proxy, NULL);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	if (fd < 0)
		return false;
	bool seen = poll(&p, 1, (int)(longest / NANOS_PER_MS)) == 1 &&
		    net_connect_result(fd) == 0 && net_facts(fd, ret_facts) == 0;
	net_close(fd);
	return seen;
}

static void note(const struct hunt *h, struct trace_size *ret_size)
{
	struct trace_size *s = ret_size;
	*s = (struct trace_size){ .how = SIZE_UNKNOWN, .why = h->fault };
	if (h->fault)
		return;
	if (is_found(h))
		*s = (struct trace_size){ SIZE_BOUNDARY, (uint16_t)h->low, (uint16_t)h->high,
					  NULL };
	else if (h->low == 0 && h->bads > 0)
		*s = (struct trace_size){ .how = SIZE_NONE_PASSES };
	else if (h->low == h->top)
		*s = (struct trace_size){ SIZE_ALL_PASS, (uint16_t)h->largest, 0, NULL };
	else
		s->why = "some were lost, or reset, whatever their size";
}

static size_t say(const struct trace_size *s, const char *way, unsigned header, char *into,
		  size_t size)
{
	int n = 0;
	switch (s->how) {
	case SIZE_UNKNOWN:
		n = snprintf(into, size, "%s: not measured, %s", way, s->why);
		break;
	case SIZE_ALL_PASS:
		n = snprintf(into, size, "%s: an MSS of %u passes", way, s->passes);
		break;
	case SIZE_BOUNDARY:
		n = snprintf(into, size, "%s: an MSS of %u passes, %u does not: the MTU is %u", way,
			     s->passes, s->fails, s->passes + header);
		break;
	case SIZE_NONE_PASSES:
		n = snprintf(into, size, "%s: smaller segments fare no better", way);
		break;
	}
	return (size_t)n < size ? (size_t)n : size - 1;
}

static void conclude(struct check_around *a, const struct hunt *up, const struct hunt *down)
{
	struct trace_mtu *m = &a->x->probe->mtu;
	size_t size = sizeof a->seen;
	m->looked = true;
	m->broke = a->broke;
	note(up, &m->way[CLIENT]);
	note(down, &m->way[PROXY]);
	size_t len = say(&m->way[CLIENT], "up", m->header, a->seen, size);
	len += (size_t)snprintf(a->seen + len, size - len, "; ");
	say(&m->way[PROXY], "down", m->header, a->seen + len, size - len);
	m->text = arena_string(a->x->arena, slice_of(a->seen));
}

static void look_down(struct hunt *h)
{
	const struct check_around *a = h->around;
	if (a->broke && a->where == CHECK_AUTH)
		h->fault = "the password is not to be tried so often";
	else if (a->broke && a->where < CHECK_PROXY)
		h->fault = "the walk did not get so far";
	else if (a->broke)
		hunt(h);
	else
		see_down(h);
}

static void *look_up(void *up)
{
	hunt(up);
	return NULL;
}

/* Side by side. But sizes that were stuck on their way up are none to try the way down with. */
static void look_both_ways(struct hunt *up, struct hunt *down)
{
	const struct exchange *x = up->around->x;
	pthread_t beside;
	if ((x->path && x->path[CLIENT].unacked > 0) ||
	    pthread_create(&beside, NULL, look_up, up) != 0) {
		hunt(up);
		if (up->low > 0 && up->low < down->top)
			down->top = up->low;
		look_down(down);
		return;
	}
	look_down(down);
	pthread_join(beside, NULL);
}

int check_mtu(struct check_around *a, struct error *err)
{
	struct hunt up = { .try = try_up, .around = a, .longest = a->options->patience / 2 }, down;
	struct net_facts f;
	(void)err;
	up.proxy = (struct check_addresses){ .address = { a->x->proxy }, .count = 1 };
	if (address_is_none(&a->x->proxy) || !see_path(&a->x->proxy, up.longest, &f)) {
		snprintf(a->seen, sizeof a->seen,
			 "not measured, there is no connection to the proxy");
		return 0;
	}
	a->x->probe->mtu.header = address_is_v4(&a->x->proxy) ? 40 : 60;
	up.top = f.mss_announced < LARGEST ? f.mss_announced : LARGEST;
	up.options = f.options;
	if (up.top <= SMALLEST)
		up.fault = "this host itself announces no larger segments than every path carries";
	down = up;
	down.try = try_down;
	if (a->options->proxy->secure && up.top > LARGEST_IN_TLS)
		up.top = LARGEST_IN_TLS;
	if (!up.fault)
		look_both_ways(&up, &down);
	conclude(a, &up, &down);
	return 0;
}
