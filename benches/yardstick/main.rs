//! The yardstick: the least program that does a send's input and output, on the
//! gateway's crates and runtime. Every goal for speed is a ratio to it.
//!
//! A send is one script in Redis, one call to the carrier and one script more.
//! What a gateway does besides (limits, sealing, failover, telemetry, deadlines)
//! is left out on purpose: the ratio says what all of it costs.

mod answer;
mod carrier;
mod redis_steps;
mod send;
mod server;
mod submission;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Parser;
use http::Uri;

/// The bare program that Watchword's speed is measured against.
#[derive(Parser)]
enum Arguments {
    /// Answers `POST /v1/verifications` and `POST /check`.
    Serve(ServeArguments),
    /// A carrier that takes every message at once, to run it by hand, under a
    /// profiler for example: `watchword-loadtest compare` brings its own.
    Carrier {
        #[arg(long)]
        listen: SocketAddr,
    },
}

#[derive(clap::Args)]
struct ServeArguments {
    #[arg(long)]
    listen: SocketAddr,
    /// For example redis://127.0.0.1:6379/0
    #[arg(long)]
    redis: String,
    /// Where messages are posted.
    #[arg(long)]
    carrier: Uri,
    /// What callers must show as their bearer token.
    #[arg(long)]
    api_key: String,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match arguments {
            Arguments::Serve(arguments) => serve(arguments).await,
            Arguments::Carrier { listen } => Ok(server::serve(listen, carrier::answer).await?),
        }
    })
}

async fn serve(arguments: ServeArguments) -> anyhow::Result<()> {
    let steps = redis_steps::RedisSteps::connect(&arguments.redis).await?;
    let carrier = submission::Carrier::new(arguments.carrier);
    let sender = send::Sender::new(&arguments.api_key, steps, carrier)?;
    let answer = move |head, body| {
        let sender = Arc::clone(&sender);
        async move { sender.answer(&head, &body).await }
    };
    Ok(server::serve(arguments.listen, answer).await?)
}
