/* What a record needs while something happens to it: a pool of lives; and tunnels in which nothing
 * does, packed. */
#include "proxy/record_private.h"

#include "proxy/shelf.h"
#include "trace/pack.h"

#include <stddef.h>
#include <stdlib.h>

enum {
	USUAL_LIVES = 80, /* beyond these, quiet tunnels are packed */
	SPARE_LIVES = 32, /* kept for the next ones, as are */
};

void lives_unlist(struct recorder *w, struct live *l)
{
	if (!l->listed)
		return;
	*(l->newer ? &l->newer->older : &w->freshest) = l->older;
	*(l->older ? &l->older->newer : &w->stalest) = l->newer;
	l->listed = false;
}

void lives_list(struct recorder *w, struct live *l)
{
	if (w->freshest == l)
		return;
	lives_unlist(w, l);
	l->newer = NULL;
	l->older = w->freshest;
	*(w->freshest ? &w->freshest->newer : &w->stalest) = l;
	w->freshest = l;
	l->listed = true;
}

void lives_free(struct live *l)
{
	observe_free(l->talk);
	free(l);
}

void lives_give_back(struct recorder *w, struct record *r)
{
	struct live *l = r->live;
	lives_unlist(w, l);
	r->live = NULL;
	w->lives--;
	if (w->spare_lives == SPARE_LIVES) {
		lives_free(l);
		return;
	}
	l->older = w->spare_live;
	w->spare_live = l;
	w->spare_lives++;
}

static struct live *new_live(void)
{
	struct live *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->talk = observe_new(&(struct observe_options){ .source = TRACE_PROXY },
			      &(struct observe_owner){ .context = NULL });
	if (l->talk)
		return l;
	free(l);
	return NULL;
}

static bool pack_one(struct recorder *w, struct record *r);

struct live *lives_take(struct recorder *w, struct record *r)
{
	if (w->lives - w->endeds >= USUAL_LIVES && w->stalest)
		pack_one(w, w->stalest->record);
	struct live *l = w->spare_live;
	if (l) {
		w->spare_live = l->older;
		w->spare_lives--;
	} else {
		l = new_live();
	}
	if (!l)
		return NULL;
	struct conversation *talk = l->talk;
	memset(l, 0, offsetof(struct live, why));
	l->talk = talk;
	l->record = r;
	l->why[0] = l->text[0] = 0;
	w->lives++;
	return l;
}

/* ---- packing ------------------------------------------------------------------------------- */

/* The exchange is ours from now on. */
void lives_end_talk(struct live *l, enum trace_end end, nanos until)
{
	if (!l->talking)
		return;
	observe_end(l->talk, end, until);
	l->talking = false;
	if (!l->own)
		l->x = NULL;
}

/* Few tunnels are half closed while they are quiet: when that was has no room in each. */
static struct slice closings(const struct live *l)
{
	return (struct slice){ (const uint8_t *)l->closed_at, sizeof l->closed_at };
}

/* A tunnel alone has nothing more to be read that matters. */
static bool pack_one(struct recorder *w, struct record *r)
{
	struct live *l = r->live;
	lives_end_talk(l, TRACE_END_OVER, now_of(w));
	if (!l->x)
		return false;
	if (l->x->tls->random_known)
		l->x->tls->random_known = false; /* for whoever matches captures */
	buffer_reset(&w->packing);
	trace_pack(l->x, &w->packing);
	if (is_closed(r))
		buffer_add(&w->packing, closings(l));
	r->packed = w->packing.failed ? NULL : shelf_put(w->shelf, buffer_slice(&w->packing));
	if (!r->packed) {
		lives_unlist(w, l); /* stays as it is */
		return false;
	}
	trace_free(l->x);
	lives_give_back(w, r);
	return true;
}

void lives_forget_packed(struct record *r)
{
	shelf_drop(r->packed);
	r->packed = NULL;
}

/* Of one that is packed; closed_at is zeros where it was not closed. */
struct exchange *lives_read_packed(const struct record *r, nanos ret_closed_at[2])
{
	struct buffer *b = &r->owner->packing;
	buffer_reset(b);
	if (!r->packed || !shelf_read(r->packed, b))
		return NULL;
	if (is_closed(r) && b->len >= 2 * sizeof *ret_closed_at) {
		b->len -= 2 * sizeof *ret_closed_at;
		memcpy(ret_closed_at, b->at + b->len, 2 * sizeof *ret_closed_at);
	}
	return trace_unpack(buffer_slice(b), EXCHANGE_LIMIT);
}

bool lives_unpack(struct record *r)
{
	struct recorder *w = r->owner;
	if (r->live)
		return true;
	nanos closed_at[2] = { 0 };
	struct exchange *x = lives_read_packed(r, closed_at);
	struct live *l = x ? lives_take(w, r) : NULL;
	if (!l) {
		trace_free(x);
		return false;
	}
	memcpy(l->closed_at, closed_at, sizeof l->closed_at);
	l->x = x;
	l->own = true;
	r->live = l;
	lives_forget_packed(r);
	lives_list(w, l);
	return true;
}
