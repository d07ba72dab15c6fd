/* settings: what each tool's file says of proxies, as that tool would take it; who then uses which.
 */
#include "settings/said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "settings/audit.h"
#include "settings/exceptions.h"
#include "settings/proxy_url.h"

enum { ROOM = 1 << 20 };

#define COUNT(table) (sizeof table / sizeof *table)

static void add_said(struct buffer *out, const struct said *s)
{
	static const char *const USES[] = {
		[SAID_NOTHING] = "nothing", [SAID_HTTP] = "http",         [SAID_HTTPS] = "https",
		[SAID_ALL] = "all",         [SAID_EXCEPT] = "except",     [SAID_OFF] = "off",
		[SAID_USER] = "user",       [SAID_PASSWORD] = "password", [SAID_FILE] = "file"
	};
	buffer_printf(out, "%u %s ", s->line, USES[s->use]);
	buffer_add(out, s->key);
	if (s->scope.len > 0) {
		buffer_add_text(out, " [");
		buffer_add(out, s->scope);
		buffer_add_text(out, "]");
	}
	buffer_add_text(out, " <");
	buffer_add(out, s->value);
	buffer_add_text(out, s->broken ? "> broken\n" : s->unsure ? "> unsure\n" : ">\n");
}

/* Each word on a line. The text is of exactly its size, so that a byte too far is a crash. */
static void read_form(struct buffer *out, enum said_form form, struct slice text)
{
	struct arena *arena = arena_new(ROOM);
	struct said_list list;
	uint8_t *copy = malloc(text.len ? text.len : 1);
	memcpy(copy, text.at, text.len);
	said_list_init(&list, arena);
	list.who = SAID_BY_UNIT;
	said_read(form, (struct slice){ copy, text.len }, &list);
	free(copy); /* nothing of it is borrowed */
	assert_false(list.failed);
	for (const struct said *s = list.first; s; s = s->next)
		add_said(out, s);
	said_list_done(&list);
	arena_free(arena);
}

struct form_case {
	const char *text, *said;
};

static void check_form(enum said_form form, const struct form_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buffer out;
		struct slice text = slice_of(cases[i].text);
		buffer_init(&out, ROOM);
		read_form(&out, form, text);
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, cases[i].said);
		for (size_t cut = 0; cut < text.len; cut++) {
			buffer_reset(&out);
			read_form(&out, form, slice_first(text, cut));
		}
		buffer_done(&out);
	}
}

static void environments(void **state)
{
	(void)state;
	static const char TEXT[] = "PATH=/bin\0http_proxy=http://a:1\0No_Proxy=x\0HTTPS_PROXY";
	struct buffer out;
	buffer_init(&out, ROOM);
	read_form(&out, SAID_FORM_ENVIRON, (struct slice){ (const uint8_t *)TEXT, sizeof TEXT });
	buffer_add_byte(&out, 0);
	assert_string_equal((char *)out.at,
			    "0 http http_proxy <http://a:1>\n0 except No_Proxy <x>\n"
			    "0 https HTTPS_PROXY <>\n");
	buffer_done(&out);
}

static void pam(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "http_proxy=http://a:1\n", "1 http http_proxy <http://a:1>\n" },
		{ "# http_proxy=x\n  export https_proxy=\"http://a:1\"  \r\nLANG=C",
		  "2 https https_proxy <http://a:1>\n" },
		{ "http_proxy='a'b'", "1 http http_proxy <a'b>\n" },
		{ "no_proxy=a#b", "1 except no_proxy <a> broken\n" },
		{ "all_proxy=\nhttp_proxy", "1 all all_proxy <>\n" },
	};
	check_form(SAID_FORM_PAM, cases, COUNT(cases));
}

static void shell(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "export http_proxy=http://a:1 https_proxy=\"http://b:2\"",
		  "1 http http_proxy <http://a:1>\n1 https https_proxy <http://b:2>\n" },
		{ "# http_proxy=a\n\tno_proxy='a b';HTTP_PROXY=a\\ b&&x",
		  "2 except no_proxy <a b>\n2 http HTTP_PROXY <a b>\n" },
		{ "export no_proxy=\"${no_proxy:-${NO_PROXY:-localhost,::1}}\"",
		  "1 except no_proxy <localhost,::1>\n" },
		{ "http_proxy=http://$HOST:1\nhttps_proxy='$x'",
		  "1 http http_proxy <http://$HOST:1> unsure\n2 https https_proxy <$x>\n" },
		{ "xhttp_proxy=a; [ -n \"$http_proxy\" ] && unset http_proxy", "" },
		{ "if x; then export http_proxy=a; fi # b http_proxy=c",
		  "1 http http_proxy <a>\n" },
	};
	check_form(SAID_FORM_SHELL, cases, COUNT(cases));
}

