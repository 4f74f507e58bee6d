# SPDX-License-Identifier: Apache-2.0
"""Real proxies that ask for a password and know names of their own.

    with squid({"registry.test": "127.0.0.1"}) as proxy:
        proxy.url, proxy.log()
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

import world
from fetch_peer import WITH_HOSTS

USER, PASSWORD = "me", "p@ss:w/rd"


class Proxy:
    def __init__(self, port, path):
        self.address = f"127.0.0.1:{port}"
        self.url = self.url_with(PASSWORD)
        self.path = path

    def url_with(self, password):
        return f"http://{USER}:{urllib.parse.quote(password, safe='')}@{self.address}"

    def log(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def forget(self):
        os.truncate(self.path, 0)


@contextlib.contextmanager
def files(hosts):
    """A directory that its user can read and write, with `hosts` in the form of /etc/hosts."""
    directory = tempfile.mkdtemp(prefix="proxy-")
    try:
        os.chmod(directory, 0o777)
        with open(os.path.join(directory, "hosts"), "w", encoding="ascii") as file:
            file.writelines(f"{address} {name}\n" for name, address in hosts.items())
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def tinyproxy(hosts):
    """It takes plain passwords alone: no "@" or ":"."""
    port = world.free_port()
    with files(hosts) as directory:
        config, log = os.path.join(directory, "conf"), os.path.join(directory, "log")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"Port {port}\nListen 127.0.0.1\nLogFile \"{log}\"\nLogLevel Connect\nTimeout 30\nMaxClients 20\n"
                       f"BasicAuth {USER} pass-word\n")
        with world.serving(["unshare", "--mount", "sh", "-c", WITH_HOSTS.replace('"$1"', '"$@"'),
                            os.path.join(directory, "hosts"), "tinyproxy", "-d", "-c", config], port,
                           stdout=subprocess.DEVNULL):
            proxy = Proxy(port, log)
            proxy.url = proxy.url_with("pass-word")
            yield proxy


@contextlib.contextmanager
def squid(hosts):
    port = world.free_port()
    with files(hosts) as directory:
        words = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD, text=True, check=True,
                               capture_output=True).stdout
        with open(os.path.join(directory, "words"), "w", encoding="ascii") as file:
            file.write(f"{USER}:{words}")
        config, log = os.path.join(directory, "conf"), os.path.join(directory, "log")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"http_port 127.0.0.1:{port}\nhosts_file {directory}/hosts\n"
                       f"auth_param basic program /usr/lib/squid/basic_ncsa_auth {directory}/words\n"
                       "auth_param basic children 1 startup=1\nacl known proxy_auth REQUIRED\n"
                       "http_access allow known\nhttp_access deny all\n"
                       "cache deny all\ncache_mem 0 MB\nmemory_pools off\nmax_filedescriptors 256\n"
                       f"pid_filename none\ncache_log /dev/null\naccess_log stdio:{log}\ncache_effective_user proxy\n")
        # Its shared memory has one name for the whole machine; it takes seconds to end, so it does not end by itself.
        with world.serving(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                            'mount -t tmpfs tmpfs /dev/shm && exec squid -N -f "$0"', config], port,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield Proxy(port, log)
            finally:
                with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                    (child,) = children.read().split()
                os.kill(int(child), signal.SIGKILL)  # a change of user has undone --kill-child
                process.kill()
