/* viaduct proxy top: what the admin door says of the connections in progress, as a table that is
 * drawn anew each second. It asks the door alone, so it runs wherever the door can be reached. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/proxy.h"
#include "cli/screen.h"
#include "cli/terminal.h"
#include "net/local.h"
#include "net/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_LIMIT = 64 << 20, MAX_ROWS = 10000, WAIT_MS = 5000, EVERY_MS = 1000 };

struct wish {
	const char *config;
	bool once, json, help;
};

static const struct option OPTIONS[] = {
	{ "config", 'c', OPTION_VALUE, "FILE", "ask the door that this configuration opens" },
	{ "once", '1', OPTION_FLAG, NULL, "one page, and no terminal is needed" },
	{ "json", 'j', OPTION_FLAG, NULL, "metrics and connections as one JSON object" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	if (o->letter == 'c')
		w->config = value;
	w->once |= o->letter == '1';
	w->json |= o->letter == 'j';
	w->help |= o->letter == 'h';
	return true;
}

static int print_help(void)
{
	printf("Usage: viaduct proxy top [--once | --json] [-c FILE | ADDRESS | PATH]\n\n"
	       "Shows what a running proxy is doing, as its admin door tells: the door of that\n"
	       "configuration, or the one at that address or Unix socket; else 127.0.0.1:3129.\n"
	       "q ends it.\n\n");
	options_print(OPTIONS, OPTION_COUNT);
	return EXIT_FINE;
}

/* ---- asking ------------------------------------------------------------------------------- */

struct door {
	struct address at;
	const char *path; /* of a Unix socket; NULL: at */
	char name[128];
};

static int knock(const struct door *d)
{
	struct pollfd p = { .events = POLLOUT };
	p.fd = d->path ? net_connect_local(d->path) : net_connect(&d->at, NULL);
	if (p.fd < 0 || d->path)
		return p.fd;
	int code = poll(&p, 1, WAIT_MS) == 1 ? net_connect_result(p.fd) : -ETIMEDOUT;
	if (code == 0)
		return p.fd;
	net_close(p.fd);
	return code;
}

/* Until the door closes. */
static int read_all(int fd, struct buffer *into)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint8_t *room = buffer_reserve(into, 65536);
		if (!room)
			return -ENOMEM;
		if (poll(&p, 1, WAIT_MS) != 1)
			return -ETIMEDOUT;
		ssize_t n = net_recv(fd, room, 65536);
		if (n == 0)
			return 0;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		into->len += n > 0 ? (size_t)n : 0;
	}
}

/* The body of that page, in `into`. */
static int ask(const struct door *d, const char *page, struct buffer *into)
{
	char request[160];
	int len = snprintf(request, sizeof request,
			   "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", page);
	int fd = knock(d);
	if (fd < 0)
		return fd;
	buffer_reset(into);
	ssize_t sent = net_send(fd, request, (size_t)len, false);
	int code = sent == len ? read_all(fd, into) : -EPIPE;
	net_close(fd);
	struct slice all = buffer_slice(into);
	size_t head = slice_find(all, SLICE("\r\n\r\n"));
	if (code == 0 && (!slice_starts(all, SLICE("HTTP/1.1 200 ")) || head == all.len))
		code = -EPROTO;
	if (code == 0)
		buffer_drop(into, head + 4);
	return code;
}

/* ---- reading the answers -------------------------------------------------------------------- */

/* What stands behind the first "name": of a record; a string without its quotes, escapes as they
 * are (they are harmless). */
static struct slice member(struct slice record, const char *name)
{
	char key[40];
	int len = snprintf(key, sizeof key, "\"%s\":", name);
	struct slice v = slice_from(record, slice_find(record, slice_of(key)) + (size_t)len);
	if (v.len && v.at[0] == '"') {
		v = slice_from(v, 1);
		size_t end = 0;
		while (end < v.len && v.at[end] != '"')
			end += v.at[end] == '\\' ? 2 : 1;
		return slice_first(v, end);
	}
	size_t end = 0;
	while (end < v.len && v.at[end] != ',' && v.at[end] != '}')
		end++;
	return slice_first(v, end);
}

static uint64_t number(struct slice s)
{
	uint64_t n = 0;
	return slice_parse_u64(slice_first(s, slice_find_byte(s, '.')), 10, &n) ? n : 0;
}

/* The sum of all lines of that name, whatever their labels. */
static uint64_t metric(struct slice text, const char *name)
{
	uint64_t sum = 0;
	struct slice want = slice_of(name);
	while (text.len) {
		struct slice line = slice_line(&text);
		struct slice rest = slice_from(line, want.len);
		size_t gap = line.len;
		while (gap > 0 && line.at[gap - 1] != ' ')
			gap--;
		if (slice_starts(line, want) && rest.len &&
		    (rest.at[0] == ' ' || rest.at[0] == '{'))
			sum += number(slice_from(line, gap));
	}
	return sum;
}

