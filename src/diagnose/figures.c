/* Figures as they stand in configurations. */
#include "diagnose/figures.h"

/* Of sizes: 2 %, in millionths; and the largest that is looked at, a terabyte. */
enum { MOST_OFF = 20000 };
static const uint64_t MOST_SIZE = UINT64_C(1) << 40;

/* Seconds that proxies and firewalls come with, or that people choose. */
static const unsigned TIMES[] = { 1,    2,     3,     4,     5,     6,     7,    8,    9,    10,
				  12,   15,    20,    25,    30,    35,    40,   45,   50,   55,
				  60,   75,    90,    100,   120,   150,   180,  200,  240,  300,
				  350,  360,   400,   420,   480,   500,   540,  600,  720,  900,
				  1000, 1200,  1500,  1800,  2400,  2700,  3000, 3600, 5400, 7200,
				  7440, 10800, 14400, 21600, 28800, 43200, 86400 };

static nanos distance(nanos a, nanos b)
{
	return a > b ? a - b : b - a;
}

nanos figures_time(nanos measured)
{
	nanos nearest = 0, below = 0;
	for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
		nanos figure = TIMES[i] * NANOS_PER_SECOND;
		nanos late =
			figure / 10 > NANOS_PER_SECOND / 2 ? figure / 10 : NANOS_PER_SECOND / 2;
		if (distance(measured, figure) <= figure / 50 &&
		    distance(measured, figure) < distance(measured, nearest))
			nearest = figure;
		if (measured >= figure && measured <= figure + late)
			below = figure;
	}
	return nearest ? nearest : below;
}

void figures_add_time(struct buffer *out, nanos figure)
{
	uint64_t seconds = (uint64_t)(figure / NANOS_PER_SECOND);
	if (seconds >= 3600 && seconds % 3600 == 0)
		buffer_printf(out, "%llu h", (unsigned long long)(seconds / 3600));
	else if (seconds >= 120 && seconds % 60 == 0)
		buffer_printf(out, "%llu min", (unsigned long long)(seconds / 60));
	else
		buffer_printf(out, "%llu s", (unsigned long long)seconds);
}

static bool is_round(uint64_t n)
{
	while (n >= 100 && n % 10 == 0)
		n /= 10;
	bool power = (n & (n - 1)) == 0;
	return n > 0 && (n <= 10 || power || (n < 100 && n % 5 == 0));
}

struct figure_size figures_size(uint64_t measured)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = { { UINT64_C(1) << 30, "GiB" }, { 1000000000, "GB" },
		      { 1 << 20, "MiB" },           { 1000000, "MB" },
		      { 1 << 10, "KiB" },           { 1000, "kB" } };
	struct figure_size best = { .off = MOST_OFF + 1 };
	for (size_t i = 0; i < sizeof units / sizeof *units && measured < MOST_SIZE; i++) {
		uint64_t n = (measured + units[i].unit / 2) / units[i].unit;
		uint64_t round = n * units[i].unit;
		uint64_t off = round > measured ? round - measured : measured - round;
		if (n >= 1024 || !is_round(n) || off * 1000000 / round >= best.off)
			continue;
		best = (struct figure_size){ n, units[i].name, off * 1000000 / round };
	}
	return best;
}
