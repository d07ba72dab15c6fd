/* A list of domains from a file, a million of them or more; a name is on it when it or a domain
 * above it is.
 *
 * One domain a line; # begins a comment; "*." and "." before a domain count for nothing; a line of a
 * hosts file (an address, then names) lists its names, those of the host itself (localhost, ...)
 * excepted; an address alone lists that address. Case is folded, xn-- names stay as they are.
 *
 * Kept is a 64-bit fingerprint of each (SipHash with a key of the process), 10 bytes a domain in
 * all. That another name has the fingerprint of one of a million domains happens once in 10^13
 * look-ups, and nobody without the key can make it happen. */
#ifndef PROXY_DOMAINS_H
#define PROXY_DOMAINS_H

#include "proxy/file.h"

struct domains;

struct domains *domains_new(void); /* NULL: out of memory */
/* Lines come in pieces of any size; of those that can't be understood a handful is told. */
/* 0; -ENOMEM; -E2BIG for more than 32 million. */
int domains_add(struct domains *d, struct slice bytes, const struct file_faults *faults);
/* No more lines: after this it can be asked, and no more added. 0, or -ENOMEM. */
int domains_end(struct domains *d, const struct file_faults *faults);
void domains_free(struct domains *d); /* NULL is fine */

/* A regular file, whole. NULL: the file can't be read (err), or lines were told as faults (err says
 * how many). */
struct domains *domains_load(const char *path, const struct file_faults *faults,
			     struct error *err);

/* Is the name, without a dot at its end, or a domain above it on the list? */
bool domains_hold(const struct domains *d, struct slice name);
/* Is this very text on it? For addresses, in the form of RFC 5952. */
bool domains_hold_exactly(const struct domains *d, struct slice name);

size_t domains_count(const struct domains *d);
size_t domains_bytes(const struct domains *d); /* of memory */

#endif
