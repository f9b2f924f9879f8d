//! Forward and back through a contact by line commands.

use super::shown::Travel;
use anyhow::Result;
use std::io::BufRead;

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Next,
    Back,
    First,
    Last,
    /// To a step, from 1.
    To(usize),
    All,
    Quit,
    Help,
}

const HELP: &str = "n or Enter: next   p: back   NUMBER: that step   f: first   l: last   a: all   q: quit";

fn command(line: &str) -> Command {
    match line.trim() {
        "" | "n" | "next" => Command::Next,
        "p" | "b" | "back" => Command::Back,
        "f" | "first" => Command::First,
        "l" | "last" => Command::Last,
        "a" | "all" => Command::All,
        "q" | "quit" => Command::Quit,
        other => other.parse().map_or(Command::Help, Command::To),
    }
}

/// Where a command leads of `count` steps; none: it leads nowhere.
fn moved(at: usize, count: usize, command: Command) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let to = match command {
        Command::Next => at.checked_add(1)?,
        Command::Back => at.checked_sub(1)?,
        Command::First => 0,
        Command::Last => last,
        Command::To(number) => number.checked_sub(1)?,
        Command::All | Command::Quit | Command::Help => return None,
    };
    (to <= last).then_some(to)
}

/// Shows a step and does what is asked, until the input ends.
pub(super) fn run(travel: &Travel, input: impl BufRead) -> Result<()> {
    let (mut at, count) = (0, travel.count());
    cordboard::say(&format!("{}\n\n{}\n{HELP}", travel.head(), travel.step(at)));
    for line in input.lines() {
        let asked = command(&line?);
        match asked {
            Command::Quit => break,
            Command::Help => cordboard::say(HELP),
            Command::All => cordboard::say(&travel.whole()),
            Command::Next | Command::Back | Command::First | Command::Last | Command::To(_) => {
                match moved(at, count, asked) {
                    Some(to) => {
                        at = to;
                        cordboard::say(&travel.step(at));
                    }
                    None => cordboard::say(&format!("there is no such step: this is {} of {count}", at + 1)),
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_lead_forward_and_back_and_never_out() {
        for (line, at, to) in [
            ("", 0, Some(1)),
            ("n", 2, None),
            ("p", 0, None),
            ("back", 2, Some(1)),
            ("3", 0, Some(2)),
            ("4", 0, None),
            ("0", 1, None),
            ("f", 2, Some(0)),
            ("l", 0, Some(2)),
            ("a", 0, None),
        ] {
            assert_eq!(moved(at, 3, command(line)), to, "{line} at {at}");
        }
        assert_eq!(moved(0, 0, Command::Last), None);
        assert_eq!((command("what"), command(" q ")), (Command::Help, Command::Quit));
        assert_eq!(command("99999999999999999999999"), Command::Help);
    }
}
