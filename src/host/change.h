/* Several files of this machine, or of an image of one, changed together, and brought back.
 *
 * Whatever is replaced is kept first, below ROOT/var/lib/viaduct/applied, in a folder for each time
 * that its owner alone can read: each file as it was and as it became, with mode and owner. Where one
 * can't be written, those before it are brought back. */
#ifndef HOST_CHANGE_H
#define HOST_CHANGE_H

#include "host/file.h"

#include <limits.h>

enum { HOST_MAX_CHANGES = 16, HOST_MAX_TEXT = 1 << 20 };

struct host_change {
	char name[PATH_MAX];      /* within the root: "/etc/wgetrc" */
	char path[PATH_MAX];      /* as we open it */
	struct host_file now, to; /* owned; `to` begins as a file of the same mode without text */
	bool touched;             /* to be undone, and somebody else changed it in between */
};

/* A name within the root, of "~/.curlrc" as well: in an image the home folder is root's. Into PATH_MAX
 * bytes. -EINVAL where there is no HOME. */
int host_change_name(char *into, const char *root, const char *path, struct error *err);

/* Reads the file. A path that a symbolic link leads out of the root is refused. root "": this
 * machine. To be ended with host_change_done, also after an error. */
int host_change_open(struct host_change *c, const char *root, const char *name, struct error *err);
void host_change_done(struct host_change *c);

/* The text that it is to have, copied. */
int host_change_set(struct host_change *c, struct slice text, struct error *err);

int host_change_apply(const char *root, const struct host_change *c, size_t count,
		      struct error *err);

/* The last that were applied, turned round. -ENOENT: there are none. */
struct host_kept {
	char folder[PATH_MAX];
	struct host_change change[HOST_MAX_CHANGES];
	size_t count;
};

int host_change_last(const char *root, struct host_kept *ret_kept, struct error *err);
int host_change_undo(const struct host_kept *kept, struct error *err);

#endif
