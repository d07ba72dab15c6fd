/* viaduct check: walks the path through a proxy, and says where it breaks. */
#include "cli/check.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/new_file.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "host/settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { DOWNLOAD = 1 << 20 };

static const struct check_wish WISH = { .way.settings = HOST_SETTINGS_PATH,
					.wait = 10,
					.hold = 1200 };

static const struct option OPTIONS[] = {
	{ "proxy", 'x', OPTION_VALUE, "[http[s]://]HOST:PORT",
	  "the proxy; else the environment's, else the host's settings'" },
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
	{ "settings", 0, OPTION_VALUE, "FILE", "the host's settings; " HOST_SETTINGS_PATH },
	{ "profile", 'p', OPTION_VALUE, "NAME|FILE",
	  "instead of a URL: all that a product needs; cisco-fmc, debian, docker, ..." },
	{ "change-request", 0, OPTION_VALUE, "FILE",
	  "with --profile: write what to ask of whoever runs the proxy" },
	{ "every", 'e', OPTION_VALUE, "SPAN", "keep checking, each 10s, 5m, 1h; say what changed" },
	{ "listen", 'l', OPTION_VALUE, "[ADDRESS:]PORT", "with --every: metrics for Prometheus" },
	{ "store", 0, OPTION_VALUE, "FILE", "with --every: add each exchange to this history" },
	{ "report", 0, OPTION_VALUE, "FILE", "write an HTML page for a ticket, without secrets" },
	{ "wait", 'w', OPTION_VALUE, "SECONDS", "give up after so much silence; 10" },
	{ "json", 'j', OPTION_FLAG, NULL, "the record, with the stages, as one line of JSON" },
	{ "verbose", 'v', OPTION_FLAG, NULL, "the heads, the certificates, the connection" },
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

static bool take_user(struct check_wish *w, const char *value)
{
	w->way.user = value;
	if (!strchr(value, ':'))
		return true;
	complain("-U takes the user alone: a password in the arguments can be read by everybody on "
		 "this host (ps). It is asked for, read from standard input, or from %s",
		 WAY_PASSWORD_VARIABLE);
	return false;
}

static bool take_proxy(struct check_wish *w, const char *value)
{
	w->way.proxy = value;
	if (!strchr(value, '@'))
		return true;
	complain("-x holds credentials, which everybody on this host can read (ps): give the user "
		 "with -U; the password is asked for, read from standard input, or from %s",
		 WAY_PASSWORD_VARIABLE);
	return false;
}

static bool take_method(struct check_wish *w, const char *value)
{
	w->head = strcmp(value, "HEAD") == 0;
	if (w->head || strcmp(value, "GET") == 0)
		return true;
	complain("--method is GET or HEAD");
	return false;
}

static bool take_wait(struct check_wish *w, const char *value)
{
	if (slice_parse_u64(slice_of(value), 10, &w->wait) && w->wait > 0 && w->wait <= 3600)
		return true;
	complain("--wait takes whole seconds, 1 to 3600");
	return false;
}

static const nanos SHORTEST = 100 * NANOS_PER_MS;

static bool take_span(const char *value, nanos *ret_span)
{
	static const struct {
		const char *unit;
		nanos span;
	} units[] = { { "ms", NANOS_PER_MS },
		      { "s", NANOS_PER_SECOND },
		      { "m", 60 * NANOS_PER_SECOND },
		      { "h", 3600 * NANOS_PER_SECOND } };
	struct slice s = slice_of(value);
	uint64_t n;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (slice_ends(s, slice_of(units[i].unit)) &&
		    slice_parse_u64(slice_first(s, s.len - strlen(units[i].unit)), 10, &n) &&
		    n <= 86400 && (nanos)n * units[i].span >= SHORTEST) {
			*ret_span = (nanos)n * units[i].span;
			return true;
		}
	complain("--every takes a span, 100ms at least: 10s, 5m, 1h");
	return false;
}

/* Options that are a text, whatever it is. */
static bool take_text(struct check_wish *w, const char *name, const char *value)
{
	const struct {
		const char *name, **text;
	} texts[] = {
		{ "ca", &w->ca },
		{ "change-request", &w->request },
		{ "color", &w->colour },
		{ "listen", &w->listen },
		{ "profile", &w->profile },
		{ "report", &w->report },
		{ "settings", &w->way.settings },
		{ "store", &w->store },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(name, texts[i].name) == 0)
			*texts[i].text = value;
	return true;
}

static bool take_hold(struct check_wish *w, const char *value)
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
	struct check_wish *w = context;
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
	case 'e':
		return take_span(value, &w->every);
	default:
		w->direct |= o->letter == 'D';
		w->resume |= strcmp(o->name, "resume") == 0;
		w->json |= o->letter == 'j';
		w->verbose |= o->letter == 'v';
		w->help |= o->letter == 'h';
		return !value || take_text(w, o->name, value);
	}
}

