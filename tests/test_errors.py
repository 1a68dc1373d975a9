import errno
import json

import pytest

from hybridstudio.errors import ConfigError, Problem, StudioError, UsageError, translate


def test_a_studio_error_tells_what_why_and_how_to_mend_it():
    error = StudioError("It broke", "it was old", "buy a new one")
    assert str(error) == "It broke\nit was old\nbuy a new one"
    assert error.exit_code == 1
    assert UsageError("No").exit_code == 2


def test_a_config_error_lists_every_problem():
    error = ConfigError([Problem("train.lr", "too small"), Problem("data.nam", "no such field",
                                                                    "did you mean data.name?")])
    assert error.what == "the config has 2 problems"
    assert error.why.splitlines() == [
        "train.lr: too small", "data.nam: no such field (did you mean data.name?)"]
    assert error.exit_code == 2
    assert ConfigError([Problem("a", "b")], "x.toml").what == "x.toml has one problem"


def test_a_studio_error_is_translated_to_itself():
    error = UsageError("No")
    assert translate(error) is error


@pytest.mark.parametrize(("number", "why"), [
    (errno.ENOSPC, "the disk is full"),
    (errno.EROFS, "the file system is read-only"),
    (errno.EACCES, "permission was denied"),
    (errno.ENOENT, "it does not exist"),
])
def test_system_errors_name_file_cause_and_remedy(number, why):
    told = translate(OSError(number, "words of the system", "runs/a/metrics.jsonl"))
    assert told.what == "Could not use runs/a/metrics.jsonl"
    assert told.why == why
    assert told.fix
    assert "OSError" in told.detail or "Error" in told.detail


def test_an_unknown_system_error_keeps_the_systems_words():
    told = translate(OSError(errno.EXDEV, "Invalid cross-device link", "a"))
    assert told.why == "Invalid cross-device link"


@pytest.mark.parametrize("error", [
    MemoryError(),
    MemoryError("Unable to allocate 4 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried 2 GiB\nmore"),
])
def test_running_out_of_memory_suggests_less(error):
    told = translate(error)
    assert told.what == "There is not enough memory for this"
    assert "train.batch_size" in told.fix
    assert "\n" not in told.why


def test_a_lost_gpu_offers_to_resume_without_it():
    told = translate(RuntimeError("CUDA error: device-side assert triggered\nCompile with ..."))
    assert told.what == "The GPU stopped answering"
    assert "resume" in told.fix
    assert translate(type("AcceleratorError", (RuntimeError,), {})()).what == told.what


def test_bad_text_and_json_are_told_as_such():
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert translate(caught.value).what == "A file could not be read as text"
    with pytest.raises(UnicodeDecodeError) as bad:
        b"\xff".decode()
    assert translate(bad.value).what == "A file could not be read as text"


def test_any_other_error_keeps_its_words_and_its_traceback():
    def fail() -> None:
        raise KeyError("unet")

    with pytest.raises(KeyError) as caught:
        fail()
    told = translate(caught.value)
    assert "unet" in told.what
    assert told.why == "KeyError"
    assert "in fail" in told.detail
