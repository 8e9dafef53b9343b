//! Records and numbers as they lie in Redis: a version, then arrays of values in
//! a fixed order. A record has two, head and body, with room between them; a
//! number has one. Scripts write it (`record.lua`, `number.lua` and
//! `delivery.lua` name the places); here it is read.

use std::sync::Arc;

use serde_bytes::ByteBuf;
use watchword_providers::{Channel, ReceiptStatus};

use super::pack::{Malformed, Reader};
use crate::admission::gcra::Gcra;
use crate::delivery::{
    AttemptReceipt, AttemptRecord, DeliveryRecord, DeliveryStatus, Due, DueKind, Outcome,
};
use crate::id::{RecordId, Shard};
use crate::routing::{RouteCounts, RouteKey, RouteRows};
use crate::store::StoreError;
use crate::verification::{
    CheckVerdict, ClientClass, CodeDigest, Conversion, CustomCodeTag, Failures, IdentityTag, Live,
    NumberRecord, NumberTag, OperationId, PerClass, Record, RecordKind, Status, TenantTag,
};

/// A value's places in its list say how it is written.
pub(super) const STATUSES: [Status; 7] = [
    Status::Pending,
    Status::Approved,
    Status::Canceled,
    Status::Expired,
    Status::Exhausted,
    Status::Superseded,
    Status::Failed,
];
pub(super) const DELIVERY_STATUSES: [DeliveryStatus; 7] = [
    DeliveryStatus::Queued,
    DeliveryStatus::Submitted,
    DeliveryStatus::Delivered,
    DeliveryStatus::Undelivered,
    DeliveryStatus::Failed,
    DeliveryStatus::Expired,
    DeliveryStatus::Canceled,
];
pub(super) const OUTCOMES: [Outcome; 7] = [
    Outcome::Begun,
    Outcome::Submitted,
    Outcome::Refused,
    Outcome::Throttled,
    Outcome::Unreachable,
    Outcome::Shed,
    Outcome::Unknown,
];
/// From 1 on: 0 is nothing due.
pub(super) const DUE_KINDS: [DueKind; 5] = [
    DueKind::Lease,
    DueKind::Handover,
    DueKind::Retry,
    DueKind::Receipt,
    DueKind::Undelivered,
];
pub(super) const RECEIPT_STATUSES: [ReceiptStatus; 3] = [
    ReceiptStatus::Sent,
    ReceiptStatus::Undelivered,
    ReceiptStatus::Delivered,
];
pub(super) const CONVERSIONS: [Conversion; 3] = [
    Conversion::Unreported,
    Conversion::Converted,
    Conversion::NotConverted,
];
pub(super) const CLIENTS: [ClientClass; 2] = [ClientClass::Known, ClientClass::Unknown];
pub(super) const KINDS: [RecordKind; 2] = [RecordKind::Verification, RecordKind::SendOnly];
pub(super) const CHANNELS: [Channel; 2] = [Channel::Sms, Channel::Voice];

/// How a value is written: its place in its list.
pub(super) fn place_of<T: PartialEq>(list: &[T], value: &T) -> u64 {
    let place = list.iter().position(|listed| listed == value);
    place
        .and_then(|place| u64::try_from(place).ok())
        .unwrap_or(u64::MAX)
}

/// The value written as `place`.
pub(super) fn value_at<T: Copy>(list: &[T], place: u64) -> Result<T, Malformed> {
    let place = usize::try_from(place).map_err(|_| Malformed)?;
    list.get(place).copied().ok_or(Malformed)
}

/// The version of all strings but `meta`; `clock.lua` says the same. 2: the fields in
/// the order that `check_first.lua` relies on.
pub(super) const FORMAT: u8 = 2;

/// The room of a record's head is counted in steps of so many bytes.
pub(super) const ROOM_STEP: usize = 64;

