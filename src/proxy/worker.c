/* A worker: its pools, its door, its end. */
#include "proxy/worker.h"

#include "http/head.h"
#include "proxy/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	PAUSE_MS = 200,
	SAY_SECONDS = 60,
	ACCEPT_MOST = 8,
	ACCEPT_ALONE = 8,
	MAX_OUT = 256 << 10,
	MAX_END = 32 << 10
};

/* ---- what is shared ------------------------------------------------------------------------ */

bool worker_take_descriptors(struct worker *w, long count)
{
	_Atomic long *left = &w->shared->descriptors;
	if (atomic_fetch_sub_explicit(left, count, memory_order_relaxed) >= count)
		return true;
	atomic_fetch_add_explicit(left, count, memory_order_relaxed);
	return false;
}

void worker_give_descriptors(struct worker *w, long count)
{
	atomic_fetch_add_explicit(&w->shared->descriptors, count, memory_order_relaxed);
}

/* ---- memory -------------------------------------------------------------------------------- */

struct kept { /* before what worker_keep gives */
	_Alignas(max_align_t) struct kept *next;
};

void *worker_keep(struct worker *w, size_t size)
{
	struct kept *k = calloc(1, sizeof *k + size);
	if (!k)
		return NULL;
	k->next = w->kept;
	w->kept = k;
	return k + 1;
}

/* ---- the time of day ------------------------------------------------------------------------ */

struct slice worker_date(const struct worker *w)
{
	static _Thread_local char field[48];
	static _Thread_local time_t second;
	time_t now = (time_t)(net_wall(w->loop) / NANOS_PER_SECOND);
	if (now != second) {
		struct tm tm;
		gmtime_r(&now, &tm);
		strftime(field, sizeof field, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
		second = now;
	}
	return slice_of(field);
}

/* ---- pipes --------------------------------------------------------------------------------- */

static struct worker_pipe *open_pipe(struct worker *w)
{
	if (w->pipes >= WORKER_MOST_PIPES || !worker_take_descriptors(w, 2))
		return NULL;
	struct worker_pipe *p = calloc(1, sizeof *p);
	if (!p || net_pipe_open(&p->pipe, WORKER_PIPE) < 0) {
		worker_give_descriptors(w, 2);
		free(p);
		return NULL;
	}
	w->pipes++;
	return p;
}

static void close_pipe(struct worker *w, struct worker_pipe *p)
{
	net_pipe_close(&p->pipe);
	free(p);
	w->pipes--;
	worker_give_descriptors(w, 2);
}

struct worker_pipe *worker_take_pipe(struct worker *w)
{
	struct worker_pipe *p = w->spare_pipes;
	if (!p)
		return open_pipe(w);
	w->spare_pipes = p->next;
	w->spare_pipe_count--;
	return p;
}

void worker_give_pipe(struct worker *w, struct worker_pipe *p, bool drained)
{
	if (!drained || w->spare_pipe_count >= WORKER_SPARE_PIPES) {
		close_pipe(w, p);
		return;
	}
	p->next = w->spare_pipes;
	w->spare_pipes = p;
	w->spare_pipe_count++;
}

/* ---- turns --------------------------------------------------------------------------------- */

static void set_turns(struct worker *w)
{
	if (w->turns_set)
		return;
	w->turns_set = true;
	net_loop_later(w->loop, &w->turns_call);
}

void worker_turn(struct worker *w, struct worker_turn *turn)
{
	if (turn->prev)
		return;
	turn->next = w->turns;
	if (turn->next)
		turn->next->prev = &turn->next;
	turn->prev = &w->turns;
	w->turns = turn;
	set_turns(w);
}

void worker_turn_stop(struct worker_turn *turn)
{
	if (!turn->prev)
		return;
	*turn->prev = turn->next;
	if (turn->next)
		turn->next->prev = turn->prev;
	turn->prev = NULL;
}

/* Those that ask for another turn meanwhile get it in the next round. */
static void take_turns(struct net_call *call)
{
	struct worker *w = (struct worker *)((char *)call - offsetof(struct worker, turns_call));
	struct worker_turn *waiting = w->turns;
	w->turns_set = false;
	w->turns = NULL;
	if (waiting)
		waiting->prev = &waiting;
	while (waiting) {
		struct worker_turn *turn = waiting;
		worker_turn_stop(turn);
		turn->run(turn);
	}
}

/* ---- the door ------------------------------------------------------------------------------ */

/* The operator hears of it once a minute at most. */
static void say_short(struct worker *w, const char *of)
{
	char text[100];
	nanos now = net_now(w->loop);
	if (!w->shared->say ||
	    (w->said_short > 0 && now - w->said_short < SAY_SECONDS * NANOS_PER_SECOND))
		return;
	w->said_short = now;
	snprintf(text, sizeof text, "short of %s: new connections are turned away or wait", of);
	w->shared->say(w->shared->context, text);
}

static void pause_listeners(struct worker *w)
{
	for (size_t i = 0; i < w->listeners; i++)
		if (!w->listener[i].paused)
			net_watch_stop(w->loop, &w->listener[i].watch);
	for (size_t i = 0; i < w->listeners; i++)
		w->listener[i].paused = true;
	metrics_add(&w->metrics.pauses, 1);
	net_timer_set(w->loop, &w->resume, net_now(w->loop) + PAUSE_MS * NANOS_PER_MS);
}

static void resume_listeners(struct net_timer *t)
{
	struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, resume));
	for (size_t i = 0; i < w->listeners; i++) {
		struct worker_listener *l = &w->listener[i];
		if (l->paused && net_watch_listener(w->loop, &l->watch) == 0)
			l->paused = false;
		else if (l->paused)
			net_timer_set(w->loop, t, net_now(w->loop) + PAUSE_MS * NANOS_PER_MS);
	}
}

