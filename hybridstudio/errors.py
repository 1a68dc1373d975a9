"""The one error that users see (what, why, how to mend it), and the translation into it."""

from __future__ import annotations

import errno
import json
import traceback
from dataclasses import dataclass


class StudioError(Exception):
    """A failure told for a user: what happened, why, and how to mend it.

    `detail` is text to copy into a report (a traceback, a path); `exit_code` is what the command
    line returns: 1 failed, 2 a mistake in what was asked.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", fix: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix, self.detail = what, why, fix, detail

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.fix) if part)


class UsageError(StudioError):
    """What was asked cannot be meant: a name that does not exist, values that clash."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One fault in a config: the dotted path of its field, what is wrong, how to mend it."""

    path: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" + (f" ({self.fix})" if self.fix else "")


class ConfigError(UsageError):
    """Every fault of a config at once; `problems` names each with its path."""

    def __init__(self, problems: list[Problem], source: str = "the config") -> None:
        many = f"{len(problems)} problems" if len(problems) > 1 else "one problem"
        super().__init__(f"{source} has {many}", "\n".join(str(problem) for problem in problems))
        self.problems = problems


# Why an operating system call failed, and what a user can do about it.
_SYSTEM = {
    errno.ENOSPC: ("the disk is full", "free some space, then try again"),
    errno.EDQUOT: ("your disk quota is used up", "free some space, then try again"),
    errno.EROFS: ("the file system is read-only", "choose another folder with --out or --runs"),
    errno.EACCES: ("permission was denied", "choose a folder that you may write to"),
    errno.EPERM: ("the operation is not permitted", "choose a folder that you own"),
    errno.EIO: ("the disk reported an input/output error", "check the disk; save elsewhere"),
    errno.ENOENT: ("it does not exist", "check the path"),
    errno.EMFILE: ("too many files are open", "close other programs, then try again"),
    errno.ENAMETOOLONG: ("the path is too long", "choose a shorter name or folder"),
}


_NO_MEMORY = ("can't allocate", "not enough memory", "out of memory")  # Linux, Windows, devices


def translate(error: BaseException) -> StudioError:
    """Tell any exception as a StudioError; known causes (system, memory, CUDA) get a remedy.

    JSON and Unicode errors, running out of memory on any device, and operating system errors are
    recognised; anything else keeps its own words, with its traceback as the detail.
    """
    if isinstance(error, StudioError):
        return error
    detail = "".join(traceback.format_exception(error))
    kind, text = type(error).__name__, str(error)
    first = text.partition("\n")[0]
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or (
            any(words in text for words in _NO_MEMORY)):
        return StudioError(
            "There is not enough memory for this",
            first or "an allocation was refused",
            "use a smaller batch (train.batch_size), a smaller picture (data.size) or fewer images",
            detail,
        )
    if "CUDA error" in text or kind == "AcceleratorError":
        return StudioError(
            "The GPU stopped answering", first or kind,
            "resume the run: its last checkpoint is safe; --device cpu works without the GPU",
            detail,
        )
    if isinstance(error, OSError) and error.errno is not None:
        why, fix = _SYSTEM.get(error.errno, (error.strerror or text, "check the path and the disk"))
        name = error.filename if error.filename is not None else "a file"
        return StudioError(f"Could not use {name}", why, fix, detail)
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return StudioError("A file could not be read as text", text, "check the file", detail)
    return StudioError(
        f"Something went wrong: {text or kind}", kind, "copy the detail into a report", detail)
