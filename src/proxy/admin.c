/* The door's thread and its visits. */
#include "net/local.h"
#include "proxy/admin_visit.h"
#include "proxy/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STACK = 128 << 10 };

struct running {
	struct admin admin;
	pthread_t thread;
};

static struct admin *admin_of_listener(struct net_watch *w)
{
	return (struct admin *)((char *)w - offsetof(struct admin, listener));
}

void admin_forget(struct visit *v)
{
	struct admin *a = v->admin;
	struct visit **at = &a->visits;
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	a->count--;
	buffer_done(&v->in);
	buffer_done(&v->page);
	buffer_done(&v->out);
	free(v);
	if (a->stopping && a->count == 0)
		net_loop_stop(a->loop);
}

static void take_in(struct admin *a, int fd)
{
	struct visit *v = a->count < ADMIN_MAX_VISITS ? calloc(1, sizeof *v) : NULL;
	if (!v) {
		net_close(fd);
		return;
	}
	v->admin = a;
	v->next = a->visits;
	a->visits = v;
	a->count++;
	v->watch.fd = fd;
	buffer_init(&v->in, ADMIN_MAX_HEAD + ADMIN_MAX_BODY);
	buffer_init(&v->page, ADMIN_MAX_PAGE);
	buffer_init(&v->out, ADMIN_MAX_PAGE + 1024);
	visit_begin(v);
}

static void on_listener(struct net_watch *w, unsigned what)
{
	struct admin *a = admin_of_listener(w);
	(void)what;
	for (int i = 0; i < ADMIN_MAX_VISITS; i++) {
		struct address peer;
		int fd = net_accept(w->fd, &peer);
		if (fd < 0)
			return;
		take_in(a, fd);
	}
}

static void *run(void *context)
{
	struct admin *a = context;
	net_loop_run(a->loop);
	return NULL;
}

/* In its own thread. A connection that it has accepted is nobody else's: a successor can't answer
 * it. */
static void on_stop(struct net_call *call)
{
	struct admin *a = (struct admin *)((char *)call - offsetof(struct admin, stop));
	a->stopping = true;
	net_watch_close(a->loop, &a->listener);
	if (a->count == 0)
		net_loop_stop(a->loop);
	for (struct visit *v = a->visits, *next; v; v = next) {
		next = v->next;
		visit_stop(v);
	}
}

/* ---- life --------------------------------------------------------------------------------- */

int admin_listen(const struct config *c, struct error *err)
{
	if (c->admin_path)
		return net_listen_local(c->admin_path, err);
	return net_listen(&c->admin, false, err);
}

static int start(struct running *r, const struct admin_options *o, struct error *err)
{
	struct admin *a = &r->admin;
	a->options = *o;
	a->options.workers = o->workers < 64 ? o->workers : 64;
	memcpy(a->worker, o->worker, a->options.workers * sizeof *o->worker);
	a->stop.run = on_stop;
	a->listener = (struct net_watch){ .ready = on_listener, .fd = o->listener };
	a->loop = net_loop_new(err);
	if (!a->loop)
		return err->code;
	int code = net_watch_listener(a->loop, &a->listener);
	if (code == 0)
		code = thread_start(&r->thread, STACK, run, &r->admin);
	return code < 0 ? err_set(err, code, "start the admin door: %s", strerror(-code)) : 0;
}

struct admin *admin_start(const struct admin_options *options, struct error *err)
{
	struct running *r = calloc(1, sizeof *r);
	if (!r) {
		net_close(options->listener);
		err_set(err, -ENOMEM, "no memory for the admin door");
		return NULL;
	}
	if (start(r, options, err) == 0)
		return &r->admin;
	net_close(options->listener);
	net_loop_free(r->admin.loop);
	free(r);
	return NULL;
}

void admin_stop(struct admin *a)
{
	struct running *r = (struct running *)a; /* its first member */
	if (!a)
		return;
	net_loop_call(a->loop, &a->stop);
	pthread_join(r->thread, NULL);
	net_loop_free(a->loop);
	free(r);
}
