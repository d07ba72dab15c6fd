/* ClientHellos of our own making, to see which of them is answered: no handshake is ever finished with
 * one. Private to this room. */
#ifndef CHECK_HELLO_H
#define CHECK_HELLO_H

#include "base/slice.h"

enum { HELLO_ROOM = 4096 };

struct hello_shape {
	const char *name;  /* server_name; NULL: none */
	bool post_quantum; /* with a key share of X25519MLKEM768 as well: 1,216 bytes */
	size_t padded_to;  /* at least so long, by the padding extension (RFC 7685); 0: as it comes */
};

/* The record, into HELLO_ROOM bytes; its length. TLS 1.3 and 1.2, http/1.1, fresh random numbers. The
 * key shares are well-formed, and nobody has their secrets. */
size_t hello_write(const struct hello_shape *shape, uint8_t *into);

#endif
