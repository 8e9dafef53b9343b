//! What a request costs between hyper and the store: JSON in, the inbound stack,
//! the service, JSON out. Nothing is sent over a socket.

mod gateway;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use watchword::api::ApiService;

type Api = ApiService<Full<Bytes>>;

/// As many numbers as the exchanges from 200 on of one area code hold.
const NUMBERS: u32 = 8_000_000;

/// A start for a number and an address that no start was for before.
fn start_body() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed) % NUMBERS;
    let line = 2_000_000 + serial;
    let [_, high, middle, low] = serial.to_be_bytes();
    format!(
        r#"{{"to":"+1415{line}","channel":"sms","client":{{"ip":"73.{high}.{middle}.{low}"}}}}"#
    )
}

fn request(method: Method, path: &str, body: String) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer bench")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("method, path and headers are well-formed")
}

async fn ask(api: &Api, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    match api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Starts a verification; the path it is found under.
async fn started(api: &Api) -> String {
    let start = request(Method::POST, "/v1/verifications", start_body());
    let (head, body) = ask(api, start).await.into_parts();
    assert_eq!(head.status, StatusCode::CREATED);
    let body = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(never) => match never {},
    };
    let view: serde_json::Value = serde_json::from_slice(&body).expect("answers are JSON");
    let id = view.get("id").and_then(|id| id.as_str());
    format!(
        "/v1/verifications/{}",
        id.expect("a verification has an id")
    )
}

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let _inside = runtime.enter();
    let api = gateway::api();
    let pending = runtime.block_on(started(&api));
    let mut group = criterion.benchmark_group("api");
    for (name, status, make) in [
        (
            "start_refused_for_its_number",
            StatusCode::UNPROCESSABLE_ENTITY,
            &(|| {
                let body = r#"{"to":"+1415","channel":"sms","client":{"ip":"73.1.2.3"}}"#;
                request(Method::POST, "/v1/verifications", body.to_owned())
            }) as &dyn Fn() -> Request<Full<Bytes>>,
        ),
        ("get", StatusCode::OK, &|| {
            request(Method::GET, &pending, String::new())
        }),
        (
            "check_of_a_wrong_form",
            StatusCode::UNPROCESSABLE_ENTITY,
            &|| {
                let path = format!("{pending}/check");
                request(Method::POST, &path, r#"{"code":"12"}"#.to_owned())
            },
        ),
        ("start", StatusCode::CREATED, &|| {
            request(Method::POST, "/v1/verifications", start_body())
        }),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let response = runtime.block_on(ask(&api, make()));
                assert_eq!(response.status(), status);
                response
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
