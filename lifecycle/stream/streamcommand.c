/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/streamcommand.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "lifecycle/stream/cbor.h"
#include "lifecycle/stream/wire.h"

enum exit_code {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static const char help[] =
	"Usage: mooring stream list\n"
	"       mooring stream describe NAME\n"
	"       mooring stream read [OPTION]... NAME\n"
	"\n"
	"Shows the streams that the stream manager keeps for components: their messages, and how\n"
	"far they are delivered.\n"
	"\n"
	"      --from N      read: begin with message N (the oldest there is)\n"
	"  -n, --count N     read: so many messages at most (10)\n"
	"      --raw         read: only what the messages hold, one a line\n"
	"      --help        this text\n"
	"\n"
	"Exit status: 0; 1 if that fails or there is no such stream; 2 for a wrong command line.\n";

struct options {
	const char *verb, *name;
	int64_t from, count;
	bool is_raw;
};

/* -- asking -------------------------------------------------------------------------------------
 */

static bool connect_to(const char *path, int *fd, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "%s: too long for the name of a socket", path);
	strcpy(address.sun_path, path);
	if (opened < 0 || connect(opened, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error_sys(err, "%s", path);
		if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_NETWORK)
			return error_in(err, "the stream manager does not run (it does while a "
					     "component depends on aws.greengrass.StreamManager)");
		return false;
	}
	*fd = take_fd(&opened);
	return true;
}

static bool read_exactly(int fd, char *bytes, size_t count, struct error *err)
{
	while (count > 0) {
		ssize_t got = recv(fd, bytes, count, 0);

		if (got < 0)
			return error_sys(err, "read from the stream manager");
		if (got == 0)
			return error_set(err, ERROR_NETWORK, "the stream manager hung up");
		bytes += got;
		count -= (size_t)got;
	}
	return true;
}

/* The answer lives in `arena`. A status other than success is an error. */
static bool receive(int fd, struct arena *arena, const struct cbor **answer, struct error *err)
{
	char head[WIRE_HEADER_SIZE];
	struct wire_header header;
	const char *text;
	int64_t status;

	if (!read_exactly(fd, head, sizeof(head), err))
		return false;
	if (!wire_read_header(head, &header))
		return error_set(err, ERROR_CORRUPT, "the stream manager sent no frame");

	char *payload = arena_alloc(arena, header.payload + 1);

	if (!read_exactly(fd, payload, header.payload, err) ||
	    !cbor_parse(arena, payload, header.payload, answer, err) ||
	    !cbor_int(*answer, "status", 0, INT32_MAX, &status, err) ||
	    !cbor_text(arena, *answer, "errorMessage", &text, err))
		return false;
	return status == WIRE_SUCCESS || error_set(err, ERROR_NOT_FOUND, "%s", text);
}

static bool greet(int fd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct cbor *answer;
	autobuf struct buf out;
	char version = WIRE_CONNECT_VERSION;

	buf_init(&out, 256);
	buf_add(&out, &version, 1);

	size_t start = wire_begin(&out, WIRE_CONNECT);

	cbor_put_map(&out, 2);
	cbor_add_text(&out, "requestId", "command");
	cbor_add_text(&out, "protocolVersion", "1.1.0");
	wire_end(&out, start);
	return file_write(fd, "the greeting", out.data, out.length, err) &&
	       read_exactly(fd, &version, 1, err) && receive(fd, &arena, &answer, err);
}

static bool ask_by_name(int fd, uint8_t operation, const char *name, struct arena *arena,
			const struct cbor **answer, struct error *err)
{
	autobuf struct buf out;

	buf_init(&out, 4096);

	size_t start = wire_begin(&out, operation);

	cbor_put_map(&out, name ? 2 : 1);
	cbor_add_text(&out, "requestId", "command");
	if (name)
		cbor_add_text(&out, "name", name);
	wire_end(&out, start);
	return buf_check(&out, "the name", err) &&
	       file_write(fd, "the request", out.data, out.length, err) &&
	       receive(fd, arena, answer, err);
}

static bool ask_messages(int fd, const struct options *options, struct arena *arena,
			 const struct cbor **answer, struct error *err)
{
	autobuf struct buf out;

	buf_init(&out, 4096);

	size_t start = wire_begin(&out, WIRE_READ);

	cbor_put_map(&out, 3);
	cbor_add_text(&out, "requestId", "command");
	cbor_add_text(&out, "streamName", options->name);
	cbor_put_text(&out, "readMessagesOptions");
	cbor_put_map(&out, 2);
	cbor_add_int(&out, "desiredStartSequenceNumber", options->from);
	cbor_add_int(&out, "maxMessageCount", options->count);
	wire_end(&out, start);
	return buf_check(&out, "the name", err) &&
	       file_write(fd, "the request", out.data, out.length, err) &&
	       receive(fd, arena, answer, err);
}

