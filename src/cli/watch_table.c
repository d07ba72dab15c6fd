/* The exchanges on a terminal: the newest failures first, and behind them the rest, newest first.
 * What they are drawn from again, trace/pack.h keeps; the oldest of ROWS makes room for the newest.
 *
 *    LIST ──enter──▶ CARD ──back──▶ LIST
 *      └─────/──▶ ASKING ──enter──▶ LIST           (the words that are looked for) */
#include "base/escape.h"
#include "cli/screen.h"
#include "cli/terminal.h"
#include "cli/watch.h"
#include "trace/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ROWS = 2000,
	MAX_PACKED = 64 << 10,
	EXCHANGE_LIMIT = 256 << 10, /* as it was made with */
	WORDS_LIMIT = 1 << 20,
	PAGE_LIMIT = 4 << 20,
	MAX_WORDS = 60,
	HEAD_LINES = 4,
};

static const nanos DRAW_EVERY = NANOS_PER_SECOND;

enum state { LIST, CARD, ASKING };

struct row {
	uint8_t *packed;
	size_t len;
	uint64_t number; /* of the exchange, from 1 */
	enum verdict verdict;
	enum severity severity;
	char words[200]; /* what is looked for in: who, and which target; safe to show */
};

struct watch_table {
	struct screen screen;
	struct render_style style;
	struct buffer page, packing;
	struct arena *arena;
	struct row row[ROWS]; /* a ring: number n is in place n % ROWS */
	uint64_t exchanges, failures;
	enum state state;
	bool paused, only_failures, dirty;
	uint64_t until;                /* paused: this was the latest exchange then */
	int verdict;                   /* only this one; -1: any */
	char words[MAX_WORDS + 1];     /* only what has them all */
	uint64_t chosen;               /* number of the row under the cursor; 0: the first */
	const struct row *shown[ROWS]; /* as they stand on the page, when it was drawn last */
	size_t count, cursor;
	nanos drawn_at;
};

/* ---- what is kept ---------------------------------------------------------------------------- */

static void note_words(struct row *row, const struct exchange *x)
{
	struct buffer b;
	buffer_init(&b, 4096);
	buffer_add_text(&b, verdict_id(row->verdict));
	buffer_add_byte(&b, ' ');
	address_add(&b, &x->client);
	buffer_add_byte(&b, ' ');
	address_add(&b, &x->proxy);
	buffer_add_byte(&b, ' ');
	escape_text(&b, slice_first(x->request.target, 120));
	escape_into(row->words, sizeof row->words, buffer_slice(&b));
	buffer_done(&b);
}

void watch_table_add(struct watch_table *t, const struct exchange *x, const struct diagnosis *d)
{
	t->exchanges++;
	t->failures += d->severity == SEVERITY_FAILURE;
	t->dirty = true;
	buffer_reset(&t->packing);
	trace_pack(x, &t->packing);
	uint8_t *copy = t->packing.failed ? NULL : malloc(t->packing.len);
	if (!copy)
		return;
	memcpy(copy, t->packing.at, t->packing.len);
	struct row *row = &t->row[t->exchanges % ROWS];
	free(row->packed);
	*row = (struct row){ .packed = copy,
			     .len = t->packing.len,
			     .number = t->exchanges,
			     .verdict = d->verdict,
			     .severity = d->severity };
	note_words(row, x);
}

/* ---- what is shown --------------------------------------------------------------------------- */

static bool has_words(const struct row *row, const char *words)
{
	struct slice rest = slice_of(words), text = slice_of(row->words);
	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');
		if (word.len && slice_find_nocase(text, word) == text.len)
			return false;
	}
	return true;
}

static bool is_wanted(const struct watch_table *t, const struct row *row)
{
	return row->packed && (t->verdict < 0 || (int)row->verdict == t->verdict) &&
	       (!t->only_failures || row->severity == SEVERITY_FAILURE) && has_words(row, t->words);
}

