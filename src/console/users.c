/* The users' file: "name:role:hash" a line, for its owner alone. */
#include "console/users.h"

#include "console/access.h"
#include "host/file.h"

#include <crypt.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_FILE = 1 << 16 };

static const char *const ROLES[] = { "view", "change" };

const char *access_role_name(enum console_role role)
{
	return ROLES[role];
}

static int path_of(const char *folder, char *into, struct error *err)
{
	return snprintf(into, PATH_MAX, "%s/users", folder) < PATH_MAX
		       ? 0
		       : err_set(err, -ENAMETOOLONG, "the folder's name is too long");
}

static bool read_line(struct slice line, struct user *ret_user)
{
	struct slice name = slice_cut(&line, ':'), role = slice_cut(&line, ':');
	struct user u = { .name = name, .hash = line };
	if (name.len == 0 || line.len == 0)
		return false;
	u.role = slice_equal(role, slice_of(ROLES[CONSOLE_CHANGE])) ? CONSOLE_CHANGE : CONSOLE_VIEW;
	*ret_user = u;
	return true;
}

static int read_file(const char *folder, struct host_file *f, struct error *err)
{
	char path[PATH_MAX];
	int code = path_of(folder, path, err);
	return code < 0 ? code : host_file_read(path, MOST_FILE, f, err);
}

int access_find_user(const char *folder, struct slice name, char *hash, size_t size,
		     enum console_role *ret_role, struct error *err)
{
	struct host_file f = { 0 };
	struct user u;
	int code = read_file(folder, &f, err);
	struct slice rest = f.text;
	bool found = false;
	while (code == 0 && !found && rest.len > 0)
		found = read_line(slice_line(&rest), &u) && slice_equal(u.name, name) &&
			u.hash.len < size;
	if (found) {
		snprintf(hash, size, "%.*s", (int)u.hash.len, (const char *)u.hash.at);
		*ret_role = u.role;
	}
	host_file_done(&f);
	return code < 0 ? code : found ? 1 : 0;
}

int console_count_users(const char *folder, struct error *err)
{
	struct host_file f = { 0 };
	struct user u;
	int count = 0, code = read_file(folder, &f, err);
	for (struct slice rest = f.text; code == 0 && rest.len > 0;)
		count += read_line(slice_line(&rest), &u);
	host_file_done(&f);
	return code < 0 ? code : count;
}

/* ---- changing ------------------------------------------------------------------------------ */

int access_hash(const char *password, char *into, size_t size, struct error *err)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *hash = NULL;
	if (data && crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting))
		hash = crypt_rn(password, setting, data, sizeof *data);
	int code = hash && strlen(hash) < size
			   ? snprintf(into, size, "%s", hash)
			   : err_set(err, -ENOSYS, "libcrypt can't hash with yescrypt: %m");
	if (data)
		explicit_bzero(data, sizeof *data);
	free(data);
	return code < 0 ? code : 0;
}

bool access_matches(const char *password, const char *hash)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *again = data ? crypt_rn(password, hash, data, sizeof *data) : NULL;
	bool same = again && access_same(slice_of(again), slice_of(hash));
	if (data)
		explicit_bzero(data, sizeof *data);
	free(data);
	return same;
}

static int check(const char *name, const char *password, struct error *err)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':')
			return err_set(err, -EINVAL,
				       "a user's name is of ASCII, without blanks and ':'");
	if (len == 0 || len > CONSOLE_MOST_USER)
		return err_set(err, -EINVAL, "a user's name has 1 to %d characters",
			       CONSOLE_MOST_USER);
	if (password && strlen(password) < CONSOLE_LEAST_PASSWORD)
		return err_set(err, -EINVAL, "the password has %zu characters: %d at the least",
			       strlen(password), CONSOLE_LEAST_PASSWORD);
	if (password && strlen(password) > CONSOLE_MOST_PASSWORD)
		return err_set(err, -E2BIG, "a password has at most %d bytes",
			       CONSOLE_MOST_PASSWORD);
	return 0;
}

int console_set_user(const char *folder, const char *name, enum console_role role,
		     const char *password, struct error *err)
{
	struct host_file f = { 0 };
	struct buffer text;
	char hash[CRYPT_OUTPUT_SIZE], path[PATH_MAX];
	bool had = false;
	int code = check(name, password, err);
	if (code == 0)
		code = path_of(folder, path, err);
	if (code == 0 && password)
		code = access_hash(password, hash, sizeof hash, err);
	if (code == 0)
		code = host_file_read(path, MOST_FILE, &f, err);
	buffer_init(&text, MOST_FILE);
	for (struct slice rest = f.text; code == 0 && rest.len > 0;) {
		struct user u;
		struct slice line = slice_line(&rest);
		if (read_line(line, &u) && slice_equal(u.name, slice_of(name))) {
			had = true;
			continue;
		}
		buffer_add(&text, line);
		buffer_add_byte(&text, '\n');
	}
	if (password && code == 0)
		buffer_printf(&text, "%s:%s:%s\n", name, ROLES[role], hash);
	else if (code == 0 && !had)
		code = err_set(err, -ENOENT, "there is no user '%s'", name);
	f.mode = 0600; /* whatever it was */
	if (code == 0)
		code = text.failed ? err_set(err, -EFBIG, "there are too many users")
				   : host_file_write(path, buffer_slice(&text), &f, err);
	buffer_done(&text);
	host_file_done(&f);
	return code;
}
