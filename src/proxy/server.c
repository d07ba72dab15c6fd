/* The process: listeners, worker threads, and a main thread that waits for signals alone.
 *
 *   RUNNING ──▶ HANDING ──▶ DRAINING ──▶ ENDED
 *      │  ◀───────┘             ▲
 *      └────────────────────────┘
 *
 * HANDING: a successor was started and has not said yet that it serves; when it dies instead, we go
 * on. What it took over is drained without a deadline: no tunnel is cut for a new binary. */
#include "proxy/server.h"

#include "net/loop.h"
#include "net/socket.h"
#include "proxy/auth.h"
#include "proxy/confine.h"
#include "proxy/service.h"
#include "proxy/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum server_state { SERVER_RUNNING, SERVER_HANDING, SERVER_DRAINING, SERVER_ENDED };

enum { MAX_WORKERS = 64, OTHER_DESCRIPTORS = 64, WORKER_DESCRIPTORS = 32 };

#define WORKER_ENDED (SIGRTMIN + 1)

struct server_listener {
	int fd;
	struct address asked, at;
};

struct thread {
	struct server *server;
	struct worker *worker;
	pthread_t thread;
	bool started;
};

struct server {
	const struct server_options *options;
	struct shared shared;
	pthread_mutex_t lock; /* of what a reload changes: config, listener */
	struct config *config;
	struct server_listener listener[CONFIG_MAX_LISTEN];
	size_t listeners;
	struct thread thread[MAX_WORKERS];
	struct admin_worker lent[MAX_WORKERS];
	size_t workers, running;
	struct admin *admin;
	int admin_fd;     /* until the door has it */
	int admin_shared; /* the same, as long as the door is open */
	enum server_state state;
	pid_t successor;
	struct timespec deadline; /* of draining; 0: none */
};

static void say(const struct server *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct server *s, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (s->options->say)
		s->options->say(s->options->context, text);
}

/* ---- orders to workers ---------------------------------------------------------------------- */

enum order_kind { ORDER_CONFIGURE, ORDER_LISTEN, ORDER_STOP_LISTENING, ORDER_DRAIN, ORDER_CUT };

struct order {
	struct net_call call;
	struct worker *worker;
	enum order_kind kind;
	struct config *config; /* CONFIGURE; a reference of its own */
	struct server_listener listener;
	_Atomic unsigned *left; /* STOP_LISTENING: the last one closes it */
	bool inherited;         /* ..., DRAIN: a successor serves who comes */
};

static void stop_listening(struct order *o)
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
	struct order *o = (struct order *)call; /* its first member */
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

