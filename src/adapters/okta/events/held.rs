//! How many reports are held for each tenant: what one may add, and what is left at the end.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Counts by tenant; a tenant without reports has none.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<String, usize>>);

impl Held {
    /// Counts so many more, unless a tenant that holds some would then hold more than `most`.
    pub(super) fn take(&self, tenant: &str, count: usize, most: usize) -> bool {
        let mut held = self.lock();
        let own = held.get(tenant).copied().unwrap_or_default();
        let fits = own == 0 || own.saturating_add(count) <= most;
        if fits && count > 0 {
            held.insert(tenant.to_owned(), own.saturating_add(count));
        }
        fits
    }

    /// Counts so many fewer.
    pub(super) fn release(&self, tenant: &str, count: usize) {
        let mut held = self.lock();
        let Some(own) = held.get_mut(tenant) else {
            return;
        };
        *own = own.saturating_sub(count);
        if *own == 0 {
            held.remove(tenant);
        }
    }

    /// All that are left, which are then no longer held.
    pub(super) fn drain(&self) -> HashMap<String, usize> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_keeps_to_its_share_unless_it_holds_nothing() {
        let held = Held::default();
        assert!(held.take("acme", 12, 10));
        assert!(!held.take("acme", 1, 10));
        assert!(held.take("quiet", 9, 10) && held.take("quiet", 1, 10));
        assert!(!held.take("quiet", 1, 10));
        held.release("acme", 3);
        assert!(held.take("acme", 1, 10) && !held.take("acme", 1, 10));
        held.release("acme", 10);
        assert!(held.take("acme", 0, 10));
        assert_eq!(held.drain(), HashMap::from([("quiet".to_owned(), 10)]));
        assert!(held.drain().is_empty());
    }
}
