//! All randomness of a simulated day, from one seed.

/// SplitMix64 (Steele, Lea, Flood 2014), in integers only: the same numbers on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `end`; 0 if that is 0.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    /// From `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True so many times out of a thousand.
    pub(crate) const fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille as u64
    }

    /// About exponential: the binary logarithm of a uniform number, its fraction taken as linear. 4 % too long on
    /// average, which nobody will notice.
    pub(crate) const fn exponential(&mut self, mean: u64) -> u64 {
        let bits = self.next();
        let halvings = (bits.leading_zeros() as u128) << 16 | (self.next() & 0xFFFF) as u128;
        // ln 2 in 1/65536.
        ((mean as u128 * halvings * 45_426) >> 32) as u64
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(usize::try_from(self.below(of.len() as u64)).ok()?)
    }

    /// One of those given.
    pub(crate) fn one<T: Clone, const N: usize>(&mut self, of: [T; N]) -> Option<T> {
        self.pick(&of).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_about_what_they_say() {
        let mut random = Random::new(1);
        let mean = (0..100_000).map(|_| random.exponential(1000)).sum::<u64>() / 100_000;
        assert!((1000..1080).contains(&mean), "{mean}");
        let heads = (0..100_000).filter(|_| random.chance(250)).count();
        assert!((24_000..26_000).contains(&heads), "{heads}");
        assert!((0..1000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert_eq!(random.below(0), 0);
        assert_eq!(random.pick::<u8>(&[]), None);
    }
}
