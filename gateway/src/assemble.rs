//! From checked settings to everything a request works with. Used at start and
//! at every reload: what it makes is complete or not made at all.

mod providers;
mod senders;
mod signals;
mod texts;
mod webhooks;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use providers::{MadeFrom, ProviderMakings};
pub use texts::{TextFile, check_texts, read_notices, read_texts};
pub use webhooks::{watching, webhooks};

use crate::admission::gcra::GcraRule;
use crate::admission::memory::Remembered;
use crate::admission::watch::CheckWatch;
use crate::code::Code;
use crate::config::{self, LimitRule, OperatorSettings, Settings, TenantSettings};
use crate::delivery::DispatchPolicy;
use crate::keys::{KeyRing, MasterKey, random};
use crate::live::{CodePolicy, DispatchSettings, Limits, Live};
use crate::message::{AppHash, Brand, Locale, Origin};
use crate::routing::{Route, RoutingTable, Strategy, Weights};
use crate::tenants::{Caller, Directory, Operator, Scopes, SubmissionCap, Tenant};
use crate::verification::{SendPolicy, TenantTag};

/// Why settings that are right in themselves cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    #[error("tenant `{tenant}`: {what} {reason}")]
    Tenant {
        tenant: String,
        what: &'static str,
        reason: String,
    },
    #[error("provider `{provider}`: {reason}")]
    Provider { provider: String, reason: String },
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("signals: {0}")]
    Signals(String),
    #[error("the texts cannot be used:\n{0}")]
    Messages(String),
}

/// Three leases lost in a row: the delivery itself must be what kills nodes.
const LOST_LEASES_MAX: u8 = 3;

/// Makes what requests work with.
///
/// # Errors
///
/// [`AssembleError`]: nothing has changed.
pub fn live(
    settings: &Settings,
    ring: Arc<KeyRing>,
    makings: &ProviderMakings,
    before: Option<&Live>,
) -> Result<Live, AssembleError> {
    let catalogs = texts::Catalogs::read(settings)?;
    let tenants = directory(settings, &ring, &catalogs)?;
    let (providers, made_from) = makings.connect(settings, ring.index(), before)?;
    Ok(Live {
        tenants,
        routing: routing(settings),
        providers,
        made_from,
        refused_limits: Remembered::default(),
        senders: senders::senders(settings),
        codes: CodePolicy {
            digits: settings.codes.digits,
            lifetime_ms: ms(settings.codes.lifetime),
            checks_max: small(settings.codes.checks_max),
        },
        sends: send_policy(settings, &settings.limits.sends_per_number),
        subject_sends: send_policy(settings, &settings.limits.sends_per_subject),
        limits: limits(settings),
        signals: signals::signals(&settings.signals)?,
        dispatch: dispatch(settings),
        public_url: settings.server.public_url.as_deref().map(Arc::from),
        ring,
    })
}

/// The master keys, newest first.
pub fn master_keys(settings: &Settings) -> Vec<MasterKey> {
    let key = |key: &config::KeySettings| MasterKey {
        id: key.id.as_str().into(),
        secret: zeroize::Zeroizing::new(*key.secret.expose()),
        active_from_ms: key
            .active_from
            .map(|from| u64::try_from(from.as_millisecond()).unwrap_or(0)),
    };
    settings.keys.iter().map(key).collect()
}

/// How dispatch behaves.
pub fn dispatch(settings: &Settings) -> DispatchSettings {
    let dispatch = &settings.dispatch;
    DispatchSettings {
        policy: DispatchPolicy {
            submissions_max: small(dispatch.submissions_max),
            lease_ms: ms(dispatch.lease),
            quiet_ms: ms(dispatch.last_submission_before_expiry),
            lost_leases_max: LOST_LEASES_MAX,
        },
        deadline: dispatch.deadline,
        retry_waits: dispatch.retry_waits.clone(),
    }
}

fn directory(
    settings: &Settings,
    ring: &KeyRing,
    catalogs: &texts::Catalogs,
) -> Result<Directory, AssembleError> {
    let mut directory = Directory::default();
    for configured in &settings.tenants {
        let texts = catalogs.of(configured)?;
        let tenant = Arc::new(tenant(settings, configured, ring, texts)?);
        for key in &configured.api_keys {
            let caller = Caller {
                tenant: Arc::clone(&tenant),
                key_id: key.id.as_str().into(),
                scopes: Scopes::of(key.scopes.iter().copied()),
            };
            directory.callers.insert(key.sha256, caller);
        }
        directory.by_tag.insert(tenant.tag, tenant);
    }
    for operator in &settings.operators {
        let named = Operator {
            name: operator.name.as_str().into(),
            subjects: own_subjects(operator, ring),
        };
        for key in &operator.keys {
            directory.operators.insert(key.sha256, named.clone());
        }
    }
    Ok(directory)
}