struct row {
	struct slice record;
	uint64_t idle;
};

static int by_idle(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->idle < y->idle ? -1 : x->idle > y->idle;
}

/* A record a line, as the door writes them. */
static size_t find_rows(struct slice text, struct row *row, size_t most)
{
	size_t rows = 0;
	while (text.len && rows < most) {
		struct slice line = slice_line(&text);
		if (line.len == 0 || line.at[0] != '{')
			continue;
		row[rows++] = (struct row){ line, number(member(line, "idle_ms")) };
	}
	qsort(row, rows, sizeof *row, by_idle);
	return rows;
}

/* ---- the page ------------------------------------------------------------------------------- */

struct view {
	struct door door;
	struct buffer metrics, connections, page;
	struct row *row;
	uint64_t requests, up, down; /* as of the page before */
	bool again;
};

static void add_age(struct buffer *out, uint64_t ms)
{
	uint64_t s = ms / 1000;
	if (s < 100)
		buffer_printf(out, "%4llu.%llus", (unsigned long long)s,
			      (unsigned long long)(ms / 100 % 10));
	else if (s < 6000)
		buffer_printf(out, "%3llum%02llus", (unsigned long long)(s / 60),
			      (unsigned long long)(s % 60));
	else
		buffer_printf(out, "%3lluh%02llum", (unsigned long long)(s / 3600),
			      (unsigned long long)(s / 60 % 60));
}

static void add_cut(struct buffer *out, struct slice s, size_t columns)
{
	size_t from = out->len;
	escape_text(out, slice_first(s, columns)); /* JSON has no control characters; nor ANSI */
	if (out->len - from < columns)
		buffer_add_repeat(out, ' ', columns - (out->len - from));
}

static void add_head(struct view *v)
{
	struct slice m = buffer_slice(&v->metrics);
	uint64_t requests = metric(m, "viaduct_requests_total");
	uint64_t up = metric(m, "viaduct_bytes_total{direction=\"up\"}");
	uint64_t down = metric(m, "viaduct_bytes_total{direction=\"down\"}");
	buffer_printf(&v->page, "viaduct proxy, by its door %s\n", v->door.name);
	buffer_printf(&v->page,
		      "%llu connections, %llu tunnels, %llu requests (%llu refused or cut",
		      (unsigned long long)metric(m, "viaduct_connections_open"),
		      (unsigned long long)metric(m, "viaduct_tunnels_open"),
		      (unsigned long long)requests,
		      (unsigned long long)metric(m, "viaduct_refused_total"));
	buffer_printf(&v->page, "), %llu log lines lost, memory ",
		      (unsigned long long)metric(m, "viaduct_log_dropped_total"));
	screen_add_size(&v->page, metric(m, "process_resident_memory_bytes"));
	if (v->again) {
		buffer_printf(&v->page, "\n%llu requests/s, up ",
			      (unsigned long long)(requests - v->requests));
		screen_add_size(&v->page, up - v->up);
		buffer_add_text(&v->page, "B/s, down ");
		screen_add_size(&v->page, down - v->down);
		buffer_add_text(&v->page, "B/s");
	}
	buffer_add_text(&v->page, "\n\n");
	v->requests = requests;
	v->up = up;
	v->down = down;
	v->again = true;
}

static void add_rows(struct view *v, unsigned width, size_t most)
{
	size_t rows = find_rows(buffer_slice(&v->connections), v->row, MAX_ROWS);
	size_t target = width > 95 ? width - 83 : 12;
	buffer_add_text(&v->page, "    AGE    IDLE STATE     CLIENT                METHOD  ");
	add_cut(&v->page, SLICE("TARGET"), target);
	buffer_add_text(&v->page, "     UP   DOWN    RTT\n");
	for (size_t i = 0; i < rows && i < most; i++) {
		struct slice r = v->row[i].record;
		add_age(&v->page, number(member(r, "age_ms")));
		buffer_add_byte(&v->page, ' ');
		add_age(&v->page, v->row[i].idle);
		buffer_add_byte(&v->page, ' ');
		add_cut(&v->page, member(r, "state"), 9);
		buffer_add_byte(&v->page, ' ');
		add_cut(&v->page, member(r, "client"), 21);
		buffer_add_byte(&v->page, ' ');
		add_cut(&v->page, member(r, "method"), 7);
		buffer_add_byte(&v->page, ' ');
		add_cut(&v->page, member(r, "target"), target);
		buffer_add_byte(&v->page, ' ');
		screen_add_size(&v->page, number(member(r, "bytes_up")));
		buffer_add_byte(&v->page, ' ');
		screen_add_size(&v->page, number(member(r, "bytes_down")));
		struct slice rtt = member(r, "rtt_ms");
		buffer_printf(&v->page, " %4llums\n", (unsigned long long)number(rtt));
	}
	if (rows > most)
		buffer_printf(&v->page, "... and %zu more\n", rows - most);
}

