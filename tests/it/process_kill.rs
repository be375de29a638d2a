//! Killed under load, ten times: whatever moment it is, the rows agree with what the provider saw, and no key is sent
//! again.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{interval, sleep},
};
use tollgate::{
    clock::Clock,
    sandbox::{
        inbox::Message,
        twilio::{Settings, Twilio},
    },
};

use crate::support::{
    line::{Line, hook},
    patience::until,
    process::{Place, Serving},
};

const ROUNDS: usize = 10;
/// Connections that Okta keeps open; each has one hook under way.
const LINES: usize = 16;
/// Every how many hooks one goes to a number whose messages are answered late.
const SLOW_EVERY: usize = 6;
/// The promise: a result is committed this soon after it is known.
const FLUSHED_WITHIN: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn rows_agree_with_the_provider_after_every_kill() {
    let place = Place::new();
    let mut world = World::new(place).await;
    for round in 0..ROUNDS {
        let fault = world.load_and_kill(round).await;
        world.restart().await;
        world.judge(&fault, round).await;
    }
    let ended = world.gateway.running.stop().await;
    assert_eq!(ended.code(), Some(0));
    world.accounts_are_even();
    let rows = world.rows();
    let mut attempts = rows.values().flatten();
    assert!(
        attempts.any(|row| row.state == "unconfirmed"),
        "no kill came in mid-flight"
    );
}

/// One gateway after the other on one ledger, and every message that any provider took.
struct World {
    place: Place,
    desk: Twilio,
    gateway: Serving,
    /// Messages of desks that are gone.
    past: Vec<Arc<Message>>,
    /// The number of the next hook; none is used in two rounds.
    next: Arc<AtomicUsize>,
    clock: Clock,
}

/// What was under way when the process died.
struct Fault {
    /// Every hook of the round.
    hooks: BTreeSet<usize>,
    /// Those that had an answer, and when.
    answered: HashMap<usize, Instant>,
    killed: Instant,
    /// The longest that this machine kept a task waiting that was due.
    stall: Duration,
}

impl World {
    async fn new(place: Place) -> Self {
        let desk = desk().await;
        place.configure(&desk.url());
        Self {
            gateway: start(&place).await,
            place,
            desk,
            past: Vec::new(),
            next: Arc::default(),
            clock: Clock::system(),
        }
    }

    /// Sends hooks over every line, and kills the gateway in the midst of them: in even rounds with an answer that has
    /// just come, in odd ones with a message that the provider has just taken.
    async fn load_and_kill(&mut self, round: usize) -> Fault {
        let moment = 40 + 45 * round;
        let door = self.gateway.public();
        let (answers, answered) = watch::channel(0);
        let answers = Arc::new(answers);
        let mut arrivals = self.desk.inbox().subscribe();
        let mut lines = JoinSet::new();
        for _ in 0..LINES {
            let (next, clock) = (self.next.clone(), self.clock.clone());
            lines.spawn(send_until_cut(door, next, answers.clone(), clock));
        }
        let mut watcher = JoinSet::new();
        let stall = Arc::new(watch::Sender::new(Duration::ZERO));
        watcher.spawn(watch_stalls(self.clock.clone(), stall.clone()));
        if round.is_multiple_of(2) {
            let mut answered = answered;
            let seen = answered.wait_for(|count| *count >= moment).await;
            assert!(seen.is_ok(), "every line was cut before the kill");
        } else {
            for _ in 0..moment {
                arrivals.recv().await.expect("fewer than the backlog");
            }
        }
        let killed = self.clock.now();
        self.gateway.running.signal(Signal::KILL);
        self.gateway.running.ended().await;
        let mut fault = Fault {
            hooks: BTreeSet::new(),
            answered: HashMap::new(),
            killed,
            stall: *stall.borrow(),
        };
        for (number, at) in lines.join_all().await.into_iter().flatten() {
            fault.hooks.insert(number);
            fault.answered.extend(at.map(|at| (number, at)));
        }
        fault
    }

    /// A new process on the same ledger, and a new desk: what the old one still took from the dead process is known.
    async fn restart(&mut self) {
        self.desk.stop().await;
        self.past.extend(self.desk.inbox().list());
        self.desk = desk().await;
        self.place.configure(&self.desk.url());
        self.gateway = start(&self.place).await;
    }

