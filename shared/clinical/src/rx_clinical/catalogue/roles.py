"""What a medicine is to the rules: opioid, antagonist, interacting medicine, or none of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rx_clinical.catalogue.drugs import Acting, AntagonistForm, DrugForm, Interaction, Partner
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.products import Product
from rx_clinical.model.facts import Medicine

LOCAL_ROUTES = frozenset({"topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"})
_DEPOT_ROUTES = frozenset({"im", "sc"})  # only depots of an antagonist that has one are injected there
_RESCUE_ROUTES = frozenset({"iv", "im", "sc", "nasal_local"})
_CACHE_LIMIT = 20_000


class FactBits:
    """What a fact, or a whole chart, brings to the rules, as bits: the gates before the rules read it."""

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
    """An ingredient in a form; the unit of exposure."""

    ingredient: str | None
    name: str
    form: DrugForm
    non_prescription: bool  # kratom, illicit opioids and the like: known from reports alone
    until_removed: bool  # an implant: acts until a clinician removes it
    masked: bool = False  # people read "opioid, restricted source" and no more
    key: tuple[str, str] = field(init=False, compare=False, repr=False)  # orders and identifies

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.ingredient or "", self.form.form_key))


@dataclass(frozen=True, slots=True)
class Antagonist:
    """A systemic antagonist in a form, tablets or depot. Rescue and peripheral antagonists are none."""

    ingredient: str | None
    name: str
    form_key: str | None
    depot: bool
    tier: str  # BY_DOSE or a fixed tier
    extended_release: bool
    key: tuple[str, str] = field(init=False, compare=False, repr=False)  # orders and identifies

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.ingredient or "", self.form_key or ""))

    @property
    def counterpart(self) -> str:
        """The name of this side in a finding."""
        return self.form_key or self.ingredient or self.name


@dataclass(frozen=True, slots=True)
class Roles:
    """A medicine can play several roles at once: Contrave brings naltrexone and bupropion."""

    opioids: tuple[Opioid, ...] = ()
    antagonist: Antagonist | None = None
    precipitant_codes: tuple[str, ...] = ()  # ingredient codes of perpetrators.csv, by a systemic route only
    gut_opioids: tuple[DrugForm, ...] = ()  # at a dose that stays in the gut
    peripheral: DrugForm | None = None  # an antagonist that stays outside the brain
    sequestered: bool = False  # holds naltrexone that acts only if the product is crushed
    partners: tuple[Partner, ...] = ()  # what low-dose naltrexone changes, by a systemic route only
    route_open: tuple[str, ...] = ()  # names of ingredients that may be systemic or local, of unknown route
    supply_key: tuple[tuple[str, str], ...] = ()  # orders and fills of one medicine share it
    hidden: bool = False  # the product is known to hide its antagonist
    kinds: int = 0  # FactBits

    @property
    def none(self) -> bool:
        """Nothing that the rules look at."""
        return not self.kinds


NO_ROLES = Roles()


class MedicineClassifier:
    """Reads roles from codes and form, never from text."""

    def __init__(
        self,
        *,
        drugs: Mapping[str, DrugForm],
        antagonist_forms: Mapping[str, AntagonistForm],
        interactions: Iterable[Interaction],
        partners: Mapping[str, Partner],
        products: Mapping[str, Product],
        salts: Mapping[str, str],
        traits: Mapping[str, frozenset[str]],
        policy: Policy,
    ) -> None:
        self._drugs = drugs
        self._antagonist_forms = antagonist_forms
        self._products = products
        self._salts = salts
        # Capsules of these forms may hold an antagonist that acts only if they are crushed: Embeda, Troxyca.
        self._sequestered_forms = {product.form_key for product in products.values() if product.sequestered}
        self._traits = traits
        self._policy = policy
        self._unknown_form = drugs[next(iter(traits["unknown_opioid"]))]
        self.unknown_opioid = Opioid(
            None, self._unknown_form.name, self._unknown_form, non_prescription=False, until_removed=False
        )
        self._forms_of: dict[str, list[DrugForm]] = {}
        for drug in drugs.values():
            if drug.ingredient:
                self._forms_of.setdefault(drug.ingredient, []).append(drug)
        rows = tuple(interactions)
        self._precipitant_codes = {row.precipitant_code for row in rows if row.precipitant_code.isdigit()}
        self._changes_opioids = {row.precipitant_code for row in rows if row.direction != "none"}
        self._effects: dict[str, int] = {}
        for row in rows:
            self._effects[row.precipitant_code] = self._effects.get(row.precipitant_code, 0) | _EFFECTS.get(
                row.direction, 0
            )
        self._partners = partners
        self._local_forms = {row.precipitant_code: row.name for row in rows if row.local_forms}
        self._local_forms |= {code: partner.name for code, partner in partners.items() if partner.local_forms}
        self._cache: dict[tuple[object, ...], Roles] = {}

    @property
    def relevant_ingredients(self) -> frozenset[str]:
        """Ingredient codes of drugs.csv, perpetrators.csv and ldn_partners.csv."""
        return frozenset(self._forms_of) | frozenset(self._precipitant_codes) | frozenset(self._partners)

    @property
    def salts(self) -> frozenset[str]:
        """Codes that stand for the ingredient they are a salt of."""
        return frozenset(self._salts)

    def changes_opioids(self, precipitant_code: str) -> bool:
        """An ingredient of perpetrators.csv that has an effect there, not a negative control."""
        return precipitant_code in self._changes_opioids

    def ingredient_of(self, code: str) -> str:
        """The ingredient of a salt; any other code is its own."""
        return self._salts.get(code, code)

    def only_form_of(self, ingredient: str) -> str | None:
        """The form of an ingredient that has exactly one."""
        forms = self._forms_of.get(ingredient, ())
        return forms[0].form_key if len(forms) == 1 else None

    def form_known(self, medicine: Medicine) -> bool:
        """A form key or a product code tells the form."""
        return self._form_key(medicine) is not None

    def roles(self, medicine: Medicine, *, misuse: bool) -> Roles:
        """What the medicine is to the rules. An uncoded medicine is nothing: DQ-03 speaks for it.

        `misuse`: somebody reports that it is misused.
        """
        if not medicine.coded:
            return NO_ROLES
        misused = misuse or self._misused(medicine)
        asked = (medicine.ingredients, medicine.form_key, medicine.product_code, medicine.route, misused)
        roles = self._cache.get(asked)
        if roles is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            roles = self._cache[asked] = self._read(medicine, misused=misused)
        return roles

    def _misused(self, medicine: Medicine) -> bool:
        dose = medicine.daily_dose_mg
        return dose is not None and dose > self._policy.loperamide_misuse_above

    def _form_key(self, medicine: Medicine) -> str | None:
        if medicine.form_key:
            return medicine.form_key
        product = self._products.get(medicine.product_code or "")
        return product.form_key if product else None

    def _read(self, medicine: Medicine, *, misused: bool) -> Roles:
        product = self._products.get(medicine.product_code or "")
        stated = self._form_key(medicine)
        form = self._drugs.get(stated or "")
        listed = product.ingredients if product else ()
        codes = dict.fromkeys(self.ingredient_of(code) for code in (*medicine.ingredients, *listed))
        if form is not None and form.ingredient:
            codes.setdefault(form.ingredient)
        opioids = self._opioids(codes, form, stated, misused=misused)
        sequestered = stated in self._sequestered_forms or (product is not None and product.sequestered)
        sequestered = sequestered and any(self._is_antagonist(code) for code in codes)
        antagonist = None if sequestered else self._antagonist(codes, form, medicine.route)
        route = medicine.route or (product.route if product else None)
        local = route in LOCAL_ROUTES
        precipitant_codes = () if local else tuple(sorted(self._precipitant_codes & codes.keys()))
        partners = () if local else tuple(self._partners[code] for code in sorted(self._partners.keys() & codes.keys()))
        listed_forms = {form} if form is not None else set[DrugForm]()
        listed_forms |= {one for code in codes for one in self._forms_of.get(code, ())[:1]}
        gut = [one for one in listed_forms if one.acting is Acting.NOT_SYSTEMIC]
        peripheral = [one for one in listed_forms if one.acting is Acting.PERIPHERAL]
        parts = (*(opioid.key for opioid in opioids), *((antagonist.key,) if antagonist else ()))
        roles = Roles(
            opioids=opioids,
            antagonist=antagonist,
            precipitant_codes=precipitant_codes,
            gut_opioids=() if misused else tuple(sorted(gut, key=lambda one: one.form_key)),
            peripheral=min(peripheral, key=lambda one: one.form_key, default=None),
            sequestered=sequestered,
            partners=partners,
            route_open=tuple(sorted(self._local_forms[code] for code in codes if code in self._local_forms))
            if route is None
            else (),
            # What else is inside, some sources list and some do not.
            supply_key=parts or tuple((code, "") for code in sorted(codes)),
            hidden=bool(product and product.hidden) or self._hides(form),
        )
        kinds = _bits_of(roles, self._effects)
        return replace(roles, kinds=kinds) if kinds else NO_ROLES

    def _is_antagonist(self, code: str) -> bool:
        return any(form.form_key in self._antagonist_forms for form in self._forms_of.get(code, ()))

    def _hides(self, form: DrugForm | None) -> bool:
        """Every known product of the form hides its antagonist."""
        if form is None:
            return False
        products = [product for product in self._products.values() if product.form_key == form.form_key]
        return bool(products) and all(product.hidden for product in products)

    def _opioids(
        self, codes: Iterable[str], form: DrugForm | None, stated: str | None, *, misused: bool
    ) -> tuple[Opioid, ...]:
        found: dict[tuple[str, str], Opioid] = {}
        if form is not None and self._counts(form, misused=misused):
            self._add(found, form.ingredient, form.name, form)
        for code in codes:
            forms = self._forms_of.get(code, ())
            if (
                (form is not None and form.ingredient == code)
                or not forms
                or not self._counts(forms[0], misused=misused)
            ):
                continue
            known = forms[0] if len(forms) == 1 and (stated is None or form is not None) else self._unknown_form
            self._add(found, code, forms[0].name, known)
        return tuple(found[key] for key in sorted(found))

    def _counts(self, form: DrugForm, *, misused: bool) -> bool:
        return form.systemic_opioid or (misused and form.form_key in self._traits["misuse_by_dose"])

    def _add(self, found: dict[tuple[str, str], Opioid], ingredient: str | None, name: str, form: DrugForm) -> None:
        assessed = form if form.systemic_opioid else self._unknown_form
        opioid = Opioid(
            ingredient,
            name,
            assessed,
            non_prescription=form.form_key in self._traits["non_prescription"] | self._traits["misuse_by_dose"],
            until_removed=form.form_key in self._traits["until_removed"],
        )
        found[opioid.key] = opioid

    def _antagonist(self, codes: Iterable[str], form: DrugForm | None, route: str | None) -> Antagonist | None:
        """The systemic antagonist, if any; the naloxone of Suboxone is a deterrent and none."""
        if form is not None and form.form_key in self._antagonist_forms:
            return self._systemic(form, form.form_key, route)
        forms = [
            one for code in codes for one in self._forms_of.get(code, ()) if one.form_key in self._antagonist_forms
        ]
        depots = (
            one for one in forms if route in _DEPOT_ROUTES and self._antagonist_forms[one.form_key].kind == "depot"
        )
        if (depot := next(depots, None)) is not None:
            return self._systemic(depot, depot.form_key, route)
        read = (self._systemic(one, self.only_form_of(one.ingredient or ""), route) for one in forms)
        return next((antagonist for antagonist in read if antagonist is not None), None)

    def _systemic(self, form: DrugForm, form_key: str | None, route: str | None) -> Antagonist | None:
        row = self._antagonist_forms[form.form_key]
        if row.kind in ("rescue", "peripheral"):
            return None
        if row.kind == "rescue_if_nasal_or_injected" and route in _RESCUE_ROUTES:
            return None
        return Antagonist(
            ingredient=form.ingredient,
            name=form.name,
            form_key=form_key,
            depot=row.kind == "depot" and form_key is not None,
            tier=row.tier,
            extended_release=row.extended_release and form_key is not None,
        )


_EFFECTS = {
    "prolong": FactBits.PROLONGING,
    "shorten": FactBits.INDUCING,
    "exposure_only": FactBits.MEETING,
    "prodrug_block": FactBits.MEETING,
}
_CLASSES = {"partial_agonist": FactBits.PARTIAL, "mixed_agonist_antagonist": FactBits.MIXED}


def _bits_of(roles: Roles, effects: Mapping[str, int]) -> int:
    kinds = 0
    for opioid in roles.opioids:
        kinds |= _CLASSES.get(opioid.form.drug_class, FactBits.FULL)
    for code in roles.precipitant_codes:
        kinds |= effects[code]
    found = {
        FactBits.ANTAGONIST: roles.antagonist is not None,
        FactBits.GUT_OPIOID: bool(roles.gut_opioids),
        FactBits.PERIPHERAL: roles.peripheral is not None,
        FactBits.SEQUESTERED: roles.sequestered,
        FactBits.PARTNER: bool(roles.partners),
        FactBits.ROUTE_OPEN: bool(roles.route_open),
    }
    return kinds | sum(kind for kind, holds in found.items() if holds)
