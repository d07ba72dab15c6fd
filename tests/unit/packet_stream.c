/* packet/stream: little scripts of segments, and what must come of them.
 *
 * A step is one segment. Offsets count from the side's first byte of data: its SYN stands at -1.
 * Every script runs with several initial sequence numbers (some just below 2^32), with each
 * packet twice as `-i any` captures it, and over IPv6; what comes out must be the same. Each
 * payload byte is the low byte of its own offset, so delivery is checked by content. */
#include "packet/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* scripts say what they need */

enum { C, S };
enum {
	SYN = TCP_SYN,
	ACK = TCP_ACK,
	FIN = TCP_FIN | TCP_ACK,
	RST = TCP_RST,
	SYNACK = TCP_SYN | TCP_ACK,
	PSH = TCP_PSH | TCP_ACK
};

struct step {
	double ms; /* when */
	int side;
	int flags;
	int32_t seq;
	uint32_t len;
	int32_t ack;
	int window;   /* 0: 500; -1: zero */
	uint32_t cut; /* bytes that were captured, plus 1; 0: all */
	unsigned has;
	uint16_t mss;
	struct {
		int32_t left, right;
	} sack;
	uint16_t id;        /* of IP; 0: counts up */
	uint32_t isn_shift; /* another ISN than this script's */
};

enum { MAX_STEPS = 40 };

struct script {
	const char *name;
	struct step steps[MAX_STEPS];
	const char *log; /* what was told, in order: "c100 s20 s-5(capture)" */
	void (*check)(const struct stream *s);
	bool once; /* not with every packet twice */
	struct stream_limits limits;
};

/* ---- playing a script ---- */

static struct play {
	const struct script *script;
	char log[2000];
	uint32_t at[2];  /* offset of the next byte to be told */
	bool free_start; /* the first byte may be any */
	unsigned ends;
	enum stream_end why;
	struct stream last;
	enum stream_wish wish;
	struct stream_table *table;
	unsigned again; /* say STREAM_ASK_AGAIN that many times */
} play;

static void log_add(const char *format, ...)
{
	size_t len = strlen(play.log);
	va_list args;
	va_start(args, format);
	vsnprintf(play.log + len, sizeof play.log - len, format, args);
	va_end(args);
}

static enum stream_wish on_wish(void *context, const struct stream *s, int side, struct slice sofar)
{
	(void)context;
	assert_false(s->watched);
	assert_true(sofar.len > 0 && sofar.len <= 24);
	assert_int_equal(s->early_len[side], sofar.len);
	if (play.again) {
		play.again--;
		return STREAM_ASK_AGAIN;
	}
	return play.wish;
}

static void on_data(void *context, struct stream_watch *w, int side, struct slice bytes,
		    const struct stream_mark *mark)
{
	(void)context;
	assert_true(stream_look(play.table, w)->watched && mark->frame > 0 && bytes.len > 0);
	if (play.free_start && play.at[side] == 0)
		play.at[side] = bytes.at[0];
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.at[i] != (uint8_t)(play.at[side] + i))
			fail_msg("%s: byte %u of side %d is wrong", play.script->name,
				 (unsigned)(play.at[side] + i), side);
	play.at[side] += (uint32_t)bytes.len;
	log_add("%s%c%zu", *play.log ? " " : "", "cs"[side], bytes.len);
}

static void on_gap(void *context, struct stream_watch *w, int side, uint64_t len,
		   enum stream_gap why, const struct stream_mark *mark)
{
	static const char *const names[] = { "capture", "snap", "memory" };
	(void)context;
	assert_true(stream_look(play.table, w)->watched && mark->frame > 0);
	play.at[side] += (uint32_t)len;
	log_add("%s%c-%u(%s)", *play.log ? " " : "", "cs"[side], (unsigned)len, names[why]);
}

static void on_end(void *context, struct stream_watch *w, const struct stream *s,
		   enum stream_end why)
{
	(void)context;
	assert_true((w != NULL) == s->watched);
	play.ends++;
	play.why = why;
	play.last = *s;
}

static const struct stream_callbacks callbacks = { on_wish, NULL, on_data, on_gap, on_end, NULL };

struct way {
	uint32_t isn[2];
	bool twice, v6;
};

static void host(struct address *a, bool v6, uint8_t number, uint16_t port)
{
	*a = (struct address){ .port = port };
	if (v6)
		memcpy(a->ip, "\x20\x01\x0d\xb8", 4);
	else
		a->ip[10] = a->ip[11] = 0xff;
	a->ip[15] = number;
}

static uint8_t payload[70000];

