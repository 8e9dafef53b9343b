#!/usr/bin/env python3
"""Plays Microsoft Entra against a gateway on this machine; sends nothing out.

    entra-try.py DIRECTORY

Draws keys into DIRECTORY, writes gateway.toml beside them (a simulated
carrier, a store in memory), serves the issuer's signing keys on loopback,
waits for the gateway, and then makes Entra's requests. Needs jwcrypto and PyJWT.
"""

import base64
import http.server
import json
import os
import pathlib
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

import jwt
from jwcrypto import jwe, jwk

GATEWAY = "http://127.0.0.1:18080"
HEALTH = "http://127.0.0.1:18081/readyz"
DIRECTORY, CLIENT, CALLER = (str(uuid.uuid4()) for _ in range(3))

CONFIGURATION = """\
[server]
listen = "127.0.0.1:18080"
admin_listen = "127.0.0.1:18081"
allow_sandbox = true

[store]
kind = "memory"

[[keys]]
id = "k1"
secret = "{secret}"

[[tenants]]
name = "acme"
regions = ["US"]
voice_regions = ["US"]
api_keys = [{{ id = "a1", sha256 = "{api_key}" }}]

[[providers]]
id = "sandbox"
kind = "sandbox"
channels = ["sms", "voice"]

[[routes]]
channel = "sms"
hops = ["sandbox"]

[[routes]]
channel = "voice"
hops = ["sandbox"]

[[entra]]
tenant = "acme"
directory = "{directory}"
audiences = ["{client}"]
callers = ["{caller}"]
jwks_url = "{jwks_url}"
keys = [{{ id = "try", key_file = "{key_file}" }}]
"""


def serve_keys(key):
    """The issuer: one document with its public keys."""
    document = json.dumps({"keys": [{**key.export_public(as_dict=True), "use": "sig"}]}).encode()

    class Issuer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/keys"


def private_file(path, content):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def wait_for_gateway(seconds=120):
    for _ in range(seconds * 4):
        try:
            urllib.request.urlopen(HEALTH, timeout=2).close()
            return
        except OSError:
            time.sleep(0.25)
    sys.exit(f"no gateway answers at {HEALTH}")


def token(key):
    now = int(time.time())
    claims = {
        "iss": f"https://login.microsoftonline.com/{DIRECTORY}/v2.0",
        "aud": CLIENT, "azp": CALLER, "tid": DIRECTORY, "ver": "2.0",
        "iat": now, "nbf": now, "exp": now + 600,
    }
    pem = key.export_to_pem(private_key=True, password=None)
    return jwt.encode(claims, pem, algorithm="RS256", headers={"kid": "issuer"})


def request(title, bearer, encryption_key, mode, request_id, channel="sms"):
    nonce = secrets.token_urlsafe(16)
    context = {
        "nonce": nonce,
        "phoneNumber": "+14255550123",
        "message": "Use verification code 483920 for Contoso.",
    }
    sealed = jwe.JWE(
        json.dumps(context).encode(),
        json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "try"}),
    )
    sealed.add_recipient(encryption_key)
    envelope = {
        "type": "microsoft.mfa.otpDeliver.v1", "channel": channel, "mode": mode, "ttlSeconds": 300,
        "correlationId": str(uuid.uuid4()), "encryptedDeliveryContext": sealed.serialize(compact=True),
    }
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {bearer}",
        "x-ms-client-request-id": request_id,
    }
    call = urllib.request.Request(f"{GATEWAY}/api/SendOtp", json.dumps(envelope).encode(), headers)
    try:
        with urllib.request.urlopen(call, timeout=5) as answer:
            status, body = answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        status, body = refusal.code, json.load(refusal)
    if "nonce" in body:
        body["nonce"] = "(ours)" if body["nonce"] == nonce else "(NOT OURS)"
    print(f"{title:12} {status} {json.dumps(body)}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    here = pathlib.Path(sys.argv[1]).resolve()
    here.mkdir(parents=True, exist_ok=True)
    issuer, forger = (jwk.JWK.generate(kty="RSA", size=2048, kid="issuer") for _ in range(2))
    encryption = jwk.JWK.generate(kty="RSA", size=3072)

    private_file(here / "entra-try.pem", encryption.export_to_pem(private_key=True, password=None))
    configuration = CONFIGURATION.format(
        secret=base64.b64encode(secrets.token_bytes(32)).decode(), api_key=secrets.token_hex(32),
        directory=DIRECTORY, client=CLIENT, caller=CALLER,
        jwks_url=serve_keys(issuer), key_file=here / "entra-try.pem",
    )
    private_file(here / "gateway.toml", configuration.encode())
    print(f"now start: watchword serve --config {here / 'gateway.toml'}", flush=True)
    wait_for_gateway()

    genuine = token(issuer)
    first = str(uuid.uuid4())
    request("evaluation", genuine, encryption, "evaluation", str(uuid.uuid4()))
    request("live", genuine, encryption, "live", first)
    request("replay", genuine, encryption, "live", first)
    request("voice", genuine, encryption, "live", str(uuid.uuid4()), channel="voice")
    request("forged", token(forger), encryption, "live", str(uuid.uuid4()))


if __name__ == "__main__":
    main()
