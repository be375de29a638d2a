//! The sandbox's first screen: everybody in it gets a code, a line for each says how, and the first phone is drawn.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{sync::broadcast::error::RecvError, time::timeout};

use crate::{
    clock::Clock,
    config,
    outbound::Outbound,
    sandbox::{
        Sandbox,
        configuration::TENANT,
        hook, hook_url,
        inbox::{Arrivals, Message},
        people::{PEOPLE, Person},
        phone,
    },
};

use super::{Failure, say};

/// How long a code may take from the hook's answer to the phone. Vendors that are simulated deliver before they answer.
const ARRIVES_WITHIN: Duration = Duration::from_secs(2);
/// A profile that came too late for its hook serves the next one.
const HOOKS_EACH: usize = 2;

/// What it takes to play Okta in a sandbox whose public door is at `public`.
pub(super) struct Tour<'a> {
    pub(super) world: &'a Sandbox,
    pub(super) public: SocketAddr,
    pub(super) outbound: &'a Outbound,
    pub(super) clock: &'a Clock,
}

impl Tour<'_> {
    /// Sends everybody a code and shows what becomes of it.
    pub(super) async fn show(&self, arrivals: &mut Arrivals) -> Result<(), Failure> {
        say(line(
            "who",
            "prefers",
            "got it by",
            "the command for another one",
        ))?;
        let mut first = None;
        for person in PEOPLE {
            let arrived = self.send(person, arrivals).await?;
            let way = arrived.as_ref().map(|message| phone::name(message.channel));
            let command = command(self.public, person);
            say(line(
                person.name,
                person.prefers,
                way.unwrap_or("nothing"),
                &command,
            ))?;
            first = first.or(arrived);
        }
        say("")?;
        if let Some(message) = first {
            say(self.ring(&message))?;
        }
        Ok(())
    }

    /// Draws every message from now on.
    pub(super) async fn watch(&self, arrivals: &mut Arrivals) -> Result<(), Failure> {
        loop {
            match arrivals.next().await {
                Ok(message) => say(self.ring(&message))?,
                Err(RecvError::Lagged(missed)) => say(format_args!("… and {missed} more"))?,
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    /// Plays a hook for a person, and waits for the code.
    async fn send(
        &self,
        person: &Person,
        arrivals: &mut Arrivals,
    ) -> Result<Option<Arc<Message>>, Failure> {
        let mut arrived = None;
        for _ in 0..HOOKS_EACH {
            let options = self.world.hook_for(self.public, person);
            hook::play(&options, self.outbound, self.clock).await?;
            let arrival = timeout(ARRIVES_WITHIN, self.arrival(person, arrivals)).await;
            arrived = arrival.unwrap_or(Ok(None))?;
            let as_wished = |message: &Arc<Message>| message.channel == person.reached_by;
            if arrived.as_ref().is_some_and(as_wished) {
                break;
            }
        }
        Ok(arrived)
    }

    /// The next message for a person. What comes for others, from another terminal, is drawn meanwhile.
    async fn arrival(
        &self,
        person: &Person,
        arrivals: &mut Arrivals,
    ) -> Result<Option<Arc<Message>>, Failure> {
        while let Ok(message) = arrivals.next().await {
            if person.is_addressed_by(&message) {
                return Ok(Some(message));
            }
            say(self.ring(&message))?;
        }
        Ok(None)
    }

    /// The phone on which a message arrived, and the command for the person after the one whose it is.
    fn ring(&self, message: &Message) -> String {
        let mut everybody = PEOPLE.iter().cycle();
        let owner = PEOPLE
            .iter()
            .position(|person| person.is_addressed_by(message));
        let next = everybody.nth(owner.map_or(0, |owner| owner + 1));
        let next = next.map(|person| command(self.public, person));
        phone::ring(message, &next.unwrap_or_default())
    }
}

/// The command that sends a code to a person.
fn command(public: SocketAddr, person: &Person) -> String {
    let (program, name) = (config::program(), person.name);
    if public.port() == 8080 {
        format!("{program} hook --user {name}")
    } else {
        let url = hook_url(public, TENANT);
        format!("{program} hook --url {url} --user {name}")
    }
}

fn line(name: &str, prefers: &str, way: &str, command: &str) -> String {
    format!("  {name:<6} {prefers:<27} {way:<10} {command}")
}
