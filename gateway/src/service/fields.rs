//! From a request's fields to checked values.

use super::Answer;
use super::error::ServiceError;
use super::request::{Bind, Client};
use crate::code::Code;
use crate::message::{AppHash, Locale, Origin, Payment};
use crate::number::{self, ParsedNumber, Region};
use crate::tenants::Tenant;
use crate::verification::ClientClass;

/// The purpose of a request that names none.
pub(super) const DEFAULT_PURPOSE: &str = "sign_in";

pub(super) fn client_class(client: Client) -> ClientClass {
    if client.known {
        ClientClass::Known
    } else {
        ClientClass::Unknown
    }
}

/// Reads a number in any spelling.
pub(super) fn number(
    text: &str,
    region: Option<&str>,
    field: &'static str,
) -> Answer<ParsedNumber> {
    let invalid = |code, field| ServiceError::Invalid {
        code,
        field,
        detail: number_detail(code),
        alternatives: Vec::new(),
    };
    let region = region
        .map(Region::parse)
        .transpose()
        .map_err(|error| invalid(error.code(), "region"))?;
    number::parse(text, region).map_err(|error| invalid(error.code(), field))
}

fn number_detail(code: &str) -> &'static str {
    match code {
        "region_needed" => {
            "a national number needs its region, or write it with + and country code"
        }
        "unknown_region" => "not an ISO 3166-1 region with a numbering plan",
        "unknown_country_code" => "no country has this calling code",
        "number_too_short" => "too short for a number of its country",
        "number_too_long" => "too long for a number of its country",
        "number_impossible" => "no number of its country has this length",
        "number_unassigned" => "the numbering plan has no such number",
        _ => "not a phone number",
    }
}

/// The text must be well-formed; which texts it gets is decided when it is sent.
pub(super) fn locale(text: Option<&str>) -> Answer<()> {
    match text.map(Locale::parse) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(ServiceError::Invalid {
            code: "invalid_locale",
            field: "locale",
            detail: "not a well-formed language tag, such as en or pt-BR",
            alternatives: Vec::new(),
        }),
    }
}

/// A message may hand its code only to pages and apps the tenant has listed.
pub(super) fn listed(tenant: &Tenant, origin: Option<&str>, app_hash: Option<&str>) -> Answer<()> {
    if let Some(origin) = origin
        && !Origin::parse(origin).is_ok_and(|origin| tenant.origins.contains(origin.as_str()))
    {
        return Err(ServiceError::Forbidden {
            code: "origin_not_listed",
            detail: "the origin is not listed for this tenant",
            alternatives: Vec::new(),
        });
    }
    if let Some(app_hash) = app_hash
        && !AppHash::parse(app_hash).is_ok_and(|hash| tenant.app_hashes.contains(hash.as_str()))
    {
        return Err(ServiceError::Forbidden {
            code: "app_hash_not_listed",
            detail: "the app hash is not listed for this tenant",
            alternatives: Vec::new(),
        });
    }
    Ok(())
}

/// A code that the caller supplied.
pub(super) fn custom_code(text: Option<&str>) -> Answer<Option<Code>> {
    let invalid = ServiceError::Invalid {
        code: "invalid_code",
        field: "code",
        detail: "a code has 4 to 10 digits",
        alternatives: Vec::new(),
    };
    text.map(|text| Code::parse(text).ok_or(invalid))
        .transpose()
}

/// The text of `bind` is shown in the message: it may not look like a code or a link.
pub(super) fn bind(bind: Option<&Bind>) -> Answer<()> {
    let Some(Bind::Payment {
        amount,
        currency,
        payee,
    }) = bind
    else {
        return Ok(());
    };
    Payment::parse(amount, currency, payee).map(drop).map_err(|error| ServiceError::Invalid {
        code: error.code(),
        field: "bind",
        detail: "amount, currency and payee are one short line each, without links, @, # or codes",
        alternatives: Vec::new(),
    })
}

/// `bind` as bytes, no two binds alike.
pub(super) fn bind_bytes(bind: Option<&Bind>) -> Vec<u8> {
    let parts: Vec<&str> = match bind {
        None => return Vec::new(),
        Some(Bind::Session(session)) => vec!["session", session],
        Some(Bind::Payment {
            amount,
            currency,
            payee,
        }) => vec!["payment", amount, currency, payee],
    };
    let mut bytes = Vec::new();
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_binds_have_the_same_bytes() {
        let payment = |amount: &str, payee: &str| Bind::Payment {
            amount: amount.into(),
            currency: "EUR".into(),
            payee: payee.into(),
        };
        let binds = [
            None,
            Some(Bind::Session(String::new())),
            Some(Bind::Session("a".into())),
            Some(payment("1", "2x")),
            Some(payment("12", "x")),
        ];
        let bytes: Vec<_> = binds.iter().map(|one| bind_bytes(one.as_ref())).collect();
        for (position, one) in bytes.iter().enumerate() {
            assert_eq!(bytes.iter().position(|other| other == one), Some(position));
        }
    }
}
