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

uint8_t *digits_write(uint8_t *to, uint64_t value)
{
	if (value < 100)
		return write_small(to, (uint32_t)value);
	if (value >= 10000) {
		to = digits_write(to, value / 10000);
		to = digits_write_pair(to, (uint32_t)(value % 10000) / 100);
	} else {
		to = write_small(to, (uint32_t)value / 100);
	}
	return digits_write_pair(to, (uint32_t)(value % 100));
}