    /// Compares, has Okta repeat every hook of the round, and compares again.
    async fn judge(&self, fault: &Fault, round: usize) {
        let unanswered = fault.hooks.len() - fault.answered.len();
        assert!(
            (1..=LINES).contains(&unanswered),
            "round {round}: {unanswered} were cut"
        );
        let before = self.rows();
        self.accounts_are_even();
        let doubtful = fault.doubtful();
        for number in &fault.hooks {
            let rows = before.get(number).map_or(&[][..], Vec::as_slice);
            assert!(rows.len() <= 1, "round {round}: {rows:?}");
            let has_answer = fault.answered.contains_key(number);
            assert!(
                !(rows.is_empty() && has_answer),
                "round {round}: answered, not recorded"
            );
            for row in rows.iter().filter(|row| row.state == "unconfirmed") {
                assert!(doubtful.contains(number), "round {round}: {row:?}");
            }
        }

        self.repeat(&fault.hooks).await;
        let after = self.settled().await;
        self.accounts_are_even();
        let sent: BTreeSet<_> = self.desk.inbox().list().iter().map(number_of).collect();
        for number in &fault.hooks {
            if before.contains_key(number) {
                assert_eq!(before[number], after[number], "round {round}");
                assert!(!sent.contains(number), "round {round}: sent again");
            } else {
                let [row] = &after[number][..] else {
                    panic!("round {round}: {:?}", after[number]);
                };
                assert_eq!(row.state, "accepted", "round {round}");
            }
        }
        let unrecorded = fault.hooks.iter().filter(|hook| !before.contains_key(hook));
        assert_eq!(
            self.desk.inbox().counts().seen,
            unrecorded.count() as u64,
            "round {round}"
        );
    }

    /// Okta asks once more for every code.
    async fn repeat(&self, hooks: &BTreeSet<usize>) {
        let hooks: Arc<Vec<usize>> = Arc::new(hooks.iter().copied().collect());
        let door = self.gateway.public();
        let next = Arc::new(AtomicUsize::new(0));
        let mut lines = JoinSet::new();
        for _ in 0..LINES {
            let (hooks, next) = (hooks.clone(), next.clone());
            lines.spawn(async move {
                let mut line = Line::open(door).await.expect("it serves");
                while let Some(number) = hooks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let reply = line.hook(&body(*number)).await.expect("an answer");
                    assert!(reply.is_successful(), "{reply:?}");
                }
            });
        }
        lines.join_all().await;
    }

    /// Every message belongs to exactly one row, every accepted row to exactly one message, and no hook has two.
    fn accounts_are_even(&self) {
        let rows = self.rows();
        let mut messages = self.past.clone();
        messages.extend(self.desk.inbox().list());
        let all = || rows.values().flatten();
        let mut receipts: HashMap<&str, usize> = HashMap::new();
        for row in all().filter(|row| row.state == "accepted") {
            *receipts.entry(row.message.as_str()).or_default() += 1;
        }
        let mut reached = BTreeSet::new();
        for message in &messages {
            let number = number_of(message);
            assert!(reached.insert(number), "hook {number} has two messages");
            let accepted = receipts.remove(message.sid.as_str()).unwrap_or(0);
            let rows = rows.get(&number).into_iter().flatten();
            let unconfirmed = rows.filter(|row| row.state == "unconfirmed").count();
            assert_eq!(accepted + unconfirmed, 1, "hook {number}: {message:?}");
        }
        assert!(
            receipts.is_empty(),
            "accepted, but never sent: {receipts:?}"
        );
        let count = |state: &str| all().filter(|row| row.state == state).count();
        let (accepted, unconfirmed) = (count("accepted"), count("unconfirmed"));
        assert_eq!(accepted + unconfirmed, all().count(), "other states");
        assert!((accepted..=accepted + unconfirmed).contains(&messages.len()));
    }

    /// The rows once none is open any more.
    async fn settled(&self) -> BTreeMap<usize, Vec<Row>> {
        until("the last result", async || {
            let rows = self.rows();
            let is_open = rows.values().flatten().any(|row| row.state == "sending");
            (!is_open).then_some(rows)
        })
        .await
    }

    fn rows(&self) -> BTreeMap<usize, Vec<Row>> {
        rows(&self.place.path("ledger.db"))
    }
}

impl Fault {
    /// Hooks whose result may be unknown: those without an answer, and those answered so late that the result was not
    /// yet committed. A busy machine keeps the gateway's writer waiting as it does this process, so what was seen of
    /// that here is granted there twice: once to the writer's thread, once to its commit.
    fn doubtful(&self) -> BTreeSet<usize> {
        let within = FLUSHED_WITHIN + 2 * self.stall;
        let known = |number: &usize| {
            let answered = self.answered.get(number);
            answered.is_some_and(|at| *at + within < self.killed)
        };
        let hooks = self.hooks.iter().copied();
        hooks.filter(|number| !known(number)).collect()
    }
}

