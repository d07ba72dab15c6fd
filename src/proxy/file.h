/* A small file, whole: the configuration and what it names, some of it secret. */
#ifndef PROXY_FILE_H
#define PROXY_FILE_H

#include "base/error.h"
#include "base/slice.h"

/* Told of a line that can't be understood. */
struct file_faults {
	void (*fault)(void *context, uint64_t line, const char *text);
	void *context;
};

/* At most `limit` bytes; the empty slice with at == NULL, and err, when it can't be read. err says why;
 * which file it is the caller says, once. */
struct slice file_read(const char *path, size_t limit, struct error *err);

/* Wiped, and freed; the empty slice is fine. */
void file_forget(struct slice content);

#endif
