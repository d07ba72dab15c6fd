/* host: the kernel's answers about sockets, as recorded, and what is read from them; the signs,
 * from records that are made here; whose a socket is, in a /proc of our own. */
#include "host/connections.h"
#include "host/processes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { SEQ = 1, MOST = 8 };

struct taken {
	struct host_connection at[MOST];
	size_t count;
};

static void take(void *context, const struct host_connection *c)
{
	struct taken *t = context;
	assert_true(t->count < MOST);
	t->at[t->count++] = *c;
}

/* ---- recorded answers --------------------------------------------------------------------- */

static size_t load(const char *name, uint8_t *into, size_t size)
{
	char path[512];
	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/connections/%s", SOURCE_ROOT, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t len = fread(into, 1, size, f);
	fclose(f);
	return len;
}

/* The first `len` bytes of an answer, in memory of exactly that size. */
static enum host_dump read_cut(const uint8_t *bytes, size_t len, struct taken *t, struct error *err)
{
	uint8_t *exact = malloc(len ? len : 1);
	assert_non_null(exact);
	memcpy(exact, bytes, len);
	*t = (struct taken){ .count = 0 };
	*err = (struct error){ 0 };
	enum host_dump d = host_connections_read((struct slice){ exact, len }, SEQ, take, t, err);
	free(exact);
	return d;
}

static const struct {
	const char *name;
	size_t count, which; /* of `count` connections this one is meant */
	const char *remote;  /* without its port */
	uint8_t state, timer;
	uint32_t queue_in, queue_out, mss_out, path_mtu;
	uint64_t bytes_acked, bytes_received;
	unsigned signs; /* a bit for each */
	enum host_trouble trouble;
} RECORDED[] = {
	{ "established", 1, 0, "127.0.0.1", HOST_TCP_ESTABLISHED, HOST_TIMER_NONE, 0, 0, 32768,
	  65535, 500, 99, 0, HOST_FINE },
	{ "close-wait", 1, 0, "127.0.0.1", HOST_TCP_CLOSE_WAIT, HOST_TIMER_NONE, 0, 0, 32768, 65535,
	  0, 0, 1u << HOST_SIGN_CLOSE_WAIT, HOST_DOUBTFUL },
	{ "time-wait", 1, 0, "127.0.0.1", HOST_TCP_TIME_WAIT, HOST_TIMER_TIME_WAIT, 0, 0, 0, 0, 0,
	  0, 0, HOST_FINE },
	{ "mapped", 1, 0, "127.0.0.1", HOST_TCP_ESTABLISHED, HOST_TIMER_NONE, 0, 0, 32741, 65535, 0,
	  0, 0, HOST_FINE },
	{ "unread-v6", 1, 0, "::1", HOST_TCP_ESTABLISHED, HOST_TIMER_NONE, 1234, 0, 32768, 65536, 3,
	  1234, 1u << HOST_SIGN_UNREAD, HOST_DOUBTFUL },
	{ "zero-window", 1, 0, "127.0.0.1", HOST_TCP_ESTABLISHED, HOST_TIMER_PERSIST, 0, 0, 0,
	  65535, 0, 0, 1u << HOST_SIGN_ZERO_WINDOW, HOST_DOUBTFUL },
	{ "syn-sent", 2, 1, "127.0.0.1", HOST_TCP_SYN_SENT, HOST_TIMER_RETRANSMIT, 0, 0, 0, 65535,
	  0, 0, 1u << HOST_SIGN_SYN_UNANSWERED, HOST_TROUBLE },
	{ "mtu-hole", 1, 0, "10.77.2.2", HOST_TCP_ESTABLISHED, HOST_TIMER_RETRANSMIT, 0, 5000, 1448,
	  1500, 5, 5, 1u << HOST_SIGN_FULL_SEGMENTS_LOST, HOST_TROUBLE },
	{ "mtu-hole-tail", 2, 1, "10.77.2.2", HOST_TCP_ESTABLISHED, HOST_TIMER_RETRANSMIT, 0, 1452,
	  1448, 1500, 5, 5, 1u << HOST_SIGN_FULL_SEGMENTS_LOST, HOST_TROUBLE },
	{ "vanished", 3, 2, "10.77.2.2", HOST_TCP_ESTABLISHED, HOST_TIMER_RETRANSMIT, 0, 100, 1248,
	  1300, 5000, 5, 1u << HOST_SIGN_RETRANSMITTING, HOST_TROUBLE },
};

