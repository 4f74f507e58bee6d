/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FOOTPRINT_H
#define BASE_FOOTPRINT_H

/*
 * Gives back what only start-up needed: free memory, and the pages of programs and libraries that
 * were read from files and never written, which come back from the page cache if they are needed.
 * For a program that links far more than it uses, or is about to wait for another.
 */
void footprint_shrink(void);

#endif
