/* proxy: networks, private addresses, domain lists, patterns, configuration, rules. */
#include "proxy/cidr.h"
#include "proxy/config.h"
#include "proxy/domains.h"
#include "proxy/pattern.h"
#include "proxy/rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

static struct address address(const char *text)
{
	struct address a;
	assert_true(cidr_read_address(slice_of(text), &a));
	return a;
}

/* ---- networks and private addresses ----------------------------------------------------- */

static void networks_hold_what_they_say(void **state)
{
	(void)state;
	static const struct {
		const char *net, *in, *out;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.1.2", "11.0.0.0" },
		{ "10.0.0.0/8", "10.0.0.0", "9.255.255.255" },
		{ "192.168.1.128/25", "192.168.1.255", "192.168.1.127" },
		{ "1.2.3.4", "1.2.3.4", "1.2.3.5" },
		{ "1.2.3.4/32", "::ffff:1.2.3.4", "::1.2.3.4" },
		{ "0.0.0.0/0", "255.1.2.3", "::1" },
		{ "::/0", "2001:db8::1", NULL },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
		{ "[::1]", "::1", "::2" },
		{ "fe80::/10", "febf::1", "fec0::" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cidr net;
		struct error err = { 0 };
		assert_int_equal(cidr_read(slice_of(cases[i].net), &net, &err), 0);
		struct address a = address(cases[i].in);
		assert_true(cidr_holds(&net, &a));
		if (!cases[i].out)
			continue;
		a = address(cases[i].out);
		assert_false(cidr_holds(&net, &a));
	}
}

static void networks_that_are_none_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *net, *says;
	} cases[] = {
		{ "", "no address" },           { "10.0.0.0/33", "0 to 32" },
		{ "::/129", "0 to 128" },       { "10.0.0.0/", "0 to 32" },
		{ "10.0.0.0/-1", "0 to 32" },   { "10.0.0/8", "no address" },
		{ "10.1.0.0/8", "10.0.0.0/8" }, { "fe80::1/10", "fe80::/10" },
		{ "a.b/8", "no address" },      { "10.0.0.0/8/8", "0 to 32" },
		{ "[::1", "no address" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cidr net;
		struct error err = { 0 };
		assert_int_equal(cidr_read(slice_of(cases[i].net), &net, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void lists_of_networks_have_exceptions(void **state)
{
	(void)state;
	struct cidr list[2];
	struct address in = address("10.1.1.1"), except = address("10.2.1.1"),
		       out = address("11.0.0.1");
	cidr_read(SLICE("10.0.0.0/8"), &list[0], NULL);
	cidr_read(SLICE("10.2.0.0/16"), &list[1], NULL);
	list[1].negated = true;
	assert_true(cidr_list_holds(list, 2, &in));
	assert_false(cidr_list_holds(list, 2, &except));
	assert_false(cidr_list_holds(list, 2, &out));
	assert_true(cidr_list_holds(list + 1, 1, &out)); /* anything but */
	assert_false(cidr_list_holds(list + 1, 1, &except));
	assert_true(cidr_list_holds(NULL, 0, &out));
}

static void private_addresses_have_names(void **state)
{
	(void)state;
	static const struct {
		const char *address, *name;
	} cases[] = {
		{ "127.0.0.1", "loopback" },
		{ "127.255.255.254", "loopback" },
		{ "126.255.255.255", NULL },
		{ "128.0.0.1", NULL },
		{ "0.0.0.0", "unspecified" },
		{ "0.1.2.3", "this-network" },
		{ "10.0.0.1", "private" },
		{ "172.15.255.255", NULL },
		{ "172.16.0.0", "private" },
		{ "172.31.255.255", "private" },
		{ "172.32.0.0", NULL },
		{ "192.168.1.1", "private" },
		{ "192.169.0.0", NULL },
		{ "100.64.0.1", "shared" },
		{ "100.127.255.255", "shared" },
		{ "100.128.0.0", NULL },
		{ "169.254.1.1", "link-local" },
		{ "169.254.169.254", "metadata" },
		{ "169.254.170.2", "metadata" },
		{ "100.100.100.200", "metadata" },
		{ "192.0.0.192", "metadata" },
		{ "168.63.129.16", "metadata" },
		{ "fd00:ec2::254", "metadata" },
		{ "fd20:ce::254", "metadata" },
		{ "192.0.0.8", "reserved" },
		{ "192.0.2.1", "documentation" },
		{ "198.51.100.7", "documentation" },
		{ "203.0.113.9", "documentation" },
		{ "192.88.99.1", "reserved" },
		{ "198.18.0.1", "benchmark" },
		{ "198.19.255.255", "benchmark" },
		{ "198.20.0.0", NULL },
		{ "224.0.0.1", "multicast" },
		{ "239.255.255.255", "multicast" },
		{ "240.0.0.1", "reserved" },
		{ "255.255.255.255", "broadcast" },
		{ "8.8.8.8", NULL },
		{ "::", "unspecified" },
		{ "::1", "loopback" },
		{ "fe80::1", "link-local" },
		{ "fec0::1", "private" },
		{ "fc00::1", "private" },
		{ "fdff::1", "private" },
		{ "ff02::1", "multicast" },
		{ "100::1", "discard" },
		{ "2001:db8::1", "documentation" },
		{ "3fff:fff::1", "documentation" },
		{ "2001:2::1", "benchmark" },
		{ "2001:10::1", "reserved" },
		{ "2001:20::1", "reserved" },
		{ "5f00::1", "reserved" },
		{ "64:ff9b:1::1", "private" },
		{ "2606:4700::1111", NULL },
		{ "2a00::1", NULL },
		/* IPv4 inside */
		{ "::ffff:127.0.0.1", "loopback" },
		{ "::ffff:8.8.8.8", NULL },
		{ "::127.0.0.1", "loopback" },
		{ "::8.8.8.8", NULL },
		{ "::ffff:0:10.0.0.1", "private" },
		{ "64:ff9b::10.0.0.1", "private" },
		{ "64:ff9b::8.8.8.8", NULL },
		{ "64:ff9b::169.254.169.254", "metadata" },
		{ "2002:7f00:1::1", "loopback" },
		{ "2002:808:808::1", NULL },
		{ "2001:0:a00:1::f7f7:f7f7", "private" },   /* Teredo: its server is 10.0.0.1 */
		{ "2001:0:808:808::f5ff:fffe", "private" }, /* its client is 10.0.0.1 */
		{ "2001:0:808:808::f7f7:f7f7", NULL },
		{ "2a00::5efe:10.0.0.1", "private" },
		{ "2a00::200:5efe:127.0.0.1", "loopback" },
		{ "2a00::5efe:8.8.8.8", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address a = address(cases[i].address);
		const char *name = rules_private_name(&a);
		if ((name == NULL) != (cases[i].name == NULL) ||
		    (name && strcmp(name, cases[i].name) != 0))
			fail_msg("%s is %s, not %s", cases[i].address, name ? name : "public",
				 cases[i].name ? cases[i].name : "public");
	}
}

/* ---- domain lists ----------------------------------------------------------------------- */

struct told {
	uint64_t lines[16];
	size_t count;
};

static void note_line(void *context, uint64_t line, const char *text)
{
	struct told *t = context;
	assert_true(text[0] != 0);
	if (t->count < 16)
		t->lines[t->count] = line;
	t->count++;
}

static struct domains *list_of(const char *text, size_t piece, struct told *told)
{
	struct domains *d = domains_new();
	struct file_faults faults = { note_line, told };
	struct slice rest = slice_of(text);
	while (rest.len > 0) {
		char *exact = malloc(piece < rest.len ? piece : rest.len);
		struct slice part = slice_first(rest, piece);
		memcpy(exact, part.at, part.len);
		assert_int_equal(
			domains_add(d, (struct slice){ (uint8_t *)exact, part.len }, &faults), 0);
		free(exact);
		rest = slice_from(rest, part.len);
	}
	assert_int_equal(domains_end(d, &faults), 0);
	return d;
}

static const char LIST[] = "# a list\n"
			   "example.com\r\n"
			   "  .Dotted.example  # comment\n"
			   "*.star.example\n"
			   "trailing.example.\n"
			   "\n"
			   "0.0.0.0 ads.example two.example\n"
			   "127.0.0.1 localhost\n"
			   "::1\tip6-localhost ip6.example\n"
			   "192.0.2.7\n"
			   "2001:DB8:0::1\n"
			   "xn--bcher-kva.example\n"
			   "example.com\n"
			   "last.example";

static void lists_hold_domains_and_what_is_below(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool held;
	} cases[] = {
		{ "example.com", true },
		{ "www.example.com", true },
		{ "a.b.c.example.com", true },
		{ "EXAMPLE.com", true },
		{ "notexample.com", false },
		{ "com", false },
		{ "example.com.evil", false },
		{ "dotted.example", true },
		{ "x.dotted.example", true },
		{ "star.example", true },
		{ "x.star.example", true },
		{ "trailing.example", true },
		{ "ads.example", true },
		{ "two.example", true },
		{ "localhost", false },
		{ "ip6.example", true },
		{ "xn--bcher-kva.example", true },
		{ "last.example", true },
		{ "a.last.example", true },
		{ "example", false },
		{ "", false },
		{ ".", false },
	};
	for (size_t piece = 1; piece < sizeof LIST; piece++) {
		struct told told = { 0 };
		struct domains *d = list_of(LIST, piece, &told);
		assert_int_equal(told.count, 0);
		assert_int_equal(domains_count(d), 11);
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
			if (domains_hold(d, slice_of(cases[i].name)) != cases[i].held)
				fail_msg("'%s' in pieces of %zu", cases[i].name, piece);
		assert_true(domains_hold_exactly(d, SLICE("192.0.2.7")));
		assert_true(domains_hold_exactly(d, SLICE("2001:db8::1")));
		assert_false(domains_hold_exactly(d, SLICE("192.0.2.8")));
		domains_free(d);
	}
}

static void lists_tell_what_they_do_not_understand(void **state)
{
	(void)state;
	struct told told = { 0 };
	char text[4096];
	snprintf(text, sizeof text,
		 "good.example\nhttp://bad.example/\na b\n*\na..b\n%01500d\n# "
		 "%01500d\nbad*.example\n",
		 0, 0);
	struct domains *d = list_of(text, 100, &told);
	static const uint64_t want[] = { 2, 3, 4, 5, 6 };
	assert_int_equal(told.count, 5); /* a handful is told */
	assert_memory_equal(told.lines, want, sizeof want);
	assert_int_equal(domains_count(d), 1);
	domains_free(d);
	d = list_of("", 1, &told);
	assert_false(domains_hold(d, SLICE("a")));
	domains_free(d);
	struct error err = { 0 };
	assert_null(domains_load("/", NULL, &err));
	assert_non_null(strstr(err.text, "directory"));
	assert_null(domains_load("/no/such/list", NULL, &err));
	assert_non_null(strstr(err.text, "/no/such/list"));
}

/* Every one of many is found, and none that is not there. */
static void long_lists_lose_nothing(void **state)
{
	(void)state;
	for (unsigned many = 1; many < 30000; many = many * 3 + 1) {
		struct domains *d = domains_new();
		char name[64];
		for (unsigned i = 0; i < many; i++) {
			int len = snprintf(name, sizeof name, "d%u.example\n", i);
			assert_int_equal(domains_add(d,
						     (struct slice){ (uint8_t *)name, (size_t)len },
						     NULL),
					 0);
		}
		assert_int_equal(domains_end(d, NULL), 0);
		assert_int_equal(domains_count(d), many);
		for (unsigned i = 0; i < 2 * many; i++) {
			snprintf(name, sizeof name, "x.d%u.example", i);
			assert_int_equal(domains_hold(d, slice_of(name)), i < many);
		}
		assert_true(domains_bytes(d) < 20 * (size_t)many + 2000);
		domains_free(d);
	}
}

/* ---- patterns --------------------------------------------------------------------------- */

static void patterns_match_names_and_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *host;
		bool matches;
	} cases[] = {
		{ "example.com", "example.com", true },
		{ "example.com", "www.example.com", false },
		{ "Example.COM.", "example.com", true },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", "a.example.com", true },
		{ "*.example.com", "a.b.example.com", true },
		{ "*.example.com", "badexample.com", false },
		{ ".example.com", "example.com", true },
		{ ".example.com", "x.example.com", true },
		{ ".example.com", "badexample.com", false },
		{ "*", "anything", true },
		{ "*", "192.0.2.1", true },
		{ "192.0.2.0/24", "192.0.2.9", true },
		{ "192.0.2.0/24", "192.0.3.9", false },
		{ "192.0.2.0/24", "name", false },
		{ "192.0.2.9", "192.0.2.9", true },
		{ "[2001:db8::1]", "2001:db8::1", true },
		{ "!example.com", "example.com", false },
		{ "!example.com", "example.org", true },
		{ "!192.0.2.0/24", "192.0.2.9", false },
		{ "*.2.9", "192.0.2.9", false },
		{ "a*b", "aab", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address a;
		bool literal = cidr_read_address(slice_of(cases[i].host), &a);
		if (rules_pattern_matches(slice_of(cases[i].pattern), slice_of(cases[i].host),
					  literal ? &a : NULL) != cases[i].matches)
			fail_msg("%s and %s", cases[i].pattern, cases[i].host);
	}
	static const char *const wrong[] = { "",           "!",     "*.",   ".",
					     "a*",         "*.*.a", "a..b", "a b",
					     "10.0.0.300", "127.1", "0x7f", "a/b",
					     "http://a",   "10/8",  "a:80", "*example" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct pattern p;
		struct error err = { 0 };
		if (pattern_read(slice_of(wrong[i]), &p, &err) != -EINVAL || !err.text[0])
			fail_msg("'%s' is taken for a pattern", wrong[i]);
	}
}

/* ---- configurations --------------------------------------------------------------------- */

/* A file without a name; its path in `path`. */
static int file_of(const char *text, char path[40])
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, 40, "/proc/self/fd/%d", fd);
	return fd;
}

static void note_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	buffer_printf(context, "%u:%u %s\n", line, column, text);
}

