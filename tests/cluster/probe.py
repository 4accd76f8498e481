"""What ports answer to somebody on the network, without the cluster's token or with it. Runs on another machine.

`probe.py ADDRESS:PORT...` calls every method of every service of Ray on each port, over HTTP/2 as gRPC does, and asks
over HTTP/1.1 as well; prints as JSON, for each port, how often there was which answer. With a token in the variable
TOKEN it only asks, as one who has it, whether the cluster is alive.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator

import ray.core.generated

SECONDS = 5.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
HTTP_PATHS = ("/", "/api/version", "/api/jobs/", "/metrics", "/get_or_create_runtime_env")
ALIVE = "ray.rpc.NodeInfoGcsService/CheckAlive"
# The one service whose description isn't part of Ray's package.
OBJECT_MANAGER = [f"ray.rpc.ObjectManagerService/{method}" for method in ("Push", "Pull", "FreeObjects")]


def main() -> None:
    token = os.environ.get("TOKEN")
    answers: dict[str, Counter[str]] = {}
    for place in sys.argv[1:]:
        address, _, port = place.rpartition(":")
        calls = [ALIVE] if token else [*_methods(), *OBJECT_MANAGER]
        answers[place] = Counter(_call((address, int(port)), method, token) for method in calls)
        if token is None:
            answers[place].update(
                _ask((address, int(port)), verb, path) for path in HTTP_PATHS for verb in ("GET", "POST")
            )
    print(json.dumps(answers))


def _methods() -> Iterator[str]:
    for module in pkgutil.iter_modules(ray.core.generated.__path__):
        if module.name.endswith("_pb2"):
            services = importlib.import_module(f"ray.core.generated.{module.name}").DESCRIPTOR.services_by_name.values()
            yield from (f"{service.full_name}/{method.name}" for service in services for method in service.methods)


def _call(place: tuple[str, int], method: str, token: str | None) -> str:
    """Calls a method with an empty message; says which status of gRPC came back."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": f"/{method}",
        ":authority": "cluster",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    if token:
        fields["authorization"] = f"Bearer {token}"
    headers = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())
    request = PREFACE + _frame(SETTINGS, 0, 0, b"") + _frame(HEADERS, END_HEADERS, 1, headers)
    said = _exchange(place, request + _frame(DATA, END_STREAM, 1, bytes(5)), until=b"grpc-status")
    # A server writes the first status of a connection out in full: its length, then its digits.
    found = re.search(rb"grpc-status[\x01\x02](\d{1,2})", said)
    return f"grpc {found[1].decode()}" if found else "no grpc"


def _ask(place: tuple[str, int], verb: str, path: str) -> str:
    request = f"{verb} {path} HTTP/1.1\r\nHost: cluster\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    found = re.match(rb"HTTP/1.1 (\d{3})", _exchange(place, request.encode(), until=b"\r\n"))
    return f"http {found[1].decode()}" if found else "no http"


def _exchange(place: tuple[str, int], request: bytes, *, until: bytes) -> bytes:
    said = b""
    try:
        with socket.create_connection(place, SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(request)
            while until not in said and (data := connection.recv(65536)):
                said += data
    except OSError:
        pass  # whoever closes the connection has refused
    return said


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def _text(text: str) -> bytes:
    """As HPACK (RFC 7541) writes it, uncompressed; for texts of up to 254 characters."""
    length = [len(text)] if len(text) < 127 else [127, len(text) - 127]
    return bytes(length) + text.encode()


if __name__ == "__main__":
    main()
