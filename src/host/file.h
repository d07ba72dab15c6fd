/* Files of this machine, read whole and written whole.
 *
 * A file is written anew beside the old one and takes its place in one step, after fsync; mode and
 * owner stay as they were. A symbolic link stays one: what it leads to is changed. */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include "base/error.h"
#include "base/slice.h"

#include <sys/types.h>

struct host_file {
	struct slice text; /* owned: host_file_done wipes and frees it */
	bool exists;
	mode_t mode;
	uid_t owner;
	gid_t group;
	bool keep_owner; /* to be written: with this owner and group, or not at all */
};

/* A file that is not there is read as empty, with `exists` false. -EFBIG beyond `limit` bytes. */
int host_file_read(const char *path, size_t limit, struct host_file *ret_file, struct error *err);
void host_file_done(struct host_file *f);

/* `like` says mode and owner: of the file as it was read, or as it is to be. The owner is left alone
 * where it can't be given and nobody gains by that. Folders that are missing are made (0755). */
int host_file_write(const char *path, struct slice text, const struct host_file *like,
		    struct error *err);

/* All of the text, to where the descriptor stands. 0 or a negative errno. */
int host_file_append(int fd, struct slice text);

/* With those above it, 0755; no error when it is there. */
int host_file_make_folder(const char *path, struct error *err);

/* No error when it is not there. */
int host_file_remove(const char *path, struct error *err);

#endif
