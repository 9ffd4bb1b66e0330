"""Network addresses, as `host:port`."""

import socket


def split(address):
    """Host and port of `host:port`, which may be `[::1]:port`."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_address(value):
    """True for a string `host:port`."""
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return bool(host and colon and port.isdecimal() and 0 < int(port) < 2**16)


def connect(address, timeout):
    """A connected socket, or an `OSError`: after `timeout` seconds, or at once if the host refuses the connection."""
    return socket.create_connection(split(address), timeout)
