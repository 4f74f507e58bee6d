/* SPDX-License-Identifier: Apache-2.0 */
#include "base/word.h"

#include <string.h>

bool word_is_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

bool word_is_digits(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}
