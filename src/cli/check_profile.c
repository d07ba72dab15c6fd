/* viaduct check --profile: a line for each target, and the text to send to whoever runs the proxy.
 */
#include "base/escape.h"
#include "check/connect.h"
#include "cli/check.h"
#include "cli/check_targets.h"
#include "cli/command.h"
#include "cli/new_file.h"
#include "cli/version.h"
#include "render/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_LIMIT = 1 << 20, ENOUGH = 64 << 10 };

struct table {
	const struct check_wish *wish;
	struct check_profile profile;
	const char *name;
	struct render_style style;
	struct render_count count;
	struct buffer seen; /* of those that were not reached, for the request */
	size_t missed;
};

/* ---- as they come ---------------------------------------------------------------------------- */

struct render_target check_row_of(const struct outcome *o)
{
	return (struct render_target){ .url = o->goal->url,
				       .purpose = o->goal->purpose,
				       .trouble = o->walked || o->trouble ? o->trouble
									  : o->proxy->said,
				       .direct = !o->walked && !o->trouble,
				       .reached = o->reached,
				       .unlike = o->unlike,
				       .began = o->began,
				       .took = o->took,
				       .status = o->status,
				       .x = o->x,
				       .d = o->found };
}

void check_count(struct render_count *n, const struct render_target *row)
{
	n->targets++;
	n->reached += row->reached;
	n->direct += row->direct;
	if (!row->reached && !row->trouble && !row->unlike)
		n->verdict[row->d->verdict]++;
}

static void add_text(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, ",\"%s\":\"", name);
	escape_json(out, slice_of(text));
	buffer_add_text(out, "\"");
}

static void add_record(struct buffer *out, const struct table *t, const struct outcome *o,
		       const struct render_target *row)
{
	desk_begin_record(out, o->desk, o->x, o->found);
	add_text(out, "profile", t->name);
	add_text(out, "url", o->goal->url);
	if (row->purpose[0])
		add_text(out, "purpose", row->purpose);
	buffer_printf(out, ",\"reached\":%s", row->reached ? "true" : "false");
	if (row->trouble || row->unlike)
		add_text(out, "because", row->trouble ? row->trouble : row->unlike);
	buffer_add_text(out, "}\n");
}

static void on_target(void *context, const struct outcome *o)
{
	struct table *t = context;
	struct render_target row = check_row_of(o);
	struct buffer out;
	buffer_init(&out, TEXT_LIMIT);
	check_count(&t->count, &row);
	if (t->wish->json)
		add_record(&out, t, o, &row);
	else
		render_target_row(&out, &t->style, &row);
	if (out.len)
		fwrite(out.at, 1, out.len, stdout);
	fflush(stdout);
	buffer_done(&out);
	if (!row.reached && !row.direct)
		render_request_seen(&t->seen, ++t->missed, &row);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void add_hosts(struct buffer *out, const struct check_profile *p)
{
	struct render_host *list = calloc(p->goals, sizeof *list);
	if (!list)
		return;
	for (size_t i = 0; i < p->goals; i++) {
		const struct check_goal *g = &p->goal[i];
		list[i] = (struct render_host){ g->host, g->port, g->ports, g->pinned, g->purpose };
	}
	render_request_hosts(out, list, p->goals);
	free(list);
}

static void say_proxy(const struct check_proxy *p, char *into, size_t size)
{
	char shown[CHECK_MAX_HOST];
	bool six = strchr(p->host, ':') != NULL;
	escape_into(shown, sizeof shown, slice_of(p->host));
	snprintf(into, size, six ? "[%s]:%u" : "%s:%u", shown, p->port);
}

static bool write_request(const struct table *t, const struct check_proxy *proxy)
{
	char host[256] = "", shown[256], at[CHECK_MAX_HOST + 20];
	const struct check_profile *p = &t->profile;
	const char *path = t->wish->request;
	struct buffer out;
	struct error err;
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = 0;
	say_proxy(proxy, at, sizeof at);
	struct render_request r = {
		.title = p->title,
		.date = p->date,
		.source = p->source,
		.sources = p->sources,
		.proxy = at,
		.host = host[0] ? escape_into(shown, sizeof shown, slice_of(host)) : NULL,
		.version = VIADUCT_VERSION,
		.now = check_now()
	};
	buffer_init(&out, TEXT_LIMIT);
	render_request_head(&out, &r, &t->count);
	add_hosts(&out, p);
	if (t->missed)
		buffer_add_text(
			&out, "\nWhat was seen of those that were not reached (times are UTC):\n");
	buffer_add(&out, buffer_slice(&t->seen));
	render_request_foot(&out, &r);
	int code = out.failed || t->seen.failed ? err_set(&err, -1, "out of memory")
						: new_file_write(path, buffer_slice(&out), &err);
	buffer_done(&out);
	if (code < 0)
		complain("%s", err.text);
	return code == 0;
}

/* ---- from the profile to the table ----------------------------------------------------------- */

static void print_heading(const struct table *t, const struct targets *targets)
{
	const struct check_proxy *proxy = &targets_way(targets)->proxy;
	char at[CHECK_MAX_HOST + 20];
	say_proxy(proxy, at, sizeof at);
	printf("%s (%s, %s)\nthrough the %s proxy %s, %s\n\n", t->profile.title, t->name,
	       t->profile.date, proxy->secure ? "https" : "http", at, proxy->said);
	fflush(stdout);
}

static void print_count(const struct table *t)
{
	struct buffer out;
	size_t more = t->profile.goals - t->profile.targets;
	buffer_init(&out, TEXT_LIMIT);
	render_target_count(&out, &t->count);
	if (more)
		buffer_printf(&out, "\n%zu host%s more can only be allowed, not tested", more,
			      more == 1 ? "" : "s");
	printf("\n%.*s\n", (int)out.len, (const char *)out.at);
	buffer_done(&out);
}

static int walk_all(struct table *t)
{
	const struct check_wish *w = t->wish;
	struct targets_plan plan = { .goal = t->profile.goal,
				     .goals = t->profile.goals,
				     .any_answer = true,
				     .options = check_options_of(w),
				     .wish = w->way,
				     .tell = on_target,
				     .context = t };
	struct error err;
	plan.options.most = w->most ? w->most : ENOUGH;
	struct targets *targets = targets_new(&plan);
	if (!targets)
		return EXIT_TROUBLE;
	if (!w->json)
		print_heading(t, targets);
	int code = targets_round(targets, &err);
	bool fine = code == 0;
	if (!fine)
		complain("%s", err.text);
	else if (!w->json)
		print_count(t);
	if (fine && w->request)
		fine = write_request(t, &targets_way(targets)->proxy);
	targets_free(targets);
	return !fine ? EXIT_TROUBLE : t->missed ? EXIT_FAULT_FOUND : EXIT_FINE;
}

int run_profile(const struct check_wish *w)
{
	struct table t = { .wish = w, .style = check_style_of(w) };
	struct arena *arena = arena_new(CHECK_PROFILE_ROOM + CHECK_MAX_PROFILE);
	struct error err;
	int status = EXIT_TROUBLE;
	buffer_init(&t.seen, TEXT_LIMIT);
	if (w->request && new_file_try(w->request, &err) < 0)
		complain("%s", err.text);
	else if (arena && check_find_profile(w->profile, arena, &t.profile, &t.name))
		status = walk_all(&t);
	buffer_done(&t.seen);
	arena_free(arena);
	return status;
}
