//! Trials as bytes. What is done outside before a containment is made, and peers elsewhere than in
//! the same one, have no form: a launcher of others has no place for them.

use ringfence_sys::attempt::Instruction;

use super::{Reader, Writer, read_entry, write_entry};
use crate::control::trial::{Deed, Identity, Peer, Place, Reading, Trial, Word};

pub(super) fn write_trial(writer: &mut Writer, trial: &Trial) {
    write_deeds(writer, &trial.deeds);
    write_deeds(writer, &trial.after);
    writer.number(u64::from(trial.identity == Identity::Inode));
    writer.number(u64::from(trial.executed));
    write_reading(writer, trial.reading.as_ref());
    writer.number(u64::from(trial.peer.is_some()));
    if let Some(peer) = &trial.peer {
        write_deeds(writer, &peer.deeds);
        write_deeds(writer, &peer.after);
        writer.number(peer.evidence.map_or(0, |at| at as u64 + 1));
    }
}

pub(super) fn read_trial(reader: &mut Reader<'_>) -> Option<Trial> {
    let (deeds, after) = (read_deeds(reader)?, read_deeds(reader)?);
    let identity = match reader.number()? {
        0 => Identity::Object,
        1 => Identity::Inode,
        _ => return None,
    };
    let mut trial = Trial::of(deeds).by(identity);
    trial.after = after;
    trial.executed = reader.number()? != 0;
    trial.reading = read_reading(reader)?;
    if reader.number()? != 0 {
        let (deeds, after) = (read_deeds(reader)?, read_deeds(reader)?);
        let evidence = reader.small::<usize>()?.checked_sub(1);
        trial.peer = Some(Peer { place: Place::Together, deeds, after, evidence });
    }
    Some(trial)
}

fn write_deeds(writer: &mut Writer, deeds: &[Deed]) {
    writer.number(deeds.len() as u64);
    deeds.iter().for_each(|deed| write_deed(writer, deed));
}

fn read_deeds(reader: &mut Reader<'_>) -> Option<Vec<Deed>> {
    reader.list(read_deed)
}

fn write_deed(writer: &mut Writer, deed: &Deed) {
    match deed {
        Deed::Call { entry, number, args, splits } => {
            writer.number(0);
            write_entry(writer, *entry);
            writer.number(u64::from(*number));
            writer.number(u64::from(*splits));
            writer.number(args.len() as u64);
            args.iter().for_each(|word| write_word(writer, word));
        }
        Deed::Instruction(instruction) => {
            writer.number(1);
            let place = INSTRUCTIONS.iter().position(|known| known == instruction);
            writer.number(place.unwrap_or(INSTRUCTIONS.len()) as u64);
        }
        Deed::Again(times) => {
            writer.number(2);
            writer.number(u64::from(*times));
        }
        Deed::Leave => writer.number(3),
    }
}

fn read_deed(reader: &mut Reader<'_>) -> Option<Deed> {
    Some(match reader.number()? {
        0 => {
            let (entry, number) = (read_entry(reader)?, reader.small()?);
            let splits = reader.number()? != 0;
            Deed::Call { entry, number, splits, args: reader.list(|reader| read_word(reader, true))? }
        }
        1 => Deed::Instruction(*INSTRUCTIONS.get(reader.small::<usize>()?)?),
        2 => Deed::Again(reader.small()?),
        3 => Deed::Leave,
        _ => return None,
    })
}

fn write_word(writer: &mut Writer, word: &Word) {
    let (kind, value) = match word {
        Word::Value(value) if *value == code() => (10, 0),
        Word::Value(value) => (0, *value),
        Word::Answer(deed) => (2, u64::from(*deed)),
        Word::Scratch(at) => (3, u64::from(*at)),
        Word::Before(deed) => (5, u64::from(*deed)),
        Word::Peer(deed) => (6, u64::from(*deed)),
        Word::PeerProcess => (7, 0),
        Word::Loaded(at) => (8, u64::from(*at)),
        Word::Page => (9, 0),
        Word::Bytes(bytes) => {
            writer.number(1);
            return writer.blob(bytes);
        }
        Word::Fresh(bytes, at) => {
            writer.number(11);
            writer.blob(bytes);
            return writer.number(u64::from(*at));
        }
        Word::Words(words) => {
            writer.number(4);
            writer.number(words.len() as u64);
            return words.iter().for_each(|word| write_word(writer, word));
        }
    };
    writer.number(kind);
    writer.number(value);
}

/// Where trials look into a process: the prober's code is elsewhere than the verifier's
/// (`claims/channel`).
fn code() -> u64 {
    ringfence_sys::attempt::addresses().syscall & !7
}