static void open_spares(struct worker *w)
{
	for (size_t i = 0; i < WORKER_SPARE_DESCRIPTORS; i++)
		if (w->spare[i] < 0)
			w->spare[i] = eventfd(0, EFD_CLOEXEC);
}

/* The kernel gives no descriptor: one that was kept for this is let go of, so that whoever waits
 * can be told, instead of waiting for nothing. */
static void tell_with_spare(struct worker *w, struct worker_listener *l)
{
	struct address peer;
	int fd = -EMFILE;
	for (size_t i = 0; i < WORKER_SPARE_DESCRIPTORS && fd < 0; i++) {
		if (w->spare[i] < 0)
			continue;
		close(w->spare[i]);
		w->spare[i] = -1;
		fd = net_accept(l->watch.fd, &peer);
	}
	if (fd >= 0)
		reply_tell(l, fd, &peer, ANSWER_BUSY, "no descriptor is left");
	open_spares(w);
	say_short(w, "descriptors");
	if (fd < 0 && fd != -EAGAIN)
		pause_listeners(w);
}

static bool take_two_descriptors(struct worker *w)
{
	while (!worker_take_descriptors(w, 2))
		if (!origin_close_idlest(w))
			return false;
	return true;
}

/* What else it needs is there, or it is told why not. */
static void admit(struct worker *w, struct worker_listener *l, int fd, const struct address *peer)
{
	const struct config *f = w->config;
	struct limits_client *limits = NULL;
	enum limits_result in = LIMITS_OK;
	unsigned clients = atomic_fetch_add_explicit(&w->shared->clients, 1, memory_order_relaxed);
	bool room = f->limit.connections == 0 || clients < f->limit.connections;
	bool two = room && take_two_descriptors(w);
	if (two && (f->limit.per_client > 0 || f->limit.bandwidth_client > 0))
		in = limits_enter(w->shared->limits, peer, f->limit.per_client, &limits);
	metrics_add(&w->metrics.connections, 1);
	if (two && in == LIMITS_OK && client_accept(w, l, fd, peer, limits)) {
		metrics_add(&w->metrics.connections_open, 1);
		return;
	}
	if (room && in != LIMITS_TOO_MANY)
		say_short(w, two ? "memory" : "descriptors");
	limits_leave(w->shared->limits, limits);
	if (two)
		worker_give_descriptors(w, 2);
	atomic_fetch_sub_explicit(&w->shared->clients, 1, memory_order_relaxed);
	if (in == LIMITS_TOO_MANY)
		reply_tell(l, fd, peer, ANSWER_PER_CLIENT,
			   "as many of its connections are open as may be");
	else
		reply_tell(l, fd, peer, ANSWER_BUSY,
			   room ? "no descriptor or no memory is left for it"
				: "as many connections are open as may be");
}