static void curl(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "proxy = \"http://a:1\"\n#proxy=b\n", "1 all proxy <http://a:1>\n" },
		{ "--proxy http://a:1 # c\n-x b:2\nproxy:c", "1 all --proxy <http://a:1>\n"
							     "2 all -x <b:2>\n3 all proxy <c>\n" },
		{ "proxy \"a\\\"b\\\\c\\t\"", "1 all proxy <a\"b\\c\t>\n" },
		{ "proxy-user = u:p:q\n-U u\nnoproxy=x,y\nproxy-anyauth",
		  "1 user proxy-user <u>\n1 password proxy-user <p:q>\n2 user -U <u>\n"
		  "3 except noproxy <x,y>\n" },
		{ "socks5 = a:1\nproxy-header=x\nx=y", "1 all socks5 <a:1> broken\n" },
		{ "proxy = \"", "1 all proxy <>\n" },
	};
	check_form(SAID_FORM_CURL, cases, COUNT(cases));
}

static void wget(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "http_proxy = http://a:1\n#https_proxy = x\nHttps-Proxy=\"b\"\n",
		  "1 http http_proxy <http://a:1>\n3 https Https-Proxy <\"b\">\n" },
		{ "use_proxy = off\nuseproxy=on\nuse_proxy = maybe",
		  "1 off use_proxy <off>\n2 off useproxy <>\n" },
		{ "proxy_user = u\nproxy_passwd = p\nno_proxy = .a, b\nhttp_proxyx = c",
		  "1 user proxy_user <u>\n2 password proxy_passwd <p>\n3 except no_proxy <.a, "
		  "b>\n" },
	};
	check_form(SAID_FORM_WGET, cases, COUNT(cases));
}

static void git(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "[user]\n\tname = x\n[HTTP]\n\tsslVerify=true\n\tProxy = http://a:1 ; c\n",
		  "5 all http.proxy <http://a:1>\n" },
		{ "[http]proxy=a\n[http \"https://o.example/\"]\n proxy = \"\"\n[https]\nproxy=x",
		  "1 all http.proxy <a>\n3 all http.proxy [https://o.example/] <>\n" },
		{ "[http]\n proxy = \"a # b\\\"\\\\\" c  \n proxy = a\\\n  b\n proxy\n",
		  "2 all http.proxy <a # b\"\\ c>\n3 all http.proxy <a  b>\n" },
		{ "[http]\r\n\tproxy = http://u:p#q@a:1\r\n",
		  "2 all http.proxy <http://u:p> broken\n" },
		{ "[http \"a\\\"b", "" },
	};
	check_form(SAID_FORM_GIT, cases, COUNT(cases));
}

static void apt(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "// c\nAcquire::http::Proxy \"http://a:1\";\nacquire::HTTPS::proxy \"DIRECT\";",
		  "2 http Acquire::http::Proxy <http://a:1>\n"
		  "3 https Acquire::https::Proxy <DIRECT>\n" },
		{ "/* a\n*/ Acquire { Retries 3; http { # b\nProxy \"x\"; Proxy { \"h.example\" "
		  "\"y\"; }; Timeout \"9\"; }; };\nAcquire::ftp::Proxy \"z\";",
		  "3 http Acquire::http::Proxy <x>\n"
		  "3 http Acquire::http::Proxy [h.example] <y>\n" },
		{ "Acquire::http::Proxy::h \"DIRECT\";",
		  "1 http Acquire::http::Proxy [h] <DIRECT>\n" },
		{ "Acquire::http::Proxy http://a:1;\n",
		  "1 http Acquire::http::Proxy <http:> broken\n" },
		{ "DPkg::Post-Invoke { \"rm {};\"; };\nAcquire::http::Proxy a;",
		  "2 http Acquire::http::Proxy <a>\n" },
		{ "}}; Acquire::http { Proxy \"a", "1 http Acquire::http::Proxy <a>\n" },
	};
	check_form(SAID_FORM_APT, cases, COUNT(cases));
}

