//! One person for each preference: each hook ends at the right simulated phone with the right content, by the program
//! itself, in one process and split in two.

use std::sync::Arc;

use tollgate::{
    clock::Clock,
    config,
    domain::channel::Channel,
    outbound::Outbound,
    sandbox::{
        Sandbox,
        configuration::Doors,
        hook,
        inbox::{Inbox, Message},
        people::{PEOPLE, Person},
    },
};

use crate::support::{
    patience::until,
    process::{Place, Program, Serving},
};

/// What a person's phone shows. The code stands for itself.
const SHOWN: &[(&str, Channel, &str, Option<&str>)] = &[
    ("ana", Channel::Sms, "Your code is CODE", None),
    (
        "bruno",
        Channel::Whatsapp,
        "CODE é o seu código de verificação.\n▸ Copy CODE",
        Some("pt_BR"),
    ),
    (
        "chloe",
        Channel::Whatsapp,
        "CODE est votre code de vérification.\n▸ Copy CODE",
        Some("fr"),
    ),
    ("daiki", Channel::Line, "Your code is CODE", None),
    ("emi", Channel::Sms, "Your code is CODE", None),
    (
        "felix",
        Channel::Voice,
        "Your code is APART. Again: APART.",
        Some("en-GB"),
    ),
];

/// The simulators, and the program among them.
struct World {
    place: Place,
    sandbox: Sandbox,
}

impl World {
    async fn new() -> Self {
        let sandbox = Sandbox::start(Doors::at(0, 0, 0), Clock::system()).await;
        let sandbox = sandbox.unwrap();
        let place = Place::new();
        place.write("tollgate.yaml", &sandbox.configuration());
        Self { place, sandbox }
    }

    fn serve(&self, arguments: &[&str]) -> Program {
        let serve = ["serve", "--config", "tollgate.yaml"];
        let program = self.place.program(&[&serve, arguments].concat());
        let variables = self.sandbox.variables();
        let set = |program: Program, (name, value): (&str, Option<&str>)| {
            program.with(name, value.unwrap_or_default())
        };
        variables.iter().fold(program, set)
    }

    /// An adapter for a gateway.
    fn adapter(&self, gateway: &Serving) -> Program {
        let url = format!("http://{}", gateway.grpc());
        self.serve(&["--only", "adapter"])
            .with("TOLLGATE__GATEWAY__URL", &url)
            .with(
                "TOLLGATE__GATEWAY__TOKEN__ENV",
                "TOLLGATE_SANDBOX_GRPC_TOKEN",
            )
    }

    /// Every message that a person got.
    fn got(&self, person: &Person) -> Vec<Arc<Message>> {
        let sandbox = &self.sandbox;
        let inboxes = [
            sandbox.twilio().inbox(),
            sandbox.vonage().inbox(),
            sandbox.meta().inbox(),
            sandbox.line().inbox(),
        ];
        let messages = inboxes.into_iter().flat_map(Inbox::list);
        messages
            .filter(|message| person.is_addressed_by(message))
            .collect()
    }

    /// Plays Okta for everybody, and looks at their phones.
    async fn everybody_is_reached(&self, adapter: &Serving) {
        let outbound = Outbound::new(&config::outbound::Outbound::default(), None).unwrap();
        for (name, channel, shown, language) in SHOWN {
            let person = Person::named(name).unwrap();
            let options = hook::Options {
                code: Some("482913".to_owned()),
                ..self.sandbox.hook_for(adapter.public(), person)
            };
            let report = hook::play(&options, &outbound, &Clock::system()).await;
            assert!(report.unwrap().is_good(), "{name}");
            let got = until("a message", async || self.got(person).pop()).await;
            let text = shown
                .replace("CODE", "482913")
                .replace("APART", "4, 8, 2, 9, 1, 3");
            let seen = (got.channel, got.body.as_str(), got.language.as_deref());
            assert_eq!(seen, (*channel, text.as_str(), *language), "{name}");
            assert_eq!(
                self.got(person).len(),
                1,
                "{name}: once, and on one channel"
            );
        }
    }
}

#[test]
fn everybody_is_looked_at() {
    let names: Vec<_> = PEOPLE.iter().map(|person| person.name).collect();
    let looked_at: Vec<_> = SHOWN.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, looked_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_preference_ends_at_the_right_phone_in_one_process() {
    let world = World::new().await;
    let mut both = world.serve(&[]).ready().await;
    world.everybody_is_reached(&both).await;
    assert_eq!(both.running.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_preference_ends_at_the_right_phone_in_two_processes() {
    let world = World::new().await;
    let mut gateway = world.serve(&["--only", "gateway"]).ready().await;
    let mut adapter = world.adapter(&gateway).ready().await;
    world.everybody_is_reached(&adapter).await;
    assert_eq!(adapter.running.stop().await.code(), Some(0));
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}
