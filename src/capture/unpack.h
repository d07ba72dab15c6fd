/* Private to the room. The bytes of a file with its compression, if any, taken off: gzip with any
 * number of members, zstd with any number of frames. */
#ifndef CAPTURE_UNPACK_H
#define CAPTURE_UNPACK_H

#include "base/slice.h"
#include "capture/source.h"

#include <zlib.h>
#include <zstd.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct unpack {
	struct source source;
	enum packing packing;
	uint8_t *in; /* bytes of the source that nobody has used yet: in_at..in_len */
	size_t in_at, in_len;
	bool in_member; /* the compressed stream may not end here */
	bool z_ready;
	z_stream z;
	ZSTD_DStream *zstd;
	struct error broken; /* comes again, every time */
};

/* Opens, and looks at the first bytes. */
int unpack_open(struct unpack *u, const char *path, const char *name, struct error *err);
void unpack_close(struct unpack *u);

/* Up to len bytes, as soon as there are any; 0 at the end; negative errno and *err, again and
 * again, when the source or the compression is broken. */
ssize_t unpack_read(struct unpack *u, uint8_t *to, size_t len, struct error *err);

/* "" or "gzip" or "zstd" */
const char *packing_name(enum packing p);

#endif