/// Reads a record.
pub(super) fn record(packed: &[u8]) -> Result<Record, StoreError> {
    versioned(packed, "a record", |rest| {
        let (room, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let room = usize::from(u16::from_be_bytes(*room)) * ROOM_STEP;
        // The head does not fill its room.
        let (head, body) = rest.split_at_checked(room).ok_or(Malformed)?;
        read_record(&mut Reader::new(head), &mut Reader::new(body))
    })
}

/// Reads what is known about a number of `shard`.
pub(super) fn number(packed: &[u8], shard: Shard) -> Result<NumberRecord, StoreError> {
    versioned(packed, "a number's record", |rest| {
        let mut reader = Reader::new(rest);
        let number = read_number(&mut reader, shard)?;
        reader.is_at_end().then_some(number).ok_or(Malformed)
    })
}

/// Reads an hour's counts, and until when they are kept; rows of another
/// release are left out.
pub(super) fn route_rows(packed: &[u8]) -> Result<(u64, RouteRows), StoreError> {
    versioned(packed, "an hour's counts", |rest| {
        let mut reader = Reader::new(rest);
        reader.array_of(3)?;
        let kept_until_ms = reader.number()?;
        reader.list(|reader| reader.bytes().map(drop))?;
        let length = reader.array()?;
        let mut rows = Vec::with_capacity(length / 4);
        for _ in 0..length / 4 {
            let key = RouteKey::of_bytes(reader.bytes()?);
            let counts = RouteCounts {
                submitted: reader.number()?,
                delivered: reader.number()?,
                approved: reader.number()?,
            };
            rows.extend(key.map(|key| (key, counts)));
        }
        let read = reader.is_at_end().then_some((kept_until_ms, rows));
        read.ok_or(Malformed)
    })
}

fn versioned<T>(
    packed: &[u8],
    what: &str,
    read: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> Result<T, StoreError> {
    let damaged = || StoreError::Damaged {
        reason: Arc::from(format!("{what} is not in its format")),
    };
    let (version, rest) = packed.split_first().ok_or_else(damaged)?;
    if *version != FORMAT {
        return Err(StoreError::UnknownFormat);
    }
    read(rest).map_err(|Malformed| damaged())
}

fn read_record(reader: &mut Reader<'_>, body: &mut Reader<'_>) -> Result<Record, Malformed> {
    reader.array_of(6)?;
    let status = value_at(&STATUSES, reader.number()?)?;
    let kind = value_at(&KINDS, reader.number()?)?;
    let expires_at_ms = reader.number()?;
    let deliveries = reader.list(read_delivery)?;
    let _epoch: u32 = reader.small()?;
    let _room: u16 = reader.small()?;
    body.array_of(15)?;
    let record = Record {
        kind,
        tenant: TenantTag(body.exact()?),
        number: number_tag(body.text()?)?,
        status,
        expires_at_ms,
        checks_used: body.small()?,
        decided_at_ms: body.number()?,
        conversion: value_at(&CONVERSIONS, body.number()?)?,
        checks: read_checks(body)?,
        digest: body.optional(read_digest)?,
        code: body.optional(|body| body.bytes().map(ByteBuf::from))?,
        created_at_ms: body.number()?,
        checks_max: body.small()?,
        sends_used: body.small()?,
        next_send_at_ms: body.number()?,
        client: value_at(&CLIENTS, body.number()?)?,
        has_custom_code: body.flag()?,
        details: ByteBuf::from(body.bytes()?),
        deliveries,
    };
    body.is_at_end().then_some(record).ok_or(Malformed)
}

fn read_digest(reader: &mut Reader<'_>) -> Result<CodeDigest, Malformed> {
    reader.array_of(2)?;
    Ok(CodeDigest {
        key_id: reader.text()?.into(),
        mac: reader.bytes()?.to_vec(),
    })
}

fn read_checks(reader: &mut Reader<'_>) -> Result<Vec<(OperationId, CheckVerdict)>, Malformed> {
    let length = reader.array()?;
    let read = |_| {
        let operation = OperationId(reader.exact()?);
        let verdict = match reader.signed()? {
            -1 => CheckVerdict::Approved,
            remaining => CheckVerdict::Mismatch {
                checks_remaining: u8::try_from(remaining).map_err(|_| Malformed)?,
            },
        };
        Ok((operation, verdict))
    };
    if length % 2 != 0 {
        return Err(Malformed);
    }
    (0..length / 2).map(read).collect()
}

fn read_delivery(reader: &mut Reader<'_>) -> Result<DeliveryRecord, Malformed> {
    let length = reader.array()?;
    let due_kind = reader.number()?;
    let status = value_at(&DELIVERY_STATUSES, reader.number()?)?;
    let (fence, walk, lost_leases) = (reader.small()?, reader.small()?, reader.small()?);
    Ok(DeliveryRecord {
        channel: value_at(&CHANNELS, reader.number()?)?,
        status,
        fence,
        walk,
        lost_leases,
        due: due(due_kind, reader.number()?)?,
        reason: reader.optional(Reader::text)?.map(Box::from),
        created_at_ms: reader.number()?,
        fallback: {
            let digits = reader.bytes()?.iter();
            digits
                .map(|digit| value_at(&CHANNELS, u64::from(digit.wrapping_sub(b'0'))))
                .collect::<Result<_, _>>()?
        },
        operation: reader.optional(Reader::exact)?.map(OperationId),
        attempts: read_attempts(reader)?,
        folded: match length {
            12 => 0,
            13 => reader.small()?,
            _ => return Err(Malformed),
        },
    })
}

/// What is due, as a delivery and an answer say it.
pub(super) fn due(kind: u64, at_ms: u64) -> Result<Option<Due>, Malformed> {
    match kind.checked_sub(1) {
        None => Ok(None),
        Some(place) => Ok(Some(Due {
            kind: value_at(&DUE_KINDS, place)?,
            at_ms,
        })),
    }
}

/// An attempt says its number only where that is not its place.
fn read_attempts(reader: &mut Reader<'_>) -> Result<Vec<AttemptRecord>, Malformed> {
    let mut place = 0;
    reader.list(|reader| {
        place += 1;
        read_attempt(reader, place)
    })
}

fn read_attempt(reader: &mut Reader<'_>, place: u32) -> Result<AttemptRecord, Malformed> {
    let length = reader.array()?;
    let mut attempt = AttemptRecord {
        number: place,
        provider: reader.text()?.into(),
        walk: reader.small()?,
        outcome: value_at(&OUTCOMES, reader.number()?)?,
        started_at_ms: reader.number()?,
        duration_ms: reader.small()?,
        code: reader.optional(Reader::text)?.map(Box::from),
        message_id: reader.optional(Reader::text)?.map(Box::from),
        receipt: reader.optional(receipt)?,
    };
    match length {
        8 => {}
        9 => attempt.number = reader.small()?,
        _ => return Err(Malformed),
    }
    Ok(attempt)
}

pub(super) fn receipt(reader: &mut Reader<'_>) -> Result<AttemptReceipt, Malformed> {
    reader.array_of(4)?;
    Ok(AttemptReceipt {
        status: value_at(&RECEIPT_STATUSES, reader.number()?)?,
        at_ms: reader.number()?,
        code: reader.optional(Reader::text)?.map(Box::from),
        is_final_for_number: reader.flag()?,
    })
}

fn read_number(reader: &mut Reader<'_>, shard: Shard) -> Result<NumberRecord, Malformed> {
    reader.array_of(7)?;
    let _kept_until_ms = reader.number()?;
    let failures = PerClass {
        known: read_failures(reader)?,
        unknown: read_failures(reader)?,
    };
    let mut live = reader.list(|reader| read_live(reader, shard))?;
    // What the usual check leaves of an entry.
    live.retain(|live| live.expires_at_ms > 0);
    let recent = reader.bytes()?;
    let recent = recent
        .chunks(RANDOM_LENGTH)
        .map(|id| record_id(std::str::from_utf8(id).map_err(|_| Malformed)?, shard))
        .collect::<Result<_, _>>()?;
    Ok(NumberRecord {
        recent,
        live,
        sends: PerClass {
            known: reader.list(|reader| reader.number().map(Gcra))?,
            unknown: reader.list(|reader| reader.number().map(Gcra))?,
        },
        failures,
    })
}

fn read_live(reader: &mut Reader<'_>, shard: Shard) -> Result<Live, Malformed> {
    reader.array_of(5)?;
    Ok(Live {
        id: record_id(reader.text()?, shard)?,
        expires_at_ms: reader.number()?,
        identity: IdentityTag(reader.exact()?),
        custom_code: reader.optional(Reader::exact)?.map(CustomCodeTag),
        client: value_at(&CLIENTS, reader.number()?)?,
    })
}

fn read_failures(reader: &mut Reader<'_>) -> Result<Failures, Malformed> {
    reader.array_of(3)?;
    Ok(Failures {
        count: reader.small()?,
        next_check_at_ms: reader.number()?,
        last_at_ms: reader.number()?,
    })
}

/// Characters of a record's id without its shard.
const RANDOM_LENGTH: usize = 26;

/// A record's id from its random part.
pub(super) fn record_id(random: &str, shard: Shard) -> Result<RecordId, Malformed> {
    RecordId::decode(&format!("{:03x}{random}", shard.number())).ok_or(Malformed)
}

/// The random part of a record's id.
pub(super) fn random_text(id: RecordId) -> String {
    let mut text = id.to_string();
    text.drain(..3);
    text
}

/// A number's tag, written so that it can stand in a key.
pub(super) fn number_text(tag: NumberTag) -> String {
    format!("{:032x}", u128::from_be_bytes(tag.0))
}

fn number_tag(text: &str) -> Result<NumberTag, Malformed> {
    let is_canonical = text.len() == 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_canonical {
        return Err(Malformed);
    }
    let bits = u128::from_str_radix(text, 16).map_err(|_| Malformed)?;
    Ok(NumberTag(bits.to_be_bytes()))
}
