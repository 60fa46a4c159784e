#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A policy service for Postfix 3.2 or later: the session is the account's that has logged in. As root:

    postfix.py 127.0.0.1:9998

main.cf, first of the restrictions (smtpd_delay_reject = yes, which is the default):

    smtpd_sender_restrictions = check_policy_service { inet:127.0.0.1:9998, default_action=DUNNO }
"""
import socketserver
import sys

from labelling import Labels, end

labels = Labels()


def decide(request):
    """What Postfix is to do, by the attributes that it sent."""
    name = request.get("sasl_username")
    if not name:
        return "DUNNO"
    answer = labels.ask(remote=end(request["client_address"], request["client_port"]),
                        local=end(request["server_address"], request["server_port"]), name=name)
    if answer["result"] == "error":
        print(f"{name!r}: {answer['error']}", file=sys.stderr, flush=True)
    return "421 4.7.0 Too many sessions of this account" if answer["result"] == "over-cap" else "DUNNO"


class Policy(socketserver.StreamRequestHandler):
    def handle(self):
        request = {}
        for line in self.rfile:
            name, found, value = line.decode("utf-8", "surrogateescape").rstrip("\n").partition("=")
            if found:
                request[name] = value
                continue
            self.wfile.write(f"action={decide(request)}\n\n".encode())
            request = {}


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    Server((host, int(port)), Policy).serve_forever()
