/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

/*
 * How this works. One poll over the monitor's socket, the signals and up to three streams. A
 * stream is moved by splice between pipes and files, else through a small buffer. The caller's
 * descriptors are left blocking, since others share them; so we write only when poll says that
 * there is room, and then no more than a pipe takes at once.
 */

#define SPLICE_MAX 65536
#define TYPED_MAX  (PIPE_BUF - DETACHKEYS_MAX) /* what the keys hold back may come on top */
#define CHUNK_MAX  PIPE_BUF

enum {
	STREAM_IN,
	STREAM_OUT,
	STREAM_ERRORS,
	STREAMS
};

struct stream {
	int *from; /* -1: ended */
	int *to;   /* -1: closed */
	bool is_ours_to_close_from, is_ours_to_close_to;
	bool waits_for_room;
	bool cannot_splice;
	bool is_to_socket;
	bool is_broken; /* the reader is gone */
	struct detachkeys keys;
	bool was_left; /* the keys were typed */
	char chunk[CHUNK_MAX];
	size_t start, length; /* what is in the chunk */
};

struct attached {
	const struct attach *attach;
	int in, out, errors; /* the caller's; set to -1 when done with */
	struct stream streams[STREAMS];
	bool is_over;
	bool is_leaving; /* told to by keys or a signal */
	struct launch_message last;
	struct termios saved; /* of the caller's terminal */
	bool is_raw;
};

bool attach_open_signals(int *fd, struct error *err)
{
	/* What the process itself causes, or what cannot be caught, is not for the container. */
	static const int own[] = { SIGCHLD, SIGPIPE, SIGURG,  SIGSEGV, SIGBUS,
				   SIGFPE,  SIGILL,  SIGTRAP, SIGABRT, SIGSYS };
	sigset_t passed;
	sigset_t blocked;

	sigfillset(&passed);
	for (size_t i = 0; i < COUNT_OF(own); i++)
		sigdelset(&passed, own[i]);
	blocked = passed;
	sigaddset(&blocked, SIGPIPE); /* a broken stdout is an error code here */
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	*fd = signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 || error_sys(err, "signalfd");
}

static void end_input(struct stream *stream)
{
	if (stream->is_ours_to_close_from)
		mem_cleanup_close(stream->from);
	*stream->from = -1;
}

/* What has been read is delivered first. */
static void end_if_drained(struct stream *stream)
{
	if (*stream->from >= 0 || stream->length)
		return;
	if (stream->is_ours_to_close_to)
		mem_cleanup_close(stream->to);
	*stream->to = -1;
}

static void break_stream(struct stream *stream)
{
	stream->is_broken = true;
	stream->length = 0;
	end_input(stream);
	end_if_drained(stream);
}

static ssize_t write_what_fits(const struct stream *stream)
{
	const char *from = stream->chunk + stream->start;

	return stream->is_to_socket
		       ? send(*stream->to, from, stream->length, MSG_DONTWAIT | MSG_NOSIGNAL)
		       : write(*stream->to, from, stream->length);
}

static void write_chunk(struct stream *stream)
{
	ssize_t done = write_what_fits(stream);

	if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
		stream->waits_for_room = true;
	} else if (done < 0) {
		break_stream(stream);
	} else {
		stream->start += (size_t)done;
		stream->length -= (size_t)done;
		stream->waits_for_room = stream->length > 0;
		end_if_drained(stream);
	}
}

static void read_chunk(struct stream *stream)
{
	char typed[TYPED_MAX];
	ssize_t got = read(*stream->from, typed, sizeof(typed));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_input(stream);
		end_if_drained(stream);
		return;
	}
	stream->start = 0;
	stream->was_left = detachkeys_filter(&stream->keys, typed, (size_t)got, stream->chunk,
					     &stream->length);
	stream->waits_for_room = stream->length > 0; /* poll decides when */
}

/* One of the two ends is ready: moves what can be moved without waiting. */
static void move(struct stream *stream, bool has_room)
{
	if (stream->length) {
		if (has_room)
			write_chunk(stream);
		return;
	}
	stream->waits_for_room = false;
	if (stream->cannot_splice) {
		read_chunk(stream);
		return;
	}
	ssize_t moved = splice(*stream->from, NULL, *stream->to, NULL, SPLICE_MAX,
			       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (moved == 0) {
		end_input(stream);
		end_if_drained(stream);
	} else if (moved < 0 && errno == EAGAIN) {
		stream->waits_for_room = !has_room; /* else it is the source that has nothing */
	} else if (moved < 0 && errno == EPIPE) {
		break_stream(stream);
	} else if (moved < 0 && errno != EINTR) {
		stream->cannot_splice = true; /* a file opened for appending, … */
		read_chunk(stream);
	}
}

static struct pollfd poll_for(const struct stream *stream)
{
	struct pollfd wait = { .fd = -1 };

	if (*stream->to < 0)
		return wait;
	if (stream->waits_for_room)
		return (struct pollfd){ .fd = *stream->to, .events = POLLOUT };
	if (*stream->from >= 0)
		return (struct pollfd){ .fd = *stream->from, .events = POLLIN };
	return wait;
}

bool attach_screen_size(unsigned short *rows, unsigned short *columns)
{
	struct winsize size;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
			*rows = size.ws_row;
			*columns = size.ws_col;
			return true;
		}
	}
	return false;
}

static void pass_size(const struct attached *self)
{
	unsigned short rows;
	unsigned short columns;

	if (attach_screen_size(&rows, &columns))
		launch_send_size(self->attach->launched->client, rows, columns);
}

