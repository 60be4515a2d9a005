"""The tags that every resource carries: they tell phase, stack, owner and cost centre to bills and to people."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Characters and lengths that every service takes: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TagValue = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9 _.:/=+@-]+$")]
PREFIX = "inferloop:"
REQUIRED_TAGS = frozenset(f"{PREFIX}{key}" for key in ("phase", "stack", "owner", "cost-centre"))
BACKUP_TAG = f"{PREFIX}backup"


class Tags(BaseModel):
    """Whose a resource is and what it is for; `stack` and `phase` come from the stack, the others from its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    phase: TagValue
    stack: TagValue
    owner: TagValue
    cost_centre: TagValue

    def of(self, name: str, *, backup: bool = False) -> dict[str, str]:
        """Return the tags of the resource called `name`; `backup` has its data backed up on the stack's schedule."""
        return {
            "Name": f"{self.stack}-{name}",
            f"{PREFIX}phase": self.phase,
            f"{PREFIX}stack": self.stack,
            f"{PREFIX}owner": self.owner,
            f"{PREFIX}cost-centre": self.cost_centre,
            **({BACKUP_TAG: self.stack} if backup else {}),
        }
