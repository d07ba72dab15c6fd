/* The rows: the settings', the environments', the tools', what is for single targets, and the
 * services and processes. */
#include "settings/audit.h"

#include "settings/audit_parts.h"

#include <errno.h>

const char *audit_name(enum said_who who)
{
	static const char *const NAMES[SAID_WHO_COUNT] = {
		[SAID_BY_SHELL] = "this shell",  [SAID_BY_LOGIN] = "logins",
		[SAID_BY_MANAGER] = "systemd",   [SAID_BY_UNIT] = "a unit",
		[SAID_BY_PROCESS] = "a process", [SAID_BY_CURL] = "curl",
		[SAID_BY_WGET] = "wget",         [SAID_BY_GIT] = "git",
		[SAID_BY_APT] = "apt",           [SAID_BY_NPM] = "npm",
		[SAID_BY_PIP] = "pip",           [SAID_BY_DOCKER] = "docker",
		[SAID_BY_DOCKERD] = "dockerd",
	};
	return NAMES[who];
}

/* ---- a row --------------------------------------------------------------------------------- */

static struct audit_row *new_row(struct audit_work *w, struct audit_row **first, struct slice who,
				 enum said_who of, enum said_use use, const struct said *said)
{
	struct audit_row *row = arena_alloc(w->arena, sizeof *row);
	if (!row) {
		w->failed = true;
		return NULL;
	}
	*row = (struct audit_row){
		.of = of, .who = who, .use = use, .said = said, .compared = true, .direct = true
	};
	while (*first)
		first = &(*first)->next;
	*first = row;
	return row;
}

static struct slice unescaped(struct audit_work *w, struct slice s)
{
	struct buffer out;
	buffer_init(&out, s.len + 1);
	proxy_url_unescape(&out, s);
	struct slice kept = arena_copy(w->arena, buffer_slice(&out));
	w->failed |= out.failed || kept.len != out.len;
	buffer_wipe(&out);
	return kept;
}

static void fill(struct audit_work *w, struct audit_row *row, struct slice value)
{
	if (value.len == 0 || slice_equal_nocase(value, SLICE("DIRECT")))
		return;
	row->direct = false;
	proxy_url_read(value, &row->url);
	row->user = unescaped(w, row->url.user);
	row->password = unescaped(w, row->url.password);
}

/* User and password that a tool is told apart from the URL. wget takes both or none of them, before
 * the URL's; curl takes them where the URL has none. */
static void fill_apart(struct audit_work *w, struct audit_row *row)
{
	const struct said *user = NULL, *password = NULL;
	for (const struct said *s = w->facts->list->first; s; s = s->next) {
		user = s->who == row->of && s->use == SAID_USER ? s : user;
		password = s->who == row->of && s->use == SAID_PASSWORD ? s : password;
	}
	bool kept = row->of == SAID_BY_WGET ? !user || !password : row->url.has_user;
	if (row->direct || row->url.fault || !user || kept)
		return;
	row->url.has_user = true;
	row->url.user = row->user = user->value;
	row->url.has_password = password != NULL;
	row->password = password ? password->value : (struct slice){ 0 };
	row->url.unescaped = false;
}

static bool same_value(const struct said *a, const struct said *b)
{
	return a == b || (a && b && slice_equal(a->value, b->value) && a->use != SAID_OFF &&
			  b->use != SAID_OFF);
}

static struct audit_row *add_proxy(struct audit_work *w, struct slice who, enum said_who of,
				   enum said_use use, const struct said *said)
{
	struct audit_row *row = new_row(w, &w->audit->proxies, who, of, use, said);
	if (row && said && said->use != SAID_OFF)
		fill(w, row, said->value);
	return row;
}

/* What is wrong with an environment is said there, not of each tool that reads it. */
static void judge(struct audit_work *w, struct audit_row *row)
{
	if (row->said && row->said->who != row->of)
		return;
	audit_judge_proxy(w, row);
	if (row->use & SAID_HTTP)
		audit_judge_case(w, row, SAID_HTTP);
	if (row->use & SAID_HTTPS)
		audit_judge_case(w, row, SAID_HTTPS);
}

/* One row where http: and https: have the same, else two. */
static void add_pair(struct audit_work *w, struct slice who, enum said_who of,
		     const struct said *http, const struct said *https)
{
	bool same = same_value(http, https);
	for (int i = 0; i < (same ? 1 : 2); i++) {
		const struct said *said = i ? https : http;
		enum said_use use = same ? SAID_ALL : i ? SAID_HTTPS : SAID_HTTP;
		struct audit_row *row = add_proxy(w, who, of, use, said);
		if (!row)
			return;
		fill_apart(w, row);
		judge(w, row);
	}
}

