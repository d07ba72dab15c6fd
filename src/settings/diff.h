/* What a person has to see of a change to a file: the lines that go and those that come, without the
 * secrets in them. */
#ifndef SETTINGS_DIFF_H
#define SETTINGS_DIFF_H

#include "base/buffer.h"

/* "@@ -3 +3 @@", "-old", "+new"; no lines around them, which are nobody's business here. Nothing for
 * texts that are the same. */
void diff_add(struct buffer *out, struct slice before, struct slice after);

#endif
