//! Row 23: all methods are lost, and somebody who proves identities has looked at
//! the person: their word counts if it is signed, fresh, and not used before.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{DAY, HOUR, MINUTE, Setup, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    a_signed_and_fresh_proof_opens_the_way_to_a_new_number,
    a_proof_that_is_unsigned_old_or_about_another_is_refused,
    a_proof_counts_once,
);

const ISSUER: &str = "https://id.example.com";

/// Somebody who proves identities.
struct Prover(EcdsaKeyPair);

impl Prover {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self(key.expect("a key can be drawn"))
    }

    /// The tenant's entry for it.
    fn toml(&self) -> String {
        let spki: PublicKeyX509Der<'_> = self.0.public_key().as_der().expect("it is one");
        let spki = STANDARD.encode(spki.as_ref());
        format!(
            "[[tenants.idv_issuers]]\nissuer = {ISSUER:?}\nalgorithm = \"ES256\"\nkey_pem = \
             \"-----BEGIN PUBLIC KEY-----\\n{spki}\\n-----END PUBLIC KEY-----\\n\"\n"
        )
    }

    fn states(&self, claims: &Value) -> String {
        let signed = unsigned("ES256", claims);
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.expect("it can sign").as_ref());
        format!("{signed}.{signature}")
    }
}

fn unsigned(algorithm: &str, claims: &Value) -> String {
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}")
}

/// Fresh at the world's time, and about `u-1`.
fn claims(world: &World) -> Value {
    let now_s = world.now_ms() / 1_000;
    json!({
        "iss": ISSUER, "aud": "watchword", "sub": "u-1", "iat": now_s, "exp": now_s + 300,
    })
}

async fn recovers(world: &World, assertion: &str) -> (u16, Value) {
    let evidence = json!([{ "type": "idv", "assertion": assertion }]);
    let path = "/v1/subjects/u-1/recoveries";
    world.post(path, json!({ "evidence": evidence })).await
}

async fn over(stand: Stand, prover: &Prover) -> World {
    let world = World::with(stand, Setup::default().acme(&prover.toml())).await;
    world.has_method("u-1", &numbers::us_number()).await;
    world.tick().await;
    world.advance(DAY);
    world
}

async fn a_signed_and_fresh_proof_opens_the_way_to_a_new_number(stand: Stand) {
    let prover = Prover::new();
    let world = over(stand, &prover).await;
    let (status, opened) = recovers(&world, &prover.states(&claims(&world))).await;
    assert_eq!(status, 201, "{opened}");
    assert_eq!(opened["recovery"]["class"], "b");
    assert_eq!(opened["recovery"]["hold_s"], 86_400);

    // A right to enrol, and no sign-in: the new number waits its time.
    let recovery = text(&opened["recovery"]["id"]);
    let evidence = json!([{ "type": "recovery", "id": recovery }]);
    let number = numbers::us_number();
    let method = world.adds_method("u-1", &number, evidence).await;
    world.skip_messages_to(&number);
    world.advance(MINUTE);
    let asked = json!({ "subject": "u-1", "method": method });
    let (status, refused) = world.post("/v1/verifications", asked.clone()).await;
    assert_eq!((status, &refused["code"]), (423, &json!("method_on_hold")));
    world.advance(DAY + HOUR);
    world.tick().await;
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    assert!(!world.told_of("subject.recovery_opened").is_empty());
}

async fn a_proof_that_is_unsigned_old_or_about_another_is_refused(stand: Stand) {
    let prover = Prover::new();
    let world = over(stand, &prover).await;
    let good = claims(&world);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let now_s = world.now_ms() / 1_000;
    let over = json!({
        "iss": ISSUER, "aud": "watchword", "sub": "u-1", "iat": now_s - 400, "exp": now_s - 100,
    });
    let refused = [
        format!("{}.", unsigned("none", &good)),
        Prover::new().states(&good),
        prover.states(&over),
        prover.states(&with("sub", json!("u-2"))),
        prover.states(&with("aud", json!("another"))),
        prover.states(&with("exp", json!(now_s + 3_600))),
    ];
    for assertion in refused {
        let (status, answer) = recovers(&world, &assertion).await;
        assert_eq!(status, 401, "{answer}");
        assert_eq!(answer["code"], "assertion_invalid");
    }
    let (_, shown) = world.get("/v1/subjects/u-1").await;
    assert_eq!(shown["grants"], json!([]));
}

async fn a_proof_counts_once(stand: Stand) {
    let prover = Prover::new();
    let world = over(stand, &prover).await;
    let claims = claims(&world);
    assert_eq!(recovers(&world, &prover.states(&claims)).await.0, 201);
    // Signed anew it is the same statement.
    for assertion in [prover.states(&claims), prover.states(&claims)] {
        let (status, answer) = recovers(&world, &assertion).await;
        assert_eq!(status, 403, "{answer}");
        assert_eq!(answer["code"], "step_up_required");
    }
}
