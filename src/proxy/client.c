/* A client's connection: its heads, its time-outs, its end. */
#include "proxy/client.h"

#include "proxy/cidr.h"
#include "proxy/parent.h"
#include "proxy/proxy_header.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

enum { SHRINK_MS = 100, LINGER_SECONDS = 3, EAGER_PARSE = 2048, SLAB = 16 };

/* ---- pools --------------------------------------------------------------------------------- */

static struct job *take_job(struct client *c)
{
	struct worker *w = c->worker;
	struct job *j = w->spare_jobs;
	if (j) {
		w->spare_jobs = j->next;
		w->spare_job_count--;
		if (w->spare_jobs_unused > w->spare_job_count)
			w->spare_jobs_unused = w->spare_job_count;
	} else {
		j = malloc(sizeof *j);
	}
	if (!j)
		return NULL;
	j->client = c;
	j->in = j->first;
	j->in_room = JOB_IN;
	j->in_len = j->in_at = j->scanned = 0;
	j->understood = false;
	j->record = NULL;
	j->dial = NULL;
	j->tunnel = NULL;
	j->origin = NULL;
	j->parent_credentials = NULL;
	j->auth.job = NULL;
	j->text[0] = '\0';
	buffer_init(&j->surplus, WORKER_SCRATCH);
	buffer_init(&j->partial, HTTP_MAX_HEAD + WORKER_ANSWER);
	body_init(&j->up, HTTP_BODY_NONE, 0, BODY_RAW, 0);
	body_init(&j->down, HTTP_BODY_NONE, 0, BODY_RAW, 0);
	c->job = j;
	return j;
}

static void give_job(struct client *c)
{
	struct worker *w = c->worker;
	struct job *j = c->job;
	if (j->in != j->first)
		free(j->in);
	buffer_done(&j->surplus);
	buffer_done(&j->partial);
	c->job = NULL;
	if (w->spare_job_count >= WORKER_SPARE_JOBS) {
		free(j);
		return;
	}
	j->next = w->spare_jobs;
	w->spare_jobs = j;
	w->spare_job_count++;
	if (w->spare_job_count > WORKER_SPARE_JOBS_IDLE && !net_timer_is_set(&w->shrink)) {
		w->spare_jobs_unused = 0;
		net_timer_set(w->loop, &w->shrink, net_now(w->loop) + SHRINK_MS * NANOS_PER_MS);
	}
}

/* Gives back what was not needed since the last time, and goes on while there is more to watch. */
void client_shrink_spares(struct net_timer *t)
{
	struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, shrink));
	size_t before = w->spare_job_count;
	for (; w->spare_jobs_unused > 0 && w->spare_job_count > WORKER_SPARE_JOBS_IDLE;
	     w->spare_jobs_unused--) {
		struct job *j = w->spare_jobs;
		w->spare_jobs = j->next;
		w->spare_job_count--;
		free(j);
	}
	if (w->spare_job_count < before)
		malloc_trim(0); /* else the allocator keeps it */
	w->spare_jobs_unused = w->spare_job_count;
	if (w->spare_job_count > WORKER_SPARE_JOBS_IDLE)
		net_timer_set(w->loop, t, net_now(w->loop) + SHRINK_MS * NANOS_PER_MS);
}

void client_free_spare_jobs(struct worker *w)
{
	while (w->spare_jobs) {
		struct job *j = w->spare_jobs;
		w->spare_jobs = j->next;
		free(j);
	}
}