static struct segment segment_of(const struct step *step, const struct way *way, uint64_t frame)
{
	struct segment seg = { .frame = frame,
			       .ttl = 64,
			       .flags = (uint8_t)step->flags,
			       .mss = step->mss,
			       .payload_len = step->len };
	seg.at = NANOS_PER_SECOND * 1000 + (nanos)(step->ms * 1e6);
	host(&seg.from, way->v6, (uint8_t)(1 + step->side), step->side == C ? 40000 : 3128);
	host(&seg.to, way->v6, (uint8_t)(2 - step->side), step->side == C ? 3128 : 40000);
	seg.seq = way->isn[step->side] + 1 + (uint32_t)step->seq + step->isn_shift;
	if (step->flags & TCP_ACK)
		seg.ack = way->isn[!step->side] + 1 + (uint32_t)step->ack;
	seg.window = step->window < 0 ? 0 : step->window ? (uint16_t)step->window : 500;
	seg.ip_id = way->v6 ? 0 : step->id ? step->id : (uint16_t)(100 + frame);
	seg.has = (uint8_t)step->has;
	if (step->mss)
		seg.has |= SEGMENT_MSS;
	if (step->sack.right) {
		seg.sack_count = 1;
		seg.sack[0].left = way->isn[!step->side] + 1 + (uint32_t)step->sack.left;
		seg.sack[0].right = way->isn[!step->side] + 1 + (uint32_t)step->sack.right;
	}
	for (uint32_t i = 0; i < step->len; i++)
		payload[i] = (uint8_t)((uint32_t)step->seq + !!(step->flags & SYN) + i);
	seg.payload = (struct slice){ payload, step->cut ? step->cut - 1 : step->len };
	seg.ip_len = step->len + 40;
	return seg;
}

static void play_script(const struct script *script, const struct way *way)
{
	struct stream_table *t = play.table = stream_table_new(&script->limits, &callbacks);
	assert_non_null(t);
	for (size_t i = 0; i < MAX_STEPS && script->steps[i].flags; i++) {
		struct segment seg = segment_of(&script->steps[i], way, i + 1);
		stream_segment(t, &seg);
		if (!way->twice)
			continue;
		seg.at += 20000;
		seg.ttl--;
		stream_segment(t, &seg);
	}
	stream_finish(t);
	struct stream_counts counts = stream_counts(t);
	assert_int_equal(counts.live, 0);
	assert_int_equal(counts.kept, 0);
	assert_int_equal(counts.connections, play.ends);
	stream_table_free(t);
}

static void run_way(const struct script *script, const struct way *way)
{
	play = (struct play){ .script = script, .wish = STREAM_WATCH };
	play.free_start = script->steps[0].seq > 0;
	play_script(script, way);
	if (strcmp(play.log, script->log) != 0)
		fail_msg("%s (isn %u, %s%s): told \"%s\", not \"%s\"", script->name, way->isn[0],
			 way->v6 ? "v6" : "v4", way->twice ? ", twice" : "", play.log, script->log);

	if (script->check)
		script->check(&play.last);
}

static void run(const struct script *scripts, size_t count)
{
	static const uint32_t isns[][2] = { { 1000, 70000 },
					    { UINT32_MAX - 3, UINT32_MAX - 50 },
					    { UINT32_MAX, UINT32_MAX - 1500 },
					    { 0x7ffffff0, 0x80000000 } };
	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < sizeof isns / sizeof *isns; n++)
			for (int kind = 0; kind < 4; kind++) {
				struct way way = { .isn = { isns[n][0], isns[n][1] },
						   .twice = kind & 1,
						   .v6 = kind & 2 };
				if (!way.twice || !scripts[i].once)
					run_way(&scripts[i], &way);
			}
}

#define RUN(scripts) run(scripts, sizeof scripts / sizeof *scripts)

/* Client and server 20 ms apart, seen at the client. */
#define HANDSHAKE                                                                                  \
	{ 0, C, SYN, -1, .mss = 1460 }, { 20, S, SYNACK, -1, .mss = 1460 },                        \
	{                                                                                          \
		20.1, C, ACK, 0                                                                    \
	}
#define ASKED                                                                                      \
	HANDSHAKE, { 21, C, PSH, 0, 100 },                                                         \
	{                                                                                          \
		41, S, ACK, 0, 0, 100                                                              \
	}
#define ANSWERED                                                                                   \
	ASKED, { 42, S, PSH, 0, 39, 100 },                                                         \
	{                                                                                          \
		42.1, C, ACK, 100, 0, 39                                                           \
	}

/* ---- order ---- */

static void check_plain(const struct stream *s)
{
	assert_true(s->watched && s->both_ways && !s->began_late);
	assert_int_equal(s->sent[C].packets, 4);
	assert_int_equal(s->sent[C].bytes, 100);
	assert_int_equal(s->sent[S].bytes, 39);
	assert_int_equal(s->sent[S].first_data.frame, 6);
	assert_int_equal(s->sent[C].retrans + s->sent[S].retrans, 0);
	assert_int_equal(s->sent[S].unacked + s->sent[C].unacked, 0);
	assert_true(s->rtt > 19 * NANOS_PER_MS && s->rtt < 21 * NANOS_PER_MS);
	assert_int_equal(s->sent[C].mss, 1460);
}

static void check_reordered(const struct stream *s)
{
	assert_int_equal(s->sent[S].reordered, 1);
	assert_int_equal(s->sent[S].repairs + s->sent[S].retrans, 0);
	assert_int_equal(s->sent[S].hole + s->sent[S].missing, 0);
}

