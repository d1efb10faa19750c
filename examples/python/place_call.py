"""Places a call and waits until it is over.

    python3 examples/python/place_call.py http://127.0.0.1:8080 acme.test TOKEN sip:alice@127.0.0.1:5070

Tenant, key and service come from the README's quick start; `sipp -sn uas -p 5070` answers.
"""

from __future__ import annotations

import sys
import time

from hookswitch import Hookswitch, HookswitchError


def main() -> int:
    if len(sys.argv) != 5:
        print("usage: place_call.py BASE_URL DOMAIN TOKEN SIP_URI", file=sys.stderr)
        return 2
    base_url, domain, token, destination_uri = sys.argv[1:]
    hookswitch = Hookswitch(base_url, token)
    try:
        placed = hookswitch.place_remote_call(
            domain,
            {
                "destinationUri": destination_uri,
                "sourceUser": "1001",
                "codec": "PCMU",
                "receiveIp": "192.0.2.10",
                "receivePort": 40_000,
            },
        )
        print("placed: session", placed["sessionId"])
        while True:
            calls = hookswitch.list_calls(domain, call_id=placed["callId"])["calls"]
            state = calls[0]["state"] if calls else None
            if state == "ended":
                outcome = calls[0].get("outcome")
                print("ended:", outcome["class"] if outcome else "unknown")
                return 0
            if state == "confirmed":
                hookswitch.hangup_call(domain, {"replyId": placed["replyId"]})
            time.sleep(0.2)
    except HookswitchError as error:
        print(f"refused with {error.status}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{base_url} cannot be reached: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
