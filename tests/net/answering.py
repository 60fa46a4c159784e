# SPDX-License-Identifier: GPL-2.0-only
"""Real clients of each protocol, and what each says to its user when it is over the cap."""
import ftplib
import imaplib
import poplib
import smtplib

from clients import *

WORDS = "Too many sessions, try again later"


def python(function):
    """What a client of Python's library raises."""
    def see(where, port, namespace=None):
        try:
            with inside(namespace):
                client = function(where, port)
        except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException, ftplib.Error, OSError) as refused:
            return str(refused)
        raise AssertionError(f"{client} is connected")
    return see


def program(*command, **environment):
    """What a program prints that is to fail, with HOST and PORT in its arguments."""
    def see(where, port, namespace=None):
        need(command[0])
        words = [word.replace("HOST", where).replace("PORT", str(port)) for word in command]
        with inside(namespace):
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=30 * SLOW, env={**os.environ, **environment}, user=0, text=True)
        return done.stdout
    return see


SSH = ("ssh", "-F", "none", "-o", "BatchMode=yes", "-p", "PORT", "HOST", "true")
MYSQL = ("mariadb", "-h", "HOST", "-P", "PORT", "-u", "nobody", "-e", "select 1")
PSQL = ("psql", "-X", "-h", "HOST", "-p", "PORT", "-U", "nobody", "-c", "select 1")
TLS = ("openssl", "s_client", "-connect", "HOST:PORT")
ACCESS_DENIED = "alert access denied"

# What is configured: each client, and words that it shows.
SEEN = {
    "imap": [(python(imaplib.IMAP4), f"* BYE [UNAVAILABLE] {WORDS}"), (program(*TLS), ACCESS_DENIED),
             (python(imaplib.IMAP4_SSL), "ALERT_ACCESS_DENIED"),
             (program("curl", "-sS", "-v", "imap://HOST:PORT"), WORDS)],
    "pop3": [(python(poplib.POP3), f"-ERR [SYS/TEMP] {WORDS}"), (python(poplib.POP3_SSL), "ALERT_ACCESS_DENIED")],
    "smtp": [(python(smtplib.SMTP), f"(421, b'4.7.0 {WORDS}')"), (python(smtplib.SMTP_SSL), "ALERT_ACCESS_DENIED")],
    "ftp": [(python(lambda where, port: ftplib.FTP().connect(where, port)), f"421 {WORDS}")],
    "http": [(program("curl", "-sSi", "http://HOST:PORT/"), f"\n\n{WORDS}."),
             (program("curl", "-sSi", "http://HOST:PORT/"), "HTTP/1.1 503 Service Unavailable\nRetry-After: 10\n"),
             (program("curl", "-sS", "-I", "http://HOST:PORT/"), "Content-Length: 36\n"),
             (program("curl", "-sS", "-H", "Expect:", "--data-binary", "@/run/large", "http://HOST:PORT/"), WORDS),
             (program("curl", "-sS", "-T", "/run/large", "http://HOST:PORT/"), WORDS),
             (program("curl", "-v", "--http2-prior-knowledge", "http://HOST:PORT/"), "GOAWAY, error=11"),
             (program("curl", "-sSk", "https://HOST:PORT/"), ACCESS_DENIED)],
    "redis": [(program("redis-cli", "-h", "HOST", "-p", "PORT", "ping"), "ERR max number of clients reached"),
              (program(*TLS), ACCESS_DENIED)],
    "postgresql": [(program(*PSQL, PGSSLMODE=mode), "FATAL:  too many connections\n")
                   for mode in ("disable", "allow", "prefer")]
                  + [(program(*PSQL, PGSSLMODE="require"), "server does not support SSL"),
                     (program(*TLS), ACCESS_DENIED)],
    "mysql": [(program(*MYSQL, "--skip-ssl"), "ERROR 1040 (HY000): Too many connections\n"),
              (program(*MYSQL), "Too many connections\n")],
    "ssh": [(program(*SSH), f":12: {WORDS}\n")],
    "file:/run/words": [(program("curl", "-sS", "telnet://HOST:PORT"), "the administrator's words\n")],
}


def files():
    """What SEEN needs."""
    with open("/run/words", "w") as file:
        file.write("the administrator's words\n")
    with open("/run/large", "wb") as file:
        file.write(b"x" * 3000000)


def check_seen(what, where, port, namespace=None):
    """Each client of this protocol shows these words."""
    skipped = None
    for see, words in SEEN[what]:
        try:
            said = see(where, port, namespace).replace("\r", "")
        except Skip as reason:
            skipped = reason
            continue
        if words not in said:
            raise AssertionError(f"{what}: a client shows {said!r}, without {words!r}")
    if skipped:
        raise skipped


def read_all(s):
    """What comes until the end, whichever it is."""
    said = b""
    with contextlib.suppress(ConnectionResetError), s:
        while part := s.recv(65536):
            said += part
    return said
