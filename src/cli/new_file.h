/* A file that is made whole or not at all, and replaces none. */
#ifndef CLI_NEW_FILE_H
#define CLI_NEW_FILE_H

#include "base/error.h"
#include "base/slice.h"

/* Could it be made? Makes nothing yet: for whoever will only have something to write in a while. */
int new_file_try(const char *path, struct error *err);

int new_file_write(const char *path, struct slice text, struct error *err);

#endif
