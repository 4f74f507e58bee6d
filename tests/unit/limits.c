/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "runtime/cgroupfile.h"
#include "tests/unit/tap.h"

/*
 * linux.resources to the files of a group, which here are plain ones. What a file holds at the end
 * is what was written to it last; a file that is missing stays missing.
 */

#define FILES_MAX 8

struct limit_case {
	const char *name, *resources;
	const char *files[FILES_MAX]; /* "FILE=BEFORE=AFTER" */
	const char *message;          /* NULL: it succeeds */
};

static const struct limit_case v2_cases[] = {
	{ "shares", "{\"cpu\":{\"shares\":1024}}", { "cpu.weight==100" }, NULL },
	{ "no shares", "{\"cpu\":{\"shares\":0}}", { "cpu.weight=5=5" }, NULL },
	{ "idle off", "{\"cpu\":{\"idle\":0}}", { "cpu.idle=1=0" }, NULL },
	{ "quota", "{\"cpu\":{\"quota\":5000}}", { "cpu.max==5000 100000" }, NULL },
	{ "no quota", "{\"cpu\":{\"quota\":-1,\"period\":7000}}", { "cpu.max==max 7000" }, NULL },
	{ "burst", "{\"cpu\":{\"burst\":0}}", { "cpu.max.burst=7=0" }, NULL },
	{ "memory",
	  "{\"memory\":{\"limit\":100,\"swap\":150,\"reservation\":70}}",
	  { "memory.max==100", "memory.swap.max==50", "memory.low==70" },
	  NULL },
	{ "no swap",
	  "{\"memory\":{\"limit\":100,\"swap\":100}}",
	  { "memory.swap.max==0", "memory.max==100" },
	  NULL },
	{ "no swap where there is none",
	  "{\"memory\":{\"limit\":100,\"swap\":100}}",
	  { "memory.max==100" },
	  NULL },
	{ "swap where there is none",
	  "{\"memory\":{\"limit\":100,\"swap\":101}}",
	  { "memory.max==" },
	  "memory.swap.max" },
	{ "no limit at all",
	  "{\"memory\":{\"limit\":-1}}",
	  { "memory.max==max", "memory.swap.max==max" },
	  NULL },
	{ "swap alone",
	  "{\"memory\":{\"swap\":100}}",
	  { "memory.swap.max==" },
	  "unable to set swap limit without memory limit" },
	{ "memory in use",
	  "{\"memory\":{\"limit\":100,\"checkBeforeUpdate\":true}}",
	  { "memory.current=100=100", "memory.max==" },
	  "rejecting memory limit 100 <= usage 100" },
	{ "memory and swap in use",
	  "{\"memory\":{\"limit\":90,\"swap\":100,\"checkBeforeUpdate\":true}}",
	  { "memory.current=200=200", "memory.max==", "memory.swap.max==" },
	  "rejecting memory+swap limit 100 <= usage 200" },
	{ "not checked",
	  "{\"memory\":{\"limit\":100}}",
	  { "memory.current=100=100", "memory.max==100" },
	  NULL },
	{ "pids", "{\"pids\":{\"limit\":5}}", { "pids.max==5" }, NULL },
	{ "no pids", "{\"pids\":{\"limit\":0}}", { "pids.max==1" }, NULL },
	{ "all pids", "{\"pids\":{\"limit\":-1}}", { "pids.max==max" }, NULL },
	{ "weight", "{\"blockIO\":{\"weight\":1000}}", { "io.weight==10000" }, NULL },
	{ "weight for BFQ",
	  "{\"blockIO\":{\"weight\":750}}",
	  { "io.bfq.weight==750", "io.weight==" },
	  NULL },
	{ "weight of a device",
	  "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":300}]}}",
	  { "io.bfq.weight=default 100=8:0 300 100" },
	  NULL },
	{ "weight of a device before 5.4",
	  "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":300}]}}",
	  { "io.bfq.weight=100=100" },
	  NULL },
	{ "rates",
	  "{\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":16,\"rate\":9}]}}",
	  { "io.max==8:16 wiops=9" },
	  NULL },
	{ "huge pages",
	  "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}",
	  { "hugetlb.2MB.max==4194304", "hugetlb.2MB.rsvd.max==4194304" },
	  NULL },
	{ "huge pages without reservations",
	  "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}]}",
	  { "hugetlb.2MB.max==0" },
	  NULL },
	{ "rdma",
	  "{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":4}}}",
	  { "rdma.max==mlx5_1 hca_handle=3 hca_object=4" },
	  NULL },
	{ "unified wins",
	  "{\"pids\":{\"limit\":5},\"unified\":{\"pids.max\":\"7\"}}",
	  { "pids.max==7" },
	  NULL },
	{ "unified line by line",
	  "{\"unified\":{\"io.max\":\"8:0 rbps=1\\n8:16 rbps=2\\n\"}}",
	  { "io.max==8:16 rbps=2" },
	  NULL },
	{ "unified without a controller",
	  "{\"unified\":{\"memory.nonsense\":\"1\"}}",
	  { "cgroup.controllers=cpu pids=cpu pids" },
	  "controller \"memory\" not available" },
	{ "unified with a controller",
	  "{\"unified\":{\"pids.nonsense\":\"1\"}}",
	  { "cgroup.controllers=cpu pids=cpu pids" },
	  "unable to set unified resource \"pids.nonsense\"" },
	{ "unified of no form",
	  "{\"unified\":{\"nonsense\":\"1\"}}",
	  { 0 },
	  "CONTROLLER.PARAMETER" },
};

