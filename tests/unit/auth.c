/* proxy: users' files, Basic, Digest, nonces, limits; the examples of RFC 7616 and RFC 7617. */
#include "proxy/auth.h"
#include "proxy/auth_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define T0 (INT64_C(1764000000) * NANOS_PER_SECOND)

/* ---- hashes ----------------------------------------------------------------------------- */

static void passwords_fit_their_hashes(void **state)
{
	(void)state;
	static const struct {
		const char *hash, *password;
	} cases[] = {
		/* the examples of Apache's "Password Formats" */
		{ "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", "myPassword" },
		{ "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "myPassword" },
		{ "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "myPassword" },
		{ "rqXexS6ZhobKA", "myPassword" },
		/* the salts and passwords of Drepper's "Unix crypt using SHA-256 and SHA-512" */
		{ "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!" },
		{ "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnI"
		  "FNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		  "Hello world!" },
		/* openssl passwd -apr1, for lengths on either side of a block */
		{ "$apr1$saltsalt$OEnK0QmmvoDzFw9W2yFYT/", "a" },
		{ "$apr1$saltsalt$noZiBycUL1t9WTQEO7/nr1", "0123456789abcdef" },
		{ "$apr1$xyz$cSrMUISfbbt0ryV6W2ta8/", "0123456789abcdef0" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char wrong[64];
		if (!users_check(cases[i].hash, cases[i].password))
			fail_msg("%s is not taken for %s", cases[i].password, cases[i].hash);
		snprintf(wrong, sizeof wrong, "%sx", cases[i].password);
		/* DES looks at eight characters */
		if (cases[i].hash[0] != 'r')
			assert_false(users_check(cases[i].hash, wrong));
		assert_false(users_check(cases[i].hash, ""));
		assert_int_equal(users_is_slow(cases[i].hash), cases[i].hash[0] != '{');
	}
}

static void digests_and_codings(void **state)
{
	(void)state;
	uint8_t digest[HASH_MAX], hex[HASH_MAX_HEX];
	const struct slice abc[] = { SLICE("a"), SLICE(""), SLICE("bc") };
	hash_parts(HASH_MD5, abc, 3, digest);
	hash_to_hex(digest, 16, hex);
	assert_memory_equal(hex, "900150983cd24fb0d6963f7d28e17f72", 32);
	hash_parts(HASH_SHA1, abc, 3, digest);
	hash_to_hex(digest, 20, hex);
	assert_memory_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d", 40);
	hash_parts(HASH_SHA256, abc, 3, digest);
	hash_to_hex(digest, 32, hex);
	assert_memory_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
			    64);
	hash_parts(HASH_SHA512_256, abc, 3, digest);
	hash_to_hex(digest, 32, hex);
	assert_memory_equal(hex, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
			    64);
	static const char *const CODED[][2] = {
		/* RFC 4648 section 10 */
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xfb\xff", "+/8=" }
	};
	for (size_t i = 0; i < sizeof CODED / sizeof *CODED; i++) {
		char text[HASH_BASE64(4)];
		hash_to_base64(slice_of(CODED[i][0]), text);
		assert_string_equal(text, CODED[i][1]);
	}
	/* RFC 4231, test case 2 has a key of 4 bytes, which HMAC fills up with zeros */
	uint8_t key[HASH_MAX] = "Jefe";
	const struct slice data[] = { SLICE("what do ya want "), SLICE("for nothing?") };
	struct hash_key prepared;
	hash_key_make(&prepared, key);
	hash_mac(&prepared, data, 2, digest);
	hash_to_hex(digest, 32, hex);
	assert_memory_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			    64);
	static const struct {
		const char *text, *bytes;
	} base64[] = { { "", "" },        { "Zg==", "f" },      { "Zg", "f" },
		       { "Zm8=", "fo" },  { "Zm9v", "foo" },    { "Zm9vYmFy", "foobar" },
		       { "Zg=", NULL },   { "Z", NULL },        { "Zm9v=", NULL },
		       { "Zm 9v", NULL }, { "Zm9v====", NULL }, { "Zm9vYmFyZm9v", NULL } };
	for (size_t i = 0; i < sizeof base64 / sizeof *base64; i++) {
		uint8_t into[6];
		size_t len = 99;
		bool right = hash_read_base64(slice_of(base64[i].text), into, sizeof into, &len);
		assert_int_equal(right, base64[i].bytes != NULL);
		if (right) {
			assert_int_equal(len, strlen(base64[i].bytes));
			assert_memory_equal(into, base64[i].bytes, len);
		}
	}
}

/* ---- users ------------------------------------------------------------------------------ */

struct told {
	char text[2000];
};

static void note(void *context, uint64_t line, const char *text)
{
	struct told *t = context;
	size_t len = strlen(t->text);
	snprintf(t->text + len, sizeof t->text - len, "%llu: %s\n", (unsigned long long)line, text);
}

static struct users *read_users(const char *text, const char *realm, struct told *told)
{
	struct error err;
	*told = (struct told){ 0 };
	return users_read(slice_of(text), slice_of(realm), &(struct file_faults){ note, told },
			  &err);
}

static void users_files_of_all_kinds_are_read(void **state)
{
	(void)state;
	struct told told;
	struct users *u = read_users("# users\n\n"
				     "basic:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\r\n"
				     "digest:other realm:00000000000000000000000000000000\n"
				     "digest:my realm:0123456789ABCDEF0123456789abcdef\n"
				     "both:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/\n"
				     "both:my realm:0123456789abcdef0123456789abcdef",
				     "my realm", &told);
	assert_string_equal(told.text, "");
	assert_int_equal(users_count(u), 3);
	const struct user *basic = users_find(u, SLICE("basic")),
			  *both = users_find(u, SLICE("both")),
			  *digest = users_find(u, SLICE("digest"));
	assert_string_equal(basic->hash, "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=");
	assert_true(!basic->has_md5 && !basic->has_sha256);
	assert_true(digest->has_md5 && !digest->hash && digest->md5[1] == 0x23);
	assert_true(both->has_md5 && both->hash);
	assert_null(users_find(u, SLICE("Basic")));
	assert_null(users_find(u, SLICE("bot")));
	assert_null(users_find(u, SLICE("bothx")));
	assert_null(users_find(u, SLICE("")));
	users_free(u);
	users_free(NULL);
}

static void lines_of_our_own_serve_both(void **state)
{
	(void)state;
	struct buffer line;
	struct error err;
	struct told told;
	buffer_init(&line, 4096);
	assert_int_equal(users_make_line(&line, SLICE("Mufasa"), SLICE("100% of: \xc3\xa4"),
					 "Circle of Life", &err),
			 0);
	assert_null(memmem(line.at, line.len, "Circle", 6));
	buffer_add_byte(&line, 0);
	struct users *u = read_users((char *)line.at, "100% of: \xc3\xa4", &told);
	assert_string_equal(told.text, "");
	const struct user *m = users_find(u, SLICE("Mufasa"));
	assert_true(m->has_md5 && m->has_sha256);
	assert_memory_equal(m->hash, "$y$", 3);
	assert_true(users_check(m->hash, "Circle of Life"));
	assert_false(users_check(m->hash, "circle of life"));
	users_free(u);
	assert_null(read_users((char *)line.at, "another", &told));
	assert_non_null(strstr(told.text, "another realm"));
	buffer_done(&line);
	static const struct {
		const char *name, *password;
	} wrong[] = { { "", "x" }, { "a:b", "x" }, { "a\nb", "x" }, { "a", "" }, { "#a", "x" } };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buffer_init(&line, 4096);
		assert_int_equal(users_make_line(&line, slice_of(wrong[i].name), SLICE("r"),
						 wrong[i].password, &err),
				 -EINVAL);
		assert_int_equal(line.len, 0);
		buffer_done(&line);
	}
}

static void lines_that_are_none_are_told(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "alice", "1: a line is" },
		{ "alice:secret", "1: the password is hashed in no way" },
		{ "alice:$9$abc$def", "1: the password is hashed in no way" },
		{ "alice:{SHA}short", "1: the password is hashed in no way" },
		{ "alice:", "1: the password is hashed in no way" },
		{ ":{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "1: a user needs a name" },
		{ "#\nalice:r:xyz", "2: the third field" },
		{ "a:b:c:d", "1: a line is" },
		{ "a:b:c:d:e:f:g", "1: a line is" },
		{ "a:$y$:r:1:2", "1: the fourth and fifth" },
		{ "a:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\na:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n",
		  "'a' stands here twice" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct told told;
		assert_null(read_users(cases[i].text, "r", &told));
		if (!strstr(told.text, cases[i].says))
			fail_msg("%s\nis told as: %s", cases[i].text, told.text);
	}
	struct error err = { 0 };
	assert_null(users_load("/no/such/users", SLICE("r"), NULL, &err));
	assert_non_null(strstr(err.text, "/no/such/users"));
}

/* ---- asking ----------------------------------------------------------------------------- */

static const char MUFASA[] = "Mufasa:http-auth@example.org:3d78807defe7de2157e2b0b6573a855f\n";

static struct auth *auth_of(const char *users, const char *realm, struct auth_settings s)
{
	struct told told;
	struct error err;
	s.users = read_users(users, realm, &told);
	if (!s.users)
		fail_msg("%s", told.text);
	s.realm = realm;
	if (!s.nonce)
		s.nonce = 300 * NANOS_PER_SECOND;
	struct auth *a = auth_new(&s, &err);
	assert_non_null(a);
	assert_null(s.users);
	return a;
}

static struct address client_of(uint8_t last)
{
	return (struct address){ .ip = { [10] = 0xff, [11] = 0xff, 192, 0, 2, last } };
}

static struct auth_check check;
static struct net_loop *loop;

static enum auth_result ask_as(struct auth *a, uint8_t client, const char *head, nanos wall)
{
	struct http_request request;
	struct http_bad bad;
	struct address from = client_of(client);
	char *exact = malloc(strlen(head));
	memcpy(exact, head, strlen(head));
	assert_int_equal(http_read_request((struct slice){ (uint8_t *)exact, strlen(head) },
					   &request, &bad),
			 HTTP_DONE);
	memset(&check, 0, sizeof check);
	enum auth_result result = auth_ask(a, loop, &request, &from, wall, &check);
	free(exact);
	return result;
}

static enum auth_result ask(struct auth *a, const char *method, const char *uri, const char *value)
{
	char head[4096];
	static uint8_t client; /* another each time: failures are counted elsewhere */
	snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\n%s%s\r\n\r\n", method, uri,
		 value ? "Proxy-Authorization: " : "X: ", value ? value : "y");
	return ask_as(a, client++ % 100, head, T0);
}

