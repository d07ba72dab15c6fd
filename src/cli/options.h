/* Command-line options: a table in, values out; what is unknown is answered with the nearest. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/nearest.h"
#include "base/slice.h"

enum option_kind {
	OPTION_FLAG,     /* --json */
	OPTION_VALUE,    /* --html FILE, --html=FILE */
	OPTION_OPTIONAL, /* --packets, --packets=wireshark */
};

struct option {
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum option_kind kind;
	const char *value; /* what the value is called: "FILE" */
	const char *help;
};

/* Called for each option in turn; value is NULL for a flag, and for an OPTION_OPTIONAL without.
 * Returns false when the value is not acceptable, having said why. */
typedef bool option_taker(void *context, const struct option *o, const char *value);

/* Takes the options out of argv[1..]; what is left (operands, "-" among them) is moved to the
 * front of argv and counted. "--" ends the options. -1 after a complaint. */
int options_read(int argc, char **argv, const struct option *table, size_t count,
		 option_taker *take, void *context);

/* Complains of an operand that is none of the names, with the nearest of them, or else with the hint:
 * "'WORD' TROUBLE; did you mean 'NAME'?", "'WORD' TROUBLE; HINT". */
void options_unknown_word(const char *word, const char *trouble, const char *const *names,
			  size_t count, const char *hint);

/* The table as lines of help. */
void options_print(const struct option *table, size_t count);

/* A value that is a number of bytes: digits, and k, m, g or t behind them for powers of 1024. False where it
 * is none, or INT64_MAX is less. */
bool options_read_size(const char *value, uint64_t *ret_bytes);

#endif
