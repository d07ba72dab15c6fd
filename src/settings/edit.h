/* Where the settings' entries stand in their text; for this room alone. */
#ifndef SETTINGS_EDIT_H
#define SETTINGS_EDIT_H

#include "base/grammar.h"
#include "settings/settings.h"

struct edit_entries {
	const struct grammar_entry *block;                 /* iprep_proxy; NULL: there is none */
	const struct grammar_entry *entry[SETTINGS_NAMES]; /* NULL: not there */
};

/* -EINVAL where the text has faults, or the block or an entry is there twice. */
int edit_find(struct slice text, struct arena *arena, struct edit_entries *ret_found,
	      struct error *err);

#endif
