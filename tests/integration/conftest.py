# SPDX-License-Identifier: Apache-2.0
from fixtures import busybox, busybox_tar, moor, registry, small_disk  # noqa: F401
