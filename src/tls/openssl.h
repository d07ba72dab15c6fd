/* OpenSSL, as far as certificates need it. It is loaded with the first certificate, not with the
 * program: it takes three times the memory of the idle proxy and most of the time to start, and few
 * runs ever see a certificate. Private to tls. */
#ifndef TLS_OPENSSL_H
#define TLS_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define OPENSSL_FUNCTIONS(X) \
	X(ASN1_STRING_get0_data) \
	X(ASN1_STRING_length) \
	X(ASN1_TIME_to_tm) \
	X(BIO_ctrl) \
	X(BIO_free) \
	X(BIO_new) \
	X(BIO_s_mem) \
	X(ERR_pop_to_mark) \
	X(ERR_set_mark) \
	X(GENERAL_NAMES_free) \
	X(OPENSSL_init_crypto) \
	X(OPENSSL_sk_num) \
	X(OPENSSL_sk_value) \
	X(X509_NAME_cmp) \
	X(X509_NAME_print_ex) \
	X(X509_check_host) \
	X(X509_check_ip_asc) \
	X(X509_check_issued) \
	X(X509_free) \
	X(X509_get0_notAfter) \
	X(X509_get0_notBefore) \
	X(X509_get_ext_d2i) \
	X(X509_get_issuer_name) \
	X(X509_get_subject_name) \
	X(d2i_X509)

struct openssl {
#define MEMBER(name) __typeof__(name) *name;
	OPENSSL_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* NULL where it is not installed. From any thread. */
const struct openssl *openssl(void);

#endif
