/* net: the resolver, beside a name server that says what it is told to. */
#include <fcntl.h>

#include "net_world.h"

#include "net/dns_answer.h"
#include "net/dns_name.h"

#include <sys/resource.h>
#include <sys/stat.h>

static struct net_dns *dns;
static unsigned waiting; /* answers until the loop stops; 0: on */
static char hosts_path[] = "/tmp/viaduct-hosts-XXXXXX",
	    resolv_path[] = "/tmp/viaduct-resolv-XXXXXX";

static void write_file(const char *path, const char *text)
{
	char fresh[64];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *f = fopen(fresh, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(fresh, path), 0);
}

static struct net_dns *resolver(struct net_dns_options options)
{
	struct error err;
	options.server = options.servers ? options.server : &server.at;
	options.servers = options.servers ? options.servers : 1;
	options.hosts = hosts_path;
	options.resolv_conf = resolv_path;
	struct net_dns *made = net_dns_new(loop, &options, &err);
	assert_non_null(made);
	return made;
}

static int begin(void **state)
{
	(void)state;
	struct error err;
	guard = (struct net_timer){ .prev = NULL };
	waiting = 0;
	loop = net_loop_new(&err);
	write_file(hosts_path, "");
	write_file(resolv_path, "search corp.test lab.test\n");
	return 0;
}

static int end(void **state)
{
	(void)state;
	net_dns_free(dns);
	dns = NULL;
	serve_no_more();
	net_loop_free(loop);
	return 0;
}

/* ---- asking and waiting ------------------------------------------------------------------- */

struct asker {
	struct net_question q;
	struct net_addresses got;
	unsigned told;
	void (*then)(struct asker *a);
};

static void on_told(struct net_question *q, const struct net_addresses *answer)
{
	struct asker *a = (struct asker *)q;
	a->got = *answer;
	a->told++;
	if (a->then)
		a->then(a);
	if (waiting && --waiting == 0)
		net_loop_stop(loop);
}

static bool ask(struct asker *a, const char *name, enum net_family family)
{
	*a = (struct asker){ .q.answered = on_told, .then = a->then };
	return net_dns_ask(dns, slice_of(name), family, &a->q);
}

/* What is said about a name, waited for. */
static const struct net_addresses *resolve(const char *name, enum net_family family)
{
	static struct asker a;
	a.then = NULL;
	waiting = 0;
	if (!ask(&a, name, family)) {
		waiting = 1;
		run();
	}
	assert_int_equal(a.told, 1);
	return &a.got;
}

static void assert_resolves(const char *name, enum net_family family, const char *first,
			    size_t count)
{
	const struct net_addresses *a = resolve(name, family);
	assert_int_equal(a->status, NET_DNS_OK);
	assert_int_equal(a->count, count);
	struct address want = literal(first);
	assert_true(address_equal(&a->address[0], &want));
}

static void assert_fails(const char *name, enum net_family family, enum net_dns_status status)
{
	const struct net_addresses *a = resolve(name, family);
	assert_string_equal(net_dns_status_name(a->status), net_dns_status_name(status));
	assert_int_equal(a->count, 0);
}

/* ---- without a server --------------------------------------------------------------------- */

