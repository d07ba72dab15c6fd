/* tls: records, alerts, hellos, certificates. Every input goes in whole and cut at every byte,
 * from memory of exactly its size. */
#include "tls/certificate.h"
#include "tls/hello.h"
#include "tls/record.h"

#include "pieces.h"
#include "tls_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CASES(table) (sizeof(table) / sizeof *(table))
#define BYTES(array) ((struct slice){ (array), sizeof(array) })

enum { HEADER = 4 };

/* --- records ----------------------------------------------------------------------------- */

static void records_are_told_from_other_bytes(void **state)
{
	(void)state;
	static const struct {
		struct slice bytes;
		enum tls_parse want;
		size_t sure_after; /* how many bytes it takes to say BAD */
	} cases[] = {
		{ { (const uint8_t *)"\x16\x03\x01\x02\x00", 5 }, TLS_DONE, 0 },
		{ { (const uint8_t *)"\x14\x03\x03\x00\x01", 5 }, TLS_DONE, 0 },
		{ { (const uint8_t *)"\x17\x03\x03\x48\x00", 5 }, TLS_DONE, 0 },
		{ { (const uint8_t *)"\x17\x03\x03\x00\x00", 5 }, TLS_DONE, 0 },
		{ { (const uint8_t *)"\x17\x03\x03\x48\x01", 5 }, TLS_BAD, 5 },
		{ { (const uint8_t *)"\x17\x03\x03\x49\x00", 5 }, TLS_BAD, 4 },
		{ { (const uint8_t *)"\x16\x03\x03\x00\x00", 5 }, TLS_BAD, 5 },
		{ { (const uint8_t *)"\x16\x03\x05\x00\x01", 5 }, TLS_BAD, 3 },
		{ { (const uint8_t *)"\x16\x02\x00\x00\x01", 5 }, TLS_BAD, 2 },
		{ { (const uint8_t *)"HTTP/", 5 }, TLS_BAD, 1 },
		{ { (const uint8_t *)"SSH-2", 5 }, TLS_BAD, 1 },
		{ { (const uint8_t *)"\x19\x03\x03\x00\x01", 5 }, TLS_BAD, 1 },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct tls_record r = { 0 };
		for (size_t len = 0; len <= 5; len++) {
			struct slice in = exact(cases[i].bytes, len);
			bool sure = cases[i].want == TLS_BAD && len >= cases[i].sure_after;
			assert_int_equal(tls_read_record(in, &r), sure       ? TLS_BAD
								  : len == 5 ? TLS_DONE
									     : TLS_MORE);
			give_back(in);
		}
		if (cases[i].want == TLS_DONE)
			assert_int_equal(r.content, cases[i].bytes.at[0]);
	}
	struct tls_record r;
	assert_int_equal(tls_read_record(SLICE("\x16\x03\x01\x02\x05"), &r), TLS_DONE);
	assert_int_equal(r.content, TLS_HANDSHAKE);
	assert_int_equal(r.length, 0x0205);
}

static void alerts_are_two_bytes(void **state)
{
	(void)state;
	struct tls_alert a = { 7, 7 };
	assert_false(tls_read_alert(SLICE(""), &a));
	assert_false(tls_read_alert(SLICE("\x02"), &a));
	assert_false(tls_read_alert(SLICE("\x02\x28\x00"), &a));
	assert_int_equal(a.level, 7);
	assert_true(tls_read_alert(SLICE("\x02\x28"), &a));
	assert_int_equal(a.level, 2);
	assert_string_equal(tls_version_name(0x0304), "1.3");
	assert_string_equal(tls_version_name(0x0300), "SSL 3");
	assert_null(tls_version_name(0x7f1c));
}

static void handshake_messages_are_framed(void **state)
{
	(void)state;
	uint8_t type = 0;
	struct slice body = { 0 };
	for (size_t len = 0; len < sizeof CLIENT_HELLO_13; len++) {
		struct slice in = exact(BYTES(CLIENT_HELLO_13), len);
		assert_int_equal(tls_read_handshake(in, &type, &body), TLS_MORE);
		give_back(in);
	}
	assert_int_equal(tls_read_handshake(BYTES(CLIENT_HELLO_13), &type, &body), TLS_DONE);
	assert_int_equal(type, TLS_CLIENT_HELLO);
	assert_ptr_equal(body.at, CLIENT_HELLO_13 + HEADER);
	assert_int_equal(body.len, sizeof CLIENT_HELLO_13 - HEADER);
	assert_int_equal(tls_read_handshake(SLICE("\x0e\x00\x00\x00rest"), &type, &body), TLS_DONE);
	assert_int_equal(body.len, 0);
	assert_int_equal(tls_read_handshake(SLICE("\xe3"), &type, &body), TLS_BAD);
	assert_int_equal(tls_read_handshake(SLICE("\x0b\x02\x00\x01"), &type, &body), TLS_BAD);
	assert_int_equal(tls_read_handshake(SLICE("\x0b\x02\x00\x00"), &type, &body), TLS_MORE);
}