static void check_repaired(const struct stream *s)
{
	assert_int_equal(s->sent[S].repairs, 1);
	assert_int_equal(s->sent[S].agains, 1);
	assert_int_equal(s->sent[S].again[0].size, 1448);
	assert_int_equal(s->sent[S].reordered, 0);
	assert_true(s->sent[S].retrans_time > 200 * NANOS_PER_MS);
}

static void check_twice_sent(const struct stream *s)
{
	assert_int_equal(s->sent[C].retrans, 1);
	assert_int_equal(s->sent[C].spurious, 1);
	assert_int_equal(s->sent[C].agains, 0);
	assert_int_equal(s->sent[C].bytes, 100);
}

static void check_overlap(const struct stream *s)
{
	assert_int_equal(s->sent[S].bytes, 3000);
	assert_int_equal(s->sent[S].retrans, 1);
}

static void check_unseen(const struct stream *s)
{
	assert_int_equal(s->sent[S].unseen, 939);
}

static void bytes_come_in_order(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "plain", { ANSWERED }, "c100 s39", check_plain },
		{ "early by one",
		  { ANSWERED,
		    { 60, S, ACK, 1487, 1448, 100 },
		    { 60.5, S, ACK, 39, 1448, 100, .id = 99 },
		    { 61, C, ACK, 100, 0, 2935 } },
		  "c100 s39 s1448 s1448",
		  check_reordered },
		{ "lost before us, sent again",
		  { ANSWERED,
		    { 60, S, ACK, 1487, 1448, 100 },
		    { 60.1, C, ACK, 100, 0, 39 },
		    { 290, S, ACK, 39, 1448, 100 },
		    { 291, C, ACK, 100, 0, 2935 } },
		  "c100 s39 s1448 s1448",
		  check_repaired },
		{ "sent again for nothing",
		  { ASKED, { 300, C, PSH, 0, 100, 0 } },
		  "c100",
		  check_twice_sent },
		{ "overlaps",
		  { ASKED,
		    { 60, S, ACK, 1000, 1000, 100 },
		    { 61, S, ACK, 500, 2500, 100 },
		    { 62, S, ACK, 0, 700, 100 },
		    { 63, S, ACK, 0, 3000, 100 },
		    { 64, C, ACK, 100, 0, 3000 } },
		  "c100 s500 s500 s1000 s1000",
		  NULL },
		{ "one piece more",
		  { ASKED,
		    { 60, S, ACK, 0, 2000, 100 },
		    { 61, S, ACK, 1000, 2000, 100 },
		    { 64, C, ACK, 100, 0, 3000 } },
		  "c100 s2000 s1000",
		  check_overlap },
		{ "backwards",
		  { ASKED,
		    { 60, S, ACK, 30, 10, 100 },
		    { 60.1, S, ACK, 20, 10, 100 },
		    { 60.2, S, ACK, 10, 10, 100 },
		    { 60.3, S, ACK, 0, 10, 100 },
		    { 64, C, ACK, 100, 0, 40 } },
		  "c100 s10 s10 s10 s10",
		  NULL },
		{ "cut by the snap length",
		  { ASKED, { 60, S, ACK, 0, 1000, 100, .cut = 62 }, { 61, S, ACK, 1000, 50, 100 } },
		  "c100 s61 s-939(snap) s50",
		  check_unseen },
		{ "SYN with data",
		  { { 0, C, SYN, -1, 10 },
		    { 20, S, SYNACK, -1, 0, 10 },
		    { 21, C, PSH, 10, 10, 0 } },
		  "c10 c10",
		  NULL },
		{ "first bytes out of order",
		  { HANDSHAKE, { 21, C, PSH, 60, 40 }, { 21.1, C, PSH, 0, 60 } },
		  "c60 c40",
		  NULL },
		{ "sender at our side, first bytes late",
		  { HANDSHAKE,
		    { 21, S, PSH, 5, 5 },
		    { 21.1, C, PSH, 0, 60 },
		    { 21.2, S, PSH, 0, 5 } },
		  "c60 s5 s5",
		  NULL },
	};
	RUN(scripts);
}

/* ---- what is lost, and where ---- */

static void check_hole_down(const struct stream *s)
{
	assert_int_equal(s->sent[S].hole, 2873);
	assert_int_equal(s->sent[S].hole_shown.frame, 10);
	assert_int_equal(s->sent[S].hole_beyond, 0);
	assert_int_equal(s->sent[S].missing, 0);
}

static void check_hole_beyond(const struct stream *s)
{
	assert_int_equal(s->sent[S].hole, 2896);
	assert_int_equal(s->sent[S].hole_beyond, 200);
	assert_int_equal(s->sent[S].hole_dup_acks, 1);
	assert_int_equal(s->sent[S].missing, 0);
}

static void check_missing(const struct stream *s)
{
	assert_int_equal(s->sent[S].missing, 1448);
	assert_int_equal(s->sent[S].hole, 0);
	assert_int_equal(s->sent[S].unacked, 0);
}

