"""Run one capture job: from its source to a committed version of its data set, exactly once.

Protocol. A version is built in `<dataset>/_building/`, part by part; each part's files are synced and renamed before
its progress file is written (`build_state`), so a killed run continues after its last complete part. When all parts
are there, the manifest is written, and then, inside one database transaction that inserts the catalog row and closes
the run's row, `_building` is renamed to `v<N>`; the transaction commits last. What a crash can leave, and who mends it:

- before the rename: parts and progress; the next run continues them, under the same run id;
- between rename and commit: a folder `v<N>` without a row. The manifest says all that the row would, so the next run
  checks the files and inserts the row. The same happens to every version when the catalog's tables were lost;
- after the commit: stale progress, which the next run removes.

A row whose folder is missing or changed (someone else's deletion, a restored database) is found by comparing digests:
damaged parts are made again from the source, with the same version number and content. Two locks, one for the job and
one for the data set, keep a second run waiting.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferloop_runtime.capture.atomic_file import sync
from inferloop_runtime.capture.catalog import Catalog
from inferloop_runtime.capture.job_lock import locked
from inferloop_runtime.capture.manifest import DatasetVersion, Part, RunFacts, damages, read_manifest, write_manifest
from inferloop_runtime.capture.settings import CaptureSettings
from inferloop_runtime.errors import CaptureError, DatabaseError, InferloopError
from inferloop_runtime.settings_file import read_secret

if TYPE_CHECKING:
    from inferloop_runtime.capture.extract import Extractor, SourceVersion
    from inferloop_runtime.capture.part import BuiltPart, PartBuilder

# Counts changes of this code that change what the same source and settings give.
PIPELINE = 1
Tell = Callable[[str], None]


@dataclass(frozen=True)
class CaptureResult:
    """What a run did: `status` is "succeeded", "unchanged", "repaired" or "recovered"; counts are the version's."""

    run_id: str
    dataset: str
    version: int
    path: str
    rows_read: int
    rows_written: int
    rows_quarantined: int
    status: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def run_capture(settings: CaptureSettings, *, wait_s: float, tell: Tell, progress: Tell) -> CaptureResult:
    """Capture the job's source as a new version of its data set, unless the last version already holds it.

    `tell` gets sentences for a person, `progress` short-lived ones. Waits up to `wait_s` seconds for another run of
    the job. Raises CaptureError where the source does not fit, too many rows are set aside or files cannot be
    written; DatabaseError where the catalog fails; then nothing is committed and the next run continues.
    """
    job = _Job(settings, tell, progress)
    with (
        locked(settings.state_dir / f"{settings.job}.lock", f"job {settings.job}", wait_s=wait_s, tell=tell),
        locked(job.home / ".lock", f"data set {settings.dataset}", wait_s=wait_s, tell=tell),
        asyncio.Runner() as runner,
    ):
        return job.run(runner)


