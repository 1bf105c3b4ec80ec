"""Roles of a medicine in the rules: opioid, antagonist, precipitant, partner of low-dose naltrexone, or none."""

from dataclasses import dataclass, field
from typing import Final

from rx_clinical.catalogue.drug_forms import DrugForm
from rx_clinical.catalogue.ldn_partners import Partner
from rx_clinical.model.codes import FormKey, RxNormCode


class FactBits:
    """Bits of what a fact, or a whole history, contains for the rules: `needs` of each rule is compared with them."""

    FULL: Final = 1  # an opioid that is a full agonist
    PARTIAL: Final = 2  # an opioid that is a partial agonist
    MIXED: Final = 4  # an opioid that is a mixed agonist-antagonist
    OPIOID: Final = FULL | PARTIAL | MIXED
    ANTAGONIST: Final = 8  # systemic or depot
    PROLONGING: Final = 16  # a medicine that lengthens some opioid's half-life
    INDUCING: Final = 65536  # one that shortens it
    MEETING: Final = 131072  # one that changes some opioid in another way
    INTERACTING: Final = PROLONGING | INDUCING | MEETING
    GUT_OPIOID: Final = 32  # loperamide, diphenoxylate
    PERIPHERAL: Final = 64  # methylnaltrexone and its like
    SEQUESTERED: Final = 128
    PARTNER: Final = 256  # thyroid hormone, immunosuppressants, methotrexate
    ROUTE_OPEN: Final = 512  # its route decides and is not known
    EVIDENCE: Final = 1024
    PATIENT: Final = 2048  # patient facts
    PROCEDURE: Final = 4096
    DEFICIENT: Final = 8192  # dose or route missing, product unknown
    NO_DAYS: Final = 262144  # days supply missing: deficient if it is a fill
    LATE: Final = 32768  # recorded very late
    MANY: Final = 16384  # more facts than one patient has
    COMPOUNDING: Final = 524288  # requests and batch records
    REMOVING: Final = 1048576  # what takes another fact back


@dataclass(frozen=True, slots=True)
class Opioid:
    """An opioid ingredient in a form, the unit of exposure."""

    ingredient: RxNormCode | None
    name: str
    form: DrugForm
    non_prescription: bool  # kratom, illicit opioids: known from reports alone
    until_removed: bool  # an implant acts until a clinician removes it
    masked: bool = False  # of a restricted source: texts name neither the drug nor its source
    key: tuple[str, str] = field(init=False, compare=False, repr=False)  # ingredient and form: identity and sort key

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.ingredient or "", self.form.form_key))


@dataclass(frozen=True, slots=True)
class Antagonist:
    """A systemic antagonist in a form, tablets or depot; never a rescue or peripheral antagonist."""

    ingredient: RxNormCode | None
    name: str
    form_key: FormKey | None
    depot: bool
    tier: str  # BY_DOSE, or a tier of antagonist_tiers.csv
    extended_release: bool
    key: tuple[str, str] = field(init=False, compare=False, repr=False)  # ingredient and form: identity and sort key

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.ingredient or "", self.form_key or ""))

    @property
    def counterpart(self) -> str:
        """Return the counterpart of a finding: form key, else ingredient code, else name."""
        return self.form_key or self.ingredient or self.name


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a medicine. It can have several at once: Contrave contains naltrexone and bupropion."""

    opioids: tuple[Opioid, ...] = ()
    antagonist: Antagonist | None = None
    precipitant_codes: tuple[RxNormCode, ...] = ()  # by a systemic route only
    gut_opioids: tuple[DrugForm, ...] = ()  # at a dose that acts on the gut alone
    peripheral: DrugForm | None = None  # an antagonist that does not enter the brain
    sequestered: bool = False  # contains naltrexone that acts only if the product is crushed
    partners: tuple[Partner, ...] = ()  # of low-dose naltrexone, by a systemic route only
    route_open: tuple[str, ...] = ()  # names of ingredients with local forms, if the route is unknown
    supply_key: tuple[tuple[str, str], ...] = ()  # equal for the orders and fills of one medicine
    hidden: bool = False  # the product is known not to name its antagonist
    kinds: int = 0  # FactBits

    @property
    def none(self) -> bool:
        """Return True if no rule reads the medicine."""
        return not self.kinds


NO_ROLES = Roles()
