"""Routes of the FHIR interface, named as FHIR names resources."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.insurance.api.fhir.metadata import SERVED, CodeSystemFhir, MetadataFhir

router = SimpleRouter(trailing_slash=False)
for view in SERVED:
    if view is not CodeSystemFhir:
        router.register(f"fhir/{view.resource}", view, basename=f"fhir-{view.resource.lower()}")
urlpatterns = [
    path("fhir/metadata", MetadataFhir.as_view({"get": "show"}), name="fhir-metadata"),
    path("fhir/CodeSystem", CodeSystemFhir.as_view({"get": "list"}), name="fhir-codesystem"),
    *router.urls,
]
