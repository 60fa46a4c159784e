#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The page for people: what is served to whom, what it costs, and what a browser makes of it."""
from paging import *

SAFE = {"Content-Security-Policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin"}
FILES = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript", "/icon.svg": "image/svg+xml"}


@test
def files():
    """each file has its type, a policy against whatever is not from here, and a tag that spares sending it again"""
    with Headcount(metrics_at(HTTP, IMAP)):
        for url, kind in FILES.items():
            status, headers, body = get(HTTP, url)
            equal((status, headers["Content-Type"].partition(";")[0], len(body) > 200), (200, kind, True), url)
            equal({key: headers.get(key) for key in SAFE}, SAFE, f"headers of {url}")
            equal(headers["Cache-Control"], "no-cache", f"cache of {url}")
            equal([key for key in headers if key.startswith("Access-Control")], [], "leave for other sites")
            with open(os.path.join(os.path.dirname(__file__), "../../user/web", url[1:] or "page.html")) as file:
                equal(body, file.read(), f"the file {url}")
            again = get(HTTP, url, **{"If-None-Match": headers["ETag"]})
            equal((again[0], again[2]), (304, ""), f"{url} again")
            equal(get(HTTP, url, **{"If-None-Match": '"other"'})[0], 200, f"{url}, of another build")
        status, headers, body = get(HTTP, "/page.json")
        equal((status, headers["Content-Type"], headers["Cache-Control"]),
              (200, "application/json; charset=utf-8", "no-store"), "page.json")
        equal({key: headers.get(key) for key in SAFE}, SAFE, "headers of page.json")
        for url in (*FILES, "/page.json"):
            status, headers, body = get(HTTP, url, "HEAD")
            equal((status, body, int(headers["Content-Length"]) > 200), (200, "", True), f"HEAD of {url}")
            for method in "POST", "PUT", "DELETE", "OPTIONS":
                status, headers, _ = get(HTTP, url, method)
                equal((status, headers.get("Allow")), (405, "GET, HEAD"), f"{method} {url}")
        for url in "/page", "/page.html", "/../etc/passwd", "/page.js/", "//", "/index.html":
            equal(get(HTTP, url)[0], 404, url)


@test
def no_inline():
    """nothing in the page is inline, from elsewhere, or makes HTML of text"""
    folder = os.path.join(os.path.dirname(__file__), "../../user/web/")
    html, script, style = (open(folder + name).read() for name in ("page.html", "page.js", "page.css"))
    equal(re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", html), [], "inline in page.html")
    equal(re.findall(r"(?:src|href)=\"(?:https?:|//)[^\"]*", html), [], "from elsewhere in page.html")
    equal(re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script), [], "page.js")
    equal(re.findall(r"url\(|@import", style), [], "page.css")


@test
def who_gets_it():
    """other hosts get it only if page = yes; page = no takes it away; a reload changes that; /metrics stays"""
    with Headcount(metrics_at(OTHERS, IMAP)) as hc:
        def answers(where=HTTP):
            return [get(where, url)[0] for url in ("/", "/page.js", "/page.json", "/metrics")]
        equal(answers(), [404, 404, 404, 200], "at every address, nothing asked")
        hc.reload(metrics_at(OTHERS, IMAP, page="yes"))
        equal(answers(), [200] * 4, "page = yes")
        equal(answers(f"{address(1)}:9435"), [200] * 4, "at another address")
        hc.reload(metrics_at(HTTP, IMAP, page="no"))
        equal(answers(), [404, 404, 404, 200], "page = no")
        hc.reload(metrics_at(HTTP, IMAP))
        equal(answers(), [200] * 4, "loopback, nothing asked")
        hc.reload(metrics_at("unix:/run/page.sock", IMAP))
        equal(answers("unix:/run/page.sock"), [200] * 4, "a Unix socket")
        hc.reload(metrics_at("[::1]:9436", IMAP))
        equal(answers("[::1]:9436"), [200] * 4, "loopback of IPv6")


