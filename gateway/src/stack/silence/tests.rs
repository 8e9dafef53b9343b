//! Silence, told by its stories. Time is paused by handing it in.

use watchword_providers::Channel;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn area(region: &str) -> Reach {
    Reach {
        channel: Channel::Sms,
        region: RegionTag::of(region),
    }
}

fn settings() -> SilenceSettings {
    SilenceSettings {
        deadline: MINUTE,
        deadline_min: Duration::from_secs(15),
        deadline_max: Duration::from_secs(120),
        unreliable: RegionSet::of(["EG"]),
        receipt_ratio_min: 0.5,
        redispatch_ratio_max: 0.1,
    }
}

struct Story {
    silence: Silence,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            silence: Silence::new(settings(), now),
            now,
        }
    }

    fn submitted(&self, region: &str, count: u32) {
        for _ in 0..count {
            self.silence.submitted(area(region), self.now);
        }
    }

    fn heard(&self, region: &str, after: Duration) -> Option<ReceiptPath> {
        let heard = Heard {
            was_delivered: true,
            after,
        };
        self.silence.heard(area(region), heard, self.now)
    }

    fn silent(&self, region: &str) -> OnSilence {
        self.silence.silent(area(region), self.now);
        self.silence.decide(area(region), self.now)
    }
}

#[test]
fn the_deadline_is_the_configured_one_until_enough_is_known_and_stays_within_bounds() {
    for (after, expected) in [
        (Duration::from_millis(900), Duration::from_secs(15)),
        (Duration::from_secs(500), Duration::from_secs(120)),
    ] {
        let story = Story::new();
        for _ in 0..49 {
            story.heard("US", after);
        }
        assert_eq!(
            story.silence.submitted(area("US"), story.now),
            Some(MINUTE),
            "49 receipts are too few"
        );
        story.heard("US", after);
        let deadline = |region| story.silence.submitted(area(region), story.now);
        assert_eq!(deadline("US"), Some(expected));
        assert_eq!(deadline("GB"), Some(MINUTE), "another destination");
    }
}

#[test]
fn a_learned_deadline_lies_between_its_bounds_where_receipts_do() {
    let story = Story::new();
    for _ in 0..60 {
        story.heard("US", Duration::from_secs(30));
    }
    let deadline = story.silence.submitted(area("US"), story.now).unwrap();
    assert!((30..=38).contains(&deadline.as_secs()), "{deadline:?}");
}

#[test]
fn nothing_is_waited_for_where_receipts_are_said_to_be_fake() {
    let story = Story::new();
    assert_eq!(story.silence.submitted(area("EG"), story.now), None);
    assert_eq!(story.silent("EG"), OnSilence::Unreliable);
}

#[test]
fn silence_sends_a_tenth_again_and_not_one_more() {
    let story = Story::new();
    story.submitted("US", 200);
    for _ in 0..100 {
        story.heard("US", Duration::from_secs(2));
    }
    let acted = |count: u32| {
        (0..count)
            .filter(|_| story.silent("US") == OnSilence::Act)
            .count()
    };
    assert_eq!(acted(60), 20);
    story.submitted("US", 9);
    assert_eq!(acted(1), 0);
    story.submitted("US", 1);
    assert_eq!(acted(2), 1);
}

#[test]
fn the_first_silence_of_ten_minutes_may_be_acted_upon_however_little_is_sent() {
    let mut story = Story::new();
    story.submitted("US", 1);
    assert_eq!(story.silent("US"), OnSilence::Act);
    assert_eq!(story.silent("US"), OnSilence::Spent);
    story.now += MINUTE * 9;
    assert_eq!(story.silent("US"), OnSilence::Spent);
    story.now += MINUTE;
    assert_eq!(story.silent("US"), OnSilence::Act);
}

#[test]
fn a_receipt_path_that_breaks_suspends_until_receipts_come_back() {
    let mut story = Story::new();
    story.submitted("US", 1000);
    for _ in 0..30 {
        assert_eq!(story.heard("US", Duration::from_secs(2)), None);
    }
    story.now += MINUTE * 11;
    story.submitted("US", 1000);
    let mut acted = 0;
    for number in 1..=19 {
        acted += u32::from(story.silent("US") == OnSilence::Act);
        assert!(!story.silence.is_suspended(), "after {number}");
    }
    assert_eq!(acted, 19);
    let changed = story.silence.silent(area("US"), story.now);
    assert_eq!(changed, Some(ReceiptPath::Broken { ratio: 0.0 }));
    // Once is enough to say so.
    assert_eq!(story.silence.silent(area("US"), story.now), None);
    let decided = story.silence.decide(area("US"), story.now);
    assert_eq!(decided, OnSilence::Suspended);
    for _ in 0..20 {
        assert_eq!(story.heard("US", Duration::from_secs(2)), None);
    }
    assert_eq!(
        story.heard("US", Duration::from_secs(2)),
        Some(ReceiptPath::Works)
    );
    assert_eq!(
        story.silent("US"),
        OnSilence::Suspended,
        "half of them, again"
    );
    story.heard("US", Duration::from_secs(2));
    story.heard("US", Duration::from_secs(2));
    assert_eq!(story.silent("US"), OnSilence::Act);
}

#[test]
fn a_trickle_that_is_never_reported_on_suspends_too() {
    let mut story = Story::new();
    for _ in 0..20 {
        story.submitted("US", 1);
        story.silent("US");
        story.now += MINUTE * 11;
    }
    assert!(story.silence.is_suspended());
    assert_eq!(
        story.heard("US", Duration::from_secs(2)),
        Some(ReceiptPath::Works)
    );
}

#[test]
fn a_region_that_never_reports_while_others_do_is_left_alone_and_accuses_nobody() {
    let mut story = Story::new();
    story.submitted("US", 1000);
    for _ in 0..100 {
        story.heard("US", Duration::from_secs(2));
    }
    for _ in 0..30 {
        story.silent("NG");
    }
    assert_eq!(story.silent("NG"), OnSilence::Unreliable);
    for _ in 0..500 {
        assert_eq!(story.silent("NG"), OnSilence::Unreliable);
    }
    assert!(!story.silence.is_suspended());
    assert_eq!(story.silent("US"), OnSilence::Act);
    // It begins to report: then its silence counts again.
    for _ in 0..60 {
        story.heard("NG", Duration::from_secs(2));
    }
    story.now += MINUTE * 10;
    story.submitted("NG", 100);
    assert_eq!(story.silent("NG"), OnSilence::Act);
}

#[test]
fn receipts_that_come_sooner_than_a_handset_can_answer_are_no_reason_to_believe_silence() {
    let story = Story::new();
    story.submitted("VN", 100);
    for _ in 0..30 {
        story.heard("VN", Duration::from_millis(20));
    }
    assert_eq!(story.silent("VN"), OnSilence::Unreliable);
    // One that took its time tells otherwise.
    story.heard("VN", Duration::from_secs(3));
    assert_eq!(story.silent("VN"), OnSilence::Act);
}
