"""Machines for tests of clusters: namespaces of this host that see nothing of each other but a network.

Each has its own network, mounts, processes, host name, /tmp, /run, /dev/shm and /root, and its own sshd. The bridge
that joins them stands in the client's network: there is no route from them to this host or out of it. A machine lives
as long as one process here, and that as long as this one: nothing is left even where this is killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT
from tests.faults.waiting import wait_for

ADDRESSES = {"client": "10.77.0.10", "head": "10.77.0.11", "w1": "10.77.0.12", "w2": "10.77.0.13"}
NODES = ("head", "w1", "w2")
SHARED = Path("/shared")  # the folder that all machines share
PROGRAMS = ("ip", "ss", "ps", "unshare", "nsenter", "ssh", "ssh-keygen", "rsync", "/usr/sbin/sshd", "/usr/bin/tini")
NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid")
_INIT = Path(__file__).with_name("machine_init.py")
_PR_SET_PDEATHSIG = 1


def why_impossible() -> str | None:
    """Why there can't be machines here; None if there can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"needs {', '.join(missing)} (apt-get install iproute2 openssh-server procps rsync tini)"
    tried = subprocess.run(["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"needs namespaces: {tried.stderr.strip()}"


@dataclass
class _Machine:
    """A machine that is switched on.

    Attributes:
        outer: The process here that holds it; when it is killed, all of the machine is.
        init: Number of the machine's process 1, as it is seen from here.
    """

    outer: subprocess.Popen[str]
    init: int


class Machines:
    """Switches machines on and off, and runs commands on them. For root.

    Args:
        folder: For keys and logs; private.
        shared: Folder of this host that all machines see as `/shared`.
        addresses: By name, the client's among them; of all machines that there may be.
    """

    def __init__(self, folder: Path, shared: Path, addresses: Mapping[str, str] = ADDRESSES) -> None:
        self._folder = folder
        self.addresses = addresses
        self.shared = shared
        self._on: dict[str, _Machine] = {}
        self._disks = folder / "disks"
        self._disks.mkdir()
        self._rack: subprocess.Popen[str] | None = None
        self.key = folder / "key"
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", self.key)

    def up(self, names: Iterable[str] = tuple(ADDRESSES)) -> None:
        """Switches them on, the client and its bridge first."""
        self._rack = self._start_rack()
        for name in names:
            self.start(name)

    def down(self) -> None:
        """Switches all of them off and throws their disks away."""
        for name in reversed(list(self._on)):
            self._kill(name)
        if self._rack is not None:
            self._rack.communicate()

    def start(self, name: str) -> None:
        """Switches a machine on. Its disk is as it was, but /tmp, /run and /dev/shm are empty."""
        assert name not in self._on, f"{name} is on"
        assert self._rack is not None, "the machines are up"
        outer = self._spawn(
            name,
            *("nsenter", f"--mount=/proc/{self._rack.pid}/ns/mnt", f"--wd={PROJECT}"),
            *("unshare", *NAMESPACES, "--propagation", "private", "--fork", "--kill-child=KILL"),
            *(sys.executable, _INIT, json.dumps(self._settings(name))),
        )
        assert outer.stdin is not None and outer.stdout is not None, "both are pipes"
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text()
        self._on[name] = _Machine(outer, int(children.split()[0]))
        self._connect(name)
        outer.stdin.write("go\n")
        outer.stdin.close()
        outer.stdout.close()
        wait_for(lambda: self._listens(name), seconds=10, name=f"sshd of {name}")

    def power_cut(self, name: str) -> None:
        """The machine is gone from one moment to the next: no process says goodbye to anybody."""
        self._network("client", "ip", "link", "delete", f"to-{name}")
        self._kill(name)

    def throw_away(self, name: str) -> None:
        """As a power cut, and its disk is gone too."""
        self.power_cut(name)
        assert self._rack is not None, "the machines are up"
        _run("nsenter", f"--mount=/proc/{self._rack.pid}/ns/mnt", "rm", "-rf", self._disks / name)

    def is_on(self, name: str) -> bool:
        """Whether it is switched on."""
        return name in self._on

    def cut(self, name: str) -> None:
        """Takes the machine from the network."""
        self._network("client", "ip", "link", "set", f"to-{name}", "down")

    def mend(self, name: str) -> None:
        """Brings it back to the network."""
        self._network("client", "ip", "link", "set", f"to-{name}", "up")

    def command(self, name: str, *command: str | Path) -> list[str]:
        """What to run here for a command in a login shell's place there: at /root, with its own environment."""
        init = self._on[name].init
        return [
            *(
                "nsenter",
                "--target",
                str(init),
                *NAMESPACES,
                f"--root=/proc/{init}/root",
                f"--wd=/proc/{init}/root/root",
            ),
            *("env", "-i", "HOME=/root", "USER=root", "TERM=xterm", "LANG=C.UTF-8", "RAY_USAGE_STATS_ENABLED=0"),
            *("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *map(str, command)),
        ]

    def run(
        self, name: str, *command: str | Path, seconds: float = 30, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command on a machine, and gives both its outputs as one."""
        try:
            done = subprocess.run(
                self.command(name, *command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{name}: {command} takes more than {seconds:g} s: {error.output}") from None
        assert not check or done.returncode == 0, f"{name}: {command}: exit {done.returncode}\n{done.stdout}"
        return done

    def put(self, name: str, file: Path, target: str) -> None:
        """Copies a file of this host into a machine's /root, for nobody else to read."""
        line = ("sh", "-c", 'umask 077; cat > "$1"', "sh", target)
        subprocess.run(self.command(name, *line), input=file.read_bytes(), check=True, timeout=30)

    def processes(self, name: str) -> list[str]:
        """The command lines of all that runs on a machine but its init and sshd."""
        lines = self.run(name, "ps", "-eo", "pid=,stat=,args=", "ww").stdout.splitlines()
        return [line for line in lines if not _is_of_the_machine(line)]

    def listening(self, name: str) -> dict[int, str]:
        """The TCP ports that other machines can reach on this one, with the process behind each."""
        found = {}
        for line in self.run(name, "ss", "-tlnpH").stdout.splitlines():
            address, _, port = line.split()[3].rpartition(":")
            if not address.startswith("127.") and address not in ("[::1]", "[::ffff:127.0.0.1]"):
                found[int(port)] = line.split()[-1]
        return found

    def _start_rack(self) -> subprocess.Popen[str]:
        """A process whose view of the file system has the disks in it."""
        mount = f"mount -t tmpfs -o size=8g,mode=700 disks {shlex.quote(str(self._disks))} && echo ready && read line"
        return self._spawn("rack", "unshare", "--mount", "--propagation", "private", "sh", "-c", mount)

    def _spawn(self, name: str, *command: str | Path) -> subprocess.Popen[str]:
        """Starts a process that ends with this one, and waits until it is ready."""
        file = self._folder / f"log-{name}"
        with file.open("ab") as log:
            process = subprocess.Popen(
                [*map(str, command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is not for them
                preexec_fn=_die_with_parent,
            )
        assert process.stdout is not None, "it is a pipe"
        assert process.stdout.readline() == "ready\n", f"{name} can't be started: {file.read_text()}"
        return process

    def _settings(self, name: str) -> dict[str, object]:
        environment = Path(sys.prefix).resolve()
        binds = [(environment, environment, "ro"), (self.shared, SHARED, "rw")]
        base = Path(sys.base_prefix).resolve()
        if base != Path("/usr"):
            binds.append((base, base, "ro"))
        binds.append((PROJECT, PROJECT, "ro"))
        hosts = ["127.0.0.1 localhost", *(f"{address} {host}" for host, address in self.addresses.items())]
        return {
            "name": name,
            "folder": str(self._disks / name),
            "hosts": "\n".join([*hosts, ""]),
            "public_key": str(self.key.with_suffix(".pub")),
            "binds": [(str(source), str(target), mode) for source, target, mode in binds],
        }

    def _connect(self, name: str) -> None:
        self._network(name, "ip", "link", "set", "lo", "up")
        if name == "client":
            self._network(name, "ip", "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
            device = "bridge"
        else:
            init, end = str(self._on[name].init), f"to-{name}"
            hardware = (
                f"02:00:00:00:00:{self.addresses[name].rpartition('.')[2]}"  # as before a power cut: others remember
            )
            peer = ("peer", "name", "eth0", "address", hardware, "netns", init)
            self._network("client", "ip", "link", "add", end, "type", "veth", *peer)
            self._network("client", "ip", "link", "set", end, "master", "bridge", "up")
            device = "eth0"
        self._network(name, "ip", "address", "add", f"{self.addresses[name]}/24", "dev", device)
        self._network(name, "ip", "link", "set", device, "up")

    def _network(self, name: str, *command: str) -> None:
        """Runs a command of this host in the network of a machine."""
        _run("nsenter", f"--net=/proc/{self._on[name].init}/ns/net", *command)

    def _listens(self, name: str) -> bool:
        return ":22" in self.run(name, "ss", "-tlnH").stdout

    def _kill(self, name: str) -> None:
        machine = self._on.pop(name)
        os.kill(machine.init, signal.SIGKILL)  # takes all others along
        machine.outer.wait()


def _is_of_the_machine(line: str) -> bool:
    pid, state, *words = line.split()
    return pid == "1" or state.startswith("Z") or words[0].startswith(("sshd:", "/usr/sbin/sshd", "ps"))


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _run(*command: str | Path) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
