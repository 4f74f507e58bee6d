/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/size.h"
#include "runtime/cgroupstat.h"
#include "tests/unit/tap.h"

/*
 * Files of a group, as kernels write them, to the members of a stats event.
 */

#define FILES_MAX 24

struct stat_case {
	const char *name;
	const char *files[FILES_MAX]; /* "FILE=CONTENT" */
	const char *parts[FILES_MAX]; /* what is somewhere in the output */
};

static const struct stat_case v1_cases[] = {
	{ "nothing there",
	  { 0 },
	  { "{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},\"throttling\":{}},",
	    "\"memory\":{\"usage\":{\"limit\":0,\"failcnt\":0},",
	    "\"pids\":{},\"blkio\":{},\"hugetlb\":{},\"intel_rdt\":{},\"network_interfaces\":"
	    "null}" } },
	{ "cpu",
	  { "cpuacct.usage=21021317\n", "cpuacct.usage_percpu=15913779 5107538 \n",
	    "cpuacct.usage_all=cpu user system\n0 4000000 11928086\n1 0 7\n",
	    "cpuacct.stat=user 3\nsystem 2\n",
	    "cpu.stat=nr_periods 5\nnr_throttled 4\nthrottled_time 18446744073709551615\n" },
	  { "\"total\":21021317,\"percpu\":[15913779,5107538],\"percpu_kernel\":[11928086,7],"
	    "\"percpu_user\":[4000000,0],\"kernel\":20000000,\"user\":30000000}",
	    "\"throttling\":{\"periods\":5,\"throttledPeriods\":4,\"throttledTime\":"
	    "18446744073709551615}" } },
	{ "columns of another kernel",
	  { "cpuacct.usage_all=cpu bad data\n0 1 2\n" },
	  { "\"usage\":{\"kernel\":0," } },
	{ "more columns",
	  { "cpuacct.usage_all=cpu user system bt_user\n0 1 2 3\n" },
	  { "\"percpu_kernel\":[2],\"percpu_user\":[1]" } },
	{ "cpuset",
	  { "cpuset.cpus=0-2,5,7-8\n", "cpuset.mems=0\n", "cpuset.sched_load_balance=1\n",
	    "cpuset.sched_relax_domain_level=-1\n" },
	  { "\"cpuset\":{\"cpus\":[0,1,2,5,7,8],\"cpu_exclusive\":0,\"mems\":[0],",
	    "\"sched_load_balance\":1,\"sched_relax_domain_level\":-1}" } },
	{ "memory",
	  { "memory.stat=cache 4096\nrss -5\nodd\n", "memory.usage_in_bytes=10\n",
	    "memory.limit_in_bytes=9223372036854771712\n", "memory.max_usage_in_bytes=20\n",
	    "memory.failcnt=3\n", "memory.memsw.usage_in_bytes=11\n" },
	  { "\"memory\":{\"cache\":4096,\"usage\":{\"limit\":9223372036854771712,\"usage\":10,"
	    "\"max\":20,\"failcnt\":3},\"swap\":{\"limit\":0,\"usage\":11,\"failcnt\":0},",
	    "\"raw\":{\"cache\":4096,\"rss\":0}}" } },
	{ "pids", { "pids.current=3\n", "pids.max=max\n" }, { "\"pids\":{\"current\":3}," } },
	{ "throttle counts when no scheduler does",
	  { "blkio.bfq.io_service_bytes_recursive=Total 0\n",
	    "blkio.throttle.io_service_bytes_recursive=8:0 Read 12\n8:0 Total 12\nTotal 12\n",
	    "blkio.throttle.io_serviced_recursive=8:16 Write 1\nTotal 1\n" },
	  { "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":12},"
	    "{\"major\":8,\"op\":\"Total\",\"value\":12}],\"ioServicedRecursive\":[{\"major\":8,"
	    "\"minor\":16,\"op\":\"Write\",\"value\":1}]}" } },
	{ "a scheduler counts",
	  { "blkio.io_service_bytes_recursive=8:0 Sync 12\n", "blkio.sectors_recursive=8:0 6792\n",
	    "blkio.throttle.io_service_bytes=8:0 Read 99\n" },
	  { "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Sync\",\"value\":12}],"
	    "\"sectorsRecursive\":[{\"major\":8,\"value\":6792}]}" } },
};

