"""The image's health check: the web process must answer /healthz; worker and beat have nothing to ask."""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path


def main() -> int:
    """Return 0 when the container's first process is well."""
    if b"gunicorn" not in Path("/proc/1/cmdline").read_bytes():
        return 0
    hosts = [host for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host and "*" not in host]
    link = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=4)
    try:
        link.request("GET", "/healthz", headers={"Host": hosts[0].lstrip(".") if hosts else "localhost"})
        return 0 if link.getresponse().status == 200 else 1
    except OSError:
        return 1
    finally:
        link.close()


if __name__ == "__main__":
    sys.exit(main())
