/* viaduct console: asks for the first password, and serves the page until it is told to end. */
#include "cli/console.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/password.h"
#include "host/settings_file.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_NAMES = 16, FOLLOW_S = 2, TIDY_S = 60, MOST_DAYS = 36500 };

static const char FIRST_USER[] = "admin";
static const char DEFAULT_LISTEN[] = "127.0.0.1:3130";
static const char DEFAULT_TARGET[] = "https://tools.cisco.com/";

struct wish {
	const char *listen, *cert, *key, *state, *log, *settings, *root, *target, *role;
	const char *name[MOST_NAMES];
	size_t names;
	uint64_t days, history, capture;
	bool plain, remove, help;
};

static const struct option SERVE_OPTIONS[] = {
	{ "listen", 'l', OPTION_VALUE, "ADDRESS:PORT", "where; 127.0.0.1:3130" },
	{ "cert", 0, OPTION_VALUE, "FILE", "certificates in PEM: the page is served over TLS" },
	{ "key", 0, OPTION_VALUE, "FILE", "their private key" },
	{ "plain", 0, OPTION_FLAG, NULL, "listen beyond this host without TLS all the same" },
	{ "name", 'n', OPTION_VALUE, "HOST", "a name by which browsers may call it; repeatable" },
	{ "state", 's', OPTION_VALUE, "DIR", "where users, history and audit log are kept" },
	{ "log", 0, OPTION_VALUE, "FILE",
	  "a proxy's access log in JSON: it goes into the history" },
	{ "file", 'f', OPTION_VALUE, "FILE", "the settings; /etc/viaduct/settings" },
	{ "root", 0, OPTION_VALUE, "DIR", "the tools' files are below it: an image of a host" },
	{ "target", 't', OPTION_VALUE, "URL", "what a test asks for unless told otherwise" },
	{ "keep", 0, OPTION_VALUE, "DAYS", "forget what is older; 90" },
	{ "history", 0, OPTION_VALUE, "BYTES", "forget the oldest beyond that; 2g" },
	{ "capture", 0, OPTION_VALUE, "BYTES", "the largest capture to be dropped on it; 1g" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

static const struct option USER_OPTIONS[] = {
	{ "role", 0, OPTION_VALUE, "view|change", "what the user may do; change" },
	{ "remove", 0, OPTION_FLAG, NULL, "the user may no longer log in" },
	{ "state", 's', OPTION_VALUE, "DIR", "where users, history and audit log are kept" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* ---- the words ----------------------------------------------------------------------------- */

static bool take_bytes(const char *name, const char *value, uint64_t *ret_bytes)
{
	uint64_t bytes;
	if (!options_read_size(value, &bytes) || bytes == 0) {
		complain("--%s takes a number of bytes: 512m, 2g", name);
		return false;
	}
	*ret_bytes = bytes;
	return true;
}

static bool take_name(struct wish *w, const char *value)
{
	if (w->names == MOST_NAMES) {
		complain("--name: %d names at most", MOST_NAMES);
		return false;
	}
	w->name[w->names++] = value;
	return true;
}

static bool take_days(struct wish *w, const char *value)
{
	if (slice_parse_u64(slice_of(value), 10, &w->days) && w->days && w->days <= MOST_DAYS)
		return true;
	complain("--keep takes days, 1 to %d", MOST_DAYS);
	return false;
}

static bool take_role(struct wish *w, const char *value)
{
	w->role = value;
	if (strcmp(value, "view") == 0 || strcmp(value, "change") == 0)
		return true;
	complain("--role is view or change");
	return false;
}

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	const struct {
		const char *name, **into;
	} texts[] = {
		{ "listen", &w->listen }, { "cert", &w->cert },     { "key", &w->key },
		{ "state", &w->state },   { "file", &w->settings }, { "root", &w->root },
		{ "target", &w->target }, { "log", &w->log },
	};
	for (size_t i = 0; i < COUNT(texts); i++)
		if (strcmp(o->name, texts[i].name) == 0) {
			*texts[i].into = value;
			return true;
		}
	if (strcmp(o->name, "name") == 0)
		return take_name(w, value);
	if (strcmp(o->name, "role") == 0)
		return take_role(w, value);
	if (strcmp(o->name, "keep") == 0)
		return take_days(w, value);
	if (strcmp(o->name, "history") == 0)
		return take_bytes(o->name, value, &w->history);
	if (strcmp(o->name, "capture") == 0)
		return take_bytes(o->name, value, &w->capture);
	w->plain |= strcmp(o->name, "plain") == 0;
	w->remove |= strcmp(o->name, "remove") == 0;
	w->help |= o->letter == 'h';
	return true;
}

static int print_help(void)
{
	printf("Usage: viaduct console [OPTIONS]\n"
	       "       viaduct console user NAME [--role view|change | --remove] [--state DIR]\n\n"
	       "Serves a page for whoever looks after this host: the proxy settings, a test of "
	       "the\n"
	       "path, the live connections, the history, captures. The first start asks for the\n"
	       "password of '%s' at the terminal, or reads a line of standard input.\n\n",
	       FIRST_USER);
	options_print(SERVE_OPTIONS, COUNT(SERVE_OPTIONS));
	return EXIT_FINE;
}

static int print_user_help(void)
{
	printf("Usage: viaduct console user NAME [--role view|change | --remove] [--state DIR]\n\n"
	       "Gives NAME a password for the console, which is asked for at the terminal, or "
	       "read\n"
	       "from standard input. 'view' may look, and change nothing.\n\n");
	options_print(USER_OPTIONS, COUNT(USER_OPTIONS));
	return EXIT_FINE;
}

/* ---- where all is kept --------------------------------------------------------------------- */

/* The host's own for root; else the user's, as XDG has it. */
static int default_state(char *into, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (geteuid() == 0)
		return snprintf(into, size, "/var/lib/viaduct/console");
	if (state && state[0] == '/')
		return snprintf(into, size, "%s/viaduct/console", state);
	return home ? snprintf(into, size, "%s/.local/state/viaduct/console", home) : -1;
}

static bool find_state(struct wish *w, char *into, size_t size)
{
	if (w->state)
		return true;
	int len = default_state(into, size);
	w->state = into;
	if (len > 0 && (size_t)len < size)
		return true;
	complain("there is no HOME to keep the history in: --state DIR");
	return false;
}

/* ---- users --------------------------------------------------------------------------------- */

static int set_user(const char *state, const char *name, enum console_role role, struct error *err)
{
	char password[CONSOLE_MOST_PASSWORD + 2], shown[100];
	int code = password_ask(escape_into(shown, sizeof shown, slice_of(name)), true, password,
				sizeof password, err);
	if (code == 0)
		code = host_file_make_folder(state, err);
	if (code == 0)
		code = console_set_user(state, name, role, password, err);
	explicit_bzero(password, sizeof password);
	return code;
}

static int user(int argc, char **argv)
{
	struct wish w = { .role = "change" };
	struct error err;
	char state[PATH_MAX];
	argc = options_read(argc, argv, USER_OPTIONS, COUNT(USER_OPTIONS), take, &w);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (w.help)
		return print_user_help();
	if (argc != 1) {
		complain("which user? viaduct console user NAME");
		return EXIT_TROUBLE;
	}
	if (!find_state(&w, state, sizeof state))
		return EXIT_TROUBLE;
	enum console_role role = strcmp(w.role, "view") == 0 ? CONSOLE_VIEW : CONSOLE_CHANGE;
	int code = w.remove ? console_set_user(w.state, argv[0], role, NULL, &err)
			    : set_user(w.state, argv[0], role, &err);
	if (code == 0)
		return EXIT_FINE;
	complain("%s", err.text);
	return EXIT_TROUBLE;
}

/* Nobody comes in with a password that somebody else has thought of: there is none before this. */
static int first_user(const char *state, struct error *err)
{
	int count = console_count_users(state, err);
	if (count != 0)
		return count < 0 ? count : 0;
	fprintf(stderr,
		"viaduct console: nobody can log in yet. Choose a password for '%s', of %d "
		"characters at the least.\n",
		FIRST_USER, CONSOLE_LEAST_PASSWORD);
	return set_user(state, FIRST_USER, CONSOLE_CHANGE, err);
}

/* ---- serving ------------------------------------------------------------------------------- */

/* Port 0 is the kernel's choice, and none that address_parse would take. */
static bool read_listen(struct slice text, struct address *ret_at)
{
	if (!slice_ends(text, SLICE(":0")))
		return address_parse(text, ret_at) && ret_at->port;
	text.len -= 2;
	if (slice_starts(text, SLICE("[")) && slice_ends(text, SLICE("]")))
		text = slice_from(slice_first(text, text.len - 1), 1);
	return address_parse(text, ret_at) && !ret_at->port;
}

static bool read_where(const struct wish *w, struct console_options *o)
{
	if (!read_listen(slice_of(w->listen), &o->listen)) {
		complain("--listen takes ADDRESS:PORT, as in %s or [::1]:3130", DEFAULT_LISTEN);
		return false;
	}
	if (!w->cert != !w->key) {
		complain("--cert and --key belong together");
		return false;
	}
	if (address_is_loopback(&o->listen) || w->cert || w->plain)
		return true;
	complain("beyond this host, passwords would travel for all to read: give --cert and --key, "
		 "or, where something in front of it does TLS, --plain");
	return false;
}

static void print_where(const struct console_options *o, uint16_t port)
{
	struct address at = o->listen;
	struct buffer shown;
	buffer_init(&shown, 100);
	at.port = port;
	address_add(&shown, &at);
	printf("viaduct console: %s://%.*s/\n", o->cert ? "https" : "http", (int)shown.len,
	       (const char *)shown.at);
	fflush(stdout);
	buffer_done(&shown);
}

static void wait_for_end(struct console *c, const sigset_t *ends)
{
	const struct timespec wait = { .tv_sec = FOLLOW_S };
	struct timespec now;
	struct error err;
	time_t tidied = 0;
	do {
		clock_gettime(CLOCK_REALTIME, &now);
		if (console_follow(c, &err) < 0)
			complain("%s", err.text);
		if (now.tv_sec - tidied < TIDY_S)
			continue;
		tidied = now.tv_sec;
		if (console_tidy(c, now.tv_sec * NANOS_PER_SECOND, &err) < 0)
			complain("%s", err.text);
	} while (sigtimedwait(ends, NULL, &wait) < 0);
}

static int serve(const struct console_options *o)
{
	struct error err;
	sigset_t ends;
	uint16_t port;
	if (first_user(o->folder, &err) < 0) {
		complain("%s", err.text);
		return EXIT_TROUBLE;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &ends, NULL); /* all threads: this one waits for them */
	struct console *c = console_start(o, &port, &err);
	if (!c) {
		complain("%s", err.text);
		return EXIT_TROUBLE;
	}
	print_where(o, port);
	wait_for_end(c, &ends);
	console_stop(c);
	return EXIT_FINE;
}

int cmd_console(int argc, char **argv)
{
	struct wish w = { .listen = DEFAULT_LISTEN,
			  .settings = HOST_SETTINGS_PATH,
			  .root = "",
			  .target = DEFAULT_TARGET,
			  .days = 90,
			  .history = UINT64_C(2) << 30,
			  .capture = UINT64_C(1) << 30 };
	struct console_options o = { 0 };
	char state[PATH_MAX];
	complain_as("viaduct console");
	if (argc > 1 && strcmp(argv[1], "user") == 0)
		return user(argc - 1, argv + 1);
	argc = options_read(argc, argv, SERVE_OPTIONS, COUNT(SERVE_OPTIONS), take, &w);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (w.help)
		return print_help();
	if (argc > 0) {
		complain("it takes no argument but 'user': --help lists the options");
		return EXIT_TROUBLE;
	}
	if (!read_where(&w, &o) || !find_state(&w, state, sizeof state))
		return EXIT_TROUBLE;
	o.name = w.name;
	o.names = w.names;
	o.cert = w.cert;
	o.key = w.key;
	o.folder = w.state;
	o.log = w.log;
	o.settings = w.settings;
	o.root = w.root;
	o.target = w.target;
	o.keep.oldest = (nanos)w.days * 86400 * NANOS_PER_SECOND;
	o.keep.bytes = w.history;
	o.most_capture = w.capture;
	o.work = CONSOLE_WORK;
	return serve(&o);
}
