//! Taking a changed configuration or secret up without dropping a request. What cannot be used is refused whole, and the
//! process goes on as before.

use std::{path::PathBuf, sync::Arc};

use crate::{
    adapters::okta::door::OktaDoor,
    channels::kinds,
    config::{
        Config,
        load::{Source, read_file},
        watch::Watch,
    },
    telemetry::metrics::{Label, Metric},
    web::tls::Certificate,
};

use super::{Options, Shared, gateway::Gateway, start::okta_tenants};

/// Everything that a reload changes.
pub(super) struct Reload {
    present: Config,
    options: Options,
    shared: Shared,
    okta: Option<OktaDoor>,
    gateway: Option<Gateway>,
    certificates: Vec<Arc<Certificate>>,
    watch: Watch,
}

impl Reload {
    pub(super) fn new(
        config: &Config,
        options: Options,
        shared: &Shared,
        okta: Option<OktaDoor>,
        gateway: Option<Gateway>,
        certificates: Vec<Arc<Certificate>>,
    ) -> Self {
        let files: Vec<PathBuf> = options.file.iter().cloned().collect();
        Self {
            present: config.clone(),
            options,
            shared: shared.clone(),
            okta,
            gateway,
            certificates,
            watch: Watch::over(files),
        }
    }

    /// Takes up what has changed by itself: secrets in files, certificates, the configuration file. Due every second.
    pub(super) fn look(&mut self) {
        let (changed, problems) = self.shared.secrets.refresh();
        if changed > 0 {
            tracing::info!(secrets = changed, "secrets were read again");
        }
        for problem in problems {
            tracing::warn!(error = %problem, "a secret could not be read again; its last value stays");
        }
        for certificate in &self.certificates {
            match certificate.refresh() {
                Ok(true) => tracing::info!("a certificate was read again"),
                Ok(false) => {}
                Err(problem) => tracing::warn!(
                    error = %problem, "a changed certificate cannot be used; the last one stays"
                ),
            }
        }
        if self.watch.changed() {
            self.reload();
        }
    }

    /// Reads the configuration again and puts it in force, or says why not.
    pub(super) fn reload(&mut self) {
        let Some(file) = self.options.file.clone() else {
            return;
        };
        let outcome = match self.take(&file) {
            Ok(()) => "taken",
            Err(problem) => {
                tracing::error!(
                    error = problem,
                    "the configuration cannot be used; the last one stays"
                );
                "refused"
            }
        };
        if outcome == "taken" {
            tracing::info!("the configuration was read again");
        }
        let labels = [(Label::Outcome, outcome)];
        self.shared
            .metrics
            .counter(Metric::Reloads, &labels)
            .increment(1);
    }

    fn take(&mut self, file: &std::path::Path) -> Result<(), String> {
        let text = read_file(file).map_err(|problems| problems.to_string())?;
        let config = Config::load(&Source {
            name: &file.display().to_string(),
            text: &text,
            variables: &self.options.variables,
            kinds: &kinds::schemas(),
            sandbox: self.options.sandbox,
        });
        let config = config.map_err(|problems| problems.to_string())?;
        // Everything that can fail comes before anything is changed.
        let tenants = match &self.okta {
            Some(_) => {
                Some(okta_tenants(&config, &self.shared.secrets).map_err(|e| e.to_string())?)
            }
            None => None,
        };
        if let Some(gateway) = &self.gateway {
            gateway.reconfigure(&config).map_err(|e| e.to_string())?;
        }
        if let (Some(door), Some(tenants)) = (&self.okta, tenants) {
            door.reconfigure(tenants, &config.public);
        }
        self.say_what_needs_a_restart(&config);
        self.present = config;
        Ok(())
    }

    fn say_what_needs_a_restart(&self, config: &Config) {
        for section in needs_restart(&self.present, config) {
            tracing::warn!(section, "a changed setting needs a restart");
        }
    }
}

/// The changed settings that only a new process takes up.
fn needs_restart(before: &Config, now: &Config) -> Vec<&'static str> {
    let (public, grpc) = ((&before.public, &now.public), (&before.grpc, &now.grpc));
    let changed = [
        ("public.listen", public.0.listen != public.1.listen),
        ("public.tls", public.0.tls != public.1.tls),
        (
            "public.read_timeout",
            public.0.read_timeout != public.1.read_timeout,
        ),
        ("grpc.listen", grpc.0.listen != grpc.1.listen),
        ("grpc.tls", grpc.0.tls != grpc.1.tls),
        ("grpc.reflection", grpc.0.reflection != grpc.1.reflection),
        (
            "grpc.max_in_flight",
            grpc.0.max_in_flight != grpc.1.max_in_flight,
        ),
        ("admin.listen", before.admin.listen != now.admin.listen),
        ("gateway", before.gateway != now.gateway),
        ("ledger", before.ledger != now.ledger),
        ("privacy", before.privacy != now.privacy),
        ("outbound", before.outbound != now.outbound),
        ("drain", before.drain != now.drain),
        ("log", before.log != now.log),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(section, _)| section).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::values::Span;

    use super::*;

    #[test]
    fn what_a_running_process_cannot_take_up_is_named() {
        let before = Config::default();
        assert_eq!(needs_restart(&before, &before), [""; 0]);
        let mut now = before.clone();
        now.grpc.reflection = false;
        now.grpc.max_in_flight = 1;
        now.public.read_timeout = Span::seconds(1);
        now.log.level = "debug".to_owned();
        let named = needs_restart(&before, &now);
        let wanted = [
            "public.read_timeout",
            "grpc.reflection",
            "grpc.max_in_flight",
            "log",
        ];
        assert_eq!(named, wanted);
    }

    #[test]
    fn what_it_takes_up_is_not() {
        let before = Config::default();
        let mut now = before.clone();
        now.public.max_in_flight = 1;
        now.guard.limits.clear();
        now.allow_test_providers = true;
        assert_eq!(needs_restart(&before, &now), [""; 0]);
    }
}
