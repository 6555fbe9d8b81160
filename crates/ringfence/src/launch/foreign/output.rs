//! What a launcher prints, as far as it helps to say why something failed.

/// Bytes kept of each stream.
const KEPT: usize = 4096;
/// Characters that are told.
const TOLD: usize = 300;

/// The last bytes of each stream.
#[derive(Debug, Default)]
pub(super) struct Output {
    streams: [Vec<u8>; 3],
}

impl Output {
    pub(super) fn take(&mut self, stream: usize, bytes: &[u8]) {
        let Some(kept) = self.streams.get_mut(stream) else { return };
        kept.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }

    /// The last lines of standard error, or else of standard output, without the prober's own; in one
    /// line that no terminal takes for a command.
    pub(super) fn last_words(&self) -> Option<String> {
        let text = |stream: usize| {
            let all = String::from_utf8_lossy(&self.streams[stream]).into_owned();
            let lines =
                all.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("RINGFENCE1:"));
            let lines: Vec<&str> = lines.collect();
            let last = lines[lines.len().saturating_sub(3)..].join(" | ");
            let plain = last.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
            plain.take(TOLD).collect::<String>()
        };
        [2, 1].into_iter().map(text).find(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_plain_and_short() {
        let mut output = Output::default();
        assert_eq!(output.last_words(), None);
        output.take(1, b"out\n");
        assert_eq!(output.last_words().as_deref(), Some("out"));
        output.take(2, &vec![b'x'; 10_000]);
        output.take(2, b"\nRINGFENCE1:abc\nbwrap: no\x1b[31m\n");
        let words = output.last_words().unwrap();
        assert!(words.chars().count() <= TOLD && !words.contains('\u{1b}') && !words.contains("RINGFENCE"));
        assert!(output.streams.iter().all(|stream| stream.len() <= KEPT));
    }
}
