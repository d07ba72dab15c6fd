/* Download forensics: a transfer that did not come whole is fetched again, at most twice, within
 * limits on bytes and time, so that what cut it gives itself away: at the same byte each time, at
 * the same age, or neither; the last time at another speed where both would fit. */
#ifndef CHECK_DOWNLOAD_H
#define CHECK_DOWNLOAD_H

#include "check/check.h"

/* Did this walk's last request begin to bring a body, and not bring it whole? */
bool download_broke(struct exchange *const *seen, size_t count);

/* What the walk saw (its exchanges, in order) is the first fetch. The others are made here, and facts
 * of all are put into the probe of `judged`. resume: the rest is then asked for by Range. Negative
 * errno with err as check_walk has it. */
int check_download(const struct check_options *options, struct exchange *const *seen, size_t count,
		   bool resume, struct exchange *judged, struct error *err);

#endif