#define RFC7616                                                                                    \
	"realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "                               \
	"nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "                    \
	"cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "                      \
	"opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
#define MD5_RESPONSE "response=\"8ca523f5e9506fed4657c9700eebdbec\""
#define SHA256_RESPONSE                                                                            \
	"response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""

/* Right, but the nonce is not ours: stale. Anything else changed: wrong. */
static void the_examples_of_rfc_7616(void **state)
{
	(void)state;
	struct buffer line;
	buffer_init(&line, 4096);
	users_make_line(&line, SLICE("Mufasa"), SLICE("http-auth@example.org"), "Circle of Life",
			NULL);
	buffer_add_byte(&line, 0);
	struct auth *a =
		auth_of((char *)line.at, "http-auth@example.org",
			(struct auth_settings){
				.scheme = { HTTP_AUTH_DIGEST }, .schemes = 1, .userhash = true });
	buffer_done(&line);
	static const struct {
		const char *value;
		enum auth_result result;
	} cases[] = {
		{ "Digest username=\"Mufasa\", " RFC7616 ", algorithm=MD5, " MD5_RESPONSE,
		  AUTH_STALE },
		{ "Digest username=\"Mufasa\", " RFC7616 ", " MD5_RESPONSE, AUTH_STALE },
		{ "digest\tusername=\"\\Mufasa\" ,," RFC7616 ",algorithm=md5," MD5_RESPONSE,
		  AUTH_STALE },
		{ "Digest username=\"Mufasa\", " RFC7616 ", algorithm=SHA-256, " SHA256_RESPONSE,
		  AUTH_STALE },
		{ "Digest username*=UTF-8''%4dufasa, " RFC7616
		  ", algorithm=SHA-256, " SHA256_RESPONSE,
		  AUTH_STALE },
		/* a hash of nobody's name */
		{ "Digest "
		  "username=\"de85b69a36f4eb37d1d6a5e1cdb31a9a2fa8a1e16b6b2e9f19c2f4f4e6e0a5f0\", "
		  "userhash=true, " RFC7616 ", algorithm=SHA-256, " SHA256_RESPONSE,
		  AUTH_WRONG },
		{ "Digest username=\"Mufasa\", " RFC7616 ", algorithm=SHA-256, " MD5_RESPONSE,
		  AUTH_WRONG },
		{ "Digest username=\"mufasa\", " RFC7616 ", " MD5_RESPONSE, AUTH_WRONG },
		{ "Digest username=\"Mufasa\", username*=UTF-8''Mufasa, " RFC7616 ", " MD5_RESPONSE,
		  AUTH_WRONG },
		{ "Digest username*=ISO-8859-1''Mufasa, " RFC7616 ", " MD5_RESPONSE, AUTH_WRONG },
		{ "Digest " RFC7616 ", " MD5_RESPONSE, AUTH_WRONG },
		{ "Digest username=\"Mufasa\", username=\"Mufasa\", " RFC7616 ", " MD5_RESPONSE,
		  AUTH_WRONG },
		{ "Digest username=\"Mufasa\", " RFC7616, AUTH_WRONG },
		{ "Digest username=\"Mufasa\", " RFC7616 ", algorithm=MD5-sess, " MD5_RESPONSE,
		  AUTH_WRONG },
		{ "Digest username=\"Mufasa\", " RFC7616 ", algorithm=SHA-512-256, " MD5_RESPONSE,
		  AUTH_WRONG },
		{ "Digest username=\"Mufasa, " RFC7616 ", " MD5_RESPONSE, AUTH_WRONG },
		{ "Digest username=\"Mufasa\", " RFC7616 " " MD5_RESPONSE, AUTH_WRONG },
		{ "Digest", AUTH_WRONG },
		{ "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl", AUTH_WRONG }, /* not offered */
		{ "Bearer abc", AUTH_WRONG },
		{ NULL, AUTH_MISSING },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (ask(a, "GET", "/dir/index.html", cases[i].value) != cases[i].result)
			fail_msg("case %zu: %s", i, cases[i].value);
	assert_int_equal(ask(a, "POST", "/dir/index.html", cases[0].value), AUTH_WRONG);
	assert_int_equal(ask(a, "GET", "/dir/other.html", cases[0].value), AUTH_WRONG);
	assert_int_equal(ask(a, "GET", "http://x/dir/index.html", cases[0].value), AUTH_STALE);
	assert_string_equal(check.user, "Mufasa");
	assert_int_equal(check.scheme, HTTP_AUTH_DIGEST);
	auth_free(a);
}

struct credential {
	const char *user, *password, *method, *uri, *qop, *algorithm;
	unsigned count;
	bool hashed;
};

/* As a client makes it, with the nonce of the challenge. */
static void answer(struct auth *a, const struct credential *c, nanos at, char *head, size_t size)
{
	struct buffer challenge;
	buffer_init(&challenge, 4096);
	auth_challenge(a, &challenge, at, false);
	buffer_add_byte(&challenge, 0);
	const char *nonce = strstr((char *)challenge.at, "nonce=\"") + 7;
	enum hash_kind kind = strcmp(c->algorithm, "MD5") == 0 ? HASH_MD5 : HASH_SHA256;
	size_t n = hash_size(kind);
	uint8_t digest[HASH_MAX];
	char hex[3][HASH_MAX_HEX + 1] = { "", "", "" }, user[HASH_MAX_HEX + 1], text[1000];
	struct slice part = { (uint8_t *)text, 0 };
	part.len = (size_t)snprintf(text, sizeof text, "%s:r:%s", c->user, c->password);
	hash_parts(kind, &part, 1, digest);
	hash_to_hex(digest, n, (uint8_t *)hex[0]);
	part.len = (size_t)snprintf(text, sizeof text, "%s:%s", c->method, c->uri);
	hash_parts(kind, &part, 1, digest);
	hash_to_hex(digest, n, (uint8_t *)hex[1]);
	part.len = (size_t)snprintf(text, sizeof text, "%s:%.64s:%08x:cn:%s:%s", hex[0], nonce,
				    c->count, c->qop, hex[1]);
	hash_parts(kind, &part, 1, digest);
	hash_to_hex(digest, n, (uint8_t *)hex[2]);
	snprintf(user, sizeof user, "%s", c->user);
	if (c->hashed) {
		part.len = (size_t)snprintf(text, sizeof text, "%s:r", c->user);
		hash_parts(kind, &part, 1, digest);
		memset(user, 0, sizeof user);
		hash_to_hex(digest, n, (uint8_t *)user);
	}
	snprintf(head, size,
		 "%s %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Digest username=\"%s\", "
		 "realm=\"r\", "
		 "nonce=\"%.64s\", uri=\"%s\", response=\"%s\", algorithm=%s, cnonce=\"cn\", "
		 "qop=%s, "
		 "nc=%08x%s\r\n\r\n",
		 c->method, c->uri, user, nonce, c->uri, hex[2], c->algorithm, c->qop, c->count,
		 c->hashed ? ", userhash=true" : "");
	buffer_done(&challenge);
}

static struct auth *alice(struct auth_settings s)
{
	struct buffer line;
	buffer_init(&line, 4096);
	users_make_line(&line, SLICE("alice"), SLICE("r"), "sesame", NULL);
	buffer_add_byte(&line, 0);
	struct auth *a = auth_of((char *)line.at, "r", s);
	buffer_done(&line);
	return a;
}

static void digest_answers_are_judged(void **state)
{
	(void)state;
	struct auth *a = alice((struct auth_settings){
		.scheme = { HTTP_AUTH_DIGEST }, .schemes = 1, .userhash = true });
	static const struct {
		struct credential c;
		enum auth_result result;
	} cases[] = {
		{ { "alice", "sesame", "CONNECT", "x:443", "auth", "SHA-256", 1, false }, AUTH_OK },
		{ { "alice", "sesame", "CONNECT", "x:443", "auth", "MD5", 1, false }, AUTH_OK },
		{ { "alice", "sesame", "GET", "http://x/", "auth", "MD5", 7, false }, AUTH_OK },
		{ { "alice", "sesame", "GET", "http://x/", "auth", "SHA-256", 1, true }, AUTH_OK },
		{ { "alice", "sesame", "GET", "http://x/", "auth", "MD5", 1, true }, AUTH_OK },
		{ { "bob", "sesame", "GET", "http://x/", "auth", "MD5", 1, true }, AUTH_WRONG },
		{ { "alice", "sesam", "GET", "http://x/", "auth", "SHA-256", 1, false },
		  AUTH_WRONG },
		{ { "alice", "sesame", "GET", "http://x/", "auth-int", "SHA-256", 1, false },
		  AUTH_WRONG },
		{ { "alice", "sesame", "GET", "http://x/", "auth", "SHA-256", 0, false },
		  AUTH_WRONG },
		{ { "nobody", "sesame", "GET", "http://x/", "auth", "SHA-256", 1, false },
		  AUTH_WRONG },
	};
	char head[4096];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		answer(a, &cases[i].c, T0, head, sizeof head);
		if (ask_as(a, (uint8_t)(100 + i), head, T0 + NANOS_PER_SECOND) != cases[i].result)
			fail_msg("case %zu", i);
		if (cases[i].result == AUTH_OK)
			assert_string_equal(check.user, "alice");
	}
	auth_free(a);
}

