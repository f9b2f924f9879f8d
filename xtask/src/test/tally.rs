//! Sums up what the test programs say.

/// The sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
    /// By a filter.
    pub left_out: u64,
}

impl Tally {
    /// Takes a line of output: `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; …`.
    pub(crate) fn take(&mut self, line: &str) {
        // A program under test may have written before it, without a line's end.
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let counts = counts.split_once(". ").map_or("", |(_, counts)| counts);
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(what)) = (words.next().and_then(|word| word.parse::<u64>().ok()), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                "filtered" => self.left_out += number,
                _ => {}
            }
        }
    }

    /// A program that died or didn't compile told no result: that is a failure still.
    pub(crate) fn settle(&mut self, success: bool) {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str, success: bool) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.take(line));
        tally.settle(success);
        tally
    }

    #[test]
    fn results_are_summed() {
        let output = "\
running 4 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s
half a line test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s";
        assert_eq!(tally(output, false), Tally { passed: 13, failed: 2, ignored: 1, left_out: 2 });
    }

    #[test]
    fn a_program_that_died_is_a_failure() {
        let ok = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(tally(ok, false).failed, 1);
        assert_eq!(tally(ok, true).failed, 0);
        assert_eq!(tally("", false).failed, 1);
    }
}
