/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/record.h"

/* By number, as <linux/capability.h> has them. */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

uint64_t caps_bit(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (uint64_t)1 << i;
	return 0;
}

const char *caps_name(size_t i)
{
	return i < COUNT_OF(names) ? names[i] : NULL;
}

void caps_warn(const struct spec_process *process)
{
	const struct spec_capabilities *sets = &process->capabilities;
	uint64_t lost = sets->ambient & ~(sets->permitted & sets->inheritable);

	if (process->unknown_capabilities)
		record_warning("ignoring unknown or unavailable capabilities: [%s]",
			       process->unknown_capabilities);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (lost >> i & 1)
			record_warning(
				"can't raise ambient capability %s: it is not both permitted "
				"and inheritable",
				names[i]);
}

uint64_t caps_available(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

bool caps_limit(const struct spec_capabilities *wanted, struct error *err)
{
	for (unsigned int i = 0; i < 64; i++) {
		if (wanted->bounding >> i & 1 || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break; /* beyond this kernel's last capability */
		return error_sys(err, "drop capability %u from the bounding set", i);
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_sys(err, "keep capabilities across the change of user");
	return true;
}

static bool set_sets(const struct spec_capabilities *sets, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(sets->effective >> 32 * half);
		data[half].permitted = (uint32_t)(sets->permitted >> 32 * half);
		data[half].inheritable = (uint32_t)(sets->inheritable >> 32 * half);
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_sys(err, "set capabilities");
	return true;
}

bool caps_regain(struct error *err)
{
	uint64_t all = caps_available();
	struct spec_capabilities sets = { .effective = all, .permitted = all };

	return set_sets(&sets, err);
}

bool caps_apply(const struct spec_capabilities *wanted, uint64_t available, struct error *err)
{
	struct spec_capabilities sets = *wanted;

	sets.permitted &= available;
	sets.effective &= sets.permitted;
	sets.inheritable &= available & wanted->bounding; /* the kernel's condition */
	sets.ambient &= sets.permitted & sets.inheritable;
	if (!set_sets(&sets, err))
		return false;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return error_sys(err, "clear ambient capabilities");
	for (unsigned int i = 0; sets.ambient >> i; i++)
		if (sets.ambient >> i & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return error_sys(err, "raise ambient capability %u", i);
	return true;
}
