/* What other rooms tell of this host as JSON: its connections to the proxy, the profiles it has. */
#include "console/private.h"

#include "host/settings_file.h"

#include <errno.h>

static void say(struct request *r, const struct settings *s, struct slice lines)
{
	json_open(&r->out, NULL, '{');
	json_text(&r->out, "host", s->host);
	json_number(&r->out, "port", s->port);
	json_open(&r->out, "connections", '[');
	while (lines.len > 0) {
		struct slice line = slice_line(&lines);
		if (line.len)
			json_raw(&r->out, NULL, line);
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}

void profiles_get(struct request *r)
{
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "profiles", '[');
	r->console->options.work.profiles(&r->out);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}

void live_get(struct request *r)
{
	struct host_settings h;
	struct settings s;
	struct buffer lines;
	struct error err;
	buffer_init(&lines, MOST_ANSWER);
	int code = form_load(r->console, &h, &s, &err);
	if (code == 0 && (s.host.len == 0 || s.port == 0))
		code = err_set(&err, -ENOENT, "the settings name no proxy");
	if (code == 0)
		code = r->console->options.work.connections(s.host, (uint16_t)s.port, &lines, &err);
	if (code == 0)
		say(r, &s, buffer_slice(&lines));
	else
		answer_trouble(r, &err);
	host_settings_done(&h);
	buffer_done(&lines);
}
