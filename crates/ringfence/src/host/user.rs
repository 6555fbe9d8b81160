//! Users and groups by name, from the files of passwd(5) and group(5). A static program loads no
//! NSS modules: names that only a directory service knows are refused, and numbers work always.

use std::path::Path;

/// A line of passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Every group of group(5) that names the user, and the primary one; sorted.
    pub groups: Vec<u32>,
}

/// The user `name`, from `/etc/passwd` and `/etc/group`; `None` where the file has no such line.
///
/// # Errors
/// Those of reading the files.
pub fn by_name(name: &str) -> std::io::Result<Option<User>> {
    let passwd = std::fs::read_to_string(Path::new("/etc/passwd"))?;
    let groups = std::fs::read_to_string(Path::new("/etc/group"))?;
    Ok(find_user(&passwd, &groups, name))
}

/// The group id of `name`, or of a number.
///
/// # Errors
/// Those of reading `/etc/group`.
pub fn group_by_name(name: &str) -> std::io::Result<Option<u32>> {
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    let groups = std::fs::read_to_string(Path::new("/etc/group"))?;
    Ok(group_lines(&groups).find(|(group, ..)| *group == name).map(|(_, gid, _)| gid))
}

fn find_user(passwd: &str, groups: &str, name: &str) -> Option<User> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = fields.into_iter().find(|fields| fields.len() >= 4 && fields[0] == name)?;
    let (uid, gid) = (line[2].parse().ok()?, line[3].parse().ok()?);
    let mut member: Vec<u32> = group_lines(groups)
        .filter(|(_, _, members)| members.split(',').any(|member| member == name))
        .map(|(_, gid, _)| gid)
        .chain([gid])
        .collect();
    member.sort_unstable();
    member.dedup();
    Some(User { uid, gid, groups: member })
}

fn group_lines(text: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, gid, members) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some((name, gid.parse().ok()?, members))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\nbroken:x\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\nlogs:x:40:web,root\nbad:x:y:web\n";

    #[test]
    fn a_user_brings_its_groups() {
        assert_eq!(find_user(PASSWD, GROUP, "web"), Some(User { uid: 33, gid: 34, groups: vec![34, 40] }));
        assert_eq!(find_user(PASSWD, GROUP, "root").unwrap().groups, [0, 40]);
    }

    #[test]
    fn unknown_and_broken_lines_are_nobody() {
        assert_eq!(find_user(PASSWD, GROUP, "broken"), None);
        assert_eq!(find_user(PASSWD, GROUP, "we"), None);
    }
}
