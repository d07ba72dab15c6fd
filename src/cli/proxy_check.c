/* viaduct proxy --check and --explain: what is wrong with a configuration, and what a right one
 * decides. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/proxy.h"
#include "http/head.h"
#include "net/sockaddr.h"
#include "proxy/auth.h"
#include "proxy/cidr.h"
#include "proxy/parent.h"
#include "proxy/rules.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- faults, in the order of the file --------------------------------------------------- */

struct fault {
	uint32_t line, column;
	size_t told; /* as which */
	char *text;
};

struct faults {
	struct fault *fault;
	size_t count, room;
};

static void note(void *context, uint32_t line, uint32_t column, const char *text)
{
	struct faults *f = context;
	if (f->count == f->room) {
		size_t room = f->room ? 2 * f->room : 16;
		struct fault *more = reallocarray(f->fault, room, sizeof *more);
		if (!more)
			return; /* those that are there will do */
		f->fault = more;
		f->room = room;
	}
	char *copy = strdup(text);
	if (copy)
		f->fault[f->count] = (struct fault){ line, column, f->count, copy };
	f->count += copy != NULL;
}

static int compare(const void *a, const void *b)
{
	const struct fault *x = a, *y = b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->told < y->told ? -1 : 1;
}

/* As compilers say it, so that editors can go there. */
static void tell(const char *path, struct faults *f)
{
	char shown[400];
	escape_into(shown, sizeof shown, slice_of(path ? path : "the built-in configuration"));
	if (f->count > 0)
		qsort(f->fault, f->count, sizeof *f->fault, compare);
	for (size_t i = 0; i < f->count; i++) {
		if (f->fault[i].line)
			fprintf(stderr, "%s:%u:%u: %s\n", shown, f->fault[i].line,
				f->fault[i].column, f->fault[i].text);
		else
			fprintf(stderr, "%s: %s\n", shown, f->fault[i].text);
		free(f->fault[i].text);
	}
	free(f->fault);
}

static struct config *load(const char *path)
{
	struct faults f = { 0 };
	struct config *c = config_load(path, &(struct config_faults){ note, &f });
	fflush(stdout);
	tell(path, &f);
	return c;
}

int proxy_check(const char *path)
{
	struct config *c = load(path);
	char shown[400];
	if (!c)
		return EXIT_FAULT_FOUND;
	printf("%s: no fault\n", escape_into(shown, sizeof shown,
					     slice_of(path ? path : "the built-in configuration")));
	config_drop(c);
	return EXIT_FINE;
}

/* ---- what would be decided -------------------------------------------------------------- */

struct question {
	const struct config *config;
	struct rules_ask ask;
	char host[256];
	const struct config_parent *parent; /* NULL: the way is direct */
};

static bool read_host(struct question *q, struct slice host)
{
	if (host.len == 0 || host.len >= sizeof q->host)
		return false;
	for (size_t i = 0; i < host.len; i++)
		q->host[i] = (char)(host.at[i] >= 'A' && host.at[i] <= 'Z' ? host.at[i] | 0x20
									   : host.at[i]);
	size_t len = host.len;
	if (len > 1 && q->host[len - 1] == '.')
		len--;
	q->ask.host = (struct slice){ (uint8_t *)q->host, len };
	return true;
}

/* host:port is a CONNECT, as is https://host/; http://host/ is a GET. */
static bool read_target(struct question *q, const char *text)
{
	struct slice target = slice_of(text);
	struct http_authority a;
	bool url = slice_find(target, SLICE("://")) < target.len;
	if (!http_read_authority(target, url ? HTTP_FORM_ABSOLUTE : HTTP_FORM_AUTHORITY, &a) ||
	    !read_host(q, a.host))
		return false;
	bool secure = slice_equal_nocase(a.scheme, SLICE("https"));
	if (url && !secure && !slice_equal_nocase(a.scheme, SLICE("http")))
		return false;
	q->ask.connect = !url || secure;
	q->ask.method = q->ask.connect ? SLICE("CONNECT") : SLICE("GET");
	q->ask.port = a.port ? a.port : q->ask.connect ? 443 : 80;
	return true;
}

