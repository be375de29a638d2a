//! What each tenant has spent today, in all and by country.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{hashing::Hashed, time};

/// Money spent by day. A day is one of UTC.
#[derive(Debug, Default)]
pub struct Spending(Mutex<HashMap<u64, Spent, Hashed>>);

/// What was spent on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The day since 1970.
    pub day: u32,
    /// Millionths of the currency.
    pub millionths: u64,
    changed: bool,
}

/// One thing that a message's price is counted for.
#[derive(Clone, Copy, Debug)]
pub struct Purse {
    /// The hash under which it is counted.
    pub key: u64,
    /// The most that a day may cost, in millionths; `None` for any.
    pub cap: Option<u64>,
}

impl Spending {
    /// Spends a price from every purse, if it fits into all of them; else from none. Says which one it did not fit into, by
    /// its place, and what was spent there.
    pub fn spend(&self, purses: &[Purse], price: u64, now_ms: u64) -> Result<(), (usize, u64)> {
        let today = time::day(now_ms);
        let mut spent = self.lock();
        if let Some(refused) = refuses(&spent, purses, price, today) {
            return Err(refused);
        }
        for purse in purses {
            let own = spent.entry(purse.key).or_default();
            if own.day < today {
                *own = Spent {
                    day: today,
                    ..Spent::default()
                };
            }
            own.millionths = own.millionths.saturating_add(price);
            own.changed = true;
        }
        Ok(())
    }

    /// Which purse a price would not fit into, and what was spent there.
    pub fn would_refuse(&self, purses: &[Purse], price: u64, now_ms: u64) -> Option<(usize, u64)> {
        let capped = purses.iter().any(|purse| purse.cap.is_some());
        capped.then(|| refuses(&self.lock(), purses, price, time::day(now_ms)))?
    }

    /// What was spent today.
    pub fn spent(&self, key: u64, now_ms: u64) -> u64 {
        let today = time::day(now_ms);
        let spent = self.lock();
        let own = spent.get(&key).filter(|own| own.day >= today);
        own.map_or(0, |own| own.millionths)
    }

    /// Takes back what was spent on a message that was never sent.
    pub fn take_back(&self, purses: &[Purse], price: u64, now_ms: u64) {
        let today = time::day(now_ms);
        let mut spent = self.lock();
        for purse in purses {
            if let Some(own) = spent.get_mut(&purse.key).filter(|own| own.day == today) {
                own.millionths = own.millionths.saturating_sub(price);
                own.changed = true;
            }
        }
    }

    /// Takes in what an earlier process had spent. A day that has not come yet is that of a clock that was ahead.
    pub fn restore(&self, key: u64, day: u32, millionths: u64, now_ms: u64) {
        if day > time::day(now_ms) {
            return;
        }
        let mut spent = self.lock();
        let own = spent.entry(key).or_default();
        if own.day < day {
            *own = Spent {
                day,
                millionths: 0,
                changed: false,
            };
        }
        if own.day == day {
            own.millionths = own.millionths.saturating_add(millionths);
        }
    }

    /// What has changed since this was last asked.
    pub fn changed(&self) -> Vec<(u64, Spent)> {
        let mut spent = self.lock();
        let mut changed = Vec::new();
        for (key, own) in spent.iter_mut() {
            if std::mem::take(&mut own.changed) {
                changed.push((*key, *own));
            }
        }
        changed
    }

    /// Forgets the days before.
    pub fn drop_idle(&self, now_ms: u64) {
        let today = time::day(now_ms);
        self.lock().retain(|_, own| own.day >= today);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Spent, Hashed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuses(
    spent: &HashMap<u64, Spent, Hashed>,
    purses: &[Purse],
    price: u64,
    today: u32,
) -> Option<(usize, u64)> {
    purses.iter().enumerate().find_map(|(place, purse)| {
        let own = spent.get(&purse.key).filter(|own| own.day >= today);
        let before = own.map_or(0, |own| own.millionths);
        let over = before.saturating_add(price) > purse.cap?;
        over.then_some((place, before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::time::DAY_MS;

    const TENANT: Purse = Purse {
        key: 1,
        cap: Some(100),
    };
    const COUNTRY: Purse = Purse {
        key: 2,
        cap: Some(60),
    };

    #[test]
    fn a_cap_is_used_up_to_the_last_millionth_and_not_beyond() {
        let spending = Spending::default();
        let spend = |price| spending.spend(&[COUNTRY, TENANT], price, 0);
        assert_eq!(spend(60), Ok(()));
        assert_eq!(spend(1), Err((0, 60)));
        assert_eq!(spend(0), Ok(()));
        assert_eq!(spending.spend(&[TENANT], 40, 0), Ok(()));
        assert_eq!(spending.spend(&[TENANT], 1, 0), Err((0, 100)));
        assert_eq!(spending.spent(1, 0), 100);
    }

    #[test]
    fn what_one_purse_refuses_is_spent_from_none() {
        let spending = Spending::default();
        assert_eq!(spending.spend(&[TENANT], 90, 0), Ok(()));
        assert_eq!(spending.spend(&[COUNTRY, TENANT], 11, 0), Err((1, 90)));
        assert_eq!(spending.spent(2, 0), 0);
        assert_eq!(spending.spend(&[COUNTRY, TENANT], 10, 0), Ok(()));
    }

    #[test]
    fn a_day_begins_at_midnight_and_a_clock_that_goes_back_opens_none() {
        let spending = Spending::default();
        assert_eq!(spending.spend(&[TENANT], 100, DAY_MS - 1), Ok(()));
        assert!(spending.spend(&[TENANT], 1, DAY_MS - 1).is_err());
        assert_eq!(spending.spend(&[TENANT], 100, DAY_MS), Ok(()));
        assert!(spending.spend(&[TENANT], 1, DAY_MS - 1).is_err());
    }

    #[test]
    fn what_was_spent_before_a_restart_is_added_once() {
        let spending = Spending::default();
        assert_eq!(spending.spend(&[TENANT], 30, DAY_MS), Ok(()));
        spending.restore(1, 0, 99, DAY_MS);
        assert_eq!(spending.spent(1, DAY_MS), 30);
        spending.restore(1, 1, 50, DAY_MS);
        assert_eq!(spending.spent(1, DAY_MS), 80);
        assert_eq!(spending.changed().len(), 1);
        assert!(spending.changed().is_empty());
    }
}