static void names_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum dns_kind kind;
	} cases[] = {
		{ "example.com", DNS_ASK },
		{ "EXAMPLE.com.", DNS_ASK },
		{ "a", DNS_ASK },
		{ "_dmarc.x-y.example", DNS_ASK },
		{ "1.2.3.4.example", DNS_ASK },
		{ "xn--bcher-kva.example", DNS_ASK },
		{ "localhost", DNS_LOOPBACK },
		{ "LocalHost.", DNS_LOOPBACK },
		{ "a.b.localhost", DNS_LOOPBACK },
		{ "notlocalhost", DNS_ASK },
		{ "localhost.example", DNS_ASK },
		{ "x.invalid", DNS_NEVER },
		{ "expyuzz4wqqyqhjn.onion.", DNS_NEVER },
		{ "127.0.0.1", DNS_LITERAL },
		{ "::1", DNS_LITERAL },
		{ "::ffff:10.0.0.1", DNS_LITERAL },
		{ "127.1", DNS_BAD },
		{ "127.0.0.1.", DNS_BAD },
		{ "0127.0.0.1", DNS_BAD },
		{ "2130706433", DNS_BAD },
		{ "0x7f000001", DNS_BAD },
		{ "a.0x7f", DNS_BAD },
		{ "1.2.3.4.5", DNS_BAD },
		{ "256.1.1.1", DNS_BAD },
		{ "[::1]", DNS_BAD },
		{ "fe80::1%eth0", DNS_BAD },
		{ "1.2.3.4:80", DNS_BAD },
		{ "", DNS_BAD },
		{ ".", DNS_BAD },
		{ "..", DNS_BAD },
		{ ".example", DNS_BAD },
		{ "a..b", DNS_BAD },
		{ "a.b..", DNS_BAD },
		{ "a b", DNS_BAD },
		{ "b\xc3\xbc"
		  "cher.example",
		  DNS_BAD },
		{ "a/b", DNS_BAD },
		{ "a\\046b", DNS_BAD },
		{ "a\nb", DNS_BAD },
		{ "a*.example", DNS_BAD },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dns_name n;
		if (dns_name_read(slice_of(cases[i].name), &n) != cases[i].kind)
			fail_msg("%s", cases[i].name);
	}
}

static void lengths_are_bounded(void **state)
{
	(void)state;
	struct dns_name n;
	char name[300];
	memset(name, 'a', sizeof name);
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)name, 63 }, &n), DNS_ASK);
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)name, 64 }, &n), DNS_BAD);
	for (size_t i = 50; i < sizeof name; i += 51)
		name[i] = '.';
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)name, 253 }, &n), DNS_ASK);
	name[253] = '.';
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)name, 254 }, &n), DNS_ASK);
	name[253] = 'a';
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)name, 254 }, &n), DNS_BAD);
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)name, 300 }, &n), DNS_BAD);
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)"a\0b", 3 }, &n), DNS_BAD);
	assert_int_equal(dns_name_read((struct slice){ (uint8_t *)"1.1.1.1\0", 8 }, &n), DNS_BAD);
	assert_int_equal(dns_name_read((struct slice){ NULL, 0 }, &n), DNS_BAD);
}

static void nobody_is_asked_for_what_is_known(void **state)
{
	(void)state;
	serve_names(NULL, 0);
	write_file(hosts_path, "# hosts\n10.0.0.1\tOne.Test alias # two.test\r\n"
			       "10.0.0.2 one.test\n2001:db8::2  one.test\n"
			       "10.1 bad.test\n10.0.0.9\n\n \t127.0.0.2 indented last");
	dns = resolver((struct net_dns_options){ 0 });
	assert_resolves("127.0.0.1", NET_V4, "127.0.0.1", 1);
	assert_fails("127.0.0.1", NET_V6, NET_DNS_NO_ADDRESS);
	assert_resolves("2001:db8::7", NET_V6, "2001:db8::7", 1);
	assert_fails("2001:db8::7", NET_V4, NET_DNS_NO_ADDRESS);
	assert_resolves("localhost", NET_V4, "127.0.0.1", 1);
	assert_resolves("x.LOCALHOST.", NET_V6, "::1", 1);
	assert_fails("no.invalid", NET_V4, NET_DNS_NO_NAME);
	assert_fails("0x7f.1", NET_V4, NET_DNS_BAD_NAME);
	assert_resolves("ONE.test", NET_V4, "10.0.0.1", 2);
	assert_resolves("one.test.", NET_V6, "2001:db8::2", 1);
	assert_resolves("alias", NET_V4, "10.0.0.1", 1);
	assert_fails("alias", NET_V6, NET_DNS_NO_ADDRESS);
	assert_resolves("last", NET_V4, "127.0.0.2", 1);
	assert_int_equal(server.asked, 0);
	assert_fails("two.test", NET_V4, NET_DNS_NO_NAME);
	assert_int_equal(server.asked, 3); /* itself, and in two domains */
	assert_fails("bad.test", NET_V4, NET_DNS_NO_NAME);
}

/* ---- servers ------------------------------------------------------------------------------ */

