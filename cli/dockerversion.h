/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DOCKERVERSION_H
#define CLI_DOCKERVERSION_H

/* The docker whose command line this is; scripts compare it with what they need. */
#define DOCKER_VERSION     "28.2.2"
#define DOCKER_API_VERSION "1.41"

#endif
