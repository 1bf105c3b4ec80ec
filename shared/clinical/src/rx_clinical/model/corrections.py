"""Algorithms on facts that correct other facts: merges of patient records, voids and returns to stock."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rx_clinical.model.facts import Fact, Merge, ReturnToStock, Void


def apply_merges(patients: Mapping[bytes, Iterable[Fact]]) -> dict[bytes, list[Fact]]:
    """Return the facts of each patient after applying every merge; a chain of merges ends at its last record.

    Without a merge two records are two patients. A void of a merge undoes it. The order and duplication of facts
    mean nothing.
    """
    known = {patient: list(facts) for patient, facts in patients.items()}
    everything = [fact for facts in known.values() for fact in facts]
    latest: dict[bytes, Fact] = {}
    for fact in everything:
        held = latest.get(fact.key)
        if held is None or (fact.revision, repr(fact)) > (held.revision, repr(held)):
            latest[fact.key] = fact
    voided = removed_keys({key: fact for key, fact in latest.items() if isinstance(fact, Void)})
    merges = [fact for fact in latest.values() if isinstance(fact, Merge) and fact.key not in voided]
    into: dict[bytes, bytes] = {}
    for merge in sorted(merges, key=lambda merge: (merge.occurred.earliest, merge.key)):
        into.setdefault(merge.from_patient, merge.into_patient)
    joined: dict[bytes, list[Fact]] = {}
    for patient in sorted(known):
        joined.setdefault(_surviving_record(patient, into), []).extend(known[patient])
    return joined


def removed_keys(removers: Mapping[bytes, Void | ReturnToStock]) -> set[bytes]:
    """Return the keys of the facts that voids and returns remove; a removed void or return removes nothing.

    A topological sort: each remover is decided after all that refer to it. Voids that refer to each other in a circle
    are never decided and remove nothing.
    """
    undecided_references = Counter(fact.refers_to for fact in removers.values())
    decided = [key for key in removers if key not in undecided_references]
    removed: set[bytes] = set()
    while decided:
        key = decided.pop()
        target = removers[key].refers_to
        if key not in removed:
            removed.add(target)
        undecided_references[target] -= 1
        if target in removers and not undecided_references[target]:
            decided.append(target)
    return removed


def _surviving_record(patient: bytes, into: Mapping[bytes, bytes]) -> bytes:
    """Return the record that a patient's facts belong to: of records merged in a circle, the least."""
    seen = [patient]
    while (following := into.get(seen[-1])) is not None:
        if following in seen:
            return min(seen[seen.index(following) :])
        seen.append(following)
    return seen[-1]