static bool read_question(struct question *q, char **argv)
{
	char shown[100];
	if (strcmp(argv[0], "-") != 0)
		q->ask.user = slice_of(argv[0]);
	if (!cidr_read_address(slice_of(argv[1]), &q->ask.client)) {
		complain("'%s' is no address that a request could come from",
			 escape_into(shown, sizeof shown, slice_of(argv[1])));
		return false;
	}
	if (!read_target(q, argv[2])) {
		complain("'%s' is no target: HOST:PORT for CONNECT, or a URL",
			 escape_into(shown, sizeof shown, slice_of(argv[2])));
		return false;
	}
	return true;
}

static void print_answer(const char *where, const struct rules_answer *a)
{
	const char *verdict = a->reason == RULES_ALLOWED ? "allowed"
			      : a->reason == RULES_AUTH  ? "credentials are asked for (407)"
							 : "denied";
	printf("%s: %s: %s", where, verdict, a->text);
	if (a->line > 0 && strncmp(a->text, "rule at line", 12) != 0)
		printf(" (rule at line %u)", a->line);
	printf("\n");
	if (a->trial_line)
		printf("%s: the trial rule at line %u would have denied it\n", where,
		       a->trial_line);
}

/* Each address that the name has here; whether one of them is allowed. */
static bool explain_addresses(const struct question *q, const struct rules_answer *first)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	char name[sizeof q->host];
	bool allowed = false;
	snprintf(name, sizeof name, "%.*s", (int)q->ask.host.len, q->host);
	int code = getaddrinfo(name, NULL, &hints, &found);
	if (code != 0) {
		printf("its addresses are not known here (%s); each of them is judged, too\n",
		       gai_strerror(code));
		return true;
	}
	for (const struct addrinfo *i = found; i; i = i->ai_next) {
		struct address to;
		struct rules_answer a;
		struct buffer text;
		if (!address_of_found(i, 0, &to))
			continue;
		buffer_init(&text, 64);
		address_add_host(&text, &to);
		buffer_add_byte(&text, 0);
		rules_decide_address(q->config, &q->ask, first, &to, &a);
		print_answer(text.failed ? "?" : (const char *)text.at, &a);
		allowed |= a.reason == RULES_ALLOWED;
		buffer_done(&text);
	}
	freeaddrinfo(found);
	return allowed;
}

static void explain_way(struct question *q, const struct address *literal)
{
	size_t place = 0;
	bool direct = false;
	q->parent = parent_next(q->config, q->ask.host, literal, &place, &direct);
	q->ask.unresolved = q->parent != NULL;
	if (q->parent)
		printf("it goes to the parent %s:%u, which resolves its name\n", q->parent->host,
		       q->parent->port);
}

static int explain(struct question *q)
{
	struct rules_answer a;
	struct address literal;
	char user[200];
	bool is_literal = cidr_read_address(q->ask.host, &literal);
	if (q->ask.user.len > 0 && q->config->auth && !auth_knows(q->config->auth, q->ask.user))
		printf("there is no user '%s'; if there were:\n",
		       escape_into(user, sizeof user, q->ask.user));
	explain_way(q, is_literal ? &literal : NULL);
	rules_decide(q->config, &q->ask, &a);
	char shown[sizeof q->host * 4];
	print_answer(escape_into(shown, sizeof shown, q->ask.host), &a);
	bool allowed = a.reason == RULES_ALLOWED;
	if (allowed && !is_literal && !q->parent)
		allowed = explain_addresses(q, &a);
	return allowed ? EXIT_FINE : EXIT_FAULT_FOUND;
}

int proxy_explain(const char *path, int argc, char **argv)
{
	struct question q = { 0 };
	if (argc != 3) {
		complain("--explain takes USER FROM TARGET, as in: --explain - 10.0.0.7 "
			 "www.example.com:443");
		return EXIT_TROUBLE;
	}
	if (!read_question(&q, argv))
		return EXIT_TROUBLE;
	struct config *c = load(path);
	if (!c)
		return EXIT_TROUBLE;
	q.config = c;
	int status = explain(&q);
	config_drop(c);
	return status;
}
