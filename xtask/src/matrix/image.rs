//! The kernel inside a bzImage, taken out and decompressed once rather than in each guest: a guest
//! under emulation needs most of a second for that. It is entered by PVH, as Xen and QEMU do.
//!
//! Documentation/arch/x86/boot.rst (`setup_sects`, `payload_offset`, `payload_length`) and
//! include/xen/interface/elfnote.h (`XEN_ELFNOTE_PHYS32_ENTRY`) of the kernel.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// How a payload begins, and what decompresses it. The kernel's build adds four bytes with the size.
const FORMATS: [(&[u8], &[&str]); 3] = [
    (b"\xfd7zXZ\0", &["xz", "--decompress", "--stdout", "--single-stream"]),
    (b"\x28\xb5\x2f\xfd", &["zstd", "--decompress", "--stdout", "--quiet"]),
    (b"\x02\x21\x4c\x18", &["lz4", "-d", "-c", "-q"]),
];
const ADDED: usize = 4;
/// `XEN_ELFNOTE_PHYS32_ENTRY` of the owner `Xen`.
const PVH: u32 = 18;

/// Writes the kernel of `image` to `to`.
///
/// # Errors
/// Why it cannot be booted that way: `image` itself can.
pub(super) fn decompress(image: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(image)?;
    let payload = payload(&bytes)?;
    let (_, words) = FORMATS
        .iter()
        .find(|(magic, _)| payload.starts_with(magic))
        .context("its payload is compressed in a way that is not known here")?;
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(to)?)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} is not installed", words[0]))?;
    let mut input = child.stdin.take().context("a pipe")?;
    let written = input.write_all(payload);
    drop(input);
    ensure!(child.wait()?.success() && written.is_ok(), "{} could not decompress its payload", words[0]);
    ensure!(enters_by_pvh(&std::fs::read(to)?), "the kernel was built without CONFIG_PVH");
    Ok(())
}

/// The compressed kernel.
fn payload(image: &[u8]) -> Result<&[u8]> {
    let word = |at: usize| -> Option<usize> {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    ensure!(image.get(0x202..0x206) == Some(b"HdrS"), "it is no bzImage");
    let sectors = match image.get(0x1f1) {
        None | Some(0) => 4,
        Some(sectors) => usize::from(*sectors),
    };
    let (offset, length) = (word(0x248).context("a header")?, word(0x24c).context("a header")?);
    let begin = (sectors + 1) * 512 + offset;
    let end = begin.checked_add(length.saturating_sub(ADDED)).context("a length")?;
    image.get(begin..end).context("it is shorter than its header says")
}

fn enters_by_pvh(kernel: &[u8]) -> bool {
    let mut note = Vec::from(PVH.to_le_bytes());
    note.extend(b"Xen\0");
    kernel.starts_with(b"\x7fELF") && kernel.windows(note.len()).any(|window| window == note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024 + 16];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&(payload.len() as u32 + 4).to_le_bytes());
        image.extend(payload);
        image.extend([1, 2, 3, 4]);
        image
    }

    #[test]
    fn the_payload_lies_where_the_header_says() {
        let whole = image(b"compressed");
        assert_eq!(payload(&whole).unwrap(), b"compressed");
        assert!(payload(&whole[..whole.len() - 6]).is_err(), "cut short");
        assert!(payload(b"\x7fELF").is_err());
    }

    #[test]
    fn only_a_kernel_with_the_note_is_entered_so() {
        let note = [&b"\x7fELF"[..], &[4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0], b"Xen\0"].concat();
        assert!(enters_by_pvh(&note));
        assert!(!enters_by_pvh(&note[1..]));
        assert!(!enters_by_pvh(b"\x7fELF"));
    }
}
