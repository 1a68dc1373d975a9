"""The panels, one file each; every one runs alone: `python -m hybridstudio.gui.panels.NAME`."""
