//! What can go wrong for the stack's user. What peers do wrong is answered and counted, never an error here.

/// A failed operation.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// The socket could not be had.
    #[error("can't receive SIP on {address}")]
    Bind {
        /// As configured.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Peers would be told 0.0.0.0.
    #[error("SIP is bound to every address: the advertised address must be set")]
    AdvertisedNeeded,
    /// The library refused.
    #[error("the SIP stack did not start: {0}")]
    Stack(String),
    /// A URI that is none.
    #[error("`{0}` is no SIP URI")]
    Uri(String),
    /// The registrar refused.
    #[error("registration refused: {code} {reason}")]
    Refused {
        /// Its status code.
        code: u16,
        /// Its phrase.
        reason: String,
    },
    /// No answer.
    #[error("the other side can't be reached: {0}")]
    Unreachable(String),
}
