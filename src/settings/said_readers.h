/* The readers, and what they share; for this room alone. */
#ifndef SETTINGS_SAID_READERS_H
#define SETTINGS_SAID_READERS_H

#include "settings/said.h"

void said_read_environ(struct slice text, struct said_list *list);
void said_read_pam(struct slice text, struct said_list *list);
void said_read_env_file(struct slice text, struct said_list *list);
void said_read_shell(struct slice text, struct said_list *list);
void said_read_systemd(struct slice text, struct said_list *list);
void said_read_curl(struct slice text, struct said_list *list);
void said_read_wget(struct slice text, struct said_list *list);
void said_read_git(struct slice text, struct said_list *list);
void said_read_apt(struct slice text, struct said_list *list);
void said_read_npm(struct slice text, struct said_list *list);
void said_read_pip(struct slice text, struct said_list *list);
void said_read_docker(struct slice text, struct said_list *list);
void said_read_docker_daemon(struct slice text, struct said_list *list);

/* The lines of a text, counted. */
struct said_lines {
	struct slice rest, line; /* without its end */
	uint32_t number;
};

bool said_next_line(struct said_lines *l);

/* list->value, empty, for one that is unquoted. */
struct buffer *said_value_begin(struct said_list *list);

/* Letters, digits, '_'. */
bool said_in_name(uint8_t c);
bool said_is_blank(uint8_t c); /* space, tab */

#endif