static void check_nothing_lost(const struct stream *s)
{
	for (int side = 0; side < 2; side++) {
		assert_int_equal(s->sent[side].hole + s->sent[side].missing, 0);
		assert_int_equal(s->sent[side].unacked, 0);
		assert_int_equal(s->sent[side].stuck_times, 0);
		assert_int_equal(s->sent[side].repairs + s->sent[side].retrans, 0);
	}
}

static void check_stuck(const struct stream *s)
{
	const struct stream_side *c = &s->sent[C];
	assert_int_equal(c->unacked, 1448 * 2 + 300);
	assert_int_equal(c->stuck_size, 1448);
	assert_int_equal(c->stuck_times, 4);
	assert_int_equal(c->stuck_first.frame, 8);
	assert_int_equal(c->stuck_last.frame, 13);
	assert_int_equal(c->stuck_smallest, 1448);
	assert_int_equal(c->small_passed, 2); /* the request, and the one that was SACKed */
	assert_int_equal(c->largest, 1448);
	assert_int_equal(c->largest_passed, 300);
	assert_int_equal(c->retrans, 3);
	assert_int_equal(c->agains, 3);
	assert_int_equal(c->again[0].mark.frame, 11);
	assert_int_equal(c->again[2].mark.frame, 13);
	assert_int_equal(c->large, 2);
	assert_int_equal(c->first_large.frame, 8);
}

static void check_one_way(const struct stream *s)
{
	assert_false(s->both_ways);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(s->sent[side].hole + s->sent[side].unacked, 0);
		assert_int_equal(s->sent[side].stuck_times, 0);
	}
}

static void losses_are_told_apart(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "a pure ACK shows the hole",
		  { ANSWERED,
		    { 47, C, PSH, 100, 517, 39 },
		    { 274, C, PSH, 100, 517, 39 },
		    { 295, S, ACK, 2912, 0, 617, .sack = { 100, 617 } },
		    { 14000, C, FIN, 617, 0, 39 },
		    { 14070, S, ACK, 2912, 0, 618 } },
		  "c100 s39 c517",
		  check_hole_down },
		{ "a small segment shows the hole",
		  { ANSWERED, { 60, S, PSH, 2935, 200, 100 }, { 60.1, C, ACK, 100, 0, 39 } },
		  "c100 s39",
		  check_hole_beyond },
		{ "acknowledged, never seen",
		  { ANSWERED, { 60, S, PSH, 1487, 200, 100 }, { 60.1, C, ACK, 100, 0, 1687 } },
		  "c100 s39 s-1448(capture) s200",
		  check_missing },
		{ "acknowledged, never seen, noticed on the way",
		  { ANSWERED,
		    { 60, S, PSH, 1487, 200, 100 },
		    { 60.1, C, ACK, 100, 0, 1687 },
		    { 700, C, ACK, 100, 0, 1687, 501 },
		    { 701, C, PSH, 100, 5, 1687 } },
		  "c100 s39 s-1448(capture) s200 c5",
		  check_missing },
		{ "the acknowledgement stands before the data",
		  { ANSWERED, { 60, C, ACK, 100, 0, 1487 }, { 60.1, S, PSH, 39, 1448, 100 } },
		  "c100 s39 s1448",
		  check_nothing_lost },
		{ "black hole up",
		  { ANSWERED,
		    { 50, C, ACK, 100, 1448, 39 },
		    { 50.1, C, ACK, 1548, 1448, 39 },
		    { 50.2, C, PSH, 2996, 300, 39 },
		    { 71, S, ACK, 39, 0, 100, .sack = { 2996, 3296 } },
		    { 300, C, ACK, 100, 1448, 39 },
		    { 800, C, ACK, 100, 1448, 39 },
		    /* 13: */ { 1800, C, ACK, 100, 1448, 39 } },
		  "c100 s39 c1448 c1448 c300",
		  NULL },
		{ "one way only",
		  { { 0, S, SYNACK, -1 },
		    { 1, S, PSH, 0, 100 },
		    { 2, S, PSH, 1100, 100 },
		    { 5000, S, PSH, 1200, 100 } },
		  "s100 s-1000(capture) s100 s100",
		  check_one_way },
		{ "a FIN that was not captured",
		  { ANSWERED,
		    { 60, S, ACK, 40, 0, 100 },
		    { 61, C, FIN, 100, 0, 40 },
		    { 80, S, ACK, 40, 0, 101 } },
		  "c100 s39",
		  check_nothing_lost },
		{ "a FIN is no data",
		  { ANSWERED,
		    { 60, S, FIN, 39, 0, 100 },
		    { 60.1, C, ACK, 100, 0, 40 },
		    { 61, C, FIN, 100, 0, 40 },
		    { 81, S, ACK, 40, 0, 101 } },
		  "c100 s39",
		  check_nothing_lost },
	};
	RUN(scripts);
}

