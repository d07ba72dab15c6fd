/* What the door shows. Pages that need the workers are gathered: one worker after the other is
 * asked for a portion, which it adds to the page in its own thread, and sends the visit home; so a
 * worker is never held up for long, and nothing is shared. */
#include "proxy/admin_visit.h"

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static const char TEXT[] = "text/plain; charset=utf-8";
static const char JSON[] = "application/json";

/* ---- to the workers and back ---------------------------------------------------------------- */

static struct visit *of_call(struct net_call *c)
{
	return (struct visit *)((char *)c - offsetof(struct visit, call));
}

static void come_home(struct net_call *c);

/* In the worker's thread. */
static void at_worker(struct net_call *c)
{
	struct visit *v = of_call(c);
	v->gather(v);
	c->run = come_home;
	net_loop_call(v->admin->loop, c);
}

static void ask_worker(struct visit *v)
{
	v->call.run = at_worker;
	net_loop_call(v->admin->worker[v->worker].loop, &v->call);
}

/* `finish` makes of what was gathered the answer. */
static void begin_gathering(struct visit *v, void (*gather)(struct visit *v),
			    void (*finish)(struct visit *v))
{
	v->gather = gather;
	v->finish = finish;
	v->worker = 0;
	v->place = 0;
	v->more = false;
	visit_gather(v);
	if (v->admin->options.workers > 0)
		ask_worker(v);
	else
		finish(v);
}

static void come_home(struct net_call *c)
{
	struct visit *v = of_call(c);
	if (v->gone) {
		admin_forget(v);
		return;
	}
	if (!v->more) {
		v->worker++;
		v->place = 0;
	}
	if (v->worker < v->admin->options.workers && v->left > 0 && !v->page.failed) {
		ask_worker(v);
		return;
	}
	v->finish(v);
	visit_go_on(v);
}

/* ---- /connections --------------------------------------------------------------------------- */

static const char *state_of(const struct exchange *x)
{
	if (x->tunnel.open)
		return "tunnel";
	return x->response.status ? "answering" : "waiting";
}

static unsigned long long ms(nanos span)
{
	return span > 0 ? (unsigned long long)(span / NANOS_PER_MS) : 0;
}

/* The record as it is so far, with what only one in progress has before its other members. */
static void add_record(void *context, struct record *record)
{
	struct visit *v = context;
	const struct admin_views *views = v->admin->options.views;
	struct exchange *x = record_peek(record);
	struct buffer line;
	if (!x)
		return;
	buffer_init(&line, 64 << 10);
	views->exchange(views->context, x, &line);
	while (line.len && line.at[line.len - 1] == '\n')
		line.len--;
	if (line.len > 2 && !line.failed) {
		buffer_add_text(&v->page, v->page.len > 1 ? ",\n" : "\n");
		buffer_printf(&v->page, "{\"state\":\"%s\",\"age_ms\":%llu,\"idle_ms\":%llu,",
			      state_of(x), ms(v->wall - x->first.at), ms(v->wall - x->last.at));
		buffer_add(&v->page, slice_from(buffer_slice(&line), 1));
	}
	buffer_done(&line);
	trace_free(x);
}

static void gather_connections(struct visit *v)
{
	const struct admin_worker *w = &v->admin->worker[v->worker];
	size_t most = v->left < ADMIN_PORTION ? v->left : ADMIN_PORTION;
	v->wall = net_wall(w->loop);
	v->more = w->recorder && recorder_walk(w->recorder, &v->place, most, add_record, v);
	v->left -= most;
}

static void finish_connections(struct visit *v)
{
	buffer_add_text(&v->page, "\n]\n");
	visit_answer(v, 200, JSON);
}

/* ---- /metrics ------------------------------------------------------------------------------- */

static void gather_dns(struct visit *v)
{
	const struct admin_worker *w = &v->admin->worker[v->worker];
	v->more = false;
	if (!w->dns)
		return;
	struct net_dns_counts c = net_dns_counts(w->dns);
	v->dns[0] += c.asked;
	v->dns[1] += c.cached;
	v->dns[2] += c.failed;
	v->dns[3] += c.kept;
}

static void say(struct buffer *out, const char *name, const char *type, const char *help,
		unsigned long long value)
{
	buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
		      value);
}

static void say_process(struct buffer *out)
{
	unsigned long long pages;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%*u %llu", &pages) == 1)
		say(out, "process_resident_memory_bytes", "gauge", "Memory that is resident.",
		    pages * (unsigned long long)sysconf(_SC_PAGESIZE));
	if (f)
		fclose(f);
	DIR *dir = opendir("/proc/self/fd");
	unsigned long long count = 0;
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	if (count > 3) /* itself, and two that are none */
		say(out, "process_open_fds", "gauge", "Descriptors in use.", count - 3);
}

