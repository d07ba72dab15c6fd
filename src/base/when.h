/* Points in time as numbers: nanoseconds since 1970-01-01T00:00:00Z, as they came from a
 * capture or a clock. Nothing here asks a clock or knows a time zone. */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include "base/buffer.h"

typedef int64_t nanos; /* the one typedef of the house: a unit, not a struct */

#define NANOS_PER_SECOND INT64_C(1000000000)
#define NANOS_PER_MS     INT64_C(1000000)
#define NO_TIME          INT64_MIN

struct when {
	int year, month, day; /* proleptic Gregorian; month and day from 1 */
	int hour, minute, second;
	uint32_t nanosecond;
};

struct when when_split(nanos t);
nanos when_join(const struct when *w);

/* RFC 3339 in UTC with microseconds (nanoseconds where they are not zero):
 * 2025-03-14T11:30:12.517129Z */
void when_add_rfc3339(struct buffer *out, nanos t);

/* Only the clock: 11:30:12.517129 */
void when_add_clock(struct buffer *out, nanos t);

/* A span as a person says it: "0.4 ms", "176.6 ms", "8.0 s", "2 min 5 s". */
void when_add_span(struct buffer *out, nanos span);

#endif