/* --- hellos ------------------------------------------------------------------------------ */

/* Writes a hello piece by piece; lengths are filled in when a part is closed. */
struct writer {
	uint8_t at[4096];
	size_t len;
};

static void put(struct writer *w, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		w->at[w->len++] = (uint8_t)(value >> 8 * bytes);
}

static void put_text(struct writer *w, const char *text)
{
	while (*text)
		w->at[w->len++] = (uint8_t)*text++;
}

static size_t open_part(struct writer *w, unsigned bytes)
{
	put(w, 0, bytes);
	return w->len;
}

static void close_part(struct writer *w, size_t from, unsigned bytes)
{
	size_t length = w->len - from;
	for (unsigned i = 1; i <= bytes; i++, length >>= 8)
		w->at[from - i] = (uint8_t)length;
}

static void put_start(struct writer *w)
{
	put(w, 0x0303, 2);
	for (int i = 0; i < 32; i++)
		put(w, (uint64_t)i, 1);
	put(w, 0, 1);              /* no session */
	put(w, 0x00040a0a1301, 6); /* two ciphers, one of them GREASE */
	put(w, 0x0100, 2);
}

/* As a browser sends it: GREASE everywhere, ECH, a hybrid key share. */
static void put_browser_hello(struct writer *w, unsigned group)
{
	put_start(w);
	size_t all = open_part(w, 2);
	put(w, 0x1a1a0000, 4);
	put(w, 0, 2); /* server_name */
	size_t ext = open_part(w, 2), list = open_part(w, 2);
	put(w, 0, 1);
	size_t name = open_part(w, 2);
	put_text(w, "tools.example.com");
	close_part(w, name, 2);
	close_part(w, list, 2);
	close_part(w, ext, 2);
	put(w, 16, 2);
	ext = open_part(w, 2), list = open_part(w, 2);
	put_text(w, "\x02\x5a\x5a\x02h2\x08http/1.1\x03\x01,x");
	close_part(w, list, 2);
	close_part(w, ext, 2);
	put(w, 43, 2);
	put(w, 0x0007067a7a, 5);
	put(w, 0x03040303, 4);
	put(w, 0xfe0d0001, 4);
	put(w, 0, 1);
	put(w, 51, 2);
	ext = open_part(w, 2), list = open_part(w, 2);
	put(w, 0x4a4a000100, 5);
	put(w, group, 2);
	size_t key = open_part(w, 2);
	for (int i = 0; i < 1216; i++)
		put(w, 0x55, 1);
	close_part(w, key, 2);
	close_part(w, list, 2);
	close_part(w, ext, 2);
	close_part(w, all, 2);
}

static void a_real_client_hello_is_read(void **state)
{
	(void)state;
	struct tls_client_hello h;
	struct slice body = slice_from(BYTES(CLIENT_HELLO_13), HEADER);
	assert_true(tls_read_client_hello(body, &h));
	assert_int_equal(h.legacy_version, 0x0303);
	assert_int_equal(h.best_version, 0x0304);
	assert_int_equal(h.random.len, 32);
	assert_ptr_equal(h.random.at, body.at + 2);
	assert_slice(h.sni, "tools.example.net");
	assert_string_equal(h.alpn, "h2,http/1.1");
	assert_false(h.ech);
	assert_false(h.post_quantum);
	assert_int_equal(h.length, sizeof CLIENT_HELLO_13);
}

static void a_browsers_hello_is_read(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	struct tls_client_hello h;
	put_browser_hello(&w, 0x11ec);
	assert_true(tls_read_client_hello((struct slice){ w.at, w.len }, &h));
	assert_int_equal(h.best_version, 0x0304);
	assert_slice(h.sni, "tools.example.com");
	assert_string_equal(h.alpn, "h2,http/1.1,??x");
	assert_true(h.ech);
	assert_true(h.post_quantum);
	assert_int_equal(h.length, w.len + HEADER);
}

