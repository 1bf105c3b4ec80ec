"""Which alerts a set of findings asks for.

- A finding of a course family (withdrawal, blockade, hidden antagonist, LDN, surgery) is a line of the alert of its
  antagonist's course: all of them of one antagonist in one patient are one alert.
- A finding of any other family is an item of its own: one for each rule and the medicines that it names, so that a
  refill joins the open item instead of opening another, whichever of the medicines started later.
- A finding of display profile opens nothing. It is a line of its own course or item where something else opens that,
  else it is read beside the courses whose medicines or events it is about.

So a finding that asks for a person is a line of exactly one alert, whatever facts it rests on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from rx_alerts.domain.model import ANTAGONIST, OPIOID, PATIENT_ROLES, Kind, Line, Subject

COURSE_FAMILIES = frozenset({"withdrawal", "blockade", "hidden", "ldn", "surgery"})
DATA_FAMILIES = frozenset({"data", "compounding"})
LONGEST_NAME = 200
"""Characters of a subject's name: a unique index holds names, and takes no page of text."""


def alerts_asked_for(lines: Sequence[Line]) -> Mapping[Subject, tuple[Line, ...]]:
    """The lines of each alert that should be open, worst first, by subject."""
    groups: dict[Subject, set[Line]] = defaultdict(set)
    for line in lines:
        groups[subject_of(line)].add(line)
    asked = {subject: group for subject, group in groups.items() if any(line.opens_alert for line in group)}
    quiet = {line for subject, group in groups.items() if subject not in asked for line in group}
    return {subject: worst_first(group | _beside(subject, group, quiet)) for subject, group in sorted(asked.items())}


def worst_first(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Most severe, then most prominent first; equal ones by rule and id, so that equal sets give equal orders."""
    return tuple(sorted(lines, key=lambda line: (-line.severity, -line.display, line.rule, line.finding_id)))


def subject_of(line: Line) -> Subject:
    """What the finding is about: the one alert that it is a line of, if that is open."""
    if line.family in COURSE_FAMILIES:
        return Subject(Kind.ANTAGONIST_COURSE, _bounded(_antagonist(line)))
    kind = Kind.DATA if line.family in DATA_FAMILIES else Kind.INTERACTION
    return Subject(kind, _bounded(f"{line.rule}:{'+'.join(sorted(_named(line)))}"))


def _bounded(name: str) -> str:
    """The name itself, or its hash: a product without a code is named by its text, which can be a page."""
    return name if len(name) <= LONGEST_NAME else blake2b(name.encode(), digest_size=16).hexdigest()


def _antagonist(line: Line) -> str:
    """The antagonist whose course it is: the anchor itself, else the other side, else the first one named.

    A finding that names no antagonist is about the medicine that it hangs on, for example an opioid with a sequestered
    one inside.
    """
    named = line.products(ANTAGONIST)
    preferred = (line.anchor_products & named, named & {line.counterpart}, named, line.anchor_products)
    return min(next((products for products in preferred if products), {line.counterpart}))


def _named(line: Line) -> frozenset[str]:
    """The medicines that tell the item from others of its rule: what it hangs on and the other side, in no order.

    Whatever else it rests on stays out: that may grow, and a growing item must not become another one.
    """
    medicines = line.medicines
    anchor = line.anchor_products & medicines
    if anchor and line.counterpart in ("", *medicines):
        return anchor | ({line.counterpart} - {""})
    return medicines


def _beside(subject: Subject, group: set[Line], quiet: Iterable[Line]) -> set[Line]:
    """Of the profile findings without an open alert those that the reader of this course must see."""
    if subject.kind is not Kind.ANTAGONIST_COURSE:
        return set()
    medicines = frozenset[str]().union(*({_antagonist(line), *line.products(OPIOID)} for line in group))
    events = {basis.event_key for line in group for basis in line.basis if basis.role not in PATIENT_ROLES}
    return {
        line
        for line in quiet
        if line.products() & medicines or (line.family in DATA_FAMILIES and line.anchor_key in events)
    }
