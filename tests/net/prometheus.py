# SPDX-License-Identifier: GPL-2.0-only
"""The metrics as Prometheus sees them: pages over HTTP, parsed, checked by promtool."""
import http.client

from clients import *

NAME = re.compile(r'^([a-z_]+)(?:{(.*)})? ([0-9.e+-]+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')
OPEN = "application/openmetrics-text; version=1.0.0"


def parse(page):
    """{(name, label value, label value...): number}; a line that is neither sample nor comment fails."""
    found = {}
    for line in page.splitlines():
        if line.startswith("# "):
            continue
        name, labels, number = NAME.match(line).groups()
        key = (name, *(value for _, value in LABEL.findall(labels or "")))
        equal(key in found, False, f"{key} twice")
        found[key] = float(number)
    return found


def printed(*options):
    return parse(run(PROGRAM, "metrics", *options))


def some(metrics, service):
    """What is there of a service and not 0: {name or (name, other labels): number}"""
    found = {}
    for (name, *labels), number in metrics.items():
        if labels[:1] == [service] and number:
            found[(name, *labels[1:]) if labels[1:] else name] = number
    return {key: number for key, number in found.items() if "duration" not in str(key)}


def promtool_is_content(page):
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "promtool check metrics")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20 * SLOW)
        self.sock.connect(self.path)


def get(where, url="/metrics", method="GET", **headers):
    """Status, headers and body of one request; `where` as in the configuration."""
    if where.startswith("unix:"):
        connection = UnixConnection(where[5:])
    else:
        connection = http.client.HTTPConnection(where, timeout=20 * SLOW)
    with contextlib.closing(connection):
        connection.request(method, url, headers=headers)
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()


def page(where):
    status, _, body = get(where)
    equal(status, 200, f"status of {where}")
    return parse(body)


def metrics_at(where, more="", **settings):
    return section("headcount", metrics=where, **settings) + more