/* True: there was one. */
static bool accept_one(struct worker *w, struct worker_listener *l)
{
	struct address peer;
	int fd = net_accept(l->watch.fd, &peer);
	if (fd >= 0)
		admit(w, l, fd, &peer);
	else if (fd == -EMFILE || fd == -ENFILE)
		tell_with_spare(w, l);
	else if (fd == -ENOBUFS || fd == -ENOMEM)
		pause_listeners(w);
	return fd >= 0;
}

/* Several at a time save waking up for each. To look for a second one costs a system call when
 * there is none: then the next few times nobody looks. */
static void listener_ready(struct net_watch *watch, unsigned what)
{
	struct worker_listener *l = (struct worker_listener *)watch; /* its first member */
	struct worker *w = l->worker;
	(void)what;
	if (!accept_one(w, l) || (l->alone > 0 && l->alone-- > 0))
		return;
	for (int more = 1; more < ACCEPT_MOST; more++) {
		if (l->paused || w->draining || accept_one(w, l))
			continue;
		l->alone = more == 1 ? ACCEPT_ALONE : 0;
		return;
	}
}

static size_t index_of(const struct config *c, const struct address *asked)
{
	for (size_t i = 0; i < c->listens; i++)
		if (address_equal(&c->listen[i].at, asked))
			return i;
	return SIZE_MAX;
}

int worker_listen(struct worker *w, int fd, const struct address *asked, const struct address *at)
{
	if (w->listeners == CONFIG_MAX_LISTEN)
		return -ENOSPC;
	struct worker_listener *l = &w->listener[w->listeners];
	*l = (struct worker_listener){
		.watch = { .ready = listener_ready, .fd = fd },
		.worker = w,
		.asked = *asked,
		.at = *at,
		.index = index_of(w->config, asked),
	};
	int code = net_watch_listener(w->loop, &l->watch);
	if (code == 0)
		w->listeners++;
	return code;
}

void worker_stop_listening(struct worker *w, int fd)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->listeners; i++) {
		struct worker_listener *l = &w->listener[i];
		bool stays = fd >= 0 && l->watch.fd != fd;
		if (!l->paused)
			net_watch_stop(w->loop, &l->watch);
		if (!stays)
			continue;
		struct worker_listener copy = *l;
		w->listener[kept] = copy;
		l = &w->listener[kept++];
		if (!l->paused && net_watch_listener(w->loop, &l->watch) < 0)
			l->paused = true;
	}
	w->listeners = kept;
	for (size_t i = 0; i < kept; i++)
		if (w->listener[i].paused && !net_timer_is_set(&w->resume))
			net_timer_set(w->loop, &w->resume, net_now(w->loop));
}

void worker_accept_rest(struct worker *w, const struct address *asked, int fd)
{
	struct worker_listener l = {
		.watch.fd = fd,
		.worker = w,
		.asked = *asked,
		.at = *asked,
		.index = index_of(w->config, asked),
	};
	net_local(fd, &l.at);
	while (accept_one(w, &l))
		;
}

/* ---- reload and drain ---------------------------------------------------------------------- */

static void tidy(struct net_timer *t)
{
	struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, tidy));
	nanos now = net_now(w->loop);
	origin_close_idle(w, now - w->config->timeout.origin);
	if (w->idle_origins > 0)
		net_timer_set(w->loop, t, now + NANOS_PER_SECOND);
}

