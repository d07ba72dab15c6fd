/* Errors: a code and a sentence. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#undef err_set /* what analyzers see in its place */

int err_set(struct error *err, int code, const char *format, ...)
{
	if (!err)
		return code;
	va_list ap;
	va_start(ap, format);
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	err->code = code;
	return code;
}
