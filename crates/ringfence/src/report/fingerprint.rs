//! FNV-1a, 64 bits: against slips and for names, not against malice.

/// In hexadecimal.
pub(super) fn fnv1a(bytes: impl Iterator<Item = u8>) -> String {
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    /// From the algorithm's own description: the empty input, and `a`.
    #[test]
    fn known_values() {
        assert_eq!(super::fnv1a(b"".iter().copied()), "cbf29ce484222325");
        assert_eq!(super::fnv1a(b"a".iter().copied()), "af63dc4c8601ec8c");
    }
}
