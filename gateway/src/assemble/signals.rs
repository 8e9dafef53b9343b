//! From the settings of signals to who answers.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::http_client::{ClientSettings, HttpClient, Tls};

use super::AssembleError;
use crate::config::{CamaraSettings, Settings, SignalSettings};
use crate::signals::camara::Camara;
use crate::signals::scripted::Scripted;
use crate::signals::{Signals, Silent};

/// Questions come in bursts of a few; a connection is kept between them.
const IDLE: Duration = Duration::from_secs(20);

pub(super) fn signals(settings: &Settings) -> Result<Arc<dyn Signals>, AssembleError> {
    Ok(match &settings.signals {
        SignalSettings::None => Arc::new(Silent),
        SignalSettings::Scripted(numbers) => Arc::new(Scripted::new(numbers)),
        SignalSettings::Camara(camara) => Arc::new(connected(camara)?),
    })
}

fn connected(camara: &CamaraSettings) -> Result<Camara, AssembleError> {
    let refuse = |reason: String| AssembleError::Signals { reason };
    let tls = Tls::new(None).map_err(|error| refuse(error.to_string()))?;
    let client = ClientSettings {
        connect_timeout: camara.timeout,
        idle_timeout: IDLE,
    };
    let client = HttpClient::new(&tls, &client);
    Camara::new(client, camara.clone())
        .map_err(|_| refuse("the token has characters that no header takes".to_owned()))
}
