//! Values that are refused are refused with a sentence that says why.

use std::fs;

use super::{
    helm::{CHART, Order, at_once, render},
    mistakes::MISTAKES,
};

#[test]
fn wrong_values_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<_> = MISTAKES.iter().enumerate().collect();
    let said = at_once(&cases, |(at, (name, values, wanted))| {
        let file = folder.path().join(format!("{at}.yaml"));
        fs::write(&file, values).unwrap();
        let order = Order {
            values: &format!("{CHART}/ci/split-values.yaml"),
            kube: "1.34",
            release: "tollgate",
        };
        match render(order, &["--values", file.to_str().unwrap()]) {
            Ok(_) => Err(format!("{name}: is taken")),
            // Helm folds long lines.
            Err(said) => {
                let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
                said.contains(wanted)
                    .then_some(())
                    .ok_or_else(|| format!("{name}: {said}"))
            }
        }
    });
    let broken: Vec<_> = said.into_iter().filter_map(Result::err).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n\n"));
}
