/* A dropped capture: its bytes go through a pipe to a reader in another thread, as they come. */
#include "console/private.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIPE = 1 << 20, MOST_SHOWN = 50, NAME = 200, STALL_MS = 60000 };

struct upload {
	struct console *console;
	int in, out; /* the pipe: the reader's end, ours */
	uint64_t bytes;
	bool too_long, over; /* over: the reader wants no more */
	char name[NAME];
	bool began;
	pthread_t thread;
	/* the reader's, until it is joined */
	int64_t batch;
	uint64_t exchanges, failures;
	int code;
	struct error err;
};

static void on_exchange(void *context, struct exchange *x)
{
	struct upload *u = context;
	struct kept kept = { 0 };
	if (u->code < 0) {
		trace_free(x);
		return;
	}
	u->code = keep_exchange(u->console, x, STORE_CAPTURE, u->batch, &kept, &u->err);
	u->exchanges++;
	u->failures += kept.severity == SEVERITY_FAILURE;
}

static void *work(void *context)
{
	struct upload *u = context;
	struct error err;
	int code = u->console->options.work.read(u->in, u->name, on_exchange, u, &err);
	if (u->code == 0 && code < 0) {
		u->code = code;
		u->err = err;
	}
	close(u->in); /* who writes hears of it */
	struct error ignored;
	(void)store_flush(u->console->store, u->code < 0 ? &ignored : &u->err);
	return NULL;
}

static void upload_end(struct upload *u)
{
	if (u->out >= 0)
		close(u->out);
	u->out = -1;
	if (u->began)
		pthread_join(u->thread, NULL);
	u->began = false;
}

static void upload_free(void *upload)
{
	upload_end(upload); /* the browser went away in between: what was read stays */
	free(upload);
}

static void read_name(struct request *r, char *into)
{
	const char *name = request_argument(r, "name");
	struct slice s = slice_of(name && *name ? name : "capture");
	for (size_t at = slice_find_byte(s, '/'); at < s.len; at = slice_find_byte(s, '/'))
		s = slice_from(s, at + 1);
	escape_into(into, NAME, s);
}

static struct upload *upload_begin(struct request *r)
{
	int ends[2];
	struct upload *u = calloc(1, sizeof *u);
	if (!u || pipe2(ends, O_CLOEXEC) != 0) {
		free(u);
		return NULL;
	}
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE); /* a smaller one does, too */
	(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
	u->console = r->console;
	u->in = ends[0];
	u->out = ends[1];
	read_name(r, u->name);
	u->code = store_begin_batch(r->console->store, STORE_CAPTURE, u->name, r->now, &u->batch,
				    &u->err);
	u->began = u->code == 0 && pthread_create(&u->thread, NULL, work, u) == 0;
	if (!u->began)
		close(u->in);
	return u;
}

/* Waits while the reader is busy. */
static void write_all(struct upload *u, struct slice piece)
{
	while (piece.len > 0 && !u->over) {
		ssize_t n = write(u->out, piece.at, piece.len);
		struct pollfd p = { .fd = u->out, .events = POLLOUT };
		if (n > 0)
			piece = slice_from(piece, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			u->over = poll(&p, 1, STALL_MS) <= 0;
		else if (n < 0 && errno != EINTR)
			u->over = true;
	}
}

void captures_piece(struct request *r, struct slice piece)
{
	if (!r->upload) {
		r->upload = upload_begin(r);
		r->upload_free = upload_free;
	}
	struct upload *u = r->upload;
	if (!u || !u->began)
		return;
	u->bytes += piece.len;
	u->too_long |= u->bytes > r->console->options.most_capture;
	if (!u->too_long)
		write_all(u, piece);
}

void captures_read(struct request *r)
{
	struct upload *u = r->upload;
	if (!u) {
		answer_error(r, 422, "the file is empty");
		return;
	}
	bool began = u->began;
	upload_end(u);
	if (!began || u->too_long || (u->code < 0 && u->exchanges == 0)) {
		struct error ignored;
		(void)store_forget_batch(r->console->store, u->batch, &ignored);
		if (u->too_long)
			answer_error(r, 413, "the file has more than %llu bytes",
				     (unsigned long long)r->console->options.most_capture);
		else
			answer_error(r, u->code == -ENOSPC ? 507 : 422, "%s",
				     u->code < 0 ? u->err.text : "no thread is to be had");
		return;
	}
	audit_add(r, r->session.user, "capture-read", slice_of(u->name));
	json_open(&r->out, NULL, '{');
	json_number(&r->out, "id", u->batch);
	json_word(&r->out, "name", u->name);
	json_number(&r->out, "bytes", (int64_t)u->bytes);
	json_number(&r->out, "exchanges", (int64_t)u->exchanges);
	json_number(&r->out, "failures", (int64_t)u->failures);
	json_word(&r->out, "trouble", u->code < 0 ? u->err.text : NULL);
	json_close(&r->out, '}');
	answer_json(r, 201);
}

static void add_batch(void *context, const struct store_batch *b)
{
	struct buffer *out = context;
	json_open(out, NULL, '{');
	json_number(out, "id", b->id);
	json_word(out, "source", store_source_name(b->source));
	json_number(out, "at", b->at / NANOS_PER_MS);
	json_word(out, "name", b->name);
	json_number(out, "exchanges", (int64_t)b->exchanges);
	json_number(out, "failures", (int64_t)b->failures);
	json_close(out, '}');
}

void captures_list(struct request *r)
{
	struct error err;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "captures", '[');
	if (store_batches(r->console->store, MOST_SHOWN, add_batch, &r->out, &err) < 0) {
		answer_trouble(r, &err);
		return;
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}

void captures_forget(struct request *r)
{
	struct error err;
	uint64_t batch;
	if (!slice_parse_u64(slice_of(r->word), 10, &batch) || batch == 0 || batch > INT64_MAX) {
		answer_error(r, 404, "there is no such capture");
		return;
	}
	if (store_forget_batch(r->console->store, (int64_t)batch, &err) < 0) {
		answer_trouble(r, &err);
		return;
	}
	audit_add(r, r->session.user, "capture-forgotten", slice_of(r->word));
	answer_nothing(r);
}
