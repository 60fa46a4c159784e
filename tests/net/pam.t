#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""pam_headcount: who logs in by sshd is the user, and over the cap the login is denied."""
from modules import *

PORT, INETD = 2222, 2223
SSHD = f"""Port {PORT}
ListenAddress {SERVER}
HostKey /run/hostkey
PidFile none
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication yes
AuthorizedKeysFile /run/key.pub
StrictModes no
UseDNS yes
MaxStartups 100
"""
STACK = f"""auth required pam_unix.so
account required pam_unix.so
account required {MODULES}/pam_headcount.so
account required pam_permit.so
session required pam_permit.so
"""
METHODS = "publickey", "password", "keyboard-interactive"


def prepare():
    """Once: accounts, keys, PAM's files."""
    need("sshd")
    module("pam_headcount.so")
    if os.path.exists("/run/sshd"):
        return
    accounts("alice", "bob", "carol")
    instead("/etc/pam.d")
    instead("/etc/hosts", f"{address(1, 2)} client.example\n")  # so that PAM_RHOST is no address
    for name in "sshd", "headcount-test":
        with open("/etc/pam.d/" + name, "w") as file:
            file.write(STACK)
    for name in "hostkey", "key":
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/" + name)
    # Later ones would refuse the client's address after three logins that failed.
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr
    penalties = [int(n) for n in re.search(r"OpenSSH_(\d+)\.(\d+)", version).groups()] >= [9, 8]
    with open("/run/sshd.conf", "w") as file:
        file.write(SSHD + ("PerSourcePenalties no\n" if penalties else ""))
    with open("/run/askpass", "w") as file:
        file.write(f"#!/bin/sh\necho '{PASSWORD}'\n")
    os.chmod("/run/askpass", 0o755)
    os.mkdir("/run/sshd")


def sshd():
    prepare()
    return server(shutil.which("sshd"), "-D", "-e", "-f", "/run/sshd.conf", ports={PORT})


def ssh(name, *command, method="publickey", **options):
    """ssh in the client's namespace."""
    settings = [f"PreferredAuthentications={method}", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                "IdentitiesOnly=yes", "NumberOfPasswordPrompts=1", "ControlPath=/run/control-%r"]
    with inside(CLIENT):
        return start("ssh", "-F", "none", "-i", "/run/key", "-p", str(PORT), *[f"-o{o}" for o in settings],
                     *command[:1], f"{name}@{SERVER}", *command[1:],
                     env={**os.environ, "SSH_ASKPASS": "/run/askpass", "SSH_ASKPASS_REQUIRE": "force"}, **options)


def finish(process):
    """Exit code, stdout, stderr."""
    out, err = process.communicate(timeout=30 * SLOW)
    return process.returncode, out.decode().strip(), err.decode()


def hang_up(*processes):
    """Each is told until it has ended: OpenSSH 9.2 forgets a signal that comes just before it waits for packets."""
    for process in processes:
        until(lambda: process.terminate() or process.poll() is not None, "ssh to end")
        finish(process)


@test
def absent():
    """without headcount logins succeed by key, password and keyboard-interactive"""
    with sshd():
        for method in METHODS:
            code, out, err = finish(ssh("alice", "-T", "echo", "in", method=method))
            equal((code, out), (0, "in"), f"by {method}: {err}")


