"""Continuous integration and training of a model in containers: the `modelway` command's stages, cached by content."""

from __future__ import annotations

import json
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import dagger
from dagger import DefaultPath, Doc, Ignore, Name, dag, function, object_type

from modelway_ci import check, deliver, images, learn, lock_images, watch
from modelway_ci import rehearse as rehearsal
from modelway_ci import rollout as rolling
from modelway_ci.check import SuiteFlags
from modelway_ci.checkout import PARTS, Checkout
from modelway_ci.learn import DataFlags, FitFlags, Result
from modelway_ci.project import Project, usable_uri
from modelway_ci.publish import publish
from modelway_ci.refusal import RefusalError, only_refusal
from modelway_ci.reports import directory_of, record_of, table_of
from modelway_ci.services import Outside, given
from modelway_ci.settings import Settings
from modelway_ci.summary import conclude, refused, summarize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modelway_ci.stage import Outcome

_F = TypeVar("_F", bound="Callable[..., Awaitable[dagger.Directory]]")

always: Callable[[_F], _F] = function(cache="never")  # type: ignore[call-overload]
"""A function that is called each time: what it builds is cached by content, but a kept call would hide what changed."""

checked: Callable[[_F], _F] = dagger.check  # type: ignore[assignment]
"""A function that `dagger check` calls, too."""

SENT = [
    "*",
    *(f"!**/{kind}" for kind in ("*.py", "*.yaml", "*.yml", "*.csv", "*.parquet", "*.jsonl", "requirements.lock")),
    *("!**/pylock.toml", "!**/requirements.txt"),
    *("**/.*", "**/__pycache__", "**/node_modules", "/ci", "/tests", "/bench", "/docs"),
    *("**/model-artifacts", "**/mlartifacts", "**/mlruns"),
]
"""Of the source only code, settings, a lock and data are sent to the engine; what else is there changes nothing."""

OURS = "src/modelway/cli/main.py"
"""What only modelway's own repository has."""

PACKAGE = [
    "*",
    "!src/modelway",
    "!ci/locks/*.lock",
    "!requirements.lock",
    "!docker/Dockerfile.serving",
    "!ci/stand_ins/**/*.py",
    "**/__pycache__",
]

Overrides = Annotated[list[str], Name("set"), Doc("Override values of the settings: a.b=c")]
TrackingUri = Annotated[
    dagger.Secret | None, Doc("MLflow's server or database instead of the settings', as env://MLFLOW_TRACKING_URI")
]
ReportOnly = Annotated[bool, Doc("Hand the directory out, with the exit code in its summary.json, instead of failing")]
Epochs = Annotated[int | None, Doc("Passes over the training rows; rounds of boosted trees")]
BatchSize = Annotated[int | None, Doc("Rows of each step of the optimiser")]
Trials = Annotated[int | None, Doc("Trials of the hyperparameter search; 0 for none")]
Gpus = Annotated[bool, Doc("Give the machine's GPUs to the fit")]
Data = Annotated[
    dagger.Directory | None, Doc("A folder of CSV, Parquet or JSON Lines files, instead of the settings' data")
]
DataUri = Annotated[
    str | None,
    Doc("s3://bucket/prefix, or a path relative to the settings file, instead of the settings' data"),
]
Sample = Annotated[int | None, Doc("Read no more than about so many rows, a fixed sample")]
Version = Annotated[str, Doc("A number, alias, run, release tag or latest")]
Bundle = Annotated[dagger.Directory | None, Doc("What package wrote, in the place of a version")]
Challengers = Annotated[list[dagger.Directory], Doc("Bundles beside it, tried by flags")]
Trust = Annotated[
    list[str], Doc("Types and functions that a model may use, beside those that settings and registry name")
]
PrivateKey = Annotated[
    dagger.Secret | None, Doc("Sign the bundle with this key of an elliptic curve (PEM), as file://key.pem")
]
Commit = Annotated[str | None, Doc("The revision of your code, a tag of the version")]
CommitTime = Annotated[str | None, Doc("When that was committed, ISO 8601: the time of the version's bundle")]
Env = Annotated[str, Doc("An environment of the settings")]
Workspace = Annotated[dagger.Workspace, Doc("Your checkout: checks look at more of it than training is sent")]
Advisories = Annotated[
    dagger.File | None, Doc("An advisory database in the OSV export format (zip, JSON lines) instead of the service")
]


