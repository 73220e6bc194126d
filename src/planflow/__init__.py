"""The engine for plans negotiated between levels of government, round by round."""

from importlib.metadata import version

__version__ = version("planflow")
