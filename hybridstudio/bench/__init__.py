"""Measurements on the user's own machine: every figure is a ratio, or names the machine.

`hybridstudio bench NAME` runs one of them in a process of its own. They may open the window, train
and draw, so they stand above everything else and nothing imports them.
"""
