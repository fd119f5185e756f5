"""Tokens: given out for API keys, signed, proved, replaced and given up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from structlog.testing import capture_logs

from kztasks.api.app import create_app
from kztasks.api.config import ApiSettings, Rates, TokenSettings
from kztasks.api.deps import ApiDeps
from kztasks.errors import Misconfigured
from tests.integration.api import tokens
from tests.integration.api.kit import CHILD, LOCKED, TASKS, A, Front, NoApps
from tests.integration.api.tokens import KAZOO, KID, NOW, claims, forged, kazoo_token, pem_of, token

pytestmark = pytest.mark.store

KEY = "k" * 64
BODY = {"data": {"api_key": KEY}}


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(
        node="kztasks@h1",
        tokens=TokenSettings(kazoo_keys={tokens.KAZOO_KID: pem_of(KAZOO)}),
        rates=Rates(burst=10_000, per_s=1000),
    )


@pytest.fixture(autouse=True)
async def _keys(front: Front) -> None:
    front.http.headers.pop("x-auth-token")
    await tokens.store_key(front.store)
    await front.store.accounts.add_api_key(KEY, A)


async def login(front: Front) -> httpx.Response:
    return await front.http.put("/v2/api_auth", json=BODY)


async def status(front: Front, made: str) -> int:
    response = await front.http.get(TASKS, headers={"x-auth-token": made})
    return response.status_code


async def test_an_api_key_is_exchanged_for_a_token_that_works(front: Front) -> None:
    response = await login(front)
    body = response.json()

    assert response.status_code == 201
    assert body["data"]["account_id"] == A
    assert body["data"]["account_name"] == "A"
    assert body["tokens"]["consumed"] == 35
    assert await status(front, body["auth_token"]) == 200


async def test_a_token_says_whose_it_is_and_when_it_expires(front: Front) -> None:
    made = (await login(front)).json()["auth_token"]
    said = jwt.decode(made, options={"verify_signature": False})

    assert said["account_id"] == said["sub"] == A
    assert said["exp"] - said["iat"] == 3600
    assert said["method"] == "cb_api_auth"
    assert jwt.get_unverified_header(made)["alg"] == "EdDSA"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"api_key": "x" * 64}, 404),
        ({"api_key": "short"}, 400),
        ({"api_key": 17}, 400),
        ({"api_key": {"$ne": ""}}, 400),
        ({}, 400),
    ],
)
async def test_what_is_no_api_key_gets_no_token(
    front: Front, data: dict[str, Any], expected: int
) -> None:
    response = await front.http.put("/v2/api_auth", json={"data": data})

    assert response.status_code == expected
    assert "auth_token" not in response.json()


async def test_an_unknown_key_is_told_as_kazoo_tells_it(front: Front) -> None:
    response = await front.http.put("/v2/api_auth", json={"data": {"api_key": "x" * 64}})

    assert response.json()["message"] == "bad identifier"
    assert response.json()["data"] == ["x" * 64]


async def test_a_disabled_account_gets_no_token(front: Front) -> None:
    await front.store.accounts.add_api_key("l" * 64, LOCKED)
    response = await front.http.put("/v2/api_auth", json={"data": {"api_key": "l" * 64}})

    assert response.status_code == 423
    assert "auth_token" not in response.json()


async def test_neither_key_nor_token_is_ever_logged(front: Front) -> None:
    with capture_logs() as logs:
        made = (await login(front)).json()["auth_token"]
        await status(front, made)
        await front.http.get(TASKS, params={"auth_token": made})
        await front.http.get(TASKS, params={"authorization": f"Bearer {made}"})
        await front.http.post(f"{TASKS}/x", json={"data": {}, "verb": "get", "auth_token": made})
        await front.http.delete("/v2/token_auth", headers={"authorization": f"Bearer {made}"})
        await status(front, made)

    assert len([log for log in logs if log["event"] == "http_request"]) == 7
    for secret in (KEY, made, made.rsplit(".", 1)[1]):
        assert secret not in str(logs)


async def test_an_api_key_itself_is_no_token(front: Front) -> None:
    assert await status(front, KEY) == 401


BAD: dict[str, Callable[[], str]] = {
    "expired": lambda: tokens.expired(A),
    "not valid yet": lambda: token(A, nbf=NOW + 3600),
    "issued in the future": lambda: token(A, iat=NOW + 3600, exp=NOW + 7200),
    "no expiry": lambda: token(A, exp=None),
    "expires in ten years": lambda: token(A, exp=NOW + 10 * 365 * 86400),
    "expires at the end of time": lambda: token(A, exp=1e300),
    "expiry is text": lambda: token(A, exp="never"),
    "expiry is a list": lambda: token(A, exp=[NOW + 60]),
    "no issue time": lambda: token(A, iat=None),
    "no audience": lambda: token(A, aud=None),
    "other audience": lambda: token(A, aud="other"),
    "no id": lambda: token(A, jti=None),
    "other issuer": lambda: token(A, iss="other"),
    "kazoo's issuer with our key": lambda: token(A, iss="kazoo"),
    "no account": lambda: token(A, account_id=None),
    "account is an object": lambda: token(A, account_id={"$ne": ""}),
    "account that is not there": lambda: token("0" * 32),
    "subject is a number": lambda: token(A, sub=1),
    "not signed": lambda: tokens.unsigned(A),
    "None in capitals": lambda: forged({"alg": "NONE", "kid": KID}, claims(A)),
    "our public key as a secret": lambda: tokens.confused(A),
    "kazoo's public key as a secret": lambda: forged(
        {"alg": "HS256", "kid": tokens.KAZOO_KID},
        {"iss": "kazoo", "account_id": A, "exp": NOW + 7200},
        pem_of(KAZOO).encode(),
    ),
    "somebody else's signature": lambda: tokens.of_another_key(A),
    "our key's name, kazoo's signature": lambda: jwt.encode(
        claims(A), KAZOO, "RS256", headers={"kid": KID}
    ),
    "kazoo's key's name, our signature": lambda: jwt.encode(
        claims(A, iss="kazoo"), tokens.OURS, "EdDSA", headers={"kid": tokens.KAZOO_KID}
    ),
    "no key named": lambda: jwt.encode(claims(A), tokens.OURS, "EdDSA"),
    "unknown key": lambda: jwt.encode(claims(A), tokens.OURS, "EdDSA", headers={"kid": "x"}),
    "key name is a path": lambda: jwt.encode(
        claims(A), tokens.OURS, "EdDSA", headers={"kid": "../../etc/passwd"}
    ),
    "key name is a number": lambda: forged({"alg": "HS256", "kid": 1}, claims(A), b"x" * 32),
    "key brought along": lambda: jwt.encode(
        claims(A), tokens.OTHER, "EdDSA", headers={"jwk": {"kty": "OKP"}, "jku": "http://x/"}
    ),
    "unknown critical header": lambda: jwt.encode(
        claims(A), tokens.OURS, "EdDSA", headers={"kid": KID, "crit": ["x"], "x": 1}
    ),
    "kazoo with PSS": lambda: kazoo_token(A, "PS256"),
    "kazoo, expired": lambda: kazoo_token(A, exp=NOW - 3600),
    "kazoo without an expiry": lambda: kazoo_token(A, exp=None),
    "kazoo for ten years": lambda: kazoo_token(A, exp=NOW + 10 * 365 * 86400),
    "kazoo, other issuer": lambda: kazoo_token(A, iss="kztasks"),
    "two dots": lambda: "..",
    "three words": lambda: "a.b.c",
    "too long": lambda: token(A, more="x" * 9000),
    "claims are a list": lambda: forged({"alg": "none", "kid": KID}, [1]),  # type: ignore[arg-type]  # on purpose
    "nested claims": lambda: "e30." + "W10" * 1000 + ".x",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_token_is_refused(front: Front, kind: str) -> None:
    made = BAD[kind]()

    assert await status(front, made) == 401, kind
    body = (await front.http.get(TASKS, headers={"x-auth-token": made})).json()
    is_expired = "expired" in kind
    assert body["message"] == ("invalid credentials" if is_expired else "invalid_credentials")
    assert body["data"] == ({} if is_expired else {"message": "invalid credentials"})
    assert "auth_token" not in body


async def test_a_token_whose_signature_was_touched_is_refused(front: Front) -> None:
    good = token(A)
    header, content, signature = good.split(".")
    other = token(CHILD).split(".")[1]

    assert await status(front, good) == 200
    assert await status(front, f"{header}.{other}.{signature}") == 401
    assert await status(front, f"{header}.{content}.{signature[::-1]}") == 401
    assert await status(front, f"{header}.{content}.") == 401


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
async def test_a_token_of_the_configured_kazoo_cluster_is_accepted(
    front: Front, algorithm: str
) -> None:
    assert await status(front, kazoo_token(A, algorithm)) == 200


async def test_what_a_token_claims_makes_nobody_an_admin(front: Front) -> None:
    made = token(A, superduper_admin=True, pvt_superduper_admin=True)
    response = await front.http.get("/v2/tasks/x", headers={"x-auth-token": made})

    assert response.status_code == 403


async def test_a_token_ends_with_its_account(front: Front) -> None:
    made = token(A)
    assert await status(front, made) == 200
    await front.store.accounts.set_enabled(A, enabled=False)
    assert await status(front, made) == 423


async def test_a_token_is_looked_at_and_given_up(front: Front) -> None:
    made = (await login(front)).json()["auth_token"]
    headers = {"x-auth-token": made}
    shown = (await front.http.get("/v2/token_auth", headers=headers)).json()["data"]

    assert shown["account_id"] == A
    assert shown["method"] == "cb_api_auth"
    assert shown["exp"] > NOW
    assert (await front.http.delete("/v2/token_auth", headers=headers)).status_code == 200
    assert await status(front, made) == 401
    assert await status(front, (await login(front)).json()["auth_token"]) == 200


async def test_a_lasting_token_is_given_up(front: Front) -> None:
    await front.store.accounts.add_token("lasting", A)
    headers = {"x-auth-token": "lasting"}

    assert "exp" not in (await front.http.get("/v2/token_auth", headers=headers)).json()["data"]
    await front.http.delete("/v2/token_auth", headers=headers)
    assert await status(front, "lasting") == 401


async def test_anybody_can_prove_a_token_with_the_published_key(front: Front) -> None:
    made = (await login(front)).json()["auth_token"]
    kid = jwt.get_unverified_header(made)["kid"]
    shown = (await front.http.get(f"/v2/auth/keys/{kid}")).json()["data"]
    pem = await front.http.get(f"/v2/auth/keys/{kid}", headers={"accept": "application/x-pem-file"})
    key_set = jwt.PyJWKSet.from_json((await front.http.get("/.well-known/jwks.json")).text)

    assert pem.text == shown["public_key"]
    assert "PRIVATE" not in pem.text
    for key in (pem.text, key_set[kid]):
        said = jwt.decode(made, key, algorithms=["EdDSA"], audience="kztasks")
        assert said["account_id"] == A


async def test_no_private_key_is_ever_shown(front: Front) -> None:
    await login(front)
    shown = (await front.http.get("/.well-known/jwks.json")).text

    assert not any("d" in key for key in json.loads(shown)["keys"])
    assert (await front.http.get("/v2/auth/keys/unknown")).status_code == 404


async def test_an_old_key_is_replaced_and_still_proves(front: Front) -> None:
    month_ago = NOW - 31 * 86400
    keys = front.store._database["signing_keys"]
    await keys.update_one({"_id": KID}, {"$set": {"created": month_ago}})
    made = (await login(front)).json()["auth_token"]

    assert jwt.get_unverified_header(made)["kid"] != KID
    assert await status(front, made) == 200
    assert await status(front, token(A)) == 200
    await keys.update_one({"_id": KID}, {"$set": {"created": month_ago - 10 * 86400}})
    await keys.update_many({"_id": {"$ne": KID}}, {"$set": {"created": month_ago}})
    other_front = create_app(
        ApiDeps(
            store=front.store,
            scheduler=front.scheduler,  # type: ignore[arg-type]  # is not asked
            verifier=NoApps(),
            settings=ApiSettings(node="n@h"),
        )
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(other_front), base_url="http://front"
    ) as http:
        assert (await http.put("/v2/api_auth", json=BODY)).status_code == 201
        answer = await http.get(TASKS, headers={"x-auth-token": token(A)})
    assert answer.status_code == 401


async def test_a_key_that_another_front_made_is_found(front: Front) -> None:
    assert await status(front, token(A)) == 200
    await front.store.signing_keys.remove(KID)
    made = (await login(front)).json()["auth_token"]

    assert await status(front, made) == 200


@pytest.mark.parametrize(
    "pem",
    [
        "nonsense",
        pem_of(rsa.generate_private_key(65537, 1024)),
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
)
async def test_a_kazoo_key_that_cannot_be_trusted_forbids_to_start(front: Front, pem: str) -> None:
    settings = ApiSettings(node="n", tokens=TokenSettings(kazoo_keys={"k": pem}))
    with pytest.raises(Misconfigured):
        create_app(
            ApiDeps(
                store=front.store,
                scheduler=front.scheduler,  # type: ignore[arg-type]  # is not asked
                verifier=NoApps(),
                settings=settings,
            )
        )
