/* The door: argv in, exit status out. The table of subcommands. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/version.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *line;
} COMMANDS[] = {
	{ "read", cmd_read, "captures in, diagnoses out" },
	{ "watch", cmd_watch, "the same of an interface, live" },
	{ "check", cmd_check, "walk the path through a proxy, and say where it breaks" },
	{ "proxy", cmd_proxy, "the explicit proxy, which logs the same verdicts" },
	{ "settings", cmd_settings, "which proxy this host is to use: shown, changed, applied" },
	{ "connections", cmd_connections, "this host's live connections to the proxy" },
	{ "console", cmd_console, "all of this on a page, for whoever looks after this host" },
	{ "explain", cmd_explain, "the catalogue: verdicts and HTTP codes, with cause and remedy" },
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

static const char *complaining = "viaduct";

void complain_as(const char *name)
{
	complaining = name;
}

void complain(const char *format, ...)
{
	va_list ap;
	fflush(stdout);
	fprintf(stderr, "%s: ", complaining);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int print_help(void)
{
	printf("viaduct says why a request through an HTTP proxy failed.\n\n"
	       "Usage: viaduct COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-11s %s\n", COMMANDS[i].name, COMMANDS[i].line);
	printf("\nviaduct COMMAND --help tells the arguments. Exit status: 0 all is well,\n"
	       "1 a failure was diagnosed, 2 wrong usage or unreadable input.\n\n"
	       "For example:  viaduct read capture.pcap\n");
	return EXIT_FINE;
}

static int print_version(void)
{
	printf("viaduct %s (commit %s)\n", VIADUCT_VERSION, VIADUCT_COMMIT);
	return EXIT_FINE;
}

static int unknown_command(const char *word)
{
	const char *names[COMMAND_COUNT];
	char shown[80];
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = COMMANDS[i].name;
	const char *near = nearest_word(word, names, COMMAND_COUNT);
	escape_into(shown, sizeof shown, slice_of(word));
	if (access(word, R_OK) == 0)
		complain("there is no command '%s'; to read that file: viaduct read %s", shown,
			 shown);
	else if (near)
		complain("there is no command '%s'; did you mean '%s'?", shown, near);
	else
		complain("there is no command '%s'; viaduct --help lists them", shown);
	return EXIT_TROUBLE;
}

/* Output that could not be written is trouble: a full disk must not look like success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	complain("the output could not be written: %m");
	return EXIT_TROUBLE;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	if (argc < 2) {
		print_help();
		return EXIT_TROUBLE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return finish(print_help());
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 ||
	    strcmp(word, "version") == 0)
		return finish(print_version());
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(word, COMMANDS[i].name) == 0)
			return finish(COMMANDS[i].run(argc - 1, argv + 1));
	return unknown_command(word);
}
