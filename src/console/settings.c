/* The proxy settings: the article's form. The password goes in and never comes out. */
#include "console/private.h"

#include "host/settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { VERSION_SIZE = 60 };

static const char *const FIELDS[] = {
	[SETTING_HOST] = "host", [SETTING_PORT] = "port", [SETTING_ENABLED] = "enabled",
	[SETTING_AUTH] = "auth", [SETTING_USER] = "user", [SETTING_PASSWORD] = "password",
};

int form_load(const struct console *c, struct host_settings *h, struct settings *ret_settings,
	      struct error *err)
{
	int code = host_settings_open(h, c->options.settings, false, err);
	return code < 0 ? code
			: host_settings_read(h, h->text.text, host_settings_password(h),
					     ret_settings, err);
}

/* Changes with every change, so that nobody writes over what another has saved meanwhile. Whoever
 * may look sees it, so nothing of the password goes into it: its file is another after each change.
 */
static const char *write_version(char into[VERSION_SIZE], const struct host_settings *h)
{
	struct stat st = { 0 };
	uint32_t sum = 2166136261; /* FNV-1a */
	for (size_t i = 0; i < h->text.text.len; i++)
		sum = (sum ^ h->text.text.at[i]) * 16777619;
	(void)stat(h->password_path, &st); /* it may not be there */
	snprintf(into, VERSION_SIZE, "%08x-%llx-%llx.%lx", sum, (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec);
	return into;
}

static void say_remarks(struct request *r, const struct settings_remarks *all)
{
	json_open(&r->out, "remarks", '[');
	for (size_t i = 0; i < all->count; i++) {
		json_open(&r->out, NULL, '{');
		json_word(&r->out, "field", FIELDS[all->remark[i].about]);
		json_bool(&r->out, "fault", all->remark[i].fault);
		json_word(&r->out, "text", all->remark[i].text);
		json_close(&r->out, '}');
	}
	json_close(&r->out, ']');
}

static void say(struct request *r, struct host_settings *h, const struct settings *s)
{
	struct settings_remarks remarks;
	char version[VERSION_SIZE], port[12] = "";
	if (s->port)
		snprintf(port, sizeof port, "%u", s->port);
	buffer_reset(&r->out);
	json_open(&r->out, NULL, '{');
	json_word(&r->out, "version", write_version(version, h));
	json_bool(&r->out, "enabled", s->enabled);
	json_text(&r->out, "host", s->host);
	json_word(&r->out, "port", port);
	json_bool(&r->out, "auth", s->auth);
	json_text(&r->out, "user", s->user);
	json_bool(&r->out, "has_password", host_settings_password(h).len > 0);
	json_word(&r->out, "file", h->path);
	settings_check(s, &remarks);
	say_remarks(r, &remarks);
	json_close(&r->out, '}');
}

/* As they are saved. */
static void answer_form(struct request *r)
{
	struct host_settings h;
	struct settings s;
	struct error err;
	int code = form_load(r->console, &h, &s, &err);
	if (code == 0) {
		say(r, &h, &s);
		answer_json(r, 200);
	} else {
		answer_trouble(r, &err);
	}
	host_settings_done(&h);
}

void form_get(struct request *r)
{
	pthread_mutex_lock(&r->console->settings_lock);
	answer_form(r);
	pthread_mutex_unlock(&r->console->settings_lock);
}

/* ---- saving -------------------------------------------------------------------------------- */

struct change {
	struct host_settings on_disk;
	struct buffer text;
	struct slice password;
	struct settings settings;
};

static int set(struct change *c, enum settings_name name, struct slice value, struct error *err)
{
	struct buffer next;
	buffer_init(&next, SETTINGS_MAX_TEXT);
	int code = value.len ? settings_set(buffer_slice(&c->text), name, value, &next, err)
			     : settings_unset(buffer_slice(&c->text), name, &next, err);
	if (code < 0) {
		buffer_done(&next);
		return code;
	}
	buffer_done(&c->text);
	c->text = next;
	return 0;
}

static struct slice text_of(const struct request *r, const char *name)
{
	const struct json_member *m = json_find(&r->json, name, JSON_TEXT);
	return m ? slice_trim(m->text) : (struct slice){ 0 };
}

static bool switch_of(const struct request *r, const char *name)
{
	const struct json_member *m = json_find(&r->json, name, JSON_BOOL);
	return m && m->yes;
}

/* Nothing that can't work is saved: what is in the way is said beside its field. */
static void refuse(struct request *r, const struct settings_remarks *why)
{
	buffer_reset(&r->out);
	json_open(&r->out, NULL, '{');
	json_word(&r->out, "error", "with these the proxy can't work");
	say_remarks(r, why);
	json_close(&r->out, '}');
	answer_json(r, 422);
}

/* What has no place in the text is said as settings_check would. */
static void refuse_field(struct request *r, int field, const char *text)
{
	struct settings_remarks why = { .remark[0] = { .about = field, .fault = true },
					.count = 1 };
	snprintf(why.remark[0].text, sizeof why.remark[0].text, "%s", text);
	refuse(r, &why);
}

static bool take_form(struct request *r, struct change *c)
{
	const struct json_member *password = json_find(&r->json, "password", JSON_TEXT);
	const struct slice values[SETTINGS_NAMES] = {
		[SETTING_HOST] = text_of(r, "host"),
		[SETTING_PORT] = text_of(r, "port"),
		[SETTING_ENABLED] = switch_of(r, "enabled") ? SLICE("yes") : SLICE("no"),
		[SETTING_AUTH] = switch_of(r, "auth") ? SLICE("yes") : SLICE("no"),
		[SETTING_USER] = text_of(r, "user"),
	};
	struct slice port = values[SETTING_PORT];
	uint64_t number;
	if (port.len &&
	    (!slice_parse_u64(port, 10, &number) || number == 0 || number > UINT16_MAX)) {
		refuse_field(r, SETTING_PORT, "the port is a number from 1 to 65535");
		return false;
	}
	for (int i = 0; i < SETTINGS_NAMES; i++) {
		struct error err;
		if (set(c, (enum settings_name)i, values[i], &err) < 0) {
			refuse_field(r, i, err.text);
			return false;
		}
	}
	if (password)
		c->password = password->text;
	return true;
}

/* False: they can't, and that was answered. */
static bool can_work(struct request *r, const struct change *c)
{
	struct settings_remarks remarks;
	settings_check(&c->settings, &remarks);
	if (remarks.faulty)
		refuse(r, &remarks);
	return !remarks.faulty;
}

/* Tries them, and asks where they don't work; true: nothing speaks against them. */
static bool does_work(struct request *r, const struct change *c)
{
	struct buffer record;
	struct error err;
	bool failed = false;
	if (!c->settings.enabled || switch_of(r, "confirmed"))
		return true;
	buffer_init(&record, MOST_ANSWER);
	int code = tests_try(r, &c->settings, &record, &failed, &err);
	if (code == 0 && !failed) {
		buffer_done(&record);
		return true;
	}
	buffer_reset(&r->out);
	json_open(&r->out, NULL, '{');
	json_word(&r->out, "error", code < 0 ? err.text : "a test with these settings fails");
	json_bool(&r->out, "confirm", true);
	if (code == 0)
		json_raw(&r->out, "record", buffer_slice(&record));
	json_close(&r->out, '}');
	answer_json(r, 409);
	buffer_done(&record);
	return false;
}

static int begin_change(struct request *r, struct change *c, struct error *err)
{
	char version[VERSION_SIZE];
	const struct json_member *known = json_find(&r->json, "version", JSON_TEXT);
	buffer_init(&c->text, SETTINGS_MAX_TEXT);
	int code = host_settings_open(&c->on_disk, r->console->options.settings, true, err);
	if (code < 0)
		return code;
	write_version(version, &c->on_disk);
	if (!known || !slice_equal(known->text, slice_of(version)))
		return err_set(err, -ESTALE,
			       "somebody else has changed the settings meanwhile: load them again");
	c->password = host_settings_password(&c->on_disk);
	buffer_add(&c->text, c->on_disk.text.text);
	return 0;
}

static void save(struct request *r, struct change *c)
{
	struct error err;
	char what[400];
	int code = host_settings_save(&c->on_disk, buffer_slice(&c->text), c->password, &err);
	if (code < 0) {
		answer_trouble(r, &err);
		return;
	}
	snprintf(what, sizeof what, "%s %.*s:%u%s%.*s%s", c->settings.enabled ? "on" : "off",
		 (int)(c->settings.host.len < 255 ? c->settings.host.len : 255),
		 c->settings.host.at ? (const char *)c->settings.host.at : "", c->settings.port,
		 c->settings.auth ? ", as " : "",
		 (int)(c->settings.auth ? c->settings.user.len : 0),
		 c->settings.user.at ? (const char *)c->settings.user.at : "",
		 json_find(&r->json, "password", JSON_TEXT) ? ", with a new password" : "");
	audit_add(r, r->session.user, "settings-saved", slice_of(what));
	answer_form(r);
}

void form_put(struct request *r)
{
	struct change c = { .password = { 0 } };
	struct error err;
	pthread_mutex_lock(&r->console->settings_lock);
	int code = begin_change(r, &c, &err);
	if (code == 0 && take_form(r, &c)) {
		code = host_settings_read(&c.on_disk, buffer_slice(&c.text), c.password,
					  &c.settings, &err);
		if (code == 0 && can_work(r, &c) && does_work(r, &c))
			save(r, &c);
	}
	if (code < 0)
		answer_trouble(r, &err);
	buffer_done(&c.text);
	host_settings_done(&c.on_disk);
	pthread_mutex_unlock(&r->console->settings_lock);
}
