/* Walks to compare with. */
#include "check/repeat.h"

static void on_begin(void *context, enum check_step step)
{
	struct repeat *r = context;
	r->step = step;
}

static void on_stage(void *context, const struct check_stage *stage)
{
	struct repeat *r = context;
	r->failed = stage->result == CHECK_FAILED;
	r->silent = stage->silent;
}

static void on_exchange(void *context, struct exchange *x)
{
	struct repeat *r = context;
	if (r->count < REPEAT_EXCHANGES)
		r->exchange[r->count++] = x;
	else
		trace_free(x);
}

static void on_still(void *context, nanos so_far)
{
	const struct repeat *r = context;
	r->still(r->context, so_far);
}

struct check_options repeat_options(const struct check_options *options)
{
	struct check_options o = *options;
	o.keep_heads = true;
	o.direct = false;
	return o;
}

int repeat_walk(const struct check_options *options, struct repeat *ret_repeat, struct error *err)
{
	struct check_owner owner = { .begin = on_begin,
				     .stage = on_stage,
				     .exchange = on_exchange,
				     .context = ret_repeat,
				     .still = ret_repeat->still ? on_still : NULL };
	ret_repeat->count = 0;
	ret_repeat->step = CHECK_SETTINGS;
	ret_repeat->failed = ret_repeat->silent = false;
	return check_walk(options, &owner, err);
}

void repeat_done(struct repeat *r)
{
	for (size_t i = 0; i < r->count; i++)
		trace_free(r->exchange[i]);
	r->count = 0;
}

static struct exchange *last(struct exchange *const *x, size_t count, bool connect)
{
	for (size_t i = count; i > 0; i--)
		if (x[i - 1]->request.method.len && x[i - 1]->request.is_connect == connect)
			return x[i - 1];
	return NULL;
}

struct exchange *repeat_request(struct exchange *const *x, size_t count)
{
	return last(x, count, false);
}

struct exchange *repeat_connect(struct exchange *const *x, size_t count)
{
	return last(x, count, true);
}
