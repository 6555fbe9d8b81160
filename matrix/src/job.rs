//! What a guest is to run: a list of programs, each as one user, each with a time limit.
//!
//! The text has one line a job: fields separated by tabs, each field's backslashes, tabs and line
//! ends escaped. The number of words and of variables comes before them, so that none is mistaken.

use std::time::Duration;

/// Where the guest's init finds the list.
pub const FILE: &str = "/guest/jobs";
/// Where it finds the word that begins each of its frames. Both are removed before a job starts.
pub const NONCE_FILE: &str = "/guest/nonce";
/// The ordinary user of every guest, in its /etc/passwd too.
pub const USER: (&str, u32) = ("ringfence-test", 1000);

/// One program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// As root, or as [`USER`].
    pub root: bool,
    /// When it is killed, and said to have hung.
    pub limit: Duration,
    /// The working directory.
    pub directory: String,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
}

/// Why a list of jobs cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// From 1.
    pub line: usize,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "line {} of the list of jobs is malformed", self.line)
    }
}

impl std::error::Error for Malformed {}

/// The list as text.
#[must_use]
pub fn write(jobs: &[Job]) -> String {
    jobs.iter().map(|job| line(job) + "\n").collect()
}

fn line(job: &Job) -> String {
    let mut fields = vec![
        if job.root { "root" } else { "user" }.to_owned(),
        job.limit.as_millis().to_string(),
        escape(&job.directory),
        job.words.len().to_string(),
    ];
    fields.extend(job.words.iter().map(|word| escape(word)));
    fields.extend(job.environment.iter().flat_map(|(name, value)| [escape(name), escape(value)]));
    fields.join("\t")
}

/// The list from its text.
///
/// # Errors
/// The first line that [`write`] would not have made.
pub fn read(text: &str) -> Result<Vec<Job>, Malformed> {
    let numbered = text.lines().enumerate();
    numbered.map(|(n, line)| parse(line).ok_or(Malformed { line: n + 1 })).collect()
}

fn parse(line: &str) -> Option<Job> {
    let mut fields = line.split('\t');
    let root = match fields.next()? {
        "root" => true,
        "user" => false,
        _ => return None,
    };
    let limit = Duration::from_millis(fields.next()?.parse().ok()?);
    let directory = unescape(fields.next()?)?;
    let count: usize = fields.next()?.parse().ok()?;
    let words: Vec<String> = fields.by_ref().take(count).map(unescape).collect::<Option<_>>()?;
    if count == 0 || words.len() != count {
        return None;
    }
    let mut environment = Vec::new();
    while let Some(name) = fields.next() {
        environment.push((unescape(name)?, unescape(fields.next()?)?));
    }
    Some(Job { root, limit, directory, words, environment })
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                't' => '\t',
                'n' => '\n',
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job {
            root: false,
            limit: Duration::from_millis(2500),
            directory: "/tmp".into(),
            words: ["/bin/sh", "-c", "printf 'a\tb\\n\n'", ""].map(str::to_owned).to_vec(),
            environment: vec![("PATH".into(), "/usr/bin".into()), ("EMPTY".into(), String::new())],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let jobs = [job(), Job { root: true, environment: Vec::new(), ..job() }];
        assert_eq!(read(&write(&jobs)), Ok(jobs.to_vec()));
        assert_eq!(write(&jobs).lines().count(), 2);
    }

    #[test]
    fn what_is_cut_short_is_malformed() {
        let text = write(&[job()]);
        for cut in
            ["root", "admin\t1\t/\t1\t/x", "root\tsoon\t/\t1\t/x", "root\t1\t/\t2\t/x", "root\t1\t/\t0"]
        {
            assert_eq!(read(cut), Err(Malformed { line: 1 }), "{cut}");
        }
        assert_eq!(read(&format!("{text}user\t1\t/\t1\t/x\tA")), Err(Malformed { line: 2 }));
        assert_eq!(read("user\t1\t/\\x\t1\t/x"), Err(Malformed { line: 1 }));
    }
}
