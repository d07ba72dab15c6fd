/* Patterns: one word in, matches out. */
#include "proxy/pattern.h"

#include "base/escape.h"
#include "proxy/private.h"

#include <errno.h>

enum { MAX_NAME = 253 };

static bool looks_like_net(struct slice s)
{
	struct address a;
	return slice_find_byte(s, '/') < s.len || slice_find_byte(s, ':') < s.len ||
	       cidr_read_address(s, &a);
}

/* Would a resolver take it for an address in a loose form (127.1, 0x7f.1, 10.0.0.300)? */
static bool ends_in_number(struct slice name)
{
	struct slice rest = name, last = name;
	while (rest.len > 0)
		last = slice_cut(&rest, '.');
	uint64_t number;
	return slice_parse_u64(last, 10, &number) ||
	       (slice_starts_nocase(last, SLICE("0x")) &&
		(last.len == 2 || slice_parse_u64(slice_from(last, 2), 16, &number)));
}

static const char *name_fault(struct slice name)
{
	if (name.len == 0)
		return "has no name in it";
	if (name.len > MAX_NAME)
		return "is longer than a name can be (253 bytes)";
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		if (c == '*')
			return "has a * that does not stand alone at its beginning, as in "
			       "*.example.com";
		if (c < 0x21 || c == 0x7f || strchr("!?@[]|^$\"'()<>,\\%&=+", c))
			return "is no name of a host";
		if (c == '.' && (i == 0 || name.at[i - 1] == '.'))
			return "has an empty label";
	}
	if (ends_in_number(name))
		return "is no address, and no name ends in a number";
	return NULL;
}

int pattern_read(struct slice text, struct pattern *ret_pattern, struct error *err)
{
	struct pattern p = { .kind = PATTERN_NAME, .name = text };
	char shown[80];
	if (slice_starts(p.name, SLICE("!"))) {
		p.negated = true;
		p.name = slice_from(p.name, 1);
	}
	if (slice_equal(p.name, SLICE("*"))) {
		p.kind = PATTERN_ALL;
		*ret_pattern = p;
		return 0;
	}
	if (looks_like_net(p.name)) {
		p.kind = PATTERN_NET;
		int code = cidr_read(p.name, &p.net, err);
		p.net.negated = p.negated;
		if (code == 0)
			*ret_pattern = p;
		return code;
	}
	if (slice_starts(p.name, SLICE("*."))) {
		p.kind = PATTERN_BELOW;
		p.name = slice_from(p.name, 2);
	} else if (slice_starts(p.name, SLICE("."))) {
		p.kind = PATTERN_WITHIN;
		p.name = slice_from(p.name, 1);
	}
	if (p.name.len > 1 && slice_ends(p.name, SLICE(".")))
		p.name = slice_first(p.name, p.name.len - 1);
	const char *wrong = name_fault(p.name);
	if (wrong)
		return err_set(err, -EINVAL, "'%s' %s", escape_into(shown, sizeof shown, text),
			       wrong);
	*ret_pattern = p;
	return 0;
}

static bool is_below(struct slice host, struct slice name)
{
	if (host.len <= name.len || host.at[host.len - name.len - 1] != '.')
		return false;
	return slice_equal_nocase(slice_from(host, host.len - name.len), name);
}

static enum match match_net(const struct cidr *net, const struct pattern_target *t, bool inside)
{
	if (!t->address)
		return t->never ? MATCH_NO : MATCH_MAYBE;
	if (cidr_holds(net, t->address))
		return MATCH_YES;
	struct address v4[PRIVATE_MAX_INSIDE];
	size_t count = inside ? private_inside(t->address, v4) : 0;
	for (size_t i = 0; i < count; i++)
		if (cidr_holds(net, &v4[i]))
			return MATCH_YES;
	return MATCH_NO;
}

enum match pattern_match(const struct pattern *p, const struct pattern_target *t, bool inside)
{
	bool same = false, below = false;
	if (p->kind == PATTERN_ALL)
		return MATCH_YES;
	if (p->kind == PATTERN_NET)
		return match_net(&p->net, t, inside);
	if (p->kind != PATTERN_BELOW)
		same = slice_equal_nocase(t->host, p->name);
	if (p->kind != PATTERN_NAME)
		below = is_below(t->host, p->name);
	return same || below ? MATCH_YES : MATCH_NO;
}