/* -- showing ------------------------------------------------------------------------------------
 */

/* Of an answer we understand; 0 where there is no number. */
static int64_t number_of(const struct cbor *map, const char *key)
{
	const struct cbor *member = cbor_get(map, key);

	return member && member->type == CBOR_INT ? member->number : 0;
}

static void print_text(const char *label, const struct cbor *map, const char *key)
{
	const struct cbor *member = cbor_get(map, key);

	if (member && member->type == CBOR_TEXT && member->length > 0)
		printf("%s%.*s", label, (int)member->length, member->bytes);
}

static void print_size(int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024 && unit + 1 < COUNT_OF(units); unit++)
		value /= 1024;
	printf(unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void print_time(int64_t milliseconds)
{
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm tm;
	char text[64];

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		printf("%s.%03dZ", text, (int)(milliseconds % 1000));
}

/* Messages that the export which is least far has still to deliver. */
static int64_t lag(const struct cbor *info)
{
	const struct cbor *storage = cbor_get(info, "storageStatus");
	const struct cbor *statuses = cbor_get(info, "exportStatuses");
	int64_t newest = number_of(storage, "newestSequenceNumber"), most = 0;

	for (const struct cbor *status = statuses ? statuses->child : NULL; status;
	     status = status->next) {
		int64_t left = newest - number_of(status, "lastExportedSequenceNumber");

		most = left > most ? left : most;
	}
	return most;
}

static void print_row(const char *name, const struct cbor *info)
{
	const struct cbor *storage = cbor_get(info, "storageStatus");
	const struct cbor *statuses = cbor_get(info, "exportStatuses");
	bool is_memory = number_of(cbor_get(info, "definition"), "persistence") == 1;
	size_t exports = 0;

	for (const struct cbor *status = statuses ? statuses->child : NULL; status;
	     status = status->next)
		exports++;
	printf("%-32s %-6s %12lld %12lld %12lld %7zu %8lld\n", name, is_memory ? "memory" : "file",
	       (long long)number_of(storage, "oldestSequenceNumber"),
	       (long long)number_of(storage, "newestSequenceNumber"),
	       (long long)number_of(storage, "totalBytes"), exports,
	       exports ? (long long)lag(info) : 0);
}

static bool list(int fd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct cbor *answer, *streams;

	if (!ask_by_name(fd, WIRE_LIST, NULL, &arena, &answer, err) ||
	    !cbor_member_or_null(answer, "streams", CBOR_ARRAY, &streams, err))
		return false;
	printf("%-32s %-6s %12s %12s %12s %7s %8s\n", "NAME", "IN", "OLDEST", "NEWEST", "BYTES",
	       "EXPORTS", "LAG");
	for (const struct cbor *item = streams ? streams->child : NULL; item; item = item->next) {
		autoarena struct arena one = { 0 };
		const char *name = arena_strndup(&one, item->bytes, item->length);
		const struct cbor *info;

		if (ask_by_name(fd, WIRE_DESCRIBE, name, &one, &info, err))
			print_row(name, cbor_get(info, "messageStreamInfo"));
		else if (err->kind != ERROR_NOT_FOUND) /* else it was deleted meanwhile */
			return false;
	}
	return true;
}

static void print_export(const struct cbor *status, int64_t newest)
{
	int64_t last = number_of(status, "lastExportedSequenceNumber");

	print_text("Export: ", status, "exportConfigIdentifier");
	printf("\n  Delivered: up to %lld, %lld messages of ", (long long)last,
	       (long long)number_of(status, "exportedMessagesCount"));
	print_size(number_of(status, "exportedBytesFromStream"));
	printf("\n  Lag: %lld\n", (long long)(newest - last));
	if (number_of(status, "lastExportTime")) {
		printf("  Last attempt: ");
		print_time(number_of(status, "lastExportTime"));
		putchar('\n');
	}
	print_text("  Trouble: ", status, "errorMessage");
	if (cbor_get(status, "errorMessage") && cbor_get(status, "errorMessage")->length)
		putchar('\n');
}

static bool describe(int fd, const struct options *options, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct cbor *answer, *info, *definition, *storage, *statuses;

	if (!ask_by_name(fd, WIRE_DESCRIBE, options->name, &arena, &answer, err))
		return false;
	info = cbor_get(answer, "messageStreamInfo");
	definition = cbor_get(info, "definition");
	storage = cbor_get(info, "storageStatus");
	statuses = cbor_get(info, "exportStatuses");
	print_text("Name: ", definition, "name");
	printf("\nIn: %s\n", number_of(definition, "persistence") == 1 ? "memory" : "file");
	printf("Messages: %lld to %lld\nSize: ",
	       (long long)number_of(storage, "oldestSequenceNumber"),
	       (long long)number_of(storage, "newestSequenceNumber"));
	print_size(number_of(storage, "totalBytes"));
	printf(" of ");
	print_size(number_of(definition, "maxSize"));
	printf("\nWhen full: %s\n", number_of(definition, "strategyOnFull") == 1
					    ? "the oldest are overwritten"
					    : "new messages are refused");
	if (number_of(definition, "timeToLiveMillis"))
		printf("Kept for: %lld s\n",
		       (long long)number_of(definition, "timeToLiveMillis") / 1000);
	for (const struct cbor *status = statuses ? statuses->child : NULL; status;
	     status = status->next)
		print_export(status, number_of(storage, "newestSequenceNumber"));
	return true;
}

/* Text as it is, but nothing that a terminal would obey; anything else in hex. */
static void print_payload(const struct cbor *payload)
{
	bool is_text = utf8_valid_length(payload->bytes, payload->length) == payload->length;

	for (size_t i = 0; is_text && i < payload->length; i++)
		is_text = (unsigned char)payload->bytes[i] >= ' ' && payload->bytes[i] != 127;
	if (is_text) {
		fwrite(payload->bytes, 1, payload->length, stdout);
		return;
	}
	printf("hex:");
	for (size_t i = 0; i < payload->length; i++)
		printf("%02x", (unsigned char)payload->bytes[i]);
}

static bool read_messages(int fd, const struct options *options, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct cbor *answer, *messages;

	if (!ask_messages(fd, options, &arena, &answer, err) ||
	    !cbor_member_or_null(answer, "messages", CBOR_ARRAY, &messages, err))
		return false;
	for (const struct cbor *item = messages ? messages->child : NULL; item; item = item->next) {
		const struct cbor *payload = cbor_get(item, "payload");

		if (!payload)
			continue;
		if (options->is_raw) {
			fwrite(payload->bytes, 1, payload->length, stdout);
		} else {
			printf("%lld ", (long long)number_of(item, "sequenceNumber"));
			print_time(number_of(item, "ingestTime"));
			putchar(' ');
			print_payload(payload);
		}
		putchar('\n');
	}
	return true;
}

/* -- the command line ---------------------------------------------------------------------------
 */

static bool read_number(const char *text, int64_t low, int64_t *number)
{
	char *end;

	*number = strtoll(text, &end, 10);
	if (end != text && *end == '\0' && *number >= low && *number <= INT32_MAX)
		return true;
	log_error("stream: expected a number, found \"%s\"", text);
	return false;
}

enum option_number {
	OPTION_FROM = 256,
	OPTION_RAW,
	OPTION_HELP,
};

/* 0: go on; else the exit code and 1. */
static int read_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "from", required_argument, NULL, OPTION_FROM },
		{ "count", required_argument, NULL, 'n' },
		{ "raw", no_argument, NULL, OPTION_RAW },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	int option;
	bool is_good = true;

	while (is_good && (option = getopt_long(argc, argv, "n:", known, NULL)) >= 0) {
		if (option == OPTION_FROM)
			is_good = read_number(optarg, 0, &options->from);
		else if (option == 'n')
			is_good = read_number(optarg, 1, &options->count);
		else if (option == OPTION_RAW)
			options->is_raw = true;
		else if (option == OPTION_HELP)
			return fputs(help, stdout) < 0 ? EXIT_FAILED + 1 : EXIT_SUCCESS + 1;
		else
			is_good = false;
	}
	options->verb = argv[optind];
	options->name = options->verb ? argv[optind + 1] : NULL;
	if (is_good && options->verb &&
	    (strcmp(options->verb, "list") == 0 ? !options->name
						: options->name && !argv[optind + 2]))
		return 0;
	if (is_good)
		log_error("stream: expected \"list\", \"describe STREAM\" or \"read STREAM\"");
	fputs("Try \"mooring stream --help\".\n", stderr);
	return EXIT_USAGE + 1;
}

static bool run(const struct options *options, const char *control, struct error *err)
{
	autoclose int fd = -1;

	if (!connect_to(control, &fd, err) || !greet(fd, err))
		return false;
	if (strcmp(options->verb, "list") == 0)
		return list(fd, err);
	if (strcmp(options->verb, "describe") == 0)
		return describe(fd, options, err);
	return read_messages(fd, options, err);
}

int stream_command(int argc, char **argv, const char *control)
{
	struct options options = { .count = 10 };
	int code = read_options(&options, argc, argv);
	struct error err;

	if (code > 0)
		return code - 1;
	if (strcmp(options.verb, "list") != 0 && strcmp(options.verb, "describe") != 0 &&
	    strcmp(options.verb, "read") != 0) {
		log_error("stream: expected list, describe or read, found \"%s\"", options.verb);
		fputs("Try \"mooring stream --help\".\n", stderr);
		return EXIT_USAGE;
	}
	if (run(&options, control, &err))
		return EXIT_SUCCESS;
	log_error("stream %s: %s", options.verb, err.text);
	return EXIT_FAILED;
}
