"""A run is a folder: this is its format, for reading and for writing, without torch.

    run.toml         the config, resolved
    metrics.jsonl    one record a line, only ever appended to
    scores.jsonl     one score a line, with all that is needed to repeat it
    best.json        which checkpoint got the smallest Fréchet distance while it trained
    previews/        step-00000500.png
    checkpoints/     step-00000500/, written by the engine
    quarantine/      checkpoints that were found damaged
    control/         words for a training: save, stop, pause
    run.lock         who trains it now
    card.json        what a model that ships recorded about itself

Whoever shows a run only reads this folder, so a training in this process, in another one or on a
cluster looks the same.
"""

from hybridstudio.runs.folder import (
    Run,
    checkpoint_path,
    checkpoint_steps,
    create,
    find,
    listing,
    new_path,
    preview_path,
    previews,
    read,
    rewrite,
    step_of,
)
from hybridstudio.runs.locking import Holder, holder, lock
from hybridstudio.runs.log import MetricsLog
from hybridstudio.runs.reader import MetricsReader, Series
from hybridstudio.runs.scores import keep_score, loose_scores, record_best, record_score, scores
from hybridstudio.runs.words import is_paused, post, steps_of, taken, withdraw

__all__ = [
    "Holder", "MetricsLog", "MetricsReader", "Run", "Series", "checkpoint_path",
    "checkpoint_steps", "create", "find", "holder", "is_paused", "keep_score", "listing", "lock",
    "loose_scores", "new_path", "post", "preview_path", "previews", "read", "record_best",
    "record_score", "rewrite", "scores", "step_of", "steps_of", "taken", "withdraw",
]
