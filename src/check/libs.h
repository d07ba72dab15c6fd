/* libcurl, and the libssl that it brings along, opened when a check needs them.
 *
 * Linked, they would cost every start of `viaduct proxy` 4.5 ms and 4.5 MB for some thirty libraries
 * that it never calls (measured with libcurl 7.88 of Debian 12: an empty program starts in 0.7 ms
 * and holds 0.1 MB without it, in 5.2 ms and holds 4.6 MB with it); the proxy's goals are 6 ms and
 * 1 MiB for all. So they are opened by name, and what libcrypto does for libssl is libssl's own
 * libcrypto: the program may hold another one. The types are those of their headers, which the
 * compiler checks each call against. */
#ifndef CHECK_LIBS_H
#define CHECK_LIBS_H

#include "base/error.h"

/* Its checks of types are macros around the functions themselves, and these are pointers. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#define CHECK_CURL_CALLS(CALL)                                                                     \
	CALL(curl_global_init)                                                                     \
	CALL(curl_easy_init)                                                                       \
	CALL(curl_easy_setopt)                                                                     \
	CALL(curl_easy_getinfo)                                                                    \
	CALL(curl_easy_perform)                                                                    \
	CALL(curl_easy_send)                                                                       \
	CALL(curl_easy_cleanup)                                                                    \
	CALL(curl_easy_strerror)                                                                   \
	CALL(curl_multi_init)                                                                      \
	CALL(curl_multi_add_handle)                                                                \
	CALL(curl_multi_remove_handle)                                                             \
	CALL(curl_multi_perform)                                                                   \
	CALL(curl_multi_poll)                                                                      \
	CALL(curl_multi_info_read)                                                                 \
	CALL(curl_multi_cleanup)                                                                   \
	CALL(curl_slist_append)                                                                    \
	CALL(curl_slist_free_all)

#define CHECK_SSL_CALLS(CALL)                                                                      \
	CALL(TLS_client_method)                                                                    \
	CALL(SSL_CTX_new)                                                                          \
	CALL(SSL_CTX_free)                                                                         \
	CALL(SSL_CTX_ctrl)                                                                         \
	CALL(SSL_CTX_set_msg_callback)                                                             \
	CALL(SSL_CTX_set_default_verify_paths)                                                     \
	CALL(SSL_CTX_load_verify_locations)                                                        \
	CALL(SSL_CTX_set_verify)                                                                   \
	CALL(SSL_new)                                                                              \
	CALL(SSL_free)                                                                             \
	CALL(SSL_ctrl)                                                                             \
	CALL(SSL_set_fd)                                                                           \
	CALL(SSL_set_rfd)                                                                          \
	CALL(SSL_set0_rbio)                                                                        \
	CALL(SSL_get0_param)                                                                       \
	CALL(SSL_connect)                                                                          \
	CALL(SSL_read)                                                                             \
	CALL(SSL_write)                                                                            \
	CALL(SSL_shutdown)                                                                         \
	CALL(SSL_pending)                                                                          \
	CALL(BIO_new)                                                                              \
	CALL(BIO_s_mem)                                                                            \
	CALL(BIO_free)                                                                             \
	CALL(BIO_ctrl)                                                                             \
	CALL(X509_VERIFY_PARAM_set1_ip_asc)                                                        \
	CALL(X509_VERIFY_PARAM_set1_host)                                                          \
	CALL(X509_verify_cert_error_string)                                                        \
	CALL(SSL_get_error)                                                                        \
	CALL(SSL_get_verify_result)

#define CHECK_MEMBER(name) __typeof__(name) *name;
struct check_libs {
	struct {
		CHECK_CURL_CALLS(CHECK_MEMBER)
	} curl;
	struct {
		CHECK_SSL_CALLS(CHECK_MEMBER)
	} ssl;
};
#undef CHECK_MEMBER

/* The libraries, opened by the first call; they stay. NULL with err: not installed, or another TLS
 * library than OpenSSL is behind them. */
const struct check_libs *check_libs_open(struct error *err);

#endif
