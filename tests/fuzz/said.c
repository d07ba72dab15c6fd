/* Any text as a tool's file, the first byte says which tool's: what it says of proxies is read,
 * judged and shown, and no password stands in what is shown. */
#include "settings/audit.h"

#include "inside.h"

enum { ROOM = 1 << 24 };

static bool holds(struct slice text, struct slice what)
{
	return slice_find(text, what) < text.len;
}

/* A secret of a length that is not there by chance, and that is no part of what may be shown. */
static void check_shown(const struct audit_row *row)
{
	const struct proxy_url *u = &row->url;
	struct buffer out;
	buffer_init(&out, ROOM);
	proxy_url_add_shown(&out, u);
	struct slice shown = buffer_slice(&out);
	bool open = holds(u->host, u->password) || holds(u->user, u->password) ||
		    holds(u->scheme, u->password);
	if (!u->fault && u->password.len >= 5 && !open)
		assert(!holds(shown, u->password));
	for (const struct audit_remark *r = row->remarks; r; r = r->next)
		assert(r->text[0]);
	buffer_done(&out);
}

static enum said_who who_of(enum said_form form)
{
	static const enum said_who WHO[SAID_FORMS] = {
		[SAID_FORM_ENVIRON] = SAID_BY_SHELL, [SAID_FORM_PAM] = SAID_BY_LOGIN,
		[SAID_FORM_SHELL] = SAID_BY_LOGIN,   [SAID_FORM_SYSTEMD] = SAID_BY_UNIT,
		[SAID_FORM_CURL] = SAID_BY_CURL,     [SAID_FORM_WGET] = SAID_BY_WGET,
		[SAID_FORM_GIT] = SAID_BY_GIT,       [SAID_FORM_APT] = SAID_BY_APT,
		[SAID_FORM_NPM] = SAID_BY_NPM,       [SAID_FORM_PIP] = SAID_BY_PIP,
		[SAID_FORM_DOCKER] = SAID_BY_DOCKER, [SAID_FORM_DOCKER_DAEMON] = SAID_BY_DOCKERD,
		[SAID_FORM_ENV_FILE] = SAID_BY_UNIT,
	};
	return WHO[form];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 1 << 13)
		return 0;
	enum said_form form = (enum said_form)(data[0] % SAID_FORMS);
	struct arena *arena = arena_new(ROOM);
	struct said_list list;
	struct audit audit;
	const struct audit_facts facts = { .list = &list, .installed = ~0u };
	said_list_init(&list, arena);
	list.who = who_of(form);
	said_read(form, (struct slice){ data + 1, size - 1 }, &list);
	for (const struct said *s = list.first; s; s = s->next)
		assert(s->who == list.who && s->value.len < size);
	if (audit_make(&facts, arena, &audit) == 0)
		for (const struct audit_row *row = audit.proxies; row; row = row->next)
			check_shown(row);
	said_list_done(&list);
	arena_free(arena);
	return 0;
}