static bool fetch(struct view *v)
{
	int code = ask(&v->door, "/metrics", &v->metrics);
	if (code == 0)
		code = ask(&v->door, "/connections", &v->connections);
	if (code < 0)
		complain("the admin door %s: %s", v->door.name, strerror(-code));
	return code == 0;
}

static void print(struct buffer *b)
{
	fwrite(b->at, 1, b->len, stdout);
	fflush(stdout);
	buffer_reset(b);
}

static int show_once(struct view *v)
{
	if (!fetch(v))
		return EXIT_TROUBLE;
	add_head(v);
	add_rows(v, terminal_width(), MAX_ROWS);
	print(&v->page);
	return EXIT_FINE;
}

/* The metrics by their names, labels with them. */
static int show_json(struct view *v)
{
	if (!fetch(v))
		return EXIT_TROUBLE;
	struct slice text = buffer_slice(&v->metrics);
	buffer_add_text(&v->page, "{\"metrics\":{");
	for (bool first = true; text.len;) {
		struct slice line = slice_line(&text);
		if (line.len == 0 || line.at[0] == '#')
			continue;
		size_t end = line.len;
		while (end > 0 && line.at[end - 1] != ' ')
			end--;
		buffer_add_text(&v->page, first ? "\"" : ",\"");
		escape_json(&v->page, slice_first(line, end ? end - 1 : 0));
		buffer_add_text(&v->page, "\":");
		buffer_add(&v->page, slice_from(line, end));
		first = false;
	}
	buffer_add_text(&v->page, "},\"connections\":");
	struct slice all = slice_trim(buffer_slice(&v->connections));
	buffer_add(&v->page, all);
	buffer_add_text(&v->page, "}\n");
	print(&v->page);
	return EXIT_FINE;
}

static int show(struct view *v)
{
	int status = EXIT_FINE;
	struct screen screen;
	screen_begin(&screen);
	do {
		unsigned width;
		size_t lines;
		screen_size(&width, &lines);
		if (!fetch(v)) {
			status = EXIT_TROUBLE;
			break;
		}
		buffer_add_text(&v->page, SCREEN_CLEAR);
		add_head(v);
		add_rows(v, width, lines > 6 ? lines - 6 : 1);
		print(&v->page);
	} while (!screen_told_to_end(EVERY_MS));
	screen_end(&screen);
	return status;
}

/* ---- which door ----------------------------------------------------------------------------- */

static bool find_door(const char *config, const char *word, struct door *ret_door)
{
	struct door d = { .path = NULL };
	char shown[100];
	if (config) {
		struct config *c = proxy_load(config);
		if (!c)
			return false;
		d.path = c->admin_path ? strdup(c->admin_path) : NULL;
		d.at = c->admin;
		config_drop(c);
		if (!d.path && address_is_none(&d.at)) {
			complain("%s opens no admin door",
				 escape_into(shown, sizeof shown, slice_of(config)));
			return false;
		}
	} else if (word && strchr(word, '/')) {
		d.path = strdup(word);
	} else if (!address_parse(slice_of(word ? word : "127.0.0.1:3129"), &d.at) ||
		   d.at.port == 0) {
		complain("'%s' is neither an address with a port nor a path",
			 escape_into(shown, sizeof shown, slice_of(word)));
		return false;
	}
	struct buffer name;
	buffer_init(&name, sizeof d.name);
	if (d.path)
		escape_text(&name, slice_first(slice_of(d.path), 100));
	else
		address_add(&name, &d.at);
	snprintf(d.name, sizeof d.name, "%.*s", (int)name.len, (char *)name.at);
	buffer_done(&name);
	*ret_door = d;
	return true;
}

int proxy_top(int argc, char **argv)
{
	struct wish wish = { 0 };
	complain_as("viaduct proxy top");
	argc = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, &wish);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (wish.help)
		return print_help();
	struct view v = { .again = false };
	if (argc > 1) {
		complain("one door, not %d", argc);
		return EXIT_TROUBLE;
	}
	if (!find_door(wish.config, argc ? argv[0] : NULL, &v.door))
		return EXIT_TROUBLE;
	buffer_init(&v.metrics, ANSWER_LIMIT);
	buffer_init(&v.connections, ANSWER_LIMIT);
	buffer_init(&v.page, ANSWER_LIMIT);
	v.row = calloc(MAX_ROWS, sizeof *v.row);
	int status = EXIT_TROUBLE;
	if (!v.row)
		complain("no memory");
	else if (wish.json)
		status = show_json(&v);
	else
		status = wish.once || !isatty(STDOUT_FILENO) ? show_once(&v) : show(&v);
	free(v.row);
	free((char *)v.door.path);
	buffer_done(&v.metrics);
	buffer_done(&v.connections);
	buffer_done(&v.page);
	return status;
}