static void answers_come_and_are_kept(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "www.test", NET_V4, .ttl = 60, .address = { "192.0.2.1", "192.0.2.2" } },
		{ "www.test", NET_V6, .ttl = 60, .address = { "2001:db8::1" } },
		{ "alias.test", NET_V4, .ttl = 60, .alias = "www.test",
		  .address = { "192.0.2.1" } },
		{ "lost.test", NET_V4, .ttl = 60, .alias = "nowhere.test" },
		{ "v4.test", NET_V6, .soa = 60 },
		{ "gone.test", NET_V4, .rcode = RCODE_NXDOMAIN, .soa = 60 },
	};
	serve_names(zones, 6);
	dns = resolver((struct net_dns_options){ 0 });
	for (int i = 0; i < 3; i++) {
		assert_resolves("www.test", NET_V4, "192.0.2.1", 2);
		assert_resolves("WWW.Test", NET_V6, "2001:db8::1", 1);
		assert_resolves("alias.test", NET_V4, "192.0.2.1", 1);
		assert_fails("lost.test", NET_V4, NET_DNS_NO_ADDRESS);
		assert_fails("v4.test", NET_V6, NET_DNS_NO_ADDRESS);
		assert_fails("gone.test", NET_V4, NET_DNS_NO_NAME);
	}
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(zones[i].asked, 1);
	assert_int_equal(server.asked, 6 + 2); /* gone.test in two domains */
	struct net_dns_counts c = net_dns_counts(dns);
	assert_int_equal(c.asked, 18);
	assert_int_equal(c.cached, 12);
	assert_int_equal(c.failed, 0);
	assert_int_equal(c.kept, 6);
}

static void what_has_expired_is_asked_again(void **state)
{
	(void)state;
	struct zone zones[] = { { "brief.test", NET_V4, .ttl = 0, .address = { "192.0.2.1" } } };
	serve_names(zones, 1);
	dns = resolver((struct net_dns_options){ 0 });
	assert_resolves("brief.test", NET_V4, "192.0.2.1", 1);
	assert_resolves("brief.test", NET_V4, "192.0.2.1", 1);
	assert_int_equal(zones[0].asked, 1); /* one second even so */
	zones[0].address[0] = "192.0.2.9";
	run_for(NANOS_PER_SECOND + 20 * NANOS_PER_MS);
	assert_resolves("brief.test", NET_V4, "192.0.2.9", 1);
	assert_int_equal(zones[0].asked, 2);
	assert_int_equal(net_dns_counts(dns).kept, 1);
}

static void the_search_list_is_gone_through(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "intranet.corp.test", NET_V4, .ttl = 60, .address = { "10.0.0.1" } },
		{ "wiki.lab.test", NET_V4, .ttl = 60, .address = { "10.0.0.2" } },
		{ "wiki.corp.test", NET_V4, .rcode = RCODE_SERVFAIL },
		{ "com", NET_V4, .ttl = 60, .address = { "10.0.0.3" } },
		{ "a.b", NET_V4, .ttl = 60, .address = { "10.0.0.4" } },
		{ "a.b.corp.test", NET_V4, .ttl = 60, .address = { "10.0.0.5" } },
		{ "here.test", NET_V6, .soa = 60 },
		{ "here.test.corp.test", NET_V6, .ttl = 60, .address = { "2001:db8::bad" } },
		{ "far.away", NET_V4, .rcode = RCODE_NXDOMAIN },
		{ "far.away.corp.test", NET_V4, .rcode = RCODE_SERVFAIL },
	};
	serve_names(zones, 10);
	dns = resolver((struct net_dns_options){ 0 });
	assert_resolves("intranet", NET_V4, "10.0.0.1", 1);
	assert_resolves("wiki", NET_V4, "10.0.0.2", 1);
	assert_resolves("com", NET_V4, "10.0.0.3", 1);
	assert_resolves("com.", NET_V4, "10.0.0.3", 1);
	assert_resolves("a.b", NET_V4, "10.0.0.4", 1);
	assert_fails("a.b.", NET_V6, NET_DNS_NO_NAME);
	assert_fails("intranet.", NET_V4, NET_DNS_NO_NAME);
	assert_fails("here.test", NET_V6, NET_DNS_NO_ADDRESS); /* not another name's */
	assert_fails("far.away", NET_V4, NET_DNS_NO_NAME);
	assert_int_equal(zones[5].asked, 0);
	assert_int_equal(zones[7].asked, 0);
}

