"""Which events may pass unread: those that the edge calls irrelevant by tables that read whatever ours read."""

from pharmacy.events.v1.event_pb2 import Event, Medicine
from rx_clinical import Catalogue
from rx_clinical.catalogue.coding import code_medicine
from rx_clinical.model import facts as core


class CodeRelevance:
    """Judges by the codes of an event where the ruleset behind its header is older or newer than it may be."""

    def __init__(self, catalogue: Catalogue, relevant_since: int) -> None:
        self._catalogue = catalogue
        # A newer edge may pass over what its tables no longer read and ours still do.
        rulesets = range(relevant_since, catalogue.ruleset_seq + 1)
        self.trusted = frozenset(str(seq).encode() for seq in rulesets)

    def concerns(self, value: bytes) -> bool:
        """True unless all of the event's medicine is in our tables and none of it concerns a rule."""
        event = Event.FromString(value)
        medicine: Medicine | None = getattr(getattr(event, event.WhichOneof("fact") or "", None), "medicine", None)
        if medicine is None:
            return True
        stated = core.Medicine(ingredients=tuple(medicine.ingredients), form_key=medicine.form_key or None)
        coded = code_medicine(stated, [(one.system, one.code) for one in medicine.codings], self._catalogue)
        return coded.relevant or not coded.known