static struct client *take_client(struct worker *w)
{
	if (!w->spare_clients) {
		struct client *slab = worker_keep(w, SLAB * sizeof *slab);
		for (size_t i = 0; slab && i < SLAB; i++) {
			slab[i].next = w->spare_clients;
			w->spare_clients = &slab[i];
		}
	}
	struct client *c = w->spare_clients;
	if (c)
		w->spare_clients = c->next;
	return c;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void end_record(struct client *c)
{
	struct job *j = c->job;
	struct net_facts client, origin;
	if (!j || !j->record)
		return;
	bool known = record_client_facts(j->record, &client);
	bool reached = j->origin && net_facts(j->origin->watch.fd, &origin) == 0;
	record_sockets(j->record, -1, -1);
	record_end(j->record, known ? &client : NULL, reached ? &origin : NULL);
	j->record = NULL;
}

/* What the request had is given back, but for its bytes. */
static void clear_job(struct client *c)
{
	struct job *j = c->job;
	end_record(c);
	reach_stop(j);
	origin_close(j->origin);
	j->origin = NULL;
	body_done(c->worker, &j->up);
	body_done(c->worker, &j->down);
	buffer_reset(&j->partial);
	parent_forget(j->parent_credentials);
	j->parent_credentials = NULL;
}

static void leave(struct client *c)
{
	struct worker *w = c->worker;
	if (c->leaves_tunnel) /* all the rest is the tunnel's */
		return;
	limits_leave(w->shared->limits, c->limits);
	metrics_take(&w->metrics.connections_open, 1);
	atomic_fetch_sub_explicit(&w->shared->clients, 1, memory_order_relaxed);
	worker_give_descriptors(w, 2);
}

static void client_free(struct client *c)
{
	struct worker *w = c->worker;
	net_timer_stop(w->loop, &c->timer);
	worker_turn_stop(&c->turn);
	if (c->job) {
		clear_job(c);
		give_job(c);
	}
	origin_close(c->bound);
	if (c->watched)
		net_watch_close(w->loop, &c->watch);
	else if (c->watch.fd >= 0)
		net_close(c->watch.fd);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	leave(c);
	config_drop(c->config);
	c->next = w->spare_clients;
	w->spare_clients = c;
	worker_ended_one(w);
}

void client_drop(struct client *c)
{
	net_abort(c->watch.fd);
	client_go(c, CLIENT_GONE);
}

void client_cut(struct client *c, const char *why, const char *text)
{
	if (c->job && c->job->record) {
		record_why(c->job->record, RECORD_CUT, why, text);
		record_closed(c->job->record, EV_RST, PROXY);
	}
	client_drop(c);
}

void client_is_gone(struct client *c, int code)
{
	if (code != -ENOMEM)
		record_closed(c->job->record, EV_RST, CLIENT);
	client_drop(c);
}

/* ---- the state ----------------------------------------------------------------------------- */

static void set_timer(struct client *c, nanos span)
{
	struct worker *w = c->worker;
	if (span > 0)
		net_timer_set(w->loop, &c->timer, net_now(w->loop) + span);
	else
		net_timer_stop(w->loop, &c->timer);
}

static nanos span_of(const struct client *c, enum client_state state)
{
	const struct config *f = c->config;
	switch (state) {
	case CLIENT_IDLE:
		return c->requests > 0 ? f->timeout.keepalive : f->timeout.header;
	case CLIENT_HEAD:
		return f->timeout.header;
	case CLIENT_FORWARD:
	case CLIENT_ANSWER:
		return f->timeout.idle;
	case CLIENT_LINGER:
		return LINGER_SECONDS * NANOS_PER_SECOND;
	case CLIENT_DIAL: /* that takes long: from then on its end is looked out for */
		return NANOS_PER_SECOND / 2;
	case CLIENT_AUTH:
	case CLIENT_GONE:
		break;
	}
	return 0;
}

/* A head's time runs from its first byte on, and whatever comes does not lengthen it. */
void client_go(struct client *c, enum client_state to)
{
	assert(c->state != CLIENT_GONE);
	c->state = (uint8_t)to;
	if (to == CLIENT_LINGER)
		net_shut(c->watch.fd);
	set_timer(c, span_of(c, to));
}

bool client_watch(struct client *c)
{
	if (!c->watched && net_watch_add(c->worker->loop, &c->watch) < 0)
		return false;
	c->watched = true;
	return true;
}

/* ---- reading heads ------------------------------------------------------------------------- */

static bool grow(struct client *c)
{
	struct job *j = c->job;
	size_t most = c->config->limit.header, room = (size_t)j->in_room * 2;
	room = room < most ? room : most;
	if (room <= j->in_len)
		return false;
	uint8_t *bigger = malloc(room);
	if (!bigger)
		return false;
	memcpy(bigger, j->in, j->in_len);
	if (j->in != j->first)
		free(j->in);
	j->in = bigger;
	j->in_room = (uint32_t)room;
	return true;
}

/* Is it worth parsing? A head that comes byte by byte is not read anew at each of them, once it is
 * long. */
static bool may_be_whole(struct job *j)
{
	if (j->in_len <= EAGER_PARSE)
		return true;
	uint32_t from = j->scanned > 3 ? j->scanned - 3 : 0;
	struct slice fresh = { j->in + from, j->in_len - from };
	j->scanned = j->in_len;
	return from < EAGER_PARSE || slice_find(fresh, SLICE("\n\r\n")) < fresh.len ||
	       slice_find(fresh, SLICE("\n\n")) < fresh.len;
}

/* True: the state changed. */
static bool parse(struct client *c)
{
	struct job *j = c->job;
	struct http_bad bad;
	if (j->in_len == 0 || !may_be_whole(j))
		return false;
	struct slice in = { j->in, j->in_len };
	enum http_parse got = http_read_request(in, &j->request, &bad);
	if (got == HTTP_MORE)
		return false;
	c->requests++;
	if (got == HTTP_DONE)
		request_begin(c);
	else
		request_refuse_bytes(c, &bad);
	return true;
}

/* The header of the PROXY protocol before the first request. True: go on. */
static bool read_header(struct client *c)
{
	struct job *j = c->job;
	size_t used;
	struct proxy_header header;
	enum http_parse got = proxy_header_read((struct slice){ j->in, j->in_len }, &header, &used);
	if (got == HTTP_MORE)
		return false;
	if (got == HTTP_BAD) { /* whoever does not begin with it is nobody that we trust */
		client_drop(c);
		return false;
	}
	c->wants_header = false;
	if (header.known) {
		c->peer = header.from;
		c->local = header.to;
	}
	memmove(j->in, j->in + used, j->in_len - used);
	j->in_len -= (uint32_t)used;
	return true;
}

/* False: nothing came. */
static bool read_more(struct client *c)
{
	struct job *j = c->job;
	if (!(c->ready & (NET_READABLE | NET_HANGUP | NET_FAILED)))
		return false;
	size_t room = j->in_room - j->in_len;
	ssize_t got = net_recv(c->watch.fd, j->in + j->in_len, room);
	if (got == -EAGAIN) {
		c->ready &= (uint8_t)~NET_READABLE;
		return false;
	}
	if (got <= 0) {
		request_left(c, got < 0);
		return false;
	}
	if ((size_t)got < room && !(c->ready & (NET_HANGUP | NET_FAILED)))
		c->ready &= (uint8_t)~NET_READABLE;
	j->in_len += (uint32_t)got;
	if (c->state == CLIENT_IDLE)
		client_go(c, CLIENT_HEAD);
	return true;
}

/* Nothing more is here: wait for it, and hold no more than what must be held. */
static bool wait_for_head(struct client *c)
{
	struct job *j = c->job;
	if (c->state == CLIENT_GONE)
		return true;
	if (j->in_len == 0)
		give_job(c);
	if (!client_watch(c)) {
		client_go(c, CLIENT_GONE);
		return true;
	}
	return false;
}

static bool head_step(struct client *c)
{
	if (!c->job && !take_job(c)) {
		client_drop(c);
		return true;
	}
	struct job *j = c->job;
	if (c->state == CLIENT_IDLE && j->in_len > 0)
		client_go(c, CLIENT_HEAD);
	for (;;) {
		if (c->wants_header && j->in_len > 0 && !read_header(c) && c->state == CLIENT_GONE)
			return true;
		if (!c->wants_header && parse(c))
			return true;
		if (j->in_len == j->in_room && !grow(c)) {
			c->requests++;
			request_refuse_bytes(c, NULL);
			return true;
		}
		if (!read_more(c))
			return wait_for_head(c);
	}
}

/* ---- between requests ---------------------------------------------------------------------- */

/* What came behind the request moves to the front. */
static void shift(struct job *j)
{
	uint32_t rest = j->in_len - j->in_at;
	memmove(j->in, j->in + j->in_at, rest);
	j->in_len = rest;
	j->in_at = j->scanned = 0;
	j->understood = false;
	if (j->surplus.len == 0)
		return;
	assert(rest == 0);
	if (j->surplus.len > j->in_room) { /* all of `surplus` fits into what it was read from */
		if (j->in != j->first)
			free(j->in);
		j->in = j->surplus.at;
		j->in_room = (uint32_t)j->surplus.room;
		j->in_len = (uint32_t)j->surplus.len;
		buffer_init(&j->surplus, WORKER_SCRATCH);
		return;
	}
	memcpy(j->in, j->surplus.at, j->surplus.len);
	j->in_len = (uint32_t)j->surplus.len;
	buffer_reset(&j->surplus);
}

/* Nothing can come any more that our close would answer with a RST. */
static bool said_its_last(const struct client *c)
{
	const struct job *j = c->job;
	return j->understood && j->all_read && j->in_at == j->in_len && !j->request.keep_alive &&
	       !(c->ready & NET_READABLE);
}

void client_finish(struct client *c)
{
	struct job *j = c->job;
	bool close = j->close || c->worker->draining;
	bool quiet = close && said_its_last(c);
	if (close && j->record)
		record_closed(j->record, EV_FIN, PROXY);
	clear_job(c);
	if (close) {
		client_go(c, quiet ? CLIENT_GONE : CLIENT_LINGER);
		return;
	}
	shift(j);
	client_go(c, CLIENT_IDLE);
}

static bool linger_step(struct client *c)
{
	struct worker *w = c->worker;
	if (c->job) {
		clear_job(c);
		give_job(c);
	}
	if (!client_watch(c)) {
		client_go(c, CLIENT_GONE);
		return true;
	}
	for (int reads = 0; reads < 16; reads++) {
		ssize_t got = net_recv(c->watch.fd, w->scratch, WORKER_SCRATCH);
		if (got == -EAGAIN)
			return false;
		if (got <= 0) {
			client_go(c, CLIENT_GONE);
			return true;
		}
	}
	client_drop(c); /* it does not listen */
	return true;
}

/* ---- events -------------------------------------------------------------------------------- */

static bool step(struct client *c)
{
	switch ((enum client_state)c->state) {
	case CLIENT_IDLE:
	case CLIENT_HEAD:
		return head_step(c);
	case CLIENT_FORWARD:
		return forward_step(c);
	case CLIENT_ANSWER:
		return reply_step(c);
	case CLIENT_LINGER:
		return linger_step(c);
	case CLIENT_AUTH:
	case CLIENT_DIAL:
	case CLIENT_GONE:
		break;
	}
	return false;
}

void client_run(struct client *c)
{
	if (c->running)
		return;
	c->running = true;
	while (step(c))
		;
	c->running = false;
	if (c->state == CLIENT_GONE)
		client_free(c);
}

static void client_ready(struct net_watch *watch, unsigned what)
{
	struct client *c = (struct client *)watch; /* its first member */
	c->ready |= (uint8_t)what;
	if ((what & NET_FAILED) && c->state != CLIENT_GONE) {
		if (c->job && c->job->record)
			record_closed(c->job->record, EV_RST, CLIENT);
		if (c->state == CLIENT_HEAD)
			request_left(c, true);
		else
			client_go(c, CLIENT_GONE);
	}
	client_run(c);
}

static void turn_comes(struct worker_turn *turn)
{
	client_run((struct client *)((char *)turn - offsetof(struct client, turn)));
}

static void timer_rings(struct net_timer *timer)
{
	struct client *c = (struct client *)((char *)timer - offsetof(struct client, timer));
	switch ((enum client_state)c->state) {
	case CLIENT_HEAD:
		c->requests++;
		request_refuse_late(c);
		break;
	case CLIENT_FORWARD:
		forward_timer(c);
		break;
	case CLIENT_ANSWER:
		client_cut(c, "timeout-idle", "the client took nothing more for the idle time-out");
		break;
	case CLIENT_DIAL:
		client_watch(c); /* or it is seen when there is something to tell it */
		break;
	default:
		client_go(c, CLIENT_GONE);
		break;
	}
	client_run(c);
}

void client_close_idle(struct client *c)
{
	uint8_t byte;
	if (c->state != CLIENT_IDLE || c->running || c->requests == 0)
		return; /* who was let in and has not spoken yet is heard, if it speaks in time */
	if (net_peek(c->watch.fd, &byte, 1) > 0)
		c->ready |= NET_READABLE; /* its next request is here already */
	else
		client_go(c, CLIENT_GONE);
	client_run(c);
}

void client_leave_to(struct client *c, struct tunnel *t, const struct tunnel_start *start)
{
	struct job *j = c->job;
	struct tunnel_start with = *start;
	with.client = &c->watch;
	with.watched = c->watched;
	with.from_client = (struct slice){ j->in + j->in_at, j->in_len - j->in_at };
	with.client_ready = c->ready;
	with.record = j->record;
	with.limits = c->limits;
	with.host = j->host;
	j->record = NULL;
	c->leaves_tunnel = true;
	c->watched = false;
	tunnel_start(t, &with);
	client_go(c, CLIENT_GONE);
}

static bool is_trusted(const struct config_listen *l, const struct address *peer)
{
	return l->proxy_protocol && cidr_list_holds(l->trusted, l->trusted_count, peer);
}

bool client_accept(struct worker *w, struct worker_listener *l, int fd, const struct address *peer,
		   struct limits_client *limits)
{
	struct client *c = take_client(w);
	if (!c)
		return false;
	*c = (struct client){
		.watch = { .ready = client_ready, .fd = fd },
		.timer = { .fire = timer_rings },
		.turn = { .run = turn_comes },
		.worker = w,
		.config = config_hold(w->config),
		.limits = limits,
		.next = w->clients,
		.prev = &w->clients,
		.accepted = net_now(w->loop),
		.peer = *peer,
		.local = l->at,
		.ready = NET_READABLE | NET_WRITABLE, /* its request is here: see net_listen */
	};
	if (c->next)
		c->next->prev = &c->next;
	w->clients = c;
	if (l->index < w->config->listens)
		c->wants_header = is_trusted(&w->config->listen[l->index], peer);
	client_go(c, CLIENT_IDLE);
	client_run(c);
	return true;
}
