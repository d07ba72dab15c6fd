/* viaduct settings: which proxy this host is to use, shown and changed. */
#include "cli/settings.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_OPTION                                                                                \
	{                                                                                          \
		"file", 'f', OPTION_VALUE, "FILE", "the settings; " HOST_SETTINGS_PATH             \
	}
#define JSON_OPTION                                                                                \
	{                                                                                          \
		"json", 0, OPTION_FLAG, NULL, "one object for programs"                            \
	}
#define ROOT_OPTION                                                                                \
	{                                                                                          \
		"root", 0, OPTION_VALUE, "DIR", "an image's root, in place of this machine"        \
	}
#define YES_OPTION                                                                                 \
	{                                                                                          \
		"yes", 'y', OPTION_FLAG, NULL, "do not ask"                                        \
	}
#define HELP_OPTION                                                                                \
	{                                                                                          \
		"help", 'h', OPTION_FLAG, NULL, "this help"                                        \
	}

static const struct option SHOW_OPTIONS[] = { FILE_OPTION, JSON_OPTION, HELP_OPTION };
static const struct option CHANGE_OPTIONS[] = { FILE_OPTION, HELP_OPTION };

static const struct option APPLY_OPTIONS[] = { FILE_OPTION, ROOT_OPTION, YES_OPTION, HELP_OPTION };
static const struct option AUDIT_OPTIONS[] = { FILE_OPTION, JSON_OPTION, ROOT_OPTION, HELP_OPTION };
static const struct option EXPORT_OPTIONS[] = {
	FILE_OPTION,
	{ "format", 0, OPTION_VALUE, "FORMAT", "whose words it is to be in; env" },
	{ "with-password", 0, OPTION_FLAG, NULL, "the password, too, for all to read" },
	HELP_OPTION,
};
static const struct option TEST_OPTIONS[] = {
	FILE_OPTION,
	{ "json", 'j', OPTION_FLAG, NULL, "the record, with the stages, as one line of JSON" },
	{ "verbose", 'v', OPTION_FLAG, NULL, "the heads exchanged, and the certificate" },
	HELP_OPTION,
};
static const struct option UNDO_OPTIONS[] = { ROOT_OPTION, YES_OPTION, HELP_OPTION };

static bool take(void *context, const struct option *o, const char *value)
{
	struct settings_wish *w = context;
	if (o->letter == 'f')
		w->file = value;
	else if (strcmp(o->name, "root") == 0)
		w->root = value;
	else if (strcmp(o->name, "format") == 0)
		w->format = value;
	w->yes |= o->letter == 'y';
	w->json |= strcmp(o->name, "json") == 0;
	w->verbose |= o->letter == 'v';
	w->with_password |= strcmp(o->name, "with-password") == 0;
	w->help |= o->letter == 'h';
	return true;
}

void settings_complain(const struct settings_remarks *r)
{
	for (size_t i = 0; i < r->count; i++)
		complain("%s%s", r->remark[i].fault ? "" : "warning: ", r->remark[i].text);
}

int settings_must_work(const struct settings *s, const char *otherwise, struct error *err)
{
	struct settings_remarks r;
	settings_check(s, &r);
	settings_complain(&r);
	return r.faulty ? err_set(err, -EINVAL, "%s can't work", otherwise) : 0;
}

/* ---- show ---------------------------------------------------------------------------------- */

static void show_text(const struct host_settings *h, const struct settings *s)
{
	char host[1100], user[1100], password[PATH_MAX + 16];
	snprintf(password, sizeof password, "kept in %s", h->password_path);
	printf("Enabled                   %s\n", s->enabled ? "yes" : "no");
	printf("HTTP Proxy                %s\n",
	       s->host.len ? escape_into(host, sizeof host, s->host) : "-");
	printf(s->port ? "Port                      %u\n" : "Port                      -\n",
	       s->port);
	printf("Use Proxy Authentication  %s\n", s->auth ? "yes" : "no");
	printf("User Name                 %s\n",
	       s->user.len ? escape_into(user, sizeof user, s->user) : "-");
	printf("Password                  %s\n", s->password.len ? password : "-");
}

static void add_json_text(struct buffer *out, const char *name, struct slice text)
{
	if (text.len > 0)
		escape_json_member(out, name, text);
}

static void show_json(const struct settings *s, const struct settings_remarks *r)
{
	struct buffer out;
	buffer_init(&out, 1 << 20);
	buffer_printf(&out, "{\"v\":1,\"enabled\":%s", s->enabled ? "true" : "false");
	add_json_text(&out, "host", s->host);
	if (s->port)
		buffer_printf(&out, ",\"port\":%u", s->port);
	buffer_printf(&out, ",\"auth\":%s", s->auth ? "true" : "false");
	add_json_text(&out, "user", s->user);
	buffer_printf(&out, ",\"password\":%s,\"remarks\":[", s->password.len ? "true" : "false");
	for (size_t i = 0; i < r->count; i++) {
		buffer_printf(&out, "%s{\"severity\":\"%s\",\"what\":\"", i ? "," : "",
			      r->remark[i].fault ? "failure" : "warning");
		escape_json(&out, slice_of(r->remark[i].text));
		buffer_add_text(&out, "\"}");
	}
	buffer_add_text(&out, "]}\n");
	fwrite(out.at, 1, out.len, stdout);
	buffer_done(&out);
}