@test
def check():
    """run --check says whether there is a page, and to whom; a bad or useless page = is an error with its line"""
    def said(where, **more):
        with open("/run/check.conf", "w") as file:
            file.write(metrics_at(where, **more))
        return run(PROGRAM, "run", "--check", "-c", "/run/check.conf")
    equal("\npage at the same address, /: it names users and addresses to whoever can ask there\n" in said(HTTP), True, "loopback")
    equal("\nno page there, as other hosts can ask (page = yes serves it)\n" in said(OTHERS), True, "every address")
    equal("\npage at the same address" in said(OTHERS, page="yes"), True, "asked for")
    equal("\nno page there\n" in said(HTTP, page="no"), True, "not wanted")
    for text, line, words in (("[headcount]\nmetrics = [::1]:1\npage = maybe\n", 3, 'bad page "maybe"'),
                              ("[headcount]\npage = yes\n", 2, "needs an address"),
                              ("[headcount]\npage = no\npage = no\n", 3, "twice"),
                              (IMAP + "page = yes\n", 5, "not allowed")):
        with open("/run/check.conf", "w") as file:
            file.write(text)
        code, out, err = headcount("run", "--check", "-c", "/run/check.conf")
        equal((code, f":{line}: " in err, words in err), (2, True, True), err)


@test
def rebinding():
    """a name that somebody else could give this host's address gets nothing; addresses and own names do"""
    own = os.uname().nodename
    with Headcount(metrics_at(HTTP, IMAP)) as hc:
        for host in (HTTP, "127.0.0.1", "localhost", "LocalHost:9435", "[::1]:9435", "[2001:db8::1]", "192.0.2.7:80",
                     own, own.partition(".")[0] + ":9435", own.upper()):
            for url in "/", "/page.json":
                equal(get(HTTP, url, Host=host)[0], 200, f"{url} of {host}")
        for host in ("evil.example", "evil.example:9435", "localhost.evil.example", f"{own}.evil.example", "127.0.0.1.evil.example",
                     "[::1", "::1", "127.0.0.1:x", "127.0.0.1@evil.example", "x" * 300, "", "127.1"):
            for url in "/", "/page.json", "/page.js":
                equal(get(HTTP, url, Host=host)[0], 421, f"{url} of {host[:40]}")
            equal(get(HTTP, "/metrics", Host=host)[0], 200, f"/metrics of {host[:40]}")
        hc.reload(metrics_at("unix:/run/page.sock", IMAP))
        equal(get("unix:/run/page.sock", "/", Host="proxied.example")[0], 200, "a proxy's name at a Unix socket")


@test
def numbers():
    """page.json has what users --json and the metrics have, and follows"""
    more = service("pop", listen=PORT + 1, user="client/32/64", cap=10, total=20)
    with Headcount(metrics_at(HTTP, IMAP + more)) as hc, held(3), held(2, BOB, PORT + 1):
        until(lambda: services()["imap"]["active"] == 3, "a reading that the curves begin with")
        refused(4)
        time.sleep(2.1)  # so that the users are read anew
        def same():
            rows = {(u["service"], u["user"]): u for u in ask("users") if u["service"] in ("imap", "pop")}
            keys = "active", "cap", "peak", "opened", "refused"
            return ({k: [u[key] for key in keys] for k, u in page_rows("imap", "pop").items()} ==
                    {k: [u[key] for key in keys] for k, u in rows.items()} and len(rows) == 2)
        until(same, "the same users")
        found = facts()
        imap, pop = (services(found)[name] for name in ("imap", "pop"))
        equal({k: imap[k] for k in ("direction", "users_by", "excess", "cap", "total", "active", "users", "at_cap", "opened",
                                    "closed", "refused", "refused_by_total")},
              dict(direction="inbound", users_by="client", excess="reject", cap=3, total=None, active=3, users=1, at_cap=1,
                   opened=3, closed=0, refused=4, refused_by_total=0), "imap")
        equal((pop["active"], pop["total"], pop["at_cap"]), (2, 20, 0), "pop")
        equal((len(imap["refused_lately"]), sum(imap["refused_lately"]), pop["refused_lately"]), (120, 4, []), "curves")
        equal((found["users"][0]["user"], found["users"][0]["refused_ms"] < 60000), (ALICE, True), "who is first")
        equal((found["kernel"], found["host"], found["reload"]), (os.uname().release, os.uname().nodename, "none"), "the host")
        equal({"corrected", "file-write"} <= {row["reason"] for row in found["losses"]}, True, f"losses: {found['losses']}")
        headcount("kill", "-s", "imap", "-u", ALICE)
        until(lambda: services()["imap"]["ended"] == 3, "what was killed")
        equal(sum(services()["imap"]["ended_lately"]), 3, "the curve of what was killed")
        equal(services()["imap"]["evicted_lately"], [], "the curve of what was evicted")
        hc.reload(metrics_at(HTTP, IMAP + more))
        until(lambda: facts()["reload"] == "done", "the reload")
        hc.reload("[nonsense]\n", "not reloaded")
        until(lambda: facts()["reload"] == "bad file", "a reload that failed")


