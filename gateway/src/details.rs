//! What a record keeps sealed: everything a message is made of and nobody else
//! may read.

use serde::{Deserialize, Serialize};
use watchword_providers::{Extension, PhoneNumber};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::id::RecordId;
use crate::keys::KeyRing;
use crate::keys::seal::{self, Field, OpenError, Place, Sealer};
use crate::subjects::model::MethodId;
use crate::verification::{Record, RecordKind, TenantTag};

/// The sealed part of a record. New fields go to the end and are optional: a
/// release reads what the one before it wrote.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where nothing more is meant than the number, it is written without the field.
    #[serde(default, skip_serializing_if = "Whom::is_the_number")]
    pub whom: Whom,
}

/// Who is meant at a number.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whom {
    /// The subject's method that it is addressed to.
    pub method: Option<MethodId>,
    /// What a call dials behind the number.
    pub extension: Option<Extension>,
}

impl Whom {
    fn is_the_number(&self) -> bool {
        self.method.is_none() && self.extension.is_none()
    }
}

/// What a payment's code is bound to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDetails {
    pub amount: String,
    pub currency: String,
    pub payee: String,
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

    fn details(whom: Whom) -> Details {
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
            whom,
        }
    }

    #[test]
    fn what_is_for_a_number_alone_is_written_as_before_there_was_more() {
        let plain = details(Whom::default());
        let written = rmp_serde::to_vec(&plain).unwrap();
        // An array of fourteen, whose last is `is_test`.
        assert_eq!((written[0], written.last()), (0x9e, Some(&0xc2)));
        assert!(rmp_serde::from_slice::<Details>(&written).unwrap() == plain);
        let methods = [None, Some(MethodId([7; 10]))];
        for (method, extension) in methods.into_iter().zip([Extension::parse("0042"), None]) {
            let addressed = details(Whom { method, extension });
            let written = rmp_serde::to_vec(&addressed).unwrap();
            assert!(rmp_serde::from_slice::<Details>(&written).unwrap() == addressed);
        }
    }
}
