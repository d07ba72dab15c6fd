/* net/loop.h, net/socket.h and net/dns.h, over the simulated world. */
#include "world.h"

#include "net/dns_name.h"
#include "net/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- descriptors -------------------------------------------------------------------------- */

struct descriptor *descriptor_of(int fd)
{
	int i = fd - FIRST_FD;
	if (i >= 0 && i < world.fds && table[i].kind != KIND_FREE)
		return &table[i];
	fprintf(stderr, "sim: %d is no open descriptor\n", fd);
	abort();
}

static int open_descriptor(enum kind kind)
{
	int i = 0;
	if (world.fds_open >= world.options.descriptors || world.fds_open == MOST_FDS)
		return -EMFILE;
	while (i < world.fds && table[i].kind != KIND_FREE)
		i++;
	if (i == world.fds)
		world.fds++;
	world.fds_open++;
	table[i] = (struct descriptor){ .kind = kind };
	return FIRST_FD + i;
}

static void close_end(struct end *e)
{
	net_timer_stop(world.loop, &e->timer);
	if (e->connected && !e->broken) {
		/* What was not read, or is still to come, is answered with a RST. */
		if (e->aborting || e->in.len || e->other->out.len)
			send_reset(e, -ECONNRESET);
		else if (!e->fin_out)
			send_fin(e);
	}
	e->closed = e->broken = true;
	e->fd = -1;
}

static void close_descriptor(int fd)
{
	struct descriptor *d = descriptor_of(fd);
	assert(!d->watch);
	if (d->kind == KIND_SOCKET)
		close_end(d->end);
	for (struct end *e = d->kind == KIND_LISTENER ? d->queue : NULL; e; e = e->next_waiting) {
		e->aborting = true;
		close_end(e);
	}
	if (d->kind == KIND_PIPE && --d->pipe->ends == 0) {
		free(d->pipe->in.at);
		free(d->pipe);
	}
	d->kind = KIND_FREE;
	world.fds_open--;
}

static bool may_accept(const struct descriptor *d)
{
	for (struct end *e = d->queue; e; e = e->next_waiting)
		if (!e->deferred)
			return true;
	return false;
}

static bool is_writable(const struct end *e)
{
	return e->broken || (e->connected && room_of(e->other) * 3 >= e->other->room);
}

static unsigned what_of(const struct end *e)
{
	unsigned what = 0;
	if (!e->connected && !e->error)
		return 0;
	if (e->in.len || e->fin_in || e->broken)
		what |= NET_READABLE;
	if (is_writable(e))
		what |= NET_WRITABLE;
	if (e->fin_in || e->broken)
		what |= NET_HANGUP;
	if (e->error)
		what |= NET_FAILED;
	return what;
}

/* ---- the loop ----------------------------------------------------------------------------- */

struct net_loop *net_loop_new(struct error *err)
{
	assert(!world.loop);
	struct net_loop *loop = calloc(1, sizeof *loop);
	if (!loop) {
		err_set(err, -ENOMEM, "no memory for an event loop");
		return NULL;
	}
	loop->later_end = &loop->later;
	loop->calls_end = &loop->calls;
	wheel_init(&loop->coarse, 26, world.now);
	wheel_init(&loop->fine, 20, world.now);
	return world.loop = loop;
}

void net_loop_free(struct net_loop *loop)
{
	for (struct end *e = world.made; loop && e; e = e->next_made)
		net_timer_stop(loop, &e->timer);
	for (int i = 0; i < world.fds; i++)
		table[i].watch = NULL;
	free(loop);
	world.loop = NULL;
}

nanos net_now(const struct net_loop *loop)
{
	(void)loop;
	return world.now;
}

nanos net_wall(const struct net_loop *loop)
{
	return net_now(loop) + INT64_C(1700000000) * NANOS_PER_SECOND;
}

static int watch(struct net_watch *w)
{
	int code = fault(SIM_WATCH);
	if (code < 0)
		return code;
	struct descriptor *d = descriptor_of(w->fd);
	assert(!d->watch);
	d->watch = w;
	d->edge = d->kind == KIND_SOCKET && what_of(d->end);
	return 0;
}

