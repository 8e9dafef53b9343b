//! Before anything else: one message through each gateway must reach our own
//! carrier. A gateway that would send to real people is not loaded.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::scenario::ChannelName;
use crate::target::Endpoint;
use crate::tenant::Cast;
use crate::tenant::connection::Protocol;
use crate::tenant::pool::{Pool, PoolSettings};
use crate::tenant::wire::refusal;

/// A gateway that waits for its ledger needs a second or two.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends one message through each gateway.
///
/// # Errors
///
/// The gateway did not accept it, or it did not come.
pub(super) async fn fly(
    cast: &Cast,
    endpoints: &[Endpoint],
    protocol: Protocol,
) -> anyhow::Result<()> {
    let flights = async {
        for endpoint in endpoints {
            fly_one(cast, endpoint, protocol).await?;
        }
        Ok(())
    };
    LocalSet::new().run_until(flights).await
}

async fn fly_one(cast: &Cast, endpoint: &Endpoint, protocol: Protocol) -> anyhow::Result<()> {
    let url = &endpoint.url;
    let country = cast.countries.first().context("a scenario has a country")?;
    let number = country.draw();
    let (waiting, arrives) = oneshot::channel();
    cast.sends.ask_canary(number, waiting);
    let pool: Rc<Pool> = Pool::open(PoolSettings {
        endpoints: vec![endpoint.clone()],
        protocol,
        connections: 1,
        streams: 1,
        in_flight_max: 1,
        request_timeout: PATIENCE,
    });
    let to = (number, ChannelName::Sms, cast.addresses.draw());
    let build = |endpoint: &Endpoint| cast.requests.start(endpoint, to, None);
    let answer = pool.call(Instant::now(), None, build).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => bail!("{url} did not answer the canary: {}", error.as_str()),
    };
    if answer.status != http::StatusCode::CREATED {
        bail!(
            "{url} refused the canary: {}. `watchword-loadtest init` prints the settings that a \
             gateway under test needs",
            refusal(answer.status.as_u16(), &answer.body)
        );
    }
    match tokio::time::timeout(PATIENCE, arrives).await {
        Ok(Ok(arrived)) if arrived.code.is_some() => Ok(()),
        Ok(Ok(_)) => bail!("the canary of {url} arrived without a code"),
        Ok(Err(_)) | Err(_) => bail!(
            "{url} accepted the canary, but nothing reached this tester's carrier within \
             {PATIENCE:?}: the gateway sends elsewhere. Nothing more was sent. \
             `watchword-loadtest init` prints the settings that a gateway under test needs"
        ),
    }
}
