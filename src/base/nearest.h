/* Guesses which word was meant. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* The word of the list that `word` was most likely meant to be; NULL when none is near. */
const char *nearest_word(const char *word, const char *const *list, size_t count);

#endif
