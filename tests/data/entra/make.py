#!/usr/bin/env python3
"""Writes the vectors beside it, with JOSE libraries of another language.

    pip install jwcrypto PyJWT && python3 make.py

Everything is drawn anew at each run: keys, nonces, content keys. What the
libraries refuse to make is put together by hand from the same primitives. The
output is committed, so that the tests need no Python.
"""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import secrets

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from jwcrypto import jwe, jwk

HERE = pathlib.Path(__file__).parent
NOW_S = 1_800_000_000

DIRECTORY = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
OTHER_DIRECTORY = "99999999-4b5a-6978-8796-a5b4c3d2e1f0"
CLIENT = "1f2e3d4c-5b6a-7988-9786-a4b5c6d7e8f9"
AUDIENCE = "api://otp.example.com/" + CLIENT
CALLER = "2f3e4d5c-6b7a-8998-a786-b4c5d6e7f809"
OTHER_CALLER = "33333333-6b7a-8998-a786-b4c5d6e7f809"
V1 = f"https://sts.windows.net/{DIRECTORY}/"
V2 = f"https://login.microsoftonline.com/{DIRECTORY}/v2.0"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pem(key, form=serialization.PrivateFormat.PKCS8, secret=None):
    encryption = (
        serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ExternalPhoneProvider")])
    at = datetime.datetime.fromtimestamp(NOW_S, datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at)
        .not_valid_after(at + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def draw(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


CURRENT, PREVIOUS, STRANGER = draw(), draw(), draw()

CONTEXT = {
    "nonce": "golden-nonce-7d1c",
    "phoneNumber": "+14255550123",
    "message": "Use verification code 483920 for Contoso authentication.",
}


def text_of(context):
    return json.dumps(context, ensure_ascii=False)


def by_library(plaintext, key=CURRENT, alg="RSA-OAEP-256", enc="A256GCM", **header):
    """A JWE by jwcrypto."""
    protected = {"alg": alg, "enc": enc, "kid": "current", **header}
    protected = {name: value for name, value in protected.items() if value is not None}
    if alg == "dir" or alg == "A256KW":
        recipient = jwk.JWK(kty="oct", k=b64(secrets.token_bytes(32)))
    else:
        recipient = jwk.JWK.from_pem(pem(key).encode())
    made = jwe.JWE(
        plaintext.encode(),
        json.dumps(protected),
        algs=[alg, enc],
    )
    made.add_recipient(recipient)
    return made.serialize(compact=True)


def by_hand(plaintext, header, cek=None, iv=None, key=CURRENT, tag_bytes=16):
    """A JWE whose header is taken as it is, whatever it says."""
    cek = cek or secrets.token_bytes(32)
    iv = iv or secrets.token_bytes(12)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    encoded = b64(header.encode())
    plaintext = plaintext if isinstance(plaintext, bytes) else plaintext.encode()
    sealed = AESGCM(cek).encrypt(iv, plaintext, encoded.encode())
    ciphertext, tag = sealed[:-16], sealed[-16:][:tag_bytes]
    wrapped = key.public_key().encrypt(cek, oaep)
    return ".".join([encoded, b64(wrapped), b64(iv), b64(ciphertext), b64(tag)])


def changed(compact, at):
    """With one bit of one segment flipped."""
    parts = compact.split(".")
    data = bytearray(base64.urlsafe_b64decode(parts[at] + "=" * (-len(parts[at]) % 4)))
    data[len(data) // 2] ^= 1
    parts[at] = b64(bytes(data))
    return ".".join(parts)


def of_length(wanted):
    """A JWE of exactly so many characters."""
    for kid in ["current", "current ", "current  ", "current   "]:
        low = wanted * 3 // 4 - 700
        for size in range(low, low + 700):
            context = {**CONTEXT, "padding": "x" * size}
            header = json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": kid})
            bytes_ = len(text_of(context).encode())
            length = len(b64(header.encode())) + 342 + 16 + 22 + 4 + -(-bytes_ * 4 // 3)
            if length == wanted:
                made = by_library(text_of(context), kid=kid)
                assert len(made) == wanted, (len(made), wanted)
                return made
    raise SystemExit(f"no JWE has {wanted} characters")


def jwes():
    plain = text_of(CONTEXT)
    good = by_library(plain)
    parts = good.split(".")
    header = '{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"current"%s}'
    unicode_context = {**CONTEXT, "message": "Kod: 483920 – Grüße, 日本語 🙂", "locale": "de-DE"}
    full = {**CONTEXT, "locale": "en-US", "extension": "123", "riskContext": {"level": "low"}}
    opened = [
        ("the newest key", good, CONTEXT, "current"),
        ("an older key", by_library(plain, PREVIOUS, kid="previous"), CONTEXT, "previous"),
        ("a key that is not named", by_library(plain, PREVIOUS, kid=None), CONTEXT, "previous"),
        ("a key by another name", by_library(plain, kid="8B1F-thumbprint"), CONTEXT, "current"),
        ("a key by the other's name", by_library(plain, kid="previous"), CONTEXT, "current"),
        ("all fields", by_library(text_of(full)), full, "current"),
        ("unicode", by_library(text_of(unicode_context)), unicode_context, "current"),
        ("16384 characters", of_length(16_384), None, "current"),
        ("a spaced header", by_hand(plain, '{ "kid" : 7,  "enc" : "A256GCM", "alg" : "RSA-OAEP-256" }'), CONTEXT, "current"),
    ]
    refused = [
        ("RSA-OAEP", by_library(plain, alg="RSA-OAEP")),
        ("RSA1_5", by_library(plain, alg="RSA1_5")),
        ("A128GCM", by_library(plain, enc="A128GCM")),
        ("A192GCM", by_library(plain, enc="A192GCM")),
        ("A256CBC-HS512", by_library(plain, enc="A256CBC-HS512")),
        ("dir", by_library(plain, alg="dir").replace("..", "." + b64(b"x" * 256) + ".", 1)),
        ("dir as it is", by_library(plain, alg="dir")),
        ("A256KW", by_library(plain, alg="A256KW")),
        ("zip", by_library(plain, zip="DEF")),
        ("zip null", by_hand(plain, header % ',"zip":null')),
        ("crit", by_hand(plain, header % ',"crit":["exp"],"exp":1')),
        ("crit empty", by_hand(plain, header % ',"crit":[]')),
        ("a stranger's key", by_library(plain, STRANGER)),
        ("changed header", changed(good, 0)),
        ("changed encrypted key", changed(good, 1)),
        ("changed iv", changed(good, 2)),
        ("changed ciphertext", changed(good, 3)),
        ("changed tag", changed(good, 4)),
        ("another header of the same meaning", ".".join([b64((header % "").replace(",", " ,").encode()), *parts[1:]])),
        ("a header that says its algorithm twice", by_hand(plain, header % ',"alg":"RSA-OAEP-256"')),
        ("a header that is a list", by_hand(plain, '["RSA-OAEP-256","A256GCM","current"]')),
        ("a header without alg", by_hand(plain, '{"enc":"A256GCM"}')),
        ("a header without enc", by_hand(plain, '{"alg":"RSA-OAEP-256"}')),
        ("alg in lower case", by_hand(plain, '{"alg":"rsa-oaep-256","enc":"A256GCM"}')),
        ("a content key of 16 bytes", by_hand(plain, header % "", cek=secrets.token_bytes(16))),
        ("a content key of 24 bytes", by_hand(plain, header % "", cek=secrets.token_bytes(24))),
        ("an iv of 16 bytes", by_hand(plain, header % "", iv=secrets.token_bytes(16))),
        ("a tag of 12 bytes", by_hand(plain, header % "", tag_bytes=12)),
        ("no tag", ".".join(parts[:4] + [""])),
        ("4 segments", ".".join(parts[:4])),
        ("6 segments", good + "." + parts[4]),
        ("a dot at the end", good + "."),
        *((f"segment {at} empty", ".".join(parts[:at] + [""] + parts[at + 1 :])) for at in range(5)),
        ("dots alone", "...."),
        ("16385 characters", of_length(16_385)),
        ("padding", ".".join(parts[:4] + [parts[4] + "=="])),
        ("the other alphabet", ".".join([parts[0], parts[1], parts[2], "+/" + parts[3][2:], parts[4]])),
        ("a space before", " " + good),
        ("a line feed after", good + "\n"),
        ("JSON serialization", json.dumps({"protected": parts[0], "encrypted_key": parts[1]})),
        ("a plaintext that is no JSON", by_library("nonce=1")),
        ("a plaintext that is a list", by_library("[]")),
        ("a plaintext that is no UTF-8", by_hand(b'{"nonce":"\xff"}', header % "")),
    ]
    incomplete = [
        (f"{name} {what}", by_library(text_of({**CONTEXT, name: value})))
        for name in ["nonce", "phoneNumber", "message"]
        for what, value in [("empty", ""), ("blank", " \t"), ("null", None), ("a number", 123)]
    ] + [
        (f"{name} missing", by_library(text_of({k: v for k, v in CONTEXT.items() if k != name})))
        for name in CONTEXT
    ]
    return {
        "opened": [dict(zip(("name", "jwe", "context", "key"), one)) for one in opened],
        "refused": [dict(zip(("name", "jwe"), one)) for one in refused],
        "incomplete": [dict(zip(("name", "jwe"), one)) for one in incomplete],
    }


SIGNING, NEXT, FOREIGN = draw(), draw(), draw()


def claims(**changes):
    all_claims = {
        "aud": AUDIENCE, "iss": V1, "iat": NOW_S - 60, "nbf": NOW_S - 60,
        "exp": NOW_S + 3_600, "appid": CALLER, "appidacr": "2", "tid": DIRECTORY,
        "ver": "1.0", "roles": ["Epp.Invoke"], "oid": "44444444-0000-4000-8000-000000000001",
    }
    all_claims.update(changes)
    return {name: value for name, value in all_claims.items() if value is not None}


def claims_v2(**changes):
    return claims(**{"iss": V2, "aud": CLIENT, "ver": "2.0", "azp": CALLER, "appid": None, **changes})


def signed(payload, key=SIGNING, algorithm="RS256", **header):
    header = {"kid": "signing", **header}
    header = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(payload, pem(key), algorithm=algorithm, headers=header)


def signed_by_hand(payload, header):
    message = b64(header.encode()) + "." + b64(payload.encode())
    signature = SIGNING.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return message + "." + b64(signature)


def keyed_by_public_key(encoding, form):
    secret = SIGNING.public_key().public_bytes(encoding, form)
    header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": "signing"})
    message = b64(header.encode()) + "." + b64(json.dumps(claims()).encode())
    return message + "." + b64(hmac.new(secret, message.encode(), hashlib.sha256).digest())


def public_jwk(key, kid, **more):
    numbers = key.public_key().public_numbers()
    n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    return {"kty": "RSA", "kid": kid, "n": b64(n), "e": "AQAB", **more}


def tokens():
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    own = public_jwk(FOREIGN, "signing")
    good = signed(claims())
    head, payload, signature = good.split(".")
    none = b64(json.dumps({"alg": "none", "kid": "signing"}).encode())
    doubled = json.dumps(claims())[:-1] + ',"%s":"%s"}'
    plain_header = '{"alg":"RS256","typ":"JWT","kid":"signing"}'
    rules = [
        ("version 1", good, "admitted"),
        ("version 2", signed(claims_v2()), "admitted"),
        ("a key published later", signed(claims(), NEXT, kid="next"), "admitted"),
        ("GUIDs in capitals", signed(claims_v2(aud=CLIENT.upper(), azp=CALLER.upper(), tid=DIRECTORY.upper())), "admitted"),
        ("several audiences", signed(claims(aud=["api://other", AUDIENCE])), "admitted"),
        ("no version", signed(claims(ver=None)), "admitted"),
        ("no nbf and no iat", signed(claims(nbf=None, iat=None)), "admitted"),
        ("expired within the skew", signed(claims(exp=NOW_S - 59)), "admitted"),
        ("early within the skew", signed(claims(nbf=NOW_S + 60)), "admitted"),
        ("a key in its header, signed by ours", signed(claims(), jwk=own), "admitted"),
        ("a key's URL in its header, signed by ours", signed(claims(), jku="https://evil.example.com/keys", x5u="https://evil.example.com/x"), "admitted"),
        ("expired", signed(claims(exp=NOW_S - 60)), "expired"),
        ("early", signed(claims(nbf=NOW_S + 61)), "not_yet_valid"),
        ("issued in the future", signed(claims(iat=NOW_S + 61)), "not_yet_valid"),
        ("without exp", signed(claims(exp=None)), "malformed"),
        ("exp as a text", signed(claims(exp=str(NOW_S + 100))), "malformed"),
        ("a foreign issuer", signed(claims(iss=V1.replace("windows", "example"))), "issuer"),
        ("another directory's issuer", signed(claims(iss=V1.replace(DIRECTORY, OTHER_DIRECTORY))), "issuer"),
        ("common as issuer", signed(claims_v2(iss="https://login.microsoftonline.com/common/v2.0")), "issuer"),
        ("without issuer", signed(claims(iss=None)), "malformed"),
        ("another audience", signed(claims(aud="api://other")), "audience"),
        ("the audience in capitals", signed(claims(aud=AUDIENCE.upper())), "audience"),
        ("without audience", signed(claims(aud=None)), "malformed"),
        ("another directory", signed(claims(tid=OTHER_DIRECTORY)), "directory"),
        ("without directory", signed(claims(tid=None)), "directory"),
        ("another application", signed(claims(appid=OTHER_CALLER)), "caller"),
        ("another application, version 2", signed(claims_v2(azp=OTHER_CALLER)), "caller"),
        ("without application", signed(claims(appid=None)), "caller"),
        ("azp in version 1", signed(claims(appid=None, azp=CALLER)), "caller"),
        ("appid in version 2", signed(claims_v2(azp=None, appid=CALLER)), "caller"),
        ("another version", signed(claims(ver="3.0")), "caller"),
        ("no version and two applications", signed(claims(ver=None, azp=OTHER_CALLER)), "caller"),
        ("alg none", f"{none}.{payload}.", "malformed"),
        ("alg none with a signature", f"{none}.{payload}.{signature}", "malformed"),
        ("HS256 by the public key in PEM", keyed_by_public_key(serialization.Encoding.PEM, spki), "algorithm"),
        ("HS256 by the public key in DER", keyed_by_public_key(serialization.Encoding.DER, spki), "algorithm"),
        ("RS512", signed(claims(), algorithm="RS512"), "algorithm"),
        ("PS256", signed(claims(), algorithm="PS256"), "algorithm"),
        ("a key in its header, signed by that", signed(claims(), FOREIGN, jwk=own), "signature"),
        ("a key of a stranger", signed(claims(), FOREIGN), "signature"),
        ("another key's name", signed(claims(), NEXT), "signature"),
        ("changed claims", f"{head}.{b64(json.dumps(claims(roles=['x'])).encode())}.{signature}", "signature"),
        ("no signature", f"{head}.{payload}.", "signature"),
        ("an unknown key", signed(claims(), kid="unknown"), "unknown_key"),
        ("a key of personal accounts", signed(claims(), FOREIGN, kid="personal"), "unknown_key"),
        ("no key", signed(claims(), kid=None), "unknown_key"),
        ("an empty key", signed(claims(), kid=""), "unknown_key"),
        ("crit", signed_by_hand(json.dumps(claims()), '{"alg":"RS256","kid":"signing","crit":["exp"],"exp":1}'), "malformed"),
        ("an audience twice", signed_by_hand(doubled % ("aud", "api://other"), plain_header), "malformed"),
        ("an issuer twice", signed_by_hand(doubled % ("iss", V2), plain_header), "malformed"),
        ("an application twice", signed_by_hand(doubled % ("appid", CALLER), plain_header), "malformed"),
        ("an algorithm twice", signed_by_hand(json.dumps(claims()), '{"alg":"RS256","kid":"signing","alg":"RS256"}'), "malformed"),
        ("claims that are no JSON", signed_by_hand("nothing", plain_header), "malformed"),
        ("two parts", f"{head}.{payload}", "malformed"),
        ("four parts", f"{good}.{signature}", "malformed"),
        ("nothing", "", "malformed"),
        ("longer than any", signed(claims(padding="x" * 9_000)), "malformed"),
    ]
    roles = [
        ("the role", signed(claims()), "admitted"),
        ("one of several", signed(claims(roles=["a", "Epp.Invoke"])), "admitted"),
        ("another role", signed(claims(roles=["epp.invoke"])), "role"),
        ("no role", signed(claims(roles=None)), "role"),
        ("an empty list", signed(claims(roles=[])), "role"),
    ]
    named = lambda list_: [dict(zip(("name", "token", "expected"), one)) for one in list_]
    return {
        "now_s": NOW_S, "directory": DIRECTORY, "issuers": [V1, V2],
        "audiences": [AUDIENCE, CLIENT], "callers": [CALLER],
        "tokens": named(rules), "with_roles": named(roles),
        "jwks": {"keys": [
            public_jwk(SIGNING, "signing", use="sig", issuer="https://login.microsoftonline.com/{tenantid}/v2.0", x5t="x", x5c=["MII"]),
            public_jwk(NEXT, "next", alg="RS256", issuer=V2),
            public_jwk(FOREIGN, "personal", use="sig", issuer="https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
            public_jwk(FOREIGN, "encryption", use="enc"),
            public_jwk(FOREIGN, "other-algorithm", use="sig", alg="RS512"),
            public_jwk(draw(1024), "short", use="sig"),
            {"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kid": "nothing"}, 7,
        ]},
    }


def write(name, text):
    (HERE / name).write_text(text if text.endswith("\n") else text + "\n")


def main():
    write("current.pem", pem(CURRENT))
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    write("previous.pem", pem(PREVIOUS, traditional))
    write("bundle.pem", certificate(CURRENT) + pem(CURRENT))
    write("encrypted.pem", pem(CURRENT, secret=b"passphrase"))
    write("short.pem", pem(draw(1024)))
    write("jwe.json", json.dumps(jwes(), indent=1, ensure_ascii=False))
    write("tokens.json", json.dumps(tokens(), indent=1))
    write("signing.pem", pem(SIGNING))


if __name__ == "__main__":
    main()