fn tenant(
    settings: &Settings,
    configured: &TenantSettings,
    ring: &KeyRing,
    texts: texts::TenantTexts,
) -> Result<Tenant, AssembleError> {
    let refuse = |what: &'static str, reason: String| AssembleError::Tenant {
        tenant: configured.name.clone(),
        what,
        reason,
    };
    let default_locale = &settings.messages.default_locale;
    let locale = configured.default_locale.as_ref().unwrap_or(default_locale);
    let origins: Result<HashSet<String>, _> = configured
        .origins
        .iter()
        .map(|origin| Origin::parse(origin).map(|origin| origin.as_str().to_owned()))
        .collect();
    let app_hashes: Result<HashSet<String>, _> = configured
        .app_hashes
        .iter()
        .map(|hash| AppHash::parse(hash).map(|hash| hash.as_str().to_owned()))
        .collect();
    Ok(Tenant {
        name: configured.name.as_str().into(),
        tag: ring.index().tenant(&configured.name),
        brand: Brand::parse(&configured.brand)
            .map_err(|error| refuse("brand", error.to_string()))?,
        locale: Locale::parse(locale)
            .map_err(|_| refuse("default_locale", "is not a language tag".to_owned()))?,
        catalog: texts.catalog,
        notices: texts.notices,
        sms_sender: configured.sms_sender.as_deref().map(Arc::from),
        voice_sender: configured.voice_sender.as_deref().map(Arc::from),
        regions: configured.regions.clone(),
        voice_regions: configured.voice_regions.clone(),
        unconfirmed_regions: configured.unconfirmed_regions.clone(),
        blocked_prefixes: blocked_prefixes(settings, configured),
        origins: origins.map_err(|error| refuse("origins", error.to_string()))?,
        app_hashes: app_hashes.map_err(|error| refuse("app_hashes", error.to_string()))?,
        submission_caps: submission_caps(configured),
        ramp: configured.ramp,
        test_numbers: test_numbers(settings, configured),
        checks: CheckWatch::default(),
        subjects: Arc::new(configured.subjects.clone()),
    })
}

fn own_subjects(operator: &OperatorSettings, ring: &KeyRing) -> Arc<[(TenantTag, String)]> {
    let own = operator.subjects.iter();
    own.map(|own| (ring.index().tenant(&own.tenant), own.subject.clone()))
        .collect()
}

/// Everybody's and the tenant's own.
fn blocked_prefixes(settings: &Settings, configured: &TenantSettings) -> Box<[Box<str>]> {
    let common = settings.limits.blocked_prefixes.iter();
    let all = common.chain(&configured.blocked_prefixes);
    all.map(|prefix| prefix.as_str().into()).collect()
}

/// Those for one region first: they decide before the one for all others.
fn submission_caps(configured: &TenantSettings) -> Vec<SubmissionCap> {
    let mut caps: Vec<SubmissionCap> = configured
        .submissions_per_day_max
        .iter()
        .map(|cap| SubmissionCap {
            region: cap.region.as_deref().map(Into::into),
            channel: cap.channel,
            max: u32::try_from(cap.max).unwrap_or(u32::MAX),
        })
        .collect();
    caps.sort_by_key(|cap| (cap.region.is_none(), cap.channel.is_none()));
    caps
}

fn test_numbers(settings: &Settings, configured: &TenantSettings) -> HashMap<String, Code> {
    settings
        .test_numbers
        .iter()
        .filter(|test| test.tenant == configured.name)
        .filter_map(|test| {
            Some((
                test.number.expose().to_owned(),
                Code::parse(test.code.expose())?,
            ))
        })
        .collect()
}

fn routing(settings: &Settings) -> RoutingTable {
    let route = |route: &config::RouteSettings| Route {
        channel: route.channel,
        tenants: route
            .tenants
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
        countries: route.countries.clone(),
        prefixes: route
            .prefixes
            .iter()
            .map(|prefix| prefix.as_str().into())
            .collect(),
        purposes: route
            .purposes
            .iter()
            .map(|purpose| purpose.as_str().into())
            .collect(),
        strategy: match &route.strategy {
            config::Strategy::Ordered => Strategy::Ordered,
            config::Strategy::Weighted(shares) => {
                let start = u64::from_be_bytes(random());
                Strategy::Weighted(Weights::new(shares.clone(), start))
            }
        },
        hops: route.hops.iter().map(|hop| hop.as_str().into()).collect(),
    };
    RoutingTable {
        routes: settings.routes.iter().map(route).collect(),
    }
}

fn send_policy(settings: &Settings, rules: &[LimitRule]) -> SendPolicy {
    SendPolicy {
        rules: rates(rules),
        resend_waits_ms: settings
            .codes
            .resend_waits
            .iter()
            .copied()
            .map(ms)
            .collect(),
        sends_max: small(settings.codes.sends_max),
        live_max: small(settings.codes.live_max),
        quiet_ms: ms(settings.dispatch.last_submission_before_expiry),
        lease_ms: ms(settings.dispatch.lease),
    }
}

fn limits(settings: &Settings) -> Limits {
    let limits = &settings.limits;
    Limits {
        sends_per_number: Limits::rates(rates(&limits.sends_per_number)),
        number_all_tenants: Limits::rates(rates(&limits.sends_per_number_all_tenants)),
        sends_per_prefix: Limits::rates(rates(&limits.sends_per_prefix)),
        sends_per_address: Limits::rates(rates(&limits.sends_per_address)),
        failed_checks_per_address: Limits::rates(rates(&limits.failed_checks_per_address)),
        lookups_per_tenant: Limits::rates(rates(&limits.lookups_per_tenant)),
        explains_per_tenant: Limits::rates(rates(&limits.explains_per_tenant)),
    }
}

fn rates(rules: &[LimitRule]) -> Vec<GcraRule> {
    rules
        .iter()
        .map(|rule| GcraRule {
            count: rule.count,
            per_ms: ms(rule.per),
        })
        .collect()
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The configuration bounds these far below.
fn small(count: u32) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}
