"""All calls to MLflow, in the words of `runs`. The only module that imports it; must not know the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

# Read by MLflow while it is imported. No word to anybody but the tracking server; and retries are the caller's:
# one inside the client may create a run twice.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

from mlflow.entities import Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from raysweep.plain_files import name_unless_taken
from raysweep.tracking.address import redact, sqlite_file
from raysweep.tracking.errors import RunError, TrackingError
from raysweep.tracking.runs import (
    LEDGER_TAG,
    POINTS_TAG,
    SUPERSEDED_TAG,
    DesiredRun,
    KnownRun,
    Point,
    PointKey,
    stored,
)

_PAGE_SIZE = 200  # runs in one answer: it has to come within the timeout
_MAX_METRICS_PER_BATCH = 850  # MLflow takes 1000 entities, params and tags included
_MAX_PARAMS_PER_BATCH = 100
_RUN_ERRORS = ("INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS")
_MAX_REASON_LENGTH = 200

_T = TypeVar("_T")


class TrackingServer:
    """MLflow at one address, and in it the experiment of one sweep. Not thread-safe.

    Every method raises `TrackingError` if MLflow can't be reached or refuses, and those that write to one run raise
    `RunError` if it is only this run that it refuses. After either, what MLflow holds is unknown: ask again.

    Args:
        uri: An absolute tracking URI.
        experiment: The experiment's name; created by `open` if it isn't there.
        page_size: How many runs to ask for at once.

    Attributes:
        num_writes: How often it has taken something that was to be written to a run.
    """

    def __init__(self, uri: str, experiment: str, *, page_size: int = _PAGE_SIZE) -> None:
        self.uri = uri
        self.experiment = experiment
        self.num_writes = 0
        self._page_size = page_size
        self._client: MlflowClient | None = None
        self._experiment_id = ""

    def open(self) -> None:
        """Finds or creates the database and the experiment."""
        with self._calls():
            file = sqlite_file(self.uri)
            if file is not None and not file.exists():
                _create_database(file, self.uri)
            self._client = MlflowClient(self.uri)
            found = self._client.get_experiment_by_name(self.experiment)
            if found is None:
                # Without this tag the pages of MLflow open on the traces of language models.
                tags = {"mlflow.experimentKind": "custom_model_development"}
                self._experiment_id = self._client.create_experiment(self.experiment, tags=tags)
                return
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"MLflow experiment '{self.experiment}' is deleted; `mlflow experiments restore --experiment-id "
                f"{found.experiment_id}` brings it back, `mlflow gc` removes it for good, and then it is made anew"
            )
        self._experiment_id = found.experiment_id

    def runs_of(self, ledger_id: str) -> Iterator[KnownRun]:
        """All runs of a ledger, the oldest first, deleted ones too."""
        token: str | None = None
        while True:
            with self._calls():
                page = self._mlflow.search_runs(
                    [self._experiment_id],
                    filter_string=f"tags.\"{LEDGER_TAG}\" = '{ledger_id}'",
                    run_view_type=ViewType.ALL,
                    max_results=self._page_size,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
            yield from map(_known, page)
            token = page.token
            if not token:
                return

    def create(self, desired: DesiredRun) -> KnownRun:
        """A new run with its tags, and nothing else yet: it can be found by them from the first moment on."""
        with self._calls(desired.name):
            return _known(
                self._mlflow.create_run(
                    self._experiment_id,
                    start_time=desired.start_time,
                    tags={**desired.first_tags, **desired.tags},
                    run_name=desired.name,
                )
            )

    def load_points(self, run: KnownRun, metrics: Iterable[str]) -> bool:
        """Fills in `run.points` of these metrics; false if a metric has two points at one step."""
        points: dict[PointKey, Point] = {}
        is_unique = True
        for name in sorted(run.metrics & set(metrics)):
            with self._calls():
                history = self._mlflow.get_metric_history(run.run_id, name)
            for metric in history:
                key = (name, metric.step)
                is_unique = is_unique and key not in points
                points[key] = (metric.timestamp, stored(metric.value))
        run.points = points
        return is_unique

    def write(
        self,
        run: KnownRun,
        *,
        points: Mapping[PointKey, Point],
        params: Mapping[str, str],
        tags: Mapping[str, str],
        points_digest: str,
    ) -> None:
        """Adds points and params, sets tags; the digest of the points goes in last, when all of them are there."""
        in_order = sorted(points.items(), key=lambda item: (item[0][1], item[0][0]))
        metrics = [Metric(name, value, timestamp, step) for (name, step), (timestamp, value) in in_order]
        param_list = [Param(key, value) for key, value in params.items()]
        tag_list = [RunTag(key, value) for key, value in tags.items()]
        if points_digest != run.tags.get(POINTS_TAG, ""):
            tag_list.append(RunTag(POINTS_TAG, points_digest))
        metric_batches = _batches(metrics, _MAX_METRICS_PER_BATCH)
        param_batches = _batches(param_list, _MAX_PARAMS_PER_BATCH)
        num_batches = max(len(metric_batches), len(param_batches), 1 if tag_list else 0)
        for index in range(num_batches):
            with self._calls(run.run_id):
                self._mlflow.log_batch(
                    run.run_id,
                    metric_batches[index] if index < len(metric_batches) else [],
                    param_batches[index] if index < len(param_batches) else [],
                    tag_list if index == num_batches - 1 else [],
                    synchronous=True,
                )
        run.params |= params
        run.tags |= {tag.key: tag.value for tag in tag_list}
        run.metrics |= {name for name, _ in points}
        if run.points is not None:
            run.points |= points

    def put_pictures(self, run: KnownRun, contents: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Puts SVG files among a run's artifacts, in place of those of the same name; then sets tags."""
        with self._calls(run.run_id):
            for name, text in contents.items():
                self._mlflow.log_text(run.run_id, text, f"figures/{name}")
            for key, value in tags.items():
                self._mlflow.set_tag(run.run_id, key, value)
        run.tags |= tags

    def remove_tags(self, run: KnownRun, names: Iterable[str]) -> None:
        """Takes tags away that are there."""
        with self._calls(run.run_id):
            for name in names:
                self._mlflow.delete_tag(run.run_id, name)
                del run.tags[name]

    def set_status(self, run: KnownRun, desired: DesiredRun) -> None:
        """Sets status and end."""
        with self._calls(run.run_id):
            if desired.end_time is None:
                self._mlflow.update_run(run.run_id, status=desired.status)
            else:
                self._mlflow.set_terminated(run.run_id, desired.status, desired.end_time)
                run.end_time = desired.end_time
        run.status = desired.status

    def restore(self, run: KnownRun) -> None:
        """Brings a deleted run back."""
        with self._calls(run.run_id):
            self._mlflow.restore_run(run.run_id)
        run.is_deleted = False

    def supersede(self, run: KnownRun) -> None:
        """Deletes a run that is to be made anew, marked so that nobody takes it for one that a person deleted."""
        with self._calls(run.run_id):
            if SUPERSEDED_TAG not in run.tags:
                self._mlflow.set_tag(run.run_id, SUPERSEDED_TAG, "true")
            self._mlflow.delete_run(run.run_id)

    @property
    def _mlflow(self) -> MlflowClient:
        assert self._client is not None, "open the server first"
        return self._client

    @contextmanager
    def _calls(self, run: str = "") -> Iterator[None]:
        """Around calls to MLflow: those that read, or those that write to one run."""
        try:
            yield
            self.num_writes += bool(run)
        except MlflowException as error:
            if run and error.error_code in _RUN_ERRORS:
                raise RunError(redact(f"MLflow refuses run {run}: {_reason(error)}", self.uri)) from error
            raise self._failed(error) from error
        except Exception as error:
            # MLflow lets through what its database driver, its HTTP client or a plug-in raises, or lacks.
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> TrackingError:
        return TrackingError(redact(f"MLflow at {self.uri}: {_reason(error)}", self.uri))


