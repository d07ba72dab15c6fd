/* Worker threads: how they are started, and told what to do. */
#include "proxy/server_private.h"

#include "proxy/auth.h"
#include "proxy/confine.h"
#include "proxy/service.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { OTHER_DESCRIPTORS = 64, WORKER_DESCRIPTORS = 32 };

/* ---- orders --------------------------------------------------------------------------------- */

static void stop_listening(struct server_order *o)
{
	worker_stop_listening(o->worker, o->listener.fd);
	if (atomic_fetch_sub(o->left, 1) > 1)
		return;
	if (!o->inherited)
		worker_accept_rest(o->worker, &o->listener.asked, o->listener.fd);
	close(o->listener.fd);
	free(o->left);
}

static void obey(struct net_call *call)
{
	struct server_order *o = (struct server_order *)call; /* its first member */
	struct worker *w = o->worker;
	switch (o->kind) {
	case ORDER_CONFIGURE:
		worker_configure(w, o->config);
		break;
	case ORDER_LISTEN:
		worker_listen(w, o->listener.fd, &o->listener.asked, &o->listener.at);
		break;
	case ORDER_STOP_LISTENING:
		stop_listening(o);
		break;
	case ORDER_DRAIN:
		worker_drain(w, o->inherited);
		break;
	case ORDER_CUT:
		worker_cut(w);
		break;
	}
	free(o);
}

bool server_order(struct server *s, const struct server_order *what)
{
	struct server_order *each[MAX_WORKERS] = { NULL };
	for (size_t i = 0; i < s->workers; i++) {
		each[i] = malloc(sizeof *each[i]);
		if (each[i])
			continue;
		for (size_t k = 0; k < i; k++)
			free(each[k]);
		return false;
	}
	for (size_t i = 0; i < s->workers; i++) {
		*each[i] = *what;
		each[i]->call.run = obey;
		each[i]->worker = s->thread[i].worker;
		if (what->config)
			each[i]->config = config_hold(what->config);
		net_loop_call(each[i]->worker->loop, &each[i]->call);
	}
	return true;
}

/* ---- threads -------------------------------------------------------------------------------- */

/* Said by the first of them. */
static void say_confined(const struct server *s, bool files, bool calls)
{
	if (files || calls)
		server_say(s, "workers are confined:%s%s", files ? " files (Landlock)" : "",
			   calls ? " system calls (seccomp)" : "");
	else
		server_say(
			s,
			"workers are not confined: this kernel has neither Landlock nor seccomp");
}

static void *run_thread(void *context)
{
	struct server_thread *t = context;
	bool files, calls;
	confine_worker(&files, &calls);
	if (t == t->server->thread)
		say_confined(t->server, files, calls);
	worker_run(t->worker);
	tgkill(getpid(), getpid(), WORKER_ENDED);
	return NULL;
}

static size_t count_workers(const struct config *c)
{
	cpu_set_t set;
	size_t count = c->workers;
	if (count == 0 && sched_getaffinity(0, sizeof set, &set) == 0)
		count = (size_t)CPU_COUNT(&set);
	count = count > 0 ? count : 1;
	return count < MAX_WORKERS ? count : MAX_WORKERS;
}

static int make_worker(struct server *s, struct error *err)
{
	struct worker *w = worker_new(&s->shared, s->config, err);
	if (!w)
		return -ENOMEM;
	s->thread[s->workers++] = (struct server_thread){ .server = s, .worker = w };
	for (size_t i = 0; i < s->listeners; i++) {
		const struct server_listener *l = &s->listener[i];
		int code = worker_listen(w, l->fd, &l->asked, &l->at);
		if (code < 0)
			return err_set(err, code, "a listener cannot be watched: %s",
				       net_error_name(code));
	}
	return 0;
}

/* All but what the process needs for itself; of a small limit that is half. */
static long descriptors_for_clients(size_t workers, size_t listeners)
{
	long all = service_descriptors();
	long own = OTHER_DESCRIPTORS + (long)(workers * WORKER_DESCRIPTORS + listeners);
	return all - (own < all / 2 ? own : all / 2);
}

int server_start_workers(struct server *s, struct error *err)
{
	size_t count = count_workers(s->config);
	if (s->config->auth)
		auth_start_threads();
	s->shared.descriptors = descriptors_for_clients(count, s->listeners);
	for (size_t i = 0; i < count; i++) {
		int code = make_worker(s, err);
		if (code < 0)
			return code;
	}
	for (size_t i = 0; i < count; i++) {
		struct server_thread *t = &s->thread[i];
		int code = pthread_create(&t->thread, NULL, run_thread, t);
		if (code != 0)
			return err_set(err, -code, "no thread for a worker");
		t->started = true;
		s->running++;
	}
	return 0;
}

int server_start_admin(struct server *s, struct error *err)
{
	if (s->admin_fd < 0)
		return 0;
	s->admin_shared = s->admin_fd;
	for (size_t i = 0; i < s->workers; i++) {
		struct worker *w = s->thread[i].worker;
		s->lent[i] = (struct admin_worker){ w->loop, w->recorder, w->dns, &w->metrics };
	}
	struct admin_options options = {
		.listener = s->admin_fd,
		.worker = s->lent,
		.workers = s->workers,
		.views = s->options->views,
		.reload = server_reload,
		.context = s,
	};
	s->admin_fd = -1;
	s->admin = admin_start(&options, err);
	return s->admin ? 0 : err->code;
}