enum { RECORDED_COUNT = sizeof RECORDED / sizeof *RECORDED };

static unsigned signs_of(const struct host_connection *c)
{
	unsigned signs = 0;
	for (int s = 0; s < HOST_SIGNS; s++)
		signs |= (unsigned)(host_connection_sign(c, s) != HOST_FINE) << s;
	return signs;
}

/* The sizes of what a filled queue holds are the kernel's whim: 0 in the table. */
static void check_figures(size_t i, const struct host_connection *c)
{
	assert_int_equal(c->queue_in, RECORDED[i].queue_in);
	assert_int_equal(c->path_mtu, RECORDED[i].path_mtu);
	assert_int_equal(c->bytes_received, RECORDED[i].bytes_received);
	if (RECORDED[i].timer == HOST_TIMER_PERSIST)
		return;
	assert_int_equal(c->queue_out, RECORDED[i].queue_out);
	assert_int_equal(c->bytes_acked, RECORDED[i].bytes_acked);
	if (RECORDED[i].state != HOST_TCP_SYN_SENT)
		assert_int_equal(c->mss_out, RECORDED[i].mss_out);
}

static void test_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORDED_COUNT; i++) {
		uint8_t bytes[4096];
		struct taken t;
		struct error err;
		struct address remote;
		print_message("# %s\n", RECORDED[i].name);
		size_t len = load(RECORDED[i].name, bytes, sizeof bytes);
		assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_MORE);
		assert_int_equal(t.count, RECORDED[i].count);
		const struct host_connection *c = &t.at[RECORDED[i].which];
		assert_true(address_parse(slice_of(RECORDED[i].remote), &remote));
		assert_true(address_same_host(&c->remote, &remote));
		assert_int_equal(c->state, RECORDED[i].state);
		assert_int_equal(c->timer, RECORDED[i].timer);
		check_figures(i, c);
		assert_int_equal(signs_of(c), RECORDED[i].signs);
		assert_int_equal(host_connection_trouble(c), RECORDED[i].trouble);
	}
}

/* Cut anywhere: whole messages are taken, the rest is said to be cut. Attributes that claim more
 * than there is are passed over. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORDED_COUNT; i++) {
		uint8_t bytes[4096];
		struct taken t;
		struct error err;
		size_t len = load(RECORDED[i].name, bytes, sizeof bytes);
		size_t one = len / RECORDED[i].count;
		for (size_t cut = 0; cut <= len; cut++) {
			enum host_dump d = read_cut(bytes, cut, &t, &err);
			assert_int_equal(d, cut % one ? HOST_DUMP_FAILED : HOST_DUMP_MORE);
			assert_int_equal(t.count, cut / one);
			assert_int_equal(err.code, cut % one ? -EPROTO : 0);
		}
	}
}

/* The message itself says that it is shorter: an older kernel. What it lacks is not known. */
static void test_older_kernels(void **state)
{
	(void)state;
	uint8_t bytes[4096];
	struct taken t;
	struct error err;
	load("established", bytes, sizeof bytes);
	unsigned before = 0;
	size_t rises = 0;
	for (uint32_t len = 16; len < 456; len++) {
		memcpy(bytes, &len, sizeof len);
		assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_MORE);
		assert_int_equal(t.count, len >= 88);
		if (t.count == 0)
			continue;
		assert_true((t.at[0].fact & before) == before);
		rises += t.at[0].fact != before;
		before = t.at[0].fact;
		host_connection_trouble(&t.at[0]);
	}
	assert_true(rises >= 1); /* the attribute is there as a whole, or not at all */
	assert_int_equal(t.at[0].fact, 0x1f);
}

