# SPDX-License-Identifier: GPL-2.0-only
"""Whose session is standard input? python3 label.py NAME"""
import errno
import os
import socket
import sys


def may_stay(connection, name):
    """False: the user has as many sessions as he may, turn the client away."""
    try:
        connection.setsockopt(0x6863, 1, name)  # bytes
    except OSError as error:
        return error.errno != errno.EDQUOT
    return True


stays = may_stay(socket.socket(fileno=0), os.fsencode(sys.argv[1]))
print("welcome" if stays else "too many sessions")
sys.exit(not stays)
