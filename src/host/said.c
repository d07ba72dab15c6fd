/* The table of places, in the order in which their tools read them: the last word counts. */
#include "host/said.h"

#include "host/change.h"
#include "host/said_processes.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct place {
	enum said_who who;
	enum said_form form;
	const char *variable; /* of the environment, which names another file; NULL: none does */
	const char *path; /* "~/": the home folder; at a '/' at its end: the files of a folder */
	const char *end;  /* of those files' names */
} PLACES[] = {
	{ SAID_BY_LOGIN, SAID_FORM_PAM, NULL, "/etc/environment", NULL },
	{ SAID_BY_LOGIN, SAID_FORM_SHELL, NULL, "/etc/profile", NULL },
	{ SAID_BY_LOGIN, SAID_FORM_SHELL, NULL, "/etc/profile.d/", ".sh" },
	{ SAID_BY_LOGIN, SAID_FORM_SHELL, NULL, "~/.profile", NULL },
	{ SAID_BY_LOGIN, SAID_FORM_SHELL, NULL, "~/.bashrc", NULL },
	{ SAID_BY_CURL, SAID_FORM_CURL, NULL, "~/.curlrc", NULL },
	{ SAID_BY_WGET, SAID_FORM_WGET, "SYSTEM_WGETRC", "/etc/wgetrc", NULL },
	{ SAID_BY_WGET, SAID_FORM_WGET, "WGETRC", "~/.wgetrc", NULL },
	{ SAID_BY_GIT, SAID_FORM_GIT, "GIT_CONFIG_SYSTEM", "/etc/gitconfig", NULL },
	{ SAID_BY_GIT, SAID_FORM_GIT, "GIT_CONFIG_GLOBAL", "~/.config/git/config", NULL },
	{ SAID_BY_GIT, SAID_FORM_GIT, "GIT_CONFIG_GLOBAL", "~/.gitconfig", NULL },
	{ SAID_BY_APT, SAID_FORM_APT, "APT_CONFIG", NULL, NULL },
	{ SAID_BY_APT, SAID_FORM_APT, NULL, "/etc/apt/apt.conf.d/", "" },
	{ SAID_BY_APT, SAID_FORM_APT, NULL, "/etc/apt/apt.conf", NULL },
	{ SAID_BY_NPM, SAID_FORM_NPM, NULL, "/usr/etc/npmrc", NULL },
	{ SAID_BY_NPM, SAID_FORM_NPM, NULL, "/etc/npmrc", NULL },
	{ SAID_BY_NPM, SAID_FORM_NPM, "NPM_CONFIG_USERCONFIG", "~/.npmrc", NULL },
	{ SAID_BY_PIP, SAID_FORM_PIP, NULL, "/etc/xdg/pip/pip.conf", NULL },
	{ SAID_BY_PIP, SAID_FORM_PIP, NULL, "/etc/pip.conf", NULL },
	{ SAID_BY_PIP, SAID_FORM_PIP, NULL, "~/.pip/pip.conf", NULL },
	{ SAID_BY_PIP, SAID_FORM_PIP, NULL, "~/.config/pip/pip.conf", NULL },
	{ SAID_BY_PIP, SAID_FORM_PIP, "PIP_CONFIG_FILE", NULL, NULL },
	{ SAID_BY_DOCKER, SAID_FORM_DOCKER, NULL, "~/.docker/config.json", NULL },
	{ SAID_BY_DOCKERD, SAID_FORM_DOCKER_DAEMON, NULL, "/etc/docker/daemon.json", NULL },
	{ SAID_BY_MANAGER, SAID_FORM_SYSTEMD, NULL, "/etc/systemd/system.conf", NULL },
	{ SAID_BY_MANAGER, SAID_FORM_SYSTEMD, NULL, "/usr/lib/systemd/system.conf.d/", ".conf" },
	{ SAID_BY_MANAGER, SAID_FORM_SYSTEMD, NULL, "/etc/systemd/system.conf.d/", ".conf" },
};

