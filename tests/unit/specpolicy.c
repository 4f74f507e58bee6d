/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec.h"

#include "tests/unit/specconfig.h"
#include "tests/unit/tap.h"

#define S "config.json: process.scheduler"

static const struct section_case turns[] = {
	{ "'scheduler':null", NULL },
	{ "'scheduler':{'policy':'SCHED_OTHER','nice':-20}", NULL },
	{ "'scheduler':{'policy':'SCHED_BATCH','priority':0,'nice':19}", NULL },
	{ "'scheduler':{'policy':'SCHED_IDLE','flags':['SCHED_FLAG_RESET_ON_FORK']}", NULL },
	{ "'scheduler':{'policy':'SCHED_RR','priority':99}", NULL },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':42000,'deadline':100000,"
	  "'period':1000000}",
	  NULL },
	{ "'scheduler':'SCHED_RR'", S ": expected an object, found a string" },
	{ "'scheduler':{}", S ".policy: missing" },
	{ "'scheduler':{'policy':7}", S ".policy: expected a string, found a number" },
	{ "'scheduler':{'policy':'FIFO'}", S ".policy: invalid scheduler policy: FIFO" },
	{ "'scheduler':{'policy':'SCHED_ISO'}", S ".policy: Linux does not have SCHED_ISO" },
	{ "'scheduler':{'policy':'SCHED_OTHER','nice':20}",
	  S ".nice: must be from -20 to 19, found 20" },
	{ "'scheduler':{'policy':'SCHED_OTHER','nice':0.5}",
	  S ".nice: expected a whole number, found 0.5" },
	{ "'scheduler':{'policy':'SCHED_OTHER','priority':1}",
	  S ".priority: scheduler.priority can only be specified for SchedFIFO or SchedRR "
	    "policy" },
	{ "'scheduler':{'policy':'SCHED_FIFO'}",
	  S ": priority: must be from 1 to 99 for SCHED_FIFO and SCHED_RR" },
	{ "'scheduler':{'policy':'SCHED_FIFO','priority':100}",
	  S ".priority: must be from 0 to 99, found 100" },
	{ "'scheduler':{'policy':'SCHED_FIFO','priority':1,'runtime':1}",
	  S ": scheduler runtime/deadline/period can only be specified for SchedDeadline "
	    "policy" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE'}",
	  S ": SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':9000,'deadline':8000}",
	  S ": SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':-1}",
	  S ".runtime: must be a whole number from 0 to 18446744073709551615" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':18446744073709551616}",
	  S ".runtime: must be a whole number from 0 to 18446744073709551615" },
	{ "'scheduler':{'policy':'SCHED_IDLE','flags':['X']}",
	  S ".flags[0]: invalid scheduler flag \"X\"" },
	{ "'scheduler':{'policy':'SCHED_IDLE','flags':[1]}",
	  S ".flags[0]: expected a string, found a number" },

	{ "'ioPriority':{'class':'IOPRIO_CLASS_IDLE'}", NULL },
	{ "'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':7}", NULL },
	{ "'ioPriority':{}", "config.json: process.ioPriority.class: missing" },
	{ "'ioPriority':{'class':'BE'}",
	  "config.json: process.ioPriority.class: invalid ioPriority.Class: \"BE\"" },
	{ "'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}",
	  "config.json: process.ioPriority.priority: must be from 0 to 7, found 8" },

	{ "'execCPUAffinity':{'initial':'','final':' , '}", NULL },
	{ "'execCPUAffinity':{'initial':'65535'}", NULL },
	{ "'execCPUAffinity':[]",
	  "config.json: process.execCPUAffinity: expected an object, found an array" },
	{ "'execCPUAffinity':{'initial':'65536'}",
	  "config.json: process.execCPUAffinity.initial: invalid CPU list \"65536\": numbers "
	  "below 65536 are wanted, like \"0-3,7\"" },
	{ "'execCPUAffinity':{'final':'3-1'}",
	  "config.json: process.execCPUAffinity.final: invalid CPU list \"3-1\": numbers "
	  "below 65536 are wanted, like \"0-3,7\"" },
	{ "'execCPUAffinity':{'final':'1 2'}",
	  "config.json: process.execCPUAffinity.final: invalid CPU list \"1 2\": numbers "
	  "below 65536 are wanted, like \"0-3,7\"" },
	{ "'execCPUAffinity':{'final':'99999999999999999999'}",
	  "config.json: process.execCPUAffinity.final: invalid CPU list "
	  "\"99999999999999999999\": numbers below 65536 are wanted, like \"0-3,7\"" },
	{ "'execCPUAffinity':{'final':'-1'}",
	  "config.json: process.execCPUAffinity.final: invalid CPU list \"-1\": numbers "
	  "below 65536 are wanted, like \"0-3,7\"" },
};

#define M "config.json: linux.memoryPolicy"

