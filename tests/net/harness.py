# SPDX-License-Identifier: GPL-2.0-only
"""What the network tests share: a private world, headcount in it, clients, servers, ss, TAP.

A test script imports everything from here, marks its tests with @test (the docstring is the
name) and ends with main(). Importing moves the script into its own network and mount
namespaces, with an empty /run and an empty bpffs, so that nothing outlives it. Headcount still
sees the sessions of the whole host: tests look only at the addresses (NET, NET6), services and
uids (UID) that are theirs.
"""
from tap import *

BUILT = os.environ.get("HEADCOUNT") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/headcount")
BUILD = os.path.dirname(os.path.abspath(BUILT))
PROGRAM = "/run/program/headcount"  # a copy that everybody can start: the build may be in a home of mode 0700
SO_SNDBUFFORCE, MESSAGE = 32, 1 << 20  # <asm-generic/socket.h>; bytes of what a Child says at once


def own_mark():
    """A number that no other test on this machine has, those that run side by side neither; and what keeps it."""
    for number in range(os.getpid(), os.getpid() + 200):
        keeper = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            keeper.bind(f"\0headcount-test-{number % 200}")
            return number % 200 + 20, keeper
    sys.exit("200 network tests are running")


MARK, mark_keeper = own_mark()
NET, NET6 = f"10.{MARK}.", f"fd00:{MARK:x}:"
UID = 200000 + 10 * (os.getpid() % 100000)  # and the 9 after it
CLONE_NEWNS, CLONE_NEWNET, PR_SET_PDEATHSIG, PR_SET_NAME = 0x20000, 0x40000000, 1, 15


def private_world():
    if os.geteuid():
        sys.exit("the network tests need root")
    call("unshare", CLONE_NEWNS | CLONE_NEWNET)
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    while os.path.ismount("/sys/fs/bpf"):  # the host's own would be there when a test unmounts ours
        run("umount", "/sys/fs/bpf")
    run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
    os.mkdir("/run/netns")
    os.mkdir(os.path.dirname(PROGRAM))
    os.chmod(shutil.copy(BUILT, PROGRAM), 0o755)
    run("ip", "link", "set", "lo", "up")


