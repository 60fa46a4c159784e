# SPDX-License-Identifier: GPL-2.0-only
"""Runs the rounds of a plan: workers that work, headcount that is worked on, the comparisons."""
import mmap

from ledger import *
from watch import *
from bpf import pinned  # noqa: E402: of tests/net, where ledger has led to
import harness  # noqa: E402


class Torture:
    def __init__(self, builds):
        self.builds, self.stack = builds, contextlib.ExitStack()
        self.hc, self.policy, self.ledger, self.watch = None, None, Ledger(), Watch()
        self.workers, self.steps = {}, collections.Counter()
        self.outcomes = collections.defaultdict(collections.Counter)
        self.settled = True  # all refusals of the rounds before have been told
        self.labels, self.given, self.outside, self.forgetful = {}, {}, set(), False
        self.sure, self.restarted, self.build, self.rounds, self.exact = True, False, 0, 0, 0

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        make_world()
        groups = [self.stack.enter_context(cgroup(f"torture{n}")) for n in range(plan.USERS)]
        self.groups, self.folders = zip(*groups)
        for place in PLACES:
            self.start_worker(place.number)
        self.stack.enter_context(self.watch)
        return self

    def __exit__(self, *_):
        for worker in self.workers.values():
            worker.end()
        if self.hc:
            self.hc.end(signal.SIGKILL)
        self.stack.close()

    # --- Parts ----------------------------------------------------------------------------------

    def start_worker(self, number):
        place = PLACES[number]
        worker = Child(Worker, place, namespace=place.server, cgroup=self.folders[place.group])
        equal(worker.hear(), "ready", f"worker {number}")
        self.workers[number] = worker

    def start_headcount(self, build, anew):
        harness.PROGRAM = self.builds[build]
        self.hc = Daemon(self.policy.text(), "--pin")
        said = "\n".join(self.hc.said)
        began = "counting anew" in said, "adopted the pinned" in said
        if self.ledger.daemons and began != (anew, not anew):
            raise AssertionError(f"build {self.build}, then {build}, and headcount said: {said}")
        self.build = build
        self.ledger.add(self.hc, anew)

    def read_losses(self):
        """Those that are no fault here: `late`, and the ring that others on this host may fill."""
        losses = collections.Counter(ask("status")["losses"])
        others = +collections.Counter({k: v for k, v in losses.items() if k not in ("late", "ring-full")})
        equal(others, {}, "losses beside late and ring-full")
        return losses

    # --- What happens to headcount while the workers work ---------------------------------------

    def step(self, kind, *words):
        self.steps[kind] += 1
        getattr(self, "step_" + kind)(*words)

    def step_reload(self, policy):
        self.watch.pause()
        self.reloaded = self.forgetful = True
        self.policy = Policy(policy, self.groups)
        self.hc.reload(self.policy.text())

    def step_caps(self, policy):
        self.policy = Policy(policy, self.groups)
        self.watch.also(self.policy)
        self.hc.reload(self.policy.text())

    def step_cap(self, service, number, cap):
        if service != "outbound" and service not in self.policy.in_force():
            return
        who = service, self.policy.user_number(service, number)
        self.watch.cap_of_the_moment(who, cap)
        code, _, err = headcount("cap", *who, str(cap))
        equal((code, err), (0, ""), f"headcount cap {who} {cap}")

    def step_kill(self, gap, build):
        self.again(signal.SIGKILL, gap, build)

    def step_stop(self, gap, build):
        self.again(signal.SIGTERM, gap, build)

    def again(self, how, gap, build):
        self.hc.end(how)
        unread = any("events lost" in line for line in self.hc.said)  # grep was kept from the CPU
        time.sleep(gap)
        anew = build != self.build
        self.start_headcount(build, anew)
        self.restarted = True
        if anew:
            # What was late before, was so by the new counts alone; the old ones held the caps.
            self.sure, self.losses = True, collections.Counter(late=self.read_losses()["late"])
            self.watch.forget_moments()
            self.steps["rebuilt"] += 1
            self.forgetful = True
        elif how == signal.SIGKILL or unread:
            self.sure = False

    def step_worker(self, number):
        self.workers.pop(number).end(signal.SIGKILL)

    def step_cookies(self, value):
        sysctl("net.ipv4.tcp_syncookies", value, "home", "c2")

    def step_label(self, service, count, number):
        """Whatever they have, and whichever of them is still there."""
        if service not in self.policy.in_force():
            return
        rows = sorted(ask("sessions", f"--service={service}"), key=lambda row: row["opened"] or "")[-count:]  # the old ones end soon
        self.outside.update(map(session_id, rows))
        lines = "".join(f"--id {row['id']} -- {LABELS}{number}\n" for row in rows)
        _, out, _ = headcount("label", "-", input=lines.encode())
        equal(len(out.splitlines()), len(rows), "answers of headcount label")
        self.outcomes["headcount label"].update(line[:40] for line in out.splitlines())

    def step_look(self, words):
        code, out, err = headcount(*words, "--json")
        found = json.loads(out)
        if words == ["audit"] and code:  # a foreign namespace may have come within reach only now
            known = ids(ss(*HOMES))
            wrong = [d for d in found["differences"] if d["kind"] != "missing" or d["id"] in known]
            code = 1 if wrong else 0
        equal((code, err), (0, ""), f"headcount {words} {out[:1000] if code else ''}")

    # --- Rounds ---------------------------------------------------------------------------------

    def round(self, this):
        began, self.rounds = time.monotonic(), self.rounds + 1
        self.begin(this["policy"])
        busy = dict(self.workers)
        for number, worker in busy.items():
            worker.tell(json.dumps(this["work"][number]))
        for pause, *step in this["control"]:
            time.sleep(pause)
            self.step(*step)
        self.hear_workers(busy.keys() & self.workers.keys())
        for number in busy.keys() - self.workers.keys():
            with inside(PLACES[number].server):
                remove_left()
            self.start_worker(number)
        worked = time.monotonic()
        tries, sockets, late = self.rest()
        steps, compared = " ".join(step[1] for step in this["control"]), time.monotonic()
        print(f"round {this['round']}: {worked - began:.1f} s and {compared - worked:.1f} s to compare "
              f"({tries} looks), {len(sockets)} sockets, {late} late; {steps}", flush=True)

    def hear_workers(self, numbers):
        for number in numbers:
            self.workers[number].tell("rest")
        for number in numbers:
            merged, given = self.workers[number].hear()
            self.given.update({int(id): name for id, name in given.items()})
            for kind, outcomes in merged.items():
                self.outcomes[kind].update(outcomes)

    def begin(self, policy):
        """The round's policy, switched to while nothing moves."""
        same = self.policy and self.policy.plan == policy
        self.policy = Policy(policy, self.groups)
        if not self.hc:
            self.start_headcount(0, True)
        elif not same:
            self.watch.pause()
            self.hc.reload(self.policy.text())
        before = Policy.labels
        _, sockets = compare(self.policy)
        kept = {id: name for id, name in before.items() if id in {s.id for s in sockets if self.policy.by_label(s)}}
        equal(Policy.labels, kept, "labels after a reload")
        self.losses, self.told, self.restarted = self.read_losses(), self.ledger.lost, False
        self.refused, self.refused_told = our_users("refused"), self.ledger.refused.copy()
        self.reloaded = self.forgetful = False
        self.given, self.outside = {}, set()
        self.labels = Policy.labels
        self.watch.allow(self.policy, sockets)

    def rest(self):
        """Nothing works: everything has to be exact."""
        tries, sockets = compare(self.policy)
        self.check_labels(sockets)
        new = self.read_losses() - self.losses
        self.watch.look(sockets)
        late, lost = new["late"], new["ring-full"]
        self.ledger.check(self.sure and not lost)
        self.exact += self.sure and not lost
        self.sure = True
        if not self.restarted:
            until(lambda: self.ledger.read() is not None and self.ledger.lost - self.told >= lost,
                  f"events that tell of the {lost} lost ones")
        over = {who: most for who, most in self.watch.over.items() if most[0] > most[1] + late}
        equal(over, {}, f"sessions at once and the most allowed ({late} late)")
        self.step_look(["audit"])
        self.settled = not self.restarted and not self.reloaded and self.check_refusals()
        return tries, sockets, late

    def check_labels(self, sockets):
        """Who was given a label has it, and nobody else: as setsockopt() answered. A session that was moved
        out of services by label has forgotten it, and whoever was labelled from outside may have either."""
        ours = {s.id for s in sockets if self.policy.by_label(s)}
        equal(set(Policy.labels) - ours, set(), "labels of who is of no service by label")
        if not self.forgetful:
            certain = ours - self.outside
            want = {id: name for id, name in {**self.labels, **self.given}.items() if id in certain}
            equal({id: name for id, name in Policy.labels.items() if id in certain}, want, "labels")
            self.steps["labels compared"] += len(want)

    def check_refusals(self):
        """Refused events and what they say was suppressed are the refusals that were counted; more only
        where an earlier round's were still to be told. Does it come out even?"""
        def more(now, before):  # without labels: one that was only refused has no name in `users`
            return +collections.Counter({who: n - before.get(who, 0) for who, n in now.items()
                                         if not who[1].startswith(LABELS)})

        def told():
            self.ledger.read()
            return more(self.ledger.refused, self.refused_told)

        def counted():
            return more(our_users("refused"), self.refused)
        with contextlib.suppress(Late):  # the last ones are held back for a second or two
            return until(lambda: told() == counted(), "refusals", 20)
        if self.settled or counted() - told():
            raise AssertionError(f"refusals by the events {told()}, by users {counted()}")
        return False

    def finish(self):
        """All sessions end, and nothing may be left."""
        for worker in self.workers.values():
            worker.tell(json.dumps([["drop_all", 0]]))
        self.hear_workers(self.workers)
        for worker in self.workers.values():
            worker.end()
        until_equal(lambda: ss(*HOMES), [], "sockets left at the end", 60)
        _, sockets, _ = self.rest()
        equal((sockets, headcounts()), ([], (collections.Counter(), {})), "left at the end")
        self.hc.end()
        equal((headcount("detach")[0], os.path.exists("/sys/fs/bpf/headcount")), (0, False), "detach, pins")
        self.report()

    def report(self):
        print(f"{self.rounds} rounds, events exact in {self.exact}, {dict(self.ledger.count)}, "
              f"{self.watch.looks} looks at ss while all moved")
        print("steps:", dict(self.steps))
        for kind, outcomes in sorted(self.outcomes.items()):
            print(f"  {kind:36} {dict(outcomes.most_common())}")
        print("ok", flush=True)

    def explain(self):
        """After a failure, whatever may help to understand it."""
        with contextlib.suppress(Exception):
            print("the policy in force:\n" + self.policy.text())
            print("headcount said:", self.hc.said)
            found = headcount("audit", "--json")[1]
            print("losses:", ask("status")["losses"], "audit:", found)
            differ = {d.get("id") for d in json.loads(found)["differences"]}
            print("of headcount:", [row for row in ask("sessions") if session_id(row) in differ])
            print("its records:", {id: record_of(id) for id in differ if id})
            self.ledger.read()
            print("its events:", self.ledger.tell(differ))
            print("of ss:", [s for s in ss(*HOMES) if s.id in differ], flush=True)
            print("ss -a:", run("ss", "-tanoe"))


def record_of(id):
    """A session's record in the table, or None: struct hc_session of include/record.h, in hexadecimal."""
    fd = pinned("/sys/fs/bpf/headcount/sessions")
    with open(f"/proc/self/fdinfo/{fd}") as file:
        info = dict(line.split(":", 1) for line in file)
    size = int(info["value_size"])
    table = mmap.mmap(fd, size * int(info["max_entries"]), mmap.MAP_SHARED, mmap.PROT_READ)
    os.close(fd)
    with table:
        place = table.find(struct.pack("=Q", id))
        if place < 0:
            return None
        start, way = place // size * size, place % size // 8  # ids of the ways, then their records
        record = (size - 64) // 8
        return table[start + 64 + way * record:start + 64 + (way + 1) * record].hex()