static struct config *load(const char *text, struct buffer *told)
{
	char path[40];
	int fd = file_of(text, path);
	struct config *c = config_load(path, &(struct config_faults){ note_fault, told });
	close(fd);
	buffer_add_byte(told, 0);
	return c;
}

static struct config *load_right(const char *text)
{
	struct buffer told;
	buffer_init(&told, 1 << 16);
	struct config *c = load(text, &told);
	if (!c)
		fail_msg("%s", (char *)told.at);
	buffer_done(&told);
	return c;
}

static void the_built_in_one_serves_loopback(void **state)
{
	(void)state;
	struct config *c = config_load(NULL, NULL);
	struct buffer at;
	buffer_init(&at, 100);
	assert_non_null(c);
	assert_int_equal(c->listens, 1);
	address_add(&at, &c->listen[0].at);
	assert_true(slice_equal(buffer_slice(&at), SLICE("127.0.0.1:3128")));
	assert_int_equal(c->access.format, LOG_TEXT);
	assert_string_equal(c->access.path, "-");
	assert_null(c->auth);
	assert_null(c->path);
	assert_true(c->via && !c->private_allow && c->workers == 0);
	assert_true(c->timeout.idle == 300 * NANOS_PER_SECOND);
	assert_int_equal(c->limit.connections, 20000);
	struct config *again = config_load(NULL, NULL);
	assert_true(again->generation > c->generation);
	config_drop(again);
	assert_ptr_equal(config_hold(c), c);
	config_drop(c);
	config_drop(c);
	config_drop(NULL);
	buffer_done(&at);
}

