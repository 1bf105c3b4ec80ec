"""Which events may be skipped: those that the edge calls irrelevant with tables that read whatever ours read."""

from pharmacy.events.v1.event_pb2 import Event, Medicine
from rx_clinical import Catalogue
from rx_clinical.catalogue.coding import code_medicine
from rx_clinical.model import facts as core
from rx_clinical.model.codes import FormKey, RxNormCode


class CodeRelevance:
    """Checks the codes of an event if the ruleset that classified it is not trusted."""

    def __init__(self, catalogue: Catalogue, relevant_since: int) -> None:
        self._catalogue = catalogue
        # Up to ours only: the tables of a newer edge may have dropped codes that ours still read.
        rulesets = range(relevant_since, catalogue.ruleset_seq + 1)
        self.trusted_rulesets = frozenset(str(seq).encode() for seq in rulesets)

    def concerns_rules(self, value: bytes) -> bool:
        """See Relevance. True unless every code of the event's medicine is in our tables and concerns no rule."""
        event = Event.FromString(value)
        medicine: Medicine | None = getattr(getattr(event, event.WhichOneof("fact") or "", None), "medicine", None)
        if medicine is None:
            return True
        stated = core.Medicine(
            ingredients=tuple(map(RxNormCode, medicine.ingredients)), form_key=FormKey(medicine.form_key) or None
        )
        codings = [(coding.system, coding.code) for coding in medicine.codings]
        coded = code_medicine(stated, codings, self._catalogue)
        return coded.relevant or not coded.known
