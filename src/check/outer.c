/* The handshake with an https:// proxy, in the tongue of libssl. */
#include "check/outer.h"

#include "base/address.h"
#include "check/connect.h"
#include "net/socket.h"
#include "observe/observe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

struct shake {
	const struct check_libs *libs;
	int fd;
	SSL *ssl;
	char *text;
	size_t size;
	bool peeked;
	enum trace_protocol spoken;
};

static enum trace_outer fail(struct shake *s, enum trace_outer how, const char *text)
{
	snprintf(s->text, s->size, "%s", text);
	return how;
}

static bool prepare(struct shake *s, SSL_CTX *ctx, const char *host, const char *ca)
{
	const struct check_libs *l = s->libs;
	struct address literal;
	l->ssl.SSL_CTX_set_default_verify_paths(ctx);
	if (ca && l->ssl.SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		return false;
	l->ssl.SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	s->ssl = l->ssl.SSL_new(ctx);
	BIO *nothing = s->ssl ? l->ssl.BIO_new(l->ssl.BIO_s_mem()) : NULL;
	if (!nothing || l->ssl.SSL_set_fd(s->ssl, s->fd) != 1) {
		l->ssl.BIO_free(nothing);
		return false;
	}
	l->ssl.BIO_ctrl(nothing, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, NULL);
	l->ssl.SSL_set0_rbio(s->ssl, nothing); /* see `shake` */
	X509_VERIFY_PARAM *param = l->ssl.SSL_get0_param(s->ssl);
	if (address_parse(slice_of(host), &literal))
		return l->ssl.X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	l->ssl.SSL_ctrl(s->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			(void *)host);
	return l->ssl.X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

/* The first bytes that it says, before libssl may swallow them. */
static void peek(struct shake *s)
{
	uint8_t first[64];
	ssize_t n = net_peek(s->fd, first, sizeof first);
	if (n > 0)
		s->spoken = observe_guess((struct slice){ first, (size_t)n });
	s->libs->ssl.SSL_set_rfd(s->ssl, s->fd);
	s->peeked = true;
}

static enum trace_outer judge(struct shake *s, int n)
{
	int error = s->libs->ssl.SSL_get_error(s->ssl, n), code = errno;
	long verified = s->libs->ssl.SSL_get_verify_result(s->ssl);
	if (s->spoken != PROTO_NONE && s->spoken != PROTO_TLS) {
		snprintf(s->text, s->size, "the ClientHello was answered in %s",
			 s->spoken == PROTO_UNKNOWN ? "something that is no TLS"
						    : trace_protocol_name(s->spoken));
		return OUTER_NOT_TLS;
	}
	if (verified != X509_V_OK)
		return fail(s, OUTER_UNTRUSTED,
			    s->libs->ssl.X509_verify_cert_error_string(verified));
	if (error == SSL_ERROR_SYSCALL && (code == ECONNRESET || code == EPIPE))
		return fail(s, OUTER_RESET, "the connection was reset after the ClientHello");
	if (s->spoken == PROTO_NONE)
		return fail(s, OUTER_CLOSED, "the connection was closed after the ClientHello");
	return fail(s, OUTER_FAILED, "the proxy ended the handshake");
}

/* The hello goes out while there is nothing to read; when something is, it is looked at first. */
static enum trace_outer shake(struct shake *s, nanos until)
{
	for (;;) {
		errno = 0;
		int n = s->libs->ssl.SSL_connect(s->ssl);
		if (n == 1)
			return OUTER_DONE;
		int error = s->libs->ssl.SSL_get_error(s->ssl, n);
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return judge(s, n);
		nanos left = until - check_now();
		struct pollfd p = { .fd = s->fd,
				    .events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT };
		if (left <= 0)
			return fail(s, OUTER_SILENT, "nothing came in answer to the ClientHello");
		if (poll(&p, 1, (int)(left / NANOS_PER_MS) + 1) > 0 && !s->peeked)
			peek(s);
	}
}

enum trace_outer outer_shake(const struct check_libs *libs, int fd, const char *host,
			     const char *ca, nanos patience, SSL **ret_outer, char *ret_text,
			     size_t size, enum trace_protocol *ret_spoken)
{
	struct shake s = {
		.libs = libs, .fd = fd, .text = ret_text, .size = size, .spoken = PROTO_NONE
	};
	SSL_CTX *ctx = libs->ssl.SSL_CTX_new(libs->ssl.TLS_client_method());
	bool ready = ctx && prepare(&s, ctx, host, ca);
	enum trace_outer how = ready ? shake(&s, check_now() + patience)
				     : fail(&s, OUTER_FAILED, "the TLS library can't be set up");
	if (how == OUTER_DONE)
		*ret_outer = s.ssl;
	else if (s.ssl)
		libs->ssl.SSL_free(s.ssl);
	if (ctx)
		libs->ssl.SSL_CTX_free(ctx);
	*ret_spoken = s.spoken;
	return how;
}
