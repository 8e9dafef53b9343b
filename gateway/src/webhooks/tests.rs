//! Events that are complete when they are written, from the story to the body.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::body::body;
use super::endpoint::{Endpoint, EndpointSettings};
use super::story::Story;
use super::*;
use crate::id::{RecordId, Shard};

const ID: RecordId = RecordId {
    shard: Shard::FIRST,
    random: [7; 16],
};

fn endpoint(events: &[EventKind]) -> Arc<Endpoint> {
    Arc::new(Endpoint::new(EndpointSettings {
        id: "main".to_owned(),
        url: http::Uri::from_static("https://example.com/hooks"),
        keys: Vec::new(),
        events: events.to_vec(),
        timeout: Duration::from_secs(10),
        concurrency_max: 8,
        full_numbers: true,
    }))
}

fn frozen() -> Story {
    let data = json!({"subject": "u-1", "reason": "reported", "revision": 7});
    Story::of_event(
        EventKind::SubjectFrozen,
        data.to_string(),
        1_795_348_800_000,
    )
}

#[test]
fn an_event_of_a_subject_says_what_was_written_down_with_it() {
    let story = frozen();
    let event = story.events.first().unwrap();
    let said: Value = serde_json::from_str(&body(ID, None, event, &endpoint(&[]))).unwrap();
    assert_eq!(
        said,
        json!({
            "type": "subject.frozen",
            "timestamp": "2026-11-22T12:00:00Z",
            "id": format!("evt_{ID}_1"),
            "sequence": 1,
            "data": {"subject": "u-1", "reason": "reported", "revision": 7},
        })
    );
}

#[test]
fn it_is_due_at_once_at_whoever_wants_it_and_nothing_can_follow() {
    let mut story = frozen();
    let wanting = [
        endpoint(&[]),
        endpoint(&[EventKind::Approved]),
        endpoint(&[EventKind::SubjectFrozen]),
    ];
    story.address_to(&wanting, 5_000);
    assert_eq!(story.due_at_ms(), Some(5_000));
    assert_eq!(
        story.events.first().map(|event| event.targets.len()),
        Some(2)
    );
    assert!(story.is_over);
    let mut unwanted = frozen();
    unwanted.address_to(&[endpoint(&[EventKind::Approved])], 5_000);
    assert_eq!(unwanted.due_at_ms(), None);
}

#[test]
fn events_of_verifications_are_kept_as_the_release_before_kept_them() {
    let event = |story: &Story| {
        story
            .events
            .first()
            .map(|one| rmp_serde::to_vec(one).unwrap())
    };
    let ready = frozen();
    let mut derived = frozen();
    for event in &mut derived.events {
        event.data = None;
    }
    // An array of six, and one of seven.
    assert_eq!(
        event(&derived).and_then(|bytes| bytes.first().copied()),
        Some(0x96)
    );
    assert_eq!(
        event(&ready).and_then(|bytes| bytes.first().copied()),
        Some(0x97)
    );
    for story in [ready, derived] {
        let bytes = rmp_serde::to_vec(&story).unwrap();
        assert_eq!(rmp_serde::from_slice::<Story>(&bytes).unwrap(), story);
    }
}

#[test]
fn each_kind_has_a_name_of_its_own() {
    let names: HashSet<&str> = EventKind::ALL.into_iter().map(EventKind::as_str).collect();
    assert_eq!(names.len(), EventKind::ALL.len());
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(EventKind::parse("subject"), None);
}
