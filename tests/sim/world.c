/* The world: peers, origins, names, time. */
#include "world.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct world world;
struct descriptor table[MOST_FDS];

/* ---- chance and faults -------------------------------------------------------------------- */

static uint32_t throw_dice(void)
{
	uint32_t x = world.chance;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return world.chance = x;
}

bool by_chance(unsigned n)
{
	return world.options.seed && throw_dice() % n == 0;
}

size_t some_of(size_t most)
{
	if (!world.options.seed || most < 2 || by_chance(4))
		return most;
	return 1 + throw_dice() % (by_chance(2) && most > 8 ? 8 : most);
}

int fault(enum sim_call which)
{
	static const int runs_out[] = {
		[SIM_ALLOC] = -ENOMEM,     [SIM_WATCH] = -ENOMEM,       [SIM_LISTEN] = -EMFILE,
		[SIM_OPT] = -ENOBUFS,      [SIM_CALL_ACCEPT] = -EMFILE, [SIM_CONNECT] = -EMFILE,
		[SIM_RECV] = -ENOMEM,      [SIM_SEND] = -ENOBUFS,       [SIM_PIPE] = -EMFILE,
		[SIM_SPLICE_IN] = -ENOMEM, [SIM_SPLICE_OUT] = -ENOMEM,  [SIM_ASK] = -ENOMEM,
	};
	int code = 0;
	world.calls++;
	if (world.fail_any && --world.fail_any == 0)
		code = runs_out[which];
	else if (world.fail_nth[which] && --world.fail_nth[which] == 0)
		code = world.fail_code[which];
	if (code)
		world.has_failed = true;
	return code;
}

void sim_fail(enum sim_call which, unsigned nth, int code)
{
	world.fail_nth[which] = nth;
	world.fail_code[which] = code;
	world.has_failed = false;
}

void sim_fail_any(unsigned nth)
{
	world.fail_any = nth;
	world.has_failed = false;
}

unsigned sim_calls(void)
{
	return world.calls;
}

bool sim_has_failed(void)
{
	return world.has_failed;
}

/* ---- connections -------------------------------------------------------------------------- */

void edge(struct end *e)
{
	if (e->fd >= 0)
		descriptor_of(e->fd)->edge = true;
}

void connect_ends(struct end *a, struct end *b)
{
	a->other = b;
	b->other = a;
	a->connected = b->connected = true;
}

size_t room_of(const struct end *e)
{
	if (e->is_peer && !e->paused)
		return e->room;
	return e->in.len < e->room ? e->room - e->in.len : 0;
}

void deliver(struct end *to, const void *from, size_t len)
{
	bytes_add(&to->in, from, len);
	to->received += len;
	to->other->sent += len;
	edge(to);
}

static void give_fin(struct end *to)
{
	to->fin_in = true;
	edge(to);
}

void pump(struct end *peer)
{
	struct end *to = peer->other;
	if (peer->broken || !to || to->broken)
		return;
	size_t room = room_of(to);
	size_t len = some_of(peer->out.len < room ? peer->out.len : room);
	if (len) {
		deliver(to, peer->out.at, len);
		bytes_drop(&peer->out, len);
	}
	if (peer->ending && !peer->fin_out && peer->out.len == 0) {
		peer->fin_out = true;
		give_fin(to);
	}
}

void send_fin(struct end *from)
{
	from->fin_out = true;
	if (from->other && !from->other->broken)
		give_fin(from->other);
}

void send_reset(struct end *from, int error)
{
	struct end *to = from->other;
	from->broken = true;
	if (!to || to->broken)
		return;
	to->broken = to->reset_in = true;
	to->error = error;
	to->out.len = 0;
	edge(to);
}

/* ---- peers -------------------------------------------------------------------------------- */

/* A peer is its end. */
static struct end *end_of(const struct sim_peer *p)
{
	return (struct end *)p;
}

static struct address literal(const char *text)
{
	struct address a;
	if (!address_parse(slice_of(text), &a)) {
		fprintf(stderr, "sim: '%s' is no address\n", text);
		abort();
	}
	return a;
}

