//! What `make fraud` measures, small enough to be held by every test run: a thirtieth of each trace.

use std::time::Duration;

use super::{
    report::Report,
    run::{self, Order},
    trace::{self, BEGINS_MS, Shape},
};
use crate::{
    channels::kinds,
    config::{Config, load::Source, variables::Variables},
};

/// In per mille.
const SIZE: u64 = 33;

/// Requests of an attack of this size.
const ATTACK: u64 = 7920;

/// What the guard may let out of any attack on blocks, whatever its size: 0.12 % of 240,000.
const BLOCKS_MOST: u64 = 288;

fn config() -> Config {
    let config = Config::load(&Source {
        name: "config/fraud.yaml",
        text: include_str!("../../config/fraud.yaml"),
        variables: &Variables::default(),
        kinds: &kinds::schemas(),
        sandbox: false,
    });
    config.unwrap_or_else(|problems| panic!("{problems}"))
}

fn replay(shape: Shape, reachable: u8, restart: bool) -> Report {
    let order = trace::Order {
        shape,
        seed: 1,
        country: None,
        reachable,
        verifies: None,
        size: SIZE,
    };
    let mut text = Vec::new();
    trace::write(&order, &mut text).expect("memory takes everything");
    let attack = Duration::from_millis(BEGINS_MS);
    let order = Order {
        config: &config(),
        tenant: "acme",
        restart_at: restart.then_some(attack + Duration::from_hours(2)),
        count_from: attack,
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
