//! Guesses which known word a mistyped one was meant to be.

/// The candidate that needs the fewest edits, if that is few for its length.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // Nobody means a known key by a word this long, and comparing costs its square.
    if word.len() > 64 {
        return None;
    }
    candidates
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, by bytes.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, left) in from.bytes().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(to.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["listen", "admin_listen", "public_url"];
        assert_eq!(nearest("lisen", known.into_iter()), Some("listen"));
        assert_eq!(nearest("publik_ulr", known.into_iter()), Some("public_url"));
        assert_eq!(
            nearest("admin-listen", known.into_iter()),
            Some("admin_listen")
        );
        assert_eq!(nearest("zebra", known.into_iter()), None);
        assert_eq!(nearest("", known.into_iter()), None);
    }
}