static const struct section_case memory[] = {
	{ "'memoryPolicy':{'mode':'MPOL_DEFAULT'}", NULL },
	{ "'memoryPolicy':{'mode':'MPOL_PREFERRED'}", NULL },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0-1','flags':['MPOL_F_STATIC_NODES']}",
	  NULL },
	{ "'memoryPolicy':{'mode':'MPOL_WEIGHTED_INTERLEAVE','nodes':'1023'}", NULL },
	{ "'memoryPolicy':{}", NULL },
	{ "'memoryPolicy':{'nodes':'0-7'}", M ": invalid memory policy mode \"\"" },
	{ "'memoryPolicy':{'mode':''}", M ": invalid memory policy mode \"\"" },
	{ "'memoryPolicy':{'mode':'BIND'}", M ".mode: invalid memory policy mode \"BIND\"" },
	{ "'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0,2'}",
	  M ".nodes: mode requires 0 nodes but got 2" },
	{ "'memoryPolicy':{'mode':'MPOL_INTERLEAVE'}",
	  M ": nodes: mode requires at least one node but got 0" },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1024'}",
	  M ".nodes: invalid memory policy node list \"1024\": numbers below 1024 are wanted, "
	    "like \"0-3,7\"" },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','nodes':[0]}",
	  M ".nodes: expected a string, found an array" },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['F']}",
	  M ".flags[0]: invalid memory policy flag \"F\"" },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES',"
	  "'MPOL_F_RELATIVE_NODES']}",
	  M ".flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other: "
	    "set_mempolicy: invalid argument" },
};

static void test_values(struct arena *arena)
{
	struct spec spec;
	struct error err;

	if (!check_ok(parse_section(arena, &in_process,
				    "'scheduler':{'policy':'SCHED_DEADLINE','flags':['SCHED_FLAG_"
				    "RESET_ON_FORK',"
				    "'SCHED_FLAG_DL_OVERRUN'],'nice':5,'runtime':1024,"
				    "'deadline':9223372036854775806,'period':9223372036854775807},"
				    "'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':4},"
				    "'execCPUAffinity':{'initial':' 0-2 ,,64','final':''}",
				    &spec, &err),
		      &err, "values"))
		return;

	const struct spec_process *process = &spec.process;

	check_int(process->scheduler->policy, 6, "policy");
	check_int((long long)process->scheduler->flags, 5, "flags");
	check_int((long long)process->scheduler->deadline, 9223372036854775806, "64 bits exactly");
	check_int(process->io_priority, 2 << 13 | 4, "I/O class and priority");
	check_int((long long)process->affinity_initial.words[0], 7, "CPUs 0 to 2");
	check_int((long long)process->affinity_initial.words[64 / (8 * sizeof(long))], 1, "CPU 64");
	check(!process->affinity_final.words, "an empty list is none");

	if (!check_ok(parse_section(arena, &in_linux,
				    "'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1','flags':["
				    "'MPOL_F_RELATIVE_NODES']}",
				    &spec, &err),
		      &err, "values"))
		return;
	check_int(spec.memory_policy->mode, 2 | 1 << 14, "mode with its flags");
	check_int((long long)spec.memory_policy->nodes.words[0], 2, "node 1");
}

#define SETS(caps) "'capabilities':{'bounding':[" caps "],'permitted':[" caps "]"
#define ADMIN      SETS("'CAP_SYS_ADMIN'") "}"
#define USER       "'user':{'uid':1000},"

/* What the program may do by itself when it has started. */
static const struct {
	const char *section;
	bool may_mount;
} mounting[] = {
	{ ADMIN, true },
	{ ADMIN ",'noNewPrivileges':true", true },
	{ SETS("'CAP_SYS_CHROOT'") "}", false },
	{ "'capabilities':{'permitted':['CAP_SYS_ADMIN']}", false },
	{ "'capabilities':{'bounding':['CAP_SYS_ADMIN']}", false },
	{ USER ADMIN, false },
	{ USER SETS("'CAP_SYS_ADMIN'") ",'effective':['CAP_SYS_ADMIN'],"
				       "'inheritable':['CAP_SYS_ADMIN']}",
	  false },
	{ USER SETS("'CAP_SYS_ADMIN'") ",'inheritable':['CAP_SYS_ADMIN'],"
				       "'ambient':['CAP_SYS_ADMIN']}",
	  true },
	{ ADMIN ",'apparmorProfile':'unconfined'", true },
	{ ADMIN ",'apparmorProfile':'docker-default'", false },
	{ ADMIN ",'selinuxLabel':'system_u:system_r:container_t:s0:c1,c2'", false },
	{ ADMIN ",'selinuxLabel':'system_u:system_r:spc_t:s0'", true },
	{ ADMIN ",'selinuxLabel':'spc_t:spc_t:container_t:spc_t:'", false },
	{ ADMIN ",'selinuxLabel':'odd'", false },
};

static void test_mounting(struct arena *arena)
{
	for (size_t i = 0; i < COUNT_OF(mounting); i++) {
		struct spec spec;
		struct error err;

		if (check_ok(parse_section(arena, &in_process, mounting[i].section, &spec, &err),
			     &err, "%s", mounting[i].section))
			check(spec_may_mount(&spec) == mounting[i].may_mount, "may mount: %s",
			      mounting[i].section);
	}
}

int main(void)
{
	struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(turns); i++)
		check_section(&in_process, &turns[i]);
	for (size_t i = 0; i < COUNT_OF(memory); i++)
		check_section(&in_linux, &memory[i]);
	test_values(&arena);
	test_mounting(&arena);
	arena_done(&arena);
	return tap_done();
}