static const struct limit_case v1_cases[] = {
	{ "shares", "{\"cpu\":{\"shares\":1024}}", { "cpu.shares==1024" }, NULL },
	{ "quota",
	  "{\"cpu\":{\"quota\":-1,\"period\":7000}}",
	  { "cpu.cfs_quota_us==-1", "cpu.cfs_period_us==7000" },
	  NULL },
	{ "burst of an older kernel", "{\"cpu\":{\"burst\":5}}", { 0 }, NULL },
	{ "idle", "{\"cpu\":{\"idle\":0}}", { "cpu.idle=1=0" }, NULL },
	{ "realtime",
	  "{\"cpu\":{\"realtimePeriod\":10,\"realtimeRuntime\":5}}",
	  { "cpu.rt_period_us==10", "cpu.rt_runtime_us==5" },
	  NULL },
	{ "memory",
	  "{\"memory\":{\"limit\":100,\"swap\":150,\"reservation\":70,\"swappiness\":0}}",
	  { "memory.limit_in_bytes=9=100", "memory.memsw.limit_in_bytes==150",
	    "memory.soft_limit_in_bytes==70", "memory.swappiness==0" },
	  NULL },
	{ "no limit without swap",
	  "{\"memory\":{\"limit\":-1}}",
	  { "memory.limit_in_bytes==-1" },
	  NULL },
	{ "no limit with swap",
	  "{\"memory\":{\"limit\":-1}}",
	  { "memory.limit_in_bytes=5=-1", "memory.memsw.limit_in_bytes=9=-1" },
	  NULL },
	{ "no kill",
	  "{\"memory\":{\"disableOOMKiller\":true}}",
	  { "memory.oom_control==1" },
	  NULL },
	{ "weights",
	  "{\"blockIO\":{\"weight\":500,\"leafWeight\":600}}",
	  { "blkio.bfq.weight==500", "blkio.leaf_weight==600" },
	  NULL },
	{ "weights of a device",
	  "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":300,\"leafWeight\":"
	  "400}]}}",
	  { "blkio.weight_device==8:0 300", "blkio.leaf_weight_device==8:0 400" },
	  NULL },
	{ "rates",
	  "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1048576}]}}",
	  { "blkio.throttle.read_bps_device==8:0 1048576" },
	  NULL },
	{ "huge pages",
	  "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":7}]}",
	  { "hugetlb.2MB.limit_in_bytes==7", "hugetlb.2MB.rsvd.limit_in_bytes==7" },
	  NULL },
	{ "rdma", "{\"rdma\":{\"a\":{\"hcaObjects\":4}}}", { "rdma.max==a hca_object=4" }, NULL },
	{ "network",
	  "{\"network\":{\"classID\":65538,\"priorities\":[{\"name\":\"eth0\",\"priority\":5}]}}",
	  { "net_cls.classid==65538", "net_prio.ifpriomap==eth0 5" },
	  NULL },
	{ "unified",
	  "{\"unified\":{\"pids.max\":\"7\"}}",
	  { "pids.max==" },
	  "cannot use unified on cgroup v1" },
};

static char all[] = "cpu,cpuset,memory,pids,blkio,hugetlb,rdma,net_cls,net_prio";

static void write_text(const char *dir, const char *name, const char *text)
{
	autofree char *path = mem_printf("%s/%s", dir, name);
	autofile FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0)
		exit(1);
}