static void npm(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "proxy=http://a:1\nhttps-proxy = \"http://b:2\"\n;proxy=x\n#proxy=y\nx=y\n",
		  "1 http proxy <http://a:1>\n2 https https-proxy <http://b:2>\n" },
		{ "proxy=null\nhttps-proxy=false\nnoproxy[]=a\nnoproxy=b,c",
		  "2 https https-proxy <>\n3 except noproxy[] <a>\n4 except noproxy <b,c>\n" },
		{ "proxy=http://u:p#q@a:1\nproxy=a ; c\nproxy=a\\;b",
		  "1 http proxy <http://u:p> broken\n2 http proxy <a>\n3 http proxy <a;b>\n" },
		{ "proxy=${PROXY}\n[x]\nproxy=a", "1 http proxy <${PROXY}> unsure\n" },
	};
	check_form(SAID_FORM_NPM, cases, COUNT(cases));
}

static void pip(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "[global]\nproxy = http://a:1\n# proxy = x\nindex-url = y\n[install]\nPROXY: b\n",
		  "2 all proxy <http://a:1>\n6 all proxy [install] <b>\n" },
		{ "[global]\nproxy =\n\n  # c\n  http://a:1\n  more\n",
		  "2 all proxy <http://a:1> broken\n" },
		{ "[global]\nproxy =\n  http://a:1\n", "2 all proxy <http://a:1> broken\n" },
		{ "[global]\n  proxy = a\n  x = y\n   z\nproxies = b", "2 all proxy <a>\n" },
		{ "[", "" },
	};
	check_form(SAID_FORM_PIP, cases, COUNT(cases));
}

static void docker(void **state)
{
	(void)state;
	static const struct form_case client[] = {
		{ "{\"auths\":{},\"proxies\":{\"default\":{\"httpProxy\":\"http:\\/\\/a:1\","
		  "\"noProxy\":\"x\\u002cy\",\"ftpProxy\":\"z\"},\"tcp://"
		  "h:2\":{\"httpsProxy\":\"b\"}}}",
		  "0 http httpProxy <http://a:1>\n0 except noProxy <x,y>\n"
		  "0 https httpsProxy [tcp://h:2] <b>\n" },
		{ "{\"proxies\":{\"default\":{\"httpProxy\":1,\"httpsProxy\":\"a\"}", "" },
		{ "{\"proxies\":[]}", "" },
		{ "", "" },
	};
	static const struct form_case daemon[] = {
		{ "{ \"proxies\": { \"http-proxy\": \"a\", \"https-proxy\": \"b\", \"no-proxy\": "
		  "\"c\" } }",
		  "0 http http-proxy <a>\n0 https https-proxy <b>\n0 except no-proxy <c>\n" },
	};
	check_form(SAID_FORM_DOCKER, client, COUNT(client));
	check_form(SAID_FORM_DOCKER_DAEMON, daemon, COUNT(daemon));
}

