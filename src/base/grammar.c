/* The grammar: bytes to tokens, tokens to entries. A fault is told and stepped over, so that one
 * reading finds all of them; what is behind it is read as if it had been right. */
#include "base/grammar.h"

#include "base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum token { T_WORD, T_SEMICOLON, T_OPEN, T_CLOSE, T_END };

struct lexer {
	struct slice left;
	struct arena *arena;
	uint32_t line, column;
	const struct grammar_faults *faults;
	bool faulty, full;
};

struct token_at {
	enum token kind;
	struct grammar_word word; /* of T_WORD its text; of all the place */
};

static void tell(struct lexer *l, uint32_t line, uint32_t column, const char *text)
{
	l->faulty = true;
	if (l->faults)
		l->faults->fault(l->faults->context, line, column, text);
}

static void skip(struct lexer *l, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		bool end_of_line = l->left.at[i] == '\n';
		l->line += end_of_line;
		l->column = end_of_line ? 1 : l->column + 1;
	}
	l->left = slice_from(l->left, bytes);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_control(uint8_t c)
{
	return (c < 0x20 && !is_blank(c)) || c == 0x7f;
}

static bool ends_word(uint8_t c)
{
	return is_blank(c) || is_control(c) || strchr(";{}#\"", c) != NULL;
}

static void tell_control(struct lexer *l)
{
	char text[64];
	snprintf(text, sizeof text, "a control character, \\x%02x, can't stand here",
		 l->left.at[0]);
	tell(l, l->line, l->column, text);
}

/* Blanks and comments. A stray control character is told and counts as a blank. */
static void skip_blanks(struct lexer *l)
{
	while (l->left.len > 0) {
		uint8_t c = l->left.at[0];
		if (is_control(c))
			tell_control(l);
		else if (c == '#')
			skip(l, slice_find_byte(l->left, '\n'));
		else if (!is_blank(c))
			return;
		skip(l, l->left.len > 0);
	}
}

/* The inside of a quoted word, up to the closing quote; without escapes, so it is copied. */
static struct slice read_quoted(struct lexer *l)
{
	uint32_t line = l->line, column = l->column;
	skip(l, 1);
	size_t end = 0;
	while (end < l->left.len && l->left.at[end] != '"' && l->left.at[end] != '\n')
		end += l->left.at[end] == '\\' && end + 1 < l->left.len &&
				       l->left.at[end + 1] != '\n'
			       ? 2
			       : 1;
	uint8_t *copy = arena_take(l->arena, end + 1);
	l->full |= !copy;
	size_t len = 0;
	while (l->left.len > 0 && l->left.at[0] != '"' && l->left.at[0] != '\n') {
		uint8_t c = l->left.at[0];
		uint8_t next = l->left.len > 1 ? l->left.at[1] : 0;
		if (c == '\\' && (next == '"' || next == '\\'))
			skip(l, 1);
		else if (c == '\\')
			tell(l, l->line, l->column,
			     "in quotes only \\\" and \\\\ are escapes; write \\\\ for a "
			     "backslash");
		else if (is_control(c) || c == '\r')
			tell_control(l);
		if (copy && len <= end)
			copy[len++] = l->left.at[0];
		skip(l, 1);
	}
	if (l->left.len > 0 && l->left.at[0] == '"')
		skip(l, 1);
	else
		tell(l, line, column,
		     "the quoted word that begins here has no closing \" on its line");
	return (struct slice){ copy, len };
}

static struct slice read_bare(struct lexer *l)
{
	size_t n = 0;
	while (n < l->left.len && !ends_word(l->left.at[n]))
		n++;
	struct slice word = slice_first(l->left, n);
	skip(l, n);
	return word;
}

/* Nothing but a blank, ; { } or a comment follows a word. */
static void check_word_end(struct lexer *l, bool was_quoted)
{
	if (l->left.len == 0)
		return;
	uint8_t c = l->left.at[0];
	if (c == '"')
		tell(l, l->line, l->column,
		     was_quoted ? "a blank is missing between two quoted words"
				: "a \" within a word; quote the whole word and write \\\"");
	else if (was_quoted && !ends_word(c))
		tell(l, l->line, l->column, "a blank is missing behind the quoted word");
}

static struct token_at next_token(struct lexer *l)
{
	skip_blanks(l);
	struct token_at t = { .kind = T_END, .word = { .line = l->line, .column = l->column } };
	if (l->left.len == 0)
		return t;
	uint8_t c = l->left.at[0];
	if (c == ';' || c == '{' || c == '}') {
		t.kind = c == ';' ? T_SEMICOLON : c == '{' ? T_OPEN : T_CLOSE;
		skip(l, 1);
		return t;
	}
	t.kind = T_WORD;
	t.word.quoted = c == '"';
	t.word.text = t.word.quoted ? read_quoted(l) : read_bare(l);
	check_word_end(l, t.word.quoted);
	return t;
}

/* ---- entries ------------------------------------------------------------------------------ */

struct open_block {
	struct grammar_entry **tail; /* where its next entry goes */
	struct grammar_word at;      /* of the brace */
};

struct parser {
	struct lexer lexer;
	struct open_block open[GRAMMAR_DEPTH + 1];
	size_t depth;                /* open[depth] is what entries go into */
	size_t too_deep;             /* braces open beyond that */
	struct grammar_entry *entry; /* being read; NULL: none begun */
	size_t room;                 /* of its words */
};

