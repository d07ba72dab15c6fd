/* viaduct proxy, what it says about a configuration without serving by it. Each returns the exit
 * status. */
#ifndef CLI_PROXY_ACCESS_H
#define CLI_PROXY_ACCESS_H

int proxy_user(int argc, char **argv); /* viaduct proxy user add|remove|list; argv[0] is "user" */

int proxy_check(const char *path);                          /* --check [-c FILE] */
int proxy_explain(const char *path, int argc, char **argv); /* --explain [-c FILE] USER FROM TARGET;
                                                               argv[0] is USER */

#endif
