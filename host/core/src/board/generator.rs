//! Numbers that look random and are not: the board's seeded generator, and the draws of `choose`.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough for identifiers and draws. Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Generator(u64);

impl Generator {
    /// A generator with this seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(super) const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// The index drawn by the `choose` of this entry. Journal rule 4: keyed by the contact's seed and the entry's number,
/// so the same one is drawn whenever it is replayed. `None` if the weights are all 0.
pub(super) fn draw(seed: u64, entry: u64, weights: &[u32]) -> Option<u32> {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let mut generator = Generator::new(seed ^ Generator::new(entry).next_u64());
    // The product's upper half is uniform below `total` but for 2^-64.
    let mut at = u64::try_from((u128::from(generator.next_u64()) * u128::from(total)) >> 64).ok()?;
    for (index, weight) in (0u32..).zip(weights) {
        match at.checked_sub(u64::from(*weight)) {
            None => return Some(index),
            Some(rest) => at = rest,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_4_a_draw_depends_on_seed_and_entry_alone() {
        assert_eq!(draw(7, 3, &[1, 1, 1]), draw(7, 3, &[1, 1, 1]));
        let drawn: Vec<_> = (0..64).map(|entry| draw(7, entry, &[1, 1])).collect();
        assert!(drawn.contains(&Some(0)) && drawn.contains(&Some(1)));
    }

    #[test]
    fn weights_are_kept() {
        let ones = (0..10_000).filter(|entry| draw(1, *entry, &[9, 1, 0]) == Some(1)).count();
        assert!((800..1200).contains(&ones), "{ones}");
        assert!((0..1000).all(|entry| draw(2, entry, &[0, 5, 0]) == Some(1)));
        assert_eq!(draw(1, 1, &[0, 0]), None);
        assert_eq!(draw(1, 1, &[]), None);
        assert!(draw(1, 1, &[u32::MAX; 32]).is_some());
    }
}
