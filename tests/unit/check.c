/* check: the ClientHellos of its own making; what a wire makes of a reset. */
#include "check/check.h"
#include "check/hello.h"
#include "check/wire.h"
#include "tls/hello.h"
#include "tls/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { TAKES_MLKEM = 1184, MLKEM_Q = 3329 };

/* The message in the one record. */
static struct slice message_of(const uint8_t *bytes, size_t len)
{
	struct slice all = { bytes, len }, body;
	struct tls_record record;
	uint8_t type;
	assert_int_equal(tls_read_record(all, &record), TLS_DONE);
	assert_int_equal(record.content, TLS_HANDSHAKE);
	assert_int_equal(record.length, len - TLS_RECORD_HEADER);
	assert_int_equal(tls_read_handshake(slice_from(all, TLS_RECORD_HEADER), &type, &body),
			 TLS_DONE);
	assert_int_equal(type, TLS_CLIENT_HELLO);
	assert_int_equal(body.len, len - TLS_RECORD_HEADER - 4);
	return body;
}

static void a_hello_reads_back(void **state)
{
	(void)state;
	static const struct {
		struct hello_shape shape;
		size_t least, most;
	} cases[] = {
		{ { NULL, false, 0 }, 150, 300 },
		{ { "tools.example.net", false, 0 }, 150, 300 },
		{ { "tools.example.net", true, 0 }, 1400, 1600 },
		{ { "tools.example.net", true, 1800 }, 1800, 1800 },
		{ { "tools.example.net", false, 512 }, 512, 512 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct hello_shape *s = &cases[i].shape;
		uint8_t bytes[HELLO_ROOM];
		struct tls_client_hello h;
		size_t len = hello_write(s, bytes);
		assert_in_range(len, cases[i].least, cases[i].most);
		assert_true(tls_read_client_hello(message_of(bytes, len), &h));
		assert_int_equal(h.best_version, 0x0304);
		assert_true(slice_equal(h.sni, slice_of(s->name ? s->name : "")));
		assert_string_equal(h.alpn, "http/1.1");
		assert_int_equal(h.post_quantum, s->post_quantum);
	}
}

static void the_longest_name_fits(void **state)
{
	(void)state;
	char name[256];
	uint8_t bytes[HELLO_ROOM];
	struct tls_client_hello h;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = 0;
	size_t len = hello_write(&(struct hello_shape){ name, true, 1800 }, bytes);
	assert_true(tls_read_client_hello(message_of(bytes, len), &h));
	assert_int_equal(h.sni.len, 255);
}

/* A server checks that the key is one (FIPS 203, section 7.2): coefficients below q. */
static void the_key_share_is_well_formed(void **state)
{
	(void)state;
	uint8_t bytes[HELLO_ROOM];
	size_t len = hello_write(&(struct hello_shape){ NULL, true, 0 }, bytes);
	static const uint8_t share[] = { 0x11, 0xec, (TAKES_MLKEM + 32) >> 8,
					 (TAKES_MLKEM + 32) & 255 };
	struct slice all = { bytes, len };
	size_t at = slice_find(all, (struct slice){ share, sizeof share });
	assert_true(at + sizeof share + TAKES_MLKEM <= len);
	const uint8_t *key = bytes + at + sizeof share;
	bool zero = true;
	for (size_t i = 0; i < 768 * 12 / 8; i += 3) {
		assert_true((key[i] | (key[i + 1] & 15) << 8) < MLKEM_Q);
		assert_true((key[i + 1] >> 4 | key[i + 2] << 4) < MLKEM_Q);
		zero = zero && key[i] == 0;
	}
	assert_false(zero);
}

static void no_hello_is_like_another(void **state)
{
	(void)state;
	uint8_t a[HELLO_ROOM], b[HELLO_ROOM];
	struct hello_shape shape = { "tools.example.net", false, 0 };
	struct tls_client_hello one, other;
	assert_true(tls_read_client_hello(message_of(a, hello_write(&shape, a)), &one));
	assert_true(tls_read_client_hello(message_of(b, hello_write(&shape, b)), &other));
	assert_false(slice_equal(one.random, other.random));
}

/* ---- the wire -------------------------------------------------------------------------------- */

/* Two ends of a TCP connection on loopback. */
static void connect_pair(int *ret_ours, int *ret_theirs)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	*ret_ours = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*ret_ours, (struct sockaddr *)&at, sizeof at), 0);
	*ret_theirs = accept(listener, NULL, NULL);
	assert_true(*ret_theirs >= 0);
	close(listener);
}

static void take(void *context, struct exchange *x)
{
	(void)context;
	trace_free(x);
}

/* On loopback a reset is there once close has returned. Whether a write or a read hears of it
 * first: it was one, behind what came before it. */
static void a_reset_is_one_whoever_hears_of_it(void **state)
{
	(void)state;
	for (int writes = 0; writes < 2; writes++) {
		int ours, theirs;
		bool reset = false;
		connect_pair(&ours, &theirs);
		struct wire *w = wire_new(&(struct wire_options){
			.made = { .fd = ours, .begun = check_now() }, .done = take });
		assert_non_null(w);
		setsockopt(theirs, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
			   sizeof(struct linger));
		close(theirs);
		if (writes)
			wire_say(w, SLICE("CONNECT origin.example:443 HTTP/1.1\r\n\r\n"));
		wire_pump(w);
		assert_true(wire_closed(w, &reset));
		assert_true(reset);
		wire_free(w);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_reads_back),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(the_key_share_is_well_formed),
		cmocka_unit_test(no_hello_is_like_another),
		cmocka_unit_test(a_reset_is_one_whoever_hears_of_it),
	};
	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
