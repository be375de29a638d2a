//! When people are awake: the hours of a day and the days of a week, by country.

use super::chance::Chance;

/// An hour in milliseconds.
pub(super) const HOUR: u64 = 3_600_000;
/// A day in milliseconds.
pub(super) const DAY: u64 = 24 * HOUR;

/// How much happens in each hour of the day, at home.
const HOURS: [u64; 24] = [
    6, 4, 3, 2, 2, 4, 12, 30, 62, 70, 60, 52, 48, 56, 58, 52, 46, 42, 40, 40, 36, 28, 18, 10,
];

/// How much of a working day happens on each day, in per mille; a trace begins on a Thursday.
const DAYS: [u64; 7] = [1000, 950, 350, 300, 1050, 1020, 1000];

/// How much of a working day happens on this day, in per mille.
pub(super) fn day(day: u64) -> u64 {
    DAYS[usize::try_from(day % 7).unwrap_or_default()]
}

/// A moment of a day, for people whose clocks are so many hours ahead.
pub(super) fn moment(day: u64, ahead: u64, chance: &mut Chance) -> u64 {
    let home = chance.weighted(HOURS.iter().copied()) as u64;
    let hour = (home + 24 - ahead % 24) % 24;
    day * DAY + hour * HOUR + chance.below(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mornings_are_busier_than_nights() {
        let mut chance = Chance::new(1);
        let hours: Vec<_> = (0..10_000)
            .map(|_| moment(2, 9, &mut chance) % DAY / HOUR)
            .collect();
        let at = |hour| hours.iter().filter(|one| **one == hour).count();
        // Nine in the morning in Tokyo is midnight in UTC.
        assert!(at(0) > 10 * at(18), "{} {}", at(0), at(18));
    }
}
