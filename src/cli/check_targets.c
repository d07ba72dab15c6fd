/* Rounds over a list of targets. */
#include "cli/check_targets.h"

#include "check/connect.h"
#include "cli/command.h"
#include "trace/publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS_LIMIT = 64 << 10 };

struct target {
	const struct check_goal *goal;
	struct way way;
	struct check_options options;
	_Atomic unsigned refusals; /* of the password, in this walk */
	struct result *result;     /* of this round, until it is told */
};

struct result {
	struct desk desk;
	struct arena *words;
	struct diagnosis found;
	struct error err;
	char unlike[80];
	struct outcome outcome;
};

struct targets {
	struct targets_plan plan;
	struct purse purse;
	struct target *target;
	size_t count;

	/* the round */
	pthread_mutex_t lock;
	size_t next, limit, told;
	struct error err;     /* the first */
	_Atomic bool refused; /* a password was: it is not tried again, whoever it was for */
};

static const char REFUSED[] =
	"not asked for: the proxy refused the password before, and it is not tried "
	"again, so that no account is locked";

/* ---- one target ------------------------------------------------------------------------------ */

/* The answer to the request itself, behind that to CONNECT and behind redirects. */
static unsigned last_status(const struct desk *d)
{
	for (size_t i = d->exchanges; i > 0; i--) {
		const struct exchange *x = d->exchange[i - 1];
		if (x->response.status && !x->request.is_connect)
			return x->response.status;
	}
	return 0;
}

static bool is_wanted(const struct check_goal *g, unsigned status)
{
	for (size_t i = 0; i < g->statuses; i++)
		if (g->status[i] == status)
			return true;
	return false;
}

/* A product that is pinned takes no other certificate, be it one that this host trusts. */
static bool is_reached(const struct targets *t, struct result *r, const struct finding *f)
{
	const struct outcome *o = &r->outcome;
	const struct check_goal *g = o->goal;
	bool good = r->found.severity != SEVERITY_FAILURE;
	bool answered = f->answered_by == ANSWERER_ORIGIN && o->status >= 400 && o->status < 500;
	if (good && g->pinned && r->found.verdict == V_TLS_INTERCEPTED)
		snprintf(r->unlike, sizeof r->unlike, "TLS is inspected, which it does not accept");
	else if (good && g->statuses && !is_wanted(g, o->status))
		snprintf(r->unlike, sizeof r->unlike, "the answer is %u, not what it wants",
			 o->status);
	else if (g->statuses)
		return good || (answered && is_wanted(g, o->status));
	else
		return good || (t->plan.any_answer && answered);
	r->outcome.unlike = r->unlike;
	return false;
}

static void judge(const struct targets *t, struct result *r)
{
	struct finding f;
	struct exchange *x = desk_decisive(&r->desk, &f);
	r->words = arena_new(WORDS_LIMIT);
	for (size_t i = 0; i < r->desk.exchanges; i++) /* it goes to others */
		trace_publish(r->desk.exchange[i]);
	if (!x || !r->words) {
		r->outcome.trouble = x ? "out of memory" : "nothing was seen that could be judged";
		return;
	}
	diagnose_explain(x, &f, r->words, &r->found);
	r->outcome.x = x;
	r->outcome.found = &r->found;
	r->outcome.status = last_status(&r->desk);
	r->outcome.reached = is_reached(t, r, &f);
}

static struct result *walk(struct targets *t, size_t i)
{
	struct target *target = &t->target[i];
	struct result *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->outcome = (struct outcome){ .number = i,
				       .goal = target->goal,
				       .proxy = &target->way.proxy,
				       .walked = target->way.proxy.is,
				       .began = check_now(),
				       .desk = &r->desk };
	if (r->outcome.walked && t->refused && target->way.user)
		r->outcome.trouble = REFUSED;
	if (!r->outcome.walked || r->outcome.trouble) {
		r->outcome.walked = false;
		return r;
	}
	target->refusals = 0;
	r->desk.silent = true;
	struct check_owner owner = desk_owner(&r->desk);
	if (check_walk(&target->options, &owner, &r->err) < 0) {
		r->outcome.walked = false;
		r->outcome.trouble = r->err.text;
		return r;
	}
	r->outcome.took = check_now() - r->outcome.began;
	judge(t, r);
	if (r->outcome.found && r->found.verdict == V_AUTH_REJECTED)
		t->refused = true;
	return r;
}

