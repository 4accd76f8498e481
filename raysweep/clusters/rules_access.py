"""Rules about machines and who gets in: nodes, ssh, rsync, Ray's token, open ports. Each gives one good line or faults.

Pure: facts in, findings out.
"""

from __future__ import annotations

from collections.abc import Iterator

from raysweep.clusters.facts import Finding, Machine, Situation
from raysweep.clusters.remedies import MLFLOW_PORT, fault, in_shell, names_of, verdict

DASHBOARD_PORT = 8265
MAX_PORTS_SHOWN = 3  # of one process: Ray's workers have one each


def judge_nodes(situation: Situation) -> Iterator[Finding]:
    """Whether all machines that were asked for are nodes, and all nodes answer."""
    joined, file = situation.joined, situation.cluster_file
    start = f"`ray up {file} -y --no-config-cache`" if file else "`ray start --head`, or set RAY_ADDRESS to its address"
    if situation.ray_problem is not None:
        yield fault("nodes", None, f"no Ray could be asked: {situation.ray_problem}", start)
        return
    faults = [
        fault("nodes", machine, f"it gives no answer ({machine.problem})", f"see {in_shell(machine, 'ray status')}")
        for machine in joined
        if machine.problem is not None
    ]
    num_asked = len(joined) if situation.num_asked is None else situation.num_asked
    if len(joined) < num_asked:
        # The local provider's autoscaler of Ray 2.60 leaves one worker out in silence.
        mend = f"`RAY_UP_enable_autoscaler_v2=0 ray up {file} -y --no-config-cache`, and see `ray monitor {file}`"
        absent = [machine for machine in situation.machines if not machine.is_joined]
        faults += [fault("nodes", machine, "it was asked for and hasn't joined", mend) for machine in absent]
        if not absent:
            found = f"{len(joined)} of {num_asked} nodes have joined: {names_of(joined)}"
            faults.append(fault("nodes", None, found, mend))
    count = f"{len(joined)} of {num_asked} asked for" if situation.num_asked is not None else f"{len(joined)}"
    yield from verdict("nodes", faults, f"{count}: {names_of(joined)}")


def judge_ssh(situation: Situation) -> Iterator[Finding]:
    """Whether each machine can be entered without a question."""
    visited = [machine for machine in situation.machines if machine.visit is not None]
    faults = []
    for machine in visited:
        assert machine.visit is not None, "chosen so"
        if machine.visit.reason is not None:
            mend = f"see {in_shell(machine, 'true')}; a machine that refuses the key takes it with `ssh-copy-id`"
            faults.append(fault("ssh", machine, f"no way in ({machine.visit.reason})", mend))
    yield from verdict("ssh", faults, f"into {names_of(visited)}")


def judge_rsync(situation: Situation) -> Iterator[Finding]:
    """Whether files can be taken to each machine."""
    entered = [machine for machine in situation.machines if machine.visit and machine.visit.reason is None]
    faults = []
    if not situation.rsync_here:
        faults.append(fault("rsync", None, "there is no rsync on this machine", "`sudo apt-get install -y rsync`"))
    for machine in entered:
        if machine.visit and not machine.visit.has_rsync:
            faults.append(
                fault("rsync", machine, "there is no rsync", in_shell(machine, "sudo apt-get install -y rsync"))
            )
    if entered or faults:
        yield from verdict("rsync", faults, f"here and on {names_of(entered)}")


def judge_token(situation: Situation) -> Iterator[Finding]:
    """Whether every node's Ray asks for a token that only its owner can read."""
    faults, known = [], []
    for machine in situation.joined:
        token = machine.facts.token if machine.facts else None
        if token is None:
            continue
        known.append(machine)
        mend = "take ~/.ray/auth_token (made by `ray get-auth-token --generate`) there, then"
        again = f"{mend} {in_shell(machine, 'ray stop')} and start it with RAY_AUTH_MODE=token"
        if token.mode != "token":
            found = f"RAY_AUTH_MODE is {token.mode or 'not set'}: whoever reaches its ports runs code there"
            faults.append(fault("token", machine, found, again))
        elif not token.is_there:
            faults.append(fault("token", machine, f"no token at {token.file}", again))
        elif token.permissions is not None and token.permissions & 0o077:
            found = f"others can read the token ({token.file} has {token.permissions:04o})"
            faults.append(fault("token", machine, found, in_shell(machine, f"chmod 600 {token.file}")))
    yield from verdict("token", faults, f"asked for by {names_of(known)}, and readable by its owner alone")


def judge_ports(situation: Situation) -> Iterator[Finding]:
    """Whether the dashboard and MLflow are on loopback; names everything that takes connections from elsewhere."""
    dashboards = {DASHBOARD_PORT, situation.dashboard_port}
    servers = {MLFLOW_PORT, situation.mlflow_port}
    faults = []
    for machine in situation.joined:
        for host, port, process in machine.facts.sockets if machine.facts else ():
            if port in dashboards:
                what, mend = "dashboard", "start Ray there with `--dashboard-host=127.0.0.1`"
            elif port in servers or process == "mlflow":
                what, mend = "MLflow", "start its server with `--host 127.0.0.1`"
            else:
                continue
            reach = "answers there" if port in machine.answering else "a firewall alone may keep others out"
            found = f"the {what} listens on {host} port {port} ({reach})"
            through = f"{mend} and see it through `ssh -L {port}:127.0.0.1:{port}`"
            faults.append(fault("ports", machine, found, through))
    shown = "; ".join(f"{machine.name} {_answering(machine)}" for machine in situation.joined)
    yield from verdict("ports", faults, f"dashboard and MLflow on loopback alone; open to other machines: {shown}")


def _answering(machine: Machine) -> str:
    """By process, since Ray has many."""
    if machine.problem is not None:
        return "not known"
    by_process: dict[str, set[int]] = {}
    for _, port, process in machine.facts.sockets if machine.facts else ():
        if port in machine.answering:
            kind = "Ray's workers" if process.startswith("ray::") else process or "another user's"
            by_process.setdefault(kind, set()).add(port)
    shown = [
        f"{kind} {', '.join(map(str, sorted(ports)))}"
        if len(ports) <= MAX_PORTS_SHOWN
        else f"{kind} {len(ports)} ports"
        for kind, ports in sorted(by_process.items())
    ]
    return ", ".join(shown) or "none"