/// `nested`: words of words may come; no further level, so that no bytes make this deep.
fn read_word(reader: &mut Reader<'_>, nested: bool) -> Option<Word> {
    Some(match reader.number()? {
        0 => Word::Value(reader.number()?),
        1 => Word::Bytes(reader.blob()?.to_vec()),
        2 => Word::Answer(reader.small()?),
        3 => Word::Scratch(reader.small()?),
        4 if nested => Word::Words(reader.list(|reader| read_word(reader, false))?),
        5 => Word::Before(reader.small()?),
        6 => Word::Peer(reader.small()?),
        kind @ (7 | 9) => {
            (reader.number()? == 0).then_some(())?;
            if kind == 7 { Word::PeerProcess } else { Word::Page }
        }
        8 => Word::Loaded(reader.small()?),
        11 => Word::Fresh(reader.blob()?.to_vec(), reader.small()?),
        10 => (reader.number()? == 0).then(|| Word::Value(code()))?,
        _ => return None,
    })
}

fn write_reading(writer: &mut Writer, reading: Option<&Reading>) {
    match reading {
        None => writer.number(0),
        Some(Reading::Bits { at, mask }) => {
            writer.number(1);
            writer.number(*at as u64);
            writer.number(*mask);
        }
        Some(Reading::Any(bits)) => {
            writer.number(2);
            writer.number(bits.len() as u64);
            for (at, mask) in bits {
                writer.number(*at as u64);
                writer.number(*mask);
            }
        }
        Some(Reading::Same(bytes)) => {
            writer.number(3);
            writer.blob(bytes);
        }
        Some(Reading::Without(bytes)) => {
            writer.number(4);
            writer.blob(bytes);
        }
        Some(Reading::Has(bytes)) => {
            writer.number(5);
            writer.blob(bytes);
        }
    }
}

fn read_reading(reader: &mut Reader<'_>) -> Option<Option<Reading>> {
    let bits = |reader: &mut Reader<'_>| Some((reader.small()?, reader.number()?));
    Some(Some(match reader.number()? {
        0 => return Some(None),
        1 => {
            let (at, mask) = bits(reader)?;
            Reading::Bits { at, mask }
        }
        2 => Reading::Any(reader.list(bits)?),
        3 => Reading::Same(reader.blob()?.to_vec()),
        4 => Reading::Without(reader.blob()?.to_vec()),
        5 => Reading::Has(reader.blob()?.to_vec()),
        _ => return None,
    }))
}

const INSTRUCTIONS: [Instruction; 29] = [
    Instruction::Nop,
    Instruction::Cli,
    Instruction::Sti,
    Instruction::Hlt,
    Instruction::In,
    Instruction::Out,
    Instruction::ReadCr0,
    Instruction::WriteCr0,
    Instruction::ReadCr3,
    Instruction::ReadCr4,
    Instruction::WriteCr4,
    Instruction::ReadDr7,
    Instruction::Rdmsr,
    Instruction::Wrmsr,
    Instruction::Lgdt,
    Instruction::Lidt,
    Instruction::Lldt,
    Instruction::Ltr,
    Instruction::Lmsw,
    Instruction::Clts,
    Instruction::Invd,
    Instruction::Wbinvd,
    Instruction::Invlpg,
    Instruction::Swapgs,
    Instruction::Sgdt,
    Instruction::Sidt,
    Instruction::Sldt,
    Instruction::Str,
    Instruction::Smsw,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_word_deed_and_reading_comes_back() {
        let words = vec![
            Word::Value(u64::MAX),
            Word::Bytes(b"/x\0".to_vec()),
            Word::Fresh(vec![1, 2, 3], 1),
            Word::Answer(3),
            Word::Scratch(64),
            Word::Words(vec![Word::Value(1), Word::Scratch(2)]),
            Word::Page,
        ];
        let more = vec![Word::Before(1), Word::Peer(2), Word::PeerProcess, Word::Loaded(9)];
        let call = |args| Deed::Call { entry: super::super::ENTRIES[1], number: 7, args, splits: true };
        for reading in [
            None,
            Some(Reading::Bits { at: 8, mask: 5 }),
            Some(Reading::Any(vec![(1, 2), (3, 4)])),
            Some(Reading::Same(vec![1])),
            Some(Reading::Without(vec![2, 3])),
            Some(Reading::Has(vec![4])),
        ] {
            let mut trial =
                Trial::of(vec![call(words.clone()), Deed::Again(4), call(more.clone())]).by(Identity::Inode);
            trial.after = vec![Deed::Instruction(Instruction::Smsw)];
            trial.executed = true;
            trial.reading = reading;
            trial.peer = Some(Peer {
                place: Place::Together,
                deeds: vec![Deed::Instruction(Instruction::Nop)],
                after: Vec::new(),
                evidence: Some(0),
            });
            let mut writer = Writer::default();
            write_trial(&mut writer, &trial);
            let bytes = writer.bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(read_trial(&mut reader), Some(trial));
            assert!(reader.done().is_some());
        }
    }

    #[test]
    fn words_of_words_of_words_are_refused() {
        let mut writer = Writer::default();
        let deep = Word::Words(vec![Word::Words(vec![Word::Value(1)])]);
        write_word(&mut writer, &deep);
        assert_eq!(read_word(&mut Reader::new(&writer.bytes()), true), None);
    }
}
