#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""An auth service for nginx: who is it, and may this session be his? With nginx.conf. As root:

    nginx.py 127.0.0.1:9997 FILE

A line of FILE is NAME:HASH, the hash in hexadecimal, as by
    python3 -c 'import hashlib, sys; n, p = sys.argv[1:]; print(n, hashlib.scrypt(p.encode(), salt=n.encode(), n=16384, r=8, p=1).hex(), sep=":")' NAME PASSWORD
"""
import base64
import hashlib
import hmac
import http.server
import sys

from labelling import Labels, end

labels = Labels()


def login(header):
    """The name of whoever has sent this header with the right password, or None."""
    try:
        name, _, password = base64.b64decode(header.removeprefix("Basic ")).partition(b":")
        with open(sys.argv[2], "rb") as file:
            known = dict(line.strip().rsplit(b":", 1) for line in file if b":" in line)
        right = hashlib.scrypt(password, salt=name, n=16384, r=8, p=1).hex().encode()
    except ValueError:
        return None
    return name if hmac.compare_digest(known.get(name, b""), right) else None


class Auth(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = login(self.headers.get("Authorization", ""))
        self.send_response(self.decide(name) if name else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def decide(self, name):
        ends = {side: end(self.headers[f"X-{word}-Address"], self.headers[f"X-{word}-Port"])
                for side, word in (("remote", "Client"), ("local", "Server"))}
        answer = labels.ask(**ends, name=name.decode("utf-8", "surrogateescape"))
        if answer["result"] == "error":
            self.log_error("%r: %s", name, answer["error"])
        return 403 if answer["result"] == "over-cap" else 204

    def log_request(self, *_):
        pass


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    http.server.ThreadingHTTPServer((host, int(port)), Auth).serve_forever()
