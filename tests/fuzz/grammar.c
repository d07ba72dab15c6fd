/* Any text as a configuration: every word lies where it is said to be, and what was read without a
 * fault is read back the same when it is written. */
#include "base/grammar.h"

#include "inside.h"

#include <errno.h>

enum { ROOM = 1 << 20 };

static void write_entries(struct buffer *out, const struct grammar_entry *e, unsigned depth)
{
	assert(depth <= GRAMMAR_DEPTH);
	for (; e; e = e->next) {
		assert(e->words > 0 && (e->block || !e->first));
		for (size_t i = 0; i < e->words; i++) {
			assert(e->word[i].line > 0 && e->word[i].column > 0);
			assert(grammar_add_word(out, e->word[i].text));
			buffer_add_byte(out, ' ');
		}
		buffer_add_text(out, e->block ? "{" : ";");
		write_entries(out, e->first, depth + 1);
		buffer_add_text(out, e->block ? "}\n" : "\n");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ROOM);
	struct grammar_entry *first = NULL;
	struct error err = { 0 };
	int code = grammar_read((struct slice){ data, size }, arena, &first, &err);
	assert((code < 0) == (err.text[0] != 0));
	struct buffer once, twice;
	buffer_init(&once, ROOM);
	buffer_init(&twice, ROOM);
	if (code == 0) {
		write_entries(&once, first, 0);
		struct grammar_entry *again = NULL;
		code = once.failed ? -1 : grammar_read(buffer_slice(&once), arena, &again, &err);
		if (code == 0) {
			write_entries(&twice, again, 0);
			assert(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
		}
		assert(code == 0 || code == -ENOMEM || once.failed);
	}
	buffer_done(&twice);
	buffer_done(&once);
	arena_free(arena);
	return 0;
}
