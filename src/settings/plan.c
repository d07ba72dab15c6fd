/* The table of files, and what each of them is to hold. */
#include "settings/plan.h"

#include "settings/json.h"
#include "settings/lines.h"

#include <errno.h>

#define OWN_HEAD "# Written by viaduct settings apply, and taken away by viaduct settings undo.\n"
#define NO_PROXY "localhost,127.0.0.1,::1" /* what no proxy can reach for us */

static const struct lines_form ENVIRONMENT = { .prefix = "export ", .ends = "=" };
static const struct lines_form CURL = { .ends = "=:", .dashes = true };
static const struct lines_form WGET = { .ends = "=", .folds = true };
static const struct lines_form GIT = { .section = "http", .ends = "=", .folds = true };
static const struct lines_form NPM = { .ends = "=", .at_start = true };
static const struct lines_form PIP = { .section = "global", .ends = "=:", .indented = true };

/* ---- the URL ------------------------------------------------------------------------------- */

static void add_escaped(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.at[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
		if (plain)
			buffer_add_byte(out, c);
		else
			buffer_printf(out, "%%%02X", c);
	}
}

void plan_add_host(struct buffer *out, const struct settings *s)
{
	bool is_v6 = slice_find_byte(s->host, ':') < s->host.len;
	buffer_add_text(out, is_v6 ? "[" : "");
	buffer_add(out, s->host);
	buffer_printf(out, "%s:%u", is_v6 ? "]" : "", s->port);
}

void plan_add_url(struct buffer *out, const struct settings *s)
{
	buffer_add_text(out, "http://");
	if (s->auth) {
		add_escaped(out, s->user);
		buffer_add_text(out, s->password.len > 0 ? ":" : "");
		add_escaped(out, s->password);
		buffer_add_byte(out, '@');
	}
	plan_add_host(out, s);
}

/* ---- texts --------------------------------------------------------------------------------- */

/* What a target's function is given. */
struct task {
	const struct settings *settings;
	struct slice url, before;
	struct buffer *out;
};

/* A key whose line ends in the URL. */
struct url_key {
	const char *key;
	enum lines_when when;
	const char *before, *after; /* of the line */
	bool plain;                 /* there is no URL in it */
};

enum { MAX_KEYS = 8, MAX_LINE = 1 << 12 };

static bool edit_lines(const struct task *t, const struct lines_form *form,
		       const struct url_key *keys, size_t count)
{
	struct buffer line[MAX_KEYS];
	struct lines_key key[MAX_KEYS] = { 0 };
	size_t used = 0;
	for (const struct url_key *k = keys; k < keys + count; k++) {
		if (!t->settings->enabled && k->when == LINES_IF_ABSENT)
			continue; /* it does no harm without a proxy */
		struct buffer *text = &line[used];
		buffer_init(text, MAX_LINE);
		buffer_add_text(text, k->before);
		buffer_add(text, k->plain ? SLICE("") : t->url);
		buffer_add_text(text, k->after);
		t->out->failed |= text->failed;
		key[used++] =
			(struct lines_key){ k->key, t->settings->enabled ? k->when : LINES_DROP,
					    buffer_slice(text) };
	}
	lines_edit(t->before, form, key, used, t->out);
	for (size_t i = 0; i < used; i++)
		buffer_wipe(&line[i]);
	return true;
}

#define KEYS(table) table, sizeof table / sizeof *table

static bool plan_environment(const struct task *t)
{
	static const struct url_key keys[] = {
		{ "http_proxy", LINES_SET, "http_proxy=", "", false },
		{ "https_proxy", LINES_SET, "https_proxy=", "", false },
		{ "HTTP_PROXY", LINES_IF_PRESENT, "HTTP_PROXY=", "", false },
		{ "HTTPS_PROXY", LINES_IF_PRESENT, "HTTPS_PROXY=", "", false },
		{ "no_proxy", LINES_IF_ABSENT, "no_proxy=" NO_PROXY, "", true },
	};
	return edit_lines(t, &ENVIRONMENT, KEYS(keys));
}

/* Basic or Digest, whichever the proxy offers. */
static bool plan_curl(const struct task *t)
{
	const struct url_key keys[] = {
		{ "proxy", LINES_SET, "proxy = \"", "\"", false },
		{ "proxy-anyauth", t->settings->auth ? LINES_SET : LINES_DROP, "proxy-anyauth", "",
		  true },
		{ "x", LINES_DROP, "", "", true },
		{ "proxy-user", LINES_DROP, "", "", true },
		{ "U", LINES_DROP, "", "", true },
		{ "proxy-basic", LINES_DROP, "", "", true },
		{ "proxy-digest", LINES_DROP, "", "", true },
		{ "proxy-ntlm", LINES_DROP, "", "", true },
	};
	return edit_lines(t, &CURL, KEYS(keys));
}

static bool plan_wget(const struct task *t)
{
	static const struct url_key keys[] = {
		{ "use_proxy", LINES_SET, "use_proxy = on", "", true },
		{ "http_proxy", LINES_SET, "http_proxy = ", "", false },
		{ "https_proxy", LINES_SET, "https_proxy = ", "", false },
		{ "proxy_user", LINES_DROP, "", "", true },
		{ "proxy_password", LINES_DROP, "", "", true },
		{ "proxy_passwd", LINES_DROP, "", "", true },
	};
	return edit_lines(t, &WGET, KEYS(keys));
}

static bool plan_git(const struct task *t)
{
	static const struct url_key keys[] = { { "proxy", LINES_SET, "\tproxy = ", "", false } };
	return edit_lines(t, &GIT, KEYS(keys));
}

