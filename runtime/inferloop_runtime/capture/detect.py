"""Find columns that look like e-mail addresses, phone numbers, payment cards or bank accounts."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc


def passes_luhn(text: str) -> bool:
    """Tell whether the digits of `text` end in a valid Luhn check digit (ISO/IEC 7812-1, annex B)."""
    digits = [int(character) for character in text if character.isdigit()][::-1]
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def passes_mod_97(text: str) -> bool:
    """Tell whether an IBAN's check digits are right (ISO 7064, MOD 97-10)."""
    compact = re.sub(r"\s", "", text).upper()
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


@dataclass(frozen=True)
class _Kind:
    """One kind of personal value: a cheap filter, its RE2 pattern, a check digit, the share of values that alarms."""

    name: str
    holds: str
    pattern: str
    share: float
    check: Callable[[str], bool] | None = None


# "+49 30 1234567"; "(030) 123-4567" and "202-555-0123"; "030 1234567".
_INTERNATIONAL = r"\+[0-9][0-9 ()./-]{7,18}"
_GROUPED = r"(\([0-9]{2,5}\)|[0-9]{3})[ .-]?[0-9]{3,4}[ .-][0-9]{4}"
_NATIONAL = r"0[0-9]{1,4}[ /-][0-9]{4,9}"

# The shares are above what numbers and codes reach by chance: one in ten passes Luhn, one in 97 an IBAN's check.
_KINDS = (
    _Kind("e-mail addresses", "@", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", 0.01),
    _Kind("IBANs", "", r"^\s*[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7} ?[A-Z0-9]{0,4}\s*$", 0.05, passes_mod_97),
    _Kind("payment card numbers", "", r"^\s*[2-6][0-9]{3}([ -]?[0-9]{4}){2}[ -]?[0-9]{1,4}\s*$", 0.3, passes_luhn),
    _Kind("phone numbers", "", rf"^\s*({_INTERNATIONAL}|{_GROUPED}|{_NATIONAL})\s*$", 0.3),
)
_CHECKED_VALUES = 1_000


@dataclass
class Findings:
    """How many values each column has, and how many of each kind; two are added up with `merge`."""

    seen: dict[str, int] = field(default_factory=dict)
    found: dict[str, dict[str, int]] = field(default_factory=dict)

    def merge(self, other: "Findings") -> None:
        """Add the counts of another part."""
        for column, count in other.seen.items():
            self.seen[column] = self.seen.get(column, 0) + count
        for column, kinds in other.found.items():
            for kind, count in kinds.items():
                self.add(column, kind, count)

    def add(self, column: str, kind: str, count: int) -> None:
        """Add `count` values of one kind."""
        kinds = self.found.setdefault(column, {})
        kinds[kind] = kinds.get(kind, 0) + count

    def warnings(self) -> list[str]:
        """Return a sentence for every column that looks personal and is kept."""
        shares = {kind.name: kind.share for kind in _KINDS}
        return [
            f"column {column!r} looks like {kind} ({count} of {self.seen[column]} values) and is kept; "
            'set its privacy to "hash", "mask" or "drop"'
            for column, kinds in sorted(self.found.items())
            for kind, count in sorted(kinds.items())
            if count >= shares[kind] * self.seen[column]
        ]


def look_for_personal_data(column: str, values: pa.Array, findings: Findings) -> None:
    """Count the values of text and integer columns that look personal; other types hold none of these kinds."""
    if not (pa.types.is_string(values.type) or pa.types.is_integer(values.type)):
        return
    texts = pc.drop_null(values)
    findings.seen[column] = findings.seen.get(column, 0) + len(texts)
    if pa.types.is_integer(values.type):
        # Shorter numbers can be none of the kinds, and converting them to text costs more than all else here.
        texts = pc.cast(pc.filter(texts, pc.greater_equal(texts, 10**12)), pa.string())
    if len(texts) == 0:
        return
    counted = pc.value_counts(texts)
    uniques, counts = counted.field("values"), counted.field("counts")
    long_enough = pc.and_(pc.greater_equal(pc.binary_length(uniques), 6), pc.match_substring_regex(uniques, "[0-9@]"))
    uniques, counts = pc.filter(uniques, long_enough), pc.filter(counts, long_enough)
    for kind in _KINDS:
        if len(uniques) == 0:
            return
        mask = pc.match_substring_regex(uniques, kind.pattern)
        if kind.holds:
            candidates = pc.match_substring(uniques, kind.holds)
            if not pc.any(candidates).as_py():
                continue
            mask = pc.and_(candidates, mask)
        total = pc.sum(pc.filter(counts, mask)).as_py() or 0
        if total and kind.check is not None:
            sample = pc.filter(uniques, mask)[:_CHECKED_VALUES].to_pylist()
            total = total * sum(map(kind.check, sample)) // len(sample)
        if total:
            findings.add(column, kind.name, total)
        # A value is of one kind only: the first that fits.
        uniques, counts = pc.filter(uniques, pc.invert(mask)), pc.filter(counts, pc.invert(mask))