@test
def hostile_names():
    """labels and process names of any bytes: the JSON is good, and names users as users --json does"""
    labels = service("imap", listen=PORT, user="label", cap=3)
    with Headcount(metrics_at(HTTP, labels)), held(len(HOSTILE)) as pairs:
        for (_, server), label in zip(pairs, HOSTILE):
            equal(libc.setsockopt(server.fileno(), SOL, LABEL, label, len(label)), 0, f"setsockopt of {label}")
        def theirs():
            return {u["user"] for u in ask("users") if u["service"] == "imap" and u["active"]}
        until(lambda: len(theirs()) == len(HOSTILE), "the users")
        until(lambda: {u for _, u in page_rows("imap")} == theirs(), "the same names")


@test
def bounded():
    """256 services and many users: the answer is small, and lists the nearest to their cap"""
    many = "".join(service(f"s{i}" + "x" * 26, listen=20000 + i, user="client/32/64", cap=5, total=9) for i in range(254))
    with Headcount(metrics_at(HTTP, many)):
        size = len(get(HTTP, "/page.json")[2])
        equal((len(facts()["services"]), size < 150000), (256, True), f"services, and bytes: {size}")
    users = [f"{NET}2{b}.{h}" for b in range(2) for h in range(1, 41)]
    with inside("c1"):
        run("ip", "-batch", "-", input="".join(f"addr add {u}/32 dev lo\n" for u in users))
    run("ip", "route", "add", f"{NET}20.0/24", "via", ALICE)
    run("ip", "route", "add", f"{NET}21.0/24", "via", ALICE)
    with Headcount(metrics_at(HTTP, IMAP)), contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen("0.0.0.0", PORT))
        for i, user in enumerate(users):
            for _ in range(3 if i % 4 == 0 else 1):
                with inside("c1"):
                    s = stack.enter_context(socket.socket())
                    s.bind((user, 0))
                    s.connect((address(1), PORT))
                stack.enter_context(listener.accept()[0])
        time.sleep(2.1)
        until(lambda: services()["imap"]["users"] == 80, "all users")
        found = facts()
        equal((len(found["users"]), found["users_pressed"] >= 20), (40, True), "users")
        ours = [u for u in found["users"] if u["service"] == "imap"]
        equal([u["active"] for u in ours[:20]], [3] * 20, "the first")


@test
def one_reading():
    """many who look are one: the user table is not read more often than every two seconds, nor for nobody"""
    with Headcount(metrics_at(HTTP, IMAP)):
        readings = []  # when, in ms; of one reading twice, the two may differ by 1

        def three():
            found = facts()
            at = found["now_ms"] - found["users_ms"]
            if not readings or at - readings[-1] > 10:
                readings.append(at)
            return len(readings) == 3
        until(three, "the third reading", 60)  # a slow one is followed by a longer pause
        pauses = [after - before for before, after in zip(readings, readings[1:])]
        equal([ms for ms in pauses if ms < 1990], [], "ms between readings")
        with held(1):
            equal(services()["imap"]["active"] in (0, 1), True, "users")


