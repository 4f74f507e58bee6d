/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DOCKERHOST_H
#define CLI_DOCKERHOST_H

#include <stdbool.h>

/*
 * Which daemon docker's client would talk to: -H, --context, DOCKER_HOST, DOCKER_CONTEXT, in
 * docker's order. There is none to choose here; but what is meant for another machine must not be
 * done on this one.
 */

/* What the command line says (NULL or "": nothing) becomes the environment's word, so that other
 * programs of ours that we start hold to it, too. */
void dockerhost_choose(const char *host, const char *context);

/* Whether this machine is meant; else tells, in docker's words, that it cannot be reached, and
 * *code is the exit code. */
bool dockerhost_is_ours(bool is_run, int *code);

#endif
