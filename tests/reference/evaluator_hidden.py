"""Rules of hidden antagonists: HN (row 19).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re

from tests.reference.evaluator_activity import basis_codes, opioid_parts, opioid_stretches, together
from tests.reference.evaluator_findings import finding, hides_its_antagonist

RELEASES = re.compile(r"\b(crush|chew|dissolv|tube|snort|inhal|inject)")
WARNS = re.compile(r"do not|don't|never|avoid")


def would_release(text):
    """SEQUESTERED_RELEASED: directions that would release it; "do not crush" up to 30 characters before would not."""
    return any(not WARNS.search(text[max(0, m.start() - 30) : m.start()]) for m in RELEASES.finditer(text))


def sequestered(patient):
    """HN-02: contraindicated by directions that release it, moderate with another opioid, else info."""
    findings = []
    events = [e for e in patient.opioid_events() if e.kind != "positive"]
    own = [e for e in events if e.anchor.medicine.sequestered and e.part.form in {"morphine_er", "oxycodone_er"}]
    for event in own:
        codes = {"HIDDEN_ANTAGONIST"} if hides_its_antagonist(event.anchor) else set()
        codes |= {"UNFILLED_PRESCRIPTION"} if event.is_order else set()
        others = other_active_opioids(patient, event)
        codes |= basis_codes(event.facts, others[0].event.facts if others else [])
        if any(would_release(fact.text) for fact in event.facts):
            codes |= {"SEQUESTERED_RELEASED"}
            findings.append(finding("HN-02", "contraindicated", event, None, reason_codes=codes))
        elif others:
            findings.append(finding("HN-02", "moderate", event, None, "queue", reason_codes=codes))
        else:
            findings.append(finding("HN-02", "info", event, None, "profile", reason_codes=codes))
    return findings


def other_active_opioids(patient, event):
    """What is active of other products during this supply, the first one first."""
    mine = next(s for s in opioid_stretches(patient, event.part) if s.event is event or same(s.event, event))
    found = []
    for part in opioid_parts(patient):
        for stretch in opioid_stretches(patient, part):
            another = not stretch.event.anchor.medicine.sequestered
            if another and together(stretch, mine):
                found.append(stretch)
    return sorted(found, key=lambda stretch: stretch.tie_order)


def same(one, other):
    return one.anchor is other.anchor and one.kind == other.kind
