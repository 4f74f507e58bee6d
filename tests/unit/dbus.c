/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/dbus.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "base/proc.h"
#include "tap.h"

/* -- peers that misbehave ---------------------------------------------------------------------- */

#define GREETING "DATA\r\nOK 0123456789abcdef\r\n"
/* An empty answer to the call with this serial. */
#define ANSWER_TO(serial) "l\2\1\1\0\0\0\0\1\0\0\0\10\0\0\0\5\1u\0" serial "\0\0\0"
/* The same as an error, whose text is of two lines. */
#define ERROR_ANSWER                                                                               \
	"l\3\1\1\10\0\0\0\1\0\0\0\37\0\0\0\5\1u\0\1\0\0\0"                                         \
	"\4\1s\0\3\0\0\0x.y\0\0\0\0\0\10\1g\0\1s\0\0\3\0\0\0a\nb\0"

static const struct {
	const char *name, *bytes;
	size_t length;
	const char *refusal; /* NULL: the call goes well */
} peers[] = {
#define PEER(name, bytes, refusal)                                                                 \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, refusal                                            \
	}
	PEER("a good one", GREETING ANSWER_TO("\1"), NULL),
	PEER("one that needs no DATA", "OK 0123\r\n" ANSWER_TO("\1"), NULL),
	PEER("one that goes", "", "closed"),
	PEER("one that goes after its greeting", GREETING, "closed"),
	PEER("one that refuses us", "REJECTED EXTERNAL\r\n", "does not accept this user"),
	PEER("one without an end of line", "OK 0123\n", "greeting"),
	PEER("one that goes within its line", "OK 01", "closed"),
	PEER("one of another protocol", GREETING "HTTP/1.1 400 Bad Request\r\n\r\n", "malformed"),
	PEER("one that answers another call", GREETING ANSWER_TO("\2"), "closed"),
	PEER("one that answers twice", GREETING ANSWER_TO("\7") ANSWER_TO("\1"), NULL),
	PEER("one with a huge message", GREETING "l\2\1\1\377\377\377\377\1\0\0\0\0\0\0\0",
	     "too large"),
	PEER("one with huge fields", GREETING "l\2\1\1\0\0\0\0\1\0\0\0\377\377\377\377",
	     "too large"),
	PEER("one that cuts its message", GREETING "l\2\1\1\0\0\0\0\1\0\0\0\10\0\0\0\5\1u",
	     "closed"),
	PEER("one that fails", GREETING ERROR_ANSWER, "x.y: a b"),
};

static int listen_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 4) < 0)
		exit(1);
	return fd;
}

/* Says its piece whatever it hears, and goes once we have. `ballast`: a large foreign message
 * first.
 */
static pid_t start_peer(int listener, const char *bytes, size_t length, size_t ballast)
{
	pid_t pid = fork();
	char ignored[4096];
	int fd;

	if (pid != 0)
		return pid;
	fd = accept(listener, NULL, NULL);
	if (ballast > 0) {
		unsigned char head[] = GREETING "l\4\1\1____\1\0\0\0\0\0\0";
		unsigned char *body = mem_alloc(ballast);
		size_t at = sizeof(GREETING) - 1 + 4;

		for (size_t i = 0; i < 4; i++)
			head[at + i] = (unsigned char)(ballast >> (8 * i));
		if (write(fd, head, sizeof(head)) < 0 || write(fd, body, ballast) < 0)
			_exit(1);
	}
	if (write(fd, bytes, length) < 0)
		_exit(1);
	shutdown(fd, SHUT_WR);
	while (read(fd, ignored, sizeof(ignored)) > 0)
		;
	_exit(0);
}

static bool talk(const char *path, struct error *err)
{
	const struct dbus_call call = { .path = "/", .member = "M", .signature = "" };
	autofree char *address = dbus_address(path);
	struct dbus_message answer;
	struct dbus bus;
	bool is_good;

	dbus_init(&bus);
	bus.is_direct = true;
	is_good = dbus_open(&bus, address, err) && dbus_call(&bus, &call, &answer, err);
	dbus_close(&bus);
	return is_good;
}

static void test_peers(const char *path)
{
	int listener = listen_at(path);
	struct error err;
	pid_t pid;

	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		err.text[0] = '\0';
		pid = start_peer(listener, peers[i].bytes, peers[i].length, 0);

		bool is_good = talk(path, &err);

		if (!peers[i].refusal)
			check_ok(is_good, &err, "%s", peers[i].name);
		else if (!check(!is_good && strstr(err.text, peers[i].refusal) &&
					!strchr(err.text, '\n'),
				"%s", peers[i].name))
			printf("#  got %s\n", err.text);
		waitpid(pid, NULL, 0);
	}
	pid = start_peer(listener, ANSWER_TO("\1"), sizeof(ANSWER_TO("\1")) - 1, 400000);
	check_ok(talk(path, &err), &err, "a large message of somebody else's is let through");
	waitpid(pid, NULL, 0);
	close(listener);
}

/* -- addresses --------------------------------------------------------------------------------- */