static void systemd(void **state)
{
	(void)state;
	static const struct form_case cases[] = {
		{ "[Service]\nEnvironment=\"http_proxy=http://u:a%%40@b:1\" 'NO_PROXY=a b' X=y\n",
		  "2 http http_proxy <http://u:a%40@b:1>\n2 except NO_PROXY <a b>\n" },
		{ "Environment=http_proxy=a%40b\n#Environment=http_proxy=c\n",
		  "1 http http_proxy <a%40b> broken\n" },
		{ "DefaultEnvironment = \"https_proxy=a\\x\" \\\n# c\n  no_proxy=\\\"b\n",
		  "1 https https_proxy <ax>\n1 except no_proxy <\"b>\n" },
		{ "Environment=http_proxy=a\nEnvironment=\nEnvironment=https_proxy=b",
		  "1 nothing http_proxy <a>\n3 https https_proxy <b>\n" },
		{ "PassEnvironment=http_proxy\nEnvironmentFile=-/etc/x y\n",
		  "2 file EnvironmentFile <-/etc/x y>\n" },
		{ "EnvironmentFile=/a\nEnvironment=http_proxy=a\nEnvironmentFile=\n"
		  "EnvironmentFile=/b\nEnvironment=\n",
		  "1 nothing EnvironmentFile </a>\n2 nothing http_proxy <a>\n"
		  "4 file EnvironmentFile </b>\n" },
	};
	static const struct form_case files[] = {
		{ "http_proxy=http://a:1 \n\n# no_proxy=a\n ; no_proxy=a\n  no_proxy = a b # "
		  "c\t\r\n",
		  "1 http http_proxy <http://a:1>\n5 except no_proxy <a b # c>\n" },
		{ "http_proxy=\"a\\$\\\\\\x\"'b\\c'd\"\nhttps_proxy='a\nb'\nno_proxy=c\\\nd\\ "
		  "\nall_proxy=",
		  "1 http http_proxy <a$\\\\xb\\cd\">\n2 https https_proxy <a\nb>\n"
		  "4 except no_proxy <cd >\n6 all all_proxy <>\n" },
		{ "export http_proxy=a\nhttps_proxy=$http_proxy\nno_proxy\nno_proxy=b",
		  "1 http http_proxy <a> broken\n2 https https_proxy <$http_proxy>\n"
		  "4 except no_proxy <b>\n" },
		{ "# a \\\nhttp_proxy=a\nhttp_proxy=\"a", "3 http http_proxy <a>\n" },
		{ "http_proxy=a\\", "1 http http_proxy <a>\n" },
	};
	check_form(SAID_FORM_SYSTEMD, cases, COUNT(cases));
	check_form(SAID_FORM_ENV_FILE, files, COUNT(files));
}

/* ---- URLs and exceptions ------------------------------------------------------------------- */