static bool plan_npm(const struct task *t)
{
	static const struct url_key keys[] = {
		{ "proxy", LINES_SET, "proxy=", "", false },
		{ "https-proxy", LINES_SET, "https-proxy=", "", false },
		{ "http-proxy", LINES_DROP, "", "", true },
	};
	return edit_lines(t, &NPM, KEYS(keys));
}

static bool plan_pip(const struct task *t)
{
	static const struct url_key keys[] = { { "proxy", LINES_SET, "proxy = ", "", false } };
	return edit_lines(t, &PIP, KEYS(keys));
}

/* The files that are viaduct's alone: %s of the template is the URL; nothing when there is no
 * proxy. */
static bool write_own(const struct task *t, const char *template, bool doubled)
{
	if (!t->settings->enabled)
		return true;
	for (const char *p = template; *p; p++) {
		if (*p != '@') {
			buffer_add_byte(t->out, (uint8_t)*p);
			continue;
		}
		for (size_t i = 0; i < t->url.len; i++) {
			buffer_add_byte(t->out, t->url.at[i]);
			if (doubled && t->url.at[i] == '%') /* systemd.unit(5), "Specifiers" */
				buffer_add_byte(t->out, '%');
		}
	}
	return true;
}

static bool plan_profile(const struct task *t)
{
	return write_own(t,
			 OWN_HEAD "export http_proxy=\"@\" https_proxy=\"@\"\n"
				  "export no_proxy=\"${no_proxy:-${NO_PROXY:-" NO_PROXY "}}\"\n",
			 false);
}

static bool plan_apt(const struct task *t)
{
	return write_own(t,
			 OWN_HEAD "Acquire::http::Proxy \"@\";\n"
				  "Acquire::https::Proxy \"@\";\n",
			 false);
}

static bool plan_systemd(const struct task *t)
{
	return write_own(t,
			 OWN_HEAD "[Manager]\nDefaultEnvironment=\"http_proxy=@\" "
				  "\"https_proxy=@\" \"no_proxy=" NO_PROXY "\"\n",
			 true);
}

static bool plan_docker_daemon(const struct task *t)
{
	return write_own(t,
			 OWN_HEAD "[Service]\nEnvironment=\"HTTP_PROXY=@\" \"HTTPS_PROXY=@\" "
				  "\"NO_PROXY=" NO_PROXY "\"\n",
			 true);
}

static bool plan_docker_client(const struct task *t)
{
	static const char *const HTTP[] = { "proxies", "default", "httpProxy", NULL };
	static const char *const HTTPS[] = { "proxies", "default", "httpsProxy", NULL };
	struct slice url = t->settings->enabled ? t->url : (struct slice){ 0 };
	struct buffer half;
	if (!url.at && slice_trim(t->before).len == 0)
		return true; /* nothing to take out of nothing */
	buffer_init(&half, PLAN_MAX_TEXT);
	bool fine = json_set_string(t->before, HTTP, url, &half) &&
		    json_set_string(buffer_slice(&half), HTTPS, url, t->out);
	t->out->failed |= half.failed;
	buffer_wipe(&half);
	return fine;
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct {
	struct plan_target target;
	bool (*plan)(const struct task *t); /* false: the text is not of the form */
	bool own;
} TARGETS[PLAN_TARGETS] = {
	{ { "environment", "/etc/environment", "at the next login" }, plan_environment, false },
	{ { "environment", "/etc/profile.d/viaduct-proxy.sh", "at the next login" },
	  plan_profile,
	  true },
	{ { "curl", "~/.curlrc", "at once" }, plan_curl, false },
	{ { "wget", "/etc/wgetrc", "at once" }, plan_wget, false },
	{ { "git", "/etc/gitconfig", "at once" }, plan_git, false },
	{ { "apt", "/etc/apt/apt.conf.d/99viaduct-proxy", "at once" }, plan_apt, true },
	{ { "npm", "~/.npmrc", "at once" }, plan_npm, false },
	{ { "pip", "/etc/pip.conf", "at once" }, plan_pip, false },
	{ { "docker", "~/.docker/config.json", "in new containers and builds" },
	  plan_docker_client,
	  false },
	{ { "docker", "/etc/systemd/system/docker.service.d/viaduct-proxy.conf",
	    "after systemctl daemon-reload && systemctl restart docker" },
	  plan_docker_daemon,
	  true },
	{ { "systemd", "/etc/systemd/system.conf.d/viaduct-proxy.conf",
	    "after systemctl daemon-reexec, in services that are then started anew" },
	  plan_systemd,
	  true },
};

const struct plan_target *plan_target(size_t index)
{
	return &TARGETS[index].target;
}

int plan_text(size_t index, const struct settings *s, struct slice before, struct buffer *out,
	      bool *ret_exists, struct error *err)
{
	struct buffer url;
	buffer_init(&url, 1 << 12);
	if (s->enabled)
		plan_add_url(&url, s);
	struct task t = { s, buffer_slice(&url), before, out };
	bool fine = TARGETS[index].plan(&t);
	out->failed |= url.failed;
	buffer_wipe(&url);
	if (!fine)
		return err_set(err, -EINVAL, "%s is no JSON object, and is left alone",
			       TARGETS[index].target.path);
	if (out->failed)
		return err_set(err, -ENOMEM, "%s would be too large", TARGETS[index].target.path);
	*ret_exists = TARGETS[index].own ? s->enabled : out->len > 0 || before.at;
	return 0;
}
