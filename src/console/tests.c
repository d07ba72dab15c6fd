/* Tests: one walk at a time, in a thread of its own; what it says is kept as server-sent events,
 * which any number of browsers may follow, also afterwards. */
#include "console/private.h"

#include "host/settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	KEPT = 8,
	MOST_EVENTS = 1 << 20,
	MOST_URL = 1000,
};

static const nanos PATIENCE = 10 * NANOS_PER_SECOND, TRIAL_PATIENCE = 5 * NANOS_PER_SECOND;

struct test {
	uint64_t id; /* 0: none */
	bool over;
	char url[MOST_URL + 1];
	struct buffer events;
};

struct tests {
	struct console *console;
	pthread_mutex_t lock; /* what is below */
	pthread_cond_t changed;
	pthread_mutex_t walking; /* one at a time */
	struct test test[KEPT];
	uint64_t last; /* id */
	unsigned running;
	bool ending;
};

/* One walk. */
struct walk {
	struct console *console;
	struct test *test; /* NULL: nobody listens */
	/* what came of it, and is in the history */
	struct kept decisive;
	bool decided;
	int code; /* of the first that could not be kept; 0: none */
	struct error err;
};

/* ---- events -------------------------------------------------------------------------------- */

static void tell(struct walk *w, struct buffer *json)
{
	struct tests *t = w->console->tests;
	if (w->test) {
		pthread_mutex_lock(&t->lock);
		buffer_add_text(&w->test->events, "data: ");
		buffer_add(&w->test->events, buffer_slice(json));
		buffer_add_text(&w->test->events, "\n\n");
		pthread_cond_broadcast(&t->changed);
		pthread_mutex_unlock(&t->lock);
	}
	buffer_done(json);
}

static void begin_event(struct buffer *json, const char *kind)
{
	buffer_init(json, MOST_EVENTS);
	json_open(json, NULL, '{');
	json_word(json, "event", kind);
}

static void on_begin(void *context, const char *stage)
{
	struct buffer json;
	begin_event(&json, "begin");
	json_word(&json, "stage", stage);
	json_close(&json, '}');
	tell(context, &json);
}

static void on_stage(void *context, const char *stage, const char *result, nanos took,
		     const char *seen)
{
	struct buffer json;
	begin_event(&json, "stage");
	json_word(&json, "stage", stage);
	json_word(&json, "result", result);
	json_number(&json, "us", took / 1000);
	json_word(&json, "seen", seen);
	json_close(&json, '}');
	tell(context, &json);
}

static void on_exchange(void *context, struct exchange *x, bool decisive)
{
	struct walk *w = context;
	struct kept kept = { 0 };
	struct error err;
	int code = keep_exchange(w->console, x, STORE_CHECK, 0, &kept, &err);
	if (code < 0 && w->code == 0) {
		w->code = code;
		w->err = err;
	}
	if (decisive) {
		w->decisive = kept;
		w->decided = true;
	}
}

/* ---- walking ------------------------------------------------------------------------------- */

/* The record of what decided it goes to `record`. */
static int give_record(struct walk *w, struct buffer *record, struct error *err)
{
	struct store *store = w->console->store;
	struct store_row row;
	if (!w->decided)
		return err_set(err, -EIO, "nothing was seen that could be judged");
	if (w->code < 0)
		*err = w->err;
	int code = w->code < 0 ? w->code : store_flush(store, err);
	return code < 0 ? code : store_get(store, w->decisive.key, record, &row, err);
}

static int walk(struct walk *w, const struct settings *s, const char *url, bool head,
		nanos patience, struct buffer *record, struct error *err)
{
	const struct console_walk owner = { on_begin, on_stage, on_exchange, w };
	pthread_mutex_lock(&w->console->tests->walking);
	int code = w->console->options.work.test(s, url, head, patience, &owner, err);
	pthread_mutex_unlock(&w->console->tests->walking);
	return code < 0 ? code : give_record(w, record, err);
}

int tests_try(struct request *r, const struct settings *s, struct buffer *record, bool *ret_failed,
	      struct error *err)
{
	struct walk w = { .console = r->console };
	int code = walk(&w, s, r->console->options.target, false, TRIAL_PATIENCE, record, err);
	*ret_failed = w.decisive.severity == SEVERITY_FAILURE;
	return code;
}

/* ---- in a thread --------------------------------------------------------------------------- */

struct job {
	struct tests *tests;
	struct test *test; /* its url stays as long as it runs */
	bool head;
};

static int run(struct walk *w, bool head, struct buffer *record, struct error *err)
{
	struct host_settings h;
	struct settings s;
	int code = form_load(w->console, &h, &s, err);
	if (code == 0)
		code = walk(w, &s, w->test->url, head, PATIENCE, record, err);
	host_settings_done(&h);
	return code;
}

static void *work(void *context)
{
	struct job *j = context;
	struct tests *t = j->tests;
	struct walk w = { .console = t->console, .test = j->test };
	struct error err;
	struct buffer json, record;
	buffer_init(&record, MOST_EVENTS);
	int code = run(&w, j->head, &record, &err);
	begin_event(&json, code < 0 ? "trouble" : "end");
	if (code < 0) {
		json_word(&json, "error", err.text);
	} else {
		json_big(&json, "key", w.decisive.key);
		json_raw(&json, "record", buffer_slice(&record));
	}
	json_close(&json, '}');
	tell(&w, &json);
	buffer_done(&record);
	pthread_mutex_lock(&t->lock);
	j->test->over = true;
	t->running--;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	free(j);
	return NULL;
}