int net_watch_add(struct net_loop *loop, struct net_watch *w)
{
	(void)loop;
	return watch(w);
}

int net_watch_listener(struct net_loop *loop, struct net_watch *w)
{
	(void)loop;
	return watch(w);
}

void net_watch_move(struct net_loop *loop, struct net_watch *from, struct net_watch *to)
{
	(void)loop;
	struct descriptor *d = descriptor_of(from->fd);
	assert(d->watch == from);
	d->watch = to;
	to->fd = from->fd;
	from->fd = -1;
}

void net_watch_stop(struct net_loop *loop, struct net_watch *w)
{
	(void)loop;
	if (w->fd >= 0 && descriptor_of(w->fd)->watch == w)
		descriptor_of(w->fd)->watch = NULL;
}

void net_watch_close(struct net_loop *loop, struct net_watch *w)
{
	if (w->fd < 0)
		return;
	net_watch_stop(loop, w);
	close_descriptor(w->fd);
	w->fd = -1;
}

void net_watch_retire(struct net_loop *loop, struct net_watch *w)
{
	net_watch_close(loop, w);
}

void net_timer_stop(struct net_loop *loop, struct net_timer *t)
{
	if (!t->prev)
		return;
	struct net_timer **list = wheel_unlink(t);
	if (*list)
		return;
	wheel_emptied(&loop->coarse, list);
	wheel_emptied(&loop->fine, list);
}

void net_timer_set(struct net_loop *loop, struct net_timer *t, nanos at)
{
	net_timer_stop(loop, t);
	wheel_set(&loop->coarse, t, world.now, at);
}

void net_timer_set_fine(struct net_loop *loop, struct net_timer *t, nanos at)
{
	net_timer_stop(loop, t);
	wheel_set(&loop->fine, t, world.now, at);
}

void net_loop_call(struct net_loop *loop, struct net_call *c)
{
	pthread_mutex_lock(&world.lock);
	c->next = NULL;
	*loop->calls_end = c;
	loop->calls_end = &c->next;
	pthread_cond_signal(&world.called);
	pthread_mutex_unlock(&world.lock);
}

void net_loop_later(struct net_loop *loop, struct net_call *c)
{
	c->next = NULL;
	*loop->later_end = c;
	loop->later_end = &c->next;
}

void net_loop_stop(struct net_loop *loop)
{
	loop->stop = true;
}

/* ---- a round ------------------------------------------------------------------------------ */

static bool run_list(struct net_call *first)
{
	for (struct net_call *c = first, *next; c; c = next) {
		next = c->next;
		c->run(c);
	}
	return first != NULL;
}

static bool run_calls(struct net_loop *loop)
{
	pthread_mutex_lock(&world.lock);
	struct net_call *first = loop->calls;
	loop->calls = NULL;
	loop->calls_end = &loop->calls;
	pthread_mutex_unlock(&world.lock);
	return run_list(first);
}

static bool run_later(struct net_loop *loop)
{
	struct net_call *first = loop->later;
	loop->later = NULL;
	loop->later_end = &loop->later;
	return run_list(first);
}

static bool fire_timers(struct net_loop *loop)
{
	bool any = false;
	wheel_advance(&loop->fine, world.now, &loop->due);
	wheel_advance(&loop->coarse, world.now, &loop->due);
	while (loop->due) {
		struct net_timer *t = loop->due;
		net_timer_stop(loop, t);
		t->fire(t);
		any = true;
	}
	return any;
}

static bool tell(struct descriptor *d)
{
	if (d->kind == KIND_FREE || !d->watch)
		return false;
	if (d->kind == KIND_LISTENER) {
		if (!may_accept(d))
			return false;
		d->watch->ready(d->watch, NET_READABLE);
		return true;
	}
	struct end *e = d->end;
	if (e->no_space && is_writable(e)) {
		e->no_space = false;
		d->edge = true;
	}
	if (!d->edge)
		return false;
	d->edge = false;
	d->watch->ready(d->watch, what_of(e));
	return true;
}

