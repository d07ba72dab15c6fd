/* With and without credentials. */
#include "check/around.h"
#include "check/repeat.h"

#include <errno.h>
#include <stdio.h>

static bool is_to_proxy(const struct exchange *x)
{
	return x->response.status != 0 && !trace_is_inside(x);
}

static bool offers(const struct exchange *x, enum trace_scheme scheme)
{
	for (size_t i = 0; i < x->response.offers; i++)
		if (x->response.offered[i] == scheme)
			return true;
	return false;
}

/* RFC 7616 section 3.3: MD5 where the challenge names none. */
static const char *algorithm_of(const struct exchange *x)
{
	struct slice challenge = x->response.proxy_authenticate;
	if (!offers(x, SCHEME_DIGEST))
		return NULL;
	size_t at = slice_find_nocase(challenge, SLICE("algorithm="));
	struct slice named = slice_from(challenge, at + sizeof "algorithm=" - 1);
	if (named.len && named.at[0] == '"')
		named = slice_from(named, 1);
	if (slice_starts_nocase(named, SLICE("SHA-512")))
		return "SHA-512-256";
	return slice_starts_nocase(named, SLICE("SHA-256")) ? "SHA-256" : "MD5";
}

/* The last 407, or NULL. */
static const struct exchange *read_trial(struct exchange *const *seen, size_t count,
					 struct trace_trial *t)
{
	const struct exchange *refused = NULL;
	const char *algorithm = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct exchange *x = seen[i];
		if (!is_to_proxy(x))
			continue;
		if (x->request.auth == SCHEME_NONE)
			t->bare = t->bare ? t->bare : x->response.status;
		else
			t->with = x->response.status;
		if (x->request.auth == SCHEME_DIGEST)
			t->algorithm = algorithm;
		if (x->response.status != 407)
			continue;
		refused = x;
		algorithm = algorithm_of(x);
		t->stales += x->response.stale && x->request.auth != SCHEME_NONE;
	}
	return refused;
}

static int walk_again(const struct check_options *o, struct trace_trial *found, struct error *err)
{
	struct repeat r = { .still = NULL };
	int code = repeat_walk(o, &r, err);
	if (code < 0)
		return code;
	read_trial(r.exchange, r.count, found);
	repeat_done(&r);
	return 0;
}

static int ask_bare(const struct check_options *options, struct trace_trial *t, struct error *err)
{
	struct check_options o = repeat_options(options);
	struct trace_trial found = { .bare = 0 };
	o.user = o.password = NULL;
	int code = walk_again(&o, &found, err);
	t->bare = found.bare;
	return code;
}

/* A proxy whose user directory has no hashes can check Basic alone, whatever else it offers. */
static int ask_basic(const struct check_options *options, struct trace_trial *t, struct error *err)
{
	struct check_options o = repeat_options(options);
	struct trace_trial found = { .bare = 0 };
	o.altered.basic = true;
	int code = walk_again(&o, &found, err);
	t->again = found.with;
	return code;
}

static void say(struct check_around *a, const struct trace_trial *t)
{
	char with[80] = "";
	if (t->with)
		snprintf(with, sizeof with, "; with them%s%s%s: %u",
			 t->algorithm ? " (Digest " : "", t->algorithm ? t->algorithm : "",
			 t->algorithm ? ")" : "", t->with);
	if (t->bare == 0)
		snprintf(a->seen, sizeof a->seen, "not measured: the proxy did not answer");
	else
		snprintf(a->seen, sizeof a->seen, "without credentials: %u%s%s%s", t->bare, with,
			 t->again == 407 ? "; with Basic, too"
			 : t->again      ? "; with Basic it takes them"
					 : "",
			 t->spared ? "; the password is not tried any more" : "");
}

int check_auth(struct check_around *a, struct error *err)
{
	const struct check_options *options = a->options;
	struct trace_trial *t = arena_alloc(a->x->arena, sizeof *t);
	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	a->x->probe->trial = t;
	const struct exchange *refused = read_trial(a->exchange, a->exchanges, t);
	int code = 0;
	if (t->bare == 0 && t->with != 0)
		code = ask_bare(options, t, err);
	bool basic = code == 0 && t->with == 407 && t->algorithm && t->stales == 0 &&
		     offers(refused, SCHEME_BASIC);
	t->spared = basic && *options->refusals >= CHECK_MOST_REFUSALS;
	if (basic && !t->spared)
		code = ask_basic(options, t, err);
	t->refusals = (uint8_t)*options->refusals;
	say(a, t);
	return code;
}
