//! The variables of the process's environment, taken once at start.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::secret::Environment;

/// Variables by name. `Debug` shows names only, as values may be secrets.
#[derive(Clone, Default)]
pub struct Variables(Arc<BTreeMap<String, Option<String>>>);

impl Variables {
    /// The environment of this process. This is the one place that reads it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that the lint leads to"
    )]
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())));
        Self(Arc::new(pairs.collect()))
    }

    /// Each variable with its value; `None` for a value that is not UTF-8.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// The variables as `Secrets` asks for them.
    pub fn environment(&self) -> Environment {
        let variables = Arc::clone(&self.0);
        Arc::new(move |name| variables.get(name).cloned().flatten())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let owned = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), Some(value.into())));
        Self(Arc::new(owned.collect()))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_find_their_variables() {
        let variables = Variables::from_iter([("TOKEN", "hunter2")]);
        assert_eq!(variables.environment()("TOKEN").as_deref(), Some("hunter2"));
        assert_eq!(variables.environment()("OTHER"), None);
        assert_eq!(format!("{variables:?}"), r#"{"TOKEN"}"#);
    }

    #[test]
    fn the_process_has_a_path() {
        let path = Variables::of_process().environment()("PATH");
        assert!(path.is_some_and(|path| !path.is_empty()));
    }
}
