/* Numbers in decimal, where millions of them are written: two digits at a time, into the caller's
 * memory. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

enum { DIGITS_MOST = 20 }; /* of 64 bits */

extern const char DIGITS_PAIRS[]; /* "00", "01", ... "99" */

/* Two digits of a number below 100; behind them. */
static inline uint8_t *digits_write_pair(uint8_t *to, uint32_t below_100)
{
	memcpy(to, DIGITS_PAIRS + below_100 * 2, 2);
	return to + 2;
}

/* As many as it takes, DIGITS_MOST at most; behind them. */
uint8_t *digits_write(uint8_t *to, uint64_t value);

#endif
