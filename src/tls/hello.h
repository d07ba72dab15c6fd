/* ClientHello and ServerHello: what a doctor wants to know of them (RFC 8446 section 4.1,
 * RFC 6066 SNI, RFC 7301 ALPN, RFC 9849 ECH). Slices point into the message. */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include "tls/record.h"

enum { TLS_MAX_ALPN = 64 };

struct tls_client_hello {
	uint16_t legacy_version;
	uint16_t best_version;  /* highest of supported_versions that is no GREASE, or legacy */
	struct slice random;    /* 32 bytes */
	struct slice sni;       /* host_name; empty when there is none */
	char alpn[TLS_MAX_ALPN]; /* "h2,http/1.1", made safe to print, cut to fit */
	bool ech;               /* an encrypted_client_hello extension (GREASE or real) */
	bool post_quantum;      /* a key share of a hybrid group (X25519MLKEM768, Kyber drafts) */
	size_t length;          /* of the message with its header */
};

struct tls_server_hello {
	uint16_t version; /* supported_versions where present: 0x0304 */
	struct slice alpn; /* TLS 1.2 only; empty otherwise */
	bool retry_request; /* HelloRetryRequest */
};

/* `body` as tls_read_handshake gives it. False when it breaks the syntax; unknown extensions
 * and GREASE (RFC 8701) are passed over. */
bool tls_read_client_hello(struct slice body, struct tls_client_hello *ret_hello);
bool tls_read_server_hello(struct slice body, struct tls_server_hello *ret_hello);

/* From the part of a ClientHello that a cut packet left (at least to the end of the SNI): the
 * same, with what could be read; false when not even the random is there. `length` is what the
 * message says of itself where the cut lies behind that, and what is there otherwise. */
bool tls_peek_client_hello(struct slice body, struct tls_client_hello *ret_hello);

#endif