@test
def dead_peers():
    """a client that has vanished is listed with the evidence, whatever the process is called; one that answers is not"""
    with Headcount(metrics_at(HTTP, IMAP)):
        equal((facts()["stale_known"], facts()["stale"]), (True, []), "before")
        with named(b"<b>\x01\xff\"&"), held(2) as pairs:
            with frozen(), socket.socket() as unborn:
                unborn.setblocking(False)
                unborn.connect_ex((ALICE, PORT))  # unanswered, too, but nobody was there yet
                for _, server in pairs:
                    server.send(b"nobody hears this")
                until(lambda: facts()["stale_count"] == 2, "the stale ones", 60)
                rows, theirs = facts()["stale"], {r["id"]: r for r in ask("sessions", "-s", "imap", "--stale")}
                keys = "service", "user", "remote", "local", "state", "pid", "process"
                equal([[row[k] for k in keys] for row in rows], [[theirs[row["id"]][k] for k in keys] for row in rows], "the same")
                equal(rows[0]["process"], "<b>\x01\ufffd\"&", "whose they are")
                for row in rows:
                    equal((row["unanswered"] >= 3, row["heard_ms"] >= 10000, row["send_queue"]), (True, True, 17), f"evidence: {row}")
                with Browser(f"http://{HTTP}/") as page:
                    until(lambda: len(page.rows("stale")) == 2, "rows in the page")
                    equal(page.rows("stale")[0][-1].startswith("<b>"), True, f"as text: {page.rows('stale')}")
                    equal((page.of("document.querySelectorAll('b').length"), page.complaints), (0, []), "elements b")
                until(lambda: any(r["state"] == "SYN-SENT" and r["unanswered"] >= 3 for r in our_sessions()), "unanswered SYNs", 30)
                since = facts()["now_ms"]
                found = until(lambda: (f := facts())["now_ms"] - f["stale_ms"] > since and f, "another look", 60)
                equal(found["stale_count"], 2, "with one that never was connected")
            until(lambda: facts()["stale_count"] == 0, "that they answer again", 60)


@test
def other_namespaces():
    """stale sessions of a namespace that is enforced are found, and of one that a reload adds"""
    def at(*netns):
        return metrics_at(HTTP, IMAP, netns=[*netns])
    with Server("0.0.0.0", PORT, namespace="c1") as server, Headcount(at("/proc/self/ns/net")) as hc, socket.socket() as client:
        hc.reload(at("c1"))
        client.connect((ALICE, PORT))
        ours = json.loads(run("ip", "-j", "link", "show", "v1"))[0]["address"]
        with inside("c1"):
            run("ip", "neigh", "replace", address(1), "lladdr", ours, "dev", "eth0")
        run("ip", "link", "set", "v1", "down")
        try:
            until(lambda: server.connections, "the server's end")[0].send(b"nobody hears this")
            until(lambda: facts()["stale_count"] == 1, "the stale one", 60)
            equal(facts()["stale"][0]["local"], f"{ALICE}:{PORT}", "which")
        finally:
            run("ip", "link", "set", "v1", "up")


@test
def in_a_browser():
    """Chromium shows what there is, follows changes, tells of hostile names as text, and has nothing to complain of"""
    labels = service("imap", listen=PORT, user="label", cap=2)
    with Headcount(metrics_at(HTTP, labels)) as hc, held(len(HOSTILE) + 1) as pairs:
        for (_, server), label in zip(pairs, HOSTILE):
            libc.setsockopt(server.fileno(), SOL, LABEL, label, len(label))
        with Browser(f"http://{HTTP}/") as page:
            def users():
                return {row[0] for row in page.rows("users") if row[1] == "imap"}
            want = {u["user"] for u in ask("users") if u["service"] == "imap" and u["active"]}
            shown = lambda text: re.sub(r"\s+", " ", text).strip()
            until_equal(lambda: {shown(u) for u in users()}, {shown(u) for u in want}, "users in the page")
            equal(page.of("document.querySelectorAll('script').length"), 1, "scripts")
            equal(page.of("document.querySelectorAll('img').length"), 0, "images")
            name = b"follows me"
            libc.setsockopt(pairs[-1][1].fileno(), SOL, LABEL, name, len(name))
            until(lambda: "follows me" in users(), "a new label in the page", 8)
            page.of("document.getElementById('filter').value = 'FOLLOWS'")
            page.of("document.getElementById('filter').dispatchEvent(new Event('input'))")
            equal([row[0] for row in page.rows("users")], ["follows me"], "users that the filter lets through")
            equal((page.complaints, page.of("document.body.className")), ([], ""), "what it complains of")
            hc.end()
            until(lambda: "Not reachable since" in page.of("document.body.innerText"), "that it is lost", 20)
            equal([row[0] for row in page.rows("users")], ["follows me"], "what was last shown stays")
            with Headcount(metrics_at(HTTP, labels)):
                until(lambda: page.of("document.body.className") == "", "that it is back", 20)
                equal("Not reachable" in page.of("document.body.innerText"), False, "still lost")


