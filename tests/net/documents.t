#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""What is written beside the program says what the program has: manual pages, quick start, examples, the unit."""
import glob
import shutil

from harness import *

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
PAGE5, PAGE8 = f"{TOP}/user/man/headcount.conf.5", f"{TOP}/user/man/headcount.8"


def text(path):
    with open(path) as file:
        return file.read()


@test
def pages_lint():
    """mandoc finds nothing to warn of in the manual pages"""
    need("mandoc")
    run("mandoc", "-T", "lint", "-W", "warning", PAGE5, PAGE8)


@test
def keys():
    """headcount.conf(5) has every key that the program takes, and no other"""
    source = text(f"{TOP}/user/config/values.c")
    ours = re.findall(r'^\t\{"(\w+)", CONFIG_', source, re.M)
    equal(len(ours) >= 11, True, f"keys found in the source: {ours}")
    theirs = re.findall(r"^\.It Va (\w+)", text(PAGE5), re.M)
    equal(sorted(theirs), sorted(ours), "keys in the page, and in the source")


@test
def losses():
    """headcount(8) says of each reason for a loss what it means"""
    reasons = re.findall(r'^\tX\(\w+, \w+, "([a-z-]+)"', text(f"{TOP}/include/loss.h"), re.M)
    equal(len(reasons) >= 13, True, f"reasons found in the source: {reasons}")
    section = text(PAGE8).partition(".Sh LOSSES\n")[2].partition("\n.Sh ")[0]
    equal(sorted(re.findall(r"[a-z-]+", " ".join(re.findall(r"^\.It (.*)$", section, re.M)))), sorted(reasons), "reasons there")


@test
def commands():
    """headcount(8) has every command with every option of --help, and no other"""
    page = text(PAGE8).partition(".Sh COMMANDS\n")[2].partition(".Sh CONFIGURATION")[0]
    there = {name: rest for name, rest in re.findall(r"^\.It Cm (\w+)\b(.*?)(?=^\.It Cm |\Z)", page, re.M | re.S)}
    names = re.findall(r"^  ([a-z]+) ", headcount("--help")[1], re.M)
    equal(sorted(there), sorted(names), "commands")
    for name in names:
        options = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)", headcount(name, "--help")[1], re.M)
        want = sorted((letter, option) for letter, option in options if option not in ("help", "verbose"))
        got = re.findall(r"^\.It (?:Fl (\w) , )?(?:Fl )?-([a-z-]+)", there[name], re.M)
        equal(sorted(got), want, f"options of {name}")


ROOMS = "base config fleet kernel sessions evict why events answer web metrics top daemon cmd".split()


def circle(edges, start, way, clean):
    """the files of a circle that `start` leads into, or nothing; `clean` are those from which no way leads into one"""
    if start in way:
        return [*way[way.index(start):], start]
    for other in sorted(edges.get(start, set()) - clean):
        if found := circle(edges, other, [*way, start], clean):
            return found
    clean.add(start)
    return None


@test
def rooms():
    """a folder of user/ includes only from itself and from those before it; no file needs itself by way of others"""
    need("nm")
    upwards, objects, edges, defined, used, clean = [], [], {}, {}, {}, set()
    for path in glob.glob(f"{TOP}/user/*/*.[ch]"):
        unit = "/".join(path.rpartition(".")[0].split("/")[-2:])
        included = set(re.findall(r'^#include "user/([^"]+)\.h"', text(path), re.M)) - {unit}
        room = ROOMS.index(unit.split("/")[0])
        upwards += [f"{unit}: {other}" for other in included if ROOMS.index(other.split("/")[0]) > room]
        edges.setdefault(unit, set()).update(included)
        if not path.endswith(".c"):
            continue
        objects.append(f"{BUILD}/user/{unit}.o")
    equal(upwards, [], "includes that run upwards")
    for place, kind, symbol in re.findall(r"^(\S+)\.o:[\s0-9a-f]* (\w) (\S+)$", run("nm", "-A", *objects), re.M):
        unit = "/".join(place.split("/")[-2:])
        if kind in "TDRBC":
            defined[symbol] = unit
        elif kind == "U":
            used.setdefault(unit, set()).add(symbol)
    # What a header promises may be in a file of another name: the linker knows.
    for unit, symbols in used.items():
        edges[unit] |= {defined[symbol] for symbol in symbols if symbol in defined} - {unit}
    equal([c for unit in sorted(edges) if (c := circle(edges, unit, [], clean))][:1], [], "circles")
    equal(len(edges) > 90 and len(defined) > 300, True, f"files and symbols found: {len(edges)}, {len(defined)}")