@contextlib.contextmanager
def inside(namespace):
    """This thread in another network namespace; sockets stay where they were made."""
    if namespace is None:
        yield
        return
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        call("setns", there.fileno(), CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", home.fileno(), CLONE_NEWNET)


def address(n, host=1, family=4):
    """Address of a host in the subnet of client host n; host 1 is the server, 2.. the client."""
    return f"{NET}{n}.{host}" if family == 4 else f"{NET6}{n}::{host}"


def client_host(n, addresses=4):
    """Namespace cN, joined to this one; the name."""
    name, lines = f"c{n}", []
    run("ip", "netns", "add", name)
    run("ip", "link", "add", f"v{n}", "type", "veth", "peer", "name", "eth0", "netns", name)

    def up(device, hosts):
        lines = [f"addr add {address(n, h)}/24 dev {device}" for h in hosts]
        lines += [f"addr add {address(n, h, 6)}/64 dev {device} nodad" for h in hosts]
        lines += [f"link set {device} up", "link set lo up"]
        run("ip", "-batch", "-", input="\n".join(lines) + "\n")
    up(f"v{n}", [1])
    with inside(name):
        up("eth0", range(2, 2 + addresses))
    return name


def sysctl(name, value, *namespaces):
    for namespace in namespaces or (None,):
        with inside(namespace), open("/proc/sys/" + name.replace(".", "/"), "w") as file:
            file.write(str(value))


@contextlib.contextmanager
def cgroup(name):
    """A cgroup (v2) of our own: its path below the mount, as headcount writes it."""
    with open("/proc/self/mounts") as mounts:
        mount = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
    path = f"/headcount-test-{os.getpid()}-{name}"
    os.mkdir(mount + path)
    try:
        yield path, mount + path
    finally:
        until(lambda: not open(mount + path + "/cgroup.procs").read(), "the cgroup to be empty")
        os.rmdir(mount + path)


class Child:
    """A forked process that runs function(channel, ...) and dies with the test."""

    def __init__(self, function, *arguments, namespace=None, uid=None, cgroup=None, keep=()):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, MESSAGE // 2)  # which the kernel doubles
        self.channel.settimeout(60 * SLOW)
        self.pid = os.fork()
        if self.pid:
            theirs.close()
            return
        code = 1
        try:
            signal.alarm(0)
            for fd in map(int, os.listdir("/proc/self/fd")):  # else it would hold our sessions
                if fd > 2 and fd not in (theirs.fileno(), *keep):
                    with contextlib.suppress(OSError):
                        os.close(fd)
            if cgroup:
                with open(cgroup + "/cgroup.procs", "w") as procs:
                    procs.write("0")
            if namespace:
                with open(f"/run/netns/{namespace}") as there:
                    call("setns", there.fileno(), CLONE_NEWNET)
            if uid is not None:
                os.setresuid(uid, uid, uid)
            call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
            function(theirs, *arguments)
            code = 0
        except BaseException:
            say(traceback.format_exc())
        finally:
            os._exit(code)

    def tell(self, text="go"):
        self.channel.send(text.encode())

    def hear(self):
        text = self.channel.recv(MESSAGE)
        if not text:
            raise AssertionError("the child died")
        return json.loads(text)

    def end(self, how=signal.SIGKILL):
        if self.pid:
            os.kill(self.pid, how)
            os.waitpid(self.pid, 0)
            self.channel.close()
            self.pid = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def answer(channel, value):
    """Child's side of hear()."""
    channel.send(json.dumps(value).encode())


def as_user(uid, function, *arguments, **where):
    """What function(*arguments) returns in a process of that user (or cgroup=, namespace=)."""
    with Child(lambda channel: (answer(channel, function(*arguments)), channel.recv(1)),
               uid=uid, **where) as child:
        return child.hear()


def become(uid):
    """From now on this process connects and listens as `uid`, and keeps root's powers."""
    os.setresuid(uid, 0, 0)
    libc.setfsuid(uid)


class SomePid:
    """Equal to every PID."""

    def __eq__(self, other):
        return isinstance(other, int) and other > 0

    def __repr__(self):
        return "some PID"


def host_pid(pid):
    """What headcount calls this process: the host's PID, which other PID namespaces do not know."""
    initial = 0xEFFFFFFC  # linux/proc_ns.h: PROC_PID_INIT_INO
    return pid if os.stat("/proc/self/ns/pid").st_ino == initial else SomePid()


# --- Headcount ---------------------------------------------------------------------------------

def section(name, /, **settings):
    """[name] of a configuration; a list is a key given several times."""
    lines = [f"[{name}]"]
    for key, value in settings.items():
        lines += [f"{key} = {v}" for v in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"


def service(name, /, **settings):
    return section("service " + name, **settings)


def start(*command, **options):
    """A process that dies with the test (start it from the main thread)."""
    return subprocess.Popen(command, **{
        "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "user": 0,
        "preexec_fn": lambda: call("prctl", PR_SET_PDEATHSIG, signal.SIGTERM), **options})


def said(process):
    """What a program that has ended said on stderr, but for the line with which trace begins."""
    return re.sub(rb"^headcount: watching TCP, \d+ sessions?; .*\n", b"", process.stderr.read(), count=1, flags=re.M)


class Headcount:
    """`headcount run`, attached when the constructor returns; stopped at the end of `with`."""
    count = 0
    patience = 30  # seconds for an answer on stderr

    def __init__(self, config="", *options, until="headcount: ready", wrap=(), **how):
        Headcount.count += 1
        self.path = f"/run/test-{Headcount.count}.conf"
        self.configure(config)
        self.process = start(*wrap, PROGRAM, "run", "-c", self.path, *options, **how)
        self.unread, self.rest, self.reading = collections.deque(), b"", threading.Lock()
        self.parsed, self.bad, self.said, self.ends_with = [], [], [], 0
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self.read_events, self.read_said)]
        for reader in self.readers:
            reader.start()
        self.wait_said(until)

    def configure(self, config):
        with open(self.path, "w") as file:
            file.write(config)

    def read_events(self):
        """Whatever else this host does, headcount gets rid of them: to understand them takes longer."""
        while piece := os.read(self.process.stdout.fileno(), 1 << 20):
            self.unread.append(piece)

    @property
    def events(self):
        """Those that have come until now."""
        self.parse()
        return self.parsed

    def parse(self):
        with self.reading:
            while self.unread:
                *lines, self.rest = (self.rest + self.unread.popleft()).split(b"\n")
                for line in lines:
                    try:
                        event = json.loads(line.decode("utf-8"))
                    except ValueError:
                        event = None
                    if isinstance(event, dict):
                        self.parsed.append(event)
                    else:
                        self.bad.append(line)

    def read_said(self):
        for line in self.process.stderr:
            self.said.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))

    def wait_said(self, pattern, since=0):
        def heard():
            found = [line for line in self.said[since:] if re.search(pattern, line)]
            if not found and self.process.poll() is not None:
                raise AssertionError(f"headcount ended with {self.process.returncode}: {self.said}")
            return found
        return until(heard, f"stderr to say {pattern!r}", self.patience)[0]

    def reload(self, config, says="headcount: reloaded"):
        """Gives it another file and waits for its answer on stderr."""
        self.configure(config)
        since = len(self.said)
        os.kill(self.process.pid, signal.SIGHUP)
        return self.wait_said(says, since)

    def wait_event(self, **keys):
        """The first event with these values; dots in a key are written as __."""
        keys = {key.replace("__", "."): value for key, value in keys.items()}
        return until(lambda: [e for e in list(self.events)
                              if all(e.get(k) == v for k, v in keys.items())], f"event {keys}")[0]

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.ends_with = -how if how == signal.SIGKILL else 0
            os.kill(self.process.pid, how)
        code = self.process.wait(30 * SLOW)
        for reader in self.readers:
            reader.join(10 * SLOW)
        return code

    def report(self):
        return "users " + headcount("users")[1] + "status " + headcount("status", "--json")[1]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and kind is not SystemExit:
            say(self.report())
        code = self.end()
        if kind and kind is not SystemExit:
            say("headcount said:\n" + "\n".join(self.said))
            return
        self.parse()
        if self.rest and code != -signal.SIGKILL:  # that may cut the last one short
            self.bad.append(self.rest)
        equal(self.bad, [], "lines that are not a JSON object")
        equal(code, self.ends_with, "exit code of headcount run")


def headcount(*arguments, **options):
    """Another headcount command, whatever its exit code: code, stdout, stderr."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=60 * SLOW, **{"user": 0, **options})
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "replace")


def ask(*arguments):
    """The JSON that a headcount command prints."""
    return json.loads(run(PROGRAM, *arguments, "--json"))


def session_id(row):
    return row["id"] if isinstance(row["id"], int) else int(row["id"], 16)


def user(service, name, key=None):
    """A user's row (or one value of it); all zero if there is none."""
    rows = [r for r in ask("users") if (r["service"], r["user"]) == (service, str(name))]
    row = rows[0] if rows else dict(active=0, cap=None, peak=0, opened=0, refused=0)
    return row[key] if key else row


def active(service, name):
    return user(service, name, "active")


def our_sessions():
    return [row for row in ask("sessions") if NET in row["local"] or NET6 in row["local"]]


private_world()
