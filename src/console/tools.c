/* The host's tools: what the saved settings would make of their files, done and undone. */
#include "console/private.h"

#include "host/plan_change.h"
#include "host/settings_file.h"
#include "settings/diff.h"

#include <errno.h>
#include <stdlib.h>

struct plan {
	struct host_settings file;
	struct settings settings;
	struct host_change change[PLAN_TARGETS];
	size_t target[PLAN_TARGETS];
	size_t count;
};

static int make_plan(struct console *c, struct plan *p, struct error *err)
{
	struct settings_remarks remarks;
	int code = form_load(c, &p->file, &p->settings, err);
	if (code < 0)
		return code;
	settings_check(&p->settings, &remarks);
	if (remarks.faulty)
		return err_set(err, -EINVAL, "with the saved settings the proxy can't work");
	for (size_t i = 0; code == 0 && i < PLAN_TARGETS; i++) {
		bool differs = false;
		code = host_plan_change(c->options.root, i, &p->settings, &p->change[p->count],
					&differs, err);
		if (code == 0 && differs)
			p->target[p->count++] = i;
		else
			host_change_done(&p->change[p->count]);
	}
	return code;
}

static void plan_free(struct plan *p)
{
	for (size_t i = 0; p && i < p->count; i++)
		host_change_done(&p->change[i]);
	if (p)
		host_settings_done(&p->file);
	free(p);
}

static void say_change(struct request *r, const struct host_change *c, const char *tool,
		       const char *effect)
{
	struct buffer diff;
	buffer_init(&diff, 4 << 20);
	diff_add(&diff, c->now.text, c->to.text);
	json_open(&r->out, NULL, '{');
	json_word(&r->out, "tool", tool);
	json_word(&r->out, "path", c->path);
	json_word(&r->out, "effect", effect);
	json_bool(&r->out, "comes", !c->now.exists);
	json_bool(&r->out, "goes", !c->to.exists);
	json_bool(&r->out, "touched", c->touched);
	json_bool(&r->out, "readable_by_all",
		  c->to.exists && (c->to.mode & 0004) && effect != NULL);
	json_text(&r->out, "diff", buffer_slice(&diff));
	json_close(&r->out, '}');
	buffer_done(&diff);
}

static void say_undo(struct request *r)
{
	struct error err;
	struct host_kept *kept = calloc(1, sizeof *kept);
	int code = kept ? host_change_last(r->console->options.root, kept, &err) : -ENOMEM;
	json_open(&r->out, "undo", '[');
	for (size_t i = 0; code == 0 && i < kept->count; i++)
		say_change(r, &kept->change[i], NULL, NULL);
	json_close(&r->out, ']');
	for (size_t i = 0; kept && i < kept->count; i++)
		host_change_done(&kept->change[i]);
	free(kept);
}

static void answer_plan(struct request *r)
{
	struct error err = { 0 };
	struct plan *p = calloc(1, sizeof *p);
	int code = p ? make_plan(r->console, p, &err) : err_set(&err, -ENOMEM, "out of memory");
	buffer_reset(&r->out);
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "changes", '[');
	for (size_t i = 0; code == 0 && i < p->count; i++) {
		const struct plan_target *t = plan_target(p->target[i]);
		say_change(r, &p->change[i], t->tool, t->effect);
	}
	json_close(&r->out, ']');
	json_word(&r->out, "trouble", code < 0 ? err.text : NULL);
	say_undo(r);
	json_close(&r->out, '}');
	answer_json(r, 200);
	plan_free(p);
}

void tools_get(struct request *r)
{
	pthread_mutex_lock(&r->console->settings_lock);
	answer_plan(r);
	pthread_mutex_unlock(&r->console->settings_lock);
}

/* "/etc/wgetrc, /root/.curlrc" */
static void note(struct request *r, const char *did, const struct host_change *c, size_t count)
{
	struct buffer paths;
	buffer_init(&paths, 4096);
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(&paths, i ? ", " : "");
		buffer_add_text(&paths, c[i].path);
	}
	audit_add(r, r->session.user, did, buffer_slice(&paths));
	buffer_done(&paths);
}

void tools_apply(struct request *r)
{
	struct error err = { 0 };
	struct plan *p = calloc(1, sizeof *p);
	pthread_mutex_lock(&r->console->settings_lock);
	int code = p ? make_plan(r->console, p, &err) : err_set(&err, -ENOMEM, "out of memory");
	if (code == 0 && p->count)
		code = host_change_apply(r->console->options.root, p->change, p->count, &err);
	if (code == 0) {
		note(r, "tools-changed", p->change, p->count);
		answer_plan(r);
	} else {
		answer_trouble(r, &err);
	}
	plan_free(p);
	pthread_mutex_unlock(&r->console->settings_lock);
}

/* What others changed since is not thrown away from here: the command asks, and says where it is.
 */
static int undo(struct request *r, struct host_kept *kept, struct error *err)
{
	int code = host_change_last(r->console->options.root, kept, err);
	for (size_t i = 0; code == 0 && i < kept->count; i++)
		if (kept->change[i].touched)
			code = err_set(
				err, -EBUSY,
				"%s was changed since: viaduct settings undo asks what to do "
				"about it",
				kept->change[i].path);
	return code < 0 ? code : host_change_undo(kept, err);
}

void tools_undo(struct request *r)
{
	struct error err = { 0 };
	struct host_kept *kept = calloc(1, sizeof *kept);
	pthread_mutex_lock(&r->console->settings_lock);
	int code = kept ? undo(r, kept, &err) : err_set(&err, -ENOMEM, "out of memory");
	if (code == 0) {
		note(r, "tools-brought-back", kept->change, kept->count);
		answer_plan(r);
	} else {
		answer_trouble(r, &err);
	}
	for (size_t i = 0; kept && i < kept->count; i++)
		host_change_done(&kept->change[i]);
	free(kept);
	pthread_mutex_unlock(&r->console->settings_lock);
}