@object_type
class Modelway:
    """Continuous integration and training of a model, each stage a container of its own."""

    source: Annotated[dagger.Directory, Doc("Your project: settings, code, data"), DefaultPath("/"), Ignore(SENT)]
    modelway: Annotated[dagger.Directory, Doc("modelway itself"), DefaultPath("/"), Ignore(PACKAGE)]
    config: Annotated[str, Doc("The settings file, relative to the source")] = "modelway.yaml"
    python: Annotated[str, Doc("The Python version of all stages: 3.11, 3.12 or 3.13")] = "3.11"
    base_image: Annotated[str | None, Doc("The base image in the place of the Python version's own")] = None
    uv_image: Annotated[str, Doc("The image that /uv, the package installer, is taken from")] = images.UV
    index_url: Annotated[dagger.Secret | None, Doc("A package index in the place of PyPI, as env://UV_INDEX")] = None
    ca: Annotated[dagger.File | None, Doc("CA certificates (PEM) in the place of the base image's")] = None
    mlflow: Annotated[dagger.Service | None, Doc("An MLflow server of the host's, as tcp://localhost:5000")] = None
    mlflow_username: Annotated[dagger.Secret | None, Doc("The tracking server's user")] = None
    mlflow_password: Annotated[dagger.Secret | None, Doc("That user's password")] = None
    mlflow_token: Annotated[dagger.Secret | None, Doc("A token in the place of user and password")] = None
    s3: Annotated[dagger.Service | None, Doc("An object store of the host's, as tcp://localhost:9000")] = None
    aws_access_key_id: Annotated[dagger.Secret | None, Doc("Who reads s3://")] = None
    aws_secret_access_key: Annotated[dagger.Secret | None, Doc("The secret of that key")] = None
    aws_session_token: Annotated[dagger.Secret | None, Doc("The token of a role that was assumed")] = None
    github: Annotated[dagger.Service | None, Doc("A GitHub of the host's, as tcp://localhost:8000")] = None
    github_token: Annotated[dagger.Secret | None, Doc("Who writes releases, as env://GITHUB_TOKEN")] = None
    github_api_url: Annotated[str | None, Doc("GitHub's API; https://HOST/api/v3 for GitHub Enterprise")] = None
    slack_webhook: Annotated[dagger.Secret | None, Doc("Where failures are told, as env://SLACK_WEBHOOK")] = None
    run_url: Annotated[str | None, Doc("Where people find this run, for what Slack is told")] = None
    source_url: Annotated[str | None, Doc("Where your code is (https), for the label of images")] = None
    registry_user: Annotated[dagger.Secret | None, Doc("Who pushes images; ECR needs AWS's keys alone")] = None
    registry_token: Annotated[dagger.Secret | None, Doc("That user's token, as env://MODELWAY_REGISTRY_TOKEN")] = None
    kubeconfig: Annotated[dagger.Secret | None, Doc("Your cluster, as file://$HOME/.kube/config")] = None
    ecs: Annotated[dagger.Service | None, Doc("An ECS API of the host's, as tcp://localhost:4566")] = None
    registry: Annotated[dagger.Service | None, Doc("A registry of images on the host, as tcp://localhost:5000")] = None
    served: Annotated[dagger.Service | None, Doc("A server of the host's to smoke, as tcp://localhost:8000")] = None

    @always
    async def ci(
        self,
        workspace: Workspace,
        data: Data = None,
        data_uri: DataUri = None,
        advisories: Advisories = None,
        only: Annotated[list[str], Doc("Run only these parts")] = [],  # noqa: B006 - the SDK reads the default
        skip: Annotated[list[str], Doc("Run all parts but these")] = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Run all parts of continuous integration side by side; one that fails stops no other.

        Example: dagger call ci --report-only export --path reports
        """

        async def work() -> Result:
            parts = check.chosen(only, skip)
            project, checkout = await self._project(overrides), self._checkout(workspace)
            read = DataFlags(data, data_uri)
            works = {
                "check-code": lambda: check.check_code(project, checkout),
                "check-data": lambda: check.check_data(project, checkout, read, SuiteFlags()),
                "test": lambda: check.test(project, checkout),
                "audit": lambda: check.audit(project, checkout, advisories),
                "smoke-train": lambda: check.smoke_train(project, read, FitFlags()),
            }
            ended = await check.ci({part: works[part] for part in parts})
            record = record_of(ended, {part: "not chosen" for part in PARTS if part not in parts})
            return Result(record, directory_of(ended), table_of(ended, record))

        return await self._answer(work(), report_only)

    @always
    @checked
    async def check_code(
        self,
        workspace: Workspace,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Look at the code: format, lint, types.

        Example: dagger call check-code export --path reports
        """

        async def work(project: Project) -> Outcome:
            return await check.check_code(project, self._checkout(workspace))

        return await self._part("check-code", work, overrides, report_only)

    @always
    @checked
    async def check_data(
        self,
        workspace: Workspace,
        data: Data = None,
        data_uri: DataUri = None,
        baseline: Annotated[dagger.File | None, Doc("The profile.json to compare with")] = None,
        expectations: Annotated[list[dagger.File], Doc("Suites of Great Expectations to check as well")] = [],  # noqa: B006
        now: Annotated[str | None, Doc("What freshness is judged by, ISO 8601 (default: the clock)")] = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Check a data set against its columns and a suite, and write data docs.

        Example: dagger call check-data --data ./data export --path reports
        """

        async def work(project: Project) -> Outcome:
            flags = SuiteFlags(baseline, tuple(expectations), now)
            return await check.check_data(project, self._checkout(workspace), DataFlags(data, data_uri), flags)

        return await self._part("check-data", work, overrides, report_only)

    @always
    @checked
    async def test(
        self,
        workspace: Workspace,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Run the project's own tests, with coverage.

        Example: dagger call test export --path reports
        """

        async def work(project: Project) -> Outcome:
            return await check.test(project, self._checkout(workspace))

        return await self._part("test", work, overrides, report_only)

    @always
    @checked
    async def audit(
        self,
        workspace: Workspace,
        advisories: Advisories = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Look for vulnerable dependencies and images, risky code, secrets and model files that run code.

        Example: dagger call audit --advisories pypi-all.zip export --path reports
        """

        async def work(project: Project) -> Outcome:
            return await check.audit(project, self._checkout(workspace), advisories)

        return await self._part("audit", work, overrides, report_only)

    @always
    @checked
    async def smoke_train(
        self,
        data: Data = None,
        data_uri: DataUri = None,
        sample_data: Annotated[bool, Doc("The sample data set, where the project is about it")] = False,
        epochs: Epochs = None,
        batch_size: BatchSize = None,
        sample: Sample = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Train a little, and check that what came out loads, predicts and serves.

        Example: dagger call smoke-train --epochs 1 --batch-size 32 export --path reports
        """

        async def work(project: Project) -> Outcome:
            how = FitFlags(epochs, batch_size)
            return await check.smoke_train(project, DataFlags(data, data_uri, sample), how, sample_data=sample_data)

        return await self._part("smoke-train", work, overrides, report_only)

    @always
    async def train(
        self,
        epochs: Epochs = None,
        batch_size: BatchSize = None,
        trials: Trials = None,
        data: Data = None,
        data_uri: DataUri = None,
        sample: Sample = None,
        register: Annotated[
            bool | None, Doc("Whether to register a model that passed (default: the settings')")
        ] = None,
        tracking_uri: TrackingUri = None,
        gpus: Gpus = False,
        commit: Commit = None,
        commit_time: CommitTime = None,
        overrides: Overrides = [],  # noqa: B006 - the SDK reads the default
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Prepare, fit, evaluate and register a model: the whole of continuous training.

        Example: dagger call train --epochs 100 --trials 20 export --path model-artifacts
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, commit, commit_time)
            flags = FitFlags(epochs, batch_size, trials, gpus)
            return await learn.train(project, DataFlags(data, data_uri, sample), flags, registers=register)

        return await self._answer(work(), report_only)

    @always
    async def prepare(
        self,
        data: Data = None,
        data_uri: DataUri = None,
        sample: Sample = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Read, check and split a data set.

        Example: dagger call prepare --data ./data export --path prepared
        """

        async def work() -> Result:
            project = await self._project(overrides)
            return _alone(await learn.prepare(project, DataFlags(data, data_uri, sample)))

        return await self._answer(work(), report_only)

    @always
    async def fit(
        self,
        prepared: Annotated[dagger.Directory, Doc("What prepare wrote")],
        epochs: Epochs = None,
        batch_size: BatchSize = None,
        trials: Trials = None,
        gpus: Gpus = False,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Fit a model on a prepared data set.

        Example: dagger call fit --prepared ./prepared --epochs 50 export --path model
        """

        async def work() -> Result:
            flags = FitFlags(epochs, batch_size, trials, gpus)
            return _alone(await learn.fit(await self._project(overrides), prepared, flags))

        return await self._answer(work(), report_only)

    @always
    async def evaluate(
        self,
        prepared: Annotated[dagger.Directory, Doc("What prepare wrote")],
        model: Annotated[dagger.Directory, Doc("What fit wrote")],
        champion: Annotated[dagger.Directory | None, Doc("The champion, as pull wrote it")] = None,
        trust: Trust = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Measure a model on held-out rows and judge it by the gates.

        Example: dagger call evaluate --prepared ./prepared --model ./model export --path evaluated
        """

        async def work() -> Result:
            outcome = await learn.evaluate(await self._project(overrides, trust=trust), prepared, model, champion)
            metrics = await outcome.artifact.file("metrics.json").contents() if outcome.artifact else None
            return Result(summarize([outcome], outcome.exit_code, metrics), outcome.artifact)

        return await self._answer(work(), report_only)

    @always
    async def register(
        self,
        directory: Annotated[dagger.Directory, Doc("What evaluate or train wrote")],
        tracking_uri: TrackingUri = None,
        commit: Commit = None,
        commit_time: CommitTime = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Register a model that passed its gates.

        Example: dagger call register --directory ./model-artifacts export --path registered
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, commit, commit_time)
            return _told(await learn.register(project, directory))

        return await self._answer(work(), report_only)

    @always
    async def pull(
        self,
        version: Version,
        tracking_uri: TrackingUri = None,
        allow_missing: Annotated[bool, Doc("Give an empty directory where there is no such version")] = False,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Fetch a registered version's model directory.

        Example: dagger call pull --version champion export --path champion
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri)
            return _told(await learn.pull(project, version, allow_missing=allow_missing))

        return await self._answer(work(), report_only)

    @always
    async def reproduce(
        self,
        version: Version,
        data: Data = None,
        data_uri: DataUri = None,
        tracking_uri: TrackingUri = None,
        commit: Commit = None,
        trust: Trust = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Train a registered version again, and say whether the same model comes out; it ends with 4 where it does not.

        Example: dagger call reproduce --version champion export --path again
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, commit, trust=trust)
            outcome = await learn.reproduce(project, version, DataFlags(data, data_uri))
            told = json.loads(outcome.stdout) if outcome.stdout.startswith("{") else {}
            return Result(summarize([outcome], outcome.exit_code) | told, outcome.artifact)

        return await self._answer(work(), report_only)

    @always
    async def release(
        self,
        version: Version,
        repository: Annotated[str | None, Doc("Where the release goes: owner/name")] = None,
        api_url: Annotated[str | None, Doc("GitHub's API; https://HOST/api/v3 for GitHub Enterprise")] = None,
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Publish a registered version as a GitHub release, with the model, its metrics and its report.

        Example: dagger call release --version champion --repository octocat/loans export --path released
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri)
            outcome = await deliver.release(project, version, repository, api_url)
            told = json.loads(outcome.stdout) if outcome.exit_code == 0 else {}
            return Result(summarize([outcome], outcome.exit_code) | told, None)

        return await self._answer(work(), report_only)

    @always
    async def package(
        self,
        version: Version,
        private_key: PrivateKey = None,
        tracking_uri: TrackingUri = None,
        trust: Trust = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Make a registered version a bundle; what is given is the bundle alone, so that it verifies.

        Example: dagger call package --version champion export --path bundle
        """
        outcome: list[Outcome] = []

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, trust=trust)
            outcome.append(await deliver.package(project, version, private_key))
            return _told(outcome[0])

        answer = await self._answer(work(), report_only)
        green = outcome and outcome[0].exit_code == 0
        return (outcome[0].artifact or answer) if green else answer

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]
    async def image(
        self,
        version: Version = "champion",
        bundle: Bundle = None,
        challenger: Challengers = [],  # noqa: B006
        private_key: PrivateKey = None,
        tracking_uri: TrackingUri = None,
        trust: Trust = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
    ) -> dagger.Container:
        """Build docker/Dockerfile.serving with a bundle: the server's image.

        Example: dagger call image --version champion export --path image.tar
        """
        project = await self._project(overrides, tracking_uri, trust=trust)
        return await self._image(project, version, bundle, challenger, private_key)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]
    async def serve(
        self,
        version: Version = "champion",
        bundle: Bundle = None,
        challenger: Challengers = [],  # noqa: B006
        tracking_uri: TrackingUri = None,
        trust: Trust = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
    ) -> dagger.Service:
        """Serve a bundle over HTTP, from the image that would be delivered.

        Example: dagger call serve --version champion up --ports 8000:8000
        """
        project = await self._project(overrides, tracking_uri, trust=trust)
        container = await self._image(project, version, bundle, challenger)
        return container.as_service(use_entrypoint=True)

    @always
    async def deploy(
        self,
        env: Env,
        model_version: Annotated[
            str | None, Doc("A number, alias, run, release tag or latest, instead of the environment's own")
        ] = None,
        challenger: Annotated[list[str], Doc("Versions beside it, tried by flags alone")] = [],  # noqa: B006
        image: Annotated[str | None, Doc("The digest of an image that holds these versions' bundles")] = None,
        rebuild: Annotated[bool, Doc("Build an image also where one of the same bundles ran here before")] = False,
        plan: Annotated[bool, Doc("Only tell what would be done")] = False,
        private_key: PrivateKey = None,
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        commit: Commit = None,
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Put a registered version on an environment's target, smoke it, and roll back where it fails.

        The engine builds the image and pushes it, unless one is named or one of the same bundles is known.

        Example: dagger call deploy --env staging --plan export --path reports
        """
        argv = deliver.version_flags(model_version, challenger)

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, commit)
            if image is not None or plan:
                more = ["--plan"] if plan else []
                more += [] if image is None else ["--image", image]
                return _changed([await deliver.change_environment(project, "deploy", env, [*argv, *more], private_key)])
            published = await publish(project, env, [*argv, *(["--rebuild"] if rebuild else [])], private_key)
            if published.outcome.exit_code:
                return _changed([published.outcome])
            words = deliver.version_flags(published.versions[0], published.versions[1:])
            words += [] if published.image is None else ["--image", published.image]
            deployed = await deliver.change_environment(project, "deploy", env, words, private_key)
            return _changed([published.outcome, deployed])

        return await self._answer(work(), report_only)

    @always
    async def rollout(
        self,
        env: Env,
        action: Annotated[str | None, Doc("status, pause, resume or abort, instead of a look")] = None,
        model_version: Annotated[str, Doc("The champion: a number, alias, run, release tag or latest")] = "champion",
        challenger: Annotated[str | None, Doc("The same of the challenger (default: the settings')")] = None,
        again: Annotated[bool, Doc("Also where this challenger went back before")] = False,
        plan: Annotated[bool, Doc("Only tell what it would do, and what each step needs")] = False,
        image: Annotated[str | None, Doc("The digest of an image that holds both versions' bundles")] = None,
        private_key: PrivateKey = None,
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        commit: Commit = None,
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Begin a rollout of a challenger, or take the one that is under way on: one look, to be called on a schedule.

        Example: dagger call rollout --env staging export --path reports
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, commit)
            if action is not None:
                done = [await rolling.act_on(project, env, action)]
            else:
                wanted = rolling.Wanted(env, model_version, challenger, image, ["--again"] if again else [])
                done = await rolling.roll_out(project, wanted, private_key, plan=plan)
            last = done[-1]
            told = json.loads(last.stdout) if last.stdout.startswith("{") else {}
            return Result(summarize(done, last.exit_code) | told, last.artifact)

        return await self._answer(work(), report_only)

    @always
    async def rehearse(
        self,
        env: Env,
        model_version: Annotated[
            str | None, Doc("A number, alias, run, release tag or latest, instead of the environment's own")
        ] = None,
        challenger: Annotated[list[str], Doc("Versions beside it, tried by flags alone")] = [],  # noqa: B006
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Deliver with stand-ins for all that needs an account: object store, registry of images, ECS.

        Example: dagger call rehearse --env staging export --path reports
        """

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri)
            return await rehearsal.rehearse(project, env, deliver.version_flags(model_version, challenger))

        return await self._answer(work(), report_only)

    @always
    async def smoke(
        self,
        endpoint: Annotated[str | None, Doc("Where it answers (default: --served, or the environment's)")] = None,
        env: Annotated[str | None, Doc("Compare with the release that this environment runs")] = None,
        bundle: Annotated[list[dagger.Directory], Doc("Compare with these bundles: the champion's first")] = [],  # noqa: B006
        latency_ms: Annotated[float | None, Doc("The bound on the median answer")] = None,
        deadline: Annotated[float | None, Doc("Seconds for which what fails is asked again")] = None,
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Ask a running endpoint real questions; leaves junit.xml.

        Example: dagger call smoke --endpoint https://staging.example.com --env staging export --path reports
        """
        argv = []
        for flag, value in (("--latency-ms", latency_ms), ("--deadline", deadline)):
            argv += [] if value is None else [flag, str(value)]

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri)
            outcome = await deliver.smoke(project, endpoint, env, bundle, argv)
            told = json.loads(outcome.stdout) if outcome.stdout.startswith("{") else {}
            return Result(summarize([outcome], outcome.exit_code) | told, outcome.artifact)

        return await self._answer(work(), report_only)

    @always
    async def rollback(
        self,
        env: Env,
        private_key: PrivateKey = None,
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Go back to the release before: the flags first, then the release.

        Example: dagger call rollback --env staging export --path reports
        """
        return await self._change(
            "rollback", env, [], overrides, tracking_uri, private_key=private_key, report_only=report_only
        )

    @always
    async def flags(
        self,
        action: Annotated[str, Doc("show or set")],
        env: Env,
        new_model: Annotated[float | None, Doc("0 to 1: what the challenger answers")] = None,
        shadow: Annotated[float | None, Doc("0 to 1: what it sees besides")] = None,
        challenger_version: Annotated[str | None, Doc("Which of the challengers")] = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Show or set which requests a challenger gets; nothing is deployed.

        Example: dagger call flags --action show --env staging export --path reports
        """
        argv = [action]
        given = {"--new-model": new_model, "--shadow": shadow, "--challenger-version": challenger_version}
        for flag, value in given.items():
            argv += [] if value is None else [flag, str(value)]
        return await self._change("flags", env, argv, overrides, report_only=report_only)

    @always
    async def status(
        self,
        env: Env,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Tell what an environment runs, and what is known of its releases.

        Example: dagger call status --env staging export --path reports
        """
        return await self._change("status", env, [], overrides, report_only=report_only)

    @always
    async def batch(
        self,
        input: Annotated[dagger.Directory | None, Doc("What is scored, as a folder of the host's")] = None,  # noqa: A002
        input_uri: Annotated[str | None, Doc("Its s3:// address instead (default: the settings')")] = None,
        output_uri: Annotated[str | None, Doc("Where runs go: s3://bucket/prefix; into the result when absent")] = None,
        sample: Annotated[bool, Doc("Score the held-out rows that come with the model")] = False,
        run: Annotated[str | None, Doc("The run's name; that of an earlier one goes on (default: a new one)")] = None,
        model_version: Annotated[
            str | None, Doc("A number, alias, run, release tag or latest (default: champion)")
        ] = None,
        bundle: Annotated[dagger.Directory | None, Doc("What package wrote, instead of a version")] = None,
        batch_size: Annotated[int | None, Doc("Rows that the model scores at a time")] = None,
        max_rejects: Annotated[str | None, Doc("Rows that may be refused; below 1 a share of all")] = None,
        workers: Annotated[int | None, Doc("Processes that score (default: one a core)")] = None,
        memory: Annotated[str | None, Doc("What all of them may hold, as 500MB or 2GB")] = None,
        public_key: Annotated[dagger.File | None, Doc("The key (PEM) that the bundle is signed with")] = None,
        require_signature: Annotated[bool, Doc("Refuse a bundle without a valid signature")] = False,
        notify_success: Annotated[bool, Doc("Tell Slack also where all went well")] = False,
        tracking_uri: TrackingUri = None,
        trust: Trust = [],  # noqa: B006
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Score a data set with a registered version; started again with the same run, it goes on where it was.

        Example: dagger call batch --sample export --path reports
        """
        told = {
            "--run": run, "--model-version": model_version, "--batch-size": batch_size, "--max-rejects": max_rejects,
            "--workers": workers, "--memory": memory,
        }  # fmt: skip
        argv = [word for flag, value in told.items() if value not in {None, ""} for word in (flag, str(value))]
        switches = {"--sample": sample, "--require-signature": require_signature, "--notify-success": notify_success}
        argv += [flag for flag, given in switches.items() if given]

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, trust=trust)
            scored = watch.Scored(input, input_uri, output_uri, bundle, public_key)
            outcome = await watch.batch(project, scored, argv)
            record = json.loads(outcome.stdout) if outcome.exit_code == 0 else {}
            return Result(summarize([outcome], outcome.exit_code) | record, outcome.artifact)

        return await self._answer(work(), report_only)

    @always
    async def monitor(
        self,
        predictions: Annotated[dagger.Directory | None, Doc("The prediction log, as a folder of the host's")] = None,
        predictions_uri: Annotated[str | None, Doc("Its s3:// address instead (default: the settings')")] = None,
        ground_truth: Annotated[dagger.Directory | None, Doc("The labels, as a folder of the host's")] = None,
        ground_truth_uri: Annotated[str | None, Doc("Their s3:// address instead")] = None,
        baseline: Annotated[dagger.File | None, Doc("A baseline.json (default: the live champion's)")] = None,
        since: Annotated[str | None, Doc("ISO 8601, or 24h, 7d ago (default: 24h)")] = None,
        until: Annotated[str | None, Doc("ISO 8601, or how long ago (default: now)")] = None,
        released: Annotated[str | None, Doc("When the live release was put there, for a rollback")] = None,
        strict: Annotated[bool, Doc("End with 5 where there are too few labels")] = False,
        check_data: Annotated[bool, Doc("Where something fails, check the settings' data on s3://")] = False,
        act: Annotated[bool, Doc("Do what was decided: issue, retraining, rollback, Slack")] = False,
        repository: Annotated[str | None, Doc("Where the issue goes and what trains again: owner/name")] = None,
        tracking_uri: TrackingUri = None,
        overrides: Overrides = [],  # noqa: B006
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Watch a live model: drift, performance, a dashboard, a decision; and with --act, do what was decided.

        Example: dagger call monitor --predictions .modelway/log export --path reports
        """
        argv = ["--strict"] if strict else []
        argv += ["--check-data" if check_data else "--no-check-data"]
        for flag, value in (
            ("--since", since), ("--until", until), ("--released", released), ("--repository", repository)
        ):  # fmt: skip
            argv += [flag, value] if value else []

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri)
            watched = watch.Watched(predictions, predictions_uri, ground_truth, ground_truth_uri, baseline)
            outcome = await watch.monitor(project, watched, argv, act=act)
            return Result(summarize([outcome], outcome.exit_code), outcome.artifact)

        return await self._answer(work(), report_only)

    @always
    async def lock_images(
        self,
        releases: Annotated[
            dagger.File | None, Doc("What endoflife.date's API answers for Python (default: request it)")
        ] = None,
        report_only: ReportOnly = False,
    ) -> dagger.Directory:
        """Look up the digests of the base images and the latest releases of Python; gives base_images.lock.

        Example: dagger call lock-images export --path reports
        """

        async def work() -> Result:
            refreshed = await lock_images.refresh(self.modelway, releases)
            return Result(summarize([], 0) | {"changed": list(refreshed.changed)}, refreshed.directory)

        return await self._answer(work(), report_only)

    async def _image(
        self,
        project: Project,
        version: str,
        bundle: dagger.Directory | None,
        challengers: list[dagger.Directory],
        private_key: dagger.Secret | None = None,
    ) -> dagger.Container:
        trusted = {*project.settings.trusted, *project.trusted}
        if bundle is None:
            outcome = await deliver.package(project, version, private_key)
            if outcome.artifact is None:
                return deliver.no_image(images.base(project.workshop), outcome)
            bundle = outcome.artifact
            trusted = {*trusted, *json.loads(outcome.stdout)["trusted"]}
        built = await deliver.image(project, bundle, challengers, trusted=sorted(trusted))
        return await deliver.with_settings(project, built)

    async def _change(
        self,
        command: str,
        environment: str,
        argv: list[str],
        overrides: list[str],
        tracking_uri: dagger.Secret | None = None,
        commit: str | None = None,
        *,
        private_key: dagger.Secret | None = None,
        report_only: bool,
    ) -> dagger.Directory:
        """Run a command of an environment; its record becomes a part of the summary."""

        async def work() -> Result:
            project = await self._project(overrides, tracking_uri, commit)
            return _changed([await deliver.change_environment(project, command, environment, argv, private_key)])

        return await self._answer(work(), report_only)

    async def _part(
        self, part: str, work: Callable[[Project], Awaitable[Outcome]], overrides: list[str], report_only: bool
    ) -> dagger.Directory:
        """Run one part of ci."""

        async def alone() -> Result:
            project = await self._project(overrides)
            ended = [await check.run_alone(part, lambda: work(project))]
            record = record_of(ended, {})
            return Result(record, directory_of(ended), table_of(ended, record))

        return await self._answer(alone(), report_only)

    def _checkout(self, workspace: dagger.Workspace) -> Checkout:
        return Checkout(workspace, self.source, SENT)

    async def _project(
        self,
        overrides: list[str],
        tracking_uri: dagger.Secret | None = None,
        commit: str | None = None,
        commit_time: str | None = None,
        trust: Sequence[str] = (),
    ) -> Project:
        if await self.source.exists(OURS):
            # The default of a source is the module's own repository, not the caller's (dagger#12986, #13018): whoever
            # forgets --source would train our sample.
            await self._checkout(dag.current_workspace()).refuse_elsewhere()
        settings = Settings(self.config, await self._settings_text(), tuple(overrides))
        outside = Outside(
            self.mlflow,
            self.s3,
            {
                "MLFLOW_TRACKING_USERNAME": self.mlflow_username,
                "MLFLOW_TRACKING_PASSWORD": self.mlflow_password,
                "MLFLOW_TRACKING_TOKEN": self.mlflow_token,
            },
            {
                "AWS_ACCESS_KEY_ID": self.aws_access_key_id,
                "AWS_SECRET_ACCESS_KEY": self.aws_secret_access_key,
                "AWS_SESSION_TOKEN": self.aws_session_token,
            },
            self.github,
            self.github_token,
            self.slack_webhook,
            self.run_url,
            self.ecs,
            self.registry,
            {"MODELWAY_REGISTRY_USER": self.registry_user, "MODELWAY_REGISTRY_TOKEN": self.registry_token},
            self.kubeconfig,
            self.served,
            self.github_api_url,
        )
        workshop = await self._workshop(settings)
        uri = await usable_uri(tracking_uri)
        return Project(
            self.source, settings, workshop, outside, uri, commit, commit_time, tuple(trust), self.source_url
        )

    async def _settings_text(self) -> str:
        if not await self.source.exists(self.config):
            raise RefusalError(
                2, f"{self.config}: there is no such settings file in the source; name one with --config"
            )
        return await self.source.file(self.config).contents()

    async def _workshop(self, settings: Settings) -> images.Workshop:
        workshop = images.Workshop(
            self.modelway, self.python, self.base_image, self.uv_image, await given(self.index_url), self.ca,
            digests=await self._digests(),
        )  # fmt: skip
        beside = posixpath.join(settings.folder, "requirements.lock")
        if not await self.source.exists(beside):
            return workshop
        # The one beside the settings is the user's own, unless it is modelway's, as in modelway's own repository.
        lock = self.source.file(beside)
        ours = await self.modelway.file("requirements.lock").digest(exclude_metadata=True)
        own = None if await lock.digest(exclude_metadata=True) == ours else lock
        return replace(workshop, own_lock=own, project_lock=lock)

    async def _digests(self) -> dict[str, str]:
        return images.read_digests(await self.modelway.file(images.LOCK).contents())

    async def _answer(self, work: Awaitable[Result], report_only: bool) -> dagger.Directory:
        try:
            result = await work
        except (RefusalError, ExceptionGroup) as error:
            result = Result(refused(only_refusal(error)), None)
        # What prints the refusal of a Python version can't be that version's image.
        python = self.python if self.python in images.PYTHON else images.Workshop.python
        digests = await self._digests()
        base = images.base(images.Workshop(self.modelway, python, self.base_image, ca=self.ca, digests=digests))
        return conclude(base, result.record, result.artifact, report_only=report_only, shown=result.shown)


def _alone(outcome: Outcome) -> Result:
    return Result(summarize([outcome], outcome.exit_code), outcome.artifact)


def _changed(outcomes: list[Outcome]) -> Result:
    """What a command of an environment told last becomes a part of the summary."""
    last = outcomes[-1]
    told = json.loads(last.stdout) if last.exit_code == 0 else {}
    return Result(summarize(outcomes, last.exit_code) | told, None)


def _told(outcome: Outcome) -> Result:
    told = outcome.stdout if outcome.exit_code == 0 else None
    return Result(summarize([outcome], outcome.exit_code, registration=told), outcome.artifact)
