/* The two files of the settings, changed under one lock. */
#include "host/settings_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 1 << 22 };

static int lock_folder(struct host_settings *h, struct error *err)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof copy, "%s", h->path);
	const char *folder = dirname(copy);
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return err_set(err, -errno, "the folder %s can't be made: %s", folder,
			       strerror(errno));
	h->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->folder < 0 || flock(h->folder, LOCK_EX) != 0)
		return err_set(err, -errno, "the folder %s can't be used: %s", folder,
			       strerror(errno));
	return 0;
}

int host_settings_open(struct host_settings *h, const char *path, bool to_change, struct error *err)
{
	*h = (struct host_settings){ .folder = -1, .arena = arena_new(ROOM) };
	if (!h->arena)
		return err_set(err, -ENOMEM, "out of memory");
	int len = snprintf(h->path, sizeof h->path, "%s", path);
	int password_len = snprintf(h->password_path, sizeof h->password_path, "%s.password", path);
	if (len >= (int)sizeof h->path || password_len >= (int)sizeof h->password_path)
		return err_set(err, -ENAMETOOLONG, "the path of the settings is too long");
	int code = to_change ? lock_folder(h, err) : 0;
	if (code == 0)
		code = host_file_read(h->path, SETTINGS_MAX_TEXT, &h->text, err);
	if (code == 0)
		code = host_file_read(h->password_path, SETTINGS_MAX_PASSWORD + 2, &h->password,
				      err);
	return code;
}

void host_settings_done(struct host_settings *h)
{
	host_file_done(&h->text);
	host_file_done(&h->password);
	arena_free(h->arena);
	if (h->folder >= 0)
		close(h->folder);
}

struct slice host_settings_password(const struct host_settings *h)
{
	struct slice rest = h->password.text;
	return slice_line(&rest);
}

int host_settings_read(struct host_settings *h, struct slice text, struct slice password,
		       struct settings *ret_settings, struct error *err)
{
	struct error inner = { 0 };
	int code = settings_read(text, h->arena, ret_settings, &inner);
	if (code < 0)
		return err_set(err, code, "%s: %s", h->path, inner.text);
	ret_settings->password = password;
	return 0;
}

int host_settings_load(struct host_settings *h, const char *path, struct settings *ret_settings,
		       struct error *err)
{
	int code = host_settings_open(h, path, false, err);
	return code < 0 ? code
			: host_settings_read(h, h->text.text, host_settings_password(h),
					     ret_settings, err);
}

static int save_password(const struct host_settings *h, struct slice password, struct error *err)
{
	uint8_t line[SETTINGS_MAX_PASSWORD + 1];
	struct host_file own = h->password;
	if (password.len == 0)
		return host_file_remove(h->password_path, err);
	if (password.len > SETTINGS_MAX_PASSWORD)
		return err_set(err, -E2BIG, "the password has %zu bytes, more than %d",
			       password.len, SETTINGS_MAX_PASSWORD);
	memcpy(line, password.at, password.len);
	line[password.len] = '\n';
	own.mode = 0600; /* whatever it was before */
	int code = host_file_write(h->password_path, (struct slice){ line, password.len + 1 }, &own,
				   err);
	explicit_bzero(line, sizeof line);
	return code;
}

/* The password goes first: settings that ask for one never stand without it. */
int host_settings_save(const struct host_settings *h, struct slice text, struct slice password,
		       struct error *err)
{
	int code = 0;
	if (!slice_equal(password, host_settings_password(h)))
		code = save_password(h, password, err);
	if (code == 0 && !slice_equal(text, h->text.text))
		code = host_file_write(h->path, text, &h->text, err);
	return code;
}
