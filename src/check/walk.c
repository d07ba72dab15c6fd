/* The walk from end to end. */
#include "check/walk.h"

#include "net/socket.h"

#include <errno.h>
#include <signal.h>

void walk_keep(void *context, struct exchange *x)
{
	struct walk *w = context;
	stage_look(w, x);
	if (x->response.status && !x->tunnel.open && trace_open_probe(x))
		x->probe->flow = w->flow;
	trace_book_add(w->book, x);
}

static void give(void *context, struct exchange *x)
{
	struct walk *w = context;
	direct_note(w, x);
	w->owner->exchange(w->owner->context, x);
}

int check_walk(const struct check_options *options, const struct check_owner *owner,
	       struct error *err)
{
	struct error mine = { .code = 0 };
	struct walk w = { .options = options, .owner = owner, .err = &mine };
	signal(SIGPIPE, SIG_IGN); /* libssl writes without MSG_NOSIGNAL */
	w.book = trace_book_new(&(struct trace_book_options){ .window = 0 }, give, &w);
	if (!w.book)
		return err_set(err, -ENOMEM, "out of memory");
	if (way_open(&w) && talk_prepare(&w)) {
		talk_run(&w);
		if (options->altered.idle && w.over && w.result == CURLE_OK)
			idle_hold(&w);
		talk_done(&w);
		if (!w.stopped)
			direct_compare(&w);
	}
	if (w.ready.fd >= 0)
		net_close(w.ready.fd);
	trace_book_finish(w.book);
	trace_book_free(w.book);
	return mine.code ? err_set(err, mine.code, "%s", mine.text) : 0;
}
