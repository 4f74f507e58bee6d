/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SLIM_H
#define RUNTIME_SLIM_H

/* Gives back to the kernel what this process does not need while it waits: free heap, and the
 * program's own code and constants, which come back from the page cache when they are used. */
void slim_process(void);

#endif