static int show(const struct settings_wish *w, int argc, char **argv)
{
	struct error err;
	struct settings s;
	struct host_settings h;
	struct settings_remarks r = { 0 };
	(void)argv;
	if (argc > 0) {
		complain("show takes no argument; it shows all there is");
		return EXIT_TROUBLE;
	}
	int code = host_settings_load(&h, w->file, &s, &err);
	if (code == 0) {
		settings_check(&s, &r);
		if (w->json)
			show_json(&s, &r);
		else
			show_text(&h, &s);
		if (!w->json)
			settings_complain(&r);
	} else {
		complain("%s", err.text);
	}
	host_settings_done(&h);
	return code < 0 ? EXIT_TROUBLE : r.faulty ? EXIT_FAULT_FOUND : EXIT_FINE;
}

/* ---- the door ------------------------------------------------------------------------------ */

#define TABLE(options) options, sizeof options / sizeof *options

static const struct task {
	const char *name;
	int (*run)(const struct settings_wish *w, int argc, char **argv);
	const struct option *options;
	size_t option_count;
	const char *usage, *line;
} TASKS[] = {
	{ "show", show, TABLE(SHOW_OPTIONS), "[--json] [--file FILE]",
	  "what they are, and what is wrong with them" },
	{ "set", settings_change_set, TABLE(CHANGE_OPTIONS),
	  "NAME=VALUE... [password] [--file FILE]", "change them; what can't work is refused" },
	{ "unset", settings_change_unset, TABLE(CHANGE_OPTIONS), "NAME...|all [--file FILE]",
	  "forget some of them" },
	{ "apply", settings_apply, TABLE(APPLY_OPTIONS),
	  "[TOOL...] [--root DIR] [--yes] [--file FILE]", "write them for the tools of this host" },
	{ "undo", settings_undo, TABLE(UNDO_OPTIONS), "[--root DIR] [--yes]",
	  "bring back what the last apply replaced" },
	{ "test", settings_test, TABLE(TEST_OPTIONS), "[URL] [--json] [-v] [--file FILE]",
	  "walk the path through the proxy, and say where it breaks" },
	{ "export", settings_export, TABLE(EXPORT_OPTIONS),
	  "[--format FORMAT] [--with-password] [--file FILE]",
	  "print them in a tool's words, to paste elsewhere" },
	{ "audit", settings_audit, TABLE(AUDIT_OPTIONS), "[--json] [--root DIR] [--file FILE]",
	  "who on this host uses which proxy, and what can't work" },
};

enum { TASK_COUNT = sizeof TASKS / sizeof *TASKS };

static int print_help(void)
{
	printf("Usage: viaduct settings TASK [ARGUMENTS]\n\n"
	       "Which proxy this host is to use, kept in %s.\n\n",
	       HOST_SETTINGS_PATH);
	for (size_t i = 0; i < TASK_COUNT; i++)
		printf("  %-8s %s\n", TASKS[i].name, TASKS[i].line);
	printf("\nviaduct settings TASK --help tells the arguments.\n");
	return EXIT_FINE;
}

static int print_task_help(const struct task *t)
{
	printf("Usage: viaduct settings %s %s\n\n", t->name, t->usage);
	if (t->run == settings_change_set || t->run == settings_change_unset)
		printf("NAME is enabled, host, port, auth, user or password. The password is never "
		       "an\n"
		       "argument: the word 'password' has it asked for, twice and without echo, or "
		       "read\n"
		       "from standard input where that is no terminal.\n\n");
	if (t->run == settings_export)
		settings_export_help();
	if (t->run == settings_apply)
		printf("TOOL is environment, curl, wget, git, apt, npm, pip, docker or systemd; "
		       "without\n"
		       "one, all of them. The change is shown first, without passwords.\n\n");
	options_print(t->options, t->option_count);
	return EXIT_FINE;
}

static int unknown_task(const char *word)
{
	const char *names[TASK_COUNT];
	for (size_t i = 0; i < TASK_COUNT; i++)
		names[i] = TASKS[i].name;
	options_unknown_word(word, "is nothing to do", names, TASK_COUNT, "--help lists what is");
	return EXIT_TROUBLE;
}

static int run_task(const struct task *t, int argc, char **argv)
{
	struct settings_wish w = { .root = "" };
	argc = options_read(argc, argv, t->options, t->option_count, take, &w);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (!w.file && t->run != settings_audit) /* which takes the image's own */
		w.file = HOST_SETTINGS_PATH;
	return w.help ? print_task_help(t) : t->run(&w, argc, argv);
}

int cmd_settings(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "show";
	complain_as("viaduct settings");
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return print_help();
	if (word[0] == '-') /* options without a task: show has them */
		return run_task(&TASKS[0], argc, argv);
	for (size_t i = 0; i < TASK_COUNT; i++)
		if (strcmp(word, TASKS[i].name) == 0)
			return run_task(&TASKS[i], argc > 1 ? argc - 1 : argc,
					argc > 1 ? argv + 1 : argv);
	return unknown_task(word);
}
