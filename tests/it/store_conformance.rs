//! What every store answers: named stories, and a model that random steps are
//! compared with. A store joins by opening a [`TestStore`] and naming itself below.

mod begins;
mod calls;
mod checks;
mod deliveries;
mod endings;
mod ledger;
mod limits;
mod limits_within;
mod messages;
mod model;
mod outages;
mod properties;
mod repeats;
mod routes;
mod sends;
mod subject_codes;
mod subject_numbers;
mod subject_steps;
mod subjects;
mod turns;
mod watches;
mod world;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchword::clock::{Clock as _, SystemClock};
use watchword::store::Store;
use watchword::store::embedded::{Clock, EmbeddedStore, Settings};
use watchword::store::redis::{RedisSettings, RedisStore};

use crate::support::redis_server::RedisServer;

/// A store under test, empty, whose time a story moves.
pub(crate) struct TestStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) time: Arc<dyn Advance>,
    /// What has to live as long: a directory, a server.
    pub(crate) _keeps: Box<dyn Any + Send + Sync>,
}

/// Moves the store's time on.
pub(crate) trait Advance: Send + Sync {
    fn advance(&self, ms: u64);
}

/// The time of the embedded stores: it stands still unless a story moves it.
struct StillClock(AtomicU64);

impl Advance for StillClock {
    fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

fn still_clock() -> (Arc<StillClock>, Clock) {
    let time = Arc::new(StillClock(AtomicU64::new(1_800_000_000_000)));
    let read = Arc::clone(&time);
    (time, Arc::new(move || read.0.load(Ordering::SeqCst)))
}

async fn in_memory() -> TestStore {
    let (time, clock) = still_clock();
    let store = EmbeddedStore::in_memory(&Settings::default(), clock).unwrap();
    std::future::ready(TestStore {
        store: Arc::new(store),
        time,
        _keeps: Box::new(()),
    })
    .await
}

async fn on_disk() -> TestStore {
    let (time, clock) = still_clock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = EmbeddedStore::open(&path, &Settings::default(), clock).unwrap();
    std::future::ready(TestStore {
        store: Arc::new(store),
        time,
        _keeps: Box::new(folder),
    })
    .await
}

/// The server's own time, moved against the machine's.
struct ShiftedClock {
    store: Arc<RedisStore>,
    shift_ms: AtomicU64,
}

impl Advance for ShiftedClock {
    fn advance(&self, ms: u64) {
        let shift_ms = self.shift_ms.fetch_add(ms, Ordering::SeqCst) + ms;
        self.store.set_clock_shift_ms(shift_ms.try_into().unwrap());
    }
}

/// Every story gets keys of its own on one server.
async fn in_redis() -> TestStore {
    let server = RedisServer::start();
    let settings = RedisSettings {
        url: server.url(),
        ca_pem: None,
        connect_timeout: Duration::from_secs(1),
        response_timeout: Duration::from_millis(500),
        memory_guard_ratio: 0.85,
        retention_ms: 86_400_000,
        prefix: "ww:".to_owned(),
    };
    let clock = Arc::new(|| SystemClock.now_ms());
    let store = Arc::new(RedisStore::open(&settings, clock).await.unwrap());
    TestStore {
        store: Arc::clone(&store) as Arc<dyn Store>,
        time: Arc::new(ShiftedClock {
            store,
            shift_ms: AtomicU64::new(0),
        }),
        _keeps: Box::new(server),
    }
}

/// Every story, as a test of the store that `$open` opens.
macro_rules! conformance {
    ($store:ident, $open:path) => {
        conformance! { @each $store, $open;
            sends::a_start_creates_a_verification_with_its_first_delivery_leased,
            sends::the_same_start_asked_twice_happens_once,
            sends::a_start_of_the_same_identity_is_a_resend_and_waits_its_time,
            sends::a_refused_resend_uses_nothing_up,
            sends::sends_end_after_the_last_one,
            sends::a_resend_by_id_follows_the_same_waits,
            sends::a_resend_asked_twice_sends_once,
            sends::a_start_that_sends_again_asked_twice_sends_once,
            sends::sends_taken_back_leave_room_for_no_more_than_twelve_deliveries,
            sends::another_caller_supplied_code_supersedes,
            sends::a_face_that_wants_a_new_code_supersedes,
            sends::in_the_last_minute_a_start_supersedes_and_a_resend_is_too_late,
            sends::only_so_many_verifications_of_a_number_live,
            sends::a_known_client_takes_the_place_of_the_oldest_unknown_one,
            sends::two_identities_have_two_verifications,
            sends::send_limits_hold_for_known_and_unknown_clients_apart,
            sends::a_send_only_delivery_is_no_verification,
            sends::a_test_number_is_sent_nothing,
            sends::the_last_twenty_verifications_of_a_number_are_listed,
            repeats::undoing_a_create_leaves_no_trace_but_the_refusal,
            repeats::undoing_a_resend_gives_one_send_back,
            repeats::undoing_a_resend_that_sent_nothing_gives_nothing_back,
            repeats::a_resends_key_is_answered_by_what_became_of_it,
            repeats::a_resend_taken_back_is_refused_again_under_its_key,
            repeats::a_refused_resend_leaves_its_key_free,
            repeats::fifty_requests_with_one_idempotency_key_send_once,
            repeats::an_idempotency_key_is_answered_by_what_became_of_it,
            repeats::an_operation_asked_again_leaves_its_keys_answer_decided,
            repeats::a_send_taken_back_late_leaves_anothers_answer_alone,
            repeats::a_test_numbers_resend_asked_again_uses_nothing_up,
            checks::the_right_code_is_approved_once,
            checks::five_wrong_codes_exhaust_a_verification,
            checks::of_a_hundred_wrong_guesses_at_once_five_are_evaluated,
            checks::of_two_hundred_right_checks_at_once_one_is_approved,
            checks::the_same_check_is_told_the_same_again,
            checks::a_check_key_with_another_code_is_refused,
            checks::an_unknown_key_consumes_no_guess,
            checks::an_expired_verification_is_not_checked,
            checks::a_canceled_verification_is_not_checked,
            checks::another_tenants_id_answers_like_an_unknown_one,
            checks::failures_across_verifications_wait_and_then_stop,
            checks::known_and_unknown_clients_fail_apart,
            checks::an_approval_forgets_the_failures,
            checks::failures_are_forgotten_after_ninety_days,
            checks::lifted_failures_are_gone,
            checks::a_reported_outcome_decides_only_caller_supplied_codes,
            checks::canceling_twice_is_canceling_once,
            deliveries::what_nobody_has_touched_settles_as_its_maker_knows_it,
            deliveries::what_somebody_has_touched_settles_as_it_is_stored,
            deliveries::an_attempt_begins_once_and_settles_as_submitted,
            begins::a_begin_asked_again_renews_the_lease_or_is_too_late,
            begins::a_begin_of_a_settled_attempt_or_another_provider_is_refused,
            begins::a_begin_writes_down_how_the_attempt_before_ended,
            begins::a_begin_that_may_not_go_on_still_writes_down_what_ended,
            deliveries::a_settle_of_no_attempt_asked_again_changes_nothing,
            begins::a_hundred_and_twenty_attempts_are_the_bound,
            deliveries::a_settle_asked_again_is_told_the_same_and_changes_nothing,
            deliveries::a_resend_is_no_fallback,
            deliveries::fraud_falls_back_to_no_channel,
            deliveries::who_lost_the_fence_may_not_write,
            begins::nothing_begins_after_an_approval,
            begins::nothing_begins_in_the_last_minute,
            deliveries::three_submissions_are_the_bound,
            deliveries::a_retry_is_due_when_it_said,
            deliveries::a_failed_delivery_falls_back_to_the_next_channel,
            deliveries::a_number_refused_for_good_fails_its_verification,
            deliveries::a_receipt_before_the_submit_answer_counts,
            deliveries::a_receipt_acts_once_and_only_forward,
            deliveries::an_undelivered_message_goes_out_again_at_most_three_times,
            deliveries::what_follows_a_call_waits_for_its_end,
            deliveries::a_receipt_for_no_attempt_changes_nothing,
            endings::whatever_ends_a_verification_ends_what_waits_for_it,
            endings::a_cancellation_answers_with_what_it_ended,
            endings::what_was_submitted_stays_so_and_still_hears_its_receipts,
            endings::what_was_submitted_before_a_retry_stays_submitted,
            endings::an_expiry_that_is_written_down_ends_what_waits,
            outages::a_day_of_retries_keeps_few_attempts_under_their_own_numbers,
            outages::a_crash_after_attempts_were_folded_is_taken_over,
            outages::folding_keeps_every_provider_and_the_walk_at_hand,
            outages::a_late_receipt_keeps_its_attempt,
            ledger::a_lost_lease_is_taken_over_under_a_new_fence,
            ledger::three_lost_leases_are_poison,
            ledger::a_lease_lost_with_nothing_begun_does_not_count,
            ledger::nothing_is_taken_before_it_is_due,
            ledger::a_due_delivery_of_an_ended_verification_is_closed,
            ledger::a_delivery_handed_back_is_due_when_it_said,
            ledger::a_sweep_takes_the_oldest_first_and_no_more_than_asked,
            ledger::a_sweep_leaves_its_grace_to_the_owner,
            ledger::a_sweep_stays_in_its_shard,
            ledger::of_many_sweeps_at_once_one_takes_a_delivery,
            messages::a_receipt_finds_the_attempt_that_its_message_id_names,
            messages::a_receipt_that_comes_first_waits_for_its_message_to_be_known,
            messages::of_the_receipts_that_wait_the_furthest_is_kept,
            messages::a_receipt_waits_for_ten_minutes,
            messages::a_message_id_is_known_until_its_reference_expires,
            messages::a_message_id_used_again_names_its_latest_message,
            messages::no_receipt_is_lost_between_a_submission_and_its_receipt,
            watches::a_record_is_watched_once_whoever_asks,
            watches::a_due_watch_is_taken_by_one_and_comes_back_when_its_lease_ends,
            watches::who_lost_the_fence_of_a_watch_may_not_write_it,
            watches::a_change_under_a_lease_makes_its_holder_look_again,
            watches::a_report_is_noted_once_and_makes_the_watch_due,
            watches::a_forgotten_watch_is_gone,
            watches::a_watch_is_forgotten_when_its_time_is_over,
            watches::all_watches_of_a_shard_are_listed_page_by_page,
            calls::the_first_call_of_an_attempt_is_the_only_one,
            calls::the_questions_of_a_call_are_counted,
            calls::a_call_is_remembered_until_its_reference_expires,
            calls::of_many_calls_at_once_one_is_bound,
            routes::what_several_nodes_count_adds_up,
            routes::a_batch_asked_again_counts_once,
            routes::an_hour_is_kept_for_two_days,
            routes::however_many_areas_there_are_an_hour_has_bounded_room,
            limits_within::a_start_takes_from_the_limits_of_its_step_once,
            limits_within::a_limit_that_refuses_withholds_the_whole_step,
            limits_within::a_start_refused_for_its_number_takes_from_no_limit,
            limits_within::sending_again_by_a_start_takes_from_the_limits_too,
            limits_within::a_start_complete_in_one_step_is_replayed_at_once,
            limits_within::a_start_that_sent_again_is_told_so_however_full_its_limit_is,
            limits_within::only_a_wrong_code_takes_from_the_limits_of_its_check,
            limits_within::a_full_limit_keeps_a_check_from_being_evaluated,
            limits_within::a_withheld_start_leaves_its_refusal_under_its_key,
            limits::a_limit_lets_through_what_it_says,
            limits::a_peek_takes_nothing,
            limits::what_is_given_back_can_be_taken_again,
            limits::a_repeated_take_takes_once,
            limits::a_repeated_give_back_gives_once,
            limits::a_take_repeated_after_a_give_back_takes_nothing_more,
            limits::a_daily_limit_ends_at_midnight,
            limits::a_refused_take_takes_from_no_rule,
            limits::a_flush_answers_in_the_order_asked,
            limits::meta_is_written_only_over_the_revision_that_was_read,
            limits::unknown_ids_are_found_by_nobody,
            subjects::a_subject_is_written_over_the_revision_that_was_read,
            subjects::of_many_writers_over_one_revision_one_writes,
            subjects::a_write_asked_again_happens_once,
            subjects::a_write_that_is_good_for_a_time_is_not_made_later,
            subjects::an_erased_subject_leaves_nothing,
            subjects::what_was_decided_from_an_erased_record_is_not_written,
            subjects::a_due_subject_comes_back_until_somebody_writes_it,
            subjects::an_asking_for_due_subjects_is_answered_once_more,
            subjects::due_subjects_are_taken_oldest_first_and_no_more_than_asked,
            subjects::the_last_audit_lines_are_kept_in_their_order,
            subjects::what_a_change_tells_is_due_at_once_and_complete,
            subjects::a_subject_lives_until_it_is_erased,
            subjects::subjects_under_other_keys_are_found_page_by_page,
            subject_codes::a_start_is_made_only_under_the_generation_it_was_judged_by,
            subject_codes::a_start_refused_by_its_generation_uses_nothing_up,
            subject_codes::a_raised_generation_ends_every_code_of_the_subject,
            subject_codes::a_change_that_ends_no_codes_leaves_them_alone,
            subject_codes::a_conflict_ends_no_codes,
            subject_codes::no_code_outlives_its_generation_however_a_start_and_a_change_race,
            subject_numbers::a_number_leads_to_its_subjects,
            subject_numbers::a_number_leads_to_no_more_than_sixty_four_subjects,
            subject_numbers::an_opt_out_is_noted_once_and_taken_back,
            subject_numbers::a_link_is_forgotten_unless_it_was_made_again,
            turns::a_turn_is_given_once,
            turns::turns_that_nobody_took_are_not_saved_up,
            turns::no_more_turns_are_given_than_were_asked_for,
            turns::a_rate_without_a_turn_left_says_when_the_next_one_is,
            turns::a_question_for_turns_asked_again_is_given_the_same,
            turns::of_many_takers_at_once_no_two_get_the_same_turn,
        }
    };
    (@each $store:ident, $open:path; $($file:ident :: $story:ident),* $(,)?) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    super::$file::$story(super::world::World::new($open().await)).await;
                }
            )*

            #[test]
            fn random_steps_are_answered_as_the_model_answers_them() {
                super::properties::compare(|| Box::pin($open()));
            }

            #[test]
            fn random_steps_on_subjects_are_answered_as_their_model_answers_them() {
                super::subject_steps::compare(|| Box::pin($open()));
            }
        }
    };
}

conformance!(memory, super::in_memory);
conformance!(disk, super::on_disk);
conformance!(redis, super::in_redis);