static void nonces_age_and_are_used_up(void **state)
{
	(void)state;
	struct auth *a =
		alice((struct auth_settings){ .scheme = { HTTP_AUTH_DIGEST }, .schemes = 1 });
	struct credential c = {
		"alice", "sesame", "GET", "http://x/", "auth", "SHA-256", 1, false
	};
	char head[4096];
	nanos second = NANOS_PER_SECOND;
	answer(a, &c, T0, head, sizeof head);
	assert_int_equal(ask_as(a, 1, head, T0 - second),
			 AUTH_STALE); /* a clock that was set back */
	assert_int_equal(ask_as(a, 1, head, T0 + 301 * second), AUTH_STALE);
	assert_int_equal(ask_as(a, 1, head, T0 + 299 * second), AUTH_OK);
	assert_int_equal(ask_as(a, 1, head, T0 + 299 * second), AUTH_STALE); /* replayed */
	*strstr(head, "nonce=\"") = 'x';                                     /* xonce */
	assert_int_equal(ask_as(a, 1, head, T0), AUTH_WRONG);
	auth_free(a);
}

static void counts_may_overtake_each_other(void **state)
{
	(void)state;
	uint8_t raw[NONCE_HEX];
	struct slice nonce = { raw, sizeof raw }, realm = SLICE("r");
	static const struct {
		uint32_t count;
		enum nonce_state state;
	} uses[] = { { 3, NONCE_GOOD },    { 1, NONCE_GOOD },          { 1, NONCE_STALE },
		     { 2, NONCE_GOOD },    { 3, NONCE_STALE },         { 66, NONCE_GOOD },
		     { 4, NONCE_GOOD },    { 3, NONCE_STALE },         { 2, NONCE_STALE },
		     { 1000, NONCE_GOOD }, { 936, NONCE_STALE },       { 937, NONCE_GOOD },
		     { 937, NONCE_STALE }, { 0xffffffff, NONCE_GOOD }, { 0, NONCE_STALE } };
	nonce_make(realm, T0, raw);
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		assert_int_equal(nonce_use(nonce, realm, uses[i].count, T0, NANOS_PER_SECOND),
				 uses[i].state);
	nonce_make(realm, T0, raw);
	assert_int_equal(nonce_use(nonce, SLICE("s"), 1, T0, NANOS_PER_SECOND), NONCE_STALE);
	for (size_t i = 0; i < sizeof raw; i++) {
		raw[i] ^= 1;
		assert_int_equal(nonce_use(nonce, realm, 1, T0, NANOS_PER_SECOND), NONCE_STALE);
		raw[i] ^= 1;
	}
	assert_int_equal(nonce_use(nonce, realm, 1, T0, NANOS_PER_SECOND), NONCE_GOOD);
	/* nor is anything else that differs from one which is known by now */
	for (size_t i = 0; i < sizeof raw; i++) {
		raw[i] ^= 1;
		assert_int_equal(nonce_use(nonce, realm, 2, T0, NANOS_PER_SECOND), NONCE_STALE);
		raw[i] ^= 1;
	}
	assert_int_equal(nonce_use(nonce, SLICE("s"), 2, T0, NANOS_PER_SECOND), NONCE_STALE);
	assert_int_equal(nonce_use(nonce, realm, 2, T0, NANOS_PER_SECOND), NONCE_GOOD);
}

