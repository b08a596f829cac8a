"""Routes of billing."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.billing.api.accounting import AccountingViewSet, ClosingViewSet, DepositViewSet
from apps.billing.api.bank_transfers import InsurerTransferViewSet
from apps.billing.api.plans import InstalmentPlanViewSet
from apps.billing.api.quotes import QuoteViewSet
from apps.billing.api.reminders import DunningPolicyViewSet, InvoiceReminderViewSet
from apps.billing.api.statements import StatementViewSet
from apps.billing.api.training import TrainingViewSet
from apps.billing.api.views import InvoiceViewSet, PaymentViewSet

router = SimpleRouter(trailing_slash=False)
router.register("invoices", InvoiceViewSet, basename="invoice")
router.register("payments", PaymentViewSet, basename="payment")
router.register("instalment-plans", InstalmentPlanViewSet, basename="instalment-plan")
router.register("invoice-reminders", InvoiceReminderViewSet, basename="invoice-reminder")
router.register("dunning-policy", DunningPolicyViewSet, basename="dunning-policy")
router.register("quotes", QuoteViewSet, basename="quote")
router.register("closings", ClosingViewSet, basename="closing")
router.register("training", TrainingViewSet, basename="training")
router.register("deposits", DepositViewSet, basename="deposit")
router.register("insurer-transfers", InsurerTransferViewSet, basename="insurer-transfer")
router.register("accounting", AccountingViewSet, basename="accounting")
router.register("statements", StatementViewSet, basename="statement")
urlpatterns = router.urls
