import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridstudio import config as configs
from hybridstudio.config import RunConfig, assignment, leaves, loads, value_at, with_values
from hybridstudio.errors import ConfigError, UsageError


def problems(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_the_default_config_round_trips_through_toml():
    config = RunConfig()
    assert loads(configs.dumps(config)) == config


def test_a_changed_config_round_trips_through_toml():
    config = with_values(RunConfig(), {
        "name": "Ziffern «ä» \"x\"", "data.size": 32, "data.channels": 3,
        "data.classes": ("cat", "dog, big"), "model.attention": (16,), "train.lr": 1.25e-05,
        "train.betas": (0.5, 0.9), "model.labels": True, "says": "line\nbreak"})
    assert loads(configs.dumps(config)) == config


@given(st.floats(min_value=1e-300, max_value=1.0, exclude_min=True))
def test_every_float_round_trips_exactly(lr):
    config = with_values(RunConfig(), {"train.lr": lr})
    assert loads(configs.dumps(config)).train.lr == lr


@given(st.text(min_size=1, max_size=100))
def test_every_name_round_trips(name):
    config = RunConfig(name=name)
    try:
        text = configs.dumps(config)
        text.encode()
    except UnicodeEncodeError:  # lone surrogates are no text that a file can hold
        return
    assert loads(text).name == name


def test_all_faults_are_told_at_once_with_their_paths_and_suggestions():
    told = problems("""
        [train]
        lr = -1.0
        batch_sizes = 3
        [model]
        predict = "noise"
        [data]
        flip = "maybe"
    """)
    assert set(told) == {"train.lr", "train.batch_sizes", "model.predict", "data.flip"}
    assert "did you mean train.batch_size?" in told["train.batch_sizes"]
    assert "not -1.0" in told["train.lr"]
    assert "'eps', 'x0' or 'v'" in told["model.predict"]


def test_a_field_of_the_own_family_is_suggested_first():
    hybrid = configs.parse({"model": {"family": "hybrid"}})
    with pytest.raises(ConfigError) as caught:
        with_values(hybrid, {"model.latents": 3})
    assert "did you mean model.latent?" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        with_values(RunConfig(), {"model.coarse_stepps": 3})  # another family's, where none is near
    assert "did you mean model.coarse_steps?" in str(caught.value)


def test_not_a_number_is_refused():
    assert set(problems("[train]\nlr = nan\nema = inf")) == {"train.lr", "train.ema"}
    assert not math.isnan(RunConfig().train.lr)


def test_a_size_that_the_levels_cannot_halve_is_refused():
    told = problems("[data]\nsize = 30\n[model]\nchannel_mult = [1, 2, 4]")
    assert "multiple of 4" in told["data.size"]


def test_bad_syntax_is_one_problem():
    assert "TOML" in problems("[train\nlr = 1")


def test_a_newer_schema_says_to_update():
    told = problems("schema_version = 99")
    assert "newer" in told["schema_version"]
    assert "update HybridStudio" in told["schema_version"]


def test_files_of_other_encodings_and_sizes_are_refused(tmp_path):
    for raw, word in ((b"\xff\xfe\x00", "UTF-16"), (b"name = '\xff'", "not UTF-8"),
                      (b"#" * (configs.MAX_BYTES + 1), "larger than 1 MB")):
        file = tmp_path / "x.toml"
        file.write_bytes(raw)
        with pytest.raises(ConfigError) as caught:
            configs.load(file)
        assert word in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfname = 'marked'")
    assert configs.load(file).name == "marked"


def test_changes_are_checked_all_together():
    with pytest.raises(ConfigError) as caught:
        with_values(RunConfig(), {"trian.lr": 1, "model.width": 3, "train": 1})
    assert {problem.path for problem in caught.value.problems} == {
        "trian.lr", "train", "model.width"}
    assert "did you mean train.lr?" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        with_values(RunConfig(), {"model.width": 3, "train.lr": "fast"})
    assert {problem.path for problem in caught.value.problems} == {"model.width", "train.lr"}


def test_a_config_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().train.lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(("text", "value"), [
    ("train.lr=0.001", 0.001),
    ("train.lr = 1e-4", 1e-4),
    ("data.flip=true", True),
    ("data.name=mnist", "mnist"),
    ("data.name=folder:/a b/c", "folder:/a b/c"),
    ("model.channel_mult=[1, 2, 4]", [1, 2, 4]),
    ("data.size=", None),
    ("data.size=none", None),
    ('name="none"', "none"),
    ("name=a=b", "a=b"),
])
def test_assignments_are_read_as_toml_or_as_text(text, value):
    assert assignment(text) == (text.partition("=")[0].strip(), value)


@pytest.mark.parametrize("text", ["train.lr", "=3", " = 3"])
def test_an_assignment_needs_a_name_and_a_value(text):
    with pytest.raises(UsageError):
        assignment(text)


def test_leaves_tell_all_that_a_form_needs():
    found = {leaf.path: leaf for leaf in leaves(RunConfig)}
    assert found["data.size"].optional
    assert found["data.size"].unit == "pixels"
    assert found["data.size"].limits == {"ge": 1, "le": 256}
    assert found["model.predict"].choices == ("eps", "x0", "v")
    assert found["data.channels"].choices == (1, 2, 3)
    assert found["train.lr"].default == 2e-4
    assert found["model.width"].limits["multiple_of"] == 8


def test_every_leaf_is_explained_in_a_sentence_and_can_be_read():
    for leaf in leaves(RunConfig):
        assert leaf.says.endswith("."), leaf.path
        assert value_at(RunConfig(), leaf.path) == leaf.default, leaf.path


def test_leaves_of_a_config_are_those_of_its_class():
    assert [leaf.path for leaf in leaves(RunConfig())] == [leaf.path for leaf in leaves(RunConfig)]


def test_an_unresolved_shape_says_what_to_do():
    with pytest.raises(UsageError, match="how large"):
        _ = RunConfig().shape
    config = with_values(RunConfig(), {"data.size": 32, "data.channels": 3})
    assert config.shape == (3, 32, 32)