class _Job:
    def __init__(self, settings: CaptureSettings, tell: Tell, progress: Tell) -> None:
        from inferloop_runtime.capture.extract import extractor_for
        from inferloop_runtime.capture.privacy import privacy_key

        self.settings, self.tell, self.progress = settings, tell, progress
        self.home = settings.datasets_dir / settings.dataset
        self.catalog = Catalog(read_secret(settings.dsn_file))
        self.key = privacy_key(settings.privacy_key_file, settings.columns)
        self.extractor: Extractor = extractor_for(settings)

    def run(self, runner: asyncio.Runner) -> CaptureResult:
        from inferloop_runtime.capture.build_state import BuildState
        from inferloop_runtime.capture.validate import check_patterns

        check_patterns(self.settings.columns)
        source = self.extractor.describe()
        content_key = (source.sha256, self._settings_digest())
        state_dir, building = self.settings.state_dir / self.settings.job, self.home / "_building"
        known = runner.run(self.catalog.versions(self.settings.dataset))
        recovered = self._adopt_unrecorded(runner, {version.version for version, _ in known})
        if recovered:
            known = runner.run(self.catalog.versions(self.settings.dataset))
        if known and known[-1][0].content_key == content_key:
            latest, has_run = known[-1]
            if not has_run:
                runner.run(self.catalog.record_run(latest))
            repaired = self._repair(runner, latest, building)
            BuildState("", "", state_dir, building).discard()
            status = "repaired" if repaired else "recovered" if latest.version in recovered else "unchanged"
            return self._result(latest, status)
        state = BuildState.resume_or_begin(state_dir, building, content_key)
        runner.run(self.catalog.start_run(state.run_id, self.settings.job, state.started_at, source.document()))
        parts: list[BuiltPart] = []
        try:
            self._build(state, source, parts)
            version = self._version(state, source, content_key[1], parts, [known_one.version for known_one, _ in known])
            self._commit(runner, building, version)
        except InferloopError as error:
            counts = {what: sum(getattr(built.part, f"rows_{what}") for built in parts) for what in _COUNTS}
            # What went wrong first is what must be told, also where the database is gone.
            with contextlib.suppress(DatabaseError):
                runner.run(self.catalog.fail_run(state.run_id, str(error), **counts))
            raise
        state.discard()
        return self._result(version, "succeeded")

    def _build(self, state: Any, source: "SourceVersion", parts: "list[BuiltPart]") -> None:
        first = self.extractor.begin()
        parts.extend(state.completed())
        if parts:
            self.tell(f"continuing run {state.run_id} after {len(parts)} complete parts")
        builder = self._builder(source, sum(built.part.rows_read for built in parts))
        while not parts or parts[-1].part.rows_read == self.settings.rows_per_part:
            start = parts[-1].part.end if parts else first
            built = builder.build(state.building, len(parts), start, self.settings.rows_per_part)
            if built is None:
                break
            state.record(built)
            parts.append(built)
        if self.extractor.describe() != source:
            raise CaptureError(f"source {source.uri} was changed while it was read; run again")
        self._check_quarantine(state.building, parts)

    def _builder(self, source: "SourceVersion", rows: int) -> "PartBuilder":
        from inferloop_runtime.capture.part import PartBuilder

        def report(count: int, cursor: dict[str, int]) -> None:
            nonlocal rows
            rows += count
            self.progress(f"{rows} rows, {100 * cursor['byte'] // max(source.size_bytes, 1)} % of {source.uri}")

        return PartBuilder(self.extractor, self.settings.columns, self.key, report)

    def _check_quarantine(self, building: Path, parts: "list[BuiltPart]") -> None:
        read = sum(built.part.rows_read for built in parts)
        quarantined = sum(built.part.rows_quarantined for built in parts)
        if quarantined <= self.settings.max_quarantined_fraction * read:
            return
        name = next(name for built in parts for name in built.part.files if name.endswith(".jsonl"))
        with (building / name).open("rb") as stream:
            example = json.loads(stream.readline())
        raise CaptureError(
            f"{quarantined} of {read} rows of {self.settings.source.uri} are malformed or invalid "
            f"({quarantined / read:.1%}), more than max_quarantined_fraction "
            f"({self.settings.max_quarantined_fraction:g}) allows; the first: line {example['line']}: "
            f"{'; '.join(example['reasons'])}; all are in {(building / name).parent}"
        )

    def _version(
        self, state: Any, source: "SourceVersion", settings_sha256: str, parts: "list[BuiltPart]", taken: list[int]
    ) -> DatasetVersion:
        from inferloop_runtime.capture.characterise import ColumnProfile
        from inferloop_runtime.capture.detect import Findings
        from inferloop_runtime.capture.part import schema_document
        from inferloop_runtime.capture.privacy import privacy_report

        findings = Findings()
        profiles: dict[str, ColumnProfile] = {}
        for built in parts:
            findings.merge(built.findings)
            for name, column in built.profiles.items():
                profiles.setdefault(name, ColumnProfile()).merge(column)
        report = privacy_report(self.settings.columns, self.key, findings)
        for warning in report["warnings"]:
            self.tell(f"warning: {warning}")
        return DatasetVersion(
            dataset=self.settings.dataset,
            version=max((*taken, *_folders(self.home)), default=0) + 1,
            format="parquet",
            run=RunFacts(
                id=state.run_id,
                job=self.settings.job,
                started_at=state.started_at,
                finished_at=datetime.now(UTC).isoformat(),
            ),
            columns=schema_document(self.settings.columns),
            statistics={name: column.summary() for name, column in profiles.items()},
            source=source.document(),
            code_version=metadata.version("inferloop-runtime"),
            settings_sha256=settings_sha256,
            parts=[built.part for built in parts],
            privacy=report,
        )

    def _commit(self, runner: asyncio.Runner, building: Path, version: DatasetVersion) -> None:
        from inferloop_runtime.capture.build_state import remove_empty_quarantine

        target = self.home / f"v{version.version}"
        try:
            remove_empty_quarantine(building)
            write_manifest(building, version)
        except OSError as error:
            raise CaptureError(f"cannot write the manifest into {building}: {error.strerror}; run again") from error

        def publish() -> None:
            try:
                building.rename(target)
                sync(self.home)
            except OSError as error:
                raise CaptureError(f"cannot rename {building} to {target}: {error.strerror}") from error

        runner.run(self.catalog.commit(version, target.absolute(), publish))

    def _adopt_unrecorded(self, runner: asyncio.Runner, recorded: set[int]) -> set[int]:
        """Record version folders that a killed run left without a row, or whose rows were lost."""
        adopted = set()
        for number in sorted(set(_folders(self.home)) - recorded):
            folder = self.home / f"v{number}"
            version = read_manifest(folder)
            if version is None or (version.dataset, version.version) != (self.settings.dataset, number):
                self.tell(f"{folder} is no version of data set {self.settings.dataset}; it is left alone")
            elif damaged := damages(folder, version):
                self.tell(f"{folder} is not in the catalog and {_sentence(damaged)}; it is left alone")
            else:
                runner.run(self.catalog.commit(version, folder.absolute(), lambda: None))
                self.tell(f"{folder} was not in the catalog; recorded it")
                adopted.add(number)
        return adopted

    def _repair(self, runner: asyncio.Runner, version: DatasetVersion, building: Path) -> bool:
        """Make the damaged files of a version again, from the source that it was made from."""
        folder = self.home / f"v{version.version}"
        damaged = damages(folder, version)
        if not damaged:
            return False
        self.tell(f"{folder}: {_sentence(damaged)}; making it again")
        try:
            mended = version.model_copy(update={"parts": self._mended_parts(folder, version, damaged, building)})
            write_manifest(folder, mended)
            sync(self.home)
        except OSError as error:
            raise CaptureError(f"cannot repair {folder}: {error.strerror or error}; run again") from error
        if mended != version:
            runner.run(self.catalog.replace_lineage(mended))
        return True

    def _mended_parts(
        self, folder: Path, version: DatasetVersion, damaged: dict[str, str], building: Path
    ) -> list[Part]:
        from inferloop_runtime.capture.part import PartBuilder

        folder.mkdir(parents=True, exist_ok=True)
        self.extractor.begin()
        builder = PartBuilder(self.extractor, self.settings.columns, self.key)
        parts = []
        for part in version.parts:
            if "" not in damaged and damaged.keys().isdisjoint(part.files):
                parts.append(part)
                continue
            built = builder.build(building, part.index, part.start, self.settings.rows_per_part)
            if built is None or built.part.model_copy(update={"files": part.files}) != part:
                raise CaptureError(f"{folder} cannot be made again: the source gives other rows than it did")
            for name in built.part.files:
                (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
                (building / name).replace(folder / name)
            parts.append(built.part)
        return parts

    def _settings_digest(self) -> str:
        from inferloop_runtime.capture.privacy import key_fingerprint

        relevant = self.settings.model_dump(
            mode="json", include={"source", "columns", "rows_per_part", "max_quarantined_fraction"}
        )
        document = {"pipeline": PIPELINE, "key": key_fingerprint(self.key), "settings": relevant}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def _result(self, version: DatasetVersion, status: str) -> CaptureResult:
        return CaptureResult(
            version.run.id,
            version.dataset,
            version.version,
            str((self.home / f"v{version.version}").absolute()),
            version.rows_read,
            version.rows_written,
            version.rows_quarantined,
            status,
        )


_COUNTS = ("read", "written", "quarantined")


def _folders(home: Path) -> list[int]:
    names = [re.fullmatch(r"v([1-9][0-9]*)", path.name) for path in home.iterdir()]
    return [int(name[1]) for name in names if name]


def _sentence(damaged: dict[str, str]) -> str:
    return "; ".join(f"{name} {problem}".strip() for name, problem in damaged.items())
