//! A launcher's command line as the user writes it: words as a shell would split them, with `{}`
//! where the prober's own command line goes and `{self}` for ringfence's path on the host.

/// Stands for the prober's command line.
pub const PROBER: &str = "{}";
const OWN: &str = "{self}";

/// The words of a launcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted =
            self.words.iter().map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), Into::into));
        f.write_str(&quoted.collect::<Vec<String>>().join(" "))
    }
}

impl Template {
    /// Splits a text. Without `{}` in it, the prober's command line comes last.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("a command line has no null byte in it".into());
        }
        let mut words = shlex::split(text).ok_or("a quote is not closed, or a backslash ends it")?;
        if words.first().is_none_or(|word| word.is_empty() || word == PROBER) {
            return Err("it names no launcher; write its command line, as 'bwrap --ro-bind / / {}'".into());
        }
        match words.iter().map(|word| word.matches(PROBER).count()).sum::<usize>() {
            0 => words.push(PROBER.to_owned()),
            1 => {}
            _ => {
                return Err(format!(
                    "`{PROBER}` is there more than once; it stands for the one command to run"
                ));
            }
        }
        Ok(Self { words })
    }

    /// The program that it begins with.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.words[0]
    }

    /// With the prober's words in their place: as words of their own where `{}` is a word, as text in
    /// a longer one (they need no quotes).
    pub(super) fn filled(&self, prober: &[String], own: &str) -> Vec<String> {
        let own = |word: &str| word.replace(OWN, own);
        let mut filled = Vec::with_capacity(self.words.len() + prober.len());
        for word in &self.words {
            if word == PROBER {
                filled.extend_from_slice(prober);
            } else {
                // The path of the prober may need quotes, and nothing else of it.
                let quoted = || {
                    prober.iter().map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), Into::into))
                };
                filled.push(own(word).replace(PROBER, &quoted().collect::<Vec<String>>().join(" ")));
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Vec<String> {
        Template::parse(text).unwrap().filled(&["/a b/r".into(), "x".into(), "y".into()], "/own")
    }

    #[test]
    fn the_prober_takes_its_place_or_the_last_one() {
        assert_eq!(filled("box {} end"), ["box", "/a b/r", "x", "y", "end"]);
        assert_eq!(filled("box --flag"), ["box", "--flag", "/a b/r", "x", "y"]);
        assert_eq!(filled("sh -c 'exec {}'"), ["sh", "-c", "exec '/a b/r' x y"]);
        assert_eq!(filled("box -v {self}:/r {}"), ["box", "-v", "/own:/r", "/a b/r", "x", "y"]);
        for wrong in ["", "  ", "{}", "box 'a", "box {} {}", "box \\"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
