//! What passes between verifier and prober. To it: words of the command line. From it: lines among
//! whatever else a launcher prints, each with a mark, a number and a code that only this launch's
//! key gives (SipHash-2-4), so that noise, an earlier run's lines and guesses are not taken for
//! answers. The key is on the prober's command line: against a launcher that reads it and speaks
//! this language, nothing but the launcher's honesty helps.

use std::collections::BTreeMap;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::base64;
use super::wire::{self, Reader, Writer};
use super::{Answer, Stance, Task};

/// Before every line of the prober.
const MARK: &str = "RINGFENCE1:";
/// Bytes of a word: some launchers copy arguments to buffers of 4096.
const WORD: usize = 3000;
/// Longer lines are noise.
const LINE: usize = 64 * 1024;

/// What only the two sides of one launch know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// A number that comes of it.
    pub(super) fn chance(self) -> u64 {
        code(self, &[b"chance"])
    }
}

/// A descriptor that the verifier made, if it passes: its number, device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// Its number.
    pub number: i32,
    /// The device of the pipe.
    pub device: u64,
    /// Its inode.
    pub inode: u64,
}

/// What a prober is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What its lines are signed with.
    pub key: Key,
    /// Where they go; standard output where that does not pass.
    pub channel: Option<Channel>,
    /// What it tries, in order.
    pub tasks: Vec<(u32, Task)>,
}

/// A job as words of letters, digits, `-` and `_`.
#[must_use]
pub fn words(key: Key, channel: Option<Channel>, tasks: &[(u32, &Task)]) -> Vec<String> {
    let mut writer = Writer::default();
    let channel = channel.map_or([0; 3], |channel| [channel.number as u64, channel.device, channel.inode]);
    channel.into_iter().for_each(|number| writer.number(number));
    wire::write_tasks(&mut writer, tasks);
    let body = writer.bytes();
    let code = code(key, &[&body]).to_le_bytes();
    let text = base64::encode(&[&key.0[..], &code, &body].concat());
    text.as_bytes().chunks(WORD).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The job of some words; `None` where a launcher has changed them.
#[must_use]
pub fn job(words: &[String]) -> Option<Job> {
    let bytes = base64::decode(&words.concat())?;
    let (key, rest) = bytes.split_first_chunk::<16>()?;
    let (sent, body) = rest.split_first_chunk::<8>()?;
    let key = Key(*key);
    if u64::from_le_bytes(*sent) != code(key, &[body]) {
        return None;
    }
    let mut reader = Reader::new(body);
    let (number, device, inode) = (reader.number()?, reader.number()?, reader.number()?);
    let tasks = wire::read_tasks(&mut reader)?;
    reader.done()?;
    let number = i32::try_from(number).ok()?;
    let channel = (number != 0).then_some(Channel { number, device, inode });
    Some(Job { key, channel, tasks })
}

fn code(key: Key, parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    for part in parts {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish()
}

/// One message of a prober.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// How it stands.
    Stance(Stance),
    /// A task begins.
    Begun(u32),
    /// A task is done.
    Done(u32, Answer),
    /// Everything is done.
    End,
}

/// The prober's side: numbers and signs lines.
#[derive(Debug)]
pub struct Speaker {
    key: Key,
    next: u64,
}

impl Speaker {
    /// Says nothing yet.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self { key, next: 0 }
    }

    /// A line, with a line break on both sides: what a launcher printed before has perhaps none.
    #[must_use]
    pub fn line(&mut self, message: &Message) -> String {
        let mut writer = Writer::default();
        writer.number(self.next);
        self.next += 1;
        match message {
            Message::Stance(stance) => {
                writer.number(0);
                wire::write_stance(&mut writer, stance);
            }
            Message::Begun(task) => {
                writer.number(1);
                writer.number(u64::from(*task));
            }
            Message::Done(task, answer) => {
                writer.number(2);
                writer.number(u64::from(*task));
                wire::write_answer(&mut writer, answer);
            }
            Message::End => writer.number(3),
        }
        let body = writer.bytes();
        let code = code(self.key, &[&body]).to_le_bytes();
        format!("\n{MARK}{}\n", base64::encode(&[&code[..], &body].concat()))
    }
}

/// The verifier's side: takes everything that came, and keeps what bears the key's code.
#[derive(Debug)]
pub struct Listener {
    key: Key,
    /// What is not a whole line yet, by stream.
    rest: BTreeMap<usize, Vec<u8>>,
    /// Every message with its number.
    heard: BTreeMap<u64, Message>,
    /// Lines with the mark that bear no valid code.
    pub forged: usize,
    /// Two messages have one number: something speaks twice.
    pub torn: bool,
}

