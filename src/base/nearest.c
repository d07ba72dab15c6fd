/* Nearness is counted in edits. */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

enum { MAX_WORD = 40 };

/* Edits (insert, drop, change, swap of neighbours) from a to b. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t d[MAX_WORD + 1][MAX_WORD + 1];
	if (n > MAX_WORD || m > MAX_WORD)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[n][m];
}

const char *nearest_word(const char *word, const char *const *list, size_t count)
{
	const char *best = NULL;
	size_t least = strlen(word) / 2 + 1;
	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, list[i]);
		if (strncmp(list[i], word, strlen(word)) == 0 && d > 1)
			d = 1; /* a beginning of it */
		if (d < least) {
			least = d;
			best = list[i];
		}
	}
	return best;
}
