/* The inside of the simulated world. Private to tests/sim. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim.h"

#include "net/wheel.h"

#include <pthread.h>

enum { FIRST_FD = 1000, MOST_FDS = 16384, MOST_NAMES = 64, MOST_ORIGINS = 64 };

struct bytes { /* grows as it must; never fails, whatever the test makes fail */
	uint8_t *at;
	size_t len, room;
};

void bytes_add(struct bytes *b, const void *from, size_t len);
void bytes_drop(struct bytes *b, size_t len);

/* One end of a connection: ours (with a descriptor), or a peer's. */
struct end {
	struct end *other;
	struct end *next_made;         /* of all, for sim_end */
	struct end *next_waiting;      /* in a listener's queue; of an origin's accepted */
	int fd;                        /* -1: none, or a peer's */
	struct sim_origin *origin;     /* that it connects to */
	struct address at;
	struct bytes in;               /* arrived and not read */
	struct bytes out;              /* a peer's: said, and there was no room yet */
	size_t room;                   /* for what is not read */
	uint64_t sent, received;
	struct net_timer timer;        /* of connecting, and of waiting to be accepted */
	int error;                     /* pending; taken by the call that tells it */
	int connects_to;               /* what the timer brings: 0 or a negative errno */
	bool connected;
	bool fin_in, fin_out, ending;  /* ending: FIN follows what is in out */
	bool broken;                   /* RST, in or out, or closed: nothing moves any more */
	bool reset_in;
	bool aborting, taken, paused, deferred, closed, is_peer;
	bool no_space;                 /* a write was cut short: the next room is an edge */
};

struct pipe_bytes {
	struct bytes in;
	unsigned ends;
};

enum kind { KIND_FREE, KIND_SOCKET, KIND_LISTENER, KIND_PIPE };

struct descriptor {
	enum kind kind;
	struct net_watch *watch;
	bool edge;           /* something to be told */
	struct end *end;     /* KIND_SOCKET */
	struct address at;   /* KIND_LISTENER */
	struct end *queue;   /* likewise: ends to be accepted */
	bool defer;
	struct pipe_bytes *pipe;
};

struct net_loop {
	struct wheel coarse, fine;
	struct net_timer *due;
	struct net_call *later, **later_end;
	struct net_call *calls, **calls_end; /* under the lock */
	bool stop;
};

struct sim_origin {
	struct address at;
	enum sim_manner manner;
	nanos delay;
	unsigned tries;
	struct end *accepted; /* those that the test has not taken */
};

struct known_name {
	char name[NET_MAX_NAME + 2];
	nanos delay[2];
	struct net_addresses family[2];
};

struct world {
	struct sim_options options;
	nanos now;
	uint32_t chance;
	int fds, fds_open; /* of the table in use so far; open ones */
	struct end *made;
	struct net_loop *loop; /* the one */
	struct sim_origin origin[MOST_ORIGINS];
	size_t origins;
	struct known_name name[MOST_NAMES];
	size_t names;
	uint16_t next_port;
	unsigned calls, fail_nth[SIM_CALLS], fail_any;
	int fail_code[SIM_CALLS];
	bool has_failed, is_on;
	pthread_mutex_t lock;
	pthread_cond_t called;
};

extern struct world world;
extern struct descriptor table[MOST_FDS]; /* by number from FIRST_FD on */

/* True about once in n times; never without a seed. */
bool by_chance(unsigned n);
size_t some_of(size_t most); /* 1 .. most by chance, or all of it */

/* 0: it works; else what it is to return. */
int fault(enum sim_call which);

struct descriptor *descriptor_of(int fd); /* aborts for what is not open */
void edge(struct end *e);                 /* its descriptor has something to tell */
struct end *end_new(void);
void connect_ends(struct end *a, struct end *b);
size_t room_of(const struct end *e);      /* how much more may arrive there */
void deliver(struct end *to, const void *from, size_t len);
void pump(struct end *peer);              /* as much of out as there is room for, and the FIN */
void send_fin(struct end *from);
void send_reset(struct end *from, int error);
bool round_once(void);                    /* true: something happened */

#endif
