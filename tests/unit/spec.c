/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec.h"

#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "tests/unit/specconfig.h"
#include "tests/unit/tap.h"

static bool parse(struct arena *arena, const char *text, struct spec *spec, struct error *err)
{
	return spec_parse(arena, text, strlen(text), spec, err);
}

#define WITH_IDMAP(maps)                                                                           \
	WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/\","         \
		 "\"options\":[\"idmap=" maps "\"]}]")

/* What must be refused, and the place the message must name. */
static const struct {
	const char *config;
	enum error_kind kind;
	const char *part;
} refused[] = {
	{ "", ERROR_INPUT, "config.json" },
	{ "[]", ERROR_INPUT, "config.json: expected an object, found an array" },
	{ "{}", ERROR_INPUT, "config.json: ociVersion: missing" },
	{ "{\"ociVersion\":1}", ERROR_INPUT, "ociVersion: expected a string" },
	{ "{\"ociVersion\":\"2.0.0\"}", ERROR_INPUT, "ociVersion: unsupported version" },
	{ "{\"ociVersion\":\"1.0.0\"}", ERROR_INPUT, "root: missing" },
	{ "{\"ociVersion\":\"1.0.0\",\"root\":[]}", ERROR_INPUT, "root: expected an object" },
	{ "{\"ociVersion\":\"1.0.0\",\"root\":{}}", ERROR_INPUT, "root.path: missing" },
	{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}", ERROR_INPUT,
	  "root.path: must not be empty" },
	{ "{\"ociVersion\":\"1.0.0\"," ROOT "}", ERROR_INPUT,
	  "process property must not be empty" },
	{ WITH_PROCESS("\"cwd\":\"/\""), ERROR_INPUT, "process: args must not be empty" },
	{ WITH_PROCESS("\"args\":[],\"cwd\":\"/\""), ERROR_INPUT, "args must not be empty" },
	{ WITH_PROCESS("\"args\":\"sh\",\"cwd\":\"/\""), ERROR_INPUT,
	  "process.args: expected an array" },
	{ WITH_PROCESS("\"args\":[\"a\",3],\"cwd\":\"/\""), ERROR_INPUT,
	  "process.args[1]: expected a string" },
	{ WITH_PROCESS("\"args\":[\"a\\u0000b\"],\"cwd\":\"/\""), ERROR_INPUT, "NUL" },
	{ WITH_PROCESS("\"args\":[\"sh\"]"), ERROR_INPUT, "cwd: missing" },
	{ WITH_PROCESS("\"args\":[\"sh\"],\"cwd\":\"tmp\""), ERROR_INPUT,
	  "process.cwd: must be an absolute path" },
	{ WITH_PROCESS(ARGS "\"env\":[\"A=1\",\"B\"]"), ERROR_INPUT,
	  "process.env[1]: invalid environment variable" },
	{ WITH_PROCESS(ARGS "\"env\":[\"=1\"]"), ERROR_INPUT, "process.env[0]" },
	{ WITH_PROCESS(ARGS "\"user\":{\"uid\":-1}"), ERROR_INPUT,
	  "process.user.uid: must be from 0" },
	{ WITH_PROCESS(ARGS "\"user\":{\"uid\":4294967295}"), ERROR_INPUT, "process.user.uid" },
	{ WITH_PROCESS(ARGS "\"user\":{\"gid\":\"0\"}"), ERROR_INPUT,
	  "process.user.gid: expected a number" },
	{ WITH_PROCESS(ARGS "\"user\":{\"additionalGids\":[1,-2]}"), ERROR_INPUT,
	  "process.user.additionalGids[1]" },
	{ WITH_PROCESS(ARGS "\"user\":{\"umask\":512}"), ERROR_INPUT, "process.user.umask" },
	{ WITH_PROCESS(ARGS "\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]"),
	  ERROR_INPUT, "process.rlimits[0].type: unknown rlimit" },
	{ WITH_PROCESS(ARGS "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]"),
	  ERROR_INPUT, "soft limit is above" },
	{ WITH_PROCESS(ARGS "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":-5,\"hard\":1}]"),
	  ERROR_INPUT, "process.rlimits[0].soft: not a limit" },
	{ WITH_PROCESS(ARGS "\"rlimits\":[7]"), ERROR_INPUT,
	  "process.rlimits[0]: expected an object" },
	{ WITH_PROCESS(ARGS "\"capabilities\":{\"bounding\":\"CAP_KILL\"}"), ERROR_INPUT,
	  "process.capabilities.bounding: expected an array" },
	{ WITH_PROCESS(ARGS "\"oomScoreAdj\":1001"), ERROR_INPUT, "process.oomScoreAdj" },
	{ WITH_PROCESS(ARGS "\"noNewPrivileges\":1"), ERROR_INPUT,
	  "process.noNewPrivileges: expected a boolean" },
	{ WITH_TOP("\"hostname\":\"h\""), ERROR_INPUT, "hostname: cannot be set without a uts" },
	{ WITH_TOP("\"domainname\":3"), ERROR_INPUT, "domainname: expected a string" },
	{ WITH_TOP("\"mounts\":{}"), ERROR_INPUT, "mounts: expected an array" },
	{ WITH_TOP("\"mounts\":[{}]"), ERROR_INPUT, "mounts[0].destination: missing" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\"}]"), ERROR_INPUT,
	  "mounts[0]: type: missing" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]"), ERROR_INPUT,
	  "mounts[0]: a bind mount needs a source" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[1]}]"),
	  ERROR_INPUT, "mounts[0].options[0]: expected a string" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"source\":\"/\",\"options\":[\"bind\","
		   "\"idmap\"]}]"),
	  ERROR_INPUT, "mounts[0]: an id-mapped mount needs uidMappings and gidMappings" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"source\":\"/\",\"options\":[\"bind\"],"
		   "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]"),
	  ERROR_INPUT, "mounts[0]: uidMappings and gidMappings belong together" },
	{ WITH_IDMAP("uids=0-1-10"), ERROR_INPUT, "uidMappings and gidMappings belong together" },
	{ WITH_IDMAP(""), ERROR_INPUT, "needs uidMappings and gidMappings" },
	{ WITH_IDMAP("x"), ERROR_INPUT, "mounts[0].options[0]: expected uids=… and gids=…" },
	{ WITH_IDMAP("uids="), ERROR_INPUT, "options[0]: expected ranges such as 0-100000-1000" },
	{ WITH_IDMAP("uids=0-1"), ERROR_INPUT, "expected ranges" },
	{ WITH_IDMAP("uids=0-1-10#"), ERROR_INPUT, "expected ranges" },
	{ WITH_IDMAP("uids=0-1-10,gids=0-1-10"), ERROR_INPUT, "expected ranges" },
	{ WITH_IDMAP("uids=0--1-10"), ERROR_INPUT, "expected ranges" },
	{ WITH_IDMAP("uids=0-1-0"), ERROR_INPUT, "ids out of range" },
	{ WITH_IDMAP("uids=0-1-99999999999999999999"), ERROR_INPUT, "ids out of range" },
	{ WITH_IDMAP("uids=4294967295-1-1"), ERROR_INPUT, "ids out of range" },
	{ WITH_IDMAP("uids=@0-1-10"), ERROR_INPUT, "user namespace does not map 0" },
	{ WITH_IDMAP("uids=0-1-10;uids=0-1-10"), ERROR_INPUT, "given twice" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\","
		   "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}],"
		   "\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]"),
	  ERROR_INPUT, "mounts[0]: only bind mounts can be id-mapped" },
	{ WITH_TOP("\"mounts\":[{\"destination\":\"/x\",\"type\":\"proc\",\"options\":["
		   "\"tmpcopyup\"]}]"),
	  ERROR_INPUT, "mounts[0]: only a tmpfs can have tmpcopyup" },
	{ WITH_TOP("\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}"), ERROR_INPUT,
	  "hooks.poststop[0].path: must be an absolute path" },
	{ WITH_TOP("\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}"), ERROR_INPUT,
	  "hooks.prestart[0].timeout" },
	{ WITH_TOP("\"annotations\":{\"a\":1}"), ERROR_INPUT, "annotations.a: expected a string" },
	{ CONFIG(PROCESS, "", ",\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"),
	  ERROR_INPUT, "linux.namespaces[1]: namespace pid is given twice" },
	{ CONFIG(PROCESS, "", ",\"namespaces\":[{\"type\":\"moon\"}]"), ERROR_INPUT,
	  "linux.namespaces[0].type: unknown namespace \"moon\"" },
	{ CONFIG(PROCESS, "", ",\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]"), ERROR_INPUT,
	  "linux.namespaces[0].path: must be an absolute path" },
	{ CONFIG(PROCESS, "", ",\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"}]"),
	  ERROR_INPUT, "no uid/gid mappings found" },
	{ WITH_LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"), ERROR_INPUT,
	  "user namespace isn't enabled" },
	{ WITH_LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":4294967295,\"size\":2}]"),
	  ERROR_INPUT, "linux.uidMappings[0]: ids out of range" },
	{ WITH_LINUX("\"sysctl\":{\"kernel.panic\":\"1\"}"), ERROR_INPUT,
	  "sysctl \"kernel.panic\" is not in a separate kernel namespace" },
	{ WITH_LINUX("\"sysctl\":{\"kernel.shmmax\":\"1\"}"), ERROR_INPUT, "kernel.shmmax" },
	{ WITH_LINUX("\"sysctl\":{\"net/../kernel/panic\":\"1\"}"), ERROR_INPUT,
	  "sysctl \"net/../kernel/panic\" is not in a separate kernel namespace" },
	{ WITH_LINUX("\"sysctl\":{\"net.//.kernel.panic\":\"1\"}"), ERROR_INPUT,
	  "net.//.kernel.panic" },
	{ WITH_LINUX("\"sysctl\":{\"net/./ipv4/ip_forward\":\"1\"}"), ERROR_INPUT, "net/./ipv4" },
	{ WITH_LINUX("\"sysctl\":{\"net/ipv4/\":\"1\"}"), ERROR_INPUT, "net/ipv4/" },
	{ WITH_LINUX("\"sysctl\":{\"net.ipv4.ip_forward\":1}"), ERROR_INPUT,
	  "linux.sysctl.net.ipv4.ip_forward: expected a string" },
	{ WITH_LINUX("\"maskedPaths\":[\"proc\"]"), ERROR_INPUT,
	  "linux.maskedPaths[0]: must be an absolute path" },
	{ WITH_LINUX("\"rootfsPropagation\":\"wide\""), ERROR_INPUT, "unknown propagation" },
	{ WITH_LINUX("\"timeOffsets\":{\"monotonic\":{\"secs\":1}}"), ERROR_INPUT,
	  "linux.timeOffsets: needs a new time namespace" },
	{ WITH_LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\"}]"), ERROR_INPUT,
	  "linux.devices[0]: major and minor: missing" },
	{ WITH_LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"z\",\"major\":1,\"minor\":1}]"),
	  ERROR_INPUT, "linux.devices[0].type: unknown device type" },
	{ WITH_LINUX("\"resources\":{\"memory\":{\"limit\":\"1\"}}"), ERROR_INPUT,
	  "linux.resources.memory.limit: expected a number" },
	{ WITH_LINUX("\"resources\":{\"memory\":{\"limit\":200,\"swap\":100}}"), ERROR_INPUT,
	  "smaller than limit" },
	{ WITH_LINUX("\"resources\":{\"pids\":3}"), ERROR_INPUT,
	  "linux.resources.pids: expected an object" },
	{ WITH_LINUX("\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}"),
	  ERROR_INPUT, "linux.resources.devices[0].access" },
	{ WITH_LINUX("\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"a\"}]}"),
	  ERROR_INPUT, "linux.resources.devices[0].access" },
	{ WITH_LINUX("\"resources\":{\"unified\":{\"a/b\":\"1\"}}"), ERROR_INPUT,
	  "\"a/b\" is not a cgroup file name" },
	{ WITH_LINUX("\"seccomp\":\"x\""), ERROR_INPUT, "linux.seccomp: expected an object" },
};

