/* What the files of the server share: server.c, the process and its signals; server_listeners.c, what
 * it listens on, and a reload; server_workers.c, the worker threads, and what they are told. */
#ifndef PROXY_SERVER_PRIVATE_H
#define PROXY_SERVER_PRIVATE_H

#include "net/loop.h"
#include "proxy/server.h"
#include "proxy/worker.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

/*   RUNNING ──▶ HANDING ──▶ DRAINING ──▶ ENDED
 *      │  ◀───────┘             ▲
 *      └────────────────────────┘
 *
 * HANDING: a successor was started and has not said yet that it serves; when it dies instead, we go
 * on. What it took over is drained without a deadline: no tunnel is cut for a new binary. */
enum server_state { SERVER_RUNNING, SERVER_HANDING, SERVER_DRAINING, SERVER_ENDED };

enum { MAX_WORKERS = 64 };

#define WORKER_ENDED (SIGRTMIN + 1) /* a worker's thread, to the main one */

struct server_listener {
	int fd;
	struct address asked, at;
};

struct server_thread {
	struct server *server;
	struct worker *worker;
	pthread_t thread;
	bool started;
};

struct server {
	const struct server_options *options;
	struct shared shared;
	pthread_mutex_t lock; /* of what a reload changes: config, listener */
	struct config *config;
	struct server_listener listener[CONFIG_MAX_LISTEN];
	size_t listeners;
	struct server_thread thread[MAX_WORKERS];
	struct admin_worker lent[MAX_WORKERS];
	size_t workers, running;
	struct admin *admin;
	int admin_fd;     /* until the door has it */
	int admin_shared; /* the same, as long as the door is open */
	enum server_state state;
	pid_t successor;
	struct timespec deadline; /* of draining; 0: none */
};

/* One line for the operator. */
void server_say(const struct server *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* server_listeners.c */
int server_open_listeners(struct server *s, struct error *err); /* and the admin door's */
void server_close_listeners(struct server *s);
/* Every worker leaves it, and the last one closes it. */
void server_forget_listener(struct server *s, size_t at, bool inherited);
/* A file with a fault changes nothing. `context` is the server; may be called from the admin door's
 * thread. faults: what was wrong, for whoever asked there; NULL. */
bool server_reload(void *context, struct buffer *faults);

/* server_workers.c */
enum order_kind { ORDER_CONFIGURE, ORDER_LISTEN, ORDER_STOP_LISTENING, ORDER_DRAIN, ORDER_CUT };

struct server_order {
	struct net_call call;
	struct worker *worker;
	enum order_kind kind;
	struct config *config; /* CONFIGURE; a reference of its own */
	struct server_listener listener;
	_Atomic unsigned *left; /* STOP_LISTENING: the last one closes it */
	bool inherited;         /* ..., DRAIN: a successor serves who comes */
};

/* To all workers. False: no memory for it, and it was told to nobody. */
bool server_order(struct server *s, const struct server_order *what);
int server_start_workers(struct server *s, struct error *err);
int server_start_admin(struct server *s, struct error *err); /* the workers are there */

#endif
