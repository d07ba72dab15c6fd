/* Proxies as they are written in arguments and in the environment. */
#include "cli/which_proxy.h"

#include "check/choice.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *const SCHEMES[] = { "http",   "https",   "socks4", "socks4a",
				       "socks5", "socks5h", "socks" };

enum { SCHEME_COUNT = sizeof SCHEMES / sizeof *SCHEMES, CURLS_PORT = 1080 };

static bool read_scheme(struct slice *text, bool *ret_tls)
{
	size_t end = slice_find(*text, SLICE("://"));
	*ret_tls = false;
	if (end == text->len)
		return true;
	struct slice scheme = slice_first(*text, end);
	*text = slice_from(*text, end + 3);
	*ret_tls = slice_equal_nocase(scheme, SLICE("https"));
	for (size_t i = 0; i < SCHEME_COUNT; i++)
		if (slice_equal_nocase(scheme, slice_of(SCHEMES[i])))
			return true;
	return false;
}

/* Up to the last @, as curl does: a password may have one. */
static struct slice without_credentials(struct slice s)
{
	for (size_t at = slice_find_byte(s, '@'); at < s.len; at = slice_find_byte(s, '@'))
		s = slice_from(s, at + 1);
	return s;
}

/* Splits "host:port", "[::1]:port", "host". */
static bool split(struct slice s, struct slice *ret_host, struct slice *ret_port)
{
	size_t end;
	if (slice_starts(s, SLICE("["))) {
		end = slice_find_byte(s, ']');
		if (end == s.len)
			return false;
		*ret_host = slice_from(slice_first(s, end), 1);
		s = slice_from(s, end + 1);
		end = 0;
	} else {
		end = slice_find_byte(s, ':');
		*ret_host = slice_first(s, end);
	}
	*ret_port = slice_from(s, end + 1);
	s = slice_from(s, end);
	return s.len == 0 || slice_starts(s, SLICE(":"));
}

static bool is_host(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] >= 0x7f || strchr("/\\\"'<>?#@", s.at[i]))
			return false;
	return s.len > 0 && s.len < sizeof((struct which_proxy *)NULL)->host;
}

int which_proxy_read(struct slice text, struct which_proxy *ret_proxy, struct error *err)
{
	struct which_proxy p = { .port = 0 };
	struct slice host, port;
	uint64_t number = 0;
	if (!read_scheme(&text, &p.tls))
		return err_set(err, -EINVAL,
			       "its scheme is none of a proxy's (http, https, socks5)");
	text = without_credentials(slice_first(text, slice_find_byte(text, '/')));
	if (!split(text, &host, &port) || !is_host(host))
		return err_set(err, -EINVAL,
			       "it is no HOST:PORT (an IPv6 address stands in brackets)");
	if (port.len && (!slice_parse_u64(port, 10, &number) || number == 0 || number > UINT16_MAX))
		return err_set(err, -EINVAL, "its port is none of 1 to 65535");
	memcpy(p.host, host.at, host.len);
	p.port = (uint16_t)number;
	*ret_proxy = p;
	return 0;
}

/* ---- the environment ---------------------------------------------------------------------- */

static const char *variable(const char *name)
{
	return getenv(name);
}

static void add_name(struct which_proxy *p, const char *name)
{
	size_t len = strlen(p->from);
	if (strcmp(p->from, name) != 0)
		snprintf(p->from + len, sizeof p->from - len, "%s%s", len ? " and " : "", name);
}

/* `count` when there is none yet. */
static int find_same(const struct which_proxy *all, int count, const struct which_proxy *p)
{
	for (int i = 0; i < count; i++)
		if (strcmp(all[i].host, p->host) == 0 && all[i].port == p->port)
			return i;
	return count;
}

int which_proxy_from_environment(struct which_proxy ret_proxy[WHICH_MOST_VARIABLES],
				 struct error *err)
{
	int count = 0;
	for (int secure = 0; secure < WHICH_MOST_VARIABLES; secure++) {
		const char *name, *value = check_proxy_variable(secure, variable, &name);
		struct which_proxy p = { .port = 0 };
		struct error why;
		if (!value)
			continue;
		if (which_proxy_read(slice_of(value), &p, &why) < 0)
			return err_set(err, -EINVAL, "%s: %s", name, why.text);
		if (p.port == 0)
			p.port = p.tls ? 443 : CURLS_PORT;
		int same = find_same(ret_proxy, count, &p);
		if (same == count)
			ret_proxy[count++] = p;
		add_name(&ret_proxy[same], name);
	}
	return count;
}

/* ---- names -------------------------------------------------------------------------------- */

static bool take_address(const struct sockaddr *s, uint16_t port, struct address *ret_address)
{
	struct address a = { .port = port };
	if (s->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, s, sizeof v4);
		memset(a.ip + 10, 0xff, 2);
		memcpy(a.ip + 12, &v4.sin_addr, 4);
	} else if (s->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, s, sizeof v6);
		memcpy(a.ip, &v6.sin6_addr, sizeof a.ip);
	} else {
		return false;
	}
	*ret_address = a;
	return true;
}

int which_proxy_resolve(const struct which_proxy *p,
			struct address ret_address[WHICH_MOST_ADDRESSES], struct error *err)
{
	const struct addrinfo hint = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	int count = 0, code = getaddrinfo(p->host, NULL, &hint, &all);
	if (code != 0)
		return err_set(err, -ENOENT, "%s: %s", p->host,
			       code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
	for (const struct addrinfo *i = all; i && count < WHICH_MOST_ADDRESSES; i = i->ai_next)
		count += take_address(i->ai_addr, p->port, &ret_address[count]);
	freeaddrinfo(all);
	return count ? count : err_set(err, -ENOENT, "%s has no address", p->host);
}
