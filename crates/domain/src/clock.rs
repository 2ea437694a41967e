//! Where the time comes from.

use crate::Timestamp;

/// A source of the present moment. The binary gives the system's clock, tests a
/// clock that stands still until it is moved.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// By how many seconds it was shifted on purpose, for rehearsals; 0 = right.
    fn offset_seconds(&self) -> i64 {
        0
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn offset_seconds(&self) -> i64 {
        (**self).offset_seconds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const NOON: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    struct Right;
    struct Shifted;

    impl Clock for Right {
        fn now(&self) -> Timestamp {
            NOON
        }
    }

    impl Clock for Shifted {
        fn now(&self) -> Timestamp {
            NOON.plus_seconds(self.offset_seconds())
        }

        fn offset_seconds(&self) -> i64 {
            3_600
        }
    }

    #[test]
    fn a_clock_is_right_unless_it_says_by_how_much_it_was_shifted() {
        assert_eq!(Right.offset_seconds(), 0);
        let shared: Arc<dyn Clock> = Arc::new(Shifted);
        assert_eq!((Clock::now(&shared), Clock::offset_seconds(&shared)), (NOON.plus_seconds(3_600), 3_600));
    }
}
