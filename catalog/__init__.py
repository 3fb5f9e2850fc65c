"""The reference catalog: each YAML file of tasks beside the module with its handlers, of the same stem."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of kongflow.yaml; relative paths of settings start there, whatever the working directory."""
