"""Ask the site to dispatch due messages; what the platform's cron runs.

A safety net beside beat. The request carries a timestamp and, under DISPATCH_KEY, an HMAC-SHA256 of
`<timestamp>.<body>`.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import sys
import time
from urllib.parse import urlsplit

PATH = "/api/v1/jobs/notifications/dispatch"
BODY = b"{}"
TIMEOUT_SECONDS = 30


def signed_headers(key: str, *, at: int) -> dict[str, str]:
    """Return the headers for a moment in Unix seconds."""
    signature = hmac.new(key.encode(), f"{at}.".encode() + BODY, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Dispatch-Timestamp": str(at),
        "X-Dispatch-Signature": f"sha256={signature}",
    }


def main() -> int:
    """Send it once; the exit code says whether the site took it."""
    site, key = urlsplit(os.environ.get("PUBLIC_URL", "")), os.environ.get("DISPATCH_KEY", "")
    if site.scheme not in {"http", "https"} or not site.hostname or not key:
        print("PUBLIC_URL and DISPATCH_KEY must be set", file=sys.stderr)
        return 2
    kind = http.client.HTTPSConnection if site.scheme == "https" else http.client.HTTPConnection
    link = kind(site.hostname, site.port, timeout=TIMEOUT_SECONDS)
    try:
        link.request("POST", PATH, body=BODY, headers=signed_headers(key, at=int(time.time())))
        status = link.getresponse().status
    except OSError as error:
        print(f"dispatch failed: {error}", file=sys.stderr)
        return 1
    finally:
        link.close()
    print(f"dispatch: {status}")
    return 0 if 200 <= status < 300 else 1


if __name__ == "__main__":
    sys.exit(main())
