/* viaduct read: the arguments. */
#include "cli/read.h"

#include "base/escape.h"
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHOWN = 400 };

static const struct option OPTIONS[] = {
	{ "json", 'j', OPTION_FLAG, NULL, "one JSON object a line for every exchange" },
	{ "summary", 's', OPTION_FLAG, NULL, "only the counts: by verdict, proxy, target" },
	{ "only", 'o', OPTION_VALUE, "LIST",
	  "only these verdicts, or 'failures'; comma-separated" },
	{ "from", 0, OPTION_VALUE, "TIME", "only exchanges that were not over before TIME" },
	{ "to", 0, OPTION_VALUE, "TIME", "only exchanges that had begun by TIME" },
	{ "proxy", 'x', OPTION_VALUE, "HOST[:PORT]", "this is the proxy; do not look for others" },
	{ "details", 'd', OPTION_FLAG, NULL, "the heads of requests and answers, decoded" },
	{ "packets", 'p', OPTION_OPTIONAL, "STYLE",
	  "the packet list: tcpdump (usual) or wireshark" },
	{ "ladder", 0, OPTION_VALUE, "FILE.svg", "a sequence ladder of the first failure" },
	{ "html", 0, OPTION_VALUE, "FILE", "a self-contained report to put into a ticket" },
	{ "slice", 0, OPTION_VALUE, "DIR",
	  "each failed exchange as a pcapng, secrets overwritten" },
	{ "max-connections", 0, OPTION_VALUE, "N", "how many to follow at once (1000000)" },
	{ "threads", 't', OPTION_VALUE, "N", "processors to use (all, for large files)" },
	{ "color", 0, OPTION_VALUE, "WHEN", "auto, always or never" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static int print_help(void)
{
	printf("Usage: viaduct read [OPTIONS] FILE...\n\n"
	       "Reads captures (pcap, pcapng, gzip or zstd, text of tcpdump or Wireshark; - is\n"
	       "standard input) and says of every request that crossed a proxy whether it\n"
	       "worked, and if not why.\n\n");
	options_print(OPTIONS, OPTION_COUNT);
	printf("\nTIME is 2025-03-14T11:30:12.5Z, 11:30:12 (UTC, of any day), or +90 (seconds "
	       "after\n"
	       "the first packet). Exit status: 0 no failure, 1 a failure was diagnosed, 2 wrong\n"
	       "usage or an unreadable file.\n");
	return EXIT_FINE;
}

/* ---- values ------------------------------------------------------------------------------- */

static bool bad_value(const char *option, const char *value, const char *want)
{
	char shown[120];
	escape_into(shown, sizeof shown, slice_of(value));
	complain("--%s: '%s' is not %s", option, shown, want);
	return false;
}

static bool take_number(const char *option, const char *value, uint64_t most, uint64_t *ret)
{
	char want[80];
	uint64_t n;
	if (slice_parse_u64(slice_of(value), 10, &n) && n >= 1 && n <= most) {
		*ret = n;
		return true;
	}
	snprintf(want, sizeof want, "a number from 1 to %llu", (unsigned long long)most);
	return bad_value(option, value, want);
}

static bool take_only(struct read_options *o, const char *value)
{
	struct slice rest = slice_of(value);
	o->only = true;
	while (rest.len) {
		struct slice word = slice_trim(slice_cut(&rest, ','));
		enum verdict v;
		if (slice_equal(word, SLICE("failures"))) {
			o->only_failures = true;
		} else if (verdict_find(word, &v)) {
			o->only_verdict[v] = true;
		} else {
			const char *ids[V_COUNT_ + 1] = { "failures" };
			char text[64];
			for (int i = 0; i < V_COUNT_; i++)
				ids[i + 1] = verdict_id((enum verdict)i);
			escape_into(text, sizeof text, word);
			const char *near = nearest_word(text, ids, V_COUNT_ + 1);
			complain("--only: there is no verdict '%s'%s%s%s", text,
				 near ? "; did you mean '" : "; viaduct explain lists them",
				 near ? near : "", near ? "'?" : "");
			return false;
		}
	}
	return true;
}

/* Seconds with an optional fraction, as nanoseconds. */
static bool parse_seconds(struct slice s, nanos *ret)
{
	struct slice whole = slice_cut(&s, '.');
	uint64_t seconds, fraction = 0;
	if (!slice_parse_u64(whole, 10, &seconds) || seconds > UINT64_C(4000000000) || s.len > 9)
		return false;
	if (s.len && !slice_parse_u64(s, 10, &fraction))
		return false;
	for (size_t i = s.len; i < 9; i++)
		fraction *= 10;
	*ret = (nanos)(seconds * NANOS_PER_SECOND + fraction);
	return true;
}

static bool parse_clock(struct slice s, nanos *ret)
{
	uint64_t hour, minute;
	nanos second = 0;
	struct slice h = slice_cut(&s, ':'), m = slice_cut(&s, ':');
	if (!slice_parse_u64(h, 10, &hour) || !slice_parse_u64(m, 10, &minute) || hour > 23 ||
	    minute > 59 || (s.len && !parse_seconds(s, &second)) || second > 61 * NANOS_PER_SECOND)
		return false;
	*ret = (nanos)(hour * 3600 + minute * 60) * NANOS_PER_SECOND + second;
	return true;
}

static bool parse_date(struct slice s, nanos *ret)
{
	uint64_t year, month, day;
	struct slice y = slice_cut(&s, '-'), m = slice_cut(&s, '-');
	if (!slice_parse_u64(y, 10, &year) || !slice_parse_u64(m, 10, &month) ||
	    !slice_parse_u64(s, 10, &day) || year < 1970 || year > 2200 || month < 1 ||
	    month > 12 || day < 1 || day > 31)
		return false;
	struct when w = { .year = (int)year, .month = (int)month, .day = (int)day };
	*ret = when_join(&w);
	return when_split(*ret).day == w.day; /* there is no 31st of June */
}

static bool take_moment(const char *option, const char *value, struct moment *ret)
{
	struct slice s = slice_of(value);
	struct moment m = { MOMENT_ABSOLUTE, 0 };
	nanos date = 0;
	bool fine;
	if (slice_starts(s, SLICE("+"))) {
		m.kind = MOMENT_AFTER_START;
		fine = parse_seconds(slice_from(s, 1), &m.value);
	} else if (s.len > 10 && (s.at[10] == 'T' || s.at[10] == ' ')) {
		struct slice clock = slice_from(s, 11);
		if (slice_ends(clock, SLICE("Z")))
			clock.len--;
		fine = parse_date(slice_first(s, 10), &date) && parse_clock(clock, &m.value);
		m.value += date;
	} else if (slice_find_byte(s, ':') < s.len) {
		m.kind = MOMENT_CLOCK;
		fine = parse_clock(s, &m.value);
	} else {
		fine = parse_date(s, &m.value);
	}
	if (!fine)
		return bad_value(option, value,
				 "a time such as 2025-03-14T11:30:12Z, 11:30:12 or +90");
	*ret = m;
	return true;
}

/* An address of it is in the capture; which one, only a resolver knows, and it may know another one
 * by now. */
static bool is_name(struct slice s)
{
	struct slice host = slice_first(s, slice_find_byte(s, ':'));
	bool letter = false;
	for (size_t i = 0; i < host.len; i++) {
		uint8_t c = host.at[i] | 0x20;
		letter |= c >= 'a' && c <= 'z';
	}
	return letter && slice_find_byte(slice_from(s, host.len + 1), ':') + host.len + 1 >= s.len;
}

static bool take_proxy(struct read_options *o, const char *value)
{
	struct slice s = slice_of(value);
	if (slice_starts(s, SLICE("http://")))
		s = slice_from(s, 7);
	if (slice_ends(s, SLICE("/")))
		s = slice_first(s, s.len - 1);
	o->has_proxy = true;
	if (address_parse(s, &o->proxy))
		return true;
	return bad_value("proxy", value,
			 is_name(s)
				 ? "an address, and a capture holds no names; 'getent ahosts NAME' "
				   "shows the addresses of a name, to be given as 10.10.10.1:3128"
				 : "an address such as 10.10.10.1:3128 or [2001:db8::1]:3128");
}

/* Standard output is taken: the report goes there. */
static bool take_file(const char *option, const char *value, const char **ret)
{
	*ret = value;
	return (value[0] && strcmp(value, "-") != 0) ||
	       bad_value(option, value, "the name of a file to make");
}

static bool take_style(struct read_options *o, const char *value)
{
	if (!value || strcmp(value, "tcpdump") == 0)
		o->packets = PACKETS_TCPDUMP;
	else if (strcmp(value, "wireshark") == 0)
		o->packets = PACKETS_WIRESHARK;
	else
		return bad_value("packets", value, "tcpdump or wireshark");
	return true;
}

static bool take_colour(struct read_options *o, const char *value)
{
	o->colour = value;
	return strcmp(value, "auto") == 0 || strcmp(value, "always") == 0 ||
	       strcmp(value, "never") == 0 || bad_value("color", value, "auto, always or never");
}

bool read_take(void *context, const struct option *option, const char *value)
{
	struct read_options *o = context;
	const char *name = option->name;
	uint64_t n = 0;
	if (strcmp(name, "json") == 0)
		o->json = true;
	else if (strcmp(name, "summary") == 0)
		o->summary = true;
	else if (strcmp(name, "details") == 0)
		o->details = true;
	else if (strcmp(name, "help") == 0)
		o->help = true;
	else if (strcmp(name, "ladder") == 0)
		return take_file(name, value, &o->ladder);
	else if (strcmp(name, "html") == 0)
		return take_file(name, value, &o->html);
	else if (strcmp(name, "slice") == 0)
		o->slice = value;
	else if (strcmp(name, "only") == 0)
		return take_only(o, value);
	else if (strcmp(name, "from") == 0)
		return take_moment(name, value, &o->from);
	else if (strcmp(name, "to") == 0)
		return take_moment(name, value, &o->to);
	else if (strcmp(name, "proxy") == 0)
		return take_proxy(o, value);
	else if (strcmp(name, "packets") == 0)
		return take_style(o, value);
	else if (strcmp(name, "color") == 0)
		return take_colour(o, value);
	else if (strcmp(name, "max-connections") == 0 && take_number(name, value, 100000000, &n))
		o->max_connections = (uint32_t)n;
	else if (strcmp(name, "threads") == 0 && take_number(name, value, 64, &n))
		o->threads = (unsigned)n;
	else
		return false;
	return true;
}

/* ---- the command ---------------------------------------------------------------------------- */

static bool check(const struct read_options *o)
{
	int pipes = 0;
	for (int i = 0; i < o->files; i++)
		pipes += strcmp(o->file[i], "-") == 0;
	if (o->files == 0)
		complain("no capture was named; viaduct read FILE, or - for standard input");
	else if (pipes > 1)
		complain("standard input can be read once only: '-' stands there %d times", pipes);
	else if (o->from.kind == o->to.kind && o->from.kind != MOMENT_CLOCK &&
		 o->from.value > o->to.value)
		complain("--from is later than --to: nothing is between them");
	else if (o->packets && (o->json || o->summary))
		complain("--packets goes with neither --json nor --summary");
	else
		return true;
	return false;
}

/* What needs the packets twice can't have them from a pipe: it goes to a file without a name. The
 * path through /proc opens that file anew. */
static bool spool_input(struct read_options *o, char *path, size_t size)
{
	for (int i = 0; i < o->files && (o->packets || o->slice); i++) {
		static char block[1 << 16];
		size_t got;
		if (strcmp(o->file[i], "-") != 0)
			continue;
		FILE *spool = tmpfile();
		while (spool && (got = fread(block, 1, sizeof block, stdin)) > 0)
			if (fwrite(block, 1, got, spool) != got)
				break;
		if (!spool || ferror(stdin) || ferror(spool) || fflush(spool) != 0) {
			complain("standard input could not be kept for its second reading: %s",
				 strerror(errno));
			return false;
		}
		snprintf(path, size, "/proc/self/fd/%d", fileno(spool));
		o->file[i] = path;
	}
	return true;
}

static int run(const struct read_options *o)
{
	struct error err;
	struct summary_facts facts = { .first = NO_TIME, .last = NO_TIME };
	struct report *r = report_new(o, &err);
	if (!r) {
		complain("%s", err.text);
		return EXIT_TROUBLE;
	}
	int status = reading_run(o, r, &facts);
	if (o->packets && packets_print(o, r) != EXIT_FINE)
		status = EXIT_TROUBLE;
	bool nothing = status != EXIT_FINE && facts.packets == 0;
	if (report_finish(r, nothing ? NULL : &facts, &err) < 0) {
		complain("%s", err.text);
		status = EXIT_TROUBLE;
	}
	if (o->slice && redact_slices(o, r) != EXIT_FINE)
		status = EXIT_TROUBLE;
	if (status == EXIT_FINE && report_found_failure(r))
		status = EXIT_FAULT_FOUND;
	report_free(r);
	return status;
}

int cmd_read(int argc, char **argv)
{
	struct read_options o = { .colour = "auto" };
	complain_as("viaduct read");
	o.files = options_read(argc, argv, OPTIONS, OPTION_COUNT, read_take, &o);
	if (o.files < 0)
		return EXIT_TROUBLE;
	if (o.help)
		return print_help();
	o.file = argv;
	if (!check(&o))
		return EXIT_TROUBLE;
	char spooled[40];
	const char **shown = calloc((size_t)o.files, sizeof *shown);
	char(*names)[MAX_SHOWN] = calloc((size_t)o.files, sizeof *names);
	int status = EXIT_TROUBLE;
	if (shown && names) {
		for (int i = 0; i < o.files; i++)
			shown[i] = strcmp(argv[i], "-") == 0
					   ? "standard input"
					   : escape_into(names[i], MAX_SHOWN, slice_of(argv[i]));
		o.shown = shown;
		status = spool_input(&o, spooled, sizeof spooled) ? run(&o) : EXIT_TROUBLE;
	} else {
		complain("out of memory");
	}
	free(names);
	free(shown);
	return status;
}