/// An attempt with its delivery.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    delivery: String,
    state: String,
    message: String,
}

/// Every attempt by the number of its hook.
fn rows(ledger: &Path) -> BTreeMap<usize, Vec<Row>> {
    let ledger = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let ledger = ledger.expect("a gateway has opened it");
    ledger.busy_timeout(Duration::from_secs(5)).expect("a time");
    let sql = "WITH tried AS (
                   SELECT id AS delivery, 1 AS ordinal, first_state AS state, first_message_id AS message_id
                   FROM deliveries WHERE first_state IS NOT NULL
                   UNION ALL
                   SELECT delivery, ordinal, state, message_id FROM attempts)
               SELECT d.reference, hex(d.id), d.state, a.state, a.message_id
               FROM deliveries d LEFT JOIN tried a ON a.delivery = d.id ORDER BY d.id, a.ordinal";
    let mut statement = ledger.prepare(sql).expect("the tables are there");
    let read = statement.query_map([], |row| {
        let texts = (row.get::<_, String>(2)?, row.get::<_, String>(3)?);
        Ok((row.get::<_, String>(0)?, row.get(1)?, texts, row.get(4)?))
    });
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in read.expect("a query") {
        let (reference, delivery, (whole, state), message) = row.expect("every delivery has one");
        let number = reference.strip_prefix("req-kill-").expect("ours").parse();
        // Between the two statements that close them, an attempt may be ahead of its delivery.
        assert!(whole == state || whole == "sending", "{whole} {state}");
        let state = if whole == "sending" { whole } else { state };
        rows.entry(number.expect("a number"))
            .or_default()
            .push(Row {
                delivery,
                state,
                message,
            });
    }
    rows
}

async fn desk() -> Twilio {
    let settings = Settings {
        slow: Duration::from_millis(30),
        ..Settings::default()
    };
    let desk = Twilio::start(settings, Clock::system()).await;
    desk.expect("a free port")
}

async fn start(place: &Place) -> Serving {
    let serve = place.serve();
    // A busy machine may be slow to commit; nothing may be refused for that here.
    let serve = serve.with("TOLLGATE__LEDGER__INTENT_WITHIN", "1500ms");
    let serve = serve.with("TOLLGATE__LEDGER__ON_UNAVAILABLE", "refuse");
    serve.ready().await
}

/// Sends one hook after the other until the connection breaks. Returns each with the time of its answer.
async fn send_until_cut(
    door: SocketAddr,
    next: Arc<AtomicUsize>,
    answers: Arc<watch::Sender<usize>>,
    clock: Clock,
) -> Vec<(usize, Option<Instant>)> {
    let mut sent = Vec::new();
    let Ok(mut line) = Line::open(door).await else {
        return sent;
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Ok(reply) = line.hook(&body(number)).await else {
            sent.push((number, None));
            return sent;
        };
        sent.push((number, Some(clock.now())));
        assert!(reply.is_successful(), "{reply:?}");
        answers.send_modify(|count| *count += 1);
    }
}

/// Notes the longest time by which a task that was due had to wait.
async fn watch_stalls(clock: Clock, longest: Arc<watch::Sender<Duration>>) {
    const EVERY: Duration = Duration::from_millis(5);
    let mut due = interval(EVERY);
    loop {
        due.tick().await;
        let before = clock.now();
        sleep(EVERY).await;
        let late = (clock.now() - before).saturating_sub(EVERY);
        longest.send_if_modified(|longest| {
            let longer = late > *longest;
            *longest = late.max(*longest);
            longer
        });
    }
}

/// The body of a hook, always the same for one number.
fn body(number: usize) -> serde_json::Value {
    hook(
        &format!("kill-{number}"),
        &phone(number),
        &format!("{number:06}"),
    )
}

/// A phone of its own for each hook, with a late answer for every few of them.
fn phone(number: usize) -> String {
    if number.is_multiple_of(SLOW_EVERY) {
        let exchange = 200 + number / SLOW_EVERY;
        assert!(exchange < 1000, "there are no more slow numbers");
        return format!("+1415{exchange}0007");
    }
    format!("+1408{}{}", 300 + number / 9000, 1000 + number % 9000)
}

/// The hook that a message belongs to, by its text, which must have gone to that hook's phone.
fn number_of(message: &Arc<Message>) -> usize {
    let code = message.body.strip_prefix("Your code is ");
    let number = code.and_then(|code| code.parse().ok());
    let number = number.expect("the text of a hook");
    assert_eq!(message.to, phone(number));
    number
}
