//! What `make fraud` measures, small enough to be held by every test run: a thirtieth of each trace.

use std::time::Duration;

use super::{
    report::Report,
    row::HEADER,
    run::{self, Order},
    trace::{self, BEGINS_MS, Shape, Through},
};
use crate::{
    channels::kinds,
    config::{Config, load::Source, variables::Variables},
};

/// In per mille.
const SIZE: u64 = 33;

/// Somebody uses a code: outcomes are known.
const OUTCOME: &str = "0,+14155550123,,,enrollment,legit,0,\n";

/// Requests of an attack of this size.
const ATTACK: u64 = 7920;

/// What the guard may let out of any attack on blocks, whatever its size: 0.12 % of 240,000.
const BLOCKS_MOST: u64 = 288;

fn config_of(text: &str) -> Config {
    let config = Config::load(&Source {
        name: "config/fraud.yaml",
        text,
        variables: &Variables::default(),
        kinds: &kinds::schemas(),
        sandbox: false,
    });
    config.unwrap_or_else(|problems| panic!("{problems}"))
}

fn replay(shape: Shape, reachable: u8, restart: bool) -> Report {
    replay_through(Through::Fresh, shape, reachable, restart)
}

fn replay_through(through: Through, shape: Shape, reachable: u8, restart: bool) -> Report {
    let order = trace::Order {
        shape,
        seed: 1,
        country: None,
        reachable,
        verifies: None,
        through,
        attack_only: false,
        size: SIZE,
    };
    let mut text = Vec::new();
    trace::write(&order, &mut text).expect("memory takes everything");
    let attack = Duration::from_millis(BEGINS_MS);
    let order = Order {
        config: &config_of(include_str!("../../config/fraud.yaml")),
        tenant: "acme",
        restart_at: restart.then_some(attack + Duration::from_hours(2)),
        count_from: attack,
        verified: &[],
    };
    run::run(text.as_slice(), &order).unwrap_or_else(|problem| panic!("{shape:?}: {problem}"))
}

/// Of a thousand requests of real people, those that were refused.
fn hurt(report: &Report) -> u64 {
    let legit = &report.labels.legit;
    assert!(legit.requests > 100, "there are real people");
    assert_eq!(legit.sent + legit.deflected + legit.refused, legit.requests);
    legit.refused * 1000 / legit.requests
}

#[test]
fn an_attack_on_blocks_gets_next_to_nothing_out_and_hurts_nobody() {
    for (shape, restart) in [
        (Shape::OneBlock, true),
        (Shape::TwentyBlocks, false),
        (Shape::TwentyBlocks, true),
    ] {
        let report = replay(shape, 0, restart);
        let out = report.labels.attack.sent;
        assert!(
            out <= BLOCKS_MOST,
            "{shape:?}, restart: {restart}: {out} got out"
        );
        assert!(hurt(&report) < 5, "{shape:?}: {report:?}");
        let legit = &report.labels.legit;
        assert_eq!(
            legit.refused, legit.refused_unverified,
            "{shape:?}: a verified one"
        );
    }
}

#[test]
fn an_attack_on_a_country_is_stopped_and_people_are_reached_elsewhere() {
    let report = replay(Shape::WholeCountry, 80, false);
    let out = report.labels.attack.sent;
    assert!(out <= 600, "{out} of {ATTACK} got out");
    assert!(hurt(&report) < 30, "{report:?}");
    assert!(report.labels.legit.deflected > 0);
}

#[test]
fn an_attack_through_the_networks_of_real_people_spends_their_word() {
    let report = replay_through(Through::Carriers, Shape::WholeCountry, 80, false);
    let out = report.labels.attack.sent;
    assert!(out <= 600, "{out} of {ATTACK} got out");
    assert!(hurt(&report) < 30, "{report:?}");
}

#[test]
fn in_the_week_of_tuning_only_budgets_watch() {
    let guide = include_str!("../../docs/tuning.md");
    let blocks = guide.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap_or_default());
    let modes = blocks.filter(|block| block.contains("modes:"));
    let [modes] = modes.collect::<Vec<_>>()[..] else {
        panic!("the guide has one example of modes");
    };
    let rest = modes.strip_prefix("guard:\n").expect("it is of the guard");
    let shipped = include_str!("../../config/fraud.yaml");
    let (before, money) = shipped.split_once("guard:\n").expect("it has a guard");
    let config = config_of(&format!("{before}guard:\n{rest}{money}"));
    let ask = |purpose: &str, block: &str| {
        // An hour after the first outcome, when budgets go by them.
        let row = |nth: u64| {
            let at = 3_600_000 + nth;
            format!("{at},+{block}{nth:02},,,{purpose},attack,,\n")
        };
        let rows: String = (0..20).map(row).collect();
        let order = Order {
            config: &config,
            tenant: "acme",
            restart_at: None,
            count_from: Duration::ZERO,
            verified: &[],
        };
        let report = run::run(format!("{HEADER}\n{OUTCOME}{rows}").as_bytes(), &order);
        report.unwrap_or_else(|problem| panic!("{problem}"))
    };
    for purpose in ["password_reset", "account_unlock"] {
        let elsewhere = ask(purpose, "9989740012");
        assert_eq!(elsewhere.rules["country"].refused, 20, "{elsewhere:?}");
        assert_eq!(ask(purpose, "4474001200").labels.attack.sent, 20);
    }
    assert_eq!(ask("enrollment", "4474001200").labels.attack.sent, 6);
}

#[test]
fn crowds_of_real_people_are_no_attack() {
    for shape in [
        Shape::Normal,
        Shape::LaunchDay,
        Shape::ResendStorm,
        Shape::SharedOffice,
    ] {
        let report = replay(shape, 0, false);
        assert!(hurt(&report) < 5, "{shape:?}: {report:?}");
    }
}

#[test]
fn a_country_that_is_not_served_gets_nothing() {
    let report = replay(Shape::NeverServed, 0, false);
    assert_eq!(report.labels.attack.sent, 0);
    assert_eq!(report.labels.attack.requests, ATTACK);
    assert_eq!(hurt(&report), 0);
}