static void take_off_deferral(struct end *e)
{
	e->deferred = false;
	net_timer_stop(world.loop, &e->timer);
}

static void on_deferred(struct net_timer *t)
{
	take_off_deferral((struct end *)((char *)t - offsetof(struct end, timer)));
}

static struct descriptor *listener_at(const struct address *at)
{
	for (int i = 0; i < world.fds; i++) {
		struct descriptor *d = &table[i];
		if (d->kind == KIND_LISTENER && address_equal(&d->at, at))
			return d;
	}
	return NULL;
}

struct sim_peer *sim_connect(const char *from, const struct address *to)
{
	struct descriptor *l = listener_at(to);
	if (!l)
		return NULL;
	struct end *client = end_new(), *ours = end_new();
	client->is_peer = true;
	client->at = literal(from);
	ours->at = *to;
	connect_ends(client, ours);
	struct end **last = &l->queue;
	while (*last)
		last = &(*last)->next_waiting;
	*last = ours;
	if (l->defer) {
		ours->deferred = true;
		ours->timer.fire = on_deferred;
		net_timer_set(world.loop, &ours->timer, world.now + NANOS_PER_SECOND);
	}
	return (struct sim_peer *)client;
}

void sim_say(struct sim_peer *p, struct slice bytes)
{
	struct end *e = end_of(p);
	assert(!e->ending);
	if (e->other && e->other->closed && !e->broken)
		e->broken = e->reset_in = true; /* nobody is there for it any more */
	if (e->broken)
		return;
	bytes_add(&e->out, bytes.at, bytes.len);
	if (!world.options.seed)
		pump(e);
	if (e->other && e->other->deferred)
		take_off_deferral(e->other);
}

void sim_say_text(struct sim_peer *p, const char *text)
{
	sim_say(p, slice_of(text));
}

void sim_finish(struct sim_peer *p)
{
	struct end *e = end_of(p);
	e->ending = true;
	if (!world.options.seed)
		pump(e);
	if (e->other && e->other->deferred)
		take_off_deferral(e->other);
}

void sim_reset(struct sim_peer *p)
{
	if (!end_of(p)->broken)
		send_reset(end_of(p), -ECONNRESET);
}

/* What it holds back is counted from when it stopped. */
void sim_pause(struct sim_peer *p, bool paused)
{
	struct end *e = end_of(p);
	if (paused && !e->paused)
		e->room += e->in.len;
	if (!paused && e->paused)
		e->room = world.options.room;
	e->paused = paused;
}

struct slice sim_heard(const struct sim_peer *p)
{
	const struct end *e = end_of(p);
	return (struct slice){ e->in.at, e->in.len };
}

void sim_forget(struct sim_peer *p)
{
	struct end *e = end_of(p);
	if (e->paused)
		e->room -= e->in.len < e->room ? e->in.len : e->room;
	e->in.len = 0;
}

size_t sim_unsent(const struct sim_peer *p)
{
	return end_of(p)->out.len;
}

bool sim_was_ended(const struct sim_peer *p)
{
	return end_of(p)->fin_in;
}

bool sim_was_reset(const struct sim_peer *p)
{
	return end_of(p)->reset_in;
}

bool sim_is_accepted(const struct sim_peer *p)
{
	return end_of(p)->other && end_of(p)->other->taken;
}

/* ---- origins and names -------------------------------------------------------------------- */

struct sim_origin *sim_serve(const char *at, enum sim_manner manner, nanos delay)
{
	assert(world.origins < MOST_ORIGINS);
	struct sim_origin *o = &world.origin[world.origins++];
	*o = (struct sim_origin){ .at = literal(at), .manner = manner, .delay = delay };
	return o;
}

void sim_behave(struct sim_origin *o, enum sim_manner manner, nanos delay)
{
	o->manner = manner;
	o->delay = delay;
}

struct sim_peer *sim_accepted(struct sim_origin *o)
{
	struct end *e = o->accepted;
	if (e)
		o->accepted = e->next_waiting;
	return (struct sim_peer *)e;
}