static void every_directive_is_read(void **state)
{
	(void)state;
	char users[40], password[40], list[40], text[4096];
	int fd[] = { file_of("alice:viaduct:0123456789abcdef0123456789abcdef\n", users),
		     file_of("sesame\nrest\n", password), file_of("blocked.example\n", list) };
	snprintf(
		text, sizeof text,
		"listen 127.0.0.1:0; listen [::1]:3129 { proxy-protocol from 10.0.0.0/8 "
		"!10.1.0.0/16; }\n"
		"workers 3; user nobody; admin 127.0.0.1:3130;\n"
		"log access /tmp/a.log json; log error syslog;\n"
		"auth digest { realm viaduct; users %s; algorithm md5; nonce 1m; userhash on; }\n"
		"rule deny to-list %s; rule allow user alice;\n"
		"destinations private allow; sni match deny; name \"edge-1.example\"; via off;\n"
		"resolver 192.0.2.53 [2001:db8::53]:5353 127.0.0.1:54;\n"
		"timeout header 500ms; timeout connect 1s; timeout idle 5m; timeout keepalive 1h;\n"
		"timeout origin 0; timeout answer 2d; timeout lifetime 0; timeout drain 7s;\n"
		"limit response 10m; limit tunnel 1g; limit request 3k; limit header 32k;\n"
		"limit connections 100; limit per-client 7; limit auth-failures 0;\n"
		"limit bandwidth-client 1M; limit bandwidth-tunnel 2m; limit dns-cache 1k;\n"
		"parent proxy.example:8080 { user u; password-file %s; for *; except .lan; "
		"proxy-protocol v2; }\n"
		"parent [2001:db8::1]:3128; parent direct { for .lan 10.0.0.0/8; }\n",
		users, list, password);
	struct config *c = load_right(text);
	assert_int_equal(c->listens, 2);
	assert_int_equal(c->listen[0].at.port, 0);
	assert_int_equal(c->listen[1].at.port, 3129);
	assert_true(c->listen[1].proxy_protocol && !c->listen[0].proxy_protocol);
	assert_int_equal(c->listen[1].trusted_count, 2);
	assert_true(c->listen[1].trusted[1].negated);
	assert_int_equal(c->workers, 3);
	assert_string_equal(c->user, "nobody");
	assert_int_equal(c->admin.port, 3130);
	assert_int_equal(c->access.format, LOG_JSON);
	assert_string_equal(c->access.path, "/tmp/a.log");
	assert_string_equal(c->error.path, "syslog");
	assert_non_null(c->auth);
	assert_true(c->private_allow && !c->via);
	assert_int_equal(c->sni, SNI_DENY);
	assert_string_equal(c->name, "edge-1.example");
	assert_int_equal(c->resolvers, 3);
	assert_int_equal(c->resolver[0].port, 53);
	assert_int_equal(c->resolver[1].port, 5353);
	assert_true(c->timeout.header == 500 * NANOS_PER_MS);
	assert_true(c->timeout.connect == NANOS_PER_SECOND);
	assert_true(c->timeout.idle == 300 * NANOS_PER_SECOND);
	assert_true(c->timeout.keepalive == 3600 * NANOS_PER_SECOND);
	assert_true(c->timeout.origin == 0);
	assert_true(c->timeout.answer == 2 * 86400 * NANOS_PER_SECOND);
	assert_true(c->timeout.drain == 7 * NANOS_PER_SECOND);
	assert_true(c->limit.response == 10 << 20 && c->limit.tunnel == 1 << 30);
	assert_true(c->limit.request == 3 << 10 && c->limit.header == 32 << 10);
	assert_true(c->limit.connections == 100 && c->limit.per_client == 7);
	assert_true(c->limit.auth_failures == 0 && c->dns_cache == 1024);
	assert_true(c->limit.bandwidth_client == 1 << 20 && c->limit.bandwidth_tunnel == 2 << 20);
	assert_int_equal(c->parents, 3);
	assert_string_equal(c->parent[0].host, "proxy.example");
	assert_int_equal(c->parent[0].port, 8080);
	assert_string_equal(c->parent[0].user, "u");
	assert_string_equal(c->parent[0].password, "sesame");
	assert_true(c->parent[0].fors == 1 && c->parent[0].excepts == 1);
	assert_int_equal(c->parent[0].send_proxy, 2);
	assert_string_equal(c->parent[1].host, "2001:db8::1");
	assert_true(c->parent[2].direct && c->parent[2].fors == 2);
	config_drop(c);
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
}

