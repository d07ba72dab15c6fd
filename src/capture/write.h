/* Writes a pcapng file: one section, one interface per link type, nanosecond clock. */
#ifndef CAPTURE_WRITE_H
#define CAPTURE_WRITE_H

#include "capture/file.h"

struct capture_writer;

/* Creates the file (it must not exist; mode 0600). comment: goes into the section header; may
 * be NULL. NULL and *err on failure. */
struct capture_writer *capture_create(const char *path, const char *comment, struct error *err);

/* comment: of this packet; may be NULL. No time, or one before 1970, is written as 0. Errors are
 * kept until capture_finish. */
void capture_write(struct capture_writer *w, const struct capture_packet *p, const char *comment);

/* Bytes so far, with what is still to be flushed. */
uint64_t capture_written(const struct capture_writer *w);
/* What was written can be read from the file; 0, or the first error. */
int capture_flush(struct capture_writer *w, struct error *err);

/* Flushes and closes; 0, or the first error (then the incomplete file is removed). */
int capture_finish(struct capture_writer *w, struct error *err);

#endif
