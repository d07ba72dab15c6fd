/* viaduct proxy: reads the configuration, and runs the server with a log that judges. */
#include "cli/proxy.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct wish {
	const char *config;
	bool check, explain, help;
};

static const struct option OPTIONS[] = {
	{ "config", 'c', OPTION_VALUE, "FILE", "the configuration; without it, loopback alone" },
	{ "check", 0, OPTION_FLAG, NULL, "say every fault of the file, and end" },
	{ "explain", 0, OPTION_FLAG, NULL, "say which line decides about USER FROM TARGET" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	if (o->letter == 'c')
		w->config = value;
	w->check |= strcmp(o->name, "check") == 0;
	w->explain |= strcmp(o->name, "explain") == 0;
	w->help |= o->letter == 'h';
	return true;
}

static int print_help(void)
{
	printf("Usage: viaduct proxy [-c FILE]\n"
	       "       viaduct proxy --check [-c FILE]\n"
	       "       viaduct proxy --explain [-c FILE] USER FROM TARGET\n"
	       "       viaduct proxy user add|remove|list ...\n"
	       "       viaduct proxy top ...\n\n"
	       "A forward HTTP proxy that says why: every refusal, cut and failure has a verdict\n"
	       "and its cause in the log. Without a file it serves this host alone, on\n"
	       "127.0.0.1:3128, and writes a line for each request to standard output.\n\n");
	options_print(OPTIONS, OPTION_COUNT);
	printf("\nSignals: HUP reloads, TERM drains, USR1 opens the logs anew, USR2 hands over\n"
	       "to a new binary. viaduct-proxy(1) tells the rest.\n");
	return EXIT_FINE;
}

static void tell_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	const char *path = context;
	char shown[300];
	escape_into(shown, sizeof shown, slice_of(path ? path : "configuration"));
	if (line)
		complain("%s:%u:%u: %s", shown, line, column, text);
	else
		complain("%s: %s", shown, text);
}

struct config *proxy_load(const char *path)
{
	struct config_faults faults = { tell_fault, (void *)path };
	return config_load(path, &faults);
}

/* What comes while the configuration is being read waits until there is somebody to hear it. And
 * the time zone is read while files may be.
 *
 * glibc's calloc writes zeros over what is left of the last piece that it got from the kernel, but
 * not over a piece asked for anew. Asking for no more than is wanted leaves tables that are empty
 * for the most part (of clients, names, challenges, timers) untouched: 70 kB. */
static void prepare(void)
{
	mallopt(M_TOP_PAD, 0);
	sigset_t later;
	sigemptyset(&later);
	sigaddset(&later, SIGHUP);
	sigaddset(&later, SIGUSR1);
	sigaddset(&later, SIGUSR2);
	sigprocmask(SIG_BLOCK, &later, NULL);
	tzset();
}

static int serve(const char *path)
{
	struct error err;
	prepare();
	struct config *c = proxy_load(path);
	if (!c)
		return EXIT_TROUBLE;
	struct proxy_log *log = proxy_log_open(c);
	if (!log) {
		config_drop(c);
		return EXIT_TROUBLE;
	}
	struct admin_views views = { proxy_log_view, proxy_log_why, proxy_log_metrics, log };
	struct server_options options = {
		.config_path = path,
		.config = c,
		.exchange = proxy_log_exchange,
		.prepare = proxy_log_prepare,
		.views = &views,
		.rotate = proxy_log_rotate,
		.reloaded = proxy_log_follow,
		.say = proxy_log_say,
		.context = log,
	};
	int code = server_run(&options, &err);
	if (code < 0)
		complain("%s", err.text);
	proxy_log_close(log);
	return code < 0 ? EXIT_TROUBLE : EXIT_FINE;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} TASKS[] = {
	{ "user", proxy_user },
	{ "top", proxy_top },
};

enum { TASK_COUNT = sizeof TASKS / sizeof *TASKS };

static int unknown_word(const char *word)
{
	const char *names[TASK_COUNT];
	for (size_t i = 0; i < TASK_COUNT; i++)
		names[i] = TASKS[i].name;
	options_unknown_word(word, "is nothing to do", names, TASK_COUNT,
			     "a configuration is read with -c FILE");
	return EXIT_TROUBLE;
}

int cmd_proxy(int argc, char **argv)
{
	struct wish wish = { 0 };
	complain_as("viaduct proxy");
	for (size_t i = 0; argc > 1 && i < TASK_COUNT; i++)
		if (strcmp(argv[1], TASKS[i].name) == 0)
			return TASKS[i].run(argc - 1, argv + 1);
	argc = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, &wish);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (wish.help)
		return print_help();
	if (wish.explain)
		return proxy_explain(wish.config, argc, argv);
	if (argc > 0)
		return unknown_word(argv[0]);
	return wish.check ? proxy_check(wish.config) : serve(wish.config);
}
