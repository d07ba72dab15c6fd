/* Which of a walk's exchanges tells how it went. */
#ifndef CLI_DECISIVE_H
#define CLI_DECISIVE_H

#include "diagnose/diagnose.h"

/* NULL: there is none. */
struct exchange *check_decisive(struct exchange *const *exchange, size_t exchanges,
				struct finding *ret_finding);

#endif