/* More nonces than there are places: none of them is ever good twice. */
static void no_nonce_is_good_twice(void **state)
{
	(void)state;
	enum { MANY = 40000 };
	struct slice realm = SLICE("r");
	uint8_t(*raw)[NONCE_HEX] = malloc(MANY * NONCE_HEX);
	size_t good = 0;
	for (size_t i = 0; i < MANY; i++) {
		nonce_make(realm, T0 + (nanos)i * NANOS_PER_MS, raw[i]);
		good += nonce_use((struct slice){ raw[i], NONCE_HEX }, realm, 1,
				  T0 + (nanos)i * NANOS_PER_MS,
				  3600 * NANOS_PER_SECOND) == NONCE_GOOD;
	}
	assert_int_equal(good, MANY); /* what is used at once is always good */
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(nonce_use((struct slice){ raw[i], NONCE_HEX }, realm, 1,
					   T0 + MANY * NANOS_PER_MS, 3600 * NANOS_PER_SECOND),
				 NONCE_STALE);
	/* all of one moment: many find no place, and none finds one twice */
	nanos later = T0 + 2 * MANY * NANOS_PER_MS;
	for (size_t i = 0; i < MANY; i++)
		nonce_make(realm, later, raw[i]);
	for (size_t i = 0; i < 2 * MANY; i++) {
		bool again = nonce_use((struct slice){ raw[i % MANY], NONCE_HEX }, realm, 1, later,
				       3600 * NANOS_PER_SECOND) == NONCE_GOOD;
		assert_false(again && i >= MANY);
	}
	free(raw);
}