/* Peers go on speaking; with a seed, in pieces. */
static bool pump_all(void)
{
	bool any = false;
	for (struct end *e = world.made; e; e = e->next_made) {
		size_t unsent = e->out.len;
		bool fin = e->fin_out;
		if (!e->is_peer || e->broken)
			continue;
		if (unsent || (e->ending && !fin))
			pump(e);
		any = any || e->out.len != unsent || e->fin_out != fin;
	}
	return any;
}

bool round_once(void)
{
	struct net_loop *loop = world.loop;
	if (!loop)
		return false;
	bool any = pump_all();
	any = run_calls(loop) || any;
	for (int i = 0; i < world.fds; i++) {
		any = tell(&table[i]) || any;
		if (any && table[i].kind == KIND_SOCKET && by_chance(16))
			table[i].edge = true; /* without cause */
	}
	any = fire_timers(loop) || any;
	return run_later(loop) || any;
}

void net_loop_run(struct net_loop *loop)
{
	while (!loop->stop) {
		if (round_once())
			continue;
		nanos fine = wheel_next(&loop->fine, world.now);
		nanos coarse = wheel_next(&loop->coarse, world.now);
		nanos next = fine < coarse ? fine : coarse;
		if (next == INT64_MAX)
			break; /* nothing can happen any more */
		world.now = next;
	}
	loop->stop = false;
}

/* ---- listening and connecting ------------------------------------------------------------- */

int net_listen(const struct address *at, bool defer, struct error *err)
{
	int code = fault(SIM_LISTEN);
	struct address where = *at;
	for (int i = 0; code == 0 && at->port && i < world.fds; i++)
		if (table[i].kind == KIND_LISTENER && address_equal(&table[i].at, at))
			code = -EADDRINUSE;
	if (code == 0)
		code = open_descriptor(KIND_LISTENER);
	if (code < 0)
		return err_set(err, code, "listen: %s", net_error_name(code));
	if (!where.port)
		where.port = world.next_port++;
	descriptor_of(code)->at = where;
	descriptor_of(code)->defer = defer;
	return code;
}

int net_local(int fd, struct address *ret_address)
{
	struct descriptor *d = descriptor_of(fd);
	int code = fault(SIM_OPT);
	if (code == 0)
		*ret_address = d->kind == KIND_LISTENER ? d->at : d->end->at;
	return code;
}

bool net_is_here(const struct address *a)
{
	(void)a;
	return false;
}

static int open_socket(struct end *e)
{
	int fd = open_descriptor(KIND_SOCKET);
	if (fd < 0)
		return fd;
	descriptor_of(fd)->end = e;
	e->fd = fd;
	return fd;
}

int net_accept(int listener, struct address *ret_peer)
{
	struct descriptor *d = descriptor_of(listener);
	struct end **at = &d->queue;
	int code = fault(SIM_CALL_ACCEPT);
	if (code < 0)
		return code;
	while (*at && (*at)->deferred)
		at = &(*at)->next_waiting;
	struct end *e = *at;
	if (!e)
		return -EAGAIN;
	int fd = open_socket(e);
	if (fd < 0)
		return fd;
	*at = e->next_waiting;
	e->taken = true;
	*ret_peer = e->other->at;
	return fd;
}

static void on_connected(struct net_timer *t)
{
	struct end *e = (struct end *)((char *)t - offsetof(struct end, timer));
	if (e->connects_to < 0) {
		e->error = e->connects_to;
		e->broken = true;
	} else {
		struct end *peer = end_new();
		struct end **last = &e->origin->accepted;
		peer->is_peer = true;
		peer->at = e->origin->at;
		connect_ends(e, peer);
		while (*last)
			last = &(*last)->next_waiting;
		*last = peer;
	}
	edge(e);
}

static struct sim_origin *origin_at(const struct address *at)
{
	for (size_t i = 0; i < world.origins; i++)
		if (address_equal(&world.origin[i].at, at))
			return &world.origin[i];
	return NULL;
}