static void what_gets_stuck_is_known(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "black hole up",
		  { ANSWERED,
		    { 50, C, ACK, 100, 1448, 39 },
		    { 50.1, C, ACK, 1548, 1448, 39 },
		    { 50.2, C, PSH, 2996, 300, 39 },
		    { 300, C, ACK, 100, 1448, 39 },
		    { 800, C, ACK, 100, 1448, 39 },
		    { 1800, C, ACK, 100, 1448, 39 },
		    { 1821, S, ACK, 39, 0, 100, .sack = { 2996, 3296 } } },
		  "c100 s39 c1448 c1448 c300",
		  check_stuck },
	};
	RUN(scripts);
}

/* ---- windows, keep-alives ---- */

static void check_keepalive(const struct stream *s)
{
	assert_int_equal(s->sent[C].keepalives, 2);
	assert_int_equal(s->sent[C].retrans, 0);
	assert_int_equal(s->sent[C].bytes, 100);
}

static void check_zero_window(const struct stream *s)
{
	assert_int_equal(s->sent[S].zero_window.frame, 9);
	assert_int_equal(s->sent[S].zero_window_probes, 2);
	assert_int_equal(s->sent[S].zero_window_time / NANOS_PER_MS, 4000);
	assert_true(s->sent[S].zero_window_since == NO_TIME);
	assert_int_equal(s->sent[S].retrans, 0);
}

static void check_zero_at_end(const struct stream *s)
{
	assert_true(s->sent[S].zero_window_since != NO_TIME);
	assert_int_equal(s->sent[S].zero_window_time / NANOS_PER_MS, 1000);
	assert_int_equal(s->sent[S].zero_window_probes, 1);
}

static void pauses_are_no_losses(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "keep-alives",
		  { ANSWERED,
		    { 60000, C, ACK, 99, 0, 39 },
		    { 60020, S, ACK, 39, 0, 100 },
		    { 120000, C, ACK, 99, 1, 39 },
		    { 120020, S, ACK, 39, 0, 100 } },
		  "c100 s39",
		  check_keepalive },
		{ "zero window, and open again",
		  { ANSWERED,
		    { 50, S, ACK, 39, 1448, 100 },
		    { 51, C, ACK, 100, 0, 1487, -1 },
		    { 1051, S, ACK, 1486, 0, 100 },
		    { 1051.1, C, ACK, 100, 0, 1487, -1 },
		    { 3051, S, ACK, 1486, 0, 100 },
		    { 3051.1, C, ACK, 100, 0, 1487, -1 },
		    { 4051, C, ACK, 100, 0, 1487, 900 },
		    { 4071, S, ACK, 1487, 10, 100 } },
		  "c100 s39 s1448 s10",
		  check_zero_window },
		{ "zero window, probed with a byte",
		  { ANSWERED,
		    { 50, C, ACK, 100, 0, 39, -1 },
		    { 550, S, ACK, 39, 1, 100 },
		    { 1050, C, ACK, 100, 0, 39, -1 } },
		  "c100 s39 s1",
		  check_zero_at_end },
	};
	RUN(scripts);
}

/* ---- sizes ---- */

static void check_offload(const struct stream *s)
{
	assert_int_equal(s->sent[S].largest, 1300);
	assert_int_equal(s->sent[S].large, 3);
}

static void check_late_sizes(const struct stream *s)
{
	assert_true(s->began_late);
	assert_int_equal(s->sent[C].large, 0);
	assert_int_equal(s->sent[S].large, 1);
	assert_int_equal(s->sent[S].largest, 1428);
}

static void check_small_late(const struct stream *s)
{
	assert_int_equal(s->sent[C].large + s->sent[S].large, 0);
}

static void sizes_are_those_of_the_path(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "offload",
		  { { 0, C, SYN, -1, .mss = 1460 },
		    { 20, S, SYNACK, -1, .mss = 1300 },
		    { 20.1, C, ACK, 0 },
		    { 21, C, PSH, 0, 100 },
		    { 41, S, PSH, 0, 3 * 1300 + 200, 100 } },
		  "c100 s4100",
		  check_offload },
		{ "no SYN",
		  { { 0, C, PSH, 50, 120, 7 }, { 20, S, ACK, 7, 1428, 170 } },
		  "c120 s1428",
		  check_late_sizes },
		{ "no SYN, small ones",
		  { { 0, C, PSH, 50, 120, 7 }, { 20, S, ACK, 7, 600, 170 } },
		  "c120 s600",
		  check_small_late },
	};
	RUN(scripts);
}

/* ---- beginnings and ends ---- */

static void check_late(const struct stream *s)
{
	assert_true(s->began_late && s->both_ways && s->watched);
	assert_int_equal(s->side[0].port, 40000);
	check_nothing_lost(s);
}

static void check_syns(const struct stream *s)
{
	assert_int_equal(s->sent[C].syns, 3);
	assert_int_equal(s->sent[C].retrans, 2);
	assert_false(s->watched || s->both_ways);
}

static void check_refused(const struct stream *s)
{
	assert_int_equal(s->sent[S].rsts, 1);
	assert_int_equal(s->rst_ttl[1], 64);
	assert_int_equal(play.why, STREAM_CLOSED);
}

