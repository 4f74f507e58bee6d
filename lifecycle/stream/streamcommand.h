/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_STREAMCOMMAND_H
#define LIFECYCLE_STREAM_STREAMCOMMAND_H

/*
 * `mooring stream list|describe|read`: a client of the running stream manager, by its control
 * socket. argv[0] is "stream", `control` the socket's path. Returns the exit code: 0, 1 if it
 * fails, 2 for a wrong command line.
 */
int stream_command(int argc, char **argv, const char *control);

#endif
