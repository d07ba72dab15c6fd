/* Figures as they stand in configurations. */
#include "diagnose/figures.h"

/* Seconds that proxies and firewalls come with, or that people choose. */
static const unsigned TIMES[] = { 1,   2,   3,	 4,   5,   6,	7,    8,    9,	  10,	12,
				  15,  20,  25,	 30,  35,  40,	45,   50,   55,	  60,	75,
				  90,  100, 120, 150, 180, 200, 240,  300,  350,  360,	400,
				  420, 480, 500, 540, 600, 720, 900,  1000, 1200, 1500, 1800,
				  2400, 2700, 3000, 3600, 5400, 7200, 7440, 10800, 14400, 21600,
				  28800, 43200, 86400 };

nanos figures_time(nanos measured)
{
	nanos best = 0;
	for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
		nanos figure = TIMES[i] * NANOS_PER_SECOND;
		nanos early = figure / 100, late = figure / 10;
		if (late < NANOS_PER_SECOND)
			late = NANOS_PER_SECOND;
		if (measured >= figure - early && measured <= figure + late)
			best = figure;
	}
	return best;
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

bool figures_add_size(struct buffer *out, uint64_t bytes)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = { { UINT64_C(1) << 30, "GiB" }, { 1000000000, "GB" }, { 1 << 20, "MiB" },
		      { 1000000, "MB" },	    { 1 << 10, "KiB" },	  { 1000, "kB" } };
	uint64_t least = UINT64_MAX, figure = 0;
	const char *name = NULL;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		uint64_t n = (bytes + units[i].unit / 2) / units[i].unit;
		uint64_t round = n * units[i].unit;
		uint64_t off = round > bytes ? round - bytes : bytes - round;
		if (n >= 1024 || !is_round(n) || off > bytes / 50 || off >= least)
			continue;
		least = off;
		figure = n;
		name = units[i].name;
	}
	if (name)
		buffer_printf(out, "%llu %s", (unsigned long long)figure, name);
	return name != NULL;
}
