# SPDX-License-Identifier: Apache-2.0
"""A seccomp agent: takes listeners over a socket, as the runtime-spec says, and answers system calls."""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading

LOAD, EQUALS, RESULT = 0x20, 0x15, 0x06  # steps of a filter
RET_ERRNO, RET_NOTIFY, RET_ALLOW = 0x00050000, 0x7fc00000, 0x7fff0000
RECV, SEND = 0xc0502100, 0xc0182101
CONTINUE = 1
MKDIR = {"x86_64": [83, 258], "aarch64": [34]}.get(os.uname().machine, [39, 323])


def filter_program(*steps):
    """A struct sock_fprog of (code, operand, steps to skip if true, if false)."""
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", code, *skip, operand) for code, operand, *skip in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(text)))
    program.text = text  # lives as long
    return program


class Notification(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("pid", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("nr", ctypes.c_int), ("arch", ctypes.c_uint32), ("pointer", ctypes.c_uint64),
                ("args", ctypes.c_uint64 * 6)]


class Answer(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("value", ctypes.c_int64), ("error", ctypes.c_int32),
                ("flags", ctypes.c_uint32)]


class Agent:
    """Calls answer(notification) for each call; that returns (error, flags), or None to say nothing at
    all. `leaves`: closes every listener as soon as it has it."""

    def __init__(self, path, answer=lambda call: (0, CONTINUE), leaves=False):
        self.path, self.answer, self.leaves = path, answer, leaves
        self.states = []  # container process states, in order
        self.numbers = []  # of the calls that were answered
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen()
        self.end, self.stop = os.pipe()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        fds = [self.end, self.listener.fileno()]
        with contextlib.ExitStack() as stack:
            poller = select.poll()
            for fd in fds:
                poller.register(fd, select.POLLIN)
            while True:
                for fd, events in poller.poll():
                    if fd == self.end:
                        return
                    if fd == self.listener.fileno():
                        taken = self._take()
                        if self.leaves:
                            os.close(taken)
                        else:
                            stack.callback(os.close, taken)
                            poller.register(taken, select.POLLIN)
                    elif not events & select.POLLIN or not self._answer(fd):
                        poller.unregister(fd)

    def _take(self):
        """One connection: the descriptor with the first bytes, then JSON to the end."""
        connection, _ = self.listener.accept()
        with connection:
            data, fds, _, _ = socket.recv_fds(connection, 1 << 16, 4)
            while more := connection.recv(1 << 16):
                data += more
        assert len(fds) == 1
        self.states.append(json.loads(data))
        return fds[0]

    def _answer(self, fd):
        call = Notification()
        try:
            fcntl.ioctl(fd, RECV, call)
        except OSError as error:  # it was killed meanwhile
            assert error.errno == errno.ENOENT, error
            return True
        said = self.answer(call)
        if said is None:
            return False
        self.numbers.append(call.nr)
        with contextlib.suppress(FileNotFoundError):  # as above
            fcntl.ioctl(fd, SEND, Answer(call.id, 0, -said[0], said[1]))
        return True

    def close(self):
        os.close(self.stop)
        self.thread.join()
        self.listener.close()
        os.close(self.end)
        os.unlink(self.path)


def make_other_directory(call):
    """Does mkdir(2) for the caller, under another name."""
    name = call.args[MKDIR.index(call.nr)] if len(MKDIR) > 1 else call.args[1]
    with open(f"/proc/{call.pid}/mem", "rb") as memory:
        memory.seek(name)
        text = memory.read(64).split(b"\0")[0]
    os.mkdir(b"/proc/%d/root%s-bar" % (call.pid, text))
    return 0, 0


@contextlib.contextmanager
def running(path, *arguments, **options):
    agent = Agent(path, *arguments, **options)
    try:
        yield agent
    finally:
        agent.close()
