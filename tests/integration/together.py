# SPDX-License-Identifier: Apache-2.0
"""Tests whose time is waiting (for a grace period, say), worked on at once: each in a thread, on a store of its own.

    together = Together()

    @together
    def what_ignores_sigterm(moor, directory):
        ...

    outcomes, test_what_waits = together.tests()       # pytest finds both by these names
"""

import concurrent.futures
import os

import pytest

import world

AT_ONCE = 8


class Together:
    def __init__(self):
        self.bodies = {}

    def __call__(self, body):
        self.bodies[body.__name__] = body
        return body

    def tests(self):
        """A fixture that does the work of all tests that were asked for, and a test for each of them."""
        @pytest.fixture(scope="module")
        def outcomes(request, tmp_path_factory):
            wanted = [item.callspec.params["body"] for item in request.session.items
                      if item.module is request.module and item.originalname == "test_what_waits"]
            directory = tmp_path_factory.mktemp("together")
            os.chmod(directory, 0o755)
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                # A number for a name: the paths of sockets are short.
                yield {name: pool.submit(self._run, name, directory / str(i)) for i, name in enumerate(wanted)}

        @pytest.mark.parametrize("body", self.bodies)
        def test_what_waits(outcomes, body):
            outcomes[body].result()

        return outcomes, test_what_waits

    def _run(self, name, directory):
        moor = world.Mooring(directory)
        try:
            self.bodies[name](moor, directory)
        finally:
            moor.clean_up()
        left = moor.leftovers()
        assert not left, "left behind: " + "; ".join(left)
