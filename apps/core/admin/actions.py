"""Actions on chosen rows: asked for once more, run one object at a time, reported one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.admin.forms import refusal_text
from apps.core.errors import DomainError

if TYPE_CHECKING:
    from apps.core.admin.base import ServiceModelAdmin

Each = Callable[..., Any]
MOST = 200


@dataclass(frozen=True)
class ActionSpec:
    """How an action is offered: `when` says of one object whether the button makes sense on its page."""

    name: str
    label: Any
    permission: str
    confirm: bool
    reason: bool
    when: Callable[[Any], bool] | None
    icon: str
    danger: bool
    expects: str
    each: Each

    def seen(self, obj: Any) -> str:
        """Return what the user sees of the object now, which must still hold when the action runs."""
        return str(getattr(obj, self.expects)) if self.expects else ""

    def is_offered(self, request: HttpRequest, obj: Any) -> bool:
        """Say whether this user gets the button on this object's page."""
        return request.user.has_perm(self.permission) and (self.when is None or self.when(obj))


def service_action(
    label: Any,
    permission: str,
    *,
    confirm: bool = True,
    reason: bool = False,
    when: Callable[[Any], bool] | None = None,
    icon: str = "play_arrow",
    danger: bool = False,
    expects: str = "",
) -> Callable[[Each], Any]:
    """Make `def verb(self, request, obj[, reason][, expected])` an action of the list and a button of the object's page.

    The method calls one service for one object; what it returns, if anything, is the sentence shown.
    With `reason` the confirmation page asks for one and the method gets it by keyword. `expects` names a field: the
    method gets, as `expected`, the value the page showed when the button was pressed.
    """

    def decorate(each: Each) -> Any:
        spec = ActionSpec(
            each.__name__, label, permission, confirm, reason, when, icon, danger, expects, each
        )

        @wraps(each)
        def act(
            model_admin: ServiceModelAdmin, request: HttpRequest, queryset: QuerySet[Any]
        ) -> HttpResponse | None:
            return run_on_selection(model_admin, request, queryset, spec)

        act.short_description = label  # type: ignore[attr-defined]  # Django reads the label here
        act.spec = spec  # type: ignore[attr-defined]  # read by the page's buttons and by tests
        return act

    return decorate


def run_on_selection(
    model_admin: ServiceModelAdmin, request: HttpRequest, queryset: QuerySet[Any], spec: ActionSpec
) -> HttpResponse | None:
    """Ask, then run the action on the rows chosen in the list."""
    if not request.user.has_perm(spec.permission):
        raise PermissionDenied
    rows = list(queryset[: MOST + 1])
    if len(rows) > MOST:
        messages.error(request, _("Choose at most %(most)d rows at once.") % {"most": MOST})
        return None
    page = ask(model_admin, request, rows, spec)
    if page is None:
        run(model_admin, request, rows, spec)
    return page


def ask(
    model_admin: ServiceModelAdmin, request: HttpRequest, rows: list[Any], spec: ActionSpec
) -> HttpResponse | None:
    """Return the confirmation page, or None when nothing is left to ask."""
    if not (spec.confirm or spec.reason):
        return None
    confirmed = request.method == "POST" and request.POST.get("confirmed") == "yes"
    if confirmed and (not spec.reason or request.POST.get("reason", "").strip()):
        return None
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": spec.label,
        "object": rows[0] if len(rows) == 1 else None,
        "spec": spec,
        "objects": [model_admin.object_label(row) for row in rows],
        "selected": [str(row.pk) for row in rows] if "action" in request.POST else [],
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "reason_missing": confirmed,
        "seen": [(row.pk, seen_of(request, row, spec)) for row in rows] if spec.expects else [],
        "media": model_admin.media,
    }
    return TemplateResponse(request, "admin/service_action_confirmation.html", context)


def run(model_admin: ServiceModelAdmin, request: HttpRequest, rows: Iterable[Model], spec: ActionSpec) -> int:
    """Run the action object by object, whatever one refuses; report, and return how many went."""
    given = {"reason": request.POST.get("reason", "").strip()} if spec.reason else {}
    done, said = 0, False
    for row in rows:
        if spec.expects:
            given["expected"] = seen_of(request, row, spec)
        try:
            sentence = spec.each(model_admin, request, row, **given)
        except (DomainError, ValidationError) as refusal:
            messages.error(request, f"{model_admin.object_label(row)}: {refusal_text(refusal)}")
            continue
        done += 1
        if isinstance(sentence, str):
            said = True
            messages.success(request, sentence)
    if done and not said:
        counted = ngettext("%(count)d object.", "%(count)d objects.", done) % {"count": done}
        messages.success(request, f"{spec.label}: {counted}")
    return done


def seen_of(request: HttpRequest, row: Any, spec: ActionSpec) -> str:
    """Return what the user saw of a row: on the page of its button, else on the page that asks once more."""
    return request.POST.get(f"seen_{row.pk}") or request.GET.get("seen") or spec.seen(row)