@test
def errors():
    """errors unwind in user/ as user/README.md says, and in no other way"""
    found = [f"{os.path.relpath(path, TOP)}: {word}" for path in glob.glob(f"{TOP}/user/*/*.[ch]")
             for word in re.findall(r"\bgoto\b|\bcleanup\(|__cleanup__", text(path))]
    equal(found, [], "other ways")


@test
def every_file():
    """user/README.md has every file of user/"""
    page = text(f"{TOP}/user/README.md")
    names = {path.split("/")[-1].rpartition(".")[0] for path in glob.glob(f"{TOP}/user/[a-z]*/*.c") if "/cmd/" not in path}
    equal(sorted(name for name in names if not re.search(rf"\b{name}\b", page)), [], "files that are not there")


@test
def short():
    """README.md is short, and its table of commands has those of --help"""
    page = text(f"{TOP}/README.md")
    equal(page.count("\n") <= 150, True, f"at most 150 lines, not {page.count(chr(10))}")
    table = page.partition("| command | does |\n|---|---|\n")[2].partition("\n\n")[0]
    equal(sorted(re.findall(r"^\| `(\w+)` \|", table, re.M)), sorted(re.findall("^  ([a-z]+) ", headcount("--help")[1], re.M)), "commands")


@test
def links():
    """each link from a paper to another file or section leads there"""
    found = 0
    for path in glob.glob(f"{TOP}/**/*.md", recursive=True):
        for to in re.findall(r"\]\(([^)]+)\)", text(path)):
            if "://" in to:
                continue
            file, _, section = to.partition("#")
            target = os.path.join(os.path.dirname(path), file) if file else path
            equal(os.path.exists(target), True, f"{to} in {path}")
            titles = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall("^#+ (.*)$", text(target), re.M)]
            equal(not section or section in titles, True, f"{to} in {path}, of {titles}")
            found += 1
    equal(found > 5, True, f"links found: {found}")


@test
def option_types():
    """an option that sets something of another type does not compile"""
    rows = {"bool flag": "OPTION_FLAG(\"x\", 'x', \"\", &flag)", "const char *text": "OPTION_TEXT(\"x\", 'x', \"X\", \"\", &text)",
            "struct command_values list": "OPTION_LIST(\"x\", 'x', \"X\", \"\", &list)"}
    for declaration in rows:
        for kind, row in rows.items():
            name = declaration.split()[-1].strip("*")
            source = f'#include "user/cmd/command.h"\n{declaration};\nstruct command_option o = {row.rpartition("&")[0]}&{name});\n'
            done = subprocess.run(["cc", "-Werror", "-fsyntax-only", "-D_GNU_SOURCE", f"-I{TOP}/include", f"-I{TOP}",
                                   f"-I{BUILD}", "-xc", "-"], input=source, text=True, capture_output=True, timeout=60)
            equal(done.returncode == 0, kind == declaration, f"{row} of a {declaration}: {done.stderr}")


@test
def features():
    """bpf/README.md has the table of features as the program has it"""
    want = [f"| `{f['feature']}` | {f['needed_for']} | {f['without']} |" for f in json.loads(headcount("status", "--json")[1])["features"]]
    got = text(f"{TOP}/bpf/README.md").partition("| feature | needed for | without it |\n|---|---|---|\n")[2].partition("\n\n")[0]
    equal(got.splitlines(), want, "rows")


SUDO = """#!/bin/sh
[ "$1" = -b ] || exec "$@"
shift
"$@" 2>said &
until grep -q ready said; do sleep 0.1; done
"""


