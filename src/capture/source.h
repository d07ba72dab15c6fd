/* Private to the room. Raw bytes of one file, from its start, once or (a regular file, or a pipe
 * that was kept) again. Owns its descriptors; knows nothing of what the bytes are. */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct source {
	int fd, spool;    /* spool: what a pipe gave so far; -1: not kept */
	bool opened;      /* fd is ours to close */
	bool regular;     /* read by position, so reading again needs no copy */
	uint64_t start;   /* where the caller's descriptor stood (standard input) */
	uint64_t size;    /* bytes from start to the end; 0 for a pipe */
	uint64_t at;      /* bytes given out since the start */
	uint64_t spooled; /* bytes in the spool */
	char shown[160];  /* the name, safe to show */
};

/* path "-" is standard input. 0, or a negative errno and *err; then there is nothing to close. */
int source_open(struct source *s, const char *path, struct error *err);
void source_close(struct source *s);

/* Up to len bytes, as soon as there are any; 0 at the end. */
ssize_t source_read(struct source *s, uint8_t *to, size_t len, struct error *err);

/* From now on a pipe is copied to an unlinked temporary file. so_far: all that was read before,
 * s->at bytes. Nothing to do for a regular file. */
int source_keep(struct source *s, const uint8_t *so_far, struct error *err);
int source_rewind(struct source *s, struct error *err);

#endif