/* The same with the attribute itself shortened, group by group. */
static void test_shorter_info(void **state)
{
	(void)state;
	uint8_t bytes[4096];
	struct taken t;
	struct error err;
	size_t len = load("established", bytes, sizeof bytes), at = 88;
	uint16_t type = 0, size = 0;
	for (;; at += (size + 3u) & ~3u) {
		assert_true(at + 4 <= len);
		memcpy(&size, bytes + at, 2);
		memcpy(&type, bytes + at + 2, 2);
		if (type == 2) /* INET_DIAG_INFO */
			break;
	}
	static const struct {
		uint16_t bytes;
		unsigned fact;
	} cases[] = { { 0, 0 },     { 103, 0 },   { 104, 0x1 }, { 151, 0x1 },
		      { 152, 0x3 }, { 215, 0x3 }, { 216, 0x7 }, { 227, 0x7 },
		      { 228, 0xf }, { 231, 0xf }, { 232, 0x1f } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint16_t shorter = cases[i].bytes + 4;
		uint32_t whole = (uint32_t)at + shorter;
		memcpy(bytes + at, &shorter, sizeof shorter);
		memcpy(bytes, &whole, sizeof whole);
		assert_int_equal(read_cut(bytes, whole, &t, &err), HOST_DUMP_MORE);
		assert_int_equal(t.count, 1);
		assert_int_equal(t.at[0].fact, cases[i].fact);
	}
}

static void test_ends(void **state)
{
	(void)state;
	uint8_t bytes[4096];
	struct taken t;
	struct error err;
	size_t len = load("done", bytes, sizeof bytes);
	assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_DONE);
	len = load("error-enoent", bytes, sizeof bytes);
	assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_FAILED);
	assert_int_equal(err.code, -ENOENT);
	assert_non_null(strstr(err.text, "tcp_diag"));
	len = load("error-eperm", bytes, sizeof bytes);
	assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_FAILED);
	assert_int_equal(err.code, -EPERM);
	len = load("established", bytes, sizeof bytes);
	static const uint32_t wrong[] = { 0, 15, 457, 0x80000000, 0x80000058, UINT32_MAX };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		memcpy(bytes, &wrong[i], sizeof wrong[i]);
		assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_FAILED);
		assert_int_equal(t.count, 0);
	}
	len = load("error-eperm", bytes, sizeof bytes);
	bytes[8]++; /* the answer to another question */
	assert_int_equal(read_cut(bytes, len, &t, &err), HOST_DUMP_MORE);
}

/* ---- signs -------------------------------------------------------------------------------- */

#define S     NANOS_PER_SECOND
#define KNOWN 0x1f

