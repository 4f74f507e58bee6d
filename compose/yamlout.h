/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_YAMLOUT_H
#define COMPOSE_YAMLOUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"

/* A tree as YAML that reads back as the same tree, in this program and in others: what some version
 * of YAML would take for anything but text is quoted. */
must_check bool yamlout_print(const struct json *tree, FILE *out, struct error *err);

#endif
