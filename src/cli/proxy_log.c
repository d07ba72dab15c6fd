/* Where the proxy's records go: judged and rendered in the worker's thread that finished them, then
 * to the log's queue and the memory behind /why. What that needs is made once a thread. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/proxy.h"
#include "diagnose/diagnose.h"
#include "proxy/confine.h"
#include "proxy/log.h"
#include "proxy/why.h"
#include "render/render.h"
#include "tls/certificate.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DIAGNOSIS_LIMIT = 64 << 10, LINE_LIMIT = 128 << 10 };

struct proxy_log {
	_Atomic(struct log *) access; /* NULL: nobody wants lines */
	struct log *error;            /* NULL: standard error */
	struct why *why;              /* NULL: there is no door to ask at */
	_Atomic uint64_t verdict[V_COUNT_];
};

/* ---- a thread's own ------------------------------------------------------------------------- */

struct desk {
	struct arena *arena;
	struct buffer line;
};

static pthread_key_t desk_key;

static void desk_free(void *context)
{
	struct desk *d = context;
	arena_free(d->arena);
	buffer_done(&d->line);
	free(d);
}

static struct desk *own_desk(void)
{
	struct desk *d = pthread_getspecific(desk_key);
	if (d)
		return d;
	d = calloc(1, sizeof *d);
	if (d)
		d->arena = arena_new(DIAGNOSIS_LIMIT);
	if (!d || !d->arena) {
		free(d);
		return NULL;
	}
	buffer_init(&d->line, LINE_LIMIT);
	pthread_setspecific(desk_key, d);
	return d;
}

static bool judge(struct desk *d, const struct exchange *x, struct diagnosis *ret_diagnosis)
{
	struct finding f;
	arena_reset(d->arena);
	buffer_reset(&d->line);
	diagnose_judge(x, &f);
	return diagnose_explain(x, &f, d->arena, ret_diagnosis);
}

/* ---- the log -------------------------------------------------------------------------------- */

static void write_line(struct proxy_log *l, const struct config *c, struct desk *d,
		       const struct exchange *x, const struct diagnosis *found)
{
	struct log *access = c->access.format != LOG_NONE ? l->access : NULL;
	bool json = c->access.format == LOG_JSON;
	if (l->why || (access && json)) {
		render_json(&d->line, x, found);
		if (l->why && !d->line.failed)
			why_add(l->why, &x->client, buffer_slice(&d->line));
	}
	if (access && !json) {
		buffer_reset(&d->line);
		render_access(&d->line, x, found);
	}
	if (access && !d->line.failed)
		log_add(access, buffer_slice(&d->line));
}

void proxy_log_exchange(void *context, const struct config *config, const struct exchange *x)
{
	struct proxy_log *l = context;
	struct desk *d = own_desk();
	struct diagnosis found;
	if (!d)
		return;
	judge(d, x, &found);
	atomic_fetch_add_explicit(&l->verdict[found.verdict], 1, memory_order_relaxed);
	write_line(l, config, d, x, &found);
}

void proxy_log_rotate(void *context)
{
	struct proxy_log *l = context;
	log_reopen(l->access);
	log_reopen(l->error);
}

void proxy_log_say(void *context, const char *text)
{
	struct proxy_log *l = context;
	struct buffer line;
	buffer_init(&line, 2048);
	escape_text(&line, slice_of(text));
	if (l && l->error) {
		buffer_add_byte(&line, '\n');
		log_add(l->error, buffer_slice(&line));
	} else if (poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, 0) != 0) {
		/* whoever reads it, or does not, never makes a worker wait */
		complain("%.*s", (int)line.len, (const char *)line.at);
	}
	buffer_done(&line);
}

static bool has_door(const struct config *c)
{
	return c->admin_path || !address_is_none(&c->admin);
}

/* Where there are records certificates are read, by a library that confined workers can't load. It
 * takes 600 kB and three milliseconds, which nobody else is to pay. */
void proxy_log_prepare(void *context, const struct config *c)
{
	(void)context;
	if (c->access.format != LOG_NONE || c->sni != SNI_OFF || has_door(c))
		tls_prepare_certificates();
}

/* Another file may be named now, or the first one. What is wrong with it is the operator's to hear;
 * the log goes on as it was. */
void proxy_log_follow(void *context, const struct config *c)
{
	struct proxy_log *l = context;
	struct error err = { 0 };
	if (c->access.format == LOG_NONE)
		return;
	if (l->access)
		log_move(l->access, &c->access, &err);
	else
		l->access = log_open(&c->access, &err);
	if (err.code < 0)
		proxy_log_say(l, err.text);
}

/* ---- for the admin door --------------------------------------------------------------------- */

void proxy_log_view(void *context, const struct exchange *x, struct buffer *out)
{
	struct desk *d = own_desk();
	struct diagnosis found;
	(void)context;
	if (!d)
		return;
	judge(d, x, &found);
	render_json(out, x, &found);
}

void proxy_log_why(void *context, const struct address *client, struct buffer *out)
{
	const struct proxy_log *l = context;
	if (l->why)
		why_write(l->why, client, out);
}

void proxy_log_metrics(void *context, struct buffer *out)
{
	struct proxy_log *l = context;
	buffer_add_text(out, "# HELP viaduct_verdicts_total Requests by their verdict.\n"
			     "# TYPE viaduct_verdicts_total counter\n");
	for (int v = 0; v < V_COUNT_; v++) {
		uint64_t n = atomic_load_explicit(&l->verdict[v], memory_order_relaxed);
		if (n)
			buffer_printf(out, "viaduct_verdicts_total{verdict=\"%s\"} %llu\n",
				      verdict_id((enum verdict)v), (unsigned long long)n);
	}
	buffer_printf(out,
		      "# HELP viaduct_log_dropped_total Lines that the log could not take.\n"
		      "# TYPE viaduct_log_dropped_total counter\n"
		      "viaduct_log_dropped_total %llu\n",
		      (unsigned long long)log_dropped(l->access));
}

/* ---- life ----------------------------------------------------------------------------------- */

static struct log *open_log(const struct config *c, const struct config_log *options)
{
	struct error err;
	struct log *l = log_open(options, &err);
	if (!l)
		complain("%s", err.text);
	else if (c->user)
		confine_give(options->path, c->user);
	return l;
}

static bool open_logs(struct proxy_log *l, const struct config *c)
{
	if (c->error.path) {
		l->error = open_log(c, &c->error);
		if (!l->error)
			return false;
	}
	if (c->access.format != LOG_NONE) {
		l->access = open_log(c, &c->access);
		if (!l->access)
			return false;
	}
	l->why = has_door(c) ? why_new(WHY_LINES) : NULL;
	return true;
}

struct proxy_log *proxy_log_open(const struct config *c)
{
	struct proxy_log *l = calloc(1, sizeof *l);
	if (!l || pthread_key_create(&desk_key, desk_free) != 0) {
		complain("no memory for the log");
		free(l);
		return NULL;
	}
	if (open_logs(l, c))
		return l;
	proxy_log_close(l);
	return NULL;
}

void proxy_log_close(struct proxy_log *l)
{
	if (!l)
		return;
	struct desk *d = pthread_getspecific(desk_key);
	if (d)
		desk_free(d);
	pthread_key_delete(desk_key);
	log_close(l->access);
	log_close(l->error);
	why_free(l->why);
	free(l);
}
