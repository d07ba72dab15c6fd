/* The process: its main thread, which waits for signals alone. */
#include "proxy/server_private.h"

#include "proxy/confine.h"
#include "proxy/service.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void server_say(const struct server *s, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (s->options->say)
		s->options->say(s->options->context, text);
}

static void server_go(struct server *s, enum server_state to)
{
	pthread_mutex_lock(&s->lock);
	s->state = to;
	pthread_mutex_unlock(&s->lock);
}

static void drain(struct server *s, bool handed_over)
{
	struct server_order o = { .kind = ORDER_DRAIN, .inherited = handed_over };
	server_go(s, SERVER_DRAINING);
	atomic_store(&s->shared.draining, true);
	if (handed_over)
		service_notify_successor(s->successor);
	else
		service_notify("STOPPING=1");
	server_say(s, handed_over ? "handed over; draining without a deadline" : "draining");
	admin_stop(s->admin);
	s->admin = NULL;
	for (size_t i = s->listeners; i-- > 0;)
		server_forget_listener(s, i, handed_over);
	while (!server_order(s, &o))
		sched_yield();
	if (handed_over)
		return;
	clock_gettime(CLOCK_MONOTONIC, &s->deadline);
	s->deadline.tv_sec += (time_t)(s->config->timeout.drain / NANOS_PER_SECOND) + 1;
}

static void cut(struct server *s)
{
	struct server_order o = { .kind = ORDER_CUT };
	s->deadline = (struct timespec){ 0 };
	server_say(s, "cutting what is still open");
	while (!server_order(s, &o))
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
		server_say(s, "%s", err.text);
		return;
	}
	server_say(s, "handing over to process %ld", (long)s->successor);
	server_go(s, SERVER_HANDING);
}

static void child_ended(struct server *s)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);
	if (pid <= 0 || pid != s->successor || s->state != SERVER_HANDING)
		return;
	server_say(s, "process %ld ended before it served; going on", (long)pid);
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
		server_reload(s, NULL);
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
	int code = server_open_listeners(s, err);
	if (code == 0 && s->config->user)
		code = confine_become(s->config->user, err);
	confine_memory();
	if (s->options->prepare)
		s->options->prepare(s->options->context, s->config);
	if (code == 0)
		code = server_start_workers(s, err);
	return code == 0 ? server_start_admin(s, err) : code;
}

static void stop(struct server *s)
{
	struct server_order o = { .kind = ORDER_CUT };
	if (s->running > 0)
		server_order(s, &o);
	admin_stop(s->admin);
	for (size_t i = 0; i < s->workers; i++)
		if (s->thread[i].started)
			pthread_join(s->thread[i].thread, NULL);
	for (size_t i = 0; i < s->workers; i++)
		worker_free(s->thread[i].worker);
	server_close_listeners(s);
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
