//! What is not wrong with a configuration's messages and yet worth a second look: an SMS that is paid for twice.

use crate::{
    config::{Config, templates::Template, tenants::Tenant, values::ChannelName},
    domain::purpose::Purpose,
};

use super::{catalog::Catalog, segments};

/// A code of the usual length.
const USUAL_CODE: &str = "482913";

/// Templates whose SMS take more than one part, each with its path.
pub fn long_messages(config: &Config) -> Vec<(String, String)> {
    let mut warnings = Vec::new();
    for (name, tenant) in &config.tenants {
        let catalog = Catalog::new(tenant);
        for (index, template) in tenant.templates.iter().enumerate() {
            if let Some(warning) = long_message(tenant, &catalog, template) {
                warnings.push((format!("tenants.{name}.templates[{index}].text"), warning));
            }
        }
    }
    warnings
}

fn long_message(tenant: &Tenant, catalog: &Catalog, template: &Template) -> Option<String> {
    if !(template.channels.is_empty() || template.channels.contains(&ChannelName::Sms)) {
        return None;
    }
    let named = template.purposes.iter().map(|name| Purpose::from(*name));
    let mut purposes: Vec<_> = named.collect();
    if purposes.is_empty() {
        purposes.extend(Purpose::ALL);
    }
    let texts = purposes.into_iter().filter_map(|purpose| {
        let brand = tenant.brand.trim();
        let text = template
            .text
            .0
            .sample(USUAL_CODE, brand, purpose, &template.locale);
        text.map(|text| catalog.bound(&text, USUAL_CODE).unwrap_or(text))
    });
    let longest = texts.max_by_key(|text| segments::segments(text).count)?;
    let taken = segments::segments(&longest);
    (taken.count > 1).then(|| {
        format!(
            "as an SMS it has {} characters ({}) and is paid for as {} messages",
            longest.chars().count(),
            taken.encoding.as_str(),
            taken.count
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn warnings(tenant: Value) -> Vec<String> {
        let mut tenant = tenant;
        tenant["countries"] = json!({ "allow": ["US"] });
        let config = json!({ "tenants": { "acme": tenant } });
        let config: Config = serde_json::from_value(config).unwrap();
        let warnings = long_messages(&config).into_iter();
        warnings
            .map(|(path, text)| format!("{path}: {text}"))
            .collect()
    }

    #[test]
    fn only_what_costs_more_than_one_sms_is_named() {
        let long = "x".repeat(150);
        let found = warnings(json!({ "templates": [
            { "text": "{{ code }} is your code" },
            { "text": format!("{{{{ code }}}}{long}….") },
            { "text": format!("{{{{ code }}}}{long}….") , "channels": ["whatsapp"] },
            { "text": format!("{{{{ code }}}} {{{{ attributes.firstName }}}}{long}"), "channels": ["sms"] },
            { "text": format!("{{{{ code }}}}{{% if purpose == 'other' %}}{long}{long}{{% endif %}}") },
            { "text": format!("{{{{ code }}}}{long}") },
        ] }));
        let path = |index: usize| format!("tenants.acme.templates[{index}].text: as an SMS it has");
        assert_eq!(
            found,
            [
                format!(
                    "{} 158 characters (ucs2) and is paid for as 3 messages",
                    path(1)
                ),
                format!(
                    "{} 166 characters (gsm7) and is paid for as 2 messages",
                    path(3)
                ),
                format!(
                    "{} 306 characters (gsm7) and is paid for as 2 messages",
                    path(4)
                ),
            ]
        );
    }

    #[test]
    fn the_line_for_autofill_counts() {
        let text = format!("{{{{ code }}}}{}", "x".repeat(140));
        let template = json!({ "templates": [{ "text": text }] });
        assert!(warnings(template.clone()).is_empty());
        let mut bound = template;
        bound["autofill_domain"] = json!("acme.example");
        assert_eq!(warnings(bound).len(), 1);
    }
}
