/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xattrs.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "base/word.h"

#define NAMES_MAX (64 << 10) /* the kernel's XATTR_LIST_MAX */

bool xattr_is_of_file(const char *name)
{
	return !word_begins(name, "trusted.") && !word_begins(name, "user.overlay.") &&
	       strcmp(name, "security.selinux") != 0;
}

bool xattr_can_lack(const char *name, int number)
{
	return number == ENOTSUP || (number == EPERM && strcmp(name, "security.capability") != 0);
}

static bool copy_one(int from, int to, const char *name, char *value, struct error *err)
{
	ssize_t size = fgetxattr(from, name, value, XATTR_VALUE_MAX);

	if (size < 0 && errno == ENODATA) /* gone meanwhile */
		return true;
	return (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) == 0) ||
	       xattr_can_lack(name, errno) ||
	       error_sys(err, "copy extended attribute %.100s", name);
}

bool xattrs_copy(int from, int to, enum xattrs_which which, struct error *err)
{
	ssize_t length = flistxattr(from, NULL, 0);

	if (length == 0 || (length < 0 && errno == ENOTSUP)) /* most have none */
		return true;

	autofree char *names = mem_alloc(NAMES_MAX);
	autofree char *value = mem_alloc(XATTR_VALUE_MAX);

	length = flistxattr(from, names, NAMES_MAX);
	if (length < 0)
		return error_sys(err, "list extended attributes");
	for (const char *name = names; name < names + length; name += strlen(name) + 1)
		if ((which == XATTRS_ALL || xattr_is_of_file(name)) &&
		    !copy_one(from, to, name, value, err))
			return false;
	return true;
}
