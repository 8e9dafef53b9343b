//! Beside `within.rs`: what the face of Microsoft Entra asks besides sending.

use watchword_providers::Channel;

use super::fields;
use super::request::DeliverRequest;
use super::send_only::aim;
use super::{Answer, Service};
use crate::telemetry::Metrics;
use crate::tenants::Tenant;

impl Service {
    /// Whether the tenant's own text would be sent to a number now, limits
    /// aside. Nothing is sent, counted or stored.
    ///
    /// # Errors
    ///
    /// [`super::ServiceError`], as [`Service::deliver_within`] would refuse it.
    pub fn would_deliver(&self, tenant: &Tenant, request: &DeliverRequest) -> Answer<()> {
        let live = self.shared.live.load();
        let to = fields::number(&request.to, request.region.as_deref(), "to")?;
        let channel = request.channel.unwrap_or(Channel::Sms);
        aim(tenant, &to, request).may_send(&live, channel)?;
        let (_, number) = live.ring.index().number(tenant.tag, to.number.expose());
        self.not_blocked(&number.0)
    }

    /// Where the face counts what it has read and answered.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }
}
