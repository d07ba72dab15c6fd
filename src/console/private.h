/* What the files of this room share: the console, a request, how it is answered. Private to the room. */
#ifndef CONSOLE_PRIVATE_H
#define CONSOLE_PRIVATE_H

#include "console/access.h"
#include "console/console.h"
#include "console/json.h"
#include "console/mhd.h"

#include <pthread.h>

struct tests;
struct follower;

struct console {
	struct console_options options;
	const struct console_mhd *mhd;
	struct MHD_Daemon *daemon;
	uint16_t port;
	char *cert, *key; /* the files' texts */
	struct access *access;
	struct store *store;
	struct tests *tests;
	struct follower *follower;     /* of the log; NULL: there is none to follow */
	int audit;                     /* descriptor */
	pthread_mutex_t settings_lock; /* one reads, judges and writes them at a time */
};

struct request;

/* A resource's answer to one method. Called when the body is whole; answers with one of the calls below. */
typedef void handler(struct request *r);

enum { NEEDS_NOTHING = -1 }; /* else: enum console_role */

struct route {
	const char *method, *path; /* a last "*" stands for one word, which is r->word */
	int role;
	handler *handle;
	/* A body that is not kept: each piece as it comes, then NULL and `handle`. NULL: none. */
	void (*piece)(struct request *r, struct slice piece);
};

extern const struct route CONSOLE_ROUTES[];
extern const size_t CONSOLE_ROUTE_COUNT;

enum { MOST_BODY = 1 << 16, MOST_ANSWER = 32 << 20 };

struct request {
	struct console *console;
	struct MHD_Connection *connection;
	const struct route *route;
	const char *method;
	char path[200];
	char word[80];
	nanos now;
	struct address from;
	struct access_session session; /* token empty: nobody is logged in */
	struct arena *arena;
	struct buffer body;
	struct json_object json;       /* of the body, where it has one */
	struct buffer out;             /* the answer in the making */
	void *upload;                  /* of the route with `piece` */
	void (*upload_free)(void *upload);
	unsigned retry_after;          /* seconds, where it is to be asked again */
	bool answered;
	int queued;                    /* what MHD said of the answer */
};

/* ---- answering (server.c); the last two: what is in r->out ----------------------------------- */

void answer_error(struct request *r, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void answer_trouble(struct request *r, const struct error *err); /* by its code */
void answer_nothing(struct request *r);                          /* 204 */
void answer_json(struct request *r, unsigned status);
void answer_as(struct request *r, unsigned status, const char *type, const char *file_name);
/* A response that is made elsewhere; headers for safety are added. */
void answer_with(struct request *r, unsigned status, struct MHD_Response *response, const char *type);
struct MHD_Response *answer_begin_session(struct request *r, const char *token);

/* ---- asking ----------------------------------------------------------------------------------- */

const char *request_argument(const struct request *r, const char *name); /* NULL: not there */
/* A moment, in milliseconds since 1970, of the arguments. False: it is none, and that was answered. */
bool request_moment(struct request *r, const char *name, nanos *ret_at);
bool request_number(struct request *r, const char *name, int64_t most, int64_t *value);

/* ---- the audit log ---------------------------------------------------------------------------- */

int audit_open(const char *folder, struct error *err); /* a descriptor */
/* did: "settings-saved"; what: foreign bytes. */
void audit_add(struct request *r, const char *user, const char *did, struct slice what);
void audit_answer(struct request *r);

/* ---- the pages (made from web/ at build time) -------------------------------------------------- */

struct page {
	const char *path, *type, *tag;
	const uint8_t *bytes;
	size_t len;
};
extern const struct page CONSOLE_PAGES[];
extern const size_t CONSOLE_PAGE_COUNT;

/* ---- resources --------------------------------------------------------------------------------- */

handler session_get, session_login, session_logout;
handler form_get, form_put;
handler tools_get, tools_apply, tools_undo;
handler tests_start, tests_get, tests_events;
handler live_get, profiles_get;
handler exchanges_list, exchanges_get, exchanges_ladder, exchanges_card, exchanges_report;
handler chart_get, verdicts_get, totals_get;
handler captures_list, captures_read, captures_forget;
void captures_piece(struct request *r, struct slice piece);

struct tests *tests_new(struct console *c);
void tests_end(struct tests *t); /* waits for the one under way; whoever follows it is sent home */
void tests_free(struct tests *t);
/* The settings as they are saved, for a test; to be ended with host_settings_done. */
struct host_settings;
int form_load(const struct console *c, struct host_settings *h, struct settings *ret_settings,
                  struct error *err);
/* Walks at once, and keeps what was seen. *ret_failed: how it went; its record goes to `record`. */
int tests_try(struct request *r, const struct settings *s, struct buffer *record, bool *ret_failed,
              struct error *err);

struct follower *follower_new(const struct console_options *options);
void follower_free(struct follower *f);

/* Judges, keeps, frees; *ret_key where it was kept; *ret_severity. */
struct kept {
	int64_t key;
	enum severity severity;
};
int keep_exchange(struct console *c, struct exchange *x, enum store_source source, int64_t batch,
                  struct kept *ret_kept, struct error *err);

#endif
