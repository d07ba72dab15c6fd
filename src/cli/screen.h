/* A page that is drawn anew on the whole terminal, until somebody presses q. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "base/buffer.h"

#include <termios.h>

struct screen {
	struct termios before;
	bool terminal; /* there is one to read keys from, and to put back as it was */
};

#define SCREEN_CLEAR "\033[H\033[J" /* begins a page */

void screen_begin(struct screen *s);
void screen_end(struct screen *s);
void screen_size(unsigned *ret_width, size_t *ret_lines);

/* Waits until the next page is due. True: q, ^C, or the end of input. */
bool screen_told_to_end(int every_ms);

/* The key that was pressed within that time: its byte, or one of these. */
enum { KEY_NONE = 0, KEY_END_OF_INPUT = -1, KEY_INTERRUPT = 3, KEY_ESCAPE = 27, KEY_BACKSPACE = 127,
       KEY_UP = 256, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_OTHER };
int screen_key(int within_ms);

/* A number of bytes in six columns: "   512", " 34.1M". */
void screen_add_size(struct buffer *out, uint64_t n);

#endif
