"""Forms of the admin's own login and password."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from apps.accounts.login import identify
from apps.accounts.services import change_own_password
from apps.core.errors import DomainError


class EmailLoginForm(AuthenticationForm):  # type: ignore[misc]  # unfold ships no types
    """Email and password, counted with the API's logins."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["username"]
        field.label = _("Email")
        field.widget.input_type = "email"
        field.widget.attrs["autocomplete"] = "username"

    def clean(self) -> dict[str, Any]:
        """Find the user; every failure reads alike, but for too many attempts from one address."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password:
            try:
                self.user_cache = identify(email=email, password=password)
            except DomainError as refusal:
                raise ValidationError(str(refusal), code="invalid_login") from refusal
        return dict(self.cleaned_data)


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]  # unfold ships no types
    """One's own new password, through the service that ends one's other sessions."""

    def save(self, commit: bool = True) -> Any:
        """Change it."""
        return change_own_password(
            actor=self.user, password=self.cleaned_data["new_password1"], at=timezone.now()
        )
