/* viaduct proxy user: who may use the proxy. The file is written anew beside the old one, and takes
 * its place whole. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/password.h"
#include "cli/proxy.h"
#include "host/file.h"
#include "proxy/config.h"
#include "proxy/users.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static const char DEFAULT_CONFIG[] = "/etc/viaduct/proxy.conf";

struct wish {
	const char *file, *config, *realm;
	bool help;
};

static const struct option OPTIONS[] = {
	{ "file", 'f', OPTION_VALUE, "FILE", "the users' file" },
	{ "config", 'c', OPTION_VALUE, "FILE",
	  "the configuration that names users' file and realm" },
	{ "realm", 'r', OPTION_VALUE, "NAME", "with --file: the realm of Digest; 'viaduct'" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	if (o->letter == 'f')
		w->file = value;
	else if (o->letter == 'c')
		w->config = value;
	else if (o->letter == 'r')
		w->realm = value;
	w->help |= o->letter == 'h';
	return true;
}

static int print_help(void)
{
	printf("Usage: viaduct proxy user add NAME [-c FILE | -f FILE [--realm NAME]]\n"
	       "       viaduct proxy user remove NAME [-c FILE | -f FILE]\n"
	       "       viaduct proxy user list [-c FILE | -f FILE]\n\n"
	       "Adds a user to the proxy's users' file or changes the password, removes one, or\n"
	       "lists them. The password is asked for twice, or is the first line of standard\n"
	       "input where that is no terminal. Without -c and -f: %s.\n\n",
	       DEFAULT_CONFIG);
	options_print(OPTIONS, OPTION_COUNT);
	return EXIT_FINE;
}

/* ---- the file --------------------------------------------------------------------------- */

/* A users' file being changed: nobody else changes it at the same time, by a lock on its folder. */
struct edit {
	char path[PATH_MAX];
	int folder;
	struct host_file file;
};

static int edit_begin(struct edit *e, const char *path, struct error *err)
{
	char copy[PATH_MAX];
	*e = (struct edit){ .folder = -1 };
	if (!realpath(path, e->path)) /* a link stays one: what it leads to is changed */
		snprintf(e->path, sizeof e->path, "%s", path);
	snprintf(copy, sizeof copy, "%s", e->path);
	const char *folder = dirname(copy);
	e->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->folder < 0 || flock(e->folder, LOCK_EX) != 0)
		return err_set(err, -errno, "the folder %s can't be used: %s", folder,
			       strerror(errno));
	int code = host_file_read(e->path, USERS_MAX_FILE, &e->file, err);
	if (!e->file.exists)
		e->file.mode = 0600; /* its maker's alone */
	e->file.keep_owner = true;   /* or the proxy could no longer read it */
	return code;
}

static void edit_end(struct edit *e)
{
	host_file_done(&e->file);
	if (e->folder >= 0)
		close(e->folder);
}

static int edit_save(const struct edit *e, const struct buffer *text, struct error *err)
{
	if (text->failed)
		return err_set(err, -ENOMEM, "out of memory");
	return host_file_write(e->path, buffer_slice(text), &e->file, err);
}

/* ---- lines ------------------------------------------------------------------------------ */

static size_t fields_of(struct slice line)
{
	size_t fields = 1;
	for (size_t i = 0; i < line.len; i++)
		fields += line.at[i] == ':';
	return fields;
}

/* htdigest's lines are for one realm; those of others stay when a user is changed. */
static bool is_of_realm(struct slice line, const char *realm)
{
	slice_cut(&line, ':');
	return !realm || slice_equal(slice_cut(&line, ':'), slice_of(realm));
}

/* The old lines but those of the user; how many those were. realm NULL: of every realm. */
static size_t keep_others(struct slice old, struct slice name, const char *realm,
			  struct buffer *out)
{
	size_t dropped = 0;
	while (old.len > 0) {
		struct slice line = slice_line(&old);
		bool own = slice_equal(users_line_name(line), name) &&
			   (fields_of(line) != 3 || is_of_realm(line, realm));
		dropped += own;
		if (own)
			continue;
		buffer_add(out, line);
		buffer_add_byte(out, '\n');
	}
	return dropped;
}