static void choose_rows(struct watch_table *t)
{
	uint64_t newest = t->paused ? t->until : t->exchanges;
	t->count = t->cursor = 0;
	for (int failed = 1; failed >= 0; failed--)
		for (uint64_t n = newest; n > 0 && n + ROWS > t->exchanges; n--) {
			const struct row *row = &t->row[n % ROWS];
			if (row->number != n || (row->severity == SEVERITY_FAILURE) != failed ||
			    !is_wanted(t, row))
				continue;
			if (n == t->chosen)
				t->cursor = t->count;
			t->shown[t->count++] = row;
		}
}

static void render_row(struct watch_table *t, const struct row *row, bool card)
{
	struct exchange *x = trace_unpack((struct slice){ row->packed, row->len }, EXCHANGE_LIMIT);
	struct finding f;
	struct diagnosis d;
	if (!x)
		return;
	arena_reset(t->arena);
	diagnose_judge(x, &f);
	diagnose_explain(x, &f, t->arena, &d);
	if (card)
		render_card(&t->page, &t->style, x, &d);
	else
		render_line(&t->page, &t->style, x, &d);
	trace_free(x);
}

static void add_head(struct watch_table *t, const struct watch_now *now)
{
	const struct capture_live_counts *c = &now->counts;
	uint64_t dropped = c->dropped + c->dropped_by_interface;
	struct buffer *out = &t->page;
	buffer_printf(out, "viaduct watch %s%s: %llu exchanges, %llu failed; %llu packets",
		      now->interface, c->down ? " (down)" : "", (unsigned long long)t->exchanges,
		      (unsigned long long)t->failures, (unsigned long long)now->packets);
	if (dropped)
		buffer_printf(out, ", %llu dropped (--buffer, --filter)",
			      (unsigned long long)dropped);
	buffer_printf(out, ", %llu connections%s\n", (unsigned long long)now->live,
		      t->paused ? "; PAUSED" : "");
	if (t->state == ASKING)
		buffer_printf(out, "words: %s_\n\n", t->words);
	else if (t->state == CARD)
		buffer_add_text(out, "b back  q quit\n\n");
	else
		buffer_printf(out, "enter card  f %s  v verdict%s%s  / words%s%s  p %s  q quit\n\n",
			      t->only_failures ? "all" : "failures", t->verdict < 0 ? "" : ": ",
			      t->verdict < 0 ? "" : verdict_id((enum verdict)t->verdict),
			      *t->words ? ": " : "", t->words, t->paused ? "go on" : "pause");
}

/* A page of the list, so that the cursor is on it. */
static void add_list(struct watch_table *t, size_t lines)
{
	size_t from = t->cursor / lines * lines;
	for (size_t i = from; i < t->count && i < from + lines; i++) {
		buffer_add_text(&t->page, i == t->cursor ? "> " : "  ");
		render_row(t, t->shown[i], false);
	}
	if (t->count == 0)
		buffer_add_text(&t->page, t->exchanges ? "  none of the latest is so\n"
						       : "  no exchange yet\n");
}

/* As much of a card as fits. */
static void cut_lines(struct buffer *page, size_t from, size_t lines)
{
	struct slice rest = slice_from(buffer_slice(page), from);
	while (rest.len && lines > 0) {
		slice_line(&rest);
		lines--;
	}
	page->len -= (uint32_t)rest.len;
}

