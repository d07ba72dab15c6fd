/* Splits from the end, where the secrets are not. */
#include "settings/proxy_url.h"

#include "base/escape.h"

/* RFC 3986 section 3.2.1: unreserved, sub-delims, and %XX. */
static bool needs_escape(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.at[i], meant;
		bool word =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!word && !slice_percent(s, i, &meant) &&
		    (c == 0 || !strchr("-._~!$&'()*+,;=:", c)))
			return true;
	}
	return false;
}

/* RFC 3986 section 3.1. A :// in a password makes none of what stands before it. */
static bool is_scheme(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.at[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '+' && c != '-' && c != '.')
			return false;
	}
	return s.len > 0;
}

static size_t last_at(struct slice s)
{
	size_t found = s.len;
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '@')
			found = i;
	return found;
}

static void split_user(struct proxy_url *u, struct slice userinfo)
{
	size_t colon = slice_find_byte(userinfo, ':');
	u->has_user = true;
	u->has_password = colon < userinfo.len;
	u->user = slice_first(userinfo, colon);
	u->password = slice_from(userinfo, colon + 1);
	u->unescaped = needs_escape(userinfo);
}

/* "host:port", "[::1]:port", "host" */
static const char *split_host(struct proxy_url *u, struct slice s)
{
	uint64_t port;
	size_t end = slice_find_byte(s, ':');
	u->host = slice_first(s, end);
	if (slice_starts(s, SLICE("["))) {
		end = slice_find_byte(s, ']');
		if (end == s.len)
			return "the [ of its address is never closed";
		u->host = slice_from(slice_first(s, end), 1);
		end++;
	}
	s = slice_from(s, end);
	if (s.len > 0 && slice_find_byte(slice_from(s, 1), ':') < s.len - 1)
		return "an IPv6 address is to stand in brackets";
	if (u->host.len == 0)
		return "there is no host in it";
	if (s.len == 0)
		return NULL;
	if (s.at[0] != ':' || !slice_parse_u64(slice_from(s, 1), 10, &port) || port == 0 ||
	    port > UINT16_MAX)
		return "its port is no number from 1 to 65535";
	u->port = (uint32_t)port;
	return NULL;
}

void proxy_url_read(struct slice value, struct proxy_url *ret_url)
{
	struct proxy_url u = { 0 };
	size_t scheme = slice_find(value, SLICE("://"));
	if (scheme < value.len && is_scheme(slice_first(value, scheme))) {
		u.scheme = slice_first(value, scheme);
		value = slice_from(value, scheme + 3);
	}
	size_t at = last_at(value);
	if (at < value.len) {
		split_user(&u, slice_first(value, at));
		value = slice_from(value, at + 1);
	}
	u.fault = split_host(&u, slice_first(value, slice_find_byte(value, '/')));
	*ret_url = u;
}

void proxy_url_unescape(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t byte = s.at[i];
		if (slice_percent(s, i, &byte))
			i += 2;
		buffer_add_byte(out, byte);
	}
}

/* A user that is written wrong may be the begin of a password. */
void proxy_url_add_shown(struct buffer *out, const struct proxy_url *url)
{
	bool is_v6 = slice_find_byte(url->host, ':') < url->host.len;
	if (url->fault) {
		buffer_add_text(out, "?");
		return;
	}
	if (url->scheme.len > 0 && !slice_equal_nocase(url->scheme, SLICE("http"))) {
		escape_text(out, url->scheme);
		buffer_add_text(out, "://");
	}
	if (url->has_user && !url->unescaped && url->user.len > 0)
		escape_text(out, url->user);
	else if (url->has_user)
		buffer_add_text(out, "***");
	buffer_add_text(out, url->has_user ? "@" : "");
	buffer_add_text(out, is_v6 ? "[" : "");
	escape_text(out, url->host);
	buffer_add_text(out, is_v6 ? "]" : "");
	if (url->port)
		buffer_printf(out, ":%u", url->port);
}
