/* What is wrong with a connection, from what the kernel says of it at one moment. A sign says what
 * is seen, and prefers to be doubtful: what one look cannot tell apart it does not. */
#include "host/connections.h"

#define SECOND NANOS_PER_SECOND

/* From when on it is worth saying: a loss is mended, and an answer comes, sooner than that. */
enum { MANY_TRIES = 3, IPV4_AND_TCP = 40, IPV6_AND_TCP = 60 };
static const nanos QUIET = 5 * SECOND, GAP_IS_OLD = 1 * SECOND, UNREAD_IS_OLD = 2 * SECOND;

static enum host_trouble by_tries(const struct host_connection *c)
{
	return c->tries >= MANY_TRIES ? HOST_TROUBLE : c->tries > 0 ? HOST_DOUBTFUL : HOST_FINE;
}

static bool has_begun(const struct host_connection *c)
{
	return c->state != HOST_TCP_SYN_SENT && c->state != HOST_TCP_SYN_RECV &&
	       c->state != HOST_TCP_NEW_SYN_RECV;
}

static uint64_t bytes_in_flight(const struct host_connection *c)
{
	return c->queue_out > c->bytes_unsent ? c->queue_out - c->bytes_unsent : 0;
}

static enum host_trouble syn_unanswered(const struct host_connection *c)
{
	if (c->state != HOST_TCP_SYN_SENT || c->timer != HOST_TIMER_RETRANSMIT)
		return HOST_FINE;
	return by_tries(c);
}

static bool sends_again(const struct host_connection *c)
{
	return has_begun(c) && c->timer == HOST_TIMER_RETRANSMIT && c->tries > 0;
}

/* Full-size segments are sent again and again, something smaller was acknowledged, and never as
 * much as one full segment. A peer that vanished right then looks alike, unless it still
 * acknowledges what came behind: only then is the cause certain. */
static enum host_trouble full_segments_lost(const struct host_connection *c)
{
	uint64_t flying = bytes_in_flight(c);
	if (!sends_again(c) || c->tries < 2 || !host_knows(c, HOST_KNOWS_SENT) || c->mss_out == 0 ||
	    c->in_flight == 0)
		return HOST_FINE;
	bool full = flying >= c->mss_out && flying > (uint64_t)(c->in_flight - 1) * c->mss_out;
	if (!full || c->bytes_acked == 0 || c->bytes_acked >= c->mss_out)
		return HOST_FINE;
	return c->selective ? HOST_TROUBLE : by_tries(c);
}

static enum host_trouble retransmitting(const struct host_connection *c)
{
	return sends_again(c) && full_segments_lost(c) == HOST_FINE ? by_tries(c) : HOST_FINE;
}

static enum host_trouble zero_window(const struct host_connection *c)
{
	if (c->timer != HOST_TIMER_PERSIST)
		return HOST_FINE;
	return c->tries >= MANY_TRIES ? HOST_TROUBLE : HOST_DOUBTFUL;
}

/* tries counts the probes that were not answered: an answer sets it to 0. */
static enum host_trouble keepalive_unanswered(const struct host_connection *c)
{
	return c->timer == HOST_TIMER_KEEPALIVE ? by_tries(c) : HOST_FINE;
}

/* Bytes are kept that the program cannot read yet: something before them is missing. */
static enum host_trouble gap(const struct host_connection *c)
{
	bool kept = c->has_memory && c->memory_in > 0 && c->queue_in == 0 &&
		    host_knows(c, HOST_KNOWS_GAPS) && c->out_of_order > 0;
	return c->state == HOST_TCP_ESTABLISHED && kept && c->since_received >= GAP_IS_OLD
		       ? HOST_DOUBTFUL
		       : HOST_FINE;
}

static uint32_t headers(const struct host_connection *c)
{
	return address_is_v4(&c->remote) ? IPV4_AND_TCP : IPV6_AND_TCP;
}

static enum host_trouble mtu_below_mss(const struct host_connection *c)
{
	return has_begun(c) && c->path_mtu > 0 && c->path_mtu < c->mss_out + headers(c)
		       ? HOST_DOUBTFUL
		       : HOST_FINE;
}

static enum host_trouble no_answer(const struct host_connection *c)
{
	bool asked = c->state == HOST_TCP_ESTABLISHED && host_knows(c, HOST_KNOWS_SENT) &&
		     c->bytes_sent > 0 && c->queue_out == 0;
	return asked && c->bytes_received == 0 && c->since_sent >= QUIET ? HOST_DOUBTFUL
									 : HOST_FINE;
}

/* One look cannot tell a program that reads slowly from one that does not read. */
static enum host_trouble unread(const struct host_connection *c)
{
	return c->queue_in > 0 && c->inode != 0 && c->since_received >= UNREAD_IS_OLD
		       ? HOST_DOUBTFUL
		       : HOST_FINE;
}

static enum host_trouble close_wait(const struct host_connection *c)
{
	return c->state == HOST_TCP_CLOSE_WAIT ? HOST_DOUBTFUL : HOST_FINE;
}

static const struct {
	const char *name;
	enum host_trouble (*judge)(const struct host_connection *c);
} SIGNS[HOST_SIGNS] = {
	[HOST_SIGN_SYN_UNANSWERED] = { "syn-unanswered", syn_unanswered },
	[HOST_SIGN_FULL_SEGMENTS_LOST] = { "full-segments-lost", full_segments_lost },
	[HOST_SIGN_RETRANSMITTING] = { "retransmitting", retransmitting },
	[HOST_SIGN_ZERO_WINDOW] = { "zero-window", zero_window },
	[HOST_SIGN_KEEPALIVE_UNANSWERED] = { "keepalive-unanswered", keepalive_unanswered },
	[HOST_SIGN_GAP] = { "gap", gap },
	[HOST_SIGN_MTU_BELOW_MSS] = { "mtu-below-mss", mtu_below_mss },
	[HOST_SIGN_NO_ANSWER] = { "no-answer", no_answer },
	[HOST_SIGN_UNREAD] = { "unread", unread },
	[HOST_SIGN_CLOSE_WAIT] = { "close-wait", close_wait },
};

