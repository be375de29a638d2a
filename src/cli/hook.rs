//! `tollgate hook`: plays Okta.

use clap::{Args, ValueEnum};

use crate::{
    clock::Clock,
    config::{self, outbound, secret::Secret},
    outbound::Outbound,
    sandbox::{
        configuration::{HOOK_SECRET, TENANT},
        hook::{
            self, Channel, Credential, HookError, OauthClient, Options, Purpose,
            events::{self, Entered},
        },
        people::Person,
    },
};

use super::{Failure, say, wait_for};

/// Play Okta: call a telephony hook and judge its answer
#[derive(Debug, Args)]
pub(super) struct Hook {
    /// Who signs in: one of the sandbox's people (ana, bruno, chloe, daiki, emi, felix), or Okta's id of a user, which is
    /// made from the number when left out, so that each number is a person of its own
    #[arg(long)]
    user: Option<String>,
    /// The number that the person enrolled; +14155550123 when left out
    #[arg(long)]
    phone: Option<String>,
    /// The hook's address
    #[arg(long, default_value_t = default_url())]
    url: String,
    /// The header that carries the secret
    #[arg(long, default_value = "authorization")]
    header: String,
    /// The environment variable that holds the header's value; the sandbox's secret when left out
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
    /// Fetch an OAuth token here instead of sending a header secret
    #[arg(long, value_name = "URL", requires_all = ["client_id", "client_secret_env"])]
    token_url: Option<String>,
    /// The OAuth client's id
    #[arg(long)]
    client_id: Option<String>,
    /// The environment variable that holds the OAuth client's secret
    #[arg(long, value_name = "NAME")]
    client_secret_env: Option<String>,
    /// The OAuth scope to ask for
    #[arg(long, default_value = "telephony")]
    scope: String,
    /// What the person chose; a text message when left out
    #[arg(long, value_enum)]
    channel: Option<ChannelArg>,
    /// Why the code is needed
    #[arg(long, value_enum, default_value_t = PurposeArg::SignIn)]
    purpose: PurposeArg,
    /// The code; random when left out
    #[arg(long)]
    code: Option<String>,
    /// `eventId`; fresh when left out. Give one twice to see that no second message is sent
    #[arg(long)]
    event_id: Option<String>,
    /// The person enters the code: Okta's event hook says so
    #[arg(long, conflicts_with_all = ["mistype", "preview"])]
    verify: bool,
    /// The person enters a wrong code: Okta's event hook says so
    #[arg(long, conflicts_with = "preview")]
    mistype: bool,
    /// Play the Preview tab of the Admin Console
    #[arg(long)]
    preview: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChannelArg {
    Sms,
    Voice,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PurposeArg {
    Enrollment,
    SignIn,
    AccountUnlock,
    PasswordReset,
}

impl Hook {
    pub(super) fn run(self) -> Result<(), Failure> {
        let entered = self.entered();
        let options = self.options()?;
        let outbound = Outbound::new(&outbound::Outbound::default(), None)?;
        let clock = Clock::system();
        let playing = async {
            let played = hook::play(&options, &outbound, &clock).await?;
            let told = match entered {
                Some(entered) if played.is_good() => {
                    Some(events::enter(&options, entered, &outbound, &clock).await?)
                }
                Some(_) | None => None,
            };
            Ok::<_, HookError>((played, told))
        };
        let (played, told) = wait_for(playing)?.map_err(|problem| Failure::usage(&problem))?;
        say(&played)?;
        if !played.is_good() {
            return Err(Failure::Other(anyhow::anyhow!("{}", played.consequence())));
        }
        match told {
            Some(told) => {
                say(&told)?;
                if !told.is_good() {
                    return Err(Failure::Other(anyhow::anyhow!("{}", told.consequence())));
                }
            }
            None if options.preview => {}
            None => say(
                "next     the same with --verify: the person enters the code, and Okta's event hook says so",
            )?,
        }
        Ok(())
    }

    /// What the person enters, if anything.
    fn entered(&self) -> Option<Entered> {
        match (self.verify, self.mistype) {
            (true, _) => Some(Entered::Right),
            (false, true) => Some(Entered::Wrong),
            (false, false) => None,
        }
    }

    fn options(self) -> Result<Options, Failure> {
        let credential = self.credential()?;
        let person = self.user.as_deref().and_then(Person::named);
        let phone = self.phone.as_deref();
        let phone = phone.or(person.map(|person| person.phone));
        let phone = phone.unwrap_or(ANYBODY);
        let mut options = Options::new(&self.url, credential, phone);
        options.channel = match (self.channel, person) {
            (Some(ChannelArg::Voice), _) => Channel::Voice,
            (None, Some(person)) => person.chooses,
            (Some(ChannelArg::Sms), _) | (None, None) => Channel::Sms,
        };
        options.purpose = match self.purpose {
            PurposeArg::Enrollment => Purpose::Enrollment,
            PurposeArg::SignIn => Purpose::SignIn,
            PurposeArg::AccountUnlock => Purpose::AccountUnlock,
            PurposeArg::PasswordReset => Purpose::PasswordReset,
        };
        let person = person.map(Person::user_id);
        options.user = person.or(self.user).unwrap_or_else(|| user_of(phone));
        options.code = self.code;
        options.event_id = self.event_id;
        options.preview = self.preview;
        Ok(options)
    }

    fn credential(&self) -> Result<Credential, Failure> {
        if let (Some(token_url), Some(client_id), Some(variable)) =
            (&self.token_url, &self.client_id, &self.client_secret_env)
        {
            return Ok(Credential::Oauth(OauthClient {
                token_url: token_url.clone(),
                client_id: client_id.clone(),
                client_secret: variable_of(variable)?,
                scope: self.scope.clone(),
            }));
        }
        let value = match &self.secret_env {
            Some(variable) => variable_of(variable)?,
            None => Secret::fixed(HOOK_SECRET),
        };
        Ok(Credential::Header {
            name: self.header.clone(),
            value,
        })
    }
}

/// The number of nobody in particular.
const ANYBODY: &str = "+14155550123";

/// A secret from the environment: a command line can be read by every user of the machine.
pub(super) fn variable_of(name: &str) -> Result<Secret, Failure> {
    let value = config::environment().environment()(name).filter(|value| !value.is_empty());
    value
        .map(Secret::fixed)
        .ok_or_else(|| Failure::Usage(format!("environment variable {name} is not set or empty")))
}

/// The id of the person who has this number, in the form of Okta's. With one person for all numbers, the limit per user
/// would soon answer for whoever tries one number after the other.
fn user_of(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    format!("00u{digits:0>17}")
}

fn default_url() -> String {
    format!("http://127.0.0.1:8080/okta/{TENANT}/telephony")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::people::PEOPLE;

    fn options(arguments: &[&str]) -> Options {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            hook: Hook,
        }
        let line = <Line as clap::Parser>::try_parse_from([&["hook"], arguments].concat());
        let options = line.expect("a command line").hook.options();
        options.unwrap_or_else(|_| panic!("{arguments:?}"))
    }

    #[test]
    fn the_sandboxs_people_are_known_by_name() {
        for person in PEOPLE {
            let options = options(&["--user", person.name]);
            assert_eq!(options.user, person.user_id());
            assert_eq!(options.phone, person.phone);
            assert_eq!(options.channel, person.chooses);
        }
        let called = options(&[
            "--user",
            "ana",
            "--channel",
            "voice",
            "--phone",
            "+442079460000",
        ]);
        assert_eq!(called.user, PEOPLE[0].user_id());
        assert_eq!(
            (called.channel, &*called.phone),
            (Channel::Voice, "+442079460000")
        );
    }

    #[test]
    fn anybody_else_is_known_by_id_or_number() {
        let options = |arguments| options(arguments).user;
        assert_eq!(
            options(&["--user", "00u0000000000000042"]),
            "00u0000000000000042"
        );
        assert_eq!(
            options(&["--phone", "+14155550199"]),
            "00u00000014155550199"
        );
        assert_eq!(options(&[]), "00u00000014155550123");
    }

    #[test]
    fn the_help_names_everybody() {
        let mut command = <Hook as Args>::augment_args(clap::Command::new("hook"));
        let help = command.render_long_help().to_string();
        for person in PEOPLE {
            assert!(help.contains(person.name), "{}", person.name);
        }
    }

    #[test]
    fn each_number_is_a_person_of_its_own() {
        assert_eq!(user_of("+1 415 555 0123"), "00u00000014155550123");
        assert_ne!(user_of("+14155550123"), user_of("+14155550124"));
    }
}