/* To all of them. What can't be said for want of memory is said to nobody. */
static bool order(struct server *s, const struct order *what)
{
	struct order *each[MAX_WORKERS] = { NULL };
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

/* ---- listeners ------------------------------------------------------------------------------ */

static void say_listening(const struct server *s, const struct server_listener *l)
{
	struct buffer text;
	buffer_init(&text, 128);
	address_add(&text, &l->at);
	say(s, "listening on %.*s", (int)text.len, (const char *)text.at);
	buffer_done(&text);
}

static int open_listener(struct server *s, const struct address *at,
			 struct service_listeners *inherited, struct error *err)
{
	struct server_listener *l = &s->listener[s->listeners];
	l->asked = *at;
	l->fd = inherited ? service_take(inherited, at) : -1;
	if (l->fd < 0)
		l->fd = net_listen(at, true, err);
	if (l->fd < 0)
		return l->fd;
	s->listeners++;
	l->at = *at;
	net_local(l->fd, &l->at);
	return 0;
}

static int open_admin(struct server *s, struct service_listeners *inherited, struct error *err)
{
	const struct config *c = s->config;
	if (!c->admin_path && address_is_none(&c->admin))
		return 0;
	s->admin_fd =
		c->admin_path ? service_take_local(inherited) : service_take(inherited, &c->admin);
	if (s->admin_fd < 0)
		s->admin_fd = admin_listen(c, err);
	return s->admin_fd < 0 ? s->admin_fd : 0;
}

static int open_listeners(struct server *s, struct error *err)
{
	struct service_listeners inherited;
	int code = 0;
	service_inherit(&inherited);
	for (size_t i = 0; i < s->config->listens && code == 0; i++) {
		code = open_listener(s, &s->config->listen[i].at, &inherited, err);
		if (code == 0)
			say_listening(s, &s->listener[i]);
	}
	if (code == 0 && s->options->views)
		code = open_admin(s, &inherited, err);
	s->shared.watched = s->admin_fd >= 0;
	service_close_rest(&inherited);
	return code;
}

static void close_listeners(struct server *s)
{
	for (size_t i = 0; i < s->listeners; i++)
		close(s->listener[i].fd);
	s->listeners = 0;
}

static bool is_listed(const struct config *c, const struct address *asked)
{
	for (size_t i = 0; i < c->listens; i++)
		if (address_equal(&c->listen[i].at, asked))
			return true;
	return false;
}

static bool is_open(const struct server *s, const struct address *asked)
{
	for (size_t i = 0; i < s->listeners; i++)
		if (address_equal(&s->listener[i].asked, asked))
			return true;
	return false;
}

static void forget_listener(struct server *s, size_t at, bool inherited)
{
	struct order o = { .kind = ORDER_STOP_LISTENING,
			   .listener = s->listener[at],
			   .inherited = inherited };
	o.left = malloc(sizeof *o.left);
	if (!o.left)
		return; /* it stays open until the next reload */
	*o.left = (unsigned)s->workers;
	if (!order(s, &o)) {
		free(o.left);
		return;
	}
	s->listener[at] = s->listener[--s->listeners];
}

/* Those that are new are open already; those that are gone are closed now. */
static void close_unlisted(struct server *s)
{
	for (size_t i = s->listeners; i-- > 0;)
		if (!is_listed(s->config, &s->listener[i].asked))
			forget_listener(s, i, false);
}

/* ---- reload --------------------------------------------------------------------------------- */

struct fault_sink {
	const struct server *server;
	struct buffer *faults; /* NULL: nobody but the operator asks */
};

static void told_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	struct fault_sink *sink = context;
	const char *path = sink->server->options->config_path;
	char place[300] = "";
	if (line > 0)
		snprintf(place, sizeof place, "%s:%u:%u: ", path ? path : "configuration", line,
			 column);
	say(sink->server, "%s%s", place, text);
	if (sink->faults)
		buffer_printf(sink->faults, "%s%s\n", place, text);
}

/* Those from the first on, which no worker has been told of. */
static void close_again(struct server *s, size_t first)
{
	while (s->listeners > first)
		close(s->listener[--s->listeners].fd);
}

/* All of them, or none. */
static bool open_new(struct server *s, const struct config *c, struct fault_sink *sink)
{
	size_t before = s->listeners;
	struct error err;
	for (size_t i = 0; i < c->listens; i++) {
		if (is_open(s, &c->listen[i].at))
			continue;
		int code = -ENOSPC;
		if (s->listeners == CONFIG_MAX_LISTEN)
			err_set(&err, code, "too many listeners, as long as the old ones are open");
		else
			code = open_listener(s, &c->listen[i].at, NULL, &err);
		if (code < 0) {
			told_fault(sink, 0, 0, err.text);
			close_again(s, before);
			return false;
		}
	}
	return true;
}

