/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/passfd.h"
#include "base/path.h"
#include "runtime/mountpart.h"

#ifndef DEVPTS_SUPER_MAGIC
#define DEVPTS_SUPER_MAGIC 0x1cd1
#endif

/* The slave is taken from the master by TIOCGPTPEER, never by a name below /dev/pts: names there
 * are the container's to fake (CVE-2025-52565). */
static bool open_pair(const struct rootfs *rootfs, int *master, int *slave, struct error *err)
{
	struct statfs fs;
	int unlock = 0;

	if (!path_open(rootfs->root, "dev/pts/ptmx", PATH_NO_LINKS, O_RDWR | O_NOCTTY, 0, master,
		       err))
		return false;
	if (fstatfs(*master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return error_set(err, ERROR_DENIED, "/dev/pts is not a devpts file system");
	if (ioctl(*master, TIOCSPTLCK, &unlock) < 0)
		return error_sys(err, "unlock the terminal");
	*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0)
		return error_sys(err, "open the terminal");
	return true;
}

/* Where we show it ourselves newlines go out as they are: our own terminal adds the returns. */
static bool prepare(const struct rootfs *rootfs, int master, int slave, struct error *err)
{
	const struct spec_process *process = &rootfs->spec->process;
	struct winsize size = { .ws_row = process->console_height,
				.ws_col = process->console_width };
	struct termios modes;

	if (tcgetattr(slave, &modes) < 0)
		return error_sys(err, "read the terminal's modes");
	if (rootfs->is_screen_ours)
		modes.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(slave, TCSANOW, &modes) < 0)
		return error_sys(err, "set the terminal's modes");
	if (size.ws_row && size.ws_col && ioctl(master, TIOCSWINSZ, &size) < 0)
		return error_sys(err, "set the terminal's size");
	if (process->user.uid && fchown(slave, process->user.uid, (gid_t)-1) < 0 &&
	    errno != EPERM && errno != EINVAL)
		return error_sys(err, "set the terminal's owner");
	return true;
}

static bool bind_console(const struct rootfs *rootfs, int slave, struct error *err)
{
	autoclose int dev = -1;
	autoclose int target = -1;
	struct stat info;

	if (!path_open(rootfs->root, "dev", PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, &dev, err))
		return false;
	target = openat(dev, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (target < 0)
		target = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || fstat(target, &info) < 0)
		return error_sys(err, "make /dev/console");
	if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode))
		return error_set(err, ERROR_DENIED,
				 "/dev/console of the image is not a plain file");
	return mount_copy_of(slave, target, "the terminal", err) || error_in(err, "/dev/console");
}

bool tty_open(const struct rootfs *rootfs, int socket, bool has_console, int *slave,
	      struct error *err)
{
	autoclose int master = -1;
	char name[32];
	int number = 0;

	if (!open_pair(rootfs, &master, slave, err) || !prepare(rootfs, master, *slave, err) ||
	    (has_console && !bind_console(rootfs, *slave, err)))
		return false;
	if (ioctl(master, TIOCGPTN, &number) < 0)
		return error_sys(err, "number of the terminal");
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	return tty_send(socket, master, name, err);
}

bool tty_adopt(int slave, struct error *err)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return error_sys(err, "set the controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return error_sys(err, "give the program its terminal");
	return true;
}

/* -- sockets --------------------------------------------------------------------------------- */

#define PEER_WAIT_S 10 /* for one that does not accept, or read, what we send */

bool tty_connect(const char *path, int *sock, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = PEER_WAIT_S };

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "socket path is too long: %s", path);
	strcpy(address.sun_path, path);
	if (made < 0 || setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(made, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "connect to socket %s", path);
	*sock = take_fd(&made);
	return true;
}

bool tty_open_way(const char *path, int *theirs, int *ours, struct error *err)
{
	int ends[2];

	if (path)
		return tty_connect(path, theirs, err);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return error_sys(err, "make a socket pair");
	*ours = ends[0];
	*theirs = ends[1];
	return true;
}

bool tty_send(int socket, int fd, const char *name, struct error *err)
{
	size_t length = strlen(name);
	ssize_t sent = passfd_send(socket, name, length, &fd, 1, 0);

	if (sent < 0)
		return error_sys(err, "send a descriptor");
	if ((size_t)sent < length)
		return error_set(err, ERROR_NETWORK, "the peer did not read in time");
	return true;
}

bool tty_receive(int socket, int *master, struct error *err)
{
	char name[256];
	size_t count = 1;

	if (passfd_receive(socket, name, sizeof(name), master, &count, 0) < 0)
		return error_sys(err, "receive the terminal");
	if (count == 0)
		return error_set(err, ERROR_CORRUPT, "no terminal came");
	return true;
}
