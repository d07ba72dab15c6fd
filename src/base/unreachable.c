/* Why something can't be reached, as ICMP says it (RFC 792, 1122 and 1812; RFC 4443). */
#include "base/unreachable.h"

static const char *name_v4(uint8_t code)
{
	static const char *const names[] = {
		[0] = "network unreachable",
		[1] = "host unreachable",
		[2] = "protocol unreachable",
		[3] = "port unreachable",
		[4] = "fragmentation needed",
		[5] = "source route failed",
		[6] = "network unknown",
		[7] = "host unknown",
		[8] = "source host isolated",
		[9] = "network administratively prohibited",
		[10] = "host administratively prohibited",
		[11] = "network unreachable for this type of service",
		[12] = "host unreachable for this type of service",
		[13] = "administratively prohibited",
		[14] = "host precedence violation",
		[15] = "precedence cutoff in effect",
	};
	return code < sizeof names / sizeof names[0] ? names[code] : "unreachable";
}

static const char *name_v6(uint8_t code)
{
	static const char *const names[] = {
		[0] = "no route to destination",
		[1] = "administratively prohibited",
		[2] = "beyond scope of source address",
		[3] = "address unreachable",
		[4] = "port unreachable",
		[5] = "source address failed policy",
		[6] = "reject route to destination",
		[7] = "error in source routing header",
	};
	return code < sizeof names / sizeof names[0] ? names[code] : "unreachable";
}

const char *unreachable_name(bool v6, uint8_t code)
{
	return v6 ? name_v6(code) : name_v4(code);
}

enum unreachable unreachable_kind(bool v6, uint8_t code)
{
	static const enum unreachable v4[16] = {
		[1] = UNREACHABLE_HOST,       [2] = UNREACHABLE_FORBIDDEN,
		[3] = UNREACHABLE_FORBIDDEN,  [7] = UNREACHABLE_HOST,
		[9] = UNREACHABLE_FORBIDDEN,  [10] = UNREACHABLE_FORBIDDEN,
		[12] = UNREACHABLE_HOST,      [13] = UNREACHABLE_FORBIDDEN,
		[14] = UNREACHABLE_FORBIDDEN, [15] = UNREACHABLE_FORBIDDEN,
	};
	static const enum unreachable v6s[8] = {
		[1] = UNREACHABLE_FORBIDDEN, [3] = UNREACHABLE_HOST,
		[4] = UNREACHABLE_FORBIDDEN, [5] = UNREACHABLE_FORBIDDEN,
		[6] = UNREACHABLE_FORBIDDEN,
	};
	if (v6)
		return code < sizeof v6s / sizeof *v6s ? v6s[code] : UNREACHABLE_NETWORK;
	return code < sizeof v4 / sizeof *v4 ? v4[code] : UNREACHABLE_NETWORK;
}
