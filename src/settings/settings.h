/* The proxy settings of a host, as text: which proxy, which port, who one is there.
 *
 * The text has the grammar of base/grammar.h and this form; what is not there has the value that
 * stands behind it here:
 *
 *     iprep_proxy {
 *       PROXY_HOST 10.10.10.1;   # address or name; none: the host goes out directly
 *       PROXY_PORT 80;
 *       PROXY_ENABLED yes;       # yes where there is a PROXY_HOST
 *       PROXY_AUTH no;           # yes where there is a PROXY_USER
 *       PROXY_USER name;
 *     }
 *
 * The password is no part of the text: it is kept beside it (host/settings_file.h), and whoever has
 * both puts it into the record. Slices lie in the text or in the arena that it was read with. */
#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

struct settings {
	bool enabled, auth;
	struct slice host; /* without brackets */
	uint32_t port;     /* 0: none is given */
	struct slice user, password;
};

enum settings_name { SETTING_HOST, SETTING_PORT, SETTING_ENABLED, SETTING_AUTH, SETTING_USER };

enum {
	SETTINGS_NAMES = SETTING_USER + 1,
	SETTING_PASSWORD = SETTINGS_NAMES, /* beside the text */
	SETTINGS_MAX_TEXT = 1 << 18,
	SETTINGS_MAX_USER = 255,
	SETTINGS_MAX_PASSWORD = 255,
	SETTINGS_LICENSING_HOST = 64, /* what smart licensing takes at most */
};

/* The entry's name in the text: "PROXY_HOST". */
const char *settings_entry_name(enum settings_name name);

/* "yes", "on", "true", "1" and their opposites, in any case. */
bool settings_parse_switch(struct slice word, bool *ret_on);

/* 0; -EINVAL with line and column where the text is not of the form; -ENOMEM. Entries that are not
 * known are passed over. Whether the settings can work, settings_check says. */
int settings_read(struct slice text, struct arena *arena, struct settings *ret_settings,
		  struct error *err);

/* The text with one entry changed or added, and all the rest of it, comments included, as it was.
 * -EINVAL where the text is not of the form or the value can't stand in it. */
int settings_set(struct slice text, enum settings_name name, struct slice value, struct buffer *out,
		 struct error *err);

/* The same without the entry. */
int settings_unset(struct slice text, enum settings_name name, struct buffer *out,
		   struct error *err);

/* What is wrong with the settings: faults, with which they can't work, and warnings. */
enum { SETTINGS_MAX_REMARKS = 8 };

struct settings_remark {
	int about;  /* enum settings_name, or SETTING_PASSWORD */
	bool fault; /* else a warning */
	char text[360];
};

struct settings_remarks {
	struct settings_remark remark[SETTINGS_MAX_REMARKS];
	size_t count;
	bool faulty;
};

void settings_check(const struct settings *s, struct settings_remarks *ret_remarks);

#endif