struct question {
	const char *client, *user, *method, *host;
	uint16_t port;
	const char *address;  /* where the name leads; NULL: it is not asked */
	const char *decision; /* "reason line" or "reason line trial" */
};

static const char *const reasons[] = {
	[RULES_ALLOWED] = "allowed",   [RULES_RULE] = "rule",
	[RULES_NO_MATCH] = "no-match", [RULES_LOOPBACK] = "loopback-only",
	[RULES_PORT] = "port",         [RULES_PRIVATE] = "private",
	[RULES_AUTH] = "auth",
};

static void ask(const struct config *c, const struct question *q)
{
	struct rules_answer a;
	char said[64], trial[16] = "";
	struct rules_ask ask = { .client = address(q->client),
				 .user = slice_of(q->user),
				 .method = slice_of(q->method),
				 .host = slice_of(q->host),
				 .port = q->port,
				 .connect = strcmp(q->method, "CONNECT") == 0 };
	rules_decide(c, &ask, &a);
	if (q->address && a.reason == RULES_ALLOWED) {
		struct address to = address(q->address);
		rules_decide_address(c, &ask, &a, &to, &a);
	}
	if (a.trial_line)
		snprintf(trial, sizeof trial, " %u", a.trial_line);
	snprintf(said, sizeof said, "%s %u%s", reasons[a.reason], a.line, trial);
	assert_true(a.text[0] != 0);
	if (strcmp(said, q->decision) != 0)
		fail_msg("%s %s %s %s:%u %s: %s (%s), not %s", q->client, q->user, q->method,
			 q->host, q->port, q->address ? q->address : "", said, a.text, q->decision);
}