static void handle_signal(struct attached *self, int number)
{
	if (number == SIGWINCH && self->attach->has_tty)
		pass_size(self);
	else if (self->attach->on_signal == ATTACH_SIGNALS_PASS)
		launch_send_signal(self->attach->launched->client, number);
	else if (self->attach->on_signal == ATTACH_SIGNALS_DETACH && number != SIGWINCH)
		self->is_leaving = true;
}

static void handle_signals(struct attached *self)
{
	struct signalfd_siginfo info;

	while (read(self->attach->signals, &info, sizeof(info)) == sizeof(info))
		handle_signal(self, (int)info.ssi_signo);
}

static void handle_monitor(struct attached *self)
{
	launch_receive(self->attach->launched->client, &self->last);
	if (self->last.event == LAUNCH_ENDED && self->attach->on_ended)
		self->attach->on_ended(self->attach->context);
	self->is_over = self->last.event == LAUNCH_EXITED || self->last.event == LAUNCH_LOST;
	/* The container reads no more; nothing keeps us from ending. */
	if (self->is_over)
		break_stream(&self->streams[STREAM_IN]);
}

static bool has_output(const struct attached *self)
{
	return *self->streams[STREAM_OUT].to >= 0 || *self->streams[STREAM_ERRORS].to >= 0;
}

static bool is_output_broken(const struct attached *self, const char **name)
{
	*name = self->streams[STREAM_OUT].is_broken ? "/dev/stdout" : "/dev/stderr";
	return self->streams[STREAM_OUT].is_broken || self->streams[STREAM_ERRORS].is_broken;
}

/* As long as the kernel splices, it holds the pipe's lock; a terminal that was stopped by a key
 * makes it wait, and so does a socket that nobody reads from. So would the monitor, at the pipe's
 * other end, deaf to every signal. */
static bool makes_splice_wait(mode_t mode)
{
	return S_ISCHR(mode) || S_ISSOCK(mode);
}

static mode_t mode_of(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 ? status.st_mode : 0;
}

static struct stream stream_out(int *from, int *to)
{
	mode_t mode = mode_of(*to);

	return (struct stream){ .from = from,
				.to = to,
				.cannot_splice = makes_splice_wait(mode),
				.is_to_socket = S_ISSOCK(mode),
				.is_ours_to_close_from = true };
}

static void set_up(struct attached *self, const struct attach *attach)
{
	struct launched *launched = attach->launched;

	*self = (struct attached){
		.attach = attach, .in = attach->in, .out = attach->out, .errors = attach->errors
	};
	self->streams[STREAM_IN] =
		(struct stream){ .from = &self->in,
				 .to = &launched->in,
				 .cannot_splice = attach->keys.count > 0 ||
						  makes_splice_wait(mode_of(self->in)),
				 .keys = attach->keys,
				 .is_ours_to_close_to = true };
	self->streams[STREAM_OUT] = stream_out(&launched->out, &self->out);
	self->streams[STREAM_ERRORS] = stream_out(&launched->errors, &self->errors);
	for (int i = 0; i < STREAMS; i++)
		end_if_drained(&self->streams[i]);
	if (launched->in >= 0)
		fcntl(launched->in, F_SETFL, O_WRONLY | O_NONBLOCK);
}

static void step(struct attached *self)
{
	struct pollfd waits[STREAMS + 2];

	for (int i = 0; i < STREAMS; i++)
		waits[i] = poll_for(&self->streams[i]);
	waits[STREAMS] = (struct pollfd){ .fd = self->is_over ? -1 : self->attach->launched->client,
					  .events = POLLIN };
	waits[STREAMS + 1] = (struct pollfd){ .fd = self->attach->signals, .events = POLLIN };
	if (poll(waits, COUNT_OF(waits), -1) < 0)
		return; /* EINTR */
	for (int i = 0; i < STREAMS; i++) {
		if (waits[i].revents)
			move(&self->streams[i], waits[i].events == POLLOUT);
	}
	self->is_leaving |= self->streams[STREAM_IN].was_left;
	if (waits[STREAMS].revents)
		handle_monitor(self);
	if (waits[STREAMS + 1].revents)
		handle_signals(self);
}

/* Keys go through as they are: the container's terminal makes signals and echoes of them. */
static void make_raw(struct attached *self)
{
	struct termios raw;

	if (self->attach->in < 0 || tcgetattr(self->attach->in, &self->saved) < 0)
		return; /* not a terminal */
	raw = self->saved;
	cfmakeraw(&raw);
	self->is_raw = tcsetattr(self->attach->in, TCSANOW, &raw) == 0;
}

static bool run_until_end(struct attached *self, struct error *err)
{
	const char *name;

	while (!self->is_leaving && (!self->is_over || has_output(self))) {
		step(self);
		if (is_output_broken(self, &name)) {
			launch_detach(self->attach->launched->client, &self->last);
			return error_set(err, ERROR_SYSTEM, "write %s: broken pipe", name);
		}
	}
	return true;
}

bool attach_run(const struct attach *attach, enum attach_end *end, int *code, struct error *err)
{
	struct attached self;

	set_up(&self, attach);
	if (attach->has_tty) {
		pass_size(&self);
		make_raw(&self);
	}
	bool is_done = run_until_end(&self, err);
	if (self.is_raw)
		tcsetattr(attach->in, TCSANOW, &self.saved);
	if (!is_done)
		return false;
	*end = self.is_over ? ATTACH_EXITED : ATTACH_DETACHED;
	*code = 0;
	if (!self.is_over && launch_detach(attach->launched->client, &self.last))
		return true;
	*end = ATTACH_EXITED;
	if (self.last.event != LAUNCH_EXITED)
		return error_set(err, ERROR_SYSTEM, "the container's monitor ended unexpectedly");
	*code = self.last.code;
	return true;
}
