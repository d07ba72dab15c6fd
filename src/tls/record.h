/* Peeks at TLS records and the messages that are in the clear: hellos, certificates, alerts.
 * Never decrypts (RFC 8446, RFC 5246). Pure: bytes in, values out. */
#ifndef TLS_RECORD_H
#define TLS_RECORD_H

#include "base/slice.h"

enum tls_parse { TLS_DONE, TLS_MORE, TLS_BAD };

enum tls_content {
	TLS_CHANGE_CIPHER = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION = 23,
	TLS_HEARTBEAT = 24,
};

enum {
	TLS_RECORD_HEADER = 5,
	TLS_MAX_RECORD = 16384 + 2048,
	TLS_MAX_HANDSHAKE = 131072, /* a longer message is TLS_BAD */
};

struct tls_record {
	enum tls_content content;
	uint16_t length; /* of what follows the header */
};

/* The header at the start of `in`. TLS_BAD: these bytes begin no TLS record (content type,
 * version 3.x, or length out of range); it says so as soon as it can, with fewer than five
 * bytes too. */
enum tls_parse tls_read_record(struct slice in, struct tls_record *ret_record);

struct tls_alert {
	uint8_t level; /* 1 warning, 2 fatal */
	uint8_t what;
};

/* The alert in one complete record's body; false unless it is two bytes (an encrypted alert is
 * longer, and can't be read). */
bool tls_read_alert(struct slice body, struct tls_alert *ret_alert);

enum tls_handshake {
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_CERTIFICATE = 11,
};

/* One handshake message at the start of `in` (record headers already taken off, so that a
 * message in several records is in one piece). *ret_body is without the four-byte header.
 * TLS_BAD: no message type that is known, or too long: encrypted, most likely. */
enum tls_parse tls_read_handshake(struct slice in, uint8_t *ret_type, struct slice *ret_body);

const char *tls_version_name(uint16_t version); /* "1.3", "1.2", ..., "SSL 3"; NULL unknown */

#endif
