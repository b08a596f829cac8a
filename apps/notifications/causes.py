"""Messages some must not know of, as the apps tell whose causes they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.hooks import Hook
from apps.core.scope import Viewer

# viewer -> {cause type: a query of the keys of causes the viewer must not know of}; nothing where there are none.
hidden_causes: Hook[[Viewer], Mapping[str, Any]] = Hook("hidden_causes")