static void test_refused(void)
{
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		struct arena arena = { 0 };
		struct spec spec;
		struct error err;

		check_error(parse(&arena, refused[i].config, &spec, &err), &err, refused[i].kind,
			    refused[i].part, "refused: %s", refused[i].part);
		arena_done(&arena);
	}
}

/* A list longer than its limit is refused before anything is made of it. */
static void test_long_list(void)
{
	struct arena arena = { 0 };
	struct spec spec;
	struct error err;
	struct buf text;

	buf_init(&text, SPEC_SIZE_MAX);
	buf_add_text(&text,
		     "{\"ociVersion\":\"1.0.2\"," ROOT ",\"process\":{\"cwd\":\"/\",\"args\":[");
	for (int i = 0; i < SPEC_LIST_MAX; i++)
		buf_add_text(&text, "\"a\",");
	buf_add_text(&text, "\"a\"]}}");
	check_error(parse(&arena, text.data, &spec, &err), &err, ERROR_INPUT,
		    "process.args: more than", "a list that is too long");
	buf_done(&text);
	arena_done(&arena);
}

static void test_minimal(struct arena *arena)
{
	struct spec spec;
	struct error err;

	if (!check_ok(parse(arena, CONFIG(PROCESS, "", ""), &spec, &err), &err, "least config"))
		return;
	check_text(spec.process.args[0], "sh", "args");
	check(!spec.process.args[1], "args end with NULL");
	check_int(spec.process.user.umask, 022, "umask unless said");
	check_int(spec.process.oom_score_adj, SPEC_UNSET, "oom score unless said");
	check_int((long long)spec.process.capabilities.bounding, 0, "no capabilities");
	check(spec.namespaces[NAMESPACE_PID].is_wanted, "pid namespace");
	check(!spec.namespaces[NAMESPACE_USER].is_wanted, "no user namespace");
	check(!spec.resources.is_given, "no resources");
	check_int(spec.resources.pids_limit, SPEC_UNSET, "no pids limit");
	check(!spec.seccomp, "no filter");
}

