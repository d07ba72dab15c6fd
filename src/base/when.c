/* Calendar arithmetic on nanoseconds since the epoch (days-from-civil, 400-year eras). */
#include "base/when.h"

enum { DAYS_PER_ERA = 146097 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

struct when when_split(nanos t)
{
	int64_t seconds = floor_div(t, NANOS_PER_SECOND);
	int64_t days = floor_div(seconds, 86400);
	uint32_t rest = (uint32_t)(seconds - days * 86400);
	uint32_t z = (uint32_t)(days + 719468); /* days since 0000-03-01: nanos begin in 1677 */
	uint32_t era = z / DAYS_PER_ERA;
	uint32_t doe = z % DAYS_PER_ERA;
	uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint32_t mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	return (struct when){
		.year = (int)(yoe + era * 400) + (month <= 2),
		.month = month,
		.day = (int)(doy - (153 * mp + 2) / 5 + 1),
		.hour = (int)(rest / 3600),
		.minute = (int)(rest / 60 % 60),
		.second = (int)(rest % 60),
		.nanosecond = (uint32_t)(t - seconds * NANOS_PER_SECOND),
	};
}

nanos when_join(const struct when *w)
{
	int64_t y = w->year - (w->month <= 2);
	int64_t era = floor_div(y, 400);
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (w->month + (w->month > 2 ? -3 : 9)) + 2) / 5 + w->day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	int64_t days = era * DAYS_PER_ERA + doe - 719468;
	int64_t seconds = days * 86400 + w->hour * 3600 + w->minute * 60 + w->second;
	return seconds * NANOS_PER_SECOND + w->nanosecond;
}

static void put_digits(uint8_t *at, uint32_t value, unsigned width)
{
	while (width-- > 0) {
		at[width] = (uint8_t)('0' + value % 10);
		value /= 10;
	}
}

static void add_clock(struct buffer *out, const struct when *w)
{
	uint8_t text[18] = "hh:mm:ss.nnnnnnnnn";
	put_digits(text, (uint32_t)w->hour, 2);
	put_digits(text + 3, (uint32_t)w->minute, 2);
	put_digits(text + 6, (uint32_t)w->second, 2);
	put_digits(text + 9, w->nanosecond, 9);
	buffer_add(out, (struct slice){ text, w->nanosecond % 1000 ? 18 : 15 });
}

void when_add_clock(struct buffer *out, nanos t)
{
	struct when w = when_split(t);
	add_clock(out, &w);
}

void when_add_rfc3339(struct buffer *out, nanos t)
{
	struct when w = when_split(t);
	uint8_t date[11] = "yyyy-mm-ddT";
	put_digits(date, (uint32_t)w.year, 4);
	put_digits(date + 5, (uint32_t)w.month, 2);
	put_digits(date + 8, (uint32_t)w.day, 2);
	buffer_add(out, (struct slice){ date, sizeof date });
	add_clock(out, &w);
	buffer_add_byte(out, 'Z');
}

void when_add_span(struct buffer *out, nanos span)
{
	if (span < 0) {
		buffer_add_byte(out, '-');
		span = -span;
	}
	double ms = (double)span / 1e6;
	if (ms < 999.95)
		buffer_printf(out, "%.1f ms", ms);
	else if (ms < 119950.0)
		buffer_printf(out, "%.1f s", ms / 1e3);
	else if (ms < 7200e3)
		buffer_printf(out, "%d min %d s", (int)(ms / 60e3), (int)(ms / 1e3) % 60);
	else
		buffer_printf(out, "%d h %d min", (int)(ms / 3600e3), (int)(ms / 60e3) % 60);
}
