//! How many tokens a chat request is, by the rules that OpenAI publishes.

use serde_json::Value;

use super::count;

/// What frames each message.
const MESSAGE: u64 = 3;
/// What a name costs besides its own tokens.
const NAME: u64 = 1;
/// What primes the answer.
const ANSWER: u64 = 3;

/// What opens each tool.
const TOOL: u64 = 7;
/// What closes the list of tools.
const TOOLS_END: u64 = 12;
/// What opens a tool's parameters, if it has any.
const PARAMETERS: u64 = 3;
/// What opens each parameter.
const PARAMETER: u64 = 3;
/// What each value of an enumeration costs besides its own tokens. Its first does so no more than closing the list
/// saves.
const ENUM_ITEM: u64 = 3;

/// The prompt tokens of a chat completion with the `messages` and `tools` of its request.
///
/// By the rules for GPT-4o in OpenAI's cookbook, "How to count tokens with tiktoken", sections 6 and 7
/// (<https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>), which
/// give what the API bills for the requests shown there. The rules know text, names and flat parameters; tool
/// calls in earlier answers are counted here as the names and arguments they hold. Images, audio, files and what
/// lies inside nested parameters are not counted, so take the result for a lower bound.
pub fn chat_prompt(messages: &Value, tools: Option<&Value>) -> u64 {
    let messages: u64 = items(Some(messages)).map(message).sum();
    let tools: u64 = match tools.and_then(Value::as_array) {
        Some(tools) if !tools.is_empty() => tools.iter().map(tool).sum::<u64>() + TOOLS_END,
        _ => 0,
    };
    messages + ANSWER + tools
}

fn message(message: &Value) -> u64 {
    let name = message.get("name").and_then(Value::as_str).map_or(0, |name| count(name) + NAME);
    let calls: u64 = items(message.get("tool_calls")).map(|call| function(call.get("function"))).sum();
    let role = text(message, "role");
    MESSAGE
        + count(role)
        + name
        + content(message.get("content"))
        + calls
        + function(message.get("function_call"))
}

/// The tokens of a message's content: one text, or parts of which some are text.
fn content(content: Option<&Value>) -> u64 {
    match content {
        Some(Value::String(text)) => count(text),
        parts => items(parts).map(|part| count(text(part, "text")) + count(text(part, "refusal"))).sum(),
    }
}

fn function(call: Option<&Value>) -> u64 {
    call.map_or(0, |call| count(text(call, "name")) + count(text(call, "arguments")))
}

fn tool(tool: &Value) -> u64 {
    // The Responses API has the function's fields in the tool itself.
    let function = tool.get("function").unwrap_or(tool);
    let heading = format!("{}:{}", text(function, "name"), description(function));
    let parameters = function.pointer("/parameters/properties").and_then(Value::as_object);
    let parameters = match parameters {
        Some(parameters) if !parameters.is_empty() => {
            PARAMETERS + parameters.iter().map(|(name, schema)| parameter(name, schema)).sum::<u64>()
        }
        _ => 0,
    };
    TOOL + count(&heading) + parameters
}

fn parameter(name: &str, schema: &Value) -> u64 {
    let line = format!("{name}:{}:{}", text(schema, "type"), description(schema));
    let values: u64 = items(schema.get("enum")).map(enum_value).sum();
    PARAMETER + count(&line) + values.saturating_sub(ENUM_ITEM)
}

fn enum_value(value: &Value) -> u64 {
    ENUM_ITEM + value.as_str().map_or_else(|| count(&value.to_string()), count)
}

fn description(of: &Value) -> &str {
    let description = text(of, "description");
    description.strip_suffix('.').unwrap_or(description)
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}
