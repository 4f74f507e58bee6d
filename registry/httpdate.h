/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_HTTPDATE_H
#define REGISTRY_HTTPDATE_H

#include <stdint.h>

/*
 * The time that a date of HTTP names (RFC 9110, 5.6.7: its three forms), in seconds since 1970; -1:
 * it is none. libcurl's own function ends in 2038 where the library was built with a time_t of 32
 * bits.
 */
int64_t http_date(const char *text);

#endif
