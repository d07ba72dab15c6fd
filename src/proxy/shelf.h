/* A shelf of strings that are much alike: packed records of tunnels, which differ in a port, some
 * times and a name. Each is kept as what makes it different from a sample, one of the last that
 * were unlike all samples before; a sample lives as long as anything is told by it.
 *
 * In one thread. */
#ifndef PROXY_SHELF_H
#define PROXY_SHELF_H

#include "base/buffer.h"

struct shelf;
struct kept; /* a string on a shelf */

struct shelf *shelf_new(void);
void shelf_free(struct shelf *s); /* nothing may be on it any more; NULL is fine */

struct kept *shelf_put(struct shelf *s, struct slice string); /* NULL: no memory */
bool shelf_read(const struct kept *k, struct buffer *out);    /* adds it to `out` */
void shelf_drop(struct kept *k);                              /* NULL is fine */

#endif
