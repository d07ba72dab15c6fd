/* What may not be a destination by default. The IANA registries of special-purpose addresses (RFC
 * 6890 and what followed), and the addresses at which clouds give out credentials. */
#include "proxy/private.h"
#include "proxy/rules.h"

#define V4(a, b, c, d, bits)                                                                       \
	{                                                                                          \
		{ .ip = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d } }, (bits) + 96,   \
			false                                                                      \
	}
#define V6(bits, ...)                                                                              \
	{                                                                                          \
		{ .ip = { __VA_ARGS__ } }, bits, false                                             \
	}

/* The first that holds an address names it, so the narrow ones come first. */
static const struct {
	struct cidr net;
	const char *name;
} PRIVATE[] = {
	{ V4(169, 254, 169, 254, 32), "metadata" }, /* AWS, GCP, Azure, OpenStack, ... */
	{ V4(169, 254, 170, 2, 32), "metadata" },   /* AWS, of a container */
	{ V4(169, 254, 170, 23, 32), "metadata" },  /* AWS, of a pod */
	{ V4(100, 100, 100, 200, 32), "metadata" }, /* Alibaba */
	{ V4(192, 0, 0, 192, 32), "metadata" },     /* Oracle */
	{ V4(168, 63, 129, 16, 32), "metadata" },   /* Azure's platform */
	{ V6(128, 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54), "metadata" }, /* AWS */
	{ V6(128, 0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23), "metadata" }, /* AWS, of a pod */
	{ V6(128, 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54), "metadata" }, /* GCP */
	{ V4(0, 0, 0, 0, 32), "unspecified" },
	{ V4(0, 0, 0, 0, 8), "this-network" },
	{ V4(10, 0, 0, 0, 8), "private" },
	{ V4(100, 64, 0, 0, 10), "shared" }, /* RFC 6598: carrier-grade NAT */
	{ V4(127, 0, 0, 0, 8), "loopback" },
	{ V4(169, 254, 0, 0, 16), "link-local" },
	{ V4(172, 16, 0, 0, 12), "private" },
	{ V4(192, 0, 0, 0, 24), "reserved" },
	{ V4(192, 0, 2, 0, 24), "documentation" },
	{ V4(192, 88, 99, 0, 24), "reserved" }, /* 6to4 relays, RFC 7526 */
	{ V4(192, 168, 0, 0, 16), "private" },
	{ V4(198, 18, 0, 0, 15), "benchmark" },
	{ V4(198, 51, 100, 0, 24), "documentation" },
	{ V4(203, 0, 113, 0, 24), "documentation" },
	{ V4(224, 0, 0, 0, 4), "multicast" },
	{ V4(255, 255, 255, 255, 32), "broadcast" },
	{ V4(240, 0, 0, 0, 4), "reserved" },
	{ V6(128, 0), "unspecified" },
	{ V6(128, [15] = 1), "loopback" },
	{ V6(48, 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01),
	  "private" }, /* NAT64 for local use, RFC 8215 */
	{ V6(64, 0x01), "discard" },
	{ V6(48, 0x20, 0x01, 0x00, 0x02), "benchmark" },
	{ V6(28, 0x20, 0x01, 0x00, 0x10), "reserved" }, /* ORCHID */
	{ V6(28, 0x20, 0x01, 0x00, 0x20), "reserved" }, /* ORCHIDv2 */
	{ V6(32, 0x20, 0x01, 0x0d, 0xb8), "documentation" },
	{ V6(20, 0x3f, 0xff), "documentation" }, /* RFC 9637 */
	{ V6(16, 0x5f), "reserved" },            /* SRv6, RFC 9602 */
	{ V6(7, 0xfc), "private" },              /* unique local */
	{ V6(10, 0xfe, 0x80), "link-local" },
	{ V6(10, 0xfe, 0xc0), "private" }, /* site-local, RFC 3879 */
	{ V6(8, 0xff), "multicast" },
};

enum { PRIVATE_COUNT = sizeof PRIVATE / sizeof *PRIVATE };

/* Where prefixes put an IPv4 address. */
static const struct {
	struct cidr net;
	uint8_t at, flip; /* the byte it begins at; XORed */
} INSIDE[] = {
	{ V6(96, 0), 12, 0 },                      /* compatible, RFC 4291 2.5.5.1 */
	{ V6(96, [8] = 0xff, [9] = 0xff), 12, 0 }, /* translated, RFC 2765 */
	{ V6(96, 0x00, 0x64, 0xff, 0x9b), 12, 0 }, /* NAT64, RFC 6052 */
	{ V6(16, 0x20, 0x02), 2, 0 },              /* 6to4, RFC 3056 */
	{ V6(32, 0x20, 0x01), 4, 0 },              /* Teredo's server, RFC 4380 */
	{ V6(32, 0x20, 0x01), 12, 0xff },          /* and client */
};

static struct address v4_at(const struct address *a, size_t at, uint8_t flip)
{
	struct address v4 = { .ip = { [10] = 0xff, [11] = 0xff } };
	for (size_t i = 0; i < 4; i++)
		v4.ip[12 + i] = a->ip[at + i] ^ flip;
	return v4;
}

/* RFC 5214 section 6.1: any prefix, then 0000:5efe or 0200:5efe, then the address. */
static bool is_isatap(const struct address *a)
{
	return (a->ip[8] & 0xfd) == 0 && a->ip[9] == 0 && a->ip[10] == 0x5e && a->ip[11] == 0xfe;
}

size_t private_inside(const struct address *a, struct address ret_inside[PRIVATE_MAX_INSIDE])
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++)
		if (cidr_holds(&INSIDE[i].net, a))
			ret_inside[count++] = v4_at(a, INSIDE[i].at, INSIDE[i].flip);
	if (count == 0 && is_isatap(a))
		ret_inside[count++] = v4_at(a, 12, 0);
	return count;
}

static const char *name_of(const struct address *a)
{
	for (size_t i = 0; i < PRIVATE_COUNT; i++)
		if (cidr_holds(&PRIVATE[i].net, a))
			return PRIVATE[i].name;
	return NULL;
}

const char *rules_private_name(const struct address *a)
{
	const char *name = name_of(a);
	struct address inside[PRIVATE_MAX_INSIDE];
	size_t count = name ? 0 : private_inside(a, inside);
	for (size_t i = 0; i < count && !name; i++)
		name = name_of(&inside[i]);
	return name;
}

bool private_holds_net(const struct cidr *net)
{
	if (net->bits == 128)
		return true;
	for (size_t i = 0; i < PRIVATE_COUNT; i++)
		if (cidr_holds_net(&PRIVATE[i].net, net))
			return true;
	return false;
}
