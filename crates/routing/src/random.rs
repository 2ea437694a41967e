//! The machine's own random numbers: the same for a seed, for ever.
//!
//! Decisions are replayed months later by other versions of this program, so the
//! generator is written out here and must never change; a library's may.

/// SplitMix64 (Steele, Lea, Flood 2014): passes the usual tests, one word of state.
/// It decides between equal buyers and guards no secret.
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 where that is 0. By multiplication: for ends below
    /// 2^40, as sums of weights are, no number is likelier than another by more than
    /// one part in 2^24.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_seed_is_the_published_one() {
        // Reference values of SplitMix64 for the seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        let drawn = [(); 5].map(|()| random.next());
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn numbers_stay_below_their_end() {
        let mut random = SplitMix64::new(7);
        assert!((0..1_000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }
}
