/* Most of it is plan.h's; what no file of this host holds is made here. */
#include "settings/export.h"

#include "base/escape.h"
#include "settings/plan.h"

static const struct {
	struct export_format format;
	const char *path; /* of the plan's target; NULL: it has none */
} FORMATS[EXPORT_FORMATS] = {
	{ { "env", "commands for a shell", false }, "/etc/profile.d/viaduct-proxy.sh" },
	{ { "environment", "lines of /etc/environment", false }, "/etc/environment" },
	{ { "curl", "lines of ~/.curlrc", false }, "~/.curlrc" },
	{ { "wget", "lines of wgetrc", false }, "/etc/wgetrc" },
	{ { "git", "a section of gitconfig", false }, "/etc/gitconfig" },
	{ { "apt", "a file of /etc/apt/apt.conf.d", false },
	  "/etc/apt/apt.conf.d/99viaduct-proxy" },
	{ { "npm", "lines of ~/.npmrc", false }, "~/.npmrc" },
	{ { "pip", "a section of pip.conf", false }, "/etc/pip.conf" },
	{ { "docker", "~/.docker/config.json, for containers and builds", false },
	  "~/.docker/config.json" },
	{ { "dockerd", "a drop-in of docker.service", false },
	  "/etc/systemd/system/docker.service.d/viaduct-proxy.conf" },
	{ { "systemd", "a drop-in of system.conf", false },
	  "/etc/systemd/system.conf.d/viaduct-proxy.conf" },
	{ { "pac", "a proxy auto-configuration file, for browsers", true }, NULL },
	{ { "json", "one object for programs", false }, NULL },
};

const struct export_format *export_format(size_t index)
{
	return &FORMATS[index].format;
}

static int export_plan(const char *path, const struct settings *s, struct buffer *out,
		       struct error *err)
{
	size_t target = 0;
	bool exists;
	struct buffer text;
	while (strcmp(plan_target(target)->path, path) != 0)
		target++;
	buffer_init(&text, PLAN_MAX_TEXT);
	int code = plan_text(target, s, SLICE(""), &text, &exists, err);
	struct slice rest = buffer_slice(&text);
	if (slice_starts(rest, SLICE("#"))) /* that apply wrote it is not so here */
		slice_cut(&rest, '\n');
	buffer_add(out, rest);
	buffer_wipe(&text);
	return code;
}

static void add_pac(struct buffer *out, const struct settings *s)
{
	buffer_add_text(out, "function FindProxyForURL(url, host) {\n"
			     "\tif (host == \"localhost\" || host == \"127.0.0.1\" || host == "
			     "\"::1\" || host == \"[::1]\")\n"
			     "\t\treturn \"DIRECT\";\n"
			     "\treturn \"PROXY ");
	plan_add_host(out, s);
	buffer_add_text(out, "\";\n}\n");
}

static void add_json(struct buffer *out, const struct settings *s)
{
	buffer_add_text(out, "{\"v\":1,\"url\":\"");
	plan_add_url(out, s);
	buffer_add_byte(out, '"');
	escape_json_member(out, "host", s->host);
	buffer_printf(out, ",\"port\":%u", s->port);
	if (s->auth)
		escape_json_member(out, "user", s->user);
	if (s->auth && s->password.len > 0)
		escape_json_member(out, "password", s->password);
	buffer_add_text(out, ",\"except\":[\"localhost\",\"127.0.0.1\",\"::1\"]}\n");
}

int export_text(size_t format, const struct settings *s, struct buffer *out, struct error *err)
{
	if (FORMATS[format].path)
		return export_plan(FORMATS[format].path, s, out, err);
	if (FORMATS[format].format.secretless)
		add_pac(out, s);
	else
		add_json(out, s);
	return 0;
}
