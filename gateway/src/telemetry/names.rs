//! Beside every stop: the name, help and labels of every metric, in one place.
//!
//! Label values are bounded: words of our own, or ids from the configuration
//! (`provider`, `endpoint`). Never a number, a subject or a record's id.

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Sorts observations into fixed buckets, in seconds.
    Histogram,
    /// Always 1; says something by its labels. Its name ends in `_info`.
    Info,
}

/// One metric as an operator meets it.
#[derive(Clone, Copy, Debug)]
pub struct MetricName {
    /// As it appears in `/metrics`.
    pub name: &'static str,
    /// One sentence without its full stop.
    pub help: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
}

impl MetricName {
    /// The name without the suffix that the encoder adds by kind.
    pub fn registered(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }
}

/// Declares the metrics and the list of them all, so that neither can miss one.
macro_rules! metric_names {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: MetricName = MetricName {
                name: concat!("watchword_", $name),
                help: $help,
                kind: Kind::$kind,
                labels: &[$($label),*],
            };
        )+

        /// Every metric there is.
        pub const ALL: &[MetricName] = &[$($constant),+];
    };
}

metric_names! {
    // The process.
    BUILD = Info "build_info" ["version"] "The release that runs";
    CONFIGURATION = Gauge "configuration_hash" ["hash"] "Always 1; its label is the hash of the configuration in force";
    PROCESS_START = Gauge "process_start_time_seconds" [] "When the process started, in seconds since the Unix epoch";
    CERTIFICATE_EXPIRY = Gauge "certificate_expiry_timestamp_seconds" [] "When the served certificate expires, in seconds since the Unix epoch; 0 without TLS";
    ALARMS = Counter "alarms_total" ["kind"] "What a person should look at";
    RELOADS_REFUSED = Counter "reloads_refused_total" ["what"] "Reloads that left the old in force";
    DRAINING = Gauge "draining" [] "1 while the process drains";
    LOG_LINES_DROPPED = Counter "log_lines_dropped_total" [] "Log lines given up since the output was too slow";
    PANICS = Counter "panics_total" [] "Requests that ended in a bug of ours and were answered 500";

    // Connections and requests.
    CONNECTIONS_OPEN = Gauge "connections_open" ["listener"] "Connections open now";
    CONNECTIONS_WAITED = Counter "connections_waited_total" ["listener"] "Connections that came while every permit was taken";
    CONNECTIONS_CLOSED = Counter "connections_closed_total" ["listener", "reason"] "Connections ended, by what ended them";
    ACCEPT_ERRORS = Counter "accept_errors_total" ["listener"] "Connections the system could not hand us, such as for want of file descriptors";
    REQUESTS = Counter "requests_total" ["endpoint", "status_class"] "Requests answered";
    REQUEST_DURATION = Histogram "request_duration_seconds" ["endpoint"] "Time from a request's head to its answer";

    // Verifications.
    STARTS = Counter "starts_total" ["result"] "Verifications asked for: started, resent or refused";
    CHECKS = Counter "checks_total" ["result"] "Codes handed in, by what came of it";
    REFUSALS = Counter "refusals_total" ["limit"] "Requests refused by a limit";
    ACCEPT_DURATION = Histogram "accept_duration_seconds" [] "Time from a start request to its accepted reply";

    // Dispatch.
    ATTEMPTS = Counter "attempts_total" ["provider", "channel", "outcome"] "Attempts ended, by outcome";
    SUBMIT_DURATION = Histogram "submit_duration_seconds" ["provider", "channel"] "Time one attempt took at the provider";
    DELIVERY_DURATION = Histogram "delivery_duration_seconds" ["provider", "channel"] "Time from the request to the receipt that says delivered";
    DELIVERIES = Counter "deliveries_total" ["channel", "delivery_status"] "Deliveries that reached their last status";
    SUBMISSIONS = Counter "submissions_total" ["provider", "channel"] "Messages that a provider took or may have taken";
    UNKNOWN_OUTCOMES = Counter "unknown_outcomes_total" ["provider"] "Attempts of which nobody can say whether the message went";
    POSSIBLE_DUPLICATES = Counter "possible_duplicates_total" ["provider"] "Messages sent although an earlier attempt may have gone out";
    RATE_ALONE = Gauge "rate_alone" ["provider"] "1 while a node goes by rate_per_s divided by fleet_size, since the store gives no turns";
    BREAKER_STATE = Gauge "breaker_state" ["provider", "channel"] "0 closed, 1 half-open, 2 open";
    CREDENTIALS_REFUSED = Counter "provider_credentials_refused_total" ["provider"] "Attempts a provider answered with 401 or 403";

    // Receipts.
    RECEIPTS = Counter "receipts_total" ["provider", "delivery_status"] "Delivery receipts that changed something";
    RECEIPTS_WAITING = Counter "receipts_waiting_total" ["provider"] "Delivery receipts kept until the message they name is known";
    RECEIPTS_REFUSED = Counter "receipts_refused_total" ["provider", "reason"] "Delivery receipts not believed or not matched";
    SILENCES = Counter "silences_total" ["provider", "decided"] "Messages of which no end was heard in time, by what was done: act, unreliable, suspended or spent";
    SILENCE_SUSPENDED = Gauge "silence_suspended" ["provider"] "1 while a provider's receipts do not reach this node, so that silence sends nothing again";
    FEEDBACK = Counter "feedback_total" ["provider", "result"] "Reports to providers of whether a code was used: taken, refused, lost or dropped";

    // Calls.
    CALL_ANSWERS = Counter "call_answers_total" ["provider", "step"] "Calls told what to do next: ask, tell, reported, farewell or hang_up";
    CALLS_REPORTED = Counter "calls_reported_total" ["provider"] "Calls whose person pressed the key for: I did not ask for this";

    // Subjects.
    SUBJECT_CHANGES = Counter "subject_changes_total" ["status"] "Number changes that reached a status";
    NOTICES = Counter "notices_total" ["result"] "Notices to those whose number or methods changed: queued, stopped (the number has another holder) or unsendable";

    // Microsoft Entra.
    ENTRA_REQUESTS = Counter "entra_requests_total" ["mode", "channel", "result"] "Requests of Entra, by what came of them, or in evaluation would have come";
    ENTRA_TOKENS_REFUSED = Counter "entra_tokens_refused_total" ["reason"] "Bearer tokens that let nobody in";
    ENTRA_KEYS_FETCHED = Counter "entra_keys_fetched_total" ["directory", "result"] "Times an issuer was asked for its signing keys: fetched, or why not";
    ENTRA_SIGNING_KEYS_AGE = Gauge "entra_signing_keys_age_seconds" ["directory"] "Time since the signing keys were fetched";
    ENTRA_DECRYPTIONS = Counter "entra_decryptions_total" ["directory", "key"] "Requests decrypted, by the key that did it";

    // Webhooks.
    SIGNAL_DURATION = Histogram "signal_duration_seconds" ["signal", "outcome"] "Time one question to a network about a number took";
    WEBHOOK_POSTS = Counter "webhook_posts_total" ["result"] "Events posted to tenants: told, failed, refused (by our rules on addresses) or gone";
    WEBHOOKS_GIVEN_UP = Counter "webhooks_given_up_total" ["result"] "Events that will not be posted again unless replayed";
    WEBHOOKS_LOST = Counter "webhooks_lost_total" [] "Records whose events cannot be told: their watch is damaged or could not be made";

    // Ledger.
    LEDGER_DEPTH = Gauge "ledger_depth" [] "Entries in the ledger, due or not";
    LEDGER_OLDEST_OVERDUE = Gauge "ledger_oldest_overdue_seconds" [] "By how much the most overdue entry is late";
    LEASES_TAKEN = Counter "leases_taken_total" [] "Overdue entries taken over by the sweep";
    LEASES_LOST = Counter "leases_lost_total" [] "Leases that another node took while we worked";
    POISONED = Counter "poisoned_total" [] "Entries set aside after three lost leases";

    // Store.
    STORE_DURATION = Histogram "store_duration_seconds" ["step"] "Time one step took at the store";
    STORE_ERRORS = Counter "store_errors_total" ["kind"] "Steps the store did not answer or answered wrongly";
    CLOCK_SKEW = Gauge "clock_skew_seconds" [] "The store's clock minus ours";
    UNKNOWN_FORMATS = Counter "unknown_format_records_total" [] "Records left in place since their format version is not ours to read";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_name_is_used_once_and_ends_as_its_kind_demands() {
        let mut seen = HashSet::new();
        for metric in ALL {
            assert!(
                seen.insert(metric.name),
                "{} is declared twice",
                metric.name
            );
            let is_counter = metric.kind == Kind::Counter;
            assert_eq!(
                metric.name.ends_with("_total"),
                is_counter,
                "{}",
                metric.name
            );
            let is_info = metric.kind == Kind::Info;
            assert_eq!(metric.name.ends_with("_info"), is_info, "{}", metric.name);
            let is_time = metric.kind == Kind::Histogram;
            assert!(
                !is_time || metric.name.ends_with("_seconds"),
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn every_help_text_is_a_sentence_without_its_full_stop() {
        for metric in ALL {
            assert!(metric.help.len() > 10, "{} is not explained", metric.name);
            assert!(
                !metric.help.ends_with('.'),
                "{}: the encoder adds the stop",
                metric.name
            );
        }
    }

    #[test]
    fn no_label_could_carry_a_person() {
        const FORBIDDEN: [&str; 6] = ["to", "number", "phone", "subject", "id", "verification"];
        for label in ALL.iter().flat_map(|metric| metric.labels) {
            assert!(!FORBIDDEN.contains(label), "{label}");
        }
    }
}
