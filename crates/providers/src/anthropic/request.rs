//! A chat request in OpenAI's shape, said in Anthropic's. Pure.

use serde_json::{Map, Value, json};
use vg_core::call::{ChatRequest, Failure};

/// What an answer may be long at most when the request does not say: the most that every model of the API allows,
/// and far more than is ever spoken. It is a bound and not a price; LiveKit's plugin takes 1,024, which cuts the
/// arguments of large tool calls.
const MAX_TOKENS: u64 = 4096;
/// The tool whose input is the answer of a request that wants JSON: with it every model gives JSON of the wanted
/// shape, whatever else it supports.
pub const ANSWER_TOOL: &str = "answer_in_json";
/// Stands where the API wants a turn of the user and the conversation has none.
const NO_WORDS: &str = "(empty)";

/// Keys that have no counterpart and only tune, label or store; they are left out.
const DROPPED: [&str; 16] = [
    "frequency_penalty",
    "metadata",
    "modalities",
    "presence_penalty",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "seed",
    "service_tier",
    "store",
    "stream_options",
    "user",
    "verbosity",
];

/// Keys that are translated.
const TRANSLATED: [&str; 13] = [
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "n",
    "parallel_tool_calls",
    "response_format",
    "stop",
    "stream",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
];

/// A key whose meaning would be lost, and whether its value asks for anything.
type Refused = (&'static str, fn(&Value) -> bool);

/// Keys that change what an answer is.
const REFUSED: [Refused; 9] = [
    ("audio", |value| !value.is_null()),
    ("function_call", |value| !value.is_null()),
    ("functions", |value| !value.is_null()),
    ("logit_bias", |value| value.as_object().is_some_and(|biases| !biases.is_empty())),
    ("logprobs", |value| value.as_bool() == Some(true)),
    ("modalities", |value| list(Some(value)).iter().any(|modality| modality != "text")),
    ("n", |value| value.as_u64().is_some_and(|n| n > 1)),
    ("top_logprobs", |value| value.as_u64().is_some_and(|n| n > 0)),
    ("web_search_options", |value| !value.is_null()),
];

/// A request ready to be sent.
#[derive(Debug)]
pub struct Translated {
    /// The body of `POST /v1/messages`.
    pub body: Map<String, Value>,
    /// Whether the answer comes as the input of [`ANSWER_TOOL`].
    pub answers_in_json: bool,
}

/// Translates a request. `extra` are the owner's further arguments, in OpenAI's or Anthropic's words, which the
/// request's own keys overrule. Keys that neither table here knows are Anthropic's own and go as they are.
///
/// # Errors
/// When the request asks for what this API does not have, or makes no sense.
pub fn translate(
    request: &ChatRequest,
    model: &str,
    extra: &Map<String, Value>,
) -> Result<Translated, Failure> {
    let asked = &request.body;
    let get = |key: &str| asked.get(key).or_else(|| extra.get(key)).filter(|value| !value.is_null());
    if let Some((key, _)) = REFUSED.iter().find(|(key, asks)| get(key).is_some_and(asks)) {
        return Err(Failure::unsupported(format!("Anthropic's models have no `{key}`")));
    }
    let (system, messages) = conversation(list(asked.get("messages")))?;
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    let max_tokens = get("max_completion_tokens").or_else(|| get("max_tokens"));
    body.insert("max_tokens".to_owned(), max_tokens.cloned().unwrap_or_else(|| json!(MAX_TOKENS)));
    if !system.is_empty() {
        body.insert("system".to_owned(), system.into());
    }
    body.insert("messages".to_owned(), messages.into());
    if let Some(temperature) = get("temperature") {
        // OpenAI's scale ends at 2, this one at 1.
        let above = temperature.as_f64().is_some_and(|value| value > 1.0);
        body.insert("temperature".to_owned(), if above { json!(1) } else { temperature.clone() });
    }
    if let Some(top_p) = get("top_p") {
        body.insert("top_p".to_owned(), top_p.clone());
    }
    let stops: Vec<&Value> = match get("stop") {
        Some(Value::Array(stops)) => stops.iter().collect(),
        stop => stop.into_iter().collect(),
    };
    if !stops.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(stops));
    }
    let schema = wanted_schema(get("response_format"))?;
    let answers_in_json = schema.is_some();
    let mut tools = tools(list(get("tools")))?;
    let has_tools = !tools.is_empty();
    tools.extend(schema);
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
        let choice = tool_choice(get("tool_choice"), get("parallel_tool_calls"), has_tools, answers_in_json)?;
        body.extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    }
    for (key, value) in asked.iter().chain(extra.iter().filter(|(key, _)| !asked.contains_key(*key))) {
        let key = key.as_str();
        let is_known = TRANSLATED.contains(&key)
            || REFUSED.iter().any(|(refused, _)| *refused == key)
            // What the owner writes under the model is meant for this provider, `service_tier` or `metadata` too.
            || (DROPPED.contains(&key) && (asked.contains_key(key) || key == "stream_options"));
        if !is_known {
            body.insert(key.to_owned(), value.clone());
        }
    }
    body.insert("stream".to_owned(), json!(request.stream));
    Ok(Translated { body, answers_in_json })
}

