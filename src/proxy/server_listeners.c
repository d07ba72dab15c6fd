/* What the server listens on: as it begins, and after a reload. */
#include "proxy/server_private.h"

#include "net/socket.h"
#include "proxy/auth.h"
#include "proxy/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say_listening(const struct server *s, const struct server_listener *l)
{
	struct buffer text;
	buffer_init(&text, 128);
	address_add(&text, &l->at);
	server_say(s, "listening on %.*s", (int)text.len, (const char *)text.at);
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

int server_open_listeners(struct server *s, struct error *err)
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

void server_close_listeners(struct server *s)
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

void server_forget_listener(struct server *s, size_t at, bool inherited)
{
	struct server_order o = { .kind = ORDER_STOP_LISTENING,
				  .listener = s->listener[at],
				  .inherited = inherited };
	o.left = malloc(sizeof *o.left);
	if (!o.left)
		return; /* it stays open until the next reload */
	*o.left = (unsigned)s->workers;
	if (!server_order(s, &o)) {
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
			server_forget_listener(s, i, false);
}

/* ---- reload --------------------------------------------------------------------------------- */

struct fault_sink {
	const struct server *server;
	struct buffer *faults; /* NULL: nobody but the operator asks */
};

static void tell(const struct fault_sink *sink, const char *place, const char *text)
{
	server_say(sink->server, "%s%s", place, text);
	if (sink->faults)
		buffer_printf(sink->faults, "%s%s\n", place, text);
}

static void told_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	struct fault_sink *sink = context;
	const char *path = sink->server->options->config_path;
	char place[300];
	path = path ? path : "configuration";
	if (line > 0)
		snprintf(place, sizeof place, "%s:%u:%u: ", path, line, column);
	else
		snprintf(place, sizeof place, "%s: ", path);
	tell(sink, place, text);
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
			tell(sink, "", err.text);
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
		struct server_order o = { .kind = ORDER_LISTEN, .listener = s->listener[i] };
		if (!server_order(s, &o)) {
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
		server_say(s,
			   "what it says of workers, user, admin and resolver takes a new process "
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
	struct server_order o = { .kind = ORDER_CONFIGURE, .config = c };
	bool done = open_new(s, c, sink);
	if (c->auth)
		auth_start_threads();
	if (done && s->options->prepare)
		s->options->prepare(s->options->context, c);
	if (done && !(serve_new(s, first) && server_order(s, &o))) {
		tell(sink, "", "no memory for it now");
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

bool server_reload(void *context, struct buffer *faults)
{
	struct server *s = context;
	struct fault_sink sink = { s, faults };
	service_notify_reloading();
	pthread_mutex_lock(&s->lock);
	bool done = s->state <= SERVER_HANDING && reload_locked(s, &sink);
	pthread_mutex_unlock(&s->lock);
	server_say(s, done ? "reloaded" : "not reloaded: the old configuration stays in force");
	service_notify("READY=1");
	return done;
}
