"""The catalogue: one sentence per code in Chinese and English (F11)."""

from planflow.messages.catalogue import LANGUAGES, sentence, title

__all__ = ["LANGUAGES", "sentence", "title"]