/* False: no memory; those that workers were told of are unlisted. */
static bool serve_new(struct server *s, size_t first)
{
	for (size_t i = first; i < s->listeners; i++) {
		struct order o = { .kind = ORDER_LISTEN, .listener = s->listener[i] };
		if (!order(s, &o)) {
			close_again(s, i);
			return false;
		}
		say_listening(s, &s->listener[i]);
	}
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What a process keeps as it began with it. */
static void say_kept(const struct server *s, const struct config *new)
{
	const struct config *old = s->config;
	bool resolver = old->resolvers == new->resolvers && old->dns_cache == new->dns_cache;
	for (size_t i = 0; resolver && i < new->resolvers; i++)
		resolver = address_equal(&old->resolver[i], &new->resolver[i]);
	bool admin = address_equal(&old->admin, &new->admin) &&
		     same_text(old->admin_path, new->admin_path);
	if (!resolver || !admin || old->workers != new->workers || !same_text(old->user, new->user))
		say(s, "what it says of workers, user, admin and resolver takes a new process "
		       "(SIGUSR2)");
}

static bool reload_locked(struct server *s, struct fault_sink *sink)
{
	struct config_faults faults = { told_fault, sink };
	struct config *c = config_load(s->options->config_path, &faults);
	if (!c)
		return false;
	c->generation = s->config->generation + 1;
	size_t first = s->listeners;
	struct order o = { .kind = ORDER_CONFIGURE, .config = c };
	bool done = open_new(s, c, sink);
	if (c->auth)
		auth_start_threads();
	if (done && s->options->prepare)
		s->options->prepare(s->options->context, c);
	if (done && !(serve_new(s, first) && order(s, &o))) {
		told_fault(sink, 0, 0, "no memory for it now");
		done = false;
	}
	if (done)
		say_kept(s, c);
	if (done && s->options->reloaded)
		s->options->reloaded(s->options->context, c);
	config_drop(done ? s->config : c);
	if (done)
		s->config = c;
	close_unlisted(s);
	return done;
}

/* A file with a fault changes nothing. May be called from the admin door's thread. */
static bool reload(void *context, struct buffer *faults)
{
	struct server *s = context;
	struct fault_sink sink = { s, faults };
	service_notify_reloading();
	pthread_mutex_lock(&s->lock);
	bool done = s->state <= SERVER_HANDING && reload_locked(s, &sink);
	pthread_mutex_unlock(&s->lock);
	say(s, done ? "reloaded" : "not reloaded: the old configuration stays in force");
	service_notify("READY=1");
	return done;
}

/* ---- workers -------------------------------------------------------------------------------- */

/* Said by the first of them. */
static void say_confined(const struct server *s, bool files, bool calls)
{
	if (files || calls)
		say(s, "workers are confined:%s%s", files ? " files (Landlock)" : "",
		    calls ? " system calls (seccomp)" : "");
	else
		say(s, "workers are not confined: this kernel has neither Landlock nor seccomp");
}

static void *run_thread(void *context)
{
	struct thread *t = context;
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
	s->thread[s->workers++] = (struct thread){ .server = s, .worker = w };
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

static int start_workers(struct server *s, struct error *err)
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
		struct thread *t = &s->thread[i];
		int code = pthread_create(&t->thread, NULL, run_thread, t);
		if (code != 0)
			return err_set(err, -code, "no thread for a worker");
		t->started = true;
		s->running++;
	}
	return 0;
}

static int start_admin(struct server *s, struct error *err)
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
		.reload = reload,
		.context = s,
	};
	s->admin_fd = -1;
	s->admin = admin_start(&options, err);
	return s->admin ? 0 : err->code;
}

/* ---- the main thread ------------------------------------------------------------------------ */

static void server_go(struct server *s, enum server_state to)
{
	pthread_mutex_lock(&s->lock);
	s->state = to;
	pthread_mutex_unlock(&s->lock);
}

static void drain(struct server *s, bool handed_over)
{
	struct order o = { .kind = ORDER_DRAIN, .inherited = handed_over };
	server_go(s, SERVER_DRAINING);
	atomic_store(&s->shared.draining, true);
	if (handed_over)
		service_notify_successor(s->successor);
	else
		service_notify("STOPPING=1");
	say(s, handed_over ? "handed over; draining without a deadline" : "draining");
	admin_stop(s->admin);
	s->admin = NULL;
	for (size_t i = s->listeners; i-- > 0;)
		forget_listener(s, i, handed_over);
	while (!order(s, &o))
		sched_yield();
	if (handed_over)
		return;
	clock_gettime(CLOCK_MONOTONIC, &s->deadline);
	s->deadline.tv_sec += (time_t)(s->config->timeout.drain / NANOS_PER_SECOND) + 1;
}

static void cut(struct server *s)
{
	struct order o = { .kind = ORDER_CUT };
	s->deadline = (struct timespec){ 0 };
	say(s, "cutting what is still open");
	while (!order(s, &o))
		sched_yield();
}

static void hand_over(struct server *s)
{
	struct error err;
	int fd[CONFIG_MAX_LISTEN + 1];
	size_t count = s->listeners;
	for (size_t i = 0; i < count; i++)
		fd[i] = s->listener[i].fd;
	if (s->admin)
		fd[count++] = s->admin_shared;
	s->successor = service_hand_over(fd, count, &err);
	if (s->successor < 0) {
		say(s, "%s", err.text);
		return;
	}
	say(s, "handing over to process %ld", (long)s->successor);
	server_go(s, SERVER_HANDING);
}