static int outcome_of(enum sim_manner manner)
{
	switch (manner) {
	case SIM_ACCEPT:
		return 0;
	case SIM_UNREACHABLE:
		return -EHOSTUNREACH;
	case SIM_SILENT:
		return -ETIMEDOUT;
	case SIM_NO_ROUTE:
		return -ENETUNREACH;
	default:
		return -ECONNREFUSED;
	}
}

int net_connect(const struct address *to, const struct address *from)
{
	struct sim_origin *o = origin_at(to);
	enum sim_manner manner = o ? o->manner : SIM_REFUSE;
	int code = fault(SIM_CONNECT);
	if (code == 0 && from && address_is_v4(from) != address_is_v4(to))
		code = -EAFNOSUPPORT;
	if (o)
		o->tries++;
	if (code == 0 && manner == SIM_NO_ROUTE)
		code = outcome_of(manner);
	if (code < 0)
		return code;
	struct end *e = end_new();
	int fd = open_socket(e);
	if (fd < 0)
		return fd;
	e->at = from ? *from : *to; /* as on one machine */
	e->at.port = world.next_port++;
	e->origin = o;
	e->connects_to = outcome_of(manner);
	e->timer.fire = on_connected;
	nanos delay = manner == SIM_SILENT ? 130 * NANOS_PER_SECOND : o ? o->delay : 0;
	if (delay)
		net_timer_set_fine(world.loop, &e->timer, world.now + delay);
	else
		on_connected(&e->timer);
	return fd;
}

int net_watch_connect(struct net_loop *loop, struct net_watch *w, const struct address *to,
		      const struct address *from)
{
	int code = net_connect(to, from);
	w->fd = code;
	if (code >= 0)
		code = net_watch_add(loop, w);
	if (code < 0)
		net_watch_close(loop, w);
	return code;
}

static struct end *socket_of(int fd)
{
	struct descriptor *d = descriptor_of(fd);
	assert(d->kind == KIND_SOCKET);
	return d->end;
}

static int take_error(struct end *e)
{
	int code = e->error;
	e->error = 0;
	return code;
}

int net_prompt(int fd)
{
	(void)fd;
	return 0;
}

int net_connect_result(int fd)
{
	return take_error(socket_of(fd));
}

/* ---- bytes -------------------------------------------------------------------------------- */

/* How many of `len` can be read; 0 for the end, or a negative errno. */
static ssize_t readable(struct end *e, size_t len)
{
	if (e->in.len)
		return (ssize_t)(len < e->in.len ? len : e->in.len);
	if (e->error)
		return take_error(e);
	return e->fin_in || e->broken ? 0 : -EAGAIN;
}

static void was_read(struct end *e, size_t len)
{
	bytes_drop(&e->in, len);
	if (e->other && !world.options.seed)
		pump(e->other);
}

ssize_t net_recv(int fd, void *into, size_t len)
{
	ssize_t got = net_peek(fd, into, len);
	if (got > 0)
		was_read(socket_of(fd), (size_t)got);
	return got;
}

ssize_t net_peek(int fd, void *into, size_t len)
{
	struct end *e = socket_of(fd);
	int code = fault(SIM_RECV);
	ssize_t got = code < 0 ? code : readable(e, len);
	if (got > 0)
		memcpy(into, e->in.at, (size_t)got);
	return got;
}

/* How many of `len` can be written, at least one; or a negative errno. */
static ssize_t writable(struct end *e, size_t len)
{
	if (e->error)
		return take_error(e);
	if (e->broken || e->fin_out)
		return -EPIPE;
	size_t room = e->connected ? room_of(e->other) : 0;
	size_t some = some_of(len < room ? len : room);
	if (some < len)
		e->no_space = true;
	return some ? (ssize_t)some : len ? -EAGAIN : 0;
}

ssize_t net_send(int fd, const void *bytes, size_t len, bool more)
{
	struct iovec part = { (void *)bytes, len };
	return net_send_parts(fd, &part, 1, more);
}

