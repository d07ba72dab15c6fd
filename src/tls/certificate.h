/* The server's certificates, where TLS 1.2 and older show them. The X.509 reading is
 * OpenSSL's; no type of it leaves this room. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include "base/when.h"

enum { TLS_MAX_NAME = 256, TLS_MAX_CHAIN = 10 };

/* The name of a certificate matched against a host: RFC 9525 (dNSName and iPAddress only,
 * wildcard in the left-most label). */
enum tls_name_match { TLS_NAME_UNKNOWN, TLS_NAME_MATCHES, TLS_NAME_DIFFERS };

struct tls_certificate {
	char subject[TLS_MAX_NAME]; /* "CN=..., O=..." one line, UTF-8, not yet escaped */
	char issuer[TLS_MAX_NAME];
	char names[TLS_MAX_NAME];   /* dNSNames, comma separated, as many as fit */
	nanos not_before, not_after; /* NO_TIME: unreadable; INT64_MAX: after 2261, "never" */
	bool self_signed;           /* subject equals issuer */
};

struct tls_chain {
	size_t count;               /* as sent, leaf first */
	struct tls_certificate leaf, top; /* top: the last one sent */
	enum tls_name_match name;   /* the leaf against `host` */
	bool leaf_issued_by_top;    /* two or more were sent, and the last one is self-signed and
	                               issued the leaf itself: no public authority does that */
	bool incomplete;            /* only the leaf was sent, and it is not self-signed */
};

/* `body` is the Certificate message of TLS 1.2 and older, without its header. `host` is the
 * SNI or the CONNECT host; may be empty. False when it can't be read, or is longer than
 * TLS_MAX_CHAIN. */
bool tls_read_chain(struct slice body, struct slice host, struct tls_chain *ret_chain);

/* The same of TLS 1.3 (RFC 8446 section 4.4.2), for whoever holds the keys. */
bool tls_read_chain_13(struct slice body, struct slice host, struct tls_chain *ret_chain);

/* Each certificate of the message, leaf first, up to the first that can't be read; newer: of TLS 1.3.
 * How many. */
size_t tls_read_certificates(struct slice body, bool newer,
                             struct tls_certificate ret_certificate[TLS_MAX_CHAIN]);

/* What reading one needs is loaded with the first. This loads it now: for whoever is about to give up
 * opening files. */
void tls_prepare_certificates(void);

#endif
