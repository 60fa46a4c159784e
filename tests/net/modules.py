# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the modules share: a module as built, accounts, a certificate, a service of labels."""
from harness import *

CLIENT = client_host(1)
SERVER = address(1)
PASSWORD = "correct horse"
MODULES = "/run/program/modules"
TOO_MANY = "Too many sessions"


def module(path):
    """A copy that the server's account can read; without the server's headers there is none."""
    built = f"{BUILD}/modules/{path}"
    if not os.path.exists(built):
        raise Skip(f"no {path}: the headers of its server are not on this machine")
    os.makedirs(MODULES, exist_ok=True)
    return shutil.copy(built, MODULES)


def instead(path, text=None):
    """A private copy of a file or folder of /etc, with this text at a file's end."""
    copy = "/run" + path
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    if os.path.isdir(path):
        shutil.copytree(path, copy)
    else:
        shutil.copy(path, copy)
        with open(copy, "a") as file:
            file.write(text)
    run("mount", "--bind", copy, path)


def accounts(*names):
    """Accounts of this test alone, all with PASSWORD."""
    word = run("openssl", "passwd", "-6", PASSWORD).strip()
    instead("/etc/passwd", "".join(f"{n}:x:{UID + i}:{UID}::/run/home/{n}:/bin/sh\n" for i, n in enumerate(names)))
    instead("/etc/shadow", "".join(f"{n}:{word}:19000:0:99999:7:::\n" for n in names))
    for number, name in enumerate(names):
        os.makedirs(f"/run/home/{name}")
        os.chown(f"/run/home/{name}", UID + number, UID)


def certificate(owner="root"):
    """The server's, for TLS: /run/key.pem and /run/cert.pem."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-keyout", "/run/key.pem", "-out", "/run/cert.pem")
    shutil.chown("/run/key.pem", owner)


@contextlib.contextmanager
def server(*command, ports, **options):
    """A server in the foreground, once it listens on these ports."""
    with open("/run/server.log", "a") as log:
        process = start(*command, stdout=log, stderr=log, **options)
    try:
        until(lambda: process.poll() is not None or ports <= listening(), "the server to listen")
        equal(process.poll(), None, "exit code of the server")
        yield process
    except AssertionError:
        with open("/run/server.log") as log:
            say("the server said:\n" + log.read()[-4000:])
        raise
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30 * SLOW)


def listening():
    return {int(line.split()[3].rpartition(":")[2]) for line in run("ss", "-tlnH").splitlines()}


def labels(name, *ports, cap=2, **settings):
    """headcount, with a service whose users are those that the server names."""
    return Headcount(service(name, listen=", ".join(map(str, ports)), user="label", cap=cap, **settings))
