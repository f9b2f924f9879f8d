//! Rust text without its comments and without what is in its literals, line by line: a scanner, not a parser.

/// The same text with comments and the insides of string and character literals blanked. Lines stay lines.
pub(crate) fn bare(text: &str) -> String {
    let mut scanner = Scanner { rest: text, bare: String::with_capacity(text.len()) };
    while scanner.step() {}
    scanner.bare
}

struct Scanner<'t> {
    rest: &'t str,
    bare: String,
}

impl Scanner<'_> {
    /// Takes one token or one character; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        let after_word = self.bare.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if self.rest.starts_with("//") {
            self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if first == '"' {
            self.literal(1, plain_string(self.rest));
        } else if let Some((hashes, from)) = raw_start(self.rest).filter(|_| !after_word) {
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = self.rest.get(from..).and_then(|rest| rest.find(&end));
            self.literal(from, inside.map_or(self.rest.len(), |at| from + at + end.len()));
        } else if first == '\''
            && let Some(length) = character(self.rest)
        {
            self.literal(1, length);
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn keep(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.bare.push_str(taken);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.bare.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    /// Keeps the start and one closing quote of a literal, and blanks what is between.
    fn literal(&mut self, start: usize, length: usize) {
        self.keep(start);
        self.blank(length.saturating_sub(start).saturating_sub(1));
        self.keep(1);
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string literal, quotes included.
fn plain_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Of `r"`, `r#"`, `br##"` and so on: the number of hashes and where the inside begins.
fn raw_start(text: &str) -> Option<(usize, usize)> {
    let marks = ["br", "cr", "r"];
    let rest = marks.iter().find_map(|mark| text.strip_prefix(mark))?;
    let inside = rest.trim_start_matches('#').strip_prefix('"')?;
    let from = text.len() - inside.len();
    Some((rest.len() - inside.len() - 1, from))
}

/// The length of a character literal; none if it is a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut inside = text.char_indices().skip(1);
    let (_, first) = inside.next()?;
    if first == '\\' {
        let (at, _) = inside.skip(1).find(|(_, c)| *c == '\'')?;
        return Some(at + 1);
    }
    let (at, next) = inside.next()?;
    (next == '\'').then_some(at + 1)
}

/// Where this word stands alone in a line, `::` in it included.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + word.len()..).unwrap_or_default();
        !(before.ends_with(part) || after.starts_with(part) && word.ends_with(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let table = [
            ("a // b { \nc", "a        \nc"),
            ("a /* { /* } */ \n */ b", "a              \n    b"),
            (r#"f("{ \" }", '{')"#, r#"f("      ", ' ')"#),
            (r##"r#"{ " }"# x"##, r##"r#"      # x"##),
            ("'\\'' '\\u{7d}' '}' {", "'  ' '      ' ' ' {"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("b'{' b\"}\"", "b' ' b\" \""),
            ("for r in x", "for r in x"),
            ("bar\"}\"", "bar\" \""),
            ("\"open {", "\"     {"),
            ("\"ä{\" ö", "\"  \" ö"),
        ];
        for (text, expected) in table {
            assert_eq!(bare(text), expected, "{text}");
        }
    }

    #[test]
    fn words_stand_alone() {
        assert!(has_word("use rand::Rng;", "rand"));
        assert!(!has_word("use operand;", "rand"));
        assert!(!has_word("let random = 1;", "rand"));
        assert!(has_word("std::time::Instant::now()", "std::time::Instant"));
        assert!(has_word("todo!()", "todo!"));
        assert!(!has_word("not_todo!()", "todo!"));
    }
}
