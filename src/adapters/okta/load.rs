//! How many hooks are under way: at most so many in all, and in a crowd no tenant more than its share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The hooks under way over all tenants.
#[derive(Debug, Default)]
pub struct Load {
    all: AtomicUsize,
    /// Tenants with at least one hook under way.
    active: AtomicUsize,
}

/// The hooks under way of one tenant.
#[derive(Debug, Default)]
pub struct TenantLoad(AtomicUsize);

/// One hook under way; it ends when this is dropped.
#[derive(Debug)]
pub struct UnderWay {
    all: Arc<Load>,
    own: Arc<TenantLoad>,
}

impl Load {
    /// Lets one more hook in where about `cap` may be under way; `None` when it must be turned away. Up to half of the cap
    /// anybody may come; beyond it, a tenant may hold no more than the cap divided by the tenants that are active. A
    /// tenant's first hook always comes in, though it may be one more than the cap: that makes the tenant active, so that
    /// whoever filled the house before has to leave it room.
    pub fn enter(self: &Arc<Self>, own: &Arc<TenantLoad>, cap: usize) -> Option<UnderWay> {
        // Counted first, and given back by the drop of what was counted when it was one too many.
        let all = self.all.fetch_add(1, Ordering::AcqRel) + 1;
        let held = own.0.fetch_add(1, Ordering::AcqRel) + 1;
        if held == 1 {
            self.active.fetch_add(1, Ordering::AcqRel);
        }
        let under_way = UnderWay {
            all: self.clone(),
            own: own.clone(),
        };
        let share = cap / self.active.load(Ordering::Acquire).max(1);
        let crowded = all > cap / 2;
        let fits = all <= cap && (!crowded || held <= share);
        (held == 1 || fits).then_some(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.own.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all.active.fetch_sub(1, Ordering::AcqRel);
        }
        self.all.all.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_alone_may_fill_the_house() {
        let load = Arc::new(Load::default());
        let own = Arc::new(TenantLoad::default());
        let held: Vec<_> = (0..4).filter_map(|_| load.enter(&own, 4)).collect();
        assert_eq!(held.len(), 4);
        assert!(load.enter(&own, 4).is_none());
        drop(held);
        assert!(load.enter(&own, 4).is_some());
    }

    #[test]
    fn a_full_house_makes_room_for_whoever_comes() {
        let load = Arc::new(Load::default());
        let crowd = Arc::new(TenantLoad::default());
        let quiet = Arc::new(TenantLoad::default());
        let mut held: Vec<_> = (0..8).filter_map(|_| load.enter(&crowd, 8)).collect();
        let first = load.enter(&quiet, 8);
        assert!(first.is_some() && load.enter(&quiet, 8).is_none());
        held.truncate(6);
        assert!(load.enter(&crowd, 8).is_none());
        assert!(load.enter(&quiet, 8).is_some());
    }

    #[test]
    fn a_loud_tenant_leaves_room_for_a_quiet_one() {
        let load = Arc::new(Load::default());
        let crowd = Arc::new(TenantLoad::default());
        let quiet = Arc::new(TenantLoad::default());
        let first = load.enter(&quiet, 10);
        let held: Vec<_> = (0..100).filter_map(|_| load.enter(&crowd, 10)).collect();
        assert_eq!(held.len(), 5);
        let more: Vec<_> = (0..100).filter_map(|_| load.enter(&quiet, 10)).collect();
        assert_eq!(more.len(), 4);
        drop((first, more, held));
        assert_eq!(load.all.load(Ordering::Acquire), 0);
        assert_eq!(load.active.load(Ordering::Acquire), 0);
    }
}
