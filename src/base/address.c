/* Addresses: comparing, writing (RFC 5952), reading. */
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t V4_MAPPED[12] = { [10] = 0xff, [11] = 0xff };

bool address_same_host(const struct address *a, const struct address *b)
{
	return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_same_host(a, b);
}

bool address_is_v4(const struct address *a)
{
	return memcmp(a->ip, V4_MAPPED, sizeof V4_MAPPED) == 0;
}

bool address_is_none(const struct address *a)
{
	static const struct address none;
	return address_same_host(a, &none);
}

bool address_is_loopback(const struct address *a)
{
	static const struct address six = { .ip = { [15] = 1 } };
	return address_is_v4(a) ? a->ip[12] == 127 : address_same_host(a, &six);
}

static void add_v4(struct buffer *out, const uint8_t *ip)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			buffer_add_byte(out, '.');
		buffer_add_u64(out, ip[i]);
	}
}

void address_add_host(struct buffer *out, const struct address *a)
{
	char text[INET6_ADDRSTRLEN];
	if (address_is_v4(a))
		add_v4(out, a->ip + 12);
	else
		buffer_add_text(out, inet_ntop(AF_INET6, a->ip, text, sizeof text));
}

void address_add(struct buffer *out, const struct address *a)
{
	bool brackets = a->port && !address_is_v4(a);
	if (brackets)
		buffer_add_byte(out, '[');
	address_add_host(out, a);
	if (brackets)
		buffer_add_byte(out, ']');
	if (a->port) {
		buffer_add_byte(out, ':');
		buffer_add_u64(out, a->port);
	}
}

static bool parse_port(struct slice s, uint16_t *ret_port)
{
	uint64_t port;
	if (!slice_parse_u64(s, 10, &port) || port == 0 || port > 65535)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool parse_host(struct slice s, uint8_t *ret_ip)
{
	char text[INET6_ADDRSTRLEN];
	if (s.len == 0 || s.len >= sizeof text || slice_find_byte(s, 0) != s.len)
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = 0;
	uint8_t v4[4];
	if (inet_pton(AF_INET, text, v4) == 1) {
		memcpy(ret_ip, V4_MAPPED, sizeof V4_MAPPED);
		memcpy(ret_ip + 12, v4, 4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret_ip) == 1;
}

bool address_parse(struct slice s, struct address *ret_address)
{
	struct address a = { 0 };
	struct slice host = s;
	if (s.len && s.at[0] == '[') {
		host = slice_from(s, 1);
		struct slice inside = slice_cut(&host, ']');
		if (host.len && (host.at[0] != ':' || !parse_port(slice_from(host, 1), &a.port)))
			return false;
		host = inside;
	} else if (slice_find_byte(s, '.') < s.len) {
		host = slice_cut(&s, ':');
		if (s.len && !parse_port(s, &a.port))
			return false;
	}
	if (!parse_host(host, a.ip))
		return false;
	*ret_address = a;
	return true;
}