static void test_process(struct arena *arena)
{
	const char *text = WITH_PROCESS(
		ARGS
		"\"env\":[\"A=1\"],\"user\":{\"uid\":5,\"gid\":4294967294,\"additionalGids\":[7,8],"
		"\"umask\":63},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_MOON\"],"
		"\"ambient\":[\"CAP_CHECKPOINT_RESTORE\"]},\"noNewPrivileges\":true,"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":18446744073709551615,"
		"\"hard\":-1}],\"unknown\":[]");
	struct spec spec;
	struct error err;

	if (!check_ok(parse(arena, text, &spec, &err), &err, "process"))
		return;
	check_int(spec.process.user.uid, 5, "uid");
	check_int(spec.process.user.gid, 4294967294, "gid up to 2^32 - 2");
	check_int((long long)spec.process.user.group_count, 2, "groups");
	check_int(spec.process.user.groups[1], 8, "second group");
	check_int(spec.process.user.umask, 077, "umask");
	check_int((long long)spec.process.capabilities.bounding, 1,
		  "unknown capability is left out");
	check_int((long long)spec.process.capabilities.ambient, 1LL << 40, "capability 40");
	check(spec.process.has_no_new_privileges, "no_new_privs");
	check_int(spec.process.rlimits[0].resource, RLIMIT_NOFILE, "rlimit");
	check(spec.process.rlimits[0].soft == RLIM64_INFINITY, "2^64-1 is exact");
	check(spec.process.rlimits[0].hard == RLIM64_INFINITY, "-1 is unlimited");
}