static void truncated_answers_come_by_tcp(void **state)
{
	(void)state;
	struct zone zones[] = { { "many.test", NET_V4, .ttl = 60, .truncated = true,
				  .address = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
					       "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8",
					       "192.0.2.9", "192.0.2.10", "192.0.2.11",
					       "192.0.2.12", "192.0.2.13", "192.0.2.14",
					       "192.0.2.15", "192.0.2.16", "192.0.2.17" } } };
	serve_names(zones, 1);
	dns = resolver((struct net_dns_options){ 0 });
	assert_resolves("many.test", NET_V4, "192.0.2.1", NET_MAX_ADDRESSES);
	assert_int_equal(zones[0].asked, 2);
	assert_int_equal(zones[0].asked_tcp, 1);
}

static void failures_have_their_names(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "servfail.test", NET_V4, .rcode = RCODE_SERVFAIL },
		{ "refused.test", NET_V4, .rcode = RCODE_REFUSED },
		{ "garbage.test", NET_V4, .ttl = 60, .garbage = true, .address = { "192.0.2.1" } },
	};
	serve_names(zones, 3);
	dns = resolver((struct net_dns_options){ 0 });
	assert_fails("servfail.test", NET_V4, NET_DNS_REFUSED);
	assert_fails("refused.test", NET_V4, NET_DNS_REFUSED);
	assert_fails("garbage.test", NET_V4, NET_DNS_REFUSED);
	unsigned asked = server.asked;
	assert_fails("garbage.test", NET_V4, NET_DNS_REFUSED); /* kept for a while */
	assert_int_equal(server.asked, asked);
}

static void silence_is_a_time_out_and_asked_again(void **state)
{
	(void)state;
	struct zone zones[] = { { "lossy.test", NET_V4, .silent = true, .ttl = 60 } };
	serve_names(zones, 1);
	dns = resolver((struct net_dns_options){ .timeout = 100 * NANOS_PER_MS });
	assert_fails("lossy.test", NET_V4, NET_DNS_TIMEOUT);
	zones[0].silent = false;
	zones[0].address[0] = "192.0.2.1";
	while (zones[0].asked < 2) /* c-ares goes on; the answer comes to nobody, and is kept */
		run_for(100 * NANOS_PER_MS);
	assert_resolves("lossy.test", NET_V4, "192.0.2.1", 1);
	assert_int_equal(zones[0].asked, 2);
}

static void nobody_serves(void **state)
{
	(void)state;
	serve_names(NULL, 0);
	struct address nobody = server.at;
	serve_no_more();
	dns = resolver((struct net_dns_options){ .server = &nobody, .servers = 1 });
	assert_fails("x.test", NET_V4, NET_DNS_REFUSED);
}

static void the_next_server_is_asked(void **state)
{
	(void)state;
	struct zone zones[] = { { "x.test", NET_V4, .ttl = 60, .address = { "192.0.2.1" } } };
	serve_names(zones, 1);
	struct address two[2] = { literal("127.0.0.2"), server.at };
	two[0].port = server.at.port;
	dns = resolver((struct net_dns_options){ .server = two, .servers = 2 });
	assert_resolves("x.test", NET_V4, "192.0.2.1", 1);
}

/* ---- many at once ------------------------------------------------------------------------- */

static void equal_questions_are_one(void **state)
{
	(void)state;
	struct zone zones[] = { { "slow.test", NET_V4, .ttl = 60, .delay = 20 * NANOS_PER_MS,
				  .address = { "192.0.2.1" } } };
	serve_names(zones, 1);
	dns = resolver((struct net_dns_options){ 0 });
	struct asker a[5] = { 0 };
	for (int i = 0; i < 5; i++)
		assert_false(ask(&a[i], "slow.test", NET_V4));
	net_dns_drop(&a[0].q);
	net_dns_drop(&a[3].q);
	net_dns_drop(&a[3].q);
	waiting = 3;
	run();
	for (int i = 0; i < 5; i++)
		assert_int_equal(a[i].told, i == 0 || i == 3 ? 0 : 1);
	assert_int_equal(zones[0].asked, 1);
	net_dns_drop(&a[1].q);
}