static void child_ended(struct server *s)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);
	if (pid <= 0 || pid != s->successor || s->state != SERVER_HANDING)
		return;
	say(s, "process %ld ended before it served; going on", (long)pid);
	server_go(s, SERVER_RUNNING);
}

static void told_to_end(struct server *s, const siginfo_t *info)
{
	bool successor = s->state == SERVER_HANDING && info->si_pid == s->successor;
	if (s->state == SERVER_DRAINING)
		cut(s);
	else
		drain(s, successor);
}

static void take_signal(struct server *s, const siginfo_t *info)
{
	int signal = info->si_signo;
	if (signal == SIGTERM || signal == SIGINT)
		told_to_end(s, info);
	else if (signal == SIGCHLD)
		child_ended(s);
	else if (signal == SIGUSR2 && s->state == SERVER_RUNNING)
		hand_over(s);
	else if (signal == WORKER_ENDED && --s->running == 0)
		server_go(s, SERVER_ENDED);
	if ((signal == SIGHUP || signal == SIGUSR1) && s->options->rotate)
		s->options->rotate(s->options->context);
	if (signal == SIGHUP)
		reload(s, NULL);
}

static void signals(sigset_t *set)
{
	sigemptyset(set);
	int each[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, WORKER_ENDED };
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		sigaddset(set, each[i]);
}

static bool time_left(const struct server *s, struct timespec *ret_left)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	*ret_left = (struct timespec){ .tv_sec = s->deadline.tv_sec - now.tv_sec };
	return ret_left->tv_sec > 0;
}

static void wait_for_signals(struct server *s)
{
	sigset_t set;
	siginfo_t info;
	struct timespec left;
	signals(&set);
	while (s->state != SERVER_ENDED) {
		bool timed = s->deadline.tv_sec > 0;
		if (timed && !time_left(s, &left)) {
			cut(s);
			continue;
		}
		if (sigtimedwait(&set, &info, timed ? &left : NULL) > 0)
			take_signal(s, &info);
	}
}

static int start(struct server *s, struct error *err)
{
	int code = open_listeners(s, err);
	if (code == 0 && s->config->user)
		code = confine_become(s->config->user, err);
	confine_memory();
	if (s->options->prepare)
		s->options->prepare(s->options->context, s->config);
	if (code == 0)
		code = start_workers(s, err);
	return code == 0 ? start_admin(s, err) : code;
}

static void stop(struct server *s)
{
	struct order o = { .kind = ORDER_CUT };
	if (s->running > 0)
		order(s, &o);
	admin_stop(s->admin);
	for (size_t i = 0; i < s->workers; i++)
		if (s->thread[i].started)
			pthread_join(s->thread[i].thread, NULL);
	for (size_t i = 0; i < s->workers; i++)
		worker_free(s->thread[i].worker);
	close_listeners(s);
	if (s->admin_fd >= 0)
		close(s->admin_fd);
	limits_free(s->shared.limits);
	challenges_free(s->shared.challenges);
	config_drop(s->config);
	pthread_mutex_destroy(&s->lock);
}

int server_run(const struct server_options *options, struct error *err)
{
	struct server *s = calloc(1, sizeof *s);
	struct limits *limits = limits_new();
	sigset_t set, before;
	if (!s || !limits) {
		free(s);
		limits_free(limits);
		return err_set(err, -ENOMEM, "no memory to begin with");
	}
	s->options = options;
	s->config = options->config;
	s->admin_fd = -1;
	s->shared.limits = limits;
	s->shared.challenges = options->exchange ? challenges_new() : NULL;
	s->shared.exchange = options->exchange;
	s->shared.say = options->say;
	s->shared.context = options->context;
	pthread_mutex_init(&s->lock, NULL);
	signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	int code = start(s, err);
	if (code == 0) {
		service_notify("READY=1");
		service_succeed();
		wait_for_signals(s);
	}
	stop(s);
	signal(WORKER_ENDED, SIG_IGN); /* of those that ended since */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(s);
	return code;
}
