/* Bytes on their way from one socket to another, one direction, as they are: through the worker's
 * scratch buffer while they come in small pieces, through a pipe and never up here once a read
 * fills 16 KiB. Tunnels are two of these; bodies of known length go by them too.
 *
 * While the one side cannot write, the other is not read: a flow holds what one read gave, and no
 * more. An idle flow holds no buffer and no pipe. */
#ifndef PROXY_FLOW_H
#define PROXY_FLOW_H

#include "proxy/worker.h"

struct flow {
	uint8_t *held;           /* read and not yet written; NULL: nothing */
	uint32_t held_at, held_len;
	struct worker_pipe *pipe;
	uint32_t piped;          /* bytes in it */
	bool bulk;               /* by the kernel from now on */
	uint8_t bound;           /* enum in flow.c: how much the kernel itself may hold */
	bool spoke, prompt;      /* something was sent; net_prompt was asked for */
	uint32_t lap_kib, lap_ms; /* of bulk: moved since, and since when */
};

struct flow_way {
	int from, to;
	uint8_t *from_ready, *to_ready; /* NET_READABLE, ...: cleared as the sockets say -EAGAIN */
	uint64_t most;           /* so many bytes may be read; what is left of them afterwards */
	uint64_t moved;          /* added up: bytes that were read */
	uint64_t sent;           /* added up: bytes that were written */
	struct record *record;
	enum trace_side side;    /* who sends them */
	bool copy;               /* never by the kernel: too few bytes for it */
};

enum flow_result {
	FLOW_WAIT_READ,
	FLOW_WAIT_WRITE,
	FLOW_AGAIN,              /* enough for one round: others want their turn */
	FLOW_FULL,               /* `most` is 0, and all was written */
	FLOW_FIN,                /* the sender's FIN, and all before it was written */
	FLOW_READ_FAILED,
	FLOW_WRITE_FAILED,
	FLOW_SHORT,              /* no memory for what could not be written */
};

enum flow_result flow_move(struct worker *w, struct flow *f, struct flow_way *way);

/* Writes the parts behind what is held already, and holds what the socket does not take. False: out
 * of memory, or the socket failed (*ret_code, negative errno). */
bool flow_send(struct flow *f, int to, uint8_t *to_ready, const struct iovec *part, int parts,
	       int *ret_code);
/* A second piece is about to go to an origin, which may not have acknowledged the first. */
void flow_prompt(struct flow *f, int to);

/* What is held, to the socket: FLOW_FULL when nothing is left. */
enum flow_result flow_flush(struct flow *f, int to, uint8_t *to_ready);

static inline bool flow_is_empty(const struct flow *f)
{
	return f->held_len == 0 && f->piped == 0;
}

/* Limits what the kernel holds of it, once a read of so many bytes shows that there is bulk. */
void flow_bound(struct flow *f, const struct flow_way *way, size_t got);

/* Gives back what it holds. */
void flow_done(struct worker *w, struct flow *f);

#endif
