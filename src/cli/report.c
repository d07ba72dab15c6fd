/* Exchanges into output: judged, counted, rendered, and remembered for the second pass. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/read.h"
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TEXT_LIMIT = 64 << 20, /* of anything rendered in one piece */
	WORDS_LIMIT = 1 << 20, /* of one diagnosis */
	MAX_CARDS = 200,
	MAX_LISTED = 1 << 20,
	WRITE_AT = 1 << 16,
};

/* Failures that are alike get one card; the others are counted. */
struct card {
	enum verdict verdict;
	struct address proxy;
	char target[64];
	uint64_t more;
};

struct report_desk {
	struct arena *words;
	struct tally *tally;
};

struct report {
	const struct read_options *options;
	struct render_style style;
	struct report_desk *desk;
	struct buffer out;   /* on its way to standard output */
	struct buffer cards; /* printed behind the lines */
	struct card card[MAX_CARDS];
	size_t card_count;
	uint64_t cards_left_out;
	struct buffer piece; /* of a file */
	FILE *html;
	bool ladder_done, ladder_failed_one;
	bool bare_text; /* a text showed packets and nothing of what they carry */
	nanos first;
	struct reported *listed;
	size_t listed_count, listed_room;
	uint64_t unlisted;
	int trouble;
	struct error err;
};

/* ---- writing --------------------------------------------------------------------------------- */

void report_print(struct buffer *records)
{
	if (records->len)
		fwrite(records->at, 1, records->len, stdout);
	buffer_reset(records);
}

static void write_out(struct report *r)
{
	report_print(&r->out);
}

static void write_much(struct report *r)
{
	if (r->out.len >= WRITE_AT)
		write_out(r);
}

void report_written(struct report *r, struct slice record)
{
	buffer_add(&r->out, record);
	write_much(r);
}

static FILE *create_file(struct report *r, const char *path)
{
	FILE *f = fopen(path, "wx");
	if (!f)
		r->trouble = err_set(&r->err, -errno, "%s could not be created: %s%s", path,
				     strerror(errno),
				     errno == EEXIST ? "; move it away or name another" : "");
	return f;
}

static void close_file(struct report *r, FILE *f, const char *path)
{
	bool bad = ferror(f) != 0;
	if ((fclose(f) != 0 || bad) && !r->trouble)
		r->trouble = err_set(&r->err, -EIO, "%s could not be written: %s", path,
				     strerror(errno));
}