/* The one in SPEC.md, with files that are there. */
static void the_example_of_the_specification_is_right(void **state)
{
	(void)state;
	char users[40], password[40], list[40], text[4096];
	int fd[] = { file_of("alice:viaduct:0123456789abcdef0123456789abcdef\n", users),
		     file_of("sesame\n", password), file_of("blocked.example\n", list) };
	snprintf(text, sizeof text,
		 "listen 127.0.0.1:3128;  # several; IPv6 in brackets\n"
		 "workers auto;           # one per core\n"
		 "user viaduct;           # after binding, when started as root\n"
		 "admin 127.0.0.1:3129;   # metrics, connections, \"why\"; loopback by default\n"
		 "log access /var/log/viaduct/access.log json; # \"-\" is standard output\n"
		 "auth digest basic {     # schemes in order of preference; none without it\n"
		 "    realm viaduct;\n"
		 "    users %s;           # made by `viaduct proxy user add NAME`\n"
		 "}\n"
		 "rule deny  to-list %s;  # first match wins; domains, a million of them\n"
		 "rule allow from 10.0.0.0/8 to *.cisco.com port 443 80;\n"
		 "rule allow user alice from 192.168.0.0/16;\n"
		 "rule trial deny method GET; # would have denied: logged, not done\n"
		 "destinations private deny;\n"
		 "timeout header 10s; timeout connect 10s; timeout idle 5m; timeout lifetime 0;\n"
		 "limit response 0; limit tunnel 0; # bytes, k m g; 0 is none\n"
		 "limit connections 20000; limit per-client 0;\n"
		 "parent proxy.example:8080 { user u; password-file %s; for *; except .lan; }\n",
		 users, list, password);
	struct config *c = load_right(text);
	assert_int_equal(c->parents, 1);
	assert_non_null(c->auth);
	config_drop(c);
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
}

static void the_example_that_is_installed_is_right(void **state)
{
	(void)state;
	struct buffer told;
	buffer_init(&told, 1 << 16);
	struct config *c = config_load(SOURCE_ROOT "/etc/viaduct-proxy.conf",
				       &(struct config_faults){ note_fault, &told });
	assert_non_null(c);
	static const struct question q[] = {
		{ "127.0.0.1", "", "CONNECT", "a.example", 443, "8.8.8.8", "allowed 38" },
		{ "10.1.1.1", "", "CONNECT", "a.example", 443, "10.0.0.1", "private 39" },
		{ "8.8.8.8", "", "CONNECT", "a.example", 443, "8.8.8.8", "no-match 0" },
	};
	for (size_t i = 0; i < sizeof q / sizeof *q; i++)
		ask(c, &q[i]);
	config_drop(c);
	buffer_done(&told);
}

static void every_fault_has_its_place_and_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *text, *place, *says;
	} cases[] = {
		{ "lisen 127.0.0.1:1;", "1:1", "is 'listen' meant?" },
		{ "zzzzzz x;", "1:1", "there is no 'zzzzzz'" },
		{ "listen 3128;", "1:8", "127.0.0.1:3128" },
		{ "listen localhost:3128;", "1:8", "no address" },
		{ "listen 127.0.0.1:65536;", "1:8", "1 to 65535" },
		{ "listen ::1;", "1:8", "no port" },
		{ "listen 127.0.0.1:1;\nlisten 127.0.0.1:1;", "2:8", "already" },
		{ "listen 127.0.0.1:1 { proxy-protocl from ::1; }", "1:22",
		  "'proxy-protocol' meant" },
		{ "listen;", "1:1", "wants more words: listen ADDRESS:PORT;" },
		{ "workers 2;\n workers 3;", "2:2", "second time" },
		{ "workers many;", "1:9", "no number" },
		{ "workers 1000;", "1:9", "out of range: from 1 to 256" },
		{ "timeout idle 30;", "1:14", "30s" },
		{ "timeout idle 5x;", "1:14", "500ms, 10s, 5m, 1h or 1d" },
		{ "timeout idel 5s;", "1:9", "is 'idle' meant?" },
		{ "timeout idle 5s;\ntimeout idle 5s;", "2:9", "second time" },
		{ "timeout header 0;", "1:16", "out of range" },
		{ "timeout idle 99999999999999999999s;", "1:14", "no span" },
		{ "timeout idle 9999999999d;", "1:14", "out of range: from 0s to 365d" },
		{ "limit header 100;", "1:14", "from 1024 to 65536" },
		{ "limit header 128k;", "1:14", "from 1024 to 65536" },
		{ "limit tunnel 10q;", "1:14", "k, m or g" },
		{ "limit tunnel 18446744073709551615g;", "1:14", "out of range" },
		{ "limit tunel 10;", "1:7", "is 'tunnel' meant?" },
		{ "log access /x xml;", "1:15", "none, text or json" },
		{ "log acces /x;", "1:5", "access or error" },
		{ "log access - text;\nlog access - json;", "2:5", "second time" },
		{ "destinations private maybe;", "1:22", "deny or allow" },
		{ "sni match never;", "1:11", "off, log or deny" },
		{ "name \"a b\";", "1:6", "letters, digits" },
		{ "via of;", "1:5", "off or on" },
		{ "resolver dns.example;", "1:10", "no address" },
		{ "resolver 1.1.1.1:0;", "1:10", "1 to 65535" },
		{ "user a b;", "1:8", "fewer words" },
		{ "user a { }", "1:6", "no block" },
		{ "rule maybe;", "1:6", "allow, deny or trial" },
		{ "rule allow all;", "1:12", "leave 'all' out" },
		{ "rule allow form 10.0.0.0/8;", "1:12", "is 'from' meant?" },
		{ "rule allow from;", "1:12", "nothing behind it" },
		{ "rule allow from to a;", "1:12", "nothing behind it" },
		{ "rule allow from 10.0.0.1/8;", "1:17", "10.0.0.0/8" },
		{ "rule allow from a.example;", "1:17", "no address" },
		{ "rule allow to a*b;", "1:15", "*.example.com" },
		{ "rule allow to 10.0.0.300;", "1:15", "no address" },
		{ "rule allow port 0;", "1:17", "1 to 65535" },
		{ "rule allow port 90-80;", "1:17", "ends before" },
		{ "rule allow method get;", "1:19", "capitals" },
		{ "rule allow port 1 port 2;", "1:19", "twice" },
		{ "rule allow user alice;", "1:17", "no 'auth'" },
		{ "rule trial allow;", "1:12", "rule trial deny" },
		{ "rule trial;", "1:6", "rule trial deny" },
		{ "rule deny to-list /no/such/list;", "1:19", "No such file" },
		{ "rule deny to-list /;", "1:19", "directory" },
		{ "auth digest { realm x; }", "1:1", "users FILE;" },
		{ "auth ntlm { users /x; }", "1:6", "digest or basic" },
		{ "auth basic basic { users /no/such/users; }", "1:12", "twice" },
		{ "auth basic { users /no/such/users; }", "1:20", "No such file" },
		{ "auth basic;", "1:6", "wants a block" },
		{ "parent proxy.example;", "1:8", "HOST:PORT" },
		{ "parent proxy.example:8080 { user u; }", "1:8",
		  "both 'user' and 'password-file'" },
		{ "parent proxy.example:8080 { password x; }", "1:29", "password-file FILE;" },
		{ "parent direct { user u; }", "1:8", "asks nobody" },
		{ "parent p.example:1 { for a*; }", "1:26", "*.example.com" },
		{ "parent p.example:1 { for !a; }", "1:26", "no !" },
		{ "workers 2\nname x;", "1:9", "a ; is missing behind '2'" },
		{ "rule allow\n from 10.0.0.0/8\n method GET\nworkers 2;", "3:9",
		  "a ; is missing behind 'GET'" },
		{ "workers 2", "1:9", "a ; is missing behind '2'" },
		{ "listen 127.0.0.1:1 {", "1:20", "never closed" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer told;
		char place[32];
		buffer_init(&told, 1 << 16);
		assert_null(load(cases[i].text, &told));
		snprintf(place, sizeof place, "%s ", cases[i].place);
		char *at = strstr((char *)told.at, place);
		while (at && at != (char *)told.at && at[-1] != '\n')
			at = strstr(at + 1, place);
		char *end = at ? strchr(at, '\n') : NULL;
		if (end)
			*end = 0;
		if (!at || !strstr(at, cases[i].says))
			fail_msg("%s\nis told as: %s", cases[i].text, (char *)told.at);
		buffer_done(&told);
	}
}

