/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/label.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"

static bool has_selinux(void)
{
	struct statfs fs;

	return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned long)fs.f_type == SELINUX_MAGIC;
}

static bool has_apparmor(void)
{
	autoclose int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char answer;

	return fd >= 0 && read(fd, &answer, 1) == 1 && answer == 'Y';
}

static bool is_confining(const char *profile)
{
	return profile && strcmp(profile, "unconfined") != 0;
}

bool label_check(const struct spec *spec, struct error *err)
{
	const char *profile = spec->process.apparmor_profile;
	const char *place = spec->process.selinux_label ? "process.selinuxLabel"
			    : spec->mount_label         ? "linux.mountLabel"
							: NULL;

	if (place && !has_selinux())
		return error_set(err, ERROR_UNSUPPORTED,
				 "config.json: %s: selinux label is specified in config, but "
				 "selinux is disabled or not supported",
				 place);
	if (is_confining(profile) && !has_apparmor())
		return error_set(err, ERROR_UNSUPPORTED,
				 "config.json: process.apparmorProfile: unable to apply apparmor "
				 "profile %s: AppArmor is not enabled in this kernel",
				 profile);
	return true;
}

static bool write_attribute(int proc, const char *name, const char *text, struct error *err)
{
	autofree char *path = mem_printf("thread-self/attr/%s", name);
	autoclose int fd = -1;

	if (!path_open(proc, path, PATH_BENEATH, O_WRONLY, 0, &fd, err))
		return false;
	if (write(fd, text, strlen(text)) < 0)
		return error_sys(err, "write \"%s\" to %s", text, path);
	return true;
}

/* execve(2) takes it back. */
bool label_keys(int proc, const char *label, struct error *err)
{
	return !label || write_attribute(proc, "keycreate", label, err) ||
	       error_in(err, "label the session keyring");
}

bool label_program(int proc, const struct spec_process *process, struct error *err)
{
	const char *profile = process->apparmor_profile;
	autofree char *text = is_confining(profile) ? mem_printf("exec %s", profile) : NULL;

	if (process->selinux_label && !write_attribute(proc, "exec", process->selinux_label, err))
		return error_in(err, "set SELinux label %s", process->selinux_label);
	if (text && !write_attribute(proc, "apparmor/exec", text, err))
		return error_in(err, "unable to apply apparmor profile %s: is it loaded?", profile);
	return true;
}
