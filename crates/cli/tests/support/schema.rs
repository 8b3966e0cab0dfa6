//! The part of JSON Schema that netmon-v1.schema.json uses. Unknown words are errors, so that the
//! schema cannot promise what nobody checks.

use std::collections::BTreeSet;

use serde_json::Value;

/// Everything in `value` that `schema` (a part of `root`) does not allow.
pub fn check(root: &Value, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let Some(rules) = schema.as_object() else {
        errors.push(format!("{path}: the schema is not an object"));
        return;
    };
    for (word, rule) in rules {
        match word.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap_or_default().trim_start_matches('#');
                match root.pointer(pointer) {
                    Some(target) => check(root, target, value, path, errors),
                    None => errors.push(format!("{path}: no {pointer} in the schema")),
                }
            }
            "type" => {
                let names: Vec<_> = match rule {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    name => name.as_str().into_iter().collect(),
                };
                if !names.iter().any(|name| is(name, value)) {
                    errors.push(format!("{path}: {value} is not {names:?}"));
                }
            }
            "const" if value != rule => errors.push(format!("{path}: {value} is not {rule}")),
            "enum" if !rule.as_array().is_some_and(|all| all.contains(value)) => {
                errors.push(format!("{path}: {value} is none of {rule}"));
            }
            "const" | "enum" => {}
            "minimum" => {
                if value.as_f64() < rule.as_f64() && value.is_number() {
                    errors.push(format!("{path}: {value} is below {rule}"));
                }
            }
            "required" => {
                for key in rule
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                {
                    if value.is_object() && value.get(key).is_none() {
                        errors.push(format!("{path}: no {key}"));
                    }
                }
            }
            "properties" => {
                for (key, rule) in rule.as_object().into_iter().flatten() {
                    if let Some(part) = value.get(key) {
                        check(root, rule, part, &format!("{path}.{key}"), errors);
                    }
                }
            }
            "additionalProperties" => {
                let known = rules.get("properties").and_then(Value::as_object);
                for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
                    if rule == &Value::Bool(false) && !known.is_some_and(|k| k.contains_key(key)) {
                        errors.push(format!("{path}: {key} is not in the schema"));
                    }
                }
            }
            "items" => {
                for (index, part) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, part, &format!("{path}[{index}]"), errors);
                }
            }
            "anyOf" => {
                let tries: Vec<_> = rule
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|rule| {
                        let mut errors = Vec::new();
                        check(root, rule, value, path, &mut errors);
                        errors
                    })
                    .collect();
                if !tries.iter().any(Vec::is_empty) {
                    errors.extend(tries.into_iter().min_by_key(Vec::len).unwrap_or_default());
                }
            }
            other => errors.push(format!("{path}: the checker does not know '{other}'")),
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// The schema that is shipped.
pub fn schema() -> Value {
    serde_json::from_str(include_str!("../../netmon-v1.schema.json")).unwrap()
}

// The schema lets unknown keys pass, because later clients may add some; this program must not
// print a key that its own schema does not have.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") {
            object.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        object.values_mut().for_each(close);
    } else if let Some(array) = schema.as_array_mut() {
        array.iter_mut().for_each(close);
    }
}

/// Whether every line fits; the kinds of lines.
#[track_caller]
pub fn assert_fits(text: &str) -> BTreeSet<String> {
    let mut schema = schema();
    close(&mut schema);
    let mut kinds = BTreeSet::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let kind = value["type"].as_str().unwrap().to_owned();
        let name = if kind == "row" {
            "flat_row"
        } else {
            kind.as_str()
        };
        let mut errors = Vec::new();
        check(&schema, &schema["$defs"][name], &value, &kind, &mut errors);
        check(&schema, &schema, &value, &kind, &mut errors);
        assert!(errors.is_empty(), "{errors:#?}\n{line}");
        kinds.insert(kind);
    }
    kinds
}