static void challenges_come_in_order(void **state)
{
	(void)state;
	struct buffer out;
	buffer_init(&out, 4096);
	struct auth *a = alice((struct auth_settings){
		.scheme = { HTTP_AUTH_DIGEST, HTTP_AUTH_BASIC }, .schemes = 2 });
	auth_challenge(a, &out, T0, true);
	buffer_add_byte(&out, 0);
	const char *sha = strstr((char *)out.at, "algorithm=SHA-256"),
		   *md5 = strstr((char *)out.at, "algorithm=MD5"),
		   *basic = strstr((char *)out.at, "\r\nProxy-Authenticate: Basic realm=\"r\"");
	assert_true(sha && md5 && basic && sha < md5 && md5 < basic);
	assert_non_null(strstr((char *)out.at, "stale=true"));
	auth_free(a);
	buffer_reset(&out);
	a = auth_of(MUFASA, "http-auth@example.org",
		    (struct auth_settings){ .scheme = { HTTP_AUTH_BASIC, HTTP_AUTH_DIGEST },
					    .schemes = 2 });
	auth_challenge(a, &out, T0, false);
	buffer_add_byte(&out, 0);
	basic = strstr((char *)out.at, "Basic");
	md5 = strstr((char *)out.at, "algorithm=MD5");
	assert_true(basic && md5 && basic < md5);
	assert_null(strstr((char *)out.at, "SHA-256")); /* nobody has a hash for it */
	assert_null(strstr((char *)out.at, "stale"));
	auth_free(a);
	buffer_done(&out);
}

