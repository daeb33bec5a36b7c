"""Train and score as a Kubeflow pipeline (KFP 2): `python retrain.py` compiles it to retrain.yaml.

The image holds your project with its lock: modelway with its `package` extra, `modelway.yaml`, your modules. Data,
registry and predictions lie where pods reach them (`s3://`, an MLflow server: docs/accounts.md). Secrets come in by
`kubernetes.use_secret_as_env` of kfp-kubernetes, or by their ServiceAccount.

KFP tries again whatever fails, so a step fails by itself only where that helps; the other codes are handed on, and a
last step ends with them.
"""

import sys

from kfp import compiler, dsl

IMAGE = "ghcr.io/octocat/loans-training:latest"
PROJECT = "/project"
# 0 done, 5 not enough evidence, and what would end the same way again are handed on; 1, 6 and kills fail the step.
RUN = (
    f'cd {PROJECT} && code=0; result=$1; shift; modelway "$@" || code=$?; '
    'mkdir -p "$(dirname "$result")"; echo "$code" > "$result"; case $code in 0|2|3|4|5|7) ;; *) exit "$code" ;; esac'
)


@dsl.container_component
def train(data: str, epochs: int, code: dsl.OutputPath(int)) -> dsl.ContainerSpec:  # type: ignore[valid-type]
    """Prepare, fit, evaluate, register: one step, since the parts hand on directories."""
    argv = ["train", "--data", data, "--epochs", epochs, "--output-dir", "model-artifacts"]
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", RUN, "modelway"], args=[code, *argv])


@dsl.container_component
def score(data: str, output: str, run: str, code: dsl.OutputPath(int)) -> dsl.ContainerSpec:  # type: ignore[valid-type]
    """The run's name makes a second try go on where the first one was."""
    argv = ["batch", "--input", data, "--output", output, "--run", run]
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", RUN, "modelway"], args=[code, *argv])


@dsl.container_component
def end(code: int) -> dsl.ContainerSpec:
    """Ends as the command did, and is not tried again."""
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'exit "$1"', "end"], args=[code])


@dsl.pipeline(name="retrain", description="Train, and score with what passed its gates.")
def retrain(data: str, new_data: str, predictions: str, epochs: int = 100) -> None:
    """A model that passed scores; 5 (not enough evidence) ends well with nothing more; 4 ends red."""
    trained = train(data=data, epochs=epochs).set_retry(num_retries=2, backoff_duration="60s")
    trained.set_caching_options(enable_caching=False)  # what lies at an address can change
    with dsl.If(trained.outputs["code"] == 0, name="passed"):
        scored = score(data=new_data, output=predictions, run=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
        scored.set_retry(num_retries=2, backoff_duration="60s").set_caching_options(enable_caching=False)
        with dsl.If(scored.outputs["code"] != 0, name="scoring-ended-badly"):
            end(code=scored.outputs["code"]).set_caching_options(enable_caching=False)
    with dsl.Elif(trained.outputs["code"] != 5, name="training-ended-badly"):
        end(code=trained.outputs["code"]).set_caching_options(enable_caching=False)


if __name__ == "__main__":
    compiler.Compiler().compile(retrain, sys.argv[1] if len(sys.argv) > 1 else "retrain.yaml")
