/* What went wrong, in one sentence, written once, where the facts are.
 *
 * A function that can fail for a reason the user must hear takes `struct error *err` and
 * returns a negative errno. The text says what, where, and both numbers that disagree. Any
 * foreign bytes in it have been made safe to show (base/escape.h). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
	int code; /* negative errno; 0: none */
	char text[400];
};

/* Writes the sentence (cut to fit) and returns `code`. err may be NULL. */
int err_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Who only reads the code can't know it: an analyzer sees one file at a time. */
#ifdef __clang_analyzer__
#define err_set(err, code, ...) ((void)err_set(err, code, __VA_ARGS__), (code))
#endif

#endif
