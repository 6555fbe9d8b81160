//! The nearest known name, for error messages.

/// No known name is longer; words that are would only cost time.
const MAX_LEN: usize = 64;

/// The candidate with the fewest edits from a word, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_LEN {
        return None;
    }
    let limit = (word.len() / 3).clamp(1, 3);
    let close = candidates.filter(|name| name.len().abs_diff(word.len()) <= limit && name.len() <= MAX_LEN);
    let ranked = close.map(|name| (distance(word.as_bytes(), name.as_bytes()), name));
    ranked.filter(|(edits, _)| *edits <= limit).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and exchanges of neighbours; neither is longer than
/// [`MAX_LEN`].
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut before = [0; MAX_LEN + 1];
    let mut last: [usize; MAX_LEN + 1] = std::array::from_fn(|at| at);
    for (i, a) in from.iter().enumerate() {
        let mut row = [i + 1; MAX_LEN + 1];
        for (j, b) in to.iter().enumerate() {
            let mut edits = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                edits = edits.min(before[j - 1] + 1);
            }
            row[j + 1] = edits;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance(b"opnat", b"openat"), 1);
        assert_eq!(distance(b"sokcet", b"socket"), 1);
        assert_eq!(distance(b"", b"ab"), 2);
        assert_eq!(distance(b"same", b"same"), 0);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let names = ["openat", "open", "close"];
        assert_eq!(nearest("opnat", names.into_iter()), Some("openat"));
        assert_eq!(nearest("frobnicate", names.into_iter()), None);
    }
}