const char *host_sign_name(enum host_sign s)
{
	return SIGNS[s].name;
}

enum host_trouble host_connection_sign(const struct host_connection *c, enum host_sign s)
{
	return SIGNS[s].judge(c);
}

enum host_trouble host_connection_trouble(const struct host_connection *c)
{
	enum host_trouble worst = HOST_FINE;
	for (int s = 0; s < HOST_SIGNS; s++) {
		enum host_trouble t = SIGNS[s].judge(c);
		worst = t > worst ? t : worst;
	}
	return worst;
}

/* ---- in words ----------------------------------------------------------------------------- */

static void say_times(struct buffer *out, unsigned n)
{
	if (n == 1)
		buffer_add_text(out, "once");
	else if (n == 2)
		buffer_add_text(out, "twice");
	else
		buffer_printf(out, "%u times", n);
}

static void say_bytes(struct buffer *out, uint64_t n)
{
	buffer_add_u64(out, n);
	buffer_add_text(out, n == 1 ? " byte" : " bytes");
}

static void say_next(struct buffer *out, const struct host_connection *c)
{
	if (c->timer_left == NO_TIME)
		return;
	buffer_add_text(out, "; again in ");
	when_add_span(out, c->timer_left);
}

static void say_syn(struct buffer *out, const struct host_connection *c)
{
	buffer_add_text(out, "nobody answers: SYN sent ");
	say_times(out, c->tries + 1u);
	say_next(out, c);
}

static void say_full(struct buffer *out, const struct host_connection *c)
{
	buffer_printf(out, "full-size segments (%u bytes) are not acknowledged, sent again ",
		      c->mss_out);
	say_times(out, c->tries);
	buffer_add_text(out, ", while ");
	say_bytes(out, c->bytes_acked);
	buffer_add_text(out, " in smaller ones passed");
	if (!c->selective)
		buffer_add_text(out, ": the path's MTU is smaller, or the far end is gone");
}

static void say_retransmitting(struct buffer *out, const struct host_connection *c)
{
	uint64_t flying = bytes_in_flight(c);
	if (flying)
		say_bytes(out, flying);
	else
		buffer_add_text(out, "the end of what this side sends (FIN)");
	buffer_add_text(out, flying > 1 ? " are" : " is");
	buffer_add_text(out, " not acknowledged, sent again ");
	say_times(out, c->tries);
	say_next(out, c);
}

static void say_window(struct buffer *out, const struct host_connection *c)
{
	bool zero = host_knows(c, HOST_KNOWS_WINDOW) && c->window_bytes == 0;
	buffer_add_text(out, zero ? "the far end takes no more data (zero window): "
				  : "the far end's window is too small: ");
	say_bytes(out, c->queue_out);
	buffer_add_text(out, c->queue_out == 1 ? " waits" : " wait");
	if (c->tries) {
		buffer_add_text(out, "; it was asked ");
		say_times(out, c->tries);
		buffer_add_text(out, ", without an answer");
	}
}

static void say_keepalive(struct buffer *out, const struct host_connection *c)
{
	buffer_add_text(out, "keep-alive probes are not answered, sent ");
	say_times(out, c->tries);
	buffer_add_text(out, ": the far end is gone, or the path");
}

static void say_gap(struct buffer *out, const struct host_connection *c)
{
	buffer_add_text(out, "later data is here, earlier is missing since ");
	when_add_span(out, c->since_received);
	buffer_add_text(out, ": segments from the far end are lost");
}

static void say_mtu(struct buffer *out, const struct host_connection *c)
{
	buffer_printf(out, "the path's MTU is %u, less than segments of %u with headers of %u",
		      c->path_mtu, c->mss_out, headers(c));
}

static void say_no_answer(struct buffer *out, const struct host_connection *c)
{
	buffer_add_text(out, "what was sent is acknowledged, and no answer came for ");
	when_add_span(out, c->since_sent);
}

static void say_unread(struct buffer *out, const struct host_connection *c)
{
	buffer_add_text(out, "the program here has left ");
	say_bytes(out, c->queue_in);
	buffer_add_text(out, " unread, the last of them for ");
	when_add_span(out, c->since_received);
}

static void say_close_wait(struct buffer *out, const struct host_connection *c)
{
	(void)c;
	buffer_add_text(out, "the far end has closed, the program here has not");
}

void host_connection_say(struct buffer *out, const struct host_connection *c, enum host_sign s)
{
	static void (*const words[HOST_SIGNS])(struct buffer *, const struct host_connection *) = {
		[HOST_SIGN_SYN_UNANSWERED] = say_syn,
		[HOST_SIGN_FULL_SEGMENTS_LOST] = say_full,
		[HOST_SIGN_RETRANSMITTING] = say_retransmitting,
		[HOST_SIGN_ZERO_WINDOW] = say_window,
		[HOST_SIGN_KEEPALIVE_UNANSWERED] = say_keepalive,
		[HOST_SIGN_GAP] = say_gap,
		[HOST_SIGN_MTU_BELOW_MSS] = say_mtu,
		[HOST_SIGN_NO_ANSWER] = say_no_answer,
		[HOST_SIGN_UNREAD] = say_unread,
		[HOST_SIGN_CLOSE_WAIT] = say_close_wait,
	};
	words[s](out, c);
}
