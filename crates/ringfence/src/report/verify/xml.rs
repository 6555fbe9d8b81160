//! Text in XML 1.0 and HTML.

/// With markup escaped, and what XML 1.0 has no character for (section 2.2) replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // In an attribute a plain one would be read as a space.
            '\t' | '\n' | '\r' => out += &format!("&#{};", u32::from(character)),
            control if control < ' ' || matches!(control, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_left_that_ends_a_text() {
        assert_eq!(super::escaped("a<b>&\"'\u{1}\n]]>"), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}&#10;]]&gt;");
    }
}
