"""Opening a path in the window: a run, a config, a data set, a picture with or without settings.

Pages are loaded here only when something is opened on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridstudio import runs
from hybridstudio.config import DataConfig
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import drops
from hybridstudio.gui.wishes import Compare, Paint, SetUp
from hybridstudio.messages import Notice

if TYPE_CHECKING:
    from hybridstudio.gui.window import Window


def open_path(window: Window, path: Path) -> None:
    """Show what lies at a path on the page it belongs to; starts and overwrites nothing."""
    from hybridstudio.gui.panels.data import DataPanel
    from hybridstudio.gui.panels.denoise import DenoisePanel
    from hybridstudio.gui.panels.setup import SetupPanel

    try:
        found = drops.told(path)
    except (StudioError, OSError) as error:
        window.tell(translate(error))
        return
    if found.kind == "run":
        window.open_run(found.path)
    elif found.kind == "config":
        window.show_page("setup")
        window.panel(SetupPanel).open_file(found.path)
    elif found.kind == "data":
        window.show_page("data")
        window.panel(DataPanel).open(DataConfig(name=found.name))
    elif found.settings is not None:
        _restore(window, found.settings)
    else:
        window.show_page("denoise")
        window.panel(DenoisePanel).start_from(found.path)


def prepare(window: Window, wish: SetUp | Compare | Paint) -> None:
    """Show a page with what is to be worked on there."""
    from hybridstudio.gui.panels.compare import ComparePanel
    from hybridstudio.gui.panels.data import DataPanel
    from hybridstudio.gui.panels.setup import SetupPanel

    match wish:
        case SetUp(config):
            window.panel(SetupPanel).set_config(config)
            window.show_page("setup")
        case Compare(run):
            window.panel(ComparePanel).add(run)
            window.show_page("compare")
        case Paint():
            window.show_page("data")
            window.panel(DataPanel).start_painting()


def restore_drawing(window: Window, settings: Mapping[str, Any]) -> None:
    """Let the page Denoise take up the settings of a drawing."""
    from hybridstudio.gui.panels.denoise import DenoisePanel

    window.panel(DenoisePanel).restore(dict(settings))


def _restore(window: Window, settings: dict[str, Any]) -> None:
    """Bring back how a picture of ours was made, with its run where that is known."""
    from hybridstudio.gui.latenttold import view_told
    from hybridstudio.gui.latentview import LatentView

    name = str(settings.get("run", ""))
    try:
        window.choose(runs.find(name))
    except StudioError:
        if window.run is None:
            window.tell(Notice(f"The run {name} of this picture is not here", "",
                               "choose a run in the library, then drop the picture again",
                               "warning"))
            return
    if "space" in settings:  # of codes
        name = view_told(settings)
        window.show_page(name)
        view = window.panels[name]
        assert isinstance(view, LatentView)
        view.restore(settings)
        return
    window.show_page("denoise")
    restore_drawing(window, settings)
