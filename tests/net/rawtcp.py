# SPDX-License-Identifier: GPL-2.0-only
"""TCP by hand, over IPv4: a client that sends what it likes when it likes, from an address that no kernel has."""
import socket
import struct

from harness import *

SYN, RST, PSH, ACK = 2, 4, 8, 16


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def packet(source, port, to, to_port, flags=SYN, sequence=1000, acknowledged=0, data=b""):
    """A whole IPv4 packet; with data of an even length, if any."""
    addresses = socket.inet_aton(source) + socket.inet_aton(to)
    tcp = struct.pack("!HHIIBBHHH", port, to_port, sequence, acknowledged, 5 << 4, flags, 1024, 0, 0) + data
    check = checksum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0)
    return ip + addresses + tcp[:16] + struct.pack("!H", check) + tcp[18:]


class Holder:
    """Handshakes from one address behind namespace cN, which answers nothing by itself. ports: what the server said last."""

    def __init__(self, n, host, port):
        self.source, self.to, self.port, self.answers = address(n, host), address(n), port, {}
        with inside(f"c{n}"):
            self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.inn = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800))
            mac = json.loads(run("ip", "-j", "link", "show", "eth0"))[0]["address"]
        self.inn.setblocking(False)
        run("ip", "neigh", "replace", self.source, "lladdr", mac, "dev", f"v{n}")

    def send(self, port, flags=SYN, **more):
        self.out.sendto(packet(self.source, port, self.to, self.port, flags, **more), (self.to, 0))

    def hear(self):
        """Reads what came: port -> (flags, sequence) of the last segment."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.inn.recv(2048)
                if data[9] != 6 or data[16:20] != socket.inet_aton(self.source):
                    continue
                _, to_port, sequence, _, _, flags = struct.unpack("!HHIIBB", data[20:34])
                self.answers[to_port] = flags, sequence
        return self.answers

    def begin(self, ports):
        """SYNs; those that were answered by a SYN-ACK."""
        for port in ports:
            self.answers.pop(port, None)
            self.send(port)
        until(lambda: all(port in self.hear() for port in ports), "answers to the SYNs")
        return [port for port in ports if self.answers[port][0] & SYN]

    def finish(self, ports, data=b"", again=0):
        """The ACKs that end the handshakes, or data right away. again: SYN, which the segment has as well."""
        for port in ports:
            self.send(port, ACK | again | (PSH if data else 0), sequence=1000 if again else 1001, acknowledged=self.answers[port][1] + 1 & 0xffffffff, data=data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.out.close()
        self.inn.close()
