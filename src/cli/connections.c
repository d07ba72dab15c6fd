/* viaduct connections: this host's TCP connections to the proxy, as the kernel knows them. */
#include "cli/connections.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "cli/which_proxy.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_LIMIT = 512 << 20, HEAD_LIMIT = 1 << 16, MOST_ADDRESSES = 256, MOST_SECONDS = 86400 };

struct wish {
	int every_ms; /* 0: once */
	bool json, help;
	const char *colour, *settings;
};

static const struct option OPTIONS[] = {
	{ "watch", 'w', OPTION_OPTIONAL, "SECONDS", "again and again, each second; q ends it" },
	{ "json", 'j', OPTION_FLAG, NULL, "an object a line for each connection" },
	{ "settings", 0, OPTION_VALUE, "FILE", "the host's settings; " HOST_SETTINGS_PATH },
	{ "color", 0, OPTION_VALUE, "WHEN", "auto, always or never" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static bool take_seconds(struct wish *w, const char *value)
{
	char *end = NULL;
	double seconds = value ? strtod(value, &end) : 1;
	if (value && (end == value || *end || !isfinite(seconds) || seconds < 0.1 ||
		      seconds > MOST_SECONDS)) {
		complain("--watch: seconds from 0.1 to %d", MOST_SECONDS);
		return false;
	}
	w->every_ms = (int)(seconds * 1000);
	return true;
}

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	if (strcmp(o->name, "watch") == 0)
		return take_seconds(w, value);
	if (strcmp(o->name, "settings") == 0)
		w->settings = value;
	if (strcmp(o->name, "color") == 0) {
		w->colour = value;
		if (strcmp(value, "auto") != 0 && strcmp(value, "always") != 0 &&
		    strcmp(value, "never") != 0) {
			complain("--color is auto, always or never");
			return false;
		}
	}
	w->json |= o->letter == 'j';
	w->help |= o->letter == 'h';
	return true;
}

static int print_help(void)
{
	printf("Usage: viaduct connections [--watch[=SECONDS]] [--json] [HOST:PORT]...\n\n"
	       "Shows this host's TCP connections to a proxy, in any state, with what the kernel\n"
	       "knows of each, and says what is wrong with it. Without HOST:PORT: to the proxies\n"
	       "that curl would take from the environment, else to the settings'. Exit status:\n"
	       "0 nothing is in trouble, 1 a connection is, 2 wrong usage, or the kernel would\n"
	       "not tell.\n\n");
	options_print(OPTIONS, OPTION_COUNT);
	return EXIT_FINE;
}

/* ---- to whom ------------------------------------------------------------------------------ */

struct far_ends {
	struct address at[MOST_ADDRESSES];
	size_t count;
	struct buffer head; /* says which they are */
};

static bool add_proxy(struct far_ends *f, const struct which_proxy *p)
{
	struct address found[WHICH_MOST_ADDRESSES];
	struct error err;
	int count = which_proxy_resolve(p, found, &err);
	if (count < 0) {
		complain("%s%s%s", err.text, *p->from ? ", from " : "", p->from);
		return false;
	}
	bool six = strchr(p->host, ':') != NULL;
	buffer_printf(&f->head, "To %s%s%s:%u", six ? "[" : "", p->host, six ? "]" : "", p->port);
	for (int i = 0; i < count && f->count < MOST_ADDRESSES; i++) {
		struct buffer name;
		buffer_init(&name, sizeof p->host);
		address_add_host(&name, &found[i]);
		bool literal = slice_equal(buffer_slice(&name), slice_of(p->host));
		if (!literal) {
			buffer_add_text(&f->head, i ? ", " : " (");
			buffer_add(&f->head, buffer_slice(&name));
			buffer_add_text(&f->head, i + 1 == count ? ")" : "");
		}
		buffer_done(&name);
		f->at[f->count++] = found[i];
	}
	if (*p->from)
		buffer_printf(&f->head, ", from %s", p->from);
	buffer_add_byte(&f->head, '\n');
	return true;
}

/* The password beside it is of no use here, and need not be readable: one is as good as another. */
static bool from_settings(struct far_ends *f, const char *path)
{
	struct which_proxy proxy = { .from = "this host's settings" };
	struct host_settings h;
	struct settings s = { 0 };
	struct settings_remarks r = { 0 };
	struct error err;
	int code = host_settings_open(&h, path, false, &err);
	if (code == 0 || (code == -EACCES && h.text.exists))
		code = host_settings_read(&h, h.text.text, SLICE("-"), &s, &err);
	if (code == 0)
		settings_check(&s, &r);
	bool is = code == 0 && s.enabled && !r.faulty;
	settings_complain(&r);
	if (code < 0)
		complain("%s", err.text);
	else if (!is)
		complain("which proxy? say HOST:PORT, or set http_proxy, https_proxy or all_proxy, "
			 "or the settings (viaduct settings set)");
	if (is) {
		memcpy(proxy.host, s.host.at, s.host.len);
		proxy.port = (uint16_t)s.port;
	}
	host_settings_done(&h);
	return is && add_proxy(f, &proxy);
}

static bool from_environment(struct far_ends *f, const char *settings)
{
	struct which_proxy proxy[WHICH_MOST_VARIABLES];
	struct error err;
	int count = which_proxy_from_environment(proxy, &err);
	const char *loud = getenv("HTTP_PROXY");
	if (count < 0) {
		complain("%s", err.text);
		return false;
	}
	if (loud && *loud && !getenv("http_proxy"))
		complain("HTTP_PROXY is set, but curl and others read http_proxy alone");
	if (count == 0)
		return from_settings(f, settings);
	for (int i = 0; i < count; i++)
		if (!add_proxy(f, &proxy[i]))
			return false;
	return true;
}

static bool from_argument(struct far_ends *f, const char *word)
{
	struct which_proxy p;
	struct error err;
	if (which_proxy_read(slice_of(word), &p, &err) < 0) {
		/* the word is not repeated: there may be a password in it */
		complain("the proxy that was given: %s", err.text);
		return false;
	}
	if (p.port == 0) {
		const char *form = strchr(p.host, ':') ? "%s has no port: say [%s]:PORT"
						       : "%s has no port: say %s:PORT";
		complain(form, p.host, p.host);
		return false;
	}
	if (f->count + WHICH_MOST_ADDRESSES > MOST_ADDRESSES) {
		complain("these are too many proxies at once");
		return false;
	}
	return add_proxy(f, &p);
}

/* ---- looking ------------------------------------------------------------------------------ */

void connections_done(struct connections_page *p)
{
	host_connections_done(&p->list);
	free(p->owner);
	p->owner = NULL;
}

int connections_look(const struct address *far_end, size_t count, struct connections_page *ret_page,
		     struct error *err)
{
	struct connections_page p = { .hidden = -1 };
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	p.at = now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
	int code = host_connections_list(far_end, count, &p.list, err);
	if (code < 0)
		return code;
	connections_sort(&p);
	p.owner = calloc(p.list.count ? p.list.count : 1, sizeof *p.owner);
	for (size_t i = 0; p.owner && i < p.list.count; i++)
		if (p.list.at[i].inode)
			p.owner[p.owners++].inode = p.list.at[i].inode;
	if (p.owners)
		p.hidden = host_processes_find("/proc", p.owner, p.owners);
	*ret_page = p;
	return 0;
}

static int status_of(const struct connections_page *p)
{
	for (size_t i = 0; i < p->list.count; i++)
		if (host_connection_trouble(&p->list.at[i]) == HOST_TROUBLE)
			return EXIT_FAULT_FOUND;
	return EXIT_FINE;
}

static bool print(struct buffer *b)
{
	if (b->failed) {
		complain("no memory for so many connections");
		return false;
	}
	fwrite(b->at, 1, b->len, stdout);
	buffer_reset(b);
	return fflush(stdout) == 0;
}

static int show_once(const struct far_ends *f, const struct wish *w, const char *begin,
		     size_t lines)
{
	struct connections_page page;
	struct error err;
	struct buffer out;
	const struct connections_style style = {
		.width = terminal_width(),
		.lines = lines,
		.colour = terminal_colour(w->colour),
		.utf8 = terminal_utf8(),
	};
	if (connections_look(f->at, f->count, &page, &err) < 0) {
		complain("%s", err.text);
		return EXIT_TROUBLE;
	}
	buffer_init(&out, TEXT_LIMIT);
	if (w->json) {
		connections_show_json(&out, &page);
	} else {
		buffer_add_text(&out, begin);
		buffer_add(&out, buffer_slice(&f->head));
		buffer_add_byte(&out, '\n');
		connections_show(&out, &page, &style);
	}
	int status = print(&out) ? status_of(&page) : EXIT_TROUBLE;
	buffer_done(&out);
	connections_done(&page);
	return status;
}

/* On a terminal one page over the other; else one after the other, until somebody ends us. */
static int show_often(const struct far_ends *f, const struct wish *w)
{
	bool page = !w->json && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
	struct screen screen;
	int status;
	if (!page) {
		const struct timespec wait = { w->every_ms / 1000,
					       w->every_ms % 1000 * NANOS_PER_MS };
		while ((status = show_once(f, w, "", 0)) != EXIT_TROUBLE)
			nanosleep(&wait, NULL);
		return status;
	}
	screen_begin(&screen);
	do {
		unsigned width;
		size_t lines;
		screen_size(&width, &lines);
		status = show_once(f, w, SCREEN_CLEAR, lines > 10 ? lines - 4 : 8);
	} while (status != EXIT_TROUBLE && !screen_told_to_end(w->every_ms));
	screen_end(&screen);
	return status;
}

int cmd_connections(int argc, char **argv)
{
	struct wish wish = { .colour = "auto", .settings = HOST_SETTINGS_PATH };
	complain_as("viaduct connections");
	argc = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, &wish);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (wish.help)
		return print_help();
	struct far_ends f = { .count = 0 };
	buffer_init(&f.head, HEAD_LIMIT);
	bool known = argc > 0 || from_environment(&f, wish.settings);
	for (int i = 0; known && i < argc; i++)
		known = from_argument(&f, argv[i]);
	int status = !known          ? EXIT_TROUBLE
		     : wish.every_ms ? show_often(&f, &wish)
				     : show_once(&f, &wish, "", 0);
	buffer_done(&f.head);
	return status;
}
