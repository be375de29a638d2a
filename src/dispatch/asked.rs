//! A provider that is asked to send, and what its answer says about it and about the recipient for those that follow.

use std::{sync::Arc, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    Dispatcher,
    health::{Parts, Patient},
    send::Delivery,
};
use crate::{
    channels::{directory::Configured, provider::SendError},
    domain::{
        failure::{Failure, Scope},
        phone::Country,
    },
    routing::{
        health::{self, Change, Sign},
        plan::Step,
    },
};

/// A provider that is asked to send.
pub(super) struct Asked<'a> {
    pub(super) step: &'a Step,
    pub(super) configured: &'a Arc<Configured>,
    by: &'a Dispatcher,
    delivery: &'a Delivery,
    patient: Arc<Patient>,
    parts: Parts<'a>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        by: &'a Dispatcher,
        delivery: &'a Delivery,
        step: &'a Step,
        configured: &'a Arc<Configured>,
    ) -> Self {
        let country = delivery.request.phone.country();
        let sender = configured.provider.sender(step.channel, country);
        Self {
            step,
            configured,
            by,
            delivery,
            patient: by.infirmary.patient(&step.provider),
            parts: Parts { country, sender },
        }
    }

    /// Takes the right to try whether it is well again.
    pub(super) fn may_probe(&self) -> bool {
        self.patient.take_probe(self.parts)
    }

    /// A place among its requests under way, and among those of this second.
    pub(super) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let slot = self.configured.slots.clone().try_acquire_owned().ok()?;
        let may = self.patient.may_begin(self.configured.per_second);
        may.then_some(slot)
    }

    /// It took the message.
    pub(super) fn succeeded(&self, took: Duration) {
        let request = &self.delivery.request;
        let memory = &self.by.memory;
        memory.forget(&request.tenant, &request.phone, self.step.channel);
        self.learn(None, Scope::Provider, took);
    }

    /// It did not, within the time that it was given.
    pub(super) fn failed(&self, error: &SendError, renewed: bool, took: Duration, given: Duration) {
        self.log(error);
        if given < self.configured.timeout && took >= given {
            // It was we who had no more time: that says nothing about the provider.
            return;
        }
        // A fresh credential that is stale too is none of ours any more.
        let refused = renewed && error.failure == Failure::CredentialStale;
        let failure = if refused {
            Failure::Account
        } else {
            error.failure
        };
        self.learn(Some(failure), error.scope, took);
    }

    /// The recipient could not be reached. That is remembered for the number; of a LINE user id, which may be another one
    /// the next time, it says nothing.
    pub(super) fn unreachable(&self, lasting: Duration) {
        if self.step.by_line_user {
            return;
        }
        let request = &self.delivery.request;
        let memory = &self.by.memory;
        memory.note(&request.tenant, &request.phone, self.step.channel, lasting);
    }

    fn learn(&self, failure: Option<Failure>, scope: Scope, took: Duration) {
        // An answer that takes half of the time that it may is one that soon will take all of it.
        let slow = took.saturating_mul(2) > self.configured.timeout;
        let Some(sign) = health::sign(failure, slow) else {
            return;
        };
        if let Some(change) = self.patient.learn(sign, scope, self.parts) {
            self.tell(change, sign, scope);
        }
    }

    fn tell(&self, change: Change, sign: Sign, scope: Scope) {
        let provider = &*self.step.provider;
        let scope = scope.as_str();
        let country = self.parts.country;
        let country = country.as_ref().map_or("", Country::as_str);
        match (change, sign) {
            (Change::Closed, _) => tracing::info!(
                provider.name = provider,
                country,
                "a provider works again and gets messages again, few at first"
            ),
            (Change::Opened, Sign::Broken) => tracing::error!(
                provider.name = provider,
                scope,
                country,
                "a provider refuses our account; it is left for the end of routes until that is mended"
            ),
            (Change::Opened, Sign::Bad | Sign::Good | Sign::Slow) => tracing::warn!(
                provider.name = provider,
                scope,
                country,
                "a provider fails; it is left for the end of routes, and tried once a second"
            ),
        }
    }

    fn log(&self, error: &SendError) {
        tracing::warn!(
            tenant = self.delivery.request.tenant,
            delivery.id = %self.delivery.id,
            channel = self.step.channel.as_str(),
            provider.name = &*self.step.provider,
            failure = error.failure.as_str(),
            provider.code = error.code,
            "attempt failed"
        );
    }
}