static void result_free(struct result *r)
{
	if (!r)
		return;
	desk_done(&r->desk);
	arena_free(r->words);
	free(r);
}

/* ---- a round --------------------------------------------------------------------------------- */

/* With the lock held: tells what is next, as far as it is there. */
static void tell(struct targets *t)
{
	while (t->told < t->count && t->target[t->told].result) {
		struct result *r = t->target[t->told].result;
		t->target[t->told++].result = NULL;
		if (r->err.code && !t->err.code)
			t->err = r->err;
		t->plan.tell(t->plan.context, &r->outcome);
		result_free(r);
	}
}

static void *run(void *context)
{
	struct targets *t = context;
	pthread_mutex_lock(&t->lock);
	while (t->next < t->limit && !t->err.code) {
		size_t i = t->next++;
		pthread_mutex_unlock(&t->lock);
		struct result *r = walk(t, i);
		pthread_mutex_lock(&t->lock);
		if (r)
			t->target[i].result = r;
		else
			err_set(&t->err, -ENOMEM, "out of memory");
		tell(t);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* Those up to the first that shows a password: if that is wrong, four at once would be too many. */
static size_t walked_alone(const struct targets *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->target[i].way.proxy.is && t->target[i].way.user)
			return i + 1;
	return 0;
}

int targets_round(struct targets *t, struct error *err)
{
	pthread_t thread[TARGETS_AT_ONCE - 1];
	size_t threads = 0;
	t->next = t->told = 0;
	t->err = (struct error){ .code = 0 };
	t->limit = walked_alone(t);
	run(t);
	t->limit = t->count;
	while (threads < TARGETS_AT_ONCE - 1 && threads + 1 < t->count &&
	       pthread_create(&thread[threads], NULL, run, t) == 0)
		threads++;
	run(t);
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (size_t i = 0; i < t->count; i++) { /* behind a trouble */
		result_free(t->target[i].result);
		t->target[i].result = NULL;
	}
	return t->err.code ? err_set(err, t->err.code, "%s", t->err.text) : 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool prepare(struct targets *t, const struct check_goal *g)
{
	struct target *target = &t->target[t->count++];
	struct check_options *o = &target->options;
	struct way *way = &target->way;
	target->goal = g;
	if (!way_find(way, &t->purse, &t->plan.wish, &g->target))
		return false;
	*o = t->plan.options;
	o->url = g->url;
	o->target = g->target;
	o->proxy = &way->proxy;
	o->user = way->user;
	o->password = way->password;
	o->refusals = &target->refusals;
	o->head = o->head || g->head;
	return true;
}

struct targets *targets_new(const struct targets_plan *plan)
{
	struct targets *t = calloc(1, sizeof *t);
	if (t && !(t->target = calloc(plan->goals, sizeof *t->target))) {
		free(t);
		t = NULL;
	}
	if (!t) {
		complain("out of memory");
		return NULL;
	}
	t->plan = *plan;
	pthread_mutex_init(&t->lock, NULL);
	for (size_t i = 0; i < plan->goals; i++)
		if (plan->goal[i].url && !prepare(t, &plan->goal[i])) {
			targets_free(t);
			return NULL;
		}
	if (targets_way(t))
		return t;
	complain("%s; name a proxy with -x HOST:PORT", t->target[0].way.proxy.said);
	targets_free(t);
	return NULL;
}

void targets_free(struct targets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	explicit_bzero(t->target, t->plan.goals * sizeof *t->target);
	free(t->target);
	explicit_bzero(t, sizeof *t);
	free(t);
}

size_t targets_count(const struct targets *t)
{
	return t->count;
}

const struct way *targets_way(const struct targets *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->target[i].way.proxy.is)
			return &t->target[i].way;
	return NULL;
}