static void check_rst_survived(const struct stream *s)
{
	assert_int_equal(s->sent[S].rsts, 1);
	assert_int_equal(s->sent[S].bytes, 49);
	assert_int_equal(play.ends, 1);
	assert_int_equal(play.why, STREAM_OVER);
}

static void check_reuse(const struct stream *s)
{
	assert_int_equal(play.ends, 2);
	assert_int_equal(s->sent[C].bytes, 7);
	assert_int_equal(s->sent[C].syns, 1);
}

static void check_two_synacks(const struct stream *s)
{
	assert_int_equal(play.ends, 1);
	assert_int_equal(s->sent[S].syns, 2);
	check_nothing_lost(s);
}

static void check_after_fin(const struct stream *s)
{
	assert_int_equal(s->sent[S].after_peer_fin, 500);
	assert_int_equal(s->sent[C].fins, 1);
	assert_int_equal(play.why, STREAM_CLOSED);
}

static void connections_begin_and_end(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "in mid-connection",
		  { { 0, C, PSH, 50, 20, 7 },
		    { 20, S, PSH, 7, 30, 70 },
		    { 21, C, ACK, 70, 0, 37 } },
		  "c20 s30",
		  check_late },
		{ "in mid-connection, the server first",
		  { { 0, S, PSH, 7, 30, 50 },
		    { 1, C, ACK, 50, 0, 37 },
		    { 2, C, PSH, 50, 5, 37 },
		    { 22, S, ACK, 37, 0, 55 } },
		  "s30 c5",
		  check_late },
		{ "unanswered",
		  { { 0, C, SYN, -1 }, { 1000, C, SYN, -1 }, { 3000, C, SYN, -1 } },
		  "",
		  check_syns },
		{ "refused", { { 0, C, SYN, -1 }, { 20, S, RST | ACK, -1 } }, "", check_refused },
		{ "a forged RST",
		  { ANSWERED,
		    { 50, S, RST, 39 },
		    { 51, S, PSH, 39, 10, 100 },
		    { 4000, C, ACK, 100, 0, 49 } },
		  "c100 s39 s10",
		  check_rst_survived },
		{ "an RST outside the window",
		  { ANSWERED,
		    { 50, S, RST, 39 + (1 << 27) },
		    { 5000, S, PSH, 39, 10, 100 },
		    { 5001, C, ACK, 100, 0, 49 } },
		  "c100 s39 s10",
		  check_rst_survived },
		{ "the port again, after FINs",
		  { HANDSHAKE,
		    { 60, C, FIN, 0 },
		    { 61, S, FIN, 0, 0, 1 },
		    { 61.1, C, ACK, 1, 0, 1 },
		    { 70, C, SYN, -1, .isn_shift = 5000000 },
		    { 90, S, SYNACK, -1, 0, 5000000 },
		    { 91, C, ACK, 0, 0, 0, .isn_shift = 5000000 },
		    { 92, C, PSH, 0, 7, 0, .isn_shift = 5000000 } },
		  "c7",
		  check_reuse },
		{ "the port again, still open",
		  { HANDSHAKE,
		    { 60, S, ACK, 0 },
		    { 5000, C, SYN, -1, .isn_shift = 5000000 },
		    { 5020, S, SYNACK, -1, 0, 5000000, .isn_shift = 77 },
		    { 5021, C, PSH, 0, 7, 77, .isn_shift = 5000000 } },
		  "c7",
		  check_reuse },
		{ "two answers to one SYN",
		  { { 0, C, SYN, -1 },
		    { 20, S, SYNACK, -1, .isn_shift = 123456789 },
		    { 20.5, S, SYNACK, -1 },
		    { 21, C, ACK, 0, 0, 0 },
		    { 22, C, PSH, 0, 5, 0 },
		    { 42, S, PSH, 0, 6, 5 },
		    { 43, C, ACK, 5, 0, 6 } },
		  "c5 s6",
		  check_two_synacks },
		{ "bytes after the other side's FIN",
		  { ASKED,
		    { 50, C, FIN, 100 },
		    { 70, S, PSH, 0, 500, 101 },
		    { 71, S, FIN, 500, 0, 101 },
		    { 72, C, ACK, 101, 0, 501 } },
		  "c100 s500",
		  check_after_fin },
		{ "both close at once",
		  { ANSWERED,
		    { 50, C, FIN, 100, 0, 39 },
		    { 50.1, S, FIN, 39, 0, 100 },
		    { 70, C, ACK, 101, 0, 40 },
		    { 70.1, S, ACK, 40, 0, 101 } },
		  "c100 s39",
		  check_nothing_lost },
	};
	RUN(scripts);
}

/* ---- text ---- */

static void check_text(const struct stream *s)
{
	check_nothing_lost(s);
	assert_int_equal(s->sent[C].fins, 1);
}

static void check_text_again(const struct stream *s)
{
	assert_int_equal(s->sent[C].retrans, 2);
	assert_int_equal(s->sent[C].stuck_size, 1440);
	assert_int_equal(s->sent[C].stuck_times, 3);
	assert_true(s->sent[C].unacked > 0);
	assert_int_equal(s->sent[C].hole + s->sent[S].hole + s->sent[S].missing, 0);
}

