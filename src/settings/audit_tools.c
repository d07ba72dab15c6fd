/* Where the tools look for their proxy. */
#include "settings/audit_parts.h"

#define CURLS_HTTP                                                                                 \
	{                                                                                          \
		"http_proxy", "all_proxy", "ALL_PROXY"                                             \
	}
#define CURLS_HTTPS                                                                                \
	{                                                                                          \
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"                             \
	}
#define EITHER_CASE                                                                                \
	{                                                                                          \
		"no_proxy", "NO_PROXY"                                                             \
	}

/* Each was tried, with the versions that settings/exceptions.h names. */
const struct audit_tool AUDIT_TOOLS[] = {
	{ .who = SAID_BY_CURL, .http = CURLS_HTTP, .https = CURLS_HTTPS, .except = EITHER_CASE },
	{ .who = SAID_BY_WGET,
	  .http = { "http_proxy" },
	  .https = { "https_proxy" },
	  .except = { "no_proxy" } },
	{ .who = SAID_BY_GIT,
	  .http = CURLS_HTTP,
	  .https = CURLS_HTTPS,
	  .except = EITHER_CASE,
	  .empty_is_none = true },
	{ .who = SAID_BY_APT,
	  .http = { "http_proxy" },
	  .https = { "https_proxy", "http_proxy" },
	  .except = { "no_proxy" },
	  .other_for_tls = true,
	  .wants_scheme = true },
	{ .who = SAID_BY_NPM,
	  .before = { "npm_config_https_proxy", "npm_config_proxy" },
	  .http = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY" },
	  .https = { "https_proxy", "HTTPS_PROXY" },
	  .except = EITHER_CASE,
	  .one_for_both = true,
	  .other_for_tls = true,
	  .wants_scheme = true },
	{ .who = SAID_BY_PIP,
	  .before = { "PIP_PROXY" },
	  .http = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" },
	  .https = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" },
	  .except = EITHER_CASE },
	{ .who = SAID_BY_DOCKER },
	{ .who = SAID_BY_DOCKERD },
	{ .who = SAID_WHO_COUNT },
};

const struct audit_tool *audit_tool_of(enum said_who who)
{
	const struct audit_tool *t = AUDIT_TOOLS;
	while (t->who != SAID_WHO_COUNT && t->who != who)
		t++;
	return t->who == who ? t : NULL;
}

/* The last in its files: later files and lines win. */
static const struct said *in_files(const struct said_list *list, enum said_who who, unsigned use)
{
	const struct said *found = NULL;
	for (const struct said *s = list->first; s; s = s->next)
		if (s->who == who && (s->use & use) && s->scope.len == 0)
			found = s;
	return found;
}

static const struct said *last_of(const struct said_list *list, enum said_who who,
				  struct slice group, const char *name)
{
	const struct said *found = NULL;
	for (const struct said *s = list->first; s; s = s->next)
		if (s->who == who && s->use != SAID_NOTHING && slice_equal(s->group, group) &&
		    slice_equal(s->key, slice_of(name)))
			found = s;
	return found;
}

static const struct said *first_said(const struct said_list *list, enum said_who who,
				     struct slice group, const char *const *names, size_t count,
				     bool empty_is_none)
{
	for (size_t i = 0; i < count && names[i]; i++) {
		const struct said *found = last_of(list, who, group, names[i]);
		if (found && (found->value.len > 0 || empty_is_none))
			return found;
	}
	return NULL;
}

const struct said *audit_variable(const struct said_list *list, enum said_who who,
				  struct slice group, const char *const *names, size_t count)
{
	return first_said(list, who, group, names, count, false);
}

/* The daemon has the environment of its unit, and that the manager's. */
static const struct said *of_daemon(const struct said_list *list, enum said_use use)
{
	static const char *const NAMES[3][2] = { { "HTTP_PROXY", "http_proxy" },
						 { "HTTPS_PROXY", "https_proxy" },
						 { "NO_PROXY", "no_proxy" } };
	const char *const *names = NAMES[use == SAID_HTTP ? 0 : use == SAID_HTTPS ? 1 : 2];
	const struct said *found =
		audit_variable(list, SAID_BY_UNIT, SLICE("docker.service"), names, 2);
	return found ? found : audit_variable(list, SAID_BY_MANAGER, (struct slice){ 0 }, names, 2);
}

static const struct said *of_own(const struct audit_work *w, const struct audit_tool *t,
				 enum said_use use)
{
	const struct said_list *list = w->facts->list;
	const struct said *found = NULL;
	if (t->one_for_both && use == SAID_HTTP)
		found = in_files(list, t->who, SAID_HTTPS);
	if (!found)
		found = in_files(list, t->who, use);
	if (!found && t->other_for_tls && use == SAID_HTTPS)
		found = in_files(list, t->who, SAID_HTTP);
	return found;
}

const struct said *audit_pick(const struct audit_work *w, const struct audit_tool *t,
			      enum said_use use)
{
	const struct said_list *list = w->facts->list;
	enum said_who environment = w->facts->image ? SAID_BY_LOGIN : SAID_BY_SHELL;
	struct slice none = { 0 };
	const struct said *off = in_files(list, t->who, SAID_OFF), *found = NULL;
	if (off && off->value.len > 0)
		return off;
	if (use != SAID_EXCEPT)
		found = audit_variable(list, environment, none, t->before, 3);
	if (!found)
		found = of_own(w, t, use);
	if (!found && t->who == SAID_BY_DOCKERD)
		return of_daemon(list, use);
	if (found)
		return found;
	if (use == SAID_EXCEPT)
		return audit_variable(list, environment, none, t->except, 3);
	return first_said(list, environment, none, use == SAID_HTTP ? t->http : t->https, 5,
			  t->empty_is_none);
}
