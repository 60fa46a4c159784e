# SPDX-License-Identifier: GPL-2.0-only
"""Stores for the fleet's tests: Redis or Valkey, whichever is there, their Sentinels, certificates."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

from tap import *

SERVER = shutil.which("valkey-server") or shutil.which("redis-server")
CLI = shutil.which("valkey-cli") or shutil.which("redis-cli")


def need_store():
    if not SERVER or not CLI:
        raise Skip("no redis-server or valkey-server on this machine")


class Store:
    """A server on a port of this namespace; `options` as on its command line."""

    def __init__(self, name, port, *options, cli=()):
        self.name, self.port, self.folder, self.options = name, port, f"/run/{name}.data", options
        self.cli = cli or ["-p", str(port)]
        os.makedirs(self.folder, exist_ok=True)
        self.start()

    def command(self):
        return [SERVER, "--port", str(self.port), "--dir", self.folder, "--save", "", *self.options]

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: "PONG" in self.try_ask("ping"), f"{self.name} to answer")

    def try_ask(self, *words):
        return subprocess.run([CLI, *self.cli, *words], capture_output=True, text=True, timeout=20 * SLOW).stdout

    def ask(self, *words):
        return run(CLI, *self.cli, *words).strip()

    def info(self, field):
        return re.search(rf"^{field}:(.*?)\r?$", self.ask("info", "everything"), re.M).group(1)

    def role(self):
        return self.ask("role").split("\n", 1)[0]

    def replicas(self):
        return int(self.info("connected_slaves"))

    def clients(self, kind):
        """How many connections of this type there are but our own."""
        lines = [line for line in self.ask("client", "list", "type", kind).splitlines() if " cmd=client" not in line]
        return len(lines)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        self.signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class Sentinel(Store):
    """One that watches the primary `front` on a port."""

    def __init__(self, name, port, primary, quorum=2, *lines, cli=()):
        self.path = f"/run/{name}.conf"
        with open(self.path, "w") as file:  # it writes what it has learnt there
            file.write("\n".join([f"port {port}", f"sentinel monitor front 127.0.0.1 {primary} {quorum}",
                                  "sentinel down-after-milliseconds front 500", "sentinel failover-timeout front 3000", *lines, ""]))
        super().__init__(name, port, cli=cli)

    def command(self):
        return [SERVER, self.path, "--sentinel"]


@contextlib.contextmanager
def stores(*classes_and_arguments):
    """Each (class, arguments...); ended when the test does, whatever happened."""
    need_store()
    run("ip", "link", "set", "lo", "up")
    made = []
    try:
        for kind, *arguments in classes_and_arguments:
            made.append(kind(*arguments))
        yield made
    finally:
        for one in made:
            one.end()


def replica_of(port):
    return ["--replicaof", "127.0.0.1", str(port), "--repl-diskless-sync-delay", "0"]


@contextlib.contextmanager
def replicated(count, first=7400):
    """A primary and its replicas, on ports from `first` on."""
    many = [(Store, f"store{i}", first + i, *(replica_of(first) if i else [])) for i in range(count)]
    with stores(*many) as made:
        until(lambda: made[0].replicas() == count - 1, "the replicas")
        yield made


def certificate(name, subject, issuer=None):
    """/run/NAME.pem and .key, for `subject` (DNS:… or IP:…), by an issuer or, an authority, by itself."""
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"/run/{name}.key", "-out", f"/run/{name}.csr",
        "-subj", f"/CN={name}")
    with open(f"/run/{name}.ext", "w") as file:
        file.write(f"subjectAltName={subject}\n" if issuer else "basicConstraints=critical,CA:TRUE\n")
    signed = ["-CA", f"/run/{issuer}.pem", "-CAkey", f"/run/{issuer}.key", "-CAcreateserial"] if issuer else [
        "-signkey", f"/run/{name}.key"]
    run("openssl", "x509", "-req", "-in", f"/run/{name}.csr", "-out", f"/run/{name}.pem", "-days", "2", "-extfile",
        f"/run/{name}.ext", *signed)


class Host:
    """A host of the fleet with a kernel in memory: tests/net/fleet_client."""

    def __init__(self, program, store, *options):
        self.process = subprocess.Popen([program, store, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def show(self):
        self.tell("show")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"fleet_client ended: {self.process.stderr.read()}")
        return json.loads(line)

    def has(self, user):
        """Its sessions, while the lease is live."""
        shown = self.show()
        return shown["users"].get(user, [0])[0] if shown["live"] else None

    def leave(self):
        self.tell("leave")
        equal(self.process.wait(20 * SLOW), 0, "exit code of a host that left")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and self.process.poll() is None:
            say(json.dumps(self.show()))
        self.process.kill()
        self.process.communicate()