/* An entry becomes part of the tree when its first word is there. */
static void begin_entry(struct parser *p)
{
	p->entry = arena_alloc(p->lexer.arena, sizeof *p->entry);
	p->room = 0;
	if (!p->entry) {
		p->lexer.full = true;
		return;
	}
	if (p->too_deep > 0)
		return; /* read, and forgotten */
	*p->open[p->depth].tail = p->entry;
	p->open[p->depth].tail = &p->entry->next;
}

static void add_word(struct parser *p, const struct grammar_word *w)
{
	if (!p->entry)
		begin_entry(p);
	if (!p->entry)
		return;
	if (p->entry->words == p->room) {
		size_t room = p->room ? 2 * p->room : 4;
		struct grammar_word *more = arena_alloc(p->lexer.arena, room * sizeof *more);
		if (!more) {
			p->lexer.full = true;
			return;
		}
		if (p->room)
			memcpy(more, p->entry->word, p->room * sizeof *more);
		p->entry->word = more;
		p->room = room;
	}
	p->entry->word[p->entry->words++] = *w;
}

static void open_block(struct parser *p, const struct grammar_word *at)
{
	struct grammar_entry *owner = p->entry;
	p->entry = NULL;
	if (!owner)
		tell(&p->lexer, at->line, at->column, "a { with no name before it");
	if (p->too_deep > 0 || p->depth == GRAMMAR_DEPTH) {
		if (p->too_deep++ == 0)
			tell(&p->lexer, at->line, at->column,
			     "blocks in blocks, more than 8 deep; no directive is");
		return;
	}
	if (!owner) /* what stands in it is read, and belongs to nothing */
		owner = arena_alloc(p->lexer.arena, sizeof *owner);
	if (!owner) {
		p->lexer.full = true;
		return;
	}
	owner->block = true;
	p->open[++p->depth] = (struct open_block){ &owner->first, *at };
}

static void missing_semicolon(struct parser *p)
{
	const struct grammar_word *last = &p->entry->word[p->entry->words - 1];
	char shown[64], text[160];
	snprintf(text, sizeof text, "a ; is missing behind '%s'",
		 escape_into(shown, sizeof shown, last->text));
	tell(&p->lexer, last->line, last->column, text);
	p->entry = NULL;
}

static void close_block(struct parser *p, const struct grammar_word *at)
{
	if (p->entry)
		missing_semicolon(p);
	if (p->too_deep > 0)
		p->too_deep--;
	else if (p->depth > 0)
		p->depth--;
	else
		tell(&p->lexer, at->line, at->column, "a } that closes nothing");
}

static void take_token(struct parser *p, const struct token_at *t)
{
	switch (t->kind) {
	case T_WORD:
		add_word(p, &t->word);
		break;
	case T_OPEN:
		open_block(p, &t->word);
		break;
	case T_CLOSE:
		close_block(p, &t->word);
		break;
	case T_SEMICOLON:
		if (!p->entry)
			tell(&p->lexer, t->word.line, t->word.column, "a ; with nothing before it");
		p->entry = NULL;
		break;
	case T_END:
		if (p->entry)
			missing_semicolon(p);
		for (; p->depth > 0; p->depth--)
			tell(&p->lexer, p->open[p->depth].at.line, p->open[p->depth].at.column,
			     "the { here is never closed; a } is missing");
		break;
	}
}

int grammar_read_all(struct slice text, struct arena *arena, struct grammar_entry **ret_first,
		     const struct grammar_faults *faults)
{
	if (slice_starts(text, SLICE("\xef\xbb\xbf"))) /* what some editors put first */
		text = slice_from(text, 3);
	struct grammar_entry *first = NULL;
	struct parser p = {
		.lexer = { .left = text, .arena = arena, .line = 1, .column = 1, .faults = faults },
	};
	p.open[0].tail = &first;
	struct token_at t;
	do {
		t = next_token(&p.lexer);
		if (!p.lexer.full)
			take_token(&p, &t);
	} while (t.kind != T_END && !p.lexer.full);
	if (p.lexer.full)
		return -ENOMEM;
	*ret_first = first;
	return p.lexer.faulty ? -EINVAL : 0;
}

static void keep_first(void *context, uint32_t line, uint32_t column, const char *text)
{
	struct error *err = context;
	if (err->code == 0)
		err_set(err, -EINVAL, "line %u, column %u: %s", line, column, text);
}

int grammar_read(struct slice text, struct arena *arena, struct grammar_entry **ret_first,
		 struct error *err)
{
	struct error found = { 0 };
	struct grammar_entry *first;
	int code = grammar_read_all(text, arena, &first,
				    &(struct grammar_faults){ keep_first, &found });
	if (code == -ENOMEM)
		return err_set(err, -ENOMEM, "the text has more words than there is room for");
	if (code < 0)
		return err_set(err, code, "%s", found.text);
	*ret_first = first;
	return 0;
}

bool grammar_add_word(struct buffer *out, struct slice word)
{
	bool plain = word.len > 0;
	for (size_t i = 0; i < word.len; i++) {
		if (is_control(word.at[i]) || word.at[i] == '\n' || word.at[i] == '\r')
			return false;
		plain &= !ends_word(word.at[i]);
	}
	if (plain) {
		buffer_add(out, word);
		return true;
	}
	buffer_add_byte(out, '"');
	for (size_t i = 0; i < word.len; i++) {
		if (word.at[i] == '"' || word.at[i] == '\\')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, word.at[i]);
	}
	buffer_add_byte(out, '"');
	return true;
}
