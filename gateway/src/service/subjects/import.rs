//! Numbers that another system has proved, brought in by an operator.

use super::methods::extension;
use super::request::{ImportRequest, ImportedNumber, OperatorAsk};
use super::view::ActionView;
use super::{Asked, numbers};
use crate::service::{Answer, Service, fields};
use crate::subjects::command::{ImportedMethod, OperatorAction};
use crate::subjects::model::SubjectKey;
use crate::tenants::Asker;

impl Service {
    /// Makes numbers the methods of a subject that never had one. No code and no
    /// notice goes out.
    ///
    /// # Errors
    ///
    /// [`ServiceError`](crate::service::ServiceError): nothing is imported.
    pub async fn import_methods(
        &self,
        asker: &Asker,
        subject: &str,
        request: ImportRequest,
    ) -> Answer<ActionView> {
        let asked = self.asked(asker)?;
        let key = self.keeper.read_or_new(&asked.tenant, subject).await?.key;
        let mut methods = Vec::with_capacity(request.methods.len());
        for wanted in &request.methods {
            methods.push(self.to_import(&asked, key, wanted).await?);
        }
        let ask = OperatorAsk {
            action: OperatorAction::ImportMethods { methods },
            reason: request.reason,
            ticket: request.ticket,
        };
        self.operate(asker, subject, ask).await
    }

    async fn to_import(
        &self,
        asked: &Asked,
        subject: SubjectKey,
        wanted: &ImportedNumber,
    ) -> Answer<ImportedMethod> {
        let (live, tenant) = asked.at();
        let to = fields::number(&wanted.phone, wanted.region.as_deref(), "phone")?;
        numbers::may_be_kept(tenant, &to)?;
        extension(Some(wanted.role), wanted.extension.as_ref())?;
        let e164 = to.number.expose();
        let is_stopped = self.keeper.is_stopped(live, tenant, e164).await?;
        let of = (numbers::has_sms(Some(wanted.role)), is_stopped);
        Ok(ImportedMethod {
            id: live.ring.index().method(subject, e164),
            number: numbers::kept(&to),
            role: wanted.role,
            channel: numbers::channel(&to, wanted.channel, of)?,
            extension: wanted.extension.clone(),
        })
    }
}
