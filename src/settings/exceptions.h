/* A list of what is to be reached without the proxy, as NO_PROXY has it, and which tools make what of
 * its entries. Every statement here was tried with curl 7.88, wget 1.21, git 2.39 (over libcurl), apt
 * 2.6, npm 11 and pip 23; Docker is a program in Go, whose golang.org/x/net/http/httpproxy says it, and its
 * client does. */
#ifndef SETTINGS_EXCEPTIONS_H
#define SETTINGS_EXCEPTIONS_H

#include "settings/said.h"

enum exception_form {
	EXCEPTION_NAME,     /* a name, an address: all take it */
	EXCEPTION_ALL,      /* * */
	EXCEPTION_DOT,      /* .example */
	EXCEPTION_WILDCARD, /* *.example */
	EXCEPTION_STAR,     /* a * elsewhere */
	EXCEPTION_NETWORK,  /* 10.0.0.0/8 */
	EXCEPTION_PORT,     /* origin.example:8443 */
	EXCEPTION_BRACKETS, /* [::1] */
	EXCEPTION_BRACKETS_PORT, /* [::1]:8443 */
	EXCEPTION_URL,      /* http://origin.example; whatever else has a slash and is no network */
	EXCEPTION_BLANKS,   /* entries with blanks between them, and no commas */
	EXCEPTION_FORMS,
};

/* The next entry, without the blanks about it; false: there is none. Empty ones are passed over. */
bool exceptions_next(struct slice *rest, struct slice *ret_entry);

enum exception_form exception_form_of(struct slice entry);

/* "a network" */
const char *exception_form_name(enum exception_form form);

/* Those who pass such an entry over: a bit for each said_who, of tools alone. */
unsigned exception_ignored_by(enum exception_form form);

/* The same entries, in whatever order and case. */
bool exceptions_equal(struct slice a, struct slice b);

#endif