static void all_faults_are_told_at_once(void **state)
{
	(void)state;
	struct buffer told;
	buffer_init(&told, 1 << 16);
	assert_null(load("workers x;\nname \"\nlimit tunnel y;\n}\ntimeout idle z\nvia maybe;\n",
			 &told));
	size_t lines = 0;
	for (size_t i = 0; i < told.len; i++)
		lines += told.at[i] == '\n';
	/* workers, the quote, name's word (twice: no ; and two words), tunnel, }, idle, its ;, via
	 */
	assert_true(lines >= 7);
	buffer_done(&told);
	buffer_init(&told, 1 << 16);
	assert_null(config_load("/no/such/file", &(struct config_faults){ note_fault, &told }));
	buffer_add_byte(&told, 0);
	assert_non_null(strstr((char *)told.at, "0:0 can't be read: No such file"));
	buffer_done(&told);
}

/* ---- rules ------------------------------------------------------------------------------ */

static void ask_all(const char *text, const struct question *q, size_t count)
{
	struct config *c = load_right(text);
	for (size_t i = 0; i < count; i++)
		ask(c, &q[i]);
	config_drop(c);
}

#define ASK_ALL(text, questions) ask_all(text, questions, sizeof questions / sizeof *(questions))

static void without_rules_loopback_alone_is_served(void **state)
{
	(void)state;
	static const struct question q[] = {
		{ "127.0.0.1", "", "CONNECT", "a.example", 443, "8.8.8.8", "allowed 0" },
		{ "::1", "", "GET", "a.example", 8080, "8.8.8.8", "allowed 0" },
		{ "10.0.0.1", "", "GET", "a.example", 80, "8.8.8.8", "loopback-only 0" },
		{ "127.0.0.1", "", "CONNECT", "a.example", 22, NULL, "port 0" },
		{ "127.0.0.1", "", "GET", "a.example", 80, "127.0.0.1", "private 0" },
		{ "127.0.0.1", "", "GET", "127.0.0.1", 80, NULL, "private 0" },
		{ "127.0.0.1", "", "GET", "::ffff:127.0.0.1", 80, NULL, "private 0" },
		{ "127.0.0.1", "", "GET", "64:ff9b::7f00:1", 80, NULL, "private 0" },
		{ "127.0.0.1", "", "GET", "a.example", 80, "169.254.169.254", "private 0" },
	};
	ASK_ALL("name x;", q);
}

