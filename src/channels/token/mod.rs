//! Tokens that a vendor mints for a while: asked for when one is needed, by one request for all who wait, and kept until
//! shortly before they expire.

pub mod grant;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use http::HeaderValue;
use secrecy::SecretString;
use tokio::task::JoinSet;

use self::grant::Grant;
use super::provider::SendError;
use crate::{
    clock::Clock,
    outbound::{Outbound, WriteGate},
};

/// How long before its end a token is replaced: the first of these that is shorter.
const RENEW_BEFORE: Duration = Duration::from_mins(1);
const RENEW_SHARE: u32 = 5;

/// How long nobody asks again after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// A token in use. Clones are the same token.
#[derive(Clone)]
pub struct Token {
    life: Arc<Life>,
    fresh: bool,
}

struct Life {
    header: HeaderValue,
    /// What it was minted for. It is held, so that no later one can have the same address.
    credential: Arc<SecretString>,
    renew_at: Instant,
    dies_at: Instant,
}

impl Token {
    /// The value of `Authorization`.
    pub fn header(&self) -> HeaderValue {
        self.life.header.clone()
    }

    /// Whether it was minted for whoever holds it. If a vendor will not take it then, another one will not help.
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The tokens of one account.
pub struct Tokens {
    mint: Arc<Mint>,
    /// The requests under way. They go on when nobody waits for them, and end with the account.
    tasks: Mutex<JoinSet<()>>,
}

struct Mint {
    grant: Grant,
    outbound: Outbound,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    under_way: Option<UnderWay>,
    failed: Option<Failed>,
}

type Minting = Shared<BoxFuture<'static, Result<Token, SendError>>>;

/// A request for a token. The task that makes it holds it, as do those who wait for it.
struct UnderWay {
    credential: Arc<SecretString>,
    minting: WeakShared<BoxFuture<'static, Result<Token, SendError>>>,
}

/// The last request for a token, where it failed.
struct Failed {
    credential: Arc<SecretString>,
    problem: SendError,
    again_at: Instant,
}

/// What one caller does.
enum Step {
    Use(Token),
    Wait(Minting),
    GiveUp(SendError),
}

impl Tokens {
    /// The tokens that this grant brings. Asks for nothing yet.
    pub fn new(grant: Grant, outbound: Outbound, clock: Clock) -> Self {
        let mint = Mint {
            grant,
            outbound,
            clock,
            state: Mutex::default(),
        };
        Self {
            mint: Arc::new(mint),
            tasks: Mutex::default(),
        }
    }

    /// A token that is good now. Waits for one where there is none, no longer than a request may take. The failure says
    /// what came of asking for it; a message has not been sent then.
    pub async fn get(&self) -> Result<Token, SendError> {
        match self.step() {
            Step::Use(token) => Ok(token),
            Step::Wait(minting) => minting.await.map(|token| Token {
                fresh: true,
                ..token
            }),
            Step::GiveUp(problem) => Err(problem),
        }
    }

    /// Puts a token aside that a vendor would not take, so that the next one to ask gets another.
    pub fn put_aside(&self, token: &Token) {
        let mut state = self.mint.lock();
        let same = |kept: &Token| Arc::ptr_eq(&kept.life, &token.life);
        if state.token.as_ref().is_some_and(same) {
            state.token = None;
        }
    }

    fn step(&self) -> Step {
        let (now, credential) = (self.mint.clock.now(), self.mint.grant.credential());
        let mut state = self.mint.lock();
        let kept = state.token.clone().filter(|token| {
            let same = Arc::ptr_eq(&token.life.credential, &credential);
            same && now < token.life.dies_at
        });
        if let Some(token) = kept.as_ref().filter(|token| now < token.life.renew_at) {
            return Step::Use(token.clone());
        }
        let same = |under_way: &&UnderWay| Arc::ptr_eq(&under_way.credential, &credential);
        let under_way = state.under_way.as_ref().filter(same);
        let minting = under_way.and_then(|under_way| under_way.minting.upgrade());
        let failed = state.failed.as_ref().filter(|failed| {
            let same = Arc::ptr_eq(&failed.credential, &credential);
            same && now < failed.again_at
        });
        let problem = failed.map(|failed| failed.problem.clone());
        match (kept, minting, problem) {
            (Some(token), None, None) => {
                // It still serves, and is replaced beside the message.
                drop(self.begin(&mut state, credential));
                Step::Use(token)
            }
            (Some(token), _, _) => Step::Use(token),
            (None, Some(minting), _) => Step::Wait(minting),
            (None, None, Some(problem)) => Step::GiveUp(problem),
            (None, None, None) => Step::Wait(self.begin(&mut state, credential)),
        }
    }

    /// Asks for a token, whoever waits for it.
    fn begin(&self, state: &mut State, credential: Arc<SecretString>) -> Minting {
        let minting = Arc::clone(&self.mint).mint(Arc::clone(&credential));
        let minting = minting.boxed().shared();
        state.under_way = minting.downgrade().map(|minting| UnderWay {
            credential,
            minting,
        });
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(minting.clone().map(drop));
        minting
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mint {
    async fn mint(self: Arc<Self>, credential: Arc<SecretString>) -> Result<Token, SendError> {
        // A token lives from when it was made; that was after this.
        let asked = self.clock.now();
        let minted = self.ask().await.map(|minted| {
            let early = RENEW_BEFORE.min(minted.life / RENEW_SHARE);
            let life = Life {
                header: minted.header,
                credential: Arc::clone(&credential),
                renew_at: asked + minted.life.saturating_sub(early),
                dies_at: asked + minted.life,
            };
            Token {
                life: Arc::new(life),
                fresh: false,
            }
        });
        let mut state = self.lock();
        // Nobody may join a request that has ended: it may have brought what was put aside since.
        state
            .under_way
            .take_if(|under_way| Arc::ptr_eq(&under_way.credential, &credential));
        match &minted {
            Ok(token) => {
                state.token = Some(token.clone());
                state.failed = None;
            }
            Err(problem) => {
                state.failed = Some(Failed {
                    credential,
                    problem: problem.clone(),
                    again_at: self.clock.now() + PAUSE,
                });
            }
        }
        drop(state);
        minted
    }

    async fn ask(&self) -> Result<grant::Minted, SendError> {
        let request = self.grant.request(&self.clock)?;
        // The message has a gate of its own, which this request must not pass.
        let answer = self.outbound.call(request, &WriteGate::default()).await;
        grant::read(answer, self.clock.unix_ms())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}
