# SPDX-License-Identifier: GPL-2.0-only
"""The events of all daemons of a run as one book: what was opened and not closed is what ss shows."""
from oracle import *


class Daemon(Headcount):
    """Others on this host may open many thousand sessions a second: grep keeps our events and those
    that tell of losses, in a file, and no thread of ours has to keep pace."""
    patience = 120  # the workers leave it little of the processors
    OURS = "|".join([re.escape(NET), NET6, GROUPS, f'"headcount.user":"{UID // 10}', "events-lost"])

    def __init__(self, *arguments):
        self.place, self.number = 0, 0
        try:
            super().__init__(*arguments)
        except BaseException:
            say(self.where())
            self.end(signal.SIGKILL)
            raise

    def where(self):
        """What the kernel has it do, if it does not come up."""
        texts = []
        for name in ("wchan", "syscall", "stack", "status"):
            with contextlib.suppress(OSError), open(f"/proc/{self.process.pid}/{name}") as file:
                texts.append(file.read())
        return "\n".join(texts + self.said)

    def read_events(self):
        with open(self.path + ".events", "wb") as file:
            subprocess.run(["grep", "--line-buffered", "-aE", self.OURS], stdin=self.process.stdout,
                           stdout=file, user=0, check=False)

    def collect(self):
        """Takes what has come since the last time."""
        with contextlib.suppress(FileNotFoundError), open(self.path + ".events", "rb") as file:
            file.seek(self.place)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self.place += len(line)
            try:
                event = json.loads(line)
            except ValueError:  # killed in the middle of a line; grep completes it
                if self.ends_with != -signal.SIGKILL or line is not lines[-1]:
                    raise
                break
            if event["event.sequence"] <= self.number:
                raise AssertionError(f"after event {self.number} comes {event}")
            self.number = event["event.sequence"]
            self.events.append(event)
        return self.events


class Ledger:
    def __init__(self):
        self.daemons, self.open, self.lost = [], set(), 0
        self.count, self.refused = collections.Counter(), collections.Counter()

    def add(self, daemon, anew):
        """`anew`: it tells of every session, old ones too; else it goes on where the last one ended."""
        daemon.anew, daemon.told = anew, 0
        self.daemons.append(daemon)

    def check(self, sure):
        """At rest. Not `sure`: events were lost (a daemon was killed before it had printed them, or
        the ring was full); we go on from what ss shows."""
        while any(daemon.anew for daemon in self.daemons[1:]):
            del self.daemons[0]
        if not sure:
            self.open = None
        elif self.daemons[0].anew:
            self.open = set()
        want = set()

        def agree():  # the last sockets may still be timing out
            self.read()
            want.clear()
            want.update(s.id for s in ss(*HOMES))
            return not sure or self.open == want
        with contextlib.suppress(Late):
            until(agree, "the events of what is open", 10)
        if sure and self.open != want:
            raise AssertionError(
                f"sessions opened and not closed, by the events: {len(self.open)}, by ss: {len(want)};\n"
                f"by the events alone {self.tell(self.open - want)}\n"
                f"by ss alone {self.tell(want - self.open)}")
        self.open = want
        del self.daemons[:-1]
        self.daemons[0].anew = False

    def read(self):
        for daemon in self.daemons:
            for event in daemon.collect()[daemon.told:]:
                self.enter(event)
            daemon.told = len(daemon.events)
        return self.open

    def enter(self, event):
        action = event["event.action"]
        self.lost += event.get("headcount.events-lost", 0)
        if action == "session-refused":
            number = 1 + event["headcount.suppressed"]
            self.count[action] += number
            # A service that went with a daemon has no name any more.
            self.refused[event.get("rule.name"), event["headcount.user"]] += number
        if action not in ("session-opened", "session-closed") or \
                not (ours(event["source.ip"]) or ours(event["destination.ip"])):
            return
        self.count[action] += 1
        if self.open is None:
            return
        name = event["headcount.session.id"]
        if (name in self.open) == (action == "session-opened"):
            raise AssertionError(f"{action} of what is {'' if name in self.open else 'not '}open: {event}")
        (self.open.add if action == "session-opened" else self.open.discard)(name)

    def tell(self, names):
        events = [e for daemon in self.daemons for e in daemon.events]
        return {n: [e for e in events if e.get("headcount.session.id") == n] for n in list(names)[:3]}