static const struct stat_case v2_cases[] = {
	{ "nothing there",
	  { 0 },
	  { "{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},\"throttling\":{}},\"cpuset\":{"
	    "\"cpu_exclusive\":0,",
	    "\"sched_relax_domain_level\":0},\"memory\":{\"usage\":{\"limit\":0,\"failcnt\":0},",
	    "\"pids\":{},\"blkio\":{},\"hugetlb\":{},\"intel_rdt\":{},\"network_interfaces\":"
	    "null}" } },
	{ "cpu",
	  { "cpu.stat=usage_usec 7\nuser_usec 5\nsystem_usec 2\nnr_periods 1\nnr_throttled 1\n"
	    "throttled_usec 3\n",
	    "cpu.pressure=some avg10=1.50 avg60=0.25 avg300=0.00 total=42\n"
	    "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n" },
	  { "\"usage\":{\"total\":7000,\"kernel\":2000,\"user\":5000}",
	    "\"throttling\":{\"periods\":1,\"throttledPeriods\":1,\"throttledTime\":3000}",
	    "\"psi\":{\"some\":{\"avg10\":1.50,\"avg60\":0.25,\"avg300\":0.00,\"total\":42},"
	    "\"full\":{\"avg10\":0.00,\"avg60\":0.00,\"avg300\":0.00,\"total\":1}}}" } },
	{ "pressure of an older kernel",
	  { "cpu.pressure=some avg10=0.00 avg60=0.00 avg300=0.00 total=42\n" },
	  { "\"full\":{\"avg10\":0,\"avg60\":0,\"avg300\":0,\"total\":0}}}" } },
	{ "memory",
	  { "memory.stat=anon 1\nfile 4096\n", "memory.current=10\n", "memory.max=100\n",
	    "memory.peak=20\n", "memory.swap.current=5\n", "memory.swap.max=50\n",
	    "memory.pressure=some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
	    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
	  { "\"memory\":{\"cache\":4096,\"usage\":{\"limit\":100,\"usage\":10,\"max\":20,"
	    "\"failcnt\":0},\"swap\":{\"limit\":150,\"usage\":15,\"failcnt\":0},\"kernel\":{"
	    "\"limit\":0,\"failcnt\":0},",
	    "\"raw\":{\"anon\":1,\"file\":4096},\"psi\":{\"some\":" } },
	{ "memory without limits",
	  { "memory.max=max\n", "memory.swap.max=50\n" },
	  { "\"usage\":{\"limit\":18446744073709551615,\"failcnt\":0}",
	    "\"swap\":{\"limit\":18446744073709551615,\"failcnt\":0}" } },
	{ "pids",
	  { "pids.current=3\n", "pids.max=9\n" },
	  { "\"pids\":{\"current\":3,\"limit\":9}," } },
	{ "pids without the controller",
	  { "cgroup.procs=12\n13\n14\n" },
	  { "\"pids\":{\"current\":3}," } },
	{ "io",
	  { "io.stat=8:0 rbytes=1 wbytes=2 rios=3 wios=0 dbytes=9 dios=9\n8:16 \n"
	    "253:1 rbytes=4 wbytes=5 rios=6 wios=7\n" },
	  { "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},"
	    "{\"major\":8,\"op\":\"Write\",\"value\":2},{\"major\":253,\"minor\":1,\"op\":\"Read\","
	    "\"value\":4},{\"major\":253,\"minor\":1,\"op\":\"Write\",\"value\":5}],"
	    "\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":3},{\"major\":8,"
	    "\"op\":\"Write\"}," } },
};

static char all[] = "cpu,cpuacct,cpuset,memory,pids,blkio";

static void write_file(const char *dir, const char *text)
{
	const char *content = strchr(text, '=') + 1;
	autofree char *path = mem_printf("%s/%.*s", dir, (int)(content - text - 1), text);
	autofile FILE *file = fopen(path, "w");

	if (!file || fputs(content, file) < 0)
		exit(1);
}

static void run_case(const struct stat_case *test, int version, size_t number)
{
	autofree char *dir = mem_printf("%s/v%d-%zu", tap_dir(), version, number);
	struct cgroup cgroup = { .count = 1, .is_unified = version == 2 };
	autobuf struct buf text = { 0 };
	struct jsonout out;

	cgroup.places[0] = (struct cgroup_place){ .controllers = all, .path = dir, .dir = -1 };
	if (mkdir(dir, 0700) < 0)
		exit(1);
	for (size_t i = 0; i < FILES_MAX && test->files[i]; i++)
		write_file(dir, test->files[i]);
	buf_init(&text, 1 << 20);
	jsonout_init(&out, &text, false);
	cgroup_stat(&out, NULL, &cgroup);
	jsonout_done(&out);
	for (size_t i = 0; i < FILES_MAX && test->parts[i]; i++)
		if (!check(strstr(text.data, test->parts[i]) != NULL, "v%d %s: part %zu", version,
			   test->name, i))
			printf("#   got %s\n#  want %s\n", text.data, test->parts[i]);
}

static void test_durations(void)
{
	static const struct {
		const char *text;
		long long milliseconds; /* -1: refused */
	} cases[] = {
		{ "5s", 5000 },   { "100ms", 100 }, { "1m30s", 90000 },   { "0.5h", 1800000 },
		{ "1.5s", 1500 }, { "", -1 },       { "5", -1 },          { "s", -1 },
		{ "-1s", -1 },    { "5 s", -1 },    { "1d", -1 },         { "5sx", -1 },
		{ "1e3s", -1 },   { "0x10s", -1 },  { "1.2.3s", -1 },     { ".s", -1 },
		{ ".5s", 500 },   { "1.s", 1000 },  { "3000\u00b5s", 3 }, { "4000\u03bcs", 4 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		double seconds = 0;
		bool is_good = duration_parse(cases[i].text, &seconds);

		check_int(is_good ? (long long)(seconds * 1000) : -1, cases[i].milliseconds,
			  "duration \"%s\"", cases[i].text);
	}
}

static void test_duration_texts(void)
{
	static const struct {
		int64_t nanoseconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 1500, "1.5µs" },
		{ 300000000, "300ms" },
		{ 1050000000, "1.05s" },
		{ 30000000000, "30s" },
		{ 90000000000, "1m30s" },
		{ 3600000000000, "1h0m0s" },
		{ -1000000000, "-1s" },
		{ INT64_MAX, "2562047h47m16.854775807s" },
		{ INT64_MIN, "-2562047h47m16.854775808s" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[DURATION_TEXT_MAX];

		check_text(duration_text(cases[i].nanoseconds, text), cases[i].text,
			   "%lld nanoseconds", (long long)cases[i].nanoseconds);
	}
}

static void test_sizes(void)
{
	static const struct {
		const char *text;
		long long bytes; /* -2: refused */
	} cases[] = {
		{ "0", 0 },          { "512", 512 },         { "64k", 65536 },
		{ "32M", 33554432 }, { "1.5g", 1610612736 }, { "1GiB", 1073741824 },
		{ "10 kb", 10240 },  { "-1", -1 },           { "", -2 },
		{ "x", -2 },         { "12x", -2 },          { "-2", -2 },
		{ "0x10", -2 },      { "1e9", -2 },          { "99999999P", -2 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err;
		int64_t bytes = 0;
		bool is_good = size_parse(cases[i].text, &bytes, &err);

		check_int(is_good ? bytes : -2, cases[i].bytes, "size \"%s\"", cases[i].text);
	}
}

int main(void)
{
	for (size_t i = 0; i < COUNT_OF(v1_cases); i++)
		run_case(&v1_cases[i], 1, i);
	for (size_t i = 0; i < COUNT_OF(v2_cases); i++)
		run_case(&v2_cases[i], 2, i);
	test_durations();
	test_duration_texts();
	test_sizes();
	return tap_done();
}