/* Units, and beside each a folder "NAME.service.d" of drop-ins; the later win. */
static const char *const UNIT_FOLDERS[] = { "/usr/lib/systemd/system/", "/run/systemd/system/",
					    "/etc/systemd/system/" };

enum { MAX_NAMES = 4096 };

/* ---- files --------------------------------------------------------------------------------- */

static void note_unread(struct host_said *h, const char *why)
{
	const char *kept = arena_string(h->list.arena, slice_of(why));
	if (kept && h->unread_count < HOST_SAID_MOST_UNREAD)
		h->unread[h->unread_count] = kept;
	h->unread_count++;
}

static void read_file(struct host_said *h, const char *root, const char *name, enum said_form form)
{
	struct host_change file;
	struct error err;
	int code = host_change_open(&file, root, name, &err);
	if (code == 0 && file.now.exists) {
		h->list.place = arena_copy(h->list.arena, slice_of(file.name));
		said_read(form, file.now.text, &h->list);
	}
	if (code < 0 && code != -ENOENT && code != -ENOTDIR && code != -EINVAL) /* masked */
		note_unread(h, err.text);
	host_change_done(&file);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder that end so, in order; owned. None of a folder that can't be read. */
static char **list_folder(const char *root, const char *folder, const char *end, size_t *ret_count)
{
	char path[PATH_MAX];
	char **names = calloc(MAX_NAMES, sizeof *names);
	DIR *dir = names && snprintf(path, sizeof path, "%s%s", root, folder) < PATH_MAX
			   ? opendir(path)
			   : NULL;
	*ret_count = 0;
	for (const struct dirent *e; dir && *ret_count < MAX_NAMES && (e = readdir(dir));)
		if (e->d_name[0] != '.' && slice_ends(slice_of(e->d_name), slice_of(end)) &&
		    (names[*ret_count] = strdup(e->d_name)))
			++*ret_count;
	if (dir)
		closedir(dir);
	if (*ret_count)
		qsort(names, *ret_count, sizeof *names, by_name);
	return names;
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* Files of ours and of others' that are no longer meant: apt(8) passes over such, too. */
static bool is_left_over(const char *name)
{
	struct slice s = slice_of(name);
	return slice_ends(s, SLICE("~")) || slice_ends(s, SLICE(".bak")) ||
	       slice_ends(s, SLICE(".dpkg-old")) || slice_ends(s, SLICE(".dpkg-dist")) ||
	       slice_ends(s, SLICE(".disabled"));
}

static void read_folder(struct host_said *h, const char *root, const char *folder, const char *end,
			enum said_form form)
{
	char path[PATH_MAX];
	size_t count;
	char **names = list_folder(root, folder, end, &count);
	for (size_t i = 0; i < count; i++)
		if (!is_left_over(names[i]) &&
		    snprintf(path, sizeof path, "%s%s", folder, names[i]) < PATH_MAX)
			read_file(h, root, path, form);
	free_names(names, count);
}

static void read_place(struct host_said *h, const char *root, const struct place *p)
{
	char path[PATH_MAX];
	struct error ignored;
	const char *other = !*root && p->variable ? getenv(p->variable) : NULL;
	const char *name = other ? other : p->path;
	h->list.who = p->who;
	if (!name || host_change_name(path, root, name, &ignored) < 0)
		return;
	if (p->end)
		read_folder(h, root, path, p->end, p->form);
	else
		read_file(h, root, path, p->form);
}

/* ---- units --------------------------------------------------------------------------------- */

/* One of the same name in a later folder stands in its place, be it a link to nothing. */
static bool is_replaced(const char *root, size_t folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	for (size_t i = folder + 1; i < sizeof UNIT_FOLDERS / sizeof *UNIT_FOLDERS; i++)
		if (snprintf(path, sizeof path, "%s%s%s", root, UNIT_FOLDERS[i], name) < PATH_MAX &&
		    lstat(path, &st) == 0)
			return true;
	return false;
}

static void read_unit_files(struct host_said *h, const char *root, size_t folder)
{
	char path[PATH_MAX];
	size_t count;
	char **names = list_folder(root, UNIT_FOLDERS[folder], ".service", &count);
	for (size_t i = 0; i < count; i++) {
		h->list.group = arena_copy(h->list.arena, slice_of(names[i]));
		if (!is_replaced(root, folder, names[i]) &&
		    snprintf(path, sizeof path, "%s%s", UNIT_FOLDERS[folder], names[i]) < PATH_MAX)
			read_file(h, root, path, SAID_FORM_SYSTEMD);
	}
	free_names(names, count);
}

static void read_drop_ins(struct host_said *h, const char *root, const char *folder)
{
	char path[PATH_MAX];
	size_t count;
	char **names = list_folder(root, folder, ".service.d", &count);
	for (size_t i = 0; i < count; i++) {
		struct slice name = slice_of(names[i]);
		h->list.group = arena_copy(h->list.arena, slice_first(name, name.len - 2));
		if (snprintf(path, sizeof path, "%s%s/", folder, names[i]) < PATH_MAX)
			read_folder(h, root, path, ".conf", SAID_FORM_SYSTEMD);
	}
	free_names(names, count);
}

/* ---- what units name ----------------------------------------------------------------------- */

static void note_not_followed(struct host_said *h, const struct said *s, const char *why)
{
	char text[PATH_MAX + 512];
	snprintf(text, sizeof text, "%.*s: EnvironmentFile=%.*s %s", (int)s->group.len,
		 (const char *)s->group.at, (int)s->value.len, (const char *)s->value.at, why);
	note_unread(h, text);
}

/* Into PATH_MAX bytes, with what systemd.unit(5) calls specifiers: those that a unit's name alone
 * tells. False: it depends on more, or is no path. */
static bool expand(const struct said *s, struct slice name, char *path)
{
	struct slice prefix = slice_first(s->group, s->group.len - strlen(".service"));
	bool template = slice_find_byte(s->group, '@') < s->group.len;
	size_t len = 0;
	for (size_t i = 0; i < name.len; i++) {
		struct slice part = { name.at + i, 1 };
		if (name.at[i] == '%') {
			uint8_t what = ++i < name.len ? name.at[i] : 0;
			part = what == '%'                  ? SLICE("%")
			       : template                   ? (struct slice){ 0 }
			       : what == 'n'                ? s->group
			       : what == 'N' || what == 'p' ? prefix
							    : (struct slice){ 0 };
			if (part.len == 0)
				return false;
		}
		if (len + part.len >= PATH_MAX)
			return false;
		memcpy(path + len, part.at, part.len);
		len += part.len;
	}
	path[len] = 0;
	return path[0] == '/' && strlen(path) == len;
}

/* The root is no pattern. */
static bool make_pattern(char *into, size_t size, const char *root, const char *path)
{
	size_t len = 0;
	for (; *root && len + 2 < size; root++) {
		if (strchr("\\*?[", *root))
			into[len++] = '\\';
		into[len++] = *root;
	}
	return !*root && (size_t)snprintf(into + len, size - len, "%s", path) < size - len;
}

static void read_named(struct host_said *h, const char *root, const struct said *s)
{
	bool optional = slice_starts(s->value, SLICE("-"));
	char path[PATH_MAX], pattern[2 * PATH_MAX];
	glob_t found = { 0 };
	if (!expand(s, optional ? slice_from(s->value, 1) : s->value, path)) {
		note_not_followed(h, s,
				  "can't be followed: it is no path, or depends on more than the "
				  "unit's name");
		return;
	}
	int code = make_pattern(pattern, sizeof pattern, root, path)
			   ? glob(pattern, 0, NULL, &found)
			   : GLOB_NOSPACE;
	if (code == GLOB_NOMATCH && !optional)
		note_not_followed(h, s, "is not there, or not for us to see; the service needs it");
	else if (code != 0 && code != GLOB_NOMATCH)
		note_not_followed(h, s, "can't be looked for");
	for (size_t i = 0; code == 0 && i < found.gl_pathc && i < MAX_NAMES; i++)
		read_file(h, root, found.gl_pathv[i] + strlen(root), SAID_FORM_ENV_FILE);
	globfree(&found);
}

/* Behind all units: what is said in a file wins over what is said in the unit. */
static void read_environment_files(struct host_said *h, const char *root)
{
	struct said *last = h->list.last;
	for (struct said *s = h->list.first; s && last; s = s == last ? NULL : s->next) {
		if (s->use != SAID_FILE)
			continue;
		h->list.who = s->who;
		h->list.group = s->group;
		read_named(h, root, s);
		s->use = SAID_NOTHING;
	}
}

static void read_units(struct host_said *h, const char *root)
{
	h->list.who = SAID_BY_UNIT;
	for (size_t i = 0; i < sizeof UNIT_FOLDERS / sizeof *UNIT_FOLDERS; i++)
		read_unit_files(h, root, i);
	for (size_t i = 0; i < sizeof UNIT_FOLDERS / sizeof *UNIT_FOLDERS; i++)
		read_drop_ins(h, root, UNIT_FOLDERS[i]);
	read_environment_files(h, root);
	h->list.group = (struct slice){ 0 };
}

/* ---- programs ------------------------------------------------------------------------------ */

static bool is_in_path(const char *root, const char *folders, const char *program)
{
	char path[PATH_MAX];
	struct slice rest = slice_of(folders);
	while (rest.len > 0) {
		struct slice folder = slice_cut(&rest, ':');
		int len = snprintf(path, sizeof path, "%s%.*s/%s", root, (int)folder.len,
				   (const char *)folder.at, program);
		if (len < PATH_MAX && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static unsigned find_programs(const char *root)
{
	static const struct {
		enum said_who who;
		const char *program;
	} PROGRAMS[] = {
		{ SAID_BY_CURL, "curl" },       { SAID_BY_WGET, "wget" },
		{ SAID_BY_GIT, "git" },         { SAID_BY_APT, "apt-get" },
		{ SAID_BY_NPM, "npm" },         { SAID_BY_PIP, "pip" },
		{ SAID_BY_PIP, "pip3" },        { SAID_BY_DOCKER, "docker" },
		{ SAID_BY_DOCKERD, "dockerd" },
	};
	const char *path = *root ? NULL : getenv("PATH");
	unsigned found = 0;
	if (!path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (size_t i = 0; i < sizeof PROGRAMS / sizeof *PROGRAMS; i++)
		if (is_in_path(root, path, PROGRAMS[i].program))
			found |= 1u << PROGRAMS[i].who;
	return found;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void read_environment(struct host_said *h)
{
	h->list.who = SAID_BY_SHELL;
	h->list.place = SLICE("environment");
	for (char **v = environ; v && *v; v++) {
		struct slice value = slice_of(*v), name = slice_cut(&value, '=');
		said_add_variable(&h->list, 0, name, value);
	}
}

int host_said_gather(struct host_said *h, const char *root, struct arena *arena, struct error *err)
{
	*h = (struct host_said){ .installed = find_programs(root) };
	said_list_init(&h->list, arena);
	if (*root && access(root, X_OK) != 0)
		return err_set(err, -errno, "%s: %s", root, strerror(errno));
	if (!*root)
		read_environment(h);
	for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++)
		read_place(h, root, &PLACES[i]);
	read_units(h, root);
	if (!*root)
		host_said_read_processes(h, "/proc");
	if (h->list.failed)
		return err_set(err, -ENOMEM, "there is more about proxies than can be held");
	return 0;
}

void host_said_done(struct host_said *h)
{
	said_list_done(&h->list);
}
