"""The containers that are built, without building them: the SDK's lazy objects compare by value."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from dagger import dag

from modelway_ci import images
from modelway_ci.refusal import RefusalError
from modelway_ci.stage import never_cached


def test_the_same_inputs_give_the_same_container(workshop):
    for stage in images.ROOMS:
        assert images.stage_container(workshop, stage) == images.stage_container(workshop, stage)


@pytest.mark.parametrize("change", [{"python": "3.12"}, {"base_image": "mirror/python"}, {"uv_image": "mirror/uv"}])
def test_each_choice_of_images_counts(workshop, change):
    assert images.stage_container(replace(workshop, **change), "fit") != images.stage_container(workshop, "fit")


def test_the_base_image_follows_the_python_version(workshop):
    assert images.base(workshop) == dag.container().from_(images.PYTHON["3.11"])
    assert images.base(replace(workshop, base_image="mine")) == dag.container().from_("mine")
    assert all(image.startswith(f"python:{version}.") for version, image in images.PYTHON.items())


def test_modelways_own_images_are_pinned_by_the_locks_digests_and_no_others(workshop):
    digest = f"sha256:{'a' * 64}"
    lock = json.dumps({"images": {images.PYTHON["3.11"]: digest, images.UV: digest, images.PYTHON["3.12"]: None}})
    pinned = replace(workshop, digests=images.read_digests(lock))
    assert images.base(pinned) == dag.container().from_(f"{images.PYTHON['3.11']}@{digest}")
    assert images.base(replace(pinned, python="3.12")) == dag.container().from_(images.PYTHON["3.12"])
    assert images.base(replace(pinned, base_image="mine")) == dag.container().from_("mine")
    assert pinned.uv_reference == f"{images.UV}@{digest}"
    assert replace(pinned, uv_image="mine/uv").uv_reference == "mine/uv"


def test_an_unknown_python_version_names_the_known_ones(workshop):
    with pytest.raises(RefusalError, match=r"known are 3\.11, 3\.12, 3\.13") as caught:
        images.base(replace(workshop, python="2.7"))
    assert caught.value.exit_code == 2


def test_the_users_own_packages_are_for_the_stages_that_see_the_users_code(workshop):
    own = replace(workshop, own_lock=dag.directory().file("requirements.lock"))
    differing = {
        stage for stage in images.ROOMS if images.stage_container(own, stage) != images.stage_container(workshop, stage)
    }
    # Who deploys, or watches and rolls back, packages anew: the model is loaded, and with it what it is made of.
    packing = {"package", "deploy", "monitor"}
    assert differing == {"fit", "evaluate", "check-code", "test", "smoke-train", "batch", "reproduce"} | packing


def test_packages_of_the_project_are_found_where_they_lie(workshop):
    found = images.stage_container(workshop, "test", paths=("/work/source/src",))
    assert found != images.stage_container(workshop, "test")
    assert found != images.stage_container(workshop, "test", paths=("/work/source/other/src",))


def test_every_lock_is_there(root):
    named = {name for stage in images.ROOMS for name in images._LOCKS.get(stage, (stage,))}
    assert not [name for name in named if not (root / "ci" / "locks" / f"{name}.lock").is_file()]


def test_registering_and_pulling_share_their_packages(workshop):
    assert images.stage_container(workshop, "pull") == images.stage_container(workshop, "register")


def test_what_is_never_cached_differs_each_time():
    container = dag.container()
    assert never_cached(container) != never_cached(container)
