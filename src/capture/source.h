/* Private to the room. Raw bytes of one file, from its start. Owns its descriptor; knows nothing of
 * what the bytes are. */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct source {
	int fd;
	bool opened;    /* fd is ours to close */
	bool regular;   /* read by position: the caller's descriptor stays where it stands */
	uint64_t start; /* where it stood (standard input) */
	uint64_t size;  /* bytes from start to the end; 0 for a pipe */
	uint64_t at;    /* bytes given out since the start */
	char shown[160];  /* the name, safe to show */
};

/* path "-" is standard input. name: what messages call it, safe to show. 0, or a negative errno and *err; then there is nothing to close. */
int source_open(struct source *s, const char *path, const char *name, struct error *err);
void source_close(struct source *s);

/* Up to len bytes, as soon as there are any; 0 at the end. */
ssize_t source_read(struct source *s, uint8_t *to, size_t len, struct error *err);

#endif