/* ---- Basic ------------------------------------------------------------------------------ */

static enum auth_result waited;

static void done(struct auth_check *c, enum auth_result result)
{
	assert_ptr_equal(c, &check);
	waited = result;
	net_loop_stop(loop);
}

static enum auth_result ask_and_wait(struct auth *a, const char *value, bool *ret_waited)
{
	enum auth_result result = ask(a, "GET", "http://x/", value);
	*ret_waited = result == AUTH_WAIT;
	if (!*ret_waited)
		return result;
	check.done = done;
	net_loop_run(loop);
	assert_null(check.job);
	return waited;
}

static void the_examples_of_rfc_7617(void **state)
{
	(void)state;
	struct auth_settings s = { .scheme = { HTTP_AUTH_BASIC }, .schemes = 1 };
	struct buffer line;
	bool slow;
	buffer_init(&line, 4096);
	users_make_line(&line, SLICE("Aladdin"), SLICE("r"), "open sesame", NULL);
	users_make_line(&line, SLICE("test"), SLICE("r"), "123\xc2\xa3", NULL);
	buffer_add_byte(&line, 0);
	struct auth *a = auth_of((char *)line.at, "r", s);
	assert_int_equal(ask_and_wait(a, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", &slow), AUTH_OK);
	assert_true(slow);
	assert_string_equal(check.user, "Aladdin");
	assert_int_equal(check.scheme, HTTP_AUTH_BASIC);
	assert_int_equal(ask_and_wait(a, "basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==", &slow), AUTH_OK);
	assert_false(slow); /* known by now */
	assert_int_equal(ask_and_wait(a, "Basic dGVzdDoxMjPCow==", &slow), AUTH_OK);
	assert_int_equal(ask_and_wait(a, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZAo=", &slow), AUTH_WRONG);
	assert_false(slow); /* a line break is no character of a password */
	assert_int_equal(ask_and_wait(a, "Basic QWxhZGRpbjpvcGVu", &slow), AUTH_WRONG);
	assert_true(slow);
	assert_int_equal(ask_and_wait(a, "Basic bm9ib2R5Om9wZW4gc2VzYW1l", &slow), AUTH_WRONG);
	assert_true(slow); /* an unknown name takes as long */
	assert_int_equal(ask_and_wait(a, "Basic QWxhZGRpbg==", &slow), AUTH_WRONG); /* no colon */
	assert_int_equal(ask_and_wait(a, "Basic", &slow), AUTH_WRONG);
	assert_int_equal(ask_and_wait(a, "Basic ====", &slow), AUTH_WRONG);
	auth_free(a);
	buffer_done(&line);
}

static void basic_works_with_what_there_is(void **state)
{
	(void)state;
	struct auth_settings s = { .scheme = { HTTP_AUTH_BASIC }, .schemes = 1 };
	bool slow;
	struct auth *a = auth_of("myName:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n", "r", s);
	assert_int_equal(ask_and_wait(a, "Basic bXlOYW1lOm15UGFzc3dvcmQ=", &slow), AUTH_OK);
	assert_int_equal(ask_and_wait(a, "Basic bXlOYW1lOm15UGFzc3dvcmR4", &slow), AUTH_WRONG);
	assert_false(slow);
	auth_free(a);
	a = auth_of(MUFASA, "http-auth@example.org", s); /* an htdigest file */
	assert_int_equal(ask_and_wait(a, "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl", &slow), AUTH_OK);
	assert_int_equal(ask_and_wait(a, "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZm", &slow), AUTH_WRONG);
	assert_int_equal(ask_and_wait(a, "Basic bm9ib2R5Om9wZW4gc2VzYW1l", &slow), AUTH_WRONG);
	auth_free(a);
}

/* Whoever was forgotten is not called, and those who ask the same wait for one check. */
static void checks_can_be_forgotten_and_shared(void **state)
{
	(void)state;
	struct auth *a =
		alice((struct auth_settings){ .scheme = { HTTP_AUTH_BASIC }, .schemes = 1 });
	assert_int_equal(ask(a, "GET", "http://x/", "Basic YWxpY2U6c2VzYW1l"), AUTH_WAIT);
	auth_forget(&check);
	auth_forget(&check);
	assert_null(check.job);
	waited = ask(a, "GET", "http://x/", "Basic YWxpY2U6c2VzYW1l");
	check.done = done;
	auth_free(a); /* a reload in between: the check goes on */
	if (waited == AUTH_WAIT)
		net_loop_run(loop);
	assert_int_equal(waited, AUTH_OK);
}

static void too_many_guesses_are_not_looked_at(void **state)
{
	(void)state;
	struct auth *a =
		auth_of("myName:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n", "r",
			(struct auth_settings){
				.scheme = { HTTP_AUTH_BASIC }, .schemes = 1, .failures = 3 });
	static const char right[] =
		"GET http://x/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic "
		"bXlOYW1lOm15UGFzc3dvcmQ=\r\n\r\n",
			  wrong[] =
				  "GET http://x/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic "
				  "bXlOYW1lOm15UGFzc3dvcmR4\r\n\r\n",
			  none[] = "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
			  other[] = "GET http://x/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: "
				    "Negotiate abc\r\n\r\n";
	nanos at = T0 + 1000 * NANOS_PER_SECOND, second = NANOS_PER_SECOND;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask_as(a, 200, other, at), AUTH_WRONG); /* these are no guesses */
		assert_int_equal(ask_as(a, 200, none, at), AUTH_MISSING);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_as(a, 200, wrong, at + i * second), AUTH_WRONG);
	assert_int_equal(ask_as(a, 200, wrong, at + 5 * second), AUTH_LIMITED);
	assert_int_equal(ask_as(a, 200, right, at + 5 * second), AUTH_LIMITED);
	assert_int_equal(ask_as(a, 201, right, at + 5 * second), AUTH_OK);
	assert_int_equal(ask_as(a, 200, none, at + 5 * second), AUTH_MISSING);
	assert_int_equal(ask_as(a, 200, right, at + 61 * second), AUTH_OK);
	auth_free(a);
	struct address one = { .ip = { 0x20, 0x01, [15] = 1 } },
		       two = { .ip = { 0x20, 0x01, [15] = 2 } },
		       far = { .ip = { 0x20, 0x01, [7] = 1 } };
	limit_note(&one, at);
	assert_true(limit_reached(&two, 1, at)); /* of the same /64 */
	assert_false(limit_reached(&far, 1, at));
	assert_false(limit_reached(&one, 2, at));
	assert_false(limit_reached(&one, 0, at));
}

static void the_cache_is_bounded(void **state)
{
	(void)state;
	size_t held = 0;
	for (int i = 0; i < 10000; i++) {
		char password[16];
		snprintf(password, sizeof password, "%d", i);
		struct cache_mark m = cache_mark(SLICE("u"), slice_of(password), "$h$");
		assert_false(cache_has(&m));
		cache_add(&m);
		assert_true(cache_has(&m));
	}
	for (int i = 0; i < 10000; i++) {
		char password[16];
		snprintf(password, sizeof password, "%d", i);
		struct cache_mark m = cache_mark(SLICE("u"), slice_of(password), "$h$");
		held += cache_has(&m);
	}
	assert_int_equal(held, 2048);
	struct cache_mark a = cache_mark(SLICE("u"), SLICE("p"), "$h$"),
			  b = cache_mark(SLICE("u"), SLICE("p"), "$i$"),
			  c = cache_mark(SLICE("up"), SLICE(""), "$h$");
	assert_memory_not_equal(a.mac, b.mac, sizeof a.mac);
	assert_memory_not_equal(a.mac, c.mac, sizeof a.mac);
}

static int make_loop(void **state)
{
	(void)state;
	loop = net_loop_new(NULL);
	return loop ? 0 : -1;
}

static int free_loop(void **state)
{
	(void)state;
	net_loop_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_fit_their_hashes),
		cmocka_unit_test(digests_and_codings),
		cmocka_unit_test(users_files_of_all_kinds_are_read),
		cmocka_unit_test(lines_of_our_own_serve_both),
		cmocka_unit_test(lines_that_are_none_are_told),
		cmocka_unit_test(the_examples_of_rfc_7616),
		cmocka_unit_test(digest_answers_are_judged),
		cmocka_unit_test(nonces_age_and_are_used_up),
		cmocka_unit_test(counts_may_overtake_each_other),
		cmocka_unit_test(no_nonce_is_good_twice),
		cmocka_unit_test(challenges_come_in_order),
		cmocka_unit_test(the_examples_of_rfc_7617),
		cmocka_unit_test(basic_works_with_what_there_is),
		cmocka_unit_test(checks_can_be_forgotten_and_shared),
		cmocka_unit_test(too_many_guesses_are_not_looked_at),
		cmocka_unit_test(the_cache_is_bounded),
	};
	return cmocka_run_group_tests_name("auth", tests, make_loop, free_loop);
}
