/* viaduct console: what other rooms do for it. */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include "console/console.h"

extern const struct console_work CONSOLE_WORK;

#endif