static int print_help(void)
{
	printf("Usage: viaduct check [LOOK] [-x PROXY] [-U USER] [OPTIONS] URL\n"
	       "       viaduct check --profile NAME [-x PROXY] [-U USER] [OPTIONS]\n\n"
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
	       WAY_PASSWORD_VARIABLE);
	return EXIT_FINE;
}

/* ---- from words to the walk ------------------------------------------------------------------ */

bool check_read_url(const char *url, struct check_target *ret_target)
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

/* 443 is the origin's port in most minds, and seldom a proxy's. */
static void remark_port(const struct check_proxy *p, const struct desk *d)
{
	const struct desk_stage *last = d->stages ? &d->stage[d->stages - 1] : NULL;
	if (p->port != 443 || p->secure || !last || last->result != CHECK_FAILED ||
	    (last->step != CHECK_TCP && last->step != CHECK_PROXY))
		return;
	complain("note: 443 is the port of web servers; proxies listen on 3128, 8080 or 80 more "
		 "often, and one that is spoken to in TLS is written https://HOST:443");
}

/* Refused passwords, of all walks of this run: no account is to be locked by them. */
static _Atomic unsigned refusals;

/* The walk ends where it is, and what is known so far is said; the second time as ever, and so
 * before the proxy was reached. */
static volatile sig_atomic_t enough;

static void on_interrupt(int signal)
{
	(void)signal;
	enough = 1;
}

static void heed_interrupts(void)
{
	struct sigaction act = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	if (!enough)
		sigaction(SIGINT, &act, NULL);
}

/* As a shell has it. That a tunnel was held quiet for long enough is the user's to say. */
static int interrupted(const struct check_wish *w, int status)
{
	bool held = w->only && w->only->look == check_idle;
	return enough && status == EXIT_FINE && !held ? 128 + SIGINT : status;
}

