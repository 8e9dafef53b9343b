//! Stories of what is noted of a number: which subjects it leads to, and whether
//! its holder wants messages.

use futures_util::future::join_all;
use watchword::store::subjects::{LINKS_MAX, NoteNumber, NumberKey, NumberNote};
use watchword::verification::NumberTag;

use super::subjects::subject_in;
use super::world::*;

fn number() -> NumberKey {
    NumberKey {
        shard: shard(51),
        tag: NumberTag(unique()),
    }
}

impl World {
    async fn note(&self, key: NumberKey, note: NoteNumber) -> bool {
        self.store.note_number(key, &note).await.unwrap()
    }

    async fn noted(&self, key: NumberKey) -> NumberNote {
        self.store.number_note(key).await.unwrap()
    }
}

pub(super) async fn a_number_leads_to_its_subjects(w: World) {
    let number = number();
    assert_eq!(w.noted(number).await, NumberNote::default());
    let mut linked = vec![subject_in(52), subject_in(7), subject_in(52)];
    for key in &linked {
        assert!(w.note(number, NoteNumber::Link(*key)).await);
        assert!(w.note(number, NoteNumber::Link(*key)).await);
    }
    linked.sort_unstable();
    assert_eq!(w.noted(number).await.subjects(), linked);
    w.advance(400 * DAY_MS);
    let gone = linked.remove(1);
    assert!(w.note(number, NoteNumber::Unlink(gone)).await);
    assert!(w.note(number, NoteNumber::Unlink(gone)).await);
    assert_eq!(w.noted(number).await.subjects(), linked);
    for key in linked {
        w.note(number, NoteNumber::Unlink(key)).await;
    }
    assert_eq!(w.noted(number).await, NumberNote::default());
}

pub(super) async fn a_number_leads_to_no_more_than_sixty_four_subjects(w: World) {
    let number = number();
    w.note(number, NoteNumber::OptOut).await;
    let keys: Vec<_> = (0..LINKS_MAX + 8).map(|_| subject_in(53)).collect();
    let links = keys
        .iter()
        .map(|key| w.note(number, NoteNumber::Link(*key)));
    let answers = join_all(links).await;
    let allowed = answers.iter().filter(|is_linked| **is_linked).count();
    assert_eq!((allowed, LINKS_MAX), (64, 64));
    let linked = w.noted(number).await.subjects();
    assert_eq!(linked.len(), LINKS_MAX);
    // Those that are there may be noted again, and one that goes makes room.
    assert!(w.note(number, NoteNumber::Link(linked[0])).await);
    w.note(number, NoteNumber::Unlink(linked[0])).await;
    assert!(w.note(number, NoteNumber::Link(subject_in(53))).await);
    assert!(!w.note(number, NoteNumber::Link(subject_in(53))).await);
}

pub(super) async fn an_opt_out_is_noted_once_and_taken_back(w: World) {
    let number = number();
    let asked_at_ms = w.now_ms().await;
    w.note(number, NoteNumber::OptOut).await;
    let since_ms = w.noted(number).await.opted_out_at_ms;
    assert!((asked_at_ms..asked_at_ms + MINUTE_MS).contains(&since_ms));
    w.advance(400 * DAY_MS);
    w.note(number, NoteNumber::OptOut).await;
    assert_eq!(w.noted(number).await.opted_out_at_ms, since_ms);
    let key = subject_in(54);
    w.note(number, NoteNumber::Link(key)).await;
    w.note(number, NoteNumber::OptIn).await;
    w.note(number, NoteNumber::OptIn).await;
    let noted = w.noted(number).await;
    assert_eq!((noted.opted_out_at_ms, noted.subjects()), (0, vec![key]));
}

pub(super) async fn a_link_is_forgotten_unless_it_was_made_again(w: World) {
    let (number, key) = (number(), subject_in(55));
    w.note(number, NoteNumber::Link(key)).await;
    let first = w.noted(number).await.links[0];
    w.advance(MINUTE_MS);
    w.note(number, NoteNumber::Link(key)).await;
    let again = w.noted(number).await.links[0];
    assert!(again.since_ms >= first.since_ms + MINUTE_MS);
    assert!(w.note(number, NoteNumber::Forget(first)).await);
    assert_eq!(w.noted(number).await.links, [again]);
    assert!(w.note(number, NoteNumber::Forget(again)).await);
    assert!(w.note(number, NoteNumber::Forget(again)).await);
    assert_eq!(w.noted(number).await, NumberNote::default());
}
