/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

void terminal_init(struct terminal *terminal)
{
	terminal->master = terminal->keys = -1;
	terminal->start = terminal->length = 0;
}

void terminal_open(struct terminal *terminal, int master, int keys)
{
	terminal_init(terminal);
	terminal->master = master;
	terminal->keys = keys;
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
}

struct pollfd terminal_poll(const struct terminal *terminal)
{
	if (terminal->length > 0)
		return (struct pollfd){ terminal->master, POLLOUT, 0 };
	return (struct pollfd){ terminal->keys, POLLIN, 0 };
}

void terminal_forget_keys(struct terminal *terminal)
{
	mem_cleanup_close(&terminal->keys);
	terminal->keys = -1;
}

/* Only after poll: the client's end may not be ours to make non-blocking. */
static void take_keys(struct terminal *terminal)
{
	ssize_t count = read(terminal->keys, terminal->pending, sizeof(terminal->pending));

	if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
		terminal_forget_keys(terminal);
	terminal->start = 0;
	terminal->length = count > 0 ? (size_t)count : 0;
}

void terminal_move(struct terminal *terminal)
{
	ssize_t count;

	if (terminal->length == 0 && terminal->keys >= 0)
		take_keys(terminal);
	if (terminal->length == 0)
		return;
	count = write(terminal->master, terminal->pending + terminal->start, terminal->length);
	if (count < 0 && errno != EAGAIN && errno != EINTR)
		count = (ssize_t)terminal->length; /* nobody will ever read it */
	if (count > 0) {
		terminal->start += (size_t)count;
		terminal->length -= (size_t)count;
	}
}

void terminal_resize(const struct terminal *terminal, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	if (terminal->master >= 0)
		ioctl(terminal->master, TIOCSWINSZ, &size);
}

void terminal_close(struct terminal *terminal)
{
	terminal_forget_keys(terminal);
	mem_cleanup_close(&terminal->master);
	terminal_init(terminal);
}
