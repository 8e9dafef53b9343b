//! Which message belongs to which send.

use super::*;

const NUMBER: Number = Number(12_015_550_123);

fn asked(sends: &Sends) -> (SendRef, oneshot::Receiver<Arrived>) {
    let (waiting, arrives) = oneshot::channel();
    (sends.ask(NUMBER, 3, Instant::now(), waiting), arrives)
}

fn reach(sends: &Sends, id: &str, provider: u8) -> (SendRef, bool, bool) {
    match sends.reached(NUMBER, DeliveryKey::of(id), provider, Instant::now()) {
        Reached::Known {
            send,
            accepted_at,
            is_failover,
            ..
        } => (send, accepted_at.is_some(), is_failover),
        Reached::Canary | Reached::Stranger => panic!("the number is known"),
    }
}

fn show(sends: &Sends, send: SendRef) -> bool {
    let arrived = Arrived {
        code: None,
        at: Instant::now(),
    };
    match sends.shown(NUMBER, send, arrived).unwrap() {
        Shown::First { country, .. } => {
            assert_eq!(country, 3);
            true
        }
        Shown::Duplicate => false,
    }
}

#[test]
fn a_message_that_overtakes_its_201_finds_its_send() {
    let sends = Sends::default();
    let (send, mut arrives) = asked(&sends);
    let (reached, was_accepted, _) = reach(&sends, "dlv_1", 0);
    assert!(reached == send && !was_accepted);
    let key = DeliveryKey::of("dlv_1");
    let reached_at = sends.accepted((NUMBER, send), Instant::now(), ("vrf_1", key));
    assert!(reached_at.is_some());
    assert!(show(&sends, send));
    assert!(arrives.try_recv().is_ok());
}

#[test]
fn a_second_message_of_a_send_is_a_duplicate_and_a_resend_is_none() {
    let sends = Sends::default();
    let (first, _arrives) = asked(&sends);
    sends.accepted(
        (NUMBER, first),
        Instant::now(),
        ("vrf_1", DeliveryKey::of("dlv_1")),
    );
    let (reached, _, _) = reach(&sends, "dlv_1", 0);
    assert!(show(&sends, reached));
    let (again, _, _) = reach(&sends, "dlv_1", 0);
    assert!(!show(&sends, again));

    let (resend, _arrives) = asked(&sends);
    let (reached, _, _) = reach(&sends, "dlv_2", 0);
    assert!(reached == resend);
    assert!(show(&sends, reached));
}

#[test]
fn a_failover_counts_once_for_each_send() {
    let sends = Sends::default();
    asked(&sends);
    assert!(!reach(&sends, "dlv_1", 0).2);
    assert!(reach(&sends, "dlv_1", 1).2);
    assert!(!reach(&sends, "dlv_1", 1).2);
}

#[test]
fn only_accepted_sends_that_nobody_took_are_open() {
    let sends = Sends::default();
    let (send, _arrives) = asked(&sends);
    assert!(sends.open().is_empty());
    let key = DeliveryKey::of("dlv_1");
    sends.accepted((NUMBER, send), Instant::now(), ("vrf_1", key));
    // That a request came is not enough: the provider may have refused it.
    reach(&sends, "dlv_1", 0);
    let open = sends.open();
    assert!(open.len() == 1 && *open[0].verification == *"vrf_1" && open[0].key == key);
    sends.taken(NUMBER, send);
    assert!(sends.open().is_empty());
}

#[test]
fn a_message_for_a_number_that_nobody_asked_for_is_a_strangers() {
    let sends = Sends::default();
    let reached = sends.reached(NUMBER, DeliveryKey::of("dlv_1"), 0, Instant::now());
    assert!(matches!(reached, Reached::Stranger));
}