static const struct {
	const char *what;
	struct host_connection c;
	int sign; /* HOST_SIGNS: none at all */
	enum host_trouble trouble;
	const char *said;
} JUDGED[] = {
	{ "the first SYN",
	  { .state = HOST_TCP_SYN_SENT, .timer = HOST_TIMER_RETRANSMIT },
	  HOST_SIGNS,
	  0,
	  NULL },
	{ "the second",
	  { .state = HOST_TCP_SYN_SENT,
	    .timer = HOST_TIMER_RETRANSMIT,
	    .tries = 1,
	    .timer_left = 2 * S },
	  HOST_SIGN_SYN_UNANSWERED,
	  HOST_DOUBTFUL,
	  "nobody answers: SYN sent twice; again in 2.0 s" },
	{ "a loss that is being mended",
	  { .state = HOST_TCP_ESTABLISHED, .timer = HOST_TIMER_RETRANSMIT, .retrans = 5 },
	  HOST_SIGNS,
	  0,
	  NULL },
	{ "one full segment after another was acknowledged: no word of MTU",
	  { .state = HOST_TCP_ESTABLISHED,
	    .timer = HOST_TIMER_RETRANSMIT,
	    .tries = 4,
	    .fact = KNOWN,
	    .mss_out = 1448,
	    .in_flight = 1,
	    .queue_out = 1448,
	    .bytes_acked = 1448,
	    .bytes_sent = 9000,
	    .path_mtu = 1508,
	    .timer_left = NO_TIME },
	  HOST_SIGN_RETRANSMITTING,
	  HOST_TROUBLE,
	  "1448 bytes are not acknowledged, sent again 4 times" },
	{ "full segments alone are lost, or nobody is there",
	  { .state = HOST_TCP_ESTABLISHED,
	    .timer = HOST_TIMER_RETRANSMIT,
	    .tries = 2,
	    .fact = KNOWN,
	    .mss_out = 1448,
	    .in_flight = 2,
	    .queue_out = 2000,
	    .bytes_acked = 717,
	    .bytes_sent = 9000,
	    .path_mtu = 1508,
	    .timer_left = NO_TIME },
	  HOST_SIGN_FULL_SEGMENTS_LOST,
	  HOST_DOUBTFUL,
	  "full-size segments (1448 bytes) are not acknowledged, sent again twice, while 717 bytes "
	  "in "
	  "smaller ones passed: the path's MTU is smaller, or the far end is gone" },
	{ "small segments alone are lost: no word of MTU",
	  { .state = HOST_TCP_ESTABLISHED,
	    .timer = HOST_TIMER_RETRANSMIT,
	    .tries = 2,
	    .fact = KNOWN,
	    .mss_out = 1448,
	    .in_flight = 3,
	    .queue_out = 1500,
	    .bytes_acked = 99,
	    .bytes_sent = 9000,
	    .path_mtu = 1508,
	    .timer_left = NO_TIME },
	  HOST_SIGN_RETRANSMITTING,
	  HOST_DOUBTFUL,
	  "1500 bytes are not acknowledged, sent again twice" },
	{ "nothing was ever acknowledged: no word of MTU",
	  { .state = HOST_TCP_ESTABLISHED,
	    .timer = HOST_TIMER_RETRANSMIT,
	    .tries = 2,
	    .fact = KNOWN,
	    .mss_out = 1448,
	    .in_flight = 2,
	    .queue_out = 2000,
	    .bytes_sent = 9000,
	    .path_mtu = 1508,
	    .timer_left = NO_TIME },
	  HOST_SIGN_RETRANSMITTING,
	  HOST_DOUBTFUL,
	  "2000 bytes are not acknowledged, sent again twice" },
	{ "our FIN",
	  { .state = HOST_TCP_FIN_WAIT_1,
	    .timer = HOST_TIMER_RETRANSMIT,
	    .tries = 3,
	    .timer_left = NO_TIME },
	  HOST_SIGN_RETRANSMITTING,
	  HOST_TROUBLE,
	  "the end of what this side sends (FIN) is not acknowledged, sent again 3 times" },
	{ "a window that stays shut, and nobody says so",
	  { .state = HOST_TCP_ESTABLISHED,
	    .timer = HOST_TIMER_PERSIST,
	    .tries = 3,
	    .fact = KNOWN,
	    .queue_out = 1 },
	  HOST_SIGN_ZERO_WINDOW,
	  HOST_TROUBLE,
	  "the far end takes no more data (zero window): 1 byte waits; it was asked 3 times, "
	  "without "
	  "an answer" },
	{ "keep-alive as it should be",
	  { .state = HOST_TCP_ESTABLISHED, .timer = HOST_TIMER_KEEPALIVE },
	  HOST_SIGNS,
	  0,
	  NULL },
	{ "keep-alive in vain",
	  { .state = HOST_TCP_ESTABLISHED, .timer = HOST_TIMER_KEEPALIVE, .tries = 1 },
	  HOST_SIGN_KEEPALIVE_UNANSWERED,
	  HOST_DOUBTFUL,
	  "keep-alive probes are not answered, sent once: the far end is gone, or the path" },
	{ "a gap",
	  { .state = HOST_TCP_ESTABLISHED,
	    .has_memory = true,
	    .memory_in = 2304,
	    .fact = KNOWN,
	    .out_of_order = 1,
	    .since_received = 12 * S },
	  HOST_SIGN_GAP,
	  HOST_DOUBTFUL,
	  "later data is here, earlier is missing since 12.0 s: segments from the far end are "
	  "lost" },
	{ "a gap that was just made",
	  { .state = HOST_TCP_ESTABLISHED,
	    .has_memory = true,
	    .memory_in = 2304,
	    .fact = KNOWN,
	    .out_of_order = 1,
	    .since_received = S / 10 },
	  HOST_SIGNS,
	  0,
	  NULL },
	{ "an MTU that was told",
	  { .state = HOST_TCP_ESTABLISHED, .fact = KNOWN, .path_mtu = 1400, .mss_out = 1448 },
	  HOST_SIGN_MTU_BELOW_MSS,
	  HOST_DOUBTFUL,
	  "the path's MTU is 1400, less than segments of 1448 with headers of 60" },
	{ "an answer that is due",
	  { .state = HOST_TCP_ESTABLISHED, .fact = KNOWN, .bytes_sent = 9, .since_sent = 4 * S },
	  HOST_SIGNS,
	  0,
	  NULL },
	{ "an answer that is overdue",
	  { .state = HOST_TCP_ESTABLISHED, .fact = KNOWN, .bytes_sent = 9, .since_sent = 6 * S },
	  HOST_SIGN_NO_ANSWER,
	  HOST_DOUBTFUL,
	  "what was sent is acknowledged, and no answer came for 6.0 s" },
	{ "a tunnel that is quiet",
	  { .state = HOST_TCP_ESTABLISHED,
	    .fact = KNOWN,
	    .bytes_sent = 9,
	    .bytes_received = 9,
	    .since_sent = 600 * S,
	    .since_received = 600 * S },
	  HOST_SIGNS,
	  0,
	  NULL },
	{ "data that is nobody's any longer",
	  { .state = HOST_TCP_FIN_WAIT_2, .queue_in = 9, .since_received = 9 * S },
	  HOST_SIGNS,
	  0,
	  NULL },
};

