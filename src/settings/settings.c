/* The settings' text to the record. */
#include "settings/settings.h"

#include "base/escape.h"
#include "settings/edit.h"

#include <errno.h>

static const char *const ENTRY_NAME[SETTINGS_NAMES] = {
	[SETTING_HOST] = "PROXY_HOST",       [SETTING_PORT] = "PROXY_PORT",
	[SETTING_ENABLED] = "PROXY_ENABLED", [SETTING_AUTH] = "PROXY_AUTH",
	[SETTING_USER] = "PROXY_USER",
};

const char *settings_entry_name(enum settings_name name)
{
	return ENTRY_NAME[name];
}

bool settings_parse_switch(struct slice word, bool *ret_on)
{
	static const struct {
		const char *word;
		bool on;
	} WORDS[] = {
		{ "yes", true }, { "on", true },   { "true", true },   { "1", true },
		{ "no", false }, { "off", false }, { "false", false }, { "0", false },
	};
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
		if (slice_equal_nocase(word, slice_of(WORDS[i].word))) {
			*ret_on = WORDS[i].on;
			return true;
		}
	return false;
}

static int wrong_value(const struct grammar_entry *e, const char *takes, struct error *err)
{
	char shown[80];
	const struct grammar_word *w = &e->word[e->words > 1];
	return err_set(err, -EINVAL, "line %u, column %u: %.*s takes %s, not '%s'", w->line,
		       w->column, (int)e->word[0].text.len, (const char *)e->word[0].text.at, takes,
		       escape_into(shown, sizeof shown, e->words > 1 ? w->text : SLICE("")));
}

static int read_switch(const struct grammar_entry *e, bool *on, struct error *err)
{
	if (!e || settings_parse_switch(e->word[1].text, on))
		return 0;
	return wrong_value(e, "yes or no", err);
}

static int read_port(const struct grammar_entry *e, uint32_t *port, struct error *err)
{
	uint64_t number;
	if (!e)
		return 0;
	if (!slice_parse_u64(e->word[1].text, 10, &number) || number == 0 || number > 65535)
		return wrong_value(e, "a number from 1 to 65535", err);
	*port = (uint32_t)number;
	return 0;
}

/* [2001:db8::1] is the same host as 2001:db8::1. */
static struct slice without_brackets(struct slice host)
{
	bool bracketed = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
	return bracketed ? (struct slice){ host.at + 1, host.len - 2 } : host;
}

int settings_read(struct slice text, struct arena *arena, struct settings *ret_settings,
		  struct error *err)
{
	struct settings s = { 0 };
	struct edit_entries found;
	int code = edit_find(text, arena, &found, err);
	for (size_t i = 0; code == 0 && i < SETTINGS_NAMES; i++)
		if (found.entry[i] && found.entry[i]->words != 2)
			code = wrong_value(found.entry[i], "one value", err);
	if (code < 0)
		return code;
	const struct grammar_entry *host = found.entry[SETTING_HOST];
	const struct grammar_entry *user = found.entry[SETTING_USER];
	s.host = host ? without_brackets(host->word[1].text) : s.host;
	s.user = user ? user->word[1].text : s.user;
	s.enabled = s.host.len > 0;
	s.auth = s.user.len > 0;
	if ((code = read_port(found.entry[SETTING_PORT], &s.port, err)) < 0 ||
	    (code = read_switch(found.entry[SETTING_ENABLED], &s.enabled, err)) < 0 ||
	    (code = read_switch(found.entry[SETTING_AUTH], &s.auth, err)) < 0)
		return code;
	*ret_settings = s;
	return 0;
}
