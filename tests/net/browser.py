# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium, told what to do over its pipe (the Chrome DevTools Protocol)."""
import base64
import fcntl

from prometheus import *

KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class Browser:
    """One page. `with Browser(url) as page:`; what it complains of is in `complaints`."""

    def __init__(self, url, width=1280, height=900, dark=False, script=True):
        need("chromium")
        self.number, self.inbox, self.buffer, self.session = 0, [], b"", None
        self.complaints = []  # errors and warnings of the console, of scripts and of the policy
        self.folder = f"/run/chromium-{time.monotonic_ns()}"
        self.start()
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Accessibility":
            self.tell(f"{domain}.enable")
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.tell("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.tell("Emulation.setScriptExecutionDisabled", value=not script)
        self.tell("Page.navigate", url=url)
        until(lambda: self.of("document.readyState") == "complete", "the page to load")

    def start(self):
        ours, theirs = os.pipe(), os.pipe()
        inner = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (ours[0], theirs[1])]

        def prepare():
            call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(inner[0], 3)
            os.dup2(inner[1], 4)
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-component-update", "--no-first-run",
             "--force-renderer-accessibility", "--hide-scrollbars", f"--user-data-dir={self.folder}",
             "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=0,
            preexec_fn=prepare, pass_fds=(3, 4), start_new_session=True, env={**os.environ, "HOME": "/run", "LANG": "C.UTF-8"})
        for fd in (ours[0], theirs[1], *inner):
            os.close(fd)
        self.to, self.come = ours[1], theirs[0]

    def read(self, seconds):
        """Takes what has come within so many seconds."""
        while b"\0" not in self.buffer:
            if not readable(self.come, seconds):
                return None
            got = os.read(self.come, 1 << 20)
            if not got:
                raise AssertionError("the browser has ended")
            self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(line)

    def take(self, message):
        method, details = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(details["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(details["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(details["entry"]["text"])

    def tell(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 30 * SLOW
        while time.monotonic() < deadline:
            answer = self.read(deadline - time.monotonic())
            if answer and answer.get("id") == self.number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            if answer:
                self.take(answer)
        raise Late(f"no answer to {method}")

    def of(self, expression):
        """The value of an expression of the page."""
        answer = self.tell("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def rows(self, table):
        """The texts of a table's cells."""
        return self.of(f"[...document.querySelector('#{table} tbody').rows].map(r => [...r.cells].map(c => c.innerText.trim()))")

    def press(self, key):
        for kind in "keyDown", "keyUp":
            text = {"text": "\r" if key == "Enter" else key} if key != "Tab" and kind == "keyDown" else {}
            self.tell("Input.dispatchKeyEvent", type=kind, key=key, code="Space" if key == " " else key,
                      windowsVirtualKeyCode=KEYS[key], **text)

    def tree(self):
        """What a screen reader gets: [(role, name)]."""
        nodes = self.tell("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
                if not node.get("ignored") and "role" in node]

    def picture(self, path):
        height = self.of("document.documentElement.scrollHeight")
        width = self.of("innerWidth")
        data = self.tell("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its own: start_new_session
        self.process.wait()
        os.close(self.to)
        os.close(self.come)
        shutil.rmtree(self.folder, ignore_errors=True)
