//! Answers in XML: a server sends them to every client that does not ask for JSON.
//!
//! XML has the same content in another form. An object is an element, its plain values are
//! attributes, and its lists are child elements with the names of their kinds.

use serde_json::{Map, Value};

/// The XML of a JSON answer `{"MediaContainer": {...}}`.
pub(crate) fn document(answer: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    for (name, value) in answer.as_object().into_iter().flatten() {
        element(name, value, &mut out);
    }
    out
}

fn element(name: &str, value: &Value, out: &mut String) {
    let Value::Object(fields) = value else {
        if let Value::Array(list) = value {
            for entry in list {
                element(name, entry, out);
            }
        }
        return;
    };
    let name = match name {
        "Metadata" => kind(fields),
        other => other,
    };
    out.push('<');
    out.push_str(name);
    for (attribute, value) in fields {
        if let Some(text) = plain(value) {
            out.push(' ');
            out.push_str(attribute);
            out.push_str("=\"");
            escape(&text, out);
            out.push('"');
        }
    }
    if fields.values().all(|value| plain(value).is_some()) {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for (name, value) in fields {
        element(name, value, out);
    }
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

/// The name of a row's element.
fn kind(row: &Map<String, Value>) -> &'static str {
    match row.get("type").and_then(Value::as_str) {
        Some("track") => "Track",
        Some("photo") => "Photo",
        Some("show" | "season" | "artist" | "album" | "collection") => "Directory",
        _ => "Video",
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(u8::from(*value).to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            // XML does not allow these characters.
            other if other < ' ' => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_attributes_and_lists_are_elements() {
        let answer = json!({"MediaContainer": {"size": 2, "Metadata": [
            {"ratingKey": "1", "type": "movie", "title": "<A & \"B\">\u{1}", "Genre": [{"tag": "x"}]},
            {"ratingKey": "2", "type": "season", "fresh": true},
        ]}});
        assert_eq!(
            document(&answer),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MediaContainer size=\"2\">\n\
             <Video ratingKey=\"1\" title=\"&lt;A &amp; &quot;B&quot;&gt;\" type=\"movie\">\n\
             <Genre tag=\"x\"/>\n</Video>\n\
             <Directory fresh=\"1\" ratingKey=\"2\" type=\"season\"/>\n</MediaContainer>\n"
        );
    }
}
