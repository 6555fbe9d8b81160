//! The known name nearest to an unknown one, for "did you mean".

/// The longest name compared: the time is quadratic.
const LONGEST: usize = 64;

/// The nearest of `names` to a word that is none of them, where it is near enough that a typing error
/// explains it: a third of its letters, but one at least. Letter case does not count as a difference.
///
/// Never the word itself; of names that are equally near, the first.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(1);
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    names
        .into_iter()
        .filter(|name| (1..=LONGEST).contains(&name.len()) && *name != word)
        .map(|name| (distance(word.as_bytes(), name.as_bytes()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edits between two words: insert, delete, replace, or swap two neighbours (optimal string
/// alignment). Bytes, because known names are mostly ASCII.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before = [0; LONGEST + 1];
    let mut last: [usize; LONGEST + 1] = std::array::from_fn(|column| column);
    for (i, x) in a.iter().enumerate() {
        let mut row = [0; LONGEST + 1];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(!x.eq_ignore_ascii_case(y));
            row[j + 1] = replace.min(last[j + 1] + 1).min(row[j] + 1);
            let swapped =
                i > 0 && j > 0 && x.eq_ignore_ascii_case(&b[j - 1]) && a[i - 1].eq_ignore_ascii_case(y);
            if swapped {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = last;
        last = row;
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance(b"read", b"read"), 0);
        assert_eq!(distance(b"raed", b"read"), 1);
        assert_eq!(distance(b"reed", b"read"), 1);
        assert_eq!(distance(b"", b"read"), 4);
        assert_eq!(distance(b"cap_x", b"CAP_X"), 0);
    }

    #[test]
    fn suggests_only_what_a_typing_error_explains() {
        let names = ["read", "write", "exec", "deny"];
        assert_eq!(nearest("raed", names), Some("read"));
        assert_eq!(nearest("writes", names), Some("write"));
        assert_eq!(nearest("memory", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("read", names), None, "it is there");
        assert_eq!(nearest("NOPE", ["HOME"]), None, "half of it");
        assert_eq!(nearest("HOEM", ["HOME"]), Some("HOME"));
        assert_eq!(nearest("x", ["["]), Some("["));
        assert_eq!(nearest(&"r".repeat(1 << 20), names), None);
    }
}
