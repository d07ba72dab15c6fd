/* Takes request targets apart: scheme, host and port (RFC 9112 section 3.2, RFC 3986). */
#include "http/head.h"

#include "http/syntax.h"

static bool is_scheme(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.at[i] | 0x20;
		bool letter = c >= 'a' && c <= 'z';
		bool later = (s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '+' ||
			     s.at[i] == '-' || s.at[i] == '.';
		if (!letter && (!later || i == 0))
			return false;
	}
	return s.len > 0;
}

/* What may stand between brackets: an IPv6 address, its zone, or what RFC 3986 kept room for. */
static bool is_literal(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] != ':' && !http_is(s.at[i], IN_HOST))
			return false;
	return slice_find_byte(s, ':') < s.len;
}

/* Digits or nothing; 0 when there are none. */
static bool read_port(struct slice s, uint16_t *ret_port)
{
	uint64_t port = 0;
	if (s.len > 0 && (!slice_parse_u64(s, 10, &port) || port > UINT16_MAX))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* host, [literal], either with :port; no userinfo any more. */
static bool read_host_port(struct slice s, struct http_authority *a)
{
	bool literal = s.len > 0 && s.at[0] == '[';
	if (literal) {
		s = slice_from(s, 1);
		a->host = slice_first(s, slice_find_byte(s, ']'));
		if (a->host.len == s.len || !is_literal(a->host))
			return false;
		s = slice_from(s, a->host.len + 1);
	} else {
		a->host = slice_first(s, http_span(s, IN_HOST));
		s = slice_from(s, a->host.len);
	}
	if (a->host.len == 0 || (s.len > 0 && s.at[0] != ':'))
		return false;
	return read_port(slice_from(s, 1), &a->port);
}

/* Userinfo ends at the last "@": whoever takes the first one talks to another host than the
 * browser does. */
static struct slice drop_userinfo(struct slice s, bool *ret_had)
{
	size_t at = s.len;
	while (at > 0 && s.at[at - 1] != '@')
		at--;
	*ret_had = at > 0;
	return slice_from(s, at);
}

bool http_read_authority(struct slice target, enum http_form form,
			 struct http_authority *ret_authority)
{
	struct http_authority a = { 0 };
	if (form != HTTP_FORM_ABSOLUTE && form != HTTP_FORM_AUTHORITY)
		return false;
	if (form == HTTP_FORM_ABSOLUTE) {
		size_t scheme = slice_find(target, SLICE("://"));
		a.scheme = slice_first(target, scheme);
		if (scheme == target.len || !is_scheme(a.scheme))
			return false;
		target = slice_from(target, scheme + 3);
		size_t end = 0;
		while (end < target.len && target.at[end] != '/' && target.at[end] != '?' &&
		       target.at[end] != '#')
			end++;
		target = slice_first(target, end);
	}
	target = drop_userinfo(target, &a.had_userinfo);
	if (!read_host_port(target, &a))
		return false;
	*ret_authority = a;
	return true;
}
