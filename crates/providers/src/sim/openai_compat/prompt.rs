//! Counting a prompt's tokens the way the published recipe does.

use crate::sim::{encode, list, text};
use serde_json::Value;

/// Stands in a prompt for the tokens between messages, which have no text.
const FRAMING: u32 = u32::MAX;

/// The tokens of a chat prompt, by the recipe of the OpenAI cookbook ("How to count tokens with tiktoken"): three
/// for each message, those of its values, one more for a name, and three that begin the answer. Functions come
/// first, and twelve end them.
pub(super) fn prompt(body: &Value) -> Vec<u32> {
    let mut tokens = Vec::new();
    for tool in list(body, "tools") {
        declare(tool.get("function").unwrap_or(tool), &mut tokens);
    }
    if !tokens.is_empty() {
        tokens.extend([FRAMING; 12]);
    }
    for message in list(body, "messages") {
        tokens.extend([FRAMING; 3]);
        tokens.extend(encode(text(message, "role")));
        match message.get("content") {
            Some(Value::String(content)) => tokens.extend(encode(content)),
            Some(Value::Array(parts)) => {
                for part in parts {
                    tokens.extend(encode(text(part, "text")));
                }
            }
            _ => {}
        }
        if message.get("name").is_some() {
            tokens.push(FRAMING);
            tokens.extend(encode(text(message, "name")));
        }
        for call in list(message, "tool_calls") {
            let function = call.get("function").unwrap_or(&Value::Null);
            tokens.extend(encode(text(function, "name")));
            tokens.extend(encode(text(function, "arguments")));
        }
    }
    tokens.extend([FRAMING; 3]);
    tokens
}

/// One function by the same recipe, with its numbers for gpt-4o and later: seven, "name:description", and where there
/// are parameters three, then for each three and "name:type:description"; of an enumeration's values each costs its
/// tokens and three, less three for all.
fn declare(function: &Value, tokens: &mut Vec<u32>) {
    let described = |value: &Value| text(value, "description").trim_end_matches('.').to_owned();
    tokens.extend([FRAMING; 7]);
    tokens.extend(encode(&format!("{}:{}", text(function, "name"), described(function))));
    let properties = function.pointer("/parameters/properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|properties| !properties.is_empty()) else { return };
    tokens.extend([FRAMING; 3]);
    for (name, property) in properties {
        tokens.extend([FRAMING; 3]);
        for (place, value) in list(property, "enum").iter().enumerate() {
            if place > 0 {
                tokens.extend([FRAMING; 3]);
            }
            tokens.extend(encode(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        tokens.extend(encode(&format!("{name}:{}:{}", text(property, "type"), described(property))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::count;
    use serde_json::json;

    #[test]
    fn a_prompt_counts_as_the_published_recipe_says() {
        // 3 + "system" + 3 tokens; 3 + "user" + 1 token; 3 to begin.
        let body = json!({"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ]});
        assert_eq!(prompt(&body).len(), (3 + 1 + 3) + (3 + 1 + 1) + 3);
        let named = json!({"messages": [{"role": "user", "content": "Hello", "name": "ada"}]});
        assert_eq!(prompt(&named).len() as u64, 3 + 1 + 1 + 1 + count("ada") + 3);
    }

    #[test]
    fn functions_count_as_the_published_recipe_says() {
        let function = json!({"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {
            "where": {"type": "string", "description": "A place.", "enum": ["here", "there"]},
        }}});
        let body = json!({"messages": [], "tools": [{"type": "function", "function": function}]});
        let texts = count("look:Looks") + count("where:string:A place") + count("here") + count("there");
        assert_eq!(prompt(&body).len() as u64, 7 + 3 + 3 + 3 + texts + 12 + 3);
        let bare = json!({"messages": [], "tools": [{"type": "function", "function": {"name": "look"}}]});
        assert_eq!(prompt(&bare).len() as u64, 7 + count("look:") + 12 + 3);
    }
}
