/* From words, variables and the settings' file to a proxy and a password. */
#include "cli/check_way.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/password.h"
#include "host/settings_file.h"

#include <stdio.h>
#include <stdlib.h>

static const char *variable(const char *name)
{
	return getenv(name);
}

/* ---- the host's settings --------------------------------------------------------------------- */

static void put(char *into, size_t size, struct slice s)
{
	snprintf(into, size, "%.*s", (int)s.len, s.len ? (const char *)s.at : "");
}

void way_take_settings(struct check_proxy *p, const struct settings *s, const char *path)
{
	char text[CHECK_MAX_HOST + 20], said[CHECK_MAX_TEXT], shown[200];
	bool colons = slice_find_byte(s->host, ':') < s->host.len;
	struct settings_remarks remarks;
	snprintf(text, sizeof text, colons ? "[%.*s]:%u" : "%.*s:%u",
		 (int)(s->host.len < CHECK_MAX_HOST ? s->host.len : CHECK_MAX_HOST), s->host.at,
		 s->port);
	snprintf(said, sizeof said, "from this host's settings, %s",
		 escape_into(shown, sizeof shown, slice_of(path)));
	check_read_proxy(text, said, p);
	settings_check(s, &remarks);
	for (size_t i = remarks.count; i-- > 0;) /* the first is the one to be heard of */
		if (remarks.remark[i].fault)
			snprintf(p->fault, sizeof p->fault, "%s", remarks.remark[i].text);
	p->has_user = p->has_password = s->auth;
	if (!s->auth)
		return;
	put(p->user, sizeof p->user, s->user);
	put(p->password, sizeof p->password, s->password);
}

/* False after a complaint. Settings that name no proxy, or are switched off, are none. */
static bool look_into_settings(struct check_proxy *p, const char *path)
{
	struct host_settings h;
	struct settings s;
	struct error err;
	char shown[200];
	int code = host_settings_open(&h, path, false, &err);
	if (code == 0)
		code = host_settings_read(&h, h.text.text, host_settings_password(&h), &s, &err);
	if (code != 0)
		complain("this host's settings: %s; name a proxy with -x HOST:PORT", err.text);
	else if (s.enabled)
		way_take_settings(p, &s, path);
	else if (h.text.exists)
		snprintf(p->said, sizeof p->said,
			 "no proxy is set, and this host's settings, %s, have none enabled",
			 escape_into(shown, sizeof shown, slice_of(path)));
	host_settings_done(&h);
	return code == 0;
}

/* ---- the password ---------------------------------------------------------------------------- */

static bool fill_purse(struct purse *purse, const char *user)
{
	const char *set = getenv(WAY_PASSWORD_VARIABLE);
	char shown[200];
	struct error err;
	if (set && strlen(set) < sizeof purse->password) {
		memcpy(purse->password, set, strlen(set) + 1);
		return true;
	}
	if (set)
		complain("%s is longer than %zu bytes", WAY_PASSWORD_VARIABLE,
			 sizeof purse->password - 1);
	else if (password_ask(escape_into(shown, sizeof shown, slice_of(user)), false,
			      purse->password, sizeof purse->password, &err) == 0)
		return true;
	else
		complain("%s", err.text);
	return false;
}

static bool find_password(struct way *way, struct purse *purse, const char *user)
{
	way->user = user;
	way->password = way->proxy.password;
	if (!user || (user == way->proxy.user && way->proxy.has_password))
		return true;
	way->password = purse->password;
	if (purse->user[0] && strcmp(purse->user, user) == 0)
		return true;
	if (!fill_purse(purse, user))
		return false;
	snprintf(purse->user, sizeof purse->user, "%s", user);
	return true;
}

bool way_find(struct way *way, struct purse *purse, const struct way_wish *wish,
	      const struct check_target *target)
{
	struct check_proxy *p = &way->proxy;
	check_choose_proxy(wish->proxy, target, variable, p);
	if (!p->is && !p->exempt && !look_into_settings(p, wish->settings))
		return false;
	const char *user = wish->user ? wish->user : p->has_user ? p->user : NULL;
	return !p->is || find_password(way, purse, user);
}
