/* Whether settings can work, and why not. */
#include "settings/settings.h"

#include "base/address.h"
#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_NAME = 253, MAX_LABEL = 63 }; /* RFC 1035 section 2.3.4, without the length bytes */

static void remark(struct settings_remarks *r, int about, bool fault, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void remark(struct settings_remarks *r, int about, bool fault, const char *format, ...)
{
	va_list ap;
	if (r->count == SETTINGS_MAX_REMARKS)
		return;
	struct settings_remark *one = &r->remark[r->count++];
	one->about = about;
	one->fault = fault;
	r->faulty |= fault;
	va_start(ap, format);
	vsnprintf(one->text, sizeof one->text, format, ap);
	va_end(ap);
}

/* Letters, digits and hyphens; the underscore, too, which is in no host name (RFC 1123 section 2.1)
 * and in many a zone. */
static bool is_in_name(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

/* Why the bytes are no name; NULL where they are one. */
static const char *fault_of_name(struct slice name)
{
	struct slice rest = name;
	bool numeric = true;
	if (name.len > MAX_NAME)
		return "a name has at most 253 characters";
	if (rest.len > 0 && rest.at[rest.len - 1] == '.') /* the root may be said */
		rest.len--;
	do {
		struct slice label = slice_cut(&rest, '.');
		if (label.len == 0)
			return "a part of the name between two dots is empty";
		if (label.len > MAX_LABEL)
			return "a part of the name has more than 63 characters";
		if (label.at[0] == '-' || label.at[label.len - 1] == '-')
			return "a part of the name begins or ends with a hyphen";
		for (size_t i = 0; i < label.len; i++)
			numeric &= label.at[i] >= '0' && label.at[i] <= '9';
	} while (rest.len > 0);
	return numeric ? "these are numbers, but no IPv4 address" : NULL;
}

static bool all_in_name(struct slice host, uint8_t *ret_bad)
{
	for (size_t i = 0; i < host.len; i++)
		if (!is_in_name(host.at[i])) {
			*ret_bad = host.at[i];
			return false;
		}
	return true;
}

static void check_host(const struct settings *s, struct settings_remarks *r)
{
	struct address a;
	uint8_t bad = 0;
	char shown[120];
	escape_into(shown, sizeof shown, slice_first(s->host, 60));
	if (address_parse(s->host, &a) && a.port == 0)
		return;
	if (slice_find(s->host, SLICE("://")) < s->host.len)
		remark(r, SETTING_HOST, true,
		       "the host '%s' is a URL: give the name alone, and the port apart", shown);
	else if (!all_in_name(s->host, &bad) && bad >= 0x80)
		remark(r, SETTING_HOST, true,
		       "the host '%s' has letters outside ASCII: give the name as DNS has it, "
		       "xn--...",
		       shown);
	else if (bad == ':')
		remark(r, SETTING_HOST, true,
		       "the host '%s' has a ':' in it and is no IPv6 address: the port is given "
		       "apart",
		       shown);
	else if (bad)
		remark(r, SETTING_HOST, true,
		       "the host '%s' has a character that no name has: '%c' (0x%02x)", shown,
		       bad >= 0x20 && bad < 0x7f ? bad : '?', bad);
	else if (fault_of_name(s->host))
		remark(r, SETTING_HOST, true, "the host '%s' is neither address nor name: %s",
		       shown, fault_of_name(s->host));
	else if (s->host.len > SETTINGS_LICENSING_HOST)
		remark(r, SETTING_HOST, false,
		       "the host's name has %zu characters: smart licensing takes at most %d and "
		       "will not register through it; an alias (CNAME) or the address is shorter",
		       s->host.len, SETTINGS_LICENSING_HOST);
}

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < 0x20 || s.at[i] == 0x7f)
			return true;
	return false;
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] >= 0x80)
			return false;
	return true;
}

static void check_text(int about, struct slice s, size_t limit, struct settings_remarks *r)
{
	const char *what = about == SETTING_USER ? "user's name" : "password";
	if (has_control(s))
		remark(r, about, true, "the %s has a control character in it", what);
	if (s.len > limit)
		remark(r, about, true, "the %s has %zu bytes, more than %zu", what, s.len, limit);
	if (!is_ascii(s)) /* RFC 7617 section 2: the encoding is the server's to choose */
		remark(r, about, false,
		       "the %s has characters outside ASCII, which proxies read in different "
		       "encodings",
		       what);
}

static void check_user(const struct settings *s, struct settings_remarks *r)
{
	if (slice_find_byte(s->user, ':') < s->user.len) /* RFC 7617 section 2 */
		remark(r, SETTING_USER, true,
		       "the user's name has a ':' in it; Basic authentication ends the "
		       "name there");
	check_text(SETTING_USER, s->user, SETTINGS_MAX_USER, r);
	check_text(SETTING_PASSWORD, s->password, SETTINGS_MAX_PASSWORD, r);
	if (!s->auth || !s->enabled)
		return;
	if (s->user.len == 0)
		remark(r, SETTING_USER, true, "authentication is on, and there is no user");
	if (s->password.len == 0)
		remark(r, SETTING_PASSWORD, true, "authentication is on, and there is no password");
}

void settings_check(const struct settings *s, struct settings_remarks *ret_remarks)
{
	struct settings_remarks r = { 0 };
	if (s->host.len > 0)
		check_host(s, &r);
	else if (s->enabled)
		remark(&r, SETTING_HOST, true, "the proxy is enabled, and there is no host");
	if (s->port == 0 && s->enabled)
		remark(&r, SETTING_PORT, true, "there is no port");
	check_user(s, &r);
	*ret_remarks = r;
}
