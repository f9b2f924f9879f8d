//! What every world may import beside its own interfaces: WASI, inert.

use super::Guest;
use super::clock::ClockView;
use super::random::SeededRandom;
use crate::bindings::wasi::{config, logging};
use wasmtime::component::{HasData, HasSelf, Linker};
use wasmtime::{Engine, Result};
use wasmtime_wasi::p2::bindings::{clocks, random};

/// Which time and which random numbers a world sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// Those of the journal: what runs can be repeated.
    Journal,
    /// The machine's.
    Real,
}

struct HasClock;

impl HasData for HasClock {
    type Data<'a> = ClockView<'a>;
}

struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = &'a mut SeededRandom;
}

fn clock_view<R>(guest: &mut Guest<R>) -> ClockView<'_> {
    ClockView { clock: &guest.clock, table: &mut guest.table }
}

/// A linker with WASI (no environment, files or sockets), `wasi:config` and `wasi:logging`.
pub(crate) fn linker<R: Send + 'static>(engine: &Engine, clocks: Clocks) -> Result<Linker<Guest<R>>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    if clocks == Clocks::Journal {
        linker.allow_shadowing(true);
        let l = &mut linker;
        clocks::wall_clock::add_to_linker::<_, HasClock>(l, clock_view)?;
        clocks::monotonic_clock::add_to_linker::<_, HasClock>(l, clock_view)?;
        random::random::add_to_linker::<_, HasRandom>(l, |guest| &mut guest.random)?;
        random::insecure::add_to_linker::<_, HasRandom>(l, |guest| &mut guest.random)?;
        random::insecure_seed::add_to_linker::<_, HasRandom>(l, |guest| &mut guest.random)?;
        linker.allow_shadowing(false);
    }
    config::store::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    logging::logging::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}