static void add_list(struct audit_work *w, struct slice who, enum said_who of,
		     const struct said *said)
{
	struct audit_row *row =
		said ? new_row(w, &w->audit->exceptions, who, of, SAID_EXCEPT, said) : NULL;
	if (!row)
		return;
	row->list = said->value;
	row->compared = !said->broken && !said->unsure;
	audit_judge_exceptions(w, row);
}

/* ---- who ----------------------------------------------------------------------------------- */

static void add_settings(struct audit_work *w)
{
	const struct settings *s = w->facts->settings;
	if (!s)
		return;
	struct audit_row *row =
		new_row(w, &w->audit->proxies, SLICE("settings"), SAID_WHO_COUNT, SAID_ALL, NULL);
	if (!row || !s->enabled)
		return;
	row->direct = false;
	row->url = (struct proxy_url){ .host = s->host,
				       .port = s->port,
				       .user = s->auth ? s->user : (struct slice){ 0 },
				       .has_user = s->auth,
				       .has_password = s->auth };
	row->user = row->url.user;
	row->password = s->auth ? s->password : (struct slice){ 0 };
	if (!w->facts->hidden_password)
		audit_judge_settings(w, row, s);
}

static void add_environment(struct audit_work *w, enum said_who who, struct slice group)
{
	static const char *const HTTP[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" };
	static const char *const HTTPS[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
					     "ALL_PROXY" };
	static const char *const EXCEPT[] = { "no_proxy", "NO_PROXY" };
	const struct said_list *list = w->facts->list;
	struct slice name = group.len > 0 ? group : slice_of(audit_name(who));
	const struct said *http = audit_variable(list, who, group, HTTP, 4);
	const struct said *https = audit_variable(list, who, group, HTTPS, 4);
	if (http || https || who == SAID_BY_LOGIN || who == SAID_BY_SHELL)
		add_pair(w, name, who, http, https);
	add_list(w, name, who, audit_variable(list, who, group, EXCEPT, 2));
}

/* Each group once, where its first word stands. */
static void add_groups(struct audit_work *w, enum said_who who)
{
	for (const struct said *s = w->facts->list->first; s; s = s->next) {
		const struct said *before = w->facts->list->first;
		while (before != s && !(before->who == who && slice_equal(before->group, s->group)))
			before = before->next;
		if (s->who == who && before == s)
			add_environment(w, who, s->group);
	}
}

static bool says_anything(const struct audit_work *w, enum said_who who)
{
	for (const struct said *s = w->facts->list->first; s; s = s->next)
		if (s->who == who && s->use != SAID_NOTHING)
			return true;
	return false;
}

/* What is said for single targets: looked at, but meant to differ. */
static void add_scoped(struct audit_work *w, enum said_who who)
{
	for (const struct said *s = w->facts->list->first; s; s = s->next) {
		if (s->who != who || s->scope.len == 0 || !(s->use & SAID_ALL))
			continue;
		struct audit_row *row = add_proxy(w, slice_of(audit_name(who)), who, s->use, s);
		if (!row)
			return;
		row->compared = false;
		audit_judge_proxy(w, row);
	}
}

static void add_tool(struct audit_work *w, const struct audit_tool *t)
{
	struct slice name = slice_of(audit_name(t->who));
	if (!(w->facts->installed >> t->who & 1) && !says_anything(w, t->who))
		return;
	const struct said *http = audit_pick(w, t, SAID_HTTP);
	add_pair(w, name, t->who, http, audit_pick(w, t, SAID_HTTPS));
	const struct said *list = audit_pick(w, t, SAID_EXCEPT);
	if (list && list->who == t->who) /* an environment's is shown with that */
		add_list(w, name, t->who, list);
	add_scoped(w, t->who);
}

int audit_make(const struct audit_facts *facts, struct arena *arena, struct audit *ret_audit)
{
	struct audit audit = { 0 };
	struct audit_work w = { .facts = facts, .arena = arena, .audit = &audit };
	add_settings(&w);
	if (!facts->image)
		add_environment(&w, SAID_BY_SHELL, (struct slice){ 0 });
	add_environment(&w, SAID_BY_LOGIN, (struct slice){ 0 });
	for (const struct audit_tool *t = AUDIT_TOOLS; t->who != SAID_WHO_COUNT; t++)
		add_tool(&w, t);
	add_environment(&w, SAID_BY_MANAGER, (struct slice){ 0 });
	add_groups(&w, SAID_BY_UNIT);
	add_groups(&w, SAID_BY_PROCESS);
	audit_compare(&w);
	if (w.failed || facts->list->failed)
		return -ENOMEM;
	*ret_audit = audit;
	return 0;
}