static void hybrid_groups_are_known(void **state)
{
	(void)state;
	static const struct {
		unsigned group;
		bool want;
	} cases[] = { { 0x11eb, true },  { 0x11ed, true },  { 0x0200, true }, { 0x0202, true },
		      { 0x6399, true },  { 0x639a, true },  { 0xfe30, true }, { 0x001d, false },
		      { 0x0017, false }, { 0x0100, false }, { 0x4a4a, false } };
	for (size_t i = 0; i < CASES(cases); i++) {
		struct writer w = { .len = 0 };
		struct tls_client_hello h;
		put_browser_hello(&w, cases[i].group);
		assert_true(tls_read_client_hello((struct slice){ w.at, w.len }, &h));
		assert_int_equal(h.post_quantum, cases[i].want);
	}
}

static void a_hello_without_extensions_is_read(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	struct tls_client_hello h;
	put_start(&w);
	struct slice body = { w.at, w.len };
	assert_true(tls_read_client_hello(body, &h));
	assert_int_equal(h.best_version, 0x0303);
	assert_int_equal(h.sni.len, 0);
	assert_string_equal(h.alpn, "");
}

/* Strictly a cut hello is none, but a peek finds all that stands in front of the cut. */
static void a_cut_hello_can_be_peeked_at(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	put_browser_hello(&w, 0x6399);
	struct slice whole = { w.at, w.len };
	size_t sni_end = slice_find(whole, SLICE("tools.example.com")) + 17;
	size_t group_end = slice_find(whole, SLICE("\x63\x99")) + 2;
	for (size_t len = 0; len < whole.len; len++) {
		struct slice in = exact(whole, len);
		struct tls_client_hello h;
		/* extensions were not there before TLS 1.3: a cut right in front is no cut */
		assert_int_equal(tls_read_client_hello(in, &h), len == 43);
		assert_int_equal(tls_peek_client_hello(in, &h), len >= 34);
		if (len >= 34) {
			assert_int_equal(h.sni.len, len >= sni_end ? 17 : 0);
			assert_int_equal(h.post_quantum, len >= group_end);
			assert_int_equal(h.length, HEADER + (len >= 45 ? whole.len : len));
		}
		give_back(in);
	}
}

static void broken_hellos_are_refused(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	struct tls_client_hello h = { .length = 77 };
	put_browser_hello(&w, 0x001d);
	uint8_t more[4097];
	memcpy(more, w.at, w.len);
	more[w.len] = 0;
	assert_false(tls_read_client_hello((struct slice){ more, w.len + 1 }, &h));
	assert_false(tls_peek_client_hello((struct slice){ more, w.len + 1 }, &h));
	more[0] = 2; /* version 2.3 */
	assert_false(tls_read_client_hello((struct slice){ more, w.len }, &h));
	assert_false(tls_peek_client_hello((struct slice){ more, w.len }, &h));
	more[0] = 3;
	more[34] = 33; /* session id too long */
	assert_false(tls_read_client_hello((struct slice){ more, w.len }, &h));
	assert_int_equal(h.length, 77);
}

static void server_hellos_are_read(void **state)
{
	(void)state;
	struct tls_server_hello h;
	assert_true(tls_read_server_hello(slice_from(BYTES(SERVER_HELLO_13), HEADER), &h));
	assert_int_equal(h.version, 0x0304);
	assert_false(h.retry_request);
	assert_true(tls_read_server_hello(slice_from(BYTES(SERVER_HELLO_12), HEADER), &h));
	assert_int_equal(h.version, 0x0303);
	assert_int_equal(h.alpn.len, 0);
	for (size_t len = HEADER; len < sizeof SERVER_HELLO_13; len++) {
		struct slice in = exact(slice_from(BYTES(SERVER_HELLO_13), HEADER), len - HEADER);
		/* cut in front of the extensions it is a whole hello of TLS 1.2 */
		assert_int_equal(tls_read_server_hello(in, &h), in.len == 70);
		give_back(in);
	}
}

