/* Certificates of TLS 1.2 and older, read with OpenSSL: names and dates, no signature, no
 * trust store, no clock. */
#include "tls/certificate.h"

#include "base/reader.h"
#include "tls/openssl.h"

#include <string.h>
#include <time.h>

enum { MAX_HOST = 253 };

/* One line, the most telling part (CN) first, quotes around a value that holds a comma. */
enum {
	NAME_FORMAT = ((int)XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB & ~(int)XN_FLAG_SPC_EQ) |
		      (int)XN_FLAG_DN_REV,
};

/* --- one certificate --------------------------------------------------------------------- */

/* Cut to fit, never inside a character. */
static void put_cut(char into[TLS_MAX_NAME], struct slice s)
{
	size_t n = s.len < TLS_MAX_NAME ? s.len : TLS_MAX_NAME - 1;
	while (n > 0 && n < s.len && (s.at[n] & 0xc0) == 0x80)
		n--;
	if (n > 0)
		memcpy(into, s.at, n);
	into[n] = '\0';
}

static bool put_name(char into[TLS_MAX_NAME], const X509_NAME *name)
{
	BIO *out = openssl()->BIO_new(openssl()->BIO_s_mem());
	char *text = NULL;
	bool done = out && openssl()->X509_NAME_print_ex(out, name, 0, NAME_FORMAT) >= 0;
	long len = done ? openssl()->BIO_ctrl(out, BIO_CTRL_INFO, 0, &text) : 0;
	put_cut(into, (struct slice){ (const uint8_t *)text, len > 0 ? (size_t)len : 0 });
	openssl()->BIO_free(out);
	return done;
}

/* A name takes its place whole or not at all; what no host name holds is shown as "?". */
static bool add_dns_name(char into[TLS_MAX_NAME], struct slice name)
{
	size_t len = strlen(into);
	if (len + (len > 0) + name.len >= TLS_MAX_NAME)
		return false;
	if (len > 0)
		into[len++] = ',';
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		into[len++] = c > 0x20 && c < 0x7f && c != ',' ? (char)c : '?';
	}
	into[len] = '\0';
	return true;
}

static void put_dns_names(char into[TLS_MAX_NAME], const X509 *x)
{
	GENERAL_NAMES *names = openssl()->X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	into[0] = '\0';
	for (int i = 0; i < openssl()->OPENSSL_sk_num((const OPENSSL_STACK *)names); i++) {
		const GENERAL_NAME *n =
			openssl()->OPENSSL_sk_value((const OPENSSL_STACK *)names, i);
		if (n->type != GEN_DNS)
			continue;
		const ASN1_STRING *s = n->d.dNSName;
		struct slice name = { openssl()->ASN1_STRING_get0_data(s),
				      (size_t)openssl()->ASN1_STRING_length(s) };
		if (!add_dns_name(into, name))
			break;
	}
	openssl()->GENERAL_NAMES_free(names);
}

/* NO_TIME for what is no time. 9999-12-31, which stands for "never" (RFC 5280 section
 * 4.1.2.5), lies beyond what nanoseconds can count and is the last of them. */
static nanos read_time(const ASN1_TIME *time)
{
	struct tm tm;
	if (!time || openssl()->ASN1_TIME_to_tm(time, &tm) != 1)
		return NO_TIME;
	if (tm.tm_year + 1900 > 2261)
		return INT64_MAX;
	if (tm.tm_year + 1900 < 1678)
		return INT64_MIN + 1;
	struct when w = {
		.year = tm.tm_year + 1900,
		.month = tm.tm_mon + 1,
		.day = tm.tm_mday,
		.hour = tm.tm_hour,
		.minute = tm.tm_min,
		.second = tm.tm_sec,
	};
	return when_join(&w);
}

static bool describe(const X509 *x, struct tls_certificate *c)
{
	const X509_NAME *subject = openssl()->X509_get_subject_name(x),
			*issuer = openssl()->X509_get_issuer_name(x);
	put_dns_names(c->names, x);
	c->not_before = read_time(openssl()->X509_get0_notBefore(x));
	c->not_after = read_time(openssl()->X509_get0_notAfter(x));
	c->self_signed = openssl()->X509_NAME_cmp(subject, issuer) == 0;
	return put_name(c->subject, subject) && put_name(c->issuer, issuer);
}

/* --- the host ---------------------------------------------------------------------------- */

