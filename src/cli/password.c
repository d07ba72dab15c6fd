/* Passwords from a terminal or a pipe, read by descriptor so that no buffer keeps them. */
#include "cli/password.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void note(int sig)
{
	caught = sig;
}

/* A line without its end. */
static int read_line(int fd, char *into, size_t size, struct error *err)
{
	size_t len = 0;
	char c = 0;
	ssize_t n;
	while ((n = read(fd, &c, 1)) == 1 && c != '\n') {
		if (len + 1 >= size)
			return err_set(err, -E2BIG, "a password has %zu bytes at most", size - 2);
		into[len++] = c;
	}
	if (n < 0)
		return err_set(err, -errno, "the password can't be read: %s", strerror(errno));
	if (len > 0 && into[len - 1] == '\r')
		len--;
	into[len] = 0;
	if (len == 0)
		return err_set(err, -EINVAL, "the password is empty");
	return strlen(into) == len ? 0 : err_set(err, -EINVAL, "a password can't hold a NUL");
}

static void say(const char *text)
{
	ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
	(void)ignored; /* a prompt that can't be seen is no reason not to ask */
}

static int ask_for(const char *user, bool is_new, char *into, size_t size, struct error *err)
{
	char again[1024], prompt[256];
	snprintf(prompt, sizeof prompt, "Password for %s: ", user);
	say(prompt);
	int code = read_line(STDIN_FILENO, into, size, err);
	say(code < 0 || !is_new ? "\n" : "\nAgain: ");
	if (code < 0 || !is_new)
		return code;
	code = read_line(STDIN_FILENO, again, sizeof again, err);
	say("\n");
	if (code == 0 && strcmp(into, again) != 0)
		code = err_set(err, -EINVAL, "the two passwords differ");
	explicit_bzero(again, sizeof again);
	return code;
}

/* A signal ends the reading; it is raised again when the terminal echoes as before. */
static int ask_terminal(const char *user, bool is_new, char *into, size_t size, struct error *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	enum { COUNT = sizeof signals / sizeof *signals };
	struct sigaction before[COUNT], action = { .sa_handler = note };
	struct termios echoing, silent;
	if (tcgetattr(STDIN_FILENO, &echoing) != 0)
		return err_set(err, -errno, "the terminal can't be asked: %s", strerror(errno));
	silent = echoing;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	for (size_t i = 0; i < COUNT; i++)
		sigaction(signals[i], &action, &before[i]);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	int code = ask_for(user, is_new, into, size, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &echoing);
	for (size_t i = 0; i < COUNT; i++)
		sigaction(signals[i], &before[i], NULL);
	if (caught)
		raise(caught);
	return code;
}

int password_ask(const char *user, bool is_new, char *into, size_t size, struct error *err)
{
	if (isatty(STDIN_FILENO))
		return ask_terminal(user, is_new, into, size, err);
	return read_line(STDIN_FILENO, into, size, err);
}
