/* viaduct settings apply, undo: shows what would change, asks, and changes it. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/settings.h"
#include "host/change.h"
#include "host/plan_change.h"
#include "settings/diff.h"
#include "settings/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- showing and asking -------------------------------------------------------------------- */

static int show_change(const struct host_change *c)
{
	struct buffer out;
	char shown[1024];
	buffer_init(&out, 64 << 20);
	escape_into(shown, sizeof shown, slice_of(c->path));
	buffer_printf(&out, "--- %s%s\n", shown, c->now.exists ? "" : " (is not there)");
	buffer_printf(&out, "+++ %s%s\n", shown, c->to.exists ? "" : " (goes)");
	diff_add(&out, c->now.text, c->to.text);
	fwrite(out.at, 1, out.len, stdout);
	int code = out.failed ? -ENOMEM : 0;
	buffer_done(&out);
	return code;
}

/* On a terminal alone: what a pipe says is no consent. */
static bool consents(const char *question)
{
	char answer[16];
	if (!isatty(STDIN_FILENO)) {
		complain("nothing is changed; with --yes it would be");
		return false;
	}
	printf("%s [y/N] ", question);
	fflush(stdout);
	if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y')) {
		complain("nothing is changed");
		return false;
	}
	return true;
}

/* ---- apply --------------------------------------------------------------------------------- */

struct plan {
	struct host_change change[PLAN_TARGETS];
	size_t target[PLAN_TARGETS]; /* of each change */
	size_t count;
};

static bool is_wanted(const char *tool, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], tool) == 0)
			return true;
	return argc == 0;
}

static int check_tools(int argc, char **argv, struct error *err)
{
	const char *tools[PLAN_TARGETS];
	for (size_t i = 0; i < PLAN_TARGETS; i++)
		tools[i] = plan_target(i)->tool;
	for (int i = 0; i < argc; i++) {
		char shown[80];
		bool known = false;
		for (size_t j = 0; j < PLAN_TARGETS; j++)
			known |= strcmp(argv[i], tools[j]) == 0;
		if (known)
			continue;
		const char *near = nearest_word(argv[i], tools, PLAN_TARGETS);
		escape_into(shown, sizeof shown, slice_of(argv[i]));
		return err_set(err, -EINVAL,
			       near ? "there is no tool '%s' that we know; did you mean '%s'?"
				    : "there is no tool '%s' that we know; --help lists them",
			       shown, near);
	}
	return 0;
}

static int plan_one(struct plan *p, size_t target, const struct settings *s, const char *root,
		    struct error *err)
{
	bool differs = false;
	int code = host_plan_change(root, target, s, &p->change[p->count], &differs, err);
	if (code == 0 && differs)
		p->target[p->count++] = target;
	else
		host_change_done(&p->change[p->count]);
	return code;
}

static int make_plan(struct plan *p, const struct settings *s, const struct settings_wish *w,
		     int argc, char **argv, struct error *err)
{
	int code = check_tools(argc, argv, err);
	for (size_t i = 0; code == 0 && i < PLAN_TARGETS; i++)
		if (is_wanted(plan_target(i)->tool, argc, argv))
			code = plan_one(p, i, s, w->root, err);
	return code;
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] >= 0x80)
			return false;
	return true;
}

/* Its requests library encodes them so, and ends with an error where it can't. */
static void warn_of_pip(const struct plan *p, const struct settings *s)
{
	if (!s->enabled || !s->auth || (is_ascii(s->user) && is_ascii(s->password)))
		return;
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(plan_target(p->target[i])->tool, "pip") == 0)
			complain("warning: pip sends user and password in Latin-1, or, where they "
				 "have other characters, not at all");
}

static void warn_of_readers(const struct plan *p, const struct settings *s)
{
	for (size_t i = 0; s->enabled && s->auth && i < p->count; i++)
		if (p->change[i].to.exists && (p->change[i].to.mode & 0004))
			complain("warning: everybody on the host can read %s, and the password "
				 "in it",
				 p->change[i].path);
}

static int carry_out(const struct plan *p, const struct settings *s, const struct settings_wish *w,
		     struct error *err)
{
	for (size_t i = 0; i < p->count; i++)
		if (show_change(&p->change[i]) < 0)
			return err_set(err, -ENOMEM, "out of memory");
	if (p->count == 0) {
		printf("all is set so already\n");
		return 0;
	}
	warn_of_readers(p, s);
	warn_of_pip(p, s);
	if (!w->yes && !consents("Change these files?"))
		return -ECANCELED;
	int code = host_change_apply(w->root, p->change, p->count, err);
	for (size_t i = 0; code == 0 && i < p->count; i++)
		printf("%s: %s\n", p->change[i].path, plan_target(p->target[i])->effect);
	return code;
}

int settings_apply(const struct settings_wish *w, int argc, char **argv)
{
	struct error err;
	struct settings s = { 0 };
	struct host_settings h;
	struct plan *p = calloc(1, sizeof *p);
	int code = host_settings_load(&h, w->file, &s, &err);
	if (code == 0)
		code = settings_must_work(&s, "nothing is changed: with these settings the proxy",
					  &err);
	if (!p)
		code = err_set(&err, -ENOMEM, "out of memory");
	if (p && code == 0)
		code = make_plan(p, &s, w, argc, argv, &err);
	if (p && code == 0)
		code = carry_out(p, &s, w, &err);
	if (code < 0 && code != -ECANCELED)
		complain("%s", err.text);
	for (size_t i = 0; p && i < p->count; i++)
		host_change_done(&p->change[i]);
	free(p);
	host_settings_done(&h);
	return code < 0 ? EXIT_TROUBLE : EXIT_FINE;
}

/* ---- undo ---------------------------------------------------------------------------------- */

static int bring_back(const struct host_kept *kept, bool yes, struct error *err)
{
	bool touched = false;
	for (size_t i = 0; i < kept->count; i++) {
		if (show_change(&kept->change[i]) < 0)
			return err_set(err, -ENOMEM, "out of memory");
		if (kept->change[i].touched)
			complain("warning: %s was changed since; that is lost, too",
				 kept->change[i].path);
		touched |= kept->change[i].touched;
	}
	if (yes && touched)
		return err_set(err, -EBUSY,
			       "nothing is changed: --yes is not for what others changed; what the "
			       "files were is in %s",
			       kept->folder);
	if (!yes && !consents("Bring these files back?"))
		return -ECANCELED;
	return host_change_undo(kept, err);
}

int settings_undo(const struct settings_wish *w, int argc, char **argv)
{
	struct error err;
	struct host_kept *kept = calloc(1, sizeof *kept);
	(void)argv;
	if (!kept || argc > 0) {
		complain(kept ? "undo takes no argument; it undoes all of the last apply"
			      : "out of memory");
		free(kept);
		return EXIT_TROUBLE;
	}
	int code = host_change_last(w->root, kept, &err);
	if (code == 0)
		code = bring_back(kept, w->yes, &err);
	if (code < 0 && code != -ECANCELED)
		complain("%s", err.text);
	for (size_t i = 0; i < kept->count; i++)
		host_change_done(&kept->change[i]);
	free(kept);
	return code < 0 ? EXIT_TROUBLE : EXIT_FINE;
}