/* Without the brackets of a literal and the dot of the root. */
static struct slice plain_host(struct slice host)
{
	if (host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		return slice_first(slice_from(host, 1), host.len - 2);
	if (host.len > 1 && host.at[host.len - 1] == '.')
		return slice_first(host, host.len - 1);
	return host;
}

static enum tls_name_match match_host(X509 *x, struct slice host)
{
	const unsigned flags =
		X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	char text[MAX_HOST + 1];
	host = plain_host(host);
	if (host.len == 0 || host.len > MAX_HOST || slice_find_byte(host, 0) < host.len)
		return TLS_NAME_UNKNOWN;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	int match = openssl()->X509_check_ip_asc(x, text, flags);
	if (match == -2) /* no address */
		match = text[0] == '.' ? 0
				       : openssl()->X509_check_host(x, text, host.len, flags, NULL);
	if (match < 0)
		return TLS_NAME_UNKNOWN;
	return match ? TLS_NAME_MATCHES : TLS_NAME_DIFFERS;
}

/* --- the chain --------------------------------------------------------------------------- */

/* The certificates of the list; how many there are, 0 when it is not well formed. TLS 1.3 has a
 * context before the list, and extensions behind each certificate. */
static size_t cut_list(struct slice body, bool newer, struct slice ret_der[TLS_MAX_CHAIN])
{
	struct reader r = { .left = body };
	if (newer)
		read_counted(&r, 1);
	struct reader list = { .left = read_counted(&r, 3) };
	size_t count = 0;
	while (list.left.len > 0 && !list.ran_out) {
		struct slice der = read_counted(&list, 3);
		if (newer)
			read_counted(&list, 2);
		if (count < TLS_MAX_CHAIN)
			ret_der[count] = der;
		count++;
	}
	bool whole = !r.ran_out && r.left.len == 0 && !list.ran_out;
	return whole && count <= TLS_MAX_CHAIN ? count : 0;
}

static X509 *read_der(struct slice der)
{
	const unsigned char *at = der.at;
	X509 *x = der.len > 0 ? openssl()->d2i_X509(NULL, &at, (long)der.len) : NULL;
	if (x && at != der.at + der.len) {
		openssl()->X509_free(x);
		return NULL;
	}
	return x;
}

static bool describe_chain(X509 *leaf, X509 *top, struct slice host, struct tls_chain *c)
{
	if (!describe(leaf, &c->leaf) || !describe(top, &c->top))
		return false;
	c->name = match_host(leaf, host);
	c->leaf_issued_by_top = c->count > 1 && c->top.self_signed &&
				openssl()->X509_check_issued(top, leaf) == X509_V_OK;
	c->incomplete = c->count == 1 && !c->leaf.self_signed;
	return true;
}

static bool read_chain(struct slice body, bool newer, struct slice host,
		       struct tls_chain *ret_chain)
{
	struct slice der[TLS_MAX_CHAIN];
	struct tls_chain chain = { .count = cut_list(body, newer, der) };
	if (chain.count == 0 || !openssl())
		return false;
	openssl()->ERR_set_mark();
	X509 *leaf = read_der(der[0]);
	X509 *top = chain.count > 1 ? read_der(der[chain.count - 1]) : leaf;
	bool done = leaf && top && describe_chain(leaf, top, host, &chain);
	if (top != leaf)
		openssl()->X509_free(top);
	openssl()->X509_free(leaf);
	openssl()->ERR_pop_to_mark(); /* our caller's errors stay as they were */
	if (done)
		*ret_chain = chain;
	return done;
}

bool tls_read_chain(struct slice body, struct slice host, struct tls_chain *ret_chain)
{
	return read_chain(body, false, host, ret_chain);
}

bool tls_read_chain_13(struct slice body, struct slice host, struct tls_chain *ret_chain)
{
	return read_chain(body, true, host, ret_chain);
}

size_t tls_read_certificates(struct slice body, bool newer,
			     struct tls_certificate ret_certificate[TLS_MAX_CHAIN])
{
	struct slice der[TLS_MAX_CHAIN];
	size_t count = cut_list(body, newer, der), read = 0;
	if (count == 0 || !openssl())
		return 0;
	openssl()->ERR_set_mark();
	while (read < count) {
		X509 *x = read_der(der[read]);
		bool done = x && describe(x, &ret_certificate[read]);
		openssl()->X509_free(x);
		if (!done)
			break;
		read++;
	}
	openssl()->ERR_pop_to_mark();
	return read;
}

void tls_prepare_certificates(void)
{
	openssl();
}
