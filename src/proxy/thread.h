/* Threads beside those of the workers: for the log, the admin door, passwords. */
#ifndef PROXY_THREAD_H
#define PROXY_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* With a stack of that size, and deaf to signals: those are for the server's main thread. 0, or a
 * negative errno. */
int thread_start(pthread_t *ret_thread, size_t stack, void *(*run)(void *context), void *context);

#endif
