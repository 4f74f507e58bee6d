/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_VOLUMEMOUNT_H
#define ENGINE_VOLUMEMOUNT_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/volume.h"

/*
 * What the options of driver `local` ask for: -o type=TYPE -o device=DEVICE -o o=OPTIONS, as for
 * mount(8).
 */

/* Mounts it on the volume's data directory, unless something is there already. */
must_check bool volume_mount(const struct volume *volume, struct error *err);
/* Nothing mounted there is success. */
must_check bool volume_unmount(const char *path, struct error *err);

#endif
