"""What can go wrong between the ledger and MLflow. Must not know MLflow: the driver imports this."""

from __future__ import annotations

from raysweep.errors import RaysweepError


class TrackingError(RaysweepError):
    """MLflow can't be reached, refuses, or is being written to by another process; the ledger has everything."""


class RunError(TrackingError):
    """MLflow refuses what one run should look like; the other runs can go on."""
