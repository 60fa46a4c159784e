#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The library for PostgreSQL: the role that logs in is the user, and over the cap it gets SQLSTATE 53300."""
import glob
import pwd

from modules import *

PORT = 5499
CONFIG = f"""listen_addresses = '{SERVER}'
port = {PORT}
unix_socket_directories = '/run/pg'
max_connections = 100
log_line_prefix = 'SQLSTATE %e '
fsync = off
ssl = on
ssl_cert_file = '/run/cert.pem'
ssl_key_file = '/run/key.pem'
shared_preload_libraries = '{MODULES}/headcount.so'
"""
HBA = "local all postgres trust\nhostssl all all all scram-sha-256\n"


def release():
    """The newest one that is whole here: server and library."""
    built = sorted(glob.glob(f"{BUILD}/modules/postgresql-*/headcount.so"), reverse=True)
    for path in built:
        number = re.search(r"postgresql-(\d+)/", path)[1]
        if os.path.exists(f"/usr/lib/postgresql/{number}/bin/postgres"):
            return number
    raise Skip("no PostgreSQL with its headers on this machine")


def as_postgres(*command):
    account = pwd.getpwnam("postgres")
    return run("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", *command, cwd="/run/pg")


@contextlib.contextmanager
def postgresql():
    number = release()
    module(f"postgresql-{number}/headcount.so")
    programs = f"/usr/lib/postgresql/{number}/bin"
    account, first = pwd.getpwnam("postgres"), not os.path.exists("/run/pg")
    if first:
        os.mkdir("/run/pg")
        shutil.chown("/run/pg", "postgres", "postgres")
        certificate("postgres")
        as_postgres(f"{programs}/initdb", "--no-sync", "-A", "trust", "-D", "/run/pg/data")
        for name, text in ("postgresql.conf", CONFIG), ("pg_hba.conf", HBA):
            with open("/run/pg/data/" + name, "w") as file:
                file.write(text)
    with server(f"{programs}/postgres", "-D", "/run/pg/data", ports={PORT}, cwd="/run/pg", user=account.pw_uid,
                group=account.pw_gid, extra_groups=[]):
        until(lambda: psql("postgres", "SELECT 1", host="/run/pg")[0] == 0, "an answer")
        for command in ("CREATE ROLE alice", "CREATE ROLE bob", "ALTER ROLE postgres") if first else ():
            psql("postgres", f"{command} LOGIN PASSWORD '{PASSWORD}'", host="/run/pg")
        yield programs


def client(*command, **options):
    with inside(CLIENT):
        return start(*command, env={**os.environ, "PGPASSWORD": PASSWORD, "PGSSLMODE": "require"}, text=True, **options)


def psql(role, statement, host=SERVER):
    """Exit code, stdout, stderr."""
    process = client("psql", "-XAt", "-h", host, "-p", str(PORT), "-U", role, "-d", "postgres", "-c", statement)
    out, err = process.communicate(timeout=30 * SLOW)
    return process.returncode, out.strip(), err


def hold(role):
    """A session that goes on."""
    process = client("psql", "-XAt", "-h", SERVER, "-p", str(PORT), "-U", role, "-d", "postgres", stdin=subprocess.PIPE)
    process.stdin.write("SELECT 'here';\n")
    process.stdin.flush()
    equal(process.stdout.readline(), "here\n", f"answer to {role}")
    return process


def end(*processes):
    for process in processes:
        process.communicate(timeout=30 * SLOW)


@test
def absent():
    """without headcount: psql and pgbench -C with TLS"""
    with postgresql() as programs:
        equal(psql("alice", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[:2], (0, "t"), "psql")
        equal(pgbench(programs, 10), "40/40", "transactions of pgbench")


@test
def over():
    """cap + 1 times psql: the last is told 53300; a superuser without a cap and the Unix socket get in"""
    with postgresql(), labels("pg", PORT, override="postgres unlimited") as hc:
        held = [hold("alice"), hold("alice")]
        equal(active("pg", "alice"), 2, "sessions")
        code, _, err = psql("alice", "SELECT 1")
        equal((code, "too many sessions for role" in err), (2, True), f"the third: {err}")
        with open("/run/server.log") as log:
            equal("SQLSTATE 53300 FATAL:  too many sessions" in log.read(), True, "the server's log has the SQLSTATE")
        equal(psql("bob", "SELECT 1")[:2], (0, "1"), "another role")
        hc.wait_event(event__action="session-refused", headcount__user="alice")
        many = [hold("postgres") for _ in range(4)]
        equal(psql("postgres", "SELECT 1", host="/run/pg")[:2], (0, "1"), "by the Unix socket")
        equal(active("pg", "postgres"), 4, "sessions of the superuser")
        end(held.pop())
        until_equal(lambda: active("pg", "alice"), 1, "sessions when one has ended")
        held.append(hold("alice"))
        end(*held, *many)
        until_equal(lambda: (active("pg", "alice"), active("pg", "postgres")), (0, 0), "sessions at the end")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def evicted():
    """excess = evict: the login waits while the role's stalest session makes room, and gets in"""
    with postgresql(), labels("pg", PORT, excess="evict", evict_idle="2s") as hc:
        held = [hold("alice"), hold("alice")]
        time.sleep(2.2 * SLOW)  # both are idle for so long
        equal(psql("alice", "SELECT 1")[:2], (0, "1"), "the third")
        event = hc.wait_event(event__action="session-killed", headcount__user="alice")
        equal((event["event.reason"], event["headcount.evicted.evidence"]), ("evict", "idle"), f"what is told: {event}")
        until_equal(lambda: active("pg", "alice"), 1, "sessions when the third has ended")
        end(*held)


@test
def connecting():
    """pgbench -C, a session for each transaction: every one is counted, none stays behind"""
    with postgresql() as programs, labels("pg", PORT, cap=50):
        equal(pgbench(programs, 25), "100/100", "transactions")
        until_equal(lambda: active("pg", "alice"), 0, "sessions at the end")
        row = user("pg", "alice")
        equal((row["opened"] >= 100, row["refused"]), (True, 0), f"opened and refused: {row}")


def pgbench(programs, transactions):
    with open("/run/one.sql", "w") as file:
        file.write("SELECT 1;\n")
    process = client(f"{programs}/pgbench", "-nC", "-c4", "-j2", f"-t{transactions}", "-f", "/run/one.sql", "-h", SERVER,
                     "-p", str(PORT), "-U", "alice", "postgres")
    out, err = process.communicate(timeout=60 * SLOW)
    return (re.search(r"actually processed: (\S+)", out) or [0, err])[1]


main()
