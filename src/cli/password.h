/* Asks for a password. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* On a terminal without echo, twice where it is a new one; else the first line of standard input.
 * NUL-terminated, to be wiped by the caller. Negative errno with err: nothing came, it was too long,
 * or the two differed. */
int password_ask(const char *user, bool is_new, char *into, size_t size, struct error *err);

#endif
