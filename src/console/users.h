/* The users' file. Private to the room. */
#ifndef CONSOLE_USERS_H
#define CONSOLE_USERS_H

#include "console/console.h"

struct user {
	struct slice name, hash;
	enum console_role role;
};

const char *access_role_name(enum console_role role); /* "view", "change" */

/* 1 with hash and role, 0 there is none of that name, negative errno. */
int access_find_user(const char *folder, struct slice name, char *hash, size_t size,
               enum console_role *ret_role, struct error *err);

int access_hash(const char *password, char *into, size_t size, struct error *err);
bool access_matches(const char *password, const char *hash);

#endif
