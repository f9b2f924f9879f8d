//! What goes between the host and the compiler in its child process: an order one way, an answer the other. The
//! settings that shape code are part of both programs, which are one; their fingerprint shows that they are.

use super::Fingerprint;
use super::lines::MAX_PLACES;
use std::io::{self, Read, Write};

const ORDER_MAGIC: [u8; 8] = *b"cbcomp03";
const ANSWER_MAGIC: [u8; 8] = *b"cbartf01";
pub(crate) const ANSWER_HEAD_BYTES: usize = 16;
/// No component is larger, whatever the host is set to.
const MAX_COMPONENT_BYTES: u64 = 2 << 30;

/// What is to be done with the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// To say whether all of it is valid; what it is compiled to is empty then.
    Validate,
    /// To compile it, if it is.
    Compile,
    /// To say which lines of the program's text are at places in it; these come before it: how many, and each, as numbers
    /// of eight octets.
    Lines,
}

/// What precedes the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// What to do.
    pub(crate) task: Task,
    /// Of the engine that will run the artefact.
    pub(crate) fingerprint: Fingerprint,
    /// CPU time, in seconds.
    pub(crate) cpu_s: u64,
    /// Memory the compiler may fill, in bytes.
    pub(crate) memory_bytes: u64,
    /// Threads that compile.
    pub(crate) threads: u64,
    /// The component's size, with what comes before it.
    pub(crate) component_bytes: u64,
}

impl Order {
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = ORDER_MAGIC.to_vec();
        head.extend(self.fingerprint.0);
        let task = match self.task {
            Task::Validate => 0,
            Task::Compile => 1,
            Task::Lines => 2,
        };
        for number in [task, self.cpu_s, self.memory_bytes, self.threads, self.component_bytes] {
            head.extend(number.to_be_bytes());
        }
        head
    }

    /// Reads an order's head. The component follows.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        if take(from)? != ORDER_MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no order to compile"));
        }
        let fingerprint = Fingerprint(take(from)?);
        let mut number = || take(from).map(u64::from_be_bytes);
        let task = match number()? {
            0 => Task::Validate,
            1 => Task::Compile,
            2 => Task::Lines,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "an order for something else")),
        };
        let (cpu_s, memory_bytes, threads, component_bytes) = (number()?, number()?, number()?, number()?);
        if component_bytes > MAX_COMPONENT_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an order to compile too much"));
        }
        Ok(Self { task, fingerprint, cpu_s, memory_bytes, threads, component_bytes })
    }
}

fn take<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What comes before a component whose lines are asked for.
pub(crate) fn places_head(places: &[u64]) -> Vec<u8> {
    std::iter::once(places.len() as u64).chain(places.iter().copied()).flat_map(u64::to_be_bytes).collect()
}

/// The places, and the component behind them; none if there are more than may be, or it ends early.
pub(crate) fn places_of(mut bytes: &[u8]) -> Option<(Vec<u64>, &[u8])> {
    let mut number = || take(&mut bytes).ok().map(u64::from_be_bytes);
    let count = usize::try_from(number()?).ok().filter(|count| *count <= MAX_PLACES)?;
    let places = (0..count).map(|_| number()).collect::<Option<_>>()?;
    Some((places, bytes))
}

/// Writes an artefact with what precedes it.
pub(crate) fn write_answer(to: &mut impl Write, artefact: &[u8]) -> io::Result<()> {
    to.write_all(&ANSWER_MAGIC)?;
    to.write_all(&(artefact.len() as u64).to_be_bytes())?;
    to.write_all(artefact)?;
    to.flush()
}

/// The artefact of an answer; none if it isn't a whole one, or there is more.
pub(crate) fn artefact(mut answer: Vec<u8>) -> Option<Vec<u8>> {
    let mut head = answer.get(..ANSWER_HEAD_BYTES)?;
    let sound = take(&mut head).ok()? == ANSWER_MAGIC
        && u64::from_be_bytes(take(&mut head).ok()?) == (answer.len() - ANSWER_HEAD_BYTES) as u64;
    sound.then(|| answer.split_off(ANSWER_HEAD_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order = Order {
        task: Task::Compile,
        fingerprint: Fingerprint([7; 32]),
        cpu_s: 1,
        memory_bytes: 2,
        threads: 3,
        component_bytes: 4,
    };

    #[test]
    fn an_order_reads_back_whole_or_not_at_all() {
        let head = ORDER.head();
        assert_eq!(head.len(), 80);
        assert_eq!(Order::read(&mut head.as_slice()).unwrap(), ORDER);
        for task in [Task::Validate, Task::Lines] {
            let order = Order { task, ..ORDER };
            assert_eq!(Order::read(&mut order.head().as_slice()).unwrap(), order);
        }
        let other = [&head[..47], &[3], &head[48..]].concat();
        assert!(Order::read(&mut other.as_slice()).is_err(), "no task of ours");
        for end in 0..head.len() {
            assert!(Order::read(&mut &head[..end]).is_err(), "cut at {end}");
        }
        assert!(Order::read(&mut b"GET / HTTP/1.1\r\n".repeat(9).as_slice()).is_err());
        let vast = Order { component_bytes: u64::MAX, ..ORDER };
        assert!(Order::read(&mut vast.head().as_slice()).is_err());
    }

    #[test]
    fn places_stand_before_their_component() {
        let whole = [places_head(&[7, u64::MAX]), b"component".to_vec()].concat();
        assert_eq!(places_of(&whole), Some((vec![7, u64::MAX], &b"component"[..])));
        for end in 0..24 {
            assert_eq!(places_of(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(places_of(&u64::MAX.to_be_bytes()), None);
    }

    #[test]
    fn an_answer_reads_back_whole_or_not_at_all() {
        let mut answer = Vec::new();
        write_answer(&mut answer, b"native code").unwrap();
        assert_eq!(artefact(answer.clone()).unwrap(), b"native code");
        for end in 0..answer.len() {
            assert_eq!(artefact(answer[..end].to_vec()), None, "cut at {end}");
        }
        answer.push(0);
        assert_eq!(artefact(answer), None, "one byte more");
        assert_eq!(artefact(b"Hello, world! This is no artefact.".to_vec()), None);
    }
}
