/* wgetrc: "name = value", where case, '-' and '_' of the name don't matter, and the value is all
 * that follows, quotes included. */
#include "settings/said_readers.h"

#include "settings/settings.h"

static bool same_name(struct slice a, const char *b)
{
	size_t n = 0;
	for (size_t i = 0; i < a.len; i++) {
		uint8_t c = a.at[i] >= 'A' && a.at[i] <= 'Z' ? (uint8_t)(a.at[i] + 32) : a.at[i];
		if (c == '-' || c == '_')
			continue;
		if (!b[n] || c != (uint8_t)b[n++])
			return false;
	}
	return !b[n];
}

static void add(struct said_list *list, uint32_t line, struct slice key, struct slice value)
{
	static const struct {
		const char *name; /* without its '-' and '_' */
		enum said_use use;
	} NAMES[] = {
		{ "httpproxy", SAID_HTTP },         { "httpsproxy", SAID_HTTPS },
		{ "noproxy", SAID_EXCEPT },         { "proxyuser", SAID_USER },
		{ "proxypassword", SAID_PASSWORD }, { "proxypasswd", SAID_PASSWORD },
	};
	bool on = true;
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
		if (same_name(key, NAMES[i].name))
			said_add(list, line, NAMES[i].use, key, value);
	if (same_name(key, "useproxy") && settings_parse_switch(value, &on))
		said_add(list, line, SAID_OFF, key, on ? SLICE("") : SLICE("off"));
}

void said_read_wget(struct slice text, struct said_list *list)
{
	struct said_lines l = { .rest = text };
	while (said_next_line(&l)) {
		struct slice line = slice_trim(l.line);
		size_t equals = slice_find_byte(line, '=');
		if (line.len > 0 && line.at[0] != '#' && equals < line.len)
			add(list, l.number, slice_trim(slice_first(line, equals)),
			    slice_trim(slice_from(line, equals + 1)));
	}
}