static void a_retry_and_a_protocol_are_seen(void **state)
{
	(void)state;
	static const char alpn[] = "\x00\x09\x00\x10\x00\x05\x00\x03\x02h2";
	struct tls_server_hello h;
	struct writer w = { .len = 0 };
	put(&w, 0x0303, 2);
	put(&w, 0xcf21ad74e59a6111, 8);
	put(&w, 0xbe1d8c021e65b891, 8);
	put(&w, 0xc2a211167abb8c5e, 8);
	put(&w, 0x079e09e2c8a8339c, 8);
	put(&w, 0x00130100, 4);
	assert_true(tls_read_server_hello((struct slice){ w.at, w.len }, &h));
	assert_true(h.retry_request);
	memcpy(w.at + w.len, alpn, sizeof alpn - 1);
	w.len += sizeof alpn - 1;
	assert_true(tls_read_server_hello((struct slice){ w.at, w.len }, &h));
	assert_slice(h.alpn, "h2");
	w.at[w.len - 3] = 1; /* two protocols */
	assert_false(tls_read_server_hello((struct slice){ w.at, w.len }, &h));
}

/* --- certificates ------------------------------------------------------------------------ */

static void put_chain(struct writer *w, const struct slice *der, size_t count)
{
	size_t list = open_part(w, 3);
	for (size_t i = 0; i < count; i++) {
		size_t one = open_part(w, 3);
		memcpy(w->at + w->len, der[i].at, der[i].len);
		w->len += der[i].len;
		close_part(w, one, 3);
	}
	close_part(w, list, 3);
}

static void a_chain_is_read(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	struct tls_chain c;
	put_chain(&w, (struct slice[]){ BYTES(LEAF), BYTES(AUTHORITY) }, 2);
	struct slice body = exact((struct slice){ w.at, w.len }, w.len);
	assert_true(tls_read_chain(body, SLICE("tools.example.com"), &c));
	give_back(body);
	assert_int_equal(c.count, 2);
	assert_string_equal(c.leaf.subject, "CN=tools.example.com, O=Beispiel f\xc3\xbcr Namen");
	assert_string_equal(c.leaf.issuer, "CN=Box CA, O=\"Inspection, Inc.\", C=XX");
	assert_string_equal(c.leaf.names, "tools.example.com,*.wild.example.com");
	assert_true(c.leaf.not_before == INT64_C(1741951812000000000));
	assert_true(c.leaf.not_after == INT64_C(1773487812000000000));
	assert_false(c.leaf.self_signed);
	assert_string_equal(c.top.subject, c.leaf.issuer);
	assert_true(c.top.self_signed);
	assert_true(c.top.not_after == INT64_MAX);
	assert_string_equal(c.top.names, "");
	assert_int_equal(c.name, TLS_NAME_MATCHES);
	assert_true(c.leaf_issued_by_top);
	assert_false(c.incomplete);
}

static void every_certificate_is_told(void **state)
{
	(void)state;
	struct tls_certificate all[TLS_MAX_CHAIN];
	struct tls_chain c;
	struct writer w = { .len = 0 };
	put_chain(&w, (struct slice[]){ BYTES(LEAF), BYTES(AUTHORITY), BYTES(LEAF) }, 3);
	struct slice body = { w.at, w.len };
	assert_int_equal(tls_read_certificates(body, false, all), 3);
	assert_true(tls_read_chain(body, SLICE(""), &c));
	assert_string_equal(all[0].subject, c.leaf.subject);
	assert_string_equal(all[0].issuer, all[1].subject);
	assert_true(all[1].self_signed && !all[2].self_signed);
	assert_true(all[1].not_after > all[1].not_before);
	assert_int_equal(tls_read_certificates(slice_first(body, body.len - 1), false, all), 0);
	w.len = 0;
	put_chain(&w, (struct slice[]){ BYTES(LEAF), SLICE("none"), BYTES(LEAF) }, 3);
	assert_int_equal(tls_read_certificates((struct slice){ w.at, w.len }, false, all), 1);
}

static void one_certificate_is_a_chain_too(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	struct tls_chain c;
	put_chain(&w, (struct slice[]){ BYTES(LEAF) }, 1);
	assert_true(tls_read_chain((struct slice){ w.at, w.len }, SLICE(""), &c));
	assert_int_equal(c.count, 1);
	assert_true(c.incomplete);
	assert_false(c.leaf_issued_by_top);
	assert_string_equal(c.top.subject, c.leaf.subject);
	w.len = 0;
	put_chain(&w, (struct slice[]){ BYTES(AUTHORITY) }, 1);
	assert_true(tls_read_chain((struct slice){ w.at, w.len }, SLICE("x"), &c));
	assert_false(c.incomplete);
	assert_false(c.leaf_issued_by_top);
	assert_int_equal(c.name, TLS_NAME_DIFFERS);
}

