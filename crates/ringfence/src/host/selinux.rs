//! SELinux's types of files, as this host labels them. selinux(8), xattr(7).

use std::path::Path;

/// The extended attribute that has a file's context.
const NAME: &str = "security.selinux";

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
    fn the_third_part_is_the_type() {
        assert_eq!(kind("system_u:object_r:usr_t:s0\0").as_deref(), Some("usr_t"));
        assert_eq!(kind("u:r:all_t").as_deref(), Some("all_t"));
        for wrong in ["", "a:b", "a:b:", "a:b:c d:s0", "a:b:c)(allow:s0"] {
            assert_eq!(kind(wrong), None, "{wrong}");
        }
    }
}