/// The system's blocks and the turns of user and assistant.
fn conversation(messages: &[Value]) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let mut system = Vec::new();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let role = text(message, "role");
        let blocks = match role {
            "system" | "developer" => {
                system.extend(content(message)?);
                continue;
            }
            "user" => content(message)?,
            "assistant" => assistant(message)?,
            "tool" => vec![tool_result(message)?],
            _ => return Err(Failure::unsupported(format!("Anthropic's models have no role `{role}`"))),
        };
        let role = if role == "assistant" { "assistant" } else { "user" };
        match turns.last_mut() {
            Some((last, turn)) if *last == role => turn.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.retain(|(_, blocks)| !blocks.is_empty());
    // The API begins with the user. It takes an answer at the end for the beginning of the next one, or refuses it.
    if turns.first().is_none_or(|(role, _)| *role == "assistant") {
        turns.insert(0, ("user", vec![text_block(NO_WORDS)]));
    }
    if turns.last().is_some_and(|(role, _)| *role == "assistant") {
        turns.push(("user", vec![text_block(NO_WORDS)]));
    }
    let messages = turns.into_iter().map(|(role, mut blocks)| {
        // Results stand before anything else in the turn that follows the calls.
        blocks.sort_by_key(|block| text(block, "type") != "tool_result");
        json!({"role": role, "content": blocks})
    });
    let messages = messages.collect();
    Ok((system, messages))
}

