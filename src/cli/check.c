/* viaduct check: walks the path through a proxy, and says where it breaks. */
#include "base/escape.h"
#include "cli/check_around.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/password.h"
#include "cli/terminal.h"
#include "cli/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PASSWORD_SIZE = 256 };

static const char PASSWORD_VARIABLE[] = "VIADUCT_PROXY_PASSWORD";

struct wish {
	const char *proxy, *user, *ca, *colour;
	uint64_t most, wait, hold;
	bool head, direct, resume, json, verbose, help;
	const struct around *only;
};

static const struct option OPTIONS[] = {
	{ "proxy", 'x', OPTION_VALUE, "[http[s]://]HOST:PORT",
	  "the proxy; else the environment's" },
	{ "proxy-user", 'U', OPTION_VALUE, "USER",
	  "who it is to the proxy; the password is asked for" },
	{ "user", 'u', OPTION_VALUE, "USER",
	  "curl's, for the origin: not taken; -U is the proxy's" },
	{ "method", 'X', OPTION_VALUE, "GET|HEAD", "what is asked; GET, as a download does" },
	{ "download", 0, OPTION_VALUE, "BYTES", "this much of the answer is enough; 1m, or all" },
	{ "resume", 0, OPTION_FLAG, NULL, "where it was cut, ask for the rest by Range" },
	{ "idle", 0, OPTION_OPTIONAL, "SECONDS",
	  "then hold a tunnel quiet until it is cut, so long at most; 1200" },
	{ "ca", 0, OPTION_VALUE, "FILE", "authorities to trust besides the system's" },
	{ "direct", 'D', OPTION_FLAG, NULL,
	  "compare the certificate with that seen without the proxy" },
	{ "wait", 'w', OPTION_VALUE, "SECONDS", "give up after so much silence; 10" },
	{ "json", 'j', OPTION_FLAG, NULL, "the record, with the stages, as one line of JSON" },
	{ "verbose", 'v', OPTION_FLAG, NULL, "the heads exchanged, and the certificate" },
	{ "color", 0, OPTION_VALUE, "WHEN", "auto, always or never" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

/* ---- the words ------------------------------------------------------------------------------- */

static bool take_bytes(const char *value, uint64_t *ret_bytes)
{
	struct slice digits = slice_of(value);
	uint64_t n;
	unsigned shift = 0;
	if (strcmp(value, "all") == 0) {
		*ret_bytes = UINT64_MAX;
		return true;
	}
	if (slice_ends(digits, SLICE("k")))
		shift = 10;
	else if (slice_ends(digits, SLICE("m")))
		shift = 20;
	else if (slice_ends(digits, SLICE("g")))
		shift = 30;
	digits.len -= shift > 0;
	if (!slice_parse_u64(digits, 10, &n) || n == 0 || n > UINT64_MAX >> shift) {
		complain("--download takes a number of bytes (512k, 20m, 2g) or 'all'");
		return false;
	}
	*ret_bytes = n << shift;
	return true;
}

static bool take_user(struct wish *w, const char *value)
{
	w->user = value;
	if (!strchr(value, ':'))
		return true;
	complain("-U takes the user alone: a password in the arguments can be read by everybody on "
		 "this host (ps). It is asked for, read from standard input, or from %s",
		 PASSWORD_VARIABLE);
	return false;
}

static bool take_proxy(struct wish *w, const char *value)
{
	w->proxy = value;
	if (!strchr(value, '@'))
		return true;
	complain("-x holds credentials, which everybody on this host can read (ps): give the user "
		 "with -U; the password is asked for, read from standard input, or from %s",
		 PASSWORD_VARIABLE);
	return false;
}

static bool take_method(struct wish *w, const char *value)
{
	w->head = strcmp(value, "HEAD") == 0;
	if (w->head || strcmp(value, "GET") == 0)
		return true;
	complain("--method is GET or HEAD");
	return false;
}

static bool take_wait(struct wish *w, const char *value)
{
	if (slice_parse_u64(slice_of(value), 10, &w->wait) && w->wait > 0 && w->wait <= 3600)
		return true;
	complain("--wait takes whole seconds, 1 to 3600");
	return false;
}

static bool take_hold(struct wish *w, const char *value)
{
	w->only = around_find("idle");
	if (!value)
		return true;
	if (slice_parse_u64(slice_of(value), 10, &w->hold) && w->hold > 0 && w->hold <= 604800)
		return true;
	complain("--idle takes whole seconds, up to a week");
	return false;
}

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	switch (o->letter ? o->letter : o->name[0]) {
	case 'x':
		return take_proxy(w, value);
	case 'U':
		return take_user(w, value);
	case 'u':
		complain("-u is for the origin, in curl: the proxy never sees it. The user for the "
			 "proxy is -U USER");
		return false;
	case 'X':
		return take_method(w, value);
	case 'i':
		return take_hold(w, value);
	case 'd':
		return take_bytes(value, &w->most);
	case 'w':
		return take_wait(w, value);
	case 'c':
		*(o->name[1] == 'a' ? &w->ca : &w->colour) = value;
		return true;
	default:
		w->direct |= o->letter == 'D';
		w->resume |= o->name[0] == 'r';
		w->json |= o->letter == 'j';
		w->verbose |= o->letter == 'v';
		w->help |= o->letter == 'h';
		return true;
	}
}

static int print_help(void)
{
	printf("Usage: viaduct check [LOOK] [-x PROXY] [-U USER] [OPTIONS] URL\n\n"
	       "Asks for URL through the proxy, and says at which stage it breaks, and why:\n"
	       "settings, DNS, TCP, the proxy's answer, authentication, TLS, HTTP, redirects,\n"
	       "download, closing. Where that may have a cause that more walks can tell, it\n"
	       "looks around; each LOOK can be asked for alone:\n");
	for (size_t i = 0; i < AROUND_COUNT; i++)
		printf("  %-9s %s\n", AROUND[i].name, AROUND[i].help);
	printf("\n");
	options_print(OPTIONS, OPTION_COUNT);
	printf("\nThe password is read from %s where that is set, asked for on\n"
	       "a terminal, or read from standard input. Exit status: 0 all is well, 1 a\n"
	       "failure was diagnosed, 2 wrong usage.\n",
	       PASSWORD_VARIABLE);
	return EXIT_FINE;
}

/* ---- from words to the walk ------------------------------------------------------------------ */

static bool read_url(const char *url, struct check_target *ret_target)
{
	bool userinfo = false;
	char shown[200];
	if (!check_read_target(url, ret_target, &userinfo)) {
		complain("'%s' is no URL to check: https://HOST/ or http://HOST/",
			 escape_into(shown, sizeof shown, slice_of(url)));
		return false;
	}
	if (userinfo) {
		complain(
			"the URL holds credentials: they go to the origin, not to the proxy, and "
			"stand in the arguments for all to see. The user for the proxy is -U USER");
		return false;
	}
	return true;
}

static bool get_password(const char *user, char *into, size_t size)
{
	const char *set = getenv(PASSWORD_VARIABLE);
	char shown[200];
	struct error err;
	if (set && strlen(set) < size) {
		memcpy(into, set, strlen(set) + 1);
		return true;
	}
	if (set)
		complain("%s is longer than %zu bytes", PASSWORD_VARIABLE, size - 1);
	else if (password_ask(escape_into(shown, sizeof shown, slice_of(user)), false, into, size,
			      &err) == 0)
		return true;
	else
		complain("%s", err.text);
	return false;
}

static const char *variable(const char *name)
{
	return getenv(name);
}

/* A quiet tunnel is let go of, and what is known so far is said; the second time as ever. */
static volatile sig_atomic_t enough;

static void on_interrupt(int signal)
{
	(void)signal;
	enough = 1;
}

static void heed_interrupts(const struct wish *w)
{
	struct sigaction act = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	if (w->only && w->only->look == check_idle)
		sigaction(SIGINT, &act, NULL);
}

static int walk(struct wish *w, struct check_options *o)
{
	struct desk d = { .json = w->json, .verbose = w->verbose };
	struct error err;
	d.style.colour = terminal_colour(w->colour);
	d.style.utf8 = terminal_utf8();
	d.style.width = terminal_width();
	d.live = !w->json && d.style.colour && isatty(STDOUT_FILENO);
	heed_interrupts(w);
	int code = around_walk(o, w->only, &d, &err);
	int status = EXIT_TROUBLE;
	if (code < 0)
		complain("%s", err.text);
	else
		status = desk_show(&d);
	desk_done(&d);
	return status;
}

/* The likely slip of the finger: what was meant for the target went to the proxy. */
static void remark(const struct check_proxy *p, const struct check_target *t)
{
	char host[CHECK_MAX_HOST];
	if (p->is && p->port == t->port && slice_equal_nocase(slice_of(p->host), slice_of(t->host)))
		complain("note: %s:%u is the target's own host and port, not a proxy's",
			 escape_into(host, sizeof host, slice_of(p->host)), p->port);
}

static int check(struct wish *w, const char *url)
{
	struct check_proxy proxy;
	char password[PASSWORD_SIZE] = "";
	_Atomic unsigned refusals = 0;
	struct check_options o = { .url = url,
				   .proxy = &proxy,
				   .ca = w->ca,
				   .agent = "viaduct/" VIADUCT_VERSION,
				   .head = w->head,
				   .direct = w->direct,
				   .keep_heads = w->verbose,
				   .most = w->most,
				   .refusals = &refusals,
				   .resume = w->resume,
				   .hold = (nanos)w->hold * NANOS_PER_SECOND,
				   .stop = &enough,
				   .patience = (nanos)w->wait * NANOS_PER_SECOND };
	if (!read_url(url, &o.target))
		return EXIT_TROUBLE;
	check_choose_proxy(w->proxy, &o.target, variable, &proxy);
	if (!proxy.is) {
		complain("%s; name a proxy with -x HOST:PORT", proxy.said);
		return EXIT_TROUBLE;
	}
	remark(&proxy, &o.target);
	int status = EXIT_TROUBLE;
	bool ready = true;
	o.user = w->user ? w->user : proxy.has_user ? proxy.user : NULL;
	o.password = password;
	if (w->user || (proxy.has_user && !proxy.has_password))
		ready = get_password(o.user, password, sizeof password);
	else
		o.password = proxy.password;
	if (ready)
		status = walk(w, &o);
	explicit_bzero(password, sizeof password);
	explicit_bzero(&proxy, sizeof proxy);
	return status;
}

int cmd_check(int argc, char **argv)
{
	struct wish wish = { .most = 1 << 20, .wait = 10, .hold = 1200 };
	complain_as("viaduct check");
	argc = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, &wish);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (wish.help)
		return print_help();
	if (argc == 2 && (wish.only = around_find(argv[0]))) {
		argc--;
		argv++;
	}
	if (argc != 1) {
		complain(argc ? "one URL at a time, not %d"
			      : "it takes a URL: viaduct check "
				"-x HOST:PORT https://HOST/",
			 argc);
		return EXIT_TROUBLE;
	}
	return check(&wish, argv[0]);
}
