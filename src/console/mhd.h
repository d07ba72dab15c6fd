/* libmicrohttpd, opened by name when a console is started, for the reason that check/libs.h gives. Private
 * to the room. */
#ifndef CONSOLE_MHD_H
#define CONSOLE_MHD_H

#include "base/error.h"

#include <microhttpd.h>

#define CONSOLE_MHD_CALLS(CALL)                                                                    \
	CALL(MHD_start_daemon)                                                                     \
	CALL(MHD_stop_daemon)                                                                      \
	CALL(MHD_get_daemon_info)                                                                  \
	CALL(MHD_get_connection_info)                                                              \
	CALL(MHD_get_connection_values)                                                            \
	CALL(MHD_lookup_connection_value)                                                          \
	CALL(MHD_create_response_from_buffer)                                                      \
	CALL(MHD_create_response_from_callback)                                                    \
	CALL(MHD_add_response_header)                                                              \
	CALL(MHD_queue_response)                                                                   \
	CALL(MHD_destroy_response)                                                                 \
	CALL(MHD_is_feature_supported)

#define CONSOLE_MEMBER(name) __typeof__(name) *name;
struct console_mhd {
	CONSOLE_MHD_CALLS(CONSOLE_MEMBER)
};
#undef CONSOLE_MEMBER

/* NULL with err: not installed. */
const struct console_mhd *console_mhd_open(struct error *err);

#endif