static void write_piece(struct report *r, FILE *f)
{
	fwrite(r->piece.at, 1, r->piece.len, f);
	buffer_reset(&r->piece);
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* Has the moment come at t, by the moment's own measure? */
static bool reaches(const struct report *r, const struct moment *m, nanos t)
{
	const nanos day = 86400 * NANOS_PER_SECOND;
	switch (m->kind) {
	case MOMENT_CLOCK:
		return ((t % day) + day) % day >= m->value;
	case MOMENT_AFTER_START:
		return r->first == NO_TIME || t - r->first >= m->value;
	default:
		return t >= m->value;
	}
}

/* From 22:00 to 02:00 is over midnight. */
static bool is_in_time(const struct report *r, const struct exchange *x)
{
	const struct moment *from = &r->options->from, *to = &r->options->to;
	bool late = from->kind == MOMENT_NONE || reaches(r, from, x->last.at);
	bool early = to->kind == MOMENT_NONE || !reaches(r, to, x->first.at);
	bool night =
		from->kind == MOMENT_CLOCK && to->kind == MOMENT_CLOCK && from->value > to->value;
	return night ? late || early : late && early;
}

static bool is_chosen(const struct report *r, const struct exchange *x, enum verdict verdict,
		      enum severity severity)
{
	const struct read_options *o = r->options;
	if (!is_in_time(r, x))
		return false;
	return !o->only || o->only_verdict[verdict] ||
	       (o->only_failures && severity == SEVERITY_FAILURE);
}

/* ---- remembering ----------------------------------------------------------------------------- */

struct reported report_note(const struct exchange *x, const struct diagnosis *d)
{
	struct reported l = {
		.client = x->client,
		.proxy = x->proxy,
		.file = x->file,
		.first = x->first.at,
		.last = x->last.at,
		.since_request = NO_TIME,
		.verdict = d->verdict,
		.failed = d->severity == SEVERITY_FAILURE,
	};
	const struct event *request = trace_first(x, EV_REQUEST);
	const struct event *answer = trace_last(x, EV_RESPONSE);
	l.request_frame = request ? request->mark.frame : 0;
	l.response_frame = answer ? answer->mark.frame : 0;
	if (request && answer)
		l.since_request = answer->mark.at - request->mark.at;
	if (d->evidences)
		l.decisive_frame = d->evidence[d->evidences - 1].mark.frame;
	memcpy(l.id, x->id, sizeof l.id);
	snprintf(l.target, sizeof l.target, "%.*s",
		 (int)(x->request.target.len < 63 ? x->request.target.len : 63),
		 x->request.target.len ? (const char *)x->request.target.at : "");
	return l;
}

static void list_exchange(struct report *r, const struct exchange *x, const struct diagnosis *d)
{
	if (!r->options->packets && !r->options->slice)
		return;
	if (r->listed_count == r->listed_room) {
		size_t room = r->listed_room ? r->listed_room * 2 : 64;
		struct reported *grown =
			room > MAX_LISTED ? NULL : realloc(r->listed, room * sizeof *grown);
		if (!grown) {
			r->unlisted++;
			return;
		}
		r->listed = grown;
		r->listed_room = room;
	}
	r->listed[r->listed_count++] = report_note(x, d);
}

size_t report_listed(const struct report *r, const struct reported **ret_list)
{
	*ret_list = r->listed;
	return r->listed_count;
}

/* ---- one exchange ---------------------------------------------------------------------------- */

static bool new_card(struct report *r, const struct exchange *x, enum verdict verdict)
{
	struct card c = { .verdict = verdict, .proxy = x->proxy };
	escape_into(c.target, sizeof c.target, x->request.target);
	for (size_t i = 0; i < r->card_count; i++) {
		struct card *old = &r->card[i];
		if (old->verdict == verdict && address_equal(&old->proxy, &c.proxy) &&
		    strcmp(old->target, c.target) == 0) {
			old->more++;
			return false;
		}
	}
	if (r->card_count == MAX_CARDS) {
		r->cards_left_out++;
		return false;
	}
	r->card[r->card_count++] = c;
	return true;
}

static void print_text(struct report *r, const struct exchange *x, const struct diagnosis *d)
{
	if (r->options->packets)
		return;
	render_line(&r->out, &r->style, x, d);
	if (r->options->details)
		render_details(&r->out, &r->style, x);
	if (d->severity != SEVERITY_FAILURE && d->verdict != V_TLS_INTERCEPTED)
		return;
	if (!new_card(r, x, d->verdict))
		return;
	buffer_add_byte(&r->cards, '\n');
	render_card(&r->cards, &r->style, x, d);
}

/* The ladder of the first failure; of the first exchange when none failed. */
static void draw_ladder(struct report *r, const struct exchange *x, const struct diagnosis *d)
{
	bool failed = d->severity == SEVERITY_FAILURE;
	if (!r->options->ladder || r->ladder_failed_one || (r->ladder_done && !failed))
		return;
	r->ladder_done = true;
	r->ladder_failed_one = failed;
	buffer_reset(&r->piece);
	render_ladder(&r->piece, x, d);
}

static void show(struct report *r, const struct exchange *x, const struct diagnosis *d)
{
	if (r->html) {
		struct buffer page;
		buffer_init(&page, TEXT_LIMIT);
		render_html_exchange(&page, &r->style, x, d, true);
		fwrite(page.at, 1, page.len, r->html);
		buffer_done(&page);
	}
	draw_ladder(r, x, d);
	if (r->options->each)
		r->options->each(r->options->each_context, x, d);
	list_exchange(r, x, d);
	if (r->options->summary)
		return;
	if (r->options->json)
		render_json(&r->out, x, d);
	else
		print_text(r, x, d);
	write_much(r);
}

static bool needs_words(const struct report *r)
{
	const struct read_options *o = r->options;
	return !o->summary || o->html || o->ladder || o->slice || o->packets || o->each;
}

/* True when it is one of those asked for; then it is counted. */
static bool judge(const struct report *r, struct report_desk *desk, const struct exchange *x,
		  struct diagnosis *ret_d)
{
	if (needs_words(r)) {
		struct finding f;
		diagnose_judge(x, &f);
		arena_reset(desk->words);
		diagnose_explain(x, &f, desk->words, ret_d);
	} else {
		ret_d->verdict = diagnose_verdict(x, &ret_d->severity);
	}
	if (!is_chosen(r, x, ret_d->verdict, ret_d->severity))
		return false;
	tally_add(desk->tally, x, ret_d->verdict, ret_d->severity);
	return true;
}

void report_exchange(struct report *r, struct exchange *x)
{
	struct diagnosis d;
	if (judge(r, r->desk, x, &d) && needs_words(r))
		show(r, x, &d);
	trace_free(x);
}

void report_record(const struct report *r, struct report_desk *desk, const struct exchange *x,
		   struct buffer *out)
{
	struct diagnosis d;
	if (judge(r, desk, x, &d))
		render_json(out, x, &d);
}

bool report_in_parts(const struct report *r)
{
	const struct read_options *o = r->options;
	return o->json && !o->summary && !o->html && !o->ladder && !o->slice && !o->each;
}

void report_count(struct report_desk *desk, const struct exchange *x)
{
	enum severity severity;
	enum verdict verdict = diagnose_verdict(x, &severity);
	tally_add(desk->tally, x, verdict, severity);
}

void report_begin(struct report *r, nanos first)
{
	if (r->first == NO_TIME)
		r->first = first;
}

bool report_counts_only(const struct report *r)
{
	const struct read_options *o = r->options;
	return !needs_words(r) && !o->only && o->from.kind == MOMENT_NONE &&
	       o->to.kind == MOMENT_NONE;
}

bool report_found_failure(const struct report *r)
{
	return tally_failures(r->desk->tally) > 0;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void print_cards(struct report *r)
{
	write_out(r);
	if (r->cards.len)
		fwrite(r->cards.at, 1, r->cards.len, stdout);
	buffer_reset(&r->cards);
	for (size_t i = 0; i < r->card_count; i++)
		if (r->card[i].more)
			printf("\n%llu more like it: %s%s%s\n", (unsigned long long)r->card[i].more,
			       verdict_id(r->card[i].verdict), r->card[i].target[0] ? ", " : "",
			       r->card[i].target);
	if (r->cards_left_out)
		printf("\n%llu more failures without a card: --only VERDICT, --from and --to "
		       "narrow "
		       "them down, --json tells all.\n",
		       (unsigned long long)r->cards_left_out);
	r->card_count = 0;
	r->cards_left_out = 0;
}

static bool shows_content(const struct packet_example *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->segment[i].payload.len)
			return true;
	return false;
}

void report_heading(struct report *r, const char *file, const struct packet_example *e)
{
	r->bare_text |= !shows_content(e);
	if (r->options->json || r->options->summary || r->options->packets)
		return;
	print_cards(r);
	buffer_printf(&r->out, "%s%s, lines %u to %u", tally_total(r->desk->tally) ? "\n" : "",
		      file, e->first_line, e->last_line);
	if (e->heading.len) {
		buffer_add_text(&r->out, ": ");
		escape_text(&r->out, e->heading);
	}
	buffer_add_byte(&r->out, '\n');
}

static void no_traffic(const struct report *r, const struct summary_facts *facts)
{
	const struct read_options *o = r->options;
	printf("no proxy traffic in %s%s: %llu packet%s, %llu connection%s, none that speaks to "
	       "%s.\n",
	       o->shown[0], o->files > 1 ? " and the others" : "",
	       (unsigned long long)facts->packets, facts->packets == 1 ? "" : "s",
	       (unsigned long long)facts->connections, facts->connections == 1 ? "" : "s",
	       o->has_proxy ? "that proxy" : "a proxy (CONNECT, or a request with a whole URL)");
	if (facts->unknown_link > 0)
		printf("%llu of the packets %s of a link type that is not understood (%u).\n",
		       (unsigned long long)facts->unknown_link,
		       facts->unknown_link == 1 ? "is" : "are", facts->link);
	else if (facts->packets > 0 && facts->tcp == 0)
		printf("Not one packet holds TCP that can be read. If they belong to an encrypted "
		       "tunnel (IPsec, WireGuard), capture inside of it: on the tunnel's own "
		       "interface, or at the proxy.\n");
	if (!o->has_proxy && facts->tcp > 0)
		printf("If one of the addresses is a proxy, name it: --proxy ADDRESS:PORT.\n");
	if (r->bare_text)
		printf("The text shows packets without their content: print them with tcpdump -A, "
		       "or save "
		       "them with tcpdump -w FILE and read that.\n");
}

static void print_end(struct report *r, const struct summary_facts *facts)
{
	bool nothing = tally_total(r->desk->tally) == 0;
	if (r->options->json) {
		if (r->options->summary)
			render_summary_json(&r->out, r->desk->tally, facts);
		write_out(r);
		return;
	}
	print_cards(r);
	if (r->options->packets)
		return;
	if (nothing && !r->options->only && r->options->from.kind == MOMENT_NONE &&
	    r->options->to.kind == MOMENT_NONE) {
		no_traffic(r, facts);
		return;
	}
	if (nothing) {
		printf("no exchange is left by --only, --from and --to.\n");
		return;
	}
	if (!r->options->summary)
		buffer_add_byte(&r->out, '\n');
	render_summary(&r->out, &r->style, r->desk->tally, facts);
	write_out(r);
}

void report_flush(struct report *r)
{
	write_out(r);
	fflush(stdout);
}

void report_summary(struct report *r, const struct summary_facts *facts, FILE *to)
{
	render_summary(&r->out, &r->style, r->desk->tally, facts);
	fwrite(r->out.at, 1, r->out.len, to);
	buffer_reset(&r->out);
}

static void write_ladder(struct report *r)
{
	if (!r->options->ladder)
		return;
	if (!r->ladder_done) {
		complain("no exchange, so no ladder in %s", r->options->ladder);
		return;
	}
	FILE *f = create_file(r, r->options->ladder);
	if (!f)
		return;
	write_piece(r, f);
	close_file(r, f, r->options->ladder);
}

/* Half a page would only be in the way of the next try. */
static const char *half_made;

static void on_signal(int number)
{
	if (half_made)
		unlink(half_made);
	raise(number); /* whose action is the usual one again */
}

static void remove_when_interrupted(const char *path)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, before;
	half_made = path;
	for (size_t i = 0; path && i < sizeof signals / sizeof *signals; i++)
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(signals[i], &act, NULL);
}

