import re
from html.parser import HTMLParser

from stacks.rehearsal.report import (
    DriftFound,
    FaultSeen,
    Outcome,
    Report,
    ResourceChange,
    SecretCheck,
    Standing,
    Step,
    TypeUse,
)
from stacks.rehearsal.report_page import as_page
from stacks.rehearsal.report_plots import bars, curve, ring
from stacks.rehearsal.report_table import as_text

UPDATE = ResourceChange(
    urn="urn:pulumi:s::inferloop::aws:s3/bucket:Bucket::data",
    type="aws:s3/bucket:Bucket",
    operation="update",
    properties=("tags.owner",),
)
STEPS = (
    Step(name="up", title="up", outcome=Outcome.OK, duration_s=3.2, detail="2 resources", changes=(UPDATE,)),
    Step(name="update", title="update", outcome=Outcome.OK, duration_s=1.0, detail="x = 1", changes=(UPDATE,)),
)


def report(**changes: object) -> Report:
    values = {
        "stack": "staging-aws",
        "started": "2026-01-01T00:00:00+00:00",
        "engine": "pulumi 3",
        "steps": STEPS,
        "types": (
            TypeUse(type="aws:s3/bucket:Bucket", count=3, standing=Standing.EMULATED, create_s=1.5),
            TypeUse(type="kubernetes:apps/v1:Deployment", count=1, standing=Standing.REAL),
        ),
        "samples": ((0.0, 100.0), (1.0, 300.0), (2.0, 200.0)),
        "peak_memory_mib": 300.0,
        "duration_s": 4.2,
        **changes,
    }
    return Report(**values)


class Reader(HTMLParser):
    """Keeps what is open, and every attribute that could reach outside the page."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [str(value) for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open.remove(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_a_report_is_right_only_when_no_step_failed() -> None:
    failed = Step(name="update", title="update", outcome=Outcome.FAILED, duration_s=1)
    skipped = Step(name="drift", title="drift", outcome=Outcome.SKIPPED, duration_s=0)
    assert report().ok
    assert report(steps=(*STEPS, skipped)).ok
    assert not report(steps=(*STEPS, failed)).ok


def test_the_document_counts_resources_by_standing() -> None:
    document = report().document()
    assert document["resources"] == 4
    assert document["standings"] == {"real": 1, "emulated": 3, "typed only": 0, "represented": 0}
    assert document["steps"][1]["changes"][0]["properties"] == ["tags.owner"]


def test_the_table_lists_what_the_update_changed_and_what_was_found() -> None:
    text = as_text(
        report(
            drift=(DriftFound(what="bucket b made public", urn="u", seen=True, repaired=False),),
            faults=(FaultSeen(spec="create:x:1:fail"), FaultSeen(spec="create:y:1:fail", step="up", recovered=True)),
            secrets=SecretCheck(values=2, files=9),
            stand_ins={"protect": False},
            represented=("keda",),
        )
    )
    assert "rehearsal of staging-aws: as it must be" in text
    assert "  update data, aws:s3/bucket:Bucket (tags.owner)" in text
    assert "bucket b made public: seen, NOT REPAIRED" in text
    assert "create:x:1:fail: NEVER HAPPENED" in text
    assert "create:y:1:fail: struck up, recovered by the next run" in text
    assert "secrets in plain text: none (2 values looked for in 9 files)" in text
    assert "protect = False" in text
    assert "keda" in text


def test_the_table_gives_a_failure_in_full_and_names_what_was_left() -> None:
    failed = Step(name="up", title="up", outcome=Outcome.FAILED, duration_s=1, detail="first\nsecond line")
    left = Step(name="leftovers", title="left behind", outcome=Outcome.FAILED, duration_s=1, detail="1 thing")
    text = as_text(
        report(steps=(failed, left), leftovers=("aws bucket b",), secrets=SecretCheck(values=1, found=("x.log",)))
    )
    assert "NOT as it must be" in text
    assert "  second line" in text
    assert "left behind:\n  aws bucket b" in text
    assert "found in x.log" in text


def test_nothing_left_is_said_so() -> None:
    left = Step(name="leftovers", title="left behind", outcome=Outcome.OK, duration_s=1, detail="nothing")
    assert "left behind: nothing" in as_text(report(steps=(left,)))


def test_the_page_is_whole_and_reaches_for_nothing_outside() -> None:
    page = as_page(report())
    reader = read(page)
    assert reader.outside == []
    assert "url(" not in page
    assert "@import" not in page
    assert "script" not in reader.tags
    assert reader.tags.count("svg") == 4
    assert "prefers-color-scheme: dark" in page


def test_the_page_escapes_what_it_shows() -> None:
    evil = "<script>alert(1)</script>"
    failed = Step(name="up", title=evil, outcome=Outcome.FAILED, duration_s=1, detail=f"{evil}\n{evil}")
    page = as_page(
        report(
            stack=evil,
            steps=(failed,),
            leftovers=(evil,),
            drift=(DriftFound(what=evil, urn=evil, seen=False, repaired=False),),
            faults=(FaultSeen(spec=evil, step=evil, said=evil), FaultSeen(spec=evil)),
            stand_ins={evil: evil},
            endpoints={evil: evil},
            represented=(evil,),
            types=(TypeUse(type=evil, count=1, standing=Standing.TYPED),),
            providers={evil: evil},
        )
    )
    assert "<script" not in page
    assert read(page).outside == []


def test_a_report_without_resources_or_samples_has_a_page() -> None:
    page = as_page(report(types=(), samples=(), steps=()))
    assert "What there was" not in page
    read(page)


def test_bars_are_as_long_as_their_sizes() -> None:
    drawn = bars([("a", 2.0, "2", "ok"), ("b", 1.0, "1", "failed")], title="t")
    long, short = (float(width) for width in re.findall(r'<rect[^>]* width="([0-9.]+)"', drawn))
    assert long / short == 2


def test_a_rings_shares_make_up_the_whole() -> None:
    drawn = ring({"real": 1, "typed only": 3, "emulated": 0}, title="t", unit="things")
    lengths = [float(text) for text in re.findall(r'stroke-dasharray="([0-9.]+) ', drawn)]
    assert len(lengths) == 2
    assert abs(lengths[1] - 3 * lengths[0]) < 0.05
    assert ">4</text>" in drawn


def test_a_curve_stays_below_its_highest_tick() -> None:
    drawn = curve([(0, 10), (5, 930)], title="t", limit=1536)
    ticks = [float(text) for text in re.findall(r'text-anchor="end">([0-9.]+)</text>', drawn)]
    assert max(ticks) >= 1536
    assert "goal 1536" in drawn
    heights = [float(y) for _, y in re.findall(r"([0-9.]+),([0-9.]+)", drawn)]
    assert min(heights) >= 12