@test
def by_keyboard():
    """all controls are reached by Tab, and work by keys; a screen reader gets the names of tables and controls"""
    with Headcount(metrics_at(HTTP, IMAP)), held(3), Browser(f"http://{HTTP}/") as page:
        until(lambda: page.rows("services"), "services")
        reached = []
        for _ in range(14):
            page.press("Tab")
            reached.append(page.of("document.activeElement.id || document.activeElement.getAttribute('aria-labelledby') "
                                   "|| document.activeElement.getAttribute('href')"))
            if len(reached) == 2:
                page.press(" ")
                equal(page.of("document.getElementById('pause').getAttribute('aria-pressed')"), "true", "paused by space")
                equal(page.of("document.getElementById('news').innerText"), "Paused.", "said")
                page.press("Enter")
                equal(page.of("document.getElementById('pause').getAttribute('aria-pressed')"), "false", "and no more")
            if len(reached) == 1:
                equal(page.of("document.activeElement.getBoundingClientRect().left >= 0"), True, "the skip link is seen")
        equal(reached[:10], ["#main", "pause", "filter", "quiet", "services-title", "users-title", "stale-title",
                             "losses-title", "tables-title", "metrics"], "order")
        tree = page.tree()
        names = {role: {name for kind, name in tree if kind == role} for role, _ in tree}
        equal(len(names["table"]), 5, f"tables: {names['table']}")
        equal("" in names["table"] or "" in names["button"] or "" in names["searchbox"] or "" in names["checkbox"], False, "names")
        equal(names["button"], {"Pause"}, "buttons")
        equal({"main", "banner", "status", "region"} - set(names), set(), f"landmarks, of {sorted(names)}")
        equal({"Service", "Sessions", "User", "Refused"} <= names["columnheader"], True, f"{names['columnheader']}")
        equal(any(name.startswith("imap") for name in names["rowheader"]), True, f"{names['rowheader']}")


@test
def without_script():
    """without JavaScript it says where the numbers are"""
    with Headcount(metrics_at(HTTP, IMAP)), Browser(f"http://{HTTP}/", script=False) as page:
        equal("needs JavaScript" in str(page.tree()), True, "what it says")


@test
def small_screens():
    """360 pixels are enough: nothing is wider than the page; light and dark"""
    many = "".join(service(f"service-{i}", listen=20000 + i, user="client/32/64", cap=5, total=9) for i in range(253))
    for dark in False, True:
        for width, more in (360, ""), (1280, ""), (360, many):
            labels = service("imap", listen=PORT, user="label", cap=2) + more
            with Headcount(metrics_at(HTTP, labels)), held(len(HOSTILE)) as pairs:
                for (_, server), label in zip(pairs, HOSTILE):
                    libc.setsockopt(server.fileno(), SOL, LABEL, label, len(label))
                with Browser(f"http://{HTTP}/", width=width, height=800, dark=dark) as page:
                    until(lambda: page.rows("users"), "users")
                    equal(page.of("document.documentElement.scrollWidth <= innerWidth"), True, f"it fits in {width}")
                    equal(page.of("getComputedStyle(document.body).backgroundColor"),
                          "rgb(20, 23, 27)" if dark else "rgb(246, 247, 249)", "background")
                    equal(page.complaints, [], "what it complains of")
                    if "PICTURES" in os.environ:
                        page.picture(f"{os.environ['PICTURES']}/{width}-{'dark' if dark else 'light'}{'-many' if more else ''}.png")


main()