static void test_signs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof JUDGED / sizeof *JUDGED; i++) {
		const struct host_connection *c = &JUDGED[i].c;
		struct buffer said;
		print_message("# %s\n", JUDGED[i].what);
		buffer_init(&said, 1000);
		assert_int_equal(signs_of(c), JUDGED[i].said ? 1u << JUDGED[i].sign : 0);
		assert_int_equal(host_connection_trouble(c), JUDGED[i].trouble);
		if (JUDGED[i].said) {
			host_connection_say(&said, c, JUDGED[i].sign);
			buffer_add_byte(&said, 0);
			assert_string_equal((char *)said.at, JUDGED[i].said);
		}
		buffer_done(&said);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(host_tcp_state_name(HOST_TCP_SYN_SENT), "SYN-SENT");
	assert_string_equal(host_tcp_state_name(0), "?");
	assert_string_equal(host_tcp_state_name(255), "?");
	assert_string_equal(host_tcp_timer_name(HOST_TIMER_PERSIST), "persist");
	assert_null(host_tcp_timer_name(HOST_TIMER_NONE));
	assert_null(host_tcp_timer_name(255));
	for (int s = 0; s < HOST_SIGNS; s++)
		assert_true(strlen(host_sign_name(s)) > 0);
}

/* ---- whose -------------------------------------------------------------------------------- */

static char proc[] = "/tmp/viaduct-proc-XXXXXX";

static void add_process(const char *pid, const char *name)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", proc, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/%s/fd", proc, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/%s/comm", proc, pid);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(name, f);
	fclose(f);
}

static void add_link(const char *pid, const char *fd, const char *to)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s/fd/%s", proc, pid, fd);
	assert_int_equal(symlink(to, path), 0);
}

static void test_processes(void **state)
{
	(void)state;
	char command[200];
	assert_non_null(mkdtemp(proc));
	add_process("77", "nginx: \033[31m\n");
	add_process("9", "curl\n");
	add_process("100", "parent\n");
	add_process("self", "not a number\n");
	add_link("77", "3", "socket:[5]");
	add_link("77", "4", "socket:[5]"); /* twice the same: one process */
	add_link("9", "0", "pipe:[7]");
	add_link("9", "1", "socket:[7]x");
	add_link("9", "2", "socket:[4294967303]"); /* 7, were it cut to 32 bits */
	add_link("9", "3", "socket:[6]");
	add_link("100", "3", "socket:[6]");
	add_link("self", "3", "socket:[7]");
	struct host_owner owner[] = { { .inode = 7 }, { .inode = 6 }, { .inode = 5 } };
	assert_int_equal(host_processes_find(proc, owner, 3), 0);
	const struct host_owner *o = host_processes_of(owner, 3, 5);
	assert_int_equal(o->pid, 77);
	assert_int_equal(o->sharing, 1);
	assert_string_equal(o->name, "nginx: \033[31m");
	o = host_processes_of(owner, 3, 6);
	assert_int_equal(o->pid, 9);
	assert_int_equal(o->sharing, 2);
	assert_string_equal(o->name, "curl");
	assert_int_equal(host_processes_of(owner, 3, 7)->pid, 0);
	assert_null(host_processes_of(owner, 3, 0));
	assert_null(host_processes_of(owner, 0, 5));
	snprintf(command, sizeof command, "rm -r %s", proc);
	assert_int_equal(system(command), 0);
	assert_int_equal(host_processes_find(proc, owner, 3), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),      cmocka_unit_test(test_cut),
		cmocka_unit_test(test_older_kernels), cmocka_unit_test(test_shorter_info),
		cmocka_unit_test(test_ends),          cmocka_unit_test(test_signs),
		cmocka_unit_test(test_names),         cmocka_unit_test(test_processes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