unsigned sim_tries(const struct sim_origin *o)
{
	return o->tries;
}

static struct net_addresses read_addresses(enum net_dns_status status, const char *text)
{
	struct net_addresses a = { .status = status };
	struct slice rest = slice_of(status == NET_DNS_OK ? text : NULL);
	while (rest.len && a.count < NET_MAX_ADDRESSES) {
		char one[64];
		struct slice word = slice_cut(&rest, ' ');
		snprintf(one, sizeof one, "%.*s", (int)word.len, (const char *)word.at);
		a.address[a.count++] = literal(one);
	}
	if (status == NET_DNS_OK && a.count == 0)
		a.status = NET_DNS_NO_ADDRESS;
	return a;
}

static struct known_name *name_of(const char *name)
{
	struct known_name *n = world.name;
	while (n < world.name + world.names && strcmp(n->name, name) != 0)
		n++;
	assert(n < world.name + MOST_NAMES);
	if (n < world.name + world.names)
		return n;
	world.names++;
	snprintf(n->name, sizeof n->name, "%s", name);
	n->family[NET_V4].status = n->family[NET_V6].status = NET_DNS_NO_ADDRESS;
	return n;
}

void sim_name(const char *name, enum net_dns_status status, nanos delay, const char *v4,
	      const char *v6)
{
	struct known_name *n = name_of(name);
	n->delay[NET_V4] = n->delay[NET_V6] = delay;
	n->family[NET_V4] = read_addresses(status, v4);
	n->family[NET_V6] = read_addresses(status, v6);
}

void sim_name_late(const char *name, enum net_family family, nanos delay, const char *addresses)
{
	struct known_name *n = name_of(name);
	n->delay[family] = delay;
	n->family[family] = read_addresses(NET_DNS_OK, addresses);
}

/* ---- going on ----------------------------------------------------------------------------- */

void sim_settle(void)
{
	for (unsigned rounds = 0; round_once(); rounds++) {
		if (rounds < 100000)
			continue;
		fprintf(stderr, "sim: busy for nothing\n");
		abort();
	}
}

void sim_pass(nanos span)
{
	nanos end = world.now + span;
	sim_settle();
	for (;;) {
		nanos fine = wheel_next(&world.loop->fine, world.now);
		nanos coarse = wheel_next(&world.loop->coarse, world.now);
		nanos next = fine < coarse ? fine : coarse;
		world.now = next < end ? next : end;
		sim_settle();
		if (world.now == end)
			return;
	}
}

bool sim_await_call(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&world.lock);
	int code = 0;
	while (!world.loop->calls && code == 0)
		code = pthread_cond_timedwait(&world.called, &world.lock, &until);
	pthread_mutex_unlock(&world.lock);
	sim_settle();
	return code == 0;
}

/* ---- the beginning and the end ------------------------------------------------------------ */

void sim_begin(const struct sim_options *options)
{
	assert(!world.is_on);
	memset(&world, 0, sizeof world);
	world.options = *options;
	world.chance = options->seed * 2654435761u | 1;
	if (!world.options.room)
		world.options.room = 64 << 10;
	if (!world.options.descriptors)
		world.options.descriptors = 4096;
	world.now = 1000 * NANOS_PER_SECOND;
	world.next_port = 10000;
	pthread_mutex_init(&world.lock, NULL);
	pthread_cond_init(&world.called, NULL);
	world.is_on = true;
}

unsigned sim_end(void)
{
	unsigned left = (unsigned)world.fds_open;
	for (int i = 0; i < world.fds; i++) {
		struct pipe_bytes *p = table[i].kind == KIND_PIPE ? table[i].pipe : NULL;
		if (p && --p->ends == 0) {
			free(p->in.at);
			free(p);
		}
	}
	for (struct end *e = world.made, *next; e; e = next) {
		next = e->next_made;
		free(e->in.at);
		free(e->out.at);
		free(e);
	}
	memset(table, 0, (size_t)world.fds * sizeof *table);
	pthread_cond_destroy(&world.called);
	pthread_mutex_destroy(&world.lock);
	world.is_on = false;
	return left;
}
