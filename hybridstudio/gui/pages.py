"""What the window is made of: its panels, which of them share a page, and who does their work."""

from __future__ import annotations

import importlib

from hybridstudio.gui.anatomy import Panel
from hybridstudio.messages import (
    Augment,
    Browse,
    Chances,
    Decode,
    Directions,
    Draw,
    Encode,
    Fields,
    Neighbours,
    Noise,
    Place,
    Probe,
    Race,
    Repeat,
    Score,
    Sheets,
    Sweep,
)

TRAINING = 250  # ms between looks at what the training tells: each costs it a little

# All panels in order: their titles and classes, each in the module of panels/ that has its name,
# which is loaded only when the panel is built. One that is no view of another's page has its own.
PANELS: dict[str, tuple[str, str]] = {
    "welcome": ("Welcome", "WelcomePanel"),
    "setup": ("New run", "SetupPanel"),
    "train": ("Train", "TrainPanel"),
    "denoise": ("Denoise", "DenoisePanel"),
    "branches": ("Branches", "BranchesPanel"),
    "race": ("Race", "RacePanel"),
    "handover": ("Hand-over", "HandoverPanel"),
    "bigsteps": ("Big steps", "BigStepsPanel"),
    "particles": ("Particles", "ParticlesPanel"),
    "latent": ("Latent", "LatentPanel"),
    "latentwalk": ("Walk", "LatentWalkPanel"),
    "latentmath": ("Arithmetic", "LatentMathPanel"),
    "latentpair": ("Two models", "LatentPairPanel"),
    "trilemma": ("Trilemma", "TrilemmaPanel"),
    "scores": ("Scores", "ScoresPanel"),
    "compare": ("Compare", "ComparePanel"),
    "data": ("Data", "DataPanel"),
}
# Panels that share a page with others, by the first of them; its title is the page's.
VIEWS: dict[str, tuple[str, ...]] = {
    "denoise": ("branches", "race", "handover", "bigsteps", "particles"),
    "latent": ("latentwalk", "latentmath", "latentpair"),
    "trilemma": ("scores",),
}
# The lane that does each kind of work; within a lane the newest request wins.
WORK: dict[type, str] = {
    Draw: "interactive",
    Race: "interactive",
    Chances: "interactive",
    Fields: "interactive",
    Decode: "interactive",
    Sheets: "interactive",
    Encode: "finding",
    Directions: "finding",
    Place: "placing",
    Neighbours: "comparing",  # beside a search of the same page, which goes on
    Score: "scoring",
    Sweep: "scoring",
    Repeat: "scoring",
    Browse: "looking",
    Noise: "looking",
    Augment: "looking",
    Probe: "estimating",
}


def pages() -> dict[str, tuple[str, ...]]:
    """Return the panels that share each page, by the name of its first."""
    shared = {name for names in VIEWS.values() for name in names}
    return {name: (name, *VIEWS.get(name, ())) for name in PANELS if name not in shared}


def title(name: str) -> str:
    """Return what a panel is called."""
    return PANELS[name][0]


def kind(name: str) -> type[Panel]:
    """Return a panel's class; its module is loaded now, if it was not before."""
    module = importlib.import_module(f"hybridstudio.gui.panels.{name}")
    found: type[Panel] = getattr(module, PANELS[name][1])
    return found
