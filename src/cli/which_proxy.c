/* Proxies as they are written in arguments and in the environment. */
#include "cli/which_proxy.h"

#include "check/choice.h"
#include "net/sockaddr.h"
#include "settings/proxy_url.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const SCHEMES[] = { "http",   "https",   "socks4", "socks4a",
				       "socks5", "socks5h", "socks" };

enum { SCHEME_COUNT = sizeof SCHEMES / sizeof *SCHEMES, CURLS_PORT = 1080 };

static bool is_scheme(struct slice scheme)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++)
		if (slice_equal_nocase(scheme, slice_of(SCHEMES[i])))
			return true;
	return scheme.len == 0;
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
	struct proxy_url url;
	proxy_url_read(text, &url);
	if (!is_scheme(url.scheme))
		return err_set(err, -EINVAL,
			       "its scheme is none of a proxy's (http, https, socks5)");
	if (url.fault)
		return err_set(err, -EINVAL, "it is no HOST:PORT: %s", url.fault);
	if (!is_host(url.host))
		return err_set(err, -EINVAL, "it is no HOST:PORT: that is no host");
	struct which_proxy p = { .port = (uint16_t)url.port,
				 .tls = slice_equal_nocase(url.scheme, SLICE("https")) };
	memcpy(p.host, url.host.at, url.host.len);
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
		count += address_of_found(i, p->port, &ret_address[count]);
	freeaddrinfo(all);
	return count ? count : err_set(err, -ENOENT, "%s has no address", p->host);
}
