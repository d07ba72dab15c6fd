#include "settings/exceptions.h"

#include "base/address.h"

enum { MAX_COMPARED = 1 << 13 }; /* longer lists are compared as they stand, not entry by entry */

bool exceptions_next(struct slice *rest, struct slice *ret_entry)
{
	while (rest->len > 0) {
		struct slice entry = slice_trim(slice_cut(rest, ','));
		if (entry.len == 0)
			continue;
		*ret_entry = entry;
		return true;
	}
	return false;
}

static bool has(struct slice s, uint8_t c)
{
	return slice_find_byte(s, c) < s.len;
}

/* An address without a port, a slash, and how many bits of it count. */
static bool is_network(struct slice entry)
{
	struct address a;
	struct slice bits = entry, host = slice_cut(&bits, '/');
	unsigned count = 0;
	if (!address_parse(host, &a) || a.port != 0 || bits.len < 1 || bits.len > 3)
		return false;
	for (size_t i = 0; i < bits.len; i++) {
		if (bits.at[i] < '0' || bits.at[i] > '9')
			return false;
		count = count * 10 + (bits.at[i] - '0');
	}
	return count <= (has(host, ':') ? 128 : 32) && !slice_starts(host, SLICE("["));
}

enum exception_form exception_form_of(struct slice entry)
{
	struct address a;
	if (slice_equal(entry, SLICE("*")))
		return EXCEPTION_ALL;
	if (has(entry, ' ') || has(entry, '\t'))
		return EXCEPTION_BLANKS;
	if (has(entry, '/'))
		return is_network(entry) ? EXCEPTION_NETWORK : EXCEPTION_URL;
	if (slice_starts(entry, SLICE("[")))
		return slice_ends(entry, SLICE("]")) ? EXCEPTION_BRACKETS : EXCEPTION_BRACKETS_PORT;
	if (slice_starts(entry, SLICE("*.")) && !has(slice_from(entry, 2), '*'))
		return EXCEPTION_WILDCARD;
	if (has(entry, '*'))
		return EXCEPTION_STAR;
	if (has(entry, ':') && !(address_parse(entry, &a) && a.port == 0))
		return EXCEPTION_PORT;
	if (slice_starts(entry, SLICE(".")))
		return EXCEPTION_DOT;
	return EXCEPTION_NAME;
}

#define BY(name) (1u << SAID_BY_##name)

/* What one does not tell from the man pages: wget, apt and npm compare the ends of names and know
 * neither networks nor ports; wget and apt don't know the * that all others take for everything. */
static const struct {
	const char *name;
	unsigned ignored_by;
} FORMS[EXCEPTION_FORMS] = {
	[EXCEPTION_NAME] = { "a name", 0 },
	[EXCEPTION_ALL] = { "a * for everything", BY(WGET) | BY(APT) | BY(NPM) },
	[EXCEPTION_DOT] = { "a name behind a dot", 0 },
	[EXCEPTION_WILDCARD] = { "a name behind *.",
				 BY(CURL) | BY(WGET) | BY(GIT) | BY(APT) | BY(NPM) | BY(PIP) },
	[EXCEPTION_STAR] = { "a * within", BY(CURL) | BY(WGET) | BY(GIT) | BY(APT) | BY(NPM) |
						   BY(PIP) | BY(DOCKER) | BY(DOCKERD) },
	[EXCEPTION_NETWORK] = { "a network", BY(WGET) | BY(APT) | BY(NPM) },
	[EXCEPTION_PORT] = { "a port",
			     BY(CURL) | BY(WGET) | BY(GIT) | BY(APT) | BY(NPM) | BY(PIP) },
	[EXCEPTION_BRACKETS] = { "an address in brackets", BY(CURL) | BY(WGET) | BY(GIT) | BY(APT) |
								   BY(PIP) | BY(DOCKER) |
								   BY(DOCKERD) },
	[EXCEPTION_BRACKETS_PORT] = { "an address in brackets with a port",
				      BY(CURL) | BY(WGET) | BY(GIT) | BY(APT) | BY(NPM) | BY(PIP) },
	[EXCEPTION_URL] = { "a URL or path", BY(CURL) | BY(WGET) | BY(GIT) | BY(APT) | BY(NPM) |
						     BY(PIP) | BY(DOCKER) | BY(DOCKERD) },
	[EXCEPTION_BLANKS] = { "blanks in place of commas",
			       BY(WGET) | BY(APT) | BY(NPM) | BY(PIP) | BY(DOCKER) | BY(DOCKERD) },
};

const char *exception_form_name(enum exception_form form)
{
	return FORMS[form].name;
}

unsigned exception_ignored_by(enum exception_form form)
{
	return FORMS[form].ignored_by;
}

static bool holds(struct slice list, struct slice entry)
{
	struct slice other;
	while (exceptions_next(&list, &other))
		if (slice_equal_nocase(other, entry))
			return true;
	return false;
}

static bool holds_all(struct slice list, struct slice entries)
{
	struct slice entry;
	while (exceptions_next(&entries, &entry))
		if (!holds(list, entry))
			return false;
	return true;
}

bool exceptions_equal(struct slice a, struct slice b)
{
	if (a.len > MAX_COMPARED || b.len > MAX_COMPARED)
		return slice_equal(a, b);
	return holds_all(a, b) && holds_all(b, a);
}
