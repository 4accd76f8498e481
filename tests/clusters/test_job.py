"""A job that is followed, as Ray tells of it; no Ray runs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from raysweep.clusters import job
from raysweep.errors import ClusterError
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.remote_screen import run_there
from raysweep.terminal import make_console


class StubClient:
    """Ray's part: each tail says so much of the job's output, and then ends, or fails."""

    def __init__(self, tails: Sequence[str | Exception], status: str, exit_code: int | None) -> None:
        self.tails = list(tails)
        self.last = SimpleNamespace(status=status, driver_exit_code=exit_code, message=None)

    def get_job_logs(self, name: str) -> str:
        return "one\n"

    async def tail_job_logs(self, name: str) -> AsyncIterator[str]:
        said = self.tails.pop(0)
        if isinstance(said, Exception):
            raise said
        for line in said.splitlines(keepends=True):
            yield line

    def get_job_info(self, name: str) -> Any:
        return SimpleNamespace(status="RUNNING", driver_exit_code=None) if self.tails else self.last


def _follow(monkeypatch: pytest.MonkeyPatch, client: StubClient) -> int:
    monkeypatch.setattr(job, "_client", lambda: client)
    monkeypatch.setattr(job, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(sys, "argv", ["job", "follow", "raysweep-sent-1"])
    return job.main()


@pytest.mark.parametrize(
    ("status", "exit_code", "expected"), [("SUCCEEDED", 0, 0), ("FAILED", 1, 1), ("STOPPED", None, 130)]
)
def test_it_is_followed_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: str,
    exit_code: int | None,
    expected: int,
) -> None:
    client = StubClient(["one\n", "one\ntwo\n", "one\ntwo\nthree\n"], status, exit_code)
    assert _follow(monkeypatch, client) == expected
    assert capsys.readouterr().out.splitlines()[:3] == ["one", "two", "three"], "each once, though twice cut off"


def test_a_dashboard_that_comes_back_is_followed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = RuntimeError("Cannot connect to host")
    client = StubClient(["one\ntwo\n", gone, gone, "one\ntwo\nthree\n"], "SUCCEEDED", 0)
    assert _follow(monkeypatch, client) == 0
    assert capsys.readouterr().out.splitlines() == ["one", "two", "three"]


@pytest.mark.parametrize("exit_code", [-1, -9, 255])
def test_a_driver_that_a_signal_ended_is_no_lost_connection(monkeypatch: pytest.MonkeyPatch, exit_code: int) -> None:
    """What ssh's own exit code means would be followed again, for ever."""
    assert _follow(monkeypatch, StubClient(["one\n"], "FAILED", exit_code)) == 3


def test_a_ray_that_ends_is_no_trial_that_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(job, "MAX_MISSES", 2)
    client = StubClient([RuntimeError("closed\nmore")] * 4, "RUNNING", None)
    assert _follow(monkeypatch, client) == 3
    assert len(client.tails) == 1, "it was asked three times"
    end = "job raysweep-sent-1 can't be followed any more, Ray may have ended there: closed\n"
    assert capsys.readouterr().out == f"one\n{end}"
    assert _follow(monkeypatch, StubClient(["one\n"], "FAILED", None)) == 3, "its command didn't say why"


@pytest.mark.parametrize("code", [1, 3])
def test_results_that_cannot_be_brought_home_hide_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def fail(*arguments: object) -> None:
        raise ClusterError("the head can't be reached")

    monkeypatch.setattr("raysweep.remote_screen.pull", fail)
    sent = SimpleNamespace(submit=lambda note: "job", follow=lambda *arguments: code, head=None)
    remote: Any = SimpleNamespace(submission=sent, paths=None, notes=[])
    assert run_there(make_console(), remote, "") == code
    assert capsys.readouterr().err == "the head can't be reached\n"
    sent.follow = lambda *arguments: 0
    with pytest.raises(ClusterError):
        run_there(make_console(), remote, "")


@pytest.mark.parametrize("storage_path", [None, "s3://bucket/folder/?region=x"])
def test_what_has_come_home_is_told_and_where_the_rest_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, storage_path: str | None
) -> None:
    paths = SweepPaths(tmp_path, "sent")
    paths.root.mkdir()
    with LedgerWriter(paths.ledger) as writer:
        writer.set_storage_path(storage_path)
    monkeypatch.setattr("raysweep.remote_screen.pull", lambda head, paths: None)
    sent = SimpleNamespace(
        submit=lambda note: "job", follow=lambda *arguments: 0, head=None, tunnel_command=lambda: "ssh"
    )
    remote: Any = SimpleNamespace(submission=sent, paths=paths, notes=[])
    assert run_there(make_console(), remote, "") == 0
    said = capsys.readouterr().out
    assert ("report and forecasts, in" in said) == (storage_path is None)
    assert ("s3://bucket/folder/sent/predictions/, as" in said) == (storage_path is not None)
