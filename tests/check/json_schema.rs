//! As much of JSON Schema (2020-12) as our schemas use. A keyword that it does not know fails the test, so that no rule is passed over.

use serde_json::Value;

/// Everything in which a value differs from its schema.
pub fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let words = schema.as_object().unwrap();
    for (word, rule) in words {
        let good = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "additionalProperties" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, at, found);
                true
            }
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64() || value.is_i64(),
                "boolean" => value.is_boolean(),
                other => panic!("type {other}"),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "minLength" => value.as_str().unwrap().chars().count() as i64 >= rule.as_i64().unwrap(),
            "minItems" => value.as_array().unwrap().len() as i64 >= rule.as_i64().unwrap(),
            "pattern" => regex::Regex::new(rule.as_str().unwrap())
                .unwrap()
                .is_match(value.as_str().unwrap_or_default()),
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        found.push(format!("{at}: no {name}"));
                    }
                }
                true
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(rule) => check(root, rule, inner, &format!("{at}.{name}"), found),
                        None => {
                            let closed = words.get("additionalProperties") == Some(&false.into());
                            if closed {
                                found.push(format!("{at}: {name} is not known"));
                            }
                        }
                    }
                }
                true
            }
            "items" => {
                for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}[{nth}]"), found);
                }
                true
            }
            other => panic!("the keyword {other} is not known here"),
        };
        if !good {
            found.push(format!("{at}: {value} is against {word} {rule}"));
        }
    }
}

#[test]
fn the_validator_sees_what_it_should() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": "string", "pattern": "^x" }, "b": { "type": "array", "items": { "minimum": 1 } } }
    });
    assert_eq!(
        problems(&schema, &serde_json::json!({ "a": "xy", "b": [1] })),
        [""; 0]
    );
    for bad in [
        serde_json::json!({}),
        serde_json::json!({ "a": "y" }),
        serde_json::json!({ "a": 1 }),
        serde_json::json!({ "a": "x", "c": 1 }),
        serde_json::json!({ "a": "x", "b": [0] }),
        serde_json::json!([]),
    ] {
        assert!(!problems(&schema, &bad).is_empty(), "{bad}");
    }
}
