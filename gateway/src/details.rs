//! What a record keeps sealed: everything a message is made of and nobody else
//! may read.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use watchword_providers::PhoneNumber;
use zeroize::Zeroizing;

use crate::code::Code;
use crate::id::RecordId;
use crate::keys::KeyRing;
use crate::keys::seal::{self, Field, OpenError, Place, Sealer};
use crate::subjects::model::MethodId;
use crate::verification::{Record, RecordKind, TenantTag};

/// The sealed part of a record. New fields go to the end and are optional: a
/// release reads what the one before it wrote.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Details {
    pub tenant: String,
    pub e164: String,
    pub country_code_digits: u8,
    pub region: String,
    pub purpose: String,
    pub subject: Option<String>,
    /// As asked for; which texts it gets is decided when it is sent.
    pub locale: Option<String>,
    /// Shown in the message when the code is bound to a payment.
    pub payment: Option<PaymentDetails>,
    pub origin: Option<String>,
    pub app_hash: Option<String>,
    /// The tenant's own name for it.
    pub reference: Option<String>,
    /// The tenant's own text, of a send-only delivery.
    pub text: Option<String>,
    pub speech: Option<String>,
    pub is_test: bool,
    /// The method it is addressed to; `None`: a number.
    #[serde(default)]
    pub method: Option<MethodId>,
    /// It had to be sent within so long of its creation, by the node that took it:
    /// whoever takes it over sends nothing.
    #[serde(default)]
    pub budget_ms: Option<u32>,
}

/// What a payment's code is bound to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDetails {
    pub amount: String,
    pub currency: String,
    pub payee: String,
}

/// Fields that every release knows.
const FIRST_FIELDS: usize = 14;

/// Written as a list. The fields that were added stand in it up to the last one
/// that is used, so what uses none is written as releases before them write it.
impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let used = [self.method.is_some(), self.budget_ms.is_some()];
        let added = used
            .iter()
            .rposition(|is_used| *is_used)
            .map_or(0, |last| last + 1);
        let mut list = serializer.serialize_struct("Details", FIRST_FIELDS + added)?;
        list.serialize_field("tenant", &self.tenant)?;
        list.serialize_field("e164", &self.e164)?;
        list.serialize_field("country_code_digits", &self.country_code_digits)?;
        list.serialize_field("region", &self.region)?;
        list.serialize_field("purpose", &self.purpose)?;
        list.serialize_field("subject", &self.subject)?;
        list.serialize_field("locale", &self.locale)?;
        list.serialize_field("payment", &self.payment)?;
        list.serialize_field("origin", &self.origin)?;
        list.serialize_field("app_hash", &self.app_hash)?;
        list.serialize_field("reference", &self.reference)?;
        list.serialize_field("text", &self.text)?;
        list.serialize_field("speech", &self.speech)?;
        list.serialize_field("is_test", &self.is_test)?;
        if added > 0 {
            list.serialize_field("method", &self.method)?;
        }
        if added > 1 {
            list.serialize_field("budget_ms", &self.budget_ms)?;
        }
        list.end()
    }
}

impl Details {
    /// The number. `None` only if the record was damaged in a way its seal did not show.
    pub fn number(&self) -> Option<PhoneNumber> {
        PhoneNumber::from_e164(&self.e164, self.country_code_digits)
    }

    /// Sealed for its record.
    ///
    /// # Panics
    ///
    /// Never: it holds nothing that cannot be written down.
    pub fn seal(&self, sealer: &Sealer<'_>) -> Vec<u8> {
        let plain = Zeroizing::new(rmp_serde::to_vec(self).expect("plain fields can be encoded"));
        sealer.seal(Field::Details, &plain)
    }

    /// Opens a record's details.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: this node lacks the key, or the record is damaged.
    pub fn open(ring: &KeyRing, id: RecordId, record: &Record) -> Result<Self, OpenError> {
        let place = RecordPlace::of(id, record).field(Field::Details);
        let plain = seal::open(ring, place, &record.details)?;
        rmp_serde::from_slice(&plain).map_err(|_| OpenError::Damaged)
    }
}

/// What a record keeps sealed, as whoever has just sealed it still has it:
/// opening it again would cost more than the rest of a send's cryptography.
#[derive(Clone)]
pub struct Opened {
    pub details: Details,
    /// `None` for send-only deliveries.
    pub code: Option<Code>,
}

/// The record a sealed field belongs to.
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace {
    pub id: RecordId,
    pub tenant: TenantTag,
    pub kind: RecordKind,
}

impl RecordPlace {
    pub fn of(id: RecordId, record: &Record) -> Self {
        Self {
            id,
            tenant: record.tenant,
            kind: record.kind,
        }
    }

    /// Seals the fields of the record under the newest key.
    pub fn sealer(self, ring: &KeyRing) -> Sealer<'_> {
        Sealer::new(ring.newest(), self.field(Field::Details))
    }

    fn field(self, field: Field) -> Place {
        Place {
            tenant: self.tenant,
            kind: self.kind.into(),
            id: self.id,
            field,
        }
    }
}

/// Seals a code for its record.
pub fn seal_code(sealer: &Sealer<'_>, code: &Code) -> Vec<u8> {
    sealer.seal(Field::Code, code.expose().as_bytes())
}

/// Opens a record's code; `None` if it has none any more.
///
/// # Errors
///
/// [`OpenError`]: this node lacks the key, or the record is damaged.
pub fn open_code(ring: &KeyRing, id: RecordId, record: &Record) -> Result<Option<Code>, OpenError> {
    let Some(sealed) = &record.code else {
        return Ok(None);
    };
    let plain = seal::open(ring, RecordPlace::of(id, record).field(Field::Code), sealed)?;
    let digits = std::str::from_utf8(&plain).map_err(|_| OpenError::Damaged)?;
    Code::parse(digits).map(Some).ok_or(OpenError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(method: Option<MethodId>) -> Details {
        Details {
            tenant: "acme".into(),
            e164: "+14155550123".into(),
            country_code_digits: 1,
            region: "US".into(),
            purpose: "sign_in".into(),
            subject: None,
            locale: None,
            payment: None,
            origin: None,
            app_hash: None,
            reference: None,
            text: None,
            speech: None,
            is_test: false,
            method,
            budget_ms: None,
        }
    }

    #[test]
    fn what_is_addressed_to_a_number_is_written_as_before_there_were_methods() {
        let plain = details(None);
        let written = rmp_serde::to_vec(&plain).unwrap();
        // An array of fourteen, whose last is `is_test`.
        assert_eq!((written[0], written.last()), (0x9e, Some(&0xc2)));
        assert!(rmp_serde::from_slice::<Details>(&written).unwrap() == plain);
        let addressed = details(Some(MethodId([7; 10])));
        let written = rmp_serde::to_vec(&addressed).unwrap();
        assert!(rmp_serde::from_slice::<Details>(&written).unwrap() == addressed);
    }

    #[test]
    fn a_budget_is_read_back_as_one_and_a_release_without_budgets_reads_nothing() {
        let bounded = Details {
            budget_ms: Some(2300),
            ..details(None)
        };
        let written = rmp_serde::to_vec(&bounded).unwrap();
        // A list of sixteen: one that is shorter by as much is another release's.
        assert_eq!(written[..3], [0xdc, 0, 16]);
        assert!(rmp_serde::from_slice::<Details>(&written).unwrap() == bounded);
    }
}