#define TEXT .has = SEGMENT_TEXT

static void text_proves_less(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "numbers that jump",
		  { { 0, C, SYN, -1, TEXT, .isn_shift = 99999 },
		    { 20, S, SYNACK, -1, TEXT },
		    { 21, C, ACK, 0, TEXT },
		    { 22, C, PSH, 0, 100, 0, TEXT },
		    { 30, S, PSH, 0, 39, 100, TEXT },
		    { 40, C, FIN, 1234, 0, 5678, TEXT },
		    { 41, S, FIN, 5678, 0, 1235, TEXT } },
		  "c100 s39",
		  check_text },
		{ "the same range again and again",
		  { { 0, C, SYN, -1, TEXT },
		    { 20, S, SYNACK, -1, TEXT },
		    { 21, C, ACK, 0, TEXT },
		    { 22, C, PSH, 0, 100, 0, TEXT },
		    { 30, S, PSH, 0, 39, 100, TEXT },
		    { 40, C, ACK, 100, 1440, 39, TEXT },
		    { 240, C, ACK, 100, 1440, 39, TEXT },
		    { 640, C, ACK, 100, 1440, 39, TEXT } },
		  "c100 s39 c1440",
		  check_text_again },
		{ "no numbers at all",
		  { { 0, C, PSH, 0, 10, .has = SEGMENT_TEXT | SEGMENT_NO_SEQ },
		    { 1, S, PSH, 0, 20, .has = SEGMENT_TEXT | SEGMENT_NO_SEQ | SEGMENT_NO_LENGTH },
		    { 2, C, PSH, 10, 5, .has = SEGMENT_TEXT | SEGMENT_NO_SEQ } },
		  "c10 s20 c5",
		  check_nothing_lost,
		  .once = true },
	};
	RUN(scripts);
}

/* ---- memory and asking ---- */

static void check_memory(const struct stream *s)
{
	assert_int_equal(s->sent[S].bytes, 39 + 5 * 1448);
	assert_int_equal(s->sent[S].hole, 0);
}

static void memory_is_bounded(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "kept bytes",
		  { ANSWERED,
		    { 60, S, ACK, 1487, 1448, 100 },
		    { 60.1, S, ACK, 2935, 1448, 100 },
		    { 60.2, S, ACK, 4383, 1448, 100 },
		    { 60.3, S, ACK, 5831, 1448, 100 },
		    { 60.9, S, ACK, 39, 1448, 100 },
		    { 61, C, ACK, 100, 0, 7279 } },
		  "c100 s39 s1448 s1448 s1448 s-1448(memory) s-1448(memory)",
		  check_memory,
		  .limits = { .max_kept_each = 3400 } },
	};
	RUN(scripts);
}

static void the_owner_is_asked_until_it_knows(void **state)
{
	(void)state;
	static const struct script script = { "asked again",
					      { HANDSHAKE,
						{ 21, C, PSH, 0, 3 },
						{ 22, C, PSH, 3, 3 },
						{ 23, S, PSH, 0, 4, 6 },
						{ 24, C, PSH, 6, 50, 4 } },
					      "" };
	static const struct way way = { .isn = { UINT32_MAX - 2, 9 } };
	play = (struct play){ .script = &script, .wish = STREAM_WATCH, .again = 3 };
	play_script(&script, &way);
	assert_string_equal(play.log, "s4 c6 c50");
	play = (struct play){ .script = &script, .wish = STREAM_NOTE, .again = 2 };
	play_script(&script, &way);
	assert_string_equal(play.log, "");
	assert_false(play.last.watched);
	assert_int_equal(play.last.sent[C].bytes, 56);
	assert_int_equal(play.last.early_len[0], 6);
	play = (struct play){ .script = &script, .wish = STREAM_WATCH, .again = 4 };
	play_script(&script, &way);
	assert_string_equal(play.log, ""); /* more than can be kept was said meanwhile */
}

/* ---- the table ---- */

static struct segment lone(uint32_t number, uint8_t flags, int side, nanos at)
{
	struct segment seg = { .at = at,
			       .frame = number + 1,
			       .flags = flags,
			       .window = 1,
			       .ip_id = (uint16_t)(number + 1),
			       .seq = 1,
			       .ack = 1 };
	struct address client, proxy;
	host(&client, false, (uint8_t)(10 + number / 60000), (uint16_t)(2000 + number % 60000));
	host(&proxy, false, 1, 80);
	seg.from = side ? proxy : client;
	seg.to = side ? client : proxy;
	return seg;
}

/* Where the observation has come to, and what is over by then. */
static void until(struct stream_table *t, nanos at)
{
	stream_until(t, at, NULL);
	while (stream_end_next(t)) {
	}
}

