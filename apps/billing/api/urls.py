"""Routes of billing."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.billing.api.quotes import QuoteViewSet
from apps.billing.api.views import InvoiceViewSet, PaymentViewSet

router = SimpleRouter(trailing_slash=False)
router.register("invoices", InvoiceViewSet, basename="invoice")
router.register("payments", PaymentViewSet, basename="payment")
router.register("quotes", QuoteViewSet, basename="quote")
urlpatterns = router.urls
