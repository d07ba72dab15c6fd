/* Reading a proxy's URL, and NO_PROXY, as curl does (its manual, "ENVIRONMENT"). */
#include "check/choice.h"

#include "base/address.h"
#include "base/escape.h"
#include "http/head.h"

#include <ctype.h>
#include <stdio.h>

bool check_read_target(const char *url, struct check_target *ret_target, bool *ret_userinfo)
{
	struct http_authority a;
	struct slice text = slice_of(url);
	size_t scheme = slice_find(text, SLICE("://"));
	if (scheme == text.len || !http_read_authority(text, HTTP_FORM_ABSOLUTE, &a))
		return false;
	bool secure = slice_equal_nocase(a.scheme, SLICE("https"));
	if ((!secure && !slice_equal_nocase(a.scheme, SLICE("http"))) || a.host.len == 0)
		return false;
	struct slice host = a.host;
	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = slice_first(slice_from(host, 1), host.len - 2);
	if (host.len > CHECK_MAX_HOST)
		return false;
	*ret_target = (struct check_target){ .secure = secure,
					     .port = a.port   ? a.port
						     : secure ? 443
							      : 80 };
	memcpy(ret_target->host, host.at, host.len);
	*ret_userinfo = a.had_userinfo;
	return true;
}

/* ---- NO_PROXY ------------------------------------------------------------------------------ */

