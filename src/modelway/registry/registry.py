"""The registry: register a model, promote it, find it again, fetch its files."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelway.atomic import temporary_directory
from modelway.errors import InputError
from modelway.locks import PATIENCE, locked
from modelway.records.progress import Progress, silent
from modelway.records.register import Alias, RegisterOptions, Registration, Version
from modelway.records.verdict import Verdict
from modelway.registry import versions
from modelway.registry.candidate import Candidate, files_digest, read_candidate
from modelway.registry.client import ensure_experiment, ensure_model, open_client
from modelway.registry.location import locate
from modelway.registry.packaging import DATA
from modelway.registry.run import ARTIFACT, log_files, log_values, new_run
from modelway.registry.session import calls, unrepeated
from modelway.registry.states import OUTCOMES, Act, Standing, check_admitted, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlflow import MlflowClient

    from modelway.registry.credentials import Credentials


class Registry:
    """The registered versions of one model.

    Args:
        options: where the registry is.
        name: the model's name.
        root: the directory of the settings file; relative paths of the options begin there.
        credentials: who we are to a tracking server; when None, MLflow finds its own.
        lock_seconds: how long to wait for another process of this machine that registers.

    All methods raise `OutsideError` when the server or database fails, `SettingsError` when the options name none.
    """

    def __init__(
        self,
        options: RegisterOptions,
        name: str,
        root: Path,
        credentials: Credentials | None = None,
        *,
        lock_seconds: float = PATIENCE,
    ) -> None:
        self._location = locate(options, root)
        self._name = name
        self._experiment = options.experiment or name
        self._credentials = credentials
        self._lock = (root / ".modelway" / "registry.lock", "the registry", lock_seconds)
        self._client: MlflowClient | None = None

    def register(
        self,
        directory: Path,
        *,
        tags: Mapping[str, str] | None = None,
        texts: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> Registration:
        """Register what `evaluate` wrote, if its gates passed. A model that is registered already is left as it is.

        The version comes into being last, when everything else is there; an interruption before that leaves a failed
        run and nothing more, and registering again does it all.

        Args:
            directory: holds `model/`, `metrics.json`, `baseline.json`; whatever else is there is kept with the run.
            tags: what the version is to be known by: commit, data_digest, settings_digest.
            texts: further files that are kept with the run, by name.
            progress: told after each part.

        Raises:
            GateError: a gate failed or could not be computed.
            InconclusiveError: a gate lacks evidence, and no setting lets that through.
            InputError: the directory lacks a file, or has one that is not what it should be.
        """
        candidate = read_candidate(directory)
        evaluation = candidate.evaluation
        if evaluation.verdict in {Verdict.FAIL, Verdict.ERROR}:
            check_admitted(evaluation, Standing.WORSE)
        with self._calls() as client, locked(*self._lock):
            all_versions = versions.all_versions(client, self._name)
            known = next((found for found in all_versions if found.model_digest == evaluation.model_digest), None)
            champion = any(Alias.CHAMPION in found.aliases for found in all_versions)
            standing = standing_of(evaluation.verdict, known=known is not None, champion=champion)
            outcome = check_admitted(evaluation, standing)
            if known is None:
                number = self._create(client, candidate, dict(tags or {}), dict(texts or {}), progress)
                moves = outcome.moves
            else:
                number = known.number
                moves = _left_undone(known, all_versions, champion=champion)
            for alias in moves:
                client.set_registered_model_alias(self._name, alias.value, str(number))
            progress("register", 4, 4, f"version {number}")
            return Registration(version=self._get(client, str(number)), created=known is None)

    def promote(self, reference: str) -> Version:
        """Move `champion` to a version; where it is there already, nothing changes.

        Args:
            reference: the version's number, alias or run.

        Raises:
            UsageError: there is no such version.
        """
        with self._calls() as client, locked(*self._lock):
            version = self._get(client, reference)
            for alias in OUTCOMES[Standing.SAME, Act.PROMOTE].moves:
                if alias not in version.aliases:
                    client.set_registered_model_alias(self._name, alias.value, str(version.number))
            return self._get(client, str(version.number))

    def champion(self) -> Version | None:
        """The version that production serves, if there is one."""
        return self.find(Alias.CHAMPION)

    def find(self, reference: str) -> Version | None:
        """The version of a number, alias or run; None when there is none. An embedded registry is not created."""
        if self._is_absent():
            return None
        with self._calls() as client:
            return versions.find(versions.all_versions(client, self._name), reference)

    def get(self, reference: str) -> Version:
        """The version of a number, alias or run; raises `UsageError`, with those that there are, when there is none."""
        if self._is_absent():
            raise versions.unknown(reference, [], self._name)
        with self._calls() as client:
            return self._get(client, reference)

    def versions(self) -> list[Version]:
        """All versions that modelway registered, oldest first."""
        if self._is_absent():
            return []
        with self._calls() as client:
            return versions.all_versions(client, self._name)

    def download(self, reference: str, output: Path) -> Version:
        """Fetch a version's own files into a directory that exists, and see that they are those registered.

        Raises:
            UsageError: there is no such version.
            InputError: the files are missing, or not those that were registered.
        """
        version = self.get(reference)
        with self._calls() as client, temporary_directory(output / "download") as work:
            fetched = versions.download(client, version, f"{ARTIFACT}/{DATA}", work.path)
            if files_digest(fetched) != version.tags[versions.FILES_DIGEST]:
                raise InputError(
                    f"the files of version {version.number} are not those that were registered",
                    where=self._location.address,
                    remedy="Train it again: `modelway reproduce` tells whether the result is the same.",
                )
            for path in sorted(fetched.iterdir()):
                shutil.move(path, output / path.name)
        return version

    def download_kept(self, reference: str, names: Sequence[str], output: Path) -> Version:
        """Fetch files that are kept beside a version's model, such as its report, into a directory that exists.

        Raises:
            UsageError: there is no such version.
            InputError: a file is missing, or not the one that was registered.
        """
        version = self.get(reference)
        with self._calls() as client, temporary_directory(output / "download") as work:
            for name in names:
                shutil.move(versions.download_file(client, version, name, work.path), output / name)
        return version

    def note(self, reference: str, key: str, value: str) -> None:
        """Keep a tag with a version, such as its bundle's digest; one that is there already is replaced.

        Raises:
            UsageError: there is no such version.
        """
        with self._calls() as client:
            version = self._get(client, reference)
            if version.tags.get(key) != value:
                client.set_model_version_tag(self._name, str(version.number), key, value)

    def _create(
        self,
        client: MlflowClient,
        candidate: Candidate,
        tags: dict[str, str],
        texts: dict[str, str],
        progress: Progress,
    ) -> int:
        """Log a run with everything, then create the version; gives its number."""
        evaluation = candidate.evaluation
        tags |= {
            versions.MODEL_DIGEST: evaluation.model_digest,
            versions.FILES_DIGEST: candidate.files_digest,
            versions.KEPT_DIGESTS: json.dumps(candidate.kept_digests(texts)),
            "champion_digest": evaluation.champion_digest or "none",
            "verdict": evaluation.verdict.value,
        }
        run_tags = {key: value for key, value in tags.items() if key != versions.KEPT_DIGESTS}
        if commit := tags.get("commit"):
            # MLflow's own name, which its pages show as the run's source.
            run_tags["mlflow.source.git.commit"] = commit
        experiment = ensure_experiment(client, self._experiment, self._location)
        ensure_model(client, self._name)
        run_name = f"{self._name} {evaluation.model_digest[:12]}"
        with new_run(client, experiment, run_name, run_tags) as run_id:
            progress("register", 1, 4, "run")
            log_values(client, run_id, candidate)
            progress("register", 2, 4, "metrics")
            log_files(client, run_id, candidate, texts)
            progress("register", 3, 4, "files")
        source = f"{client.get_run(run_id).info.artifact_uri}/{ARTIFACT}"
        with unrepeated():
            version = client.create_model_version(self._name, source=source, run_id=run_id, tags=tags)
        return int(version.version)

    def _get(self, client: MlflowClient, reference: str) -> Version:
        all_versions = versions.all_versions(client, self._name)
        found = versions.find(all_versions, reference)
        if found is None:
            raise versions.unknown(reference, all_versions, self._name)
        return found

    def _is_absent(self) -> bool:
        """Whether there is nothing to ask: an embedded registry that no model was registered in yet."""
        return self._location.database is not None and not self._location.database.exists()

    @contextmanager
    def _calls(self) -> Iterator[MlflowClient]:
        with calls(self._location, self._credentials):
            if self._client is None:
                self._client = open_client(self._location, self._lock)
            yield self._client


def _left_undone(known: Version, all_versions: list[Version], *, champion: bool) -> tuple[Alias, ...]:
    """The aliases that an interruption kept from moving, right after the newest version had been created."""
    if known.number != max(found.number for found in all_versions):
        return ()
    moves = () if Alias.CHALLENGER in known.aliases else (Alias.CHALLENGER,)
    return moves if champion else (*moves, Alias.CHAMPION)
