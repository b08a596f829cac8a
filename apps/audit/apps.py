"""The audit trail."""

from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import m2m_changed, post_delete
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "apps.audit"
    label = "audit"
    verbose_name = _("Audit trail")

    def ready(self) -> None:
        """Take every audited model's changes; a connected delete signal also stops fast deletes."""
        from apps.audit.access import record_denial, record_rows, session_began, session_ended
        from apps.audit.figures import sealing_figures
        from apps.audit.recorder import record, record_relation
        from apps.audit.selectors import history_lines
        from apps.core.access import access_denied, rows_read
        from apps.core.changes import register_sink
        from apps.core.history import object_history
        from apps.core.metrics import further_figures
        from apps.core.models import AuditedModel, record_deletion

        register_sink(record)
        object_history.register(history_lines)
        access_denied.register(record_denial)
        rows_read.register(record_rows)
        user_logged_in.connect(session_began, dispatch_uid="audit-session-began")
        user_logged_out.connect(session_ended, dispatch_uid="audit-session-ended")
        further_figures.register(sealing_figures)
        for model in apps.get_models():
            if not (issubclass(model, AuditedModel) and model.audited):
                continue
            post_delete.connect(
                record_deletion, sender=model, dispatch_uid=f"audit-delete-{model._meta.label}"
            )
            for field in model._meta.local_many_to_many:
                m2m_changed.connect(
                    record_relation,
                    sender=field.remote_field.through,
                    dispatch_uid=f"audit-m2m-{model._meta.label}-{field.name}",
                )
