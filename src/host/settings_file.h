/* The proxy settings of this host: the text at a path, and the password beside it at PATH.password,
 * which its owner alone can read. */
#ifndef HOST_SETTINGS_FILE_H
#define HOST_SETTINGS_FILE_H

#include "host/file.h"
#include "settings/settings.h"

#include <limits.h>

#define HOST_SETTINGS_PATH "/etc/viaduct/settings"

struct host_settings {
	char path[PATH_MAX], password_path[PATH_MAX];
	int folder;             /* the lock on the files' folder; -1: none */
	struct host_file text, password; /* as they are on disk */
	struct arena *arena;
};

/* Reads both files; no file is read as no settings. Owned by the caller also after an error, until
 * host_settings_done. `to_change`: makes the folder, and nobody else changes the files until then. */
int host_settings_open(struct host_settings *h, const char *path, bool to_change,
		       struct error *err);
void host_settings_done(struct host_settings *h);

/* The record that text and password make. */
int host_settings_read(struct host_settings *h, struct slice text, struct slice password,
		       struct settings *ret_settings, struct error *err);

/* Opened, not to be changed, and read as they are on disk. To be ended like host_settings_open. */
int host_settings_load(struct host_settings *h, const char *path, struct settings *ret_settings,
		       struct error *err);

/* The password as the file has it, without the line's end. */
struct slice host_settings_password(const struct host_settings *h);

/* Writes what differs from what is on disk. An empty password removes its file. */
int host_settings_save(const struct host_settings *h, struct slice text, struct slice password,
		       struct error *err);

#endif
