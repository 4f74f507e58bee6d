/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/runopts.h"

#include <string.h>
#include <strings.h>

#include "base/word.h"
#include "cli/envfile.h"
#include "cli/running.h"
#include "engine/bundle.h"
#include "engine/bundledevice.h"
#include "engine/bundlelimit.h"
#include "engine/hostfiles.h"
#include "engine/linktarget.h"
#include "engine/mounts.h"
#include "engine/port.h"

/*
 * One long list: every option docker documents for `run` and `create`, in the order of its help.
 */

static bool check_pull(const char *text, struct error *err)
{
	return strcmp(text, "always") == 0 || strcmp(text, "missing") == 0 ||
	       strcmp(text, "never") == 0 || strcmp(text, "") == 0 ||
	       error_set(err, ERROR_INPUT,
			 "invalid pull option: '%s': must be one of \"always\", \"missing\" or "
			 "\"never\"",
			 text);
}

static bool check_stream(const char *text, struct error *err)
{
	return strcasecmp(text, "stdin") == 0 || strcasecmp(text, "stdout") == 0 ||
	       strcasecmp(text, "stderr") == 0 ||
	       error_set(err, ERROR_INPUT, "valid streams are STDIN, STDOUT and STDERR");
}

static bool check_number(const char *text, struct error *err)
{
	int64_t number;

	return opt_parse_number(text, &number, err);
}

static bool check_count(const char *text, struct error *err)
{
	int64_t number;

	return opt_parse_count(text, &number, err);
}

static bool check_size(const char *text, struct error *err)
{
	int64_t bytes;

	return opt_parse_size(text, &bytes, err);
}

/* 16 bits, as in docker's client; its daemon knows a narrower range. */
static bool check_weight(const char *text, struct error *err)
{
	int64_t weight;

	if (!opt_parse_count(text, &weight, err))
		return false;
	return weight <= UINT16_MAX ||
	       error_set(err, ERROR_INPUT, "strconv.ParseUint: parsing \"%s\": value out of range",
			 text);
}

/* "all", a number, or fields separated by commas. */
static bool check_gpus(const char *text, struct error *err)
{
	static const char *const keys[] = { "driver", "device", "options", "capabilities" };

	autofree char *copy = mem_strdup(text);
	char *rest = strchr(text, '"') ? NULL : copy; /* quoted fields hold commas of their own */

	for (char *field; (field = strsep(&rest, ","));) {
		char *equals = strchr(field, '=');
		const char *count = equals ? equals + 1 : field;
		bool is_known = false;

		for (size_t i = 0; equals && i < COUNT_OF(keys); i++)
			is_known |= strncmp(field, keys[i], strlen(keys[i])) == 0 &&
				    field + strlen(keys[i]) == equals;
		if (is_known)
			continue;
		if (equals && strncmp(field, "count=", strlen("count=")) != 0)
			return error_set(err, ERROR_INPUT, "unexpected key '%.*s' in '%s'",
					 (int)(equals - field), field, field);
		if (strcmp(count, "all") != 0 && strcmp(count, "-1") != 0 && !word_is_digits(count))
			return error_set(err, ERROR_INPUT,
					 "invalid count (%s): value must be either \"all\" or an "
					 "integer: invalid syntax",
					 count);
	}
	return true;
}

static bool check_userns(const char *text, struct error *err)
{
	return strcmp(text, "host") == 0 || strcmp(text, "") == 0 ||
	       error_set(err, ERROR_UNSUPPORTED, "--userns: invalid USER mode");
}

static bool check_annotation(const char *text, struct error *err)
{
	return (strchr(text, '=') && text[0] != '=') ||
	       error_set(err, ERROR_INPUT, "%s must be formatted as key=value", text);
}

#define AT(member) offsetof(struct runopts, member)
#define OF(member) offsetof(struct runopts, container.member)

