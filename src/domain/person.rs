//! The keyed hashes under which a tenant's people are kept: by number, and by user id.

use super::{
    phone::PhoneNumber,
    privacy::{KeyedHash, PrivacyKeys, Subject},
};

/// The hash under which a number of a tenant's is written. All writings of the number have one.
pub fn phone(keys: &PrivacyKeys, tenant: &str, phone: &PhoneNumber) -> KeyedHash {
    let number = phone.expose_canonical();
    keys.hash(Subject::Phone, &[tenant.as_bytes(), number.as_bytes()])
}

/// The hashes under which it may have been written before: by older keys, and in its own form where that is not the
/// canonical one, as ledgers had it once. There is none with one key and a number that has one form.
pub fn older_phones(keys: &PrivacyKeys, tenant: &str, phone: &PhoneNumber) -> Vec<KeyedHash> {
    let mut older = Vec::new();
    if keys.has_older() {
        let number = phone.expose_canonical();
        older = keys.older(Subject::Phone, &[tenant.as_bytes(), number.as_bytes()]);
    }
    if phone.key() != phone.expose_digits() {
        let written = phone.expose_e164();
        older.extend(keys.all(Subject::Phone, &[tenant.as_bytes(), written.as_bytes()]));
    }
    older
}

/// Every hash under which it may have been written, the present one first.
pub fn phones(keys: &PrivacyKeys, tenant: &str, phone: &PhoneNumber) -> Vec<KeyedHash> {
    let mut all = vec![self::phone(keys, tenant, phone)];
    all.extend(older_phones(keys, tenant, phone));
    all
}

/// The hash under which a user id of a tenant's is written.
pub fn user(keys: &PrivacyKeys, tenant: &str, id: &str) -> KeyedHash {
    keys.hash(Subject::User, &[tenant.as_bytes(), id.as_bytes()])
}

/// The hashes under which it may have been written before, by older keys.
pub fn older_users(keys: &PrivacyKeys, tenant: &str, id: &str) -> Vec<KeyedHash> {
    keys.older(Subject::User, &[tenant.as_bytes(), id.as_bytes()])
}

/// Every hash under which it may have been written, the present one first.
pub fn users(keys: &PrivacyKeys, tenant: &str, id: &str) -> Vec<KeyedHash> {
    keys.all(Subject::User, &[tenant.as_bytes(), id.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&[u8]]) -> PrivacyKeys {
        PrivacyKeys::new(secrets.iter().copied()).expect("there are keys")
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    #[test]
    fn two_writings_are_one_person_also_in_rows_from_before() {
        let keys = keys(&[b"one"]);
        let (with, without) = (number("+5491123456789"), number("+541123456789"));
        assert_eq!(phone(&keys, "acme", &with), phone(&keys, "acme", &without));
        let before = keys.hash(Subject::Phone, &[b"acme", b"+5491123456789"]);
        assert_eq!(older_phones(&keys, "acme", &with), [before]);
        assert_eq!(older_phones(&keys, "acme", &without), []);
    }

    #[test]
    fn an_older_key_is_tried_after_the_present_one() {
        let (old, both) = (keys(&[b"old"]), keys(&[b"new", b"old"]));
        let one = number("+14155552671");
        let found = phones(&both, "acme", &one);
        assert_eq!(
            found,
            [phone(&both, "acme", &one), phone(&old, "acme", &one)]
        );
        assert_ne!(found[0], found[1]);
        assert_eq!(older_phones(&old, "acme", &one), []);
        assert_eq!(
            users(&both, "acme", "u"),
            [user(&both, "acme", "u"), user(&old, "acme", "u")]
        );
        assert_eq!(older_users(&both, "acme", "u"), [user(&old, "acme", "u")]);
    }
}
