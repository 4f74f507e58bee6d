/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec.h"

#include "tests/unit/specconfig.h"
#include "tests/unit/tap.h"

#define R "config.json: linux.intelRdt"

static const struct section_case sections[] = {
	{ "'intelRdt':{}", NULL },
	{ "'intelRdt':{'closID':'/'}", NULL },
	{ "'intelRdt':{'closID':'a','l3CacheSchema':'L3:0=f','memBwSchema':'MB:0=20',"
	  "'schemata':['L2:0=f'],'enableMonitoring':true}",
	  NULL },
	{ "'intelRdt':true", R ": expected an object, found a boolean" },
	{ "'intelRdt':{'closID':'..'}", R ".closID: invalid intelRdt.ClosID \"..\"" },
	{ "'intelRdt':{'closID':'a/b'}", R ".closID: invalid intelRdt.ClosID \"a/b\"" },
	{ "'intelRdt':{'closID':3}", R ".closID: expected a string, found a number" },
	{ "'intelRdt':{'schemata':'L3:0=f'}", R ".schemata: expected an array, found a string" },
	{ "'intelRdt':{'schemata':[{}]}", R ".schemata[0]: expected a string, found an object" },
	{ "'intelRdt':{'enableMonitoring':1}",
	  R ".enableMonitoring: expected a boolean, found a number" },

	{ "'netDevices':{}", NULL },
	{ "'mountLabel':'a:b:c'", NULL },
	{ "'mountLabel':[]", "config.json: linux.mountLabel: expected a string, found an array" },
	{ "'mountLabel':'x\\\"y'",
	  "config.json: linux.mountLabel: must not contain a quotation mark" },

	{ "'personality':{'domain':'LINUX32','flags':[]}", NULL },
	{ "'personality':{}", "config.json: linux.personality.domain: missing" },
	{ "'personality':{'domain':'BSD'}",
	  "config.json: linux.personality.domain: unknown domain \"BSD\"" },
	{ "'personality':{'domain':'LINUX','flags':'X'}",
	  "config.json: linux.personality.flags: expected an array, found a string" },
	{ "'personality':'LINUX'",
	  "config.json: linux.personality: expected an object, found a string" },

	{ "'seccomp':[]", "config.json: linux.seccomp: expected an object, found an array" },
	{ "'cgroupsPath':7", "config.json: linux.cgroupsPath: expected a string, found a number" },
	{ "'resources':{'hugepageLimits':[{'pageSize':'2MB','limit':18446744073709551615}]}",
	  NULL },
	{ "'resources':{'hugepageLimits':[{'pageSize':'2MB'}]}",
	  "config.json: linux.resources.hugepageLimits[0]: limit: missing" },
	{ "'resources':{'hugepageLimits':[{'pageSize':'../x','limit':1}]}",
	  "config.json: linux.resources.hugepageLimits[0].pageSize: \"../x\" is no size like 2MB" },
	{ "'resources':{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,"
	  "'rate':18446744073709551615}]}}",
	  NULL },
	{ "'resources':7", "config.json: linux.resources: expected an object, found a number" },
	{ "'devices':{}", "config.json: linux.devices: expected an array, found an object" },
	{ "'devices':[{'type':'c','major':1,'minor':1}]",
	  "config.json: linux.devices[0]: path: missing" },
	{ "'readonlyPaths':[null]",
	  "config.json: linux.readonlyPaths[0]: expected a string, found null" },
	{ "'namespaces':{}", "config.json: linux.namespaces: expected an array, found an object" },
	{ "'namespaces':[]", NULL },
	{ "'namespaces':[{'type':'user'}]",
	  "config.json: linux.namespaces: a user namespace needs a mount namespace" },
	{ "'unknown':{'a':[1,2,{}]}", NULL },
};

static const struct section_case tops[] = {
	{ "'ociVersion':'1.0.2-dev'", NULL },
	{ "'ociVersion':'1.3.0+a.b'", NULL },
	{ "'ociVersion':'1.99.0-rc.1+x-y'", NULL },
	{ "'ociVersion':'1'", "config.json: ociVersion: \"1\" is no semantic version like 1.2.0" },
	{ "'ociVersion':'1.0'",
	  "config.json: ociVersion: \"1.0\" is no semantic version like 1.2.0" },
	{ "'ociVersion':'1.02.0'",
	  "config.json: ociVersion: \"1.02.0\" is no semantic version like 1.2.0" },
	{ "'ociVersion':'1.0.0-'",
	  "config.json: ociVersion: \"1.0.0-\" is no semantic version like 1.2.0" },
	{ "'ociVersion':'1.0.0 '",
	  "config.json: ociVersion: \"1.0.0 \" is no semantic version like 1.2.0" },
	{ "'ociVersion':'0.9.0'",
	  "config.json: ociVersion: unsupported version \"0.9.0\": expected 1.x" },
	{ "'ociVersion':'2.0.0'",
	  "config.json: ociVersion: unsupported version \"2.0.0\": expected 1.x" },

	{ "'hostname':'0123456789012345678901234567890123456789012345678901234567890123'", NULL },
	{ "'hostname':'01234567890123456789012345678901234567890123456789012345678901234'",
	  "config.json: hostname: longer than 64 bytes" },
	{ "'domainname':['x']", "config.json: domainname: expected a string, found an array" },
	{ "'annotations':{'':'x'}", "config.json: annotations.: a key must not be empty" },
	{ "'annotations':{'a':null}", "config.json: annotations.a: expected a string, found null" },
	{ "'windows':{'x':1},'solaris':[],'vm':7,'zos':null", NULL },
	{ "'root':{'path':'x','readonly':'yes'}",
	  "config.json: root.readonly: expected a boolean, found a string" },
	/* The last of the same name counts. */
	{ "'hostname':7,'hostname':'good'", NULL },
	{ "'hostname':'good','hostname':7",
	  "config.json: hostname: expected a string, found a number" },
	{ "'hostname':'a\\u0000b'", "config.json: a string holds a NUL byte" },
};

static void test_rdt(struct arena *arena)
{
	struct spec spec;
	struct error err;

	if (!check_ok(parse_section(arena, &in_linux,
				    "'intelRdt':{'memBwSchema':'MB:0=20',"
				    "'schemata':['L2:0=1','L2:1=1']}",
				    &spec, &err),
		      &err, "intelRdt"))
		return;
	check(!spec.rdt->class_id && !spec.rdt->l3, "what is not said is NULL");
	check_text(spec.rdt->mb, "MB:0=20", "bandwidth");
	check_int((long long)spec.rdt->schema_count, 2, "schemata");
	check_text(spec.rdt->schemata[1], "L2:1=1", "the second");
}

int main(void)
{
	struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(sections); i++)
		check_section(&in_linux, &sections[i]);
	for (size_t i = 0; i < COUNT_OF(tops); i++)
		check_section(&at_top, &tops[i]);
	test_rdt(&arena);
	arena_done(&arena);
	return tap_done();
}
