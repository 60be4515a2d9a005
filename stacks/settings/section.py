"""What every group of settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
PortNumber = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A group of settings; unknown keys are refused. A setting's docstring is its description (descriptions.py)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
