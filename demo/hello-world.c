/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program inside the demo's image. It says what it sees, so that its greeting is also a proof.
 */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(void)
{
	struct utsname machine;

	if (uname(&machine) < 0)
		return 1;
	printf("\n"
	       "Ahoy from inside a container!\n"
	       "\n"
	       "If you can read this, your device is moored well:\n"
	       " 1. A Greengrass recipe was deployed: its Install step loaded an image from a "
	       "file\n"
	       "    and its Run step said \"docker run --rm hello-world\".\n"
	       " 2. Mooring answered to the name docker. No daemon was asked: there is none.\n"
	       " 3. The image became a root file system with namespaces, cgroups and a seccomp\n"
	       "    filter of its own, and this program was started in it.\n"
	       " 4. Its output came back to you, and when it ends the container is gone.\n"
	       "\n"
	       "In here I am process %d on the host \"%s\" (%s), and /etc/passwd %s.\n"
	       "\n",
	       (int)getpid(), machine.nodename, machine.machine,
	       access("/etc/passwd", F_OK) == 0 ? "is there" : "does not exist");
	return 0;
}
