"""Forms of the admin's own login and password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.login import guess_code, identify
from apps.accounts.models import User
from apps.accounts.services import change_own_password
from apps.core.admin.forms import RefusableForm
from apps.core.errors import DomainError


class EmailLoginForm(AuthenticationForm):  # type: ignore[misc]  # unfold ships no types
    """Email, password and, where there is a second factor, a code; all counted with the API's logins."""

    otp_code = forms.CharField(
        label=_("One-time code"),
        required=False,
        max_length=32,
        help_text=_("If you use a second factor: its code, or a recovery code."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code"}),
    )
    # What the page answers when the form is refused: 503 when the counters are down, 429 beyond a limit.
    status = 200

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
                user = identify(email=email, password=password)
                self.check_second_factor(user)
            except DomainError as refusal:
                self.status = refusal.status if refusal.status in {429, 503} else 200
                raise ValidationError(str(refusal), code="invalid_login") from refusal
            self.user_cache = user
        return dict(self.cleaned_data)

    def check_second_factor(self, user: User) -> None:
        """Refuse whoever owes a code, or a second factor altogether."""
        if user.must_enrol:
            raise ValidationError(
                _("Your role requires a second factor. Set one up in the application first."),
                code="mfa_missing",
            )
        if not user.mfa_enabled:
            return
        code = self.cleaned_data.get("otp_code", "")
        if not code:
            raise ValidationError(_("Enter the code of your second factor."), code="mfa_code_missing")
        if not guess_code(user=user, code=code, at=timezone.now()):
            raise ValidationError(_("This code is not right."), code="mfa_code_wrong")


class AccountForm(RefusableForm):
    """An account; addresses are kept in lower case, as logins read them."""

    def clean_email(self) -> str:
        """Return the address as it is kept."""
        return str(self.cleaned_data["email"]).strip().lower()


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]  # unfold ships no types
    """One's own new password, through the service that ends one's other sessions."""

    def save(self, commit: bool = True) -> Any:
        """Change it."""
        return change_own_password(
            actor=self.user, password=self.cleaned_data["new_password1"], at=timezone.now()
        )
