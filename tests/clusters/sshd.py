"""A real sshd for each connection, on the pipe that ssh's ProxyCommand gives it: no port, no network."""

from __future__ import annotations

import getpass
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.required import skip_unless_required

SSHD = Path("/usr/sbin/sshd")
# It insists on a folder that only its system service makes: seen by this sshd alone, in a mount namespace of its own.
IN_PRIVATE_RUN = 'unshare --mount sh -c \'mount -t tmpfs run /run && mkdir -m 755 /run/sshd && exec "$0" "$@"\''


@dataclass(frozen=True)
class Machines:
    """Machines of any name, all of them this one, whose home folder is private.

    Attributes:
        root: Holds keys, the home folder and the scripts.
    """

    root: Path

    @property
    def home(self) -> Path:
        """Of the user who logs in."""
        return self.root / "home"

    def cluster_file(self, head: str, *workers: str) -> Path:
        """A cluster of such machines; one whose name is `dead` takes no connection."""
        config = {
            "cluster_name": "lab",
            "provider": {"type": "local", "head_ip": head, "worker_ips": list(workers)},
            "auth": {
                "ssh_user": getpass.getuser(),
                "ssh_private_key": str(self.root / "id"),
                "ssh_proxy_command": f"{shlex.quote(str(self.root / 'proxy'))} %h",
            },
        }
        file = self.root / "lab.yaml"
        file.write_text(yaml.safe_dump(config))
        return file

    def login_with(self, *lines: str) -> None:
        """What the shell there does first, after it has found this Python."""
        path = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
        (self.home / ".bashrc").write_text("\n".join([path, *lines, ""]))


def make_machines(root: Path) -> Machines:
    """Keys and scripts; skips the test where sshd can't run."""
    if not SSHD.exists():
        skip_unless_required(f"there is no {SSHD}")
    if subprocess.run(f"{IN_PRIVATE_RUN} true", shell=True, capture_output=True).returncode:
        skip_unless_required("no mount namespaces here: sshd needs a private /run")
    root.mkdir()
    for name in ("id", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / name], check=True)
    made = Machines(root)
    made.home.mkdir()
    made.login_with()
    (root / "sshd_config").write_text(
        f"HostKey {root / 'host_key'}\nAuthorizedKeysFile {root / 'id.pub'}\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nPidFile none\nSetEnv HOME={made.home}\n"
    )
    proxy = root / "proxy"
    sshd = shlex.join([str(SSHD), "-i", "-f", str(root / "sshd_config")])
    proxy.write_text(f'#!/bin/sh\n[ "$1" = dead ] && exit 1\nexec {IN_PRIVATE_RUN} {sshd}\n')
    proxy.chmod(0o700)
    return made