static struct asker first, second, third;

static void drop_and_ask(struct asker *a)
{
	(void)a;
	net_dns_drop(&first.q);
	net_dns_drop(&second.q);
	net_dns_drop(&third.q);
	struct asker again = { .then = NULL };
	unsigned keep = waiting;
	waiting = 0;
	assert_true(ask(&again, "slow.test", NET_V4)); /* it is kept already */
	waiting = keep;
	assert_int_equal(again.got.count, 1);
}

static void the_told_may_drop_others_and_ask(void **state)
{
	(void)state;
	struct zone zones[] = { { "slow.test", NET_V4, .ttl = 60, .address = { "192.0.2.1" } } };
	serve_names(zones, 1);
	dns = resolver((struct net_dns_options){ .cache = 1 });
	second.then = third.then = first.then = drop_and_ask;
	ask(&third, "slow.test", NET_V4);
	ask(&first, "slow.test", NET_V4);
	ask(&second, "slow.test", NET_V4);
	waiting = 1;
	run();
	assert_int_equal(first.told + second.told + third.told, 1);
}

static void the_cache_is_bounded(void **state)
{
	(void)state;
	enum { NAMES = 40, ROOM = 16 };
	static struct zone zones[NAMES];
	static char names[NAMES][20];
	for (int i = 0; i < NAMES; i++) {
		snprintf(names[i], sizeof names[i], "n%d.test", i);
		zones[i] = (struct zone){ names[i], NET_V4, .ttl = 60, .address = { "192.0.2.1" } };
	}
	serve_names(zones, NAMES);
	dns = resolver((struct net_dns_options){ .cache = ROOM });
	for (int i = 0; i < NAMES; i++) {
		assert_resolves(names[i], NET_V4, "192.0.2.1", 1);
		assert_resolves(names[0], NET_V4, "192.0.2.1", 1); /* never the idlest */
		assert_true(net_dns_counts(dns).kept <= ROOM);
	}
	assert_int_equal(zones[0].asked, 1);
	assert_resolves(names[NAMES - 1], NET_V4, "192.0.2.1", 1);
	assert_int_equal(zones[NAMES - 1].asked, 1);
	assert_resolves(names[1], NET_V4, "192.0.2.1", 1);
	assert_int_equal(zones[1].asked, 2);
}

static void too_many_questions_are_told_so(void **state)
{
	(void)state;
	enum { ROOM = 4 };
	static struct zone zones[ROOM + 1];
	static char names[ROOM + 1][20];
	for (int i = 0; i <= ROOM; i++) {
		snprintf(names[i], sizeof names[i], "n%d.test", i);
		zones[i] = (struct zone){ names[i], NET_V4, .silent = true };
	}
	serve_names(zones, ROOM + 1);
	dns = resolver((struct net_dns_options){ .cache = ROOM });
	struct asker a[ROOM + 1] = { 0 };
	for (int i = 0; i < ROOM; i++)
		assert_false(ask(&a[i], names[i], NET_V4));
	assert_true(ask(&a[ROOM], names[ROOM], NET_V4));
	assert_int_equal(a[ROOM].got.status, NET_DNS_SHORT);
	assert_int_equal(net_dns_counts(dns).kept, ROOM);
}

