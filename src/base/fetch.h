/* Bringing memory into the cache ahead of its use. What is scattered over more memory than a cache
 * holds is waited for line by line; fetched at once, the lines are waited for together, or not at
 * all. It only saves time: whatever stands there, or no longer, is not looked at. */
#ifndef BASE_FETCH_H
#define BASE_FETCH_H

#include <stddef.h>

static inline void fetch(const void *from, size_t len)
{
	enum { LINE = 64 };
	for (size_t at = 0; at < len; at += LINE)
		__builtin_prefetch((const char *)from + at, 1);
	/* gcc calls a function that only fetches one without effect, and leaves the call out */
	__asm__ volatile("");
}

#endif
