/* The walk, and the looking around that follows it. */
#include "cli/check_around.h"

#include "check/connect.h"

#include <stdio.h>
#include <string.h>

/* ---- which applies --------------------------------------------------------------------------- */

/* Silence where an answer should be, or a reset upon something large. Not where the other side
 * closed in good order, or answered. */
static bool mtu_applies(const struct finding *f, const struct exchange *x)
{
	(void)x;
	switch (f->verdict) {
	case V_PROXY_SILENT:
	case V_REQUEST_LOST:
	case V_TLS_SILENT:
	case V_MTU_BLACK_HOLE:
	case V_LARGE_SEGMENT_RESET:
	case V_TRANSFER_STALLED:
		return true;
	default:
		return false;
	}
}

/* The hello was sent, and no TLS came of it; or a certificate was turned down that TLS 1.3 hides
 * from others. */
static bool tls_applies(const struct finding *f, const struct exchange *x)
{
	if (f->verdict == V_TLS_UNTRUSTED || f->verdict == V_TLS_INTERCEPTED)
		return diagnose_severity(f) == SEVERITY_FAILURE && x->tls->version >= 0x0304;
	return f->verdict == V_TLS_SILENT || f->verdict == V_TLS_RESET ||
	       f->verdict == V_TLS_CLOSED;
}

/* What the proxy refused though there were credentials. */
static bool auth_applies(const struct finding *f, const struct exchange *x)
{
	return f->verdict == V_AUTH_REJECTED ||
	       (f->verdict == V_DENIED && x->request.auth != SCHEME_NONE);
}

/* A body that began to come. */
static bool download_applies(const struct finding *f, const struct exchange *x)
{
	bool broke = f->verdict == V_TRANSFER_TRUNCATED || f->verdict == V_TRANSFER_RESET ||
		     f->verdict == V_TRANSFER_STALLED;
	return broke && !x->tunnel.open && x->probe && x->probe->flow.pieces > 0;
}

/* It takes long, or tells nothing of a failure: when it is asked for. */
static bool never_applies(const struct finding *f, const struct exchange *x)
{
	(void)f;
	(void)x;
	return false;
}

const struct around AROUND[] = {
	{ "mtu", "does size alone make segments vanish, and which MTU does the path have",
	  mtu_applies, check_mtu },
	{ "tls",
	  "which ClientHello is answered: small, large, in two segments, without a name; a "
	  "certificate "
	  "that was turned down, in TLS 1.2",
	  tls_applies, check_tls },
	{ "auth", "what credentials change: none, Digest, Basic", auth_applies, check_auth },
	{ "download", "what cuts a transfer: a size, a time, scanning, the path", download_applies,
	  check_download },
	{ "path", "who answers, at each of the proxy's addresses", never_applies, check_path },
	{ "idle", "how long a quiet tunnel lives, and who ends it", never_applies, check_idle },
};
const size_t AROUND_COUNT = sizeof AROUND / sizeof *AROUND;

const struct around *around_find(const char *name)
{
	for (size_t i = 0; i < AROUND_COUNT; i++)
		if (strcmp(AROUND[i].name, name) == 0)
			return &AROUND[i];
	return NULL;
}

/* ---- looking around -------------------------------------------------------------------------- */

static bool interrupted(const struct check_options *options)
{
	return options->stop && *options->stop;
}

/* What walks came to that were broken off halfway is no fact. */
static void forget(struct check_around *a, const struct trace_probe *before)
{
	*a->x->probe = *before;
	snprintf(a->seen, sizeof a->seen, "not measured: interrupted");
}

static int look(const struct around *r, const struct check_options *options, struct exchange *x,
		struct desk *d, struct error *err)
{
	struct check_around a = { .options = options,
				  .x = x,
				  .exchange = d->exchange,
				  .exchanges = d->exchanges,
				  .still = desk_look_still,
				  .context = d };
	nanos begun = check_now();
	if (!trace_open_probe(x))
		return 0;
	if (d->stages > 0) {
		const struct desk_stage *last = &d->stage[d->stages - 1];
		a.broke = last->result == CHECK_FAILED;
		a.where = last->step;
	}
	desk_look_begins(d, r->name);
	const struct trace_probe before = *x->probe;
	int code = r->look(&a, err);
	if (interrupted(options) && r->look != check_idle)
		forget(&a, &before);
	if (code >= 0)
		desk_look_ends(d, r->name, check_now() - begun, a.seen);
	return code;
}

int around_walk(const struct check_options *options, const struct around *only, struct desk *d,
		struct error *err)
{
	struct check_owner owner = desk_owner(d);
	int code = check_walk(options, &owner, err);
	for (size_t i = 0; i < AROUND_COUNT && code >= 0 && !interrupted(options); i++) {
		const struct around *r = &AROUND[i];
		struct finding f;
		struct exchange *x = desk_decisive(d, &f);
		if (x && (only ? r == only : r->applies(&f, x)))
			code = look(r, options, x, d, err);
	}
	return code;
}