static void finish_html(struct report *r, const struct summary_facts *facts)
{
	static const struct summary_facts none = { .first = NO_TIME, .last = NO_TIME };
	const char *path = r->options->html;
	buffer_reset(&r->piece);
	render_html_foot(&r->piece, r->desk->tally, facts ? facts : &none);
	write_piece(r, r->html);
	close_file(r, r->html, path);
	r->html = NULL;
	remove_when_interrupted(NULL);
	if (!facts) /* nothing could be read */
		unlink(path);
}

int report_finish(struct report *r, const struct summary_facts *facts, struct error *err)
{
	if (facts)
		print_end(r, facts);
	write_ladder(r);
	if (r->html)
		finish_html(r, facts);
	if (r->unlisted)
		complain("%llu exchanges were too many to look at their packets again",
			 (unsigned long long)r->unlisted);
	if (r->trouble)
		*err = r->err;
	return r->trouble;
}

static bool open_html(struct report *r, struct error *err)
{
	if (!r->options->html)
		return true;
	r->html = create_file(r, r->options->html);
	if (!r->html) {
		*err = r->err;
		return false;
	}
	remove_when_interrupted(r->options->html);
	render_html_head(&r->piece, r->options->files == 1 ? r->options->shown[0] : "captures");
	write_piece(r, r->html);
	return true;
}