/* For the log, for who asks at the admin door, for the server names of tunnels. */
static bool wants_records(const struct worker *w)
{
	const struct config *c = w->config;
	bool read = c->access.format != LOG_NONE || w->shared->watched;
	return (w->shared->exchange && read) || c->sni != SNI_OFF;
}

void worker_configure(struct worker *w, struct config *config)
{
	config_drop(w->config);
	w->config = config;
	recorder_want(w->recorder, wants_records(w));
	for (size_t i = 0; i < w->listeners; i++)
		w->listener[i].index = index_of(config, &w->listener[i].asked);
}

void worker_ended_one(struct worker *w)
{
	if (w->draining && !w->clients && !w->tunnels)
		net_loop_stop(w->loop);
}

void worker_drain(struct worker *w, bool at_leisure)
{
	w->draining = true;
	worker_stop_listening(w, -1);
	origin_close_idle(w, INT64_MAX);
	for (struct client *c = w->clients, *next; c && !at_leisure; c = next) {
		next = c->next;
		client_close_idle(c);
	}
	worker_ended_one(w);
}

void worker_cut(struct worker *w)
{
	static const char text[] = "the proxy was stopped, and its deadline is over";
	while (w->tunnels)
		tunnel_cut(w->tunnels, "draining", text);
	while (w->clients) {
		struct client *c = w->clients;
		client_cut(c, "draining", text);
		client_run(c);
	}
	net_loop_stop(w->loop);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void exchange_done(void *context, const struct exchange *x)
{
	struct worker *w = context;
	struct shared *s = w->shared;
	if (s->exchange)
		s->exchange(s->context, w->config, x);
}

static bool allocate(struct worker *w)
{
	uint8_t *scratch = malloc(WORKER_ANSWER);
	w->scratch = scratch;
	w->response = malloc(sizeof *w->response);
	buffer_init(&w->out, MAX_OUT);
	buffer_init(&w->end, MAX_END);
	return w->scratch && w->response;
}

static bool open_parts(struct worker *w, struct error *err)
{
	struct net_dns_options dns = {
		.server = w->config->resolver,
		.servers = w->config->resolvers,
		.cache = w->config->dns_cache,
	};
	struct recorder_options records = {
		.wanted = wants_records(w),
		.metrics = &w->metrics,
		.challenges = w->shared->challenges,
		.done = exchange_done,
		.context = w,
	};
	w->loop = net_loop_new(err);
	w->dns = w->loop ? net_dns_new(w->loop, &dns, err) : NULL;
	w->recorder = w->dns ? recorder_new(w->loop, &records) : NULL;
	return w->recorder != NULL;
}

struct worker *worker_new(struct shared *shared, struct config *config, struct error *err)
{
	struct worker *w = calloc(1, sizeof *w);
	err_set(err, -ENOMEM, "no memory for a worker");
	if (!w)
		return NULL;
	w->shared = shared;
	w->config = config_hold(config);
	w->resume.fire = resume_listeners;
	w->tidy.fire = tidy;
	w->shrink.fire = client_shrink_spares;
	w->turns_call.run = take_turns;
	for (size_t i = 0; i < WORKER_SPARE_DESCRIPTORS; i++)
		w->spare[i] = -1;
	open_spares(w);
	if (allocate(w) && open_parts(w, err))
		return w;
	worker_free(w);
	return NULL;
}

void worker_run(struct worker *w)
{
	net_loop_run(w->loop);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	while (w->spare_pipes)
		close_pipe(w, worker_take_pipe(w));
	for (size_t i = 0; i < WORKER_SPARE_DESCRIPTORS; i++)
		if (w->spare[i] >= 0)
			close(w->spare[i]);
	client_free_spare_jobs(w);
	recorder_free(w->recorder);
	net_dns_free(w->dns);
	net_loop_free(w->loop);
	for (struct kept *k = w->kept, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	buffer_done(&w->out);
	buffer_done(&w->end);
	free(w->response);
	free(w->scratch);
	config_drop(w->config);
	free(w);
}
