//! Handles of metrics, found again by metric and labels without making the key that the recorder wants. Labels have few
//! values, and so there are few handles; each is made once and looked up for every message.

use std::{collections::HashMap, hash::BuildHasher};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use super::metrics::{Label, Metric};

/// The handles of one kind of metric that were made so far.
pub(super) struct Series<H> {
    hasher: RandomState,
    /// By the hash of metric and labels. Replaced as a whole when one more is made, so that looking up never waits.
    made: ArcSwap<HashMap<u64, Vec<Made<H>>, RandomState>>,
}

#[derive(Clone)]
struct Made<H> {
    metric: Metric,
    labels: Vec<(Label, String)>,
    handle: H,
}

impl<H: Clone> Series<H> {
    /// The handle of a metric with these labels, by `make` if there is none yet.
    pub(super) fn get(
        &self,
        metric: Metric,
        labels: &[(Label, &str)],
        make: impl FnOnce() -> H,
    ) -> H {
        let hash = self.hasher.hash_one((metric, labels));
        let known = self.made.load();
        let mut same = known.get(&hash).into_iter().flatten();
        if let Some(found) = same.find(|known| known.is(metric, labels)) {
            return found.handle.clone();
        }
        let new = Made::new(metric, labels, make());
        self.add(hash, &new);
        new.handle
    }

    /// Two that are added at once lead to the same place: the recorder has only one for each key.
    fn add(&self, hash: u64, new: &Made<H>) {
        self.made.rcu(|made| {
            let mut made = HashMap::clone(made);
            made.entry(hash).or_default().push(new.clone());
            made
        });
    }
}

impl<H> Default for Series<H> {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            made: ArcSwap::from_pointee(HashMap::default()),
        }
    }
}

impl<H> Made<H> {
    fn new(metric: Metric, labels: &[(Label, &str)], handle: H) -> Self {
        let labels = labels.iter();
        Self {
            metric,
            labels: labels
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            handle,
        }
    }

    fn is(&self, metric: Metric, labels: &[(Label, &str)]) -> bool {
        let own = self.labels.iter().map(|(name, value)| (*name, &**value));
        self.metric == metric && own.eq(labels.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_made_once_for_each_metric_and_labels() {
        let series = Series::default();
        let get = |metric, labels: &[_], number: u32| series.get(metric, labels, || number);
        let labels = [(Label::Channel, "sms"), (Label::Outcome, "accepted")];
        assert_eq!(get(Metric::Requests, &labels, 1), 1);
        assert_eq!(get(Metric::Requests, &labels, 2), 1);
        assert_eq!(get(Metric::Attempts, &labels, 3), 3);
        assert_eq!(get(Metric::Requests, &labels[..1], 4), 4);
        let other = [(Label::Channel, "sms"), (Label::Outcome, "failed")];
        assert_eq!(get(Metric::Requests, &other, 5), 5);
        assert_eq!(get(Metric::Requests, &labels, 6), 1);
    }
}
