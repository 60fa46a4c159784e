#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A real Prometheus that scrapes headcount; the alert rules and the dashboard that come with it."""
import urllib.parse
import xml.etree.ElementTree

from bpf import ENABLE_STATS, bpf
from prometheus import *

client_host(1)
PORT, HTTP, PROMETHEUS = 7143, "127.0.0.1:9435", "127.0.0.1:9490"
ALICE, BOB = address(1, 2), address(1, 3)
IMAP = service("imap", listen=PORT, user="client/32/64", cap=3, total=4)
TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools")
RULES = f"{TOOLS}/prometheus/headcount.rules.yml"
METRIC = re.compile(r"\bheadcount_\w+")
CONFIG = f"""global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [{os.path.abspath(RULES)}]
scrape_configs:
  - job_name: headcount
    static_configs: [{{targets: ["{HTTP}"]}}]
"""


@contextlib.contextmanager
def prometheus():
    with open("/run/prometheus.yml", "w") as file:
        file.write(CONFIG)
    server = start("prometheus", "--config.file=/run/prometheus.yml", "--storage.tsdb.path=/run/prometheus",
                   f"--web.listen-address={PROMETHEUS}", "--log.level=warn", stdout=subprocess.DEVNULL)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(server.stderr))
    reader.start()
    try:
        until(lambda: server.poll() is not None or ready(), "Prometheus to be ready", 60)
        yield lines
    finally:
        server.terminate()
        server.wait(30 * SLOW)
        reader.join()


def ready():
    with contextlib.suppress(OSError):
        return get(PROMETHEUS, "/-/ready")[0] == 200


def query(text):
    """What Prometheus answers: {labels without job and instance: number}"""
    status, _, body = get(PROMETHEUS, "/api/v1/query?" + urllib.parse.urlencode({"query": text}))
    answer = json.loads(body)
    equal((status, answer["status"]), (200, "success"), f"answer to {text}: {body[:300]}")
    return {tuple(sorted((k, v) for k, v in row["metric"].items() if k not in ("job", "instance", "__name__"))):
            float(row["value"][1]) for row in answer["data"]["result"]}


def dashboard():
    with open(f"{TOOLS}/grafana/headcount.json") as file:
        return json.load(file)


def queries():
    """Every expression of the dashboard, as Grafana would ask it."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in ("$__rate_interval", "1m"), ("$instance", ".+"), ("$service", ".+"):
                text = text.replace(name, value)
            equal("$" in text, False, f"an unknown variable in {text}")
            yield panel["title"], text


def picture_shows_all():
    """The dashboard as a picture: each panel is in it, and there are lines, bars and a user."""
    svg = run(f"{TOOLS}/prometheus/picture", "--url", f"http://{PROMETHEUS}", "--seconds", "20", "--rate", "5s")
    picture = xml.etree.ElementTree.fromstring(svg)
    words = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    equal([p["title"] for p in dashboard()["panels"] if p["title"] not in words], [], "panels that are not drawn")
    equal(ALICE in words, True, "the busiest user")
    drawn = [node.get("points") for node in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    equal(any(points.count(",") > 2 for points in drawn), True, f"a line among {len(drawn)}")


@test
def no_picture():
    """a Prometheus that does not answer: one line, exit 1"""
    done = subprocess.run([f"{TOOLS}/prometheus/picture", "--url", f"http://{PROMETHEUS}"], capture_output=True,
                          text=True)
    equal((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), f"answer {done.stderr}")


@test
def rules():
    """promtool: the rules are correct, and each alert comes when it should"""
    run("promtool", "check", "rules", RULES)
    run("promtool", "test", "rules", f"{TOOLS}/prometheus/headcount.test.yml")


@test
def every_alert_is_tested():
    """each alert has a test in which it fires"""
    with open(RULES) as file:
        alerts = set(re.findall(r"- alert: (\w+)", file.read()))
    with open(f"{TOOLS}/prometheus/headcount.test.yml") as file:
        fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts", file.read()))
    equal((len(alerts) > 5, alerts - fired), (True, set()), f"alerts of {len(alerts)} that no test fires")


@test
def panels():
    """the dashboard: panels with ids of their own that lie side by side"""
    seen, places = set(), set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        area = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        equal((panel["id"] in seen, area & places, max(x for x, _ in area) < 24), (False, set(), True), panel["title"])
        seen.add(panel["id"])
        places |= area


@test
def scraped():
    """Prometheus scrapes, and answers with the right numbers; the dashboard's queries find data; alerts see users"""
    with open("/run/stats", "w") as file:
        file.write("1\n")
    run("mount", "--bind", "/run/stats", "/proc/sys/kernel/bpf_stats_enabled")
    statistics = bpf(ENABLE_STATS, struct.pack("=I", 0))
    with Headcount(section("fleet", store="unix:/run/no-store") + metrics_at(HTTP, IMAP, metrics_top_users=100)) as hc, Server("0.0.0.0", PORT) as server, \
            prometheus() as said:
        until_equal(lambda: query('headcount_sessions{service="imap"}'),
                    {(("direction", "inbound"), ("service", "imap")): 0}, "sessions before")
        with Clients(address(1), PORT, 1, 5, sources=[ALICE], namespace="c1") as clients, \
                Clients(address(1), PORT, 1, 3, sources=[BOB], namespace="c1") as others:
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes of one")
            equal(others.go(), {"ok": 1, "ECONNREFUSED": 2}, "outcomes of the other")
            for text, want in (('sum(headcount_sessions{service="imap"})', {(): 4}),
                               ('headcount_users{service="imap"}', {(("service", "imap"),): 2}),
                               ('sum by (scope) (headcount_sessions_refused_total{service="imap"})',
                                {(("scope", "user"),): 2, (("scope", "total"),): 2}),
                               (f'headcount_user_sessions{{user="{ALICE}",service="imap"}}',
                                {(("service", "imap"), ("user", ALICE)): 3})):
                until_equal(lambda: query(text), want, text)
            until(lambda: query(f'ALERTS{{alertname="HeadcountUserAtCap",alertstate="pending",user="{ALICE}"}}'),
                  "the alert of a user at its cap to be pending")
            equal(query(f'ALERTS{{alertname="HeadcountUserAtCap",user="{BOB}"}}'), {}, "alerts of the other")
            clients.close()
            others.close()
            server.close_dead(4)
        until_equal(lambda: query('sum(headcount_session_duration_seconds_count{service="imap"})'), {(): 4}, "durations")
        until_equal(lambda: query('headcount_sessions_closed_total{service="imap",reason="finished"}'),
                    {(("reason", "finished"), ("service", "imap")): 4}, "closed")
        for title, text in queries():
            until(lambda: query(text), f"data for the panel {title}: {text}", 30)
        picture_shows_all()
        names = {name for name, *_ in page(HTTP)}
        for path in RULES, f"{TOOLS}/grafana/headcount.json":
            with open(path) as file:
                asked = set(METRIC.findall(re.sub("#.*", "", file.read())))
            equal(asked - names, set(), f"metrics that {os.path.basename(path)} asks for and nobody tells")
        equal(query("up"), {(): 1}, "up")
        hc.end()
        until_equal(lambda: query("up"), {(): 0}, "up when headcount has ended")
    equal([line for line in said if b"duplicate" in line.lower() or b"out of order" in line.lower()], [],
          "what Prometheus complains of")
    os.close(statistics)
    run("umount", "/proc/sys/kernel/bpf_stats_enabled")


main()
