//! SIP text: messages, and the few pieces of grammar that decisions hang on.
//!
//! The library underneath has a parser of its own, with gaps (a body without Content-Length is lost, a header that is
//! not UTF-8 ends the message). So every datagram is read here first, and handed on in a plain, canonical form.

mod grammar;
mod message;
mod render;

pub(crate) use grammar::{Address, Uri, Via, host_port, split_list, unquote};
pub(crate) use message::is_token;
pub(crate) use message::{Header, Message, ParseError, Start};
pub(crate) use render::{escape_user, request, response};
