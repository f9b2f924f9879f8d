//! The threads, the sockets, and the handle to them.

mod handle;
mod ports;
mod thread;

pub use handle::{MediaHandle, MediaPlane};
