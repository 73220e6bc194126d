"""What all answers have in common."""

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """The parent of all answers."""

    model_config = ConfigDict(populate_by_name=True)
