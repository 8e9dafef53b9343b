//! A list of methods shows enough to choose one, and no number in full.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::over_both_stores;
use super::world::{MASKED, Stand, TENANT, World, text};
use crate::support::numbers;

over_both_stores!(row_01_a_list_of_methods_shows_no_full_number);

async fn row_01_a_list_of_methods_shows_no_full_number(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let id = world.has_method("person-7", &number).await;
    let path = "/v1/subjects/person-7/methods";
    let (status, listed) = world.call("GET", path, MASKED, Value::Null).await;
    assert_eq!(status, 200, "{listed}");
    let method = &listed["methods"][0];
    assert_eq!(text(&method["id"]), id);
    assert_eq!(method["status"], "active");
    assert_eq!(method["default"], true);
    assert!(method["verified_at"].is_string(), "{method}");
    assert_eq!(method["channels"], serde_json::json!(["sms", "voice"]));
    let shown = text(&method["number"]);
    let last_digits = number.split_at(number.len() - 2).1;
    assert!(
        shown.starts_with("+1") && shown.ends_with(last_digits),
        "{shown}"
    );

    let whole = world
        .call("GET", "/v1/subjects/person-7", MASKED, Value::Null)
        .await;
    for body in [&listed, &whole.1] {
        assert_absent(&number, "an answer", &body.to_string());
    }
    assert_absent(&number, "the metrics", &world.metrics());
    let (_, in_full) = world.call("GET", path, TENANT, Value::Null).await;
    assert_eq!(text(&in_full["methods"][0]["number"]), number);
}

#[tokio::test]
async fn row_01_the_log_of_a_run_shows_no_full_number() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // Everything of this test runs on this one thread.
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::over(Stand::Embedded).await;
    let number = numbers::us_number();
    world.has_method("person-7", &number).await;
    world
        .call("GET", "/v1/subjects/person-7/methods", TENANT, Value::Null)
        .await;
    world.tick().await;
    let written = log.text();
    assert!(!written.is_empty(), "the log was looked at");
    assert_absent(&number, "the log", &written);
}

/// Neither with its `+` nor without.
fn assert_absent(number: &str, place: &str, text: &str) {
    let digits = number.trim_start_matches('+');
    assert!(!text.contains(digits), "{place} shows a number in full");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