/* The place of the oldest; NULL while another is under way. */
static struct test *new_test(struct tests *t, struct slice url)
{
	pthread_mutex_lock(&t->lock);
	struct test *test = t->running || t->ending ? NULL : &t->test[++t->last % KEPT];
	if (test) {
		t->running++;
		test->id = t->last;
		test->over = false;
		memcpy(test->url, url.at, url.len);
		test->url[url.len] = 0;
		buffer_done(&test->events);
		buffer_init(&test->events, MOST_EVENTS);
	}
	pthread_mutex_unlock(&t->lock);
	return test;
}

static void say_test(struct request *r, const struct test *t)
{
	json_open(&r->out, NULL, '{');
	json_big(&r->out, "id", (int64_t)t->id);
	json_word(&r->out, "url", t->url);
	json_bool(&r->out, "over", t->over);
	json_close(&r->out, '}');
}

static bool is_url(struct slice url)
{
	return (slice_starts_nocase(url, SLICE("https://")) ||
		slice_starts_nocase(url, SLICE("http://"))) &&
	       url.len <= MOST_URL && slice_find_byte(url, '@') == url.len;
}

void tests_start(struct request *r)
{
	struct tests *t = r->console->tests;
	const struct json_member *url = json_find(&r->json, "url", JSON_TEXT);
	const struct json_member *head = json_find(&r->json, "head", JSON_BOOL);
	pthread_t thread;
	pthread_attr_t detached;
	if (!url || !is_url(url->text)) {
		answer_error(r, 422,
			     "a test asks for https://HOST/ or http://HOST/, without a user in it");
		return;
	}
	struct job *j = calloc(1, sizeof *j);
	if (!j)
		return;
	*j = (struct job){ t, new_test(t, url->text), head && head->yes };
	if (!j->test) {
		free(j);
		answer_error(r, 409, "another test is under way");
		return;
	}
	audit_add(r, r->session.user, "test-started", url->text);
	say_test(r, j->test);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &detached, work, j) == 0) {
		answer_json(r, 202);
	} else {
		pthread_mutex_lock(&t->lock);
		t->running--;
		j->test->over = true;
		pthread_mutex_unlock(&t->lock);
		free(j);
		answer_error(r, 503, "no thread is to be had");
	}
	pthread_attr_destroy(&detached);
}

/* The last ones, the newest first. */
void tests_get(struct request *r)
{
	struct tests *t = r->console->tests;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "tests", '[');
	pthread_mutex_lock(&t->lock);
	for (uint64_t i = 0; i < KEPT && i < t->last; i++)
		say_test(r, &t->test[(t->last - i) % KEPT]);
	pthread_mutex_unlock(&t->lock);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}

/* ---- following ----------------------------------------------------------------------------- */

struct listener {
	struct tests *tests;
	uint64_t id;
};

static struct test *find(struct tests *t, uint64_t id)
{
	struct test *test = &t->test[id % KEPT];
	return id && test->id == id ? test : NULL;
}

/* libmicrohttpd asks from the connection's own thread, which may wait. */
static ssize_t on_more(void *context, uint64_t at, char *into, size_t room)
{
	struct listener *l = context;
	struct tests *t = l->tests;
	ssize_t len = 0;
	pthread_mutex_lock(&t->lock);
	while (len == 0) {
		struct test *test = find(t, l->id);
		struct slice rest = test ? slice_from(buffer_slice(&test->events), (size_t)at)
					 : (struct slice){ 0 };
		if (rest.len) {
			len = (ssize_t)(rest.len < room ? rest.len : room);
			memcpy(into, rest.at, (size_t)len);
		} else if (!test || test->over || t->ending) {
			len = MHD_CONTENT_READER_END_OF_STREAM;
		} else {
			pthread_cond_wait(&t->changed, &t->lock);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return len;
}

static void on_gone(void *context)
{
	free(context);
}

void tests_events(struct request *r)
{
	struct tests *t = r->console->tests;
	uint64_t id = 0;
	pthread_mutex_lock(&t->lock);
	bool there = slice_parse_u64(slice_of(r->word), 10, &id) && find(t, id);
	pthread_mutex_unlock(&t->lock);
	if (!there) {
		answer_error(r, 404, "there is no such test, or no longer");
		return;
	}
	struct listener *l = calloc(1, sizeof *l);
	if (!l)
		return;
	*l = (struct listener){ .tests = t, .id = id };
	struct MHD_Response *response =
		r->console->mhd->MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_more,
								   l, on_gone);
	if (!response)
		on_gone(l);
	else
		answer_with(r, 200, response, "text/event-stream");
}

/* ---- beginning and end --------------------------------------------------------------------- */

struct tests *tests_new(struct console *c)
{
	struct tests *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->console = c;
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->walking, NULL);
	pthread_cond_init(&t->changed, NULL);
	for (int i = 0; i < KEPT; i++)
		buffer_init(&t->test[i].events, MOST_EVENTS);
	return t;
}

void tests_end(struct tests *t)
{
	pthread_mutex_lock(&t->lock);
	t->ending = true;
	pthread_cond_broadcast(&t->changed);
	while (t->running)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void tests_free(struct tests *t)
{
	if (!t)
		return;
	for (int i = 0; i < KEPT; i++)
		buffer_done(&t->test[i].events);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->walking);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
