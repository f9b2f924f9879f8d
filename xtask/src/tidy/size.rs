//! Files over 500 lines and functions over 70 are hard to read. An exception carries its reason: a comment
//! `tidy: long-file: …` anywhere in the file, `tidy: long-function: …` in the function or right above it.

use super::{File, Finding, code};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

pub(crate) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<&str> = file.text.lines().collect();
    if lines.len() > FILE_LINES && !has_reason(&lines, "long-file") {
        let text = format!("{} lines, more than {FILE_LINES}, without `// tidy: long-file: REASON`", lines.len());
        findings.push(Finding::new(&file.path, 0, text));
    }
    for function in functions(&code::bare(&file.text)) {
        let length = function.last - function.first + 1;
        // The comments and attributes right above belong to it.
        let from = lines.iter().take(function.first - 1).rposition(|line| !is_prelude(line)).map_or(0, |at| at + 1);
        let around = lines.get(from..function.last).unwrap_or_default();
        if length > FUNCTION_LINES && !has_reason(around, "long-function") {
            let reason = "without `// tidy: long-function: REASON`";
            let text = format!("`{}` has {length} lines, more than {FUNCTION_LINES}, {reason}", function.name);
            findings.push(Finding::new(&file.path, function.first, text));
        }
    }
    findings
}

fn is_prelude(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with('#')
}

fn has_reason(lines: &[&str], mark: &str) -> bool {
    let mark = format!("// tidy: {mark}: ");
    lines.iter().any(|line| line.split_once(&mark).is_some_and(|(_, reason)| !reason.trim().is_empty()))
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// The line of its `fn`, from 1.
    first: usize,
    /// The line of its closing brace.
    last: usize,
}

/// Every function with a body, inner ones too, in text without comments and literals.
fn functions(bare: &str) -> Vec<Function> {
    let mut found = Vec::new();
    // Those that are open: the depth of their body, and where they stand in `found`.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut begun: Option<Function> = None;
    // Of the brackets and parentheses since `fn`: a `;` in `[u8; 4]` ends no signature.
    let (mut depth, mut nested) = (0_usize, 0_usize);
    for (at, line) in bare.lines().enumerate() {
        let mut word = String::new();
        let mut before = String::new();
        for c in line.chars().chain(['\n']) {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
                continue;
            }
            if before == "fn" && !word.is_empty() {
                begun = Some(Function { name: word.clone(), first: at + 1, last: at + 1 });
                nested = 0;
            }
            if !word.is_empty() || !c.is_whitespace() {
                before = std::mem::take(&mut word);
            }
            match c {
                '(' | '[' => nested += 1,
                ')' | ']' => nested = nested.saturating_sub(1),
                ';' if nested == 0 => begun = None,
                '{' => {
                    depth += 1;
                    if let Some(function) = begun.take() {
                        open.push((depth, found.len()));
                        found.push(function);
                    }
                }
                '}' => {
                    if let Some((_, place)) = open.pop_if(|(of, _)| *of == depth)
                        && let Some(function) = found.get_mut(place)
                    {
                        function.last = at + 1;
                    }
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, usize, usize)> {
        functions(&code::bare(text)).into_iter().map(|it| (it.name, it.first, it.last)).collect()
    }

    fn check_text(text: &str) -> Vec<String> {
        check(&File { path: "a.rs".into(), text: text.into() }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn functions_are_found_with_their_ends() {
        let text = "\
fn one() {
    let f: fn(u8) -> u8 = g;
    fn inner(a: [u8; 2]) -> bool where u8: Copy {
        a == [b'{', 0]
    }
}
trait T {
    fn without(&self) -> u8;
    fn with(&self) -> String { String::from(\"}\") }
}
async fn last<'a>(
    x: &'a str,
) {
}";
        let expected = [("one", 1, 6), ("inner", 3, 5), ("with", 9, 9), ("last", 11, 14)];
        assert_eq!(names(text), expected.map(|(name, first, last)| (name.to_owned(), first, last)));
    }

    #[test]
    fn a_long_function_needs_a_reason() {
        let body = "    x();\n".repeat(69);
        let long = format!("/// Doc.\n#[test]\nfn f() {{\n{body}}}\n");
        assert_eq!(
            check_text(&long),
            ["a.rs:3: `f` has 71 lines, more than 70, without `// tidy: long-function: REASON`"]
        );
        assert_eq!(check_text(&long.replacen("    x();\n", "", 1)), [""; 0]);
        assert_eq!(check_text(&format!("// tidy: long-function: one table\n{long}")), [""; 0]);
        assert_eq!(check_text(&long.replacen("x();", "x(); // tidy: long-function: one table", 1)), [""; 0]);
        assert_eq!(check_text(&format!("// tidy: long-function: \n{long}")).len(), 1);
        assert_eq!(check_text(&format!("// tidy: long-function: of another\nconst X: u8 = 1;\n{long}")).len(), 1);
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = "const X: u8 = 1;\n".repeat(501);
        assert_eq!(check_text(&long), ["a.rs: 501 lines, more than 500, without `// tidy: long-file: REASON`"]);
        assert_eq!(check_text(&format!("{long}// tidy: long-file: a table")), [""; 0]);
        assert_eq!(check_text(&"\n".repeat(500)), [""; 0]);
    }
}
