/* Configurations: made, held, dropped. */
#include "proxy/config.h"

#include "base/escape.h"
#include "proxy/auth_settings.h"
#include "proxy/config_read.h"
#include "proxy/file.h"
#include "proxy/rules_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILE = 4 << 20, MAX_ARENA = 256 << 20 };

static char made_up[24];

static void make_up(void)
{
	uint32_t random = (uint32_t)getpid();
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
		random ^= (uint32_t)time(NULL);
	snprintf(made_up, sizeof made_up, "viaduct-%08x", random);
}

static const char *own_pseudonym(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_up);
	return made_up;
}

static void set_defaults(struct config *c)
{
	c->listen[0].at =
		(struct address){ .ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 }, .port = 3128 };
	c->listens = 1;
	c->access = (struct config_log){ LOG_TEXT, "-" };
	c->error = (struct config_log){ LOG_TEXT, NULL };
	c->name = "viaduct";
	c->pseudonym = own_pseudonym();
	c->via = true;
	c->dns_cache = 4096;
	c->timeout.header = 10 * NANOS_PER_SECOND;
	c->timeout.connect = 10 * NANOS_PER_SECOND;
	c->timeout.idle = 300 * NANOS_PER_SECOND;
	c->timeout.keepalive = 60 * NANOS_PER_SECOND;
	c->timeout.origin = 30 * NANOS_PER_SECOND;
	c->timeout.answer = 300 * NANOS_PER_SECOND;
	c->timeout.drain = 30 * NANOS_PER_SECOND;
	c->limit.header = 65536;
	c->limit.connections = 20000;
	c->limit.auth_failures = 20;
}

static struct config *config_new(void)
{
	static _Atomic uint64_t generations;
	struct arena *arena = arena_new(MAX_ARENA);
	struct config *c = arena ? arena_alloc(arena, sizeof *c) : NULL;
	struct rules *rules = c ? arena_alloc(arena, sizeof *rules) : NULL;
	if (!rules) {
		arena_free(arena);
		return NULL;
	}
	c->arena = arena;
	c->refs = 1;
	c->generation = ++generations;
	c->rules = rules;
	rules->tail = &rules->first;
	set_defaults(c);
	return c;
}

struct config *config_hold(struct config *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void config_drop(struct config *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < c->parents; i++) {
		char *password = c->parent[i].password;
		if (password)
			explicit_bzero(password, strlen(password));
		free(password);
	}
	for (struct rules_file *f = c->rules->files; f; f = f->next)
		domains_free(f->domains);
	auth_free(c->auth);
	arena_free(c->arena);
}

/* What paths in the file are relative to: its own folder. */
static const char *folder_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (slash && len == 0)
		return "/.";
	return arena_string(arena, (struct slice){ (const uint8_t *)path, len });
}

static void grammar_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	struct grammar_word at = { .line = line, .column = column };
	config_fault(context, &at, "%s", text);
}

static void make_auth(struct config_reader *r)
{
	struct error err;
	r->config->auth = auth_new(r->auth, &err);
	if (!r->config->auth)
		config_fault(r, NULL, "%s", err.text);
}

static void read_text(struct config_reader *r, struct slice text)
{
	struct grammar_entry *first = NULL;
	struct grammar_faults faults = { grammar_fault, r };
	/* words are borrowed from the text: it has to live as long as they do */
	struct slice kept = arena_copy(r->config->arena, text);
	if (kept.len < text.len ||
	    grammar_read_all(kept, r->config->arena, &first, &faults) == -ENOMEM) {
		config_out_of_memory(r);
		return;
	}
	config_read_file(r, first);
	if (r->auth)
		r->auth->failures = r->config->limit.auth_failures;
	if (r->auth && r->told == 0)
		make_auth(r);
}

static void read_path(struct config_reader *r, const char *path)
{
	struct error err;
	struct config *c = r->config;
	c->path = arena_string(c->arena, slice_of(path));
	r->folder = folder_of(c->arena, path);
	if (!c->path || !r->folder) {
		config_out_of_memory(r);
		return;
	}
	struct slice text = file_read(path, MAX_FILE, &err);
	if (text.at)
		read_text(r, text);
	else
		config_fault(r, NULL, "%s", err.text);
	file_forget(text);
}

struct config *config_load(const char *path, const struct config_faults *faults)
{
	struct config_reader r = { .config = config_new(), .faults = faults, .folder = "" };
	if (!r.config) {
		config_fault(&r, NULL, "out of memory");
		return NULL;
	}
	if (path)
		read_path(&r, path);
	if (r.told == 0)
		return r.config;
	if (r.auth)
		auth_settings_done(r.auth);
	config_drop(r.config);
	return NULL;
}
