/* Logging in and out. */
#include "console/private.h"

#include "base/escape.h"
#include "console/users.h"

#include <errno.h>
#include <stdio.h>

/* Who it is, and what the pages have to know before anything else. */
static void say(struct request *r, const struct access_session *s)
{
	buffer_reset(&r->out);
	json_open(&r->out, NULL, '{');
	json_bool(&r->out, "logged_in", s->token[0] != 0);
	if (s->token[0]) {
		json_word(&r->out, "user", s->user);
		json_word(&r->out, "role", access_role_name(s->role));
		json_word(&r->out, "proof", s->proof);
		json_word(&r->out, "target", r->console->options.target);
		json_number(&r->out, "most_capture", (int64_t)r->console->options.most_capture);
	}
	json_close(&r->out, '}');
}

void session_get(struct request *r)
{
	say(r, &r->session);
	answer_json(r, 200);
}

void session_login(struct request *r)
{
	const struct json_member *user = json_find(&r->json, "user", JSON_TEXT);
	const struct json_member *password = json_find(&r->json, "password", JSON_TEXT);
	struct access_session s;
	struct error err;
	char shown[100];
	unsigned wait;
	if (!user || !password) {
		answer_error(r, 400, "a login has user and password");
		return;
	}
	escape_into(shown, sizeof shown, user->text);
	int code = access_login(r->console->access, &r->from, user->text, password->text, r->now,
				&s, &wait, &err);
	explicit_bzero((void *)password->text.at, password->text.len);
	audit_add(r, shown, code == 0 ? "logged-in" : "login-refused",
		  slice_of(code == 0 ? "" : err.text));
	r->retry_after = wait;
	if (code < 0) {
		answer_error(r,
			     code == -EACCES   ? 401
			     : code == -EAGAIN ? 429
					       : 500,
			     "%s", err.text);
		return;
	}
	say(r, &s);
	answer_with(r, 200, answer_begin_session(r, s.token), "application/json");
}

void session_logout(struct request *r)
{
	audit_add(r, r->session.user, "logged-out", slice_of(""));
	access_logout(r->console->access, slice_of(r->session.token));
	buffer_reset(&r->out);
	answer_with(r, 204, answer_begin_session(r, ""), NULL);
}