static int add(struct edit *e, const char *name, const char *realm, struct error *err)
{
	char password[USERS_MAX_PASSWORD + 2], shown[USERS_MAX_NAME * 4 + 1];
	struct buffer line, text;
	buffer_init(&line, 1 << 16);
	buffer_init(&text, USERS_MAX_FILE);
	int code = password_ask(escape_into(shown, sizeof shown, slice_of(name)), true, password,
				sizeof password, err);
	if (code == 0)
		code = users_make_line(&line, slice_of(name), slice_of(realm), password, err);
	explicit_bzero(password, sizeof password);
	size_t before = code == 0 ? keep_others(e->file.text, slice_of(name), realm, &text) : 0;
	buffer_add(&text, buffer_slice(&line));
	if (code == 0)
		code = edit_save(e, &text, err);
	if (code == 0)
		printf("%s: %s is %s\n", e->path, shown, before ? "changed" : "added");
	buffer_wipe(&line);
	buffer_wipe(&text);
	return code;
}

static int drop(struct edit *e, const char *name, const char *realm, struct error *err)
{
	char shown[USERS_MAX_NAME * 4 + 1];
	struct buffer text;
	(void)realm;
	buffer_init(&text, USERS_MAX_FILE);
	escape_into(shown, sizeof shown, slice_of(name));
	int code = keep_others(e->file.text, slice_of(name), NULL, &text) > 0
			   ? edit_save(e, &text, err)
			   : err_set(err, -ENOENT, "%s has no user '%s'", e->path, shown);
	if (code == 0)
		printf("%s: %s is removed\n", e->path, shown);
	buffer_wipe(&text);
	return code;
}

static int list(struct edit *e, const char *name, const char *realm, struct error *err)
{
	struct slice rest = e->file.text;
	(void)name;
	(void)realm;
	if (!e->file.exists)
		return err_set(err, -ENOENT, "%s is not there", e->path);
	while (rest.len > 0) {
		struct slice line = slice_line(&rest), user = users_line_name(line);
		char shown[USERS_MAX_NAME * 4 + 1];
		size_t fields = fields_of(line);
		if (user.len > 0)
			printf("%s\t%s\n", escape_into(shown, sizeof shown, user),
			       fields == 2   ? "basic"
			       : fields == 3 ? "digest (MD5)"
					     : "basic, digest (SHA-256, MD5)");
	}
	return 0;
}

/* ---- the door --------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(struct edit *e, const char *name, const char *realm, struct error *err);
	int names;
} VERBS[] = { { "add", add, 1 }, { "remove", drop, 1 }, { "list", list, 0 } };

enum { VERB_COUNT = sizeof VERBS / sizeof *VERBS };

static int verb_of(const char *word)
{
	const char *names[VERB_COUNT];
	for (int i = 0; i < VERB_COUNT; i++) {
		names[i] = VERBS[i].name;
		if (strcmp(word, names[i]) == 0)
			return i;
	}
	options_unknown_word(word, "can't be done with users", names, VERB_COUNT,
			     "add NAME, remove NAME or list");
	return -1;
}

static int run(int verb, const char *name, const struct wish *w)
{
	struct error err = { 0 };
	struct edit e = { .folder = -1 };
	struct arena *arena = arena_new(64 << 20);
	const char *file = w->file, *realm = w->realm ? w->realm : "viaduct";
	int code = arena ? 0 : err_set(&err, -ENOMEM, "out of memory");
	if (code == 0 && !file)
		code = config_find_users(w->config ? w->config : DEFAULT_CONFIG, arena, &file,
					 &realm, &err);
	if (code == 0)
		code = edit_begin(&e, file, &err);
	if (code == 0)
		code = VERBS[verb].run(&e, name, realm, &err);
	edit_end(&e);
	arena_free(arena);
	if (code == 0)
		return EXIT_FINE;
	complain("%s", err.text);
	return EXIT_TROUBLE;
}

int proxy_user(int argc, char **argv)
{
	struct wish w = { 0 };
	complain_as("viaduct proxy user");
	argc = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, &w);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (w.help)
		return print_help();
	int verb = argc > 0 ? verb_of(argv[0]) : -1;
	if (argc == 0)
		complain("add NAME, remove NAME or list; --help tells more");
	if (verb < 0)
		return EXIT_TROUBLE;
	if (argc != 1 + VERBS[verb].names) {
		complain("%s takes %s", VERBS[verb].name,
			 VERBS[verb].names ? "one name; the password is never an argument"
					   : "no name");
		return EXIT_TROUBLE;
	}
	if (w.file && w.config) {
		complain("either --file or --config: the one says what the other finds out");
		return EXIT_TROUBLE;
	}
	if (w.realm && !w.file) {
		complain("--realm goes with --file; a configuration names its own");
		return EXIT_TROUBLE;
	}
	return run(verb, argc > 1 ? argv[1] : NULL, &w);
}
