"""What one machine has to say of itself. Runs on machines where raysweep may be missing or another one.

So it uses the standard library alone, imports nothing of raysweep, and gives plain values: its functions travel by
value to Ray's nodes, and its source through ssh. It judges nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PACKAGES = ("ray", "torch", "mlflow", "numpy")
REACH_SECONDS = 1.0
TORCH_SECONDS = 60.0
MLFLOW_SECONDS = 5.0
LISTEN_STATE = "0A"  # in /proc/net/tcp


def look(request: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of this machine.

    Args:
        request: `folders`, whose disks are asked for; `nonce_file` or None, to be read here; `is_full`, whether to
            take the seconds that GPUs, memory, the token and open ports need.
    """
    facts: dict[str, Any] = {
        "hostname": socket.gethostname(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "versions": {name: _version(name) for name in PACKAGES},
        "code": _code_digest("raysweep"),
        "disks": {folder: _free_bytes(Path(folder)) for folder in request["folders"]},
    }
    if request["nonce_file"]:
        facts |= _shared_folder(Path(request["nonce_file"]))
    if request["is_full"]:
        environment = _environment_of_ray()
        facts |= {
            "memory_bytes": _available_memory(),
            "num_gpus": _count_gpus(environment),
            "token": _token(environment),
            "sockets": _listening(),
        }
    facts["now"] = time.time()
    return facts


def tell_time() -> float:
    """Seconds since 1970, by this machine's clock."""
    return time.time()


def reach(address: str, ports: Sequence[int]) -> list[int]:
    """Those ports that take a connection from here."""

    def takes(port: int) -> bool:
        try:
            socket.create_connection((address, port), REACH_SECONDS).close()
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        return [port for port, is_open in zip(ports, pool.map(takes, ports), strict=True) if is_open]


def ask_mlflow(uri: str) -> str | None:
    """Why the tracking server at this address gives no answer; None if it does, or if the address is no server's."""
    if not uri.startswith(("http://", "https://")):
        return None
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]  # urllib takes no password there, and none is needed
    try:
        urllib.request.urlopen(f"{parts.scheme}://{host}{parts.path.rstrip('/')}/health", timeout=MLFLOW_SECONDS)
    except urllib.error.HTTPError as error:
        return f"it answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _code_digest(package: str) -> str | None:
    """Of all source files of a package as it would be imported here: a release's number doesn't tell of edits."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:8]


def _free_bytes(folder: Path) -> int | None:
    """Where a folder isn't there yet its disk is that of the nearest one above."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            return shutil.disk_usage(place).free
    return None


def _shared_folder(nonce_file: Path) -> dict[str, Any]:
    try:
        nonce = nonce_file.read_text()
    except OSError:
        nonce = None
    return {"nonce": nonce, "is_writable": os.access(nonce_file.parent, os.W_OK)}


def _environment_of_ray() -> dict[str, str]:
    """A worker's parent is Ray's raylet: its GPUs and its token mode are the node's, a worker's own may differ.

    Through ssh there is none: then what `ray start` would find in this shell.
    """
    parent = Path(f"/proc/{os.getppid()}")
    try:
        if (parent / "comm").read_text().strip() != "raylet":
            return dict(os.environ)
        pairs = (parent / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return dict(os.environ)
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _available_memory() -> int | None:
    """What the machine has left, or the container if that is less; bytes."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        cache = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        if limit != "max":
            found.append(int(limit) - int(used) + int(cache["inactive_file"]))
    except (OSError, ValueError, KeyError):
        pass  # no cgroup of our own
    return min(found, default=None)


def _count_gpus(environment: Mapping[str, str]) -> int | None:
    """How many GPUs torch sees; None if it can't be asked. In a process of its own: Ray hides them from this one."""
    kept = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    if "CUDA_VISIBLE_DEVICES" in environment:
        kept["CUDA_VISIBLE_DEVICES"] = environment["CUDA_VISIBLE_DEVICES"]
    code = "import torch; print(torch.cuda.device_count())"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], env=kept, capture_output=True, text=True, timeout=TORCH_SECONDS
        )
        return int(done.stdout.split()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _token(environment: Mapping[str, str]) -> dict[str, Any]:
    """Ray's token where Ray looks for it; `permissions` is None if it isn't in a file."""
    mode = environment.get("RAY_AUTH_MODE", "").lower()
    if environment.get("RAY_AUTH_TOKEN"):
        return {"mode": mode, "is_there": True, "file": "", "permissions": None}
    file = Path(environment.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    try:
        permissions = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return {"mode": mode, "is_there": False, "file": str(file), "permissions": None}
    return {"mode": mode, "is_there": True, "file": str(file), "permissions": permissions}


def _listening() -> list[tuple[str, int, str]]:
    """Sockets that listen on more than loopback: address, port, name of the process as far as it may be known."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            address, _, port = words[1].partition(":")
            host = _host(address)
            if words[3] == LISTEN_STATE and not host.startswith(("127.", "::1", "::ffff:127.")):
                found[words[9]] = (host, int(port, 16))
    names = _names_of_sockets(found)
    return sorted((host, port, names.get(inode, "")) for inode, (host, port) in found.items())


def _host(hexadecimal: str) -> str:
    """The kernel writes each word of an address in the byte order of the machine."""
    raw = bytes.fromhex(hexadecimal)
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _names_of_sockets(inodes: Mapping[str, object]) -> dict[str, str]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    names = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for link in (process / "fd").iterdir():
                inode = wanted.get(os.readlink(link))
                if inode is not None:
                    names[inode] = (process / "comm").read_text().strip()
        except OSError:
            continue  # it has ended, or is another user's
    return names
