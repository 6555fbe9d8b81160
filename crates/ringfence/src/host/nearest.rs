//! The nearest known name to one that is not known, for messages.

/// The name nearest to `wanted`, where one is near enough to be meant: at most a third of its
/// letters wrong, missing, added or swapped with a neighbour.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (wanted.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (distance(wanted, name), name))
        .filter(|(far, name)| *far <= most && *name != wanted)
        .min()
        .map(|(_, name)| name)
}

/// Letters that differ (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let swapped = i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y;
            row[j + 1] = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if swapped {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["python3", "perl", "ls", "cargo"];
        assert_eq!(nearest("pyhton3", names), Some("python3"));
        assert_eq!(nearest("carg", names), Some("cargo"));
        assert_eq!(nearest("sl", names), Some("ls"));
        assert_eq!(nearest("frobnicate", names), None);
        assert_eq!(nearest("ls", names), None);
    }
}
