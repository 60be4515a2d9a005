"""Which types a rehearsed stack uses, how many of each, and how much of them there was."""

from collections.abc import Iterable, Mapping

from stacks.rehearsal.deployment import Deployment
from stacks.rehearsal.plugins.journal import Fidelity, JournalEntry
from stacks.rehearsal.report import ResourceChange, Standing, TypeUse

_CLUSTER = "kubernetes:"
_CREATIONS = ("create", "create-replacement")


def types_used(
    deployment: Deployment, created: Iterable[ResourceChange], journal: Iterable[JournalEntry]
) -> tuple[TypeUse, ...]:
    """Return the types of a deployment, the most frequent first; `created` tells how long their making took."""
    counts: dict[str, int] = {}
    for thing in deployment.things.values():
        counts[thing.type] = counts.get(thing.type, 0) + 1
    seconds: dict[str, float] = {}
    for change in created:
        if change.operation in _CREATIONS:
            seconds[change.type] = seconds.get(change.type, 0.0) + change.duration_s
    fidelities = {entry.type: entry.fidelity for entry in journal}
    used = [
        TypeUse(
            type=token,
            count=count,
            standing=standing_of(token, fidelities),
            create_s=round(seconds.get(token, 0.0), 3),
        )
        for token, count in counts.items()
    ]
    return tuple(sorted(used, key=lambda use: (-use.count, use.type)))


def standing_of(token: str, fidelities: Mapping[str, Fidelity]) -> Standing:
    """Tell how much of a type's resources there was, by what the plugin said of it.

    A type of which no plugin of ours tells was made by an official plugin, or by the engine itself.
    """
    fidelity = fidelities.get(token)
    if fidelity is Fidelity.REPRESENTED:
        return Standing.REPRESENTED
    if token.startswith(_CLUSTER) or (fidelity is None and not token.startswith("aws:")):
        return Standing.REAL
    return Standing.TYPED if fidelity is Fidelity.EMULATED else Standing.EMULATED
