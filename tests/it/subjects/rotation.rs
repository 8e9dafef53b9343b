//! A master key takes over, and the one before it goes: subjects and the vault are
//! still read, though nobody asked about them meanwhile.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, DAY, Keys, Stand, World};
use crate::support::numbers;

over_both_stores!(
    a_retired_key_takes_no_subject_with_it,
    a_subject_is_sealed_anew_by_whoever_looks_at_it,
);

/// Longer than a start refuses to do without a retired key.
const LONG: u32 = 60;

async fn a_retired_key_takes_no_subject_with_it(stand: Stand) {
    let mut world = World::over(stand).await;
    let numbers: Vec<String> = (0..20).map(|_| numbers::us_number()).collect();
    for (place, number) in numbers.iter().enumerate() {
        world.has_method(&format!("person-{place}"), number).await;
    }
    let drill = json!({ "note": "the sealed code was found" });
    let (status, drilled) = world.call("POST", "/v1/admin/drills", ADA, drill).await;
    assert!(status < 300, "{drilled}");

    world.restart_with(Keys::Both).await;
    world.seal_anew().await;
    world.advance(DAY * LONG);
    world.restart_with(Keys::Second).await;

    for (place, number) in numbers.iter().enumerate() {
        is_all_there(&world, &format!("person-{place}"), number).await;
    }
    let (status, ready) = world
        .call("GET", "/v1/admin/readiness", ADA, Value::Null)
        .await;
    assert_eq!(status, 200, "the vault is read: {ready}");
    assert!(ready.to_string().contains("tried 60 days ago"), "{ready}");
}

async fn a_subject_is_sealed_anew_by_whoever_looks_at_it(stand: Stand) {
    let mut world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("person-7", &number).await;
    world.restart_with(Keys::Both).await;
    // Nobody walks over all of them; but this one is asked about.
    assert_eq!(world.get("/v1/subjects/person-7").await.0, 200);
    world.advance(DAY * LONG);
    world.restart_with(Keys::Second).await;
    is_all_there(&world, "person-7", &number).await;
}

async fn is_all_there(world: &World, subject: &str, number: &str) {
    let path = format!("/v1/subjects/{subject}");
    let (status, listed) = world.get(&format!("{path}/methods")).await;
    assert_eq!(status, 200, "{listed}");
    assert_eq!(listed["methods"][0]["number"], json!(number));
    let (status, audit) = world.get(&format!("{path}/audit")).await;
    assert_eq!(status, 200, "{audit}");
    assert_eq!(audit["complete"], json!(true), "{audit}");
    assert!(audit["count"].as_u64() >= Some(2), "{audit}");
}