static void test_addresses(const char *path)
{
	static const struct {
		const char *address, *refusal;
	} wrong[] = {
		{ "", "empty" },
		{ ";;", "empty" },
		{ "tcp:host=localhost,port=1", "only unix:path=" },
		{ "unix:", "only unix:path=" },
		{ "unix:path=", "only unix:path=" },
		{ "unix:path=%zz", "only unix:path=" },
		{ "unix:path=%2", "only unix:path=" },
		{ "unix:guid=1,path=/nonexistent/bus", "No such file" },
		{ "/run/bus", "only unix:path=" },
	};
	autofree char *longest = mem_printf("unix:path=/%0200d", 1);
	autofree char *odd = dbus_address("/a b/%c,d;e");
	autofree char *second = mem_printf("tcp:x=1;unix:path=%s,guid=12", path);
	int listener = listen_at(path);
	struct dbus bus;
	struct error err;
	pid_t pid;

	dbus_init(&bus);
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (!check(!dbus_open(&bus, wrong[i].address, &err) &&
				   strstr(err.text, wrong[i].refusal),
			   "refused: \"%s\"", wrong[i].address))
			printf("#  got %s\n", err.text);
	check(!dbus_open(&bus, longest, &err) && strstr(err.text, "too long"), "a long one");
	check_text(odd, "unix:path=/a%20b/%25c%2cd%3be", "a path's odd characters");
	pid = start_peer(listener, GREETING, sizeof(GREETING) - 1, 0);
	bus.is_direct = true;
	check_ok(dbus_open(&bus, second, &err), &err, "the second one that answers");
	dbus_close(&bus);
	waitpid(pid, NULL, 0);
	close(listener);
}

/* -- the real thing -----------------------------------------------------------------------------
 */

static const char config[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>\n"
	"<policy context=\"default\"><allow send_destination=\"*\"/><allow eavesdrop=\"false\"/>\n"
	"<allow own=\"*\"/></policy></busconfig>\n";

static bool start_daemon(const char *path, struct proc *proc, struct error *err)
{
	autofree char *name = mem_printf("%s.conf", path);
	autofree char *option = mem_printf("--config-file=%s.conf", path);
	const char *argv[] = { "dbus-daemon", "--nofork", "--nopidfile", option, NULL };
	const struct proc_options options = { .argv = argv };
	FILE *file = fopen(name, "w");

	if (!file)
		return error_sys(err, "make %s", name);
	fprintf(file, config, path);
	fclose(file);
	return proc_spawn(&options, proc, err);
}

static bool open_soon(struct dbus *bus, const char *path, struct error *err)
{
	autofree char *address = dbus_address(path);
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int try = 0; try < 1000; try++) {
		if (dbus_open(bus, address, err))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool call_bus(struct dbus *bus, const char *member, const char *argument,
		     struct dbus_message *answer, struct error *err)
{
	struct dbus_call call = { .destination = "org.freedesktop.DBus",
				  .path = "/org/freedesktop/DBus",
				  .interface = "org.freedesktop.DBus",
				  .member = member,
				  .signature = argument ? "s" : "" };
	autobuf struct buf body;

	buf_init(&body, 1000);
	if (argument)
		dbus_put_text(&body, argument);
	call.body = &body;
	return dbus_call(bus, &call, answer, err);
}

/* A signal from another client arrives, and tells who it is from. */
static void test_signal(struct dbus *bus, const char *path)
{
	autofree char *address = mem_printf("--bus=unix:path=%s", path);
	const char *argv[] = { "dbus-send",   address,    "--type=signal", "/job",
			       "a.b.Changed", "uint32:7", "string:x",      NULL };
	const struct proc_options options = { .argv = argv };
	struct dbus_message message;
	struct proc proc;
	struct error err;
	const char *text = "";
	uint32_t number = 0;
	int status = -1;

	check_ok(call_bus(bus, "AddMatch", "type='signal',interface='a.b'", &message, &err), &err,
		 "AddMatch");
	check_ok(proc_spawn(&options, &proc, &err) && proc_wait(&proc, &status, &err), &err,
		 "dbus-send");
	check_int(status, 0, "its status");
	do {
		if (!check_ok(dbus_next(bus, dbus_deadline(), &message, &err), &err, "a message"))
			return;
	} while (message.type != DBUS_SIGNAL || strcmp(message.interface, "a.b") != 0);
	check_text(message.member, "Changed", "member");
	check(message.sender && message.sender[0] == ':', "sender");
	check(dbus_get_u32(&message.body, &number, &err) && number == 7, "number");
	check(dbus_get_text(&message.body, &text, &err) && strcmp(text, "x") == 0, "text");
}

static void test_daemon(const char *path)
{
	struct dbus_message answer;
	const char *name = "";
	struct proc proc;
	struct error err;
	struct dbus bus;
	uint32_t length;
	int status;

	dbus_init(&bus);
	unlink(path);
	if (!check_ok(start_daemon(path, &proc, &err), &err, "start dbus-daemon"))
		return;
	if (check_ok(open_soon(&bus, path, &err), &err, "it says hello")) {
		check_ok(call_bus(&bus, "ListNames", NULL, &answer, &err), &err, "ListNames");
		check_text(answer.signature, "as", "its signature");
		check(dbus_get_u32(&answer.body, &length, &err) && length > 0, "its length");
		check(dbus_get_text(&answer.body, &name, &err) &&
			      strcmp(name, "org.freedesktop.DBus") == 0,
		      "the first name is %s", name);
		check_error(call_bus(&bus, "Nonsense", NULL, &answer, &err), &err, ERROR_SYSTEM,
			    "org.freedesktop.DBus.Error.UnknownMethod: ", "an unknown method");
		check_error(call_bus(&bus, "GetNameOwner", "a.b", &answer, &err), &err,
			    ERROR_SYSTEM, "NameHasNoOwner", "an unknown name");
		test_signal(&bus, path);
	}
	dbus_close(&bus);
	kill(proc.pid, SIGTERM);
	check_ok(proc_wait(&proc, &status, &err), &err, "end dbus-daemon");
}

int main(void)
{
	autofree char *path = mem_printf("%s/bus", tap_dir());

	test_peers(path);
	test_addresses(path);
	test_daemon(path);
	return tap_done();
}
