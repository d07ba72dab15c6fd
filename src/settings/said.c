/* The list, and which variables count. */
#include "settings/said.h"

#include "settings/said_readers.h"

enum { MAX_VALUE = 1 << 20 };

/* ---- the list ------------------------------------------------------------------------------ */

void said_list_init(struct said_list *list, struct arena *arena)
{
	*list = (struct said_list){ .arena = arena };
	buffer_init(&list->value, MAX_VALUE);
}

void said_list_done(struct said_list *list)
{
	buffer_wipe(&list->value);
}

struct said *said_add(struct said_list *list, uint32_t line, enum said_use use, struct slice key,
		      struct slice value)
{
	struct said *s = list->count < SAID_MOST ? arena_alloc(list->arena, sizeof *s) : NULL;
	if (!s) {
		list->failed = true;
		return NULL;
	}
	s->who = list->who;
	s->use = use;
	s->place = list->place;
	s->group = list->group;
	s->line = line;
	s->key = arena_copy(list->arena, key);
	s->value = arena_copy(list->arena, value);
	list->failed |= s->key.len != key.len || s->value.len != value.len;
	if (list->last)
		list->last->next = s;
	else
		list->first = s;
	list->last = s;
	list->count++;
	return s;
}

/* In any case: which of them a tool heeds, who asks for them knows. */
static enum said_use use_of(struct slice name)
{
	static const struct {
		const char *name;
		enum said_use use;
	} NAMES[] = {
		{ "http_proxy", SAID_HTTP },
		{ "https_proxy", SAID_HTTPS },
		{ "all_proxy", SAID_ALL },
		{ "no_proxy", SAID_EXCEPT },
		{ "pip_proxy", SAID_ALL },
		{ "npm_config_proxy", SAID_ALL },
		{ "npm_config_https_proxy", SAID_ALL },
	};
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
		if (slice_equal_nocase(name, slice_of(NAMES[i].name)))
			return NAMES[i].use;
	return SAID_NOTHING;
}

bool said_is_variable(struct slice name)
{
	return use_of(name) != SAID_NOTHING;
}

struct said *said_add_variable(struct said_list *list, uint32_t line, struct slice name,
			       struct slice value)
{
	enum said_use use = use_of(name);
	return use != SAID_NOTHING ? said_add(list, line, use, name, value) : NULL;
}

/* ---- what the readers share ---------------------------------------------------------------- */

bool said_next_line(struct said_lines *l)
{
	if (l->rest.len == 0)
		return false;
	l->line = slice_line(&l->rest);
	l->number++;
	return true;
}

struct buffer *said_value_begin(struct said_list *list)
{
	list->failed |= list->value.failed;
	buffer_reset(&list->value);
	return &list->value;
}

bool said_in_name(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

bool said_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* ---- the table ----------------------------------------------------------------------------- */

void said_read(enum said_form form, struct slice text, struct said_list *list)
{
	static void (*const READ[SAID_FORMS])(struct slice text, struct said_list * list) = {
		[SAID_FORM_ENVIRON] = said_read_environ,
		[SAID_FORM_PAM] = said_read_pam,
		[SAID_FORM_SHELL] = said_read_shell,
		[SAID_FORM_SYSTEMD] = said_read_systemd,
		[SAID_FORM_CURL] = said_read_curl,
		[SAID_FORM_WGET] = said_read_wget,
		[SAID_FORM_GIT] = said_read_git,
		[SAID_FORM_APT] = said_read_apt,
		[SAID_FORM_NPM] = said_read_npm,
		[SAID_FORM_PIP] = said_read_pip,
		[SAID_FORM_DOCKER] = said_read_docker,
		[SAID_FORM_DOCKER_DAEMON] = said_read_docker_daemon,
		[SAID_FORM_ENV_FILE] = said_read_env_file,
	};
	READ[form](text, list);
}
