//! Id maps as lists of extents, and as the text that the kernel reads. user_namespaces(7).

use super::model::{Extent, Outside};

/// Most lines of a map since Linux 4.15 (`UID_GID_MAP_MAX_EXTENTS`); five before.
pub(super) const MAX_EXTENTS: usize = 340;

/// The ids of one kind that the program has inside.
pub(super) struct Own {
    /// Inside.
    pub(super) inside: u32,
    /// Outside.
    pub(super) outside: u32,
}

/// The own id, and every other one of `outside` by its own number, as far as the number is free.
pub(super) fn identity(own: &Own, outside: &[Outside]) -> Vec<Extent> {
    let mut extents = vec![Extent { inside: own.inside, outside: own.outside, count: 1 }];
    for range in outside {
        let mut pieces = vec![(range.first, range.count)];
        for taken in [own.inside, own.outside] {
            pieces = pieces.into_iter().flat_map(|piece| without(piece, taken)).collect();
        }
        extents.extend(pieces.into_iter().map(|(first, count)| Extent {
            inside: first,
            outside: first,
            count,
        }));
    }
    joined(extents)
}

/// The own id, and the ids of `outside` on the free numbers from 0 up.
pub(super) fn packed(own: &Own, outside: &[Outside]) -> Vec<Extent> {
    let mut extents = vec![Extent { inside: own.inside, outside: own.outside, count: 1 }];
    let mut next = 0_u32;
    for range in outside {
        for (first, count) in without((range.first, range.count), own.outside) {
            let (mut first, mut count) = (first, count);
            while count > 0 {
                if next == own.inside {
                    next = next.saturating_add(1);
                }
                let gap = if next < own.inside { own.inside - next } else { u32::MAX - next };
                let part = count.min(gap);
                if part == 0 {
                    break;
                }
                extents.push(Extent { inside: next, outside: first, count: part });
                (next, first, count) = (next + part, first.saturating_add(part), count - part);
            }
        }
    }
    joined(extents)
}

/// These ids by their own numbers, one by one.
pub(super) fn listed(own: &Own, others: &[u32]) -> Vec<Extent> {
    let others: Vec<Outside> = others.iter().map(|&first| Outside { first, count: 1 }).collect();
    identity(own, &others)
}

/// The lines that the kernel reads.
pub(super) fn text(extents: &[Extent]) -> String {
    extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count)).collect()
}

fn without((first, count): (u32, u32), id: u32) -> impl Iterator<Item = (u32, u32)> {
    let (start, end) = (u64::from(first), u64::from(first) + u64::from(count));
    let id = u64::from(id);
    let pieces =
        if (start..end).contains(&id) { [(start, id), (id + 1, end)] } else { [(start, end), (end, end)] };
    pieces.into_iter().filter(|(from, to)| from < to).map(|(from, to)| (from as u32, (to - from) as u32))
}

/// Sorted, duplicates removed, and neighbours that continue each other made one line.
fn joined(mut extents: Vec<Extent>) -> Vec<Extent> {
    extents.sort_unstable();
    extents.dedup();
    let mut out: Vec<Extent> = Vec::with_capacity(extents.len());
    for extent in extents {
        if let Some(last) = out.last_mut()
            && last.inside.checked_add(last.count) == Some(extent.inside)
            && last.outside.checked_add(last.count) == Some(extent.outside)
            && last.count.checked_add(extent.count).is_some()
        {
            last.count += extent.count;
        } else {
            out.push(extent);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Outside = Outside { first: 0, count: u32::MAX };

    #[test]
    fn identity_over_every_id_is_one_line() {
        assert_eq!(text(&identity(&Own { inside: 0, outside: 0 }, &[EVERY])), "0 0 4294967295\n");
        assert_eq!(text(&identity(&Own { inside: 1000, outside: 1000 }, &[EVERY])), "0 0 4294967295\n");
    }

    #[test]
    fn identity_leaves_out_what_the_own_id_takes() {
        let own = Own { inside: 0, outside: 1000 };
        assert_eq!(
            text(&identity(&own, &[Outside { first: 0, count: 2000 }])),
            "0 1000 1\n1 1 999\n1001 1001 999\n"
        );
    }

    #[test]
    fn packed_ranges_flow_around_the_own_id() {
        let subordinate = [Outside { first: 100_000, count: 65_536 }];
        assert_eq!(
            text(&packed(&Own { inside: 0, outside: 1000 }, &subordinate)),
            "0 1000 1\n1 100000 65536\n"
        );
        assert_eq!(
            text(&packed(&Own { inside: 1000, outside: 1000 }, &subordinate)),
            "0 100000 1000\n1000 1000 1\n1001 101000 64536\n"
        );
    }

    #[test]
    fn packed_never_maps_an_id_twice() {
        let own = Own { inside: 5, outside: 12 };
        let extents = packed(&own, &[Outside { first: 10, count: 10 }, Outside { first: 40, count: 3 }]);
        let ids = |pick: fn(&Extent) -> u32| {
            let mut ids: Vec<u32> = extents.iter().flat_map(|e| pick(e)..pick(e) + e.count).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all);
            ids
        };
        assert_eq!(ids(|e| e.inside), (0..13).collect::<Vec<_>>());
        assert_eq!(ids(|e| e.outside), [(10..20).collect::<Vec<_>>(), (40..43).collect()].concat());
    }

    #[test]
    fn a_range_at_the_end_of_all_ids_does_not_overflow() {
        let end = Outside { first: u32::MAX - 3, count: 3 };
        assert_eq!(
            text(&identity(&Own { inside: 7, outside: 7 }, &[end])),
            "7 7 1\n4294967292 4294967292 3\n"
        );
    }
}
