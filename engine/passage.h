/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PASSAGE_H
#define ENGINE_PASSAGE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Getting past other people's firewalls. dockerd, ufw and others let nothing be forwarded by the
 * policy of their chain FORWARD (table `filter`, which iptables-nft keeps), and what one chain
 * drops no other can save. For a bridge of ours, whose packets our own chain judges, two rules are
 * put into DOCKER-USER, which dockerd leaves to others, or else into FORWARD; they bear our
 * comment, and are all that we ever touch of somebody else's. firewalld rejects what is forwarded
 * for links it does not know: there two rules go first into its chain filter_FORWARD.
 */

/* Where somebody drops: lets what comes from or goes to the bridge pass. Done already, or nobody
 * drops: success. ERROR_UNSUPPORTED, with the remedy, where firewalld does not let us. */
must_check bool passage_open(const char *bridge, int family, struct error *err);
/* Before forwarding is turned on: without more, the machine would pass on between its networks
 * whatever comes. As dockerd does, FORWARD forwards nothing by its policy then (it is made, if it
 * is not there): what is to pass is let pass by somebody. It stays, as forwarding does. */
must_check bool passage_shut(int family, struct error *err);
/* Takes the two rules away. */
must_check bool passage_close(const char *bridge, int family, struct error *err);

#endif
