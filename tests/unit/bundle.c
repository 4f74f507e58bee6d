/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundle.h"

#include "base/json.h"
#include "tests/unit/tap.h"

static struct error err;

static void start(struct container *container)
{
	static const struct container empty = { .id = "0123456789abcdef",
						.name = "n",
						.hostname = "h",
						.network = "none",
						.ipc_mode = "private",
						.pid_mode = "private",
						.uts_mode = "private",
						.cgroupns_mode = "host" };

	container_copy(&empty, container);
	texts_add(&container->command, "true");
}

static const struct json *write_bundle(struct arena *arena, const struct container *container)
{
	autobuf struct buf text;
	struct bundle bundle = {
		.container = container, .directory = "/c", .host_files = "/c", .sources = NULL
	};
	const struct json *root = NULL;

	buf_init(&text, 1 << 20);
	bundle.user.home = "/";
	if (!check_ok(confine_read(arena, container, &bundle.confinement, &err), &err, "confine") ||
	    !check_ok(bundle_write(&bundle, arena, &text, &err), &err, "write") ||
	    !check_ok(json_parse(arena, "config", text.data, text.length, &root, &err), &err,
		      "read"))
		return NULL;
	return root;
}

static const char *nth(const struct json *array, uint32_t index)
{
	const struct json *item = array ? array->child : NULL;

	while (item && index--)
		item = item->next;
	return item ? item->text : NULL;
}

/* docker-cli reference, section 1.7. */
static void test_env(void)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts env = { 0 };
	struct container container;

	const struct bundle bundle = { .container = &container, .user.home = "/root" };

	start(&container);
	texts_add(&container.env, "A=1");
	texts_add(&container.env, "PATH=/bin");
	texts_add(&container.env, "GONE");
	bundle_env(&bundle, &arena, &env);
	check_int((long long)env.count, 4, "four variables");
	check_text(env.items[0], "PATH=/bin", "PATH keeps its first place");
	check_text(env.items[1], "HOSTNAME=h", "then HOSTNAME");
	check_text(env.items[2], "A=1", "then the user's and the image's");
	check_text(env.items[3], "HOME=/root", "HOME is last");
	texts_done(&env);

	container.has_tty = true;
	texts_add(&container.env, "HOSTNAME");
	texts_add(&container.env, "HOME=/x");
	bundle_env(&bundle, &arena, &env);
	check(texts_has(&env, "TERM=xterm"), "a terminal sets TERM");
	check(texts_has(&env, "HOME=/x") && !texts_has(&env, "HOME=/root"), "HOME as given");
	check(!texts_has(&env, "HOSTNAME=h"), "KEY alone takes a variable away");
	check(!env.items[env.count], "the list ends with NULL");
	container_done(&container);
}

static void test_defaults(void)
{
	autoarena struct arena arena = { 0 };
	struct container container;

	start(&container);
	const struct json *root = write_bundle(&arena, &container);
	const struct json *process = json_get(root, "process");
	const struct json *linux_part = json_get(root, "linux");
	const struct json *capabilities = json_get(process, "capabilities");

	check_text(nth(json_get(process, "args"), 0), "true", "the command");
	check_int(json_get(capabilities, "bounding")->count, 14, "docker's 14 capabilities");
	check_int(json_get(capabilities, "effective")->count, 14, "root has them");
	check(!json_get(capabilities, "inheritable") && !json_get(capabilities, "ambient"),
	      "none is inheritable");
	check_text(json_get(linux_part, "cgroupsPath")->text, "/docker/0123456789abcdef", "cgroup");
	check(json_get(linux_part, "maskedPaths")->count >= 10, "masked paths");
	check_int(json_get(linux_part, "readonlyPaths")->count, 5, "read-only paths");
	check_text(json_get(json_get(linux_part, "seccomp"), "defaultAction")->text,
		   "SCMP_ACT_ERRNO", "seccomp");
	check_int(json_get(linux_part, "namespaces")->count, 4, "mount, uts, pid, ipc");
	check_int(json_get(root, "mounts")->count, 10,
		  "seven of the kernel's, three files of /etc");
	container_done(&container);
}

static void test_privileged(void)
{
	autoarena struct arena arena = { 0 };
	struct container container;

	start(&container);
	container.is_privileged = true;
	const struct json *linux_part = json_get(write_bundle(&arena, &container), "linux");

	check(!json_get(linux_part, "seccomp") && !json_get(linux_part, "maskedPaths"),
	      "nothing is masked");
	container_done(&container);
}

static void test_capabilities(void)
{
	static const struct {
		const char *add, *drop;
		int count;
	} cases[] = { { NULL, "ALL", 0 },
		      { "chown", "all", 1 },
		      { "NET_ADMIN", NULL, 15 },
		      { "CAP_NET_ADMIN", "CAP_CHOWN", 14 },
		      { NULL, "net_raw", 13 } };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		struct container container;
		struct confinement confinement;

		start(&container);
		if (cases[i].add)
			texts_add(&container.cap_add, cases[i].add);
		if (cases[i].drop)
			texts_add(&container.cap_drop, cases[i].drop);
		check_ok(confine_read(&arena, &container, &confinement, &err), &err, "case %zu", i);
		check_int(__builtin_popcountll(confinement.capabilities), cases[i].count,
			  "case %zu: how many", i);
		container_done(&container);
	}
}

static void test_refused(void)
{
	autoarena struct arena arena = { 0 };
	struct container container;
	struct confinement confinement;

	start(&container);
	texts_add(&container.cap_add, "bogus");
	check_error(confine_read(&arena, &container, &confinement, &err), &err, ERROR_INPUT,
		    "invalid CapAdd: unknown capability: \"CAP_BOGUS\"", "an unknown capability");
	container_done(&container);
	start(&container);
	texts_add(&container.security, "bogus");
	check_error(confine_read(&arena, &container, &confinement, &err), &err, ERROR_INPUT,
		    "Invalid --security-opt: \"bogus\"", "an unknown security option");
	container_done(&container);
	start(&container);
	texts_add(&container.security, "seccomp=/nofile");
	check_error(confine_read(&arena, &container, &confinement, &err), &err, ERROR_INPUT,
		    "opening seccomp profile (/nofile) failed", "a missing profile");
	container_done(&container);
	check_error(bundle_check_ulimit("bogus=1", &err), &err, ERROR_INPUT,
		    "invalid ulimit type: bogus", "an unknown limit");
	check_error(bundle_check_ulimit("nofile=10:5", &err), &err, ERROR_INPUT,
		    "soft limit must be less than or equal to hard limit: 10 > 5", "soft > hard");
	check_error(bundle_check_sysctl("kernel.foo=1", &err), &err, ERROR_INPUT,
		    "sysctl 'kernel.foo=1' is not allowed", "a setting of the host's");
	check_error(bundle_check_sysctl("net.ipv4/../../kernel/hostname=x", &err), &err,
		    ERROR_INPUT, "is not allowed", "a way out of net");
}

int main(void)
{
	test_env();
	test_defaults();
	test_privileged();
	test_capabilities();
	test_refused();
	return tap_done();
}
