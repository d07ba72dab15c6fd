/* Numbers in decimal: from the front, four digits after four. */
#include "base/digits.h"

const char DIGITS_PAIRS[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343"
	"53637383940414243444546474849505152535455565758596061626364656667686970"
	"7172737475767778798081828384858687888990919293949596979899";

static inline uint8_t *write_small(uint8_t *to, uint32_t below_100)
{
	if (below_100 >= 10)
		return digits_write_pair(to, below_100);
	*to = (uint8_t)('0' + below_100);
	return to + 1;
}

static inline uint8_t *write_medium(uint8_t *to, uint32_t below_10000)
{
	if (below_10000 < 100)
		return write_small(to, below_10000);
	to = write_small(to, below_10000 / 100);
	return digits_write_pair(to, below_10000 % 100);
}

static inline uint8_t *write_four(uint8_t *to, uint32_t below_10000)
{
	to = digits_write_pair(to, below_10000 / 100);
	return digits_write_pair(to, below_10000 % 100);
}

/* Nearly all have eight digits at most. */
uint8_t *digits_write(uint8_t *to, uint64_t value)
{
	enum { FOUR = 10000, EIGHT = 100000000 };
	if (value < FOUR)
		return write_medium(to, (uint32_t)value);
	if (value < EIGHT) {
		to = write_medium(to, (uint32_t)value / FOUR);
		return write_four(to, (uint32_t)value % FOUR);
	}
	to = digits_write(to, value / EIGHT);
	to = write_four(to, (uint32_t)(value % EIGHT) / FOUR);
	return write_four(to, (uint32_t)(value % EIGHT) % FOUR);
}