def _known(run: Run) -> KnownRun:
    return KnownRun(
        run_id=run.info.run_id,
        is_deleted=run.info.lifecycle_stage != "active",
        start_time=run.info.start_time,
        status=run.info.status,
        end_time=run.info.end_time,
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        metrics=set(run.data.metrics),
        points=None if run.data.metrics else {},
    )


def _create_database(file: Path, uri: str) -> None:
    """Creates MLflow's tables under another name first.

    MLflow takes seconds for them. Killed in between, or with two processes at it, it leaves a database that it never
    opens again.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    try:
        MlflowClient(uri.replace(str(file), str(draft))).search_experiments(max_results=1)
        name_unless_taken(draft, file)  # where another process was faster, its database is as good
    finally:
        draft.unlink(missing_ok=True)


def _batches(items: list[_T], size: int) -> list[list[_T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _reason(error: BaseException) -> str:
    """The innermost cause in one line: the outer ones mostly repeat the address."""
    inner = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    if isinstance(inner, LookupError):
        inner = error  # a look-up inside MLflow that went wrong; its text is the bare key
    texts = [getattr(inner, "strerror", None), str(inner), str(error), type(error).__name__]
    text = " ".join(str(next(text for text in texts if text)).split())
    return text if len(text) <= _MAX_REASON_LENGTH else text[:_MAX_REASON_LENGTH] + "..."