/// The blocks of a message's content. Empty texts are left out: the API refuses them.
fn content(message: &Value) -> Result<Vec<Value>, Failure> {
    let parts = match message.get("content") {
        Some(Value::String(text)) if !text.is_empty() => return Ok(vec![text_block(text)]),
        Some(Value::Array(parts)) => parts,
        _ => return Ok(Vec::new()),
    };
    let mut blocks = Vec::new();
    for part in parts {
        let mut block = match text(part, "type") {
            "text" if text(part, "text").is_empty() => continue,
            "text" => text_block(text(part, "text")),
            "refusal" => text_block(text(part, "refusal")),
            "image_url" => image(part)?,
            kind => {
                return Err(Failure::unsupported(format!(
                    "Anthropic's models take no `{kind}` in a message"
                )));
            }
        };
        if let (Some(mark), Some(fields)) = (part.get("cache_control"), block.as_object_mut()) {
            fields.insert("cache_control".to_owned(), mark.clone());
        }
        blocks.push(block);
    }
    Ok(blocks)
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn image(part: &Value) -> Result<Value, Failure> {
    let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
    let source = match url.strip_prefix("data:") {
        Some(data) => {
            let (media_type, data) = data
                .split_once(";base64,")
                .ok_or_else(|| Failure::bad_request("an image in a data URL must be in base64"))?;
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        None if url.starts_with("http://") || url.starts_with("https://") => {
            json!({"type": "url", "url": url})
        }
        None => return Err(Failure::bad_request("an image must be a data URL or an http URL")),
    };
    Ok(json!({"type": "image", "source": source}))
}

fn assistant(message: &Value) -> Result<Vec<Value>, Failure> {
    let mut blocks = content(message)?;
    for call in list(message.get("tool_calls")) {
        let function = call.get("function").unwrap_or(&Value::Null);
        let arguments = text(function, "arguments");
        let input = match serde_json::from_str(arguments) {
            Ok(Value::Object(input)) => Value::Object(input),
            _ if arguments.trim().is_empty() => json!({}),
            // A call the model once made badly must not end the conversation; the API takes objects only.
            _ => json!({"invalid_arguments": arguments}),
        };
        let (id, name) = (text(call, "id"), text(function, "name"));
        blocks.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
    }
    Ok(blocks)
}

fn tool_result(message: &Value) -> Result<Value, Failure> {
    let mut block = json!({"type": "tool_result", "tool_use_id": text(message, "tool_call_id")});
    let content = content(message)?;
    if let (false, Some(fields)) = (content.is_empty(), block.as_object_mut()) {
        fields.insert("content".to_owned(), content.into());
    }
    Ok(block)
}

fn tools(tools: &[Value]) -> Result<Vec<Value>, Failure> {
    tools.iter().map(tool).collect()
}

fn tool(tool: &Value) -> Result<Value, Failure> {
    let Some(function) = tool.get("function") else {
        // The API's own tools carry a dated type; OpenAI's custom tools have no counterpart.
        return match text(tool, "type") {
            "" | "custom" => Err(Failure::unsupported("Anthropic's models take no such tool")),
            _ => Ok(tool.clone()),
        };
    };
    let schema = function.get("parameters").filter(|schema| schema.is_object());
    let mut made = json!({
        "name": text(function, "name"),
        "input_schema": schema.cloned().unwrap_or_else(|| json!({"type": "object", "properties": {}})),
    });
    if let Some(fields) = made.as_object_mut() {
        let kept = [(function, "description"), (function, "strict"), (tool, "cache_control")];
        for (from, key) in kept {
            if let Some(value) = from.get(key).filter(|value| !value.is_null() && **value != json!(false)) {
                fields.insert(key.to_owned(), value.clone());
            }
        }
    }
    Ok(made)
}

/// The tool that carries an answer in JSON, if one is wanted.
fn wanted_schema(format: Option<&Value>) -> Result<Option<Value>, Failure> {
    let format = format.unwrap_or(&Value::Null);
    let (schema, description) = match text(format, "type") {
        "" | "text" => return Ok(None),
        "json_object" => (json!({"type": "object"}), ""),
        "json_schema" => {
            let wanted = format.get("json_schema").unwrap_or(&Value::Null);
            let schema = wanted.get("schema").filter(|schema| schema.is_object()).cloned();
            (schema.unwrap_or_else(|| json!({"type": "object"})), text(wanted, "description"))
        }
        kind => {
            return Err(Failure::unsupported(format!("Anthropic's models have no response format `{kind}`")));
        }
    };
    let description =
        if description.is_empty() { "Gives the answer to the user, in this form." } else { description };
    Ok(Some(json!({"name": ANSWER_TOOL, "description": description, "input_schema": schema})))
}

fn tool_choice(
    choice: Option<&Value>,
    parallel: Option<&Value>,
    has_tools: bool,
    answers_in_json: bool,
) -> Result<Option<Value>, Failure> {
    let only = |name: &str| json!({"type": "tool", "name": name});
    let answer = || if has_tools { json!({"type": "any"}) } else { only(ANSWER_TOOL) };
    let mut made = match choice {
        Some(Value::String(word)) if word == "none" && answers_in_json => only(ANSWER_TOOL),
        // An answer in JSON is a call too, so with tools beside it the model must call one of them.
        Some(Value::String(word)) if word == "auto" && answers_in_json => answer(),
        None if answers_in_json => answer(),
        None => json!({"type": "auto"}),
        Some(Value::String(word)) => match word.as_str() {
            "none" => json!({"type": "none"}),
            "auto" => json!({"type": "auto"}),
            "required" => json!({"type": "any"}),
            _ => return Err(Failure::bad_request(format!("`tool_choice` has no `{word}`"))),
        },
        Some(named) => match named.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => only(name),
            None => return Err(Failure::unsupported("Anthropic's models take no such `tool_choice`")),
        },
    };
    let one_at_a_time = parallel == Some(&json!(false)) && text(&made, "type") != "none";
    if let (true, Some(fields)) = (one_at_a_time, made.as_object_mut()) {
        fields.insert("disable_parallel_tool_use".to_owned(), json!(true));
    }
    // What the API does anyway need not be said.
    Ok((made != json!({"type": "auto"})).then_some(made))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