@test
def quick_start():
    """README.md's quick start does what it says, and leaves nothing"""
    for program in "bash", "python3":
        need(program)
    os.makedirs("/run/quick/bin")
    os.makedirs("/run/quick/build")
    shutil.copy(PROGRAM, "/run/quick/build")
    with open("/run/quick/bin/sudo", "w") as file:
        file.write(SUDO)
    os.chmod("/run/quick/bin/sudo", 0o755)
    start_of_it = text(f"{TOP}/README.md").partition("\n## Quick start\n")[2].partition("\n## ")[0]
    script = "".join(re.findall("^```sh\n(.*?)^```$", start_of_it, re.M | re.S))
    done = subprocess.run(["bash", "-c", script], cwd="/run/quick", text=True, capture_output=True, timeout=60 * SLOW,
                          env={**os.environ, "PATH": "/run/quick/bin:" + os.environ["PATH"]})
    said = done.stdout + done.stderr
    equal(done.returncode, 0, f"exit code, said {said}")
    for pattern in (r"^bash: .*/dev/tcp/127.0.0.1/8080: Connection refused$", r"^web +127.0.0.1 +2 +2\b.*\b1\b",
                    r"^ *\d+ +web +127.0.0.1 .* python3$", r'"event.action":"session-refused"', "^closed 3 sessions$",
                    r"^detached \d+ programs$"):
        equal(bool(re.search(pattern, said, re.M)), True, f"{pattern} in {said}")
    equal(len(re.findall("Connection refused$", said, re.M)), 2, f"lines of one refusal in {said}")
    equal(os.path.exists("/sys/fs/bpf/headcount"), False, "is something pinned")


@test
def examples():
    """each example is correct, and limits what its comments speak of"""
    want = {
        "accounts": {"ssh": ("8", "-", "reject", "1"), "mail": ("32", "4000", "reject", "1"),
                     "postgresql": ("50", "-", "reject", "1"), "chat": ("5", "-", "reject", "0")},
        "mail": {"imap": ("32", "4000", "reject", "3"), "pop3": ("4", "-", "reject", "0"),
                 "submission": ("10", "-", "reject", "1"), "smtp": ("20", "-", "redirect", "0")},
        "database": {"postgresql": ("60", "193", "reject", "2"), "redis": ("50", "-", "observe", "0")},
        "bastion": {"ssh": ("10", "500", "reject", "1"), "outbound": ("30", "-", "reject", "1")},
        "shared-host": {"outbound": ("200", "-", "reject", "2"), "inbound": ("100", "-", "reject", "1"),
                        "web": ("100", "-", "reject", "0")}}
    files = {os.path.basename(path)[:-5]: path for path in glob.glob(f"{TOP}/tools/examples/*.conf")}
    equal(sorted(files), sorted(want), "examples")
    files["packaged"] = f"{TOP}/tools/debian/headcount.conf"
    want["packaged"] = {}
    for name, path in files.items():
        code, out, err = headcount("run", "--check", "-c", path)
        equal((code, err), (0, ""), f"exit code and stderr of {name}")
        rows = [line.split("  ") for line in out.split("\n\n")[1].splitlines()[1:]]
        rows = [[word.strip() for word in row if word] for row in rows]
        limited = {row[0]: tuple(row[3:7]) for row in rows if row[3:5] != ["-", "-"]}
        equal(limited, want[name], f"limits of {name}")


@test
def modules():
    """what the pages of the modules put into headcount.conf is correct"""
    for name in "pam", "dovecot", "postgresql":
        config, = re.findall(r"```ini\n(.*?)```", text(f"{TOP}/tools/{name}/README.md"), re.S)
        with open("/run/module.conf", "w") as file:
            file.write(config)
        code, out, err = headcount("run", "--check", "-c", "/run/module.conf")
        equal((code, err, "label" in out), (0, "", True), f"exit code and stderr of {name}: {out}")