static void urls_show_no_secret(void **state)
{
	(void)state;
	static const struct {
		const char *value, *shown, *password, *fault;
		bool unescaped;
	} cases[] = {
		{ "http://a:1", "a:1", "", NULL, false },
		{ "a", "a", "", NULL, false },
		{ "HTTPS://u:p@[::1]:443/x", "HTTPS://u@[::1]:443", "p", NULL, false },
		{ "http://u@a:1", "u@a:1", "", NULL, false },
		{ "http://u:a%40%zz@a:1", "***@a:1", "a%40%zz", NULL, true },
		{ "http://u:p@q@a:1/", "***@a:1", "p@q", NULL, true },
		{ "http://u:p/q#@a:1", "***@a:1", "p/q#", NULL, true },
		{ "http://sec@ret:x@a:1", "***@a:1", "x", NULL, true },
		{ "u:secret://x@a:1", "***@a:1", "secret://x", NULL, true },
		{ "http://u:secret", "?", "", "its port is no number", false },
		{ "http://a:65536", "?", "", "its port is no number", false },
		{ "http://a:", "?", "", "its port is no number", false },
		{ "http://[::1", "?", "", "never closed", false },
		{ "2001:db8::1:80", "?", "", "brackets", false },
		{ "::1", "?", "", "brackets", false },
		{ "", "?", "", "no host", false },
		{ "http://:80", "?", "", "no host", false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct proxy_url u;
		struct buffer out;
		buffer_init(&out, ROOM);
		proxy_url_read(slice_of(cases[i].value), &u);
		proxy_url_add_shown(&out, &u);
		buffer_add_byte(&out, 0);
		assert_string_equal((char *)out.at, cases[i].shown);
		assert_true(slice_equal(u.password, slice_of(cases[i].password)));
		assert_int_equal(u.unescaped, cases[i].unescaped);
		assert_int_equal(u.fault != NULL, cases[i].fault != NULL);
		if (u.fault)
			assert_non_null(strstr(u.fault, cases[i].fault));
		buffer_done(&out);
	}
}

static void exceptions(void **state)
{
	(void)state;
	static const struct {
		const char *entry;
		enum exception_form form;
	} forms[] = {
		{ "a.example", EXCEPTION_NAME },
		{ "10.0.0.1", EXCEPTION_NAME },
		{ "::1", EXCEPTION_NAME },
		{ "*", EXCEPTION_ALL },
		{ ".lan", EXCEPTION_DOT },
		{ "*.lan", EXCEPTION_WILDCARD },
		{ "10.*", EXCEPTION_STAR },
		{ "*.a.*", EXCEPTION_STAR },
		{ "10.0.0.0/8", EXCEPTION_NETWORK },
		{ "2001:db8::/32", EXCEPTION_NETWORK },
		{ "a:80", EXCEPTION_PORT },
		{ "10.0.0.1:80", EXCEPTION_PORT },
		{ "[::1]", EXCEPTION_BRACKETS },
		{ "http://a", EXCEPTION_URL },
		{ "[::1]:80", EXCEPTION_BRACKETS_PORT },
		{ ".a:80", EXCEPTION_PORT },
		{ "a.example/x", EXCEPTION_URL },
		{ "10.0.0.0/33", EXCEPTION_URL },
		{ "10.0.0.0/", EXCEPTION_URL },
		{ "10.0.0.0:80/8", EXCEPTION_URL },
		{ "::/129", EXCEPTION_URL },
		{ "10.0.0.0/0x8", EXCEPTION_URL },
		{ "a b", EXCEPTION_BLANKS },
	};
	static const struct {
		const char *a, *b;
		bool equal;
	} lists[] = {
		{ "", "", true },
		{ "a,b", " B , a,,a", true },
		{ "a", "a,b", false },
		{ "a,b", "a", false },
	};
	for (size_t i = 0; i < COUNT(forms); i++)
		assert_int_equal(exception_form_of(slice_of(forms[i].entry)), forms[i].form);
	for (size_t i = 0; i < COUNT(lists); i++)
		assert_int_equal(exceptions_equal(slice_of(lists[i].a), slice_of(lists[i].b)),
				 lists[i].equal);
}

/* ---- the audit ----------------------------------------------------------------------------- */

/* What a Go program makes of NO_PROXY, as golang.org/x/net/http/httpproxy documents it for Config:
 * "an IP address prefix (1.2.3.4), an IP address prefix in CIDR notation (1.2.3.4/8), a domain
 * name, or a special DNS label (*)", the first and the third also with a port; "a domain name
 * matches that name and all subdomains", with a leading dot "subdomains only", and "errors are
 * ignored". An IPv6 address with a port stands in brackets, without one it does not; and *. before
 * a name is a dot before it (both in its config.init). */
static void exceptions_of_docker(void **state)
{
	(void)state;
	static const struct {
		const char *entry;
		bool taken;
	} cases[] = {
		{ "1.2.3.4", true },
		{ "1.2.3.4/8", true },
		{ "1.2.3.4:80", true },
		{ "1.2.3.4/33", false },
		{ "2001:db8::1", true },
		{ "2001:db8::/32", true },
		{ "[2001:db8::1]:80", true },
		{ "[2001:db8::1]", false },
		{ "foo.com", true },
		{ "foo.com:80", true },
		{ ".y.com", true },
		{ ".y.com:80", true },
		{ "*.y.com", true },
		{ "*.y.com:80", true },
		{ "*", true },
		{ "*y.com", false },
		{ "y.*", false },
		{ "http://foo.com", false },
		{ "foo.com/path", false },
		{ "foo.com bar.com", false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned deaf = exception_ignored_by(exception_form_of(slice_of(cases[i].entry)));
		if (cases[i].taken != !(deaf & 1u << SAID_BY_DOCKERD) ||
		    cases[i].taken != !(deaf & 1u << SAID_BY_DOCKER))
			fail_msg("%s: it is %s", cases[i].entry,
				 cases[i].taken ? "taken" : "ignored");
	}
}

/* What a place says, in its form. */
struct place {
	enum said_who who;
	enum said_form form;
	const char *text;
};

enum {
	CURL = 1 << SAID_BY_CURL,
	WGET = 1 << SAID_BY_WGET,
	GIT = 1 << SAID_BY_GIT,
	APT = 1 << SAID_BY_APT,
	NPM = 1 << SAID_BY_NPM,
	PIP = 1 << SAID_BY_PIP
};

static const struct settings SETTINGS = { .enabled = true,
					  .auth = true,
					  .host = SLICE("p.example"),
					  .port = 3128,
					  .user = SLICE("u"),
					  .password = SLICE("a@") };

static void add_rows(struct buffer *out, const struct audit_row *row)
{
	for (; row; row = row->next) {
		buffer_add(out, row->who);
		buffer_add_text(out, row->use == SAID_HTTP    ? " http "
				     : row->use == SAID_HTTPS ? " https "
							      : " ");
		if (row->use == SAID_EXCEPT)
			buffer_add(out, row->list);
		else if (row->direct)
			buffer_add_text(out, "-");
		else
			proxy_url_add_shown(out, &row->url);
		for (const struct audit_remark *r = row->remarks; r; r = r->next)
			buffer_printf(out, "%s%s", r->conflict ? "!" : "~", r->text);
		buffer_add_text(out, "\n");
	}
}

static void show_audit(struct buffer *out, const struct place *places, size_t count,
		       unsigned installed, bool with_settings)
{
	struct arena *arena = arena_new(ROOM);
	struct said_list list;
	struct audit audit;
	struct audit_facts facts = { .list = &list,
				     .installed = installed,
				     .settings = with_settings ? &SETTINGS : NULL };
	said_list_init(&list, arena);
	for (size_t i = 0; i < count && places[i].text; i++) {
		list.who = places[i].who;
		list.group =
			places[i].who == SAID_BY_UNIT ? SLICE("x.service") : (struct slice){ 0 };
		said_read(places[i].form, slice_of(places[i].text), &list);
	}
	assert_int_equal(audit_make(&facts, arena, &audit), 0);
	add_rows(out, audit.proxies);
	add_rows(out, audit.exceptions);
	buffer_add_text(out, audit.conflict ? "conflict" : "none");
	buffer_add_byte(out, 0);
	said_list_done(&list);
	arena_free(arena);
}

#define URL "http://u:a%40@p.example:3128"

static void audits(void **state)
{
	(void)state;
	static const struct {
		struct place places[4];
		unsigned installed;
		bool settings;
		const char *holds[6]; /* lines, or parts of them */
	} cases[] = {
		{ { { 0 } }, CURL | WGET, false, { "this shell -\n", "wget -\n", "none" } },
		{ { { SAID_BY_CURL, SAID_FORM_CURL, "proxy=" URL },
		    { SAID_BY_LOGIN, SAID_FORM_PAM, "http_proxy=" URL "\nhttps_proxy=" URL } },
		  CURL,
		  true,
		  { "settings u@p.example:3128\n", "logins u@p.example:3128\n",
		    "curl u@p.example:3128\n", "none" } },
		{ { { SAID_BY_CURL, SAID_FORM_CURL, "proxy=p.example:3128\nproxy-user=u:a@" },
		    { SAID_BY_LOGIN, SAID_FORM_PAM, "http_proxy=" URL "\nhttps_proxy=" URL } },
		  CURL,
		  true,
		  { "curl u@p.example:3128\n", "none" } },
		{ { { SAID_BY_GIT, SAID_FORM_GIT, "[http]\nproxy=http://u:b@p.example:3128" } },
		  GIT,
		  true,
		  { "git u@p.example:3128!differs: another password than the settings\n",
		    "logins -!goes out directly, unlike the settings\n", "conflict" } },
		{ { { SAID_BY_PIP, SAID_FORM_PIP,
		      "[global]\nproxy=http://u:a%40@P.EXAMPLE:8080" } },
		  PIP,
		  true,
		  { "pip u@P.EXAMPLE:8080!differs: another proxy than the settings\n" } },
		{ { { SAID_BY_SHELL, SAID_FORM_PAM,
		      "HTTP_PROXY=http://a:1\nHTTPS_PROXY=http://a:1" } },
		  CURL | WGET | PIP,
		  false,
		  { "this shell a:1!HTTP_PROXY is not read by curl and wget: set http_proxy, too"
		    "!HTTPS_PROXY is not read by wget: set https_proxy, too\n",
		    "curl http -~goes out directly, unlike the others\n", "curl https a:1\n",
		    "wget -~goes out", "pip a:1\n", "conflict" } },
		{ { { SAID_BY_SHELL, SAID_FORM_PAM,
		      "http_proxy=http://a:1\nHTTP_PROXY=http://b:1" } },
		  0,
		  false,
		  { "this shell http a:1!HTTP_PROXY says something else than http_proxy" } },
		{ { { SAID_BY_SHELL, SAID_FORM_PAM, "http_proxy=a:1\nhttps_proxy=a:1" } },
		  CURL | APT | NPM,
		  false,
		  { "this shell a:1!can't work in apt and npm: there is no scheme", "apt a:1\n" } },
		{ { { SAID_BY_WGET, SAID_FORM_WGET, "https_proxy=https://a:3128\nuse_proxy=on" } },
		  WGET,
		  false,
		  { "wget https https://a:3128!can't work in wget", "~https:// means TLS",
		    "wget http -~goes out directly" } },
		{ { { SAID_BY_WGET, SAID_FORM_WGET, "http_proxy=http://a:1\nuse_proxy=off" } },
		  WGET,
		  false,
		  { "wget -\n", "none" } },
		{ { { SAID_BY_NPM, SAID_FORM_NPM, "proxy=http://a" },
		    { SAID_BY_APT, SAID_FORM_APT, "Acquire::http::Proxy \"http://u:p@q@a:1\";" } },
		  0,
		  false,
		  { "npm a!there is no port", "apt ***@a:1!can't work everywhere" } },
		{ { { SAID_BY_APT, SAID_FORM_APT,
		      "Acquire::http::Proxy \"" URL "\"; Acquire::http::Proxy::h \"DIRECT\";" } },
		  APT,
		  true,
		  { "apt u@p.example:3128\napt http -\n" } },
		{ { { SAID_BY_NPM, SAID_FORM_NPM, "https-proxy=http://a:1\nproxy=http://b:1" } },
		  NPM,
		  false,
		  { "npm a:1\n" } },
		{ { { SAID_BY_UNIT, SAID_FORM_SYSTEMD, "Environment=HTTP_PROXY=" URL } },
		  CURL,
		  true,
		  { "x.service https -!goes out",
		    "x.service http u@p.example:3128!can't work: systemd" } },
		{ { { SAID_BY_LOGIN, SAID_FORM_SHELL, "http_proxy=http://$X:1" } },
		  CURL,
		  false,
		  { "logins http $X:1~the shell works it out" } },
		{ { { SAID_BY_LOGIN, SAID_FORM_PAM,
		      "no_proxy=localhost,10.0.0.0/8,*.a,.b\nNO_PROXY=c" },
		    { SAID_BY_CURL, SAID_FORM_CURL, "noproxy=.b,*.a,10.0.0.0/8,LOCALHOST" },
		    { SAID_BY_NPM, SAID_FORM_NPM, "noproxy=localhost" } },
		  CURL | WGET,
		  false,
		  { "!wget ignores a network: 10.0.0.0/8~curl before 7.86",
		    "!curl and wget ignore a name behind *.: *.a",
		    "!NO_PROXY says something else than no_proxy",
		    "curl .b,*.a,10.0.0.0/8,LOCALHOST!curl ignores a name behind *.: *.a~curl",
		    "npm localhost!differs: another list than that of logins\n", "conflict" } },
		{ { { SAID_BY_DOCKERD, SAID_FORM_DOCKER_DAEMON,
		      "{\"proxies\":{\"no-proxy\":\"a,.b,*.c,10.0.0.0/8,a:80,[::1]:80,d*,e/"
		      "f\"}}" } },
		  0,
		  false,
		  { "~to wget, apt and Docker a dot before it means only names below it, to others "
		    "the "
		    "name as well: .b",
		    "!dockerd ignores a * within: d*", "!dockerd ignores a URL or path: e/f\n",
		    "dockerd a,.b,*.c,10.0.0.0/8,a:80,[::1]:80,d*,e/f~" } },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		buffer_init(&out, ROOM);
		show_audit(&out, cases[i].places, COUNT(cases[i].places), cases[i].installed,
			   cases[i].settings);
		for (size_t j = 0; j < COUNT(cases[i].holds) && cases[i].holds[j]; j++)
			if (!strstr((char *)out.at, cases[i].holds[j]))
				fail_msg("case %zu: no '%s' in:\n%s", i, cases[i].holds[j],
					 (char *)out.at);
		buffer_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(environments),
		cmocka_unit_test(pam),
		cmocka_unit_test(shell),
		cmocka_unit_test(curl),
		cmocka_unit_test(wget),
		cmocka_unit_test(git),
		cmocka_unit_test(apt),
		cmocka_unit_test(npm),
		cmocka_unit_test(pip),
		cmocka_unit_test(docker),
		cmocka_unit_test(systemd),
		cmocka_unit_test(exceptions_of_docker),
		cmocka_unit_test(urls_show_no_secret),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(audits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
