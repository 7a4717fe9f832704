"""Takes webhooks of GitHub (and whoever signs the same way): only what is signed with the secret is looked at."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

KEY = Path("/var/openfaas/secrets/github-webhook-key").read_bytes().strip()


def handler(event, context):
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else (event.get("body") or "").encode()
    expected = "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, event["headers"].get("x-hub-signature-256", "")):
        print("refused a webhook: the signature is wrong")
        return {"statusCode": 401, "body": "the signature is wrong\n"}
    message = json.loads(body)
    kind = event["headers"].get("x-github-event", "unknown")
    repository = message.get("repository", {}).get("full_name", "?")
    print(f"{kind} of {repository}")
    return {"accepted": kind, "repository": repository}
