#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The sink `file`: rotation, whole lines on a full disk and after a kill, and rsyslog that ships it."""
from subscribers import *


@test
def rotation():
    """a file that was renamed is written to until SIGHUP, and then the new one: no line is lost or cut"""
    with Headcount(config("file:/run/log.json")) as hc:
        sessions(10)
        wait_lines("/run/log.json", 20)
        os.rename("/run/log.json", "/run/log.json.1")
        sessions(10)
        wait_lines("/run/log.json.1", 40)
        hc.reload(config("file:/run/log.json"))
        sessions(10)
        wait_lines("/run/log.json", 20)
        without_gap(parsed("/run/log.json.1") + parsed("/run/log.json"), 1, 60, "numbers over both files")


@test
def rotation_without_configuration():
    """SIGHUP opens the files of --events again where there is no configuration, too; one that has come since is read"""
    if os.path.exists("/etc/headcount.conf"):
        raise Skip("this machine has a configuration")
    process = start(PROGRAM, "run", "--events", "file:/run/plain.json")
    equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
    os.rename("/run/plain.json", "/run/plain.json.1")
    process.send_signal(signal.SIGHUP)
    until(lambda: os.path.exists("/run/plain.json"), "the new file")
    equal(process.stderr.readline(), b"headcount: no configuration file, nothing to reload\n", "what it says")
    run("cp", "-a", "/etc", "/run/etc")
    run("mount", "--bind", "/run/etc", "/etc")  # in the test's own mount namespace
    with open("/etc/headcount.conf", "w") as file:
        file.write("[nonsense\n")
    process.send_signal(signal.SIGHUP)
    equal(b"/etc/headcount.conf:1: " in process.stderr.readline(), True, "what it says of a wrong file")
    equal(process.stderr.readline(), b"headcount: not reloaded; the old configuration stays in force\n", "what it says then")
    os.unlink("/etc/headcount.conf")
    process.send_signal(signal.SIGHUP)
    equal(process.stderr.readline(), b"headcount: no configuration file, nothing to reload\n", "what it says without")
    run("ip", "netns", "add", "later")
    with open("/etc/headcount.conf", "w") as file:
        file.write("[headcount]\nnetns = later\n[service web]\nlisten = 8080\n")
    process.send_signal(signal.SIGHUP)
    equal(process.stderr.readline(), b"headcount: reloaded /etc/headcount.conf\n", "what it says of the new file")
    run("umount", "/etc")
    process.terminate()
    equal(process.wait(15), 0, "exit code")
    run("ip", "netns", "del", "later")


@test
def cut_line():
    """a line that somebody was killed in stays the only bad one"""
    with open("/run/cut.json", "w") as file:
        file.write('{"@timesta')
    with Headcount(config("file:/run/cut.json")):
        sessions(1)
        until(lambda: len(open("/run/cut.json").readlines()) == 3, "two more lines")
    lines = open("/run/cut.json").readlines()
    equal(lines[0], '{"@timesta\n', "the cut line")
    without_gap([json.loads(line) for line in lines[1:]], 1, 2, "numbers")


@test
def full_disk():
    """on a full disk no line is cut, and when there is room again nothing is lost"""
    os.mkdir("/run/tiny")
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/run/tiny")
    with Headcount(config("file:/run/tiny/log.json, file:/run/whole.json")) as hc:
        sessions(100)
        wait_lines("/run/whole.json", 200)
        hc.wait_said(r"cannot write events to /run/tiny/log.json \(retrying\): No space left on device")
        held = len(parsed("/run/tiny/log.json"))
        equal(0 < held < 200, True, f"{held} lines where there is no room")
        run("mount", "-o", "remount,size=1m", "/run/tiny")
        without_gap(wait_lines("/run/tiny/log.json", 200), 1, 200, "numbers")
        hc.wait_said("writing events to /run/tiny/log.json again")
        equal(ask("status")["losses"]["file-write"], 0, "losses")
    run("umount", "/run/tiny")


@test
def full_disk_of_stdout():
    """stdout on a full disk waits as a file does: nothing ends, SIGHUP is heard, and no line is cut"""
    os.mkdir("/run/small")
    run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", "/run/small")
    with open("/run/small.conf", "w") as file:
        file.write(config())
    with open("/run/small/log.json", "a") as out:
        process = start(PROGRAM, "run", "-c", "/run/small.conf", stdout=out)
    equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
    sessions(50)
    equal(process.stderr.readline(), b"headcount: cannot write events to standard output (retrying): "
          b"No space left on device\n", "what it says")
    process.send_signal(signal.SIGHUP)
    equal(process.stderr.readline(), b"headcount: reloaded /run/small.conf\n", "what it says to SIGHUP")
    parsed("/run/small/log.json")
    run("mount", "-o", "remount,size=1m", "/run/small")
    equal(process.stderr.readline(), b"headcount: writing events to standard output again\n", "what it says then")
    without_gap(wait_lines("/run/small/log.json", 100), 1, 100, "numbers")
    run("mount", "-o", "remount,size=128k", "/run/small")
    sessions(200)
    process.terminate()
    equal(process.wait(15), 0, "exit code")
    said = process.stderr.read().decode()
    left = int(re.search("headcount: slow readers of events lost (\\d+) lines\n", said)[1])
    equal(len(parsed("/run/small/log.json")) + left, 500, "lines in the file and lines told to be lost")
    run("umount", "/run/small")


@test
def cut_line_of_stdout():
    """what somebody else left of a line on stdout stays the only bad one"""
    with open("/run/cut.out", "w") as file:
        file.write('{"@timesta')
    with open("/run/cut.out", "a") as out:
        process = start(PROGRAM, "run", "-c", "/dev/null", stdout=out)
    equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
    sessions(1)
    until(lambda: len(open("/run/cut.out").readlines()) > 2, "lines")
    process.terminate()
    equal(process.wait(15), 0, "exit code")
    lines = open("/run/cut.out").readlines()
    equal(lines[0], '{"@timesta\n', "the cut line")
    equal([json.loads(line)["event.dataset"] for line in lines[1:3]], ["headcount.session"] * 2, "the next ones")


RSYSLOG = """
global(workDirectory="/run/rsyslog")
module(load="imfile")
input(type="imfile" file="/run/shipped.json" tag="headcount" ruleset="out")
template(name="raw" type="string" string="%msg%\\n")
ruleset(name="out") { action(type="omfile" file="/run/received.json" template="raw") }
"""


@test
def rsyslog():
    """rsyslog ships the file's lines, over its rotation"""
    os.mkdir("/run/rsyslog")
    with open("/run/rsyslog.conf", "w") as file:
        file.write(RSYSLOG)
    with Headcount(config("file:/run/shipped.json")) as hc:
        shipper = start("rsyslogd", "-n", "-f", "/run/rsyslog.conf", "-i", "/run/rsyslog.pid")
        try:
            sessions(50)
            wait_lines("/run/received.json", 100)
            os.rename("/run/shipped.json", "/run/shipped.json.1")
            hc.reload(config("file:/run/shipped.json"))
            sessions(50)
            without_gap(wait_lines("/run/received.json", 200), 1, 200, "numbers that were shipped")
        finally:
            shipper.terminate()
            shipper.communicate(timeout=15)


main()