static int walk(const struct check_wish *w, const struct check_options *o)
{
	struct desk d = { .json = w->json, .verbose = w->verbose, .thorough = w->report };
	struct error err;
	if (w->report && new_file_try(w->report, &err) < 0) {
		complain("%s", err.text);
		return EXIT_TROUBLE;
	}
	d.style = check_style_of(w);
	d.live = !w->json && d.style.colour && isatty(STDOUT_FILENO);
	d.reached = heed_interrupts;
	int code = around_walk(o, w->only, &d, &err);
	int status = EXIT_TROUBLE;
	if (code < 0)
		complain("%s", err.text);
	else
		status = interrupted(w, desk_show(&d));
	remark_port(o->proxy, &d);
	if (status != EXIT_TROUBLE && w->report && !check_write_report(w, o, &d))
		status = EXIT_TROUBLE;
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

struct render_style check_style_of(const struct check_wish *w)
{
	return (struct render_style){ .colour = terminal_colour(w->colour),
				      .utf8 = terminal_utf8(),
				      .width = terminal_width() };
}

struct check_options check_options_of(const struct check_wish *w)
{
	return (struct check_options){ .ca = w->ca,
				       .agent = "viaduct/" VIADUCT_VERSION,
				       .head = w->head,
				       .direct = w->direct,
				       .keep_heads = w->verbose || w->report,
				       .most = w->most ? w->most : DOWNLOAD,
				       .refusals = &refusals,
				       .resume = w->resume,
				       .hold = (nanos)w->hold * NANOS_PER_SECOND,
				       .stop = &enough,
				       .patience = (nanos)w->wait * NANOS_PER_SECOND };
}

static int check(const struct check_wish *w, const char *url)
{
	struct check_options o = check_options_of(w);
	struct purse purse = { .user = "" };
	struct way way;
	int status = EXIT_TROUBLE;
	o.url = url;
	if (!check_read_url(url, &o.target))
		return EXIT_TROUBLE;
	bool found = way_find(&way, &purse, &w->way, &o.target);
	if (found && way.proxy.is) {
		o.proxy = &way.proxy;
		o.user = way.user;
		o.password = way.password;
		remark(&way.proxy, &o.target);
		status = walk(w, &o);
	} else if (found) {
		complain("%s; name a proxy with -x HOST:PORT", way.proxy.said);
	}
	explicit_bzero(&way, sizeof way);
	explicit_bzero(&purse, sizeof purse);
	return status;
}

int check_with(struct check_proxy *proxy, const char *url, bool json, bool verbose)
{
	struct check_wish w = WISH;
	w.json = json;
	w.verbose = verbose;
	struct check_options o = check_options_of(&w);
	int status = EXIT_TROUBLE;
	o.url = url;
	o.proxy = proxy;
	o.user = proxy->has_user ? proxy->user : NULL;
	o.password = proxy->password;
	if (check_read_url(url, &o.target)) {
		remark(proxy, &o.target);
		status = walk(&w, &o);
	}
	explicit_bzero(proxy, sizeof *proxy);
	return status;
}

/* libcurl says no more than that it could not set it, and in the middle of the walk. */
static bool holds_certificates(const char *path)
{
	char line[80];
	bool found = false;
	FILE *in = fopen(path, "re");
	if (!in) {
		complain("--ca %s: %s", path, strerror(errno));
		return false;
	}
	while (!found && fgets(line, sizeof line, in))
		found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "CERTIFICATE-----");
	fclose(in);
	if (!found)
		complain("--ca %s holds no certificate (-----BEGIN CERTIFICATE-----)", path);
	return found;
}

/* What can't go together; a sentence, or NULL. */
static const char *conflict(const struct check_wish *w)
{
	return w->request && !w->profile ? "--change-request is for a --profile"
	       : w->request && w->every  ? "--change-request is of one round, not of --every"
	       : w->listen && !w->every  ? "--listen is for --every"
	       : w->store && !w->every   ? "--store is for --every"
	       : w->report && (w->profile || w->every)
		       ? "--report is of one walk to one URL: not with --profile or --every"
	       : w->only && (w->profile || w->every) ? "looking around is for one walk to one URL"
						     : NULL;
}

static void complain_of_words(int argc, char **argv)
{
	if (argc == 0)
		complain("it takes a URL: viaduct check -x HOST:PORT https://HOST/");
	else if (strstr(argv[0], "://"))
		complain("one URL at a time, not %d", argc);
	else if (around_find(argv[0]))
		complain("one look at a time, and one URL");
	else
		complain("'%s' is nothing to look at: mtu, tls, auth, download, idle, path",
			 argv[0]);
}

static int do_check(const struct check_wish *w, int argc, char **argv)
{
	const char *why = conflict(w);
	if (w->ca && !holds_certificates(w->ca))
		return EXIT_TROUBLE;
	if (why)
		complain("%s", why);
	else if (w->profile && argc)
		complain("a URL or a --profile, not both");
	else if (!w->profile && argc != 1)
		complain_of_words(argc, argv);
	else if (w->every)
		return run_every(w, w->profile ? NULL : argv[0]);
	else
		return w->profile ? run_profile(w) : check(w, argv[0]);
	return EXIT_TROUBLE;
}

int cmd_check(int argc, char **argv)
{
	struct check_wish wish = WISH;
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
	return do_check(&wish, argc, argv);
}
