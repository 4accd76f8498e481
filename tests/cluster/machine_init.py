"""Process 1 of a machine: builds its root folder and becomes its init. Runs as a script, inside its own namespaces.

`machine_init.py SETTINGS` with the settings as JSON; says "ready" and waits for a line before it goes on, so that the
network can be brought up in between. Only Python's own library: it runs outside of any virtual environment.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SSHD = """
Port 22
HostKey /etc/ssh/machine_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
PidFile none
MaxStartups 100
Subsystem sftp internal-sftp
"""


def main() -> None:
    settings = json.loads(sys.argv[1])
    os.setsid()
    socket.sethostname(settings["name"])
    root = _build_root(settings)
    print("ready", flush=True)
    if not sys.stdin.readline():
        return  # whoever started this has ended
    os.chroot(root)
    os.chdir("/root")
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/machine_sshd"]
    environment = {"HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "PATH": PATH}
    os.execve("/usr/bin/tini", ["tini", "-g", "--", *command], environment)


def _build_root(settings: dict[str, object]) -> Path:
    """An overlay over the host's root: what is written goes to memory, to /tmp, /run and /dev/shm not to the disk."""
    disk = Path(str(settings["folder"]))
    upper, work, home, root = (disk / name for name in ("upper", "work", "home", "root"))
    if not disk.exists():
        for folder in (upper / "etc" / "ssh", work, home / ".ssh", root):
            folder.mkdir(parents=True)
        _write_files(settings, upper, home)
    _mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "machine", root)
    _mount("-t", "proc", "proc", root / "proc")
    _mount("-t", "sysfs", "sysfs", root / "sys")
    _mount("--rbind", "/dev", root / "dev")
    _mount("-t", "tmpfs", "-o", "mode=1777", "shm", root / "dev" / "shm")
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmp", root / "tmp")
    _mount("-t", "tmpfs", "-o", "mode=755", "run", root / "run")
    (root / "run" / "sshd").mkdir()
    _mount("--bind", home, root / "root")
    for source, target, mode in settings["binds"]:  # type: ignore[attr-defined]
        place = root / str(target).lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        _mount("--bind", "-o", mode, source, place)
    return root


def _write_files(settings: dict[str, object], upper: Path, home: Path) -> None:
    name = str(settings["name"])
    (upper / "etc" / "hosts").write_text(str(settings["hosts"]))
    (upper / "etc" / "hostname").write_text(f"{name}\n")
    (upper / "etc" / "resolv.conf").write_text("")
    (upper / "etc" / "ssh" / "machine_sshd").write_text(SSHD)
    key = upper / "etc" / "ssh" / "machine_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
    home.chmod(0o700)
    (home / ".ssh").chmod(0o700)
    public = Path(str(settings["public_key"])).read_text()
    (home / ".ssh" / "authorized_keys").write_text(public)
    (home / ".ssh" / "authorized_keys").chmod(0o600)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
