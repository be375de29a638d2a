//! The configuration as a tree of plain values that remembers where each was written.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    path::{Path, Step},
    problem::{Place, Problem},
};

/// Where a value and its key were written.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// The key, or the item's start in a list.
    pub(super) key: Place,
    /// The value.
    pub(super) value: Place,
}

/// The values of a file and of the variables laid over it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// The values.
    pub(super) root: Value,
    /// Where they were written.
    pub(super) spots: BTreeMap<Path, Spot>,
    /// Unquoted words of the file which YAML 1.1 takes for booleans.
    pub(super) old_booleans: BTreeMap<Path, String>,
    /// What variables say, letter by letter, where it reads as a number or a boolean.
    unread: BTreeMap<Path, String>,
}

impl Tree {
    /// The value at a path.
    pub(super) fn get(&self, path: &Path) -> Option<&Value> {
        path.steps()
            .iter()
            .try_fold(&self.root, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.get(index),
            })
    }

    /// The keys of the mapping at a path; none where there is no mapping.
    pub(super) fn keys(&self, path: &Path) -> impl Iterator<Item = &str> {
        let mapping = self.get(path).and_then(Value::as_object);
        mapping
            .into_iter()
            .flat_map(|map| map.keys().map(String::as_str))
    }

    /// The value at a path as its type; `None` where it is missing or is none of the type, which is somebody else's
    /// problem to report.
    pub(super) fn read<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        T::deserialize(self.get(path)?).ok()
    }

    /// Every value whose path fits a pattern such as `tenants/*/okta/auth`, and can be read as its type.
    pub(super) fn every<T: DeserializeOwned>(&self, pattern: &str) -> Vec<(Path, T)> {
        let read = |path: Path| self.read(&path).map(|value| (path, value));
        self.paths(pattern).into_iter().filter_map(read).collect()
    }

    /// The value that fits a pattern without a star.
    pub(super) fn one<T: DeserializeOwned>(&self, pattern: &str) -> Option<T> {
        self.every(pattern).pop().map(|(_, value)| value)
    }

    /// The paths of all values that fit a pattern.
    pub(super) fn paths(&self, pattern: &str) -> Vec<Path> {
        let mut paths = vec![Path::default()];
        for part in pattern.split('/') {
            paths = paths
                .iter()
                .flat_map(|path| self.below(path, part))
                .collect();
        }
        paths
    }

    fn below(&self, path: &Path, part: &str) -> Vec<Path> {
        let fits = |key: &&String| part == "*" || part == *key;
        match self.get(path) {
            Some(Value::Object(map)) => map.keys().filter(fits).map(|key| path.key(key)).collect(),
            Some(Value::Array(items)) if part == "*" => {
                (0..items.len()).map(|at| path.index(at)).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Puts a variable's value at a path, making the mappings and lists on the way. `false` where the way is barred by
    /// a value that has nothing below it.
    pub(super) fn lay_over(
        &mut self,
        path: &Path,
        value: Value,
        variable: &str,
        text: &str,
    ) -> bool {
        let Some(place) = make_way(&mut self.root, path) else {
            return false;
        };
        if value.is_number() || value.is_boolean() {
            self.unread.insert(path.clone(), text.to_owned());
        }
        *place = value;
        self.spots.retain(|spot, _| !spot.is_within(path));
        self.old_booleans.retain(|word, _| !word.is_within(path));
        for steps in 1..=path.steps().len() {
            let written = Place::Variable(variable.to_owned());
            self.spots.entry(path.first(steps)).or_insert(Spot {
                key: written.clone(),
                value: written,
            });
        }
        true
    }

    /// Takes a key out of its mapping.
    pub(super) fn remove(&mut self, path: &Path) -> bool {
        let Some((Step::Key(key), above)) = path
            .steps()
            .split_last()
            .map(|(last, _)| (last, path.parent()))
        else {
            return false;
        };
        let above = above.and_then(|above| make_way(&mut self.root, &above));
        above
            .and_then(Value::as_object_mut)
            .is_some_and(|map| map.remove(key).is_some())
    }

    /// Takes a variable letter by letter where it had been read as a number or a boolean.
    pub(super) fn take_literally(&mut self, path: &Path) -> bool {
        let Some(text) = self.unread.remove(path) else {
            return false;
        };
        let place = make_way(&mut self.root, path);
        place.map(|place| *place = Value::String(text)).is_some()
    }

    /// A problem with the value at a path.
    pub(super) fn problem(&self, path: &Path, message: impl Into<String>) -> Problem {
        Problem {
            place: self
                .spot(path)
                .map_or(Place::Nowhere, |spot| spot.value.clone()),
            path: path.to_string(),
            message: message.into(),
        }
    }

    /// A problem with the key at a path, or with what is missing below it.
    pub(super) fn problem_with_key(&self, path: &Path, message: impl Into<String>) -> Problem {
        Problem {
            place: self
                .spot(path)
                .map_or(Place::Nowhere, |spot| spot.key.clone()),
            path: path.to_string(),
            message: message.into(),
        }
    }

    /// Where the value was written, or what it stands in.
    pub(super) fn spot(&self, path: &Path) -> Option<&Spot> {
        let longest_first = (0..=path.steps().len()).rev();
        longest_first
            .into_iter()
            .find_map(|steps| self.spots.get(&path.first(steps)))
    }
}

/// The place at a path; what is missing on the way is made.
fn make_way<'a>(root: &'a mut Value, path: &Path) -> Option<&'a mut Value> {
    path.steps()
        .iter()
        .try_fold(root, |value, step| match step {
            Step::Key(key) => {
                if value.is_null() {
                    *value = Value::Object(Map::new());
                }
                Some(
                    value
                        .as_object_mut()?
                        .entry(key.as_str())
                        .or_insert(Value::Null),
                )
            }
            Step::Index(index) => {
                if value.is_null() {
                    *value = Value::Array(Vec::new());
                }
                let items = value.as_array_mut()?;
                if items.len() == *index {
                    items.push(Value::Null);
                }
                items.get_mut(*index)
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Tree {
        Tree {
            root: json!({ "routes": [{ "try": ["a", "b"] }, { "try": "c" }], "7": { "x/y": 1 } }),
            ..Tree::default()
        }
    }

    #[test]
    fn patterns_find_every_value_of_the_type() {
        let found = tree().every::<String>("routes/*/try/*");
        let found: Vec<_> = found
            .into_iter()
            .map(|(path, name)| format!("{path}={name}"))
            .collect();
        assert_eq!(found, ["routes[0].try[0]=a", "routes[0].try[1]=b"]);
        assert!(tree().every::<u32>("routes/*/try").is_empty());
        assert!(tree().every::<String>("nothing/*").is_empty());
    }

    #[test]
    fn a_variable_makes_its_way() {
        let mut tree = tree();
        let way = Path::default()
            .key("tenants")
            .key("acme")
            .key("list")
            .index(0);
        assert!(tree.lay_over(&way, json!(5), "V", "05"));
        assert_eq!(tree.get(&way), Some(&json!(5)));
        assert_eq!(
            tree.problem(&way, "x").place,
            Place::Variable("V".to_owned())
        );
        assert!(tree.take_literally(&way));
        assert_eq!(tree.get(&way), Some(&json!("05")));
        assert!(!tree.lay_over(&way.key("below"), json!(1), "V", "1"));
        assert!(!tree.lay_over(&way.parent().unwrap().index(9), json!(1), "V", "1"));
        assert!(tree.remove(&Path::default().key("tenants").key("acme")));
        assert!(!tree.remove(&Path::default()));
    }
}
