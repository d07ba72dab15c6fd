/* Files that are lines of `key = value`, perhaps in sections: a few keys are set, and all the other
 * lines stay as they are. For this room alone. */
#ifndef SETTINGS_LINES_H
#define SETTINGS_LINES_H

#include "base/buffer.h"

enum lines_when {
	LINES_SET,        /* the line is there, once */
	LINES_IF_PRESENT, /* the line takes the place of one that is there */
	LINES_IF_ABSENT,  /* the line is added where there is none, of whatever case; else that stays */
	LINES_DROP,       /* there is no such line */
};

struct lines_key {
	const char *key;
	enum lines_when when;
	struct slice line; /* without its end */
};

struct lines_form {
	const char *section; /* NULL: no sections matter */
	const char *prefix;  /* words that may stand before a key: "export "; NULL: none */
	const char *ends;    /* what ends a key, besides blanks: "=:" */
	bool dashes;         /* "--key" is "key", "-k" is "k" */
	bool folds;          /* case, '-' and '_' of keys don't matter */
	bool at_start;       /* what is missing goes to the file's begin, else to its end */
	bool indented;       /* an indented line continues the one before */
};

void lines_edit(struct slice before, const struct lines_form *form, const struct lines_key *keys,
		size_t count, struct buffer *out);

#endif