static void waiting_ones_are_bounded(void **state)
{
	(void)state;
	play = (struct play){ .wish = STREAM_NOTE };
	struct stream_table *t = play.table = stream_table_new(NULL, &callbacks);
	nanos at = 0;
	for (uint32_t i = 0; i < 20000; i++, at += NANOS_PER_MS * 5) {
		struct segment seg = lone(i, TCP_SYN, C, at);
		stream_segment(t, &seg);
		if (i % STREAM_BORDER == 0)
			until(t, at);
	}
	struct stream_counts counts = stream_counts(t);
	assert_int_equal(counts.connections, 20000);
	assert_in_range(counts.live, 1024, 8192 + 1100);
	assert_in_range(counts.peak_live, 4096, 8192 + 1100);
	for (uint32_t i = 0; i < 20000; i++, at += NANOS_PER_MS / 100) {
		struct segment seg = lone(i + 30000, TCP_SYN, C, at);
		stream_segment(t, &seg);
		seg = lone(i + 30000, TCP_RST | TCP_ACK, S, at);
		stream_segment(t, &seg);
		if (i % (STREAM_BORDER / 2) == 0)
			until(t, at);
	}
	assert_in_range(stream_counts(t).live, 1024, 8192 + 8 * STREAM_BORDER / 2);
	stream_finish(t);
	assert_int_equal(play.ends, 40000);
	stream_table_free(t);
}

static void the_idlest_goes_first(void **state)
{
	(void)state;
	play = (struct play){ .wish = STREAM_NOTE };
	struct stream_limits limits = { .max_connections = 3, .idle = 100 * NANOS_PER_SECOND };
	struct stream_table *t = play.table = stream_table_new(&limits, &callbacks);
	static const uint32_t order[] = { 0, 1, 2, 0, 2, 3 };
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		struct segment seg = lone(order[i], TCP_ACK, C, (nanos)i * 5 * NANOS_PER_SECOND);
		seg.ip_id = (uint16_t)(100 + i);
		until(t, seg.at);
		stream_segment(t, &seg);
	}
	assert_int_equal(play.ends, 1);
	assert_int_equal(play.why, STREAM_EVICTED);
	assert_int_equal(play.last.side[0].port, 2001);
	struct segment seg = lone(3, TCP_ACK, C, 117 * NANOS_PER_SECOND);
	stream_segment(t, &seg);
	until(t, seg.at);
	assert_int_equal(play.ends, 2);
	assert_int_equal(play.why, STREAM_IDLE);
	seg = lone(3, TCP_ACK, C, -500 * NANOS_PER_SECOND); /* the clock jumped */
	stream_segment(t, &seg);
	until(t, seg.at);
	assert_int_equal(play.ends, 2);
	stream_finish(t);
	assert_int_equal(play.ends, 4);
	stream_table_free(t);
}

static void icmp_finds_its_connection(void **state)
{
	(void)state;
	static const struct step before[] = { ANSWERED, { 50, C, ACK, 100, 1448, 39 } };
	static const struct step after[] = { { 300, C, ACK, 100, 1448, 39 },
					     { 500, C, ACK, 100, 1000, 39 },
					     { 501, C, ACK, 1100, 448, 39 },
					     { 521, S, ACK, 39, 0, 1548 } };
	static const struct way way = { .isn = { UINT32_MAX - 2, 9 } };
	static const struct script script = { "icmp", { { 0 } }, "" };
	play = (struct play){ .script = &script, .wish = STREAM_WATCH };
	struct stream_table *t = play.table = stream_table_new(NULL, &callbacks);
	uint64_t frame = 0;
	struct segment seg = { 0 };
	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		seg = segment_of(&before[i], &way, ++frame);
		stream_segment(t, &seg);
	}
	struct icmp_note note = { .at = seg.at + NANOS_PER_MS,
				  .frame = ++frame,
				  .kind = ICMP_TOO_BIG,
				  .mtu = 1200,
				  .from = seg.from,
				  .to = seg.to,
				  .seq = seg.seq,
				  .ip_len = seg.ip_len };
	stream_icmp(t, &note);
	note.at += 1000;
	stream_icmp(t, &note); /* the capture's copy */
	for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
		seg = segment_of(&after[i], &way, ++frame);
		stream_segment(t, &seg);
	}
	note.from.port = 1; /* somebody else's */
	stream_icmp(t, &note);
	stream_finish(t);
	assert_int_equal(play.last.icmp_count, 1);
	assert_int_equal(play.last.large_after_icmp, 1);
	assert_true(play.last.adapted_after_icmp);
	assert_int_equal(play.last.sent[C].retrans, 3);
	stream_table_free(t);
	stream_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_in_order),
		cmocka_unit_test(losses_are_told_apart),
		cmocka_unit_test(what_gets_stuck_is_known),
		cmocka_unit_test(pauses_are_no_losses),
		cmocka_unit_test(sizes_are_those_of_the_path),
		cmocka_unit_test(connections_begin_and_end),
		cmocka_unit_test(text_proves_less),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(the_owner_is_asked_until_it_knows),
		cmocka_unit_test(waiting_ones_are_bounded),
		cmocka_unit_test(the_idlest_goes_first),
		cmocka_unit_test(icmp_finds_its_connection),
	};
	return cmocka_run_group_tests_name("packet_stream", tests, NULL, NULL);
}
