//! What a caller knows of a person beside number and code, for the wording of their message.

use std::{collections::HashMap, fmt, sync::Arc};

/// Attributes of a person by name. Clones share them; `Debug` says only how many there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Arc<HashMap<String, String>>);

impl Attributes {
    /// Takes the attributes in.
    pub fn new(attributes: HashMap<String, String>) -> Self {
        Self(Arc::new(attributes))
    }

    /// The attribute of this name, for the text of a message and for nothing else.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_person_is_not_printed() {
        let name = ("firstName".to_owned(), "Alice".to_owned());
        let attributes = Attributes::new(HashMap::from([name]));
        assert_eq!(attributes.expose("firstName"), Some("Alice"));
        assert_eq!(attributes.expose("lastName"), None);
        assert_eq!(format!("{attributes:?}"), "Attributes(1)");
    }
}
