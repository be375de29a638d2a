//! A whole gateway under test, in one part or in two, and what one can ask of it from outside.

use bytes::Bytes;
use http::Method;
use tollgate::{
    app::Role,
    pb::v1::{Delivery, DeliveryFilter, DeliveryState},
    sandbox::twilio::Twilio,
};

use super::{
    client::Client,
    hook::{Answer, Hook},
    http::{Http, Reply},
    mode::Mode,
    part::Part,
    patience::until,
    plan::{OPERATOR, Plan, TENANT, World},
};

const ALL_FILE: &str = "all.yaml";
const GATEWAY_FILE: &str = "gateway.yaml";
const ADAPTER_FILE: &str = "adapter.yaml";

/// A running gateway.
pub(crate) struct TestGateway {
    pub(crate) http: Http,
    pub(crate) plan: Plan,
    /// The part with the door on the internet.
    pub(crate) front: Part,
    /// The part that sends, where it is another one.
    pub(crate) back: Option<Part>,
}

impl TestGateway {
    /// A gateway that is not started yet.
    pub(crate) async fn plan(mode: Mode) -> Plan {
        Plan::new(mode).await
    }

    /// Starts what was planned.
    pub(crate) async fn start(plan: Plan) -> Self {
        let (front, back) = match plan.mode {
            Mode::AllInOne => (Part::start(Role::All, plan.write(ALL_FILE)).await, None),
            Mode::Split => {
                let back = Part::start(Role::Gateway, plan.write(GATEWAY_FILE)).await;
                let port = back.addresses.grpc.unwrap().port();
                let file = plan.of_adapter(port).write(ADAPTER_FILE);
                (Part::start(Role::Adapter, file).await, Some(back))
            }
        };
        Self {
            http: plan.http(),
            plan,
            front,
            back,
        }
    }

    /// The part that sends.
    pub(crate) fn sender(&self) -> &Part {
        self.back.as_ref().unwrap_or(&self.front)
    }

    pub(crate) fn world(&self) -> &World {
        self.plan.world()
    }

    /// The simulated Twilio.
    pub(crate) fn twilio(&self) -> &Twilio {
        &self.world().twilio
    }

    /// Where a tenant's hook goes.
    pub(crate) fn hook_url(&self, tenant: &str) -> String {
        let door = self.front.addresses.public.unwrap();
        format!("{}://{door}/okta/{tenant}/telephony", self.plan.scheme())
    }

    /// Makes a hook whose answer must be one for Okta.
    pub(crate) async fn hook(&self, hook: &Hook) -> Answer {
        Answer::judged(self.knock(hook).await, hook)
    }

    /// Makes a hook, whatever comes of it.
    pub(crate) async fn knock(&self, hook: &Hook) -> Reply {
        self.knock_with(hook, hook.bytes()).await
    }

    /// Makes a hook with this body in place of its own.
    pub(crate) async fn knock_with(&self, hook: &Hook, body: impl Into<Bytes>) -> Reply {
        let url = self.hook_url(&hook.tenant);
        let call = self
            .http
            .call(Method::POST, &url, hook.headers.clone(), body.into());
        call.await.unwrap()
    }

    /// Asks the operators' door of the part on the internet; `None` when nobody answers.
    pub(crate) async fn admin(&self, path: &str) -> Option<Reply> {
        let door = self.front.addresses.admin.unwrap();
        self.http.get(&format!("http://{door}{path}")).await.ok()
    }

    /// Waits until it says of its readiness, by this status, what it should.
    pub(crate) async fn answers_readiness(&self, status: u16) {
        let said = async || {
            let answer = self.admin("/readyz").await;
            answer.filter(|answer| answer.status == status)
        };
        until("readiness", said).await;
    }

    /// A gRPC client that shows this token.
    pub(crate) async fn client(&self, token: &str) -> Client {
        let address = self.sender().addresses.grpc.unwrap();
        Client::new(self.plan.channel(address).await, token)
    }

    /// The deliveries to a number, newest first.
    pub(crate) async fn deliveries_to(&self, phone: &str) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            phone_number: phone.to_owned(),
            ..DeliveryFilter::default()
        };
        let client = self.client(OPERATOR).await;
        client.list(TENANT, filter).await
    }

    /// The one delivery to a number, once it is in this state.
    pub(crate) async fn delivery_to(&self, phone: &str, state: DeliveryState) -> Delivery {
        let what = format!("a delivery that is {}", state.as_str_name());
        let client = self.client(OPERATOR).await;
        let delivery = until(&what, async || {
            let filter = DeliveryFilter {
                phone_number: phone.to_owned(),
                states: vec![state.into()],
                ..DeliveryFilter::default()
            };
            client.list(TENANT, filter).await.pop()
        });
        let delivery = delivery.await;
        assert_eq!(self.deliveries_to(phone).await.len(), 1);
        delivery
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        [Some(&self.front), self.back.as_ref()]
            .into_iter()
            .flatten()
    }

    /// The sum of a metric over all parts.
    pub(crate) fn counted(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        self.parts().map(|part| part.counted(metric, labels)).sum()
    }

    /// Waits until every part has counted one.
    pub(crate) async fn every_part_counted(&self, metric: &str, labels: &[(&str, &str)]) {
        self.every_part_counted_to(1, metric, labels).await;
    }

    /// Waits until every part has taken up this many changed configurations.
    pub(crate) async fn every_part_reloaded(&self, times: u64) {
        let taken = [("outcome", "taken")];
        self.every_part_counted_to(times, "otp_config_reloads_total", &taken)
            .await;
    }

    async fn every_part_counted_to(&self, value: u64, metric: &str, labels: &[(&str, &str)]) {
        let counted = |part: &Part| part.counted(metric, labels) >= value;
        let all = async || self.parts().all(counted).then_some(());
        until(metric, all).await;
    }

    /// Waits until a metric has reached a value.
    pub(crate) async fn has_counted(&self, metric: &str, labels: &[(&str, &str)], value: u64) {
        let reached = async || (self.counted(metric, labels) >= value).then_some(());
        until(metric, reached).await;
    }

    /// An adapter alone, whose gateway is at this port.
    pub(crate) async fn adapter(plan: Plan, gateway: u16) -> Self {
        let file = plan.of_adapter(gateway).write(ADAPTER_FILE);
        Self {
            http: Http::new(),
            plan,
            front: Part::start(Role::Adapter, file).await,
            back: None,
        }
    }

    /// Writes its configuration anew, as this plan has it, and has it read again.
    pub(crate) fn reload(&mut self, plan: Plan) {
        self.rewrite(&plan);
        self.plan = plan;
        for part in self.parts() {
            part.reload();
        }
    }

    /// Writes its configuration anew, as this plan has it.
    pub(crate) fn rewrite(&self, plan: &Plan) {
        match &self.back {
            Some(back) => {
                plan.write(GATEWAY_FILE);
                let port = back.addresses.grpc.unwrap().port();
                plan.of_adapter(port).write(ADAPTER_FILE);
            }
            None => drop(plan.write(ALL_FILE)),
        }
    }

    /// Stops it in order, the door on the internet first.
    pub(crate) async fn stop(self) -> Plan {
        self.front.stop().await;
        if let Some(back) = self.back {
            back.stop().await;
        }
        self.plan
    }

    /// Stops it in order and starts it again on the same ledger.
    pub(crate) async fn restart(self) -> Self {
        Self::start(self.stop().await).await
    }
}
