/* The idle ones stand in a list by age and in a small table by name. */
#include "proxy/origin.h"

#include <errno.h>
#include <stdlib.h>

enum { BUCKETS = sizeof((struct worker *)0)->idle_bucket / sizeof(struct origin *) };

static struct origin **bucket(struct worker *w, struct slice host, uint16_t port)
{
	return &w->idle_bucket[(slice_hash(host) ^ port) % BUCKETS];
}

static struct slice name(const struct origin *o)
{
	return slice_of(o->host);
}

static void link_out(struct origin *o)
{
	struct worker *w = o->worker;
	struct origin **at = bucket(w, name(o), o->port);
	while (*at != o)
		at = &(*at)->chain;
	*at = o->chain;
	*(o->prev ? &o->prev->next : &w->idle_first) = o->next;
	*(o->next ? &o->next->prev : &w->idle_last) = o->prev;
	o->chain = o->next = o->prev = NULL;
	w->idle_origins--;
	metrics_take(&w->metrics.origins_idle, 1);
	worker_give_descriptors(w, 1);
}

static void link_in(struct origin *o)
{
	struct worker *w = o->worker;
	struct origin **at = bucket(w, name(o), o->port);
	o->chain = *at;
	*at = o;
	o->prev = w->idle_last;
	*(o->prev ? &o->prev->next : &w->idle_first) = o;
	w->idle_last = o;
	w->idle_origins++;
	metrics_add(&w->metrics.origins_idle, 1);
}

static void origin_ready(struct net_watch *watch, unsigned what)
{
	struct origin *o = (struct origin *)watch; /* its first member */
	o->state |= (uint8_t)what;
	if (o->user) {
		o->ready(o->user);
	} else if (what & (NET_READABLE | NET_HANGUP | NET_FAILED)) {
		/* nobody asked it anything: whatever it says, it is of no use any more */
		link_out(o);
		origin_close(o);
	}
}

struct origin *origin_new(struct worker *w, struct slice host, uint16_t port)
{
	struct origin *o = calloc(1, sizeof *o + host.len + 1);
	if (!o)
		return NULL;
	o->watch = (struct net_watch){ .ready = origin_ready, .fd = -1 };
	o->worker = w;
	o->port = port;
	memcpy(o->host, host.at, host.len);
	return o;
}

struct origin *origin_find(struct worker *w, struct slice host, uint16_t port)
{
	struct origin *o = *bucket(w, host, port);
	while (o && !(o->port == port && slice_equal(name(o), host)))
		o = o->chain;
	if (o)
		link_out(o);
	return o;
}

void origin_close(struct origin *o)
{
	if (!o)
		return;
	net_watch_close(o->worker->loop, &o->watch);
	free(o);
}

/* Nothing came behind the last answer. A read that ended just there did not say. */
static bool is_quiet(struct origin *o)
{
	uint8_t byte;
	if (o->state & (NET_HANGUP | NET_FAILED))
		return false;
	if ((o->state & NET_READABLE) && net_peek(o->watch.fd, &byte, 1) != -EAGAIN)
		return false;
	o->state &= (uint8_t)~NET_READABLE;
	return true;
}

void origin_keep(struct origin *o)
{
	struct worker *w = o->worker;
	o->user = NULL;
	if (w->idle_origins >= WORKER_MOST_IDLE_ORIGINS)
		origin_close_idlest(w);
	if (!is_quiet(o) || w->draining || !worker_take_descriptors(w, 1)) {
		origin_close(o);
		return;
	}
	o->idle_since = net_now(w->loop);
	link_in(o);
	if (!net_timer_is_set(&w->tidy))
		net_timer_set(w->loop, &w->tidy, o->idle_since + NANOS_PER_SECOND);
}

bool origin_close_idlest(struct worker *w)
{
	struct origin *o = w->idle_first;
	if (!o)
		return false;
	link_out(o);
	origin_close(o);
	return true;
}

void origin_close_idle(struct worker *w, nanos since_before)
{
	for (struct origin *o = w->idle_first, *next; o && o->idle_since < since_before; o = next) {
		next = o->next;
		link_out(o);
		origin_close(o);
	}
}
