/* What people hand over in place of a capture, by its first bytes: so that the answer can be more
 * than "not a capture". */
#include "capture/form.h"

#include <string.h>

static const struct {
	struct slice begins;
	const char *what, *remedy;
} foreign[] = {
	{ SLICE("\x0a\x0d\x0a"), "a pcapng file that was transferred as text",
	  "transfer it again in binary mode" },
	{ SLICE("\x0d\x0a\x0d\x0d\x0d\x0a"), "a pcapng file that was transferred as text",
	  "transfer it again in binary mode" },
	{ SLICE("snoop\0\0\0"), "a snoop file", "convert it: editcap -F pcapng IN OUT" },
	{ SLICE("iptrace 2.0"), "an AIX iptrace file", "convert it: editcap -F pcapng IN OUT" },
	{ SLICE("TRSNIFF data    \x1a"), "a Sniffer file", "convert it: editcap -F pcapng IN OUT" },
	{ SLICE("GMBU"), "a Microsoft Network Monitor file",
	  "convert it: editcap -F pcapng IN OUT" },
	{ SLICE("RTSS"), "a Microsoft Network Monitor file",
	  "convert it: editcap -F pcapng IN OUT" },
	{ SLICE("ObserverPktBuffe"), "an Observer file", "convert it: editcap -F pcapng IN OUT" },
	{ SLICE("\x1f\x8b"), "compressed twice", "uncompress it once: gzip -d" },
	{ SLICE("\x28\xb5\x2f\xfd"), "compressed twice", "uncompress it once: zstd -d" },
	{ SLICE("\xfd"
		"7zXZ\0"),
	  "xz-compressed", "uncompress it: xz -d" },
	{ SLICE("BZh"), "bzip2-compressed", "uncompress it: bzip2 -d" },
	{ SLICE("\x04\x22\x4d\x18"), "lz4-compressed", "uncompress it: lz4 -d" },
	{ SLICE("PK\x03\x04"), "a ZIP archive (or an office document)", "unpack it first" },
	{ SLICE("7z\xbc\xaf\x27\x1c"), "a 7-Zip archive", "unpack it first" },
	{ SLICE("Rar!\x1a\x07"), "a RAR archive", "unpack it first" },
	{ SLICE("\x7f"
		"ELF"),
	  "a program (ELF)", "" },
	{ SLICE("MZ\x90\0"), "a Windows program", "" },
	{ SLICE("%PDF-"), "a PDF document", "" },
	{ SLICE("\x89PNG\r\n\x1a\n"), "a picture (PNG)", "" },
	{ SLICE("\xff\xd8\xff"), "a picture (JPEG)", "" },
	{ SLICE("GIF8"), "a picture (GIF)", "" },
	{ SLICE("SQLite format 3\0"), "an SQLite database", "" },
	{ SLICE("\xff\xfe"), "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8" },
	{ SLICE("\xfe\xff"), "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8" },
};

/* These have no mark of their own, only a name. */
static const struct {
	const char *suffix;
	const char *what, *remedy;
} named[] = {
	{ ".etl", "a Windows event trace, by its name", "convert it with etl2pcapng" },
	{ ".erf", "an Endace ERF file, by its name", "convert it: editcap -F pcapng IN OUT" },
};

static bool has_zero(struct slice s)
{
	return slice_find_byte(s, 0) < s.len;
}

static const char *foreign_text(struct slice head)
{
	struct slice s = slice_trim(head);
	if (slice_starts_nocase(s, SLICE("<!doctype html")) ||
	    slice_starts_nocase(s, SLICE("<html")))
		return "an HTML page";
	if (slice_starts(s, SLICE("<?xml")))
		return "XML";
	bool object = s.len > 0 && s.at[0] == '{';
	bool array = s.len > 0 && s.at[0] == '[';
	struct slice inner = slice_trim(slice_from(s, 1));
	if (object && slice_starts(inner, SLICE("\"log\"")))
		return "a HAR file (a browser's own record)";
	if ((object && slice_starts(inner, SLICE("\""))) ||
	    (array && slice_starts(inner, SLICE("{"))))
		return "JSON";
	return NULL;
}

const char *capture_foreign(struct slice head, const char *path, const char **ret_remedy)
{
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		if (slice_starts(head, foreign[i].begins)) {
			*ret_remedy = foreign[i].remedy;
			return foreign[i].what;
		}
	for (size_t i = 0; has_zero(head) && i < sizeof named / sizeof *named; i++)
		if (slice_ends(slice_of(path), slice_of(named[i].suffix))) {
			*ret_remedy = named[i].remedy;
			return named[i].what;
		}
	const char *what = has_zero(head) ? NULL : foreign_text(head);
	if (what)
		*ret_remedy = "";
	return what;
}
