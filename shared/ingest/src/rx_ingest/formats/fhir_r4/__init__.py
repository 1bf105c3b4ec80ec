"""FHIR R4: MedicationRequest, MedicationDispense and Bundles of them."""
