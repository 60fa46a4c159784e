#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""PgBouncer 1.8 or later: once a second, each session is its user's, and is closed if that is over the cap. As root:

    pgbouncer.py USER [OPTIONS OF psql]

such as stats -h 127.0.0.1 -p 6432. The user is one of `stats_users` in pgbouncer.ini, whose own sessions are left alone;
~/.pgpass has the password.
"""
import csv
import subprocess
import sys
import time

from labelling import Labels, end

labels = Labels("--kill")

while True:
    shown = subprocess.run(["psql", "-X", "--csv", "-c", "SHOW CLIENTS", "-U", *sys.argv[1:], "-d", "pgbouncer"],
                           stdout=subprocess.PIPE, encoding="utf-8", errors="surrogateescape", check=False)
    for row in csv.DictReader(shown.stdout.splitlines(keepends=True)):
        if row["addr"] == "unix" or row["user"] == sys.argv[1]:
            continue
        answer = labels.ask(remote=end(row["addr"], row["port"]), local=end(row["local_addr"], row["local_port"]), name=row["user"])
        if answer["result"] != "ok":
            print(f"{row['user']!r}: {answer['error']}", file=sys.stderr, flush=True)
    time.sleep(1)