static void the_first_match_wins(void **state)
{
	(void)state;
	static const struct question q[] = {
		{ "10.1.1.1", "", "CONNECT", "a.cisco.com", 443, "8.8.8.8", "allowed 2" },
		{ "10.1.1.1", "", "CONNECT", "a.cisco.com", 80, "8.8.8.8", "allowed 2" },
		{ "10.1.1.1", "", "CONNECT", "cisco.com", 443, "8.8.8.8", "no-match 0" },
		{ "10.1.1.1", "", "CONNECT", "bad.cisco.com", 443, "8.8.8.8", "rule 1" },
		{ "11.1.1.1", "", "CONNECT", "a.cisco.com", 443, "8.8.8.8", "no-match 0" },
		{ "10.1.1.1", "", "POST", "x.example", 80, "8.8.8.8", "rule 3" },
		{ "10.1.1.1", "", "GET", "x.example", 80, "8.8.8.8", "allowed 4" },
		{ "10.2.1.1", "", "GET", "x.example", 80, "8.8.8.8", "no-match 0" },
		{ "10.1.1.1", "", "CONNECT", "x.example", 25, "8.8.8.8", "port 4" },
		{ "12.1.1.1", "", "CONNECT", "x.example", 8443, "8.8.8.8", "allowed 5" },
		{ "12.1.1.1", "", "CONNECT", "x.example", 8500, "8.8.8.8", "no-match 0" },
	};
	ASK_ALL("rule deny to bad.cisco.com;\n"
		"rule allow from 10.0.0.0/8 to *.cisco.com port 443 80;\n"
		"rule deny method POST !GET;\n"
		"rule allow from 10.0.0.0/8 !10.2.0.0/16 to .example;\n"
		"rule allow from 12.0.0.0/8 port 8000-8999 !8500;\n",
		q);
}

