"""Which machines a cluster file asks for, and how to log in to them. Must not know Ray: `ray up` judges the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raysweep.errors import InputError, Problem


@dataclass(frozen=True, kw_only=True)
class ClusterFile:
    """A cluster as `ray up` would make it.

    Attributes:
        file: As typed.
        provider: Ray's name for whose machines they are, such as `local` or `aws`.
        user: To log in as; None for ssh's own choice.
        key: The private key; None for ssh's own choice.
        proxy_command: ssh's ProxyCommand, if any.
        head: Address of the head; None if only the provider knows.
        workers: Addresses of the workers; empty if only the provider knows.
        num_nodes: How many nodes there should be at least, the head among them.
    """

    file: Path
    provider: str
    user: str | None
    key: Path | None
    proxy_command: str | None
    head: str | None
    workers: tuple[str, ...]
    num_nodes: int


def read_cluster_file(file: Path) -> ClusterFile:
    """Reads what `doctor` needs.

    Raises:
        InputError: If the file can't be read, or doesn't say which machines.
    """
    content = _mapping(file)
    provider = content.get("provider")
    kind = provider.get("type") if isinstance(provider, dict) else None
    if not isinstance(provider, dict) or not isinstance(kind, str):
        raise _problem(file, "provider.type", f"found {kind!r}", "name one of Ray's providers, such as local or aws")
    auth = _part(file, content, "auth")
    key = auth.get("ssh_private_key")
    head: str | None = None
    workers: tuple[str, ...] = ()
    if kind == "local" and "coordinator_address" not in provider:
        head, workers = _listed_machines(file, provider)
        wanted = content.get("min_workers", len(workers))
        num_workers = min(wanted, len(workers)) if isinstance(wanted, int) else len(workers)
    else:
        num_workers = _min_workers(_part(file, content, "available_node_types"), content.get("head_node_type"))
    return ClusterFile(
        file=file,
        provider=kind,
        user=auth.get("ssh_user"),
        key=Path(key).expanduser() if key else None,
        proxy_command=auth.get("ssh_proxy_command"),
        head=head,
        workers=workers,
        num_nodes=1 + num_workers,
    )


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise _problem(file, "", f"can't be read ({reason})", "name the file that `ray up` takes") from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise _problem(file, "", f"no YAML: {reason}", "name the file that `ray up` takes") from error
    if not isinstance(content, dict):
        raise _problem(file, "", f"a {type(content).__name__}, not a mapping", "name the file that `ray up` takes")
    return content


def _listed_machines(file: Path, provider: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    head, workers = provider.get("head_ip"), provider.get("worker_ips")
    if not isinstance(head, str):
        raise _problem(file, "provider.head_ip", f"found {head!r}", "the address of the head")
    if not isinstance(workers, list) or not all(isinstance(worker, str) for worker in workers):
        raise _problem(file, "provider.worker_ips", f"found {workers!r}", "a list of the workers' addresses")
    return head, tuple(workers)


def _min_workers(types: dict[str, Any], head_type: object) -> int:
    """Nodes that are there from the beginning; those that come with the load aren't missed."""
    wanted = [settings.get("min_workers", 0) for name, settings in types.items() if settings and name != head_type]
    return sum(count for count in wanted if isinstance(count, int))


def _part(file: Path, content: dict[str, Any], key: str) -> dict[str, Any]:
    part = content.get(key) or {}
    if not isinstance(part, dict):
        raise _problem(file, key, f"found {part!r}", "a mapping, as `ray up` wants it")
    return part


def _problem(file: Path, key: str, found: str, valid: str) -> InputError:
    return InputError([Problem(where=str(file), key=key, found=found, valid=valid)])
