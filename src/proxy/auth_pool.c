/* Threads for slow hashes. A job is a password to be checked; those who wait for its answer hang
 * from it, each with the loop it lives in. An answer travels as a call of that loop, and the waiter
 * is freed there. */
#include "proxy/auth.h"
#include "proxy/auth_state.h"
#include "proxy/thread.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 2, MAX_JOBS = 64, MAX_WAITERS = 1024, STACK = 256 << 10 };

struct waiter {
	struct net_call call;
	struct net_loop *loop;
	struct auth_check *check; /* NULL: forgotten; of the loop's own thread once it was told */
	struct address client;
	nanos wall;
	bool right;
	struct waiter *next;
};

struct job {
	struct cache_mark mark;
	char *hash, *password;
	bool known;
	struct waiter *waiters;
	struct job *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct job *queue, **queue_tail = &queue;
static struct job *running[THREADS];
static size_t jobs, waiters, threads;

static void forget_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	forget_text(j->hash);
	forget_text(j->password);
	free(j);
}

/* In the loop's thread. The thread that made the call may not be back from it: it is when the lock
 * can be had (auth_forget waits in the same way), so that whoever is answered may free the loop. */
static void answer(struct net_call *call)
{
	struct waiter *w = (struct waiter *)call;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	struct auth_check *check = w->check;
	if (!w->right)
		limit_note(&w->client, w->wall);
	bool right = w->right;
	free(w);
	if (!check)
		return;
	check->job = NULL;
	check->done(check, right ? AUTH_OK : AUTH_WRONG);
}

/* Under the lock: whoever was forgotten before is not called, for the loop may be gone. */
static void tell(struct job *j, bool right)
{
	struct waiter *next;
	for (struct waiter *w = j->waiters; w; w = next) {
		next = w->next;
		waiters--;
		w->right = right;
		w->call.run = answer;
		if (w->check)
			net_loop_call(w->loop, &w->call);
		else
			free(w);
	}
	j->waiters = NULL;
}

static struct job *take_job(struct job **ret_place)
{
	while (!queue)
		pthread_cond_wait(&more, &lock);
	struct job *j = queue;
	queue = j->next;
	if (!queue)
		queue_tail = &queue;
	*ret_place = j;
	return j;
}

static void *work(void *place)
{
	struct job **mine = place;
	pthread_mutex_lock(&lock);
	for (;;) {
		struct job *j = take_job(mine);
		pthread_mutex_unlock(&lock);
		bool right = users_check(j->hash, j->password) && j->known;
		if (right)
			cache_add(&j->mark);
		pthread_mutex_lock(&lock);
		*mine = NULL;
		jobs--;
		tell(j, right);
		job_free(j);
	}
	return NULL;
}

/* Under the lock. */
static void start_thread(void)
{
	pthread_t thread;
	if (thread_start(&thread, STACK, work, &running[threads]) < 0)
		return;
	pthread_detach(thread);
	threads++;
}

static bool is_of(const struct job *j, const struct pool_job *wanted)
{
	return j && j->known == wanted->known &&
	       memcmp(j->mark.mac, wanted->mark.mac, sizeof j->mark.mac) == 0;
}

static struct job *find(const struct pool_job *wanted)
{
	for (size_t i = 0; i < THREADS; i++)
		if (is_of(running[i], wanted))
			return running[i];
	for (struct job *j = queue; j; j = j->next)
		if (is_of(j, wanted))
			return j;
	return NULL;
}

static struct job *add_job(const struct pool_job *wanted)
{
	if (jobs == MAX_JOBS)
		return NULL;
	struct job *j = calloc(1, sizeof *j);
	if (!j)
		return NULL;
	j->mark = wanted->mark;
	j->known = wanted->known;
	j->hash = strdup(wanted->hash);
	j->password = strdup(wanted->password);
	if (threads < THREADS)
		start_thread();
	if (!j->hash || !j->password || threads == 0) {
		job_free(j);
		return NULL;
	}
	*queue_tail = j;
	queue_tail = &j->next;
	jobs++;
	pthread_cond_signal(&more);
	return j;
}

bool pool_check(const struct pool_job *wanted, struct net_loop *loop, struct auth_check *check)
{
	struct waiter *w = calloc(1, sizeof *w);
	if (!w)
		return false;
	w->loop = loop;
	w->check = check;
	w->client = wanted->client;
	w->wall = wanted->wall;
	pthread_mutex_lock(&lock);
	struct job *j = waiters < MAX_WAITERS ? find(wanted) : NULL;
	if (!j && waiters < MAX_WAITERS)
		j = add_job(wanted);
	if (j) {
		w->next = j->waiters;
		j->waiters = w;
		waiters++;
		check->job = w;
	}
	pthread_mutex_unlock(&lock);
	if (!j)
		free(w);
	return j != NULL;
}

void auth_start_threads(void)
{
	pthread_mutex_lock(&lock);
	for (size_t left = THREADS - threads; left > 0; left--)
		start_thread();
	pthread_mutex_unlock(&lock);
}

void auth_forget(struct auth_check *check)
{
	struct waiter *w = check->job;
	if (!w)
		return;
	pthread_mutex_lock(&lock);
	w->check = NULL;
	pthread_mutex_unlock(&lock);
	check->job = NULL;
}