/* Makes the files, or compares them. */
static void each_file(const struct limit_case *test, const char *dir, bool is_before)
{
	for (size_t i = 0; i < FILES_MAX && test->files[i]; i++) {
		autofree char *copy = mem_strdup(test->files[i]);
		struct cgroup_place place = { .path = mem_strdup(dir), .dir = -1 };
		char *rest = copy, now[256] = "(missing)";
		const char *file = strsep(&rest, "="), *before = strsep(&rest, "=");

		if (is_before) {
			write_text(dir, file, before);
		} else {
			(void)cgroup_read(&place, file, now, sizeof(now));
			check_text(now, rest, "%s: %s", test->name, file);
		}
		free(place.path);
	}
}

static void run_case(const struct limit_case *test, int version, size_t number)
{
	autoarena struct arena arena = { 0 };
	autofree char *dir = mem_printf("%s/v%d-%zu", tap_dir(), version, number);
	struct cgroup cgroup = { .count = 1, .is_unified = version == 2 };
	struct spec_resources resources;
	struct error err;
	bool is_good;

	cgroup.places[0] = (struct cgroup_place){ .controllers = all, .path = dir, .dir = -1 };
	if (mkdir(dir, 0700) < 0)
		exit(1);
	each_file(test, dir, true);
	if (!check_ok(spec_parse_resources(&arena, "resources", test->resources,
					   strlen(test->resources), &resources, &err),
		      &err, "v%d %s: parse", version, test->name))
		return;
	is_good = version == 2 ? cgroup_set_v2(&cgroup, &resources, &err)
			       : cgroup_set_v1(&cgroup, &resources, &err);
	if (!test->message)
		check_ok(is_good, &err, "v%d %s", version, test->name);
	else if (check(!is_good, "v%d %s fails", version, test->name))
		check(strstr(err.text, test->message) != NULL, "v%d %s: \"%s\" has \"%s\"", version,
		      test->name, err.text, test->message);
	each_file(test, dir, false);
}

static const struct {
	const char *text, *message;
} bad_resources[] = {
	{ "[]", "resources: expected an object, found an array" },
	{ "{\"memory\":{\"checkBeforeUpdate\":1}}", "resources: memory.checkBeforeUpdate" },
	{ "{\"blockIO\":{\"weight\":1001}}", "blockIO.weight" },
	{ "{\"blockIO\":{\"weightDevice\":[{\"weight\":500}]}}", "blockIO.weightDevice[0]" },
	{ "{\"blockIO\":{\"weightDevice\":[{\"major\":1,\"minor\":1,\"leafWeight\":5000}]}}",
	  "blockIO.weightDevice[0].leafWeight: expected a weight" },
	{ "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":1,\"minor\":1}]}}",
	  "blockIO.throttleReadBpsDevice[0]: expected major, minor and rate" },
	{ "{\"rdma\":{\"a b\":{\"hcaHandles\":1}}}", "not the name of an RDMA device" },
	{ "{\"rdma\":{\"a\":{}}}", "rdma.a: expected hcaHandles or hcaObjects" },
	{ "{\"rdma\":{\"a\":1}}", "rdma.a: expected an object" },
	{ "{\"rdma\":{\"a\":{\"hcaHandles\":-1}}}", "rdma.a.hcaHandles" },
	{ "{\"cpu\":{\"idle\":2}}", "cpu.idle" },
};

static void test_bad_resources(void)
{
	for (size_t i = 0; i < COUNT_OF(bad_resources); i++) {
		autoarena struct arena arena = { 0 };
		struct spec_resources resources;
		struct error err;

		check_error(spec_parse_resources(&arena, "resources", bad_resources[i].text,
						 strlen(bad_resources[i].text), &resources, &err),
			    &err, ERROR_INPUT, bad_resources[i].message, "%s",
			    bad_resources[i].text);
	}
}

static void test_scales(void)
{
	static const int64_t shares[][2] = {
		{ 0, 1 },          { 2, 1 },          { 3, 2 },
		{ 100, 17 },       { 1024, 100 },     { 4096, 303 },
		{ 262143, 10000 }, { 262144, 10000 }, { 900000, 10000 }
	};
	static const int64_t weights[][2] = { { 1, 1 }, { 10, 1 }, { 100, 910 }, { 1000, 10000 } };

	for (size_t i = 0; i < COUNT_OF(shares); i++)
		check_int(cgroup_weight_of(shares[i][0]), shares[i][1], "%lld shares",
			  (long long)shares[i][0]);
	for (size_t i = 0; i < COUNT_OF(weights); i++)
		check_int(cgroup_io_weight_of(weights[i][0]), weights[i][1], "weight %lld",
			  (long long)weights[i][0]);
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(v2_cases); i++)
		run_case(&v2_cases[i], 2, i);
	for (size_t i = 0; i < COUNT_OF(v1_cases); i++)
		run_case(&v1_cases[i], 1, i);
	test_bad_resources();
	test_scales();
	return tap_done();
}