static void no_descriptor_is_left(void **state)
{
	(void)state;
	struct zone zones[] = { { "x.test", NET_V4, .ttl = 60, .address = { "192.0.2.1" } } };
	serve_names(zones, 1);
	dns = resolver((struct net_dns_options){ 0 });
	struct rlimit old, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	assert_resolves("localhost", NET_V4, "127.0.0.1", 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	const enum net_dns_status status = resolve("x.test", NET_V4)->status;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(status, NET_DNS_SHORT);
	assert_resolves("x.test", NET_V4, "192.0.2.1", 1); /* and it is not kept */
}

/* ---- files that change -------------------------------------------------------------------- */

static void changed_files_are_read_again(void **state)
{
	(void)state;
	struct zone zones[] = {
		{ "name.corp.test", NET_V4, .ttl = 60, .address = { "192.0.2.1" } },
		{ "name.new.test", NET_V4, .ttl = 60, .address = { "192.0.2.2" } },
		{ "slow", NET_V4, .silent = true },
		{ "slow.corp.test", NET_V4, .silent = true },
		{ "slow.new.test", NET_V4, .ttl = 60, .address = { "192.0.2.3" } },
	};
	serve_names(zones, 5);
	dns = resolver((struct net_dns_options){ 0 });
	assert_resolves("name", NET_V4, "192.0.2.1", 1);
	assert_fails("host", NET_V4, NET_DNS_NO_NAME);
	struct asker slow = { .then = NULL };
	assert_false(ask(&slow, "slow", NET_V4));
	write_file(hosts_path, "10.0.0.1 host\n");
	write_file(resolv_path, "search new.test\n");
	assert_resolves("name", NET_V4, "192.0.2.1", 1); /* not looked at yet */
	run_for(5 * NANOS_PER_SECOND + 10 * NANOS_PER_MS);
	assert_int_equal(slow.told, 0);
	assert_resolves("host", NET_V4, "10.0.0.1", 1);
	waiting = 1;
	run();
	assert_int_equal(slow.got.status, NET_DNS_OK); /* asked of the new ones */
	assert_resolves("name", NET_V4, "192.0.2.2", 1);
}

/* ---- messages ----------------------------------------------------------------------------- */

static void no_cut_message_is_taken(void **state)
{
	(void)state;
	struct zone z = { "www.test", NET_V4, .ttl = 77, .alias = "w.test",
			  .address = { "192.0.2.1", "192.0.2.2" } };
	static const uint8_t q[] = "\0\1\1\0\0\1\0\0\0\0\0\0\3www\4test\0\0\1\0\1";
	server.zone = &z;
	server.zones = 1;
	assert_non_null(answer(q, sizeof q - 1, false));
	for (size_t len = 0; len <= server.len; len++) {
		struct dns_answer a;
		uint8_t *exact = malloc(len ? len : 1);
		memcpy(exact, server.out, len);
		bool taken = dns_answer_read((struct slice){ exact, len }, NET_V4, &a);
		assert_int_equal(taken, len == server.len);
		if (taken) {
			assert_int_equal(a.count, 2);
			assert_int_equal(a.ttl, 77);
			assert_true(dns_answer_read((struct slice){ exact, len }, NET_V6, &a));
			assert_int_equal(a.count, 0);
		}
		free(exact);
	}
}

int main(void)
{
	int fd[2] = { mkstemp(hosts_path), mkstemp(resolv_path) };
	close(fd[0]);
	close(fd[1]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_judged),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(no_cut_message_is_taken),
		cmocka_unit_test_setup_teardown(nobody_is_asked_for_what_is_known, begin, end),
		cmocka_unit_test_setup_teardown(answers_come_and_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(what_has_expired_is_asked_again, begin, end),
		cmocka_unit_test_setup_teardown(the_search_list_is_gone_through, begin, end),
		cmocka_unit_test_setup_teardown(truncated_answers_come_by_tcp, begin, end),
		cmocka_unit_test_setup_teardown(failures_have_their_names, begin, end),
		cmocka_unit_test_setup_teardown(silence_is_a_time_out_and_asked_again, begin, end),
		cmocka_unit_test_setup_teardown(nobody_serves, begin, end),
		cmocka_unit_test_setup_teardown(the_next_server_is_asked, begin, end),
		cmocka_unit_test_setup_teardown(equal_questions_are_one, begin, end),
		cmocka_unit_test_setup_teardown(the_told_may_drop_others_and_ask, begin, end),
		cmocka_unit_test_setup_teardown(the_cache_is_bounded, begin, end),
		cmocka_unit_test_setup_teardown(too_many_questions_are_told_so, begin, end),
		cmocka_unit_test_setup_teardown(no_descriptor_is_left, begin, end),
		cmocka_unit_test_setup_teardown(changed_files_are_read_again, begin, end),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(hosts_path);
	unlink(resolv_path);
	return failed;
}
