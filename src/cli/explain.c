/* viaduct explain: prints the catalogue's entries. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "diagnose/catalogue.h"

#include <stdio.h>

enum { TEXT_LIMIT = 1 << 20 };

struct wish {
	bool list, help;
};

static const struct option OPTIONS[] = {
	{ "list", 'l', OPTION_FLAG, NULL, "only the ids, a line each" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static bool take(void *context, const struct option *o, const char *value)
{
	struct wish *w = context;
	(void)value;
	w->list |= o->letter == 'l';
	w->help |= o->letter == 'h';
	return true;
}

static int print_help(void)
{
	printf("Usage: viaduct explain [ID | CODE | PRODUCT [CODE]]\n\n"
	       "Explains a verdict (mtu-black-hole), an HTTP code (407), or what a code means\n"
	       "in the mouth of a product (squid 403). Without an argument: all verdicts.\n\n");
	options_print(OPTIONS, OPTION_COUNT);
	return EXIT_FINE;
}

static void print_ids(void)
{
	for (int v = 0; v < V_COUNT_; v++)
		printf("%s\n", verdict_id((enum verdict)v));
}

static int explain(int argc, char **argv, struct buffer *out)
{
	char shown[2][80];
	const char *near = NULL;
	unsigned width = terminal_width();
	if (argc == 0) {
		catalogue_list(out, width);
		return EXIT_FINE;
	}
	if (catalogue_explain(out, slice_of(argv[0]), slice_of(argc > 1 ? argv[1] : NULL), width,
			      &near))
		return EXIT_FINE;
	escape_into(shown[0], sizeof shown[0], slice_of(argv[0]));
	escape_into(shown[1], sizeof shown[1], slice_of(argc > 1 ? argv[1] : ""));
	const char *gap = argc > 1 ? " " : "";
	if (near)
		complain("nothing is known of '%s%s%s'; did you mean '%s'?", shown[0], gap,
			 shown[1], near);
	else
		complain("nothing is known of '%s%s%s'; viaduct explain lists what is", shown[0],
			 gap, shown[1]);
	return EXIT_TROUBLE;
}

int cmd_explain(int argc, char **argv)
{
	struct wish wish = { 0 };
	complain_as("viaduct explain");
	argc = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, &wish);
	if (argc < 0)
		return EXIT_TROUBLE;
	if (wish.help)
		return print_help();
	if (wish.list) {
		print_ids();
		return EXIT_FINE;
	}
	if (argc > 2) {
		complain("one verdict, one code, or a product and a code; not %d words", argc);
		return EXIT_TROUBLE;
	}
	struct buffer out;
	buffer_init(&out, TEXT_LIMIT);
	int status = explain(argc, argv, &out);
	fwrite(out.at, 1, out.len, stdout);
	buffer_done(&out);
	return status;
}
