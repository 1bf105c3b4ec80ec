"""Classifier of medicines: from ingredient codes, form, product and route to roles, never from text."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rx_clinical.catalogue.antagonists import AntagonistForm, AntagonistKind
from rx_clinical.catalogue.drug_forms import Acting, DrugForm
from rx_clinical.catalogue.interactions import Direction, Interaction
from rx_clinical.catalogue.ldn_partners import Partner
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.products import Product
from rx_clinical.catalogue.roles import NO_ROLES, Antagonist, FactBits, Opioid, Roles
from rx_clinical.model.codes import LOCAL_ROUTES, NO_CODE, FormKey, Route, RxNormCode
from rx_clinical.model.facts import Medicine

_DEPOT_ROUTES = frozenset({Route.IM, Route.SC})  # an antagonist with a depot form is injected only as that depot
_RESCUE_ROUTES = frozenset({Route.IV, Route.IM, Route.SC, Route.NASAL_LOCAL})
_CACHE_LIMIT = 20_000


class MedicineClassifier:
    """Classifies medicines by codes and form. Remembers the roles of up to _CACHE_LIMIT distinct combinations."""

    def __init__(
        self,
        *,
        drugs: Mapping[FormKey, DrugForm],
        antagonist_forms: Mapping[FormKey, AntagonistForm],
        interactions: Iterable[Interaction],
        partners: Mapping[RxNormCode, Partner],
        products: Mapping[RxNormCode, Product],
        salts: Mapping[RxNormCode, RxNormCode],
        traits: Mapping[str, frozenset[FormKey]],
        policy: Policy,
    ) -> None:
        self._drugs = drugs
        self._antagonist_forms = antagonist_forms
        self._products = products
        self._salts = salts
        # Capsules of these forms (Embeda, Troxyca) contain an antagonist that acts only if they are crushed.
        self._sequestered_forms = {product.form_key for product in products.values() if product.sequestered}
        self._traits = traits
        self._policy = policy
        self._unknown_form = drugs[next(iter(traits["unknown_opioid"]))]
        self.unknown_opioid = Opioid(
            None, self._unknown_form.name, self._unknown_form, non_prescription=False, until_removed=False
        )
        self._forms_of: dict[RxNormCode, list[DrugForm]] = {}
        for drug in drugs.values():
            if drug.ingredient:
                self._forms_of.setdefault(drug.ingredient, []).append(drug)
        rows = tuple(interactions)
        self._precipitant_codes = {row.precipitant_code for row in rows if row.precipitant_code.isdigit()}
        self._changes_opioids = {row.precipitant_code for row in rows if row.direction is not Direction.NONE}
        self._effects: dict[RxNormCode, int] = {}
        for row in rows:
            self._effects[row.precipitant_code] = self._effects.get(row.precipitant_code, 0) | _EFFECTS.get(
                row.direction, 0
            )
        self._partners = partners
        self._local_forms = {row.precipitant_code: row.name for row in rows if row.local_forms}
        self._local_forms |= {code: partner.name for code, partner in partners.items() if partner.local_forms}
        self._cache: dict[tuple[object, ...], Roles] = {}

    @property
    def relevant_ingredients(self) -> frozenset[RxNormCode]:
        """Return the ingredient codes of drugs.csv, perpetrators.csv and ldn_partners.csv."""
        return frozenset(self._forms_of) | frozenset(self._precipitant_codes) | frozenset(self._partners)

    @property
    def salts(self) -> frozenset[RxNormCode]:
        """Return the codes of salts, each of which stands for its ingredient."""
        return frozenset(self._salts)

    def changes_opioids(self, precipitant_code: RxNormCode) -> bool:
        """Return True if some row of perpetrators.csv states an effect of this ingredient: not a negative control."""
        return precipitant_code in self._changes_opioids

    def ingredient_of(self, code: RxNormCode) -> RxNormCode:
        """Return the ingredient of a salt code; any other code unchanged."""
        return self._salts.get(code, code)

    def only_form_of(self, ingredient: RxNormCode) -> FormKey | None:
        """Return the form of an ingredient that has exactly one, else None."""
        forms = self._forms_of.get(ingredient, ())
        return forms[0].form_key if len(forms) == 1 else None

    def form_known(self, medicine: Medicine) -> bool:
        """Return True if a form key or the product code states the form."""
        return self._form_key(medicine) is not None

    def roles(self, medicine: Medicine, *, misuse: bool) -> Roles:
        """Return the roles of a medicine; none if it is uncoded, which DQ-03 reports.

        `misuse`: a report states misuse, so that loperamide counts as an opioid at any dose.
        """
        if not medicine.coded:
            return NO_ROLES
        misused = misuse or self._misused(medicine)
        key = (medicine.ingredients, medicine.form_key, medicine.product_code, medicine.route, misused)
        roles = self._cache.get(key)
        if roles is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            roles = self._cache[key] = self._classify(medicine, misused=misused)
        return roles

    def _misused(self, medicine: Medicine) -> bool:
        dose = medicine.daily_dose_mg
        return dose is not None and dose > self._policy.loperamide_misuse_above

    def _form_key(self, medicine: Medicine) -> FormKey | None:
        if medicine.form_key:
            return medicine.form_key
        product = self._products.get(medicine.product_code or NO_CODE)
        return product.form_key if product else None

    def _classify(self, medicine: Medicine, *, misused: bool) -> Roles:
        product = self._products.get(medicine.product_code or NO_CODE)
        stated = self._form_key(medicine)
        form = self._drugs.get(stated) if stated else None
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
        listed_forms |= {first for code in codes for first in self._forms_of.get(code, ())[:1]}
        gut = [drug for drug in listed_forms if drug.acting is Acting.NOT_SYSTEMIC]
        peripheral = [drug for drug in listed_forms if drug.acting is Acting.PERIPHERAL]
        parts = (*(opioid.key for opioid in opioids), *((antagonist.key,) if antagonist else ()))
        roles = Roles(
            opioids=opioids,
            antagonist=antagonist,
            precipitant_codes=precipitant_codes,
            gut_opioids=() if misused else tuple(sorted(gut, key=lambda drug: drug.form_key)),
            peripheral=min(peripheral, key=lambda drug: drug.form_key, default=None),
            sequestered=sequestered,
            partners=partners,
            route_open=tuple(sorted(self._local_forms[code] for code in codes if code in self._local_forms))
            if route is None
            else (),
            # Not the other ingredients: some sources list them and some do not.
            supply_key=parts or tuple((code, "") for code in sorted(codes)),
            hidden=bool(product and product.hidden) or self._hides(form),
        )
        kinds = _bits_of(roles, self._effects)
        return replace(roles, kinds=kinds) if kinds else NO_ROLES

    def _is_antagonist(self, code: RxNormCode) -> bool:
        return any(form.form_key in self._antagonist_forms for form in self._forms_of.get(code, ()))

    def _hides(self, form: DrugForm | None) -> bool:
        """Return True if no known product of the form names its antagonist."""
        if form is None:
            return False
        products = [product for product in self._products.values() if product.form_key == form.form_key]
        return bool(products) and all(product.hidden for product in products)

    def _opioids(
        self, codes: Iterable[RxNormCode], form: DrugForm | None, stated: FormKey | None, *, misused: bool
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

    def _add(
        self, found: dict[tuple[str, str], Opioid], ingredient: RxNormCode | None, name: str, form: DrugForm
    ) -> None:
        assessed = form if form.systemic_opioid else self._unknown_form
        opioid = Opioid(
            ingredient,
            name,
            assessed,
            non_prescription=form.form_key in self._traits["non_prescription"] | self._traits["misuse_by_dose"],
            until_removed=form.form_key in self._traits["until_removed"],
        )
        found[opioid.key] = opioid

    def _antagonist(self, codes: Iterable[RxNormCode], form: DrugForm | None, route: Route | None) -> Antagonist | None:
        """Return the systemic antagonist, if any. The naloxone of Suboxone, a deterrent, is not one."""
        if form is not None and form.form_key in self._antagonist_forms:
            return self._systemic(form, form.form_key, route)
        forms = [
            drug for code in codes for drug in self._forms_of.get(code, ()) if drug.form_key in self._antagonist_forms
        ]
        depots = (
            drug
            for drug in forms
            if route in _DEPOT_ROUTES and self._antagonist_forms[drug.form_key].kind is AntagonistKind.DEPOT
        )
        if (depot := next(depots, None)) is not None:
            return self._systemic(depot, depot.form_key, route)
        systemic = (self._systemic(drug, self.only_form_of(drug.ingredient or NO_CODE), route) for drug in forms)
        return next((antagonist for antagonist in systemic if antagonist is not None), None)

    def _systemic(self, form: DrugForm, form_key: FormKey | None, route: Route | None) -> Antagonist | None:
        row = self._antagonist_forms[form.form_key]
        if row.kind in (AntagonistKind.RESCUE, AntagonistKind.PERIPHERAL):
            return None
        if row.kind is AntagonistKind.RESCUE_BY_ROUTE and route in _RESCUE_ROUTES:
            return None
        return Antagonist(
            ingredient=form.ingredient,
            name=form.name,
            form_key=form_key,
            depot=row.kind is AntagonistKind.DEPOT and form_key is not None,
            tier=row.tier,
            extended_release=row.extended_release and form_key is not None,
        )


_EFFECTS = {
    Direction.PROLONG: FactBits.PROLONGING,
    Direction.SHORTEN: FactBits.INDUCING,
    Direction.EXPOSURE_ONLY: FactBits.MEETING,
    Direction.PRODRUG_BLOCK: FactBits.MEETING,
}
_CLASSES = {"partial_agonist": FactBits.PARTIAL, "mixed_agonist_antagonist": FactBits.MIXED}


def _bits_of(roles: Roles, effects: Mapping[RxNormCode, int]) -> int:
    """Return the FactBits of roles. `effects`: the bits of each precipitant."""
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
