/* Which proxy a request goes through: the one that was named, or the one that the environment gives
 * as curl reads it. Pure: the variables come in as an argument. */
#ifndef CHECK_CHOICE_H
#define CHECK_CHOICE_H

#include "base/slice.h"

enum { CHECK_MAX_HOST = 255, CHECK_MAX_WORD = 255, CHECK_MAX_TEXT = 400 };

struct check_target {
	bool secure; /* https */
	uint16_t port;
	char host[CHECK_MAX_HOST + 1]; /* without brackets */
};

struct check_proxy {
	bool is;     /* false: the way is direct, and `said` tells why */
	bool secure; /* https:// before its name: TLS with the proxy itself */
	uint16_t port;
	char host[CHECK_MAX_HOST + 1]; /* without brackets */
	char user[CHECK_MAX_WORD + 1], password[CHECK_MAX_WORD + 1]; /* of its URL; to be wiped */
	bool has_user, has_password;
	bool exempt;                 /* one is set, but NO_PROXY exempts the target */
	char fault[CHECK_MAX_TEXT]; /* why it can't work; empty: it may */
	char said[CHECK_MAX_TEXT];  /* where it is from, and what was odd there; safe to show */
};

/* A variable of the environment, NULL where it is not set. */
typedef const char *check_variable(const char *name);

/* http:// and https:// alone; false: it is none of them (or has no host). *ret_userinfo: it holds
 * credentials. */
bool check_read_target(const char *url, struct check_target *ret_target, bool *ret_userinfo);

/* The variable from which curl takes the proxy, and its name; an empty one counts for none. NULL: none
 * is set. */
const char *check_proxy_variable(bool secure, check_variable *variable, const char **ret_name);

/* given: what -x says, or NULL. */
void check_choose_proxy(const char *given, const struct check_target *target,
			check_variable *variable, struct check_proxy *ret_proxy);

/* One that stands elsewhere: `text` as -x has it, said: where that is. */
void check_read_proxy(const char *text, const char *said, struct check_proxy *ret_proxy);

#endif
