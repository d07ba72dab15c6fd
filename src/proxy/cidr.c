/* Networks, all as IPv6: IPv4 stands in ::ffff:0:0/96, as base/address.h has it. */
#include "proxy/cidr.h"

#include "base/escape.h"

#include <arpa/inet.h>
#include <errno.h>

bool cidr_read_address(struct slice s, struct address *ret_address)
{
	if (s.len > 1 && s.at[0] == '[' && s.at[s.len - 1] == ']')
		s = slice_first(slice_from(s, 1), s.len - 2);
	char text[INET6_ADDRSTRLEN];
	if (s.len == 0 || s.len >= sizeof text || slice_find_byte(s, 0) != s.len)
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = 0;
	struct address a = { .ip = { [10] = 0xff, [11] = 0xff } };
	if (inet_pton(AF_INET, text, a.ip + 12) != 1 && inet_pton(AF_INET6, text, a.ip) != 1)
		return false;
	*ret_address = a;
	return true;
}

static void mask(struct address *a, unsigned bits)
{
	for (unsigned i = 0; i < sizeof a->ip; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		if (kept < 8)
			a->ip[i] &= (uint8_t)(0xff00 >> kept);
	}
}

static int behind_mask(const struct address *masked, struct slice shown, unsigned bits,
		       struct error *err)
{
	char text[80];
	struct buffer b;
	buffer_init(&b, 64);
	address_add_host(&b, masked);
	err_set(err, -EINVAL,
		"'%s' has bits set behind its mask; write %.*s/%u for the network, or the address "
		"alone",
		escape_into(text, sizeof text, shown), (int)b.len, b.at, bits);
	buffer_done(&b);
	return -EINVAL;
}

int cidr_read(struct slice s, struct cidr *ret_net, struct error *err)
{
	char shown[80];
	struct slice length = s, host = slice_cut(&length, '/');
	struct cidr net = { .bits = 128 };
	uint64_t bits;
	if (!cidr_read_address(host, &net.net))
		return err_set(err, -EINVAL, "'%s' is no address and no network",
			       escape_into(shown, sizeof shown, s));
	if (host.len < s.len) {
		unsigned most = slice_find_byte(host, ':') < host.len ? 128 : 32;
		if (!slice_parse_u64(length, 10, &bits) || bits > most)
			return err_set(err, -EINVAL, "'%s' has no mask from 0 to %u behind its /",
				       escape_into(shown, sizeof shown, s), most);
		net.bits = (uint8_t)(bits + 128 - most);
		struct address masked = net.net;
		mask(&masked, net.bits);
		if (!address_same_host(&masked, &net.net))
			return behind_mask(&masked, s, (unsigned)bits, err);
	}
	*ret_net = net;
	return 0;
}

bool cidr_holds(const struct cidr *net, const struct address *a)
{
	size_t whole = net->bits / 8;
	unsigned rest = net->bits % 8;
	if (memcmp(net->net.ip, a->ip, whole) != 0)
		return false;
	return rest == 0 || ((net->net.ip[whole] ^ a->ip[whole]) & (0xff00 >> rest)) == 0;
}

bool cidr_holds_net(const struct cidr *outer, const struct cidr *inner)
{
	return inner->bits >= outer->bits && cidr_holds(outer, &inner->net);
}

bool cidr_list_holds(const struct cidr *list, size_t count, const struct address *a)
{
	bool any = true, found = false;
	for (size_t i = 0; i < count; i++) {
		bool in = cidr_holds(&list[i], a);
		if (list[i].negated && in)
			return false;
		any &= list[i].negated;
		found |= !list[i].negated && in;
	}
	return any || found;
}
