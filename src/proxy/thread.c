/* A thread inherits its creator's signal mask. */
#include "proxy/thread.h"

#include <signal.h>

int thread_start(pthread_t *ret_thread, size_t stack, void *(*run)(void *context), void *context)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int code = pthread_attr_init(&attr);
	if (code != 0)
		return -code;
	pthread_attr_setstacksize(&attr, stack);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(ret_thread, &attr, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -code;
}