static void draw(struct watch_table *t, const struct watch_now *now)
{
	unsigned width;
	size_t lines;
	screen_size(&width, &lines);
	t->style.width = width > 42 ? width - 2 : 40;
	lines = lines > HEAD_LINES + 1 ? lines - HEAD_LINES : 1;
	buffer_reset(&t->page);
	buffer_add_text(&t->page, SCREEN_CLEAR);
	add_head(t, now);
	choose_rows(t);
	size_t from = t->page.len;
	if (t->state == CARD && t->count > 0)
		render_row(t, t->shown[t->cursor], true);
	else
		add_list(t, lines);
	cut_lines(&t->page, from, lines);
	fwrite(t->page.at, 1, t->page.len, stdout);
	fflush(stdout);
	t->dirty = false;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Through those that came. */
static void next_verdict(struct watch_table *t)
{
	bool came[V_COUNT_] = { false };
	for (size_t i = 0; i < ROWS; i++)
		if (t->row[i].packed)
			came[t->row[i].verdict] = true;
	do
		t->verdict = t->verdict + 1 < V_COUNT_ ? t->verdict + 1 : -1;
	while (t->verdict >= 0 && !came[t->verdict]);
}

static void move(struct watch_table *t, long by)
{
	long to = (long)t->cursor + by;
	if (t->count == 0)
		return;
	to = to < 0 ? 0 : to < (long)t->count ? to : (long)t->count - 1;
	t->cursor = (size_t)to;
	/* on the first row it stays on the first row, whichever that is */
	t->chosen = to == 0 && t->state == LIST ? 0 : t->shown[t->cursor]->number;
}

static void pause_or_not(struct watch_table *t)
{
	t->paused = !t->paused;
	t->until = t->exchanges;
}

static void take_word_key(struct watch_table *t, int key)
{
	size_t len = strlen(t->words);
	if (key == '\n' || key == '\r' || key == KEY_ESCAPE) {
		if (key == KEY_ESCAPE)
			t->words[0] = '\0';
		t->state = LIST;
	} else if ((key == KEY_BACKSPACE || key == '\b') && len > 0) {
		t->words[len - 1] = '\0';
	} else if (key >= ' ' && key < KEY_BACKSPACE && len < MAX_WORDS) {
		t->words[len] = (char)key;
		t->words[len + 1] = '\0';
	}
}

static void take_key(struct watch_table *t, int key)
{
	if (key == KEY_UP || key == 'k')
		move(t, -1);
	else if (key == KEY_DOWN || key == 'j')
		move(t, 1);
	else if (key == KEY_PAGE_UP)
		move(t, -20);
	else if (key == KEY_PAGE_DOWN)
		move(t, 20);
	else if (key == 'f')
		t->only_failures = !t->only_failures;
	else if (key == 'v')
		next_verdict(t);
	else if (key == 'p' || key == ' ')
		pause_or_not(t);
	else if (key == '/')
		t->state = ASKING;
	else if (key == 'b' || key == KEY_ESCAPE || key == KEY_BACKSPACE)
		t->state = LIST;
	else if ((key == '\n' || key == '\r') && t->count > 0) {
		t->chosen = t->shown[t->cursor]->number;
		t->state = CARD;
	}
}

bool watch_table_tick(struct watch_table *t, const struct watch_now *now)
{
	int key;
	while ((key = screen_key(0)) != KEY_NONE) {
		bool quits = key == 'q' && t->state != ASKING;
		if (quits || key == KEY_INTERRUPT || key == KEY_END_OF_INPUT)
			return true;
		if (t->state == ASKING)
			take_word_key(t, key);
		else
			take_key(t, key);
		draw(t, now);
	}
	if (now->at - t->drawn_at < (t->dirty ? DRAW_EVERY / 4 : DRAW_EVERY))
		return false;
	t->drawn_at = now->at;
	draw(t, now);
	return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct watch_table *watch_table_new(const char *colour)
{
	struct watch_table *t = calloc(1, sizeof *t);
	struct arena *arena = arena_new(WORDS_LIMIT);
	if (!t || !arena) {
		free(t);
		arena_free(arena);
		return NULL;
	}
	t->arena = arena;
	t->verdict = -1;
	t->style =
		(struct render_style){ .colour = terminal_colour(colour), .utf8 = terminal_utf8() };
	buffer_init(&t->page, PAGE_LIMIT);
	buffer_init(&t->packing, MAX_PACKED);
	screen_begin(&t->screen);
	return t;
}

void watch_table_free(struct watch_table *t)
{
	if (!t)
		return;
	screen_end(&t->screen);
	for (size_t i = 0; i < ROWS; i++)
		free(t->row[i].packed);
	buffer_done(&t->page);
	buffer_done(&t->packing);
	arena_free(t->arena);
	free(t);
}
