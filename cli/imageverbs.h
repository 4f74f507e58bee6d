/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IMAGEVERBS_H
#define CLI_IMAGEVERBS_H

#include "cli/command.h"

/*
 * The verbs about images and registries, for the table in main.c.
 */
extern const struct command cmd_images; /* and image ls, image list */
extern const struct command cmd_pull;
extern const struct command cmd_push;
extern const struct command cmd_load;
extern const struct command cmd_save;
extern const struct command cmd_rmi; /* and image rm, image remove */
extern const struct command cmd_tag;
extern const struct command cmd_image_inspect;
extern const struct command cmd_history; /* and image history */
extern const struct command cmd_image_prune;
extern const struct command cmd_image_verify;
extern const struct command cmd_login;
extern const struct command cmd_logout;

#endif