static void test_mounts(struct arena *arena)
{
	const char *text = WITH_TOP(
		"\"mounts\":[{\"destination\":\"/t\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		"\"options\":[\"nosuid\",\"size=64k\",\"suid\",\"mode=755\",\"ro\",\"rslave\"]},"
		"{\"destination\":\"/b\",\"source\":\"/s\",\"options\":[\"rbind\",\"rw\",\"rro\","
		"\"rnoatime\"]}]");
	struct spec spec;
	struct error err;

	if (!check_ok(parse(arena, text, &spec, &err), &err, "mounts"))
		return;
	check_int((long long)spec.mounts[0].flags, MS_RDONLY, "suid takes nosuid back");
	check_text(spec.mounts[0].data, "size=64k,mode=755", "the rest is data");
	check_int((long long)spec.mounts[0].propagation, MS_SLAVE | MS_REC, "propagation");
	check(!spec.mounts[0].is_bind, "tmpfs is no bind");
	check(spec.mounts[1].is_bind, "rbind is a bind without a type");
	check_int((long long)spec.mounts[1].flags, MS_BIND | MS_REC, "rbind");
	check_int((long long)spec.mounts[1].cleared, MS_RDONLY, "rw is asked for");
	check_int((long long)spec.mounts[1].recursive_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME,
		  "recursive attributes");
	check_int((long long)spec.mounts[1].recursive_clear, MOUNT_ATTR__ATIME, "the atime field");
}