static bool same_network(const struct address *a, const struct address *net, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if ((a->ip[i / 8] ^ net->ip[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

/* "10.0.0.0/8" (since curl 7.86), "10.0.0.1" */
static bool covers_address(struct slice word, const struct address *host)
{
	struct address net;
	uint64_t bits = 128;
	size_t slash = slice_find_byte(word, '/');
	if (!address_parse(slice_first(word, slash), &net))
		return false;
	bool v4 = address_is_v4(&net);
	if (slash < word.len &&
	    (!slice_parse_u64(slice_from(word, slash + 1), 10, &bits) || bits > (v4 ? 32 : 128)))
		return false;
	if (slash < word.len && v4)
		bits += 96;
	return v4 == address_is_v4(host) && same_network(host, &net, (unsigned)bits);
}

static bool covers_name(struct slice word, struct slice host)
{
	if (word.len && word.at[0] == '.')
		word = slice_from(word, 1);
	if (word.len == 0 || host.len < word.len)
		return false;
	struct slice end = slice_from(host, host.len - word.len);
	bool whole = end.len == host.len || host.at[host.len - word.len - 1] == '.';
	return whole && slice_equal_nocase(end, word);
}

static bool is_exempt(const char *list, const char *host)
{
	struct slice rest = slice_of(list), name = slice_of(host);
	struct address a;
	bool literal = address_parse(name, &a);
	if (slice_equal(slice_trim(rest), SLICE("*")))
		return true;
	while (rest.len) {
		size_t len = 0;
		while (len < rest.len && rest.at[len] != ',' && rest.at[len] != ' ')
			len++;
		struct slice word = slice_first(rest, len);
		rest = slice_from(rest, len + 1);
		if (word.len && (literal ? covers_address(word, &a) : covers_name(word, name)))
			return true;
	}
	return false;
}

/* ---- a proxy's URL --------------------------------------------------------------------------- */

/* %41 is A, as in any URL; false where it does not fit or holds a NUL. */
static bool unescape(struct slice s, char *into, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.at[i];
		if (slice_percent(s, i, &c))
			i += 2;
		if (c == 0 || n + 1 >= size)
			return false;
		into[n++] = (char)c;
	}
	into[n] = 0;
	return true;
}

static void fault(struct check_proxy *p, const char *text)
{
	if (!p->fault[0])
		snprintf(p->fault, sizeof p->fault, "%s", text);
}

static void read_scheme(struct check_proxy *p, struct slice *rest)
{
	size_t at = slice_find(*rest, SLICE("://"));
	if (at == rest->len)
		return;
	struct slice scheme = slice_first(*rest, at);
	*rest = slice_from(*rest, at + 3);
	p->secure = slice_equal_nocase(scheme, SLICE("https"));
	if (!p->secure && !slice_equal_nocase(scheme, SLICE("http")))
		fault(p, slice_starts_nocase(scheme, SLICE("socks"))
				 ? "it is a SOCKS proxy: this tests HTTP proxies"
				 : "before :// stands neither http nor https");
}

static void read_user(struct check_proxy *p, struct slice *rest)
{
	size_t at = rest->len;
	while (at > 0 && rest->at[at - 1] != '@')
		at--;
	if (at == 0)
		return;
	struct slice user = slice_first(*rest, at - 1);
	*rest = slice_from(*rest, at);
	size_t colon = slice_find_byte(user, ':');
	p->has_user = true;
	p->has_password = colon < user.len;
	if (!unescape(slice_first(user, colon), p->user, sizeof p->user) ||
	    !unescape(slice_from(user, colon + 1), p->password, sizeof p->password))
		fault(p, "its user or password is longer than 255 bytes, or holds a NUL");
}

static void read_port(struct check_proxy *p, struct slice port)
{
	uint64_t n = 0;
	if (port.len == 0)
		fault(p, "it names no port. curl would take 1080 (443 for https://), where hardly "
			 "any HTTP proxy listens: say HOST:PORT");
	else if (!slice_parse_u64(port, 10, &n) || n == 0 || n > 65535)
		fault(p, "its port is no number from 1 to 65535");
	else
		p->port = (uint16_t)n;
}

static void read_host(struct check_proxy *p, struct slice host)
{
	struct address a;
	bool colons = slice_find_byte(host, ':') < host.len;
	if (host.len == 0 || host.len > CHECK_MAX_HOST) {
		fault(p, host.len ? "its host is longer than a name can be" : "it names no host");
		return;
	}
	memcpy(p->host, host.at, host.len);
	p->host[host.len] = 0;
	for (size_t i = 0; !colons && i < host.len; i++)
		if (!isalnum(host.at[i]) && !strchr("-._", host.at[i]))
			fault(p, "its host holds a character that no name or address has");
	if (colons && !address_parse(host, &a))
		fault(p, "its host is no IPv6 address");
}

static void read_proxy(struct check_proxy *p, const char *text)
{
	struct slice rest = slice_trim(slice_of(text));
	read_scheme(p, &rest);
	rest = slice_first(rest, slice_find_byte(rest, '/'));
	read_user(p, &rest);
	bool bracket = rest.len && rest.at[0] == '[';
	size_t end = bracket ? slice_find_byte(rest, ']') : slice_find_byte(rest, ':');
	struct slice host = slice_from(slice_first(rest, end), bracket);
	struct slice behind = slice_from(rest, end + bracket);
	read_host(p, host);
	if (bracket && end == rest.len)
		fault(p, "its address has no ] at its end, as in http://[2001:db8::1]:8080");
	else if (behind.len && behind.at[0] != ':')
		fault(p, "behind its host stands something that is no port");
	else
		read_port(p, slice_from(behind, 1));
	p->is = true;
}

/* ---- the environment ------------------------------------------------------------------------- */

static const char *set(check_variable *variable, const char *name)
{
	const char *value = variable(name);
	return value && *value ? value : NULL;
}

static const char *first_of(check_variable *variable, const char *const *names,
			    const char **ret_name)
{
	for (size_t i = 0; names[i]; i++) {
		const char *value = set(variable, names[i]);
		if (value) {
			*ret_name = names[i];
			return value;
		}
	}
	return NULL;
}

/* HTTP_PROXY in upper case is not read: a CGI program finds a client's "Proxy:" field there. */
const char *check_proxy_variable(bool secure, check_variable *variable, const char **ret_name)
{
	static const char *const plain[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
	static const char *const https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
					     NULL };
	return first_of(variable, secure ? https : plain, ret_name);
}

static const char *from_environment(const struct check_target *t, check_variable *variable,
				    struct check_proxy *p)
{
	const char *name = NULL;
	const char *value = check_proxy_variable(t->secure, variable, &name);
	bool ignored = !t->secure && !set(variable, "http_proxy") && set(variable, "HTTP_PROXY");
	const char *aside = ignored ? "; HTTP_PROXY is set in upper case, which curl ignores" : "";
	if (!value)
		snprintf(p->said, sizeof p->said, "no proxy is set for %s:// in the environment%s",
			 t->secure ? "https" : "http", aside);
	else
		snprintf(p->said, sizeof p->said, "from %s in the environment%s", name, aside);
	return value;
}

static bool exempted(const struct check_target *t, check_variable *variable, struct check_proxy *p)
{
	static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
	const char *name = NULL;
	const char *list = first_of(variable, names, &name);
	char shown[CHECK_MAX_HOST];
	if (!list || !is_exempt(list, t->host))
		return false;
	p->exempt = true;
	snprintf(p->said, sizeof p->said, "%s exempts %s, so that curl would go direct", name,
		 escape_into(shown, sizeof shown, slice_of(t->host)));
	return true;
}

void check_choose_proxy(const char *given, const struct check_target *target,
			check_variable *variable, struct check_proxy *ret_proxy)
{
	struct check_proxy p = { .is = false };
	const char *value = given;
	if (given)
		snprintf(p.said, sizeof p.said, "from -x");
	else if (!(value = from_environment(target, variable, &p)) ||
		 exempted(target, variable, &p))
		value = NULL;
	if (value)
		read_proxy(&p, value);
	*ret_proxy = p;
	explicit_bzero(&p, sizeof p);
}

void check_read_proxy(const char *text, const char *said, struct check_proxy *ret_proxy)
{
	*ret_proxy = (struct check_proxy){ .is = false };
	snprintf(ret_proxy->said, sizeof ret_proxy->said, "%s", said);
	read_proxy(ret_proxy, text);
}