@test
def installed():
    """make install keeps to DESTDIR and PREFIX, and the unit starts what is installed"""
    need("make")
    run("make", "-s", "-C", TOP, "install", "DESTDIR=/run/there", "PREFIX=/opt/hc")
    files = {os.path.relpath(os.path.join(folder, name), "/run/there/opt/hc")
             for folder, _, names in os.walk("/run/there") for name in names}
    equal(files, {"sbin/headcount", "include/headcount.h", "lib/systemd/system/headcount.service", "share/man/man5/headcount.conf.5",
                  "share/man/man8/headcount.8", "share/bash-completion/completions/headcount",
                  "share/headcount/prometheus/headcount.rules.yml", "share/headcount/grafana/headcount.json"}
          | {f"share/doc/headcount/examples/{os.path.relpath(path, f'{TOP}/tools/examples')}"
             for path in glob.glob(f"{TOP}/tools/examples/**", recursive=True) if os.path.isfile(path)}, "files")
    examples = "/run/there/opt/hc/share/doc/headcount/examples/label"
    equal(sorted(name for name in os.listdir(examples) if os.access(f"{examples}/{name}", os.X_OK)),
          sorted(name for name in os.listdir(f"{TOP}/tools/examples/label") if text(f"{TOP}/tools/examples/label/{name}")[:2] == "#!"), "scripts")
    equal(re.findall("^ExecStart=(.*)$", text("/run/there/opt/hc/lib/systemd/system/headcount.service"), re.M),
          ["/opt/hc/sbin/headcount run --pin"], "ExecStart")


@test
def prefixes():
    """make install is for /usr/local, the package for /usr"""
    need("make")
    run("make", "-s", "-C", TOP, "install", "DESTDIR=/run/default")
    equal(os.path.exists("/run/default/usr/local/sbin/headcount"), True, "installed")
    equal(sorted(os.listdir("/run/default/usr")), ["local"], "folders in /usr")
    equal("PREFIX=/usr $3" in text(f"{TOP}/tools/debian/build"), True, "the package's")


@test
def header():
    """headcount.h is C of 1999 and later, and C++; its numbers alone are for the BPF programs"""
    need("clang")
    use = '#include "headcount.h"\nint f(int fd) { return headcount_label(fd, "a", 1); }\n'
    for options in ("-xc", "-std=c99"), ("-xc", "-std=c2x"), ("-xc++", "-std=c++98"), ("-xc++", "-std=c++20"):
        run("clang", *options, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{TOP}/include", "-", input=use)
    run("clang", "--target=bpf", "-xc", "-fsyntax-only", f"-I{TOP}/include", "-",
        input='#include "headcount.h"\nint f = SOL_HEADCOUNT + HEADCOUNT_LABEL + HEADCOUNT_LABEL_MAX;\n')


@test
def hardened():
    """the program is built as distributions build theirs"""
    need("readelf")
    if os.environ.get("HEADCOUNT"):
        raise Skip("built with other flags")
    told = run("readelf", "-W", "-h", "-l", "-d", "--dyn-syms", PROGRAM)
    for what, pattern in {"-pie": r"Type: +DYN", "-z relro": "GNU_RELRO", "-z now": r"BIND_NOW|Flags:.* NOW",
                          "-fstack-protector-strong": "__stack_chk_fail@", "-D_FORTIFY_SOURCE=2": "__snprintf_chk@"}.items():
        equal(bool(re.search(pattern, told)), True, what)


@test
def targets():
    """make help names each target that a person calls, with what it does"""
    need("make")
    named = dict(re.findall(r"^  make (\S+) +(\S.*)$", run("make", "-s", "-C", TOP, "help"), re.M))
    want = set(re.findall(r"`(?:sudo )?make ([a-z][\w.-]*)", "".join(text(f"{TOP}/{p}") for p in ("README.md", "tests/README.md", "tools/HACKING.md"))))
    equal(len(want) > 10, True, f"targets found: {want}")
    equal(want - set(named), set(), f"targets of the papers that make help does not name, of {sorted(named)}")
    for name in named:
        run("make", "-n", "-C", TOP, "all" if name == "help" else name)


@test
def unit():
    """systemd understands the unit and finds it well protected"""
    need("systemd-analyze")
    with open("/run/headcount.service", "w") as file:
        file.write(text(f"{TOP}/tools/systemd/headcount.service.in").replace("@PREFIX@/sbin/headcount", PROGRAM))
    run("systemd-analyze", "verify", "--man=no", "/run/headcount.service")
    score = run("systemd-analyze", "security", "--offline=true", "--threshold=40", "--no-pager", "/run/headcount.service")
    say(score.splitlines()[-1])


main()
