# SPDX-License-Identifier: Apache-2.0
"""`up -d`, the same again, and `down` of ten services, beside docker-compose with dockerd."""

import json
import os
import shutil
import statistics
import subprocess

SERVICES = 10
VERBS = [("up -d", ["up", "-d"]), ("up -d, nothing to do", ["up", "-d"]), ("down", ["down", "-t", "0"])]


ATTEMPTS = 3  # docker-compose's `down` loses a race with dockerd now and then, and is done when it is said again


def measured(pace, argv, env):
    """Wall milliseconds, and the peak RSS in KiB of the largest process of those it waits for: by pace, once."""
    for _ in range(ATTEMPTS):
        row = paced_once(pace, argv, env)
        if row:
            return row
    raise RuntimeError(f"{' '.join(argv)} failed {ATTEMPTS} times")


def paced_once(pace, argv, env):
    """None if the command failed."""
    row = subprocess.run([pace, "1", "0", "0", "x=" + " ".join(argv)], env=env, check=True, capture_output=True, text=True).stdout
    wall, _, _, _, _, rss, _, failed = (float(number) for number in row.split("\t")[1:])
    return None if failed else (wall, rss)


def compare(say, pace, scratch, clients, env, rounds):
    """`clients` are names and programs of docker-compose, `env` what they need."""
    file = os.path.join(scratch, "docker-compose.json")
    with open(file, "w", encoding="ascii") as out:
        json.dump({"version": "3", "services": {
            f"s{i}": {"image": "busybox:bench", "command": "/bin/sleep 600", "stop_signal": "SIGKILL"} for i in range(SERVICES)}}, out)
    found = {(name, words): [] for name in clients for words, _ in VERBS}
    for _ in range(rounds):
        for name, program in clients.items():
            for words, arguments in VERBS:
                found[name, words].append(measured(pace, [program, "-p", "bench" + name, "-f", file, *arguments],
                                                   {**os.environ, **env}))
    say(f"### `docker-compose` with {SERVICES} services")
    say()
    say("| | wall ms | peak RSS KiB of a process | times the first |")
    say("|---|---|---|---|")
    for words, _ in VERBS:
        first = None
        for name in clients:
            wall = statistics.median(one for one, _ in found[name, words])
            first = first or wall
            say(f"| {words}: {name} | {wall:.0f} | {max(rss for _, rss in found[name, words]):.0f} | {wall / first:.3f} |")
    say()


def program_of(docker):
    """docker-compose beside it, or Debian's."""
    ours = os.path.join(os.path.dirname(docker), "docker-compose")
    return ours if os.path.islink(ours) else shutil.which("docker-compose")
