//! SELinux's types of files, as this host labels them. selinux(8), xattr(7).

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::{Reading, kernel};

/// The extended attribute that has a file's context.
const NAME: &str = "security.selinux";

/// Where the kernel answers questions about the loaded policy: security/selinux/selinuxfs.c.
const DIRECTORY: &str = "/sys/fs/selinux";
const OWN: &str = "/proc/self/attr/current";

/// The caller's own type.
#[must_use]
pub fn own_type() -> Option<String> {
    kind(&kernel::read_small(OWN).ok()?)
}

/// Whether the loaded policy lets the caller's context become another at execve(2): `false` also where
/// there is no such context. Always known as true where SELinux does not enforce.
pub fn transition(to: &str) -> Reading<bool> {
    let known = |answer: io::Result<bool>| match answer {
        Ok(answer) => Reading::Known(answer),
        Err(error) => Reading::Unknown(format!("{DIRECTORY}: {error}")),
    };
    let file = |name: &str| kernel::read_small(Path::new(DIRECTORY).join(name));
    match file("enforce") {
        Ok(mode) if mode.trim() == "0" => return Reading::Known(true),
        Ok(_) => {}
        Err(error) => return known(Err(error)),
    }
    known((|| {
        let own = kernel::read_small(OWN)?;
        let number = |name: &str| file(name)?.trim().parse::<u32>().map_err(io::Error::other);
        let (class, bit) = (number("class/process/index")?, number("class/process/perms/transition")?);
        let question = format!("{} {to} {class}", own.trim_end_matches(['\0', '\n']));
        match ask("access", &question) {
            Ok(answer) => allows(&answer, bit).ok_or_else(|| io::Error::other("an answer of another form")),
            // EINVAL: no such context.
            Err(error) if error.raw_os_error() == Some(22) => Ok(false),
            Err(error) => Err(error),
        }
    })())
}

/// One write(2), then the answer by the same descriptor.
fn ask(name: &str, question: &str) -> io::Result<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(Path::new(DIRECTORY).join(name))?;
    file.write_all(question.as_bytes())?;
    let mut answer = String::new();
    file.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

/// `ALLOWED DECIDED AUDITALLOW AUDITDENY SEQUENCE FLAGS`, sets in hexadecimal; permissions count from 1.
fn allows(answer: &str, bit: u32) -> Option<bool> {
    let allowed = u32::from_str_radix(answer.split(' ').next()?, 16).ok()?;
    Some(allowed & 1_u32.checked_shl(bit.checked_sub(1)?)? != 0)
}

/// The type in a file's context, `USER:ROLE:TYPE:LEVEL`; `None` where the file has none.
#[must_use]
pub fn file_type(path: &Path) -> Option<String> {
    let mut room = [0_u8; 4096];
    let count = rustix::fs::getxattr(path, NAME, &mut room[..]).ok()?;
    kind(&String::from_utf8_lossy(room.get(..count)?))
}

fn kind(context: &str) -> Option<String> {
    let kind = context.trim_end_matches('\0').split(':').nth(2)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (!kind.is_empty() && kind.bytes().all(plain)).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_answer_is_a_set() {
        assert_eq!(allows("2 ffffffff 0 fffffffd 5 0", 2), Some(true));
        assert_eq!(allows("2 ffffffff 0 fffffffd 5 0", 1), Some(false));
        assert_eq!(allows("", 1), None);
        assert_eq!(allows("2 f", 0), None);
    }

    #[test]
    fn the_third_part_is_the_type() {
        assert_eq!(kind("system_u:object_r:usr_t:s0\0").as_deref(), Some("usr_t"));
        assert_eq!(kind("u:r:all_t").as_deref(), Some("all_t"));
        for wrong in ["", "a:b", "a:b:", "a:b:c d:s0", "a:b:c)(allow:s0"] {
            assert_eq!(kind(wrong), None, "{wrong}");
        }
    }
}
