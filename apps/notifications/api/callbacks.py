"""Calls of machines: a platform's cron, Twilio, Postmark."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.permissions import ANONYMOUS
from apps.core.api.views import BaseViewSet
from apps.core.jobs import due_stats
from apps.notifications.api.authentication import DispatchSignature, PostmarkCredentials, TwilioSignature
from apps.notifications.api.serializers import DispatchInput, DispatchOutput, PostmarkInput, TwilioInput
from apps.notifications.callbacks import hear_postmark, hear_twilio
from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob
from apps.notifications.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER


def header(name: str, description: str) -> OpenApiParameter:
    """Describe a header in the schema."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True, description=description)


class DispatchViewSet(BaseViewSet):
    """Rounds of sending started from outside."""

    permissions = {"create": ANONYMOUS}
    serializers = {"create": DispatchOutput}
    inputs = {"create": DispatchInput}
    authentication_classes = (DispatchSignature,)
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        request=DispatchInput,
        responses={200: DispatchOutput},
        auth=[],
        parameters=[
            header(TIMESTAMP_HEADER, "Unix seconds, at most five minutes off."),
            header(
                SIGNATURE_HEADER,
                "`sha256=` and the hex HMAC-SHA256 of `<timestamp>.<body>` under DISPATCH_KEY.",
            ),
        ],
    )
    def create(self, request: Request) -> Response:
        """Send what is due and answer the counts."""
        done = dispatch_due(clock=timezone.now, limit=self.parsed()["limit"])
        due = due_stats(NotificationJob, at=timezone.now()).depth
        return self.answer({**asdict(done), "due": due}, action="create")


class TwilioViewSet(BaseViewSet):
    """Twilio's news of messages, and answers of their recipients."""

    permissions = {"create": ANONYMOUS}
    inputs = {"create": TwilioInput}
    authentication_classes = (TwilioSignature,)
    parser_classes = (FormParser,)
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        request=TwilioInput,
        responses={204: None},
        auth=[],
        parameters=[
            header(
                "X-Twilio-Signature", "Twilio's signature over the configured public address and the form."
            ),
            OpenApiParameter("job", UUID, description="Our message, as given to Twilio with it."),
        ],
    )
    def create(self, request: Request) -> Response:
        """Take a status callback or an opt-out."""
        body: dict[str, Any] = self.parsed()
        hear_twilio(
            job=request.query_params.get("job", ""),
            sid=body["MessageSid"],
            status=body.get("MessageStatus", ""),
            error_code=body.get("ErrorCode", ""),
            sender=body.get("From", ""),
            opt_out=body.get("OptOutType", ""),
            at=timezone.now(),
        )
        return Response(status=204)


class PostmarkViewSet(BaseViewSet):
    """Postmark's news of emails: named by the call, read back from Postmark itself."""

    permissions = {"create": ANONYMOUS}
    inputs = {"create": PostmarkInput}
    authentication_classes = (PostmarkCredentials,)
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=PostmarkInput, responses={204: None}, auth=[])
    def create(self, request: Request) -> Response:
        """Take a delivery, bounce or complaint."""
        body: dict[str, Any] = self.parsed()
        hear_postmark(
            message_id=body["MessageID"],
            record=body["RecordType"],
            kind=body.get("Type", ""),
            at=timezone.now(),
        )
        return Response(status=204)
