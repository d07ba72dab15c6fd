/* viaduct settings set, unset: the text and the password as they are to be, judged before either is
 * written. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/password.h"
#include "cli/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = SETTINGS_NAMES + 1, PASSWORD = SETTINGS_NAMES };

static const char *const NAME[NAMES] = {
	[SETTING_HOST] = "host", [SETTING_PORT] = "port", [SETTING_ENABLED] = "enabled",
	[SETTING_AUTH] = "auth", [SETTING_USER] = "user", [PASSWORD] = "password",
};

/* The settings being changed: text moves from one buffer to the next, entry by entry. */
struct change {
	struct host_settings on_disk;
	struct buffer text;
	char password[1024]; /* password_ask wants room to say that one is too long */
	bool ask;
};

static int change_begin(struct change *c, const char *path, struct error *err)
{
	c->ask = false;
	c->password[0] = 0;
	buffer_init(&c->text, SETTINGS_MAX_TEXT);
	int code = host_settings_open(&c->on_disk, path, true, err);
	if (code < 0)
		return code;
	struct slice password = host_settings_password(&c->on_disk);
	memcpy(c->password, password.at ? (const void *)password.at : "", password.len);
	c->password[password.len] = 0;
	buffer_add(&c->text, c->on_disk.text.text);
	return 0;
}

static void change_end(struct change *c)
{
	explicit_bzero(c->password, sizeof c->password);
	buffer_done(&c->text);
	host_settings_done(&c->on_disk);
}

/* value NULL: the entry goes. */
static int change_entry(struct change *c, enum settings_name name, const char *value,
			struct error *err)
{
	struct buffer next;
	struct error inner = { 0 };
	buffer_init(&next, SETTINGS_MAX_TEXT);
	int code =
		value ? settings_set(buffer_slice(&c->text), name, slice_of(value), &next, &inner)
		      : settings_unset(buffer_slice(&c->text), name, &next, &inner);
	if (code < 0) {
		buffer_done(&next);
		return err_set(err, code, "%s: %s", c->on_disk.path, inner.text);
	}
	buffer_done(&c->text);
	c->text = next;
	return 0;
}

/* Judges, and writes what can work. */
static int change_save(struct change *c, struct error *err)
{
	struct settings s;
	struct slice password = slice_of(c->password);
	int code = host_settings_read(&c->on_disk, buffer_slice(&c->text), password, &s, err);
	if (code == 0)
		code = settings_must_work(&s, "nothing is changed: with these the proxy", err);
	return code < 0 ? code
			: host_settings_save(&c->on_disk, buffer_slice(&c->text), password, err);
}

static int ask_password(struct change *c, struct error *err)
{
	struct settings s;
	char user[SETTINGS_MAX_USER * 4];
	int code = host_settings_read(&c->on_disk, buffer_slice(&c->text), slice_of(""), &s, err);
	if (code < 0)
		return code;
	return password_ask(s.user.len ? escape_into(user, sizeof user, s.user) : "the proxy", true,
			    c->password, sizeof c->password, err);
}

/* ---- words --------------------------------------------------------------------------------- */

/* The name that `len` bytes of the word are; -1 after an error. */
static int name_of(const char *word, size_t len, struct error *err)
{
	char name[40], shown[120];
	snprintf(name, sizeof name, "%.*s", (int)len, word);
	for (int i = 0; i < NAMES; i++)
		if (strcmp(name, NAME[i]) == 0)
			return i;
	const char *near = nearest_word(name, NAME, NAMES);
	escape_into(shown, sizeof shown, slice_of(name));
	err_set(err, -EINVAL,
		near ? "there is no setting '%s'; did you mean '%s'?"
		     : "there is no setting '%s': enabled, host, port, auth, user, password",
		shown, near);
	return -1;
}

/* A switch or a port that is none is refused here, before the text would be. */
static int check_value(int name, const char *value, struct error *err)
{
	bool on;
	uint64_t port;
	char shown[120];
	struct slice v = slice_of(value);
	escape_into(shown, sizeof shown, v);
	if (v.len == 0)
		return err_set(err, -EINVAL, "%s has no value; to forget it: unset %s", NAME[name],
			       NAME[name]);
	if ((name == SETTING_ENABLED || name == SETTING_AUTH) && !settings_parse_switch(v, &on))
		return err_set(err, -EINVAL, "%s is yes or no, not '%s'", NAME[name], shown);
	if (name == SETTING_PORT &&
	    (!slice_parse_u64(v, 10, &port) || port == 0 || port > UINT16_MAX))
		return err_set(err, -EINVAL, "port is a number from 1 to 65535, not '%s'", shown);
	return 0;
}

static int set_one(struct change *c, const char *word, struct error *err)
{
	size_t len = strcspn(word, "=");
	int name = name_of(word, len, err);
	if (name < 0)
		return -EINVAL;
	if (name == PASSWORD && word[len])
		return err_set(err, -EINVAL,
			       "a password is no argument, where all could see it: write "
			       "'password' alone, and it is asked for");
	if (name == PASSWORD) {
		c->ask = true;
		return 0;
	}
	if (!word[len])
		return err_set(err, -EINVAL, "%s needs a value: %s=VALUE", NAME[name], NAME[name]);
	int code = check_value(name, word + len + 1, err);
	return code < 0 ? code : change_entry(c, (enum settings_name)name, word + len + 1, err);
}

static int unset_one(struct change *c, const char *word, struct error *err)
{
	bool all = strcmp(word, "all") == 0;
	int name = all ? 0 : name_of(word, strlen(word), err), code = 0;
	if (name < 0)
		return -EINVAL;
	for (int i = 0; code == 0 && i < SETTINGS_NAMES; i++)
		if (all || i == name)
			code = change_entry(c, (enum settings_name)i, NULL, err);
	if (all || name == PASSWORD)
		explicit_bzero(c->password, sizeof c->password);
	return code;
}

static int change(const struct settings_wish *w, int argc, char **argv,
		  int (*one)(struct change *c, const char *word, struct error *err))
{
	struct change c;
	struct error err;
	int code = change_begin(&c, w->file, &err);
	for (int i = 0; code == 0 && i < argc; i++)
		code = one(&c, argv[i], &err);
	if (code == 0 && c.ask)
		code = ask_password(&c, &err);
	if (code == 0)
		code = change_save(&c, &err);
	change_end(&c);
	if (code == 0)
		return EXIT_FINE;
	complain("%s", err.text);
	return EXIT_TROUBLE;
}

int settings_change_set(const struct settings_wish *w, int argc, char **argv)
{
	if (argc > 0)
		return change(w, argc, argv, set_one);
	complain("what is to be set? host=ADDRESS port=NUMBER; --help tells more");
	return EXIT_TROUBLE;
}

int settings_change_unset(const struct settings_wish *w, int argc, char **argv)
{
	if (argc > 0)
		return change(w, argc, argv, unset_one);
	complain("what is to be forgotten? host, port, ..., or all");
	return EXIT_TROUBLE;
}
