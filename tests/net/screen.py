# SPDX-License-Identifier: GPL-2.0-only
"""The screen of `headcount top`, in tmux: keys go in, and the screen is read. Ends with play()."""
import shlex

from clients import *

PORT, OTHER = 7143, 7144
ALICE, BOB, CAROL = address(1, 2), address(1, 3), address(1, 4)
CONFIG = service("imap", listen=PORT, cap=3, override=[f"{BOB} unlimited", f"{CAROL} 10"]) \
    + service("odd", listen=OTHER)
SOCKET = "/run/tmux"


def tmux(*command):
    return run("tmux", "-S", SOCKET, "-f", "/dev/null", *command)


class Screen:
    """`headcount top` in a terminal of its own. Its shell goes on afterwards and says how it ended."""

    def __init__(self, *options, size=(80, 24), **environment):
        environment = {"LC_ALL": "C.UTF-8", "TERM": "screen-256color", **environment}
        words = ["env", *(f"{k}={v}" for k, v in environment.items()), PROGRAM, "top", *options]
        script = f"stty -g >/run/before; {shlex.join(words)}; echo exit $?; stty -g >/run/after; sleep 1000"
        tmux("new-session", "-d", "-s", "top", "-x", str(size[0]), "-y", str(size[1]), "sh", "-c", script)

    def lines(self):
        return tmux("capture-pane", "-p", "-t", "top").splitlines()

    def keys(self, *keys):
        tmux("send-keys", "-t", "top", *keys)

    def type(self, text):
        tmux("send-keys", "-l", "-t", "top", text)

    def resize(self, width, height):
        tmux("resize-window", "-t", "top", "-x", str(width), "-y", str(height))

    def wait(self, pattern):
        """The first line that matches, once there is one."""
        try:
            return until(lambda: [l for l in self.lines() if re.search(pattern, l)],
                         f"the screen to show {pattern}")[0]
        except Late:
            say("\n".join(self.lines()))
            raise

    def users(self):
        """Names in the list, in order; the one at the cursor with a >."""
        row = re.compile(rf"([> ])imap +({re.escape(NET)}\S+)")
        return [m[1] + m[2] for l in self.lines() if (m := row.match(l))]

    def wait_users(self, *want):
        until_equal(self.users, list(want), "users on the screen")

    def ended(self, code):
        """It has ended with this code and left the terminal as it was."""
        self.wait(rf"^exit {code}$")
        until(lambda: os.path.exists("/run/after") and open("/run/after").read(), "the shell to go on")
        equal(open("/run/after").read(), open("/run/before").read(), "modes of the terminal")
        state = tmux("display-message", "-p", "-t", "top", "#{alternate_on} #{cursor_flag} #{keypad_flag}")
        equal(state.split(), ["0", "1", "0"], "alternate screen, cursor, keypad mode")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        tmux("kill-session", "-t", "top")
        for file in "/run/before", "/run/after":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)


@contextlib.contextmanager
def sessions(*sources, port=PORT):
    """A session from each of these addresses to the server, greeted."""
    with contextlib.ExitStack() as stack:
        held = []
        for source in sources:
            s = stack.enter_context(new_socket(namespace="c1"))
            s.bind((source, 0))
            s.connect((address(1), port))
            equal(s.recv(1), b"+", "greeting")
            held.append(s)
        yield held


def refused(source, times):
    for _ in range(times):
        with new_socket(namespace="c1") as s:
            s.bind((source, 0))
            equal(s.connect_ex((address(1), PORT)), errno.ECONNREFUSED, "connect over the cap")


@contextlib.contextmanager
def three_users():
    """Alice: 3 sessions, at her cap, refused twice. Bob: 4, and no cap. Carol: 1 of 10, of 6 opened."""
    with Server(port=PORT) as server, sessions(*[ALICE] * 3, *[BOB] * 4, CAROL) as held:
        refused(ALICE, 2)
        for _ in range(5):
            with sessions(CAROL):
                pass
            server.close_dead(1)
        until_equal(lambda: active("imap", CAROL), 1, "Carol's sessions")
        yield held


def play():
    """main() with tmux around it: its server is ours, and its socket is in our own /run."""
    server = start("tmux", "-S", SOCKET, "-f", "/dev/null", "-D")
    try:
        until(lambda: os.path.exists(SOCKET), "tmux")
        main()
    finally:
        tmux("kill-server")
        server.wait()