static void trials_are_noted_and_change_nothing(void **state)
{
	(void)state;
	static const struct question q[] = {
		{ "10.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "allowed 3 1" },
		{ "10.1.1.1", "", "POST", "a.example", 80, "8.8.8.8", "allowed 3" },
		{ "10.1.1.1", "", "POST", "a.example", 80, "9.9.9.9", "allowed 3 2" },
	};
	ASK_ALL("rule trial deny method GET;\nrule trial deny to 9.0.0.0/8;\nrule allow;\n", q);
}

static void addresses_are_judged_behind_names(void **state)
{
	(void)state;
	static const struct question q[] = {
		{ "10.1.1.1", "", "GET", "a.example", 80, NULL, "allowed 2" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "allowed 4" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "9.9.9.9", "rule 1" },
		{ "10.1.1.1", "", "GET", "9.9.9.9", 80, NULL, "rule 1" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "64:ff9b::9.9.9.9", "rule 1" },
		{ "10.1.1.1", "", "GET", "2002:909:909::1", 80, NULL, "rule 1" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "192.168.5.1", "allowed 2" },
		{ "10.1.1.1", "", "GET", "192.168.5.1", 80, NULL, "allowed 2" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "192.168.6.1", "private 4" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "64:ff9b::192.168.5.1", "private 4" },
		{ "10.1.1.1", "", "GET", "b.test", 80, "192.168.5.1", "rule 3" },
		{ "10.1.1.1", "", "GET", "b.test", 80, NULL, "rule 3" },
		{ "10.1.1.1", "", "GET", "c.example", 80, "127.0.0.1", "private 4" },
	};
	ASK_ALL("rule deny to 9.0.0.0/8;\nrule allow to 192.168.5.0/24 !b.test;\n"
		"rule deny to .test;\nrule allow to 0.0.0.0/0 ::/0;\n",
		q);
}

static void one_rule_on_an_address_decides_when_it_is_known(void **state)
{
	(void)state;
	static const struct question q[] = {
		{ "10.1.1.1", "", "CONNECT", "a.example", 443, "8.1.1.1", "allowed 1" },
		{ "10.1.1.1", "", "CONNECT", "a.example", 443, "9.1.1.1", "no-match 0" },
		{ "10.1.1.1", "", "CONNECT", "a.example", 444, NULL, "allowed 1" },
		{ "10.1.1.1", "", "CONNECT", "a.example", 444, "8.1.1.1", "port 1" },
	};
	ASK_ALL("rule allow to 8.0.0.0/8;", q);
	struct config *c = load_right("rule allow to 8.0.0.0/8;\nrule allow to .ok;");
	struct rules_answer a;
	struct rules_ask ask = { .client = address("10.0.0.1"),
				 .method = SLICE("GET"),
				 .host = SLICE("a.example"),
				 .port = 80,
				 .unresolved = true };
	rules_decide(c, &ask, &a);
	assert_int_equal(a.reason, RULES_NO_MATCH);
	ask.host = SLICE("8.257"); /* 8.0.1.1, for inet_aton */
	rules_decide(c, &ask, &a);
	assert_int_equal(a.reason, RULES_ALLOWED);
	ask.host = SLICE("127.1");
	rules_decide(c, &ask, &a);
	assert_int_equal(a.reason, RULES_NO_MATCH);
	ask.host = SLICE("x.ok");
	rules_decide(c, &ask, &a);
	assert_int_equal(a.line, 2);
	config_drop(c);
}

static void users_are_asked_for_when_it_matters(void **state)
{
	(void)state;
	char users[40], text[512];
	int fd = file_of("alice:viaduct:0123456789abcdef0123456789abcdef\n", users);
	static const struct question q[] = {
		{ "10.1.1.1", "", "GET", "free.example", 80, "8.8.8.8", "allowed 2" },
		{ "10.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "auth 3" },
		{ "10.1.1.1", "alice", "GET", "a.example", 80, "8.8.8.8", "allowed 3" },
		{ "10.1.1.1", "Alice", "GET", "a.example", 80, "8.8.8.8", "no-match 0" },
		{ "10.1.1.1", "bob", "GET", "a.example", 80, "8.8.8.8", "no-match 0" },
		{ "11.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "no-match 0" },
		{ "12.1.1.1", "bob", "GET", "a.example", 80, "8.8.8.8", "allowed 4" },
		{ "12.1.1.1", "carol", "GET", "a.example", 80, "8.8.8.8", "no-match 0" },
		{ "12.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "auth 4" },
		{ "13.1.1.1", "", "GET", "a.example", 80, NULL, "allowed 5" },
		{ "13.1.1.1", "", "GET", "a.example", 80, "9.9.9.9", "auth 5" },
		{ "13.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "allowed 6" },
	};
	snprintf(text, sizeof text,
		 "auth digest { users %s; }\nrule allow to free.example;\n"
		 "rule allow user alice from 10.0.0.0/8;\nrule allow user * !carol from "
		 "12.0.0.0/8;\n"
		 "rule allow user alice from 13.0.0.0/8 to 9.0.0.0/8;\nrule allow from "
		 "13.0.0.0/8;\n",
		 users);
	ASK_ALL(text, q);
	static const struct question everybody[] = {
		{ "10.1.1.1", "", "GET", "a.example", 80, "8.8.8.8", "auth 2" },
		{ "10.1.1.1", "", "GET", "a.example", 80, NULL, "auth 2" },
		{ "10.1.1.1", "bob", "GET", "a.example", 80, "8.8.8.8", "allowed 2" },
		{ "11.1.1.1", "", "GET", "a.example", 80, NULL, "no-match 0" },
	};
	snprintf(text, sizeof text, "auth digest { users %s; }\nrule allow from 10.0.0.0/8;",
		 users);
	ASK_ALL(text, everybody);
	close(fd);
}

static void rules_may_take_several_lines(void **state)
{
	(void)state;
	char users[40], text[512];
	int fd = file_of("alice:viaduct:0123456789abcdef0123456789abcdef\n", users);
	static const struct question q[] = {
		{ "10.1.1.1", "alice", "GET", "a.example", 80, "8.8.8.8", "allowed 2" },
		{ "10.1.1.1", "bob", "GET", "a.example", 80, "8.8.8.8", "no-match 0" },
	};
	snprintf(text, sizeof text,
		 "auth digest { users %s; }\nrule allow\n\tuser alice\n\tfrom 10.0.0.0/8;\n",
		 users);
	ASK_ALL(text, q);
	close(fd);
}

static void lists_are_read_once_and_matched(void **state)
{
	(void)state;
	char list[40], text[512];
	int fd = file_of("blocked.example\n1.2.3.4\n", list);
	static const struct question q[] = {
		{ "10.1.1.1", "", "GET", "www.blocked.example", 80, NULL, "rule 1" },
		{ "10.1.1.1", "", "GET", "1.2.3.4", 80, NULL, "rule 1" },
		{ "10.1.1.1", "", "GET", "fine.example", 80, NULL, "allowed 2" },
		{ "11.1.1.1", "", "GET", "www.blocked.example", 80, NULL, "no-match 0" },
	};
	snprintf(text, sizeof text,
		 "rule deny from 10.0.0.0/8 to-list %s;\nrule allow to-list !%s;", list, list);
	ASK_ALL(text, q);
	close(fd);
}

static void private_destinations_can_be_allowed(void **state)
{
	(void)state;
	static const struct question q[] = {
		{ "127.0.0.1", "", "GET", "127.0.0.1", 80, NULL, "allowed 0" },
		{ "127.0.0.1", "", "GET", "a.example", 80, "10.0.0.1", "allowed 0" },
	};
	ASK_ALL("destinations private allow;", q);
	static const struct question named[] = {
		{ "127.0.0.1", "", "GET", "127.0.0.1", 80, NULL, "allowed 1" },
		{ "127.0.0.1", "", "GET", "127.0.0.2", 80, NULL, "private 2" },
		{ "127.0.0.1", "", "GET", "a.example", 80, "fd00::1", "allowed 1" },
	};
	ASK_ALL("rule allow to 127.0.0.1 fd00::/8;\nrule allow;", named);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_hold_what_they_say),
		cmocka_unit_test(networks_that_are_none_are_refused),
		cmocka_unit_test(lists_of_networks_have_exceptions),
		cmocka_unit_test(private_addresses_have_names),
		cmocka_unit_test(lists_hold_domains_and_what_is_below),
		cmocka_unit_test(lists_tell_what_they_do_not_understand),
		cmocka_unit_test(long_lists_lose_nothing),
		cmocka_unit_test(patterns_match_names_and_addresses),
		cmocka_unit_test(the_built_in_one_serves_loopback),
		cmocka_unit_test(every_directive_is_read),
		cmocka_unit_test(the_example_of_the_specification_is_right),
		cmocka_unit_test(the_example_that_is_installed_is_right),
		cmocka_unit_test(every_fault_has_its_place_and_remedy),
		cmocka_unit_test(all_faults_are_told_at_once),
		cmocka_unit_test(without_rules_loopback_alone_is_served),
		cmocka_unit_test(the_first_match_wins),
		cmocka_unit_test(trials_are_noted_and_change_nothing),
		cmocka_unit_test(addresses_are_judged_behind_names),
		cmocka_unit_test(one_rule_on_an_address_decides_when_it_is_known),
		cmocka_unit_test(users_are_asked_for_when_it_matters),
		cmocka_unit_test(rules_may_take_several_lines),
		cmocka_unit_test(lists_are_read_once_and_matched),
		cmocka_unit_test(private_destinations_can_be_allowed),
	};
	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