static void desk_free(struct report_desk *desk)
{
	if (!desk)
		return;
	tally_free(desk->tally);
	arena_free(desk->words);
	free(desk);
}

struct report_desk *report_desk_new(void)
{
	struct report_desk *desk = calloc(1, sizeof *desk);
	if (desk && (desk->tally = tally_new()) && (desk->words = arena_new(WORDS_LIMIT)))
		return desk;
	desk_free(desk);
	return NULL;
}

void report_desk_close(struct report *r, struct report_desk *desk)
{
	if (desk)
		tally_merge(r->desk->tally, desk->tally);
	desk_free(desk);
}

struct report *report_new(const struct read_options *options, struct error *err)
{
	struct report *r = calloc(1, sizeof *r);
	if (!r || !(r->desk = report_desk_new())) {
		err_set(err, -ENOMEM, "out of memory");
		report_free(r);
		return NULL;
	}
	r->options = options;
	r->first = NO_TIME;
	r->style = (struct render_style){
		.colour = !options->json && terminal_colour(options->colour),
		.width = terminal_width(),
		.utf8 = terminal_utf8(),
		.file_name = options->files > 1 ? options->shown : NULL,
	};
	buffer_init(&r->out, TEXT_LIMIT);
	buffer_init(&r->cards, TEXT_LIMIT);
	buffer_init(&r->piece, TEXT_LIMIT);
	if (!open_html(r, err)) {
		report_free(r);
		return NULL;
	}
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	if (r->html)
		fclose(r->html);
	desk_free(r->desk);
	buffer_done(&r->out);
	buffer_done(&r->cards);
	buffer_done(&r->piece);
	free(r->listed);
	free(r);
}
