"""Between the queue and the window: who lets its trainings through, and who tells it of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hybridstudio.errors import StudioError, translate
from hybridstudio.gui.wishes import Open
from hybridstudio.messages import Notice

if TYPE_CHECKING:
    from hybridstudio.gui.panels.compare import ComparePanel
    from hybridstudio.gui.queue import Queue
    from hybridstudio.gui.window import Window


def connect(window: Window) -> None:
    """Let the queue use the window's training lane whenever that is free."""
    queue, lane = _panel(window).queue, window.training
    queue.wanted.connect(lambda request: _begin(window, queue, request))
    queue.failed.connect(lambda error: window.tell(translate(error)))
    lane.told.connect(queue.on_event)
    lane.failed.connect(queue.on_failed)
    lane.state_changed.connect(lambda state: _on_state(queue, state))


def offer(window: Window) -> None:
    """Take up what was queued when the window closed, and say so; nothing begins by itself."""
    queue = _panel(window).queue
    queue.load()
    if queue.waits:
        many = "One training waits" if queue.waits == 1 else f"{queue.waits} trainings wait"
        window.banner.tell(Notice(f"{many} in the queue", "They were queued before; nothing has "
                                  "begun"), ("Show the queue", lambda: window.ask(Open("compare"))))


def _panel(window: Window) -> ComparePanel:
    from hybridstudio.gui.panels.compare import ComparePanel  # the page that shows the queue

    return window.panel(ComparePanel)


def _begin(window: Window, queue: Queue, request: Any) -> None:
    if window.training.busy:
        queue.refused()
        return
    try:
        window.begin(request)
    except StudioError as error:
        queue.on_failed(error)
        window.tell(error)


def _on_state(queue: Queue, state: str) -> None:
    if state == "stopping":  # by hand, or as the window closes: nothing else begins
        queue.hold()
    elif state == "idle":
        queue.on_rest()
