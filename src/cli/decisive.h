/* Which of a walk's exchanges tells how it went; check.c has it. */
#ifndef CLI_DECISIVE_H
#define CLI_DECISIVE_H

#include "trace/exchange.h"

struct exchange *check_decisive(struct exchange *const *exchange, size_t exchanges);

#endif