static void test_linux(struct arena *arena)
{
	const char *text = WITH_LINUX(
		"\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"net/ipv4/conf/eth0.1/"
		"forwarding\":\"0\"},"
		"\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"u\",\"major\":10,\"minor\":229,"
		"\"fileMode\":33206}],\"resources\":{\"devices\":[{\"allow\":false},{\"allow\":"
		"true,"
		"\"type\":\"c\",\"major\":1,\"access\":\"rwa\"}],\"memory\":{\"limit\":1048576,"
		"\"swap\":-1},\"cpu\":"
		"{\"shares\":512,\"cpus\":\"0-1\"},\"blockIO\":{\"throttleReadBpsDevice\":[{"
		"\"major\":8,"
		"\"minor\":0,\"rate\":99}]},\"unified\":{\"memory.high\":\"max\"}},"
		"\"cgroupsPath\":\"/a/b\",\"rootfsPropagation\":\"rshared\",\"maskedPaths\":[\"/"
		"x\"]");
	struct spec spec;
	struct error err;

	if (!check_ok(parse(arena, text, &spec, &err), &err, "linux section"))
		return;
	check_text(spec.sysctls[0].name, "net/ipv4/ip_forward", "dots are slashes");
	check_text(spec.sysctls[1].name, "net/ipv4/conf/eth0.1/forwarding", "slashes come first");
	check_int(spec.devices[0].type, S_IFCHR, "u is c");
	check_int(spec.devices[0].mode, 0666, "type bits of fileMode are ignored");
	check_int(spec.resources.device_rules[0].type, 'a', "rule for all");
	check_text(spec.resources.device_rules[0].access, "rwm", "all access");
	check_int(spec.resources.device_rules[1].minor, -1, "any minor");
	check_text(spec.resources.device_rules[1].access, "rw", "a letter that runc passes over");
	check_int(spec.resources.memory_limit, 1048576, "memory");
	check_int(spec.resources.memory_swap, -1, "swap");
	check_int(spec.resources.cpu_quota, SPEC_UNSET, "quota is not said");
	check_text(spec.resources.cpus, "0-1", "cpus");
	check_text(spec.resources.throttles[0].what, "read_bps", "throttle");
	check_text(spec.resources.unified[0].name, "memory.high", "unified");
	check_text(spec.cgroups_path, "/a/b", "cgroupsPath");
	check_int((long long)spec.root_propagation, MS_SHARED | MS_REC, "propagation of the root");
	check_text(spec.masked_paths[0], "/x", "masked path");
}

static void test_hooks(struct arena *arena)
{
	const char *text =
		WITH_TOP("\"hooks\":{\"poststart\":[{\"path\":\"/bin/h\"},{\"path\":\"/bin/i\","
			 "\"args\":[\"i\",\"1\"],\"env\":[\"A=1\"],\"timeout\":3}]}");
	struct spec spec;
	struct error err;

	if (!check_ok(parse(arena, text, &spec, &err), &err, "hooks"))
		return;
	check_int((long long)spec.hooks[HOOK_POSTSTART].count, 2, "two hooks");
	check_text(spec.hooks[HOOK_POSTSTART].hooks[0].args[0], "/bin/h", "argv is the path");
	check_text(spec.hooks[HOOK_POSTSTART].hooks[1].args[1], "1", "argv as given");
	check_int(spec.hooks[HOOK_POSTSTART].hooks[1].timeout, 3, "timeout");
	check(!spec.hooks[HOOK_POSTSTART].hooks[0].env, "no environment is named");
	check_text(spec.hooks[HOOK_POSTSTART].hooks[1].env[0], "A=1", "environment as given");
	check_int((long long)spec.hooks[HOOK_POSTSTOP].count, 0, "no other hooks");
}

int main(void)
{
	struct arena arena = { 0 };

	test_refused();
	test_long_list();
	test_minimal(&arena);
	test_process(&arena);
	test_mounts(&arena);
	test_linux(&arena);
	test_hooks(&arena);
	arena_done(&arena);
	return tap_done();
}
