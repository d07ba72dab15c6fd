/* What the tools of a host have to be told, so that they use the proxy: for each file its text before
 * in, its text after out. Nothing is read or written here.
 *
 * User and password stand in the proxy's URL with every byte but letters, digits and "-._" as %XX
 * (RFC 3986 section 2.1), which all of these tools undo; so no file's own quoting is ever put to the
 * test but by the % itself, which systemd wants doubled. */
#ifndef SETTINGS_PLAN_H
#define SETTINGS_PLAN_H

#include "settings/settings.h"

struct plan_target {
	const char *tool;   /* "curl"; several targets may be of one */
	const char *path;   /* "/etc/wgetrc"; "~/.curlrc": in the home folder */
	const char *effect; /* when the tool hears of it */
};

enum { PLAN_TARGETS = 11, PLAN_MAX_TEXT = 1 << 20 };

const struct plan_target *plan_target(size_t index);

/* The text as it is to be. Where settings are not enabled, without a proxy. *ret_exists is false
 * where the file is to go, and `out` is then empty. -EINVAL where the text is not of the tool's form. */
int plan_text(size_t index, const struct settings *s, struct slice before, struct buffer *out,
	      bool *ret_exists, struct error *err);

/* host:port, an IPv6 address in brackets. */
void plan_add_host(struct buffer *out, const struct settings *s);

/* http://user:password@host:port; a password that is empty is left out, with its colon. */
void plan_add_url(struct buffer *out, const struct settings *s);

#endif
