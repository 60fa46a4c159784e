#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount(8), ONE CAP FOR MANY HOSTS: what it says to type."""
from harness import *

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../user/man/headcount.8")


def blocks(heading):
    """What is to be typed, of a subsection."""
    with open(MANUAL) as file:
        section = file.read().split(f".Ss {heading}\n")[1].split("\n.S")[0]
    return [block.split("\n", 1)[1].replace("\\e", "\\") for block in re.findall(r"\.Bd -literal(.*?)\n\.Ed", section, re.S)]


@test
def three_hosts():
    """three hosts on one machine have one cap of four"""
    need("redis-server")
    begin, connect, ask_host, cut, end = blocks("Three hosts on one machine")
    store_user = " ".join(blocks("Set-up")[0].split()[1:])
    equal(store_user in " ".join(begin.replace("\\", "").replace("'", "").split()), True, "the store's user of the set-up")
    signal.alarm(int(200 * SLOW))  # it waits for two leases of ten seconds
    script = f"""
    {begin}
    for n in 1 2 3; do
        for try in $(seq 150); do
            [ -e /tmp/fleet/host$n.pid ] && nsenter -m -n -t $(cat /tmp/fleet/host$n.pid) headcount status 2>&1 | grep ': ready' && break
            sleep 0.2
        done
    done
    {connect}
    echo last: $?
    {ask_host}
    {cut}
    {end}
    wait
    """
    run("mount", "--bind", BUILD, "/mnt")  # which may be below /tmp
    run("mount", "-t", "tmpfs", "tmpfs", "/tmp")
    with open("/run/said", "w") as said, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["bash", "-c", script], stdout=said, stderr=said, timeout=180 * SLOW, cwd="/",
                       env={**os.environ, "PATH": f"/mnt:{os.environ['PATH']}"})
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open("/tmp/fleet/store.pid") as file:
        os.kill(int(file.read()), signal.SIGTERM)  # it is a daemon, should the script not have got there
    with open("/run/said") as said:
        words = said.read()
    equal(re.findall(r"last: (\d+)", words), ["1"], "the fifth session; of what the commands said:\n" + words)
    equal(set(re.findall(r"10[.]9[.]0[.]1\d.*: Connection refused", words)), {"10.9.0.12/8080: Connection refused"}, "sessions that were refused")
    equal(re.search(r"web +10\.9\.0\.1 +2\b", words) is not None, True, "users of host1 in:\n" + words)
    equal(re.search(r"web +10\.9\.0\.1 +4 +4 +3\b", words) is not None, True, "users of the fleet in:\n" + words)
    equal(re.search(r"this host is host1\n.*ready.*3 hosts, epoch 1", words) is not None, True, "status of host1 in:\n" + words)
    equal(re.search(r"this host is alone since .*, and alone = local holds\n", words) is not None, True, "what why says of host1 in:\n" + words)


main()