/* One option a line. */
/* clang-format off */
#define OPTIONS_OF_BOTH \
	{ "add-host", 0, OPT_LIST, OF(extra_hosts), "list", "Add a custom host-to-IP mapping (host:ip)", hostfiles_check_host }, \
	{ "annotation", 0, OPT_LIST, OF(annotations), "map", "Add an annotation to the container (passed through to the OCI runtime)", check_annotation }, \
	{ "attach", 'a', OPT_LIST, AT(attach), "list", "Attach to STDIN, STDOUT or STDERR", check_stream }, \
	{ "blkio-weight", 0, OPT_COUNT, AT(blkio_weight), "uint16", "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)", check_weight }, \
	{ "blkio-weight-device", 0, OPT_LIST, OF(block_weights), "list", "Block IO weight (relative device weight)", limit_check_block_weight }, \
	{ "cap-add", 0, OPT_LIST, OF(cap_add), "list", "Add Linux capabilities", NULL }, \
	{ "cap-drop", 0, OPT_LIST, OF(cap_drop), "list", "Drop Linux capabilities", NULL }, \
	{ "cgroup-parent", 0, OPT_TEXT, OF(cgroup_parent), "string", "Optional parent cgroup for the container", NULL }, \
	{ "cgroupns", 0, OPT_TEXT, OF(cgroupns_mode), "string", "Cgroup namespace to use (host|private)", NULL }, \
	{ "cidfile", 0, OPT_WORD, AT(cidfile), "string", "Write the container ID to the file", NULL }, \
	{ "cpu-count", 0, OPT_MISSING_TEXT, 0, "int", NULL, check_number }, \
	{ "cpu-percent", 0, OPT_MISSING_TEXT, 0, "int", NULL, check_number }, \
	{ "cpu-period", 0, OPT_NUMBER, AT(cpu_period), "int", "Limit CPU CFS (Completely Fair Scheduler) period", NULL }, \
	{ "cpu-quota", 0, OPT_NUMBER, AT(cpu_quota), "int", "Limit CPU CFS (Completely Fair Scheduler) quota", NULL }, \
	{ "cpu-rt-period", 0, OPT_NUMBER, AT(cpu_rt_period), "int", "Limit CPU real-time period in microseconds", NULL }, \
	{ "cpu-rt-runtime", 0, OPT_NUMBER, AT(cpu_rt_runtime), "int", "Limit CPU real-time runtime in microseconds", NULL }, \
	{ "cpu-shares", 'c', OPT_NUMBER, AT(cpu_shares), "int", "CPU shares (relative weight)", NULL }, \
	{ "cpus", 0, OPT_CPUS, AT(cpus), "decimal", "Number of CPUs", NULL }, \
	{ "cpuset-cpus", 0, OPT_TEXT, OF(cpuset_cpus), "string", "CPUs in which to allow execution (0-3, 0,1)", NULL }, \
	{ "cpuset-mems", 0, OPT_TEXT, OF(cpuset_mems), "string", "MEMs in which to allow execution (0-3, 0,1)", NULL }, \
	{ "device", 0, OPT_LIST, OF(devices), "list", "Add a host device to the container", NULL }, \
	{ "device-cgroup-rule", 0, OPT_LIST, OF(device_rules), "list", "Add a rule to the cgroup allowed devices list", device_check_rule }, \
	{ "device-read-bps", 0, OPT_LIST, OF(block_read_bps), "list", "Limit read rate (bytes per second) from a device", limit_check_block_rate }, \
	{ "device-read-iops", 0, OPT_LIST, OF(block_read_iops), "list", "Limit read rate (IO per second) from a device", limit_check_block_count }, \
	{ "device-write-bps", 0, OPT_LIST, OF(block_write_bps), "list", "Limit write rate (bytes per second) to a device", limit_check_block_rate }, \
	{ "device-write-iops", 0, OPT_LIST, OF(block_write_iops), "list", "Limit write rate (IO per second) to a device", limit_check_block_count }, \
	{ "disable-content-trust", 0, OPT_IGNORED_BOOL, 0, NULL, NULL, NULL }, \
	{ "dns", 0, OPT_LIST, OF(dns), "list", "Set custom DNS servers", hostfiles_check_address }, \
	{ "dns-opt", 0, OPT_LIST, OF(dns_options), "list", NULL, NULL }, \
	{ "dns-option", 0, OPT_LIST, OF(dns_options), "list", "Set DNS options", NULL }, \
	{ "dns-search", 0, OPT_LIST, OF(dns_search), "list", "Set custom DNS search domains", hostfiles_check_domain }, \
	{ "domainname", 0, OPT_TEXT, OF(domainname), "string", "Container NIS domain name", NULL }, \
	{ "entrypoint", 0, OPT_TEXT, AT(entrypoint), "string", "Overwrite the default ENTRYPOINT of the image", NULL }, \
	{ "entrypoint-word", 0, OPT_LIST, AT(entrypoint_words), "list", NULL, NULL }, \
	{ "env", 'e', OPT_LIST, AT(env), "list", "Set environment variables", envfile_check }, \
	{ "env-file", 0, OPT_LIST, AT(env_files), "list", "Read in a file of environment variables", NULL }, \
	{ "expose", 0, OPT_LIST, OF(exposed_ports), "list", "Expose a port or a range of ports", port_check_exposed }, \
	{ "gpus", 0, OPT_TEXT, AT(gpus), "gpu-request", NULL, check_gpus }, \
	{ "group-add", 0, OPT_LIST, OF(groups), "list", "Add additional groups to join", NULL }, \
	{ "health-cmd", 0, OPT_TEXT, AT(health_cmd), "string", "Command to run to check health", NULL }, \
	{ "health-interval", 0, OPT_SPAN, AT(health_interval), "duration", "Time between running the check (ms|s|m|h) (default 30s)", NULL }, \
	{ "health-retries", 0, OPT_NUMBER, AT(health_retries), "int", "Consecutive failures needed to report unhealthy", NULL }, \
	{ "health-start-interval", 0, OPT_SPAN, AT(health_start_interval), "duration", "Time between running the check during the start period (ms|s|m|h) (default 5s)", NULL }, \
	{ "health-start-period", 0, OPT_SPAN, AT(health_start_period), "duration", "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)", NULL }, \
	{ "health-test", 0, OPT_LIST, AT(health_test), "list", NULL, NULL }, \
	{ "health-timeout", 0, OPT_SPAN, AT(health_timeout), "duration", "Maximum time to allow one check to run (ms|s|m|h) (default 30s)", NULL }, \
	{ "hostname", 'h', OPT_TEXT, OF(hostname), "string", "Container host name", NULL }, \
	{ "image-command", 0, OPT_BOOL, AT(has_image_command), NULL, NULL, NULL }, \
	{ "init", 0, OPT_BOOL, OF(has_init), NULL, "Run an init inside the container that forwards signals and reaps processes", NULL }, \
	{ "interactive", 'i', OPT_BOOL, OF(has_open_stdin), NULL, "Keep STDIN open even if not attached", NULL }, \
	{ "io-maxbandwidth", 0, OPT_MISSING_TEXT, 0, "bytes", NULL, check_size }, \
	{ "io-maxiops", 0, OPT_MISSING_TEXT, 0, "uint", NULL, check_count }, \
	{ "ip", 0, OPT_TEXT, AT(net.ip), "string", "IPv4 address (e.g., 172.30.100.104)", netopts_check_ip }, \
	{ "ip6", 0, OPT_TEXT, AT(net.ip6), "string", "IPv6 address (e.g., 2001:db8::33)", netopts_check_ip6 }, \
	{ "ipc", 0, OPT_TEXT, OF(ipc_mode), "string", "IPC mode to use", NULL }, \
	{ "isolation", 0, OPT_TEXT, AT(isolation), "string", NULL, NULL }, \
	{ "kernel-memory", 0, OPT_SIZE, AT(kernel_memory), "bytes", NULL, NULL }, \
	{ "label", 'l', OPT_LIST, OF(labels), "list", "Set meta data on a container", opt_check_label }, \
	{ "label-file", 0, OPT_LIST, AT(label_files), "list", "Read in a line delimited file of labels", NULL }, \
	{ "link", 0, OPT_LIST, AT(net.links), "list", "Add link to another container", link_target_check }, \
	{ "link-all", 0, OPT_BOOL, AT(net.links_all), NULL, NULL, NULL }, \
	{ "link-local-ip", 0, OPT_LIST, AT(net.link_local), "list", "Container IPv4/IPv6 link-local addresses", netopts_check_link_local }, \
	{ "log-driver", 0, OPT_TEXT, OF(log_driver), "string", "Logging driver for the container", NULL }, \
	{ "log-opt", 0, OPT_LIST, AT(log_opts), "list", "Log driver options", NULL }, \
	{ "mac-address", 0, OPT_TEXT, AT(net.mac), "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)", netopts_check_mac }, \
	{ "memory", 'm', OPT_SIZE, AT(memory), "bytes", "Memory limit", NULL }, \
	{ "memory-reservation", 0, OPT_SIZE, AT(memory_reservation), "bytes", "Memory soft limit", NULL }, \
	{ "memory-swap", 0, OPT_SWAP, AT(memory_swap), "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", NULL }, \
	{ "memory-swappiness", 0, OPT_NUMBER, AT(memory_swappiness), "int", "Tune container memory swappiness (0 to 100) (default -1)", NULL }, \
	{ "mount", 0, OPT_LIST, AT(mounts), "mount", "Attach a filesystem mount to the container", mounts_check_mount }, \
	{ "name", 0, OPT_TEXT, OF(name), "string", "Assign a name to the container", NULL }, \
	{ "net", 0, OPT_LIST, AT(net.networks), "network", NULL, netopts_check_network }, \
	{ "net-alias", 0, OPT_LIST, AT(net.aliases), "list", NULL, NULL }, \
	{ "network", 0, OPT_LIST, AT(net.networks), "network", "Connect a container to a network", netopts_check_network }, \
	{ "network-alias", 0, OPT_LIST, AT(net.aliases), "list", "Add network-scoped alias for the container", NULL }, \
	{ "no-healthcheck", 0, OPT_BOOL, AT(is_without_health), NULL, "Disable any container-specified HEALTHCHECK", NULL }, \
	{ "oom-kill-disable", 0, OPT_BOOL, OF(has_no_oom_kill), NULL, "Disable OOM Killer", NULL }, \
	{ "oom-score-adj", 0, OPT_NUMBER, AT(oom_score_adj), "int", "Tune host's OOM preferences (-1000 to 1000)", NULL }, \
	{ "pid", 0, OPT_TEXT, OF(pid_mode), "string", "PID namespace to use", NULL }, \
	{ "pids-limit", 0, OPT_NUMBER, AT(pids_limit), "int", "Tune container pids limit (set -1 for unlimited)", NULL }, \
	{ "platform", 0, OPT_WORD, AT(platform), "string", "Set platform if server is multi-platform capable", NULL }, \
	{ "privileged", 0, OPT_BOOL, OF(is_privileged), NULL, "Give extended privileges to this container", NULL }, \
	{ "publish", 'p', OPT_LIST, AT(net.publish), "list", "Publish a container's port(s) to the host", port_check }, \
	{ "publish-all", 'P', OPT_BOOL, AT(net.publishes_all), NULL, "Publish all exposed ports to random ports", NULL }, \
	{ "pull", 0, OPT_TEXT, AT(pull), "string", "Pull image before running (\"always\", \"missing\", \"never\")", check_pull }, \
	{ "quiet", 'q', OPT_BOOL, AT(is_quiet), NULL, "Suppress the pull output", NULL }, \
	{ "read-only", 0, OPT_BOOL, OF(is_readonly), NULL, "Mount the container's root filesystem as read only", NULL }, \
	{ "restart", 0, OPT_TEXT, OF(restart), "string", "Restart policy to apply when a container exits", NULL }, \
	{ "rm", 0, OPT_BOOL, OF(is_removed_on_exit), NULL, "Automatically remove the container when it exits", NULL }, \
	{ "runtime", 0, OPT_TEXT, AT(runtime), "string", "Runtime to use for this container", NULL }, \
	{ "security-opt", 0, OPT_LIST, OF(security), "list", "Security Options", NULL }, \
	{ "shm-size", 0, OPT_SIZE, AT(shm_size), "bytes", "Size of /dev/shm", NULL }, \
	{ "stop-signal", 0, OPT_TEXT, OF(stop_signal), "string", "Signal to stop the container", NULL }, \
	{ "stop-timeout", 0, OPT_NUMBER, AT(stop_timeout), "int", "Timeout (in seconds) to stop a container", NULL }, \
	{ "storage-opt", 0, OPT_LIST, AT(storage_opts), "list", "Storage driver options for the container", NULL }, \
	{ "sysctl", 0, OPT_LIST, OF(sysctls), "map", "Sysctl options", bundle_check_sysctl }, \
	{ "tmpfs", 0, OPT_LIST, AT(tmpfs), "list", "Mount a tmpfs directory", NULL }, \
	{ "tty", 't', OPT_BOOL, OF(has_tty), NULL, "Allocate a pseudo-TTY", NULL }, \
	{ "ulimit", 0, OPT_LIST, OF(ulimits), "ulimit", "Ulimit options", bundle_check_ulimit }, \
	{ "use-api-socket", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL }, \
	{ "user", 'u', OPT_TEXT, OF(user), "string", "Username or UID (format: <name|uid>[:<group|gid>])", NULL }, \
	{ "userns", 0, OPT_TEXT, OF(userns_mode), "string", NULL, check_userns }, \
	{ "uts", 0, OPT_TEXT, OF(uts_mode), "string", "UTS namespace to use", NULL }, \
	{ "volume", 'v', OPT_LIST, AT(volumes), "list", "Bind mount a volume", NULL }, \
	{ "volume-driver", 0, OPT_TEXT, AT(volume_driver), "string", "Optional volume driver for the container", NULL }, \
	{ "volumes-from", 0, OPT_LIST, OF(volumes_from), "list", "Mount volumes from the specified container(s)", mounts_check_from }, \
	{ "workdir", 'w', OPT_TEXT, OF(workdir), "string", "Working directory inside the container", NULL }, \
	{ .name = NULL }

const struct opt runopts_create[] = {
	{ "unattached", 0, OPT_BOOL, AT(is_detached), NULL, NULL, NULL },
	OPTIONS_OF_BOTH
};

const struct opt runopts_run[] = {
	{ "one-off", 0, OPT_BOOL, AT(is_one_off), NULL, NULL, NULL },
	{ "detach", 'd', OPT_BOOL, AT(is_detached), NULL, "Run container in background and print container ID", NULL },
	{ "detach-keys", 0, OPT_TEXT, AT(detach_keys), "string", "Override the key sequence for detaching a container", running_check_keys },
	{ "sig-proxy", 0, OPT_UNLESS, AT(is_without_proxy), NULL, "Proxy received signals to the process (default true)", NULL },
	OPTIONS_OF_BOTH
};
/* clang-format on */
