/* SPDX-License-Identifier: Apache-2.0 */
#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

/* While we still may: a program executed later could get them back. Without CAP_SETPCAP they are
 * not ours to drop. */
static void bound(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

bool privilege_drop(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	bound();
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) != 0)
		return error_sys(err, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_sys(err, "set no_new_privs");
	return true;
}

bool privilege_become(uid_t uid, gid_t gid, struct error *err)
{
	bound();
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
			       setresuid(uid, uid, uid) != 0))
		return error_sys(err, "become user %u", (unsigned int)uid);
	return privilege_drop(err);
}

/* EPERM: in a user namespace that denies setgroups. EINVAL: in one that does not map nobody. */
bool privilege_become_nobody(struct error *err)
{
	bound();
	if (geteuid() == 0 && ((setgroups(0, NULL) != 0 && errno != EPERM) ||
			       (setresgid(NOBODY, NOBODY, NOBODY) != 0 && errno != EINVAL) ||
			       (setresuid(NOBODY, NOBODY, NOBODY) != 0 && errno != EINVAL)))
		return error_sys(err, "become the user nobody");
	return privilege_drop(err);
}
