/* The alternate screen, keys without echo, and what stands on such pages. */
#include "cli/screen.h"

#include "cli/terminal.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

void screen_begin(struct screen *s)
{
	s->terminal = tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (s->terminal) {
		struct termios raw = s->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs("\033[?1049h\033[?25l", stdout);
}

void screen_end(struct screen *s)
{
	fputs("\033[?25h\033[?1049l", stdout);
	if (s->terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

void screen_size(unsigned *ret_width, size_t *ret_lines)
{
	struct winsize w;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 8;
	*ret_width = terminal_width();
	*ret_lines = known ? w.ws_row : 24;
}

static int read_byte(int within_ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char key;
	if (poll(&p, 1, within_ms) <= 0)
		return KEY_NONE;
	return read(STDIN_FILENO, &key, 1) == 1 ? key : KEY_END_OF_INPUT;
}

/* ESC [ A, and ESC [ 5 ~: arrows and pages, as terminals say them since the VT100 and the VT220. */
static int read_sequence(void)
{
	int begin = read_byte(0);
	if (begin != '[' && begin != 'O')
		return begin == KEY_NONE ? KEY_ESCAPE : KEY_OTHER;
	int key = read_byte(0), last = key;
	while (last > 0 && (last < '@' || last > '~'))
		last = read_byte(0);
	if (last == 'A' || last == 'B')
		return last == 'A' ? KEY_UP : KEY_DOWN;
	if (last == '~' && (key == '5' || key == '6'))
		return key == '5' ? KEY_PAGE_UP : KEY_PAGE_DOWN;
	return KEY_OTHER;
}

int screen_key(int within_ms)
{
	int key = read_byte(within_ms);
	return key == KEY_ESCAPE ? read_sequence() : key;
}

bool screen_told_to_end(int every_ms)
{
	int key = screen_key(every_ms);
	return key == KEY_END_OF_INPUT || key == 'q' || key == 'Q' || key == KEY_INTERRUPT;
}

void screen_add_size(struct buffer *out, uint64_t n)
{
	static const char units[] = " kMGTP";
	size_t unit = 0;
	double size = (double)n;
	for (; size >= 1000 && unit < 5; unit++)
		size /= 1000;
	buffer_printf(out, unit ? "%5.1f%c" : "%6.0f", size, units[unit]);
}
