/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "runtime/flag.h"
#include "runtime/verb.h"

/*
 * spec: a config.json to start from, as runc writes it.
 */

static const char head[] =
	"{\n"
	"\t\"ociVersion\": \"1.2.0\",\n"
	"\t\"process\": {\n"
	"\t\t\"terminal\": true,\n"
	"\t\t\"user\": { \"uid\": 0, \"gid\": 0 },\n"
	"\t\t\"args\": [\"sh\"],\n"
	"\t\t\"env\": [\n"
	"\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
	"\t\t\t\"TERM=xterm\"\n"
	"\t\t],\n"
	"\t\t\"cwd\": \"/\",\n"
	"\t\t\"capabilities\": {\n"
	"\t\t\t\"bounding\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n"
	"\t\t\t\"effective\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n"
	"\t\t\t\"permitted\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]\n"
	"\t\t},\n"
	"\t\t\"rlimits\": [{ \"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024 }],\n"
	"\t\t\"noNewPrivileges\": true\n"
	"\t},\n"
	"\t\"root\": { \"path\": \"rootfs\", \"readonly\": true },\n"
	"\t\"hostname\": \"mooring\",\n"
	"\t\"mounts\": [\n"
	"\t\t{ \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\" },\n"
	"\t\t{ \"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n"
	"\t\t  \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"] },\n";

static const char pts_root[] =
	"\t\t{ \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n"
	"\t\t  \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", "
	"\"mode=0620\", \"gid=5\"] },\n";
static const char pts_rootless[] =
	"\t\t{ \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n"
	"\t\t  \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", "
	"\"mode=0620\"] },\n";

static const char middle[] =
	"\t\t{ \"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
	"\t\t  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"] "
	"},\n"
	"\t\t{ \"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\",\n"
	"\t\t  \"options\": [\"nosuid\", \"noexec\", \"nodev\"] },\n";

static const char sys_root[] =
	"\t\t{ \"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\",\n"
	"\t\t  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"] },\n"
	"\t\t{ \"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\",\n"
	"\t\t  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"] }\n"
	"\t],\n"
	"\t\"linux\": {\n"
	"\t\t\"resources\": { \"devices\": [{ \"allow\": false, \"access\": \"rwm\" }] },\n"
	"\t\t\"namespaces\": [\n"
	"\t\t\t{ \"type\": \"network\" },\n";
static const char sys_rootless[] =
	"\t\t{ \"destination\": \"/sys\", \"type\": \"none\", \"source\": \"/sys\",\n"
	"\t\t  \"options\": [\"rbind\", \"nosuid\", \"noexec\", \"nodev\", \"rro\"] }\n"
	"\t],\n"
	"\t\"linux\": {\n"
	"\t\t\"uidMappings\": [{ \"containerID\": 0, \"hostID\": %u, \"size\": 1 }],\n"
	"\t\t\"gidMappings\": [{ \"containerID\": 0, \"hostID\": %u, \"size\": 1 }],\n"
	"\t\t\"namespaces\": [\n"
	"\t\t\t{ \"type\": \"user\" },\n";

static const char cgroup_namespace[] = "\t\t\t{ \"type\": \"cgroup\" },\n";

static const char tail[] = "\t\t\t{ \"type\": \"pid\" },\n"
			   "\t\t\t{ \"type\": \"ipc\" },\n"
			   "\t\t\t{ \"type\": \"uts\" },\n"
			   "\t\t\t{ \"type\": \"mount\" }\n"
			   "\t\t],\n"
			   "\t\t\"maskedPaths\": [\n"
			   "\t\t\t\"/proc/acpi\",\n"
			   "\t\t\t\"/proc/asound\",\n"
			   "\t\t\t\"/proc/interrupts\",\n"
			   "\t\t\t\"/proc/kcore\",\n"
			   "\t\t\t\"/proc/keys\",\n"
			   "\t\t\t\"/proc/latency_stats\",\n"
			   "\t\t\t\"/proc/timer_list\",\n"
			   "\t\t\t\"/proc/timer_stats\",\n"
			   "\t\t\t\"/proc/sched_debug\",\n"
			   "\t\t\t\"/proc/scsi\",\n"
			   "\t\t\t\"/sys/firmware\",\n"
			   "\t\t\t\"/sys/devices/virtual/powercap\"\n"
			   "\t\t],\n"
			   "\t\t\"readonlyPaths\": [\n"
			   "\t\t\t\"/proc/bus\",\n"
			   "\t\t\t\"/proc/fs\",\n"
			   "\t\t\t\"/proc/irq\",\n"
			   "\t\t\t\"/proc/sys\",\n"
			   "\t\t\t\"/proc/sysrq-trigger\"\n"
			   "\t\t]\n"
			   "\t}\n"
			   "}\n";

static void compose(struct buf *text, bool is_rootless)
{
	struct statfs fs;

	buf_add_text(text, head);
	buf_add_text(text, is_rootless ? pts_rootless : pts_root);
	buf_add_text(text, middle);
	if (is_rootless)
		buf_printf(text, sys_rootless, geteuid(), getegid());
	else
		buf_add_text(text, sys_root);
	if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		buf_add_text(text, cgroup_namespace);
	buf_add_text(text, tail);
}

int verb_spec(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const char *bundle = ".", *rootless = NULL;
	const struct flag flags[] = {
		{ "bundle", 'b', "DIR", "where to write it; default: this directory", &bundle },
		{ "rootless", 0, NULL, "for a caller who is not root", &rootless },
		{ 0 },
	};
	autobuf struct buf text = { 0 };
	autoclose int dir = -1;
	autoclose int fd = -1;
	int next;

	(void)globals;
	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;
	dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open bundle %s", bundle) - 1;
	fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, ERROR_EXISTS, "File config.json exists. Remove it first") - 1;
	if (fd < 0)
		return error_sys(err, "create config.json") - 1;
	buf_init(&text, 65536);
	compose(&text, flag_is_set(rootless));
	return file_write(fd, "config.json", text.data, text.length, err) ? 0 : -1;
}
