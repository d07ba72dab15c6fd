/* Who may come in: users and their hashed passwords, sessions, attempts. Private to the room; several
 * threads may call. */
#ifndef CONSOLE_ACCESS_H
#define CONSOLE_ACCESS_H

#include "console/console.h"

enum { ACCESS_TOKEN = 64 /* hex digits */ };

struct access;

struct access *access_new(const char *folder);
void access_free(struct access *a);

struct access_session {
	char token[ACCESS_TOKEN + 1];  /* in the cookie */
	char proof[ACCESS_TOKEN + 1];  /* what each request that changes something must show (CSRF) */
	char user[CONSOLE_MOST_USER + 1];
	enum console_role role;
	nanos began, used;
};

/* 0 with a new session; -EACCES: wrong; -EAGAIN: too many attempts from there, *ret_wait seconds to go;
 * or another errno. */
int access_login(struct access *a, const struct address *from, struct slice user,
                 struct slice password, nanos now, struct access_session *ret_session,
                 unsigned *ret_wait, struct error *err);

/* The session of a token that is neither old nor ended. `used`: by a person, so that it lives on. */
bool access_find(struct access *a, struct slice token, nanos now, bool used,
                 struct access_session *ret_session);
void access_logout(struct access *a, struct slice token);

/* Compares in the same time wherever they differ. */
bool access_same(struct slice a, struct slice b);

#endif
