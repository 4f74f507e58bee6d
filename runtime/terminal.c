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
	terminal->master = -1;
	for (int i = 0; i < TERMINAL_CLIENTS; i++)
		terminal->keys[i] = -1;
	terminal->start = terminal->length = 0;
}

void terminal_open(struct terminal *terminal, int master)
{
	terminal->master = master;
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
}

void terminal_add_keys(struct terminal *terminal, int client, int keys)
{
	terminal_forget_keys(terminal, client);
	terminal->keys[client] = keys;
}

void terminal_forget_keys(struct terminal *terminal, int client)
{
	mem_cleanup_close(&terminal->keys[client]);
	terminal->keys[client] = -1;
}

void terminal_poll(const struct terminal *terminal, struct pollfd fds[TERMINAL_CLIENTS])
{
	for (int i = 0; i < TERMINAL_CLIENTS; i++)
		fds[i] =
			(struct pollfd){ terminal->master < 0 ? -1 : terminal->keys[i], POLLIN, 0 };
	if (terminal->length == 0)
		return;
	for (int i = 0; i < TERMINAL_CLIENTS; i++) /* first what they have typed before */
		fds[i].fd = -1;
	fds[0] = (struct pollfd){ terminal->master, POLLOUT, 0 };
}

/* Only after poll: the client's end may not be ours to make non-blocking. */
static void take_keys(struct terminal *terminal, int client)
{
	ssize_t count = read(terminal->keys[client], terminal->pending, sizeof(terminal->pending));

	if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
		terminal_forget_keys(terminal, client);
	terminal->start = 0;
	terminal->length = count > 0 ? (size_t)count : 0;
}

static void give_keys(struct terminal *terminal)
{
	ssize_t count =
		write(terminal->master, terminal->pending + terminal->start, terminal->length);

	if (count < 0 && errno != EAGAIN && errno != EINTR)
		count = (ssize_t)terminal->length; /* nobody will ever read it */
	if (count > 0) {
		terminal->start += (size_t)count;
		terminal->length -= (size_t)count;
	}
}

void terminal_move(struct terminal *terminal, const struct pollfd fds[TERMINAL_CLIENTS])
{
	if (terminal->length > 0) {
		if (fds[0].revents)
			give_keys(terminal);
		return;
	}
	for (int i = 0; i < TERMINAL_CLIENTS && terminal->length == 0; i++) {
		if (!fds[i].revents || fds[i].fd != terminal->keys[i] || fds[i].fd < 0)
			continue;
		take_keys(terminal, i);
		if (terminal->length > 0)
			give_keys(terminal);
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
	for (int i = 0; i < TERMINAL_CLIENTS; i++)
		terminal_forget_keys(terminal, i);
	mem_cleanup_close(&terminal->master);
	terminal_init(terminal);
}
