/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci.h"
#include "engine/status.h"

#define EVENT_MAX (4 << 20) /* bytes of a stats event */
#define NET_MAX   (1 << 20) /* bytes of /proc/PID/net/dev */

/* A number at the end of a path of members; 0 if it is not there. */
static uint64_t number_at(const struct json *object, const char *const *path)
{
	for (; object && *path; path++)
		object = json_get(object, *path);
	return object && object->type == JSON_NUMBER ? strtoull(object->text, NULL, 10) : 0;
}

#define NUMBER(object, ...) number_at((object), (const char *const[]){ __VA_ARGS__, NULL })

/* As docker: v1 calls it total_inactive_file, v2 inactive_file. */
static void read_memory(const struct json *data, struct usage *usage)
{
	uint64_t all = NUMBER(data, "memory", "usage", "usage");
	uint64_t cache = NUMBER(data, "memory", "raw", "total_inactive_file");
	struct sysinfo machine;

	if (!cache)
		cache = NUMBER(data, "memory", "raw", "inactive_file");
	usage->memory = cache < all ? all - cache : all;
	usage->memory_limit = NUMBER(data, "memory", "usage", "limit");
	if (sysinfo(&machine) == 0) {
		uint64_t total = (uint64_t)machine.totalram * machine.mem_unit;

		if (!usage->memory_limit || usage->memory_limit > total)
			usage->memory_limit = total;
	}
}

static void read_blocks(const struct json *data, struct usage *usage)
{
	const struct json *list = json_get(json_get(data, "blkio"), "ioServiceBytesRecursive");

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const struct json *op = json_get(item, "op");
		uint64_t value = NUMBER(item, "value");

		if (op && op->text && strcasecmp(op->text, "read") == 0)
			usage->block_read += value;
		else if (op && op->text && strcasecmp(op->text, "write") == 0)
			usage->block_written += value;
	}
}

/* "  eth0: 646 8 0 0 0 0 0 0 0 0 …": bytes received first, bytes sent in the ninth column. */
static void read_interface(const char *line, struct usage *usage)
{
	unsigned long long received;
	unsigned long long sent;
	const char *colon = strchr(line, ':');

	line += strspn(line, " ");
	if (!colon || strncmp(line, "lo:", 3) == 0 ||
	    sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &received, &sent) != 2)
		return;
	usage->net_received += received;
	usage->net_sent += sent;
}

static void read_network(pid_t pid, struct usage *usage)
{
	autofree char *path = mem_printf("/proc/%d/net/dev", (int)pid);
	autobuf struct buf text;
	struct error ignored; /* it has just ended */

	buf_init(&text, NET_MAX);
	if (pid <= 0 || !file_read(AT_FDCWD, path, &text, &ignored) || !text.data)
		return;
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n"));)
		read_interface(line, usage);
}

void usage_read(const struct engine *engine, const char *id, struct usage *usage)
{
	const char *const words[] = { "events", "--stats", id };
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	const struct json *event;
	struct status status;
	struct timespec now;
	struct error ignored;

	*usage = (struct usage){ 0 };
	buf_init(&text, EVENT_MAX);
	status_read(engine, &arena, id, &status);
	if (!status_has_process(&status) ||
	    !oci_call(engine, words, COUNT_OF(words), &text, &ignored) || !text.data ||
	    !json_parse(&arena, "stats", text.data, text.length, &event, &ignored))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	const struct json *data = json_get(event, "data");
	usage->taken_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	usage->cpu_ns = NUMBER(data, "cpu", "usage", "total");
	usage->pids = NUMBER(data, "pids", "current");
	read_memory(data, usage);
	read_blocks(data, usage);
	read_network(status.pid, usage);
}
