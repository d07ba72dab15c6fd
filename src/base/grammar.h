/* The one grammar of our configuration and settings files: `name word... ;` or
 * `name word... { ... }`, `#` comments to the end of the line, words quoted with " (in them \" and
 * \\ stand for themselves) where they hold blanks or any of ; { } # ". A quoted word ends on the line
 * that it began on.
 *
 * Reading makes a tree in the caller's arena, with the place of every word, so that whoever judges
 * the words can say where a fault is. */
#ifndef BASE_GRAMMAR_H
#define BASE_GRAMMAR_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

struct grammar_word {
	struct slice text; /* without quotes and escapes */
	uint32_t line, column; /* from 1; columns are bytes */
	bool quoted;
};

struct grammar_entry {
	struct grammar_word *word; /* word[0] is the name */
	size_t words;
	bool block;                /* it has { }, perhaps with nothing in it */
	struct grammar_entry *first; /* of the block */
	struct grammar_entry *next;
};

enum { GRAMMAR_DEPTH = 8 };

/* Told of each fault: its place and one sentence (safe to show). */
struct grammar_faults {
	void (*fault)(void *context, uint32_t line, uint32_t column, const char *text);
	void *context;
};

/* The entries of the text, as well as they can be told behind a fault; *ret_first is NULL for a text
 * without any. 0; -EINVAL when there were faults, all of them told; -ENOMEM when the arena is full. */
int grammar_read_all(struct slice text, struct arena *arena, struct grammar_entry **ret_first,
		     const struct grammar_faults *faults);

/* The same, with the first fault as an error: line, column, sentence. */
int grammar_read(struct slice text, struct arena *arena, struct grammar_entry **ret_first,
		 struct error *err);

/* Writes a word so that it is read back the same. Line breaks and other control characters can't
 * stand in a word: false for such a one, and nothing is written. */
bool grammar_add_word(struct buffer *out, struct slice word);

#endif