impl Listener {
    /// Has heard nothing yet.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self { key, rest: BTreeMap::new(), heard: BTreeMap::new(), forged: 0, torn: false }
    }

    /// Takes bytes of a stream; whether a valid message was among them.
    pub fn feed(&mut self, stream: usize, bytes: &[u8]) -> bool {
        let before = self.heard.len();
        let mut rest = self.rest.remove(&stream).unwrap_or_default();
        rest.extend_from_slice(bytes);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        rest[..whole].split(|byte| *byte == b'\n').for_each(|line| self.line(line));
        rest.drain(..whole);
        if rest.len() > LINE {
            rest.clear();
        }
        self.rest.insert(stream, rest);
        self.heard.len() > before
    }

    /// Every mark in a line: a launcher may have taken line breaks out.
    fn line(&mut self, line: &[u8]) {
        let mut rest = line;
        while let Some(at) = rest.windows(MARK.len()).position(|part| part == MARK.as_bytes()) {
            rest = &rest[at + MARK.len()..];
            let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
            let text = &rest[..rest.iter().position(|byte| !letter(byte)).unwrap_or(rest.len())];
            match self.message(&String::from_utf8_lossy(text)) {
                Some((number, message)) => match self.heard.get(&number) {
                    Some(known) if *known != message => self.torn = true,
                    _ => {
                        self.heard.insert(number, message);
                    }
                },
                None => self.forged += 1,
            }
        }
    }

    fn message(&self, text: &str) -> Option<(u64, Message)> {
        let bytes = base64::decode(text)?;
        let (sent, body) = bytes.split_first_chunk::<8>()?;
        if u64::from_le_bytes(*sent) != code(self.key, &[body]) {
            return None;
        }
        let mut reader = Reader::new(body);
        let number = reader.number()?;
        let task = |reader: &mut Reader<'_>| u32::try_from(reader.number()?).ok();
        let message = match reader.number()? {
            0 => Message::Stance(wire::read_stance(&mut reader)?),
            1 => Message::Begun(task(&mut reader)?),
            2 => Message::Done(task(&mut reader)?, wire::read_answer(&mut reader)?),
            3 => Message::End,
            _ => return None,
        };
        reader.done()?;
        Some((number, message))
    }

    /// Every message from the first on, without a gap, has come, and the end is the last.
    #[must_use]
    pub fn whole(&self) -> bool {
        let count = self.heard.len() as u64;
        self.heard.keys().last().is_some_and(|last| last + 1 == count)
            && self.heard.values().next_back() == Some(&Message::End)
    }

    /// What was heard, in the order in which it was said.
    pub fn heard(&self) -> impl Iterator<Item = &Message> {
        self.heard.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::trial::Outcome;

    const KEY: Key = Key([7; 16]);

    fn done(task: u32, answer: i64) -> Message {
        Message::Done(task, Answer::Outcome(Outcome::Answered { deed: 0, answer, object: Some((1, 2)) }))
    }

    #[test]
    fn lines_are_found_among_noise_and_in_pieces() {
        let mut speaker = Speaker::new(KEY);
        let text = format!(
            "noise{} more noise \u{1b}[0m{}\r\nand {}",
            speaker.line(&Message::Begun(4)).trim_end(),
            speaker.line(&done(4, -1)).trim_start(),
            speaker.line(&Message::End)
        );
        let mut listener = Listener::new(KEY);
        for byte in text.as_bytes() {
            listener.feed(0, &[*byte]);
        }
        let heard: Vec<_> = listener.heard().cloned().collect();
        assert_eq!(heard, [Message::Begun(4), done(4, -1), Message::End]);
        assert!(listener.whole() && listener.forged == 0 && !listener.torn);
    }

    #[test]
    fn another_key_a_changed_letter_and_a_gap_are_not_taken() {
        let (mut speaker, mut other) = (Speaker::new(KEY), Speaker::new(Key([8; 16])));
        let mut listener = Listener::new(KEY);
        listener.feed(0, other.line(&done(1, 0)).as_bytes());
        let line = speaker.line(&done(1, -1));
        let changed: String = line.replacen('A', "B", 1);
        assert_ne!(changed, line);
        listener.feed(0, changed.as_bytes());
        assert_eq!((listener.forged, listener.heard().count()), (2, 0));
        let _lost = speaker.line(&Message::Begun(2));
        listener.feed(0, line.as_bytes());
        listener.feed(0, speaker.line(&Message::End).as_bytes());
        assert!(!listener.whole());
    }

    #[test]
    fn two_speakers_with_one_key_are_noticed() {
        let (mut one, mut two) = (Speaker::new(KEY), Speaker::new(KEY));
        let mut listener = Listener::new(KEY);
        listener.feed(0, one.line(&done(1, -1)).as_bytes());
        listener.feed(1, two.line(&done(1, -1)).as_bytes());
        assert!(!listener.torn, "the same words twice are one message");
        listener.feed(0, one.line(&done(2, -1)).as_bytes());
        listener.feed(1, two.line(&done(2, 0)).as_bytes());
        assert!(listener.torn);
    }

    #[test]
    fn a_job_passes_as_words_and_only_unchanged() {
        use ringfence_sys::attempt::{Entry, Probe};
        let probe = |number, args| Probe { entry: Entry::Int80, number, args };
        let sweep = Task::Sweep((0..600).map(|n| probe(n, [0, u64::MAX, 5, 0, 1 << 63, 0])).collect());
        let channel = Some(Channel { number: 9, device: 1, inode: u64::MAX });
        let words = words(KEY, channel, &[(3, &sweep)]);
        assert!(words.len() > 1 && words.iter().all(|word| word.len() <= WORD));
        let job = job(&words).unwrap();
        assert_eq!(job, Job { key: KEY, channel, tasks: vec![(3, sweep)] });
        let mut fewer = words.clone();
        fewer.pop();
        assert_eq!(super::job(&fewer), None);
        let mut other = words;
        other.swap(0, 1);
        assert_eq!(super::job(&other), None);
    }

    /// Readers take any bytes: seeded, so that a failure can be repeated.
    #[test]
    fn no_bytes_make_a_reader_panic() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..20_000 {
            let bytes: Vec<u8> = (0..round % 64)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    (state >> 33) as u8
                })
                .collect();
            let _ = wire::read_tasks(&mut Reader::new(&bytes));
            let _ = wire::read_answer(&mut Reader::new(&bytes));
            let _ = wire::read_stance(&mut Reader::new(&bytes));
            let mut listener = Listener::new(KEY);
            listener.feed(0, &bytes);
        }
    }
}