static void finish_metrics(struct visit *v)
{
	const struct admin *a = v->admin;
	const struct admin_views *views = a->options.views;
	const struct metrics *all[64];
	for (size_t i = 0; i < a->options.workers; i++)
		all[i] = a->worker[i].metrics;
	metrics_write(all, a->options.workers, &v->page);
	say(&v->page, "viaduct_dns_asked_total", "counter", "Questions to the resolver.",
	    v->dns[0]);
	say(&v->page, "viaduct_dns_cached_total", "counter", "Answered from the cache.", v->dns[1]);
	say(&v->page, "viaduct_dns_failed_total", "counter", "Questions without an answer.",
	    v->dns[2]);
	say(&v->page, "viaduct_dns_names", "gauge", "Names in the cache.", v->dns[3]);
	say_process(&v->page);
	views->metrics(views->context, &v->page);
	visit_answer(v, 200, "text/plain; version=0.0.4; charset=utf-8");
}

/* ---- the others ---------------------------------------------------------------------------- */

/* The value of a name in the query, its %XX undone. False: it is not there, or too long. */
static bool find_query(struct slice query, struct slice name, uint8_t *into, size_t room,
		       struct slice *ret_value)
{
	while (query.len) {
		struct slice value = slice_cut(&query, '&');
		size_t len = 0;
		if (!slice_equal(slice_cut(&value, '='), name))
			continue;
		for (; value.len && len < room; value = slice_from(value, 1)) {
			into[len] = value.at[0];
			if (slice_percent(value, 0, &into[len++]))
				value = slice_from(value, 2);
		}
		*ret_value = (struct slice){ into, len };
		return value.len == 0;
	}
	return false;
}

static void not_here(struct visit *v, unsigned status, const char *why)
{
	buffer_printf(&v->page, "%s\n", why);
	visit_answer(v, status, TEXT);
}

/* The lines, parted by commas. */
static void serve_why(struct visit *v, struct slice query)
{
	const struct admin_views *views = v->admin->options.views;
	struct address client = { 0 };
	struct slice value;
	uint8_t room[64];
	struct buffer lines;
	bool named = find_query(query, SLICE("client"), room, sizeof room, &value);
	if (named && !address_parse(value, &client)) {
		not_here(v, 400, "client is an address, as in /why?client=10.0.0.5");
		return;
	}
	buffer_init(&lines, ADMIN_MAX_PAGE / 2);
	views->why(views->context, &client, &lines);
	struct slice rest = buffer_slice(&lines);
	buffer_add_text(&v->page, "[");
	for (bool first = true; rest.len; first = false) {
		buffer_add_text(&v->page, first ? "\n" : ",\n");
		buffer_add(&v->page, slice_line(&rest));
	}
	buffer_add_text(&v->page, "\n]\n");
	buffer_done(&lines);
	visit_answer(v, 200, JSON);
}

static void serve_connections(struct visit *v, struct slice query)
{
	struct slice value;
	uint8_t room[16];
	uint64_t most = ADMIN_MAX_CONNECTIONS;
	if (find_query(query, SLICE("limit"), room, sizeof room, &value) &&
	    (!slice_parse_u64(value, 10, &most) || most > ADMIN_MAX_CONNECTIONS))
		most = ADMIN_MAX_CONNECTIONS;
	v->left = (size_t)most;
	buffer_add_text(&v->page, "[");
	begin_gathering(v, gather_connections, finish_connections);
}

static void serve_reload(struct visit *v)
{
	const struct admin_options *o = &v->admin->options;
	if (!o->reload || !o->reload(o->context, &v->page)) {
		visit_answer(v, 409, TEXT);
		return;
	}
	buffer_add_text(&v->page, "reloaded\n");
	visit_answer(v, 200, TEXT);
}

void pages_serve(struct visit *v, const struct http_request *request)
{
	struct slice query = request->target, path = slice_cut(&query, '?');
	bool post = slice_equal(request->method, SLICE("POST"));
	bool reload = slice_equal(path, SLICE("/reload"));
	v->left = 1;
	v->dns[0] = v->dns[1] = v->dns[2] = v->dns[3] = 0;
	if (reload != post) {
		not_here(v, 405, reload ? "POST it" : "GET it");
	} else if (reload) {
		serve_reload(v);
	} else if (slice_equal(path, SLICE("/metrics"))) {
		begin_gathering(v, gather_dns, finish_metrics);
	} else if (slice_equal(path, SLICE("/connections"))) {
		serve_connections(v, query);
	} else if (slice_equal(path, SLICE("/why"))) {
		serve_why(v, query);
	} else if (slice_equal(path, SLICE("/healthz"))) {
		buffer_add_text(&v->page, "ok\n");
		visit_answer(v, 200, TEXT);
	} else {
		not_here(v, 404,
			 "there are /metrics, /connections, /why?client=ADDR, /healthz, and POST "
			 "/reload");
	}
}