@test
def over():
    """`ssh -N` cap + 1 times, by key, password and keyboard-interactive: the last is denied, and told why"""
    with sshd(), labels("ssh", PORT) as hc:
        for name, method in zip(("alice", "bob", "carol"), METHODS):
            held = [ssh(name, "-N", method=method) for _ in range(2)]
            until_equal(lambda: active("ssh", name), 2, f"sessions of {name}")
            code, _, err = finish(ssh(name, "-N", method=method))
            equal((code, TOO_MANY in err), (255, True), f"by {method}: exit code, and whether it is told: {err}")
            equal([process.poll() for process in held], [None, None], "those that were there")
            refused = hc.wait_event(event__action="session-refused", headcount__user=name)
            equal(refused["rule.name"], "ssh", "the service")
            hang_up(held[0])
            until_equal(lambda: active("ssh", name), 1, "sessions when one has ended")
            code, out, err = finish(ssh(name, "-T", "echo", "in", method=method))
            equal((code, out), (0, "in"), f"the next: {err}")
            hang_up(held[1])
        for name in "alice", "bob", "carol":
            until_equal(lambda: active("ssh", name), 0, f"sessions of {name} at the end")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def evicted():
    """excess = evict: the login waits while the account's stalest session makes room, and gets in"""
    with sshd(), labels("ssh", PORT, excess="evict", evict_idle="2s") as hc:
        held = [ssh("alice", "-N") for _ in range(2)]
        until_equal(lambda: active("ssh", "alice"), 2, "sessions of alice")
        time.sleep(2.2 * SLOW)  # both are idle for so long
        code, out, err = finish(ssh("alice", "-T", "echo", "in"))
        equal((code, out), (0, "in"), f"the third: {err}")
        event = hc.wait_event(event__action="session-killed", headcount__user="alice")
        equal((event["event.reason"], event["headcount.evicted.evidence"]), ("evict", "idle"), f"what is told: {event}")
        until_equal(lambda: [process.poll() for process in held].count(None), 1, "those that were there")
        hang_up(*held)


@test
def channels():
    """several channels of one connection are one session"""
    with sshd(), labels("ssh", PORT, cap=1):
        master = ssh("alice", "-MN")
        until(lambda: os.path.exists("/run/control-alice"), "the connection")
        cats = [ssh("alice", "-T", "cat", stdin=subprocess.PIPE) for _ in range(4)]
        equal(active("ssh", "alice"), 1, "sessions")
        for number in range(3):
            equal(finish(ssh("alice", "-T", "echo", str(number)))[:2], (0, str(number)), "another channel")
        equal([c.poll() for c in cats], [None] * 4, "channels that are open")
        equal(user("ssh", "alice", "refused"), 0, "refused")
        hang_up(*cats, master)


class Conversation(ctypes.Structure):
    CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    _fields_ = [("call", CALL), ("data", ctypes.c_void_p)]


def account_phase(name, host):
    """PAM's verdict in this process: 0, or an error's number."""
    pam, handle = ctypes.CDLL("libpam.so.0"), ctypes.c_void_p()
    conversation = Conversation(Conversation.CALL(lambda *_: 19))  # PAM_CONV_ERR: nobody listens
    pam.pam_start(b"headcount-test", name.encode(), ctypes.byref(conversation), ctypes.byref(handle))
    pam.pam_set_item(handle, 4, host.encode())  # PAM_RHOST
    return pam.pam_acct_mgmt(handle, 0)


def log_in(channel, sockets, zero, name, host):
    if zero:
        os.dup2(sockets[0].fileno(), 0)
    answer(channel, account_phase(name, host))
    channel.recv(1)


@test
def without_ssh():
    """other servers: the session is descriptor 0, or the only one whose peer is PAM_RHOST"""
    prepare()
    host, mapped, v6 = address(1, 2), "::ffff:" + address(1, 2), address(1, 2, 6)
    cases = [(True, 1, "name.example", 1), (True, 2, host, 1), (False, 1, host, 1), (False, 1, mapped, 1), (False, 1, v6, 1),
             (False, 2, host, 0), (False, 1, "name.example", 0), (False, 1, address(1, 3), 0), (False, 1, "", 0)]
    with socket.create_server(("::", INETD), family=socket.AF_INET6, dualstack_ipv6=True) as listener, labels("inetd", INETD):
        for zero, count, rhost, want in cases:
            with inside(CLIENT):
                there, here = ((address(1, 1, 6), INETD), v6) if rhost == v6 else ((SERVER, INETD), host)
                clients = [socket.create_connection(there, source_address=(here, 0)) for _ in range(count)]
            sockets = [listener.accept()[0] for _ in clients]
            with Child(log_in, sockets, zero, "alice", rhost, keep=[s.fileno() for s in sockets]) as child:
                equal(child.hear(), 0, "verdict of PAM")
                equal(active("inetd", "alice"), want, f"sessions of alice, {zero, count, rhost}")
            for s in clients + sockets:
                s.close()
            until_equal(lambda: active("inetd", "alice"), 0, "sessions when they are closed")


main()
