//! The customers. Their names are among the recorded phrases, so that they can be greeted by them.

use serde::Serialize;

/// What the back-end tells about a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Customer {
    /// The account number.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// In the international form (E.164).
    pub(crate) phone: &'static str,
    /// In cents.
    pub(crate) balance_minor: i64,
    /// ISO 4217.
    pub(crate) currency: &'static str,
    /// In cents.
    pub(crate) minimum_payment_minor: i64,
    /// Year, month, day.
    pub(crate) due_date: &'static str,
    pub(crate) tier: &'static str,
}

pub(crate) static CUSTOMERS: [Customer; 4] = [
    Customer {
        id: "1001",
        name: "Ada Lovelace",
        phone: "+15550001",
        balance_minor: 123_456,
        currency: "USD",
        minimum_payment_minor: 2_500,
        due_date: "2026-12-24",
        tier: "gold",
    },
    Customer {
        id: "1002",
        name: "Grace Hopper",
        phone: "+15550002",
        balance_minor: 98_765,
        currency: "USD",
        minimum_payment_minor: 1_900,
        due_date: "2026-12-09",
        tier: "silver",
    },
    Customer {
        id: "1003",
        name: "Alan Turing",
        phone: "+15550003",
        balance_minor: -4_210,
        currency: "GBP",
        minimum_payment_minor: 4_210,
        due_date: "2026-12-01",
        tier: "standard",
    },
    Customer {
        id: "1004",
        name: "Claude Shannon",
        phone: "+15550004",
        balance_minor: 200_000_001,
        currency: "EUR",
        minimum_payment_minor: 0,
        due_date: "2027-01-31",
        tier: "gold",
    },
];

/// By telephone number, with or without its `+`.
pub(crate) fn by_phone(number: &str) -> Option<&'static Customer> {
    let digits = |number: &'static str| number.strip_prefix('+').unwrap_or(number);
    let wanted = number.strip_prefix('+').unwrap_or(number);
    CUSTOMERS.iter().find(|customer| digits(customer.phone) == wanted)
}

/// By account number.
pub(crate) fn by_account(account: &str) -> Option<&'static Customer> {
    CUSTOMERS.iter().find(|customer| customer.id == account)
}
