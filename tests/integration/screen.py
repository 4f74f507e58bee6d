# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: a program on a pseudo-terminal, what is typed and what is seen."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


class Screen:
    def __init__(self, argv, env, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.seen = b""
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave  # kept open: its modes are looked at afterwards
        self.process = subprocess.Popen([str(word) for word in argv], env=env, stdin=slave, stdout=slave,
                                        stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.master)
        os.close(self.slave)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, text, seconds=15):
        """Reads until the text is seen; what follows it is kept for the next time."""
        wanted = text.encode()
        end = time.monotonic() + seconds
        while wanted not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], (
                f"waited for {text!r}, saw {self.seen!r}")
            self.seen += os.read(self.master, 4096)
        at = self.seen.index(wanted) + len(wanted)
        shown, self.seen = self.seen[:at], self.seen[at:]
        return shown.decode(errors="replace")

    def wait(self, seconds=15):
        """The exit code; what is shown meanwhile must not block the program."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still runs; saw {self.seen!r}"
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 4096)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 4096)
        return self.process.returncode

    def is_full(self):
        """The terminal takes nothing any more. Asked again and again: the kernel does not wake a writer whose room
        came after the last look at what is shown."""
        if not select.select([], [self.slave], [], 0)[1]:
            return True
        if select.select([self.master], [], [], 0)[0]:
            os.read(self.master, 4096)
        return False

    def is_as_before(self):
        """The terminal's modes are those that it had before the program."""
        return termios.tcgetattr(self.slave) == self.before
