//! Whether a share of bad contacts is worse than another, or whether that may be noise.
//!
//! **The test.** Contacts of the canary are drawn with an unknown probability of going wrong; the claim to be refuted is
//! that it is at most what the stable version has, plus a margin. The stable version's own probability isn't known either,
//! so the exact binomial test is made against the upper end of its confidence interval (Clopper and Pearson, 1934), and the
//! probability that it lies above is added (Berger and Boos, JASA 89, 1994). It is exact for few contacts as well, where an
//! approximation by the normal distribution would be wrong, and it takes a margin, which Fisher's test doesn't.
//!
//! **Looking again and again.** Each look could be fooled. The k-th may be with a probability of only α · 6 / (π² k²), whose
//! sum over all looks is α (Bonferroni's inequality, which asks nothing of how looks depend on each other).

use super::Counted;
use statrs::function::beta::checked_beta_reg;

/// Steps of the search for the upper end: each halves the interval.
const HALVINGS: u32 = 40;

/// What the k-th look, counted from 1, may spend of the probability of a false alarm.
pub(super) fn spend(alpha: f64, look: u32) -> f64 {
    let look = f64::from(look.max(1));
    alpha * 6.0 / (std::f64::consts::PI * std::f64::consts::PI * look * look)
}

/// The probability of at least so many bad contacts, where each is with this probability.
pub(super) fn at_least(counted: Counted, probability: f64) -> f64 {
    let Counted { bad, of } = counted;
    if bad == 0 || probability >= 1.0 {
        return 1.0;
    }
    if bad > of || probability <= 0.0 {
        return 0.0;
    }
    let (bad, of) = (f64::from(bad), f64::from(of));
    checked_beta_reg(bad, of - bad + 1.0, probability.max(0.0)).unwrap_or(1.0)
}

/// The greatest probability that is not refuted by so many bad contacts or fewer, with this probability of an error.
pub(super) fn upper(counted: Counted, error: f64) -> f64 {
    let Counted { bad, of } = counted;
    if bad >= of {
        return 1.0;
    }
    // At most `bad`: not at least one more.
    let at_most = |probability| 1.0 - at_least(Counted { bad: bad + 1, of }, probability);
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if at_most(middle) > error { low = middle } else { high = middle }
    }
    high
}

/// Whether the claim "the canary is worse than the stable version by no more than this margin" is refuted, with this
/// probability of an error.
pub(super) fn worse(canary: Counted, stable: Counted, margin: f64, error: f64) -> bool {
    if canary.of == 0 || stable.of == 0 || canary.fraction() <= stable.fraction() + margin {
        return false;
    }
    let half = error / 2.0;
    at_least(canary, upper(stable, half) + margin) <= half
}

/// Whether the claim "the canary has at most this probability" is refuted.
pub(super) fn above(canary: Counted, most: f64, error: f64) -> bool {
    canary.of > 0 && canary.fraction() > most && at_least(canary, most) <= error
}
