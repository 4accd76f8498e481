"""What bringing a ledger to MLflow came to. Must not know MLflow: the command line imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """What one sync did.

    Attributes:
        is_complete: Whether MLflow now is as the ledger was.
        created: Runs that weren't there.
        updated: Runs that were there and lacked something.
        replaced: Runs that said something that the ledger doesn't: deleted, and made anew.
        kept_deleted: Runs that somebody has deleted in MLflow, and that were left so.
        points: Points of metrics that were sent.
        pictures: Pictures of a report that were sent.
        problems: A line for each run that MLflow refuses.
        seconds: How long it took.
    """

    is_complete: bool
    created: int
    updated: int
    replaced: int
    kept_deleted: int
    points: int
    problems: tuple[str, ...]
    seconds: float
    pictures: int = 0

    def __str__(self) -> str:
        done = {"new": self.created, "updated": self.updated, "made anew": self.replaced}
        if self.pictures:
            done["picture" if self.pictures == 1 else "pictures"] = self.pictures
        text = ", ".join(f"{count} {name}" for name, count in done.items() if count) or "nothing to do"
        if self.kept_deleted:
            text += f"; {self.kept_deleted} deleted in MLflow and left so"
        return text if self.is_complete else f"{text}; not complete, the next sync goes on"
