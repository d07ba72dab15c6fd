/* Walks to compare with. */
#include "check/repeat.h"

static void on_begin(void *context, enum check_step step)
{
	(void)context;
	(void)step;
}

static void on_stage(void *context, const struct check_stage *stage)
{
	(void)context;
	(void)stage;
}

static void on_exchange(void *context, struct exchange *x)
{
	struct repeat *a = context;
	if (a->count < REPEAT_EXCHANGES)
		a->exchange[a->count++] = x;
	else
		trace_free(x);
}

struct check_options repeat_options(const struct check_options *options)
{
	struct check_options o = *options;
	o.keep_heads = true;
	o.direct = false;
	return o;
}

int repeat_walk(const struct check_options *options, struct repeat *ret_repeat,
	       struct error *err)
{
	struct check_owner owner = { .begin = on_begin,
				     .stage = on_stage,
				     .exchange = on_exchange,
				     .context = ret_repeat };
	ret_repeat->count = 0;
	return check_walk(options, &owner, err);
}

void repeat_done(struct repeat *a)
{
	for (size_t i = 0; i < a->count; i++)
		trace_free(a->exchange[i]);
	a->count = 0;
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
