"""Models whose writes leave no entries, each with the reason; a test compares this with what is installed."""

UNAUDITED = {
    "accounts.Session": "logins and logouts are recorded as such; a refresh is no change of anything",
    "accounts.SmsCode": "gone in minutes; its sending is in the message log, its use in the login",
    "agenda.AgendaChange": "a number for each audited change of a visit; forgotten after a week",
    "agenda.AgendaSequence": "a counter, moved by the trigger that numbers changes",
    "agenda.FreedSlot": "time that came free with an audited cancellation or move; what is offered of it is audited",
    "agenda.Occupancy": "derived from its appointment and rewritten with it",
    "audit.AccessEntry": "a trail of its own: append-only and sealed",
    "audit.AuditEntry": "the trail itself",
    "audit.AuditSeal": "what the trails are sealed with",
    "billing.LedgerRecord": "a trail of its own: append-only and chained by hashes",
    "billing.NumberSeries": "a counter; every number it gives stands in an audited document",
    "billing.RenderJob": "work under way; what it makes is an audited document",
    "core.IdempotencyKey": "stored answers of requests whose effects are recorded; purged after a day",
    "notifications.NotificationJob": "work under way; each step is in the message log",
    "notifications.NotificationLog": "a trail of its own: append-only",
    "patients.NameWord": "words of names for the search, kept by a trigger of the audited patient",
}