ssize_t net_send_parts(int fd, const struct iovec *part, int parts, bool more)
{
	struct end *e = socket_of(fd);
	size_t len = 0;
	(void)more;
	for (int i = 0; i < parts; i++)
		len += part[i].iov_len;
	int code = fault(SIM_SEND);
	ssize_t some = code < 0 ? code : writable(e, len);
	size_t left = some > 0 ? (size_t)some : 0;
	for (int i = 0; left; i++) {
		size_t now = part[i].iov_len < left ? part[i].iov_len : left;
		deliver(e->other, part[i].iov_base, now);
		left -= now;
	}
	return some;
}

int net_shut(int fd)
{
	struct end *e = socket_of(fd);
	int code = fault(SIM_OPT);
	if (code < 0)
		return code;
	if (!e->connected || e->broken)
		return -ENOTCONN;
	if (!e->fin_out)
		send_fin(e);
	return 0;
}

void net_abort(int fd)
{
	socket_of(fd)->aborting = true;
}

void net_close(int fd)
{
	close_descriptor(fd);
}

/* ---- pipes -------------------------------------------------------------------------------- */

int net_pipe_open(struct net_pipe *ret_pipe, size_t room)
{
	int code = world.options.splice ? fault(SIM_PIPE) : -ENOSYS;
	(void)room; /* the world's */
	if (code < 0)
		return code;
	int in = open_descriptor(KIND_PIPE);
	int out = in < 0 ? in : open_descriptor(KIND_PIPE);
	struct pipe_bytes *p = out < 0 ? NULL : calloc(1, sizeof *p);
	if (!p) {
		for (int i = 0; i < 2; i++) {
			int fd = i ? out : in;
			if (fd >= 0) {
				descriptor_of(fd)->kind = KIND_FREE;
				world.fds_open--;
			}
		}
		return out < 0 ? out : -ENOMEM;
	}
	p->ends = 2;
	descriptor_of(in)->pipe = descriptor_of(out)->pipe = p;
	*ret_pipe = (struct net_pipe){ .read = in, .write = out };
	return 0;
}

void net_pipe_close(struct net_pipe *p)
{
	close_descriptor(p->read);
	close_descriptor(p->write);
	*p = (struct net_pipe){ .read = -1, .write = -1 };
}

ssize_t net_splice_in(int fd, struct net_pipe *p, size_t most)
{
	struct end *e = socket_of(fd);
	struct bytes *to = &descriptor_of(p->write)->pipe->in;
	size_t room = to->len < world.options.room ? world.options.room - to->len : 0;
	int code = fault(SIM_SPLICE_IN);
	if (code < 0)
		return code;
	if (!room)
		return -EAGAIN;
	ssize_t got = readable(e, most < room ? most : room);
	if (got > 0) {
		bytes_add(to, e->in.at, (size_t)got);
		was_read(e, (size_t)got);
	}
	return got;
}

ssize_t net_splice_out(struct net_pipe *p, int fd, size_t most)
{
	struct end *e = socket_of(fd);
	struct bytes *from = &descriptor_of(p->read)->pipe->in;
	int code = fault(SIM_SPLICE_OUT);
	if (code < 0)
		return code;
	if (!from->len)
		return -EAGAIN;
	ssize_t some = writable(e, most < from->len ? most : from->len);
	if (some > 0) {
		deliver(e->other, from->at, (size_t)some);
		bytes_drop(from, (size_t)some);
	}
	return some;
}

/* ---- bounds and facts --------------------------------------------------------------------- */

int net_limit_buffers(int fd, size_t receive, size_t unsent)
{
	struct end *e = socket_of(fd);
	int code = fault(SIM_OPT);
	(void)unsent;
	if (code == 0 && receive)
		e->room = receive;
	return code;
}

