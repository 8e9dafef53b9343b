//! From settings to whoever is asked about numbers.

use std::sync::Arc;

use super::AssembleError;
use crate::config::{CamaraSettings, SignalSettings};
use crate::signals::{Camara, Scripted, Signals, Silent};

/// Whom to ask.
pub(super) fn signals(settings: &SignalSettings) -> Result<Arc<dyn Signals>, AssembleError> {
    Ok(match settings {
        SignalSettings::None => Arc::new(Silent),
        SignalSettings::Scripted(numbers) => Arc::new(Scripted::new(numbers)),
        SignalSettings::Camara(camara) => Arc::new(
            Camara::new(CamaraSettings::clone(camara))
                .map_err(|error| AssembleError::Signals(error.to_string()))?,
        ),
    })
}