static void names_are_matched(void **state)
{
	(void)state;
	static const struct {
		const char *host;
		enum tls_name_match want;
	} cases[] = {
		{ "", TLS_NAME_UNKNOWN },
		{ "tools.example.com", TLS_NAME_MATCHES },
		{ "TOOLS.example.com.", TLS_NAME_MATCHES },
		{ "example.com", TLS_NAME_DIFFERS },
		{ "xtools.example.com", TLS_NAME_DIFFERS },
		{ ".example.com", TLS_NAME_DIFFERS },
		{ "a.wild.example.com", TLS_NAME_MATCHES },
		{ "a.b.wild.example.com", TLS_NAME_DIFFERS },
		{ "wild.example.com", TLS_NAME_DIFFERS },
		{ "192.0.2.7", TLS_NAME_MATCHES },
		{ "192.0.2.8", TLS_NAME_DIFFERS },
		{ "2001:db8::7", TLS_NAME_MATCHES },
		{ "[2001:db8:0::7]", TLS_NAME_MATCHES },
		{ "2001:db8::8", TLS_NAME_DIFFERS },
	};
	struct writer w = { .len = 0 };
	put_chain(&w, (struct slice[]){ BYTES(LEAF) }, 1);
	for (size_t i = 0; i < CASES(cases); i++) {
		struct slice host = exact(slice_of(cases[i].host), strlen(cases[i].host));
		struct tls_chain c;
		assert_true(tls_read_chain((struct slice){ w.at, w.len }, host, &c));
		if (c.name != cases[i].want)
			fail_msg("%s: %d", cases[i].host, (int)c.name);
		give_back(host);
	}
	struct tls_chain c;
	assert_true(
		tls_read_chain((struct slice){ w.at, w.len }, SLICE("tools.example.com\0x"), &c));
	assert_int_equal(c.name, TLS_NAME_UNKNOWN);
}

static void a_cut_or_broken_chain_is_none(void **state)
{
	(void)state;
	struct writer w = { .len = 0 };
	struct tls_chain c = { .count = 77 };
	put_chain(&w, (struct slice[]){ BYTES(LEAF), BYTES(AUTHORITY) }, 2);
	for (size_t len = 0; len < w.len; len++) {
		struct slice in = exact((struct slice){ w.at, w.len }, len);
		assert_false(tls_read_chain(in, SLICE("x"), &c));
		give_back(in);
	}
	w.at[w.len] = 0;
	assert_false(tls_read_chain((struct slice){ w.at, w.len + 1 }, SLICE("x"), &c));
	w.at[6] ^= 0xff;
	assert_false(tls_read_chain((struct slice){ w.at, w.len }, SLICE("x"), &c));
	assert_false(tls_read_chain(SLICE("\0\0\0"), SLICE("x"), &c));
	assert_false(tls_read_chain(SLICE("\0\0\3\0\0\0"), SLICE("x"), &c));
	w.len = 0;
	struct slice many[TLS_MAX_CHAIN + 1];
	for (size_t i = 0; i < CASES(many); i++)
		many[i] = slice_first(BYTES(LEAF), 50);
	put_chain(&w, many, CASES(many));
	assert_false(tls_read_chain((struct slice){ w.at, w.len }, SLICE("x"), &c));
	assert_int_equal(c.count, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_told_from_other_bytes),
		cmocka_unit_test(alerts_are_two_bytes),
		cmocka_unit_test(handshake_messages_are_framed),
		cmocka_unit_test(a_real_client_hello_is_read),
		cmocka_unit_test(a_browsers_hello_is_read),
		cmocka_unit_test(hybrid_groups_are_known),
		cmocka_unit_test(a_hello_without_extensions_is_read),
		cmocka_unit_test(a_cut_hello_can_be_peeked_at),
		cmocka_unit_test(broken_hellos_are_refused),
		cmocka_unit_test(server_hellos_are_read),
		cmocka_unit_test(a_retry_and_a_protocol_are_seen),
		cmocka_unit_test(a_chain_is_read),
		cmocka_unit_test(every_certificate_is_told),
		cmocka_unit_test(one_certificate_is_a_chain_too),
		cmocka_unit_test(names_are_matched),
		cmocka_unit_test(a_cut_or_broken_chain_is_none),
	};
	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
