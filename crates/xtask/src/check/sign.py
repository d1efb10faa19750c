"""Signs call commands with the AWS SDK's own signer: sign.py URL DOMAIN TOKEN."""

import json
import sys
import urllib.error
import urllib.request

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

URL, DOMAIN, TOKEN = sys.argv[1:4]


def send(method, path, headers, body=None):
    request = urllib.request.Request(URL + path, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def signed(signer, body, secret=TOKEN, service="execute-api"):
    path = f"/mediaservice/{DOMAIN}/hangupcall"
    headers = {"Content-Type": "application/json"}
    request = AWSRequest("POST", URL + path, headers=headers, data=body)
    signer(Credentials(key_id, secret), service, "eu-north-1").add_auth(request)
    return path, dict(request.prepare().headers), body.encode()


def expect(what, answer, status, code):
    if (answer[0], answer[1].get("code")) != (status, code):
        sys.exit(f"{what}: {answer} instead of {status} {code}")


keys = send("GET", f"/provisioning/apiKey/{DOMAIN}", {"Authorization": f"Bearer {TOKEN}"})
key_id = keys[1]["apiKeys"][0]["sk"]

# No such call: the signature was taken.
first = signed(SigV4Auth, '{"replyId":"of no call"}')
expect("a signed request", send("POST", *first), 404, "call_not_found")
expect("the same once more", send("POST", *first), 401, "signature_used")
declared = signed(S3SigV4Auth, '{"replyId":"of no call either"}')
expect("with the payload's hash", send("POST", *declared), 404, "call_not_found")
path, headers, body = signed(SigV4Auth, '{"replyId":"one"}')
expect("a changed body", send("POST", path, headers, b'{"replyId":"two"}'), 401, "unauthorized")
wrong = signed(SigV4Auth, '{"replyId":"three"}', secret="hs_wrong")
expect("another secret", send("POST", *wrong), 401, "unauthorized")
elsewhere = signed(SigV4Auth, '{"replyId":"four"}', service="sqs")
expect("another service", send("POST", *elsewhere), 401, "unauthorized")
