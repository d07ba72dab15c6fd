/* One direction: read, write, and keep what could not be written. */
#include "proxy/flow.h"

#include <errno.h>
#include <stdlib.h>

enum {
	FILLS = 16 << 10, /* a read of so many bytes says that there is bulk */
	ROUND = 4 << 20,  /* bytes of one flow before others have their turn */
	STEP = 256 << 10, /* into a pipe at once: bounds what it holds for a stopped reader */
	TIGHT_RECEIVE = 160 << 10,
	TIGHT_UNSENT = 96 << 10,
	LIFTED = 4 << 20,
	LAP_KIB = 1 << 10, /* so much in that time shows a reader that does not stop */
	LAP_FAST_MS = 64,
};

enum bound { BOUND_NONE, BOUND_TIGHT, BOUND_LIFTED };

static bool hold(struct flow *f, const struct iovec *part, int parts, size_t skip, size_t len)
{
	uint8_t *room = malloc(f->held_len + len);
	if (!room)
		return false;
	memcpy(room, f->held ? f->held + f->held_at : room, f->held_len);
	size_t at = f->held_len;
	for (int i = 0; i < parts; i++) {
		size_t n = part[i].iov_len;
		size_t cut = skip < n ? skip : n;
		if (n > cut)
			memcpy(room + at, (const uint8_t *)part[i].iov_base + cut, n - cut);
		at += n - cut;
		skip -= cut;
	}
	free(f->held);
	f->held = room;
	f->held_at = 0;
	f->held_len = (uint32_t)at;
	return true;
}

bool flow_send(struct flow *f, int to, uint8_t *to_ready, const struct iovec *part, int parts,
	       int *ret_code)
{
	size_t len = 0;
	for (int i = 0; i < parts; i++)
		len += part[i].iov_len;
	ssize_t sent = 0;
	if (len == 0)
		return true;
	if (flow_is_empty(f) && (*to_ready & NET_WRITABLE)) {
		sent = parts == 1 ? net_send(to, part->iov_base, len, false)
				  : net_send_parts(to, part, parts, false);
		if (sent < 0 && sent != -EAGAIN) {
			*ret_code = (int)sent;
			return false;
		}
		sent = sent < 0 ? 0 : sent;
		if ((size_t)sent == len)
			return true;
		*to_ready &= (uint8_t)~NET_WRITABLE;
	}
	*ret_code = -ENOMEM;
	return hold(f, part, parts, (size_t)sent, len - (size_t)sent);
}

void flow_prompt(struct flow *f, int to)
{
	if (f->spoke && !f->prompt) {
		net_prompt(to);
		f->prompt = true;
	}
	f->spoke = true;
}

static void let_go(struct flow *f)
{
	free(f->held);
	f->held = NULL;
	f->held_at = f->held_len = 0;
}

/* A write came back: did all go, and if not, what is to be done? FLOW_FULL: all. */
static enum flow_result judge_write(ssize_t sent, bool whole, uint8_t *to_ready)
{
	if (sent < 0 && sent != -EAGAIN)
		return FLOW_WRITE_FAILED;
	if (whole)
		return FLOW_FULL;
	*to_ready &= (uint8_t)~NET_WRITABLE;
	return FLOW_WAIT_WRITE;
}

static enum flow_result flush_held(struct flow *f, int to, uint8_t *to_ready)
{
	ssize_t sent = net_send(to, f->held + f->held_at, f->held_len, false);
	if (sent > 0) {
		f->held_at += (uint32_t)sent;
		f->held_len -= (uint32_t)sent;
	}
	enum flow_result result = judge_write(sent, f->held_len == 0, to_ready);
	if (f->held_len == 0)
		let_go(f);
	return result;
}

static enum flow_result flush_pipe(struct flow *f, int to, uint8_t *to_ready)
{
	/* A splice may take less than the socket has room for: only -EAGAIN says that it is full.
	 */
	while (f->piped > 0) {
		ssize_t sent = net_splice_out(&f->pipe->pipe, to, f->piped);
		if (sent <= 0)
			return judge_write(sent, false, to_ready);
		f->piped -= (uint32_t)sent;
	}
	return FLOW_FULL;
}

enum flow_result flow_flush(struct flow *f, int to, uint8_t *to_ready)
{
	if (flow_is_empty(f))
		return FLOW_FULL;
	if (!(*to_ready & NET_WRITABLE))
		return FLOW_WAIT_WRITE;
	enum flow_result result = FLOW_FULL;
	if (f->held_len > 0)
		result = flush_held(f, to, to_ready);
	return result == FLOW_FULL && f->piped > 0 ? flush_pipe(f, to, to_ready) : result;
}

static void give_pipe(struct worker *w, struct flow *f)
{
	if (!f->pipe)
		return;
	worker_give_pipe(w, f->pipe, f->piped == 0);
	f->pipe = NULL;
	f->piped = 0;
}

void flow_done(struct worker *w, struct flow *f)
{
	let_go(f);
	give_pipe(w, f);
}

static enum flow_result judge_read(ssize_t got, uint8_t *from_ready)
{
	if (got == 0)
		return FLOW_FIN;
	if (got != -EAGAIN)
		return FLOW_READ_FAILED;
	*from_ready &= (uint8_t)~NET_READABLE;
	return FLOW_WAIT_READ;
}

