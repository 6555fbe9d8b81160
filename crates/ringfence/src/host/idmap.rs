//! The ids that exist in the caller's own user namespace, user_namespaces(7).

use super::caller::IdRange;

/// Ranges of user and group ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// User ids.
    pub uids: Vec<IdRange>,
    /// Group ids.
    pub gids: Vec<IdRange>,
}

/// The first and third column of `/proc/self/uid_map` and `gid_map`.
///
/// # Errors
/// Those of reading the two files.
pub fn own() -> std::io::Result<Ids> {
    let read = |path| std::fs::read_to_string(path).map(|text| ranges(&text));
    Ok(Ids { uids: read("/proc/self/uid_map")?, gids: read("/proc/self/gid_map")? })
}

fn ranges(text: &str) -> Vec<IdRange> {
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(|word| word.parse::<u32>().ok());
        let (first, _, count) = (numbers.next()??, numbers.next()?, numbers.next()??);
        Some(IdRange { first, count })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_inside_outside_count() {
        let map = "         0          0 4294967295\n";
        assert_eq!(ranges(map), [IdRange { first: 0, count: u32::MAX }]);
        assert_eq!(ranges("0 1000 1\n1 100000 65536\nbroken\n").len(), 2);
    }
}