int net_facts(int fd, struct net_facts *ret_facts)
{
	const struct end *e = socket_of(fd);
	int code = fault(SIM_OPT);
	if (code < 0)
		return code;
	*ret_facts = (struct net_facts){
		.rtt = NANOS_PER_MS,
		.rtt_min = NANOS_PER_MS,
		.mss_out = 1460,
		.mss_in = 1460,
		.path_mtu = 1500,
		.bytes_sent = e->sent,
		.bytes_acked = e->sent,
		.bytes_received = e->received,
		.state = e->connected && !e->broken ? 1 : 7,
	};
	return 0;
}

/* ---- names -------------------------------------------------------------------------------- */

struct asked {
	struct net_timer timer;
	struct asked *next, **prev;
	struct net_question *question;
	struct net_addresses answer;
};

struct net_dns {
	struct asked *asked;
	struct net_dns_counts counts;
};

struct net_dns *net_dns_new(struct net_loop *loop, const struct net_dns_options *options,
			    struct error *err)
{
	(void)loop;
	(void)options;
	struct net_dns *dns = calloc(1, sizeof *dns);
	if (!dns)
		err_set(err, -ENOMEM, "no memory for a resolver");
	return dns;
}

static void forget(struct asked *a)
{
	net_timer_stop(world.loop, &a->timer);
	*a->prev = a->next;
	if (a->next)
		a->next->prev = a->prev;
	a->question->asked = NULL;
	free(a);
}

void net_dns_free(struct net_dns *dns)
{
	while (dns && dns->asked)
		forget(dns->asked);
	free(dns);
}

static void on_answer(struct net_timer *t)
{
	struct asked *a = (struct asked *)t;
	struct net_question *q = a->question;
	struct net_addresses answer = a->answer;
	forget(a);
	q->answered(q, &answer);
}

static struct net_addresses one_address(const struct address *a, enum net_family family)
{
	if (address_is_v4(a) != (family == NET_V4))
		return (struct net_addresses){ .status = NET_DNS_NO_ADDRESS };
	return (struct net_addresses){ .status = NET_DNS_OK, .count = 1, .address = { *a } };
}

static struct net_addresses look_up(struct slice name, enum net_family family, nanos *ret_delay)
{
	static const struct address v4 = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 } },
				    v6 = { .ip = { [15] = 1 } };
	struct dns_name read;
	enum dns_kind kind = dns_name_read(name, &read);
	*ret_delay = 0;
	if (kind == DNS_LITERAL)
		return one_address(&read.literal, family);
	if (kind == DNS_LOOPBACK)
		return one_address(family == NET_V4 ? &v4 : &v6, family);
	if (kind == DNS_BAD)
		return (struct net_addresses){ .status = NET_DNS_BAD_NAME };
	for (size_t i = 0; kind == DNS_ASK && i < world.names; i++) {
		if (strcmp(world.name[i].name, read.text) != 0)
			continue;
		*ret_delay = world.name[i].delay[family];
		return world.name[i].family[family];
	}
	return (struct net_addresses){ .status = NET_DNS_NO_NAME };
}

bool net_dns_ask(struct net_dns *dns, struct slice name, enum net_family family,
		 struct net_question *q)
{
	nanos delay;
	struct net_addresses answer = look_up(name, family, &delay);
	dns->counts.asked++;
	q->asked = NULL;
	struct asked *a = NULL;
	bool short_of_something = fault(SIM_ASK) < 0;
	if (!short_of_something && delay)
		a = calloc(1, sizeof *a);
	if (short_of_something || (delay && !a))
		answer = (struct net_addresses){ .status = NET_DNS_SHORT };
	if (!a) {
		q->answered(q, &answer);
		return true;
	}
	*a = (struct asked){ .timer.fire = on_answer,
			     .question = q,
			     .answer = answer,
			     .next = dns->asked,
			     .prev = &dns->asked };
	if (a->next)
		a->next->prev = &a->next;
	dns->asked = a;
	q->asked = a;
	net_timer_set_fine(world.loop, &a->timer, world.now + delay);
	return false;
}

void net_dns_drop(struct net_question *q)
{
	if (q->asked)
		forget(q->asked);
}

struct net_dns_counts net_dns_counts(const struct net_dns *dns)
{
	return dns->counts;
}
