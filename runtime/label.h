/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_LABEL_H
#define RUNTIME_LABEL_H

#include "runtime/spec.h"

/*
 * SELinux labels and AppArmor profiles. All writes go through a descriptor of the host's procfs:
 * what an image has at /proc could take the text and do nothing with it.
 */

/* Before anything is made: fails if the config names a label or profile and the kernel has no such
 * module at work. */
must_check bool label_check(const struct spec *spec, struct error *err);
/* The calling process' label for keys that it makes from now on; NULL: unchanged. */
must_check bool label_keys(int proc, const char *label, struct error *err);
/* Label and profile of the program that the calling process executes next. */
must_check bool label_program(int proc, const struct spec_process *process, struct error *err);

#endif