/* What the kernel would let pile up for a reader that stopped are megabytes, as both its buffers
 * grow with the speed: so they are limited as soon as there is speed. That costs: smaller buffers
 * are emptied more often, half as much time again for each byte. So whoever has read a good deal at
 * a speed at which nobody stops is believed, and the limits are lifted for as long as it goes on.
 */
static void bound(struct flow *f, const struct flow_way *way, enum bound to)
{
	if (f->bound == to)
		return;
	f->bound = (uint8_t)to;
	net_limit_buffers(way->from, to == BOUND_TIGHT ? TIGHT_RECEIVE : LIFTED, 0);
	net_limit_buffers(way->to, 0, to == BOUND_TIGHT ? TIGHT_UNSENT : LIFTED);
}

void flow_bound(struct flow *f, const struct flow_way *way, size_t got)
{
	if (f->bound == BOUND_NONE && got >= FILLS)
		bound(f, way, BOUND_TIGHT);
}

static void count_lap(struct worker *w, struct flow *f, const struct flow_way *way, size_t bytes)
{
	f->lap_kib += (uint32_t)(bytes >> 10);
	if (f->lap_kib < LAP_KIB)
		return;
	uint32_t now = (uint32_t)(net_now(w->loop) / NANOS_PER_MS);
	bound(f, way, now - f->lap_ms <= LAP_FAST_MS ? BOUND_LIFTED : BOUND_TIGHT);
	f->lap_kib = 0;
	f->lap_ms = now;
}

static void begin_bulk(struct worker *w, struct flow *f, const struct flow_way *way)
{
	f->bulk = true;
	if (way->side == CLIENT)
		flow_prompt(f, way->to);
	f->lap_ms = (uint32_t)(net_now(w->loop) / NANOS_PER_MS);
	if (f->bound == BOUND_NONE)
		bound(f, way, BOUND_TIGHT);
}

/* FLOW_AGAIN: something moved, and there may be more. */
static enum flow_result by_copy(struct worker *w, struct flow *f, struct flow_way *way)
{
	size_t ask = way->most < WORKER_SCRATCH ? (size_t)way->most : WORKER_SCRATCH;
	ssize_t got = net_recv(way->from, w->scratch, ask);
	if (got <= 0)
		return judge_read(got, way->from_ready);
	/* A short read leaves nothing behind; what comes now is told anew. The FIN is no news. */
	if ((size_t)got < ask && !(*way->from_ready & (NET_HANGUP | NET_FAILED)))
		*way->from_ready &= (uint8_t)~NET_READABLE;
	way->most -= (uint64_t)got;
	way->moved += (uint64_t)got;
	record_bytes(way->record, way->side, (struct slice){ w->scratch, (size_t)got });
	if (way->side == CLIENT)
		flow_prompt(f, way->to);
	int code = 0;
	struct iovec part = { w->scratch, (size_t)got };
	if (!flow_send(f, way->to, way->to_ready, &part, 1, &code))
		return code == -ENOMEM ? FLOW_SHORT : FLOW_WRITE_FAILED;
	way->sent += (uint64_t)got - f->held_len;
	if (got >= FILLS && !f->bulk && !way->copy && !record_curious(way->record))
		begin_bulk(w, f, way);
	return FLOW_AGAIN;
}

static enum flow_result by_pipe(struct worker *w, struct flow *f, struct flow_way *way)
{
	size_t step = f->bound == BOUND_LIFTED ? WORKER_PIPE : STEP;
	size_t ask = way->most < step ? (size_t)way->most : step;
	ssize_t got = net_splice_in(way->from, &f->pipe->pipe, ask);
	if (got <= 0) {
		give_pipe(w, f);
		return judge_read(got, way->from_ready);
	}
	f->piped = (uint32_t)got;
	way->most -= (uint64_t)got;
	way->moved += (uint64_t)got;
	record_count(way->record, way->side, (uint64_t)got);
	count_lap(w, f, way, (size_t)got);
	enum flow_result result = FLOW_FULL;
	if (*way->to_ready & NET_WRITABLE)
		result = flush_pipe(f, way->to, way->to_ready);
	way->sent += (uint64_t)got - f->piped;
	return result == FLOW_WRITE_FAILED ? result : FLOW_AGAIN;
}

static enum flow_result flow_step(struct worker *w, struct flow *f, struct flow_way *way)
{
	if (f->bulk && !f->pipe)
		f->pipe = worker_take_pipe(w);
	return f->pipe ? by_pipe(w, f, way) : by_copy(w, f, way);
}

enum flow_result flow_move(struct worker *w, struct flow *f, struct flow_way *way)
{
	uint64_t begun = way->moved;
	for (;;) {
		uint32_t before = f->held_len + f->piped;
		enum flow_result result = flow_flush(f, way->to, way->to_ready);
		way->sent += before - f->held_len - f->piped;
		if (result != FLOW_FULL)
			return result;
		if (way->most == 0) {
			give_pipe(w, f);
			return FLOW_FULL;
		}
		if (!(*way->from_ready & (NET_READABLE | NET_HANGUP | NET_FAILED))) {
			give_pipe(w, f);
			return FLOW_WAIT_READ;
		}
		if (way->moved - begun >= ROUND)
			return FLOW_AGAIN;
		result = flow_step(w, f, way);
		if (result != FLOW_AGAIN)
			return result;
	}
}
