/* What standard output is: how wide, with colours or without. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

unsigned terminal_width(void);          /* columns; COLUMNS is honoured; 80 where unknown */
bool terminal_colour(const char *when); /* "auto", "always", "never"; NO_COLOR honoured */
bool terminal_utf8(void);               /* does the locale's charset say UTF-8? */

#endif
