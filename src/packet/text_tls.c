/* TLS as a note describes it: the bytes that such a record must begin with, no more (RFC 8446,
 * section 5.1 and 4). */
#include "packet/text_lines.h"

#include <string.h>

enum { ALERT = 21, HANDSHAKE = 22, CHANGE = 20, DATA = 23, CLIENT_HELLO = 1 };
enum { MAX_RECORD = 16384 + 256 };

struct note_kind {
	const char *words;
	uint8_t record, handshake; /* handshake 0: encrypted, or none */
};

/* In order of looking: "Encrypted Handshake Message" tells no type. */
static const struct note_kind KINDS[] = {
	{ "Client Hello", HANDSHAKE, CLIENT_HELLO },
	{ "Server Hello", HANDSHAKE, 2 },
	{ "New Session Ticket", HANDSHAKE, 4 },
	{ "Certificate", HANDSHAKE, 11 },
	{ "Client Key Exchange", HANDSHAKE, 16 },
	{ "Change Cipher Spec", CHANGE, 0 },
	{ "Encrypted Application Data", DATA, 0 },
	{ "Application Data", DATA, 0 },
	{ "Alert", ALERT, 0 },
};

static const struct {
	const char *name;
	uint8_t code;
} ALERTS[] = {
	{ "Close Notify", 0 },
	{ "Unexpected Message", 10 },
	{ "Bad Record MAC", 20 },
	{ "Record Overflow", 22 },
	{ "Handshake Failure", 40 },
	{ "Bad Certificate", 42 },
	{ "Unsupported Certificate", 43 },
	{ "Certificate Revoked", 44 },
	{ "Certificate Expired", 45 },
	{ "Certificate Unknown", 46 },
	{ "Illegal Parameter", 47 },
	{ "Unknown CA", 48 },
	{ "Access Denied", 49 },
	{ "Decode Error", 50 },
	{ "Decrypt Error", 51 },
	{ "Protocol Version", 70 },
	{ "Insufficient Security", 71 },
	{ "Internal Error", 80 },
	{ "Inappropriate Fallback", 86 },
	{ "User Canceled", 90 },
	{ "No Renegotiation", 100 },
	{ "Unsupported Extension", 110 },
	{ "Unrecognized Name", 112 },
	{ "No application Protocol", 120 },
};

struct out {
	uint8_t *at;
	size_t len, room;
};

static void put(struct out *o, unsigned bytes, uint32_t value)
{
	while (bytes-- > 0) {
		if (o->len < o->room)
			o->at[o->len] = (uint8_t)(value >> 8 * bytes);
		o->len++;
	}
}

static void put_bytes(struct out *o, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		put(o, 1, s.at[i]);
}

static const struct note_kind *find_kind(struct slice note)
{
	if (note.len && note.at[0] == '(')
		note = slice_from(note, 1);
	for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
		if (slice_starts_nocase(note, slice_of(KINDS[i].words)))
			return &KINDS[i];
	return NULL;
}

static struct slice find_name(struct slice note)
{
	struct slice name = { 0 };
	if (text_after(note, SLICE("SNI="), &name))
		name = slice_first(name, slice_find_byte(name, ')'));
	return slice_trim(slice_first(name, 255));
}

/* A hello that offers one cipher suite to one name and is `length` long: padding (RFC 7685) fills
 * it, if there is room for it. */
static void put_hello(struct out *o, struct slice name, uint32_t length)
{
	uint32_t sni = 9 + (uint32_t)name.len, least = 5 + 4 + 2 + 32 + 1 + 4 + 2 + 2 + sni;
	uint32_t padding = length >= least + 4 ? length - least : 0;
	uint32_t total = length > least ? length : least;
	put(o, 1, HANDSHAKE);
	put(o, 2, 0x0301);
	put(o, 2, total - 5);
	put(o, 1, CLIENT_HELLO);
	put(o, 3, total - 9);
	put(o, 2, 0x0303);
	for (int i = 0; i < 8; i++)
		put(o, 4, 0);
	put(o, 1, 0);
	put(o, 4, 0x0002c02f);
	put(o, 2, 0x0100);
	put(o, 2, sni + padding);
	put(o, 2, 0);
	put(o, 2, sni - 4);
	put(o, 2, sni - 6);
	put(o, 1, 0);
	put(o, 2, (uint32_t)name.len);
	put_bytes(o, name);
	if (padding == 0)
		return;
	put(o, 2, 21);
	put(o, 2, padding - 4);
	if (o->len < o->room)
		memset(o->at + o->len, 0,
		       padding - 4 < o->room - o->len ? padding - 4 : o->room - o->len);
	o->len += padding - 4;
}

static void put_alert(struct out *o, struct slice note)
{
	put(o, 2, 2);
	put(o, 1, slice_find_nocase(note, SLICE("Fatal")) < note.len ? 2 : 1);
	for (size_t i = 0; i < sizeof ALERTS / sizeof ALERTS[0]; i++) {
		if (slice_find_nocase(note, slice_of(ALERTS[i].name)) < note.len) {
			put(o, 1, ALERTS[i].code);
			return;
		}
	}
}

/* The one byte of it, and the header of the record behind it, whose length that tells. */
static void put_change(struct out *o, struct slice note, uint32_t length)
{
	enum { CHANGE_LEN = 5 + 1 };
	put(o, 2, 1);
	put(o, 1, 1);
	slice_cut(&note, ',');
	if (slice_trim(note).len == 0 || length < CHANGE_LEN + 5)
		return;
	const struct note_kind *next = find_kind(slice_trim(note));
	put(o, 1, next ? next->record : HANDSHAKE); /* encrypted: it has a name of its own */
	put(o, 2, 0x0303);
	uint32_t inside = length - CHANGE_LEN - 5;
	put(o, 2, inside > MAX_RECORD ? MAX_RECORD : inside);
}

size_t text_make_tls(struct slice note, uint32_t length, uint8_t *into, size_t room)
{
	struct out o = { into, 0, length && length < room ? length : room };
	const struct note_kind *kind = find_kind(note);
	struct slice name = find_name(note);
	if (!kind)
		return 0;
	if (kind->handshake == CLIENT_HELLO && name.len > 0 && length <= MAX_RECORD) {
		put_hello(&o, name, length);
		return o.len < o.room ? o.len : o.room;
	}
	uint32_t inside = length < 5 + 4 ? 4 : length - 5 > MAX_RECORD ? MAX_RECORD : length - 5;
	if (kind->record == DATA && slice_find_byte(note, ',') < note.len)
		inside = 1; /* several, and where the last begins, maybe an alert, is not said */
	put(&o, 1, kind->record);
	put(&o, 2, 0x0303);
	if (kind->record == ALERT && slice_find(note, SLICE("Description")) < note.len) {
		put_alert(&o, note);
	} else if (kind->record == CHANGE) {
		put_change(&o, note, length);
	} else {
		put(&o, 2, inside);
		if (kind->handshake) {
			put(&o, 1, kind->handshake);
			put(&o, 3, inside - 4);
		}
	}
	return o.len < o.room ? o.len : o.room;
}
