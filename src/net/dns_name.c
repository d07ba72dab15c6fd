/* Names, judged by themselves. */
#include "net/dns_name.h"
#include "net/sockaddr.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Letters, digits, hyphen (RFC 1123 section 2.1), and the underscore that is met in practice. */
static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static bool label_is_fine(struct slice label)
{
	if (label.len == 0 || label.len > 63)
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_host_byte(label.at[i]))
			return false;
	return true;
}

/* A number as the last label is somebody's way to write an IPv4 address (WHATWG URL, "ends in a
 * number"). No top-level domain is one, and what we don't read as an address, no server shall. */
static bool is_number(struct slice label)
{
	if (slice_starts(label, SLICE("0x")))
		return true;
	for (size_t i = 0; i < label.len; i++)
		if (!is_digit(label.at[i]))
			return false;
	return true;
}

static bool is_below(struct slice name, const char *top)
{
	struct slice domain = slice_of(top);
	return slice_ends(name, domain) &&
	       (name.len == domain.len || name.at[name.len - domain.len - 1] == '.');
}

static enum dns_kind judge(struct slice name, unsigned *ret_dots)
{
	struct slice rest = name, label = { 0 };
	unsigned labels = 0;
	do {
		label = slice_cut(&rest, '.');
		labels++;
		if (!label_is_fine(label))
			return DNS_BAD;
	} while (label.at + label.len < name.at + name.len);
	*ret_dots = labels - 1;
	if (is_number(label))
		return DNS_BAD;
	if (is_below(name, "localhost"))
		return DNS_LOOPBACK;
	return is_below(name, "invalid") || is_below(name, "onion") ? DNS_NEVER : DNS_ASK;
}

enum dns_kind dns_name_read(struct slice in, struct dns_name *ret_name)
{
	struct address literal;
	if (address_of_literal(in, &literal)) {
		ret_name->literal = literal;
		return DNS_LITERAL;
	}
	bool absolute = slice_ends(in, SLICE("."));
	struct slice name = slice_first(in, in.len - absolute);
	if (name.len > NET_MAX_NAME)
		return DNS_BAD;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.at[i];
		ret_name->text[i] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
	}
	ret_name->text[in.len] = 0;
	ret_name->len = in.len;
	ret_name->absolute = absolute;
	return judge((struct slice){ (const uint8_t *)ret_name->text, name.len }, &ret_name->dots);
}
