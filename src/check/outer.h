/* TLS with the proxy itself, where its setting begins with https://. libcurl could speak it too, but
 * then what goes on inside would not be seen. */
#ifndef CHECK_OUTER_H
#define CHECK_OUTER_H

#include "check/libs.h"
#include "base/when.h"
#include "trace/exchange.h"

/* Shakes hands on a connected socket within `patience`. ca: trusted besides what the system trusts, or
 * NULL. The connection is the caller's (SSL_free) where it is OUTER_DONE. Else ret_text says why, and
 * ret_spoken what the proxy spoke instead (PROTO_NONE: nothing, or TLS). */
enum trace_outer outer_shake(const struct check_libs *libs, int fd, const char *host, const char *ca,
			     nanos patience, SSL **ret_outer, char *ret_text, size_t size,
			     enum trace_protocol *ret_spoken);

#endif
